"""Data sets in every form they come in, and mini-batches."""

import contextlib
import gc
import gzip
import struct
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

import tinygrad_np as tg

LOADERS = [tg.data.load_mnist, tg.data.load_fashion_mnist]
IDX = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def keras_layout(**changes):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (12, 28, 28), dtype=np.uint8),
        "y_train": np.arange(12, dtype=np.uint8) % 10,
        "x_test": rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "y_test": np.arange(5, dtype=np.uint8),
    }
    return arrays | changes


def write_idx(folder, arrays, *, zipped):
    for name, array in arrays.items():
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        content = header + array.tobytes()
        path = folder / (IDX[name] + ".gz" * zipped)
        path.write_bytes(gzip.compress(content) if zipped else content)


def npz(folder, arrays):
    np.savez_compressed(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


def test_bundled_mnist_is_balanced_and_in_keras_shape():
    (x_train, y_train), (x_test, y_test) = tg.data.load_mnist()
    assert (x_train.shape, x_test.shape) == ((4000, 28, 28, 1), (1000, 28, 28, 1))
    assert x_train.dtype == x_test.dtype == np.float32
    assert (x_train.min(), x_train.max()) == (0.0, 1.0)
    assert y_train.dtype == y_test.dtype == np.int64
    assert np.bincount(y_train).tolist() == [400] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    # A digit is bright in the middle and dark at the border.
    assert x_train[:, 10:18, 10:18].mean() > 10 * x_train[:, :2].mean()


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("form", ["npz", "npz as text", "idx", "idx.gz", "keras"])
def test_every_source_gives_the_same_arrays(load, form, tmp_path, monkeypatch):
    arrays = keras_layout()
    source = str(tmp_path)
    if form.startswith("npz"):
        source = npz(tmp_path, arrays)
        source = str(source) if "text" in form else source
    elif form.startswith("idx"):
        write_idx(tmp_path, arrays, zipped=form == "idx.gz")
    else:
        x_train, y_train, x_test, y_test = arrays.values()
        data_set = types.SimpleNamespace(load_data=lambda: ((x_train, y_train), (x_test, y_test)))
        datasets = types.SimpleNamespace(mnist=data_set, fashion_mnist=data_set)
        monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(datasets=datasets))
        source = "keras"
    for split, (images, labels), (stored, stored_labels) in zip(
        ("train", "test"), load(source), load(source, np.uint8), strict=True
    ):
        by_hand = arrays[f"x_{split}"].astype("float32")[..., None] / 255  # as Keras's examples do
        np.testing.assert_array_equal(images, by_hand, strict=True)
        np.testing.assert_array_equal(labels, arrays[f"y_{split}"].astype(int), strict=True)
        np.testing.assert_array_equal(stored, arrays[f"x_{split}"][..., None], strict=True)
        np.testing.assert_array_equal(stored_labels, labels, strict=True)
        assert images.flags.writeable
        assert stored.flags.writeable


@pytest.mark.parametrize("load", LOADERS)
def test_another_dtype_is_refused_before_anything_is_read(load):
    with pytest.raises(ValueError, match=r"dtype must be np.float32 or np.uint8, not float64$"):
        load("no/such.npz", dtype=np.float64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": None}, "lacks x_test"),
        ({"y_train": np.array([None] * 12)}, "not a complete .npz file of plain arrays"),
        ({"x_train": np.zeros((12, 28, 28), np.float32)}, r"x_train is float32 \(12, 28, 28\)"),
        ({"x_train": np.zeros((12, 784), np.uint8)}, r"x_train is uint8 \(12, 784\)"),
        ({"x_train": np.uint8(3)}, r"x_train is uint8 \(\)"),
        ({"y_test": np.zeros(5)}, r"y_test is float64 \(5,\)"),
        ({"y_test": np.zeros((5, 10), int)}, r"y_test is int64 \(5, 10\)"),
        ({"y_test": np.array([0, 1, 2, 3, 10])}, "y_test runs from 0 to 10"),
        ({"y_test": np.array([0, 1, 2, 3, -1])}, "y_test runs from -1 to 3"),
        ({"y_train": np.zeros(11, int)}, "x_train holds 12 images but y_train 11 labels"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, int)}, "no images"),
    ],
)
def test_a_bad_npz_is_refused_in_one_sentence_naming_it(changes, message, tmp_path):
    arrays = {k: v for k, v in keras_layout(**changes).items() if v is not None}
    with pytest.raises(ValueError, match=rf"^load_mnist: '.*mnist\.npz'.*{message}"):
        tg.data.load_mnist(npz(tmp_path, arrays))


