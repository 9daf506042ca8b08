"""Arrays that a program changes after they were recorded: the gradient is right, or refused."""

import array

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.constants import LARGEST_COPY, LARGEST_WHOLE, WORDS, checksum

X = np.array([1.0, 2.0, 3.0])


def central(f, x, step=1e-6):
    """The gradient by central differences."""
    rows = step * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(f(x + d) - f(x - d)) / (2 * step) for d in rows]).reshape(x.shape)


def refilled(make, change, use, times=3):
    """The sum of what `use` makes of x and an array that is changed after each use."""

    def f(x):
        made, total = make(), 0.0
        for i in range(times):
            total = total + np.sum(use(x, made) * (i + 1))
            change(made, i)
        return total

    return f


def fill(values, i):
    values[:] = i


def halve(values, i):
    values *= 0.5


def step_on(values, i):
    values += 1


def turn(mask, i):
    np.logical_not(mask, out=mask)


def through_a_view(values, i):
    values[:2].reshape(1, 2)[0, 1:] = i


def shuffle(values, i):
    np.random.default_rng(i).shuffle(values)


def draw(values, i):
    np.random.default_rng(i).standard_normal(out=values)


def first_is(places, i):
    places[0] = i


@tg.primitive
def scaled(x, by):
    return x * by["by"]


scaled.defvjp(lambda g, y, x, by: g * by["by"], None)

# name: (what makes the array, what changes it, what uses it)
PROGRAMS = {
    "work array": (lambda: np.ones(3), fill, lambda x, a: x * a),
    "weights": (lambda: np.ones(3), halve, lambda x, a: a * x**2),
    "exponents": (lambda: np.ones(3), step_on, lambda x, a: x**a),
    "through a view": (lambda: np.ones(3), through_a_view, lambda x, a: x * a),
    "of a view": (lambda: np.ones(6), fill, lambda x, a: x**2 * a[:3]),
    "of a column": (lambda: np.ones((3, 2)), fill, lambda x, a: x**2 * a[:, 0]),
    "random numbers": (lambda: np.ones(3), draw, lambda x, a: np.sin(x * a)),
    "a shuffled order": (lambda: np.arange(3), shuffle, lambda x, a: x[a] * [1.0, 5.0, 7.0]),
    "indices": (lambda: np.array([0, 2]), first_is, lambda x, a: x[a] ** 2),
    "a list of indices": (lambda: [0, 2], first_is, lambda x, a: x[a] ** 2),
    "take": (lambda: np.array([0, 2]), first_is, lambda x, a: np.take(x, a) ** 2),
    "take by keyword": (
        *(lambda: np.array([0, 2]), first_is),
        lambda x, a: np.take(x, indices=a, axis=0) ** 2,
    ),
    "a mask": (lambda: np.array([True, False, True]), turn, lambda x, a: x[a] ** 2),
    "where": (lambda: np.array([True, False, True]), turn, lambda x, a: np.where(a, x**2, x)),
    "where=": (lambda: np.array([True, False, True]), turn, lambda x, a: np.sum(x**2, where=a)),
    "select": (
        *(lambda: np.array([True, False, True]), turn),
        lambda x, a: np.select([a, ~a], [x**2, x**3]),
    ),
    "at": (lambda: np.array([0, 1]), first_is, lambda x, a: x.at[a].add(x[a] ** 2)),
    "matrix": (lambda: np.eye(3), fill, lambda x, a: a @ x),
    "solve": (lambda: np.eye(3) * 2, halve, lambda x, a: np.linalg.solve(a, x**2)),
    "einsum": (lambda: np.eye(3), fill, lambda x, a: np.einsum("ij,j->i", a, x**2)),
    "convolve": (lambda: np.ones(2), fill, lambda x, a: np.convolve(x**2, a)),
    "interpolation": (lambda: np.arange(3.0), halve, lambda x, a: np.interp(x, [0.0, 2, 4], a)),
    "dense": (lambda: np.ones((3, 2)), fill, lambda x, a: tg.dense(x**2, a)),
    "conv1d": (
        *(lambda: np.ones((2, 1, 1)), fill),
        lambda x, a: tg.conv1d(np.reshape(x, (1, 3, 1)), a),
    ),
    "a part of a sum": (lambda: np.ones(3), fill, lambda x, a: np.where(x > 1.5, a * x, a)),
    "bounds of a slice": (
        *(lambda: [np.array(0), np.array(2)], lambda a, i: [np.add(b, i, out=b) for b in a]),
        lambda x, a: x[a[0] : a[1]] ** 2,
    ),
    "in a dict": (lambda: np.ones(3), fill, lambda x, a: scaled(x, {"by": a})),
    "a constant tensor": (
        *(lambda: np.ones(3), fill),
        lambda x, a: x * tg.Tensor(a) + tg.Tensor(a).reshape(3) * x,
    ),
}


