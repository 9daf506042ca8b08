"""The example programs, run as a person would."""

import numpy as np
import pytest

import tinygrad_np as tg
from examples import custom_operation, look_inside, train_mnist
from models import mnist_cnn


def test_train_mnist_prints_accuracy_and_writes_parameters_and_figure(tmp_path, capsys):
    flags = "--images 300 100 --filters 4 --hidden 16 --epochs 2 --optimizer adam --dropout 0.1"
    train_mnist.main([*flags.split(), "--output", str(tmp_path / "run")])
    printed = capsys.readouterr().out
    accuracy = float(printed.split("test accuracy ")[1].split(",")[0])
    params = tg.load(tmp_path / "run/params.npz")
    _, (x, y) = tg.data.load_mnist()
    logits = mnist_cnn.apply(params, x[:100])
    assert accuracy == np.mean(np.argmax(logits, axis=-1) == y[:100])
    assert (tmp_path / "run/history.png").read_bytes().startswith(b"\x89PNG")


def test_the_original_preset_is_the_original_setup():
    args = train_mnist.parse(["--preset", "original"])
    assert (args.images, args.batch_size, args.bias) == ((500, 125), 1, False)
    assert (args.optimizer, args.epochs) == ("sgd", 10)
    assert train_mnist.parse(["--preset", "original", "--epochs", "3"]).epochs == 3


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ("--data no/such.npz", "no/such.npz"),
        ("--filters 8 8 --kernel-size 15", "too small"),
        ("--epochs 0", "epochs must be an integer of at least 1"),
        ("--dropout 1.5", r"rate must be a number in \[0, 1\)"),
        ("--learning-rate -1", "learning_rate"),
        ("--images 10 -5", "images must be at least 1"),
        ("--pool 0", "pool must be at least 1, not 0"),
        ("--hidden 0", r"hidden must be at least 1, not \[0\]"),
        ("--filters 4 -3", r"filters must be at least 1, not \[4, -3\]"),
    ],
)
def test_a_wrong_flag_ends_with_one_sentence(flags, text, tmp_path):
    with pytest.raises(SystemExit, match=text) as raised:
        train_mnist.main([*flags.split(), "--output", str(tmp_path)])
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_custom_operation_fits_the_orbit_and_shows_its_record(capsys):
    custom_operation.main(["--eccentricity", "0.4"])
    printed = capsys.readouterr().out
    assert " kepler " in printed
    assert abs(float(printed.split("eccentricity: ")[1].split()[0]) - 0.4) < 0.01
    assert abs(float(printed.split("perihelion: ")[1].split()[0]) - 0.1) < 0.01


def test_kepler_solves_its_equation():
    e, time = np.meshgrid([0.0, 0.3, 0.9], np.linspace(0, 6, 20))
    angle = custom_operation.kepler(time, e)
    np.testing.assert_allclose(angle - e * np.sin(angle), time, atol=1e-13)
    np.testing.assert_allclose(
        tg.grad(lambda m: np.sum(custom_operation.kepler(m, e)))(time), 1 / (1 - e * np.cos(angle))
    )


def test_an_operation_of_ones_own_is_named_in_errors():
    kepler = custom_operation.kepler
    with tg.detect_anomaly(), pytest.raises(FloatingPointError, match="kepler: the output"):
        tg.grad(lambda m: kepler(m, np.float64(0.5)))(np.nan)
    wrong = tg.primitive(kepler.forward, name="wrong")
    wrong.defvjp(lambda g, angle, m, e: g, lambda g, angle, m, e: g)
    with pytest.raises(AssertionError, match="order 1"):
        tg.check_grads(wrong, (np.array([1.0, 2.0]), np.array([0.5, 0.5])))


def test_look_inside_writes_the_page_and_every_figure(tmp_path, capsys):
    look_inside.main(
        f"--filters 2 3 --hidden 4 --epochs 1 --output {tmp_path} --no-browser".split()
    )
    printed = capsys.readouterr().out
    figures = "history filters feature_maps saliency activations gradients confusion mistakes"
    for name in ("page.html", *(f"{figure}.png" for figure in figures.split()), "loss_along.png"):
        assert (tmp_path / name).stat().st_size > 5000
        assert f"wrote {tmp_path / name}" in printed
    with pytest.raises(SystemExit, match="--digit must be from 0 to 999"):
        look_inside.main(["--digit", "1000", "--output", str(tmp_path / "no")])
    assert not (tmp_path / "no").exists()
