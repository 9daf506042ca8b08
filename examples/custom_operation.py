"""Add an operation of your own, and fit a comet's orbit with it.

    python -m examples.custom_operation

Where a comet stands on its ellipse follows from Kepler's equation, E - e sin E = M: for the time
since perihelion M (as an angle, from 0 to 2π a revolution) and the eccentricity e of the ellipse it
gives the angle E. It has no solution in closed form, so it is solved by iteration. Recording every
step of that would be a waste: the derivative follows from the equation itself.
"""

from __future__ import annotations

import argparse

import numpy as np

import tinygrad_np as tg


@tg.primitive
def kepler(mean_anomaly, eccentricity):
    """E with E - e sin E = M, by Newton's iteration; e from 0 to below 1.

    Differentiating the equation gives dE (1 - e cos E) - sin E de = dM, and so the VJPs

        g / (1 - e cos E)  for M,     g sin E / (1 - e cos E)  for e.
    """
    angle = mean_anomaly + eccentricity * np.sin(mean_anomaly)
    for _ in range(50):
        error = angle - eccentricity * np.sin(angle) - mean_anomaly
        angle = angle - error / (1 - eccentricity * np.cos(angle))
        if np.max(np.abs(error), initial=0) < 1e-14:
            break
    return angle


kepler.defvjp(
    lambda g, angle, mean_anomaly, eccentricity: g / (1 - eccentricity * np.cos(angle)),
    lambda g, angle, mean_anomaly, eccentricity: (
        g * np.sin(angle) / (1 - eccentricity * np.cos(angle))
    ),
)


def position(orbit, time):
    """x and y of a comet whose ellipse has a half axis of 1 and whose year is 1: (2, times)."""
    angle = kepler(2 * np.pi * (time - orbit["perihelion"]), orbit["eccentricity"])
    width = np.sqrt(1 - orbit["eccentricity"] ** 2)
    return np.stack([np.cos(angle) - orbit["eccentricity"], width * np.sin(angle)])


def main(arguments: list[str] | None = None) -> None:
    """Check the operation, then fit an orbit to noisy observations."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.custom_operation",
        description="Add an operation of your own, and fit a comet's orbit with it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--eccentricity", type=float, default=0.6, help="of the true orbit")
    parser.add_argument("--noise", type=float, default=0.01, help="of the observations")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if not 0 <= args.eccentricity < 0.95:
        parser.error(f"--eccentricity must be at least 0 and below 0.95, not {args.eccentricity}")

    rng = np.random.default_rng(args.seed)
    tg.check_grads(kepler, (rng.uniform(0, 6, 5), rng.uniform(0.1, 0.8, 5)), order=3)
    print("kepler's derivatives agree with finite differences to third order")

    time = rng.uniform(0, 1, 40)
    truth = {"perihelion": 0.1, "eccentricity": args.eccentricity}
    observed = position(truth, time) + args.noise * rng.normal(size=(2, 40))

    def loss(orbit):
        return np.mean((position(orbit, time) - observed) ** 2)

    orbit = {"perihelion": np.float64(0.0), "eccentricity": np.float64(0.3)}
    tensors = tg.tree.map(lambda value: tg.Tensor(value, requires_grad=True), orbit)
    print("what the tape of the loss holds:")
    print(loss(tensors).tape())

    optimizer = tg.optim.adam(0.01)
    state = optimizer.init(orbit)
    for _ in range(500):
        gradient = tg.grad(loss)(orbit)
        orbit, state = optimizer.update(orbit, gradient, state)
        # An ellipse: Adam may step over the edge of what can be one.
        orbit["eccentricity"] = np.clip(orbit["eccentricity"], 0.0, 0.95)
    for name, value in orbit.items():
        print(f"{name}: {float(value):.4f} fitted, {truth[name]} true")


if __name__ == "__main__":
    main()
