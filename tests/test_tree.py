"""Trees keep their structure, their order and their named tuples."""

from typing import NamedTuple

import pytest

from tinygrad_np import tree


class Point(NamedTuple):
    x: object
    y: object


NESTED = {"b": [1, (2, None)], "a": Point(3, {"z": 4, "c": 5})}


def test_leaves_come_in_sorted_key_order():
    assert tree.leaves(NESTED) == [3, 5, 4, 1, 2]
    assert tree.paths(NESTED) == ["a/0", "a/1/c", "a/1/z", "b/0", "b/1/0"]


def test_unflatten_undoes_flatten():
    leaves, structure = tree.flatten(NESTED)
    assert tree.unflatten(structure, leaves) == NESTED
    assert isinstance(tree.unflatten(structure, leaves)["a"], Point)


def test_map_walks_several_trees_and_names_where_they_differ():
    assert tree.map(lambda a, b: a * b, [1, {"k": 2}], [3, {"k": 4}]) == [3, {"k": 8}]
    assert tree.map(lambda a: a + 1, 1) == 2
    with pytest.raises(ValueError, match=r"differ at '1': dict with .'k'. in the first, a leaf"):
        tree.map(max, [1, {"k": 2}], [3, 4])
    with pytest.raises(ValueError, match="differ at 'a': a leaf in the first, list with"):
        tree.map(max, {"a": 1}, {"a": [1]})
    with pytest.raises(ValueError, match="2 leaves, 3 came"):
        tree.unflatten([1, 2], [1, 2, 3])