def functional(f):
    """The function for arrays without `.at`."""
    return lambda x: f(tg.Tensor(x)).data


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_constant_that_changes_keeps_what_was_recorded(name):
    f = refilled(*PROGRAMS[name])
    expected = central(functional(f), X)
    np.testing.assert_allclose(tg.grad(f)(X), expected, rtol=1e-6, atol=1e-8)
    leaf = tg.Tensor(X, requires_grad=True)
    f(leaf).backward()
    np.testing.assert_allclose(leaf.grad, expected, rtol=1e-6, atol=1e-8)
    _, tangent = tg.jvp(f, (X,), (np.ones(3),))
    np.testing.assert_allclose(tangent, np.sum(expected), rtol=1e-6)


def test_second_derivatives_keep_it_too():
    f = refilled(lambda: np.ones(3), lambda a, i: fill(a, i + 2), lambda x, a: a * x**3)
    np.testing.assert_allclose(tg.hessian(f)(X), np.diag((1 + 2 * 2 + 3 * 3) * 6 * X))


def test_a_checkpoint_runs_again_with_what_its_arguments_held():
    f = refilled(lambda: np.ones(3), fill, tg.checkpoint(lambda x, a: np.sin(a * x)))
    np.testing.assert_allclose(tg.grad(f)(X), central(functional(f), X), rtol=1e-6, atol=1e-8)


def test_the_value_of_a_leaf_that_changes_is_kept():
    values = X.copy()
    leaf = tg.Tensor(values, requires_grad=True)
    total = np.sum(leaf[:2] ** 2) + np.sum(leaf.reshape(3, 1) ** 3)
    values *= 0
    total.backward()
    np.testing.assert_array_equal(leaf.grad, [2 + 3, 4 + 12, 27])
    assert leaf.data is values  # a leaf goes on sharing the memory that it was made of


def test_an_argument_that_changes_before_the_pullback_is_kept():
    values = X.copy()
    _, pullback = tg.vjp(lambda x: np.sum(x.T**2), values)
    values -= 1
    np.testing.assert_array_equal(pullback(1.0)[0], 2 * X)


N = LARGEST_COPY // 8 + 1
LARGE = np.linspace(0.0, 1.0, N)

# name: (what makes a large array, what changes it, what uses it beside a scalar x)
LARGE_PROGRAMS = {
    "a product": (LARGE.copy, fill, lambda x, a: x * a),
    "one element": (LARGE.copy, lambda a, i: first_is(a, i + 5.0), lambda x, a: x * a),
    "two change places": (
        *(LARGE.copy, lambda a, i: np.copyto(a[:2], a[1::-1].copy())),
        lambda x, a: x * a,
    ),
    "through a view": (LARGE.copy, lambda a, i: fill(a[:3], i), lambda x, a: np.sin(a * x)),
    "strided": (lambda: np.ones((N, 2)), fill, lambda x, a: x * a[:, 1]),
    "transposed": (lambda: np.ones((2, N)), fill, lambda x, a: (x + np.ones((N, 2))) * a.T),
    "an index": (lambda: np.arange(N), shuffle, lambda x, a: (x * LARGE)[a] * LARGE),
    "a mask by keyword": (
        *(lambda: np.arange(8 * N) % 2 == 0, turn),
        lambda x, a: np.sum(x * np.arange(8.0 * N), where=a),
    ),
    "a batch": (lambda: np.ones((N, 8)), fill, lambda x, a: tg.dense(a, x * np.ones((8, 2)))),
}


@pytest.mark.parametrize("name", LARGE_PROGRAMS)
def test_a_large_constant_is_not_copied_and_its_change_is_refused(name):
    make, change, use = LARGE_PROGRAMS[name]
    with pytest.raises(RuntimeError, match="was changed in place after it was recorded"):
        tg.grad(refilled(make, change, use))(2.0)
    unchanged = refilled(make, lambda a, i: None, use)
    np.testing.assert_allclose(tg.grad(unchanged)(2.0), central(unchanged, np.array(2.0)), 1e-6)


def test_the_refusal_names_the_operation_and_the_way():
    large, leaf = LARGE.copy(), tg.Tensor(2.0, requires_grad=True)
    total = np.sum(leaf * large)
    large[1] = 7
    with pytest.raises(RuntimeError, match=rf"^multiply: a constant of shape \({N},\).*x.copy()"):
        total.backward()
    with pytest.raises(RuntimeError, match=r"^multiply"):
        total.tape().explain()


def test_what_no_vjp_reads_may_change():
    """A sum's derivative does not depend on the operands, and a chosen element's not on others."""
    noise = LARGE.copy()

    def f(x):
        total = 0.0
        for i in range(3):
            noise[:] = i
            total = total + np.sum(x + noise) - np.sum(noise - x)
            total = total + np.sum(np.concatenate([x[None], noise]) ** 2)
            total = total + np.sum(np.where(noise > 5, noise, x))
        return total + np.sum(x * noise)  # as it is now

    np.testing.assert_allclose(tg.grad(f)(1.0), central(f, np.array(1.0)), rtol=1e-6)


