"""Learning-rate schedules: functions from the number of steps done to a learning rate.

Keras's formulas, names and defaults. Every optimizer of `tinygrad_np.optim` takes one for its rate.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .arguments import NOT_NEGATIVE, checked, shown

__all__ = [
    "cosine_decay",
    "cosine_decay_restarts",
    "exponential_decay",
    "inverse_time_decay",
    "piecewise_constant_decay",
    "polynomial_decay",
]

Schedule = Callable[[int], float]


@checked()
def exponential_decay(
    initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False
) -> Schedule:
    """The schedule η(t) = η₀ rˣ with x = t / decay_steps, rounded down for a staircase.

    This and every schedule below is a function of the number of steps done so far, t = 0, 1, …,
    and goes where an optimizer takes a learning rate. Any function of that kind does.

    Args:
        initial_learning_rate: η₀.
        decay_steps: the steps after which the rate has been multiplied by r, positive.
        decay_rate: r.
        staircase: whether to change the rate only every `decay_steps` steps.

    Raises TypeError or ValueError for an argument out of its range: rates are not negative.

    Behaves like keras.optimizers.schedules.ExponentialDecay.

    >>> rate = exponential_decay(0.1, 100, 0.5)
    >>> rate(0), rate(200)
    (0.1, 0.025)
    """
    return partial(_exponential, initial_learning_rate, decay_steps, decay_rate, staircase)


# The schedules are functions of this module, not closures, so that they can be pickled.


def _exponential(start: float, steps: float, decay: float, staircase: bool, step: int) -> float:
    x = step / steps
    return start * decay ** (math.floor(x) if staircase else x)


@checked()
def inverse_time_decay(
    initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False
) -> Schedule:
    """The schedule η(t) = η₀ / (1 + rx) with x = t / decay_steps, rounded down for a staircase.

    Args and raises as `exponential_decay`.
    Behaves like keras.optimizers.schedules.InverseTimeDecay.

    >>> rate = inverse_time_decay(0.1, 100, 1.0)
    >>> rate(0), rate(100)
    (0.1, 0.05)
    """
    return partial(_inverse_time, initial_learning_rate, decay_steps, decay_rate, staircase)


def _inverse_time(start: float, steps: float, decay: float, staircase: bool, step: int) -> float:
    x = step / steps
    return start / (1 + decay * (math.floor(x) if staircase else x))


@checked()
def polynomial_decay(
    initial_learning_rate: float,
    decay_steps: float,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
) -> Schedule:
    """The schedule η(t) = (η₀ - η₁)(1 - t/T)ᵏ + η₁, which stays at η₁ from step T on.

    With `cycle`, T grows instead to the next multiple of `decay_steps` whenever t has passed it.

    Args:
        initial_learning_rate: η₀.
        decay_steps: T, positive.
        end_learning_rate: η₁.
        power: k.
        cycle: see above.

    Raises TypeError or ValueError for an argument out of its range: rates are not negative.

    Behaves like keras.optimizers.schedules.PolynomialDecay.

    >>> rate = polynomial_decay(1.0, 100, end_learning_rate=0.0)
    >>> rate(0), rate(75), rate(200)
    (1.0, 0.25, 0.0)
    """
    start, stop = initial_learning_rate, end_learning_rate
    return partial(_polynomial, start, decay_steps, stop, power, cycle)


def _polynomial(
    start: float, steps: float, stop: float, power: float, cycle: bool, step: int
) -> float:
    end = steps * (max(1, math.ceil(step / steps)) if cycle else 1)
    left = 1 - min(step, end) / end
    return (start - stop) * left**power + stop


def piecewise_constant_decay(boundaries: Sequence[float], values: Sequence[float]) -> Schedule:
    """The schedule that is values[i] up to and including step boundaries[i], then the next value.

    Args:
        boundaries: steps, increasing.
        values: learning rates, one more than there are boundaries.

    Raises TypeError where these are no numbers from 0, and ValueError where the lengths do not fit
    or the boundaries do not increase.

    Behaves like keras.optimizers.schedules.PiecewiseConstantDecay.

    >>> rate = piecewise_constant_decay([100, 200], [1.0, 0.5, 0.1])
    >>> rate(100), rate(101), rate(500)
    (1.0, 0.5, 0.1)
    """
    name = "piecewise_constant_decay"
    boundaries, values = _numbers(name, "boundaries", boundaries), _numbers(name, "values", values)
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"{name}: {len(values)} values came with {len(boundaries)} "
            f"boundaries, expected {len(boundaries) + 1}"
        )
    if boundaries != sorted(set(boundaries)):
        raise ValueError(f"{name}: boundaries must increase, got {boundaries}")
    return partial(_piecewise_constant, boundaries, values)


def _piecewise_constant(boundaries: list[float], values: list[float], step: int) -> float:
    return values[bisect_left(boundaries, step)]


@checked(alpha=NOT_NEGATIVE)
def cosine_decay(
    initial_learning_rate: float,
    decay_steps: float,
    alpha: float = 0.0,
    *,
    warmup_target: float | None = None,
    warmup_steps: float = 0,
) -> Schedule:
    """The schedule η(t) = η₀ (a + (1 - a)(1 + cos πx) / 2), x = t / decay_steps up to 1.

    With a warm-up the rate first goes in a straight line from η₀ to `warmup_target`; then the
    cosine begins, with `warmup_target` in place of η₀.

    Args:
        initial_learning_rate: η₀.
        decay_steps: the steps that the cosine takes, positive; those of the warm-up come on top.
        alpha: a, the fraction of the rate that is left at the end.
        warmup_target: the rate at the end of the warm-up; None for no warm-up.
        warmup_steps: the steps of the warm-up.

    Raises TypeError or ValueError for an argument out of its range.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017),
    arxiv.org/abs/1608.03983; warm-up: Goyal et al., Accurate, large minibatch SGD (2017),
    arxiv.org/abs/1706.02677. Behaves like keras.optimizers.schedules.CosineDecay.

    >>> rate = cosine_decay(0.0, 100, warmup_target=1.0, warmup_steps=10)
    >>> rate(0), rate(5), rate(10), rate(60), rate(110)
    (0.0, 0.5, 1.0, 0.5, 0.0)
    """
    peak, warmup = initial_learning_rate, 0.0
    if warmup_target is not None:
        peak, warmup = warmup_target, warmup_steps
    return partial(_cosine, initial_learning_rate, decay_steps, alpha, peak, warmup)


def _cosine(
    start: float, steps: float, alpha: float, peak: float, warmup: float, step: int
) -> float:
    if step < warmup:
        return start + (peak - start) * step / warmup
    cosine = math.cos(math.pi * min((step - warmup) / steps, 1))
    return peak * (alpha + (1 - alpha) * (1 + cosine) / 2)


@checked(alpha=NOT_NEGATIVE)
def cosine_decay_restarts(
    initial_learning_rate: float,
    first_decay_steps: float,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
) -> Schedule:
    """The schedule of `cosine_decay`, beginning anew whenever it has come to its end.

        η(t) = η₀ (a + (1 - a) mⁱ (1 + cos πx) / 2)

    where i counts the restarts so far and x goes from 0 to 1 in each period. The periods are
    T, Tq, Tq², … steps long.

    Args:
        initial_learning_rate: η₀.
        first_decay_steps: T, positive.
        t_mul: q, at least 1.
        m_mul: m.
        alpha: a.

    Raises TypeError or ValueError for an argument out of its range.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017),
    arxiv.org/abs/1608.03983. Behaves like keras.optimizers.schedules.CosineDecayRestarts.

    >>> rate = cosine_decay_restarts(1.0, 10)
    >>> rate(0), rate(5), rate(10), rate(20), rate(30)
    (1.0, 0.5, 1.0, 0.5, 1.0)
    """
    return partial(_cosine_restarts, initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha)


def _cosine_restarts(
    start: float, steps: float, t_mul: float, m_mul: float, alpha: float, step: int
) -> float:
    x = step / steps
    if t_mul == 1:
        restarts, x = math.floor(x), x % 1
    else:  # 1 + q + … + qⁱ⁻¹ = (qⁱ - 1) / (q - 1) first periods are over
        restarts = math.floor(math.log(1 + x * (t_mul - 1), t_mul))
        x = (x - (t_mul**restarts - 1) / (t_mul - 1)) / t_mul**restarts
    cosine = m_mul**restarts * (1 + math.cos(math.pi * x)) / 2
    return start * (alpha + (1 - alpha) * cosine)


def _numbers(function: str, what: str, given: Any) -> list[float]:
    numbers = None if isinstance(given, (str, bytes)) or not np.iterable(given) else list(given)
    if numbers is None or not all(map(NOT_NEGATIVE.accepts, numbers)):
        expected = f"a sequence of {NOT_NEGATIVE.expected.replace('a number', 'numbers')}"
        raise TypeError(f"{function}: {what} must be {expected}, got {shown(given)}")
    return numbers
