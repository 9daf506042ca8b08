"""Properties that hold for whatever shapes, axes, indices and dtypes hypothesis comes up with.

The value is NumPy's; a gradient has the shape and dtype of its input; it agrees with a central
difference along a random direction; and it is the same, but for rounding, in single precision.
"""

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import agrees_with_numpy

settings.register_profile(
    "here",
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("here")

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.power]
REAL_BINARY = [np.maximum, np.minimum, np.hypot, np.arctan2, np.logaddexp, np.fmax, np.remainder]
UNARY = [np.exp, np.sin, np.tanh, np.sqrt, np.log, np.square, np.negative, np.reciprocal, np.arctan]
REDUCTIONS = [np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.median, np.ptp]
RUNNING = [np.cumsum, np.cumprod, np.sort, np.flip]


def values(shape, dtype, seed):
    """In general position: from 0.5 to 1.5, away from kinks, poles and branch cuts."""
    rng = np.random.default_rng(seed)
    real = rng.uniform(0.5, 1.5, shape)
    if np.issubdtype(dtype, np.complexfloating):
        return (real + 1j * rng.uniform(0.5, 1.5, shape)).astype(dtype)
    return real.astype(dtype)


def check(f, *args):
    """`f` on these arrays has the properties."""
    with np.errstate(all="ignore"):
        agrees_with_numpy(f, *args)
    doubles = [np.asarray(arg, np.result_type(arg, np.float64)) for arg in args]
    tg.check_grads(f, doubles, order=1, rtol=1e-5, atol=1e-6)
    output, pullback = tg.vjp(f, *args)
    output_of_doubles, pullback_of_doubles = tg.vjp(f, *doubles)
    gradients = pullback(np.ones_like(output))
    expected = pullback_of_doubles(np.ones_like(output_of_doubles))
    for gradient, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=1e-3, atol=1e-3)


dtypes = st.sampled_from(DTYPES)
seeds = st.integers(0, 2**16)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)
pairs = hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=3, max_side=4)


@given(st.sampled_from(BINARY), pairs, dtypes, dtypes, seeds)
def test_binary_ufuncs_broadcast_and_promote(ufunc, shapes, left, right, seed):
    a, b = shapes.input_shapes
    check(ufunc, values(a, left, seed), values(b, right, seed + 1))


@given(st.sampled_from(REAL_BINARY), pairs, st.sampled_from(DTYPES[:2]), seeds)
def test_binary_ufuncs_of_real_numbers(ufunc, shapes, dtype, seed):
    a, b = shapes.input_shapes
    check(ufunc, values(a, dtype, seed), values(b, np.float64, seed + 1))


@given(st.sampled_from(BINARY), shapes, dtypes, seeds, st.floats(0.5, 1.5), st.booleans())
def test_python_numbers_leave_the_dtype_alone(ufunc, shape, dtype, seed, number, first):
    check(
        lambda x: ufunc(number, x) if first else ufunc(x, number),
        values(shape, dtype, seed),
    )


@given(st.sampled_from(UNARY), shapes, dtypes, seeds)
def test_unary_ufuncs(ufunc, shape, dtype, seed):
    check(ufunc, values(shape, dtype, seed))


@st.composite
def reductions(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=2, max_side=3))
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    negative = draw(st.booleans())
    axis = tuple(a - len(shape) if negative else a for a in axes)
    form = draw(st.sampled_from(["none", "one", "tuple"]))
    axis = {"none": None, "one": axis[0], "tuple": axis}[form]
    function = draw(st.sampled_from(REDUCTIONS))
    return function, shape, axis, draw(st.booleans())


@given(reductions(), st.sampled_from(DTYPES[:2]), seeds)
def test_reductions_over_any_axes(case, dtype, seed):
    function, shape, axis, keepdims = case
    check(lambda x: function(x, axis=axis, keepdims=keepdims), values(shape, dtype, seed))


@given(st.sampled_from([np.sum, np.prod, np.mean]), shapes, dtypes, seeds, st.data())
def test_reductions_where_a_mask_holds(function, shape, dtype, seed, data):
    mask_shape = data.draw(st.tuples(*(st.sampled_from((1, n)) for n in shape)))
    mask = data.draw(hnp.arrays(bool, mask_shape))
    if function is np.mean and not np.broadcast_to(mask, shape).any():
        mask = np.ones_like(mask)
    check(lambda x: function(x, where=mask), values(shape, dtype, seed))