def test_missing_sources_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no file or folder 'kears'"):
        tg.data.load_mnist("kears")
    with pytest.raises(FileNotFoundError, match=r"neither train-images-idx3-ubyte.gz nor"):
        tg.data.load_fashion_mnist(tmp_path)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match="pip install tensorflow"):
        tg.data.load_fashion_mnist()


def test_a_failed_download_says_so(monkeypatch):
    def load_data():
        raise Exception("URL fetch failure")

    datasets = types.SimpleNamespace(mnist=types.SimpleNamespace(load_data=load_data))
    monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(datasets=datasets))
    with pytest.raises(OSError, match="load_mnist: Keras could not load mnist: URL fetch failure"):
        tg.data.load_mnist("keras")


@pytest.mark.parametrize("form", ["npz", "idx", "idx.gz"])
def test_damage_anywhere_is_found(form, tmp_path):
    """Cut short anywhere, or with a byte changed: never a wrong array, never a strange error."""
    if form == "npz":
        source = path = npz(tmp_path, keras_layout())
    else:
        write_idx(tmp_path, keras_layout(), zipped=form == "idx.gz")
        source, path = tmp_path, tmp_path / (IDX["x_train"] + form[3:])
    whole = path.read_bytes()
    for length in (0, 1, 3, 7, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"^load_mnist: '.*' is (no|not a) complete"):
            tg.data.load_mnist(source)
    if form != "idx":  # which has no checksum
        middle = len(whole) // 3
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
        with pytest.raises(ValueError, match=r"^load_mnist: '.*' is (no|not a) complete"):
            tg.data.load_mnist(source)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 11, 100])
@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_hold_every_example_once_beside_its_label(size, shuffled):
    y = np.arange(10)
    x = np.stack([y, y**2], axis=1)
    rng = np.random.default_rng(0) if shuffled else None
    pairs = list(tg.data.batches(x, y, size, rng=rng))
    assert [len(rows) for _, rows in pairs] == [size] * (10 // size) + [10 % size] * (10 % size > 0)
    labels = np.concatenate([rows for _, rows in pairs])
    order = np.random.default_rng(0).permutation(10) if shuffled else y
    np.testing.assert_array_equal(labels, order)
    np.testing.assert_array_equal(np.concatenate([rows for rows, _ in pairs]), x[order])


def test_drop_last_keeps_whole_batches_only():
    batches = list(tg.data.batches(np.arange(10), np.arange(10), 4, drop_last=True))
    assert [len(x) for x, _ in batches] == [4, 4]


def test_the_shuffle_is_the_generators():
    x = np.arange(50)
    rng = np.random.default_rng(3)
    first, second = (
        np.concatenate([b for b, _ in tg.data.batches(x, x, 8, rng=rng)]) for _ in range(2)
    )
    again = np.concatenate([b for b, _ in tg.data.batches(x, x, 8, rng=np.random.default_rng(3))])
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_a_memory_mapped_array_is_read_a_batch_at_a_time(tmp_path):
    # A sparse file of 1 TiB, of which only the rows of one batch can be in memory.
    n = 1 << 20
    x = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(n, n))
    y = np.arange(n)
    first = np.random.default_rng(0).permutation(n)[0]
    x[first, 5] = 7
    images, labels = next(tg.data.batches(x, y, 2, rng=np.random.default_rng(0)))
    assert labels[0] == first
    assert images[0, 5] == 7
    assert images.shape == (2, n)


def mapped(folder, name, array):
    np.save(folder / f"{name}.npy", array)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


@pytest.mark.parametrize("size", [1, 3, 10, 100])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("which", ["x", "y", "x and y", "views"])
def test_memory_mapped_batches_are_those_of_arrays(which, shuffled, size, tmp_path):
    x, y = np.random.default_rng(0).integers(0, 256, (11, 2, 3), np.uint8), np.arange(11)
    from_files = [
        mapped(tmp_path, name, array) if which == "views" or name in which else array
        for name, array in (("x", x), ("y", y))
    ]
    if which == "views":
        x, y = x[..., np.newaxis][1:], y[:-1]
        from_files = [np.asarray(from_files[0])[..., np.newaxis][1:], from_files[1][:-1]]
    for drop_last in (False, size < 10):
        expected, got = (
            list(
                tg.data.batches(
                    *arrays,
                    size,
                    rng=np.random.default_rng(1) if shuffled else None,
                    drop_last=drop_last,
                )
            )
            for arrays in ((x, y), from_files)
        )
        for pair, wanted in zip(got, expected, strict=True):
            for part, array, file in zip(pair, wanted, from_files, strict=True):
                np.testing.assert_array_equal(part, array, strict=True)
                # It has been read: the caller does not wait for the file.
                assert not np.may_share_memory(part, file)


