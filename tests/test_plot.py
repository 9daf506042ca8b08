"""Figures: what is drawn is what was given, and no display is needed."""

import os
import subprocess
import sys

import numpy as np
import pytest

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
