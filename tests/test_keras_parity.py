"""The MNIST CNN against the same network in Keras: each layer, each gradient, and training."""

import numpy as np
import pytest

import tinygrad_np as tg
from models import mnist_cnn

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")


def deviation(found, wanted):
    return np.max(np.abs(found - wanted)) / np.max(np.abs(wanted))


def in_keras_order(params):
    """The arrays as `model.trainable_weights` has them: layer by layer, the kernel first."""
    names = [name for kind in ("conv", "dense") for name in sorted(params) if name.startswith(kind)]
    return [params[name][what] for name in names for what in ("kernel", "bias") if what in params[name]]


def keras_twin(params, pool=2, image_shape=(28, 28, 1)):
    """The network in Keras, with a layer for every operation of ours."""
    layers, dtype = keras.layers, params["conv1"]["kernel"].dtype.name
    model = keras.Sequential([keras.Input(image_shape, dtype=dtype)])
    for name, layer in sorted(params.items()):
        options = {"use_bias": "bias" in layer, "dtype": dtype}
        *window, _, units = layer["kernel"].shape
        if name.startswith("conv"):
            model.add(layers.Conv2D(units, window, **options))
        else:
            if name == "dense1":
                model.add(layers.MaxPooling2D(pool, dtype=dtype))
                model.add(layers.Flatten(dtype=dtype))
            model.add(layers.Dense(units, **options))
        model.add(layers.ReLU(dtype=dtype))
    model.pop()  # the last layer gives logits
    model.set_weights(in_keras_order(params))
    return model


def keras_loss(dtype):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)


def loss_fn(params, images, labels, pool=2):
    return tg.softmax_cross_entropy(mnist_cnn.apply(params, images, pool=pool), labels)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"bias": False},
        {"filters": (8, 16, 16), "pool": 3},
        {"filters": (16,), "kernel_size": 5, "hidden": (64, 32)},
    ],
    ids=str,
)
def test_every_layer_and_every_gradient_is_keras(variant, dtype, tolerance):
    rng = np.random.default_rng(0)
    params = mnist_cnn.init(rng, **variant, dtype=dtype)
    params = tg.tree.map(lambda p: p if p.any() else rng.uniform(-0.1, 0.1, p.shape).astype(dtype), params)
    (images, labels), _ = tg.data.load_mnist()
    images, labels = images[:64].astype(dtype), labels[:64]

    pool = variant.get("pool", 2)
    model = keras_twin(params, pool)
    with tf.GradientTape() as tape:
        x = image_tensor = tf.constant(images)
        tape.watch(x)
        layers = [x := layer(x) for layer in model.layers]
        keras_value = keras_loss(dtype)(labels, x)
    keras_gradients = tape.gradient(keras_value, [image_tensor, *model.trainable_variables])

    tensors = tg.tree.map(lambda p: tg.Tensor(p, requires_grad=True), params)
    pixels = tg.Tensor(images, requires_grad=True)
    logits = mnist_cnn.apply(tensors, pixels, pool=pool)
    outputs = [record.outputs[0] for record in logits.tape()]
    loss = tg.softmax_cross_entropy(logits, labels)
    loss.backward()
    gradients = [tensor.grad for tensor in [pixels, *in_keras_order(tensors)]]

    assert loss.dtype == dtype
    for found, wanted in zip(
        [*outputs, loss.data, *gradients], [*layers, keras_value, *keras_gradients], strict=True
    ):
        print(found.shape, deviation(found, wanted.numpy()))
        assert found.dtype == dtype
        assert deviation(found, wanted.numpy()) < tolerance


@pytest.mark.parametrize(
    ("ours", "theirs", "options", "tolerance"),
    [
        ("sgd", "SGD", {"learning_rate": 0.01}, 1e-4),
        ("sgd", "SGD", {"learning_rate": 0.01, "momentum": 0.9}, 1e-4),
        ("sgd", "SGD", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True}, 1e-4),
        ("adadelta", "Adadelta", {"learning_rate": 1.0}, 1e-4),
        ("adam", "Adam", {}, 1e-3),
        ("rmsprop", "RMSprop", {}, 1e-3),
    ],
)
def test_fifty_steps_of_training_have_keras_losses(ours, theirs, options, tolerance):
    params = mnist_cnn.init(np.random.default_rng(0))
    (images, labels), _ = tg.data.load_mnist()
    model, loss_of = keras_twin(params), keras_loss("float32")
    keras_optimizer = getattr(keras.optimizers, theirs)(**options)
    keras_optimizer.build(model.trainable_variables)

    @tf.function
    def keras_step(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images))
        gradients = tape.gradient(loss, model.trainable_variables)
        keras_optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    optimizer = getattr(tg.optim, ours)(**options)
    state = optimizer.init(params)
    losses, keras_losses = [], []
    for x, y in tg.data.batches(images[: 50 * 32], labels[: 50 * 32], 32):
        loss, grads = tg.value_and_grad(loss_fn)(params, x, y)
        params, state = optimizer.update(params, grads, state)
        losses.append(loss)
        keras_losses.append(keras_step(x, y).numpy())
    d = np.abs(np.divide(losses, keras_losses)-1)
    print(ours, options, d.max(), d.argmax(), d[::5], losses[-1])
    np.testing.assert_allclose(losses, keras_losses, rtol=tolerance)
