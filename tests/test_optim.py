"""Optimizers, clipping and schedules follow Keras's; updating changes none of its arguments."""

import copy
import warnings

import numpy as np
import pytest

from tinygrad_np import optim, tree

KERAS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "adadelta": "Adadelta",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
}
CASES = [
    *((name, {}) for name in KERAS),
    ("sgd", {"learning_rate": 0.1, "momentum": 0.9}),
    ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("adam", {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("adam", {"amsgrad": True, "beta_2": 0.9}),
    ("adamw", {"weight_decay": 0.1, "learning_rate": 0.01, "amsgrad": True}),
    ("adadelta", {"learning_rate": 1.0}),
    ("adadelta", {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-4}),
    ("adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("rmsprop", {"learning_rate": 0.01, "rho": 0.8, "epsilon": 1e-4}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True, "epsilon": 1e-3}),
    ("rmsprop", {"momentum": 0.5, "centered": True, "epsilon": 1e-3}),
    ("sgd", {"clipnorm": 0.7}),
    ("sgd", {"clipvalue": 0.3, "momentum": 0.9}),
    ("adam", {"global_clipnorm": 1.5, "weight_decay": 0.01}),
    ("adadelta", {"global_clipnorm": 1e6, "weight_decay": 0.5, "learning_rate": 1.0}),
]
IDS = ["-".join([name, *arguments]) for name, arguments in CASES]
every_case = pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
every_optimizer = pytest.mark.parametrize("name", KERAS)


def make(name, **arguments):
    return getattr(optim, name)(**arguments)


def random_tree(seed, dtype=np.float32):
    """Leaves of several ranks, one of them not contiguous, in nested containers."""
    rng = np.random.default_rng(seed)
    leaves = {
        "conv": {"kernel": rng.normal(size=(3, 3, 2, 4)), "bias": rng.normal(size=4)},
        "list": [np.array(rng.normal()), rng.normal(size=(50, 7)).T],
    }
    return tree.map(lambda leaf: leaf.astype(dtype), leaves)


def run(optimizer, steps=3, dtype=np.float32):
    params = random_tree(0, dtype)
    state = optimizer.init(params)
    for step in range(steps):
        params, state = optimizer.update(params, random_tree(1 + step, dtype), state)
    return params, state


def assert_same(actual, expected):
    """The same containers, dtypes and bits."""
    assert tree.paths(actual) == tree.paths(expected)
    for a, b in zip(tree.leaves(actual), tree.leaves(expected), strict=True):
        assert (type(a), a.dtype, a.shape) == (type(b), b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


