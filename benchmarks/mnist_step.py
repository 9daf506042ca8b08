"""Time of one training step of the MNIST CNN, against whichever of Keras and PyTorch is installed.

    python -m benchmarks.mnist_step
    python -m benchmarks.mnist_step --batch 1 128 --rounds 20

All take the same step (forward, backward, plain gradient descent) on the same images. The libraries
take turns, a few steps each, because a machine's speed drifts; the ratio of a round is that of its
medians, and the table shows the median over the rounds. The first step of all, which loads and
compiles what is not there yet, stands on its own. TINYGRAD_NP_FAST=0 in the environment measures
this library without compiled kernels.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

LEARNING_RATE = 0.01
Step = Callable[[], Any]


def tinygrad_np_step(x: np.ndarray, y: np.ndarray) -> Step:
    """This library, by its public functions."""
    optimizer = tg.optim.sgd(LEARNING_RATE)
    params = mnist_cnn.init(np.random.default_rng(0))
    state = optimizer.init(params)
    value_and_grad = tg.value_and_grad(
        lambda params: tg.softmax_cross_entropy(mnist_cnn.apply(params, x), y)
    )

    def step() -> None:
        nonlocal params, state
        _, grads = value_and_grad(params)
        params, state = optimizer.update(params, grads, state)

    return step


def keras_model(optimizer: Any, metrics: Sequence[str] = ()) -> Any:
    """Keras's network, compiled to train from logits."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    return model


def keras_step(x: np.ndarray, y: np.ndarray) -> Step:
    """Keras with TensorFlow: `train_on_batch`, which runs a compiled graph."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    model = keras_model(keras.optimizers.SGD(LEARNING_RATE))
    return lambda: model.train_on_batch(x, y)


def pytorch_step(x: np.ndarray, y: np.ndarray) -> Step:
    """PyTorch, eager."""
    import torch
    from torch import nn

    torch.set_num_threads(tg.get_num_threads())
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    loss = nn.CrossEntropyLoss()
    images = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(y)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    return step


LIBRARIES = {"tinygrad_np": tinygrad_np_step, "Keras": keras_step, "PyTorch": pytorch_step}


def seconds(step: Step, steps: int) -> float:
    """The median time of a few steps."""
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mnist_step",
        description="Time one training step of the MNIST CNN against other libraries.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32, 128, 512])
    parser.add_argument("--rounds", type=int, default=7, help="turns that each library takes")
    parser.add_argument("--steps", type=int, default=5, help="steps in a turn")
    args = parser.parse_args()

    (x, y), _ = tg.data.load_mnist()
    tg.show_config()
    print(
        f"{'batch':>5}  {'library':<12} {'ms a step':>9}  {'first':>9}  {'tinygrad_np takes':>18}"
    )
    for batch in args.batch:
        steps = {}
        for name, make in LIBRARIES.items():
            try:
                steps[name] = make(x[:batch], y[:batch])
            except ImportError:
                print(f"{batch:5}  {name:<12} is not installed")
        first = {name: seconds(step, 1) for name, step in steps.items()}
        for step in steps.values():
            seconds(step, 3)
        rounds = [
            {name: seconds(step, args.steps) for name, step in steps.items()}
            for _ in range(args.rounds)
        ]
        for name in steps:
            median = np.median([r[name] for r in rounds])
            ratio = np.median([r["tinygrad_np"] / r[name] for r in rounds])
            shown = "" if name == "tinygrad_np" else f"{ratio:.2f} of its time"
            print(
                f"{batch:5}  {name:<12} {1e3 * median:9.1f}  {1e3 * first[name]:9.0f}  {shown:>18}"
            )


if __name__ == "__main__":
    main()