class Order(np.ndarray):
    """An order of examples that notes the batches asked for, and from which thread."""

    def __array_finalize__(self, other):
        self.asked = []

    def __getitem__(self, rows):
        self.asked.append((rows.start, threading.current_thread()))
        return np.asarray(self)[rows]


class Shuffle(np.random.Generator):
    """A generator that draws one given order."""

    def permutation(self, n):
        return self.order


def shuffle(order):
    rng = Shuffle(np.random.PCG64(0))
    rng.order = order
    return rng


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ours():
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_a_thread_reads_two_batches_ahead_and_no_more(tmp_path):
    order = np.arange(20).view(Order)
    x = mapped(tmp_path, "x", np.arange(20))
    pairs = tg.data.batches(x, np.arange(20), 2, rng=shuffle(order))
    assert not order.asked
    for given in range(10):
        next(pairs)
        wait_for(lambda given=given: len(order.asked) >= min(given + 3, 10))
        time.sleep(0.01)
        assert [start for start, _ in order.asked] == list(range(0, 20, 2))[: given + 3]
    assert len({thread for _, thread in order.asked}) == 1
    assert threading.current_thread() not in {thread for _, thread in order.asked}


def test_arrays_in_memory_need_no_thread():
    order = np.arange(6).view(Order)
    pairs = tg.data.batches(np.arange(6), np.arange(6), 2, rng=shuffle(order))
    next(pairs)
    assert order.asked == [(0, threading.current_thread())]


def test_an_error_in_reading_reaches_the_caller_at_its_batch(tmp_path):
    x = mapped(tmp_path, "x", np.arange(5))
    pairs = tg.data.batches(x, x, 1, rng=shuffle(np.array([3, 1, 0, 99, 2])))
    assert [int(next(pairs)[0][0]) for _ in range(3)] == [3, 1, 0]
    with pytest.raises(IndexError, match="99 is out of bounds"):
        next(pairs)
    assert list(pairs) == []
    wait_for(lambda: not ours())


def interrupt(pairs):
    with contextlib.suppress(KeyboardInterrupt):
        for _ in pairs:
            raise KeyboardInterrupt


def in_a_cycle(pairs):
    next(pairs)
    cycle = [pairs]
    cycle.append(cycle)


@pytest.mark.parametrize(
    "end",
    [
        list,
        lambda pairs: (next(pairs), pairs.close()),
        next,  # and forgotten
        lambda pairs: None,
        interrupt,
        in_a_cycle,
    ],
    ids=["exhausted", "closed", "collected", "never begun", "interrupted", "in a cycle"],
)
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_thread_ends_with_the_iterator(end, shuffled, tmp_path):
    x = mapped(tmp_path, "x", np.arange(1000))
    pairs = tg.data.batches(x, x, 2, rng=np.random.default_rng(0) if shuffled else None)
    end(pairs)
    del pairs
    gc.collect()
    wait_for(lambda: not ours())


def test_a_program_may_end_in_the_middle_of_its_batches(tmp_path):
    mapped(tmp_path, "x", np.arange(1000))
    program = """
import sys, threading, numpy as np, tinygrad_np as tg
x = np.load(sys.argv[1], mmap_mode="r")
pairs = tg.data.batches(x, x, 2)
next(pairs)
print(threading.active_count())
raise KeyboardInterrupt
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.npy"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout == "2\n"
    assert ended.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.zeros((0, 3)), np.zeros(0), 2), {}, ValueError, "no examples"),
        ((np.zeros(3), np.zeros(4), 2), {}, ValueError, r"same length; x is \(3,\), y is \(4,\)"),
        ((np.zeros(3), 1.0, 2), {}, ValueError, "same length"),
        (
            (np.zeros(3), np.zeros(3), 0),
            {},
            ValueError,
            "batch_size must be an integer of at least 1",
        ),
        ((np.zeros(3), np.zeros(3), 1.5), {}, TypeError, "integer"),
        ((np.zeros(3), np.zeros(3), 4), {"drop_last": True}, ValueError, "leaves no batch of 4"),
        ((np.zeros(3), np.zeros(3), 2), {"rng": 0}, TypeError, "numpy.random.Generator"),
    ],
)
def test_batches_refuses_at_the_call(arguments, options, error, message):
    with pytest.raises(error, match=message):
        tg.data.batches(*arguments, **options)
