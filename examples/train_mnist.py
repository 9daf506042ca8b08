"""Train the MNIST CNN and show how it went.

    python -m examples.train_mnist                       the embedded 5,000 images, a minute
    python -m examples.train_mnist --data keras          all 70,000, through keras.datasets
    python -m examples.train_mnist --preset original     the project this one grew from

Writes the parameters (params.npz, for tg.load) and the learning curves (history.png).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

OPTIMIZERS: dict[str, Callable[..., tg.optim.Optimizer]] = {
    "sgd": tg.optim.sgd,
    "momentum": partial(tg.optim.sgd, momentum=0.9),
    "nesterov": partial(tg.optim.sgd, momentum=0.9, nesterov=True),
    "adadelta": partial(tg.optim.adadelta, learning_rate=1.0),
    "adagrad": tg.optim.adagrad,
    "adam": tg.optim.adam,
    "adamw": tg.optim.adamw,
    "rmsprop": tg.optim.rmsprop,
}

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "original": {
        "images": (500, 125),
        "batch_size": 1,
        "bias": False,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "epochs": 10,
    },
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; a preset sets defaults, which other flags override."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.train_mnist",
        description="Train a convolutional network on MNIST and show how it went.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="default", help="a set of defaults for what follows")
    add(
        "--data", default="bundled", help="bundled, keras, or the path of an .npz in Keras's layout"
    )
    add(
        "--images",
        type=int,
        nargs=2,
        metavar=("TRAIN", "VALIDATION"),
        help="use only so many of each (default: all)",
    )
    add("--filters", type=int, nargs="*", default=[32, 64], help="of each convolution")
    add("--kernel-size", type=int, default=3, help="height and width of the kernels")
    add("--pool", type=int, default=2, help="window of the max pooling; 1 for none")
    add("--hidden", type=int, nargs="*", default=[128], help="units of each hidden dense layer")
    add("--dropout", type=float, default=0.0, help="rate after each hidden dense layer")
    add("--bias", action=argparse.BooleanOptionalAction, default=True, help="layers have biases")
    add("--optimizer", choices=OPTIMIZERS, default="adadelta", help="how to step")
    add("--learning-rate", type=float, help="(default: 1.0 for adadelta, else Keras's default)")
    add("--batch-size", type=int, default=128, help="images in a step")
    add("--epochs", type=int, default=8, help="times to go through the training images")
    add("--seed", type=int, default=0, help="draws the parameters, the order of images, dropout")
    add("--output", type=Path, default=Path("runs/mnist"), help="folder for what is written")
    preset = parser.parse_args(arguments).preset
    parser.set_defaults(**PRESETS[preset])
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says; a mistake in it ends the program with one sentence."""
    args = parse(arguments)
    try:
        train(args)
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(f"train_mnist: {error}") from None


def train(args: argparse.Namespace) -> None:
    """Load, train, measure, save."""
    train_set, test_set = tg.data.load_mnist(args.data, dtype=np.uint8)
    if args.images:
        if min(args.images) < 1:
            raise ValueError(f"--images must be at least 1, not {args.images}")
        train_set, test_set = (
            (x[:count], y[:count])
            for count, (x, y) in zip(args.images, (train_set, test_set), strict=True)
        )
    rng = np.random.default_rng(args.seed)
    params = mnist_cnn.init(
        rng, args.filters, args.kernel_size, args.pool, args.hidden, bias=args.bias
    )
    apply = partial(mnist_cnn.apply, pool=args.pool, dropout=args.dropout)
    rate = {} if args.learning_rate is None else {"learning_rate": args.learning_rate}
    args.output.mkdir(parents=True, exist_ok=True)
    print(
        f"{sum(p.size for p in tg.tree.leaves(params)):,} parameters, {len(train_set[0]):,} "
        f"training and {len(test_set[0]):,} test images, {tg.get_num_threads()} threads"
    )

    start = time.perf_counter()
    result = tg.fit(
        apply,
        params,
        train_set,
        loss=tg.softmax_cross_entropy,
        optimizer=OPTIMIZERS[args.optimizer](**rate),
        epochs=args.epochs,
        batch_size=args.batch_size,
        validation=test_set,
        rng=rng,
    )
    seconds = time.perf_counter() - start

    scores = tg.evaluate(apply, result.params, test_set, loss=tg.softmax_cross_entropy)
    print(
        f"test accuracy {scores['accuracy']:.4f}, test loss {scores['loss']:.4f}, "
        f"{seconds:.1f} s of training"
    )
    tg.save(args.output / "params.npz", result.params)
    print("wrote", args.output / "params.npz")
    if result.history["loss"]:
        tg.plot.history(result).savefig(args.output / "history.png", dpi=150)
        print("wrote", args.output / "history.png")


if __name__ == "__main__":
    main()
