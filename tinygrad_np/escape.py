"""What to write where NumPy gives a tensor no hook: `np.array([t, u])`, `c.dot(t)`, `math.sin(t)`.

There NumPy or Python asks the tensor for its numbers, and what they were for would lose its
gradient. The code that asked tells which call it was, and so what works in its place.
"""

from __future__ import annotations

import dis
import math
import sys
from types import FrameType, ModuleType
from typing import Any

import numpy as np

STACK = (
    "np.stack([a, b]) makes a tensor of a list, np.block([[a, b], [c, d]]) of nested lists, "
    "np.array(…, like=a) of either"
)
INSTEAD = {
    **dict.fromkeys(("array", "asanyarray", "ascontiguousarray", "asfortranarray"), STACK),
    "asarray": f"use the tensor as it is; {STACK}",
    "full": "write np.broadcast_to(t, shape)",
    "full_like": "write np.broadcast_to(t, a.shape)",
    **dict.fromkeys(
        ("column_stack", "concatenate", "dstack", "hstack", "stack", "vstack"),
        "a list inside is stacked first: np.{0}([np.stack([a, b]), …])",
    ),
    "sum": "a list is stacked first: np.sum(np.stack([a, b])); for initial=t, write np.sum(…) + t",
    "fromiter": "np.stack the tensors",
    "r_": "write np.hstack([t, …])",
    "c_": "write np.column_stack([t, …])",
    "vectorize": "call the function with the tensor itself, written with NumPy's functions",
    "piecewise": "write np.where(condition, t, …)",
    "fill_diagonal": "write np.where(np.eye(n, dtype=bool), t, a)",
    ".dot": "write c @ t, or np.dot(c, t)",
    ".fill": "write a = np.broadcast_to(t, a.shape)",
    ".sum": "write c.sum() + t",
    "[]": "collect the values and np.stack them, or write t = t.at[i].set(value) of a tensor t",
}
"""By the name of NumPy's function, of an array's method behind a dot, or [] for an assignment."""
OWN = ("numpy", "tinygrad_np")
"""Packages in whose code the mistake was not made."""


def explained(asked: str) -> tuple[str, str]:
    """The call that asked for the numbers of a tensor, and what to write instead of it.

    `asked` names the conversion that the tensor sees: np.asarray, float, complex.
    """
    frame: FrameType | None = sys._getframe(1)
    inside = None  # the outermost function of NumPy's that is written in Python
    while frame is not None and (package := _module(frame).split(".")[0]) in OWN:
        if package == "numpy":
            inside = _public_name(frame)
        frame = frame.f_back
    if frame is not None and "-packages" in frame.f_code.co_filename:  # another library's code
        package = _module(frame).split(".")[0]
        while frame.f_back is not None and _module(frame.f_back).split(".")[0] == package:
            frame = frame.f_back
        library = f"{package}'s {frame.f_code.co_name}"
        return (
            library,
            "it takes arrays alone: compute it with NumPy's functions, or make it an "
            "operation with tg.primitive",
        )
    called = inside or (frame and _called(frame))
    if not called:
        return asked, f"{STACK}; in place of math's functions call NumPy's"
    name = called.rpartition(".")[2]
    if called == "[]":
        return "an assignment a[i] = t", INSTEAD[called]
    if called in INSTEAD:
        return f"ndarray{called}" if called[0] == "." else f"np.{name}", INSTEAD[called].format(
            name
        )
    if called.startswith("math."):
        numpys = {"pow": "power", "fabs": "abs"}.get(name, name)
        return called, f"write np.{numpys}(…)"
    return f"np.{called}", f"a list is stacked first: np.{called}(np.stack([a, b]), …)"


def _module(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "")


def _public_name(frame: FrameType) -> str | None:
    """The name of NumPy's function that runs in a frame, or of the object whose method runs."""
    name = frame.f_code.co_name
    if name[0] == "_":
        kind = type(frame.f_locals.get("self")).__name__
        return {"RClass": "r_", "CClass": "c_", "vectorize": "vectorize"}.get(kind)
    place = next((f"{part}." for part in ("linalg", "fft") if part in _module(frame)), "")
    return place + name


def _called(frame: FrameType) -> str | None:
    """The name of what the code of a frame is calling, as in `INSTEAD`."""
    code = [i for i in dis.get_instructions(frame.f_code) if i.offset <= frame.f_lasti]
    call = code.pop()
    if call.opname == "STORE_SUBSCR":
        return "[]"
    if not call.opname.startswith(("CALL", "PRECALL")):
        return None
    if code[-1].opname == "PRECALL":  # of Python 3.11, which may also do the call itself
        code.pop()
    # Back over what put the arguments on the stack, to what put the function there.
    many = call.arg or 0
    places = {"CALL_KW": many + 1, "CALL_FUNCTION_EX": 1 + many % 2}.get(call.opname, many)
    while code and (places or code[-1].opname == "PUSH_NULL"):
        step = code.pop()
        if places:
            argument = step.arg if step.opcode >= dis.HAVE_ARGUMENT else None
            places -= dis.stack_effect(step.opcode, argument, jump=False)
    if not code:
        return None
    function, name = _value(frame, code), str(code[-1].argval)
    known = getattr(function, "__name__", None)
    for module, prefix in (math, "math."), (np, ""), (np.linalg, "linalg."), (np.fft, "fft."):
        if known and getattr(module, known, None) is function:
            return prefix + known
    return f".{name}" if f".{name}" in INSTEAD else None


def _value(frame: FrameType, code: list[dis.Instruction]) -> Any:
    """What the last instruction loads: a name's value, or a module's attribute."""
    name, kind = code[-1].argval, code[-1].opname
    if kind in ("LOAD_ATTR", "LOAD_METHOD"):
        owner = _value(frame, code[:-1])
        return getattr(owner, name, None) if isinstance(owner, ModuleType) else None
    for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
        if isinstance(name, str) and name in names:
            return names[name]
    return None
