"""`checkpoint`: less memory for one more forward computation."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np

from ..arguments import checked
from ..constants import LARGEST_COPY
from ..core import tree
from ..core.primitive import Primitive, no_flops, plain
from ..core.tape import mode
from ..core.tensor import Tensor
from .gradients import Function, Transformed, _Trace, vjp


@checked()
def checkpoint(f: Function) -> Function:
    """The same function, whose intermediate values are not kept but computed again when needed.

    The tape gets a single record for the call, with its arguments and its output. When the walk
    back comes to it, `f` runs again, and what it records then lives for that long. With a network
    of n layers cut into √n such functions, memory grows with √n instead of n.

    Put a choice such as np.where, which hides infinite derivatives, into `f`: around the call it
    hides none inside, and 0 · ∞ is NaN.

    Args:
        f: a function of arrays or trees of arrays that returns an array or a tree of arrays, and
            the same each time; from a `numpy.random.Generator` among its arguments it draws the
            same numbers again.

    Returns:
        A function with the arguments of `f`.

    Raises:
        ValueError: if `f` uses a tensor that is being differentiated but not among its arguments.
        RuntimeError: on the walk back, if `f` returns something else the second time.

    Chen, Xu, Zhang and Guestrin, Training deep nets with sublinear memory cost (2016),
    arxiv.org/abs/1604.06174. Behaves like jax.checkpoint.

    >>> from tinygrad_np import grad
    >>> grad(checkpoint(lambda x: np.sum(np.exp(np.sin(x)))))(np.zeros(2))
    array([1., 1.])
    """
    return Transformed(_lean, f, f"checkpoint({getattr(f, '__name__', f)})")


def _lean(f: Function, name: str, args: Any, kwargs: Any) -> Any:
    leaves, structure = tree.flatten((args, kwargs))
    varied = [i for i, leaf in enumerate(leaves) if type(leaf) is Tensor and leaf.requires_grad]
    if not varied or not mode.get().recording:
        return f(*args, **kwargs)

    def run(constants: list[Any], *values: Any) -> Any:
        given = list(constants)
        for i, value in zip(varied, values, strict=True):
            given[i] = value
        args, kwargs = tree.unflatten(structure, given)
        return f(*args, **kwargs)

    constants = [None if i in varied else leaf for i, leaf in enumerate(leaves)]
    kept = _copied(constants)
    tensors = [leaves[i] for i in varied]
    outputs, outputs_structure = _values(functools.partial(run, constants), tensors, name)

    op = Primitive(lambda *values: outputs, name, no_flops)
    found: list[Any] = []  # a cotangent of the output, and those of all tensors that belong

    def vjp_each(i: int, g: Any, output: Any, *values: Any) -> Any:
        if not found or found[0] is not g:
            again, pullback = vjp(lambda *values: run(_copied(kept), *values), *values)
            for old, new in zip(outputs, tree.leaves(again), strict=True):
                if not np.array_equal(old, plain(new), equal_nan=old.dtype.kind in "fc"):
                    raise RuntimeError(
                        f"{name}: the function returned something else when it ran again; "
                        f"pass it the numpy.random.Generator that it draws from, and copies of "
                        f"arrays that change"
                    )
            found[:] = g, pullback(tree.unflatten(outputs_structure, g))
        return found[1][i]

    op.defvjp_each(vjp_each)
    return tree.unflatten(outputs_structure, op(*tensors))


def _values(f: Function, tensors: list[Tensor], name: str) -> tuple[tuple[np.ndarray, ...], Any]:
    """The arrays that `f` returns for these tensors, and their structure; none is recorded."""
    trace = _Trace(f, [t._array for t in tensors], range(len(tensors)), name)
    outputs, structure = tree.flatten(trace.result)
    trace.connect(outputs)
    if trace.outside:
        raise ValueError(
            f"{name}: the function uses a tensor that is being differentiated but is not among "
            f"its arguments; pass it as one"
        )
    return tuple(np.asarray(plain(output)) for output in outputs), structure


def _copied(leaves: list[Any]) -> list[Any]:
    """The leaves, with copies of generators that will draw what these would, and small arrays."""

    def changes(leaf: Any) -> bool:
        small = isinstance(leaf, np.ndarray) and leaf.nbytes <= LARGEST_COPY
        return small or isinstance(leaf, np.random.Generator)

    return [copy.deepcopy(leaf) if changes(leaf) else leaf for leaf in leaves]
