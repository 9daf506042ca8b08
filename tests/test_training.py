"""`fit`, `evaluate` and `predict` against NumPy written by hand, and against Keras."""

import tracemalloc

import numpy as np
import pytest

import tinygrad_np as tg


class Descent:
    """Plain gradient descent, which counts its steps."""

    def __init__(self, rate=0.1):
        self.rate = rate

    def init(self, params):
        return 0

    def update(self, params, grads, steps):
        return tg.tree.map(lambda p, g: p - self.rate * g, params, grads), steps + 1


def linear(params, x, *, rng=None):
    return x @ params["kernel"] + params["bias"]


def dropping(params, x, *, rng=None):
    """A linear model that loses half of its inputs at random while it is trained."""
    if rng is not None:
        x = x * (rng.random(x.shape) < 0.5)
    return linear(params, x)


def squared_error(outputs, targets):
    return np.mean((outputs - targets) ** 2)


def problem(n=23, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    params = {"kernel": rng.normal(size=(4, classes)), "bias": rng.normal(size=classes)}
    return params, rng.normal(size=(n, 4)), rng.integers(0, classes, n)


def options(**changes):
    return {
        "loss": tg.softmax_cross_entropy,
        "optimizer": Descent(),
        "epochs": 3,
        "batch_size": 5,
        "rng": np.random.default_rng(7),
        "progress": False,
    } | changes


def by_hand(params, x, y, *, epochs, batch_size, rng, rate=0.1, drop=False):
    """Softmax regression by gradient descent; gradients worked out on paper."""
    kernel, bias = params["kernel"].copy(), params["bias"].copy()
    history = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        order = rng.permutation(len(x))
        losses, right = [], []
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            inputs, labels = x[rows], y[rows]
            if drop:
                inputs = inputs * (rng.random(inputs.shape) < 0.5)
            scores = np.exp(inputs @ kernel + bias)
            p = scores / scores.sum(axis=1, keepdims=True)
            losses += list(-np.log(p[np.arange(len(rows)), labels]))
            right += list(p.argmax(axis=1) == labels)
            g = (p - np.eye(p.shape[1])[labels]) / len(rows)
            kernel -= rate * inputs.T @ g
            bias -= rate * g.sum(axis=0)
        history["loss"].append(np.mean(losses))
        history["accuracy"].append(np.mean(right))
    return {"kernel": kernel, "bias": bias}, history


def assert_trees_equal(a, b):
    tg.tree.map(lambda u, v: np.testing.assert_array_equal(u, v, strict=True), a, b)


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_fit_does_what_numpy_by_hand_does(batch_size, drop):
    params, x, y = problem()
    how = {"epochs": 3, "batch_size": batch_size}
    wanted, history = by_hand(params, x, y, drop=drop, rng=np.random.default_rng(7), **how)
    result = tg.fit(dropping if drop else linear, params, (x, y), **options(**how))
    tg.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), result.params, wanted)
    assert result.history.keys() == history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(result.history[name], values, rtol=1e-12)
    assert result.state == 3 * -(-23 // batch_size)
    assert not result.interrupted


class InOrder(np.random.Generator):
    """A generator that leaves the examples in their order."""

    def permutation(self, n):
        return np.arange(n)


def test_history_is_keras_history():
    keras = pytest.importorskip("keras")
    params, x, y = problem()
    _, x_val, y_val = problem(n=11, seed=1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype="float64")])
    model.set_weights([params["kernel"], params["bias"]])
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    same = {"epochs": 2, "batch_size": 5}
    keras_history = model.fit(
        x, y, validation_data=(x_val, y_val), shuffle=False, verbose=0, **same
    ).history
    rng = InOrder(np.random.PCG64(0))
    result = tg.fit(linear, params, (x, y), validation=(x_val, y_val), **options(rng=rng, **same))
    assert result.history.keys() == keras_history.keys()
    for name, values in keras_history.items():
        np.testing.assert_allclose(result.history[name], values, rtol=1e-5)
    measured = tg.evaluate(
        linear, result.params, (x_val, y_val), loss=tg.softmax_cross_entropy, batch_size=4
    )
    wanted = model.evaluate(x_val, y_val, verbose=0, return_dict=True)
    assert measured == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_allclose(
        tg.predict(linear, result.params, x_val, batch_size=4),
        model.predict(x_val, verbose=0),
        rtol=1e-5,
    )


