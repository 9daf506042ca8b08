"""Time of one training step of the MNIST CNN, against the libraries that are installed.

    python -m benchmarks.mnist_step
    python -m benchmarks.mnist_step --batch 1 128 --rounds 20 --libraries Keras
    python -m benchmarks.mnist_step --memory --json step.json --figure step.png

All take the same step (forward, backward, plain gradient descent) on the same images, in turns,
because a machine's speed drifts. The first step of all, which compiles what is not there yet, has a
column of its own. With --memory each library also trains a few steps in a process of its own, whose
peak is shown. TINYGRAD_NP_FAST=0 in the environment measures this library without compiled kernels.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

from .timing import OURS, Step, add_output_arguments, installed, report, rows, seconds, take_turns

LEARNING_RATE = 0.01


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


def jax_step(x: np.ndarray, y: np.ndarray) -> Step:
    """JAX, compiled."""
    import jax
    import jax.numpy as jnp

    def loss(params: Any) -> Any:
        h = jnp.asarray(x)
        for name in ("conv1", "conv2"):
            kernel, bias = params[name]["kernel"], params[name]["bias"]
            layout = ("NHWC", "HWIO", "NHWC")
            h = jax.lax.conv_general_dilated(h, kernel, (1, 1), "VALID", dimension_numbers=layout)
            h = jax.nn.relu(h + bias)
        windows = {"window_dimensions": (1, 2, 2, 1), "window_strides": (1, 2, 2, 1)}
        h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, padding="VALID", **windows)
        h = h.reshape(len(x), -1)
        h = jax.nn.relu(h @ params["dense1"]["kernel"] + params["dense1"]["bias"])
        logits = h @ params["dense2"]["kernel"] + params["dense2"]["bias"]
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(x)), y])

    @jax.jit
    def update(params: Any) -> Any:
        grads = jax.grad(loss)(params)
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, grads)

    params = jax.tree.map(jnp.asarray, mnist_cnn.init(np.random.default_rng(0)))

    def step() -> None:
        nonlocal params
        params = jax.block_until_ready(update(params))

    return step


def mygrad_step(x: np.ndarray, y: np.ndarray) -> Step:
    """MyGrad, with the convolution and pooling that come with it."""
    import mygrad
    from mygrad.nnet.layers import conv_nd, max_pool
    from mygrad.nnet.losses import softmax_crossentropy

    params = mnist_cnn.init(np.random.default_rng(0))
    tensors: dict[str, Any] = {
        name: (
            mygrad.tensor(np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1)))
            if name.startswith("conv")
            else mygrad.tensor(layer["kernel"]),
            mygrad.tensor(layer["bias"]),
        )
        for name, layer in params.items()
    }
    images = x.transpose(0, 3, 1, 2).copy()

    def step() -> None:
        h: Any = images
        for name in ("conv1", "conv2"):
            kernel, bias = tensors[name]
            h = mygrad.maximum(conv_nd(h, kernel, stride=1) + bias.reshape(1, -1, 1, 1), 0)
        h = max_pool(h, (2, 2), 2).reshape(len(x), -1)
        kernel, bias = tensors["dense1"]
        h = mygrad.maximum(h @ kernel + bias, 0)
        kernel, bias = tensors["dense2"]
        softmax_crossentropy(h @ kernel + bias, y).backward()
        for pair in tensors.values():
            for tensor in pair:
                tensor.data = tensor.data - LEARNING_RATE * tensor.grad

    return step


def hips_step(x: np.ndarray, y: np.ndarray) -> Step:
    """HIPS autograd: it has no convolution to speak of, so one is made of its matrix products."""
    import autograd
    import autograd.numpy as anp

    def convolve(x: Any, layer: Any) -> Any:
        height, width = x.shape[1] - 2, x.shape[2] - 2
        taps = [
            x[:, u : u + height, v : v + width] @ layer["kernel"][u, v]
            for u in range(3)
            for v in range(3)
        ]
        return sum(taps) + layer["bias"]

    def loss(params: Any) -> Any:
        h = anp.maximum(convolve(x, params["conv1"]), 0)
        h = anp.maximum(convolve(h, params["conv2"]), 0)
        h = anp.max(h.reshape(len(x), 12, 2, 12, 2, 64), axis=(2, 4)).reshape(len(x), -1)
        h = anp.maximum(h @ params["dense1"]["kernel"] + params["dense1"]["bias"], 0)
        logits = h @ params["dense2"]["kernel"] + params["dense2"]["bias"]
        shifted = logits - anp.max(logits, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - shifted[range(len(x)), y])

    params = mnist_cnn.init(np.random.default_rng(0))
    gradient = autograd.grad(loss)

    def step() -> None:
        nonlocal params
        params = tg.tree.map(lambda p, g: p - LEARNING_RATE * g, params, gradient(params))

    return step


LIBRARIES = {
    OURS: tinygrad_np_step,
    "Keras": keras_step,
    "PyTorch": pytorch_step,
    "JAX": jax_step,
    "MyGrad": mygrad_step,
    "HIPS autograd": hips_step,
}


def batch_of(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images and labels, again and again if there are too few."""
    (x, y), _ = tg.data.load_mnist()
    rows = np.arange(size) % len(x)
    return x[rows], y[rows]


