"""Time of one training step of a small transformer, against PyTorch.

    python -m benchmarks.transformer_step
    python -m benchmarks.transformer_step --batch 1 32 --rounds 20

A causal transformer on sequences of 32 characters, with 2 layers, 64 features, 4 heads and the
exact GELU. Both take the same step (forward, backward, plain gradient descent), in turns, because a
machine's speed drifts. TINYGRAD_NP_FAST=0 in the environment measures this library without compiled
kernels.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import tinygrad_np as tg

from .timing import OURS, Step, add_output_arguments, installed, report, rows, take_turns

LAYERS, LENGTH, FEATURES, HEADS, CHARACTERS = 2, 32, 64, 4, 80
LEARNING_RATE = 0.01


def init(rng: np.random.Generator) -> Any:
    """The parameters."""
    ones, zeros = np.ones(FEATURES, np.float32), np.zeros(FEATURES, np.float32)

    def dense(inputs: int, outputs: int) -> Any:
        kernel = tg.init.glorot_uniform(rng, (inputs, outputs))
        return {"kernel": kernel, "bias": np.zeros(outputs, np.float32)}

    return {
        "characters": tg.init.glorot_uniform(rng, (CHARACTERS, FEATURES)),
        "places": tg.init.glorot_uniform(rng, (LENGTH, FEATURES)),
        "layers": [
            {
                "norm1": {"gamma": ones, "beta": zeros},
                "heads": dense(FEATURES, 3 * FEATURES),
                "joined": dense(FEATURES, FEATURES),
                "norm2": {"gamma": ones, "beta": zeros},
                "wide": dense(FEATURES, 4 * FEATURES),
                "narrow": dense(4 * FEATURES, FEATURES),
            }
            for _ in range(LAYERS)
        ],
        "norm": {"gamma": ones, "beta": zeros},
    }


def apply(params: Any, x: np.ndarray) -> Any:
    """Logits (N, LENGTH, CHARACTERS) of the next characters."""
    masked = np.triu(np.full((LENGTH, LENGTH), -np.inf, np.float32), 1)
    root = np.float32(np.sqrt(FEATURES // HEADS))
    h = tg.embedding(x, params["characters"]) + params["places"]
    for layer in params["layers"]:
        z = tg.dense(tg.layer_norm(h, **layer["norm1"]), **layer["heads"])
        z = np.reshape(z, (*x.shape, 3, HEADS, FEATURES // HEADS))
        query, key, value = np.transpose(z, (2, 0, 3, 1, 4))
        weights = tg.softmax(query @ np.swapaxes(key, -1, -2) / root + masked)
        z = np.reshape(np.swapaxes(weights @ value, 1, 2), h.shape)
        h = h + tg.dense(z, **layer["joined"])
        z = tg.dense(tg.layer_norm(h, **layer["norm2"]), **layer["wide"])
        h = h + tg.dense(tg.gelu(z), **layer["narrow"])
    return tg.dense(tg.layer_norm(h, **params["norm"]), np.transpose(params["characters"]))


def tinygrad_np_step(x: np.ndarray, y: np.ndarray) -> Step:
    """This library, by its public functions."""
    optimizer = tg.optim.sgd(LEARNING_RATE)
    params = init(np.random.default_rng(0))
    state = optimizer.init(params)
    value_and_grad = tg.value_and_grad(lambda params: tg.softmax_cross_entropy(apply(params, x), y))

    def step() -> float:
        nonlocal params, state
        loss, grads = value_and_grad(params)
        params, state = optimizer.update(params, grads, state)
        return float(loss)

    return step


def pytorch_step(x: np.ndarray, y: np.ndarray) -> Step:
    """PyTorch, eager, with its own attention."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(tg.get_num_threads())
    params = tg.tree.map(
        lambda p: torch.tensor(p, requires_grad=True), init(np.random.default_rng(0))
    )
    optimizer = torch.optim.SGD(tg.tree.leaves(params), LEARNING_RATE)
    places, labels = torch.from_numpy(x), torch.from_numpy(y)

    def dense(x: Any, layer: Any) -> Any:
        return x @ layer["kernel"] + layer["bias"]

    def norm(x: Any, layer: Any) -> Any:
        return functional.layer_norm(x, x.shape[-1:], layer["gamma"], layer["beta"], 1e-3)

    def step() -> float:
        optimizer.zero_grad()
        h = params["characters"][places] + params["places"]
        for layer in params["layers"]:
            z = dense(norm(h, layer["norm1"]), layer["heads"])
            z = z.reshape(*x.shape, 3, HEADS, FEATURES // HEADS).permute(2, 0, 3, 1, 4)
            query, key, value = z
            z = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            h = h + dense(z.transpose(1, 2).reshape(h.shape), layer["joined"])
            z = functional.gelu(dense(norm(h, layer["norm2"]), layer["wide"]))
            h = h + dense(z, layer["narrow"])
        logits = norm(h, params["norm"]) @ params["characters"].T
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


LIBRARIES = {OURS: tinygrad_np_step, "PyTorch": pytorch_step}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.transformer_step",
        description="Time one training step of a small transformer against PyTorch.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--rounds", type=int, default=15, help="turns that each library takes")
    parser.add_argument("--steps", type=int, default=5, help="steps in a turn")
    add_output_arguments(parser)
    args = parser.parse_args()

    tg.show_config()
    results = []
    for batch in args.batch:
        text = np.random.default_rng(0).integers(0, CHARACTERS, (batch, LENGTH + 1))
        x, y = text[:, :-1].copy(), text[:, 1:].copy()
        steps = installed(LIBRARIES, x, y)
        results += rows(f"batch {batch}", take_turns(steps, args.rounds, args.steps))
        losses = {name: f"{step():.4f}" for name, step in steps.items()}
        print(f"batch {batch}: losses after as many steps", losses)
    report(results, args, "One training step of a small transformer")


if __name__ == "__main__":
    main()
