"""`primitive`: an operation together with its vector-Jacobian products.

The one mechanism behind every operation of the library, and behind your own:

>>> import numpy as np
>>> from tinygrad_np import grad, primitive
>>> @primitive
... def cube(x):
...     return x**3
>>> cube.defvjp(lambda g, output, x: g * 3 * x**2)
>>> grad(cube)(2.0)
np.float64(12.0)
>>> grad(grad(cube))(2.0)
np.float64(12.0)
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np

from ..arguments import checked
from ..constants import SCALARS, holds_tensor, recorded, stacked, unshared
from .tape import DEFAULT_MODE, GuardedRecord, Record, check_finite, made_by, mode, ticks
from .tensor import Tensor, as_array, rules

ndarray = np.ndarray
new_tensor = Tensor.__new__
new_record = Record.__new__
next_tick = ticks.__next__
NO_PARAMS: dict[str, Any] = {}
"""Shared by all records without keyword arguments: an object less to keep for each."""

primitives: WeakSet[Primitive] = WeakSet()
"""Every primitive there is, for the tests to go through. It has no keys, since several primitives
may have one name or one forward function; `rules` finds those of NumPy's functions."""


class Primitive:
    """A function of arrays with a VJP for each array argument. Made by `primitive`."""

    def __init__(self, forward: Callable[..., Any], name: str, flops: Callable[..., Any]) -> None:
        functools.update_wrapper(self, forward, updated=())
        self.forward = forward
        self.name = name
        self.flops = flops
        self.vjps: Any = ()  # indexed by the argument's position
        self.differentiable = 0  # the arguments before this position have VJPs, all of them
        self.joint_vjp: Callable[..., Any] | None = None  # gives what all of them give, at once
        self.known: set[str] = set()  # keywords that every VJP has been found to take
        self.elementwise = isinstance(forward, np.ufunc) and forward.signature is None
        # For what moves, chooses or adds up elements: called like `vjp`, with 0 in place of g for
        # the elements of the output that are not used, it gives 0 for those of the argument.
        self.uses: Callable[..., Any] | None = None
        self.chooses = False  # whether that leaves out elements even if all of the output is used

    def defvjp(self, *vjps: Callable[..., Any] | None) -> None:
        """State the VJPs, one for each positional argument, None for those without a derivative.

        Each is called `vjp(g, output, *args, **params)`, with the arguments of the forward call,
        and returns the cotangent of its argument: `g @ J`, for the cotangent `g` of the output and
        the Jacobian J of the output with respect to the argument. Written with NumPy functions or
        other primitives, it can be differentiated itself. Two things need no care: an argument
        that was broadcast (the sum over the broadcast axes is taken afterwards), and dtypes. An
        operation that returns a tuple gets a tuple as `g`.
        """
        self.vjps = vjps
        self.joint_vjp = None
        self.differentiable = (*vjps, None).index(None)

    def defvjp_each(self, vjp: Callable[..., Any]) -> None:
        """State one VJP for any number of arguments: `vjp(i, g, output, *args, **params)`."""
        self.vjps = _Each(vjp)
        self.joint_vjp = None
        self.differentiable = len(self.vjps)

    def defvjp_jointly(self, arguments: int, vjp: Callable[..., Any]) -> None:
        """State the VJPs of so many arguments as one, where one computation gives them all.

        It is called like the VJP of `defvjp`, and returns a tuple of cotangents.
        """
        self.defvjp(*(functools.partial(_part, i, vjp) for i in range(arguments)))
        self.joint_vjp = vjp

    def stated_vjps(self) -> list[Callable[..., Any]]:
        """The VJPs as they were stated: a function for each argument, or one for all."""
        if self.joint_vjp is not None:
            return [self.joint_vjp]
        vjps = [self.vjps.vjp] if isinstance(self.vjps, _Each) else self.vjps
        return [vjp for vjp in vjps if vjp is not None]

    def vjp(self, position: int, g: Any, output: Any, *args: Any, **params: Any) -> Any:
        """The cotangent of one argument."""
        return self.vjps[position](g, output, *args, **params)

    def __call__(self, *args: Any, **params: Any) -> Any:
        # What every operation pays for being recorded is paid here, hence without function calls.
        values: Any = []
        parents: Any = ()
        lifted = False
        foreign: Any = False  # whether an array might be changed by others; then, their guards
        for arg in args:
            kind = type(arg)
            if kind is Tensor:
                if not arg.requires_grad:
                    lifted = foreign = True
                else:
                    parents += ((len(values), arg),)
                    if arg.record is None:
                        foreign = True
                arg = arg._array
            elif kind is not float and kind not in SCALARS:
                foreign = True
                if isinstance(arg, (list, tuple)) and holds_tensor(arg):
                    return self(*map(stacked, args), **params)
            values.append(arg)
        values = tuple(values)
        if foreign and parents:
            values, foreign = recorded(self, args, values)
        if params:
            for value in params.values():
                if type(value) is Tensor:
                    args, params = self._bind(args, params)
                    return self(*args, **params)
            if parents:
                if not self.known.issuperset(params):
                    self._check_keywords(params)
                if not SCALARS.issuperset(map(type, params.values())):
                    foreign = foreign or []
                    params = {
                        name: unshared(value, foreign, self, name) for name, value in params.items()
                    }
            output = self.forward(*values, **params)
        else:
            params = NO_PARAMS
            output = self.forward(*values)
        if not (parents or lifted):
            return output
        now = mode.get()
        if now is not DEFAULT_MODE:
            if now.checking:
                check_finite(self.name, output, values)
            if not now.recording:
                parents = ()
        if type(output) is not ndarray:
            if isinstance(output, (tuple, list)):
                return self._several(values, params, parents, output, foreign)
            output = as_array(output)
        if params and parents and output.dtype.kind not in "fc":
            return output  # as for dtype=int: it varies in jumps only
        tensor = new_tensor(Tensor)
        tensor._array = output
        tensor.position = tensor.grad = tensor.name = None
        if parents:
            if parents[-1][0] >= self.differentiable:
                self._check_differentiable(parents)
            record: Any = new_record(GuardedRecord if foreign else Record)
            if foreign:
                record.guards = foreign
            tensor.record = record
            tensor.requires_grad = True
            record.index = next_tick()
            record.op = self
            record.args = values
            record.params = params
            record.parents = parents
            record.output = output
        else:
            tensor.record = None
            tensor.requires_grad = False
        return tensor

    def _check_differentiable(self, parents: tuple[tuple[int, Tensor], ...]) -> None:
        for i, _ in parents:
            if i >= len(self.vjps) or self.vjps[i] is None:
                raise NotImplementedError(
                    f"{self.name} has no VJP for its argument {i}; "
                    f"add one with .defvjp, or pass tg.stop_gradient(t)"
                )

    def _check_keywords(self, params: dict[str, Any]) -> None:
        """Refuse, before anything runs, what would only fail on the way back."""
        import inspect

        if params.get("out") is not None:
            raise TypeError(
                f"{self.name}: out= would write a Tensor into an array and lose its gradient; "
                f"use the result instead"
            )
        for vjp in self.stated_vjps():
            taken = inspect.signature(vjp).parameters
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
                for name in params:
                    if name not in taken:
                        raise NotImplementedError(f"{self.name}: {name}= has no derivative rule")
        self.known |= params.keys() - {"out"}

    def _several(
        self, args: Any, params: dict[str, Any], parents: Any, output: Any, guards: Any
    ) -> Any:
        """A tuple of tensors (named like NumPy's); outputs that are discrete stay arrays."""
        values = tuple(np.asarray(value) for value in output)
        record: Any = None
        if parents:
            self._check_differentiable(parents)
            record = (GuardedRecord if guards else Record)(self, args, params, parents, values)
            if guards:
                record.guards = guards
        tensors = [
            made_by(record, value, i) if value.dtype.kind in "fc" else value
            for i, value in enumerate(values)
        ]
        return type(output)(*tensors) if hasattr(output, "_fields") else type(output)(tensors)

    @functools.cached_property
    def _signature(self) -> Any:
        import inspect

        return inspect.signature(self.forward)

    def _bind(self, args: tuple, params: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Arguments in positions, so that tensors passed by keyword are found."""
        try:
            bound = self._signature.bind(*args, **params)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{self.name}: {error}; pass tensors by position") from None
        if _holds_tensor(bound.kwargs):
            names = ", ".join(k for k, v in bound.kwargs.items() if isinstance(v, Tensor))
            raise TypeError(f"{self.name}: {names} can't be a Tensor")
        return bound.args, bound.kwargs

    def __reduce__(self) -> Any:
        return by_name(self) or (primitive_of, (self.forward, self.name))

    def __repr__(self) -> str:
        try:
            arguments = str(self._signature)
        except ValueError:  # a function of NumPy's that doesn't tell
            arguments = ""
        return f"<primitive {self.name}{arguments}>"


def primitive_of(forward: Callable[..., Any], name: str) -> Primitive:
    """The operation with this function and this name, as a pickle tells of those of NumPy's."""
    if type(rule := rules.get(forward)) is Primitive and rule.name == name:
        return rule
    return next(made for made in primitives if made.forward is forward and made.name == name)


def by_name(thing: Any) -> str | None:
    """The name under which its module has this very object, which is how it is pickled."""
    found: Any = sys.modules.get(thing.__module__)
    for part in getattr(thing, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return thing.__qualname__ if found is thing else None


def _part(i: int, vjp: Callable[..., Any], *args: Any, **params: Any) -> Any:
    return vjp(*args, **params)[i]


class _Each:
    """The VJPs of an operation on any number of arguments."""

    def __init__(self, vjp: Callable[..., Any]) -> None:
        self.vjp = vjp

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, i: int) -> Callable[..., Any]:
        return functools.partial(self.vjp, i)


def _holds_tensor(params: dict[str, Any]) -> bool:
    return any(type(value) is Tensor for value in params.values())


def _output_size(output: Any, *args: Any, **params: Any) -> int:
    """The floating-point operations of an elementwise function."""
    return output.size if isinstance(output, np.ndarray) else sum(part.size for part in output)


def no_flops(output: Any, *args: Any, **params: Any) -> int:
    """The floating-point operations of what only moves data."""
    return 0


@checked()
def primitive(
    forward: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    flops: Callable[..., Any] = _output_size,
) -> Any:
    """Make a function of arrays an operation that the tape records. Also a decorator.

    Args:
        forward: computes on plain arrays: differentiable ones positional, all else by keyword.
            If it is a function of NumPy itself, calling that function on tensors is recorded too.
        name: what the tape and the errors call it; the function's own name by default.
        flops: `flops(output, *args, **params)` counts the operations of the forward
            computation; one for each element of the output by default.

    Returns:
        The `Primitive`: call it like the function, and give it its VJPs with `.defvjp`.

    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> cube.defvjp(lambda g, output, x: g * 3 * x**2)
    >>> cube
    <primitive cube(x)>
    """
    if forward is None:
        return functools.partial(primitive, name=name, flops=flops)
    made = Primitive(forward, name or forward.__name__, flops)
    primitives.add(made)
    module = getattr(forward, "__module__", None) or "numpy"
    if isinstance(forward, np.ufunc) or module.split(".")[0] == "numpy":
        rules[forward] = made
    return made


def implements(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Let a function made of other differentiable functions stand in for these of NumPy's.

    Use it where a composition says it best; the tape then shows the parts.
    """

    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            rules[function] = rule
        return rule

    return register


def discrete(function: Callable[..., Any]) -> None:
    """Let a NumPy function whose result does not vary smoothly give plain arrays for tensors."""

    def on_values(*args: Any, **kwargs: Any) -> Any:
        return function(
            *(plain(arg) for arg in args), **{key: plain(value) for key, value in kwargs.items()}
        )

    rules[function] = on_values


def plain(value: Any) -> Any:
    """The value with the arrays of tensors in place of the tensors, also in lists and tuples."""
    if type(value) is Tensor:
        return value._array
    if type(value) in (list, tuple):
        return type(value)(plain(part) for part in value)
    return value
