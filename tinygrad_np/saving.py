"""Save a tree of arrays to one file, and load it again: no pickle, every bit kept.

The file is a zip of .npy files, one for each array and named by its path, so that NumPy alone opens
it: `np.load("params.npz")["conv1/kernel"]`. One more member, tree.json, holds the structure.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows, which removes no file that is open, and so needs no lock
    fcntl = None  # type: ignore[assignment]

import numpy as np
from numpy.lib import format as npy

from .arguments import checked

__all__ = ["load", "save"]

FORMAT_VERSION = 1
# What an archive from elsewhere may unpack to: 80 times the whole of MNIST.
LARGEST_ARCHIVE = 4 << 30
TEMPORARY = ".tinygrad_np-"  # how the names of unfinished files begin
DEEPEST = 200  # levels of a tree, all of which `load` can follow
LONGEST_NAME = 65_535  # bytes, in a zip file


@checked()
def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write `tree` to the file `path`, whole or not at all.

    Args:
        path: where to; the name is used as it is. A file already there is replaced in one step
            once the new one is complete, and left as it was if anything goes wrong; its permissions
            stay, and a symbolic link to it stays a link. What a killed `save` left unfinished in
            this folder is removed.
        tree: dicts with string keys, lists, tuples and None, in any nesting; leaves are NumPy
            arrays and scalars and Python's bool, int, float, complex and str. So a generator's
            `rng.bit_generator.state` can be saved beside the parameters.

    Raises:
        TypeError: for a leaf that is anything else, an array of Python objects, a key that is not
            a string, or a container of another class (a named tuple, an OrderedDict): the file
            holds data only, and could not say what class to make when it is loaded.
        ValueError: for a tree of more than 200 levels, or one that holds itself; for keys too long
            for the file, which names an array by all keys that lead to it, in 65,531 bytes.
        OSError: where the file cannot be written, or something else than a file is there, such as
            a folder, a device or standard output.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "params.npz")
    >>> save(path, {"dense": {"kernel": np.eye(2), "bias": np.zeros(2)}, "epochs": 3})
    >>> load(path)["epochs"]
    3
    >>> np.load(path)["dense/kernel"]
    array([[1., 0.],
           [0., 1.]])
    """
    import json
    import zipfile

    path = os.fsdecode(path)
    arrays: dict[str, np.ndarray] = {}
    structure = _encode(tree, (), arrays)
    description = json.dumps({"tinygrad_np": FORMAT_VERSION, "tree": structure})
    with (
        replacing(path) as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        # A ZipInfo of its own carries no clock time, so equal trees make equal files.
        archive.writestr(zipfile.ZipInfo("tree.json"), description)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)


@checked()
def load(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> Any:
    """The tree that `save` wrote to `path`: the same structure, types, dtypes and bits.

    Args:
        path: the file.
        max_bytes: how large the content may be. None is the size of the file: `save` compresses
            nothing, so only a file that someone else made can hold more. Such a file may grow a
            thousandfold in memory; raise the limit if you trust it.

    Raises:
        OSError: where the file is missing or cannot be read.
        ValueError: where it is damaged, was not written by `save`, or holds more than `max_bytes`,
            which is found out before anything is unpacked.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/params.npz", {"bias": np.zeros(2)})
    ...     load(f"{folder}/params.npz")
    {'bias': array([0., 0.])}
    """
    import json

    path = os.fsdecode(path)
    if max_bytes is None:
        max_bytes = os.path.getsize(path)
    try:
        members = read_npz(path, max_bytes)
    except _TooLarge as error:
        raise ValueError(f"load: {error}; pass a larger one if you trust the file") from error
    except ValueError as error:
        raise ValueError(f"load: {error}") from error
    try:
        description = json.loads(members["tree.json"])
        version = description["tinygrad_np"]
    except RecursionError:
        raise ValueError(f"load: {path!r} is nested too deeply") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"load: {path!r} was not written by tinygrad_np.save") from error
    if type(version) is not int or version != FORMAT_VERSION:
        raise ValueError(
            f"load: {path!r} has format {version!r}, "
            f"and this version of tinygrad_np reads format {FORMAT_VERSION}"
        )
    try:
        return _decode(description["tree"], members)
    except RecursionError:
        raise ValueError(f"load: {path!r} is nested too deeply") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"load: {path!r} is damaged: {error!r}") from error


def read_npz(path: str | os.PathLike[str], max_bytes: int = LARGEST_ARCHIVE) -> dict[str, Any]:
    """The members of an .npz file by file name: "NAME.npy" as an array, any other as its bytes.

    Unlike `np.load` it reads everything and checks every checksum before it returns. Raises OSError
    where the file cannot be opened, ValueError where it is damaged, holds Python objects, or
    unpacks to more than `max_bytes`.
    """
    import zipfile

    members: dict[str, Any] = {}
    with open(path, "rb") as file:
        # zipfile and the .npy reader answer damage with a dozen kinds of exception.
        try:
            with zipfile.ZipFile(file) as archive:
                total = sum(info.file_size for info in archive.infolist())
                if total > max_bytes:
                    raise _TooLarge(
                        f"{os.fspath(path)!r} unpacks to {total} bytes, more than "
                        f"max_bytes={max_bytes}"
                    )
                for info in archive.infolist():
                    # zipfile unpacks no more than the size that is stated, but for rarer methods.
                    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        raise ValueError(f"{info.filename} is compressed in an unusual way")
                    with archive.open(info) as member:
                        if info.filename.endswith(".npy"):
                            members[info.filename] = npy.read_array(member, allow_pickle=False)
                        else:
                            members[info.filename] = member.read()
                        # zipfile compares the checksum when it meets the member's end.
                        if member.read(1):
                            raise ValueError(f"{info.filename} is longer than its array")
        except _TooLarge:
            raise
        except Exception as error:
            raise ValueError(
                f"{os.fspath(path)!r} is not a complete .npz file of plain arrays: {error}"
            ) from error
    return members


