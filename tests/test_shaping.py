"""Shaping, joining, cutting, padding: NumPy's values to the bit, and derivatives to order two."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_np as tg

rng = np.random.default_rng(3)
windows = np.lib.stride_tricks.sliding_window_view


def N(*shape):
    """Normally distributed."""
    return rng.normal(size=shape)


def P(*shape):
    """Positive, away from 0."""
    return rng.uniform(0.3, 2.0, shape)


def U(*shape):
    """Inside of (-1, 1)."""
    return rng.uniform(-0.9, 0.9, shape)


def C(*shape):
    """Complex."""
    return N(*shape) + 1j * N(*shape)


# name: (function of arrays or tensors, its arguments)
CASES = {
    # shape
    "reshape": (lambda x: np.reshape(x, (3, -1), order="F"), N(2, 3)),
    "reshape a copy": (lambda x: np.reshape(x, -1, copy=True) * x.reshape(6, copy=False), N(2, 3)),
    "reshape to a scalar": (lambda x: np.reshape(x, ()) * x.reshape(()), N(1, 1)),
    "ravel": (lambda x: x.ravel() * x.ravel("F") * np.ravel(x, order="F"), N(2, 3)),
    "flat": (lambda x: np.stack([2 * v for v in x.flat]) * x.flat[3], N(2, 3)),
    "squeeze": (lambda x: np.squeeze(x, axis=(0, -1)) * x.squeeze(0).squeeze(1), N(1, 3, 1)),
    "expand_dims": (lambda x: np.expand_dims(x, (1, -1)), N(2, 3)),
    "atleast": (lambda x, y: [*np.atleast_1d(x, y), *np.atleast_3d(y, 1.0)][:3], N(), N(2)),
    "atleast_2d": (np.atleast_2d, N(3)),
    # order of the axes
    "transpose": (
        lambda x: np.transpose(x, (2, 0, -2)) + x.transpose().T.transpose([-1, 0, 1]),
        N(2, 3, 4),
    ),
    "transpose of a vector": (lambda x: x.transpose() * x.transpose(0) * x.T, N(3)),
    "permute_dims": (lambda x: np.permute_dims(x, axes=(1, 0)), N(2, 3)),
    "moveaxis": (lambda x: np.moveaxis(x, [0, -1], [-1, 0]), N(2, 3, 4)),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1) * np.rollaxis(x, -1, start=1), N(2, 3, 4)),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1) * x.swapaxes(-1, 0), N(2, 3, 4)),
    "matrix_transpose": (lambda x: np.matrix_transpose(x) + x.mT, N(2, 3, 4)),
    # order of the elements
    "flip": (lambda x: np.flip(x) * np.flip(x, (0, -1)) + np.flip(x, ()), N(2, 3)),
    "fliplr": (np.fliplr, N(2, 3, 2)),
    "flipud": (np.flipud, N(3)),
    **{f"rot90 {k}": (lambda x, k=k: np.rot90(x, k, (2, 0)), N(2, 1, 3)) for k in range(-2, 5)},
    "roll": (lambda x: np.roll(x, 4) * np.roll(x, (1, -5), (0, 1)), N(2, 3)),
    "roll twice": (lambda x: np.roll(x, (1, 1), axis=1) * np.roll(x, 2, (0, 1)), N(2, 3)),
    # broadcasting
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 4, 3)), N(4, 1)),
    "broadcast_to a number": (lambda x: np.broadcast_to(x, 3), N()),
    "broadcast_arrays": (np.broadcast_arrays, N(2, 1), N(3), N()),
    "meshgrid": (np.meshgrid, N(2), N(3), N(4)),
    "meshgrid ij": (lambda x, y: np.meshgrid(x, y, 2.0, indexing="ij")[:2], N(2), N(3)),
    "meshgrid sparse": (lambda x, y: np.meshgrid(x, y, sparse=True), N(2), N(3)),
    "meshgrid of one": (np.meshgrid, N(2)),
    "ix_": (np.ix_, N(2), N(3), N(4)),
    "full_like": (
        lambda x, v: np.full_like(x, v) * np.full_like(x, v, shape=(2, 1, 3)),
        N(2, 3),
        N(3),
    ),
    "copy": (lambda x: np.copy(x, order="F") * x.copy("C"), N(2, 3)),
    "astype": (lambda x: x.astype(complex) * x.astype("f8", casting="safe"), N(3)),
    # ranges
    "linspace": (lambda a, b: np.linspace(a, b, 5), N(), N()),
    "linspace of arrays": (lambda a, b: np.linspace(a, b, 3, False, axis=-1), N(2), N(3, 1)),
    "linspace and its step": (lambda a, b: np.linspace(a, b, 4, retstep=True), N(), N()),
    "linspace of one": (lambda a, b: np.linspace(a, b, 1) + b, N(), N()),
    "linspace from a constant": (lambda b: np.linspace(0, b, 4), N()),
    "geomspace": (lambda a, b: np.geomspace(a, b, 4), P(), P(2)),
    "geomspace below 0": (lambda a, b: np.geomspace(-a, -b, 4, endpoint=False), P(), P()),
    "logspace": (lambda a, b: np.logspace(a, b, 3), U(2), U(2)),
    "logspace of a base": (lambda a, b: np.logspace(a, 1.0, 3, base=b, axis=1), U(2), P(2)),
    # repetition
    "tile": (lambda x: np.tile(x, (2, 1, 2)), N(2, 3)),
    "tile few": (lambda x: np.tile(x, 2) + np.tile(x, np.array([2])), N(2, 3)),
    "tile none": (lambda x: np.tile(x, (0, 2)), N(2, 3)),
    "tile a number": (lambda x: np.tile(x, 3), N()),
    "repeat": (lambda x: np.repeat(x, 3) * x.repeat(3, axis=None), N(2, 3)),
    "repeat by counts": (lambda x: np.repeat(x, [2, 0, 1], axis=-1), N(2, 3)),
    "resize": (lambda x: np.resize(x, (4, 3)), N(2, 2)),
    "sliding_window_view": (lambda x: windows(x, 3), N(6)),
    "sliding_window_view of matrices": (lambda x: windows(x, (2, 2), axis=(0, -1)), N(3, 2, 4)),
    "sliding_window_view twice": (lambda x: windows(x, (2, 2), (0, 0)), N(4, 2)),
    # joining
    "concatenate": (lambda x, y: np.concatenate([x, np.ones((1, 3)), y, x]), N(2, 3), N(1, 3)),
    "concatenate axis": (lambda x, y: np.concatenate((x, y), axis=-1), N(2, 1), N(2, 3)),
    "concatenate all": (lambda x, y: np.concat((x, 1.0, y), axis=None), N(2, 1), N(3)),
    "concatenate dtype": (
        lambda x: np.concatenate([x, [1]], dtype=complex, casting="safe") + np.concat([x, x[:1]]),
        N(2),
    ),
    "concatenate a tensor": (lambda x: np.concatenate(x) * np.vstack(x)[0, 0], N(2, 3)),
    "stack": (lambda x, y: np.stack((x, y), axis=-2), N(2, 3), N(2, 3)),
    "stack numbers": (lambda x, y: np.stack([x, y, 1.0], dtype="f8"), N(), N()),
    "vstack": (lambda x, y: np.vstack((x, y)), N(3), N(2, 3)),
    "hstack": (lambda x, y: np.hstack((x, y)), N(2), N(3)),
    "hstack matrices": (lambda x, y: np.hstack([x, y], casting="no"), N(2, 1), N(2, 3)),
    "dstack": (lambda x, y: np.dstack([x, y]), N(3), N(1, 3, 2)),
    "column_stack": (lambda x, y: np.column_stack([x, y, [1, 2]]), N(2), N(2, 3)),
    "append": (lambda x, y: np.append(x, y), N(2, 2), N(3)),
    "append a number": (lambda x: np.append(x, 1.0), N(3)),
    "append axis": (lambda x, y: np.append(x, y, axis=1), N(2, 2), N(2, 1)),
    "append to a list": (lambda y: np.append([1, 2], y), N(2)),
    "block": (lambda x, y, z: np.block([[x, y], [z, np.ones((1, 2)), 3.0]]), N(2, 2), N(2, 2), N()),
    "block of vectors": (lambda x, y: np.block([x, y, 1.0]), N(2), N(3)),
    "block of layers": (lambda x: np.block([[[x], [x]], [[x], [2 * x]]]), N(2, 2)),
    "block of one": (lambda x: np.block(x) * np.block([[x]]), N(3)),
    "insert": (lambda x, v: np.insert(x, 1, v), N(2, 3), N()),
    "insert rows": (lambda x, v: np.insert(x, 1, v, axis=0), N(2, 3), N(3)),
    "insert columns": (lambda x, v: np.insert(x, [1], v, axis=1), N(2, 3), N(2, 2)),
    "insert at a slice": (lambda x, v: np.insert(x, slice(0, 2), v, axis=-1), N(2, 3), N(2)),
    "insert at a list": (lambda x, v: np.insert(x, [3, 0, 0], v), N(4), N(3)),
    "insert a constant": (lambda x: np.insert(x, [0, -1], 2.0), N(4)),
    "insert into constants": (lambda v: np.insert(np.ones(3), 1, v), N(2)),
    "delete": (lambda x: np.delete(x, 2) + np.delete(x, slice(1, 2)), N(2, 3)),
    "delete rows": (lambda x: np.delete(x, [0, 2], axis=0), N(4, 2)),
    "delete by a mask": (lambda x: np.delete(x, [True, False, True], axis=1), N(2, 3)),
    # cutting
    "split": (lambda x: np.split(x, 2, axis=-1), N(3, 4)),
    "split at": (lambda x: np.split(x, [1, 3]), N(4, 2)),
    "split overlapping": (lambda x: np.split(x, [3, 1, 9], axis=1), N(2, 4)),
    "array_split": (lambda x: np.array_split(x, 3, axis=-1), N(2, 5)),
    "array_split into empties": (lambda x: np.array_split(x, 4)[1:3], N(2)),
    "hsplit": (lambda x: np.hsplit(x, [1]), N(2, 3)),
    "hsplit of a vector": (lambda x: np.hsplit(x, 3), N(3)),
    "vsplit": (lambda x: np.vsplit(x, 2), N(2, 3)),
    "dsplit": (lambda x: np.dsplit(x, [1, 2]), N(2, 2, 3)),
    "unstack": (lambda x: np.unstack(x, axis=1), N(2, 3, 2)),
    "unpacking": (lambda x: (lambda a, *b: [a * b[0], b[-1]])(*x), N(3, 2)),
    "iteration": (lambda x: sum(row[0] * row[1:].sum() for row in x), N(3, 3)),
    "iteration over numbers": (lambda x: sum(a * b for a, b in itertools.pairwise(x)), N(4)),
    # padding
    "pad": (lambda x: np.pad(x, ((1, 0), (0, 2))), N(2, 3)),
    "pad with a tensor": (lambda x, v: np.pad(x, 2, constant_values=v), N(2, 3), N()),
    "pad with tensors": (lambda x, v: np.pad(x, [[1, 2]], constant_values=v), N(2, 3), N(2, 2)),
    "pad with constants": (
        lambda x: np.pad(x, 1, "constant", constant_values=((1, 2), (3, 4))),
        N(2, 3),
    ),
    "pad a number": (lambda x: np.pad(x, 0), N()),
    "pad, nothing left open": (lambda x: np.pad(x, 0, "empty"), N(2, 3)),
    **{
        f"pad {mode} {width}": (lambda x, m=mode, w=width: np.pad(x, w, m), N(2, 3))
        for mode in "edge wrap reflect symmetric maximum mean median minimum linear_ramp".split()
        for width in (2, ((0, 7), (5, 1)))
    },
    **{
        f"pad {mode} odd {width}": (
            lambda x, m=mode, w=width: np.pad(x, w, m, reflect_type="odd"),
            N(2, 3),
        )
        for mode in ("reflect", "symmetric")
        for width in (1, ((0, 7), (11, 1)))
    },
    "pad one odd": (lambda x: np.pad(x, ((3, 1), (1, 0)), "reflect", reflect_type="odd"), N(1, 2)),
    "pad ramp": (
        lambda x, v: np.pad(x, ((2, 0), (1, 3)), "linear_ramp", end_values=v),
        N(2, 3),
        N(2, 2),
    ),
    "pad statistics": (
        lambda x: [
            np.pad(x, 1, mode, stat_length=((1, 2), (2, 3)))
            for mode in ("maximum", "mean", "median", "minimum")
        ],
        N(4, 4),
    ),
    "pad a transposed array": (lambda x: np.pad(np.transpose(x, (1, 2, 0)), 2, "mean"), N(3, 4, 5)),
}
if isinstance(np.pad.__doc__, str) and "dict" in np.pad.__doc__:  # since NumPy 2.3
    CASES["pad by a dict"] = (lambda x: np.pad(x, {0: (1, 0), -1: 2}), N(2, 3))
COMPLEX = {
    "join": (lambda x, z: np.concatenate([x, z]) * np.stack([z, x]).reshape(-1), N(2), C(2)),
    "pad": (lambda z: np.pad(z, 2, "mean") + np.pad(z, 2, "linear_ramp", end_values=1j), C(3)),
    "pad odd": (lambda z: np.pad(z, 4, "reflect", reflect_type="odd"), C(3)),
    "insert": (lambda z, x: np.insert(z, 1, x), C(3), N(2)),
}
CASES |= {f"complex {name}": case for name, case in COMPLEX.items()}


def tensors(*arrays):
    return [tg.Tensor(array, requires_grad=True) for array in arrays]


def single(array):
    return np.asarray(array, np.complex64 if np.iscomplexobj(array) else np.float32)


@pytest.mark.parametrize("name", CASES)
def test_values_are_numpys_to_the_last_bit(name):
    f, *args = CASES[name]
    for cast in (np.asarray, single):
        arrays = [cast(arg) for arg in args]
        outputs, expected = tg.tree.leaves(f(*tensors(*arrays))), tg.tree.leaves(f(*arrays))
        assert len(outputs) == len(expected)
        for output, value in zip(outputs, expected, strict=True):
            assert type(output) is tg.Tensor
            assert (output.shape, output.dtype) == (np.shape(value), value.dtype)
            np.testing.assert_array_equal(output.data, value)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_to_second_order_agree_with_differences(name):
    f, *args = CASES[name]
    tg.check_grads(lambda *args: tg.tree.map(np.square, f(*args)), args)


SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)
PRECISIONS = st.sampled_from([np.float32, np.float64, np.complex64, np.complex128])


def holds(f, *arrays):
    """Values are NumPy's, and the VJP is the transpose of the linear map that f is."""
    arrays = [np.asarray(array) for array in arrays]
    output, pullback = tg.vjp(f, *arrays)
    expected = f(*arrays)
    np.testing.assert_array_equal(output, expected, strict=np.ndim(expected) > 0)
    g = np.random.default_rng(0).normal(size=np.shape(output)).astype(output.dtype)
    gradients = pullback(g)
    for array, gradient in zip(arrays, gradients, strict=True):
        assert (gradient.shape, gradient.dtype) == (array.shape, array.dtype)
    inner = sum(np.sum(a * b) for a, b in zip(gradients, arrays, strict=True))
    np.testing.assert_allclose(np.real(inner), np.real(np.sum(g * expected)), 1e-4, 1e-4)


