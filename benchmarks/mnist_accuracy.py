"""Test accuracy of the MNIST CNN over several seeds, beside Keras's where it is installed.

    python -m benchmarks.mnist_accuracy                                   6 epochs, seeds 0 to 4
    python -m benchmarks.mnist_accuracy --data keras --epochs 1 --seeds 0

Both train the same network with the same recipe (Adadelta 1.0, batches of 128, glorot_uniform),
each with its own random numbers. Prints the accuracy of every seed, the mean and the standard
deviation.
"""

from __future__ import annotations

import argparse
import os

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

Split = tuple[np.ndarray, np.ndarray]


def tinygrad_np_accuracy(train: Split, test: Split, epochs: int, seed: int) -> float:
    """Trained by `tg.fit`."""
    rng = np.random.default_rng(seed)
    result = tg.fit(
        mnist_cnn.apply,
        mnist_cnn.init(rng),
        train,
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.adadelta(1.0),
        epochs=epochs,
        batch_size=128,
        rng=rng,
        progress=False,
    )
    scores = tg.evaluate(mnist_cnn.apply, result.params, test, loss=tg.softmax_cross_entropy)
    return scores["accuracy"]


def keras_accuracy(train: Split, test: Split, epochs: int, seed: int) -> float:
    """Trained by `keras.Model.fit`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    from benchmarks.mnist_step import keras_model

    keras.utils.set_random_seed(seed)
    model = keras_model(keras.optimizers.Adadelta(1.0), metrics=["accuracy"])
    model.fit(*train, batch_size=128, epochs=epochs, verbose=0)
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
    args = parser.parse_args()

    train, test = tg.data.load_mnist(args.data)
    for name, accuracy in (("tinygrad_np", tinygrad_np_accuracy), ("Keras", keras_accuracy)):
        try:
            found = [accuracy(train, test, args.epochs, seed) for seed in args.seeds]
        except ImportError:
            print(f"{name:<12} is not installed")
            continue
        each = "  ".join(f"{value:.4f}" for value in found)
        spread = f" ± {np.std(found, ddof=1):.4f}" if len(found) > 1 else ""
        print(f"{name:<12} {np.mean(found):.4f}{spread}   seeds {args.seeds}: {each}", flush=True)


if __name__ == "__main__":
    main()
