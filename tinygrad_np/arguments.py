"""What an argument of each name may be, and the errors where one is something else.

An argument of one name means the same in every public function, so that one table holds what it may
be. `checked` looks up in it what a call is given:

>>> @checked()
... def scaled(x, *, epsilon=0.1):
...     return x * epsilon
>>> scaled(1.0, epsilon=-1)
Traceback (most recent call last):
ValueError: scaled: epsilon must be a number in [0, inf), got -1
"""

from __future__ import annotations

import functools
import inspect
import math
import os
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .core.tensor import Tensor, as_array

ndarray = np.ndarray
F = TypeVar("F", bound=Callable[..., Any])


class Kind(NamedTuple):
    """What an argument may be.

    Attributes:
        expected: this in words, to follow "must be".
        accepts: whether a value is of this kind. What every call pays is paid here.
        similar: whether a value is at least of the right type: if so, the error is a ValueError.
    """

    expected: str
    accepts: Callable[[Any], bool]
    similar: Callable[[Any], bool] = lambda value: False

    def holds(self, value: Any) -> bool:
        try:
            return self.accepts(value)
        except Exception:  # of the value's own methods
            return False


def _is_number(value: Any) -> bool:
    return type(value) is float or type(value) is int or isinstance(value, Real)


def _is_integer(value: Any) -> bool:
    return type(value) is int or isinstance(value, (int, np.integer))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _number(interval: str, within: Callable[[Any], bool]) -> Kind:
    return Kind(
        f"a number in {interval}", lambda value: _is_number(value) and within(value), _is_number
    )


def _integer(expected: str, within: Callable[[Any], bool]) -> Kind:
    return Kind(expected, lambda value: _is_integer(value) and within(value), _is_integer)


def _one_of(*words: str) -> Kind:
    return Kind(
        f"one of {', '.join(map(repr, words))}",
        lambda value: _is_text(value) and value in words,
        _is_text,
    )


def _optional(kind: Kind) -> Kind:
    accepts = kind.accepts
    expected = f"None or {kind.expected}"
    return Kind(expected, lambda value: value is None or accepts(value), kind.similar)


def _is_array(value: Any) -> bool:
    return (
        type(value) is Tensor
        or (type(value) is np.ndarray and value.dtype.kind in "fiubc")
        or as_array(value).dtype.kind in "fiubc"
    )


def _is_real(value: Any) -> bool:
    array = value._array if type(value) is Tensor else value
    if type(array) is not ndarray:
        array = as_array(array)
    return array.dtype.kind in "fiub"


