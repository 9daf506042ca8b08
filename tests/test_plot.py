"""Figures: what is drawn is what was given, and no display is needed."""

import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import tinygrad_np as tg

HISTORY = {
    "loss": [0.9, 0.4, 0.3],
    "accuracy": [0.6, 0.8, 0.9],
    "val_loss": [0.8, 0.5, 0.4],
    "val_accuracy": [0.7, 0.75, 0.85],
}


def curves(panel):
    return {line.get_label(): line.get_ydata() for line in panel.lines}


@pytest.mark.parametrize("wrap", [dict, lambda h: tg.FitResult(None, None, h)])
def test_history_draws_every_curve(wrap):
    figure = tg.plot.history(wrap(HISTORY))
    for panel, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        drawn = curves(panel)
        assert drawn.keys() == {"training", "validation"}
        np.testing.assert_array_equal(drawn["training"], HISTORY[name])
        np.testing.assert_array_equal(drawn["validation"], HISTORY[f"val_{name}"])
        assert panel.lines[0].get_xdata().tolist() == [1, 2, 3]
        assert panel.lines[0].get_linestyle() != panel.lines[1].get_linestyle()
        assert panel.get_xlabel() == "epoch"
        assert name in panel.get_ylabel()
        assert panel.get_legend() is not None


@pytest.mark.parametrize("epochs", [1, 2, 3, 40])
def test_epochs_are_marked_in_whole_numbers(epochs, tmp_path):
    figure = tg.plot.history({"loss": list(np.linspace(1, 0, epochs))})
    figure.savefig(tmp_path / "history.png")
    (panel,) = figure.axes
    assert all(tick == int(tick) for tick in panel.get_xticks())
    assert (tmp_path / "history.png").stat().st_size > 5000


def test_history_draws_on_given_axes():
    from matplotlib.figure import Figure

    figure = Figure()
    both = figure.subplots(1, 2)
    assert tg.plot.history(HISTORY, ax=both) is figure
    np.testing.assert_array_equal(curves(both[1])["training"], HISTORY["accuracy"])
    one = Figure().subplots()
    tg.plot.history(HISTORY, ax=one)
    np.testing.assert_array_equal(curves(one)["validation"], HISTORY["val_loss"])


def test_an_empty_history_is_refused():
    with pytest.raises(TypeError, match="must be what fit returned, not 3"):
        tg.plot.history(3)
    with pytest.raises(ValueError, match="no finished epoch"):
        tg.plot.history({"loss": []})


