"""The MNIST CNN as a plain function: its shapes, its variants, its dropout, and that it learns."""

import numpy as np
import pytest

import tinygrad_np as tg
from models import mnist_cnn


def shapes(params):
    return dict(zip(tg.tree.paths(params), (p.shape for p in tg.tree.leaves(params)), strict=True))


def test_the_default_is_the_network_of_keras_mnist_example():
    params = mnist_cnn.init(np.random.default_rng(0))
    assert shapes(params) == {
        "conv1/bias": (32,),
        "conv1/kernel": (3, 3, 1, 32),
        "conv2/bias": (64,),
        "conv2/kernel": (3, 3, 32, 64),
        "dense1/bias": (128,),
        "dense1/kernel": (9216, 128),
        "dense2/bias": (10,),
        "dense2/kernel": (128, 10),
    }
    assert all(p.dtype == np.float32 for p in tg.tree.leaves(params))


@pytest.mark.parametrize(
    "variant",
    [
        {"filters": (), "hidden": (), "pool": 1},
        {"filters": (4,), "kernel_size": 5, "hidden": (8, 6), "bias": False},
        {"filters": (2, 3, 4), "pool": 3, "classes": 4},
        {"filters": (2,), "image_shape": (9, 12, 3), "dtype": np.float64},
    ],
)
def test_any_number_of_layers_trains(variant):
    rng = np.random.default_rng(0)
    params = mnist_cnn.init(rng, **variant)
    images = rng.random((5, *variant.get("image_shape", (28, 28, 1))))
    images = images.astype(variant.get("dtype", np.float32))
    labels = rng.integers(variant.get("classes", 10), size=5)

    def loss(params):
        logits = mnist_cnn.apply(params, images, pool=variant.get("pool", 2))
        return tg.softmax_cross_entropy(logits, labels)

    before, grads = tg.value_and_grad(loss)(params)
    assert all(np.any(g) for g in tg.tree.leaves(grads))
    assert shapes(grads) == shapes(params)
    after = loss(tg.tree.map(lambda p, g: p - 0.01 * g, params, grads))
    assert after < before


def test_bytes_are_the_numbers_that_load_mnist_makes_of_them(tmp_path):
    """Images as they are stored, in memory and in a file: the same bits as of the floats."""
    params = mnist_cnn.init(np.random.default_rng(0), filters=(2,), hidden=(4,))
    (floats, labels), _ = tg.data.load_mnist()
    (stored, _), _ = tg.data.load_mnist(dtype=np.uint8)
    np.save(tmp_path / "images.npy", stored[:50])
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    linear = mnist_cnn.init(
        np.random.default_rng(0), filters=(), hidden=(), image_shape=(16, 16, 1), pool=1
    )
    np.testing.assert_array_equal(
        mnist_cnn.apply(linear, levels, pool=1),
        mnist_cnn.apply(linear, levels.astype(np.float32) / 255, pool=1),
        strict=True,
    )

    def everything(images):
        data = images[:50], labels[:50]
        how = {"loss": tg.softmax_cross_entropy, "batch_size": 16}
        result = tg.fit(
            mnist_cnn.apply,
            params,
            data,
            validation=data,
            optimizer=tg.optim.adadelta(1.0),
            epochs=1,
            rng=np.random.default_rng(0),
            progress=False,
            **how,
        )
        return [
            result.params,
            tg.predict(mnist_cnn.apply, params, images[:50]),
            *result.history.values(),
            *tg.evaluate(mnist_cnn.apply, params, data, **how).values(),
        ]

    expected = everything(floats)
    for images in (stored, mapped):
        tg.tree.map(np.testing.assert_array_equal, everything(images), expected)


def test_dropout_acts_while_training_only():
    params = mnist_cnn.init(np.random.default_rng(0), filters=(2,), hidden=(32,))
    images = np.ones((2, 28, 28, 1), np.float32)
    plain = mnist_cnn.apply(params, images)
    np.testing.assert_array_equal(mnist_cnn.apply(params, images, dropout=0.5), plain)
    dropped = [
        mnist_cnn.apply(params, images, dropout=0.5, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(dropped[0], dropped[1])
    assert not np.array_equal(dropped[0], dropped[2])
    assert not np.array_equal(dropped[0], plain)


def test_too_small_an_image_is_told_at_once():
    with pytest.raises(ValueError, match=r"images of \(4, 4\) are too small for 2 convolutions"):
        mnist_cnn.init(np.random.default_rng(0), image_shape=(4, 4, 1))


def test_backward_and_the_functional_transform_agree():
    rng = np.random.default_rng(0)
    params = mnist_cnn.init(rng, filters=(2, 3), hidden=(4,))
    images, labels = rng.random((3, 28, 28, 1), np.float32), np.array([1, 2, 3])

    def loss_fn(params):
        return tg.softmax_cross_entropy(mnist_cnn.apply(params, images), labels)

    loss, grads = tg.value_and_grad(loss_fn)(params)
    tensors = tg.tree.map(lambda a: tg.Tensor(a, requires_grad=True), params)
    tensor_loss = loss_fn(tensors)
    tensor_loss.backward()
    assert tensor_loss.item() == loss
    tg.tree.map(lambda t, g: np.testing.assert_array_equal(t.grad, g), tensors, grads)


def test_it_learns_real_digits():
    (x, y), (x_test, y_test) = tg.data.load_mnist()
    result = tg.fit(
        mnist_cnn.apply,
        mnist_cnn.init(np.random.default_rng(0), filters=(8,), hidden=(32,)),
        (x, y),
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.adam(),
        epochs=3,
        batch_size=64,
        rng=np.random.default_rng(0),
        progress=False,
    )
    scores = tg.evaluate(
        mnist_cnn.apply, result.params, (x_test, y_test), loss=tg.softmax_cross_entropy
    )
    assert scores["accuracy"] > 0.9