def _all(within: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """For numbers, and for arrays of them whose elements count one by one."""

    def accepts(value: Any) -> bool:
        if not _is_number(value):
            value = value._array if type(value) is Tensor else as_array(value)
            if value.dtype.kind not in "fiub":
                return False
        return bool(np.all(within(value)))

    return accepts


def _is_axis(value: Any) -> bool:
    if type(value) is int or value is None:
        return True
    return all(map(_is_integer, value)) if isinstance(value, tuple) else _is_integer(value)


def _is_argnums(value: Any) -> bool:
    numbers = value if isinstance(value, (tuple, list)) else [value]
    return all(_is_integer(number) and not isinstance(number, bool) for number in numbers)


def _are_axes(value: Any) -> bool:
    axes = np.atleast_1d(np.asarray(value, dtype=object)).ravel()
    return axes.size > 0 and all(hasattr(axis, "imshow") for axis in axes)


ARRAY = Kind("an array of numbers", _is_array)
REAL = Kind("an array of real numbers", _is_real)
NUMBER = _number("(-inf, inf)", math.isfinite)
POSITIVE = _number("(0, inf)", lambda x: 0 < x < math.inf)
NOT_NEGATIVE = _number("[0, inf)", lambda x: 0 <= x < math.inf)
BELOW_1 = _number("[0, 1)", lambda x: 0 <= x < 1)
POSITIVE_INTEGER = _integer("an integer of at least 1", lambda n: n >= 1)
INTEGER = _integer("an integer", lambda n: True)
FLAG = Kind(
    "True or False",
    lambda value: type(value) is bool or (isinstance(value, (np.bool_, int)) and value in (0, 1)),
)
FUNCTION = Kind("a function", callable)
GENERATOR = Kind(
    "a numpy.random.Generator such as np.random.default_rng(0)",
    lambda value: isinstance(value, np.random.Generator),
)
OPTIONAL_GENERATOR = _optional(GENERATOR)
SEQUENCE = Kind(
    "a tuple or list with one entry for each argument",
    lambda value: isinstance(value, (tuple, list)),
)
PLAIN = Kind("a plain array", lambda value: as_array(value) is not None)
NOT_NEGATIVES = Kind("a number in [0, inf)", _all(lambda x: x >= 0), _is_number)
NUMERIC_DTYPE = Kind("a numeric dtype", lambda value: np.dtype(value).kind in "biufc")
FLOAT_DTYPE = Kind("a float dtype", lambda value: np.dtype(value).kind == "f")
DTYPE = Kind("a dtype", lambda value: np.dtype(value) is not None)
TEXT = Kind("a string", _is_text)
PATH = Kind(
    "a path, a string or os.PathLike",
    lambda value: isinstance(value, (str, os.PathLike)) and value != "",
    _is_text,
)
AXES = Kind("Matplotlib axes or a sequence of them", _are_axes)
ONE_AXES = _optional(Kind("one Matplotlib axes", lambda value: hasattr(value, "imshow")))

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

KINDS: dict[str, Kind] = {
    **dict.fromkeys("x kernel indices table image images maps outputs predicted".split(), ARRAY),
    **dict.fromkeys("logits labels predictions targets".split(), REAL),
    **dict.fromkeys("bias gamma beta mean variance cotangent".split(), _optional(ARRAY)),
    "axis": Kind("an integer, a tuple of them or None", _is_axis),
    "argnums": Kind("an integer or a tuple of them", _is_argnums),
    **dict.fromkeys(
        "keepdims approximate has_aux requires_grad staircase cycle nesterov amsgrad centered "
        "drop_last progress".split(),
        FLAG,
    ),
    **dict.fromkeys("f apply loss loss_fn flops".split(), FUNCTION),
    "forward": _optional(FUNCTION),
    "rng": GENERATOR,
    **dict.fromkeys("batch_size classes count epochs order steps".split(), POSITIVE_INTEGER),
    **dict.fromkeys("alpha negative_slope".split(), Kind("a number", _all(lambda x: x == x))),
    "delta": Kind("a positive number", _all(lambda x: x > 0), _is_number),
    "epsilon": NOT_NEGATIVE,
    "rate": BELOW_1,
    "label_smoothing": _number("[0, 1]", lambda x: 0 <= x <= 1),
    "reduction": _one_of("mean", "sum", "none"),
    **dict.fromkeys("beta_1 beta_2 momentum rho".split(), BELOW_1),
    **dict.fromkeys("weight_decay warmup_target".split(), _optional(NOT_NEGATIVE)),
    **dict.fromkeys("clipnorm clipvalue global_clipnorm".split(), _optional(POSITIVE)),
    "learning_rate": Kind(
        "a number in [0, inf) or a schedule",
        lambda value: callable(value) or NOT_NEGATIVE.accepts(value),
        _is_number,
    ),
    **dict.fromkeys(
        "initial_accumulator_value initial_learning_rate end_learning_rate decay_rate power m_mul "
        "stddev warmup_steps rtol atol".split(),
        NOT_NEGATIVE,
    ),
    **dict.fromkeys(
        "decay_steps first_decay_steps max_norm max_value radius scale step".split(), POSITIVE
    ),
    "t_mul": _number("[1, inf)", lambda x: 1 <= x < math.inf),
    **dict.fromkeys("gain minval maxval".split(), NUMBER),
    "value": _number("[-inf, inf]", lambda x: not math.isnan(x)),
    "mode": _one_of("fan_in", "fan_out", "fan_avg"),
    "distribution": _one_of("truncated_normal", "untruncated_normal", "uniform"),
    "dtype": FLOAT_DTYPE,
    "name": _optional(TEXT),
    "title": _optional(TEXT),
    **dict.fromkeys("path source".split(), PATH),
    "ax": _optional(AXES),
    "max_bytes": _optional(
        _integer("an integer of at least 0", lambda n: n >= 0 and not isinstance(n, bool))
    ),
    **dict.fromkeys(
        "channel label".split(),
        _optional(
            _integer("an integer of at least 0", lambda n: n >= 0 and not isinstance(n, bool))
        ),
    ),
}
"""Argument -> what it may be, in every function that is not said to differ."""

# What NumPy and Python raise where an argument does not do; not what the modes of a computation
# raise, such as FloatingPointError, nor what says that a rule is missing.
MISFITS = (TypeError, ValueError, AttributeError, LookupError, OverflowError)


def check(function: str, kinds: dict[str, Kind] = KINDS, /, **arguments: Any) -> None:
    """Raise TypeError or ValueError unless each argument is what one of its name may be."""
    for name, value in arguments.items():
        kind = kinds.get(name)
        if kind is None:
            continue
        if not kind.holds(value):
            error = ValueError if kind.similar(value) else TypeError
            message = f"{function}: {name} must be {kind.expected}, got {shown(value)}"
            raise error(message) from None


def checked(name: str = "", /, **kinds: Kind | None) -> Callable[[F], F]:
    """A decorator: arguments that are not what the table says are refused before the function runs.

    Args:
        name: what errors call the function; its own name by default.
        kinds: what differs from the table: another kind, or None for an argument that may be
            anything.

    What NumPy or Python raise all the same, such as for shapes that do not fit, gets the function's
    name and arguments; not so in a function that calls the user's, whose errors pass unchanged.
    """
    table = {key: kind for key, kind in (KINDS | kinds).items() if kind is not None}
    by_name = {key: kind.accepts for key, kind in table.items()}

    def decorate(function: F) -> F:
        label = name or function.__name__
        signature = inspect.signature(function)
        calls_back = any(table.get(key) is FUNCTION for key in signature.parameters)
        positional = [
            key
            for key, parameter in signature.parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        by_position = [by_name.get(key, _anything) for key in positional]
        # Nearly all calls give arrays of floats to the parameters that take such, and nothing else
        # by position. They are let through at once.
        floats = 0
        while floats < len(positional) and table.get(positional[floats], ARRAY).holds(np.ones(1)):
            floats += 1

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                for value in args:
                    array = value._array if type(value) is Tensor else value
                    if (
                        type(array) is not ndarray
                        or array.dtype not in FLOATS
                        or len(args) > floats
                    ):
                        for accepts, value in zip(by_position, args):  # noqa: B905
                            if not accepts(value):
                                raise _Refused
                        break
                for key in kwargs:
                    if key in by_name and not by_name[key](kwargs[key]):
                        raise _Refused
            except Exception:  # a value's own methods may raise anything
                check(label, table, **_given(signature, args, kwargs))
            if calls_back:
                return function(*args, **kwargs)
            try:
                return function(*args, **kwargs)
            except MISFITS as error:
                if str(error).startswith((f"{label}:", f"{function.__qualname__}(")):
                    raise  # it is the function's own, or Python's for a missing argument
                given = _given(signature, args, kwargs)
                check(label, table, **given)
                raise _named(label, error, given) from error

        return call  # type: ignore[return-value]

    return decorate


class _Refused(Exception):
    """An argument is not what it may be."""


def _anything(value: Any) -> bool:
    return True


def _given(signature: inspect.Signature, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a call by name; none where the function takes no such arguments."""
    try:
        return dict(signature.bind_partial(*args, **kwargs).arguments)
    except TypeError:
        return {}


def _named(label: str, error: Exception, given: dict[str, Any]) -> Exception:
    """The error with the function's name before it, and the arguments behind it."""
    kind = TypeError if isinstance(error, (TypeError, AttributeError)) else ValueError
    return kind(f"{label}: {error} ({', '.join(f'{k} {shown(v)}' for k, v in given.items())})")


def shown(value: Any) -> str:
    """A value for a message: an array's type, dtype and shape, or the beginning of the repr."""
    if isinstance(value, (np.ndarray, Tensor)):
        return f"{type(value).__name__} of dtype {value.dtype} and shape {value.shape}"
    return f"{value!r:.80}"
