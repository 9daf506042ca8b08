"""The kernels against loops over single elements, and the threads that share their work."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinygrad_np.kernels import convolution, memory, pooling, threads, windows, winograd
from tinygrad_np.kernels.matmul import matmul

# x shape, kernel shape, stride, padding, dilation, groups
CONVOLUTIONS = {
    "1d": ((2, 7, 4), (3, 4, 5), (1,), ((0, 0),), (1,), 1),
    "1d strided, dilated, padded": ((2, 11, 3), (3, 3, 4), (2,), ((1, 3),), (2,), 1),
    "2d": ((3, 6, 7, 2), (3, 3, 2, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "one channel": ((2, 6, 20, 1), (3, 3, 1, 4), (1, 1), ((0, 0), (1, 1)), (1, 1), 1),
    "many channels": ((2, 5, 6, 17), (3, 2, 17, 3), (1, 2), ((1, 1), (0, 0)), (1, 1), 1),
    "uneven everything": ((2, 8, 9, 2), (3, 2, 2, 3), (2, 1), ((1, 0), (0, 2)), (1, 2), 1),
    "1 x 1": ((2, 4, 5, 4), (1, 1, 4, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "1 x 1 strided": ((2, 4, 5, 4), (1, 1, 4, 3), (2, 3), ((0, 0), (0, 0)), (1, 1), 1),
    "as large as the image": ((2, 4, 5, 2), (4, 5, 2, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "more padding than kernel": ((2, 3, 4, 2), (2, 2, 2, 3), (1, 1), ((4, 3), (0, 5)), (1, 1), 1),
    "groups": ((2, 6, 5, 6), (3, 3, 2, 9), (1, 2), ((2, 1), (1, 1)), (2, 1), 3),
    "a filter a channel": ((2, 6, 7, 6), (3, 2, 1, 6), (2, 1), ((1, 2), (0, 1)), (1, 2), 6),
    "a filter a channel, 1d": ((3, 9, 4), (3, 1, 4), (1,), ((0, 0),), (1,), 4),
    "wide groups": ((2, 4, 5, 20), (2, 2, 10, 4), (1, 1), ((1, 0), (0, 1)), (1, 1), 2),
    "two filters a channel": ((2, 5, 5, 5), (3, 3, 1, 10), (1, 1), ((1, 1), (1, 1)), (1, 1), 5),
    "3d": ((2, 4, 5, 6, 2), (2, 3, 2, 2, 3), (1, 2, 1), ((1, 1), (0, 0), (0, 1)), (1, 1, 2), 1),
    "no images": ((0, 6, 7, 2), (3, 3, 2, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
}
# x shape, window, stride, padding
POOLINGS = {
    "1d": ((2, 9, 3), (3,), (2,), ((1, 1),)),
    "tiles": ((3, 8, 6, 4), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "tiles and a rest": ((3, 9, 7, 4), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "shifted tiles": ((3, 8, 6, 4), (2, 2), (2, 2), ((1, 0), (0, 1))),
    "overlapping": ((2, 8, 9, 4), (3, 2), (1, 2), ((1, 0), (1, 1))),
    "with gaps": ((2, 7, 7, 2), (2, 2), (3, 3), ((0, 0), (0, 0))),
    "3d": ((2, 5, 6, 7, 2), (2, 3, 2), (1, 2, 3), ((1, 1), (0, 0), (0, 1))),
    "no images": ((0, 8, 6, 4), (2, 2), (2, 2), ((0, 0), (0, 0))),
}


def each(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases)


@pytest.fixture(params=["one block", "many blocks"])
def in_blocks(request, monkeypatch):
    if request.param == "many blocks":
        monkeypatch.setattr(windows, "BLOCK_BYTES", 1000)


@pytest.fixture
def everything_winograd(monkeypatch):
    monkeypatch.setattr(winograd, "pays", lambda *_: True)


@pytest.fixture
def set_threads():
    before = threads.get_num_threads()
    yield threads.set_num_threads
    threads.set_num_threads(before)


def draw(shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng((seed, *shape))
    values = rng.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def joined(sizes, lengths, stride, padding, dilation):
    """All (output, place in the window, input) positions that belong together."""
    counts = [
        len(range(0, size + low + high - (length - 1) * d, s))
        for size, length, s, (low, high), d in zip(
            sizes, lengths, stride, padding, dilation, strict=True
        )
    ]
    for o, k in itertools.product(np.ndindex(*counts), np.ndindex(*lengths)):
        at = [
            i * s - low + j * d
            for i, j, s, (low, _), d in zip(o, k, stride, padding, dilation, strict=True)
        ]
        yield o, k, tuple(at) if all(0 <= a < n for a, n in zip(at, sizes, strict=True)) else None


def slow_convolution(x, kernel, g, case):
    """y and the cotangents of x and kernel (for g of ones if None), one pixel at a time."""
    _, kernel_shape, *rest, groups = case
    sizes, lengths, outputs = x.shape[1:-1], kernel_shape[:-2], kernel_shape[-1]
    positions = list(joined(sizes, lengths, *rest))
    counts = tuple(1 + i for i in max(o for o, _, _ in positions))
    y = np.zeros((len(x), *counts, outputs), x.dtype)
    dx, dk = np.zeros_like(x), np.zeros_like(kernel)
    c, o = x.shape[-1] // groups, outputs // groups
    for out, k, at in positions:
        for group in range(groups) if at else ():
            ins, outs = slice(group * c, group * c + c), slice(group * o, group * o + o)
            y[:, *out, outs] += x[:, *at, ins] @ kernel[*k][:, outs]
            if g is not None:
                dx[:, *at, ins] += g[:, *out, outs] @ kernel[*k][:, outs].T
                dk[*k][:, outs] += x[:, *at, ins].T @ g[:, *out, outs]
    return y, dx, dk


def convolve_and_gradients(x, kernel, bias, g, case):
    static = dict(zip(("stride", "padding", "dilation", "groups"), case[2:], strict=True))
    return (
        convolution.convolve(x, kernel, bias, **static),
        convolution.convolve_input_gradient(g, kernel, x_shape=x.shape, **static),
        convolution.convolve_kernel_gradient(x, g, kernel_shape=kernel.shape, **static),
    )


@each(CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_convolution_and_its_gradients_match_loops(case, dtype, in_blocks):
    x, kernel, bias = draw(case[0], dtype), draw(case[1], dtype), draw(case[1][-1:], dtype)
    g = draw(slow_convolution(x, kernel, None, case)[0].shape, dtype, seed=1)
    y, dx, dk = slow_convolution(x, kernel, g, case)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    for ours, slow in zip(
        convolve_and_gradients(x, kernel, bias, g, case), (y + bias, dx, dk), strict=True
    ):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, slow, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("size", "padding"),
    [
        ((10, 14), ((0, 0), (0, 0))),  # a whole number of tiles
        ((9, 13), ((0, 0), (0, 0))),
        ((3, 8), ((0, 0), (0, 0))),
        ((10, 14), ((1, 1), (1, 1))),
        ((9, 13), ((1, 1), (2, 0))),
        ((6, 5), ((4, 5), (3, 3))),
        ((1, 1), ((4, 5), (3, 3))),
    ],
)
def test_winograd_matches_loops(size, padding, everything_winograd, in_blocks):
    case = (3, *size, 2), (3, 3, 2, 5), (1, 1), padding, (1, 1), 1
    x, kernel, bias = draw(case[0]), draw(case[1]), draw((5,))
    g = draw(slow_convolution(x, kernel, None, case)[0].shape, seed=1)
    y, dx, dk = slow_convolution(x, kernel, g, case)
    for ours, slow in zip(
        convolve_and_gradients(x, kernel, bias, g, case), (y + bias, dx, dk), strict=True
    ):
        np.testing.assert_allclose(ours, slow, rtol=0, atol=1e-11)


def test_winograd_rounds_to_within_a_few_units_in_the_last_place(everything_winograd):
    case = (8, 26, 26, 32), (3, 3, 32, 64), (1, 1), ((0, 0), (0, 0)), (1, 1), 1
    arrays = (
        draw(case[0], "f4"),
        draw(case[1], "f4"),
        draw((64,), "f4"),
        draw((8, 24, 24, 64), "f4"),
    )
    exact = convolve_and_gradients(*(a.astype(np.float64) for a in arrays), case)
    for ours, truth in zip(convolve_and_gradients(*arrays, case), exact, strict=True):
        assert np.std(ours - truth) < 2e-6 * np.std(truth)


def test_convolution_takes_arrays_of_any_strides():
    case = (2, 7, 6, 4), (3, 3, 4, 5), (1, 1), ((1, 0), (0, 0)), (1, 1), 1
    x = draw((4, 6, 7, 2)).transpose(3, 2, 1, 0)[:, ::-1]
    kernel = draw((5, 4, 3, 3)).T
    g = draw((6, 4, 2, 5)).transpose(2, 0, 1, 3)
    expected = convolve_and_gradients(x.copy(), kernel.copy(), None, g.copy(), case)
    for ours, slow in zip(convolve_and_gradients(x, kernel, None, g, case), expected, strict=True):
        np.testing.assert_allclose(ours, slow, rtol=0, atol=1e-12)


def slow_pooling(x, window, stride, padding):
    """Maxima, their places and sums of windows, and the positions in x that the places name."""
    positions = list(joined(x.shape[1:-1], window, stride, padding, (1,) * len(window)))
    counts = tuple(1 + i for i in max(o for o, _, _ in positions))
    shape = (len(x), *counts, x.shape[-1])
    y, places, sums = np.full(shape, -np.inf), np.zeros(shape, int), np.zeros(shape)
    for out, k, at in positions:
        if at is not None:
            larger = x[:, *at] > y[:, *out]
            places[:, *out][larger] = np.ravel_multi_index(k, window)
            y[:, *out][larger] = x[:, *at][larger]
            sums[:, *out] += x[:, *at]
    return y, places, sums


@each(POOLINGS)
def test_pooling_matches_loops_and_the_first_maximum_wins(case, in_blocks):
    static = dict(zip(("window", "stride", "padding"), case[1:], strict=True))
    x = np.round(draw(case[0]))  # many ties
    maxima, places, sums = slow_pooling(x, *case[1:])
    y, indices = pooling.max_pool(x, **static)
    np.testing.assert_array_equal(y, maxima)
    np.testing.assert_array_equal(indices, places)
    np.testing.assert_array_equal(pooling.sum_pool(x, **static), sums)
    np.testing.assert_array_equal(pooling.gather_from_windows(x, indices, **static), maxima)


@each(POOLINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_pooling_gradients_are_transposes(case, dtype, in_blocks):
    """<g, A x> = <Aᵀ g, x> for every g and x."""
    static = dict(zip(("window", "stride", "padding"), case[1:], strict=True))
    x, (y, indices) = draw(case[0], dtype), pooling.max_pool(draw(case[0]), **static)
    g = draw(y.shape, dtype)
    for forward, transpose in (
        (
            pooling.gather_from_windows(x, indices, **static),
            pooling.scatter_to_windows(g, indices, x_shape=x.shape, **static),
        ),
        (
            pooling.sum_pool(x, **static),
            pooling.spread_to_windows(g, x_shape=x.shape, **static),
        ),
    ):
        assert forward.dtype == transpose.dtype == dtype
        np.testing.assert_allclose(np.sum(g * forward), np.sum(transpose * x), rtol=1e-4)


def test_max_pool_indices_have_the_smallest_type_that_holds_them():
    for length, dtype in ((256, np.uint8), (257, np.uint16)):
        x = np.zeros((1, length, 1))
        x[0, -1] = 1
        _, indices = pooling.max_pool(x, window=(length,), stride=(1,), padding=((0, 0),))
        assert indices.dtype == dtype
        assert indices.item() == length - 1


def test_max_pool_never_chooses_padding_and_passes_nan_on():
    static = {"window": (2,), "stride": (2,), "padding": ((1, 1),)}
    x = np.array([-np.inf, 1, np.nan, 2]).reshape(1, 4, 1)
    y, indices = pooling.max_pool(x, **static)
    np.testing.assert_array_equal(y.ravel(), [-np.inf, np.nan, 2])
    assert indices.ravel()[[0, 2]].tolist() == [1, 0]


def test_infinite_cotangents_stay_in_their_place():
    static = {"window": (2,), "stride": (2,), "padding": ((0, 0),)}
    g = np.array([np.inf, np.nan]).reshape(1, 2, 1)
    indices = np.array([0, 1], np.uint8).reshape(1, 2, 1)
    dx = pooling.scatter_to_windows(g, indices, x_shape=(1, 4, 1), **static)
    np.testing.assert_array_equal(dx.ravel(), [np.inf, 0, 0, np.nan])


# What follows is large enough to be shared between threads.
LARGE = (40, 26, 26, 32), (3, 3, 32, 64), (1, 1), ((0, 0), (0, 0)), (1, 1), 1


def large_step(_=None):
    x, kernel = draw(LARGE[0], np.float32), draw(LARGE[1], np.float32)
    g = draw((40, 24, 24, 64), np.float32)
    return convolve_and_gradients(x, kernel, None, g, LARGE)


@pytest.mark.parametrize("path", ["winograd", "im2col"])
def test_any_number_of_threads_agrees_and_the_same_number_gives_the_same_bits(
    path, set_threads, monkeypatch
):
    if path == "im2col":
        monkeypatch.setattr(winograd, "pays", lambda *_: False)
    results = []
    for n in (1, 2, 2, 3):
        set_threads(n)
        results.append(large_step())
    for one, two, again, three in zip(*results, strict=True):
        np.testing.assert_array_equal(two, again)
        for other in (two, three):
            np.testing.assert_allclose(other, one, rtol=0, atol=1e-5 * np.abs(one).max())


def test_kernels_called_from_several_threads_at_once_agree(set_threads):
    set_threads(2)
    before = blas_threads()
    expected = large_step()
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(large_step, range(8)):
            for ours, alone in zip(result, expected, strict=True):
                np.testing.assert_array_equal(ours, alone)
    assert blas_threads() == before


def blas_threads():
    return [library.get_num_threads() for library in threads._blas()]


def test_blas_has_one_thread_while_work_is_shared_and_its_own_number_afterwards(set_threads):
    set_threads(2)
    seen = []
    threads.share(lambda _: seen.append(blas_threads()), range(8))
    assert seen == [[1] * len(blas_threads())] * 8
    assert blas_threads() == [2] * len(blas_threads())


def test_a_call_that_ends_first_leaves_blas_to_the_others(set_threads):
    set_threads(3)
    with ThreadPoolExecutor(1) as pool, threads.single_threaded_blas():
        pool.submit(threads.share, lambda _: None, range(4)).result()
        assert blas_threads() == [1] * len(blas_threads())
        set_threads(2)  # holds once the last is done
        assert blas_threads() == [1] * len(blas_threads())
    assert blas_threads() == [2] * len(blas_threads())


def test_an_exception_in_any_thread_reaches_the_caller_and_blas_is_restored(set_threads):
    set_threads(2)

    for blocks in ((0, 1, 1, 1), (1, 1, 1, 0), (0, 0, 0, 0)):
        with pytest.raises(ZeroDivisionError):
            threads.share(lambda block: 1 / block, blocks)
        assert blas_threads() == [2] * len(blas_threads())


def test_every_block_is_worked_on_once_also_inside_workers(set_threads):
    set_threads(3)
    done = []

    def outer(i):
        threads.share(lambda j: done.append((i, j)), range(5))

    threads.share(outer, range(5))
    assert sorted(done) == list(itertools.product(range(5), range(5)))


def test_shared_work_sees_the_callers_error_handling_in_every_thread(set_threads):
    set_threads(2)
    both, seen = threading.Barrier(2, timeout=30), []

    def work(_):
        both.wait()  # so that each thread takes one
        seen.append((threading.get_ident(), np.geterr()["over"]))

    with np.errstate(over="raise"):
        threads.share(work, range(2))
    assert len({thread for thread, _ in seen}) == 2
    assert [handling for _, handling in seen] == ["raise"] * 2


def test_a_call_waits_for_what_other_threads_have_begun_also_after_an_error(set_threads):
    set_threads(2)
    both, done = threading.Barrier(2, timeout=30), []

    def work(block):
        both.wait()
        if threading.current_thread() is threading.main_thread():
            raise ZeroDivisionError
        time.sleep(0.1)
        done.append(block)

    with pytest.raises(ZeroDivisionError):
        threads.share(work, range(20))
    assert len(done) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_work_is_shared_in_a_forked_process_too(set_threads):
    set_threads(2)
    threads.share(lambda _: None, range(4))
    child = os.fork()
    if child == 0:
        both = threading.Barrier(2, timeout=30)
        try:
            threads.share(lambda _: both.wait(), range(2))
        finally:
            os._exit(both.broken)
    assert os.waitpid(child, 0)[1] == 0


def test_share_sum_is_zero_without_blocks():
    total = threads.share_sum(lambda block, out: None, [], (2, 3), np.dtype(np.float32))
    np.testing.assert_array_equal(total, np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, 4097, 10**12])
def test_set_num_threads_refuses_what_is_no_count(n):
    with pytest.raises(ValueError, match="expected a positive int"):
        threads.set_num_threads(n)


@pytest.mark.parametrize(
    "shapes",
    [
        *(((3, 4), (4, 5)), ((300, 400), (400, 100)), ((100, 400), (400, 300)), ((2, 3, 4), (4,))),
        # stacks: flattened, shared, and of few large matrices
        *(((2, 30, 40), (40, 50)), ((2, 0, 4), (4, 3)), ((5, 2, 1, 4), (4, 1))),
        *(((9, 2, 60, 90), (9, 2, 90, 70)), ((2, 200, 200), (2, 200, 300)), ((3,), (2, 3, 4))),
        *(((1, 9, 300, 40), (1, 9, 40, 50)), ((4, 1, 3, 4), (2, 4, 3)), ((0, 3, 4), (0, 4, 2))),
        # outer products: of short and of long rows, and large enough to be shared
        *(((300, 1), (1, 100)), ((3, 1), (1, 5000)), ((1100, 1), (1, 1000)), ((220, 1), (1, 5000))),
    ],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_matmul_is_numpys(shapes, transposed, set_threads):
    set_threads(3)
    a, b = (draw(shape).copy("F" if transposed else "C") for shape in shapes)
    np.testing.assert_allclose(matmul(a, b), a @ b, rtol=0, atol=1e-11)


def test_a_convolution_of_many_images_needs_only_a_fixed_workspace():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 26, 26, 32)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 32, 64)).astype(np.float32)
    geometry = {
        "stride": (1, 1),
        "padding": ((0, 0), (0, 0)),
        "dilation": (1, 1),
        "groups": 1,
    }
    y = convolution.convolve(x, kernel, None, **geometry)
    kernels = {
        "forward": lambda: convolution.convolve(x, kernel, None, **geometry),
        "input": lambda: convolution.convolve_input_gradient(
            y, kernel, x_shape=x.shape, **geometry
        ),
        "kernel": lambda: convolution.convolve_kernel_gradient(
            x, y, kernel_shape=kernel.shape, **geometry
        ),
    }
    for name, run in kernels.items():
        tracemalloc.start()
        out = run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # The windows of all images together would take 85 MB.
        assert peak < out.nbytes + 24e6, name


def test_memory_that_is_not_to_be_had_is_one_error(monkeypatch):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with pytest.raises(MemoryError):
        memory.empty((1 << 60,), np.uint8)
    assert ignored == []
