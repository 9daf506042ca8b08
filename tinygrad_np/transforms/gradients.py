"""Functions that take a function and return its derivative.

Every transform does the same three things: wrap the arguments to differentiate in fresh tensors,
run the function, and walk the tape of what it did with them (`_Trace`). Arrays go in and arrays
come out. When a transform runs inside another one, its arguments are tensors that belong to the
outer one; then its VJPs run on tensors too, so that they are recorded and the outer transform can
differentiate them. That is all there is to higher orders.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arguments import checked
from ..constants import WORDS, WORDS_AT_ONCE, Guard, let_pandas_give_way, unshared
from ..core import tree
from ..core.primitive import by_name, no_flops, primitive
from ..core.tape import (
    Record,
    Tape,
    accumulate,
    fitting_cotangent,
    made_by,
    mode,
    own,
    pull_back,
    recording,
    ticks,
)
from ..core.tensor import Tensor, as_array

Function = Callable[..., Any]


@functools.partial(primitive, flops=no_flops)
def identity(x: Any) -> Any:
    """y = x: an argument as a transform sees it. The VJP is g."""
    return x


identity.defvjp(lambda g, output, x: g)
identity.uses = identity.vjp


class Transformed:
    """A function made of another one, which can be pickled if the other one can.

    Called, it returns `run(f, *options, args, kwargs)`.
    """

    def __init__(self, run: Function, f: Function, *options: Any) -> None:
        functools.update_wrapper(self, f)
        self.made_of = run, f, *options

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run, f, *options = self.made_of
        return run(f, *options, args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> Any:
        return by_name(self) or (Transformed, self.made_of)


class _Trace:
    """One run of a function on fresh tensors, ready to be pulled back."""

    def __init__(
        self,
        f: Function,
        args: Sequence[Any],
        argnums: Sequence[int],
        name: str,
        words: int = WORDS,
    ) -> None:
        fresh = list(args)
        self.guards: list[Guard] = []
        if "pandas" in sys.modules:
            let_pandas_give_way()
        for i in argnums:
            if not 0 <= i < len(args):
                raise ValueError(
                    f"{name}: argument {i} is to be differentiated, {len(args)} came by position"
                )
            fresh[i] = _fresh(args[i], f"{name}: argument {i}", self.guards, words)
        self.inputs = [leaf for i in argnums for leaf in tree.leaves(fresh[i])]
        self.since = next(ticks)
        with recording():
            self.result = f(*fresh)

    def connect(self, outputs: Sequence[Any]) -> None:
        """Collect the tape of these outputs, and which of its nodes depend on an input.

        Sets `outside` to whether the outputs also depend on tensors from outside the trace: those
        of a transform around this one, or leaves that the caller made. They must then stay tensors.
        """
        self.tape = Tape([out for out in outputs if type(out) is Tensor], self.since)
        self.wanted = wanted = {leaf.record for leaf in self.inputs}
        self.outside = any(leaf.record.parents for leaf in self.inputs)
        for record in self.tape.records:
            for _, parent in record.parents:
                source = parent.record
                if source in wanted:
                    wanted.add(record)
                elif source is None or source.index < self.since:
                    self.outside = True
        self.outside = self.outside and mode.get().recording

    def value(self, output: Any) -> Any:
        """What the caller gets to see of an output: an array of its own, to write to."""
        if type(output) is not Tensor or (self.outside and output.requires_grad):
            return output
        return output._array.copy()[()]

    def pull_back(self, outputs: Sequence[Any], cotangents: Sequence[Any], keep: bool) -> list[Any]:
        """The cotangents of the inputs, given those of the outputs."""
        outside = self.outside or any(type(g) is Tensor and g.requires_grad for g in cotangents)
        seeds: dict[Any, Any] = {}
        for output, cotangent in zip(outputs, cotangents, strict=True):
            if type(output) is Tensor and output.record in self.wanted:
                accumulate(seeds, output, cotangent)
        found = pull_back(
            self.tape,
            seeds,
            wanted=self.wanted,
            differentiable=outside,
            release=not (keep or outside),
            guards=self.guards,
        )
        gradients = []
        owned = {id(g): g for g in cotangents}
        for leaf in self.inputs:
            gradient = found.get(leaf.record)
            if gradient is None:
                gradient = np.zeros_like(leaf._array)
            gradients.append(gradient if type(gradient) is Tensor else own(gradient, owned)[()])
        return gradients


def _fresh(arg: Any, what: str, guards: list[Guard], words: int) -> Any:
    """The tree with a new tensor for every leaf."""
    paths = iter(tree.paths(arg))

    def wrap(leaf: Any) -> Tensor:
        path = next(paths)
        if type(leaf) is Tensor and leaf.requires_grad and mode.get().recording:
            tensor = identity(leaf)
        else:
            data = leaf._array if type(leaf) is Tensor else as_array(leaf)
            if data.dtype.kind not in "fc":
                raise TypeError(
                    f"{what}{f' ({path})' if path else ''} is {data.dtype}; derivatives need "
                    f"floating-point values"
                )
            data = unshared(data, guards, identity, 0, is_leaf=True, words=words)
            tensor = made_by(Record(identity, [data], {}, (), data), data)
        tensor.name = path or None
        return tensor

    return tree.map(wrap, arg)


@checked()
def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Function:
    """A function that returns both `f(*args)` and the gradient of `f` at `args`.

    Args:
        f: returns a real scalar, or (scalar, anything) with `has_aux`.
        argnums: which argument to differentiate, or a tuple of several; arguments are arrays or
            trees of arrays, and gradients have their structure, shapes and dtypes.
        has_aux: `f` returns something else besides, which is handed through as plain arrays.

    Returns:
        A function returning `(value, gradient)`, or `((value, aux), gradient)`.

    Raises:
        TypeError: if an argument to differentiate is not floating-point, or the result is complex,
            an integer or a truth value.
        ValueError: if the result is not a scalar.

    >>> value_and_grad(lambda w: np.sum(w["a"] ** 2))({"a": np.array([1.0, 2.0])})
    (np.float64(5.0), {'a': array([2., 4.])})
    """
    return Transformed(_value_and_grad, f, argnums, has_aux, "value_and_grad")


@checked()
def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of `f`: like `value_and_grad`, without the value.

    With `has_aux` it returns `(gradient, aux)`.

    >>> grad(lambda x: np.sum(np.tanh(x) ** 2))(np.zeros(2))
    array([0., 0.])
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    """
    return named_grad("grad", f, argnums, has_aux)


