"""Automatic differentiation of plain NumPy functions, and a CNN with nothing hidden.

>>> import numpy as np
>>> import tinygrad_np as tg
>>> tg.grad(lambda x: np.sum(np.tanh(x) ** 2))(np.zeros(3))
array([0., 0., 0.])
"""

from . import data, init, optim, plot
from .config import show_config
from .core import tree
from .core.primitive import primitive
from .core.tape import Record, Tape, detect_anomaly, no_grad
from .core.tensor import Tensor
from .explorer import explain
from .kernels.threads import get_num_threads, set_num_threads
from .ops.activations import (
    bias_relu,
    elu,
    gelu,
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    log_softmax,
    logsumexp,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
)
from .ops.convolution import conv1d, conv2d, conv2d_transpose, conv3d
from .ops.embedding import embedding, one_hot
from .ops.losses import (
    huber,
    kl_divergence,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from .ops.normalization import batch_norm, dropout, flatten, layer_norm
from .ops.pooling import avg_pool2d, global_avg_pool2d, max_pool2d
from .ops.products import dense
from .saving import load, save
from .training import FitResult, Snapshot, evaluate, fit, predict
from .transforms.checking import check_grads
from .transforms.gradients import grad, stop_gradient, value_and_grad, vjp
from .transforms.jacobians import hessian, hvp, jacobian, jvp
from .transforms.recompute import checkpoint

__version__ = "0.1.0"

__all__ = [
    "FitResult",
    "Record",
    "Snapshot",
    "Tape",
    "Tensor",
    "avg_pool2d",
    "batch_norm",
    "bias_relu",
    "check_grads",
    "checkpoint",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "data",
    "dense",
    "detect_anomaly",
    "dropout",
    "elu",
    "embedding",
    "evaluate",
    "explain",
    "fit",
    "flatten",
    "gelu",
    "get_num_threads",
    "global_avg_pool2d",
    "grad",
    "hard_sigmoid",
    "hard_swish",
    "hessian",
    "huber",
    "hvp",
    "init",
    "jacobian",
    "jvp",
    "kl_divergence",
    "layer_norm",
    "leaky_relu",
    "load",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "mean_squared_error",
    "mish",
    "no_grad",
    "one_hot",
    "optim",
    "plot",
    "predict",
    "primitive",
    "relu",
    "save",
    "selu",
    "set_num_threads",
    "show_config",
    "sigmoid",
    "sigmoid_cross_entropy",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "stop_gradient",
    "tree",
    "value_and_grad",
    "vjp",
]
