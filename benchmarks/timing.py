"""What benchmarks share: libraries that take turns, and results as a table, JSON and a figure."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg

OURS = "tinygrad_np"
Step = Callable[[], Any]
Row = dict[str, Any]


def installed(makers: dict[str, Callable[..., Step]], *args: Any) -> dict[str, Step]:
    """What each maker makes of the arguments; those whose library can't are named."""
    steps = {}
    for name, make in makers.items():
        try:
            steps[name] = make(*args)
        except (ImportError, NotImplementedError) as error:
            print(f"left out: {name}: {error}")
    return steps


def take_turns(steps: dict[str, Step], rounds: int, repeats: int) -> dict[str, np.ndarray]:
    """Seconds of a step, for each round: the median of a few in a row.

    A machine's speed drifts, and with turns all libraries see the same of it: so compare the
    seconds of a round with each other, and take the median of those ratios.
    """
    for step in steps.values():
        seconds(step, max(repeats // 2, 1))
    measured = [
        {name: seconds(step, repeats) for name, step in steps.items()} for _ in range(rounds)
    ]
    return {name: np.array([turn[name] for turn in measured]) for name in steps}


def seconds(step: Step, repeats: int) -> float:
    """The median time of a few steps."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak_memory() -> float:
    """MiB that this process has held at most.

    Linux's own figure for a process also counts what the process that started it held.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def rows(case: str, measured: dict[str, np.ndarray]) -> list[Row]:
    """A row for each library: its median time, and the ratio of ours to it."""
    return [
        {
            "case": case,
            "library": name,
            "ms": 1e3 * float(np.median(times)),
            "ratio": float(np.median(measured[OURS] / times)),
        }
        for name, times in measured.items()
    ]


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    versions = {}
    for package in ("numpy", "numba", "keras", "tensorflow", "torch", "jax", "autograd", "mygrad"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "threads": tg.get_num_threads(),
        **versions,
    }


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """--json and --figure."""
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument("--figure", type=Path, help="draw them there, as .png, .svg or .pdf")


def report(results: list[Row], args: argparse.Namespace, title: str) -> None:
    """Print the table, and write what the arguments ask for."""
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    columns = {"case": "{}", "library": "{}", "ms": "{:.4g}", "first": "{:.0f}", "MiB": "{:.0f}"}
    columns["ratio"] = "{:.2f}"
    columns = {c: f for c, f in columns.items() if any(row.get(c) is not None for row in results)}
    header = {"ms": "milliseconds", "first": "the first", "MiB": "peak MiB"}
    header["ratio"] = f"{OURS} takes, of its time"
    lines = [[header.get(column, column) for column in columns]]
    lines += [
        [fmt.format(row[c]) if row.get(c) is not None else "" for c, fmt in columns.items()]
        for row in results
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1))
        print("wrote", args.json)
    if args.figure:
        _figure(results, title).savefig(args.figure, dpi=150, bbox_inches="tight")
        print("wrote", args.figure)


def _figure(results: list[Row], title: str) -> Any:
    """Each library's time as a multiple of ours, on a logarithmic axis, by case."""
    from matplotlib.figure import Figure

    cases = list(dict.fromkeys(row["case"] for row in results))
    libraries = list(dict.fromkeys(row["library"] for row in results if row["library"] != OURS))
    figure = Figure(figsize=(1.5 + 0.9 * len(cases), 4), layout="constrained")
    ax = figure.subplots()
    width = 0.8 / max(len(libraries), 1)
    for i, library in enumerate(libraries):
        found = {r["case"]: 1 / r["ratio"] for r in results if r["library"] == library}
        places = [
            n + (i - (len(libraries) - 1) / 2) * width for n, c in enumerate(cases) if c in found
        ]
        heights = [found[c] - 1 for c in cases if c in found]
        ax.bar(places, heights, width, bottom=1, label=library)
    ax.axhline(1, color="black", linewidth=1)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("{x:g}")
    crowded: Any = {"rotation": 30, "ha": "right"} if len(cases) > 5 else {}
    ax.set_xticks(range(len(cases)), cases, **crowded)
    ax.set_ylabel(f"time, as a multiple of {OURS}'s")
    ax.set_title(title)
    ax.legend()
    return figure
