"""checkpoint: the same derivatives from less memory."""

import tracemalloc

import numpy as np
import pytest

import tinygrad_np as tg

rng = np.random.default_rng(0)
X = rng.normal(size=(4, 3))
KERNELS = [rng.normal(size=(3, 3)) for _ in range(3)]


def block(params, x, scale=1.0):
    for kernel in params["kernels"]:
        x = np.tanh(x @ kernel) * scale
    return {"x": x, "largest": np.argmax(x)}


def loss_with(block):
    def loss(kernels, x):
        return np.sum(block({"kernels": kernels}, x, scale=2.0)["x"] ** 2)

    return loss


def test_gradients_of_every_order_are_those_without():
    plain, lean = loss_with(block), loss_with(tg.checkpoint(block))
    for transform in (tg.grad, tg.value_and_grad):
        wanted, found = (transform(f, argnums=(0, 1))(KERNELS, X) for f in (plain, lean))
        for a, b in zip(tg.tree.leaves(wanted), tg.tree.leaves(found), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(
        tg.hessian(lean, argnums=1)(KERNELS, X),
        tg.hessian(plain, argnums=1)(KERNELS, X),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        tg.hvp(lambda x: lean(KERNELS, x), (X,), (X,)),
        tg.hvp(lambda x: plain(KERNELS, x), (X,), (X,)),
        atol=1e-12,
    )


def test_backward_goes_through_it_and_the_tape_shows_one_record():
    x = tg.Tensor(X, requires_grad=True)
    loss = np.sum(tg.checkpoint(block)({"kernels": KERNELS}, x)["x"] ** 2)
    assert [record.op.name for record in loss.tape()] == ["checkpoint(block)", "power", "sum"]
    loss.backward()
    wanted = tg.grad(lambda x: np.sum(block({"kernels": KERNELS}, x)["x"] ** 2))(X)
    np.testing.assert_array_equal(x.grad, wanted)


def test_plain_arrays_and_no_grad_just_run():
    result = tg.checkpoint(block)({"kernels": KERNELS}, X)
    np.testing.assert_array_equal(result["x"], block({"kernels": KERNELS}, X)["x"])
    with tg.no_grad():
        x = tg.Tensor(X, requires_grad=True)
        assert not tg.checkpoint(block)({"kernels": KERNELS}, x)["x"].requires_grad


def test_peak_memory_falls():
    kernels = [[rng.normal(size=(32, 32)) / 6 for _ in range(6)] for _ in range(6)]
    x = rng.normal(size=(500, 32))

    def peak(block):
        def loss(kernels):
            h = x
            for group in kernels:
                h = block({"kernels": group}, h)["x"]
            return np.sum(h * h)

        tracemalloc.start()
        tg.grad(loss)(kernels)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(tg.checkpoint(block)) < 0.5 * peak(block)


def test_a_generator_among_the_arguments_draws_the_same_again():
    dropped = tg.checkpoint(lambda x, rng: tg.dropout(x, 0.5, rng))
    ours, plain = np.random.default_rng(1), np.random.default_rng(1)
    found = tg.grad(lambda x: np.sum(dropped(x, ours) * x))(X)
    wanted = tg.grad(lambda x: np.sum(tg.dropout(x, 0.5, plain) * x))(X)
    np.testing.assert_array_equal(found, wanted)
    assert ours.random() == plain.random()


def test_another_result_the_second_time_is_told():
    source = np.random.default_rng(0)
    dropped = tg.checkpoint(lambda x: tg.dropout(x, 0.5, source))
    with pytest.raises(RuntimeError, match="something else when it ran again"):
        tg.grad(lambda x: np.sum(dropped(x) * x))(X)


def test_a_tensor_from_outside_is_told():
    with pytest.raises(ValueError, match="not among its arguments"):
        tg.grad(lambda w: np.sum(tg.checkpoint(lambda x: x * w)(w)))(X)
