"""Trees: nested dicts, lists, tuples and named tuples whose leaves are anything else.

A model's parameters, its gradients and an optimizer's state are trees of the same shape, so
everything done to "all the parameters" is one `map`. Dicts are visited in sorted key order, so
that equal trees have equal leaves in equal order; `None` is a tree without leaves.

>>> from tinygrad_np import tree
>>> params = {"dense": {"kernel": 2.0, "bias": 1.0}, "scale": [3.0]}
>>> tree.paths(params)
['dense/bias', 'dense/kernel', 'scale/0']
>>> tree.map(lambda p, g: p - 0.5 * g, params, params)
{'dense': {'bias': 0.5, 'kernel': 1.0}, 'scale': [1.5]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["flatten", "items", "leaves", "map", "paths", "unflatten"]


class _Leaf:
    """Stands in a structure where the tree had a leaf."""

    def __repr__(self) -> str:
        return "*"


LEAF = _Leaf()


def _keys(node: Any) -> Any:
    """The keys of a container's children in order, None for a leaf."""
    if isinstance(node, dict):
        try:
            return sorted(node)
        except TypeError as error:
            raise TypeError(f"tree: the keys of a dict are sorted: {error}") from None
    if isinstance(node, (list, tuple)):
        return range(len(node))
    return () if node is None else None


def _rebuild(node: Any, keys: Any, children: list[Any]) -> Any:
    """A container like `node` holding `children` at these keys."""
    if node is None:
        return None
    if isinstance(node, dict):
        return type(node)(zip(keys, children, strict=True))
    if hasattr(node, "_fields"):
        return type(node)(*children)
    return type(node)(children)


def map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply `f` to every leaf of `tree`, and to the leaves in the same places of `rest`.

    Returns a tree shaped like `tree`. Raises ValueError where a tree of `rest` is shaped otherwise.

    >>> map(lambda a, b: a + b, {"w": [1, 2]}, {"w": [10, 20]})
    {'w': [11, 22]}
    """
    if not callable(f):
        raise TypeError(f"tree.map: f must be a function, got {f!r:.80}")
    try:
        return _map(f, tree, rest)
    except _Differ as place:
        path = "/".join(reversed(place.path)) or "the top"
        raise ValueError(
            f"tree.map: trees differ at {path!r}: {_describe(place.node)} in the first, "
            f"{_describe(place.other)} in another"
        ) from None


class _Differ(Exception):
    """Two trees are shaped differently; the way up collects where."""

    def __init__(self, node: Any, other: Any) -> None:
        self.node, self.other = node, other
        self.path: list[str] = []


def _map(f: Callable[..., Any], node: Any, others: tuple[Any, ...]) -> Any:
    # Not a closure that calls itself: that would be a reference cycle, which keeps arrays alive.
    keys = _keys(node)
    for other in others:
        if _keys(other) != keys or (keys is not None and type(other) is not type(node)):
            raise _Differ(node, other)
    if keys is None:
        return f(node, *others)
    children = []
    for key in keys:
        try:
            children.append(_map(f, node[key], tuple([other[key] for other in others])))
        except _Differ as place:
            place.path.append(str(key))
            raise
    return _rebuild(node, keys, children)


def _describe(node: Any) -> str:
    keys = _keys(node)
    return "a leaf" if keys is None else f"{type(node).__name__} with {list(keys)}"


def leaves(tree: Any) -> list[Any]:
    """The leaves in order.

    >>> leaves({"b": 1, "a": (2, 3)})
    [2, 3, 1]
    """
    return [leaf for _, leaf in items(tree)]


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves, and the structure that `unflatten` puts them back into.

    >>> flatten({"b": 1, "a": (2, 3)})
    ([2, 3, 1], {'a': (*, *), 'b': *})
    """
    return leaves(tree), map(lambda _: LEAF, tree)


def unflatten(structure: Any, leaves: Iterable[Any]) -> Any:
    """The tree of this structure with these leaves; ValueError where their number differs.

    >>> leaves, structure = flatten({"b": 1, "a": (2, 3)})
    >>> unflatten(structure, [10 * leaf for leaf in leaves])
    {'a': (20, 30), 'b': 10}
    """
    try:
        given = list(leaves)
    except TypeError:
        raise TypeError(f"tree.unflatten: leaves must be several, got {leaves!r:.80}") from None
    wanted = len(items(structure))
    if len(given) != wanted:
        raise ValueError(f"tree.unflatten: the structure has {wanted} leaves, {len(given)} came")
    remaining = iter(given)
    return map(lambda _: next(remaining), structure)


def paths(tree: Any) -> list[str]:
    """Where each leaf is: its keys joined by slashes, in the order of `leaves`.

    >>> paths({"conv1": {"kernel": 0, "bias": 0}})
    ['conv1/bias', 'conv1/kernel']
    """
    return [path for path, _ in items(tree)]


def items(tree: Any) -> list[tuple[str, Any]]:
    """Each leaf with its path.

    >>> items({"conv1": {"kernel": 3, "bias": 2}})
    [('conv1/bias', 2), ('conv1/kernel', 3)]
    """
    found: list[tuple[str, Any]] = []
    _collect("", tree, found)
    return found


def _collect(path: str, node: Any, found: list[tuple[str, Any]]) -> None:
    keys = _keys(node)
    if keys is None:
        found.append((path, node))
    else:
        for key in keys:
            _collect(f"{path}/{key}" if path else str(key), node[key], found)
