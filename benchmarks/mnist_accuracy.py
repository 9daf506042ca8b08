"""Test accuracy of the MNIST CNN over several seeds, beside Keras's where it is installed.

    python -m benchmarks.mnist_accuracy                                   6 epochs, seeds 0 to 4
    python -m benchmarks.mnist_accuracy --order repeated
    python -m benchmarks.mnist_accuracy --data keras --epochs 1 --seeds 0

Both libraries train the same network with the same recipe (Adadelta 1.0, batches of 128), from the
same parameters and on the same batches. With `--order fresh` the examples are shuffled for every
epoch, as `tinygrad_np.fit` does. With `--order repeated` they are shuffled once: that is what
Keras's `fit` does after `keras.utils.set_random_seed`, which starts its shuffling anew with every
epoch.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

Split = tuple[np.ndarray, np.ndarray]


def generators(order: str, seed: int, epochs: int) -> Iterator[np.random.Generator]:
    """One for each epoch, so that what a model draws while it trains cannot change the order."""
    for epoch in range(epochs):
        yield np.random.default_rng([seed, epoch] if order == "fresh" else seed)


def tinygrad_np_accuracy(train: Split, test: Split, order: str, epochs: int, seed: int) -> float:
    """Trained by `tg.fit`, an epoch at a time."""
    params, state = mnist_cnn.init(np.random.default_rng(seed)), None
    for rng in generators(order, seed, epochs):
        params, state = _fit_epoch(params, state, train, rng)
    scores = tg.evaluate(mnist_cnn.apply, params, test, loss=tg.softmax_cross_entropy)
    return scores["accuracy"]


def _fit_epoch(params, state, train, rng):
    result = tg.fit(
        mnist_cnn.apply,
        params,
        train,
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.adadelta(1.0),
        state=state,
        epochs=1,
        batch_size=128,
        rng=rng,
        progress=False,
    )
    return result.params, result.state


def keras_accuracy(train: Split, test: Split, order: str, epochs: int, seed: int) -> float:
    """Trained by `keras.Model.fit`, an epoch at a time, in the order that `tg.fit` goes through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    from benchmarks.mnist_step import keras_model

    keras.backend.clear_session()
    model = keras_model(keras.optimizers.Adadelta(1.0), metrics=["accuracy"])
    params = mnist_cnn.init(np.random.default_rng(seed))
    model.set_weights([layer[name] for layer in params.values() for name in ("kernel", "bias")])
    x, y = train
    for rng in generators(order, seed, epochs):
        rows = rng.permutation(len(x))
        model.fit(x[rows], y[rows], batch_size=128, shuffle=False, verbose=0)
    return float(model.evaluate(*test, verbose=0)[1])


def main() -> None:
    """Train and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mnist_accuracy",
        description="Test accuracy of the MNIST CNN over several seeds, beside Keras's.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", default="bundled", help="as for tg.data.load_mnist")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--order",
        choices=("fresh", "repeated"),
        default="fresh",
        help="shuffle for every epoch, or once",
    )
    args = parser.parse_args()

    train, test = tg.data.load_mnist(args.data)
    for name, accuracy in (("tinygrad_np", tinygrad_np_accuracy), ("Keras", keras_accuracy)):
        try:
            found = [accuracy(train, test, args.order, args.epochs, seed) for seed in args.seeds]
        except ImportError:
            print(f"{name:<12} is not installed")
            continue
        each = "  ".join(f"{value:.4f}" for value in found)
        spread = f" ± {np.std(found, ddof=1):.4f}" if len(found) > 1 else ""
        print(f"{name:<12} {np.mean(found):.4f}{spread}   seeds {args.seeds}: {each}", flush=True)


if __name__ == "__main__":
    main()
