"""A walk over everything public in NumPy: nothing of it loses a gradient without a word."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import tinygrad_np as tg
from tests import differentiable
from tests.cases import same_numbers
from tests.differentiable import ORDER, REFUSALS, is_smooth, run
from tests.numpy_calls import CALLS, NAMESPACES
from tinygrad_np.core.primitive import primitives
from tinygrad_np.core.tensor import rules

# What takes no arrays of floating-point numbers, or computes nothing with them.
NO_ARRAYS = {
    "np": "broadcast_shapes busdaycalendar dtype empty errstate finfo flatiter fromfile fromregex "
    "fromstring genfromtxt get_include get_printoptions getbufsize geterr geterrcall iinfo indices "
    "info isdtype load loadtxt memmap mintypecode ndarray ndindex ones printoptions promote_types "
    "recarray set_printoptions setbufsize seterr seterrcall show_config show_runtime test "
    "tril_indices triu_indices typename ufunc zeros row_stack",
    "np.linalg": "LinAlgError test",
    "np.fft": "test",
    "np.lib.stride_tricks": "",
    "np.emath": "",
}
# What a tensor leaves to its `.data`: matters of memory.
MEMORY = (
    "base byteswap ctypes device dump dumps flags getfield itemsize strides to_device tofile "
    "tostring"
)
BUILT_IN = sorted(primitives, key=lambda op: op.name)  # before any test makes others
CALLED = {id(f) for f, *_ in CALLS.values()}


@pytest.mark.parametrize("module", NAMESPACES)
def test_everything_public_is_called(module):
    for name in dir(NAMESPACES[module]):
        thing = getattr(NAMESPACES[module], name)
        is_number = isinstance(thing, type) and issubclass(thing, np.generic)
        if callable(thing) and not (name.startswith("_") or is_number):
            known = f"{module}.{name}" in CALLS or id(thing) in CALLED
            assert known or name in NO_ARRAYS[module].split(), (
                f"{module}.{name} is not in tests/numpy_calls.py: call it there, so that it is "
                f"known what it does to a tensor"
            )


def test_every_attribute_of_arrays_is_called_or_refused():
    for name in dir(np.ndarray):
        if not name.startswith("_") and hasattr(np.eye(2), name):
            told = "data dtype item nbytes ndim shape size tobytes tolist".split()
            assert f"ndarray.{name}" in CALLS or name in MEMORY.split() or name in told, name
            assert hasattr(tg.Tensor, name) == (name not in MEMORY.split()), name


@pytest.mark.filterwarnings("ignore")  # NumPy's, of functions that are to go
@pytest.mark.parametrize("name", CALLS)
def test_no_gradient_is_lost_without_a_word(name):
    """What comes out is a tensor with right derivatives, or does not vary, or nothing does."""
    f, *args = CALLS[name]
    leaves = run(name)
    if isinstance(leaves, REFUSALS):
        assert _is_refused_for_its_tensors(name)
        return
    values = tg.tree.leaves(f(*args))
    nearby = tg.tree.leaves(f(*tg.tree.map(lambda x: x * (1 + 1e-9), args)))
    assert len(leaves) == len(values)
    for leaf, value, near in zip(leaves, values, nearby, strict=True):
        plain = leaf.data if type(leaf) is tg.Tensor else leaf
        assert not (isinstance(plain, np.ndarray) and plain.dtype.kind == "O")
        if np.asarray(plain).dtype.kind in "fc" and name != "np.empty_like":
            same_numbers(plain, value)
            if not is_smooth([leaf]):
                np.testing.assert_array_equal(value, near, f"{name}: a plain array that varies")
    if is_smooth(leaves):
        smooth = [i for i, leaf in enumerate(leaves) if is_smooth([leaf])]
        tg.check_grads(
            lambda *args: [tg.tree.leaves(f(*args))[i] for i in smooth], args, order=ORDER
        )


def _is_refused_for_its_tensors(name):
    """The call works on arrays, or only their being floating-point numbers stands against it."""
    f, *args = CALLS[name]
    try:
        f(*args)
    except TypeError as error:
        return "argument" not in str(error)
    return True


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_numbers_are_not_made_of_tensors(kind):
    with pytest.raises(TypeError, match="lose its gradient"):
        kind(tg.Tensor(1.0, requires_grad=True))


def test_every_rule_for_a_function_of_numpys_is_called():
    for module, namespace in NAMESPACES.items():
        for name, thing in vars(namespace).items():
            if callable(thing) and thing in rules and name not in NO_ARRAYS[module].split():
                assert id(thing) in CALLED or f"{module}.{name}" in CALLS


@pytest.mark.filterwarnings("ignore")
def test_every_operation_is_in_a_table_of_cases():
    """Of this file's calls, or of a test module's `CASES`: dicts of (function, its arguments)."""
    tables = [CALLS]
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if "\nCASES = {" in path.read_text(encoding="utf-8"):
            tables.append(importlib.import_module(f"tests.{path.stem}").CASES)
    only_in_derivatives = (
        *("where_positive", "bias_relu_gradients", "marked", "undefined", "gelu_gradient"),
        "softmax_cross_entropy_gradient",
    )
    used = set()
    for table in tables:
        for f, *args in table.values():
            try:
                outputs = tg.tree.leaves(f(*map(_tensors, args)))
            except REFUSALS:
                continue
            for output in outputs:
                if type(output) is tg.Tensor:
                    used |= {record.op for record in output.tape()}
    elsewhere = {"transforms", "convolution", "pooling"}  # whose tests have no table of this kind
    for op in BUILT_IN:
        path = (getattr(op.forward, "__module__", None) or "numpy").split(".")
        if elsewhere.isdisjoint(path) and path[0] in ("numpy", "tinygrad_np"):
            known = op in used or op.name in only_in_derivatives
            assert known, f"{op.name} has no case in any table of the tests"


def _tensors(tree):
    return tg.tree.map(lambda array: tg.Tensor(array, requires_grad=True), tree)


@pytest.mark.filterwarnings("ignore")
def test_the_page_of_what_is_differentiable_is_up_to_date():
    text = differentiable.PATH.read_text(encoding="utf-8")
    if f"NumPy {np.__version__};" not in text:
        pytest.skip(f"the page was written with another NumPy than {np.__version__}")
    assert text == differentiable.table(), "run `python -m tests.differentiable`"
