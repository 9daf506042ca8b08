"""Products with the Jacobian from the other side, and whole Jacobians: all made of `vjp`.

The pullback of f at x is a linear map, u ↦ u @ J. Being recorded, it can be differentiated like
anything else, and the VJP of a linear map is its transpose, v ↦ J @ v: so reverse mode twice is
forward mode.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..arguments import checked
from ..core import tree
from ..core.primitive import plain
from ..core.tape import no_grad
from ..core.tensor import Tensor
from .gradients import Function, Transformed, named_grad, named_vjp, vjp


@checked()
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of `f(*primals)` and its Jacobian-vector product: its change along `tangents`.

    Args:
        f: returns an array or a tree of arrays.
        primals: a tuple with the arguments, arrays or trees of arrays.
        tangents: a tuple like it: the direction in which each argument moves.

    Returns:
        `(output, tangent)`, both with the output's structure and shapes; the tangent of what varies
        in jumps only, such as an argmax, is 0.

    Raises:
        TypeError: if primals or tangents are no tuple or list, or a primal is not floating-point.
        ValueError: if a tangent and its primal are shaped differently.

    Behaves like jax.jvp.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    _check_directions("jvp", primals, "tangents", tangents)
    output, pullback = named_vjp("jvp", f, primals, range(len(primals)))
    return output, _pushforward(output, pullback)(tuple(tangents))


@checked()
def hvp(f: Function, primals: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The product of the Hessian of a scalar function with vectors, without the Hessian.

    It costs a few evaluations of `f`, however many elements the arguments have: the Hessian H is
    symmetric, so that H v is the VJP of the gradient, v @ H.

    Args:
        f: returns a real scalar.
        primals: a tuple with the arguments, arrays or trees of arrays.
        vectors: a tuple like it.

    Returns:
        H v, shaped like the argument; for several arguments a tuple, one entry for each.

    Raises:
        TypeError, ValueError: as `jvp` and `grad`.

    Pearlmutter, Fast exact multiplication by the Hessian (1994).

    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    _check_directions("hvp", primals, "vectors", vectors)
    argnums = tuple(range(len(primals)))
    _, pullback = named_vjp("hvp", named_grad("hvp", f, argnums), primals, argnums)
    products = pullback(tuple(vectors))
    return products if len(products) > 1 else products[0]


@checked()
def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """A function that returns all derivatives of all outputs of `f`.

    They are computed row by row with `f`'s pullback, or column by column with its transpose if it
    has fewer inputs than outputs.

    Args:
        f: returns an array of real numbers, or a tree of them.
        argnums: which argument to differentiate, or a tuple of several.

    Returns:
        A function of f's arguments. It returns, for each array of the output, for each array of the
        argument, an array of the output's shape followed by the input's: the output's tree, with
        the argument's in the place of its leaves (a tuple of these for several `argnums`).

    Raises:
        TypeError: if an argument to differentiate is not floating-point, or an output complex.

    Behaves like jax.jacobian.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0, 3.0]))
    array([[2., 0., 0.],
           [0., 4., 0.],
           [0., 0., 6.]])
    """
    return Transformed(_jacobian, f, argnums, "jacobian")


def _jacobian(f: Function, argnums: Any, name: str, args: Any, kwargs: Any) -> Any:
    several = isinstance(argnums, (tuple, list))
    chosen = [i + len(args) if i < 0 else i for i in (argnums if several else [argnums])]
    output, pullback = named_vjp(name, functools.partial(f, **kwargs), args, chosen)
    primals = tuple(args[i] for i in chosen)
    outputs, inputs = tree.leaves(output), tree.leaves(primals)
    if any(np.result_type(leaf).kind == "c" for leaf in outputs):
        raise TypeError(f"{name}: the function must return real numbers, it returned complex")
    # A column would be the derivative along one direction, but a complex number has two.
    of_complex = any(np.result_type(plain(leaf)).kind == "c" for leaf in inputs)
    if of_complex or sum(map(np.size, outputs)) <= sum(map(np.size, inputs)):
        lines, axis = [tree.leaves(pullback(row)) for row in _basis(output)], 0
    else:
        push = _pushforward(output, pullback)
        lines, axis = [tree.leaves(push(column)) for column in _basis(primals)], -1
    blocks = iter(_blocks(lines, axis, outputs, inputs))
    like = primals if several else primals[0]
    return tree.map(lambda _: tree.map(lambda _: next(blocks), like), output)


@checked()
def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """A function that returns all second derivatives of a scalar function: `jacobian(grad(f))`.

    Args, returns and raises as `jacobian`: for each array of the argument (for each of `argnums`),
    for each array of the argument, an array of both their shapes.

    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0]))
    array([[0., 4.],
           [4., 2.]])
    """
    return Transformed(_jacobian, named_grad("hessian", f, argnums), argnums, "hessian")


def _check_directions(name: str, primals: Any, label: str, directions: Any) -> None:
    for what, given in (("primals", primals), (label, directions)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(
                f"{name}: {what} must be a tuple with one entry for each argument, "
                f"not {type(given).__name__}"
            )

    def compare(primal: Any, direction: Any) -> None:
        if np.shape(primal) != np.shape(direction):
            raise ValueError(
                f"{name}: {label} have an array of shape {np.shape(direction)} "
                f"where primals have {np.shape(primal)}"
            )

    try:
        tree.map(compare, tuple(primals), tuple(directions))
    except ValueError as error:
        if str(error).startswith(name):
            raise
        raise ValueError(f"{name}: {label} must be shaped like primals: {error}") from None


def _pushforward(output: Any, pullback: Function) -> Function:
    """The transpose v ↦ J @ v of the pullback u ↦ u @ J of a function with this output."""
    zeros = tree.map(lambda leaf: np.zeros_like(plain(leaf)), output)
    smooth = [leaf for leaf in tree.leaves(zeros) if leaf.dtype.kind in "fc"]

    def filled(varied: Any) -> Any:
        """The output's tree with these in the places of what varies smoothly, and 0 elsewhere."""
        remaining = iter(varied)
        return tree.map(
            lambda zero: next(remaining) if zero.dtype.kind in "fc" else zero[()], zeros
        )

    # The primals are tensors of a tape that ends here, unless a transform around this one has them.
    nested = any(type(leaf) is Tensor for leaf in tree.leaves(output))
    with nullcontext() if nested else no_grad():
        _, transpose = vjp(lambda varied: pullback(filled(varied)), smooth)
    return lambda tangents: filled(transpose(tangents)[0])


