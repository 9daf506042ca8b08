"""Writes DIFFERENTIABLE.md, what of NumPy is differentiable: `python -m tests.differentiable`."""

import ast
import functools
import inspect
import re
from pathlib import Path

import numpy as np

import tinygrad_np as tg
from tests.numpy_calls import CALLS, NAMESPACES
from tinygrad_np.core.primitive import Primitive
from tinygrad_np.core.tensor import rules

PATH = Path(__file__).parents[1] / "DIFFERENTIABLE.md"
ORDER = 2  # to which tests/test_numpy_coverage.py holds every call
REFUSALS = (NotImplementedError, TypeError, AttributeError, ValueError)

HEAD = f"""# What is differentiable

Written by `python -m tests.differentiable` from the rules themselves, with NumPy {np.__version__};
[tests/test_numpy_coverage.py](tests/test_numpy_coverage.py) holds this page to them.

The functions in the tables give NumPy's values to the last bit (complex numbers, and products of stacks of
matrices, all but to the last). Where NumPy's own reductions drop numbers, as `np.power.reduce` does with AVX-512,
they go from number to number. Their derivatives agree with finite differences to the order given; derivatives exist of every order. A function
has its own vector-Jacobian product (VJP), which takes the cotangent `g` of the output `y` to that of each input
(separated by semicolons), or is composed of functions that have one. `ops/X.py` is tested in `tests/test_X.py`.
Discrete functions are constant between jumps, or give no numbers: their results are plain arrays. All others
raise, so that no gradient is lost unseen. `numpy.polynomial`, `numpy.random` and `numpy.ma` are not covered.
"""  # noqa: E501

NOWHERE = """## Where there is no derivative

At kinks, jumps and ties a gradient is what the rule states: 0 for a norm that is 0, even shares for equal maxima.
A derivative that does not exist, or that no rule can find, is NaN, and a `RuntimeWarning` names the function and
the element or the pair of equal values.

| function | where | what is NaN |
| --- | --- | --- |
| `norm`, `hypot`, `std`, `nanstd`, `abs` of complex numbers | it is 0 | second derivatives; but functions that are smooth, such as the square, have them |
| `norm` of another order than 2 | it is 0; for orders under 2 other than 1, an element is 0 | second derivatives; but functions as flat as `norm(x, 4) ** 4` have them |
| `abs`, `fabs` of real numbers | 0 | second derivatives of a product with what varies and is 0 itself; those of h(abs(x)) are h'' |
| all of these | as above | third derivatives; the gradient of a `jvp` |
| `arctan2`, `angle`, `sign` of complex numbers | 0 | second derivatives |
| `eigh`, `eig` | equal eigenvalues | functions of both the values and their vectors, such as `(v * w) @ v.T`; second derivatives of functions of the vectors |
| `svd` | equal singular values, or 0 | the same, such as `(u * s) @ vh` |
| `eigvalsh`, `svdvals` (and the values of `eigh` and `svd` alone) | equal values | second derivatives of functions that are not symmetric in them; third derivatives |
| `eigvals` (and the values of `eig` alone) | equal eigenvalues | second derivatives, but for those of linear functions |
"""  # noqa: E501


def run(name):
    """What a call gives for tensors: leaves, or the exception that it raises."""
    f, *args = CALLS[name]
    tensors = tg.tree.map(lambda array: tg.Tensor(array, requires_grad=True), args)
    try:
        return tg.tree.leaves(f(*tensors))
    except REFUSALS as error:
        return error


def is_smooth(leaves):
    return any(type(leaf) is tg.Tensor and leaf.requires_grad for leaf in leaves)