@pytest.mark.parametrize("size", [N, LARGEST_WHOLE // 8 + 1])
@pytest.mark.parametrize("change", [halve, lambda a, i: fill(a.reshape(-1)[:65], i)])
def test_a_large_leaf_that_changes_is_refused(size, change):
    values = np.ones(size)
    leaf = tg.Tensor(values, requires_grad=True)
    total = np.sum(leaf.reshape(-1, 1) ** 2)
    change(values, 3)
    with pytest.raises(RuntimeError, match=r"^power: the value of a leaf"):
        total.backward()
    values = np.ones(size)
    _, pullback = tg.vjp(lambda x: np.sum(x.reshape(-1, 1) ** 2), values)
    change(values, 3)
    with pytest.raises(RuntimeError, match=r"^power: the value of a leaf"):
        pullback(1.0)


def test_a_function_that_changes_its_own_large_argument_is_refused():
    whole, part = np.s_[:], np.s_[1]
    for size, changed in ((LARGEST_WHOLE // 8 + 1, whole), (LARGEST_WHOLE // 8, part), (N, part)):
        values = np.ones(size)

        def f(x, values=values, changed=changed):
            total = np.sum(x**2)
            values[changed] *= 0.5
            return total

        with pytest.raises(RuntimeError, match=r"^power: the value of a leaf"):
            tg.grad(f)(values)


def test_checksums_tell_changed_columns_rows_and_places_apart():
    wide = np.zeros((2000, 128))
    before = checksum(wide, WORDS)
    for change in (np.s_[:, 7], np.s_[1234], np.s_[::2]):
        changed = wide.copy()
        changed[change] = 1
        assert checksum(changed, WORDS) != before
    rows = np.eye(64)
    assert checksum(rows) != checksum(rows[::-1].copy())
    assert checksum(rows[:, ::2]) == checksum(rows[:, ::2])


def test_no_second_copy_of_a_large_array_is_kept():
    large, leaf = LARGE.copy(), tg.Tensor(2.0, requires_grad=True)
    (record,) = (leaf * large).tape()
    assert record.args[1] is large


# name: (a constant that is not an array, the array that it is)
A = np.array([1.0, 2.0, 4.0])


def pandas_series():
    return pytest.importorskip("pandas").Series(A, index=list("abc"))


OTHERS = {
    "list": lambda: [1, 2, 4],
    "tuple": lambda: (1, 2, 4),
    "array.array": lambda: array.array("d", A),
    "memoryview": lambda: memoryview(A),
    "series": pandas_series,
    "torch": lambda: pytest.importorskip("torch").tensor(A),
}
OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b,
    "maximum": np.maximum,
    "dot": np.dot,
    "where": lambda a, b: np.where(np.ones(3, bool), a, b),
    "concatenate": lambda a, b: np.concatenate([a, b]),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", OTHERS)
def test_constants_that_are_not_arrays_are_converted(name, operation):
    other, operate = OTHERS[name](), OPERATIONS[operation]
    if name == "memoryview" and operation in "+*":
        pytest.skip("a sequence of Python's has operators of its own")
    for f, g in (
        (lambda x: operate(x, other), lambda x: operate(x, A)),
        (lambda x: operate(other, x), lambda x: operate(A, x)),
    ):
        found, expected = (tg.grad(lambda x, h=h: np.sum(np.sin(h(x))))(X) for h in (f, g))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_frames_of_pandas_multiply_tensors_from_either_side():
    pandas = pytest.importorskip("pandas")
    values = np.arange(9.0).reshape(3, 3) + 2 * np.eye(3)
    frame = pandas.DataFrame(values)
    for f in (lambda x, a: a @ x, lambda x, a: x @ a, lambda x, a: np.linalg.solve(a, x)):
        found, expected = (
            tg.grad(lambda x, a, f=f: np.sum(f(x, a) ** 2))(X, a) for a in (frame, values)
        )
        np.testing.assert_allclose(found, expected)
    assert isinstance(frame @ X, pandas.Series)  # as ever


def test_what_numpy_takes_for_no_array_is_refused_by_name():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"^matmul: argument 1 is a csr_array"):
        tg.Tensor(X, requires_grad=True) @ sparse.csr_array(np.eye(3))
    masked, t = np.ma.array(X, mask=[0, 1, 0]), tg.Tensor(X, requires_grad=True)
    for f in (lambda: t * masked, lambda: masked * t, lambda: np.ma.log(t), lambda: masked**t):
        with pytest.raises(TypeError, match=r"rules of its own|lose its gradient"):
            f()