@pytest.mark.parametrize("batch_size", [1, 4, 23, 64])
def test_evaluate_and_predict_do_not_depend_on_the_batches(batch_size):
    params, x, y = problem()
    outputs = x @ params["kernel"] + params["bias"]
    np.testing.assert_allclose(tg.predict(linear, params, x, batch_size=batch_size), outputs)
    log_p = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    wanted = {
        "loss": -log_p[np.arange(23), y].mean(),
        "accuracy": (outputs.argmax(axis=1) == y).mean(),
    }
    loss = tg.softmax_cross_entropy
    measured = tg.evaluate(linear, params, (x, y), loss=loss, batch_size=batch_size)
    assert measured == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("labels", "accuracy"),
    [
        (np.array([0, 1, 2, 2]), 0.75),
        (np.eye(3)[[0, 1, 2, 2]], 0.75),
        (np.eye(3, dtype=int)[[0, 1, 2, 2]], 0.75),
        (np.float32([[0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0.4, 0.6], [0.2, 0.2, 0.6]]), 0.75),
        (np.float32([[0.9, 0.1, 0.1], [0, 1, 0], [0, 0, 1], [0, 0, 1]]), None),  # a sum of 1.1
        (np.eye(3)[[0, 1, 2, 2]] - 1, None),
    ],
)
def test_accuracy_is_reported_where_labels_are_classes(labels, accuracy):
    outputs = np.eye(3)[[0, 1, 2, 0]]
    measured = tg.evaluate(lambda p, x: p * x, 1.0, (outputs, labels), loss=lambda o, y: 0.0)
    assert measured.get("accuracy") == accuracy


def test_accuracy_of_sequences_is_over_all_positions():
    labels = np.array([[0, 1], [2, 0], [1, 1]])
    outputs = np.eye(3)[[[0, 1], [2, 1], [0, 1]]]
    measured = tg.evaluate(
        lambda p, x: p * x, 1.0, (outputs, labels), loss=lambda o, y: 0.0, batch_size=2
    )
    assert measured["accuracy"] == pytest.approx(4 / 6)


def test_regression_learns_a_line_from_float_parameters():
    x = np.linspace(-1, 1, 20)
    result = tg.fit(
        lambda p, x, *, rng=None: p["slope"] * x + p["height"],
        {"slope": 0.0, "height": 0.0},
        (x, 3 * x - 1),
        **options(loss=squared_error, epochs=100),
    )
    assert result.params == pytest.approx({"slope": 3.0, "height": -1.0}, abs=1e-6)
    assert result.history.keys() == {"loss"}


def test_the_same_seed_gives_the_same_bits():
    params, x, y = problem()
    first, again = (tg.fit(dropping, params, (x, y), **options()) for _ in range(2))
    assert_trees_equal(first.params, again.params)
    assert first.history == again.history
    other = tg.fit(dropping, params, (x, y), **options(rng=np.random.default_rng(8)))
    assert first.history != other.history


def test_training_goes_on_from_a_file_as_if_it_had_not_stopped(tmp_path):
    params, x, y = problem()
    optimizer = tg.optim.adam()
    whole = tg.fit(dropping, params, (x, y), **options(optimizer=optimizer, epochs=4))

    rng = np.random.default_rng(7)
    part = tg.fit(dropping, params, (x, y), **options(optimizer=optimizer, epochs=2, rng=rng))
    draws = rng.bit_generator.state
    tg.save(tmp_path / "run.npz", {"params": part.params, "state": part.state, "draws": draws})

    run = tg.load(tmp_path / "run.npz")
    rng = np.random.default_rng()
    rng.bit_generator.state = run["draws"]
    how = options(optimizer=optimizer, epochs=2, rng=rng, state=run["state"])
    rest = tg.fit(dropping, run["params"], (x, y), **how)
    assert_trees_equal(rest.params, whole.params)
    assert_trees_equal(rest.state, whole.state)