def table():
    """The page, as text."""
    parts = [HEAD, NOWHERE]
    for module, namespace in NAMESPACES.items():
        rows, discrete, refused = [], [], []
        for name, aliases in _functions(module, namespace):
            result, code = run(name), ", ".join(f"`{alias}`" for alias in aliases)
            if isinstance(result, REFUSALS):
                refused.append(code)
            elif is_smooth(result):
                kind, place, note = _derivative(getattr(namespace, aliases[0]), result)
                rows.append(f"| {code} | {kind} | {ORDER} | {place} | {_markdown(note)} |")
            else:
                discrete.append(code)
        parts.append(f"## `{module.replace('np', 'numpy', 1)}`\n")
        if rows:
            columns = "| function | derivative | order tested | file | notes |"
            parts.append("\n".join([columns, "| --- | --- | --- | --- | --- |", *rows]) + "\n")
        for title, names in (("Discrete", discrete), ("Raise", refused)):
            if names:
                parts.append(f"{title}: {', '.join(names)}.\n")
    smooth, refused = [], []
    for name in CALLS:
        if name.startswith("ndarray."):
            result = run(name)
            if isinstance(result, REFUSALS):
                refused.append(f"`{name[8:]}`")
            elif is_smooth(result):
                smooth.append(f"`{name[8:]}`")
    parts.append("## Attributes and methods of arrays\n")
    parts.append(f"Differentiable, to order {ORDER}: {', '.join(sorted(smooth))}.\n")
    parts.append(f"Raise: {', '.join(sorted(refused))}.\n")
    return "\n".join(parts)


def _functions(module, namespace):
    """For each function that is called: its call's name, and all names it has here."""
    names = {}
    for name in sorted(vars(namespace)):
        if callable(getattr(namespace, name)) and not name.startswith("_"):
            names.setdefault(getattr(namespace, name), []).append(name)
    for function, aliases in names.items():
        own = getattr(function, "__name__", aliases[0])  # first the name it calls itself
        aliases.sort(key=lambda name: (name != own, name))
    for aliases in sorted(names.values()):
        called = [name for name in aliases if f"{module}.{name}" in CALLS]
        if called:
            yield f"{module}.{called[0]}", aliases


def _derivative(function, outputs):
    """Whether a function has a VJP of its own, the file of it, and what there is to say of it."""
    rule = rules.get(function)
    tensors = [output for output in outputs if type(output) is tg.Tensor]
    operations = {record.op for tensor in tensors for record in tensor.tape()}
    if not isinstance(rule, Primitive) and {op.name for op in operations} == {function.__name__}:
        (rule,) = operations
    if isinstance(rule, Primitive):
        vjps = rule.stated_vjps()
        vjps = [getattr(vjp, "func", vjp) for vjp in vjps]  # of a partial one
        own = [_first_paragraph(rule)] if rule.__module__.startswith("tinygrad_np") else []
        notes = list(dict.fromkeys(filter(None, map(_note, vjps)))) or own
        return "own VJP", _file(vjps[0]), "; ".join(note.removesuffix(".") for note in notes)
    parts = ", ".join(f"`{name}`" for name in sorted(op.name for op in operations))
    return "composition", _file(rule), _first_paragraph(rule) or parts


def _markdown(note):
    """With bars that end no cell, and stars, but for those in code, that are no emphasis."""
    note = note.replace("|", r"\|")
    return re.sub(r"`[^`]*`|\*", lambda found: r"\*" if found[0] == "*" else found[0], note)


def _file(function):
    code = getattr(inspect.unwrap(function), "__code__", None) if function else None
    if code is None:
        return ""
    path = Path(code.co_filename).relative_to(PATH.parent).as_posix()
    return f"[{Path(path).stem}]({path})"


def _first_paragraph(function):
    return " ".join((function.__doc__ or "" if function else "").strip().split("\n\n")[0].split())


def _note(vjp):
    """The first paragraph of a VJP's docstring, or the expression it is."""
    if vjp.__doc__ or vjp.__name__ != "<lambda>":
        return _first_paragraph(vjp)
    code = vjp.__code__
    for node in ast.walk(_syntax(code.co_filename)):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            names = [arg.arg for arg in node.args.args]
            if names == list(code.co_varnames[: code.co_argcount]):
                body = ast.unparse(node.body)
                return "" if body == "None" else f"`{body}`"
    return ""


@functools.cache
def _syntax(path):
    return ast.parse(Path(path).read_text(encoding="utf-8"))


if __name__ == "__main__":
    PATH.write_text(table(), encoding="utf-8")