def _basis(like: Any) -> Iterator[Any]:
    """Trees like this one with a single 1, at each of its elements in turn, and 0 elsewhere."""
    for number, leaf in enumerate(tree.leaves(like)):
        for index in np.ndindex(np.shape(leaf)):
            arrays = [np.zeros_like(plain(other)) for other in tree.leaves(like)]
            arrays[number][index] = 1
            yield tree.unflatten(like, arrays)


def _blocks(
    lines: list[list[Any]], axis: int, outputs: list[Any], inputs: list[Any]
) -> Iterator[Any]:
    """The Jacobian cut into an array for each output and input.

    `lines` holds its rows (`axis` 0), one for each element of the outputs, cut by inputs; or its
    columns (`axis` -1), one for each element of the inputs, cut by outputs.
    """
    stops = np.cumsum([np.size(leaf) for leaf in (inputs if axis else outputs)])
    for i, output in enumerate(outputs):
        for j, other in enumerate(inputs):
            along, across = (j, i) if axis else (i, j)
            span = lines[stops[along] - np.size(other if axis else output) : stops[along]]
            shape = np.shape(output) + np.shape(other)
            if span:
                yield np.reshape(np.stack([line[across] for line in span], axis), shape)[()]
            else:
                yield np.zeros(shape, np.result_type(output))
