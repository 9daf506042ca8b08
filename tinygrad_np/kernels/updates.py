"""One step of an optimizer for a block of a parameter: `optim` has the formulas.

All arrays are of one shape and dtype; the results are written to those called new.
"""

from __future__ import annotations

import numpy as np

from .choice import or_compiled

__all__ = ["adadelta", "adagrad", "adam", "momentum", "rmsprop", "sgd"]


@or_compiled
def sgd(g: np.ndarray, p: np.ndarray, new_p: np.ndarray, rate: float) -> None:
    """p ← p - ηg."""
    np.subtract(p, np.multiply(rate, g, out=new_p), out=new_p)


@or_compiled
def momentum(
    g: np.ndarray,
    p: np.ndarray,
    m: np.ndarray,
    new_p: np.ndarray,
    new_m: np.ndarray,
    rate: float,
    mu: float,
    nesterov: bool,
) -> None:
    """m ← μm - ηg,   p ← p + m; with Nesterov's p ← p + μm - ηg."""
    change = rate * g
    m = np.subtract(mu * m, change, out=new_m)
    np.add(p, mu * m - change if nesterov else m, out=new_p)


@or_compiled
def adam(
    g: np.ndarray,
    p: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    new_p: np.ndarray,
    new_m: np.ndarray,
    new_v: np.ndarray,
    alpha: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m ← m + (1 - β₁)(g - m),   v ← v + (1 - β₂)(g² - v),   p ← p - α m / (√v + ε)."""
    m = np.add(m, (1 - beta_1) * (g - m), out=new_m)
    v = np.add(v, (1 - beta_2) * (np.square(g) - v), out=new_v)
    np.subtract(p, alpha * m / (np.sqrt(v) + epsilon), out=new_p)


@or_compiled
def adadelta(
    g: np.ndarray,
    p: np.ndarray,
    s: np.ndarray,
    d: np.ndarray,
    new_p: np.ndarray,
    new_s: np.ndarray,
    new_d: np.ndarray,
    rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """s ← ρs + (1 - ρ) g²,   δ = g √((d + ε) / (s + ε)),   d ← ρd + (1 - ρ) δ²,   p ← p - ηδ."""
    s = np.add(rho * s, (1 - rho) * np.square(g), out=new_s)
    delta = np.sqrt((d + epsilon) / (s + epsilon)) * g
    np.add(rho * d, (1 - rho) * np.square(delta), out=new_d)
    np.subtract(p, rate * delta, out=new_p)


@or_compiled
def adagrad(
    g: np.ndarray,
    p: np.ndarray,
    a: np.ndarray,
    new_p: np.ndarray,
    new_a: np.ndarray,
    rate: float,
    epsilon: float,
) -> None:
    """a ← a + g²,   p ← p - ηg / √(a + ε)."""
    a = np.add(a, np.square(g), out=new_a)
    np.subtract(p, rate * g / np.sqrt(a + epsilon), out=new_p)


@or_compiled
def rmsprop(
    g: np.ndarray,
    p: np.ndarray,
    v: np.ndarray,
    new_p: np.ndarray,
    new_v: np.ndarray,
    rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """v ← ρv + (1 - ρ) g²,   p ← p - ηg / √(v + ε)."""
    v = np.add(rho * v, (1 - rho) * np.square(g), out=new_v)
    np.subtract(p, rate * g / np.sqrt(v + epsilon), out=new_p)