def named_grad(name: str, f: Function, argnums: Any, has_aux: bool = False) -> Function:
    """What `grad` does; errors say the name of the transform that was called."""
    return Transformed(_gradient, f, argnums, has_aux, name)


def _gradient(f: Function, argnums: Any, has_aux: bool, name: str, args: Any, kwargs: Any) -> Any:
    value, gradients = _value_and_grad(f, argnums, has_aux, name, args, kwargs)
    return (gradients, value[1]) if has_aux else gradients


def _value_and_grad(
    f: Function, argnums: Any, has_aux: bool, name: str, args: Any, kwargs: Any
) -> Any:
    several = isinstance(argnums, (tuple, list))
    chosen = [i + len(args) if i < 0 else i for i in (argnums if several else [argnums])]
    trace = _Trace(functools.partial(f, **kwargs), args, chosen, name, WORDS_AT_ONCE)
    if has_aux and not (type(trace.result) is tuple and len(trace.result) == 2):
        raise TypeError(f"{name}: with has_aux the function must return a pair (scalar, others)")
    output, aux = trace.result if has_aux else (trace.result, None)
    if output is None or isinstance(output, (tuple, list, dict)):
        raise TypeError(
            f"{name}: the function must return a scalar, it returned a "
            f"{type(output).__name__}; for further outputs return (scalar, others) and say "
            f"has_aux=True"
        )
    value = output._array if type(output) is Tensor else np.asarray(output)
    shape, dtype = value.shape, value.dtype
    if value.size != 1:
        raise ValueError(f"{name}: the function must return a scalar, it returned shape {shape}")
    if dtype.kind != "f":
        raise TypeError(f"{name}: the function must return a real number, it returned {dtype}")
    trace.connect([output, *tree.leaves(aux)])
    gradients = iter(trace.pull_back([output], [np.ones(shape, dtype)], keep=False))
    trees = [tree.map(lambda _: next(gradients), args[i]) for i in chosen]
    result = tuple(trees) if several else trees[0]
    seen = trace.value(output)
    return ((seen, tree.map(trace.value, aux)) if has_aux else seen), result


@checked()
def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of `f(*primals)`, and its vector-Jacobian product as a function.

    Args:
        f: returns an array or a tree of arrays.
        primals: arrays or trees of arrays.

    Returns:
        `(output, pullback)`. `pullback(cotangent)`, for a cotangent shaped like the output, returns
        a tuple with the cotangent of each primal; it can be called any number of times.

    >>> output, pullback = vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    return named_vjp("vjp", f, primals, range(len(primals)))


def named_vjp(name: str, f: Function, args: Any, argnums: Any) -> tuple[Any, Function]:
    """`vjp` for some of the arguments; errors say the name of the transform that was called."""
    trace = _Trace(f, args, argnums, name)
    outputs, structure = tree.flatten(trace.result)
    trace.connect(outputs)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        seeds = []
        tree.map(lambda output, g: seeds.append(_cotangent(output, g)), trace.result, cotangent)
        gradients = iter(trace.pull_back(outputs, seeds, keep=True))
        return tuple(tree.map(lambda _: next(gradients), args[i]) for i in argnums)

    return tree.unflatten(structure, [trace.value(output) for output in outputs]), pullback


def _cotangent(output: Any, g: Any) -> Any:
    fitting_cotangent("vjp", output, g)
    return g if type(g) is Tensor else np.asarray(g, np.result_type(output))


def stop_gradient(x: Any) -> Any:
    """The same values (a tree of arrays or tensors), as constants that no gradient passes.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree.map(lambda leaf: leaf.detach() if type(leaf) is Tensor else leaf, x)
