"""One call, at least, of everything public in NumPy that takes arrays; and of ndarray's methods.

`CALLS` maps a name to (function, its arguments): float64, in general position.
"""

import io

import numpy as np

from tests.cases import makers

windows = np.lib.stride_tricks.sliding_window_view
N, P, U, C = makers(6)


def S(n):
    """A square matrix with an inverse."""
    return N(n, n) + 2 * n * np.eye(n)


NAMESPACES = {
    "np": np,
    "np.linalg": np.linalg,
    "np.fft": np.fft,
    "np.lib.stride_tricks": np.lib.stride_tricks,
    "np.emath": np.emath,
}

# Functions called with nothing but arrays: names, and how to draw the arguments.
_SIMPLE = [
    (
        "absolute fabs negative positive square exp exp2 expm1 sin cos tan arctan sinh cosh tanh "
        "arcsinh deg2rad rad2deg radians degrees conjugate real imag angle real_if_close sinc i0 "
        "nan_to_num cbrt sign signbit floor ceil rint trunc fix round around isfinite isinf isnan "
        "isnat isposinf isneginf iscomplex isreal iscomplexobj isrealobj isscalar iterable spacing "
        "modf frexp logical_not invert bitwise_count sum prod mean median std var max min amax "
        "amin ptp nansum nanprod nanmean nanmedian nanstd nanvar nanmax nanmin cumsum cumprod "
        "nancumsum nancumprod cumulative_sum cumulative_prod argmax argmin nanargmax nanargmin "
        "argsort argwhere nonzero flatnonzero count_nonzero any all sort sort_complex lexsort "
        "ravel squeeze copy atleast_1d atleast_2d atleast_3d diff ediff1d flip flipud unwrap "
        "trapezoid trapz diag diagflat ndim shape size array_repr array_str array2string "
        "zeros_like ones_like empty_like unique unique_all unique_counts unique_inverse "
        "unique_values result_type min_scalar_type common_type average gradient corrcoef poly "
        "polyder polyint roots vander trim_zeros ix_ meshgrid broadcast_arrays histogram "
        "histogram_bin_edges packbits unpackbits tril triu array asarray asanyarray "
        "ascontiguousarray asfortranarray matrix asarray_chkfinite require asmatrix isfortran "
        "frombuffer from_dlpack broadcast nditer ndenumerate",
        (N, (4,)),
    ),
    (
        "transpose column_stack hstack vstack stack dstack concatenate block unstack",
        (N, (2, 3)),
    ),
    ("reciprocal log log2 log10 log1p sqrt", (P, (3,))),
    ("arcsin arccos arctanh", (U, (3,))),
    (
        "emath.log emath.log2 emath.log10 emath.sqrt emath.arcsin emath.arccos emath.arctanh",
        (lambda n: np.array([-2.5, 0.3, 3.0]), (3,)),
    ),
    ("arccosh", (lambda n: 1 + P(n), (3,))),
    (
        "add subtract multiply maximum minimum fmax fmin hypot arctan2 logaddexp logaddexp2 "
        "copysign nextafter heaviside less less_equal greater greater_equal equal not_equal "
        "isclose allclose array_equal array_equiv logical_and logical_or logical_xor bitwise_and "
        "bitwise_or bitwise_xor left_shift right_shift gcd lcm convolve correlate outer inner vdot "
        "dot kron append polyadd polysub polymul may_share_memory shares_memory isin in1d "
        "intersect1d setdiff1d setxor1d union1d vecdot matmul linalg.vecdot linalg.outer "
        "linalg.matmul histogram2d",
        (N, (3,), (3,)),
    ),
    ("divide remainder fmod floor_divide divmod", (N, (2, 3)), (P, (3,))),
    ("power float_power", (P, (3,)), (N, (3,))),
    ("emath.power", (N, (4,)), (N, (4,))),
    ("emath.logn", (lambda n: 1 + P(n), (3,)), (N, (3,))),
    ("polydiv", (N, (4,)), (P, (2,))),
    ("polyval", (N, (3,)), (N, (2,))),
    ("geomspace", (P, ()), (P, ())),
    ("linspace logspace", (U, (), ())),
    ("cross linalg.cross", (N, (2, 3), (2, 3))),
    ("cov histogramdd", (N, (3, 4))),
    ("matvec", (N, (2, 3), (3,))),
    ("vecmat", (N, (2,), (2, 3))),
    ("tensordot linalg.tensordot", (N, (2, 3, 2), (3, 2, 2))),
    (
        "matrix_transpose fliplr rot90 trace diagonal linalg.matrix_transpose linalg.trace "
        "linalg.diagonal linalg.norm linalg.matrix_norm linalg.vector_norm linalg.svdvals "
        "linalg.cond linalg.matrix_rank linalg.pinv tril_indices_from triu_indices_from",
        (N, (3, 2)),
    ),
    ("linalg.inv linalg.det linalg.slogdet linalg.eig linalg.eigvals diag_indices_from", (S, (3,))),
    ("linalg.solve", (lambda n: S(n), (3,)), (N, (3, 2))),
    ("linalg.multi_dot", (lambda a, b, c: [N(2, a), N(a, b), N(b, c)], (2, 3, 2))),
    (
        "fft.fft fft.ifft fft.rfft fft.ihfft fft.hfft fft.irfft fft.fftshift fft.ifftshift",
        (N, (5,)),
    ),
    (
        "fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft2 fft.rfftn fft.irfft2 fft.irfftn",
        (N, (3, 4)),
    ),
]

