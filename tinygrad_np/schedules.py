"""Learning-rate schedules: functions from the number of steps done to a learning rate.

Keras's formulas, names and defaults. Every optimizer of `tinygrad_np.optim` takes one for its rate.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

__all__ = [
    "cosine_decay",
    "cosine_decay_restarts",
    "exponential_decay",
    "inverse_time_decay",
    "piecewise_constant_decay",
    "polynomial_decay",
]

Schedule = Callable[[int], float]


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

    Raises TypeError or ValueError where `decay_steps` is no positive number.

    Behaves like keras.optimizers.schedules.ExponentialDecay.

    >>> rate = exponential_decay(0.1, 100, 0.5)
    >>> rate(0), rate(200)
    (0.1, 0.025)
    """
    check_interval("exponential_decay", "(0, inf)", decay_steps=decay_steps)

    def schedule(step: int) -> float:
        x = step / decay_steps
        return initial_learning_rate * decay_rate ** (math.floor(x) if staircase else x)

    return schedule


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
    check_interval("inverse_time_decay", "(0, inf)", decay_steps=decay_steps)

    def schedule(step: int) -> float:
        x = step / decay_steps
        return initial_learning_rate / (1 + decay_rate * (math.floor(x) if staircase else x))

    return schedule


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

    Raises TypeError or ValueError where `decay_steps` is no positive number.

    Behaves like keras.optimizers.schedules.PolynomialDecay.

    >>> rate = polynomial_decay(1.0, 100, end_learning_rate=0.0)
    >>> rate(0), rate(75), rate(200)
    (1.0, 0.25, 0.0)
    """
    check_interval("polynomial_decay", "(0, inf)", decay_steps=decay_steps)

    def schedule(step: int) -> float:
        end = decay_steps * (max(1, math.ceil(step / decay_steps)) if cycle else 1)
        left = 1 - min(step, end) / end
        return (initial_learning_rate - end_learning_rate) * left**power + end_learning_rate

    return schedule


def piecewise_constant_decay(boundaries: Sequence[float], values: Sequence[float]) -> Schedule:
    """The schedule that is values[i] up to and including step boundaries[i], then the next value.

    Args:
        boundaries: steps, increasing.
        values: learning rates, one more than there are boundaries.

    Raises ValueError where the lengths do not fit or the boundaries do not increase.

    Behaves like keras.optimizers.schedules.PiecewiseConstantDecay.

    >>> rate = piecewise_constant_decay([100, 200], [1.0, 0.5, 0.1])
    >>> rate(100), rate(101), rate(500)
    (1.0, 0.5, 0.1)
    """
    boundaries, values = list(boundaries), list(values)
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"piecewise_constant_decay: {len(values)} values came with {len(boundaries)} "
            f"boundaries, expected {len(boundaries) + 1}"
        )
    if boundaries != sorted(set(boundaries)):
        raise ValueError(f"piecewise_constant_decay: boundaries must increase, got {boundaries}")
    return lambda step: values[bisect_left(boundaries, step)]


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

    Raises TypeError or ValueError where `decay_steps` is no positive number or `warmup_steps` a
    negative one.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017),
    arxiv.org/abs/1608.03983; warm-up: Goyal et al., Accurate, large minibatch SGD (2017),
    arxiv.org/abs/1706.02677. Behaves like keras.optimizers.schedules.CosineDecay.

    >>> rate = cosine_decay(0.0, 100, warmup_target=1.0, warmup_steps=10)
    >>> rate(0), rate(5), rate(10), rate(60), rate(110)
    (0.0, 0.5, 1.0, 0.5, 0.0)
    """
    check_interval("cosine_decay", "(0, inf)", decay_steps=decay_steps)
    check_interval("cosine_decay", "[0, inf)", warmup_steps=warmup_steps)

    peak, start = initial_learning_rate, 0.0
    if warmup_target is not None:
        peak, start = warmup_target, warmup_steps

    def schedule(step: int) -> float:
        if step < start:
            return initial_learning_rate + (peak - initial_learning_rate) * step / start
        cosine = math.cos(math.pi * min((step - start) / decay_steps, 1))
        return peak * (alpha + (1 - alpha) * (1 + cosine) / 2)

    return schedule


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

    Raises TypeError or ValueError where `first_decay_steps` is no positive number or `t_mul` is
    below 1.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017),
    arxiv.org/abs/1608.03983. Behaves like keras.optimizers.schedules.CosineDecayRestarts.

    >>> rate = cosine_decay_restarts(1.0, 10)
    >>> rate(0), rate(5), rate(10), rate(20), rate(30)
    (1.0, 0.5, 1.0, 0.5, 1.0)
    """
    check_interval("cosine_decay_restarts", "(0, inf)", first_decay_steps=first_decay_steps)
    check_interval("cosine_decay_restarts", "[1, inf)", t_mul=t_mul)

    def schedule(step: int) -> float:
        x = step / first_decay_steps
        if t_mul == 1:
            restarts, x = math.floor(x), x % 1
        else:  # 1 + q + … + qⁱ⁻¹ = (qⁱ - 1) / (q - 1) first periods are over
            restarts = math.floor(math.log(1 + x * (t_mul - 1), t_mul))
            x = (x - (t_mul**restarts - 1) / (t_mul - 1)) / t_mul**restarts
        cosine = m_mul**restarts * (1 + math.cos(math.pi * x)) / 2
        return initial_learning_rate * (alpha + (1 - alpha) * cosine)

    return schedule


_INTERVALS: dict[str, Callable[[Any], bool]] = {
    "[0, 1)": lambda x: 0 <= x < 1,
    "[0, inf)": lambda x: 0 <= x < math.inf,
    "(0, inf)": lambda x: 0 < x < math.inf,
    "[1, inf)": lambda x: 1 <= x < math.inf,
}


def check_interval(function: str, interval: str, **arguments: Any) -> None:
    """Raise unless every argument is a number in the interval."""
    for name, value in arguments.items():
        if not isinstance(value, Real):
            raise TypeError(f"{function}: {name} must be a number, got {value!r}")
        if not _INTERVALS[interval](value):
            raise ValueError(f"{function}: {name} must lie in {interval}, got {value!r}")
