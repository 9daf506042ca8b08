"""Tensors in a pickle, and copies of them.

A pickled tensor takes its tape along, as a list: following each record to the ones before it would
be a recursion as deep as the program was long. What comes back has leaves of its own. A copy within
a program stays on its tape, since NumPy code copies arrays to go on computing with them.
"""

from __future__ import annotations

from typing import Any

from .core.tape import Record, Tape, made_by
from .core.tensor import Tensor


def reduced(tensor: Tensor) -> Any:
    """What `pickle` asks of a tensor: how to make it again, and from what."""
    if tensor.record is None:
        return _leaf, (tensor._data, tensor.requires_grad, tensor.name, tensor.grad)
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
    return _behind, (rows, tensor._data, tensor.position, tensor.name)


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


def copied(tensor: Tensor) -> Tensor:
    """The tensor itself, which can't change; of a leaf, another one with data of its own."""
    if tensor.record is not None:
        return tensor
    grad = None if tensor.grad is None else tensor.grad.copy()
    return _leaf(tensor._data.copy(), tensor.requires_grad, tensor.name, grad)