def peak_of(library: str, batch: int) -> float:
    """MiB that a process holds at most, which imports the library and trains a few steps."""
    code = (
        "from benchmarks import mnist_step, timing\n"
        f"step = mnist_step.LIBRARIES[{library!r}](*mnist_step.batch_of({batch}))\n"
        "for _ in range(5): step()\n"
        "print(timing.peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def multiplying_share(batch: int, time: float) -> float:
    """The step's rate of arithmetic, as a share of that of a product of large matrices here.

    A layer's gradients take as much arithmetic each as the layer; the images' is not computed.
    """
    x, y = batch_of(batch)
    params = tg.tree.map(
        lambda p: tg.Tensor(p, requires_grad=True), mnist_cnn.init(np.random.default_rng(0))
    )
    flops = [
        record.flops()
        for record in tg.softmax_cross_entropy(mnist_cnn.apply(params, x), y).tape()
        if record.op.name in ("conv2d", "dense")
    ]
    matrix = np.ones((2048, 2048), np.float32)
    rate = 2 * 2048**3 / seconds(lambda: matrix @ matrix, 5)
    return (3 * sum(flops) - flops[0]) / time / rate


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mnist_step",
        description="Time one training step of the MNIST CNN against other libraries.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32, 128, 512])
    parser.add_argument("--rounds", type=int, default=7, help="turns that each library takes")
    parser.add_argument("--steps", type=int, default=5, help="steps in a turn")
    parser.add_argument(
        "--libraries", nargs="+", choices=list(LIBRARIES)[1:], default=["Keras", "PyTorch"]
    )
    parser.add_argument("--memory", action="store_true", help="measure peak memory as well")
    add_output_arguments(parser)
    args = parser.parse_args()

    tg.show_config()
    results = []
    for batch in args.batch:
        makers = {name: LIBRARIES[name] for name in (OURS, *args.libraries)}
        steps = installed(makers, *batch_of(batch))
        first = {name: seconds(step, 1) for name, step in steps.items()}
        measured = take_turns(steps, args.rounds, args.steps)
        found = rows(f"batch {batch}", measured)
        for row in found:
            row["first"] = 1e3 * first[row["library"]]
            row["MiB"] = peak_of(row["library"], batch) if args.memory else None
        share = multiplying_share(batch, float(np.median(measured[OURS])))
        print(f"batch {batch}: {OURS} multiplies at {share:.0%} of the rate of a large product")
        results += found
    report(results, args, "One training step of the MNIST CNN")


if __name__ == "__main__":
    main()
