"""Docstrings as HTML: what becomes a formula, which one, and that nothing is lost."""

import ast
import re
import unicodedata
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_np
from tinygrad_np.explorer.docstrings import typeset

PACKAGE = Path(tinygrad_np.__file__).parent

D = '<mi mathvariant="normal">d</mi>'


def parsed(html):
    return ElementTree.fromstring(f"<div>{html}</div>")


def formulas(text):
    return [math.get("alttext") for math in parsed(typeset(text)).iter("math")]


def mathml(formula):
    """The MathML that a sentence with one formula holds, without the attributes of operators."""
    html = typeset(f"The value is {formula} here.")
    assert formulas(f"The value is {formula} here.") == [formula]
    return re.sub(r"<mo [^>]*>", "<mo>", re.search(r"<math [^>]*>(.*)</math>", html)[1])


def bracketed(inside, left="(", right=")"):
    return f"<mrow><mo>{left}</mo>{inside}<mo>{right}</mo></mrow>"


x, y, k, two = "<mi>x</mi>", "<mi>y</mi>", "<mi>k</mi>", "<mn>2</mn>"
minus = "<mo>−</mo>"
thin = '<mspace width="0.17em"/>'


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x = 2", f"{x}<mo>=</mo>{two}"),
        ("x - y", f"{x}<mo>−</mo>{y}"),
        ("-x", f"{minus}{x}"),
        ("x²", f"<msup>{x}{two}</msup>"),
        ("xʸ⁻¹", f"<msup>{x}<mrow>{y}<mo>−</mo><mn>1</mn></mrow></msup>"),
        ("Xᵀ", '<msup><mi>X</mi><mi mathvariant="normal">T</mi></msup>'),
        ("X⁻ᴴ", f'<msup><mi>X</mi><mrow>{minus}<mi mathvariant="normal">H</mi></mrow></msup>'),
        ("x_k", f"<msub>{x}{k}</msub>"),
        ("xₖ₋₁", f"<msub>{x}<mrow>{k}<mo>−</mo><mn>1</mn></mrow></msub>"),
        ("x_k²", f"<msubsup>{x}{k}{two}</msubsup>"),
        ("x_{k+2}", f"<msub>{x}<mrow>{k}<mo>+</mo>{two}</mrow></msub>"),
        ("x_(k-2)", f"<msub>{x}<mrow>{k}<mo>−</mo>{two}</mrow></msub>"),
        ("x₍ₖ₎", f"<msub>{x}{bracketed(k)}</msub>"),
        ("x^2k", f"<msup>{x}<mrow>{two}{k}</mrow></msup>"),
        ("e^x_k", f"<msup><mi>e</mi><msub>{x}{k}</msub></msup>"),
        ("e^-x²", f"<msup><mi>e</mi><mrow>{minus}<msup>{x}{two}</msup></mrow></msup>"),
        ("e^-|x|", f"<msup><mi>e</mi><mrow>{minus}{bracketed(x, '|', '|')}</mrow></msup>"),
        ("x*", f"<msup>{x}<mo>∗</mo></msup>"),
        ("x * y", f"{x}<mo>∗</mo>{y}"),
        ("x'", f"{x}<mo>′</mo>"),
        ("x!", f"{x}<mo>!</mo>"),
        ("x / y", f"{x}<mo>/</mo>{y}"),
        ("√2", f"<msqrt>{two}</msqrt>"),
        ("√(x + 2)", f"<msqrt>{x}<mo>+</mo>{two}</msqrt>"),
        ("|x|", bracketed(x, "|", "|")),
        ("⌈x / 2⌉", bracketed(f"{x}<mo>/</mo>{two}", "⌈", "⌉")),
        ("⟨x, y⟩", bracketed(f"{x}<mo>,</mo>{y}", "⟨", "⟩")),
        ("[x = y]", bracketed(f"{x}<mo>=</mo>{y}", "[", "]")),
        ("x[k, 2]", x + bracketed(f"{k}<mo>,</mo>{two}", "[", "]")),
        ("(x, y)", bracketed(f"{x}<mo>,</mo>{y}")),
        ("k (x + y)", k + bracketed(f"{x}<mo>+</mo>{y}")),
        ("Σ x", f"<mo>∑</mo>{x}"),
        ("Σ_k x", f"<munder><mo>∑</mo>{k}</munder>{x}"),
        ("∫₂ˣ y", f"<msubsup><mo>∫</mo>{two}{x}</msubsup>{y}"),
        ("dx", f"<mrow>{D}{x}</mrow>"),
        ("dy/dx", f"<mrow>{D}{y}</mrow><mo>/</mo><mrow>{D}{x}</mrow>"),
        ("log x", f"<mi>log</mi>{thin}{x}"),
        ("log₂(x)", f"<msub><mi>log</mi>{two}</msub>{bracketed(x)}"),
        ("xp_k", f"<msub><mi>xp</mi>{k}</msub>"),
        ("negative_slope · x", f"<mi>negative_slope</mi><mo>·</mo>{x}"),
        ("softmax(x)_k", f"<msub><mrow><mi>softmax</mi>{bracketed(x)}</mrow>{k}</msub>"),
        ("stride · k", f"<mi>stride</mi><mo>·</mo>{k}"),
        ("Ȳ", '<mover accent="true"><mi>Y</mi><mo>¯</mo></mover>'),
        ("Φ(x)", f'<mi mathvariant="normal">Φ</mi>{bracketed(x)}'),
        (
            "x = 0, 2, …, k",
            f"{x}<mo>=</mo><mn>0</mn><mo>,</mo>{two}<mo>,</mo><mo>…</mo><mo>,</mo>{k}",
        ),
    ],
)
def test_a_formula_is_typeset(formula, expected):
    assert mathml(formula) in (expected, f"<mrow>{expected}</mrow>")


