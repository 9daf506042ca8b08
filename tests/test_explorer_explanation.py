"""What is said of an operation: its docstrings, its derivation and its source."""

import functools
import html
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core.primitive import Primitive, primitives
from tinygrad_np.core.tensor import rules
from tinygrad_np.explorer import stories
from tinygrad_np.explorer.explanation import explain_operation
from tinygrad_np.explorer.stories import STORIES


def of_the_library(op):
    return any(getattr(v, "__module__", "").startswith("tinygrad_np.") for v in op.stated_vjps())


BUILT_IN = sorted(filter(of_the_library, primitives), key=lambda op: op.name)
NAMED = {op.name: op for op in BUILT_IN}


def text(markup):
    """The words of some HTML, formulas as they were written."""
    markup = re.sub(r'<math[^>]*alttext="([^"]*)".*?</math>', r"\1", markup)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def made(source, name="op"):
    """The operation that a program makes which is in no file."""
    namespace = {"primitive": tg.primitive, "np": np, "__name__": "notebook"}
    exec(source, namespace)
    return namespace[name]


def test_there_are_operations_to_explain():
    assert len(BUILT_IN) > 150


@pytest.mark.parametrize("op", BUILT_IN, ids=lambda op: op.name)
def test_every_operation_of_the_library_is_explained(op):
    explanation = explain_operation(op)
    assert explanation.name == op.name
    assert explanation.summary
    assert "\n" not in explanation.summary
    assert "without a docstring" not in explanation.summary
    assert "`" not in explanation.summary
    for part in (explanation.forward, explanation.derivation):
        assert part
        ElementTree.fromstring(f"<div>{part}</div>")
        assert ":math:" not in part
    assert "lambda" in explanation.source or "def " in explanation.source
    compile(explanation.source, op.name, "exec")
    assert re.fullmatch(r"tinygrad_np/\w+/\w+\.py:\d+", explanation.location)


@pytest.mark.parametrize(
    ("name", "summary", "derivation", "source"),
    [
        ("exp", "Calculate the exponential of all elements", "g · f'(x)", "g * y"),
        (
            "power",
            "First array elements raised",
            "With respect to x g · y · xʸ⁻¹",
            "_power_vjp_base",
        ),
        ("hypot", "Given the", "a kink at (0, 0)", "def _hypot_vjp"),
        ("fmod", "Returns the element-wise remainder", "the quotient k rounded to 0", "np.rint"),
        ("maximum", "Element-wise maximum", "half of it where both operands do", "for _choice in"),
        ("where", "Return elements chosen", "What is not chosen gets a cotangent of 0", "_where."),
        ("arctan2", "Element-wise arc tangent", "g y / (x² + y²)", "def _arctan2_vjp"),
        ("logaddexp", "Logarithm of the sum", "the part of x", "def _logaddexp_vjp(power)"),
        ("conv2d", "Two-dimensional convolution", "Σ_{k, c} x[n, o · stride", "def kernel_vjp"),
        ("conv2d_input_gradient", "The cotangent of x", "X(g, K)", "self.input_gradient.defvjp("),
        ("max_pool2d", "The largest element of each", "Max pooling is a choice", "scatter_to_"),
        ("softmax_cross_entropy", "Cross-entropy between", "softmax(z)_k Σ p - p_k", "softmax(z"),
        ("var", "Compute the variance", "2 (x - m)* / (n - ddof)", "def _var_vjp"),
        ("nansum", "Return the sum", "NaNs are left out", "def nan_vjp"),
        ("cholesky", "Cholesky decomposition", "Ā = L⁻ᴴ Φ(Lᴴ L̄) L⁻¹", "@textbook\ndef _cholesky"),
        ("gradient", "np.gradient along one axis", "parabola", "def _by_slopes"),
        ("einsum", "Einstein's sum", "Einstein's sums", "def _einsum_vjp"),
        ("median", "Compute the median", "the quantile 1/2", "def median_vjp"),
        ("matmul", "Matrix product of two arrays", "G Bᵀ; vectors count", "def _matmul_vjp_left"),
        ("bincount", "Count number of occurrences", "y_i = Σ w_k", "g[x]"),
        ("take", "Take elements from an array", "added up at the places", "def _chooses(function)"),
        ("softmax", "y = eˣ / Σ eˣ along an axis", "Activation functions", "np.sum(g * y"),
    ],
)
def test_what_is_written_is_found(name, summary, derivation, source):
    explanation = explain_operation(NAMED[name])
    assert explanation.summary.startswith(summary)
    assert derivation in text(explanation.derivation)
    assert source in explanation.source


