"""`Tensor`: an array that remembers which operation made it.

A tensor holds its value (`data`) and, while something is being differentiated, the `Record` of the
operation that produced it. It looks like an ndarray: operators, methods and NumPy's own functions
work on it, through the table `rules` that maps each NumPy function to its differentiable twin.
This module knows no operation; the files in `ops/` fill the table.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import display

if TYPE_CHECKING:
    from .tape import Record, Tape

rules: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy function -> the function that runs when one of its arguments is a Tensor."""

PLAIN = frozenset({int, float, slice, type(None)})
"""What most lists and tuples hold that are given to NumPy's functions: sizes, axes, indices."""

sequences: set[Callable[..., Any]] = set()
"""NumPy functions that take lists of arrays. To the others a list is one array."""


class Tensor:
    """An immutable array whose operations are recorded, so that they can be differentiated.

    Args:
        data: anything `np.asarray` takes; arrays are not copied.
        requires_grad: whether to record what is done with it; needs a float or complex dtype.
        dtype: converts `data` first.
        name: shown by the printed tape and in error messages.

    Raises:
        TypeError: for data that are no numbers, or a Tensor already, and for `requires_grad` of
            integers.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (x**2).sum()
    >>> loss.backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __pandas_priority__ = __array_priority__ = 10000  # above those of pandas' own classes
    __slots__ = ("__weakref__", "_array", "grad", "name", "position", "record", "requires_grad")

    _array: np.ndarray
    grad: np.ndarray | None
    name: str | None
    requires_grad: bool
    record: Record | None  # of the operation that made it; None for a leaf
    position: int | None  # which output it is of an operation that has several

    def __init__(
        self,
        data: Any,
        *,
        requires_grad: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        if isinstance(data, Tensor):
            raise TypeError("Tensor: data are a Tensor already; use it as it is, or .detach() it")
        try:
            self._array = np.asarray(as_array(data), dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(f"Tensor: data {data!r:.80} as dtype {dtype!r}: {error}") from None
        if data is None or self._array.dtype.kind not in "fiubc":
            raise TypeError(
                f"Tensor: data must be numbers, got {data!r:.80} as {self._array.dtype}"
            )
        if type(requires_grad) is not bool or (name is not None and type(name) is not str):
            from ..arguments import check  # which imports this module

            check("Tensor", requires_grad=requires_grad, name=name)
        if requires_grad and self._array.dtype.kind not in "fc":
            raise TypeError(
                f"Tensor: requires_grad needs floating-point data, "
                f"{'' if name is None else repr(name) + ' '}came as {self._array.dtype}; "
                f"pass dtype=np.float32"
            )
        self.requires_grad = requires_grad
        self.name = name
        self.grad = None
        self.record = None
        self.position = None
        if "pandas" in sys.modules:
            from ..constants import let_pandas_give_way  # which imports this module

            let_pandas_give_way()

    # What an array tells of itself

    @property
    def data(self) -> np.ndarray:
        """The value; to be read only, unless the tensor is a leaf, since the tape relies on it."""
        if self.record is None:
            return self._array
        view = self._array.view()
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, value: np.ndarray) -> None:
        if self.record is not None:
            raise AttributeError("Tensor.data: only that of a leaf can be set")
        self._array = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def dtype(self) -> np.dtype:
        return self._array.dtype

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    @property
    def T(self) -> Tensor:
        return rules[np.transpose](self)

    @property
    def mT(self) -> Tensor:
        return rules[np.matrix_transpose](self)

    @property
    def real(self) -> Tensor:
        return rules[np.real](self)

    @property
    def imag(self) -> Tensor:
        return rules[np.imag](self)

    @property
    def flat(self) -> Tensor:
        """The elements in one dimension, to be iterated over or indexed."""
        return rules[np.ravel](self)

    def item(self, *index: Any) -> Any:
        """The one element, or the one at an index, as a Python number."""
        return self._array.item(*index)

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers; it takes no gradient along."""
        self._refuse_numbers("tolist", "unpack the tensor, as in a, b = t")
        return self._array.tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """The value's bytes; they take no gradient along."""
        self._refuse_numbers("tobytes", "compute with the tensor itself")
        return self._array.tobytes(order)

    def detach(self) -> Tensor:
        """A tensor with the same data that no gradient passes."""
        return Tensor(self.data, name=self.name)

    # Differentiation

    def tape(self) -> Tape:
        """The records of every operation this tensor came from, in the order they ran."""
        from .tape import Tape  # which imports this module

        return Tape([self])

    def backward(self, cotangent: Any = None, *, retain_tape: bool = False) -> None:
        """Add to the `.grad` of every leaf the gradient of this tensor with respect to it.

        Args:
            cotangent: the gradient of the final scalar with respect to this tensor, of its
                shape; may be left out where this tensor is that scalar.
            retain_tape: keep the tape, so that `backward` can be called again.

        Raises:
            RuntimeError: if nothing was recorded, or the tape was let go by an earlier backward.
            ValueError: if the cotangent is missing or of the wrong shape.
        """
        from .tape import backward

        backward(self, cotangent, retain_tape)

    # Copies

    def __reduce__(self) -> Any:
        from ..pickling import reduced  # which imports this module

        return reduced(self)

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: Any) -> Tensor:
        from ..pickling import copied

        return copied(self, memo)

    # Conversions. Those that would drop the gradient unseen raise.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._refuse_escape("np.asarray")
        # A copy, since an array to write to must not share memory with the tape.
        return np.array(self._array, dtype=dtype, copy=copy is not False)

    def __float__(self) -> float:
        self._refuse_escape("float")
        return float(self._array)

    def __complex__(self) -> complex:
        self._refuse_escape("complex")
        return complex(self._array)

    def _refuse_escape(self, asked: str) -> None:
        if self.requires_grad:
            from ..escape import explained

            call, instead = explained(asked)
            raise TypeError(
                f"{call}: this {self.described()} is being differentiated and would lose its "
                f"gradient; {instead}; if a constant is meant, say t.data or tg.stop_gradient(t)"
            )

    def _refuse_numbers(self, method: str, instead: str) -> None:
        if self.requires_grad:
            raise TypeError(
                f"Tensor.{method}: the numbers of this {self.described()}, which is being "
                f"differentiated, would lose their gradient; {instead}; if constants are meant, "
                f"say t.data.{method}()"
            )

    def __bool__(self) -> bool:
        return bool(self._array)

    def __int__(self) -> int:
        return int(self._array)

    def __index__(self) -> int:
        return self._array.__index__()

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(rules[iter](self))

    def __contains__(self, value: Any) -> bool:
        return value in self._array

    def __repr__(self) -> str:
        text = np.array2string(self._array, separator=", ", prefix="Tensor(", threshold=100)
        extras = [f"dtype={self._array.dtype}"] if self._array.dtype != np.float64 else []
        if self.name is not None:
            extras.append(f"name={self.name!r}")
        if self.record is not None:
            extras.append(f"from {self.record.op.name}")
        elif self.requires_grad:
            extras.append("requires_grad=True")
        return f"Tensor({', '.join([text, *extras])})"

    def _repr_html_(self) -> str:
        """A table of the values of a small tensor, or of the extent of a large one."""
        made = "" if self.record is None else f", from {self.record.op.name}"
        rows = display.tensor_rows(self)
        return display.as_html(rows, range(len(rows[0])), self.described() + made)

    def described(self) -> str:
        """Name, shape and dtype, for messages."""
        name = "" if self.name is None else f" {self.name!r}"
        return f"Tensor{name} of shape {self.shape} and dtype {self.dtype}"

    def __format__(self, spec: str) -> str:
        return format(self._array, spec) if spec else str(self)

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs or method != "__call__":
            if kwargs.get("out") is not None and (method != "__call__" or "where" not in kwargs):
                raise TypeError(
                    f"np.{ufunc.__name__}: out= (or an in-place operator such as +=) would write "
                    f"a Tensor into an array and lose its gradient; use the result instead"
                )
            return rules[getattr(np.ufunc, method)](ufunc, *inputs, **kwargs)
        rule = rules.get(ufunc)
        if rule is None and ufunc.__name__ == "clip":  # that of ndarray.clip, which is not public
            rule = rules[np.clip]
        return _apply(ufunc, inputs, kwargs) if rule is None else rule(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _apply(function, args, kwargs)

    def __getitem__(self, index: Any) -> Tensor:
        return rules[operator.getitem](self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "Tensor: tensors are immutable; write t = t.at[index].set(value), or .add(value)"
        )

    # Comparisons are discrete: they give plain boolean arrays.

    def __lt__(self, other: Any) -> Any:
        return rules[np.less](self, other)

    def __le__(self, other: Any) -> Any:
        return rules[np.less_equal](self, other)

    def __gt__(self, other: Any) -> Any:
        return rules[np.greater](self, other)

    def __ge__(self, other: Any) -> Any:
        return rules[np.greater_equal](self, other)

    def __eq__(self, other: Any) -> Any:
        return self._array == (other._array if type(other) is Tensor else other)

    def __ne__(self, other: Any) -> Any:
        return self._array != (other._array if type(other) is Tensor else other)

    __hash__ = object.__hash__

    # Operators

    def __add__(self, other: Any) -> Tensor:
        return rules[np.add](self, other)

    def __radd__(self, other: Any) -> Tensor:
        return rules[np.add](other, self)

    def __sub__(self, other: Any) -> Tensor:
        return rules[np.subtract](self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return rules[np.subtract](other, self)

    def __mul__(self, other: Any) -> Tensor:
        return rules[np.multiply](self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return rules[np.multiply](other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return rules[np.divide](self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return rules[np.divide](other, self)

    def __floordiv__(self, other: Any) -> Any:
        return rules[np.floor_divide](self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return rules[np.floor_divide](other, self)

    def __mod__(self, other: Any) -> Tensor:
        return rules[np.remainder](self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return rules[np.remainder](other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pow__(self, other: Any) -> Tensor:
        # NumPy's operator, unlike its function, takes short cuts; complex numbers show them.
        if self._array.dtype.kind == "c" and type(other) in (int, float) and other in (2, 0.5):
            return rules[np.square if other == 2 else np.sqrt](self)
        return rules[np.power](self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return rules[np.power](other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return rules[np.matmul](self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return rules[np.matmul](other, self)

    def __neg__(self) -> Tensor:
        return rules[np.negative](self)

    def __pos__(self) -> Tensor:
        return self

    def __round__(self, ndigits: int = 0) -> Any:
        return rules[np.round](self, ndigits)

    def __abs__(self) -> Tensor:
        return rules[np.absolute](self)

    # Array methods whose arguments differ from the NumPy function's

    def astype(
        self,
        dtype: Any,
        order: Any = "K",
        casting: Any = "unsafe",
        subok: bool = True,
        copy: bool = True,
    ) -> Any:
        """Like `ndarray.astype`; integers and booleans are a plain array."""
        if casting != "unsafe":
            np.empty(0, self.dtype).astype(dtype, casting=casting)  # raises if it isn't allowed
        return rules[np.astype](self, dtype)

    def reshape(self, *shape: Any, order: Any = "C", copy: bool | None = None) -> Tensor:
        """Like `ndarray.reshape`: the shape as one tuple or as several integers."""
        return rules[np.reshape](self, shape[0] if len(shape) == 1 else shape, order, copy=copy)

    def transpose(self, *axes: Any) -> Tensor:
        """Like `ndarray.transpose`: the axes as one tuple, as several integers, or none."""
        return rules[np.transpose](self, axes[0] if len(axes) == 1 else axes or None)

    def flatten(self, order: Any = "C") -> Tensor:
        """The elements in one dimension, as `ndarray.flatten`."""
        return rules[np.ravel](self, order)

    def view(self, *args: Any, **kwargs: Any) -> Any:
        """Raises: a view of the bits as another dtype has no derivative."""
        raise TypeError(
            "Tensor.view: tensors are immutable, and a view of their bits has no derivative; "
            "write t.astype(dtype), or t.data.view(dtype)"
        )

    def compress(self, condition: Any, axis: Any = None) -> Tensor:
        """Like `ndarray.compress`: the elements along the axis where the condition holds."""
        return rules[np.compress](condition, self, axis)


def as_array(data: Any) -> np.ndarray:
    """The data as a plain array; TypeError for arrays with rules of their own, such as masks."""
    if isinstance(data, np.ndarray) and type(data) not in (np.ndarray, np.memmap):
        raise TypeError(
            f"{type(data).__name__} has rules of its own, which derivatives don't follow; "
            f"pass a plain array, such as np.asarray(x)"
        )
    return np.asarray(data)


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"Same as `np.{name}(t, ...)`."
    return method


for _name in (
    "all any argmax argmin argpartition argsort choose clip conj conjugate copy "
    "cumprod cumsum diagonal dot max mean min nonzero prod ptp ravel repeat round "
    "searchsorted squeeze std sum swapaxes take trace var"
).split():
    setattr(Tensor, _name, _method(_name))


def _in_place(name: str, instead: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"Tensor.{name}: it works in place, and tensors are immutable; write {instead}"
        )

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"Raises: tensors are immutable; write {instead}."
    return method


for _name, _instead in {
    "fill": "t = np.full_like(t, value)",
    "itemset": "t = t.at[index].set(value)",
    "partition": "t = np.partition(t, kth)",
    "put": "t = t.at[index].set(values)",
    "resize": "t = np.resize(t, shape)",
    "setfield": "t = t.at[index].set(values)",
    "setflags": "t.data.setflags(...), for its array",
    "sort": "t = np.sort(t)",
}.items():
    setattr(Tensor, _name, _in_place(_name, _instead))


def _apply(function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    rule = rules.get(function)
    if rule is None:
        raise NotImplementedError(no_rule(function))
    if "out" in kwargs:
        if kwargs["out"] is not None:
            raise TypeError(
                f"np.{function.__name__}: out= would write a Tensor into an array and lose its "
                f"gradient; use the result instead"
            )
        kwargs = {name: value for name, value in kwargs.items() if name != "out"}
    for arg in (*args, *kwargs.values()) if kwargs else args:
        if (type(arg) is list or type(arg) is tuple) and not PLAIN.issuperset(map(type, arg)):
            from ..constants import stacked  # which imports this module

            if function not in sequences:
                args = tuple(map(stacked, args))
                kwargs = {name: stacked(value) for name, value in kwargs.items()}
            break
    return rule(*args, **kwargs)


def no_rule(function: Any, method: str = "") -> str:
    """What to say of a function of NumPy's, or of another library's ufunc, that has no rule."""
    name = getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None)
    if module is None:  # as of every ufunc: the shortest name under which it can be imported
        places = [m for m in list(sys.modules.values()) if vars(m).get(name) is function]
        names = sorted((m.__name__ for m in places if "._" not in m.__name__), key=len)
        module = names[0] if names else None
    title = f"{module}.{name}".replace("numpy.", "np.") if module else f"the ufunc {name}"
    given = title if module else "f"
    return (
        f"{title}{method} has no derivative rule, and its gradient is not dropped silently: add "
        f"one with tg.primitive({given}).defvjp(...), write it with functions that have one, or "
        f"pass tg.stop_gradient(t).data if no gradient is wanted"
    )
