"""Joining arrays, and cutting them."""

import itertools

import numpy as np
import pytest

from tests.cases import holds, is_plain, makers, tensors

N, P, U, C = makers(3)
MASK = np.array([[True, False, True], [False, True, True]])

CASES = {
    "concatenate": (lambda x, y: np.concatenate([x, np.ones((1, 3)), y, x]), N(2, 3), N(1, 3)),
    "concatenate with a mask": (
        lambda x, y: np.concatenate([x, MASK, y], -1) ** 2,
        N(2, 1),
        N(2, 2),
    ),
    "concatenate axis": (lambda x, y: np.concatenate((x, y), axis=-1), N(2, 1), N(2, 3)),
    "concatenate all": (lambda x, y: np.concat((x, 1.0, y), axis=None), N(2, 1), N(3)),
    "concatenate dtype": (
        lambda x: np.concatenate([x, [1]], dtype=complex, casting="safe") + np.concat([x, x[:1]]),
        N(2),
    ),
    "concatenate a tensor": (lambda x: np.concatenate(x) * np.vstack(x)[0, 0], N(2, 3)),
    "stack": (lambda x, y: np.stack((x, y), axis=-2), N(2, 3), N(2, 3)),
    "stack twice the same": (lambda x, y: np.stack([x, y, x], axis=-1) ** 2, N(3), N(3)),
    "stack numbers": (lambda x, y: np.stack([x, y, 1.0], dtype="f8"), N(), N()),
    "vstack": (lambda x, y: np.vstack((x, y)), N(3), N(2, 3)),
    "hstack": (lambda x, y: np.hstack((x, y)), N(2), N(3)),
    "hstack with a number": (lambda x, y: np.hstack([x, y]), N(3), N()),
    "hstack matrices": (lambda x, y: np.hstack([x, y], casting="no"), N(2, 1), N(2, 3)),
    "dstack": (lambda x, y: np.dstack([x, y]), N(3), N(1, 3, 2)),
    "dstack of matrices": (lambda x, y: np.dstack([x, y]), N(2, 3), N(2, 3)),
    "column_stack": (lambda x, y: np.column_stack([x, y, [1, 2]]), N(2), N(2, 3)),
    "append": (lambda x, y: np.append(x, y), N(2, 2), N(3)),
    "append along an axis": (lambda x: np.append(x, 1.0) * np.append(x, x[:1], 0), N(3)),
    "append a number": (lambda x: np.append(x, 1.0), N(3)),
    "append axis": (lambda x, y: np.append(x, y, axis=1), N(2, 2), N(2, 1)),
    "append to a list": (lambda y: np.append([1, 2], y), N(2)),
    "block": (lambda x, y, z: np.block([[x, y], [z, np.ones((1, 2)), 3.0]]), N(2, 2), N(2, 2), N()),
    "block of vectors": (lambda x, y: np.block([x, y, 1.0]), N(2), N(3)),
    "block of layers": (lambda x: np.block([[[x], [x]], [[x], [2 * x]]]), N(2, 2)),
    "block of one": (lambda x: np.block(x) * np.block([[x]]), N(3)),
    "insert": (lambda x, v: np.insert(x, 1, v), N(2, 3), N()),
    "insert rows": (lambda x, v: np.insert(x, 1, v, axis=0), N(2, 3), N(3)),
    "insert columns": (lambda x, v: np.insert(x, [1], v, axis=1), N(2, 3), N(2, 2)),
    "insert at a slice": (lambda x, v: np.insert(x, slice(0, 2), v, axis=-1), N(2, 3), N(2)),
    "insert at a list": (lambda x, v: np.insert(x, [3, 0, 0], v), N(4), N(3)),
    "insert a constant": (lambda x: np.insert(x, [0, -1], 2.0), N(4)),
    "insert into constants": (lambda v: np.insert(np.ones(3), 1, v), N(2)),
    # cutting
    "split": (lambda x: np.split(x, 2, axis=-1), N(3, 4)),
    "split at": (lambda x: np.split(x, [1, 3]), N(4, 2)),
    "split overlapping": (lambda x: np.split(x, [3, 1, 9], axis=1), N(2, 4)),
    "array_split": (lambda x: np.array_split(x, 3, axis=-1), N(2, 5)),
    "array_split at": (lambda x: np.array_split(x, [3, 2, 9]) + np.array_split(x, 3), N(5, 2)),
    "array_split into empties": (lambda x: np.array_split(x, 4)[1:3], N(2)),
    "hsplit": (lambda x: np.hsplit(x, [1]), N(2, 3)),
    "hsplit of a vector": (lambda x: np.hsplit(x, 3), N(3)),
    "vsplit": (lambda x: np.vsplit(x, 2), N(2, 3)),
    "dsplit": (lambda x: np.dsplit(x, [1, 2]), N(2, 2, 3)),
    "unstack": (lambda x: np.unstack(x, axis=1), N(2, 3, 2)),
    "unpacking": (lambda x: (lambda a, *b: [a * b[0], b[-1]])(*x), N(3, 2)),
    "iteration": (lambda x: sum(row[0] * row[1:].sum() for row in x), N(3, 3)),
    "iteration over numbers": (lambda x: sum(a * b for a, b in itertools.pairwise(x)), N(4)),
    "nothing": (
        lambda x: [
            np.concatenate([x, np.ones((1, 3))]),
            np.concatenate([np.sum(row, keepdims=True) for row in x] or [x[0:, 0]]),
            np.block([[x, x], [x, x]]),
            np.insert(x, 0, 1.0, axis=0),
        ],
        N(0, 3),
    ),
    "parts of nothing": (
        lambda x: [np.array_split(x, 2, axis=1)[1], np.unstack(x, axis=1)[0]],
        N(0, 3),
    ),
    "complex and real": (
        lambda x, z: np.concatenate([x, z]) * np.stack([z, x]).reshape(-1),
        *(N(2), C(2)),
    ),
    "insert reals into complex": (lambda z, x: np.insert(z, 1, x), C(3), N(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


def test_integers_are_joined_to_plain_arrays():
    is_plain(
        lambda x: [
            np.concatenate([x, x], dtype=int, casting="unsafe"),
            np.insert([1, 2], 0, x),
        ],
        np.array([1.5, 2.5]),
    )


def test_one_record_for_all_parts_of_a_tensor():
    (t,) = tensors(N(100))
    total = sum(v * v for v in t)
    assert [r.op.name for r in total.tape()].count("unstack") == 1
    total.backward()
    np.testing.assert_array_equal(t.grad, 2 * t.data)


ERRORS = {
    "block": (lambda t: np.block([[t], t]), ValueError, "depth"),
    "block of tuples": (lambda t: np.block((t, t)), TypeError, "tuple"),
    "vsplit": (lambda t: np.vsplit(t, 3), ValueError, "2 axes"),
    "unequal parts": (lambda t: np.split(t, 2), ValueError, "equal division"),
    "unstack": (lambda t: np.unstack(t, axis=1), np.exceptions.AxisError, "out of bounds"),
    "iteration over a number": (lambda t: list(t[0]), TypeError, "0-d"),
    "joining in place": (lambda t: np.stack([t], out=np.ones((1, 3))), TypeError, "out= would"),
    "concatenate in place": (
        lambda t: np.concatenate([t], out=np.ones(3)),
        *(TypeError, "concatenate: out= would write"),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))