@given(st.sampled_from(RUNNING), shapes, st.sampled_from(DTYPES[:2]), seeds, st.data())
def test_functions_along_an_axis(function, shape, dtype, seed, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1)) if shape else None
    if axis is None and function is np.sort:
        return
    check(lambda x: function(x, axis=axis), values(shape, dtype, seed))


@given(shapes.filter(len), dtypes, seeds, st.data())
def test_basic_indices(shape, dtype, seed, data):
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    check(lambda x: x[index] * 1, values(shape, dtype, seed))


@given(shapes.filter(len), dtypes, seeds, st.data())
def test_arrays_as_indices(shape, dtype, seed, data):
    index = data.draw(hnp.integer_array_indices(shape))
    check(lambda x: x[index], values(shape, dtype, seed))


@given(shapes.filter(len), dtypes, seeds, st.data())
def test_masks_as_indices(shape, dtype, seed, data):
    dims = data.draw(st.integers(1, len(shape)))
    mask = data.draw(hnp.arrays(bool, shape[:dims]))
    check(lambda x: x[mask], values(shape, dtype, seed))


@given(
    hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=3, max_side=3),
    dtypes,
    dtypes,
    seeds,
)
def test_matmul_of_stacks_and_vectors(shapes, left, right, seed):
    a, b = shapes.input_shapes
    if () in (a, b):
        return
    check(np.matmul, values(a, left, seed), values(b, right, seed + 1))


@given(shapes, dtypes, seeds, st.data())
def test_transpositions(shape, dtype, seed, data):
    axes = data.draw(st.permutations(range(len(shape))))
    check(lambda x: np.transpose(x, axes), values(shape, dtype, seed))


@given(pairs, dtypes, dtypes, seeds, st.data())
def test_where_chooses(shapes, left, right, seed, data):
    a, b = shapes.input_shapes
    condition = data.draw(hnp.arrays(bool, shapes.result_shape))
    check(lambda x, y: np.where(condition, x, y), values(a, left, seed), values(b, right, seed + 1))


@given(shapes.filter(len), dtypes, seeds, st.data())
def test_orders_of_axes_and_elements(shape, dtype, seed, data):
    x = values(shape, dtype, seed)
    axis, to = (data.draw(st.integers(-len(shape), len(shape) - 1)) for _ in range(2))
    shift = data.draw(st.integers(-9, 9))
    reps = data.draw(st.lists(st.integers(0, 2), max_size=4))
    check(lambda x: np.moveaxis(x, axis, to), x)
    check(lambda x: np.swapaxes(x, axis, to), x)
    check(lambda x: np.roll(x, shift, axis), x)
    check(lambda x: np.repeat(x, abs(shift), axis), x)
    check(lambda x: np.tile(x, reps), x)
    check(lambda x: np.reshape(x, -1, order="F"), x)


@given(shapes.filter(len), st.lists(dtypes, min_size=1, max_size=3), seeds, st.data())
def test_joining_and_cutting(shape, dtypes, seed, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    stacked = [values(shape, dtype, seed + i) for i, dtype in enumerate(dtypes)]
    joined = []
    for i, dtype in enumerate(dtypes):
        other = list(shape)
        other[axis] = data.draw(st.integers(0, 3))
        joined.append(values(other, dtype, seed + i))
    check(lambda *parts: np.concatenate(parts, axis), *joined)
    check(lambda *parts: np.stack(parts, axis), *stacked)
    cuts = data.draw(st.lists(st.integers(-5, 5), max_size=3))
    check(lambda x: np.concatenate([2 * p for p in np.split(x, cuts, axis)], axis), stacked[0])


@given(shapes.filter(len), dtypes, seeds, st.data())
def test_padding(shape, dtype, seed, data):
    widths = data.draw(hnp.arrays(int, (len(shape), 2), elements=st.integers(0, 6)))
    mode = data.draw(
        st.sampled_from("constant edge wrap reflect symmetric linear_ramp mean".split())
    )
    options = {}
    if mode in ("reflect", "symmetric"):
        options["reflect_type"] = data.draw(st.sampled_from(["even", "odd"]))
    if mode == "mean":
        options["stat_length"] = data.draw(st.integers(1, 5))
    check(lambda x: np.pad(x, widths, mode, **options), values(shape, dtype, seed))
