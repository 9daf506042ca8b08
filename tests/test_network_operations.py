"""Activations, losses, normalization, dropout and tables, held against Keras in float64."""

from functools import partial

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core.primitive import primitives

rng = np.random.default_rng(2)
LOGITS = rng.normal(size=(4, 5)) * 3
LABELS = rng.integers(0, 5, 4)
PROBABILITIES = rng.dirichlet(np.ones(5), 4)
IMAGES = rng.normal(size=(3, 2, 4, 5))
GAMMA, BETA, MEAN = rng.normal(size=(3, 5))
VARIANCE = rng.uniform(0.5, 2.0, 5)

ACTIVATIONS = {
    "relu": tg.relu,
    "leaky_relu": tg.leaky_relu,
    "elu": tg.elu,
    "selu": tg.selu,
    "gelu": tg.gelu,
    "silu": tg.silu,
    "sigmoid": tg.sigmoid,
    "softplus": tg.softplus,
    "softsign": tg.softsign,
    "hard_sigmoid": tg.hard_sigmoid,
    "hard_swish": tg.hard_swish,
    "mish": tg.mish,
    "softmax": tg.softmax,
    "log_softmax": tg.log_softmax,
}
CASES = {name: (f, LOGITS) for name, f in ACTIVATIONS.items()} | {
    "leaky_relu with a slope": (partial(tg.leaky_relu, negative_slope=0.3), LOGITS),
    "elu with an alpha": (partial(tg.elu, alpha=1.7), LOGITS),
    "gelu by tanh": (partial(tg.gelu, approximate=True), LOGITS),
    "softmax over axes": (partial(tg.softmax, axis=(1, 3)), IMAGES),
    "log_softmax over the first axis": (partial(tg.log_softmax, axis=0), LOGITS),
    "logsumexp": (tg.logsumexp, LOGITS),
    "logsumexp over axes": (partial(tg.logsumexp, axis=(0, -1), keepdims=True), IMAGES),
    "dense": (tg.dense, LOGITS, rng.normal(size=(5, 3)), rng.normal(size=3)),
    "dense without bias": (tg.dense, IMAGES, rng.normal(size=(5, 3))),
    "dense of a vector": (tg.dense, LOGITS[0], rng.normal(size=(5, 3)), rng.normal(size=3)),
    "flatten": (tg.flatten, IMAGES),
    "embedding": (partial(tg.embedding, np.array([[1, 0], [1, 3]])), LOGITS),
    "dropout": (lambda x: tg.dropout(x, 0.4, np.random.default_rng(3)), LOGITS),
    "batch_norm": (tg.batch_norm, IMAGES, GAMMA, BETA),
    "batch_norm with statistics": (
        lambda x, mean, variance: tg.batch_norm(x, mean=mean, variance=variance, epsilon=0.1),
        *(LOGITS, MEAN, VARIANCE),
    ),
    "layer_norm": (tg.layer_norm, LOGITS, GAMMA, BETA),
    "layer_norm over another axis": (lambda x: tg.layer_norm(x, axis=1), IMAGES),
}
LOSSES = {
    "class numbers": (lambda z, **p: tg.softmax_cross_entropy(z, LABELS, **p), LOGITS),
    "probabilities": (tg.softmax_cross_entropy, LOGITS, PROBABILITIES),
    "smoothed": (partial(tg.softmax_cross_entropy, label_smoothing=0.2), LOGITS, PROBABILITIES),
    "classes along the first axis": (
        lambda z, **p: tg.softmax_cross_entropy(z, LABELS, axis=0, **p),
        LOGITS.T,
    ),
    "sigmoid": (tg.sigmoid_cross_entropy, LOGITS, PROBABILITIES),
    "squared error": (tg.mean_squared_error, LOGITS, PROBABILITIES),
    "huber": (partial(tg.huber, delta=0.7), LOGITS, PROBABILITIES),
    "kl_divergence": (tg.kl_divergence, PROBABILITIES, PROBABILITIES[::-1]),
}
ALL = CASES | {
    f"{name} {reduction}": (partial(f, reduction=reduction), *args)
    for name, (f, *args) in LOSSES.items()
    for reduction in ("mean", "sum", "none")
}


