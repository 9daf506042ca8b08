"""Products, inverses, decompositions and norms: NumPy's values, and their derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tinygrad_np.core.primitive import primitives

la = np.linalg
rng = np.random.default_rng(2)


def N(*shape):
    """Normally distributed."""
    return rng.normal(size=shape)


def C(*shape):
    """Complex."""
    return N(*shape) + 1j * N(*shape)


def H(x):
    return np.conjugate(np.swapaxes(x, -1, -2))


def S(x):
    """A positive definite matrix made of x, as the inputs of cases."""
    return x @ H(x) + np.eye(x.shape[-1])


def projection(q):
    """The one on the columns of q, which does not depend on the basis that they are."""
    return q @ H(q)


def pair(u, s, vh):
    """u₁ v₁ᴴ, which does not depend on their phases."""
    return u[:, :1] @ vh[:1]


EYE = np.eye(3)
INVERTIBLE = N(2, 3, 3) + 3 * EYE
SYMMETRIC = np.array([[2.0, 0.5, -0.3], [0.5, -1.0, 0.7], [-0.3, 0.7, 0.4]])

# name: (function of arrays or tensors, its arguments). float64, no ties, no kinks.
PRODUCTS = {
    "matmul": (np.matmul, N(2, 3), N(3, 4)),
    "matmul of vectors": (np.matmul, N(3), N(3)),
    "matmul of vector and matrices": (np.matmul, N(3), N(2, 3, 4)),
    "matmul of matrices and vector": (np.matmul, N(2, 4, 3), N(3)),
    "matmul of a stack and a matrix": (la.matmul, N(2, 2, 3), N(3, 2)),
    "matmul of stacks": (np.matmul, N(2, 1, 2, 3), N(4, 3, 2)),
    "matmul along axes": (
        lambda x, y: np.matmul(x, y, axes=[(0, 1), (0, -1), (2, 0)]),
        *(N(2, 3, 4), N(3, 4, 2)),
    ),
    "matmul in another dtype": (lambda x, y: np.matmul(x, y, dtype=complex), N(2, 3), N(3, 4)),
    "dot": (np.dot, N(2, 3), N(3, 4)),
    "dot with a scalar": (lambda x, y: np.dot(x, y) + np.dot(y, 2.0), N(), N(3)),
    "dot of a stack and a vector": (np.dot, N(2, 2, 3), N(3)),
    "dot of stacks": (np.dot, N(2, 3), N(2, 3, 4)),
    "inner": (np.inner, N(2, 3), N(4, 2, 3)),
    "inner with scalars": (lambda x, y: np.inner(x, y) + np.inner(y, x), N(), N(2, 3)),
    "vdot": (np.vdot, N(2, 3), N(3, 2)),
    "vecdot": (np.vecdot, N(2, 3), N(3)),
    "vecdot along an axis": (
        lambda x, y: np.vecdot(x, y, axis=0) + la.vecdot(x, y, axis=-2),
        *(N(3, 2), N(3, 2)),
    ),
    "vecdot along different axes": (
        lambda x, y: [np.vecdot(x, y, axes=[1, (0,)]), np.vecdot(x.mT, y.T, keepdims=True)],
        *(N(2, 3, 4), N(3, 4)),
    ),
    "outer": (lambda x, y: np.outer(x, y) + la.outer(x.ravel(), y), N(2, 2), N(3)),
    "kron": (np.kron, N(2, 1), N(2, 2, 3)),
    "kron with a scalar": (np.kron, N(2), N()),
    "cross": (np.cross, N(2, 3), N(3)),
    "cross along axes": (
        lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0) + la.cross(x, y.T, axis=0),
        *(N(3, 2), N(2, 3)),
    ),
    "cross along one axis": (lambda x, y: np.cross(x, y, axis=1), N(2, 3, 2), N(1, 3, 2)),
    "cross of a stack": (lambda x, y: np.cross(x, y, 0, 1), N(3), N(2, 3)),
    "tensordot": (lambda x, y: np.tensordot(x, y, ([0, -1], [1, 0])), N(2, 3, 4), N(4, 2, 2)),
    "tensordot of pairs": (np.tensordot, N(2, 3, 4), N(3, 4, 2)),
    "tensordot along one axis": (lambda x, y: la.tensordot(x, y, axes=[-1, 0]), N(2, 3), N(3, 2)),
    "tensordot as an outer product": (lambda x, y: np.tensordot(x, y, 0), N(2), N(3)),
    "multi_dot": (lambda *x: la.multi_dot(x), N(2, 3), N(3, 4), N(4, 1), N(1, 2)),
    "multi_dot of three": (lambda *x: la.multi_dot(x), N(2, 3), N(3, 4), N(4, 2)),
    "multi_dot of vectors": (lambda *x: la.multi_dot(x), N(3), N(3, 4), N(4)),
    "multi_dot from a vector": (lambda *x: la.multi_dot(x), N(3), N(3, 4)),
    "multi_dot to a vector": (lambda *x: la.multi_dot(x), N(2, 3), N(3, 4), N(4, 4), N(4)),
    "matrix_power": (
        lambda x: [la.matrix_power(x, n) for n in (1, 2, 3, 5, 6)],
        N(2, 3, 3),
    ),
    "negative matrix_power": (lambda x: la.matrix_power(x, -3), INVERTIBLE),
    # Einstein's sums
    "einsum": (lambda x, y: np.einsum("ij, kj -> ik", x, y), N(2, 3), N(4, 3)),
    "einsum of three": (
        lambda x, y, z: np.einsum("ij,jk,kl->il", x, y, z, optimize=True),
        *(N(2, 3), N(3, 2), N(2, 2)),
    ),
    "einsum along a path": (
        lambda *x: np.einsum("ij,jk,kl", *x, optimize=np.einsum_path("ij,jk,kl", *x)[0]),
        *(N(2, 3), N(3, 2), N(2, 2)),
    ),
    "einsum without an arrow": (lambda x, y: np.einsum("ba,b", x, y), N(2, 3), N(2)),
    "einsum of stacks": (lambda x, y: np.einsum("...ij,jk...->k...i", x, y), N(2, 3), N(3, 2)),
    "einsum of ellipses": (lambda x, y: np.einsum("...,...", x, y), N(2, 1, 3), N(4, 3)),
    "einsum that sums stacks": (lambda x: np.einsum("i...->...", x), N(2, 1, 3)),
    "einsum of a diagonal": (lambda x: np.einsum("iij->ji", x), N(3, 3, 2)),
    "einsum that sums out": (lambda x, y: np.einsum("ij,k->k", x, y), N(2, 3), N(2)),
    "einsum that broadcasts": (lambda x, y: np.einsum("ij,ij->j", x, y), N(1, 3), N(2, 3)),
    "einsum of a trace": (lambda x, y: np.einsum("ii,ii", x, y), N(3, 3), N(3, 3)),
    "einsum of sublists": (
        lambda x, y: np.einsum(x, [0, 30], y, [30, 2], [2, 0]) + np.einsum(y, [1, 0], x, [2, 1]),
        *(N(2, 3), N(3, 2)),
    ),
    "einsum of sublists and ellipses": (
        lambda x, y: np.einsum(x, (..., 0, 1), y, (..., 1, 2), (..., 0, 2)),
        *(N(2, 3), N(4, 3, 2)),
    ),
    "einsum in another dtype": (lambda x: np.einsum("ij->j", x, dtype=complex), N(2, 3)),
    # diagonals
    "trace": (lambda x: np.trace(x, -1, 1, 2) * np.trace(x, 1, axis1=-1, axis2=0), N(3, 3, 3)),
    "trace of stacks": (lambda x: la.trace(x, offset=1) + x.trace(0, 1, 2), N(2, 3, 4)),
    "diagonal": (lambda x: la.diagonal(x, offset=-1), N(2, 3, 4)),
    "matrix_transpose": (lambda x: la.matrix_transpose(x) @ x, N(2, 3, 2)),
}
if hasattr(np, "matvec"):
    PRODUCTS |= {
        "matvec": (np.matvec, N(2, 3, 4), N(4)),
        "vecmat": (np.vecmat, N(2, 3), N(3, 4)),
        "matvec along axes": (
            lambda a, x: np.matvec(a, x, axes=[(0, 1), 0, -2]),
            *(N(3, 4, 2), N(4, 2)),
        ),
    }

SOLVED = {
    "inv": (la.inv, INVERTIBLE),
    "solve": (la.solve, INVERTIBLE[0], N(3, 2)),
    "solve for a vector": (la.solve, INVERTIBLE, N(3)),
    "solve stacks": (la.solve, INVERTIBLE[0], N(2, 3, 1)),
    "tensorsolve": (la.tensorsolve, N(2, 3, 6), N(2, 3)),
    "tensorsolve along axes": (lambda a, b: la.tensorsolve(a, b, (0, 2)), N(2, 6, 3), N(6)),
    "tensorinv": (lambda a: la.tensorinv(a, ind=1), N(6, 2, 3)),
    "det": (la.det, INVERTIBLE),
    "slogdet": (la.slogdet, -INVERTIBLE),
    "pinv": (la.pinv, N(2, 4, 3)),
    "pinv of wide matrices": (lambda x: la.pinv(x, rtol=1e-9), N(2, 3)),
    "pinv of rank 2": (lambda x, y: la.pinv(x @ y, 1e-9), N(4, 2), N(2, 3)),
    "pinv hermitian": (lambda x: la.pinv(x, hermitian=True), SYMMETRIC),
    "lstsq": (lambda a, b: la.lstsq(a, b), N(4, 2), N(4, 3)),
    "lstsq for a vector": (lambda a, b: la.lstsq(a, b, rcond=-1), N(4, 2), N(4)),
    "lstsq of few equations": (lambda a, b: la.lstsq(a, b), N(2, 4), N(2)),
    "lstsq of rank 2": (lambda x, y, b: la.lstsq(x @ y, b, 1e-9)[0], N(4, 2), N(2, 3), N(4, 2)),
}

DECOMPOSED = {
    "cholesky": (la.cholesky, S(N(2, 3, 3))),
    "cholesky upper": (lambda x: la.cholesky(x, upper=True), S(N(3, 3))),
    "qr": (la.qr, N(2, 4, 3)),
    "qr of square matrices": (lambda x: la.qr(x, "complete"), N(3, 3)),
    "qr of wide matrices": (la.qr, N(2, 2, 4)),
    "qr complete": (lambda x: la.qr(x, mode="complete"), N(3, 2)),
    "qr complete, as a projection": (
        lambda x: projection(la.qr(x, mode="complete")[0][:, 2:]),
        N(5, 2),
    ),
    "qr without q": (lambda x: la.qr(x, mode="r"), N(4, 3)),
    "qr of wide matrices without q": (lambda x: la.qr(x, mode="r"), N(2, 3)),
    "eigh": (la.eigh, N(2, 3, 3)),
    "eigh upper": (lambda x: la.eigh(x, UPLO="U"), N(3, 3)),
    "eigvalsh": (la.eigvalsh, N(2, 3, 3)),
    "eigvalsh upper": (lambda x: la.eigvalsh(x, "u"), N(3, 3)),
    "eig": (la.eig, np.diag([1.0, 2.0, 4.0]) + 0.3 * N(2, 3, 3)),
    "eig, complex values": (la.eig, N(2, 4, 4)),
    "eigvals": (la.eigvals, N(2, 4, 4)),
    "svd": (lambda x: la.svd(x, full_matrices=False), N(2, 4, 3)),
    "svd of wide matrices": (lambda x: la.svd(x, False), N(2, 3)),
    "svd of square matrices": (la.svd, N(3, 3)),
    "svd full": (la.svd, N(3, 2)),
    "svd full and wide": (la.svd, N(2, 2, 3)),
    "svd full, as projections": (
        lambda x: [projection(la.svd(x)[0][:, 2:]), projection(la.svd(x.T)[2][2:].T)],
        N(5, 2),
    ),
    "svd hermitian": (lambda x: la.svd(x, hermitian=True), SYMMETRIC),
    "svd hermitian, values": (lambda x: la.svd(x, True, False, True), SYMMETRIC),
    "svdvals": (lambda x: la.svdvals(x) + la.svd(x, compute_uv=False), N(2, 4, 3)),
}

ORDERS = (1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc", None)
NORMS = {
    "norm": (lambda x: la.norm(x) + la.norm(x, "fro", (0, 1), True), N(2, 3)),
    "norm of any array": (lambda x: la.norm(x, keepdims=True), N(2, 3, 2)),
    "norm of vectors": (lambda x: la.norm(x, axis=-1) + la.norm(x, 2, 0), N(3, 3)),
    "vector_norm": (la.vector_norm, N(3, 2)),
    "vector_norm over an axis": (lambda x: la.vector_norm(x, axis=1, keepdims=True), N(3, 2)),
    "vector_norm over axes": (lambda x: la.vector_norm(x, axis=(0, -1), ord=3), N(2, 3, 2)),
    "matrix_norm": (lambda x: [la.matrix_norm(x, ord=p, keepdims=True) for p in ORDERS], N(2, 3)),
    "cond": (la.cond, INVERTIBLE),
}
for _p in (0.5, 1, 2, 2.5, 3, 4, -1, -2, np.inf, -np.inf):
    NORMS[f"norm of vectors, order {_p}"] = (
        lambda x, p=_p: [la.norm(x, p, (1,), True), la.vector_norm(x, ord=p)],
        N(2, 3),
    )
for _p in ORDERS:
    NORMS[f"norm of matrices, order {_p}"] = (
        lambda x, p=_p: [la.norm(x, p, axis=(2, -3)), la.norm(x, p, (0, 2), True)],
        N(2, 3, 3),
    )
for _p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    NORMS[f"cond, order {_p}"] = (lambda x, p=_p: la.cond(x, p), INVERTIBLE[0])

HERMITIAN = C(3, 3)
HERMITIAN = HERMITIAN + H(HERMITIAN)
COMPLEX = {
    "products": (
        lambda z, w: np.vdot(z, w @ z) + np.einsum("ij,j", w, z).sum() + np.inner(z, z),
        *(C(3), C(3, 3)),
    ),
    "vecdot": (np.vecdot, C(2, 3), C(3)),
    "vecdot of real and complex": (np.vecdot, N(2, 3), C(3)),
    "cross": (np.cross, C(2, 3), C(3)),
    "multi_dot": (lambda *x: la.multi_dot(x), C(3), C(3, 2), C(2)),
    "inverses": (lambda z, w: la.inv(z) @ la.solve(z, w), C(3, 3), C(3)),
    "tensorinv": (la.tensorinv, C(2, 2, 4)),
    "determinants": (lambda z: la.det(z) + la.slogdet(z)[0] ** 2 + la.slogdet(z)[1], C(3, 3)),
    "pinv": (la.pinv, C(2, 4, 3)),
    "pinv hermitian": (lambda z: la.pinv(z, hermitian=True), HERMITIAN),
    "lstsq": (lambda a, b: la.lstsq(a, b), C(4, 2), C(4, 2)),
    "lstsq of few equations": (lambda a, b: la.lstsq(a, b), C(2, 3), C(2)),
    "cholesky": (la.cholesky, S(C(2, 3, 3))),
    "cholesky upper": (lambda z: la.cholesky(z, upper=True), S(C(3, 3))),
    "qr": (la.qr, C(2, 4, 3)),
    "qr of wide matrices": (la.qr, C(2, 3)),
    "qr without q": (lambda z: la.qr(z, "r"), C(3, 3)),
    "eigh": (lambda z: (la.eigh(z)[0], np.abs(la.eigh(z)[1])), C(2, 3, 3)),
    "eigh upper": (lambda z: (la.eigh(z, "U")[0], np.abs(la.eigh(z, "U")[1])), C(3, 3)),
    "eigvalsh": (la.eigvalsh, C(2, 3, 3)),
    "eig": (la.eig, C(2, 3, 3)),
    "eigvals": (la.eigvals, C(3, 3)),
    "svd": (lambda z: [np.abs(part) for part in la.svd(z, False)], C(2, 4, 3)),
    "svd of wide matrices": (lambda z: [np.abs(part) for part in la.svd(z, False)], C(2, 3)),
    "svd full, as a projection": (lambda z: projection(la.svd(z)[0][:, 2:]), C(4, 2)),
    "svd, one pair of vectors": (lambda z: pair(*la.svd(z)), C(4, 3)),
    "svd hermitian": (lambda z: la.svd(z, hermitian=True)[1], HERMITIAN),
    "svdvals": (la.svdvals, C(3, 3)),
    "norms": (lambda z: [la.norm(z, p) for p in ORDERS], C(3, 3)),
    "norms of vectors": (lambda z: [la.norm(z, p, 0) for p in (1, 2, 3, -1, 4, np.inf)], C(3, 3)),
    "cond": (lambda z: [la.cond(z), la.cond(z, 1)], C(3, 3)),
}
if hasattr(np, "matvec"):
    COMPLEX |= {
        "matvec": (np.matvec, C(2, 3, 4), C(4)),
        "vecmat": (np.vecmat, C(2, 3), C(3, 4)),
    }

CASES = PRODUCTS | SOLVED | DECOMPOSED | NORMS
ALL = CASES | {f"complex {name}": case for name, case in COMPLEX.items()}
ids = pytest.mark.parametrize("name", ALL)


def tensors(*arrays):
    return [tg.Tensor(array, requires_grad=True) for array in arrays]


def single(array):
    return np.asarray(array, np.complex64 if np.iscomplexobj(array) else np.float32)


@ids
@pytest.mark.parametrize("precision", [np.asarray, single])
def test_values_are_numpys_to_the_last_bit(name, precision):
    f, *args = ALL[name]
    args = [precision(arg) for arg in args]
    result, expected = f(*tensors(*args)), f(*args)
    assert type(result) is type(expected) or not isinstance(expected, (list, tuple))
    pairs = zip(tg.tree.leaves(result), tg.tree.leaves(expected), strict=True)
    for output, value in pairs:
        if value.dtype.kind == "i":
            assert type(output) is type(value)
        else:
            assert type(output) is tg.Tensor
            output = output.data
        assert (output.shape, output.dtype) == (value.shape, value.dtype)
        np.testing.assert_array_equal(output, value)


def smooth(f):
    """f without its integers, such as ranks."""

    def wrapped(*args):
        leaves = tg.tree.leaves(f(*args))
        return [leaf for leaf in leaves if leaf.dtype.kind != "i"]

    return wrapped


@ids
def test_derivatives_to_second_order_agree_with_differences(name):
    f, *args = ALL[name]
    tg.check_grads(smooth(f), args, rtol=1e-5, atol=1e-6)


@ids
def test_single_precision_gives_gradients_in_single_precision(name):
    f, *args = ALL[name]
    args = [single(arg) for arg in args]
    output, pullback = tg.vjp(smooth(f), *args)
    for gradient, arg in zip(pullback(tg.tree.map(np.ones_like, output)), args, strict=True):
        assert (gradient.shape, gradient.dtype) == (arg.shape, arg.dtype)


def test_every_primitive_of_linear_algebra_is_in_a_case():
    used = set()
    for f, *args in ALL.values():
        for output in tg.tree.leaves(smooth(f)(*tensors(*args))):
            used |= {record.op.name for record in output.tape()}
    of_numpy = set("matmul dot vdot vecdot matvec vecmat cross".split())
    modules = {"linalg", "linear_algebra", "products", "einsum"}
    for name, primitive in primitives.items():
        path = (getattr(primitive.forward, "__module__", None) or "numpy").split(".")
        if (name in of_numpy or not modules.isdisjoint(path)) and name != "dense":
            assert name in used


# Hard points


SPREAD = la.qr(N(3, 3))[0]
REPEATED = SPREAD @ np.diag([1.0, 1.0, 3.0]) @ SPREAD.T  # equal but for rounding


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 2.5, 3, 4, np.inf, -np.inf, 0, None])
def test_the_gradient_of_a_norm_at_0_is_0(order):
    with np.errstate(all="raise"):
        for x in (np.zeros(3), np.zeros(3, complex)):
            np.testing.assert_array_equal(tg.grad(lambda x: la.norm(x, order))(x), 0 * x)


@pytest.mark.parametrize("order", ORDERS)
def test_the_gradient_of_a_matrix_norm_at_0_is_0(order):
    with np.errstate(all="raise"):
        for x in (np.zeros((2, 3)), np.zeros((3, 3), complex)):
            np.testing.assert_array_equal(tg.grad(lambda x: la.norm(x, order, (0, 1)))(x), 0 * x)


@pytest.mark.parametrize("order", [2, 3, 4, 6, 3.5])
def test_norms_of_vectors_with_zeros_are_differentiable(order):
    tg.check_grads(lambda x: la.norm(x, order), (np.array([0.0, 1.0, 2.0, 0.0]),), atol=1e-4)


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2.5, 0, -1])
def test_norms_that_have_a_kink_at_zeros_take_0_there(order):
    with np.errstate(divide="ignore"):  # NumPy's own 0 ** -1
        gradient = tg.grad(lambda x: la.norm(x, order))(np.array([0.0, 1.0, 2.0]))
    assert gradient[0] == 0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("x", [EYE, REPEATED, np.zeros((3, 3)), 1j * EYE], ids="I R 0 i".split())
def test_repeated_eigenvalues_and_singular_values_give_no_nan(x):
    def everything(x):
        parts = *la.eigh(x), *la.eig(x), *la.svd(x), la.norm(x, "nuc"), la.norm(x, 2), la.pinv(x)
        return [np.sum(np.abs(part) ** 2) for part in parts]

    def gradient(x):
        output, pullback = tg.vjp(everything, x)
        return pullback(tg.tree.map(np.ones_like, output))[0]

    assert np.isfinite(gradient(x)).all()
    output, pullback = tg.vjp(gradient, x)
    assert np.isfinite(pullback(np.ones_like(output))[0]).all()


UNPARTED = {
    # what does not depend on how equal eigenvalues part: (function, highest order)
    "sum of eigenvalues": (lambda x: np.sum(la.eigvalsh(x)), 2),
    "sum of squares": (lambda x: np.sum(la.eigh(x)[0] ** 2), 1),
    "sum of squares, any matrix": (lambda x: np.sum(la.eigvals(x) ** 2).real, 1),
    "projection": (lambda x: projection(la.eigh(x)[1][:, :2]), 1),
    "nuclear norm": (lambda x: la.norm(x, "nuc"), 2),
    "polar factor": (lambda x: la.svd(x)[0] @ la.svd(x)[2], 1),
    "squares of singular values": (lambda x: np.sum(la.svdvals(x) ** 2), 1),
    "frobenius norm": (la.norm, 2),
    "pinv": (la.pinv, 2),
}


@pytest.mark.parametrize("name", UNPARTED)
def test_functions_that_are_smooth_at_repeated_values_have_their_gradients(name):
    f, order = UNPARTED[name]
    tg.check_grads(f, (REPEATED,), order=order, rtol=1e-4, atol=1e-5)


def cofactors(x):
    """By their definition, from minors."""
    n = range(len(x))
    minor = lambda i, j: la.det(np.delete(np.delete(x, i, 0), j, 1))  # noqa: E731
    return np.array([[(-1) ** (i + j) * minor(i, j) for j in n] for i in n])


SINGULAR = {
    "rank 3 of 4": N(4, 3) @ N(3, 4),
    "rank 2 of 4": N(4, 2) @ N(2, 4),
    "zero": np.zeros((3, 3)),
    "one zero": np.zeros((1, 1)),
    "nearly singular": SPREAD @ np.diag([1.0, 2.0, 1e-12]) @ N(3, 3),
    "somewhat singular": SPREAD @ np.diag([1.0, 1e-5, 1e-7]) @ N(3, 3),
    "complex": C(3, 2) @ C(2, 3),
    "stack": np.stack([EYE, np.ones((3, 3)), np.zeros((3, 3)), N(3, 3)]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_determinants_of_singular_matrices_have_derivatives_of_every_order(name):
    tg.check_grads(la.det, (SINGULAR[name],), order=3, atol=1e-6)


def test_the_gradient_of_a_determinant_is_the_matrix_of_cofactors():
    graded = SPREAD @ np.diag([1.0, 1e-6, 1e-9]) @ la.qr(N(3, 3))[0]
    for x in (N(5, 5), N(6, 4) @ N(4, 6), N(6, 5) @ N(5, 6), graded):
        expected = cofactors(x)
        atol = 1e-9 * np.max(np.abs(expected)) + 1e-11
        np.testing.assert_allclose(tg.grad(la.det)(x), expected, atol=atol)


ARBITRARY = {
    "basis, svd": (lambda x: np.sum(la.svd(x)[0][0]), N(5, 2), "basis that completes 2"),
    "basis, wide": (lambda x: np.sum(la.svd(x)[2][-1, :2]), N(2, 5), "basis that completes 2"),
    "basis, qr": (lambda x: np.sum(la.qr(x, "complete")[0][0]), N(5, 2), "basis that completes 2"),
    "phase, svd": (lambda z: np.sum(la.svd(z)[0]).real, C(3, 3), "phases of singular vectors"),
    "phase, eigh": (lambda z: np.sum(la.eigh(z)[1]).real, C(3, 3), "phases of eigenvectors"),
}


@pytest.mark.parametrize("name", ARBITRARY)
def test_a_function_of_an_arbitrary_choice_is_refused(name):
    f, x, message = ARBITRARY[name]
    with pytest.raises(NotImplementedError, match=message):
        tg.grad(f)(x)


def test_decompositions_read_one_triangle():
    x, upper = S(N(3, 3)), np.triu(np.ones((3, 3), bool), 1)
    for f, unread in [
        (la.cholesky, upper),
        (lambda x: la.cholesky(x, upper=True), upper.T),
        (la.eigvalsh, upper),
        (lambda x: la.eigh(x, "U")[0], upper.T),
        (lambda x: la.pinv(x, hermitian=True), upper),
    ]:
        assert not tg.grad(lambda x, f=f: np.sum(f(x)))(x)[unread].any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices_give_empty_gradients(shape):
    for f in (
        *(la.inv, la.det, la.slogdet, la.pinv, la.cholesky, la.qr, la.eigh, la.eigvalsh, la.eig),
        *(la.eigvals, la.svd, la.svdvals, la.norm, lambda x: la.solve(x, x), lambda x: x @ x),
    ):
        output, pullback = tg.vjp(f, np.zeros(shape))
        assert pullback(tg.tree.map(np.ones_like, output))[0].shape == shape


def test_norms_of_empty_matrices_are_0():
    for order in (1, 2, np.inf, "fro", "nuc"):
        gradient = tg.grad(lambda x, p=order: la.norm(x, p, (0, 1)))(np.zeros((0, 3)))
        assert gradient.shape == (0, 3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cross_products_in_the_plane():
    for x, y in [(N(2, 2), N(2)), (N(2), N(4, 3)), (N(2, 3), N(2))]:
        tg.check_grads(np.cross, (x, y))


def test_ranks_and_paths_are_plain():
    (t,) = tensors(REPEATED)
    assert type(la.matrix_rank(t)) is type(la.matrix_rank(REPEATED))
    assert np.einsum_path("ij,jk", t, t) == np.einsum_path("ij,jk", REPEATED, REPEATED)
    assert type(la.matrix_power(t, 0)) is np.ndarray


def test_constants_may_be_lists():
    x = N(2)
    for f in (
        lambda x: np.vecdot([1.0, 2.0], x) + np.vdot(x, [1.0, 2.0]) + np.inner([1.0, 2.0], x),
        lambda x: la.multi_dot([[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], x]),
        lambda x: np.kron([1.0, 2.0], x) + np.einsum("i,j->ij", x, [1.0, 2.0]).ravel(),
        lambda x: np.cross([1.0, 2.0, 3.0], np.append(x, 1.0)),
        lambda x: la.lstsq([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], np.append(x, 1.0))[0],
        lambda x: la.solve([[1.0, 2.0], [3.0, 4.0]], x) + np.tensordot([1.0, 2.0], x, 1),
    ):
        tg.check_grads(f, (x,))


ERRORS = {
    "logarithm of 0": (
        lambda t: la.slogdet(t * 0)[1].backward(np.ones(())),
        la.LinAlgError,
        "Singular matrix",
    ),
    "modes of qr": (lambda t: la.qr(t, "raw"), NotImplementedError, "mode='raw' has no"),
    "orders of norms": (lambda t: la.norm(t, 3), ValueError, "norm of order 3"),
    "lengths in cross": (lambda t: la.cross(t[:2], t[:2], axis=0), ValueError, "length 3"),
    "vectors in outer": (lambda t: la.outer(t, t), ValueError, r"must be vectors \(\(3, 3\)"),
    "ind of tensorinv": (lambda t: la.tensorinv(t, 0), ValueError, "ind must be positive"),
    "lengths in tensordot": (lambda t: np.tensordot(t, t[:2], 1), ValueError, "have lengths"),
    "terms of einsum": (lambda t: np.einsum("ij,jk", t), ValueError, "operand"),
    "out": (lambda t: np.einsum("ij", t, out=np.ones((3, 3))), TypeError, "einsum: out= would"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_says_so(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(N(3, 3)))


# Properties

sizes = st.integers(1, 3)
shapes = st.lists(sizes, max_size=2).map(tuple)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(shapes, sizes, sizes, sizes, st.data())
def test_matmul_broadcasts(batch, n, k, m, data):
    left, right = ([data.draw(st.sampled_from([1, size])) for size in batch] for _ in range(2))
    left = left[data.draw(st.integers(0, len(left))) :]
    tg.check_grads(np.matmul, (N(*left, n, k), N(*right, k, m)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.text("abc", max_size=3), min_size=1, max_size=3), st.data())
def test_einsum_takes_any_subscripts(terms, data):
    letters = sorted(set("".join(terms)))
    output = data.draw(st.lists(st.sampled_from(letters or ["a"]), unique=True)) if letters else []
    subscripts = ",".join(terms) + "->" + "".join(output)
    lengths = {letter: data.draw(sizes) for letter in letters}
    arrays = [N(*(lengths[letter] for letter in term)) for term in terms]
    tg.check_grads(lambda *arrays: np.einsum(subscripts, *arrays), arrays)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shapes, sizes, sizes, st.sampled_from(ORDERS), st.booleans(), st.data())
def test_norms_take_any_axes(batch, m, n, order, keepdims, data):
    shape = (*batch, m, n)
    axis = tuple(data.draw(st.permutations(range(-len(shape), len(shape))))[:2])
    if axis[0] % len(shape) == axis[1] % len(shape) or (order == -2 and 1 not in shape):
        axis = (-2, -1)
    x = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=shape)
    f = lambda x: la.norm(x, order, axis, keepdims)  # noqa: E731
    np.testing.assert_array_equal(f(tensors(x)[0]).data, f(x), strict=True)
    tg.check_grads(f, (x,), order=1, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(shapes, sizes, sizes, st.booleans(), st.integers(0, 99))
def test_factors_multiply_to_their_matrix(batch, m, n, is_complex, seed):
    """A function that is the identity has the derivative 1, whatever the factors."""
    x = np.random.default_rng(seed).normal(size=(2, *batch, m, n))
    x = x[0] + 1j * x[1] if is_complex else x[0]

    def from_svd(x):
        u, s, vh = la.svd(x, full_matrices=False)
        return (u * s[..., None, :]) @ vh

    for f in (from_svd, lambda x: np.matmul(*la.qr(x)), lambda x: la.pinv(la.pinv(x))):
        output, pullback = tg.vjp(f, x)
        g = np.random.default_rng(seed).normal(size=x.shape) + 0 * x
        np.testing.assert_allclose(output, x, atol=1e-6)
        np.testing.assert_allclose(pullback(g)[0], g, rtol=1e-3, atol=1e-3)
