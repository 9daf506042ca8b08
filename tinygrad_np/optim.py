"""Optimizers: Keras's formulas, names and defaults, on trees of arrays.

An optimizer is a pair of pure functions. What it remembers between steps is a tree like any other,
to be kept, saved and handed back:

>>> import numpy as np
>>> opt = sgd(0.1, momentum=0.9)
>>> params = {"kernel": np.ones(2, np.float32)}
>>> state = opt.init(params)
>>> params, state = opt.update(params, {"kernel": np.array([1, -1], np.float32)}, state)
>>> params
{'kernel': array([0.9, 1.1], dtype=float32)}
>>> state
{'step': array(1), 'momentum': {'kernel': array([-0.1,  0.1], dtype=float32)}}

In the formulas p is a parameter, g its gradient, t = 1, 2, … the step and η the learning rate of
that step; arrays are multiplied and divided element by element.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any, TypedDict, Unpack

import numpy as np

from .arguments import PLAIN, check, checked, shown
from .core import tree
from .kernels import updates
from .kernels.memory import empty
from .kernels.threads import share
from .schedules import (
    Schedule,
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    piecewise_constant_decay,
    polynomial_decay,
)

__all__ = [
    "Optimizer",
    "adadelta",
    "adagrad",
    "adam",
    "adamw",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "cosine_decay",
    "cosine_decay_restarts",
    "exponential_decay",
    "inverse_time_decay",
    "piecewise_constant_decay",
    "polynomial_decay",
    "rmsprop",
    "sgd",
]

# Elements of a leaf that are updated at a time: few enough that what a rule computes stays in the
# cache, and so many that a ufunc takes longer than threads need to hand on the interpreter's lock.
BLOCK = 192 * 1024


class Clipping(TypedDict, total=False):
    """What every optimizer can do to the gradients before it uses them: at most one of these."""

    clipnorm: float | None  # clip_by_norm(grads, clipnorm)
    clipvalue: float | None  # clip_by_value(grads, clipvalue)
    global_clipnorm: float | None  # clip_by_global_norm(grads, global_clipnorm)


class Options(Clipping, total=False):
    """The keyword arguments that every optimizer takes besides its own."""

    weight_decay: float | None  # λ of p ← p - ηλp, taken before the rule's own change


@dataclass(frozen=True)
class Optimizer:
    """A rule for one array, applied to every leaf of a tree; made by `sgd`, `adam`, ….

    `rule(g, old, new, rate, step)` gets a block of a gradient, the same blocks (p, *slots) of the
    parameter and of the state, and those to write the new ones to; `step` counts from 1. `slots`
    names the trees of the state and gives the value that each starts from. An optimizer can be
    pickled and copied, if its schedule can; those of this package can.
    """

    name: str
    learning_rate: float | Schedule
    rule: Callable[..., None] = field(repr=False)
    slots: dict[str, float] = field(default_factory=dict)
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None

    def __post_init__(self) -> None:
        bounds = {argument: getattr(self, argument) for argument in Clipping.__annotations__}
        rate, decay = self.learning_rate, self.weight_decay
        check(self.name, learning_rate=rate, weight_decay=decay, **bounds)
        clips = [argument for argument, bound in bounds.items() if bound is not None]
        if len(clips) > 1:
            raise ValueError(f"{self.name}: {' and '.join(clips)} were given, expected one of them")

    def init(self, params: Any) -> dict[str, Any]:
        """The state before the first step: the step count, and a tree like `params` for each slot.

        Raises TypeError where a leaf of `params` is no array of floats.
        """
        _float_leaves(self.name, "params", params)
        state = {
            slot: tree.map(lambda p, value=value: np.full_like(p, value), params)
            for slot, value in self.slots.items()
        }
        return {"step": np.array(0), **state}

    def update(self, params: Any, grads: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """One step. The arguments are left as they are.

        Args:
            params: a tree of float arrays.
            grads: a tree like `params`: the gradients there. They need not be finite.
            state: what `init` or the last `update` gave.

        Returns:
            The new params and the new state, each array in its old dtype.

        Raises:
            TypeError: where a leaf is no array of floats.
            ValueError: where the trees, or two arrays at one place of them, are shaped differently,
                or a schedule returns something else than a number in [0, inf).
        """
        if not isinstance(state, dict) or state.keys() != {"step", *self.slots}:
            got = sorted(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(
                f"{self.name}: state holds {got}, expected {['step', *self.slots]} as init gives"
            )
        like = _float_leaves(self.name, "params", params)
        old = [like, *(_float_leaves(self.name, slot, state[slot], like) for slot in self.slots)]
        gradients = _float_leaves(self.name, "grads", grads, like)
        if self.clipnorm is not None:
            gradients = clip_by_norm(gradients, self.clipnorm)
        if self.clipvalue is not None:
            gradients = clip_by_value(gradients, self.clipvalue)
        if self.global_clipnorm is not None:
            gradients = clip_by_global_norm(gradients, self.global_clipnorm)

        step = int(state["step"])
        # Next to a NumPy float64, float32 blocks would be computed in float64: hence float.
        rate = self._rate(step) if callable(self.learning_rate) else float(self.learning_rate)
        decay = rate * float(self.weight_decay or 0)
        new = [{place: empty(p.shape, p.dtype) for place, p in leaves.items()} for leaves in old]

        def update_block(block: list[np.ndarray]) -> None:
            g, p, *rest = block
            slots, out = rest[: len(self.slots)], rest[len(self.slots) :]
            if decay:
                p = p - decay * p
            self.rule(g.astype(p.dtype, copy=False), (p, *slots), out, rate, step + 1)

        blocks = []
        for place, leaf in like.items():
            arrays = [leaves[place].reshape(-1) for leaves in (gradients, *old, *new)]
            for start in range(0, leaf.size, BLOCK):
                blocks.append([array[start : start + BLOCK] for array in arrays])
        # The user looks for nan and inf in the loss; warnings from here would name no place.
        with np.errstate(over="ignore", invalid="ignore"):
            if sum(leaf.size for leaf in like.values()) > BLOCK:
                share(update_block, blocks, multiplies=False)
            else:  # less work than waking a thread
                for block in blocks:
                    update_block(block)
        new_params, *new_slots = (tree.unflatten(params, leaves.values()) for leaves in new)
        new_state = dict(zip(self.slots, new_slots, strict=True))
        return new_params, {"step": np.array(step + 1), **new_state}

    def _rate(self, step: int) -> float:
        rate = np.asarray(self.learning_rate(step))  # type: ignore[operator]
        if rate.ndim or rate.dtype.kind not in "iuf" or not 0 <= rate < math.inf:
            raise ValueError(
                f"{self.name}: learning_rate must be a schedule that returns numbers in [0, inf), "
                f"at step {step} it returned {rate[()]!r:.80}"
            )
        return float(rate)


@checked()
def sgd(
    learning_rate: float | Schedule = 0.01,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    **options: Unpack[Options],
) -> Optimizer:
    """Gradient descent, with momentum μ if wanted.

        p ← p - ηg                                        without momentum
        m ← μm - ηg,   p ← p + m                          with momentum
        m ← μm - ηg,   p ← p + μm - ηg                    with Nesterov's

    Args:
        learning_rate: η, or a schedule.
        momentum: μ, in [0, 1).
        nesterov: whether to take the gradient as if momentum had already moved p.
        options: see `Options`.

    Raises TypeError or ValueError for an argument out of its range.

    Polyak, Some methods of speeding up the convergence of iteration methods (1964); Sutskever et
    al., On the importance of initialization and momentum in deep learning (2013).
    Behaves like keras.optimizers.SGD.

    >>> opt = sgd(0.5)
    >>> opt.update([np.array([1.0])], [np.array([1.0])], opt.init([np.array([1.0])]))[0]
    [array([0.5])]
    """
    slots = {"momentum": 0.0} if momentum else {}
    return Optimizer("sgd", learning_rate, partial(_sgd_rule, momentum, nesterov), slots, **options)


# The rules are functions of this module, not closures, so that optimizers can be pickled.


def _sgd_rule(momentum, nesterov, g, old, new, rate, step):
    if momentum == 0:
        updates.sgd(g, old[0], new[0], rate)
    else:
        (p, m), (new_p, new_m) = old, new
        updates.momentum(g, p, m, new_p, new_m, rate, momentum, nesterov)


@checked()
def adam(
    learning_rate: float | Schedule = 0.001,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    **options: Unpack[Options],
) -> Optimizer:
    """Adam: steps along a running mean of the gradient, scaled by that of its square.

        m ← m + (1 - β₁)(g - m)
        v ← v + (1 - β₂)(g² - v)
        p ← p - α m / (√v + ε),       α = η √(1 - β₂ᵗ) / (1 - β₁ᵗ)

    α makes up for m and v having started from zero. With AMSGrad the largest v so far takes v's
    place in the last line.

    Args:
        learning_rate: η, or a schedule.
        beta_1, beta_2: β₁ and β₂, in [0, 1).
        epsilon: ε, which is the paper's ε̂.
        amsgrad: see above.
        options: see `Options`.

    Raises TypeError or ValueError for an argument out of its range.

    Kingma and Ba, Adam: a method for stochastic optimization (2015), arxiv.org/abs/1412.6980; Reddi
    et al., On the convergence of Adam and beyond (2018), arxiv.org/abs/1904.09237.
    Behaves like keras.optimizers.Adam.

    >>> opt = adam(0.1)
    >>> opt.update([np.array([1.0])], [np.array([5.0])], opt.init([np.array([1.0])]))[0]
    [array([0.90000006])]
    """
    return _adam("adam", learning_rate, beta_1, beta_2, epsilon, amsgrad, **options)


@checked()
def adamw(
    learning_rate: float | Schedule = 0.001,
    *,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    **clipping: Unpack[Clipping],
) -> Optimizer:
    """Adam with decoupled weight decay: p ← p - ηλp, and then Adam's step.

    Args:
        weight_decay: λ.
        clipping: see `Clipping`.
        learning_rate, beta_1, beta_2, epsilon, amsgrad: as for `adam`.

    Raises TypeError or ValueError for an argument out of its range.

    Loshchilov and Hutter, Decoupled weight decay regularization (2019), arxiv.org/abs/1711.05101.
    Behaves like keras.optimizers.AdamW.

    >>> opt = adamw(0.1, weight_decay=1.0)
    >>> opt.update([np.array([1.0])], [np.array([0.0])], opt.init([np.array([1.0])]))[0]
    [array([0.9])]
    """
    return _adam(
        "adamw",
        learning_rate,
        beta_1,
        beta_2,
        epsilon,
        amsgrad,
        weight_decay=weight_decay,
        **clipping,
    )


def _adam(
    name: str,
    learning_rate: float | Schedule,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    amsgrad: bool,
    **options: Unpack[Options],
) -> Optimizer:
    rule = partial(_adam_rule, beta_1, beta_2, epsilon, amsgrad)
    slots = {"momentum": 0.0, "velocity": 0.0} | ({"velocity_hat": 0.0} if amsgrad else {})
    return Optimizer(name, learning_rate, rule, slots, **options)


def _adam_rule(beta_1, beta_2, epsilon, amsgrad, g, old, new, rate, step):
    (p, m, v, *v_max), (new_p, new_m, new_v, *new_v_max) = old, new
    # Keras takes the powers in p's dtype. In float32, 1 - β₂ at the first step is off by 1e-5
    # of itself, which all of the step then is: to agree with Keras is to do the same.
    b1, b2 = p.dtype.type(beta_1), p.dtype.type(beta_2)
    alpha = rate * np.sqrt(1 - b2**step) / (1 - b1**step)
    settings = float(alpha), beta_1, beta_2, epsilon
    updates.adam(g, p, m, v, new_p, new_m, new_v, *settings)
    if amsgrad:
        v = np.maximum(v_max[0], new_v, out=new_v_max[0])
        np.subtract(p, alpha * new_m / (np.sqrt(v) + epsilon), out=new_p)


@checked()
def adadelta(
    learning_rate: float | Schedule = 0.001,
    *,
    rho: float = 0.95,
    epsilon: float = 1e-7,
    **options: Unpack[Options],
) -> Optimizer:
    """Adadelta: steps as large as recent steps were, in proportion to recent gradients.

        s ← ρs + (1 - ρ) g²
        δ = g √(d + ε) / √(s + ε)
        d ← ρd + (1 - ρ) δ²
        p ← p - ηδ

    δ has p's unit, so the paper needs no learning rate: its η is 1, Keras's default 0.001.

    Args:
        learning_rate: η, or a schedule.
        rho: ρ, in [0, 1).
        epsilon: ε.
        options: see `Options`.

    Raises TypeError or ValueError for an argument out of its range.

    Zeiler, ADADELTA: an adaptive learning rate method (2012), arxiv.org/abs/1212.5701.
    Behaves like keras.optimizers.Adadelta.

    >>> opt = adadelta(1.0, epsilon=0.5)
    >>> opt.update([np.array([1.0])], [np.array([0.0])], opt.init([np.array([1.0])]))[0]
    [array([1.])]
    """
    slots = {"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}
    rule = partial(_adadelta_rule, rho, epsilon)
    return Optimizer("adadelta", learning_rate, rule, slots, **options)


def _adadelta_rule(rho, epsilon, g, old, new, rate, step):
    (p, s, d), (new_p, new_s, new_d) = old, new
    updates.adadelta(g, p, s, d, new_p, new_s, new_d, rate, rho, epsilon)


@checked()
def adagrad(
    learning_rate: float | Schedule = 0.001,
    *,
    initial_accumulator_value: float = 0.1,
    epsilon: float = 1e-7,
    **options: Unpack[Options],
) -> Optimizer:
    """Adagrad: the more a parameter has been pushed so far, the smaller its steps.

        a ← a + g²
        p ← p - ηg / √(a + ε)

    Args:
        learning_rate: η, or a schedule.
        initial_accumulator_value: what a starts from.
        epsilon: ε.
        options: see `Options`.

    Raises TypeError or ValueError for an argument out of its range.

    Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic
    optimization (2011), jmlr.org/papers/v12/duchi11a.html.
    Behaves like keras.optimizers.Adagrad.

    >>> opt = adagrad(1.0, initial_accumulator_value=0.0, epsilon=0.0)
    >>> opt.update([np.array([1.0])], [np.array([0.3])], opt.init([np.array([1.0])]))[0]
    [array([0.])]
    """
    slots = {"accumulator": initial_accumulator_value}
    return Optimizer("adagrad", learning_rate, partial(_adagrad_rule, epsilon), slots, **options)


def _adagrad_rule(epsilon, g, old, new, rate, step):
    (p, a), (new_p, new_a) = old, new
    updates.adagrad(g, p, a, new_p, new_a, rate, epsilon)


@checked()
def rmsprop(
    learning_rate: float | Schedule = 0.001,
    *,
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
    centered: bool = False,
    **options: Unpack[Options],
) -> Optimizer:
    """RMSprop: the gradient divided by the root of its running mean square.

        v ← ρv + (1 - ρ) g²
        δ = ηg / √(v + ε)
        p ← p - δ                                         without momentum
        m ← μm + δ,   p ← p - m                           with momentum

    Centered, the running variance v - a² takes v's place in δ, with a ← ρa + (1 - ρ) g.

    Args:
        learning_rate: η, or a schedule.
        rho: ρ, in [0, 1).
        momentum: μ, in [0, 1).
        epsilon: ε.
        centered: see above.
        options: see `Options`.

    Raises TypeError or ValueError for an argument out of its range.

    Tieleman and Hinton, Lecture 6.5, Neural networks for machine learning (2012); centered: Graves,
    Generating sequences with recurrent neural networks (2013), arxiv.org/abs/1308.0850.
    Behaves like keras.optimizers.RMSprop.

    >>> opt = rmsprop(1.0, rho=0.0, epsilon=0.0)
    >>> opt.update([np.array([1.0])], [np.array([0.3])], opt.init([np.array([1.0])]))[0]
    [array([0.])]
    """
    slots = {"velocity": 0.0}
    slots |= {"momentum": 0.0} if momentum else {}
    slots |= {"average_gradient": 0.0} if centered else {}
    rule = partial(_rmsprop_rule, rho, momentum, epsilon, centered)
    return Optimizer("rmsprop", learning_rate, rule, slots, **options)


def _rmsprop_rule(rho, momentum, epsilon, centered, g, old, new, rate, step):
    (p, v, *m_a), (new_p, new_v, *new_m_a) = old, new
    if not momentum and not centered:
        updates.rmsprop(g, p, v, new_p, new_v, rate, rho, epsilon)
        return
    v = np.add(rho * v, (1 - rho) * np.square(g), out=new_v)
    if centered:
        a = np.add(rho * m_a[-1], (1 - rho) * g, out=new_m_a[-1])
        v = v - np.square(a)
    delta = rate * g / np.sqrt(v + epsilon)
    if momentum:
        delta = np.add(momentum * m_a[0], delta, out=new_m_a[0])
    np.subtract(p, delta, out=new_p)


@checked()
def clip_by_global_norm(grads: Any, max_norm: float) -> Any:
    """Scale all gradients alike so that their norm, taken as one vector, is at most `max_norm`.

        g ← g · c / max(n, c),     n = √Σ ‖g‖²  over all leaves

    A norm that is not finite makes every gradient nan, so that it cannot pass unseen.

    Args:
        grads: a tree of float arrays.
        max_norm: c, positive.

    Returns:
        A tree like `grads`.

    Raises TypeError or ValueError where `max_norm` is no positive number, or a leaf no array of
    floats.

    Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013),
    arxiv.org/abs/1211.5063. Behaves like the `global_clipnorm` of Keras's optimizers.

    >>> clip_by_global_norm({"a": np.array([3.0]), "b": np.array([4.0])}, 1.0)
    {'a': array([0.6]), 'b': array([0.8])}
    """
    _float_leaves("clip_by_global_norm", "grads", grads)
    scale = _scale(math.hypot(*map(_norm, tree.leaves(grads))), max_norm)
    return tree.map(lambda g: g * scale, grads)


@checked()
def clip_by_norm(grads: Any, max_norm: float) -> Any:
    """Scale each leaf of `grads` by itself so that its norm is at most `max_norm`.

        g ← g · c / max(‖g‖, c)

    Args, returns and raises as `clip_by_global_norm`.
    Behaves like the `clipnorm` of Keras's optimizers.

    >>> clip_by_norm({"a": np.array([3.0, 4.0]), "b": np.array([0.5])}, 1.0)
    {'a': array([0.6, 0.8]), 'b': array([0.5])}
    """
    _float_leaves("clip_by_norm", "grads", grads)
    return tree.map(lambda g: g * _scale(_norm(g), max_norm), grads)


@checked()
def clip_by_value(grads: Any, max_value: float) -> Any:
    """Bring every element of `grads` into the interval from -max_value to max_value.

    Args, returns and raises as `clip_by_global_norm`.
    Behaves like the `clipvalue` of Keras's optimizers.

    >>> clip_by_value([np.array([-3.0, 0.5, 4.0])], 1.0)
    [array([-1. ,  0.5,  1. ])]
    """
    _float_leaves("clip_by_value", "grads", grads)
    return tree.map(lambda g: np.clip(g, -float(max_value), float(max_value)), grads)


def _float_leaves(
    optimizer: str, label: str, given: Any, like: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """The leaves of `given` by path; raise unless they are floats, placed and shaped as `like`."""
    leaves = {}
    for place, leaf in tree.items(given):
        if not PLAIN.holds(leaf):
            raise TypeError(
                f"{optimizer}: {label} at {place!r} must be {PLAIN.expected}, got {shown(leaf)}"
            )
        leaves[place] = np.asarray(leaf, order="C")
    like = leaves if like is None else like
    if list(leaves) != list(like):
        places = zip_longest(map(repr, leaves), map(repr, like), fillvalue="no leaf")
        got, expected = next((a, b) for a, b in places if a != b)
        raise ValueError(f"{optimizer}: {label} has {got} where params has {expected}")
    for place, leaf in leaves.items():
        if leaf.dtype.kind != "f":
            raise TypeError(f"{optimizer}: {label} at {place!r} is {leaf.dtype}, expected floats")
        if leaf.shape != like[place].shape:
            raise ValueError(
                f"{optimizer}: {label} at {place!r} has shape {leaf.shape}, "
                f"but params {like[place].shape}"
            )
    return leaves


def _scale(norm: float, max_norm: float) -> float:
    return float(max_norm / max(norm, max_norm)) if math.isfinite(norm) else math.nan


def _norm(g: np.ndarray) -> float:
    return math.sqrt(np.vdot(g, g))