def test_every_primitive_of_networks_is_in_a_case():
    used = set()
    for f, *args in ALL.values():
        output = f(*(tg.Tensor(arg, requires_grad=True) for arg in args))
        used |= {record.op.name for record in output.tape()}
    used.add("where_positive")  # which only derivatives use
    for name, primitive in primitives.items():
        path = (getattr(primitive.forward, "__module__", None) or "numpy").split(".")
        if path[-1] in ("activations", "losses") or name == "dense":
            assert name in used, f"{name} has no case in {__file__}"


@pytest.mark.parametrize("name", ALL)
def test_derivatives_to_second_order_agree_with_differences(name):
    f, *args = ALL[name]
    tg.check_grads(f, args)


@pytest.mark.parametrize("name", ALL)
def test_single_precision_stays_single(name):
    f, *args = ALL[name]
    args = [arg.astype(np.float32) for arg in args]
    output, pullback = tg.vjp(f, *args)
    assert output.dtype == np.float32
    for gradient, arg in zip(pullback(np.ones_like(output)), args, strict=True):
        assert (gradient.shape, gradient.dtype) == (arg.shape, np.float32)


@pytest.mark.parametrize("loss", [tg.mean_squared_error, tg.huber, tg.sigmoid_cross_entropy])
def test_targets_of_any_dtype_leave_the_loss_in_that_of_the_predictions(loss):
    predictions = LOGITS.astype(np.float32)
    for targets in (LOGITS > 0, (LOGITS > 0).astype(int), PROBABILITIES, PROBABILITIES.tolist()):
        assert loss(predictions, targets).dtype == np.float32
    assert tg.softmax_cross_entropy(predictions, PROBABILITIES).dtype == np.float32
    assert tg.softmax_cross_entropy(predictions, LABELS.astype(np.uint8)).dtype == np.float32


def compare_with_keras(f, reference, *args, rtol=1e-10):
    """Values, and the gradients of a weighted sum of them, in float64."""
    tf = pytest.importorskip("tensorflow")
    output, pullback = tg.vjp(f, *args)
    weights = np.random.default_rng(4).normal(size=np.shape(output))
    variables = [tf.Variable(arg) for arg in args]
    with tf.GradientTape() as tape:
        expected = reference(*variables)
        total = tf.reduce_sum(expected * weights)
    np.testing.assert_allclose(output, expected, rtol=rtol, atol=1e-13)
    gradients = tape.gradient(total, variables)
    for gradient, wanted in zip(pullback(weights), gradients, strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "logsumexp", "gelu by tanh"])
def test_activations_are_keras(name):
    keras = pytest.importorskip("keras")
    references = {
        "logsumexp": keras.ops.logsumexp,
        "gelu by tanh": partial(keras.activations.gelu, approximate=True),
        "hard_swish": keras.activations.hard_silu,
    }
    reference = references.get(name) or getattr(keras.activations, name)
    # Keras holds the constants of these two in single precision.
    rtol = 1e-6 if name.startswith(("gelu", "leaky_relu")) else 1e-10
    compare_with_keras(ALL[name][0], reference, LOGITS, rtol=rtol)


def test_gelu_is_exact():
    tf = pytest.importorskip("tensorflow")
    compare_with_keras(tg.gelu, lambda x: x / 2 * (1 + tf.math.erf(x / np.sqrt(2))), LOGITS)


@pytest.mark.parametrize("name", ["relu", "elu", "hard_sigmoid", "softsign"])
def test_activations_have_keras_gradients_at_kinks(name):
    keras = pytest.importorskip("keras")
    reference = getattr(keras.activations, name)
    compare_with_keras(ACTIVATIONS[name], reference, np.array([-3.0, 0.0, 3.0]))


REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}
KERAS_LOSSES = {
    "class numbers": ("SparseCategoricalCrossentropy", {"from_logits": True}),
    "probabilities": ("CategoricalCrossentropy", {"from_logits": True}),
    "smoothed": ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}),
    "classes along the first axis": ("CategoricalCrossentropy", {"from_logits": True, "axis": 0}),
    "sigmoid": ("BinaryCrossentropy", {"from_logits": True}),
    "squared error": ("MeanSquaredError", {}),
    "huber": ("Huber", {"delta": 0.7}),
    "kl_divergence": ("KLDivergence", {}),
}
KERAS_LABELS = {"class numbers": LABELS, "classes along the first axis": np.eye(5)[LABELS].T}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_keras(name, reduction):
    keras = pytest.importorskip("keras")
    f, *args = LOSSES[name]
    kind, options = KERAS_LOSSES[name]
    loss = getattr(keras.losses, kind)(**options, reduction=REDUCTIONS[reduction], dtype="float64")
    labels = KERAS_LABELS.get(name)

    def reference(predictions, targets=labels):
        if name == "sigmoid":  # of which Keras takes the mean over the last axis
            predictions, targets = predictions[..., None], targets[..., None]
        return loss(targets, predictions)

    compare_with_keras(partial(f, reduction=reduction), reference, *args)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_keras(training):
    keras = pytest.importorskip("keras")
    layer = keras.layers.BatchNormalization(dtype="float64")
    layer.build(IMAGES.shape)
    layer.set_weights([GAMMA, BETA, MEAN, VARIANCE])
    given = {} if training else {"mean": MEAN, "variance": VARIANCE}
    compare_with_keras(
        lambda x: tg.batch_norm(x, GAMMA, BETA, **given), partial(layer, training=training), IMAGES
    )


def test_layer_norm_is_keras():
    keras = pytest.importorskip("keras")
    layer = keras.layers.LayerNormalization(dtype="float64")
    layer.build(IMAGES.shape)
    layer.set_weights([GAMMA, BETA])
    compare_with_keras(lambda x: tg.layer_norm(x, GAMMA, BETA), layer, IMAGES)


# Where an overflow, a NaN or a kink would show.


