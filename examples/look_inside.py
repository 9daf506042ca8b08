"""Train a small network for a moment, and look inside it.

    python -m examples.look_inside

Writes into a folder: page.html, which shows the forward and backward pass on one digit, number by
number, and as a second slider the training; and a figure of each kind that tg.plot draws.
"""

from __future__ import annotations

import argparse
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

SNAPSHOTS = (0, 1, 2, 4, 8, 16, 32, 64)


def loss_fn(params: Any, image: Any, label: Any) -> Any:
    """What the page explains: the loss of the network on a digit."""
    return tg.softmax_cross_entropy(mnist_cnn.apply(params, image), label)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.look_inside",
        description="Train a small network for a moment, and look inside it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--digit", type=int, default=286, help="which of the 1,000 test images the page shows")
    add("--filters", type=int, nargs="+", default=[8, 16], help="of each convolution")
    add("--hidden", type=int, nargs="*", default=[32], help="units of each hidden dense layer")
    add("--epochs", type=int, default=3, help="times to go through the 4,000 training images")
    add("--seed", type=int, default=0, help="draws the parameters and the order of the images")
    add("--output", type=Path, default=Path("runs/look_inside"), help="folder for what is written")
    add(
        "--browser",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the page in the browser",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, write the page and the figures, open the page."""
    args = parse(arguments)
    try:
        page = look_inside(args)
    except (OSError, ValueError) as error:
        raise SystemExit(f"look_inside: {error}") from None
    if args.browser:
        webbrowser.open(page.resolve().as_uri())


def look_inside(args: argparse.Namespace) -> Path:
    """Train, and write everything into the folder; returns the page."""
    train_set, (images, labels) = tg.data.load_mnist()
    if not 0 <= args.digit < len(images):
        raise ValueError(f"--digit must be from 0 to {len(images) - 1}, not {args.digit}")
    rng = np.random.default_rng(args.seed)
    params = mnist_cnn.init(rng, args.filters, hidden=args.hidden)
    args.output.mkdir(parents=True, exist_ok=True)
    result = tg.fit(
        mnist_cnn.apply,
        params,
        train_set,
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.adam(0.003),
        epochs=args.epochs,
        batch_size=64,
        validation=(images, labels),
        rng=rng,
        snapshots=SNAPSHOTS,
    )
    digit = slice(args.digit, args.digit + 1)
    (read,) = tg.predict(mnist_cnn.apply, result.params, images[digit]).argmax(axis=-1)
    page = tg.explain(
        loss_fn,
        result.params,
        images[digit],
        labels[digit],
        path=args.output / "page.html",
        title=f"A handwritten {labels[args.digit]}, read as {read}",
        snapshots=result.snapshots,
    )
    print("wrote", page)
    for name, figure in figures(result, images, labels, args.digit, rng):
        figure.savefig(args.output / f"{name}.png", dpi=120)
        print("wrote", args.output / f"{name}.png")
    return page


def figures(
    result: tg.FitResult, images: Any, labels: Any, digit: int, rng: np.random.Generator
) -> Iterator[tuple[str, Any]]:
    """A figure of each kind, with its name."""
    params, image, some = result.params, images[digit : digit + 1], slice(0, 128)
    tensors = tg.tree.map(lambda a: tg.Tensor(a, requires_grad=True), params)
    loss = loss_fn(tensors, images[some], labels[some])
    tape = loss.tape()
    logits = tg.predict(mnist_cnn.apply, params, images)
    maps = tg.relu(tg.conv2d(image, params["conv1"]["kernel"], params["conv1"]["bias"]))

    if result.history["loss"]:
        yield "history", tg.plot.history(result)
    yield "filters", tg.plot.filters(params["conv1"]["kernel"])
    yield "feature_maps", tg.plot.feature_maps(maps)
    yield "saliency", tg.plot.saliency(mnist_cnn.apply, params, images[digit])
    yield "activations", tg.plot.histograms(tape)
    yield (
        "gradients",
        tg.plot.histograms(tg.grad(loss_fn)(params, images[some], labels[some])),
    )
    yield "confusion", tg.plot.confusion_matrix(logits, labels)
    if (logits.argmax(axis=-1) != labels).any():
        yield "mistakes", tg.plot.worst_mistakes(images, logits, labels)
    yield (
        "loss_along",
        tg.plot.loss_along(lambda p: loss_fn(p, images[some], labels[some]), params, rng=rng),
    )


if __name__ == "__main__":
    main()
