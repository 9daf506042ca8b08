"""A whole epoch of MNIST, and the time to 0.98 test accuracy, against Keras.

    python -m benchmarks.mnist_epoch --data keras
    python -m benchmarks.mnist_epoch --data bundled --accuracy 0.9

Each library trains the MNIST CNN (Adadelta 1.0, batches of 128) in a process of its own, with its
own `fit`, until an epoch ends at that accuracy on the test images. "epoch" is the first epoch's
training alone; "until accurate" is everything from the start of the process: imports, data,
compilation, training and testing. The libraries take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

from .timing import OURS, add_output_arguments, peak_memory, report

MOST_EPOCHS = 10


def tinygrad_np_trainer(train: Any, test: Any) -> Any:
    """A function that trains for an epoch, and one that gives the accuracy."""
    rng = np.random.default_rng(0)
    options: Any = {"loss": tg.softmax_cross_entropy, "optimizer": tg.optim.adadelta(1.0)}
    params, state = mnist_cnn.init(rng), None

    def epoch() -> None:
        nonlocal params, state
        options.update(epochs=1, batch_size=128, rng=rng, state=state, progress=False)
        result = tg.fit(mnist_cnn.apply, params, train, **options)
        params, state = result.params, result.state

    def accuracy() -> float:
        loss = tg.softmax_cross_entropy
        return tg.evaluate(mnist_cnn.apply, params, test, loss=loss)["accuracy"]

    return epoch, accuracy


def keras_trainer(train: Any, test: Any) -> Any:
    """The same with `keras.Model.fit`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    from .mnist_step import keras_model

    model = keras_model(keras.optimizers.Adadelta(1.0), metrics=["accuracy"])
    return (
        lambda: model.fit(*train, batch_size=128, verbose=0),
        lambda: model.evaluate(*test, batch_size=128, verbose=0)[1],
    )


TRAINERS = {OURS: tinygrad_np_trainer, "Keras": keras_trainer}


def train(library: str, data: str, wanted: float, began: float) -> dict[str, float]:
    """What the process of a library does, and measures."""
    # Ours scales the bytes a batch at a time; Keras's users scale them all, as its examples do.
    train, test = tg.data.load_mnist(data, np.uint8 if library == OURS else np.float32)
    epoch, accuracy = TRAINERS[library](train, test)
    start = time.time()
    epoch()
    seconds = time.time() - start
    epochs, reached = 1, accuracy()
    while reached < wanted and epochs < MOST_EPOCHS:
        epoch()
        epochs, reached = epochs + 1, accuracy()
    return {
        "epoch": seconds,
        "until accurate": time.time() - began,
        "epochs": epochs,
        "accuracy": reached,
        "MiB": peak_memory(),
    }


def main() -> None:
    """Start the processes, and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mnist_epoch",
        description="Time of an epoch, and until accurate, against Keras.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", default="keras", help="as for tg.data.load_mnist")
    parser.add_argument("--accuracy", type=float, default=0.98, help="when to stop")
    parser.add_argument("--rounds", type=int, default=1, help="turns that each library takes")
    add_output_arguments(parser)
    args = parser.parse_args()

    measured: dict[str, list[dict[str, float]]] = {name: [] for name in TRAINERS}
    for _ in range(args.rounds):
        for name, results in measured.items():
            call = f"train({name!r}, {args.data!r}, {args.accuracy}, {time.time()})"
            code = (
                f"import json; from benchmarks.mnist_epoch import train; print(json.dumps({call}))"
            )
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            if done.returncode:
                print(f"left out: {name}, {done.stderr.strip().splitlines()[-1]}")
                continue
            results.append(json.loads(done.stdout.splitlines()[-1]))
            print(name, {key: round(value, 4) for key, value in results[-1].items()}, flush=True)
    report(
        [
            {
                "case": case,
                "library": name,
                "ms": 1e3 * float(np.median([r[case] for r in results])),
                "ratio": float(
                    np.median(
                        [
                            ours[case] / theirs[case]
                            for ours, theirs in zip(measured[OURS], results, strict=True)
                        ]
                    )
                ),
                "MiB": max(r["MiB"] for r in results),
            }
            for case in ("epoch", "until accurate")
            for name, results in measured.items()
            if results
        ],
        args,
        f"Training the MNIST CNN to an accuracy of {args.accuracy}",
    )


if __name__ == "__main__":
    main()
