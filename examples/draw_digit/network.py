"""From a drawing to the image the network gets, and to everything the network makes of that."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

SIZE = 28  # of an image
BOX = 20  # that holds the digit
CENTRE = 14  # the row and the column, counted from 0, in which the centre of mass lies


def mnist_form(drawing: np.ndarray) -> np.ndarray:
    """A drawing as an image of the kind that MNIST consists of.

    What is drawn is scaled, its proportions kept, to fit a box of 20×20 pixels; each pixel is the
    mean of the area it covers. Then it is moved by whole pixels, so that its centre of mass comes
    to lie in row and column 14 (counted from 0, as it does in MNIST's own images), or as near as
    it can without leaving the image.

    Args:
        drawing: (H, W), 0 where there is no ink, up to 1.

    Returns:
        (28, 28) float32; zeros for an empty drawing.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".

    >>> drawing = np.zeros((280, 280))
    >>> drawing[10:110, 30:50] = 1
    >>> image = mnist_form(drawing)
    >>> rows, columns = np.nonzero(image)
    >>> [int(i) for i in (rows.min(), rows.max(), columns.min(), columns.max())]
    [4, 23, 12, 15]
    """
    if not drawing.any():
        return np.zeros((SIZE, SIZE), np.float32)
    inked = [np.flatnonzero(drawing.any(axis=axis)) for axis in (1, 0)]
    (top, bottom), (left, right) = ((lines[0], lines[-1] + 1) for lines in inked)
    digit = drawing[top:bottom, left:right]
    scale = BOX / max(digit.shape)
    small = _resample(digit.shape[0], scale) @ digit @ _resample(digit.shape[1], scale).T
    image = np.zeros((SIZE, SIZE), np.float32)
    place = []
    for axis, length in enumerate(small.shape):
        mass = small.sum(axis=1 - axis)
        centre = mass @ (np.arange(length) + 0.5) / mass.sum()
        start = min(max(CENTRE - int(centre), 0), SIZE - length)
        place.append(slice(start, start + length))
    image[tuple(place)] = small
    return image


def _resample(length: int, scale: float) -> np.ndarray:
    """The matrix (n, length) that turns `length` values into n = length·scale means, rounded up.

    Each row holds which share of a new pixel each of the old ones covers.
    """
    count = max(1, int(np.ceil(length * scale - 1e-9)))
    edges = np.arange(length + 1) * scale
    pixels = np.arange(count)[:, np.newaxis]
    return np.diff(np.clip(edges, pixels, pixels + 1), axis=1)


class Layer(NamedTuple):
    """What a layer gives: its name, what it does, in words, and its output."""

    name: str
    note: str
    output: np.ndarray


class Look(NamedTuple):
    """Everything the page shows: `layers` are the hidden ones, `gradient` is (28, 28)."""

    layers: list[Layer]
    logits: np.ndarray
    probabilities: np.ndarray
    chosen: int
    gradient: np.ndarray


def look(params: Any, image: np.ndarray, *, pool: int = 2, chosen: int | None = None) -> Look:
    """Run the network on an image, forwards and back, and keep everything.

    Args:
        params: of models.mnist_cnn.
        image: (28, 28), from 0 to 1.
        pool: the pooling window of the network.
        chosen: the class whose logit is differentiated; by default the most probable one.

    >>> params = mnist_cnn.init(np.random.default_rng(0), filters=[4], hidden=[8])
    >>> found = look(params, np.zeros((28, 28), np.float32), chosen=3)
    >>> [(layer.name, layer.output.shape) for layer in found.layers]
    [('conv1', (26, 26, 4)), ('pool', (13, 13, 4)), ('dense1', (8,))]
    """
    x = tg.Tensor(image[np.newaxis, :, :, np.newaxis], requires_grad=True)
    logits = mnist_cnn.apply(params, x, pool=pool)[0]
    layers = _layers(logits.tape())
    if chosen is None:
        chosen = int(np.argmax(logits.data))
    logits[chosen].backward()
    assert x.grad is not None
    return Look(
        layers[:-1],  # the last one gives the logits
        logits.data,
        tg.softmax(logits.data),
        chosen,
        x.grad[0, :, :, 0],
    )


def _layers(tape: tg.Tape) -> list[Layer]:
    """The layers, read off the tape of one image; a ReLU belongs to the layer that it follows."""
    layers: list[Layer] = []
    count: Counter[str] = Counter()
    for record in tape:
        operation = record.op.name
        count[operation] += 1
        if operation == "conv2d":
            height, width, channels, filters = record.args[1].shape
            name = f"conv{count[operation]}"
            note = (
                f"{filters} {'kernel' if filters == 1 else 'kernels'} {height}×{width}×{channels}"
            )
        elif operation == "max_pool2d":
            height, width = record.params["window"]
            name, note = "pool", f"the largest of every {height}×{width}"
        elif operation == "dense":
            units_in, units = record.args[1].shape
            name, note = f"dense{count[operation]}", f"{units_in:,} × {units:,} weights"
        elif operation in ("bias_relu", "relu"):
            name, note, _ = layers.pop()
            note = f"{note}, then ReLU"
        else:
            continue
        layers.append(Layer(name, note, record.outputs[0][0]))
    return layers