def test_the_forward_docstring_is_whole_unless_it_is_numpys():
    conv2d = explain_operation(NAMED["conv2d"])
    for word in ("depthwise", "Raises", "keras.ops.conv", ">>> image"):
        assert word in text(conv2d.forward)
    assert text(explain_operation(NAMED["sum"]).forward) == (
        "Sum of array elements over a given axis."
    )


@tg.primitive
def _cube(x):
    """y = x³.

    The derivative is 3 x².
    """
    return x**3


# Of every cube the derivative is three squares: 3 x² > 0.
_cube.defvjp(
    lambda g, y, x: (
        g * 3 * x**2  # as it should be
    )
)


def test_your_own_operation_in_a_file():
    explanation = explain_operation(_cube)
    assert explanation.summary == "y = x³."
    assert text(explanation.forward) == "y = x³. The derivative is 3 x²."
    assert text(explanation.derivation) == (
        "Of every cube the derivative is three squares: 3 x² > 0."
    )
    assert explanation.source.startswith("_cube.defvjp(\n    lambda g")
    assert explanation.source.endswith(")")
    assert re.fullmatch(r"test_explorer_explanation\.py:\d+", explanation.location)


def test_your_own_operation_without_a_source():
    op = made("@primitive\ndef op(x): return x\nop.defvjp(lambda g, y, x: g)")
    explanation = explain_operation(op)
    assert explanation.summary == "op, an operation without a docstring."
    assert explanation.derivation == ""
    assert explanation.source.startswith("# The VJP of op was not read from a file")
    assert explanation.location == "notebook:3"


@pytest.mark.parametrize("name", ["var", "softmax", "conv2d", "where", "constructor"])
def test_your_own_operation_under_a_name_of_the_librarys_is_yours(name):
    library, functions = NAMED.get(name, NAMED["sin"]), dict(rules)
    op = tg.primitive(lambda x: x, name=name)
    op.defvjp(library.stated_vjps()[0])
    explanation = explain_operation(op)
    assert explanation.summary == f"{name}, an operation without a docstring."
    assert explanation.story == ""
    assert library in primitives
    assert rules == functions


def test_the_story_of_a_function_is_told_only_with_the_vjps_of_the_library():
    mean = NAMED["mean"]
    again = Primitive(mean.forward, "average", mean.flops)
    assert explain_operation(again).story == ""
    again.defvjp(*mean.vjps)
    assert explain_operation(again).story == "mean"
    again.defvjp(lambda g, y, x, **options: mean.vjps[0](g, y, x, **options) * 2)
    assert explain_operation(again).story == ""


def test_every_story_is_of_an_operation_and_the_script_knows_it():
    told = {explain_operation(op).story for op in BUILT_IN} - {""}
    assert told == set(STORIES.values())
    folder = Path(stories.__file__).parent
    script = (folder / "arithmetic.js").read_text() + (folder / "tour.js").read_text()
    for table in re.findall(r"__proto__: null,(.*?)\n};", script, re.DOTALL):
        assert told >= set(re.findall(r"^  (\w+)[:,]", table, re.MULTILINE))


class _Rule:
    def __call__(self, g, y, x):
        """g, called."""
        return g

    def method(self, g, y, x):
        """g, of a method."""
        return g


def _scaled(scale, g, y, x):
    """g times a scale."""
    return g * scale


@pytest.mark.parametrize(
    ("vjp", "derivation", "source"),
    [
        (functools.partial(_scaled, 2), "g times a scale.", "def _scaled"),
        (_Rule(), "g, called.", "def __call__"),
        (_Rule().method, "g, of a method.", "def method"),
        (np.multiply, "", "# The VJP of op is <ufunc 'multiply'>, which is no Python function."),
        (_cube, "y = x³. The derivative is 3 x².", "@tg.primitive\ndef _cube"),
    ],
    ids=["partial", "object", "method", "ufunc", "primitive"],
)
def test_any_callable_can_be_a_vjp(vjp, derivation, source):
    op = tg.primitive(lambda x: x, name="op")
    op.defvjp(vjp)
    explanation = explain_operation(op)
    assert text(explanation.derivation) == derivation
    assert explanation.source.startswith(source)


def test_an_operation_without_a_vjp_says_so():
    op = tg.primitive(lambda x: x, name="op")
    assert explain_operation(op).source == "# op has no VJP; give it one with .defvjp."
    op.defvjp(None)
    assert explain_operation(op).location == ""


def test_code_and_markup_of_yours_is_escaped():
    op = made('@primitive\ndef op(x):\n    "A <script>alert(1)</script> & `<b>`."\n    return x')
    assert "<script>" not in explain_operation(op).forward
    assert isinstance(op, Primitive)


def test_the_library_loads_without_the_explorer():
    names = "('explanation', 'mathematics')"
    code = f"import sys, tinygrad_np; print([m for m in sys.modules if m.endswith({names})])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
