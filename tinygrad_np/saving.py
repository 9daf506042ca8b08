"""Save a tree of arrays to one file, and load it again: no pickle, every bit kept.

The file is a zip of .npy files, one for each array and named by its path, so that NumPy alone opens
it: `np.load("params.npz")["conv1/kernel"]`. One more member, tree.json, holds the structure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

__all__ = ["load", "save"]

FORMAT_VERSION = 1


def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write `tree` to the file `path`, whole or not at all.

    Args:
        path: where to; the name is used as it is. A file already there is replaced in one step
            once the new one is complete, and left as it was if anything goes wrong.
        tree: dicts with string keys, lists, tuples and None, in any nesting; leaves are NumPy
            arrays and scalars and Python's bool, int, float, complex and str. So a generator's
            `rng.bit_generator.state` can be saved beside the parameters.

    Raises:
        TypeError: for a leaf that is anything else, an array of Python objects, a key that is not
            a string, or a container of another class (a named tuple, an OrderedDict): the file
            holds data only, and could not say what class to make when it is loaded.
        OSError: where the file cannot be written.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "params.npz")
    >>> save(path, {"dense": {"kernel": np.eye(2), "bias": np.zeros(2)}, "epochs": 3})
    >>> load(path)["epochs"]
    3
    >>> np.load(path)["dense/kernel"]
    array([[1., 0.],
           [0., 1.]])
    """
    arrays: dict[str, np.ndarray] = {}
    structure = _encode(tree, (), arrays)
    import json
    import zipfile

    description = json.dumps({"tinygrad_np": FORMAT_VERSION, "tree": structure})
    with (
        replacing(os.path.realpath(path)) as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        # A ZipInfo of its own carries no clock time, so equal trees make equal files.
        archive.writestr(zipfile.ZipInfo("tree.json"), description)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)


def load(path: str | os.PathLike[str]) -> Any:
    """The tree that `save` wrote to `path`: the same structure, types, dtypes and bits.

    Raises:
        OSError: where the file is missing or cannot be read.
        ValueError: where it is damaged, or was not written by `save`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/params.npz", {"bias": np.zeros(2)})
    ...     load(f"{folder}/params.npz")
    {'bias': array([0., 0.])}
    """
    import json

    members = read_npz(path)
    try:
        description = json.loads(members["tree.json"])
        version = description["tinygrad_np"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"load: {os.fspath(path)!r} was not written by tinygrad_np.save"
        ) from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f"load: {os.fspath(path)!r} has format {version!r}, "
            f"and this version of tinygrad_np reads format {FORMAT_VERSION}"
        )
    try:
        return _decode(description["tree"], members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"load: {os.fspath(path)!r} is damaged: {error!r}") from error


def read_npz(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The members of an .npz file by file name: "NAME.npy" as an array, any other as its bytes.

    Unlike `np.load` it reads everything and checks every checksum before it returns. Raises OSError
    where the file cannot be opened, ValueError where it is damaged or holds Python objects.
    """
    import zipfile

    members: dict[str, Any] = {}
    with open(path, "rb") as file:
        # zipfile and the .npy reader answer damage with a dozen kinds of exception.
        try:
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    with archive.open(info) as member:
                        if info.filename.endswith(".npy"):
                            members[info.filename] = npy.read_array(member, allow_pickle=False)
                        else:
                            members[info.filename] = member.read()
                        # zipfile compares the checksum when it meets the member's end.
                        if member.read(1):
                            raise ValueError(f"{info.filename} is longer than its array")
        except Exception as error:
            raise ValueError(
                f"{os.fspath(path)!r} is not a complete .npz file of plain arrays: {error}"
            ) from error
    return members


def _encode(node: Any, keys: tuple[str | int, ...], arrays: dict[str, np.ndarray]) -> Any:
    """`node` as JSON; its arrays go to `arrays`, under names that no two paths share."""
    where = "/".join(map(str, keys)) or "the top"
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
    # In the same folder, since a file is renamed in one step only within a file system.
    temporary = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    except OSError as error:
        raise OSError(error.errno, f"save: {error.strerror}", path) from error
