"""Steps of optimizers in one pass over the arrays, rounded as NumPy rounds them."""

from __future__ import annotations

import numpy as np

from .simd import jit


@jit
def sgd(g, p, new_p, rate):
    rate = p.dtype.type(rate)
    for i in range(p.size):
        new_p[i] = p[i] - rate * g[i]


@jit
def momentum(g, p, m, new_p, new_m, rate, mu, nesterov):
    number = p.dtype.type
    rate, mu = number(rate), number(mu)
    for i in range(p.size):
        change = rate * g[i]
        speed = mu * m[i] - change
        new_m[i] = speed
        new_p[i] = p[i] + (mu * speed - change if nesterov else speed)


@jit
def adam(g, p, m, v, new_p, new_m, new_v, alpha, beta_1, beta_2, epsilon):
    number = p.dtype.type
    alpha, epsilon = number(alpha), number(epsilon)
    rest_1, rest_2 = number(1 - beta_1), number(1 - beta_2)
    for i in range(p.size):
        mean = m[i] + rest_1 * (g[i] - m[i])
        square = v[i] + rest_2 * (g[i] * g[i] - v[i])
        new_m[i] = mean
        new_v[i] = square
        new_p[i] = p[i] - alpha * mean / (np.sqrt(square) + epsilon)


@jit
def adadelta(g, p, s, d, new_p, new_s, new_d, rate, rho, epsilon):
    number = p.dtype.type
    rest, rate, rho, epsilon = number(1 - rho), number(rate), number(rho), number(epsilon)
    for i in range(p.size):
        square = rho * s[i] + rest * (g[i] * g[i])
        delta = np.sqrt((d[i] + epsilon) / (square + epsilon)) * g[i]
        new_s[i] = square
        new_d[i] = rho * d[i] + rest * (delta * delta)
        new_p[i] = p[i] - rate * delta


@jit
def adagrad(g, p, a, new_p, new_a, rate, epsilon):
    number = p.dtype.type
    rate, epsilon = number(rate), number(epsilon)
    for i in range(p.size):
        square = a[i] + g[i] * g[i]
        new_a[i] = square
        new_p[i] = p[i] - rate * g[i] / np.sqrt(square + epsilon)


@jit
def rmsprop(g, p, v, new_p, new_v, rate, rho, epsilon):
    number = p.dtype.type
    rest, rate, rho, epsilon = number(1 - rho), number(rate), number(rho), number(epsilon)
    for i in range(p.size):
        square = rho * v[i] + rest * (g[i] * g[i])
        new_v[i] = square
        new_p[i] = p[i] - rate * g[i] / np.sqrt(square + epsilon)
