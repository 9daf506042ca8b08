"""The operations of the library that the page's script tells a story of.

A story says which numbers an element is made of (arithmetic.js), and what happens on the way back
(tour.js). It is asked for by the operation's function and VJPs, never by its name: an operation of
your own that is called `mean` computes what it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.convolution import convolve_input_gradient
from ..ops import activations, convolution, losses, pooling, products

STORIES: dict[Callable[..., Any], str] = {
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.divide: "divide",
    np.tanh: "tanh",
    np.sum: "sum",
    np.mean: "mean",
    products._matmul_forward: "matmul",
    products.dense.forward: "dense",
    convolution._convolve: "convolution",
    convolve_input_gradient: "convolution_input_gradient",
    pooling._max_pool.forward: "max_pool2d",
    pooling.sum_pool.forward: "sum_pool",
    activations.relu.forward: "relu",
    activations._bias_relu.forward: "bias_relu",
    activations.softmax.forward: "softmax",
    losses._softmax_cross_entropy.forward: "softmax_cross_entropy",
}
