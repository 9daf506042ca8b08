"""Train a model that is a plain function, measure it, and use it.

A model is `apply(params, x, *, rng=None)`: it gets a `numpy.random.Generator` while it is trained,
which is how it knows, and none otherwise. A loss is `loss(outputs, labels)`, the mean over a batch.
"""

from __future__ import annotations

import copy
import inspect
import io
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .arguments import PLAIN, checked, shown
from .core import display, tree
from .core.tape import no_grad
from .core.tensor import Tensor, as_array
from .data import batches
from .transforms.gradients import value_and_grad

__all__ = ["FitResult", "Snapshot", "evaluate", "fit", "predict"]


class Snapshot(NamedTuple):
    """The parameters after some number of training steps.

    Attributes:
        step: how many.
        loss: of the last of these steps' batch, before the step; nan at step 0.
        params: the parameters.
    """

    step: int
    loss: float
    params: Any


@dataclass(frozen=True)
class FitResult:
    """What training gives back.

    Attributes:
        params: the trained parameters, a tree like the one `fit` was given.
        state: the optimizer's state; `fit(…, state=result.state)` goes on from it.
        history: one list a quantity, one number an epoch, under Keras's names: "loss", "accuracy",
            "val_loss", "val_accuracy". It holds finished epochs only.
        interrupted: whether training ended inside an epoch: by Ctrl-C, or because a value was no
            longer finite. `params` and `state` are then those of the last good step.
        snapshots: a `Snapshot` for each of the steps asked for that was reached.
    """

    params: Any = field(repr=False)
    state: Any = field(repr=False)
    history: dict[str, list[float]]
    interrupted: bool = False
    snapshots: tuple[Snapshot, ...] = field(default=(), repr=False)

    def _repr_html_(self) -> str:
        """The history as a table, one row an epoch, and its learning curves, for a notebook."""
        epochs = list(zip(*self.history.values(), strict=True))
        ended = ", then interrupted" if self.interrupted else ""
        rows = [
            ["epoch", *self.history],
            *([str(i), *(f"{n:.4f}" for n in row)] for i, row in enumerate(epochs, 1)),
        ]
        table = display.as_html(
            rows, range(len(rows[0])), f"FitResult, finished epochs: {len(epochs)}{ended}"
        )
        # A long table scrolls.
        html = f'<div style="max-height: 20em; overflow: auto">{table}</div>'
        if not epochs:
            return html
        from . import plot

        svg = io.StringIO()
        plot.history(self).savefig(svg, format="svg")
        return html + svg.getvalue()[svg.getvalue().index("<svg") :]  # without the XML's preamble


