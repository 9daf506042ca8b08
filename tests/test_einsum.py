"""Einstein's sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import holds, makers, tensors

N, P, U, C = makers(2)

CASES = {
    "einsum": (lambda x, y: np.einsum("ij, kj -> ik", x, y), N(2, 3), N(4, 3)),
    "einsum of three": (
        lambda x, y, z: np.einsum("ij,jk,kl->il", x, y, z, optimize=True),
        *(N(2, 3), N(3, 2), N(2, 2)),
    ),
    "einsum along a path": (
        lambda *x: np.einsum("ij,jk,kl", *x, optimize=np.einsum_path("ij,jk,kl", *x)[0]),
        *(N(2, 3), N(3, 2), N(2, 2)),
    ),
    "einsum without an arrow": (lambda x, y: np.einsum("ba,b", x, y), N(2, 3), N(2)),
    "einsum of stacks": (lambda x, y: np.einsum("...ij,jk...->k...i", x, y), N(2, 3), N(3, 2)),
    "einsum of ellipses": (lambda x, y: np.einsum("...,...", x, y), N(2, 1, 3), N(4, 3)),
    "einsum that sums stacks": (lambda x: np.einsum("i...->...", x), N(2, 1, 3)),
    "einsum of a diagonal": (lambda x: np.einsum("iij->ji", x), N(3, 3, 2)),
    "einsum that sums out": (lambda x, y: np.einsum("ij,k->k", x, y), N(2, 3), N(2)),
    "einsum that broadcasts": (lambda x, y: np.einsum("ij,ij->j", x, y), N(1, 3), N(2, 3)),
    "einsum of a trace": (lambda x, y: np.einsum("ii,ii", x, y), N(3, 3), N(3, 3)),
    "einsum of sublists": (
        lambda x, y: np.einsum(x, [0, 30], y, [30, 2], [2, 0]) + np.einsum(y, [1, 0], x, [2, 1]),
        *(N(2, 3), N(3, 2)),
    ),
    "einsum of sublists and ellipses": (
        lambda x, y: np.einsum(x, (..., 0, 1), y, (..., 1, 2), (..., 0, 2)),
        *(N(2, 3), N(4, 3, 2)),
    ),
    "einsum in another dtype": (lambda x: np.einsum("ij->j", x, dtype=complex), N(2, 3)),
    "einsum with a list": (lambda x: np.einsum("i,j->ij", x, [1.0, 2.0]), N(2)),
    "complex einsum": (lambda z, w: np.einsum("ij,j", w, z), C(3), C(3, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


def test_paths_are_plain():
    x = N(3, 3)
    (t,) = tensors(x)
    assert np.einsum_path("ij,jk", t, t) == np.einsum_path("ij,jk", x, x)


ERRORS = {
    "terms of einsum": (lambda t: np.einsum("ij,jk", t), ValueError, "operand"),
    "out": (lambda t: np.einsum("ij", t, out=np.ones((3, 3))), TypeError, "einsum: out= would"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_says_so(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(N(3, 3)))


sizes = st.integers(1, 3)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.text("abc", max_size=3), min_size=1, max_size=3), st.data())
def test_einsum_takes_any_subscripts(terms, data):
    letters = sorted(set("".join(terms)))
    output = data.draw(st.lists(st.sampled_from(letters or ["a"]), unique=True)) if letters else []
    subscripts = ",".join(terms) + "->" + "".join(output)
    lengths = {letter: data.draw(sizes) for letter in letters}
    arrays = [N(*(lengths[letter] for letter in term)) for term in terms]
    tg.check_grads(lambda *arrays: np.einsum(subscripts, *arrays), arrays)