class _TooLarge(ValueError):
    pass


def _encode(node: Any, keys: tuple[str | int, ...], arrays: dict[str, np.ndarray]) -> Any:
    """`node` as JSON; its arrays go to `arrays`, under names that no two paths share."""
    where = "/".join(map(str, keys)) or "the top"
    if len(keys) > DEEPEST:
        raise ValueError(f"save: the tree has more than {DEEPEST} levels, or holds itself")
    if node is None or type(node) in (bool, int, float, str):
        return node
    if type(node) is complex:
        return {"complex": [node.real, node.imag]}
    if type(node) in (list, tuple):
        items = [_encode(child, (*keys, i), arrays) for i, child in enumerate(node)]
        return items if type(node) is list else {"tuple": items}
    if type(node) is dict:
        for key in node:
            if type(key) is not str:
                raise TypeError(f"save: keys must be strings; at {where!r} one is {key!r}")
        return {"dict": {key: _encode(node[key], (*keys, key), arrays) for key in node}}
    if type(node) in (np.ndarray, np.memmap) or isinstance(node, np.generic):
        array = np.asarray(node)
        if not _survives(array.dtype):
            raise TypeError(
                f"save: {where!r} has dtype {array.dtype}, which a .npy file cannot hold"
            )
        from urllib.parse import quote

        name = "/".join(quote(str(key), safe=" ", errors="surrogatepass") for key in keys)
        if len(name) > LONGEST_NAME - len(".npy"):
            raise ValueError(
                f"save: the keys of {where[:60] + '…'!r} take {len(name)} bytes in the file's "
                f"table, where there is room for {LONGEST_NAME - len('.npy')}"
            )
        arrays[name] = array
        return {"scalar" if isinstance(node, np.generic) else "array": name}
    raise TypeError(
        f"save: {where!r} is of type {type(node).__name__}; a file holds dicts, lists, tuples, "
        "None, arrays, and Python's bool, int, float, complex and str"
    )


def _decode(node: Any, members: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_decode(child, members) for child in node]
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "dict":
        return {key: _decode(child, members) for key, child in content.items()}
    if kind == "tuple":
        return tuple(_decode(child, members) for child in content)
    if kind == "complex":
        return complex(*content)
    if kind == "array":
        return members[f"{content}.npy"]
    if kind == "scalar":
        return members[f"{content}.npy"][()]
    raise ValueError(f"unknown kind of node {kind!r}")


def _survives(dtype: np.dtype) -> bool:
    """Whether the header of a .npy file names this dtype, without pickled objects."""
    try:
        return not dtype.hasobject and npy.descr_to_dtype(npy.dtype_to_descr(dtype)) == dtype
    except (TypeError, ValueError):
        return False


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` when the block ends without an exception."""
    try:
        existing = _regular(path)
        path = os.path.realpath(path)
        # In the same folder, since a file is renamed in one step only within a file system.
        folder = os.path.dirname(path)
        _remove_leftovers(folder)
        temporary = os.path.join(folder, f"{TEMPORARY}{os.urandom(8).hex()}.tmp")

        def create(name: str, how: int) -> int:
            # What takes the place of a private file must not be readable while it is written.
            descriptor = os.open(name, how, 0o666 if existing is None else 0o600)
            if fcntl:
                with suppress(OSError):  # some file systems have no locks
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.exists(name):
                return descriptor
            os.close(descriptor)  # removed before it was locked
            return create(name, how)

        try:
            with open(temporary, "xb", opener=create) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if existing is not None:
                    with suppress(OSError, AttributeError):  # not everyone may, and not on Windows
                        os.chown(temporary, existing.st_uid, existing.st_gid)
                    os.chmod(temporary, stat.S_IMODE(existing.st_mode))
                if not fcntl:
                    file.close()
                os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    except OSError as error:
        raise OSError(error.errno, f"save: {error.strerror}", path) from error


def _regular(path: str) -> os.stat_result | None:
    """What is at `path`, None if nothing is; raises OSError for all but a file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    output = False
    for descriptor in (1, 2):
        with suppress(OSError):  # closed
            output |= os.path.samestat(found, os.fstat(descriptor))
    if output or not stat.S_ISREG(found.st_mode):
        raise OSError(
            errno.EINVAL, "Only files can be replaced, no devices, pipes, or standard output"
        )
    return found


def _remove_leftovers(folder: str) -> None:
    """Remove the temporary files that no process has open any more: their `save` was killed."""
    with suppress(OSError), os.scandir(folder or ".") as entries:
        for name in [entry.path for entry in entries if entry.name.startswith(TEMPORARY)]:
            with suppress(OSError):  # it is another user's, or locked
                if not fcntl:
                    os.unlink(name)
                    continue
                descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name)
                finally:
                    os.close(descriptor)
