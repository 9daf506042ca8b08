"""Choosing elements, updates at an index, diagonals, and the array methods of a tensor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_np as tg
from tests.cases import agrees_with_numpy, holds, is_plain, makers, tensors
from tinygrad_np.core.primitive import plain

windows = np.lib.stride_tricks.sliding_window_view
N, P, U, C = makers(4)
MASK = np.array([[True, False, True], [False, True, True]])
ROWS, COLUMNS = np.array([[0], [2]]), np.array([1, -1, 1])


def at(x, index, update, values):
    """x.at[index].update(values), also for arrays."""
    if isinstance(x, tg.Tensor):
        return getattr(x.at[index], update)(values)
    x, values = x.copy(), plain(values)
    if update == "set":
        x[index] = values
    else:
        name = {"min": "minimum", "max": "maximum"}.get(update, update)
        getattr(np, name).at(x, index, values)
    return x


# every form of an index, into shape (3, 4, 2)
INDICES = {
    "integer": 1,
    "NumPy integer": np.int64(-1),
    "integers": (0, -1, 1),
    "slices": (slice(None, None, -1), slice(3, 0, -2)),
    "ellipsis": (..., 0),
    "new axes": (None, 1, None, ..., None),
    "list": [2, 0, 2],
    "negative list": [-1, -3],
    "empty list": [],
    "array": np.array([[0, 1], [2, 0]]),
    "arrays that broadcast": (ROWS, COLUMNS),
    "arrays with a slice between": (ROWS, slice(1, 3), np.array([0, 1])),
    "array and integer": (slice(None), [0, 3, 0], 1),
    "array, new axis, array": ([0, 1], None, [1, 2]),
    "mask": P(3, 4, 2) > 1,
    "mask of the first axes": P(3, 4) > 1,
    "mask of one axis": (slice(None), np.array([True, False, True, True])),
    "mask and array": (np.array([True, False, True]), [1, 1]),
    "list of booleans": [True, False, True],
    "True": True,
    "False": False,
    "nothing": (),
    "ix_": np.ix_([2, 0], [1, 1, 3]),
}
X = N(3, 4, 2)
C3 = [[1, 0, 2], [2, 2, 1]]

# name: (function of arrays or tensors, its arguments)
CASES = {
    **{f"index: {name}": (lambda x, i=index: x[i], X) for name, index in INDICES.items()},
    "index: tensors of integers": (lambda x: x[tg.Tensor([2, 0])] + x[tg.Tensor(1)], N(3, 2)),
    **{
        f"at: {update} {name}": (
            lambda x, v, i=index, u=update: at(x, i, u, v),
            X,
            P(*X[index].shape),
        )
        for name, index in INDICES.items()
        for update in ("set", "add")
    },
    **{
        f"at: {update}": (lambda x, v, u=update: at(x, ([0, 2, 0, 0],), u, v), P(3, 2), N(4, 1))
        for update in "set add subtract multiply divide power min max".split()
    },
    "at: multiply a slice": (lambda x, v: at(x, slice(1, None), "multiply", v), N(3, 2), N(2)),
    "at: divide at a mask": (lambda x, v: at(x, MASK, "divide", v), N(2, 3), P()),
    "at: add to constants": (lambda v: at(np.ones(3), [0, 0], "add", 2.0) * v, N(3)),
    "getitem": (lambda x: x[1, None, ..., ::-2] * x[-1], N(2, 3, 4)[..., :1]),
    "getitem with integers": (lambda x: x[[0, 2, 0], :, np.array([[1], [0]])], N(3, 2, 2)),
    "getitem with sequences": (lambda x: x[(0, 0, 1),] + x[range(3)] + x[[]].sum(), N(3, 2)),
    "getitem with a mask": (lambda x: x[MASK] * x[x > -9][:4], N(2, 3)),
    "getitem mixed": (lambda x: x[..., MASK, 0] + x[0, 0, :1, [0, 0, 1, 1]].sum(), N(2, 2, 3, 2)),
    "getitem of everything": (lambda x: x[()] * x[...] * x[True, 0], N(2)),
    "getitem of nothing": (lambda x: x[:, [0, 0]] * x[x[:, 0] > 0, :1], N(0, 3)),
    # taking
    "take": (lambda x: np.take(x, C3) * x.take(5), N(2, 3)),
    "take along an axis": (lambda x: np.take(x, C3, axis=-1), N(2, 3)),
    "take wrapped": (lambda x: np.take(x, [4, -5, 1], 0, mode="wrap"), N(3, 2)),
    "take clipped": (lambda x: x.take([4, -5, 1], axis=1, mode="clip"), N(2, 3)),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.array(C3), axis=1), N(2, 3)),
    "take_along_axis of all": (lambda x: np.take_along_axis(x, np.array([5, 0, 5]), None), N(2, 3)),
    "take what sorts": (lambda x: np.take_along_axis(x, np.argsort(x, 0), 0), N(4, 2)),
    "repeat": (lambda x: np.repeat(x, 3) * x.repeat(3, axis=None), N(2, 3)),
    "repeat by counts": (lambda x: np.repeat(x, [2, 0, 1], axis=-1), N(2, 3)),
    "resize": (lambda x: np.resize(x, (4, 3)), N(2, 2)),
    "sliding_window_view": (lambda x: windows(x, 3), N(6)),
    "sliding_window_view of matrices": (lambda x: windows(x, (2, 2), axis=(0, -1)), N(3, 2, 4)),
    "sliding_window_view twice": (lambda x: windows(x, (2, 2), (0, 0)), N(4, 2)),
    "delete": (lambda x: np.delete(x, 2) + np.delete(x, slice(1, 2)), N(2, 3)),
    "delete rows": (lambda x: np.delete(x, [0, 2], axis=0), N(4, 2)),
    "delete by a mask": (lambda x: np.delete(x, [True, False, True], axis=1), N(2, 3)),
    "choose": (lambda x, y: np.choose(MASK.astype(int), [x, y]), N(2, 3), N(3)),
    "choose wrapped": (lambda x: np.choose([0, 3, -1], x, mode="wrap"), N(2, 3)),
    "choose or a constant": (lambda x: np.choose([[0], [1]], (x, 1.0)), N(3)),
    "take wrapped along an axis": (
        lambda x: np.take(x, [[0, 5], [-1, 0]], -1, mode="wrap"),
        N(2, 3),
    ),
    "take numbers of all": (lambda x: np.take(x, 4) * x.take([1, 1]), N(2, 3)),
    "take_along_axis twice the same": (
        lambda x: np.take_along_axis(x, np.array([[1, 1]]), axis=1),
        N(2, 3),
    ),
    "compress": (lambda x: np.compress([True, False, True], x), N(2, 3)),
    "compress along an axis": (lambda x: x.compress([False, True], axis=-2), N(2, 3)),
    "compress columns": (lambda x: np.compress([False, True, True], x, axis=1), N(2, 3)),
    "extract": (lambda x: np.extract(MASK, x), N(2, 3)),
    "select": (lambda x, y: np.select([x > 0, y > 0], [x * y, y], x), N(3, 3), N(3)),
    "select or a number": (lambda x: np.select([x < 0, x < 1], [x**2, -x], 1), N(6)),
    "select by keyword": (lambda x: np.select(condlist=[x > 0], choicelist=[x], default=2.5), N(5)),
    "select in its own precision": (lambda x: np.select([MASK, ~MASK], [1, x]), N(2, 3)),
    "where one argument": (lambda x: x[np.where(x > 0)] * x[np.nonzero(x > 0)], N(6)),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x > 1], [np.square, 3.0, np.exp]), N(9)),
    "piecewise with arguments": (
        lambda x: np.piecewise(x, [x > 0, x > 0.5], [lambda x, k, p: k * x**p] * 2, 3, p=2),
        N(5),
    ),
    "piecewise of a number": (lambda x: np.piecewise(x, x > 0, [np.exp, np.sin]), N()),
    "trim_zeros": (lambda x: np.trim_zeros(np.pad(x, 2)), N(3)),
    "trim_zeros in front": (lambda x: np.trim_zeros(np.pad(x, 1), "f"), N(2)),
    "trim_zeros behind": (lambda x: np.trim_zeros(np.pad(x, 1), trim="B"), N(2)),
    "delete a column": (lambda x: np.delete(x, 1, axis=1), N(2, 3)),
    "repeat or leave out": (
        lambda x: np.repeat(x, [1, 0, 2], axis=1) * np.repeat(x, 2)[0],
        N(2, 3),
    ),
    "resize to a square": (lambda x: np.resize(x, (3, 3)), N(2, 2)),
    # diagonals and triangles
    "diag": (lambda x: np.diag(x, -1) @ np.diag(x, 1) @ np.diag(np.diag(x, k=1)), N(3)),
    "diag of a matrix": (lambda x: np.diag(x)[:2] * np.diag(x, k=1) * np.diag(x, -1), N(3, 3)),
    "diag there and back": (
        lambda x: np.diag(x, -1)[1:, :-1] + np.diag(np.diag(x[:1] * x[:, None])),
        N(3),
    ),
    "diagflat": (lambda x: np.diagflat(x) + np.diagflat(x[0], 2), N(2, 2)),
    "diagonal": (lambda x: np.diagonal(x, -1, 2, 0) * x.diagonal(0, 1, 0)[:, :1].sum(), N(2, 3, 4)),
    "diagonal and trace": (lambda x: np.diagonal(x, 1, 0, 2) * np.trace(x, -1, 1, 2), N(2, 3, 3)),
    "trace": (lambda x: np.trace(x, 1, axis2=2) * x.trace(0, 2, 1)[0], N(2, 3, 4)),
    "triangles": (lambda x: np.tril(x, -1) * 2 + np.triu(x) ** 2, N(2, 3, 3)),
    "tril": (lambda x: np.tril(x, 1) * np.tril(x, k=-1), N(2, 3, 4)),
    "triu": (lambda x: np.triu(x, 1) + np.triu(x, k=-1), N(2, 3, 4)),
    "triangles of a vector": (lambda x: np.tril(x) + 2 * np.triu(x), N(3)),
    "a triangle's elements": (lambda x: x[np.tril_indices_from(x, -1)], N(3, 3)),
}

if np.lib.NumpyVersion(np.__version__) >= "2.2.0":
    CASES["trim_zeros of matrices"] = (
        lambda x: np.trim_zeros(np.pad(x, 1), "fb", 0)[:, :2] @ np.trim_zeros(np.pad(x, 1)),
        N(2, 2),
    )


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, *args = CASES[name]
    holds(f, *args)
    if not any(word in name for word in ("min", "max", "piecewise", "power")):
        agrees_with_numpy(f, *(arg.astype(np.complex64) for arg in args))


def any_index(shape):
    integers = hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2))
    masks = hnp.arrays(bool, st.sampled_from([shape[:i] for i in range(1, len(shape) + 1)]))
    return st.one_of(hnp.basic_indices(shape, allow_newaxis=True), integers, masks)


@settings(max_examples=150, deadline=None)
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_any_index(data, shape):
    x = np.random.default_rng(0).normal(size=shape)
    index = data.draw(any_index(shape))
    output, pullback = tg.vjp(lambda x: x[index], x)
    np.testing.assert_array_equal(output, x[index])
    g = np.random.default_rng(1).normal(size=np.shape(output))
    expected = np.zeros(shape)
    np.add.at(expected, index, g)
    np.testing.assert_array_equal(pullback(g)[0], expected)
    for update in ("set", "add", "multiply"):
        (t,) = tensors(x)
        np.testing.assert_array_equal(at(t, index, update, g).data, at(x, index, update, g))


def test_updates_leave_the_tensor_as_it_was():
    (t,) = tensors(N(3))
    before = t.data.copy()
    t.at[0].set(1.0)
    t.at[[0, 0]].add(1.0)
    np.testing.assert_array_equal(t.data, before)


def test_a_place_set_twice_takes_its_gradient_from_the_last_value():
    x, v = np.zeros(3), np.array([1.0, 2.0, 3.0])
    gx, gv = tg.grad(lambda x, v: np.sum(x.at[[0, 2, 0]].set(v) * [1, 10, 100]), (0, 1))(x, v)
    np.testing.assert_array_equal(gx, [0, 10, 0])
    np.testing.assert_array_equal(gv, [0, 100, 1])


def test_a_place_multiplied_twice_keeps_its_gradient_at_0():
    x, v = np.array([2.0]), np.array([0.0, 3.0])
    gv = tg.grad(lambda v: np.sum(tg.Tensor(x).at[[0, 0]].multiply(v)))(v)
    np.testing.assert_array_equal(gv, [6, 0])


def test_select_hides_infinite_branches():
    f = lambda x: np.sum(np.select([x > 0], [np.log(np.where(x > 0, x, 1))], 0))  # noqa: E731
    np.testing.assert_array_equal(tg.grad(f)(np.array([0.0, 2.0])), [0.0, 0.5])


FLOATS = tg.Tensor(np.ones((2, 2)), requires_grad=True)
ERRORS = {
    **{
        name: (lambda t, name=name: getattr(t, name)(1), TypeError, f"Tensor.{name}: .* immutable")
        for name in "fill itemset partition put resize setfield setflags sort view".split()
    },
    **{
        name: (getattr(np, name), TypeError, rf"np\.{name} writes into its first argument")
        for name in "copyto fill_diagonal place put put_along_axis putmask".split()
    },
    "full of": (lambda t: np.full((2, 2), t), TypeError, "would lose its gradient"),
    "floats into integers": (lambda t: tg.Tensor([1]).at[0].set(t[0, 0]), TypeError, "cut off"),
    "strides": (lambda t: np.lib.stride_tricks.as_strided(t, (2,)), TypeError, "lose its gradient"),
    "index out of bounds": (lambda t: t[[0, 2]], IndexError, "out of bounds"),
    "take out of bounds": (lambda t: np.take(t, 4), IndexError, "out of bounds"),
    "floats as an index": (lambda t: np.arange(3)[t], TypeError, "lose its gradient"),
    "compress by a matrix": (lambda t: np.compress(MASK, t), ValueError, "one axis"),
    "choose in place": (lambda t: np.choose([0, 1], t, out=np.ones(2)), TypeError, "out="),
    "select without conditions": (lambda t: np.select([], [t]), ValueError, "length"),
    "diag of layers": (lambda t: np.diag(t[None]), ValueError, "one or two axes"),
    "piecewise of too few": (lambda t: np.piecewise(t, [t > 0], []), ValueError, "conditions"),
}
if np.lib.NumpyVersion(np.__version__) >= "2.2.0":
    ERRORS["trim_zeros nowhere"] = (
        lambda t: np.trim_zeros(t, "x"),
        ValueError,
        "unexpected character",
    )


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    args = (1,) * {"fill_diagonal": 1, "copyto": 1, "place": 2, "put": 2, "putmask": 2}.get(name, 0)
    args = (1, 1, 1) if name == "put_along_axis" else args
    with pytest.raises(error, match=message):
        f(FLOATS, *args)


def test_trim_zeros_of_nothing_but_zeros():
    (t,) = tensors(np.zeros(3))
    for trim in ("fb", "f", "b"):
        assert np.trim_zeros(t, trim).shape == np.trim_zeros(t.data, trim).shape


def test_ix_takes_masks_for_the_numbers_of_their_places():
    (t,) = tensors(N(3, 2))
    for index in (
        np.ix_(tg.Tensor([True, False, True]), [True, True]),
        np.ix_([2, 0], tg.Tensor([1])),
    ):
        np.testing.assert_array_equal(t[index].data, t.data[np.ix_(*map(np.ravel, plain(index)))])


DISCRETE = {
    "where": lambda x: (np.where(x > 0), np.where(x), np.argsort(x), np.nonzero(x)),
    "isin": lambda x: np.isin(x, [1.0]),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_results_are_plain(name):
    is_plain(DISCRETE[name], N(2, 3))


def test_indices_are_unravelled_to_plain_arrays():
    t = tg.Tensor([5, 3])
    np.testing.assert_array_equal(np.unravel_index(t, (2, 3)), np.unravel_index(t.data, (2, 3)))
