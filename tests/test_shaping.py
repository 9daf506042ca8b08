"""Shapes, the order of axes and of elements, broadcasting, repetition."""

import numpy as np
import pytest

from tests.cases import holds, is_plain, makers, tensors

N, P, U, C = makers(3)

CASES = {
    # shape
    "reshape": (lambda x: np.reshape(x, (3, -1), order="F"), N(2, 3)),
    "reshape in both orders": (
        lambda x: np.reshape(x, (3, -1)) * x.reshape(3, 2, order="F"),
        N(2, 3),
    ),
    "reshape a copy": (lambda x: np.reshape(x, -1, copy=True) * x.reshape(6, copy=False), N(2, 3)),
    "reshape to a scalar": (lambda x: np.reshape(x, ()) * x.reshape(()), N(1, 1)),
    "ravel": (lambda x: x.ravel() * x.ravel("F") * np.ravel(x, order="F"), N(2, 3)),
    "flatten": (lambda x: np.ravel(x) * x.flatten("F"), N(2, 3)),
    "flat": (lambda x: np.stack([2 * v for v in x.flat]) * x.flat[3], N(2, 3)),
    "squeeze": (lambda x: np.squeeze(x, axis=(0, -1)) * x.squeeze(0).squeeze(1), N(1, 3, 1)),
    "expand_dims": (lambda x: np.expand_dims(x, (1, -1)), N(2, 3)),
    "atleast": (lambda x, y: [*np.atleast_1d(x, y), *np.atleast_3d(y, 1.0)][:3], N(), N(2)),
    "atleast of a number": (lambda x: np.atleast_1d(x) + np.atleast_2d(x) + np.atleast_3d(x), N()),
    "squeeze of expand_dims": (lambda x: np.squeeze(np.expand_dims(x, (0, -1)), 0) * x, N(3)),
    "atleast_2d": (np.atleast_2d, N(3)),
    # order of the axes
    "transpose": (
        lambda x: np.transpose(x, (2, 0, -2)) + x.transpose().T.transpose([-1, 0, 1]),
        N(2, 3, 4),
    ),
    "transpose by its arguments": (
        lambda x: np.transpose(x) @ x.T[1] @ x.transpose(0, -1, 1),
        N(2, 2, 2),
    ),
    "transpose of a vector": (lambda x: x.transpose() * x.transpose(0) * x.T, N(3)),
    "permute_dims": (lambda x: np.permute_dims(x, axes=(1, 0)), N(2, 3)),
    "moveaxis": (lambda x: np.moveaxis(x, [0, -1], [-1, 0]), N(2, 3, 4)),
    "moveaxis of several": (
        lambda x: np.moveaxis(x, (0, 1), (-1, 0)) + np.rollaxis(x, 1, 0),
        N(2, 2, 2),
    ),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1) * np.rollaxis(x, -1, start=1), N(2, 3, 4)),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1) * x.swapaxes(-1, 0), N(2, 3, 4)),
    "matrix_transpose": (lambda x: np.matrix_transpose(x) + x.mT, N(2, 3, 4)),
    # order of the elements
    "flip": (lambda x: np.flip(x) * np.flip(x, (0, -1)) + np.flip(x, ()), N(2, 3)),
    "fliplr": (np.fliplr, N(2, 3, 2)),
    "flipud": (np.flipud, N(3)),
    **{f"rot90 {k}": (lambda x, k=k: np.rot90(x, k, (2, 0)), N(2, 1, 3)) for k in range(-2, 5)},
    "rotations": (lambda x: np.rot90(x) * np.fliplr(np.flipud(x)), N(3, 3)),
    "roll": (lambda x: np.roll(x, 4) * np.roll(x, (1, -5), (0, 1)), N(2, 3)),
    "roll twice": (lambda x: np.roll(x, (1, 1), axis=1) * np.roll(x, 2, (0, 1)), N(2, 3)),
    # broadcasting
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 4, 3)), N(4, 1)),
    "broadcast_to more axes": (lambda x: np.broadcast_to(x, (4, 2, 3)) ** 2, N(2, 1)),
    "broadcast_to a number": (lambda x: np.broadcast_to(x, 3), N()),
    "broadcast_arrays": (np.broadcast_arrays, N(2, 1), N(3), N()),
    "meshgrid": (np.meshgrid, N(2), N(3), N(4)),
    "meshgrid ij": (lambda x, y: np.meshgrid(x, y, 2.0, indexing="ij")[:2], N(2), N(3)),
    "meshgrid sparse": (lambda x, y: np.meshgrid(x, y, sparse=True), N(2), N(3)),
    "meshgrid of one": (np.meshgrid, N(2)),
    "ix_": (np.ix_, N(2), N(3), N(4)),
    "full_like": (
        lambda x, v: np.full_like(x, v) * np.full_like(x, v, shape=(2, 1, 3)),
        N(2, 3),
        N(3),
    ),
    "full_like its element": (lambda x: np.full_like(x, x[0]) * x, N(3)),
    "copy": (lambda x: np.copy(x, order="F") * x.copy("C"), N(2, 3)),
    # repetition
    "tile": (lambda x: np.tile(x, (2, 1, 2)), N(2, 3)),
    "tile few": (lambda x: np.tile(x, 2) + np.tile(x, np.array([2])), N(2, 3)),
    "tile none": (lambda x: np.tile(x, (0, 2)), N(2, 3)),
    "tile a number": (lambda x: np.tile(x, 3), N()),
    "shapes of nothing": (lambda x: [x.ravel(), x.T, np.tile(np.rot90(x), (2, 2))], N(0, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    holds(*CASES[name])


def test_a_tensor_cast_to_integers_fills_a_plain_array():
    is_plain(lambda x: np.full_like(x, x, dtype=int), np.array([1.5, 2.5]))


ERRORS = {
    "order in memory": (lambda t: t.ravel("K"), NotImplementedError, "order='K'"),
    "fliplr": (np.fliplr, ValueError, "two axes"),
    "rot90": (np.rot90, ValueError, "[Aa]xes"),
    "no view": (lambda t: np.rot90(np.ones((3, 1)) * t).reshape(9, copy=False), ValueError, "copy"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_wrong(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(*tensors(np.ones(3)))