def filled(shape, dtype=np.float64):
    array = np.random.default_rng(1).normal(size=shape)
    return (array + 1j * array[..., ::-1] if np.dtype(dtype).kind == "c" else array).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(st.data(), SHAPES, PRECISIONS)
def test_orders_of_axes_and_elements(data, shape, dtype):
    x, axes = filled(shape, dtype), data.draw(st.permutations(range(len(shape))))
    axis, to = (data.draw(st.integers(-len(shape), len(shape) - 1)) for _ in range(2))
    shift = data.draw(st.integers(-9, 9))
    holds(lambda x: np.transpose(x, axes), x)
    holds(lambda x: np.moveaxis(x, axis, to), x)
    holds(lambda x: np.swapaxes(x, axis, to), x)
    holds(lambda x: np.roll(x, shift, axis), x)
    holds(lambda x: np.flip(x, axis), x)
    holds(lambda x: np.repeat(x, abs(shift), axis), x)
    reps = data.draw(st.lists(st.integers(0, 2), max_size=4))
    holds(lambda x: np.tile(x, reps), x)
    holds(lambda x: np.reshape(x, -1, order="F"), x)


@settings(max_examples=40, deadline=None)
@given(st.data(), SHAPES, st.lists(PRECISIONS, min_size=1, max_size=3))
def test_joining_and_cutting(data, shape, dtypes):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    arrays = []
    for dtype in dtypes:
        other = list(shape)
        other[axis] = data.draw(st.integers(0, 3))
        arrays.append(filled(other, dtype))
    holds(lambda *arrays: np.concatenate(arrays, axis), *arrays)
    holds(lambda *arrays: np.stack(arrays, axis), *(filled(shape, dtype) for dtype in dtypes))
    cuts = data.draw(st.lists(st.integers(-5, 5), max_size=3))
    holds(lambda x: np.concatenate([2 * p for p in np.split(x, cuts, axis)], axis), filled(shape))


