"""What `save` writes, `load` gives back to the bit; and nothing is ever half-written."""

import collections
import json
import os
import stat
import subprocess
import sys
import threading
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_np as tg

Point = collections.namedtuple("Point", "x y")

leaves = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    hnp.arrays(
        st.one_of(hnp.scalar_dtypes(), hnp.unicode_string_dtypes(), hnp.byte_string_dtypes()),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
    hnp.scalar_dtypes().flatmap(lambda dtype: hnp.arrays(dtype, ()).map(lambda a: a[()])),
)
trees = st.recursive(
    st.none() | leaves,
    lambda child: (
        st.lists(child, max_size=3)
        | st.lists(child, max_size=3).map(tuple)
        | st.dictionaries(st.text(st.characters()), child, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b):
    """Equal in structure, types, dtypes and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return repr(a) == repr(b)  # tells -0.0 from 0.0, and finds nan equal to nan


def round_trip(tree, folder):
    tg.save(folder / "tree.npz", tree)
    return tg.load(folder / "tree.npz")


@given(trees)
def test_any_tree_comes_back_to_the_bit(tmp_path_factory, tree):
    assert same(round_trip(tree, tmp_path_factory.mktemp("saving")), tree)


@pytest.mark.parametrize(
    "tree",
    [
        {"a/b": np.ones(1), "a": {"b": np.zeros(1)}, "a%2Fb": np.full(1, 2.0)},
        {"": np.ones(1), "..": {"..": np.ones(2)}, "tree.json": np.ones(3), "x.npy": np.ones(4)},
        {"naïve\n\0\ud800 \\": [np.ones(1)], "0": (np.ones(2),)},
        np.float32([np.nan, -0.0, np.inf, 1e-45]),
        np.arange(6.0).reshape(2, 3).T,
        np.arange(10)[::-2],
        np.array([(1, 2.5)], dtype=[("n", ">i2"), ("x", "f4")]),
        [np.array(3, ">u2"), np.float16(0.1), np.array("2024-01-01", "M8[D]"), np.zeros((0, 4))],
        (1 << 200, -0.0, float("nan"), float("-inf"), complex(-0.0, float("nan")), True, "", None),
        [[], (), {}, [()]],
    ],
)
def test_odd_trees_come_back_to_the_bit(tree, tmp_path):
    assert same(round_trip(tree, tmp_path), tree)


def test_a_generator_goes_on_where_it_was_saved(tmp_path):
    rng = np.random.default_rng(0)
    rng.random(5)
    state = round_trip(rng.bit_generator.state, tmp_path)
    again = np.random.default_rng()
    again.bit_generator.state = state
    assert again.random() == rng.random()


def test_memory_mapped_arrays_are_saved_as_arrays(tmp_path):
    array = np.memmap(tmp_path / "raw", np.float32, "w+", shape=(3, 2))
    array[:] = 2
    assert same(round_trip([array], tmp_path), [np.full((3, 2), 2, np.float32)])


def test_loaded_arrays_can_be_written_to(tmp_path):
    loaded = round_trip({"w": np.zeros(2)}, tmp_path)
    loaded["w"][0] = 1


def test_numpy_alone_reads_the_arrays(tmp_path):
    tg.save(tmp_path / "p.npz", {"conv1": {"kernel": np.eye(2)}, "layers": [np.ones(1)]})
    with np.load(tmp_path / "p.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["conv1/kernel"], np.eye(2))
        np.testing.assert_array_equal(file["layers/0"], np.ones(1))


def test_equal_trees_make_equal_files(tmp_path):
    for name in "ab":
        tg.save(tmp_path / name, {"w": np.arange(3.0), "n": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


class Odd:
    pass


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": {"b": Odd()}}, "'a/b' is of type Odd"),
        (Odd(), "'the top' is of type Odd"),
        ({"state": Point(1, 2)}, "'state' is of type Point"),
        (collections.OrderedDict(a=1), "OrderedDict"),
        ({"w": tg.Tensor([1.0])}, "'w' is of type Tensor"),
        ([np.ma.masked_array([1, 2], [True, False])], "'0' is of type MaskedArray"),
        ({"w": np.array([None])}, "'w' has dtype object"),
        ({"w": np.zeros(2, [("a", "O")])}, "'w' has dtype"),
        ({"w": np.array(["a"], np.dtypes.StringDType())}, "'w' has dtype StringDType"),
        ({"blocks": {3: 1.0}}, "keys must be strings; at 'blocks' one is 3"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_the_old_file_stays(tree, message, tmp_path):
    path = tmp_path / "p.npz"
    tg.save(path, [1])
    with pytest.raises(TypeError, match=f"^save: .*{message}"):
        tg.save(path, tree)
    assert tg.load(path) == [1]
    assert os.listdir(tmp_path) == ["p.npz"]


def nested(levels):
    tree = ()
    for _ in range(levels):
        tree = (tree,)
    return tree


def test_a_tree_that_load_could_not_follow_is_refused(tmp_path):
    assert same(round_trip(nested(200), tmp_path), nested(200))
    cyclic = []
    cyclic.append(cyclic)
    for tree in (nested(201), nested(10_000), cyclic):
        with pytest.raises(ValueError, match=r"^save: the tree has more than 200 levels, or holds"):
            tg.save(tmp_path / "p.npz", tree)


def test_keys_have_the_length_that_a_zip_file_allows(tmp_path):
    tree = {"k" * 65_531: np.ones(1)}
    assert same(round_trip(tree, tmp_path), tree)
    for tree in ({"k" * 65_532: np.ones(1)}, {"k" * 40_000: [{"k" * 40_000: np.ones(1)}]}):
        with pytest.raises(ValueError, match=r"^save: the keys of 'kkk.*, where there is room for"):
            tg.save(tmp_path / "p.npz", tree)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("function", ["write_array", "fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(function, failure, tmp_path, monkeypatch):
    path = tmp_path / "p.npz"
    tg.save(path, [1])

    def fail(*args, **kwargs):
        raise failure

    module = np.lib.format if function == "write_array" else os
    monkeypatch.setattr(module, function, fail)
    with pytest.raises(type(failure), match=r"p\.npz" if isinstance(failure, OSError) else None):
        tg.save(path, [np.ones(1000)])
    monkeypatch.undo()
    assert tg.load(path) == [1]
    assert os.listdir(tmp_path) == ["p.npz"]


def test_a_link_stays_a_link(tmp_path):
    tg.save(tmp_path / "file.npz", 1)
    (tmp_path / "link.npz").symlink_to(tmp_path / "file.npz")
    tg.save(tmp_path / "link.npz", 2)
    assert (tmp_path / "link.npz").is_symlink()
    assert tg.load(tmp_path / "file.npz") == 2


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o664])
def test_a_files_permissions_stay_and_a_new_files_are_the_usual(mode, tmp_path):
    path = tmp_path / "p.npz"
    before = os.umask(0o027)
    try:
        tg.save(path, 1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(mode)
        tg.save(path, 2)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert tg.load(path) == 2


def test_only_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", "/dev/null", "/dev/stdout"):
        kind = os.stat(path).st_mode
        with pytest.raises(OSError, match=f"save: Only files can be replaced.*: '{path}'"):
            tg.save(path, 1)
        assert os.stat(path).st_mode == kind
    program = "import tinygrad_np as tg; tg.save('/dev/stdout', 1)"
    with open(tmp_path / "output", "wb") as output:  # standard output, by its own name
        ended = subprocess.run(
            [sys.executable, "-c", program], stdout=output, stderr=subprocess.PIPE
        )
    assert ended.returncode == 1
    assert b"save: Only files can be replaced" in ended.stderr


def test_the_next_save_removes_what_killed_ones_left_but_not_what_others_write(
    tmp_path, monkeypatch
):
    program = (
        "import os, sys, tinygrad_np as tg\n"
        "os.fsync = lambda _: os.kill(os.getpid(), 9)\n"
        "tg.save(sys.argv[1], 1)"
    )
    killed = subprocess.run([sys.executable, "-c", program, tmp_path / "p.npz"])
    assert killed.returncode == -9
    (left,) = os.listdir(tmp_path)
    here, fsync = threading.Barrier(2, timeout=30), os.fsync

    def wait(file):
        if threading.current_thread() is slow:
            here.wait()
            here.wait()
        fsync(file)

    monkeypatch.setattr(os, "fsync", wait)
    slow = threading.Thread(target=tg.save, args=(tmp_path / "slow.npz", 2))
    slow.start()
    here.wait()
    tg.save(tmp_path / "p.npz", 3)
    assert left not in os.listdir(tmp_path)
    here.wait()
    slow.join()
    assert sorted(os.listdir(tmp_path)) == ["p.npz", "slow.npz"]
    assert (tg.load(tmp_path / "p.npz"), tg.load(tmp_path / "slow.npz")) == (3, 2)


@pytest.mark.parametrize("path", [0, 1, True, 2.5, None, b"p.npz"])
def test_what_is_no_path_is_refused_and_no_file_is_closed(path):
    for call in (tg.load, lambda path: tg.save(path, 1)):
        with pytest.raises(TypeError, match=rf"^(save|load): path must be a path.*got {path!r}"):
            call(path)
    with pytest.raises(TypeError, match=f"^load_mnist: source must be a path.*got {path!r}"):
        tg.data.load_mnist(path)
    os.fstat(1)


def test_places_that_cannot_be_written_or_read_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"save: No such file or directory: '.*p\.npz'"):
        tg.save(tmp_path / "none" / "p.npz", 1)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        tg.save(tmp_path, 1)
    with pytest.raises(FileNotFoundError, match=r"p\.npz"):
        tg.load(tmp_path / "p.npz")


def test_any_changed_or_missing_byte_is_found(tmp_path):
    """No damage gives a wrong tree or a strange error."""
    path = tmp_path / "p.npz"
    tree = {"w": np.arange(8.0), "n": (1, None)}
    tg.save(path, tree)
    whole = path.read_bytes()
    damaged = [whole[:n] for n in range(len(whole))]
    damaged += [whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :] for i in range(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of zipfile and of NumPy, on old formats
                loaded = tg.load(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert same(loaded, tree)  # a date or another field that says nothing


def with_description(path, description):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tree.json", json.dumps(description))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ([], "was not written by"),
        ({"tree": 1}, "was not written by"),
        ({"tinygrad_np": 2, "tree": 1}, "has format 2, and this version"),
        ({"tinygrad_np": True, "tree": 1}, "has format True"),
        ({"tinygrad_np": 1.0, "tree": 1}, "has format 1.0"),
        ({"tinygrad_np": 1}, "is damaged"),
        ({"tinygrad_np": 1, "tree": {"array": "w"}}, "is damaged"),
        ({"tinygrad_np": 1, "tree": {"array": []}}, "is damaged"),
        ({"tinygrad_np": 1, "tree": {"tuple": 3}}, "is damaged"),
        ({"tinygrad_np": 1, "tree": {"dict": 3}}, "is damaged"),
        ({"tinygrad_np": 1, "tree": {"dict": {}, "tuple": []}}, "is damaged"),
        ({"tinygrad_np": 1, "tree": {"set": []}}, "is damaged"),
    ],
)
def test_other_structures_are_refused(description, message, tmp_path):
    with_description(tmp_path / "p.npz", description)
    with pytest.raises(ValueError, match=rf"load: '.*p\.npz' {message}"):
        tg.load(tmp_path / "p.npz")


def test_files_of_others_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", w=np.ones(2))
    with pytest.raises(ValueError, match="was not written by"):
        tg.load(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", w=np.array([None]))
    with pytest.raises(ValueError, match="is not a complete"):
        tg.load(tmp_path / "objects.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ValueError, match="is not a complete"):
        tg.load(tmp_path / "text.npz")


def test_deeply_nested_json_is_refused(tmp_path):
    deep = "[" * 100_000 + "]" * 100_000
    for description in (deep, f'{{"tinygrad_np": 1, "tree": {deep}}}'):
        with zipfile.ZipFile(tmp_path / "p.npz", "w") as archive:
            archive.writestr("tree.json", description)
        with pytest.raises(ValueError, match=r"load: '.*p\.npz' is nested too deeply"):
            tg.load(tmp_path / "p.npz")


def test_an_archive_that_grows_is_read_only_where_the_limit_is_raised(tmp_path):
    path, tree = tmp_path / "p.npz", {"w": np.zeros(100_000)}
    tg.save(path, tree)
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        with zipfile.ZipFile(tmp_path / f"{method}.npz", "w", method) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    total = sum(map(len, members.values()))
    assert same(tg.load(path), tree)
    assert same(tg.load(path, max_bytes=total), tree)
    assert same(tg.load(tmp_path / "8.npz", max_bytes=total), tree)
    for name, limit in ("8", {}), ("8", {"max_bytes": total - 1}), ("p", {"max_bytes": total - 1}):
        with pytest.raises(ValueError, match=f"unpacks to {total} bytes.*pass a larger one"):
            tg.load(tmp_path / f"{name}.npz", **limit)
    with pytest.raises(ValueError, match="compressed in an unusual way"):
        tg.load(tmp_path / "12.npz", max_bytes=total)
    with pytest.raises(TypeError, match=r"load: max_bytes must be None or an integer"):
        tg.load(path, max_bytes=1.5)