@pytest.mark.parametrize("name", [*ACTIVATIONS, "logsumexp", "gelu by tanh"])
def test_activations_keep_their_head_far_out(name):
    f = ALL[name][0]
    x = np.array([-1000.0, 0.5, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        for g in (
            f,
            tg.grad(lambda x: np.sum(f(x) ** 2)),
            tg.grad(lambda x: np.sum(f(x * [1, 1, -1]))),
        ):
            assert np.isfinite(g(x)).all()


@pytest.mark.parametrize("z", [-1000.0, 1000.0])
def test_losses_keep_their_head_far_out(z):
    with np.errstate(all="raise", under="ignore"):
        for loss in (
            lambda z: tg.sigmoid_cross_entropy(z, np.array([0.0, 1.0])),
            lambda z: tg.softmax_cross_entropy(z, np.array(0)),
        ):
            value, gradient = tg.value_and_grad(loss)(np.array([z, -z]))
            assert value in (0.0, 1000.0, 2000.0)
            assert np.abs(gradient).max() in (0.0, 0.5, 1.0)


def test_impossible_classes_drop_out_of_the_loss():
    logits = np.array([[0.0, -np.inf, 0.0]])
    value, gradient = tg.value_and_grad(tg.softmax_cross_entropy)(logits, np.array([0]))
    assert value == np.log(2)
    np.testing.assert_array_equal(gradient, [[-0.5, 0.0, 0.5]])
    assert tg.logsumexp(np.full(3, -np.inf)) == -np.inf


def test_huber_is_a_parabola_through_zero():
    curvature = tg.grad(tg.grad(lambda x: tg.huber(x, 0.0)))
    assert [curvature(x) for x in (-2.0, -0.5, 0.0, 0.5, 2.0)] == [0, 1, 1, 1, 0]


def test_dropout_repeats_with_the_generator_and_keeps_the_mean():
    x = np.ones((200, 500), np.float32)
    drop = lambda x: tg.dropout(x, 0.3, np.random.default_rng(5))  # noqa: E731
    dropped = drop(x)
    np.testing.assert_array_equal(dropped, drop(x), strict=True)
    np.testing.assert_array_equal(np.unique(dropped), np.array([0, 1 / 0.7], np.float32))
    assert abs(dropped.mean() - 1) < 5 * np.sqrt(0.3 / 0.7 / x.size)
    np.testing.assert_array_equal(tg.vjp(drop, x)[1](x)[0], dropped)  # the same mask


def test_dropout_without_a_generator_is_the_identity():
    assert tg.dropout(LOGITS, 0.5, None) is LOGITS
    np.testing.assert_array_equal(tg.dropout(LOGITS, 0.0, np.random.default_rng()), LOGITS)


def test_one_hot_and_embedding_choose_rows():
    rows = np.eye(5, dtype=np.float32)[LABELS]
    np.testing.assert_array_equal(tg.one_hot(LABELS, 5), rows, strict=True)
    np.testing.assert_array_equal(tg.embedding(LABELS[:3], LOGITS.T), LOGITS.T[LABELS[:3]])


Z = np.zeros((2, 3))
ERRORS = {
    "label out of range": (
        lambda: tg.softmax_cross_entropy(Z, np.array([0, 3])),
        *(ValueError, "label 3 is out of range, it must be from 0 to 2"),
    ),
    "negative label": (lambda: tg.one_hot([-1], 3), ValueError, "label -1 is out of range"),
    "labels as floats": (
        lambda: tg.softmax_cross_entropy(Z, np.array([0.0, 1.0])),
        *(
            ValueError,
            r"labels must be integers of shape \(2,\) .* they are float64 of shape \(2,\)",
        ),
    ),
    "labels of another batch": (
        lambda: tg.softmax_cross_entropy(Z, np.array([0, 1, 2])),
        *(ValueError, r"integers of shape \(2,\) or probabilities of shape \(2, 3\)"),
    ),
    "one-hot integers": (lambda: tg.softmax_cross_entropy(Z, Z.astype(int)), ValueError, "int64"),
    "no such axis": (
        lambda: tg.softmax_cross_entropy(Z, Z, axis=2),
        ValueError,
        "axis 2 is out of",
    ),
    "scalar logits": (
        lambda: tg.softmax_cross_entropy(0.0, 0),
        ValueError,
        "softmax_cross_entropy",
    ),
    "smoothing": (
        lambda: tg.softmax_cross_entropy(Z, Z, label_smoothing=2),
        *(ValueError, "label_smoothing must be from 0 to 1, it is 2"),
    ),
    "empty batch": (
        lambda: tg.softmax_cross_entropy(Z[:0], Z[:0]),
        ValueError,
        "the batch is empty",
    ),
    "empty targets": (
        lambda: tg.huber(Z[0, :0], Z[0, :0]),
        ValueError,
        "huber: the batch is empty",
    ),
    "reduction": (lambda: tg.huber(Z, Z, reduction="avg"), ValueError, 'reduction must be "mean"'),
    "shapes": (
        lambda: tg.mean_squared_error(Z, Z[0]),
        *(ValueError, r"mean_squared_error: .* same shape \(\(2, 3\) and \(3,\)\)"),
    ),
    "rate": (lambda: tg.dropout(Z, 1.0, None), ValueError, "rate must be at least 0 and below 1"),
    "seed": (lambda: tg.dropout(Z, 0.5, 3), TypeError, "must be an np.random.Generator or None"),
    "float index": (lambda: tg.embedding(Z[0], Z), TypeError, "embedding: .* they are float64"),
    "index": (lambda: tg.embedding([2], Z), ValueError, "index 2 is out of range"),
    "table": (lambda: tg.embedding([0], Z[0]), ValueError, r"table must be \(rows, features\)"),
    "dense": (
        lambda: tg.dense(Z, np.ones((2, 4))),
        *(ValueError, r"dense: kernel .* \(x \(2, 3\), kernel \(2, 4\)\)"),
    ),
    "dense bias": (
        lambda: tg.dense(Z, np.ones((3, 4)), np.ones((1, 4))),
        *(ValueError, r"dense: bias must have shape \(4,\), it has \(1, 4\)"),
    ),
    "flatten": (lambda: tg.flatten(1.0), ValueError, "flatten: x needs a batch axis"),
    "gamma": (lambda: tg.batch_norm(Z, np.ones(2)), ValueError, r"batch_norm: gamma .* \(3,\)"),
    "axis": (lambda: tg.layer_norm(Z, axis=2), ValueError, "layer_norm: axis 2"),
    "empty x": (lambda: tg.batch_norm(Z[:0]), ValueError, "batch_norm: x is empty"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_does_not_fit(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f()