def test_figures_need_neither_display_nor_pyplot():
    program = (
        "import sys, tinygrad_np as tg\n"
        "tg.plot.history({'loss': [1.0]}).savefig('/dev/null', format='png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def drawn(figure, panel=0):
    return np.asarray(figure.axes[panel].images[0].get_array())


def tile(picture, row, column, shape):
    height, width = shape
    return picture[row * height : (row + 1) * height, column * width : (column + 1) * width]


def model(params, images, *, rng=None):
    """Small enough for finite differences."""
    x = tg.relu(tg.conv2d(images, params["conv"]["kernel"], params["conv"]["bias"]))
    return tg.dense(tg.flatten(x), params["dense"]["kernel"])


@pytest.fixture
def params():
    rng = np.random.default_rng(0)
    return {
        "conv": {"kernel": rng.normal(size=(3, 3, 2, 4)), "bias": rng.normal(size=4)},
        "dense": {"kernel": rng.normal(size=(4 * 5 * 4, 3))},
    }


@pytest.fixture
def images():
    return np.random.default_rng(1).random((6, 6, 7, 2))


def test_filters_shows_every_filter_of_every_channel():
    kernel = np.random.default_rng(0).normal(size=(3, 2, 5, 4))
    picture = drawn(tg.plot.filters(kernel))
    for channel in range(5):
        for number in range(4):
            shown = tile(picture, channel, number, (3, 2))
            np.testing.assert_array_equal(shown, kernel[:, :, channel, number])


def test_filters_of_one_channel_are_wrapped_into_a_square():
    kernel = np.random.default_rng(0).normal(size=(3, 2, 5, 7))
    figure = tg.plot.filters(kernel, channel=3)
    for number in range(7):
        shown = tile(drawn(figure), number // 4, number % 4, (3, 2))
        np.testing.assert_array_equal(shown, kernel[:, :, 3, number])
    assert np.isnan(tile(drawn(figure), 1, 3, (3, 2))).all()
    limits = figure.axes[0].images[0].get_clim()
    assert limits == (-np.abs(kernel[:, :, 3]).max(), np.abs(kernel[:, :, 3]).max())


@pytest.mark.parametrize("batch", [False, True])
def test_feature_maps_shows_every_channel_and_numbers_it(batch):
    maps = np.random.default_rng(0).random((4, 6, 64)).astype(np.float32)
    figure = tg.plot.feature_maps(maps[None] if batch else tg.Tensor(maps, requires_grad=True))
    panel = figure.axes[0]
    rows = [int(label.get_text()) for label in panel.get_yticklabels()]
    columns = [int(label.get_text()) for label in panel.get_xticklabels()]
    assert (len(rows), len(columns)) == (8, 8)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            shown = tile(drawn(figure), i, j, (4, 6))
            np.testing.assert_array_equal(shown, maps[:, :, row + column])
    assert panel.images[0].get_clim() == (0, maps.max())
    assert tg.plot.feature_maps(maps - 0.5).axes[0].images[0].get_clim()[0] == -np.abs(
        maps - 0.5
    ).max().astype(float)


@pytest.mark.parametrize("label", [None, 0, 2])
def test_saliency_is_the_derivative_of_the_logit(params, images, label):
    image = images[0]
    logits = model(params, image[None])[0]
    chosen = int(logits.argmax()) if label is None else label
    expected = np.empty((6, 7))
    for place in np.ndindex(6, 7):  # all channels of the pixel made brighter and darker
        step = np.zeros_like(image)
        step[place] = 1e-6
        up, down = (model(params, (image + sign * step)[None])[0, chosen] for sign in (1, -1))
        expected[place] = (up - down) / 2e-6
    figure = tg.plot.saliency(model, params, image, label=label)
    np.testing.assert_allclose(drawn(figure, 1), expected, atol=1e-6)
    assert figure.axes[0].get_title() == f"image, predicted {logits.argmax()}"
    assert figure.axes[1].get_title() == f"gradient of logit {chosen}"
    low, high = figure.axes[1].images[0].get_clim()
    assert -low == high == pytest.approx(np.abs(expected).max())


def test_histograms_count_every_element_of_every_gradient(params, images):
    grads = tg.grad(lambda p: tg.softmax_cross_entropy(model(p, images), np.arange(6) % 3))(params)
    figure = tg.plot.histograms(grads)
    for panel, (path, leaf) in zip(figure.axes, tg.tree.items(grads), strict=True):
        name, numbers = panel.get_title().split("\n")
        assert name == path
        assert f"std {leaf.std():.2g}" in numbers
        for bar in panel.patches:
            edges = bar.get_x(), bar.get_x() + bar.get_width()
            inside = np.sum((leaf >= edges[0] - 1e-12) & (leaf <= edges[1] + 1e-12))
            assert bar.get_height() == inside


def test_histograms_of_a_tape_are_its_activations_by_operation(params, images):
    tensors = tg.tree.map(lambda a: tg.Tensor(a, requires_grad=True), params)
    loss = tg.softmax_cross_entropy(model(tensors, images), np.arange(6) % 3)
    tape = loss.tape()
    figure = tg.plot.histograms(tape)
    shown = [panel.get_title().split("\n")[0] for panel in figure.axes]
    assert shown == [f"{i} {r.op.name}" for i, r in enumerate(tape) if np.size(r.output) > 1]
    activations = np.maximum(tape[0].output, 0)
    assert shown[1] == "1 relu"
    assert f"{np.mean(activations == 0):.0%} zeros" in figure.axes[1].get_title()
    assert sum(bar.get_height() for bar in figure.axes[1].patches) == activations.size
    assert len(tg.plot.histograms(tape[:2]).axes) == 2
    loss.backward()
    with pytest.raises(ValueError, match=r"let go of 0 conv2d.*retain_tape=True"):
        tg.plot.histograms(tape)


@pytest.mark.parametrize("outputs", [False, True])
def test_confusion_matrix_counts_true_labels_in_rows(outputs):
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    expected = np.zeros((4, 4), int)
    for true, guess in zip(labels, predicted, strict=True):
        expected[true, guess] += 1
    figure = tg.plot.confusion_matrix(np.eye(4)[predicted] if outputs else predicted, labels)
    np.testing.assert_array_equal(drawn(figure), expected)
    (panel,) = figure.axes
    written = np.zeros_like(expected)
    for text in panel.texts:
        column, row = text.get_position()
        written[row, column] = int(text.get_text())
    np.testing.assert_array_equal(written, expected)
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted label", "true label")


def test_worst_mistakes_come_in_the_order_of_their_loss():
    rng = np.random.default_rng(0)
    images, outputs = rng.random((40, 3, 5, 1)), rng.normal(size=(40, 4))
    labels = rng.integers(0, 4, 40)
    chances = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    mistakes = [i for i in range(40) if chances[i].argmax() != labels[i]]
    mistakes.sort(key=lambda i: chances[i, labels[i]])
    figure = tg.plot.worst_mistakes(images, tg.Tensor(outputs), labels, count=5)
    for i, panel in zip(mistakes[:5], figure.axes, strict=True):
        span = images.max() - images.min()
        shown = panel.images[0].get_array()
        np.testing.assert_allclose(shown, (images[i, :, :, 0] - images.min()) / span)
        assert panel.get_title() == (
            f"predicted {chances[i].argmax()} ({chances[i].max():.0%})\n"
            f"true {labels[i]} ({chances[i, labels[i]]:.0%})"
        )
    assert len(tg.plot.worst_mistakes(images, outputs, labels, count=99).axes) == len(mistakes)


def test_loss_along_goes_in_a_direction_as_long_as_each_filter(params, images):
    labels, seen = np.arange(6) % 3, []

    def loss_fn(params):
        seen.append(params)
        return tg.softmax_cross_entropy(model(params, images), labels)

    figure = tg.plot.loss_along(loss_fn, params, rng=np.random.default_rng(3), radius=0.5, steps=4)
    curve, centre = figure.axes[0].lines
    np.testing.assert_allclose(curve.get_xdata(), np.linspace(-0.5, 0.5, 9))
    assert list(curve.get_ydata()) == [float(loss_fn(params)) for params in seen[:9]]
    assert centre.get_xdata() == [0]
    assert centre.get_ydata() == curve.get_ydata()[4] == loss_fn(params)
    for path, axes in (("conv", (0, 1, 2)), ("dense", 0)):
        kernel, end = params[path]["kernel"], seen[8][path]["kernel"]
        lengths = np.sqrt(((end - kernel) ** 2).sum(axis=axes))
        np.testing.assert_allclose(lengths, 0.5 * np.sqrt((kernel**2).sum(axis=axes)))
    again = tg.plot.loss_along(loss_fn, params, rng=np.random.default_rng(3), radius=0.5, steps=4)
    assert list(again.axes[0].lines[0].get_ydata()) == list(curve.get_ydata())


def test_parameters_keep_their_dtype_along_the_line():
    def loss_fn(w):
        assert w.dtype == np.float32
        return np.sum(w**2)

    tg.plot.loss_along(loss_fn, np.ones((2, 3), np.float32), rng=np.random.default_rng(0), steps=1)


IMAGES, LOGITS, LABELS = np.zeros((2, 4, 4, 1)), np.zeros((2, 3)), np.array([1, 2])
RNG = np.random.default_rng(0)

FIGURES = {
    "filters": (1, lambda ax: tg.plot.filters(np.ones((3, 3, 1, 2)), ax=ax)),
    "feature_maps": (1, lambda ax: tg.plot.feature_maps(np.zeros((3, 3, 2)), ax=ax)),
    "saliency": (2, lambda ax: tg.plot.saliency(_linear, np.eye(16)[:, :3], IMAGES[0], ax=ax)),
    "saliency, gradient only": (
        1,
        lambda ax: tg.plot.saliency(_linear, np.eye(16)[:, :3], IMAGES[0], ax=ax),
    ),
    "histograms": (2, lambda ax: tg.plot.histograms([np.ones(3), np.zeros(2)], ax=ax)),
    "confusion_matrix": (1, lambda ax: tg.plot.confusion_matrix(LABELS, LABELS, ax=ax)),
    "worst_mistakes": (2, lambda ax: tg.plot.worst_mistakes(IMAGES, LOGITS, LABELS, ax=ax)),
    "loss_along": (1, lambda ax: tg.plot.loss_along(np.sum, np.ones(2), rng=RNG, ax=ax)),
}


def _linear(params, images):
    return np.reshape(images, (len(images), -1)) @ params


@pytest.mark.parametrize("name", FIGURES)
def test_figures_draw_on_given_axes_and_can_be_saved(name, tmp_path):
    from matplotlib.figure import Figure

    count, draw = FIGURES[name]
    figure = Figure()
    axes = figure.subplots(1, count)
    assert draw(axes) is figure
    assert all(panel.has_data() for panel in np.atleast_1d(axes))
    figure.savefig(tmp_path / "figure.png")


NAN = float("nan")
AXES = Figure().subplots()


@pytest.mark.parametrize(
    ("text", "draw"),
    [
        (r"filters: .*\(KH, KW, C, F\), not \(3, 3\)", lambda p: p.filters(np.ones((3, 3)))),
        ("kernel must not be empty", lambda p: p.filters(np.ones((3, 3, 1, 0)))),
        ("1 of 9 elements are nan", lambda p: p.filters(np.diag([NAN, 1, 1]).reshape(3, 3, 1, 1))),
        ("channel must be from 0 to 1", lambda p: p.filters(np.ones((3, 3, 2, 1)), channel=2)),
        (r"not \(2, 3, 3, 1\)", lambda p: p.feature_maps(np.ones((2, 3, 3, 1)))),
        (r"logits of shape \(1, classes\)", lambda p: p.saliency(lambda p, x: x, 0, IMAGES[0])),
        (
            "label must be from 0 to 2, it is 3",
            lambda p: p.saliency(_linear, np.eye(16)[:, :3], IMAGES[0], label=3),
        ),
        ("no array of more than one", lambda p: p.histograms({"a": 1.0})),
        ("histograms: a/0 must be finite", lambda p: p.histograms({"a": [np.array([NAN, 1])]})),
        ("must hold 2 axes, it holds 1", lambda p: p.histograms([np.ones(2)] * 2, ax=[AXES])),
        ("labels must be class numbers", lambda p: p.confusion_matrix(LABELS, LABELS / 2)),
        ("labels must be class numbers", lambda p: p.confusion_matrix([], [])),
        ("3 are predicted, .* 2 labels", lambda p: p.confusion_matrix([1, 1, 1], LABELS)),
        ("labels run to 2, .* 2 classes", lambda p: p.confusion_matrix(np.ones((2, 2)), LABELS)),
        (
            "none of the 2 images is misclassified",
            lambda p: p.worst_mistakes(IMAGES, np.eye(3)[LABELS], LABELS),
        ),
        (r"images must have .*\(2, H, W, C\)", lambda p: p.worst_mistakes([1.0], LOGITS, LABELS)),
        (r"outputs must .*\(2, classes\)", lambda p: p.worst_mistakes(IMAGES, LOGITS[:1], LABELS)),
        ("count must be", lambda p: p.worst_mistakes(IMAGES, LOGITS, LABELS, count=0)),
        (
            "params/w must be finite",
            lambda p: p.loss_along(np.sum, {"w": np.array([NAN])}, rng=RNG),
        ),
        ("scalar, .* shape .2,", lambda p: p.loss_along(np.exp, np.ones(2), rng=RNG)),
        (
            "loss at t = -1 must be finite",
            lambda p: p.loss_along(lambda w: NAN, np.ones(2), rng=RNG),
        ),
        (
            "steps must be an integer of at least 1",
            lambda p: p.loss_along(np.sum, np.ones(2), rng=RNG, steps=0),
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(text, draw):
    with pytest.raises(ValueError, match=text) as raised:
        draw(tg.plot)
    assert str(raised.value).startswith("plot.")
    assert "\n" not in str(raised.value)


def test_loss_along_asks_for_a_generator():
    with pytest.raises(TypeError, match="loss_fn must be a function, got 3"):
        tg.plot.loss_along(3, np.ones(3), rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        tg.plot.loss_along(np.sum, np.ones(2), rng=0)


def test_a_fit_result_shows_its_history_and_curves_in_a_notebook():
    from xml.etree import ElementTree

    html = tg.FitResult(None, None, HISTORY)._repr_html_()
    table, svg = html[: html.index("<svg")], html[html.index("<svg") :]
    cells = [cell.text for cell in ElementTree.fromstring(f"<x>{table}</x>").iter("td")]
    rows = zip([1, 2, 3], *HISTORY.values(), strict=True)
    assert [float(cell) for cell in cells] == [number for row in rows for number in row]
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "interrupted" in tg.FitResult(None, None, {"loss": []}, True)._repr_html_()