@pytest.mark.parametrize(
    "sentence",
    [
        "A matrix is a table, and I think so.",
        "It is 0 there, and 1 elsewhere; between 2 and 3 both.",
        "A 3-D array, floating-point and well-known; 5 km/h and/or 10 MB/s.",
        "The mean - that is, the average - of all; input - output.",
        "See Giles (2008), (Maas, Hannun, Ng, 2013), pages 9-11, and 9.6.10.",
        "e.g. this, i.e. that; the 1st, the nth.",
        "With axis=0 of np.sum(x, axis=0), t.data, foo_bar and __init__.py.",
        "An image (height, width), or ((top, bottom), (left, right)).",
        "Σ over all axes; the log of it; det is a polynomial.",
        "He said 'a' and \"b\"; it's Keras's, the operands' shapes.",
        "The axis(es), the file(s), a Tensor(2.0).",
        "Turned by 180°, 100% of it.",
        "a table, A `Tape`, or a `Record`",
        "1, 2, 3 and 4 - 5 days",
    ],
)
def test_prose_stays_prose(sentence):
    assert formulas(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("From A X = B: A dX = dB - dA X, so minus that.", ["A X = B", "A dX = dB - dA X"]),
        ("A row r of a matrix A, where x is zero.", ["r", "A", "x"]),
        ("With a the first and b the last element.", ["a", "b"]),
        ("y = x for x > 0, alpha · (eˣ - 1) elsewhere", ["y = x", "x > 0", "alpha · (eˣ - 1)"]),
        ("y = max over (u, v) of x[n, u + v].", ["y = max", "(u, v)", "x[n, u + v]"]),
        ("the sum of g (N, *S, C) over pixels", ["g", "(N, *S, C)"]),
        ("so g · [y > 0]. Its gradient", ["g · [y > 0]"]),
        ("(prediction - target)², averaged", ["(prediction - target)²"]),
        ("at the shares s = 0, 1/n, … of the way", ["s = 0, 1/n, …"]),
        ("x's place on the x-axis, f' and p'(r)", ["x", "f'", "p'(r)"]),
        ("Re tr(Ȳᴴ dY), and Ȳ*.", ["Re tr(Ȳᴴ dY)", "Ȳ*"]),
        ("d log |det X| is the real part", ["d log |det X|"]),
        ("the output has ⌈size / stride⌉ pixels", ["⌈size / stride⌉"]),
        ("V f(Λ) Vᴴ and so on", ["V f(Λ) Vᴴ"]),
        ("between -1 and 1", ["-1"]),
    ],
)
def test_a_formula_ends_where_prose_begins(sentence, expected):
    assert formulas(sentence) == expected


