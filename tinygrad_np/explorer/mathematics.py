"""Formulas within prose, as MathML.

The docstrings of this library write mathematics as one writes it in plain text, in the middle of
English sentences: "the VJP is y · (g - Σ g y)". Two things are needed to typeset that. A formula
must be told from prose: reading starts at every word, goes on as long as what comes is a formula
(`_Reader`, a recursive-descent parser), and counts if it met something that prose doesn't have: an
operator, a relation, an index, a call, a script. And single letters are variables, but for the
article and the pronoun.

What isn't understood stays as it was written, as text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from html import escape
from typing import Any

# Words that end a formula, wherever they stand: they name nothing that one calculates with.
PROSE = set(
    "a about above after all along also although always among an and any are as at away be because "
    "been before behind being below beside between beyond both but by can cannot comes count does "
    "down during each either else elsewhere enters even every few first for from gets gives given "
    "half has have held here how if in inside instead into is it its itself last less likewise "
    "many may minus more most must neither no nor not of off on once one only onto or other others "
    "otherwise out outside over past per plus right same shall since so some such taken than that "
    "the their them then there these they this those though through throughout times to together "
    "too towards twice under unless until up upon using via was were what when whence where which "
    "while who whose will with within without would".split()
)
AFTER_NOUNS = set(
    "and are as at by can for from has have in is of on or so the to where with".split()
)
FUNCTIONS = set(
    "arccos arcsin arctan arg cos cosh cot det diag erf exp Im lim log rank Re sin sinh tan tanh "
    "tr".split()
)
SIGNS = "+-−±"
PRODUCTS = "·×∘/*@⊗⊙"
RELATIONS = "=≈≠<>≤≥≡≪≫∈∝→↦←"
BRACKETS = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌈": "⌉", "⌊": "⌋"}
LARGE = {"Σ": "∑", "∑": "∑", "Π": "∏", "∏": "∏", "∫": "∫"}
SYMBOLS = "∞½¼¾⅓⅔∂∇∅ℓℂℕℝℤ"
THIN = '<mspace width="0.17em"/>'
TIGHT = ' lspace="0" rspace="0"'
ACCENTS = {"\u0304": "¯", "\u0302": "^", "\u0303": "~", "\u0307": "˙"}
DEEP = 120  # rules in rules
CODE = "\ue000"  # stands for a piece of `code` while a sentence is read

NUMBER = re.compile(r"\d+(?:\.\d+)*(?:e[+-]?\d+)?…?")
VARIABLE = re.compile(
    r"(d?)(?:([Α-Ωα-ωϕϵ][\u0302-\u0307]?)"
    r"|([A-Za-zÀ-ÖØ-öø-žȲȳẐẑ][\u0302-\u0307]?)(?![A-Za-z0-9À-ÖØ-öø-ž\u0300-\u036f]|\.\w|'[a-z]))"
)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]{2,})*(?![A-Za-z0-9'’]|-[A-Za-z]|\.\w)")
OPERATOR_AHEAD = re.compile(rf"\s+(?:[{RELATIONS}·×∘+*/]|[-−](?=\s))\s*\S")
WORDS = re.compile(r"([A-Za-z]{3,})[,;:.]?\s[A-Za-z]")  # nothing that a formula starts with
CHUNK = re.compile(  # a call such as np.sum(x, axis=0), a word, spaces
    r"(?:[^\W\d]\w*\.)+\w+\((?:[^()]|\([^()]*\))*\)|[^\W_](?:[\w.'’/+-]*\w)?|\s+|.", re.DOTALL
)
SEQUENCE = re.compile(r",(?:\s*[\w/ ]+,)*\s*(?:…|\.\.\.)")
LONG = re.compile(r"(<m\w+>)*<mi>\w\w|(<m\w+>)*<mrow><mi mathvariant")  # log, dx
ELLIPSIS = re.compile(r"…|⋯|\.\.\.")


class _Operator(str):
    """An operator outside of all brackets, before which a long formula may be broken.

    `at` is its place in the text, `least` how many characters must stand before it.
    """

    at: int
    least: int


def markup(tag: str, content: str, attributes: str = "") -> str:
    return f"<{tag}{attributes}>{escape(content, quote=False)}</{tag}>"


def _row(elements: list[str]) -> str:
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"


def _operator(sign: str, attributes: str = "") -> str:
    return markup("mo", {"-": "−", "*": "∗", "'": "′", "...": "…"}.get(sign, sign), attributes)


def _upright(name: str) -> str:
    return markup("mi", name, ' mathvariant="normal"')


def _letter(letter: str) -> str:
    """A variable: in italics, as MathML has single letters, but for capital Greek ones."""
    decomposed = unicodedata.normalize("NFD", letter)
    plain, accent = decomposed[0], decomposed[1:]
    if any(mark not in ACCENTS for mark in accent):
        return markup("mi", letter)
    element = _upright(plain) if "Α" <= plain <= "Ω" else markup("mi", plain)
    for mark in accent:
        over = _operator(ACCENTS[mark], ' stretchy="false"')
        element = f'<mover accent="true">{element}{over}</mover>'
    return element


def _script(character: str) -> str:
    """'super', 'sub' or '': what Unicode says the character is."""
    kind = unicodedata.decomposition(character).partition(">")[0][1:] if character else ""
    return kind if kind in ("super", "sub") else ""


class _Reader:
    """Reads the longest formula that starts at a place of a text.

    Each rule returns the MathML elements of what it read and moves `at` behind it, or returns None.
    """

    def __init__(self, text: str, at: int = 0, display: bool = False, script: bool = False) -> None:
        self.text, self.at = text, at
        self.display = display  # fractions are stacked
        self.script = script  # in an index or an exponent, where prose never is
        self.depth = 0  # of brackets
        self.bar = ""  # the | or ‖ that is open
        self.kind = ""  # of the last operand
        self.telling = False  # it has something that prose doesn't have
        self.relations = 0
        self.nested = 0  # attempts, of which too many aren't made
        self.unclosed: set[int] = set()  # places of brackets that can't be read

    def attempt(self, rule: Callable[..., list[str] | None], *arguments: Any) -> list[str] | None:
        """What a rule reads; if it fails, nothing has been read."""
        before = self.at, self.kind, self.telling, self.relations
        self.nested += 1
        found = rule(*arguments) if self.nested < DEEP else None
        self.nested -= 1
        if not found:
            self.at, self.kind, self.telling, self.relations = before
        return found or None

    def match(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        pattern = re.compile(pattern) if isinstance(pattern, str) else pattern
        return pattern.match(self.text, self.at)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip(self) -> bool:
        """Go past spaces; whether there were any."""
        start = self.at
        while self.peek().isspace():
            self.at += 1
        return self.at > start

    def sign(self, signs: str) -> str:
        """Read one of these signs, and note whether spaces are around it, or none; or read ''."""
        start = self.at
        before = self.skip()
        found = self.peek()
        if not found or found not in signs:
            self.at = start
            return ""
        self.at += 1
        self.loose = before and self.peek().isspace()
        self.tight = not before and not self.peek().isspace()
        return found

    def breakable(self, sign: str, at: int) -> str:
        operator = _Operator(_operator(sign))
        operator.at, operator.least = at, 25 if sign in PRODUCTS else 10
        return operator

    # From the loosest to the tightest: a = b, a + b, a · b, a b

    def formula(self) -> list[str] | None:
        elements = self.attempt(self.sum)
        while elements:
            start = self.at
            sign = self.sign(RELATIONS)
            # dtype=int is code, Σ_{k=1} isn't
            right = self.attempt(self.sum) if sign and (self.loose or self.script) else None
            if right is None:
                self.at = start
                break
            elements += [self.breakable(sign, start), *right]
            self.telling = True
            self.relations += 1
        if elements and not self.depth and not self.script:
            elements += self.attempt(self.sequence) or []
        return elements

    def sequence(self) -> list[str] | None:
        """', 1, …, n' after the first element of a sequence."""
        elements: list[str] = []
        if self.match(SEQUENCE):
            start = self.at
            while self.sign(",") and (element := self.dots() or self.attempt(self.sum)):
                elements += [_operator(","), *element]
                start = self.at
            self.at, self.telling = start, True
        return elements if self.peek() != ")" else None

    def dots(self) -> list[str] | None:
        self.skip()
        found = self.match(ELLIPSIS)
        if not found:
            return None
        self.at, self.kind = found.end(), "dots"
        return [_operator(found[0], TIGHT)]

    def sum(self) -> list[str] | None:
        sign = self.sign(SIGNS)
        if sign and self.peek().isspace():
            return None
        elements = self.attempt(self.term)
        if elements and sign:
            elements.insert(0, _operator(sign, ' form="prefix"'))
            self.telling = True
        while elements:
            start, before = self.at, self.kind if len(elements) == 1 else ""
            sign = self.sign(SIGNS)
            # hyphens: the x-axis, 3-D
            minus = sign and (self.loose or (self.tight and (self.script or self.depth)))
            right = self.attempt(self.term) if minus else None
            both = right and len(right) == 1 and before == self.kind and not self.depth
            if right is None or (both and before in ("word", "number")):  # a dash
                self.at = start
                break
            elements += [self.breakable(sign, start), *right]
            self.telling = True
        return elements

    def term(self) -> list[str] | None:
        elements = self.attempt(self.product)
        while elements:
            start = self.at
            sign = self.sign(PRODUCTS) or ("mod" if self.match(r"\s+mod\s") else "")
            if sign == "mod":
                self.at = self.text.index("mod", self.at) + 3
            elif not sign or not (self.loose or (self.tight and sign != "*")):
                self.at = start
                break
            right = self.attempt(self.product)
            if right is None:
                self.at = start
                break
            self.telling = True
            if sign == "/" and self.display and not self.script:
                elements = [f"<mfrac>{_unbracketed(elements)}{_unbracketed(right)}</mfrac>"]
                continue
            if sign == "/":
                space = "0" if self.text[start] == "/" else "0.1em"
                elements.append(_operator("/", f' lspace="{space}" rspace="{space}"'))
            elif sign == "mod":
                elements += [THIN, _operator("mod"), THIN]
            else:
                elements.append(self.breakable(sign, start))
            elements += right
        return elements

    def product(self) -> list[str] | None:
        """Factors side by side, with a thin space beside those of several letters."""
        self.skip()
        elements = self.attempt(self.factor, "", False)
        while elements:
            start, before = self.at, self.kind
            spaced = self.skip()
            opening = self.peek()
            factor = (
                self.attempt(self.factor, before, spaced) if spaced or before != "word" else None
            )
            if factor is None:
                self.at = start
                break
            long = before in ("word", "function", "differential") or LONG.match(factor[0])
            if long and (spaced or opening not in BRACKETS):
                elements.append(THIN)
            elements += factor
        return elements

    # Factors

    def factor(self, before: str, spaced: bool) -> list[str] | None:
        """An operand with its scripts. `before` is the kind of the factor beside it, if any."""
        character = self.peek()
        if character in LARGE:
            return self.large()
        if character == "√":
            return self.root()
        if character and character in "|‖":
            base = self.bars()
        elif character in BRACKETS and character != "{":
            base = self.group(before, spaced)
        elif number := self.match(NUMBER):
            # x 2 is no product
            if before not in ("", "function", "large", "dots") and not self.script:
                return None
            self.at, self.kind = number.end(), "number"
            base = [markup("mn", number[0])]
        elif self.match(ELLIPSIS):
            operator = self.text[: self.at].rstrip()[-1:] in [*SIGNS, *"·="]
            return self.dots() if before or self.depth or operator else None
        elif character and character in SYMBOLS:
            self.at, self.kind, self.telling = self.at + 1, "symbol", True
            base = [markup("mi", character)]
        elif character == "*" and self.depth and self.match(r"\*[A-Za-z]"):
            self.at += 1  # the shape (N, *S, C)
            rest = self.factor("", False)
            return rest and [_operator("*", ' form="prefix"' + TIGHT), *rest]
        else:
            base = self.named(before)
        return base and self.scripts(base)

    def named(self, before: str) -> list[str] | None:
        """A variable, a differential, a function or an identifier."""
        pair = self.match(r"[a-z]{2}(?![A-Za-z])")
        if pair and (self.script or (before == "number" and self.text[self.at - 1].isdigit())):
            self.at, self.kind = pair.end(), "letter"  # w^(jk), 8jx
            return [*map(_letter, pair[0])]
        variable = self.match(VARIABLE)
        if variable and variable[0] != "do":
            d, letter = variable[1], variable[2] or variable[3]
            if self.article(variable[0], variable.end()):
                return None
            self.at, self.kind = variable.end(), "differential" if d else "letter"
            self.telling = self.telling or not letter.isascii() or len(letter) > 1
            if letter == "d" and self.match(rf"\s*(\||({'|'.join(FUNCTIONS)})\b)"):
                return [_upright("d")]
            return [f"<mrow>{_upright('d')}{_letter(letter)}</mrow>" if d else _letter(letter)]
        name = self.match(NAME)
        if not name:
            return None
        if name[0] in FUNCTIONS or self.match(r"(max|min) \|"):
            return self.function(name)
        if name[0][0] == "d" and name[0][1:] in FUNCTIONS:
            self.at, self.kind = self.at + 1, "differential"
            return [_upright("d")]
        ahead = self.text[name.end() : name.end() + 1]
        attached = ahead != "" and (ahead in "([^_" or _script(ahead) != "")
        if (
            name[0].lower() in PROSE
            or self.text.startswith(("(s)", "(es)"), name.end())
            or (ahead == "(" and name[0][0].isupper())
            or not (attached or self.script or self.identifier(name, before))
        ):
            return None
        self.at, self.kind = name.end(), "word"
        return [markup("mi", name[0])]

    def article(self, word: str, end: int) -> bool:
        """Whether a, A or I, which ends here, is the English word rather than a variable."""
        if word not in ("a", "A", "I") or self.script:
            return False
        following = re.compile(rf"\s+(\w+|{CODE})").match(self.text, end)
        if following is None or following[1] in AFTER_NOUNS:
            return False
        return word == "a" or not VARIABLE.match(self.text, following.start(1))

    def identifier(self, name: re.Match[str], beside: str) -> bool:
        """Whether a word is a name that one calculates with, by what stands around it."""
        if beside and not (self.depth and beside == "number"):
            return False
        if self.depth and re.compile(r"\s*[,)\]⌉⌋⟩]").match(self.text, name.end()):
            return True
        before = self.text[: name.start()].rstrip()[-1:]
        if before and before in RELATIONS + PRODUCTS + SIGNS + "√":
            following = re.compile(r"\s+([A-Za-z][\w'’-]+|\d)").match(self.text, name.end())
            return not following or following[1].lower() in PROSE
        return OPERATOR_AHEAD.match(self.text, name.end()) is not None

    def function(self, name: re.Match[str]) -> list[str] | None:
        """log(x), log₂ x; not the word alone."""
        self.at, self.kind = name.end(), "function"
        function = self.scripts([markup("mi", name[0])])
        if self.text[self.at - 1] == ")":
            return function
        argument = self.attempt(self.factor, "function", True) if self.skip() else None
        self.telling = True
        return argument and [*function, THIN, *argument]

    def large(self) -> list[str] | None:
        """Σ, Π or ∫ with its limits."""
        operator = _operator(LARGE[self.peek()])
        self.at += 1
        self.kind, self.telling = "large", True
        if operator == _operator("∫"):
            return self.scripts([operator])
        limits: dict[str, str] = {}
        while script := self.one_script():
            limits[script[0]] = script[1]
        tag = f"m{'under' * ('sub' in limits)}{'over' * ('super' in limits)}"
        if not limits:
            return [operator]
        content = operator + limits.get("sub", "") + limits.get("super", "")
        return [f"<{tag}>{content}</{tag}>"]

    def root(self) -> list[str] | None:
        self.at += 1
        self.telling = True
        inside = (
            self.bracketed(keep=False)
            if self.peek() == "("
            else self.attempt(self.factor, "", False)
        )
        self.kind = "symbol"
        return inside and [f"<msqrt>{''.join(inside)}</msqrt>"]

    def bars(self) -> list[str] | None:
        """|x|"""
        if self.bar:
            return None
        self.bar = self.sign("|‖")
        self.depth += 1
        inside = self.attempt(self.sum)
        bar, self.bar = self.bar, ""
        self.depth -= 1
        if inside is None or not self.sign(bar):
            return None
        self.kind, self.telling = "group", True
        left, right = (
            _operator(bar, f' form="{form}" stretchy="false"') for form in ("prefix", "postfix")
        )
        return [_row([left, *inside, right])]

    def group(self, before: str, spaced: bool) -> list[str] | None:
        """A factor in brackets, or a tuple; beside another factor, only what can be multiplied."""
        opening, outside = self.peek(), self.telling
        self.telling = False
        inside = self.bracketed()
        beside = before != "" and spaced
        if inside is None or (opening == "(" and beside and (self.commas or not self.telling)):
            return None  # the shape x (N, C), the year (2008)
        if self.wordy and opening == "(" and self.commas:  # (height, width), (Giles, 2008)
            return None
        self.kind = "group"
        self.telling = self.telling or outside or self.commas > 0 or opening != "("
        return inside

    def bracketed(self, keep: bool = True) -> list[str] | None:
        """(…), with parts between commas or, in a matrix, semicolons.

        Notes how many commas there are, and if the parts are mere words, or numbers.
        """
        opening, start = self.peek(), self.at
        if start in self.unclosed:
            return None
        self.at += 1
        bar, self.bar = self.bar, ""
        self.depth += 1
        rows: list[list[str]] = [[]]
        commas, words, symbols = 0, False, False
        while not (rows[0] and self.match(rf"\s*\{BRACKETS[opening]}")):
            part = self.attempt(self.formula)
            if part is None and opening == "[" and self.sign(":"):
                part = [_operator(":", TIGHT)]
            if part is None:
                break
            rows[-1] += part
            plain = len(part) == 1 and re.fullmatch(r"<(mn|mi)>(\w{2,}|\d)</.*", part[0])
            words = words or bool(plain and plain[1] == "mi")
            symbols = symbols or not plain
            sign = self.sign(",;:" if opening == "[" else ",;")
            if sign == ";" and opening == "[":
                rows.append([])
            elif sign:
                rows[-1].append(_operator(sign, TIGHT if sign == ":" else ""))
                commas += 1
            else:
                break
        self.bar = bar
        self.depth -= 1
        if not self.sign(BRACKETS[opening]) or not rows[0]:
            self.unclosed.add(start)
            return None
        self.commas, self.wordy = commas, words and not symbols
        inside = [_matrix(rows)] if len(rows) > 1 else rows[0]
        if not keep:
            return inside
        stretchy = "" if self.display or len(rows) > 1 else ' stretchy="false"'
        left = _operator(opening, f' form="prefix"{stretchy}')
        return [_row([left, *inside, _operator(BRACKETS[opening], f' form="postfix"{stretchy}')])]

    # What is attached to an operand

    def scripts(self, base: list[str]) -> list[str]:
        kind = self.kind
        scripts: dict[str, list[str]] = {"sub": [], "super": []}

        def scripted() -> list[str]:
            below, above = scripts.values()
            if not below and not above:
                return base
            tag = "msubsup" if below and above else "msub" if below else "msup"
            content = map(_row, filter(None, (base, below, above)))
            return [f"<{tag}>{''.join(content)}</{tag}>"]

        while True:
            if script := self.one_script():
                scripts[script[0]].append(script[1])
                continue
            # primes, factorials; f(x), x[i]
            if mark := self.match(r"!|(?<!'.)'(?![A-Za-z])"):
                self.at = mark.end()
                attached: list[str] | None = [_operator(mark[0], TIGHT)]
            elif self.match(r"[(\[]") and kind in ("letter", "word", "function"):
                attached = self.attempt(self.bracketed)
            else:
                attached = None
            if attached is None:
                break
            self.telling = True
            base, scripts = [*scripted(), *attached], {"sub": [], "super": []}
            kind = "letter" if kind == "word" else kind
        self.kind = kind
        return scripted()

    def one_script(self) -> tuple[str, str] | None:
        """'sub' or 'super', and its MathML."""
        start, character = self.at, self.peek()
        kind = _script(character)
        found: list[str] | None = None
        if kind:
            while _script(self.peek()) == kind:
                self.at += 1
            plain = unicodedata.normalize("NFKC", self.text[start : self.at])
            found = _whole(plain, script=True) or [markup("mtext", plain)]
            if plain.lstrip("−") in ("T", "H"):  # transposed
                found[-1] = _upright(plain[-1])
        elif self.match(r"\*(?![\w(\[*])|\*(?=_\w)"):  # conjugated
            kind, found = "super", [_operator("*", TIGHT)]
            self.at += 1
        elif character and character in "_^":
            kind = "sub" if character == "_" else "super"
            self.at += 1
            found = self.attempt(self.raised if kind == "super" else self.lowered)
        if not found:
            self.at = start
            return None
        self.telling = True
        return kind, _row(found)

    def lowered(self) -> list[str] | None:
        """What stands behind _: letters, digits, or something in brackets, which are left out."""
        letters = self.match(r"[A-Za-z]+|\d+")
        if not letters:
            return self.inner() if self.peek() in ("(", "{") else None
        self.at = letters.end()
        if letters[0].isdigit():
            return [markup("mn", letters[0])]
        return [*map(_letter, letters[0])] if len(letters[0]) < 3 else [markup("mi", letters[0])]

    def raised(self) -> list[str] | None:
        """What stands behind ^: an operand, perhaps negative, or something in brackets."""
        if self.peek() in ("(", "{"):
            return self.inner()
        sign = self.sign("-−") if not self.peek().isspace() else ""
        outer, self.script = self.script, True
        found = self.attempt(self.factor, "", False)
        if found and self.kind == "number" and self.peek().isalpha():  # z^2k
            found += self.attempt(self.factor, "number", False) or []
        self.script = outer
        return found and [_operator(sign, ' form="prefix"')] * bool(sign) + found

    def inner(self) -> list[str] | None:
        outer, self.script = self.script, True
        found = self.bracketed(keep=False)
        self.script = outer
        return found


def _unbracketed(elements: list[str]) -> str:
    """A numerator or a denominator, without the brackets around all of it."""
    row = _row(elements)
    inside = re.fullmatch(
        r'<mrow><mo form="prefix">\(</mo>(.*)<mo form="postfix">\)</mo></mrow>', row
    )
    return f"<mrow>{inside[1]}</mrow>" if inside and "</mrow>" not in inside[1] else row


def _matrix(rows: list[list[str]]) -> str:
    cells = ("".join(f"<mtd>{element}</mtd>" for element in row) for row in rows)
    return f"<mtable>{''.join(f'<mtr>{row}</mtr>' for row in cells)}</mtable>"


def _whole(text: str, display: bool = False, script: bool = False) -> list[str] | None:
    """The elements of a text that is a formula from its beginning to its end."""
    reader = _Reader(text, 0, display, script)
    elements = reader.formula()
    reader.skip()
    if elements is None or reader.at < len(text) or not (script or reader.relations):
        return None
    return elements


def _math(elements: list[str], source: str, attributes: str = "") -> str:
    alternative = escape(" ".join(source.split()))
    return f'<math{attributes} alttext="{alternative}">{_row(elements)}</math>'


def displayed(text: str) -> str | None:
    """A formula that stands alone."""
    body = text.rstrip(" .,;:")
    elements = _whole(body, display=True)
    if elements is None:
        return None
    if end := text[len(body) :].strip():
        elements.append(markup("mtext", end))
    return _math(elements, text.strip(), ' display="block"')


def _inline(text: str, at: int) -> tuple[str, int] | None:
    """The formula that starts at a place of a sentence, and where it ends."""
    word = WORDS.match(text, at)
    if text[at].isspace() or (word and word[1] not in FUNCTIONS):
        return None
    if text[at] in "-−+±" and text[at - 1 : at] not in ("", " ", "("):
        return None
    reader = _Reader(text, at)
    elements = reader.formula()
    if elements is None or (not reader.telling and not _variables(text, at, reader.at)):
        return None
    if reader.kind == "large" and len(elements) == 1:  # "Σ over all axes"
        return None
    source = text[at : reader.at]
    if len(source) <= 40:
        return _math(elements, source), reader.at
    # A browser doesn't break the line within a formula: several, that begin with operators.
    parts, starts = [[elements[0]]], [at]
    for element in elements[1:]:
        if isinstance(element, _Operator) and element.at - starts[-1] >= element.least:
            parts.append([element.replace("<mo>", '<mo form="infix" lspace="0">', 1)])
            starts.append(element.at)
        else:
            parts[-1].append(element)
    ends = [*starts[1:], reader.at]
    pieces = zip(parts, starts, ends, strict=True)
    return " ".join(_math(part, text[start:end]) for part, start, end in pieces), reader.at


def _variables(text: str, start: int, end: int) -> bool:
    """Whether this is nothing but variables, in a place where a variable can stand."""
    before, behind = text[:start][-2:], text[end : end + 1]
    if (
        before[-1:] in {*"\"“'‘-._@#/\\&<"}
        or behind in {*"\"”'’@/\\>"}
        or re.match(r"\w\(", before)
    ):
        return False
    parts = text[start:end].split()
    return bool(parts) and all(VARIABLE.fullmatch(part) for part in parts)


def prose(text: str) -> str:
    """A sentence with its formulas and its `code`."""
    text, parts, at = " ".join(text.split()), [], 0
    if CODE in text:
        return escape(text, quote=False)
    code = iter(re.findall(r"``.+?``|`[^`]+`", text))
    text = re.sub(r"``.+?``|`[^`]+`", CODE, text)
    while at < len(text):
        if found := _inline(text, at):
            mathml, at = found
            parts.append(mathml)
        elif text[at] == CODE:
            parts.append(markup("code", next(code).strip("`")))
            at += 1
        else:
            chunk = CHUNK.match(text, at)
            assert chunk is not None
            parts.append(escape(chunk[0], quote=False))
            at = chunk.end()
    return "".join(parts)
