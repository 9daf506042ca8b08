"""What this installation computes with."""

from __future__ import annotations

import os

import numpy as np

from .kernels.choice import implementations
from .kernels.threads import get_num_threads

__all__ = ["show_config"]


def show_config() -> None:
    """Print versions, BLAS, the number of threads, and which implementation each kernel uses.

    Like `numpy.show_config`.

    >>> show_config()  # doctest: +ELLIPSIS
    tinygrad_np ...
    Python      ...
    NumPy       ...
    """
    import platform

    from threadpoolctl import threadpool_info

    from . import __version__

    rows = [
        ("tinygrad_np", __version__),
        ("Python", f"{platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"),
        ("NumPy", np.__version__),
        ("numba", _version("numba")),
        ("threads", str(get_num_threads())),
    ]
    for library in threadpool_info():
        if library["user_api"] == "blas":
            name = f"{library['internal_api']} {library['version']}"
            rows.append(("BLAS", f"{name}, {library['num_threads']} threads of its own"))
    rows += implementations().items()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}} {value}")


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
