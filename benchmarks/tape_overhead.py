"""What recording an operation and walking back over it costs: a chain of tiny operations.

    python -m benchmarks.tape_overhead
    python -m benchmarks.tape_overhead --figure overhead.png

The operations are on 8 numbers each, so that next to nothing is computed; the time is that of an
operation, forward and backward, in the libraries that are installed. PyTorch runs eagerly, in one
thread. The libraries take turns, because a machine's speed drifts.
"""

from __future__ import annotations

import argparse
import functools
from typing import Any

import numpy as np

import tinygrad_np as tg

from .timing import Step, add_output_arguments, installed, report, rows, take_turns

START = np.linspace(0.1, 0.8, 8)


def chain(sin: Any, x: Any, operations: int) -> Any:
    """x, changed by so many operations, a multiple of four."""
    for _ in range(operations // 4):
        x = sin(x) * 1.01
        x = x + 0.1
        x = x - 0.05
    return x


def tinygrad_np_chain(operations: int) -> Step:
    """`backward` on a tensor."""

    def step() -> Any:
        x = tg.Tensor(START, requires_grad=True)
        np.sum(chain(np.sin, x, operations)).backward()
        return x.grad

    return step


def pytorch_chain(operations: int) -> Step:
    """`backward` on a tensor."""
    import torch

    torch.set_num_threads(1)

    def step() -> Any:
        x = torch.tensor(START, requires_grad=True)
        chain(torch.sin, x, operations).sum().backward()
        return x.grad

    return step


def autograd_chain(operations: int) -> Step:
    """HIPS autograd's `grad`."""
    import autograd.numpy as anp
    from autograd import grad

    gradient = grad(lambda x: anp.sum(chain(anp.sin, x, operations)))
    return lambda: gradient(START)


def mygrad_chain(operations: int) -> Step:
    """`backward` on a tensor."""
    import mygrad

    def step() -> Any:
        x = mygrad.tensor(START)
        chain(mygrad.sin, x, operations).sum().backward()
        return x.grad

    return step


def tensorflow_chain(operations: int) -> Step:
    """`GradientTape`, eagerly."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    def step() -> Any:
        x = tf.constant(START)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(chain(tf.sin, x, operations))
        return tape.gradient(y, x)

    return step


CHAINS = {
    "tinygrad_np": tinygrad_np_chain,
    "PyTorch": pytorch_chain,
    "HIPS autograd": autograd_chain,
    "MyGrad": mygrad_chain,
    "TensorFlow": tensorflow_chain,
}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tape_overhead",
        description="Time of a tiny operation, recorded and differentiated.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--operations", type=int, nargs="+", default=[1000])
    parser.add_argument("--rounds", type=int, default=15, help="turns that each library takes")
    add_output_arguments(parser)
    args = parser.parse_args()

    results = []
    for operations in args.operations:
        steps = installed(CHAINS, operations)
        steps["NumPy, forward only"] = functools.partial(chain, np.sin, START, operations)
        gradients = [np.asarray(steps[name]()) for name in CHAINS if name in steps]
        for gradient in gradients:  # all compute the same
            np.testing.assert_allclose(gradient, gradients[0], rtol=1e-10)
        results += rows(f"{operations} operations", take_turns(steps, args.rounds, 3))
    report(results, args, "A chain of tiny operations, forward and backward")


if __name__ == "__main__":
    main()
