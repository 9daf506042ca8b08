"""Convolutions of well-known networks, forward and both gradients, against TensorFlow and PyTorch.

    python -m benchmarks.convolutions
    python -m benchmarks.convolutions --batch 8 --figure convolutions.png

The libraries take turns, because a machine's speed drifts. The last line is the geometric mean of
the ratios over all layers.
"""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

import numpy as np

import tinygrad_np as tg

from .timing import OURS, Step, add_output_arguments, installed, report, rows, take_turns


class Layer(NamedTuple):
    """A convolution with "same" padding."""

    name: str
    size: int  # height and width of the images
    channels: int
    filters: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    depthwise: bool = False


LAYERS = [
    Layer("LeNet 5×5", 28, 6, 16, 5),
    Layer("VGG 3×3, 3 channels", 112, 3, 64, 3),
    Layer("VGG 3×3", 56, 64, 64, 3),
    Layer("VGG 3×3, deep", 14, 256, 256, 3),
    Layer("ResNet 7×7 / 2", 112, 3, 64, 7, stride=2),
    Layer("ResNet 1×1", 28, 256, 64, 1),
    Layer("ResNet 1×1 / 2", 56, 64, 128, 1, stride=2),
    Layer("ResNet 3×3", 28, 128, 128, 3),
    Layer("ResNet 3×3, last", 8, 256, 256, 3),
    Layer("Inception 5×5", 28, 32, 64, 5),
    Layer("MobileNet depthwise", 56, 128, 128, 3, depthwise=True),
    Layer("MobileNet depthwise / 2", 56, 64, 64, 3, stride=2, depthwise=True),
    Layer("DeepLab 3×3, dilated", 28, 128, 128, 3, dilation=2),
]


def arrays(layer: Layer, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and a kernel."""
    rng = np.random.default_rng(0)
    per_group = 1 if layer.depthwise else layer.channels
    images = rng.standard_normal((batch, layer.size, layer.size, layer.channels), np.float32)
    shape = (layer.kernel, layer.kernel, per_group, layer.filters)
    return images, rng.standard_normal(shape, np.float32)


def tinygrad_np_layer(layer: Layer, batch: int) -> Step:
    """`tg.conv2d` and `backward`."""
    images, kernel = arrays(layer, batch)
    options: Any = {"stride": layer.stride, "dilation": layer.dilation, "padding": "same"}
    options["groups"] = layer.channels if layer.depthwise else 1
    ones = np.ones_like(tg.conv2d(images, kernel, **options))

    def step() -> None:
        x, k = (tg.Tensor(a, requires_grad=True) for a in (images, kernel))
        tg.conv2d(x, k, **options).backward(ones)

    return step


def tensorflow_layer(layer: Layer, batch: int) -> Step:
    """`tf.nn.conv2d` or `depthwise_conv2d`, in a compiled graph."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    if layer.dilation > 1:
        raise NotImplementedError(f"{layer.name}: it has no such gradients on processors")
    images, kernel = map(tf.constant, arrays(layer, batch))
    stride, dilation = layer.stride, layer.dilation

    def convolve(x: Any, k: Any) -> Any:
        if layer.depthwise:
            k = tf.transpose(k, (0, 1, 3, 2))
            return tf.nn.depthwise_conv2d(x, k, (1, stride, stride, 1), "SAME")
        return tf.nn.conv2d(x, k, stride, "SAME", dilations=dilation)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch((images, kernel))
            y = convolve(images, kernel)
        return y, tape.gradient(y, (images, kernel))

    return lambda: step()[0].numpy()


def pytorch_layer(layer: Layer, batch: int) -> Step:
    """`torch.nn.functional.conv2d`, eager."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(tg.get_num_threads())
    images, kernel = arrays(layer, batch)
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).requires_grad_()
    k = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).requires_grad_()
    options: Any = {"stride": layer.stride, "dilation": layer.dilation}
    options["groups"] = layer.channels if layer.depthwise else 1
    options["padding"] = layer.dilation * (layer.kernel - 1) // 2
    ones = torch.ones_like(functional.conv2d(x, k, **options))

    def step() -> None:
        x.grad = k.grad = None
        functional.conv2d(x, k, **options).backward(ones)

    return step


LIBRARIES = {OURS: tinygrad_np_layer, "TensorFlow": tensorflow_layer, "PyTorch": pytorch_layer}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.convolutions",
        description="Time convolutions of well-known networks against TensorFlow and PyTorch.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5, help="turns that each library takes")
    parser.add_argument("--steps", type=int, default=3, help="steps in a turn")
    add_output_arguments(parser)
    args = parser.parse_args()

    results = []
    for layer in LAYERS:
        steps = installed(LIBRARIES, layer, args.batch)
        results += rows(layer.name, take_turns(steps, args.rounds, args.steps))
    for library in dict.fromkeys(row["library"] for row in results):
        ratios = [row["ratio"] for row in results if row["library"] == library]
        mean = float(np.exp(np.mean(np.log(ratios))))
        results.append({"case": "geometric mean", "library": library, "ratio": mean})
    report(results, args, f"Convolutions of {args.batch} images, forward and both gradients")


if __name__ == "__main__":
    main()