def test_long_formulas_can_be_broken_before_operators():
    long = "y[n, o] = bias[j] + Σ_k x[n, o · stride + k] · kernel[k, j]"
    pieces = formulas(f"It is {long}.")
    assert len(pieces) > 1
    assert " ".join(pieces) == long
    assert '<mo form="infix" lspace="0">+</mo>' in typeset(f"It is {long}.")


def test_a_formula_on_its_own_is_displayed_with_stacked_fractions():
    html = typeset("The mean:\n\n    y = (a + b) / 2.\n\nNot here.")
    assert '<math display="block" alttext="y = (a + b) / 2."' in html
    numerator = "<mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow>"
    assert f"<mfrac>{numerator}<mn>2</mn></mfrac><mtext>.</mtext>" in html


def test_blocks():
    html = typeset(
        """A summary.

        Args:
            x: shape (N, C),
                of floats.
            y, z: `code` & more.

        Returns:
            The <b>thing</b>.

        - one, which
          goes on
        - two

            indented, not a formula

        >>> 1 < 2
        True
        """
    )
    root = parsed(html)
    assert [element.tag for element in root] == ["p", "h4", "dl", "h4", "p", "ul", "pre", "pre"]
    assert [term.findtext("code") for term in root.iter("dt")] == ["x", "y, z"]
    assert "of floats." in "".join(root.find("dl")[1].itertext())
    assert [item.text for item in root.iter("li")] == ["one, which goes on", "two"]
    assert root[4].text == "The <b>thing</b>."
    assert root[-1].text == ">>> 1 < 2\nTrue"


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "|x", "((x", "x_", "x^", "Σ_{", "[i = j", "√", "x₍", "`", "f(", "<x", "a ++ b"),
        *(
            "x^^2",
            "]x[",
            "|" * 50,
            "(" * 80,
            "log " * 50,
            "\ue000 `a`",
            "- ",
            "Args:",
            "x**2 __a__",
        ),
    ],
)
def test_what_is_no_formula_stays_text(text):
    assert "".join(read(parsed(typeset(f"So {text}"))).split()).replace("`", "") == "".join(
        f"So {text}".replace("`", "").split()
    )


PIECES = [*"abxAIΣΠ∫√|‖()[]⟨⟩⌈⌉_^*/+-−·=<>,.;!…½²ᵢ₍₎⁻ᴴȲλ&\"' ", "log ", "the ", "np.sum(", "\u0304"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_nothing_that_can_be_written_is_lost(text):
    assert bare(read(parsed(typeset(f"So {text}")))) == bare(f"So {text}")


def read(element):
    """The text of a page, with formulas as they were written."""
    if element.tag == "math":
        return element.get("alttext")
    parts = [element.text or ""]
    for child in element:
        parts += [read(child), child.tail or ""]
    return "".join(parts)


def docstrings():
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                docstring = ast.get_docstring(node)
                if docstring:
                    yield f"{file.name}: {getattr(node, 'name', 'module')}", docstring


def bare(text, dropped=""):
    return "".join(c for c in text if not c.isspace() and c not in dropped)


def test_every_docstring_of_the_library_survives():
    for where, docstring in docstrings():
        marked = re.sub(r"^\s*- ", "", docstring, flags=re.MULTILINE)
        assert bare(read(parsed(typeset(docstring))), "`:") == bare(marked, "`:"), where


SAME = str.maketrans(
    {"∑": "Σ", "∏": "Π", "−": "-", "∗": "*", "′": "'", "\u0304": "¯", "\u0302": "^"}
)


def test_every_formula_of_the_library_says_what_was_written():
    """But for the brackets, slashes, roots and scripts that its layout stands for."""

    def characters(text):
        return Counter(bare(unicodedata.normalize("NFKD", text).translate(SAME), "()[]{}/√_^;"))

    count = 0
    for where, docstring in docstrings():
        for math in parsed(typeset(docstring)).iter("math"):
            written = math.get("alttext")
            assert characters("".join(math.itertext())) == characters(written), (where, written)
            count += 1
    assert count > 500