@settings(max_examples=60, deadline=None)
@given(st.data(), SHAPES, PRECISIONS)
def test_padding(data, shape, dtype):
    widths = data.draw(hnp.arrays(int, (len(shape), 2), elements=st.integers(0, 6)))
    mode = data.draw(st.sampled_from("edge wrap reflect symmetric linear_ramp mean".split()))
    options = {}
    if mode in ("reflect", "symmetric"):
        options["reflect_type"] = data.draw(st.sampled_from(["even", "odd"]))
    if mode == "mean":
        options["stat_length"] = data.draw(st.integers(1, 5))
    holds(lambda x: np.pad(x, widths, mode, **options), filled(shape, dtype))
    holds(lambda x: np.pad(x, widths), filled(shape, dtype))


def test_padding_with_an_extremum_divides_ties_evenly():
    f = lambda x: np.pad(x, (1, 0), "maximum")[0]  # noqa: E731
    np.testing.assert_array_equal(tg.grad(f)(np.array([3.0, 1.0, 3.0])), [0.5, 0.0, 0.5])


def test_what_padding_leaves_open_is_0():
    (t,) = tensors(np.ones(2))
    np.testing.assert_array_equal(np.pad(t, 1, "empty").data, [0, 1, 1, 0])


def test_empty_arrays_give_empty_gradients():
    x = np.zeros((0, 3))
    for f in (
        lambda x: np.pad(x, ((0, 0), (1, 2)), "edge"),
        lambda x: np.pad(x, 1),
        lambda x: np.insert(x, 0, 1.0, axis=0),
        lambda x: np.concatenate([np.sum(row, keepdims=True) for row in x] or [x[0:, 0]]),
        lambda x: np.array_split(x, 2, axis=1)[1],
        lambda x: np.tile(np.rot90(x), (2, 2)),
        lambda x: np.unstack(x, axis=1)[0],
        lambda x: np.block([[x, x], [x, x]]),
    ):
        output, pullback = tg.vjp(f, x)
        np.testing.assert_array_equal(output, f(x), strict=True)
        assert pullback(np.ones(np.shape(output)))[0].shape == (0, 3)