def test_callers_parameters_stay_as_they_are():
    params, x, y = problem()
    kept = tg.tree.map(np.copy, params)
    tg.fit(linear, params, (x, y), **options(optimizer=tg.optim.adam()))
    assert_trees_equal(params, kept)


def test_the_model_gets_a_generator_only_while_it_is_trained():
    params, x, y = problem()
    seen = []

    def apply(params, x, *, rng=None):
        seen.append((len(x), rng is not None))
        return linear(params, x)

    tg.fit(apply, params, (x, y), validation=(x, y), **options(epochs=1, batch_size=20))
    steps = [row for row in seen if row[0] != 2]  # without the trial, which takes two examples
    assert steps == [(20, True), (3, True), (20, False), (3, False)]


def test_callbacks_see_each_epoch_and_stop_it_with_true_alone():
    params, x, y = problem()
    calls = []

    def watch(epoch, result):
        calls.append((epoch, len(result.history["loss"]), result.state))
        return len(calls)  # true, but not True

    result = tg.fit(
        linear,
        params,
        (x, y),
        callbacks=[watch, lambda epoch, result: np.bool_(epoch == 2)],
        **options(epochs=9),
    )
    assert calls == [(1, 1, 5), (2, 2, 10)]
    assert len(result.history["loss"]) == 2
    assert not result.interrupted


class Interrupting(Descent):
    """Presses Ctrl-C in one of its steps."""

    def update(self, params, grads, steps):
        if steps == 7:
            raise KeyboardInterrupt
        return super().update(params, grads, steps)


def test_ctrl_c_returns_what_was_learnt(capsys):
    params, x, y = problem()
    whole = tg.fit(linear, params, (x, y), **options())
    result = tg.fit(linear, params, (x, y), **options(optimizer=Interrupting()))
    assert result.interrupted
    assert result.state == 7
    assert result.history == {name: values[:1] for name, values in whole.history.items()}
    assert capsys.readouterr().err == (
        "fit: interrupted in epoch 2; returning the parameters of the last finished step\n"
    )
    halfway = []
    tg.fit(linear, params, (x, y), **options(epochs=1))

    def stop(epoch, result):
        halfway.append(result)
        raise KeyboardInterrupt

    result = tg.fit(linear, params, (x, y), **options(callbacks=[stop]))
    assert result.history == halfway[0].history
    assert_trees_equal(result.params, halfway[0].params)


