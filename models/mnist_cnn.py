"""The convolutional network of Keras's MNIST example, as a plain function.

    images (N, 28, 28, 1)
    conv1   3×3, 32 filters, ReLU     (N, 26, 26, 32)
    conv2   3×3, 64 filters, ReLU     (N, 24, 24, 64)
    max pool 2×2                      (N, 12, 12, 64)
    flatten                           (N, 9216)
    dense1  128, ReLU                 (N, 128)
    dense2  10                        (N, 10)

The outputs are logits: their softmax is the probabilities of the digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_np as tg


def init(
    rng: np.random.Generator,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    pool: int = 2,
    hidden: Sequence[int] = (128,),
    classes: int = 10,
    bias: bool = True,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    dtype: Any = np.float32,
) -> dict[str, dict[str, np.ndarray]]:
    """The parameters: Keras's glorot_uniform kernels, and biases of zero.

    Args:
        rng: draws the kernels, in the order of the layers.
        filters: of each convolution.
        kernel_size: height and width of every kernel.
        pool: window of the max pooling after the convolutions; 1 leaves it out.
        hidden: units of each dense layer before the last.
        classes: units of the last.
        bias: whether the layers have biases.
        image_shape: (height, width, channels) of an image.
        dtype: of the parameters.

    Returns:
        {"conv1": {"kernel", "bias"}, …, "dense1": {"kernel", "bias"}, …}; `apply` reads the
        architecture off it, all but the pooling window, which it is told.

    Raises:
        ValueError: if a count or a size is less than 1, or the image is too small for the kernels
            and the pooling.

    >>> params = init(np.random.default_rng(0))
    >>> sum(p.size for p in tg.tree.leaves(params))
    1199882
    """
    single = {"kernel_size": kernel_size, "pool": pool, "classes": classes}
    for name, counts in ({"filters": filters, "hidden": hidden} | single).items():
        if np.any(np.less(counts, 1)):
            raise ValueError(f"mnist_cnn.init: {name} must be at least 1, not {counts}")
    params: dict[str, dict[str, np.ndarray]] = {}

    def layer(name: str, shape: tuple[int, ...]) -> None:
        params[name] = {"kernel": tg.init.glorot_uniform(rng, shape, dtype)}
        if bias:
            params[name]["bias"] = np.zeros(shape[-1], dtype)

    height, width, channels = image_shape
    for i, count in enumerate(filters, 1):
        layer(f"conv{i}", (kernel_size, kernel_size, channels, count))
        height, width, channels = height - kernel_size + 1, width - kernel_size + 1, count
    height, width = height // pool, width // pool
    if min(height, width) < 1:
        raise ValueError(
            f"mnist_cnn.init: images of {image_shape[:2]} are too small for {len(filters)} "
            f"convolutions of size {kernel_size} and pooling of {pool}"
        )
    features = height * width * channels
    for i, units in enumerate((*hidden, classes), 1):
        layer(f"dense{i}", (features, units))
        features = units
    return params


def apply(
    params: Any,
    images: Any,
    *,
    pool: int = 2,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Any:
    """The logits (N, classes) of images (N, H, W, C).

    Args:
        params: from `init`.
        images: floats, MNIST's lie between 0 and 1; or uint8, which become float32 / 255.
        pool: the pooling window that `init` was given.
        dropout: rate after every hidden dense layer, while there is an `rng`.
        rng: given while training, None otherwise.

    >>> apply(init(np.random.default_rng(0)), np.zeros((1, 28, 28, 1), np.float32)).shape
    (1, 10)
    """
    x = images
    if getattr(x, "dtype", None) == np.uint8:
        x = np.divide(x, np.float32(255), dtype=np.float32)
    convolutions, denses = _layers(params, "conv"), _layers(params, "dense")
    for layer in convolutions:
        x = tg.bias_relu(tg.conv2d(x, layer["kernel"]), layer.get("bias"))
    if pool > 1:
        x = tg.max_pool2d(x, pool)
    x = tg.flatten(x)
    for layer in denses[:-1]:
        x = tg.bias_relu(tg.dense(x, layer["kernel"]), layer.get("bias"))
        x = tg.dropout(x, dropout, rng)
    return tg.dense(x, denses[-1]["kernel"], denses[-1].get("bias"))


def _layers(params: Any, kind: str) -> list[Any]:
    count = sum(name.startswith(kind) for name in params)
    return [params[f"{kind}{i}"] for i in range(1, count + 1)]