@checked()
def fit(
    apply: Callable[..., Any],
    params: Any,
    train: tuple[Any, Any],
    *,
    loss: Callable[[Any, Any], Any],
    optimizer: Any,
    epochs: int,
    batch_size: int,
    validation: tuple[Any, Any] | None = None,
    rng: np.random.Generator,
    callbacks: Iterable[Callable[[int, FitResult], Any]] = (),
    state: Any = None,
    snapshots: Iterable[int] = (),
    progress: bool = True,
) -> FitResult:
    """Minimise `loss` over the examples in `train`, by one optimizer step a batch.

    Everything is checked before the first step, so that a mistake costs seconds. The same `rng`
    gives the same result to the bit; from it each epoch draws one permutation of the examples, and
    then, batch by batch, whatever the model draws.

    Args:
        apply: the model, `apply(params, x, *, rng=None)`; it returns a tensor with one row an
            example. It gets an `rng` while it is trained, and none otherwise.
        params: a tree of floating-point arrays, which is left as it is.
        train: a pair `(x, y)` of arrays with one example a row, memory-mapped ones too. `y` holds
            class numbers (integers in the outputs' shape without its last axis) or targets in the
            outputs' shape. "accuracy" is reported for class numbers and for rows of probabilities,
            one-hot rows among them.
        loss: `loss(outputs, labels)`, a scalar: the mean over the batch.
        optimizer: of `tinygrad_np.optim`, or anything with its `init` and `update`.
        epochs: how often to go through the examples.
        batch_size: examples in a step; the last batch of an epoch may be shorter.
        validation: a pair like `train`, measured after every epoch.
        callbacks: functions called after every epoch as `callback(epoch, result)`, with the number
            of epochs finished in this call and the `FitResult` so far. Training stops after an
            epoch in which one of them returns True.
        state: the optimizer's state to go on from; by default a new one.
        snapshots: the numbers of steps after which to keep the parameters, 0 for those that
            training starts from; `explain(…, snapshots=result.snapshots)` shows them learn.
        progress: whether to show a progress bar for each epoch.

    Returns:
        A `FitResult`. As in Keras the training loss and accuracy of an epoch are means over its
        examples, taken while the parameters change; those of validation come after its last step.
        Nothing learnt is lost: on Ctrl-C, and with a RuntimeWarning where the loss or a parameter
        is no longer finite, the result is that of the last good step, with `interrupted` set.

    Raises:
        TypeError, ValueError: where an argument is not as described, x or y are masked or hold nan
            or inf, or a label is no class of the model; before the first step.

    Behaves like keras.Model.fit.

    >>> import tinygrad_np as tg
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 2))
    >>> y = (x[:, 0] > x[:, 1]).astype(int)
    >>> def apply(params, x, *, rng=None):
    ...     return x @ params["kernel"]
    >>> options = {"loss": tg.softmax_cross_entropy, "optimizer": tg.optim.sgd(1.0)}
    >>> result = fit(apply, {"kernel": np.zeros((2, 2))}, (x, y), epochs=20, batch_size=16, rng=rng,
    ...              progress=False, **options)
    >>> evaluate(apply, result.params, (x, y), loss=tg.softmax_cross_entropy)["accuracy"]
    1.0
    """
    callbacks = _tuple("callbacks", callbacks)
    for function in callbacks:
        if not callable(function):
            raise TypeError(f"fit: callbacks must be functions, not {function!r:.80}")
    if not hasattr(optimizer, "init") or not hasattr(optimizer, "update"):
        raise TypeError(
            "fit: optimizer must have init and update, as those of tinygrad_np.optim do, "
            f"not be {optimizer!r:.80}"
        )
    snapshots = _tuple("snapshots", snapshots)
    for count in snapshots:
        if not isinstance(count, (int, np.integer)) or count < 0:
            raise ValueError(f"fit: snapshots must be numbers of steps from 0, not {count!r:.80}")
    if not _takes_rng(apply):
        raise TypeError("fit: apply must take rng, as apply(params, x, *, rng=None) does")
    for path, leaf in tree.items(params):
        if not PLAIN.holds(leaf):
            raise TypeError(
                f"fit: params{path and '/' + path} must be {PLAIN.expected}, not {shown(leaf)}"
            )
        kind = leaf.dtype if isinstance(leaf, (np.ndarray, np.generic)) else type(leaf)
        if not np.issubdtype(kind, np.inexact):
            raise TypeError(
                f"fit: params{path and '/' + path} must be a floating-point array, "
                f"not {getattr(kind, '__name__', kind)}"
            )
        if not np.isfinite(leaf).all():
            raise ValueError(f"fit: params{path and '/' + path} holds nan or inf")
    # A copy of the generator: trying the model out must draw nothing from the one that trains.
    training = partial(apply, rng=copy.deepcopy(rng))
    x, y, classes = _check_data("fit: train", train, training, params, loss)
    names = _Means(classes).names()
    if validation is not None:
        x_val, y_val, val_classes = _check_data("fit: validation", validation, apply, params, loss)
        names += [f"val_{name}" for name in _Means(val_classes).names()]

    def batch_loss(params: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
        outputs = apply(params, x, rng=rng)
        return loss(outputs, y), outputs

    step = value_and_grad(batch_loss, has_aux=True)
    finished: list[dict[str, float]] = []  # one row an epoch
    taken = [Snapshot(0, float("nan"), params)] if 0 in snapshots else []
    steps = 0

    def result(interrupted: bool = False) -> FitResult:
        history = {name: [row[name] for row in finished] for name in names}
        return FitResult(*learnt, history, interrupted, tuple(taken))

    from tqdm import tqdm

    # Parameters and state change hands as one object: Ctrl-C finds a pair that belongs together.
    learnt = (params, optimizer.init(params) if state is None else state)
    try:
        for epoch in range(1, epochs + 1):
            means = _Means(classes)
            with tqdm(
                total=-(-len(x) // batch_size),
                desc=f"epoch {epoch}/{epochs}",
                unit="step",
                disable=not progress,
            ) as bar:
                epoch_batches = batches(x, y, batch_size, rng=rng)
                for number, (x_batch, y_batch) in enumerate(epoch_batches, 1):
                    (value, outputs), grads = step(learnt[0], x_batch, y_batch)
                    updated = optimizer.update(learnt[0], grads, learnt[1])
                    if not all(np.isfinite(a).all() for a in (value, *tree.leaves(updated[0]))):
                        bar.close()
                        what = "an updated parameter" if np.isfinite(value) else "the loss"
                        warnings.warn(
                            f"fit: {what} is nan or inf at step {number} of epoch {epoch}; "
                            "training stopped with the parameters before that step",
                            RuntimeWarning,
                            stacklevel=3,
                        )
                        return result(interrupted=True)
                    learnt = updated
                    steps += 1
                    if steps in snapshots:
                        taken.append(Snapshot(steps, float(value), learnt[0]))
                    means.add(value, outputs, y_batch)
                    bar.set_postfix(_shown(means.so_far()), refresh=False)
                    bar.update()
                row = means.so_far()
                if validation is not None:
                    val = _evaluate(apply, learnt[0], x_val, y_val, val_classes, loss, batch_size)
                    row |= {f"val_{name}": mean for name, mean in val.items()}
                    bar.set_postfix(_shown(row))
            finished.append(row)
            answers = [callback(epoch, result()) for callback in callbacks]
            # Only True stops: a callback may return, say, the number of bytes it wrote.
            if any(isinstance(a, (bool, np.bool_)) and a for a in answers):
                break
    except KeyboardInterrupt:
        print(
            f"fit: interrupted in epoch {len(finished) + 1}; "
            "returning the parameters of the last finished step",
            file=sys.stderr,
        )
        return result(interrupted=True)
    return result()


@checked()
def evaluate(
    apply: Callable[..., Any],
    params: Any,
    data: tuple[Any, Any],
    *,
    loss: Callable[[Any, Any], Any],
    batch_size: int = 128,
) -> dict[str, float]:
    """The model's mean loss over the examples in `data`, and its accuracy.

    Args:
        apply, params, loss: as for `fit`; the model gets no `rng`.
        data: a pair `(x, y)` as for `fit`.
        batch_size: examples at a time.

    Returns:
        `{"loss": …, "accuracy": …}`, the accuracy as a fraction, and only where `fit` reports one.

    Raises:
        TypeError, ValueError: as `fit`.

    Behaves like keras.Model.evaluate.

    >>> squared_error = lambda outputs, targets: np.mean((outputs - targets) ** 2)
    >>> x, y = np.arange(4.0), np.array([0.0, 2.0, 4.0, 10.0])
    >>> evaluate(lambda w, x: w * x, 2.0, (x, y), loss=squared_error, batch_size=3)
    {'loss': 4.0}
    """
    x, y, classes = _check_data("evaluate: data", data, apply, params, loss)
    return _evaluate(apply, params, x, y, classes, loss, batch_size)


@checked(x=PLAIN)
def predict(apply: Callable[..., Any], params: Any, x: Any, *, batch_size: int = 128) -> np.ndarray:
    """The model's outputs for `x`, computed `batch_size` examples at a time.

    Args:
        apply, params: as for `fit`; the model gets no `rng`.
        x: one example a row; may be memory-mapped.
        batch_size: examples at a time.

    Returns:
        An array with one row for each of `x`.

    Raises:
        TypeError, ValueError: where `x` is masked or empty, an argument is not as described, or the
            model does not return one row an example.

    Behaves like keras.Model.predict.

    >>> predict(lambda w, x: w * x, 2.0, np.arange(5.0), batch_size=2)
    array([0., 2., 4., 6., 8.])
    """
    x = np.asarray(x)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"predict: x must hold examples, one a row; it is {x.shape}")
    outputs = []
    with no_grad():
        for start in range(0, len(x), batch_size):
            rows = x[start : start + batch_size]
            outputs.append(_array(apply(params, rows)))
            if outputs[-1].shape[:1] != rows.shape[:1]:
                raise ValueError(
                    f"predict: for x of shape {rows.shape} apply must return one row an example, "
                    f"it returned shape {outputs[-1].shape}"
                )
    return np.concatenate(outputs)


def _evaluate(
    apply: Callable[..., Any],
    params: Any,
    x: np.ndarray,
    y: np.ndarray,
    classes: bool,
    loss: Callable[[Any, Any], Any],
    batch_size: int,
) -> dict[str, float]:
    means = _Means(classes)
    with no_grad():
        for x_batch, y_batch in batches(x, y, batch_size):
            outputs = apply(params, x_batch)
            means.add(loss(outputs, y_batch), outputs, y_batch)
    return means.so_far()


class _Means:
    """The mean loss, and accuracy where there are classes, over the examples of some batches."""

    def __init__(self, classes: bool) -> None:
        self.sums = {"loss": 0.0, "accuracy": 0.0} if classes else {"loss": 0.0}
        self.examples = 0

    def add(self, loss: Any, outputs: Any, labels: np.ndarray) -> None:
        self.examples += len(labels)
        self.sums["loss"] += float(_array(loss)) * len(labels)
        if "accuracy" in self.sums:
            outputs = _array(outputs)
            wanted = labels if labels.ndim < outputs.ndim else labels.argmax(axis=-1)
            self.sums["accuracy"] += float(np.mean(outputs.argmax(axis=-1) == wanted)) * len(labels)

    def names(self) -> list[str]:
        return list(self.sums)

    def so_far(self) -> dict[str, float]:
        return {name: total / self.examples for name, total in self.sums.items()}


def _shown(row: dict[str, float]) -> dict[str, str]:
    return {name: f"{mean:.4f}" for name, mean in row.items()}


def _array(result: Any) -> np.ndarray:
    return result.data if isinstance(result, Tensor) else as_array(result)


def _takes_rng(apply: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(apply).parameters
    except ValueError:  # compiled code may have none to show
        return True
    kinds = {parameter.kind for parameter in parameters.values()}
    return "rng" in parameters or inspect.Parameter.VAR_KEYWORD in kinds


def _tuple(name: str, given: Any) -> tuple[Any, ...]:
    if isinstance(given, (str, bytes)) or not np.iterable(given):
        raise TypeError(f"fit: {name} must be several, such as a list, not {given!r:.80}")
    return tuple(given)


def _check_data(
    name: str,
    data: tuple[Any, Any],
    apply: Callable[..., Any],
    params: Any,
    loss: Callable[[Any, Any], Any],
) -> tuple[np.ndarray, np.ndarray, bool]:
    """The pair as arrays, and whether its labels are classes, after a trial with two examples."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        what = f"{len(data)} of them" if isinstance(data, (tuple, list)) else type(data).__name__
        raise TypeError(f"{name} must be a pair (x, y), not {what}")
    for part, given in zip("xy", data, strict=True):
        if not PLAIN.holds(given):
            raise TypeError(f"{name}: {part} must be {PLAIN.expected}, not {shown(given)}")
    x, y = map(np.asarray, data)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"{name}: x and y must have the same length; x is {x.shape}, y {y.shape}")
    if len(x) == 0:
        raise ValueError(f"{name} holds no examples")
    for part, array in (("x", x), ("y", y)):
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{name}: {part} must hold numbers, not {array.dtype}")
        if array.dtype.kind in "fc":
            for start, rows in _slices(array):
                finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
                if not finite.all():
                    raise ValueError(f"{name}: {part}[{start + finite.argmin()}] holds nan or inf")
    with no_grad():
        outputs = apply(params, x[:2])
        shape = getattr(outputs, "shape", None)
        if shape is None or shape[:1] != x[:2].shape[:1]:
            raise ValueError(
                f"{name}: for x of shape {x[:2].shape} apply must return one row an example, "
                f"not {type(outputs).__name__} {shape or ''}"
            )
        classes = _check_labels(name, y, shape)
        value = _array(loss(outputs, y[:2]))
    if value.shape != ():
        raise ValueError(
            f"{name}: loss must return a scalar, the mean over the batch; "
            f"its shape is {value.shape}"
        )
    if value.dtype.kind not in "biuf":
        raise TypeError(f"{name}: loss must return a real number; its dtype is {value.dtype}")
    return x, y, classes


def _check_labels(name: str, y: np.ndarray, outputs: tuple[int, ...]) -> bool:
    """Whether `y` holds classes: numbers, or rows of probabilities. ValueError for a misfit."""
    if len(outputs) > 1 and y.shape[1:] == outputs[1:-1] and np.issubdtype(y.dtype, np.integer):
        if y.min() < 0 or y.max() >= outputs[-1]:
            raise ValueError(
                f"{name}: labels run from {y.min()} to {y.max()}, "
                f"but the model has {outputs[-1]} outputs, 0 to {outputs[-1] - 1}"
            )
        return True
    if y.shape[1:] != outputs[1:]:
        raise ValueError(
            f"{name}: y is {y.dtype} {y.shape} and the outputs are {(len(y), *outputs[1:])}; "
            "y must hold class numbers (integers, the outputs' shape without the last axis) or "
            "targets (the outputs' shape)"
        )
    return (
        y.ndim > 1
        and y.shape[-1] > 1
        and all(
            np.all(rows >= 0) and np.allclose(rows.sum(axis=-1), 1, atol=1e-3)
            for _, rows in _slices(y)
        )
    )


def _slices(array: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Views of a few rows each: a memory-mapped array is looked through, never held in memory."""
    return [(start, array[start : start + 256]) for start in range(0, len(array), 256)]
