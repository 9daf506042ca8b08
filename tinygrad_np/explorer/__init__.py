"""The explorable page: a function's forward and backward pass, to be looked into.

`page` collects a tape's values and gradients, `arrays` packs them, `calls` finds the lines that ran
the operations, `dependence` how single elements depend on others, `explanation` what is written
about an operation, which `docstrings` and `mathematics` typeset; `stories` names those operations
that the script knows more of. In the browser, `numbers` reads the arrays, `pictures` draws them,
`arithmetic` takes single numbers apart; `tape`, `operation`, `reading` and `tour` are the parts of
the page, and `page` moves through the steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import checked

__all__ = ["explain"]


@checked()
def explain(
    f: Callable[..., Any],
    *args: Any,
    path: str | os.PathLike[str] = "explain.html",
    cotangent: Any = None,
    title: str | None = None,
    snapshots: Iterable[Any] = (),
) -> Path:
    """Run `f(*args)` and its backward pass, and write a page that shows every step of both.

    The page is one HTML file that opens from disk and loads nothing. It shows each operation with
    its inputs, output and their gradients, how any one number came about, its mathematics, and the
    source of its VJP. Arrays of up to 65,536 elements are there in full (less, if there are very
    many); of larger ones, some rows and columns.

    Args:
        f: returns a tensor.
        args: arrays, or trees of arrays; the gradient of every floating-point one is shown.
        path: of the file to write.
        cotangent: of the result, in its shape; for a scalar it is 1.
        title: of the page; the function's name by default.
        snapshots: what `fit(…, snapshots=…)` recorded. The page then has a slider over the
            training steps: `f` runs with each snapshot's parameters as its first argument, and
            with `args` at last.

    Returns:
        The path.

    Raises:
        TypeError: if `f` does not return a tensor.
        ValueError: if the result depends on no argument, is no scalar and no cotangent is given,
            the tape is longer than 20,000 operations, or runs with different snapshots do
            different operations.

    >>> import tempfile, numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> page = explain(lambda x: np.sum(x * x), x, path=tempfile.mkdtemp() + "/squares.html")
    >>> page.name
    'squares.html'
    """
    from .page import explain_function

    if not np.iterable(snapshots):
        raise TypeError(f"explain: snapshots must be those of a FitResult, not {snapshots!r:.80}")
    return explain_function(f, args, path, cotangent, title, tuple(snapshots))