def test_ctrl_c_in_the_first_epoch_leaves_an_empty_history():
    params, x, y = problem()
    result = tg.fit(
        linear, params, (x, y), validation=(x, y), **options(optimizer=Interrupting(), batch_size=2)
    )
    assert result.history == {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    assert result.state == 7


@pytest.mark.parametrize(
    ("apply", "what"),
    [
        (lambda p, x, *, rng=None: x * np.log(p), "the loss"),  # log of 0
        (lambda p, x, *, rng=None: x * 0 + np.sqrt(p), "an updated parameter"),  # slope at 0
    ],
)
def test_training_stops_before_it_loses_its_parameters(apply, what):
    """Each step takes the parameter, 2, down by 1."""

    class Down(Descent):
        def update(self, p, g, steps):
            return p - 1 + 0 * g, steps + 1

    x = np.ones(8)
    with (
        np.errstate(all="ignore"),
        pytest.warns(RuntimeWarning, match=f"fit: {what} is nan or inf at step 3 of epoch 1"),
    ):
        result = tg.fit(
            apply,
            np.array(2.0),
            (x, x),
            **options(loss=squared_error, optimizer=Down(), batch_size=2),
        )
    assert result.interrupted
    assert np.isfinite(result.params)
    assert result.history == {"loss": []}


def test_the_bar_shows_what_keras_shows(capsys):
    params, x, y = problem()
    how = options(progress=True, epochs=2)
    result = tg.fit(linear, params, (x, y), validation=(x, y), **how)
    shown = capsys.readouterr().err
    for text in ("epoch 1/2", "epoch 2/2", "5/5", *(f"{name}=" for name in result.history)):
        assert text in shown
    tg.fit(linear, params, (x, y), **options())
    assert capsys.readouterr() == ("", "")


def of_bytes(params, x, *, rng=None):
    """The linear model of a few of the bytes in a row."""
    return linear(params, x[:, :4] / np.float32(255))


@pytest.mark.parametrize("apply", [linear, of_bytes])
def test_memory_mapped_data_train_as_arrays_do(apply, tmp_path):
    params, x, y = problem()
    if apply is of_bytes:
        x = np.random.default_rng(1).integers(0, 256, (23, 6), np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    results = [
        tg.fit(apply, params, (data, y), validation=(data, y), **options()) for data in (x, mapped)
    ]
    assert_trees_equal(results[0].params, results[1].params)
    assert results[0].history == results[1].history
    np.testing.assert_array_equal(
        *(tg.predict(apply, params, data, batch_size=5) for data in (x, mapped)), strict=True
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_mapped_data_are_never_read_whole(dtype, tmp_path):
    """64 MiB, of which a batch is 0.3."""
    file = np.lib.format.open_memmap(
        tmp_path / "x.npy", "w+", dtype, (1024, 2**16 // dtype(0).nbytes)
    )
    del file
    params, y = problem()[0], np.arange(1024) % 3
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    tracemalloc.start()
    try:
        tg.fit(of_bytes, params, (x, y), validation=(x, y), **options(epochs=1))
        tg.evaluate(of_bytes, params, (x, y), loss=tg.softmax_cross_entropy, batch_size=5)
        tg.predict(of_bytes, params, x, batch_size=5)
        assert tracemalloc.get_traced_memory()[1] < x.nbytes / 8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("several", [iter, set, np.array, tuple])
def test_snapshots_may_be_any_iterable(several):
    params, x, y = problem()
    result = tg.fit(linear, params, (x, y), snapshots=several([0, 2, 3]), **options())
    assert [snapshot.step for snapshot in result.snapshots] == [0, 2, 3]


X, Y = problem()[1:]
BAD_X, BAD_Y = X.copy(), np.eye(3)[Y]
BAD_X[13, 2], BAD_Y[21, 0] = np.nan, np.inf
MASKED = np.ma.array(X, mask=X > 1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"train": (X[:0], Y[:0])}, ValueError, "fit: train holds no examples"),
        ({"train": (X, Y[:-1])}, ValueError, r"same length; x is \(23, 4\), y \(22,\)"),
        ({"train": X}, TypeError, r"fit: train must be a pair \(x, y\), not ndarray"),
        ({"train": (BAD_X, Y)}, ValueError, r"fit: train: x\[13\] holds nan or inf"),
        ({"train": (X, BAD_Y)}, ValueError, r"fit: train: y\[21\] holds nan or inf"),
        ({"train": (MASKED, Y)}, TypeError, "fit: train: x must be a plain array, not MaskedArray"),
        ({"train": (X, np.ma.array(Y))}, TypeError, "fit: train: y must be a plain array"),
        ({"validation": (MASKED, Y)}, TypeError, "fit: validation: x must be a plain array"),
        ({"params": {"kernel": MASKED[:4, :3], "bias": np.ones(3)}}, TypeError, "params/kernel .*"),
        ({"train": (X * 1j, Y)}, TypeError, "softmax_cross_entropy: logits .* real numbers"),
        (
            {"loss": lambda o, y: np.mean(o) * 1j},
            TypeError,
            "must return a real number; .* complex",
        ),
        ({"train": (X.astype(str), Y)}, TypeError, "fit: train: x must hold numbers, not <U"),
        ({"train": (X, Y.astype(float))}, ValueError, r"y is float64 \(23,\) and the outputs are"),
        ({"train": (X, Y + 1)}, ValueError, "labels run from 1 to 3, but the model has 3 outputs"),
        ({"train": (X, Y - 1)}, ValueError, "labels run from -1 to 1, but the model has 3 outputs"),
        ({"train": (X, np.eye(4)[Y])}, ValueError, r"y is float64 \(23, 4\)"),
        ({"train": (X[:, :3], Y)}, ValueError, "matmul"),
        ({"validation": (X, Y + 1)}, ValueError, "fit: validation: labels run from 1 to 3"),
        ({"validation": (X[:0], Y[:0])}, ValueError, "fit: validation holds no examples"),
        ({"validation": (BAD_X, Y)}, ValueError, r"fit: validation: x\[13\]"),
        (
            {"params": {"kernel": np.ones((4, 3), int), "bias": np.ones(3)}},
            TypeError,
            "params/kernel must be a floating",
        ),
        ({"params": {"kernel": np.ones((4, 3)), "bias": 0}}, TypeError, "params/bias .* not int"),
        (
            {"params": {"kernel": BAD_X[11:15, :3], "bias": np.ones(3)}},
            ValueError,
            "params/kernel holds nan",
        ),
        ({"epochs": 0}, ValueError, "fit: epochs must be an integer of at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "integer"),
        (
            {"batch_size": -2},
            ValueError,
            "fit: batch_size must be an integer of at least 1, got -2",
        ),
        ({"rng": 0}, TypeError, "fit: rng must be a numpy.random.Generator"),
        ({"optimizer": "adam"}, TypeError, "optimizer must have init and update.* not be 'adam'"),
        ({"loss": "mse"}, TypeError, "loss must be a function, got 'mse'"),
        ({"loss": lambda o, y: (o - BAD_Y[:2]) ** 2}, ValueError, "loss must return a scalar"),
        ({"callbacks": [3]}, TypeError, "must be functions, not 3"),
        ({"apply": lambda p, x: x}, TypeError, "rng"),
        ({"apply": lambda p, x, *, rng: (x, x)}, ValueError, "one row an example, not tuple"),
        ({"apply": lambda p, x, *, rng: x[0]}, ValueError, r"an example, not ndarray \(4,\)"),
    ],
)
def test_mistakes_are_found_before_the_first_step(changes, error, message):
    class Never(Descent):
        def update(self, *args):
            raise AssertionError("a step was taken")

    arguments = {"apply": linear, "params": problem()[0], "train": (X, Y)}
    arguments |= options(optimizer=Never()) | changes
    with pytest.raises(error, match=message):
        tg.fit(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: tg.evaluate(linear, p, (X, Y + 1), loss=squared_error), "evaluate: data: lab"),
        (lambda p: tg.evaluate(linear, p, (BAD_X, Y), loss=squared_error), r"x\[13\] holds nan"),
        (lambda p: tg.predict(linear, p, X[:0]), r"predict: x must hold examples"),
        (lambda p: tg.predict(linear, p, X, batch_size=0), "predict: batch_size must be"),
        (
            lambda p: tg.evaluate(linear, p, (MASKED, Y), loss=squared_error),
            "data: x .* plain array",
        ),
        (
            lambda p: tg.evaluate(linear, p, (X, Y), loss=lambda o, y: 1j),
            "must return a real number",
        ),
        (lambda p: tg.predict(linear, p, MASKED), "predict: x must be a plain array"),
        (lambda p: tg.predict(lambda p, x: MASKED, p, X), "MaskedArray has rules of its own"),
    ],
)
def test_evaluate_and_predict_refuse_what_they_cannot_use(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(problem()[0])


def test_softmax_regression_learns_mnist():
    (x, y), test = tg.data.load_mnist()
    params = {"kernel": np.zeros((784, 10), np.float32), "bias": np.zeros(10, np.float32)}

    def apply(params, x, *, rng=None):
        return linear(params, np.reshape(x, (len(x), 784)))

    result = tg.fit(
        apply,
        params,
        (x, y),
        validation=test,
        **options(batch_size=50, optimizer=tg.optim.adam(0.003)),
    )
    assert result.history["val_accuracy"][-1] > 0.88
    assert result.params["kernel"].dtype == np.float32
