"""Convolution and pooling against TensorFlow in float64, and the errors that they raise."""

import functools
import re

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import agrees_with_tensorflow

agrees = functools.partial(agrees_with_tensorflow, atol=1e-12)  # the sums are long
TF_CONVOLUTION = {tg.conv1d: "NWC", tg.conv2d: "NHWC", tg.conv3d: "NDHWC"}


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


@pytest.fixture
def tf():
    return pytest.importorskip("tensorflow")


def tf_padded(tf, x, padding, value=0.0):
    """x and the padding that is left for TensorFlow, which on a CPU knows only two by name."""
    if isinstance(padding, str):
        return x, padding.upper()
    pairs = np.broadcast_to(padding, (len(x.shape) - 2, 2))
    return tf.pad(x, [(0, 0), *pairs.tolist(), (0, 0)], constant_values=value), "VALID"


def tf_conv(tf, conv, x, kernel, stride, padding, dilation, groups):
    """tf.nn.convolution; a dilated kernel as one with zeros, groups one by one."""
    dims = len(x.shape) - 2
    for axis, d in enumerate(np.broadcast_to(dilation, dims)):
        n = kernel.shape[axis]
        zeros = np.zeros(((n - 1) * d + 1, n))
        zeros[::d] = np.eye(n)
        kernel = tf.tensordot(zeros, tf.experimental.numpy.moveaxis(kernel, axis, 0), 1)
        kernel = tf.experimental.numpy.moveaxis(kernel, 0, axis)
    x, padding = tf_padded(tf, x, padding)
    stride = np.broadcast_to(stride, dims).tolist()
    parts = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
    options = {"strides": stride, "padding": padding, "data_format": TF_CONVOLUTION[conv]}
    return tf.concat([tf.nn.convolution(part, k, **options) for part, k in parts], -1)


