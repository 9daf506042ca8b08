"""Vectors for compiled code: `a + b` on two of them is one instruction of the processor.

Left to itself, the compiler turns a loop over channels into vector instructions only where it can
prove that no two arrays overlap, and keeps nothing in registers from one loop to the next. With the
vectors written out, both are as the code says.

How wide they are is a matter of the processor and of how many numbers lie side by side. So compiled
functions are passed the vector's type, and there is a version of them for each width that is used,
also among those kept on disk.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, overload, register_model

from ..choice import VECTOR_BYTES

__all__ = ["broadcast", "fill", "fma", "inlined", "jit", "lanes", "load", "store", "vector_type"]

_, _, FEATURES = cpu_target.target_context.codegen().magic_tuple()  # what numba compiles for
WIDEST = 64 if "+avx512f" in FEATURES.split(",") else VECTOR_BYTES


def vector_type(dtype: np.dtype, length: int) -> np.dtype:
    """The widest vector of this processor that divides the length, which `VECTOR_BYTES` does.

    >>> vector_type(np.dtype(np.float32), 8)
    dtype(('<f4', (8,)))
    """
    wide = length * dtype.itemsize % WIDEST == 0
    return _vector_type(dtype, (WIDEST if wide else VECTOR_BYTES) // dtype.itemsize)


@functools.cache  # numba knows the type by its identity
def _vector_type(dtype: np.dtype, lanes: int) -> np.dtype:
    return np.dtype((dtype, lanes))


# Kept on disk until the file of the function changes. After a change in this file, delete the
# folder __pycache__.
jit: Any = functools.partial(numba.njit, nogil=True, cache=True, error_model="numpy")
inlined: Any = functools.partial(numba.njit, nogil=True, error_model="numpy", forceinline=True)


class Vector(types.Type):
    """So many numbers of a type as one register holds."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype = dtype
        self.lanes = lanes
        super().__init__(f"Vector({dtype}, {lanes})")


def _vector(described: Any) -> Vector:
    """The type of vectors that the argument made by `vector_type` describes."""
    return Vector(described.dtype.dtype, *described.dtype.shape)


def lanes(vector: Any) -> int:
    """How many numbers a vector of this type holds."""
    return vector.shape[0]


@overload(lanes, inline="always")
def _lanes(vector):
    (count,) = vector.dtype.shape
    return lambda vector: count


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Any) -> None:
        element = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.lanes))


@intrinsic
def load(typing: Any, vector: Any, array: Any, index: Any) -> Any:
    """The vector that begins at this index of a contiguous array, counted as if it were flat."""
    result = _vector(vector)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args[1:], context.get_value_type(result))
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return result(vector, array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write the vector to where `load` reads it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args, args[2].type)
        builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _pointer(context: Any, builder: Any, kind: Any, args: Any, vector: Any) -> Any:
    array, index, *_ = args
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


@intrinsic
def fill(typing: Any, vector: Any, number: Any) -> Any:
    """The vector with this number in every lane."""
    result = _vector(vector)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = context.cast(builder, args[1], signature.args[1], result.dtype)
        return _filled(context, builder, result, number)

    return result(vector, number), generate


@intrinsic
def broadcast(typing: Any, vector: Any, array: Any, index: Any) -> Any:
    """The vector with the number at this index of a contiguous array in every lane."""
    result = _vector(vector)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[1]).data
        return _filled(context, builder, result, builder.load(builder.gep(data, [args[2]])))

    return result(vector, array, types.intp), generate


def _filled(context: Any, builder: Any, vector: Any, number: Any) -> Any:
    kind, index = context.get_value_type(vector), ir.IntType(32)
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, number, index(0))
    lanes = ir.Constant(ir.VectorType(index, vector.lanes), [0] * vector.lanes)
    return builder.shuffle_vector(first, undefined, lanes)


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        name = f"llvm.fma.v{a.lanes}f{a.dtype.bitwidth}"
        function = ir.FunctionType(kind, [kind] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)

    return a(a, a, a), generate


def _operator(function: Any, instruction: str) -> None:
    @intrinsic
    def apply(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*args)

        return a(a, a), generate

    @overload(function)
    def overloaded(a, b):
        return (lambda a, b: apply(a, b)) if isinstance(a, Vector) and a == b else None


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
