"""Initialisers have Keras's distributions and fans, and depend on the generator alone."""

import math

import numpy as np
import pytest

from tinygrad_np import init

KERNEL = (3, 3, 40, 60)
FAN_IN, FAN_OUT = 360, 540
INITIALISERS = {name: getattr(init, name) for name in init.__all__ if name != "compute_fans"}
RANDOM = [name for name in INITIALISERS if name not in {"zeros", "ones", "constant", "identity"}]


def draw(name, shape=KERNEL, dtype=np.float64, seed=0, **parameters):
    return INITIALISERS[name](np.random.default_rng(seed), shape, dtype, **parameters)


def close_to_std(values, std):
    """Within four standard errors: std / √(2n) for a normal distribution, less for the others."""
    return abs(values.std() - std) < 4 * std / math.sqrt(2 * values.size)


@pytest.mark.parametrize(
    ("name", "parameters", "middle", "limit"),
    [
        ("random_uniform", {}, 0, 0.05),
        ("random_uniform", {"minval": 2.0, "maxval": 5.0}, 3.5, 1.5),
        ("glorot_uniform", {}, 0, math.sqrt(6 / (FAN_IN + FAN_OUT))),
        ("he_uniform", {}, 0, math.sqrt(6 / FAN_IN)),
        ("lecun_uniform", {}, 0, math.sqrt(3 / FAN_IN)),
        (
            "variance_scaling",
            {"scale": 0.5, "mode": "fan_out", "distribution": "uniform"},
            0,
            math.sqrt(1.5 / FAN_OUT),
        ),
    ],
)
def test_uniform_distributions_fill_their_interval(name, parameters, middle, limit):
    values = draw(name, **parameters) - middle
    assert 0.999 * limit < -values.min() <= limit
    assert 0.999 * limit < values.max() <= limit
    assert close_to_std(values, limit / math.sqrt(3))
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(values.size)


@pytest.mark.parametrize(
    ("name", "parameters", "std"),
    [
        ("random_normal", {}, 0.05),
        ("random_normal", {"stddev": 2.0}, 2.0),
        ("variance_scaling", {"distribution": "untruncated_normal"}, math.sqrt(1 / FAN_IN)),
    ],
)
def test_normal_distributions_have_their_std_and_tails(name, parameters, std):
    values = draw(name, **parameters)
    assert close_to_std(values, std)
    assert abs(np.mean(abs(values) > 2 * std) - 0.0455) < 0.002


@pytest.mark.parametrize(
    ("name", "parameters", "std"),
    [
        ("truncated_normal", {}, 0.05 * 0.8796),
        ("truncated_normal", {"stddev": 2.0}, 2.0 * 0.8796),
        ("glorot_normal", {}, math.sqrt(2 / (FAN_IN + FAN_OUT))),
        ("he_normal", {}, math.sqrt(2 / FAN_IN)),
        ("lecun_normal", {}, math.sqrt(1 / FAN_IN)),
        ("variance_scaling", {"scale": 3.0, "mode": "fan_avg"}, math.sqrt(3 / 450)),
    ],
)
def test_truncated_normals_have_their_std_and_nothing_beyond_two_of_the_uncut_one(
    name, parameters, std
):
    values = draw(name, **parameters)
    bound = 2 * std / 0.87962566103423978
    assert close_to_std(values, std)
    assert 0.99 * bound < abs(values).max() <= bound * (1 + 1e-3)


def test_normal_distributions_are_shifted_by_their_mean():
    for name in ("random_normal", "truncated_normal"):
        np.testing.assert_allclose(draw(name, mean=3.0), 3 + draw(name), rtol=1e-14)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("shape", [(500, 300), (3, 3, 128, 128)])
def test_keras_draws_from_the_same_distribution(name, shape):
    keras = pytest.importorskip("keras")
    theirs = np.asarray(getattr(keras.initializers, name)(seed=1)(shape), np.float64)
    ours = draw(name, shape)
    # The standard error of these quantiles' differences is at most 0.007 std.
    quantiles = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(
        np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=0.03 * theirs.std()
    )
    assert abs(ours.std() / theirs.std() - 1) < 0.02