@pytest.mark.parametrize("groups", [1, 2, 4], ids="groups {}".format)
@pytest.mark.parametrize("dilation", [1, (2, 1, 3)], ids="dilation {}".format)
@pytest.mark.parametrize("padding", ["valid", "same", 2, ((2, 1), (0, 3), (1, 1))], ids=str)
@pytest.mark.parametrize("stride", [1, 2, 3, (2, 3, 1)], ids="stride {}".format)
@pytest.mark.parametrize(
    ("conv", "sizes", "window"),
    [
        (tg.conv1d, (8,), (3,)),
        (tg.conv1d, (7,), (2,)),
        (tg.conv2d, (9, 8), (3, 4)),
        (tg.conv2d, (8, 7), (2, 3)),
        (tg.conv2d, (5, 6), (1, 1)),
        (tg.conv3d, (7, 4, 7), (3, 2, 2)),
    ],
)
def test_convolution_is_tensorflows(tf, conv, sizes, window, stride, padding, dilation, groups):
    geometry = [
        value[: len(sizes)] if isinstance(value, tuple) else value
        for value in (stride, padding, dilation)
    ]
    options = dict(zip(("stride", "padding", "dilation"), geometry, strict=True))
    agrees(
        lambda x, kernel, bias: conv(x, kernel, bias, groups=groups, **options),
        lambda x, kernel, bias: tf_conv(tf, conv, x, kernel, *geometry, groups) + bias,
        normal(2, *sizes, 4),
        normal(*window, 4 // groups, 8),
        normal(8),
    )


@pytest.mark.parametrize(
    ("x", "kernel", "padding"),
    [
        ((3, 40, 36, 32), (3, 3, 32, 33), "same"),
        ((2, 45, 61, 33), (3, 3, 33, 32), "valid"),
        ((1, 61, 90, 17), (3, 3, 17, 16), ((2, 0), (0, 5))),
        ((3, 64, 64, 8), (5, 4, 8, 3), "same"),
        ((64, 28, 28, 1), (3, 3, 1, 32), "valid"),
        ((0, 9, 8, 4), (3, 3, 4, 5), "valid"),
    ],
    ids=str,
)
def test_batches_of_any_size_are_tensorflows(tf, x, kernel, padding):
    """Large enough to be cut into blocks of images, and of rows, on several threads; and empty."""
    agrees(
        lambda x, kernel: tg.conv2d(x, kernel, padding=padding),
        lambda x, kernel: tf_conv(tf, tg.conv2d, x, kernel, 1, padding, 1, 1),
        normal(*x),
        normal(*kernel),
    )


@pytest.mark.parametrize("stride", [1, 2, (2, 3)], ids="stride {}".format)
@pytest.mark.parametrize("padding", ["valid", "same", 1, ((1, 0), (0, 2))], ids=str)
@pytest.mark.parametrize("window", [(3, 3), (2, 4), (1, 1), (4, 5)], ids=str)
def test_transposed_convolution_is_keras(window, padding, stride):
    def by_keras(x, kernel, bias):
        keras = pytest.importorskip("keras")
        if isinstance(padding, str):
            return keras.ops.conv_transpose(x, kernel, stride, padding) + bias
        # What explicit padding cuts off the full output, which Keras may have enlarged.
        full = keras.ops.conv_transpose(x, kernel, stride, "valid")
        (top, bottom), (left, right) = np.broadcast_to(padding, (2, 2)).tolist()
        height, width = (
            (n - 1) * s + k
            for n, s, k in zip(x.shape[1:3], np.broadcast_to(stride, 2), window, strict=True)
        )
        return full[:, top : height - bottom, left : width - right] + bias

    agrees(
        lambda *arrays: tg.conv2d_transpose(*arrays, stride=stride, padding=padding),
        by_keras,
        normal(2, 5, 4, 3),
        normal(*window, 6, 3),
        normal(6),
    )


POOLINGS = [
    pytest.mark.parametrize("padding", ["valid", "same", 1, ((0, 1), (1, 0))], ids=str),
    pytest.mark.parametrize("stride", [None, 1, 3, (2, 1)], ids="stride {}".format),
    pytest.mark.parametrize("window", [2, 3, (3, 2)], ids="window {}".format),
    pytest.mark.parametrize("sizes", [(6, 8), (7, 5)], ids=str),
]


def over_poolings(test):
    for mark in POOLINGS:
        test = mark(test)
    return test


@over_poolings
@pytest.mark.parametrize("levels", [3, 10**9], ids=["ties", "no ties"])
def test_max_pooling_is_tensorflows(tf, sizes, window, stride, padding, levels):
    def by_tensorflow(x):
        x, name = tf_padded(tf, x, padding, -np.inf)
        return tf.nn.max_pool2d(x, window, window if stride is None else stride, name)

    x = np.random.default_rng(0).integers(levels, size=(2, *sizes, 3)).astype(float)
    agrees(lambda x: tg.max_pool2d(x, window, stride=stride, padding=padding), by_tensorflow, x)


@over_poolings
def test_average_pooling_is_tensorflows(tf, sizes, window, stride, padding):
    def by_tensorflow(x):
        def pool(x):
            x, name = tf_padded(tf, x, padding)
            return tf.nn.avg_pool2d(x, window, window if stride is None else stride, name)

        return pool(x) / pool(tf.ones_like(x))  # pixels inside, where the padding is explicit

    agrees(
        lambda x: tg.avg_pool2d(x, window, stride=stride, padding=padding),
        by_tensorflow,
        normal(2, *sizes, 3),
    )


def test_max_pooling_gives_the_gradient_of_a_tie_to_its_first_pixel():
    x = np.array([3.0, 1.0, 3.0, 3.0]).reshape(1, 2, 2, 1)
    gradient = tg.grad(lambda x: np.sum(tg.max_pool2d(x)))(x)
    np.testing.assert_array_equal(gradient.ravel(), [1, 0, 0, 0])


def test_global_average_pooling_is_tensorflows(tf):
    agrees(tg.global_avg_pool2d, lambda x: tf.reduce_mean(x, (1, 2)), normal(2, 5, 4, 3))


def test_an_unknown_pixel_makes_its_windows_unknown():
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 2, 0] = np.nan
    for pool in (tg.max_pool2d, tg.avg_pool2d):
        np.testing.assert_array_equal(pool(x)[0, :, :, 0], [[0, np.nan], [0, 0]])


@pytest.mark.parametrize(
    ("x", "kernel", "bias", "output"),
    [
        (np.float16, np.float16, np.float16, np.float16),
        (np.float32, np.float32, np.float32, np.float32),
        (np.float32, np.float64, np.float32, np.float64),
        (np.float32, np.float32, np.float64, np.float64),
        (np.complex64, np.float32, np.float32, np.complex64),
    ],
)
def test_dtypes_are_numpys_and_gradients_have_their_inputs(x, kernel, bias, output):
    arrays = normal(1, 4, 4, 2).astype(x), normal(3, 3, 2, 2).astype(kernel), normal(2).astype(bias)
    for conv in (tg.conv2d, tg.conv2d_transpose):
        y, pullback = tg.vjp(conv, *arrays)
        assert y.dtype == output
        assert [gradient.dtype for gradient in pullback(y)] == [x, kernel, bias]
        exact = conv(*(array.astype(np.result_type(output, float)) for array in arrays))
        coarsest = max(np.finfo(dtype).eps for dtype in (x, kernel, bias))
        np.testing.assert_allclose(y, exact, rtol=0, atol=20 * coarsest)