def test_integers_come_out_plain():
    (t,) = tensors(np.array([1.5, 2.5]))
    assert type(t.astype(int)) is np.ndarray
    for made in (
        np.concatenate([t, t], dtype=int, casting="unsafe"),
        np.full_like(t, t, dtype=int),
        np.insert([1, 2], 0, t),
    ):
        assert type(made) is np.ndarray
        assert made.dtype == int


def test_one_record_for_all_parts_of_a_tensor():
    (t,) = tensors(N(100))
    total = sum(v * v for v in t)
    assert [r.op.name for r in total.tape()].count("unstack") == 1
    total.backward()
    np.testing.assert_array_equal(t.grad, 2 * t.data)


ERRORS = {
    "pad by a function": (lambda t: np.pad(t, 1, lambda *a: None), NotImplementedError, "np.pad"),
    "pad in no mode": (lambda t: np.pad(t, 1, "nearest"), ValueError, "mode 'nearest'"),
    "pad with no option": (lambda t: np.pad(t, 1, "edge", end_values=1), ValueError, "end_values"),
    "pad by fractions": (lambda t: np.pad(t, 0.5), TypeError, "integral"),
    "pad by less than nothing": (lambda t: np.pad(t, -1, "mean"), ValueError, "negative"),
    "cast": (lambda t: t.astype(int, casting="safe"), TypeError, "according to the rule 'safe'"),
    "block": (lambda t: np.block([[t], t]), ValueError, "depth"),
    "block of tuples": (lambda t: np.block((t, t)), TypeError, "tuple"),
    "fliplr": (np.fliplr, ValueError, "two axes"),
    "rot90": (np.rot90, ValueError, "[Aa]xes"),
    "vsplit": (lambda t: np.vsplit(t, 3), ValueError, "2 axes"),
    "unequal parts": (lambda t: np.split(t, 2), ValueError, "equal division"),
    "unstack": (lambda t: np.unstack(t, axis=1), np.exceptions.AxisError, "out of bounds"),
    "no view": (lambda t: np.rot90(np.ones((3, 1)) * t).reshape(9, copy=False), ValueError, "copy"),
    "iteration over a number": (lambda t: list(t[0]), TypeError, "0-d"),
    "array of tensors": (lambda t: np.array([t, t]), TypeError, r"np\.stack"),
    "strides": (lambda t: np.lib.stride_tricks.as_strided(t, (2,)), TypeError, "lose its gradient"),
    "joining in place": (lambda t: np.stack([t], out=np.ones((1, 3))), TypeError, "out= would"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))
