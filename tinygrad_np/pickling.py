"""Tensors in a pickle, and copies of them.

A pickled tensor takes its tape along, as a list: following each record to the ones before it would
be a recursion as deep as the program was long. What comes back has leaves of its own. A copy within
a program stays on its tape, since NumPy code copies arrays to go on computing with them.
"""

from __future__ import annotations

import copy
from typing import Any

from .core.tape import Record, Tape, made_by
from .core.tensor import Tensor


def reduced(tensor: Tensor) -> Any:
    """What `pickle` asks of a tensor: how to make it again, and from what."""
    if tensor.record is None:
        return _leaf, (tensor._array, tensor.requires_grad, tensor.name, tensor.grad)
    records = Tape([tensor]).records
    places = {record: place for place, record in enumerate(records)}
    rows = [
        (
            record.op,
            record.args,
            record.params,
            record.output,
            [
                (i, parent if parent.record is None else places[parent.record], parent.position)
                for i, parent in record.parents
            ],
        )
        for record in records
    ]
    return _behind, (rows, tensor._array, tensor.position, tensor.name)


def _leaf(data: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    tensor = Tensor(data, requires_grad=requires_grad, name=name)
    tensor.grad = grad
    return tensor


def _behind(rows: Any, data: Any, position: int | None, name: str | None) -> Tensor:
    records: list[Record] = []
    for op, args, params, output, sources in rows:
        parents = []
        for i, source, part in sources:
            if type(source) is int:
                outputs = records[source].outputs
                source = made_by(records[source], outputs[part or 0], part)
            parents.append((i, source))
        records.append(Record(op, args, params, tuple(parents), output))
    tensor = made_by(records[-1], data, position)
    tensor.name = name
    return tensor


def copied(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    """The tensor itself, which can't change; of a leaf, another one with data of its own.

    What is copied together stays together: behind a leaf that was copied before, the tape is copied
    as well; and a leaf stays as it is where a tensor that came from it did.
    """
    if tensor.record is None:
        for kept in [*memo.values()]:
            if type(kept) is Tensor and kept.record is not None and tensor in _leaves(kept):
                return tensor
        grad = None if tensor.grad is None else tensor.grad.copy()
        return _leaf(tensor._array.copy(), tensor.requires_grad, tensor.name, grad)
    if any(id(leaf) in memo for leaf in _leaves(tensor)):
        return _behind(*copy.deepcopy(reduced(tensor)[1], memo))
    memo[id(tensor)] = tensor
    return tensor


def _leaves(tensor: Tensor) -> set[Tensor]:
    parents = (parent for record in Tape([tensor]) for _, parent in record.parents)
    return {parent for parent in parents if parent.record is None}