POSITIVE_DEFINITE = lambda x: x @ np.swapaxes(x, -1, -2) + np.eye(3)  # noqa: E731

# Others need arguments that are not to be differentiated, or keep something of what comes out.
_SPECIAL = {
    "np": {
        "apply_along_axis": (lambda x: np.apply_along_axis(np.sum, 0, x), N(2, 3)),
        "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0]), N(2, 3)),
        "argpartition": (lambda x: np.argpartition(x, 1), N(4)),
        "arange": (lambda x: np.arange(x), P()),
        "array_split": (lambda x: np.array_split(x, 2), N(5)),
        "astype": (lambda x: np.astype(x, complex), N(3)),
        "base_repr": (lambda x: np.base_repr(x), P()),
        "binary_repr": (lambda x: np.binary_repr(x), P()),
        "bmat": (lambda x: np.bmat([[x, x]]), N(2, 2)),
        "bincount": (lambda w: np.bincount([0, 2, 0], w), N(3)),
        "bitwise_left_shift": (lambda x: np.left_shift(x, 1), N(3)),
        "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3)), N(3)),
        "busday_count": (lambda x: np.busday_count(x, x), N(2)),
        "busday_offset": (lambda x: np.busday_offset(x, 1), N(2)),
        "can_cast": (lambda x: np.can_cast(x.dtype, float), N(2)),
        "choose": (lambda x: np.choose([0, 1, 0], x), N(2, 3)),
        "clip": (lambda x: np.clip(x, -0.5, 0.5), N(6)),
        "compress": (lambda x: np.compress([True, False, True], x), N(3)),
        "copyto": (lambda x: np.copyto(np.ones(3), x), N(3)),
        "datetime_as_string": (lambda x: np.datetime_as_string(x), N(2)),
        "datetime_data": (lambda x: np.datetime_data(x), N(2)),
        "delete": (lambda x: np.delete(x, 1), N(3)),
        "diag_indices": (lambda x: np.diag_indices(x), P()),
        "digitize": (lambda x: np.digitize(x, [0.0, 1.0]), N(3)),
        "dsplit": (lambda x: np.dsplit(x, 2), N(2, 2, 2)),
        "einsum": (lambda x, y: np.einsum("ij,jk->ik", x, y), N(2, 3), N(3, 2)),
        "einsum_path": (lambda x: np.einsum_path("ij->ji", x)[0], N(2, 3)),
        "expand_dims": (lambda x: np.expand_dims(x, 0), N(3)),
        "extract": (lambda x: np.extract([True, False, True], x), N(3)),
        "eye": (lambda x: np.eye(x), P()),
        "fill_diagonal": (lambda x: np.fill_diagonal(x, 0), N(2, 2)),
        "format_float_positional": (lambda x: np.format_float_positional(x), N()),
        "format_float_scientific": (lambda x: np.format_float_scientific(x), N()),
        "fromiter": (lambda x: np.fromiter(x, float), N(3)),
        "fromfunction": (lambda x: np.fromfunction(lambda i: i * x, (3,)), N(3)),
        "frompyfunc": (lambda x: np.frompyfunc(lambda a: 2 * a, 1, 1)(x), N(3)),
        "full": (lambda x: np.full((2, 3), x), N(3)),
        "full_like": (lambda x: np.full_like(x, x[0]), N(3)),
        "hsplit": (lambda x: np.hsplit(x, 2), N(4)),
        "insert": (lambda x: np.insert(x, 1, 2.0), N(3)),
        "interp": (lambda x, f: np.interp(x, [-9.0, 0.1, 9.0], f), N(4), N(3)),
        "is_busday": (lambda x: np.is_busday(x), N(2)),
        "issubdtype": (lambda x: np.issubdtype(x.dtype, float), N(2)),
        "ldexp": (lambda x: np.ldexp(x, 2), N(3)),
        "mask_indices": (lambda x: np.mask_indices(2, lambda m, k: x), N(2, 2)),
        "moveaxis": (lambda x: np.moveaxis(x, 0, 1), N(2, 3)),
        "nanpercentile": (lambda x: np.nanpercentile(x, [30, 75]), N(5)),
        "nanquantile": (lambda x: np.nanquantile(x, 0.3), N(5)),
        "nested_iters": (lambda x: np.nested_iters(x, [[0], [1]]), N(2, 2)),
        "pad": (lambda x: np.pad(x, 1, "reflect"), N(3)),
        "partition": (lambda x: np.partition(x, 1), N(4)),
        "percentile": (lambda x: np.percentile(x, [30, 75]), N(5)),
        "piecewise": (lambda x: np.piecewise(x, [x < 0], [np.exp, np.sin]), N(4)),
        "place": (lambda x: np.place(np.ones(3), [True, False, True], x), N(2)),
        "poly1d": (lambda x: np.poly1d(x)(0.5), N(3)),
        "polyfit": (lambda y: np.polyfit(np.arange(5.0), y, 2), N(5)),
        "put": (lambda x: np.put(np.ones(3), [0, 1], x), N(2)),
        "put_along_axis": (lambda x: np.put_along_axis(np.ones(3), np.array([0]), x, 0), N(1)),
        "putmask": (lambda x: np.putmask(np.ones(3), [True, False, True], x), N(3)),
        "quantile": (lambda x: np.quantile(x, 0.3), N(5)),
        "ravel_multi_index": (lambda x: np.ravel_multi_index((x,), (3,)), P(2)),
        "repeat": (lambda x: np.repeat(x, 2), N(3)),
        "reshape": (lambda x: np.reshape(x, (3, 2)), N(2, 3)),
        "resize": (lambda x: np.resize(x, (2, 2)), N(3)),
        "roll": (lambda x: np.roll(x, 1), N(3)),
        "rollaxis": (lambda x: np.rollaxis(x, 1), N(2, 3)),
        **{
            name: (lambda x, name=name: getattr(np, name)(io.BytesIO(), x), N(3))
            for name in "save savetxt savez savez_compressed".split()
        },
        "searchsorted": (lambda x: np.searchsorted([0.0, 1.0], x), N(3)),
        "select": (lambda x: np.select([x < 0, x < 1], [x, 2 * x], 3), N(5)),
        "split": (lambda x: np.split(x, 2), N(4)),
        "swapaxes": (lambda x: np.swapaxes(x, 0, 1), N(2, 3)),
        "take": (lambda x: np.take(x, [0, 2]), N(3)),
        "take_along_axis": (lambda x: np.take_along_axis(x, np.array([0, 2]), 0), N(3)),
        "tile": (lambda x: np.tile(x, 2), N(3)),
        "tri": (lambda x: np.tri(x), P()),
        "unravel_index": (lambda x: np.unravel_index(x, (3,)), P(2)),
        "vectorize": (lambda x: np.vectorize(lambda a: 2 * a)(x), N(3)),
        "vsplit": (lambda x: np.vsplit(x, 2), N(4, 2)),
        "where": (lambda x, y: np.where([True, False, True], x, y), N(3), N(3)),
        **{
            name: (lambda x, name=name: getattr(np, name)(x), P())
            for name in "bartlett blackman hamming hanning identity".split()
        },
        "kaiser": (lambda x: np.kaiser(3, x), P()),
        "r_": (lambda x: np.r_[x, x], N(3)),
        "c_": (lambda x: np.c_[x, x], N(3)),
        "mgrid": (lambda x: np.mgrid[0:x:0.5], P()),
        "ogrid": (lambda x: np.ogrid[0:x:0.5], P()),
        **{
            f"{ufunc}.{method}": (lambda x, u=ufunc, m=method: getattr(getattr(np, u), m)(x), N(3))
            for ufunc in ("add", "multiply", "maximum", "subtract", "logaddexp")
            for method in ("reduce", "accumulate")
        },
        "add.outer": (lambda x, y: np.add.outer(x, y), N(2), N(3)),
        "power.outer": (lambda x, y: np.power.outer(x, y), P(2), N(3)),
        "add.reduceat": (lambda x: np.add.reduceat(x, [0, 2]), N(4)),
        "add.at": (lambda x: np.add.at(np.ones(3), [0, 0], x), N(2)),
        "add where": (lambda x: np.add(x, 1.0, where=[True, True, True]), N(3)),
        "exp in another dtype": (lambda x: np.exp(x, dtype=complex), N(3)),
    },
    "np.linalg": {
        "cholesky": (lambda x: np.linalg.cholesky(POSITIVE_DEFINITE(x)), N(3, 3)),
        "eigh": (lambda x: np.linalg.eigh(POSITIVE_DEFINITE(x))[0], N(3, 3)),
        "eigvalsh": (lambda x: np.linalg.eigvalsh(POSITIVE_DEFINITE(x)), N(3, 3)),
        "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], N(4, 2), N(4)),
        "matrix_power": (lambda x: np.linalg.matrix_power(x, 3), S(2)),
        "qr": (lambda x: np.linalg.qr(x), N(3, 2)),
        "svd": (lambda x: np.linalg.svd(x, full_matrices=False)[1], N(3, 2)),
        "tensorinv": (lambda x: np.linalg.tensorinv(np.reshape(x, (2, 2, 4))), S(4)),
        "tensorsolve": (
            lambda a, b: np.linalg.tensorsolve(np.reshape(a, (2, 2, 4)), b),
            *(S(4), N(2, 2)),
        ),
    },
    "np.fft": {
        "fftfreq": (lambda d: np.fft.fftfreq(4, d), P()),
        "rfftfreq": (lambda d: np.fft.rfftfreq(4, d), P()),
    },
    "np.lib.stride_tricks": {
        "as_strided": (lambda x: np.lib.stride_tricks.as_strided(x, (2,), (8,)), N(3)),
        "sliding_window_view": (lambda x: windows(x, 2), N(4)),
    },
    "ndarray": {
        "T": (lambda x: x.T, N(2, 3)),
        "mT": (lambda x: x.mT, N(2, 3)),
        "flat": (lambda x: np.stack([2 * v for v in x.flat]), N(2, 3)),
        "real": (lambda x: x.real, N(3)),
        "imag": (lambda x: x.imag, N(3)),
        "astype": (lambda x: x.astype(complex), N(3)),
        "choose": (lambda x: x.choose([1.0, 2.0]), N(3)),
        "compress": (lambda x: x.compress([True, False, True]), N(3)),
        "dot": (lambda x, y: x.dot(y), N(3), N(3)),
        "fill": (lambda x: x.fill(1.0), N(3)),
        "partition": (lambda x: x.partition(1), N(3)),
        "put": (lambda x: x.put(0, 1.0), N(3)),
        "repeat": (lambda x: x.repeat(2), N(3)),
        "reshape": (lambda x: x.reshape(3, -1), N(2, 3)),
        "resize": (lambda x: x.resize(2, 2), N(4)),
        "searchsorted": (lambda x: x.searchsorted(0.5), np.sort(N(3))),
        "setfield": (lambda x: x.setfield(1, int), N(3)),
        "setflags": (lambda x: x.setflags(write=True), N(3)),
        "sort": (lambda x: x.sort(), N(3)),
        "swapaxes": (lambda x: x.swapaxes(0, 1), N(2, 3)),
        "take": (lambda x: x.take([0, 2]), N(3)),
        "transpose": (lambda x: x.transpose(1, 0), N(2, 3)),
        "view": (lambda x: x.view(int), N(3)),
        "argpartition": (lambda x: x.argpartition(1), N(3)),
        "clip": (lambda x: x.clip(-0.5, 0.5), N(5)),
        "diagonal": (lambda x: x.diagonal(), N(3, 3)),
        "trace": (lambda x: x.trace(), N(3, 3)),
        **{
            name: (lambda x, name=name: getattr(x, name)(), N(4))
            for name in "all any argmax argmin argsort conj conjugate copy cumprod cumsum flatten "
            "max mean min nonzero prod ravel round squeeze std sum var".split()
        },
        "operators": (lambda x, y: (x + y) * -x - y / abs(x) + x @ y + x % y + x**2, N(3), P(3)),
        "indexing": (lambda x: x[1:] * x[[0, 0]] + x[-1], N(3)),
        "iteration": (lambda x: sum(a * a for a in x), N(3)),
    },
}


def _calls():
    calls = {}
    for names, *draws in _SIMPLE:
        for name in names.split():
            path = "np." + name
            module, _, last = path.rpartition(".")
            if hasattr(NAMESPACES[module], last):
                args = [draw(*shape) for draw, *shapes in draws for shape in shapes]
                calls[path] = (getattr(NAMESPACES[module], last), *args)
    for module, special in _SPECIAL.items():
        for name, call in special.items():
            if module == "ndarray" or hasattr(NAMESPACES[module], name.split(".")[0].split()[0]):
                calls[f"{module}.{name}"] = call
    return calls


CALLS = _calls()