@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
    ],
    ids=["Fortran", "backwards", "every other", "channels first"],
)
def test_the_order_in_memory_does_not_matter(arrange):
    x, kernel, g = normal(2, 6, 6, 2), normal(3, 3, 2, 4), normal(2, 4, 4, 4)
    y, pullback = tg.vjp(tg.conv2d, x, kernel)
    again, pullback_again = tg.vjp(tg.conv2d, arrange(x), arrange(kernel))
    np.testing.assert_allclose(again, y, rtol=1e-12, atol=1e-13)
    for a, b in zip(pullback_again(arrange(g)), pullback(g), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    for pool in (tg.max_pool2d, tg.avg_pool2d):
        y, pullback = tg.vjp(pool, x)
        again, pullback_again = tg.vjp(pool, arrange(x))
        np.testing.assert_array_equal(again, y)
        np.testing.assert_array_equal(*pullback_again(arrange(y)), *pullback(y))


def distinct(*shape):
    """Every element at least 1 from every other, so that no maximum changes place."""
    return np.random.default_rng(0).permutation(np.arange(float(np.prod(shape)))).reshape(shape)


@pytest.mark.parametrize(
    ("f", "arrays", "options"),
    [
        (tg.conv1d, [(2, 6, 2), (3, 2, 3), (3,)], {"stride": 2, "padding": "same"}),
        (tg.conv2d, [(2, 4, 5, 2), (3, 2, 2, 3), (3,)], {}),
        (tg.conv2d, [(1, 5, 4, 4), (2, 3, 2, 4)], {"stride": (1, 2), "padding": 1, "groups": 2}),
        (tg.conv2d, [(1, 6, 5, 3), (3, 2, 1, 3)], {"groups": 3, "dilation": 2}),
        (tg.conv3d, [(1, 3, 4, 3, 2), (2, 3, 2, 2, 2), (2,)], {"padding": "same"}),
        (tg.conv2d_transpose, [(2, 3, 2, 2), (3, 2, 3, 2), (3,)], {"stride": 2}),
        (tg.conv2d_transpose, [(2, 3, 2, 2), (3, 2, 3, 2)], {"stride": 2, "padding": "same"}),
        (tg.avg_pool2d, [(2, 5, 4, 2)], {"window": 3, "stride": 1, "padding": "same"}),
        (tg.global_avg_pool2d, [(2, 3, 2, 2)], {}),
        (tg.max_pool2d, [(2, 5, 4, 2)], {"window": 3, "stride": (1, 2), "padding": "same"}),
        (tg.max_pool2d, [(2, 4, 4, 2)], {}),
    ],
)
def test_derivatives_of_both_orders_are_finite_differences(f, arrays, options):
    draw = distinct if f is tg.max_pool2d else normal
    tg.check_grads(lambda *a: f(*a, **options), [draw(*shape) for shape in arrays], order=2)


def test_complex_convolution_has_the_derivatives_of_finite_differences():
    x, kernel = (
        normal(*shape) + 1j * normal(*shape, seed=1) for shape in [(1, 4, 4, 2), (2, 3, 2, 2)]
    )
    tg.check_grads(tg.conv2d, (x, kernel), order=2)


IMAGES, KERNEL = np.zeros((8, 28, 28, 4)), np.zeros((3, 3, 4, 6))
LINES, TRANSPOSED = np.zeros((8, 28, 4)), np.zeros((3, 3, 6, 4))
SHAPES = "(x (8, 28, 28, 4), kernel (3, 3, 4, 6))"
PADDINGS = 'padding must be "valid", "same", an int of at least 0, or 2 pairs (before, after)'
GROUPS = "groups must divide the 4 channels of x and the 6 filters"
CONV, TRANSPOSE = (tg.conv2d, (IMAGES, KERNEL)), (tg.conv2d_transpose, (IMAGES, TRANSPOSED))


@pytest.mark.parametrize(
    ("f", "arrays", "options", "message"),
    [
        (tg.conv1d, (IMAGES, KERNEL), {}, "x must be (N, L, C), it has shape (8, 28, 28, 4)"),
        (tg.conv2d, (LINES, KERNEL), {}, "x must be (N, H, W, C), it has shape (8, 28, 4)"),
        (tg.conv3d, (LINES, KERNEL), {}, "x must be (N, D, H, W, C), it has shape (8, 28, 4)"),
        *(
            (f, (x, kernel), {}, f"kernel must be ({axes}) and not empty, it has shape {shape}")
            for f, x, kernel, axes, shape in [
                (tg.conv1d, LINES, KERNEL, "K, C / groups, F", "(3, 3, 4, 6)"),
                (tg.conv2d, IMAGES, KERNEL[0], "KH, KW, C / groups, F", "(3, 4, 6)"),
                (tg.conv2d, IMAGES, KERNEL[:0], "KH, KW, C / groups, F", "(0, 3, 4, 6)"),
                (tg.conv2d_transpose, IMAGES, KERNEL[0], "KH, KW, F, C", "(3, 4, 6)"),
            ]
        ),
        (
            tg.conv2d,
            (np.zeros((8, 28, 28, 1)), np.zeros((3, 3, 3, 32))),
            {},
            "kernel takes 3 input channels but x has 1 (x (8, 28, 28, 1), kernel (3, 3, 3, 32))",
        ),
        (
            *CONV,
            {"groups": 2},
            f"kernel takes 4 input channels in each of 2 groups but x has 4 {SHAPES}",
        ),
        (
            tg.conv2d_transpose,
            (IMAGES, KERNEL),
            {},
            f"kernel takes 6 input channels (its last axis) but x has 4 {SHAPES}",
        ),
        *((*CONV, {"groups": n}, f"{GROUPS}, it is {n!r} {SHAPES}") for n in (3, 4, 0, 1.0)),
        (
            *CONV,
            {"bias": LINES[0, 0]},
            "bias must have shape (6,), it has (4,) (kernel (3, 3, 4, 6))",
        ),
        (*TRANSPOSE, {"bias": 0.0}, "bias must have shape (6,), it has () (kernel (3, 3, 6, 4))"),
        *(
            (*CONV, {what: n}, f"{what} must be a positive int or 2 of them, it is {n!r}")
            for what in ("stride", "dilation")
            for n in (0, -1, 1.5, None, "2", (1, 2, 3), (1, "2"), (1.5, 1))
        ),
        *(
            (f, arrays, {"padding": padding}, f"{PADDINGS}, it is {padding!r}")
            for f, arrays in (CONV, TRANSPOSE)
            for padding in [
                *("full", "SAME", None, -1, 1.5, (1, 1)),
                *(((1, 1),), ((1, 2), (3,)), ((0, 1), (-1, 0)), ((0.5, 1), (0, 0))),
            ]
        ),
        (
            tg.conv2d_transpose,
            (IMAGES[:, :2], TRANSPOSED),
            {"padding": 2},
            "padding 2 leaves nothing of the output (x (8, 2, 28, 4), kernel (3, 3, 6, 4))",
        ),
        (
            tg.conv2d,
            (IMAGES[:, :2], KERNEL),
            {},
            "the kernel (3, 3) doesn't fit into the padded image (2, 28)",
        ),
        (
            tg.conv2d,
            (IMAGES[:, :2], KERNEL),
            {"padding": 1, "dilation": 2},
            "the kernel (3, 3), dilated to (5, 5), doesn't fit into the padded image (4, 30)",
        ),
        *(
            (pool, (x,), options, message)
            for pool in (tg.max_pool2d, tg.avg_pool2d)
            for x, options, message in [
                (LINES, {}, "x must be (N, H, W, C), it has shape (8, 28, 4)"),
                (IMAGES, {"window": 0}, "window must be a positive int or 2 of them, it is 0"),
                (IMAGES, {"stride": 2.0}, "stride must be a positive int or 2 of them, it is 2.0"),
                (IMAGES, {"padding": "full"}, f"{PADDINGS}, it is 'full'"),
                (
                    IMAGES,
                    {"padding": 2},
                    "padding ((2, 2), (2, 2)) must be smaller than the window (2, 2)",
                ),
                (
                    IMAGES[:, :2],
                    {"window": 3},
                    "the window (3, 3) doesn't fit into the padded image (2, 28)",
                ),
            ]
        ),
        (tg.global_avg_pool2d, (LINES,), {}, "x must be (N, H, W, C), it has shape (8, 28, 4)"),
    ],
)
def test_a_wrong_argument_is_named_with_what_came_and_what_was_expected(
    f, arrays, options, message
):
    with pytest.raises(ValueError, match=f"^{f.__name__}: {re.escape(message)}$"):
        f(*arrays, **options)


@pytest.mark.parametrize(
    ("f", "arrays", "message"),
    [
        (tg.conv2d, (IMAGES > 0, KERNEL), "x must be floating-point, it is bool"),
        (
            tg.conv2d,
            (IMAGES, KERNEL.astype(np.int64)),
            "kernel must be floating-point, it is int64",
        ),
        (tg.conv2d, (IMAGES, KERNEL, [0] * 6), "bias must be floating-point, it is int64"),
        (
            tg.conv2d_transpose,
            (IMAGES, TRANSPOSED > 0),
            "kernel must be floating-point, it is bool",
        ),
        (tg.max_pool2d, (IMAGES.astype(np.int8),), "x must be real floating-point, it is int8"),
        (
            tg.avg_pool2d,
            (IMAGES.astype(complex),),
            "x must be real floating-point, it is complex128",
        ),
    ],
)
def test_convolution_and_pooling_take_floats_alone(f, arrays, message):
    with pytest.raises(TypeError, match=f"^{f.__name__}: {message}$"):
        f(*arrays)
