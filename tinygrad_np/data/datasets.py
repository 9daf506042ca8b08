"""MNIST and Fashion-MNIST: from the package itself, from Keras, or from files."""

from __future__ import annotations

import math
import os

import numpy as np
from numpy.typing import DTypeLike

from ..arguments import DTYPE, checked
from ..saving import read_npz

__all__ = ["load_fashion_mnist", "load_mnist"]

Split = tuple[np.ndarray, np.ndarray]

BUNDLED = os.path.join(os.path.dirname(__file__), "mnist_5k.npz")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
# The names under which both data sets are published, each with or without .gz.
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@checked(dtype=DTYPE)
def load_mnist(
    source: str | os.PathLike[str] = "bundled", dtype: DTypeLike = np.float32
) -> tuple[Split, Split]:
    """MNIST's handwritten digits, `(x_train, y_train), (x_test, y_test)`, ready for a model.

    Args:
        source: "bundled", 4,000 training and 1,000 test images that come with the package;
            "keras", all 60,000 and 10,000, which Keras downloads the first time; or the path of an
            .npz file in Keras's layout (arrays x_train, y_train, x_test, y_test, uint8, images
            `(n, 28, 28)`) or of a folder with the four IDX files, gzipped or not.
        dtype: of the images. np.float32 scales grey levels from 0..255 to [0, 1] (the full set
            takes 219 MB); np.uint8 leaves them as they are stored (55 MB), for a model that scales
            a batch at a time.

    Returns:
        The images `(n, 28, 28, 1)`; the labels as int64 `(n,)`, the digits 0 to 9.

    Raises:
        OSError: where the file is missing or the download fails.
        ValueError: where `dtype` is another, or the source is damaged or its arrays are not as
            described, before anything is converted.
        ImportError: where "keras" is asked for and Keras is not installed.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits"; the bundled images
    are shared under CC BY-SA 3.0, see LICENSE-mnist.txt beside them.

    >>> (x_train, y_train), (x_test, y_test) = load_mnist()
    >>> x_train.shape, x_train.dtype, y_test.shape, y_test.dtype
    ((4000, 28, 28, 1), dtype('float32'), (1000,), dtype('int64'))
    """
    return _load("load_mnist", "mnist", BUNDLED if source == "bundled" else source, dtype)


@checked(dtype=DTYPE)
def load_fashion_mnist(
    source: str | os.PathLike[str] = "keras", dtype: DTypeLike = np.float32
) -> tuple[Split, Split]:
    """Fashion-MNIST's images of clothes, in the form and from the sources of `load_mnist`.

    It does not come with the package: the source is "keras" or a path. The labels stand for
    T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag and ankle boot.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms", arXiv:1708.07747, https://github.com/zalandoresearch/fashion-mnist.

    >>> load_fashion_mnist("no/such/folder")
    Traceback (most recent call last):
    FileNotFoundError: load_fashion_mnist: there is no file or folder 'no/such/folder'
    """
    return _load("load_fashion_mnist", "fashion_mnist", source, dtype)


def _load(
    caller: str, name: str, source: str | os.PathLike[str], dtype: DTypeLike
) -> tuple[Split, Split]:
    source = os.fsdecode(source)
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.uint8):
        raise ValueError(f"{caller}: dtype must be np.float32 or np.uint8, not {dtype}")
    if source == "keras":
        arrays = _read_keras(caller, name)
    elif os.path.isdir(source):
        arrays = {key: _read_idx(caller, source, stem) for key, stem in IDX_FILES.items()}
    elif not os.path.exists(source):
        raise FileNotFoundError(f"{caller}: there is no file or folder {os.fspath(source)!r}")
    else:
        try:
            members = read_npz(source)
        except ValueError as error:
            raise ValueError(f"{caller}: {error}") from error
        missing = [key for key in ARRAYS if f"{key}.npy" not in members]
        if missing:
            raise ValueError(f"{caller}: {os.fspath(source)!r} lacks {', '.join(missing)}")
        arrays = {key: members[f"{key}.npy"] for key in ARRAYS}

    for split in ("train", "test"):
        _check(f"{caller}: {os.fspath(source)!r}", split, arrays)
    images = [arrays[key][..., np.newaxis] for key in ("x_train", "x_test")]
    if dtype == np.float32:
        images = [np.divide(x, np.float32(255), dtype=np.float32) for x in images]
    labels = [arrays[key].astype(np.int64) for key in ("y_train", "y_test")]
    return (images[0], labels[0]), (images[1], labels[1])


def _check(where: str, split: str, arrays: dict[str, np.ndarray]) -> None:
    x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
    if x.shape[1:] != (28, 28) or x.dtype != np.uint8:
        raise ValueError(f"{where}: x_{split} is {x.dtype} {x.shape}; images are uint8 (n, 28, 28)")
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"{where}: y_{split} is {y.dtype} {y.shape}; labels are integers (n,)")
    if len(x) != len(y):
        raise ValueError(f"{where}: x_{split} holds {len(x)} images but y_{split} {len(y)} labels")
    if len(x) == 0:
        raise ValueError(f"{where}: x_{split} holds no images")
    if y.min() < 0 or y.max() > 9:
        raise ValueError(f"{where}: y_{split} runs from {y.min()} to {y.max()}; labels are 0 to 9")


def _read_keras(caller: str, name: str) -> dict[str, np.ndarray]:
    try:
        from keras import datasets
    except ImportError as error:
        raise ImportError(
            f'{caller}: source="keras" needs Keras: pip install tensorflow'
        ) from error
    try:
        (x_train, y_train), (x_test, y_test) = getattr(datasets, name).load_data()
    # Keras raises a bare Exception where the download fails.
    except Exception as error:
        raise OSError(f"{caller}: Keras could not load {name}: {error}") from error
    return dict(zip(ARRAYS, (x_train, y_train, x_test, y_test), strict=True))


def _read_idx(caller: str, source: str | os.PathLike[str], stem: str) -> np.ndarray:
    """An IDX file: 0, 0, 8 for unsigned bytes, the rank, the shape as big-endian int32, data."""
    folder = os.fspath(source)
    paths = [os.path.join(folder, name) for name in (f"{stem}.gz", stem)]
    path = next(filter(os.path.exists, paths), None)
    if path is None:
        raise FileNotFoundError(f"{caller}: {folder!r} has neither {stem}.gz nor {stem}")
    with open(path, "rb") as file:
        content = file.read()
    if path.endswith(".gz"):
        # gzip answers damage with a dozen kinds of exception.
        try:
            import gzip

            content = gzip.decompress(content)
        except Exception as error:
            raise ValueError(f"{caller}: {path!r} is no complete gzip: {error}") from error
    if content[:3] == bytes([0, 0, 8]) and len(content) > 3:
        start = 4 + 4 * content[3]
        shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
        if len(content) == start + math.prod(shape):
            # A copy, because an array that shares memory with bytes cannot be written to.
            return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
    raise ValueError(f"{caller}: {path!r} is no complete IDX file of unsigned bytes")