@pytest.mark.parametrize(
    "shape", [(), (7,), (4, 5), (3, 4, 5), (3, 3, 1, 32), (5, 3, 8, 16), (2, 3, 4, 5, 6)]
)
def test_fans_are_those_of_keras(shape):
    pytest.importorskip("keras")
    from keras.src.initializers.random_initializers import compute_fans

    assert init.compute_fans(shape) == compute_fans(shape)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (3, 3, 4, 16), (1, 1, 2, 16)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    matrix = draw("orthogonal", shape, gain=2.0).reshape(-1, shape[-1]) / 2
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-14)


def test_orthogonal_matrices_are_uniformly_distributed():
    # Without the signs of R's diagonal the first element of Q would never be positive.
    rng = np.random.default_rng(0)
    firsts = [init.orthogonal(rng, (3, 3), np.float64)[0, 0] for _ in range(400)]
    assert abs(np.mean(firsts)) < 4 / math.sqrt(3 * 400)


def test_constants():
    assert draw("zeros", (2, 3)).tolist() == [[0.0] * 3] * 2
    assert draw("ones", (2, 3)).tolist() == [[1.0] * 3] * 2
    assert draw("constant", (2,), value=0.5).tolist() == [0.5, 0.5]
    assert draw("identity", (2, 3), gain=np.float64(3)).tolist() == [[3, 0, 0], [0, 3, 0]]


@pytest.mark.parametrize("name", INITIALISERS)
def test_the_result_depends_on_the_generator_alone_and_has_the_dtype(name):
    single = INITIALISERS[name](np.random.default_rng(5), (4, 6))
    assert single.dtype == np.float32
    assert single.shape == (4, 6)
    double, half = draw(name, (4, 6), seed=5), draw(name, (4, 6), np.float16, seed=5)
    assert (double.dtype, half.dtype) == (np.float64, np.float16)
    np.testing.assert_array_equal(single, double.astype(np.float32))
    np.testing.assert_array_equal(half, double.astype(np.float16))
    np.testing.assert_array_equal(double, draw(name, (4, 6), seed=5))
    rng = np.random.default_rng(5)
    repeats = np.array_equal(INITIALISERS[name](rng, (4, 6)), INITIALISERS[name](rng, (4, 6)))
    assert repeats == (name not in RANDOM)


@pytest.mark.parametrize("name", sorted(INITIALISERS.keys() - {"identity", "orthogonal"}))
@pytest.mark.parametrize(("shape", "expected"), [((), ()), (5, (5,)), ((0, 3), (0, 3))])
def test_any_shape_gives_an_array(name, shape, expected):
    values = draw(name, shape, np.float32)
    assert isinstance(values, np.ndarray)
    assert (values.shape, values.dtype) == (expected, np.float32)


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.random.RandomState(0), (2, 2)), TypeError, r"rng must be a numpy.random.Generator"),
        (((2, 2), np.random.default_rng(0)), TypeError, r"rng must be .*, got \(2, 2\)"),
        ((np.random.default_rng(0), (2, 2), int), TypeError, "dtype must be a float dtype"),
        ((np.random.default_rng(0), (2.0, 2)), TypeError, r"shape must be .*, got \(2.0, 2\)"),
        ((np.random.default_rng(0), (2, -1)), ValueError, r"must not be negative, got \(2, -1\)"),
    ],
)
def test_errors_name_the_initialiser_and_the_argument(name, arguments, error, message):
    with pytest.raises(error, match=f"^{name}: .*{message}"):
        INITIALISERS[name](*arguments)


@pytest.mark.parametrize(
    ("name", "shape", "parameters", "message"),
    [
        ("identity", (2, 2, 2), {}, "identity: shape must have two dimensions, got"),
        ("orthogonal", (4,), {}, "orthogonal: shape must have two dimensions or more"),
        (
            "variance_scaling",
            (4,),
            {"scale": 0.0},
            r"scale must be a number in \(0, inf\), got 0.0",
        ),
        ("variance_scaling", (4,), {"mode": "fan"}, "mode must be one of .* got 'fan'"),
        ("variance_scaling", (4,), {"distribution": "n"}, "distribution must be one of .* got 'n'"),
    ],
)
def test_errors_of_one_initialiser(name, shape, parameters, message):
    with pytest.raises(ValueError, match=message):
        draw(name, shape, **parameters)
