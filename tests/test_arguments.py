"""Wrong arguments: every public function names itself and the argument, and what it expected."""

import inspect

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.arguments import checked

X = np.random.default_rng(0).normal(size=(2, 3))
V = np.arange(3.0)
LABELS = np.array([0, 2])
IMAGES = np.ones((2, 5, 5, 2))
RNG = np.random.default_rng(0)
PARAMS = {"kernel": np.zeros((3, 3))}


def square_sum(x):
    return np.sum(x * x)


def apply(params, x, *, rng=None):
    return x @ params["kernel"]


def convolution(dims):
    geometry = {"stride": 1, "padding": "valid", "dilation": 1, "groups": 1}
    x, kernel = np.ones((2, *(4,) * dims, 2)), np.ones((*(2,) * dims, 2, 3))
    return {"x": x, "kernel": kernel, "bias": V, **geometry}


def initialiser(**options):
    return {"rng": RNG, "shape": (2, 3), "dtype": np.float32, **options}


POOLING = {"x": IMAGES, "window": 2, "stride": 2, "padding": "valid"}
NORMS = {"x": X, "gamma": V, "beta": V, "axis": -1, "epsilon": 1e-3}
DIFFERENTIATE = {"f": square_sum, "argnums": 0}
CLIPPING = {"clipnorm": None, "clipvalue": None, "global_clipnorm": None}
OPTIONS = {"learning_rate": 0.1, "weight_decay": 0.1, **CLIPPING}
MOMENTS = {"beta_1": 0.9, "beta_2": 0.9, "epsilon": 1e-7, "amsgrad": False}
DECAY = {"initial_learning_rate": 0.1, "decay_steps": 9}
RATES = {**DECAY, "decay_rate": 0.5, "staircase": False}
TRAINING = {"apply": apply, "loss": tg.softmax_cross_entropy, "batch_size": 2}
DATA = (np.ones((2, 3)), LABELS)

# A valid call of each function, with every argument of it that not just anything may be.
CALLS = {
    **{
        name: {"x": X}
        for name in "relu selu sigmoid softplus softsign silu mish hard_sigmoid hard_swish".split()
    },
    "bias_relu": {"x": X, "bias": V},
    "leaky_relu": {"x": X, "negative_slope": 0.2},
    "elu": {"x": X, "alpha": 1.0},
    "gelu": {"x": X, "approximate": False},
    "softmax": {"x": X, "axis": -1},
    "log_softmax": {"x": X, "axis": -1},
    "logsumexp": {"x": X, "axis": -1, "keepdims": False},
    "dense": {"x": X, "kernel": np.ones((3, 3)), "bias": V},
    **{f"conv{dims}d": convolution(dims) for dims in (1, 2, 3)},
    "conv2d_transpose": {
        "x": IMAGES,
        "kernel": np.ones((2, 2, 3, 2)),
        "bias": V,
        "stride": 1,
        "padding": "valid",
    },
    "max_pool2d": POOLING,
    "avg_pool2d": POOLING,
    "global_avg_pool2d": {"x": IMAGES},
    "flatten": {"x": IMAGES},
    "dropout": {"x": X, "rate": 0.5, "rng": RNG},
    "batch_norm": {**NORMS, "mean": V, "variance": V},
    "layer_norm": NORMS,
    "embedding": {"indices": LABELS, "table": np.ones((4, 2))},
    "one_hot": {"labels": LABELS, "classes": 3, "dtype": np.float32},
    "softmax_cross_entropy": {
        "logits": X,
        "labels": LABELS,
        "axis": -1,
        "label_smoothing": 0.1,
        "reduction": "mean",
    },
    "sigmoid_cross_entropy": {"logits": X, "labels": abs(X) % 1, "reduction": "mean"},
    "mean_squared_error": {"predictions": X, "targets": X, "reduction": "mean"},
    "huber": {"predictions": X, "targets": X, "delta": 1.0, "reduction": "mean"},
    "kl_divergence": {
        "predictions": abs(X),
        "targets": abs(X),
        "axis": -1,
        "reduction": "mean",
    },
    "grad": {**DIFFERENTIATE, "has_aux": False},
    "value_and_grad": {**DIFFERENTIATE, "has_aux": False},
    "jacobian": DIFFERENTIATE,
    "hessian": DIFFERENTIATE,
    "vjp": {"f": square_sum},
    "jvp": {"f": square_sum, "primals": (V,), "tangents": (V,)},
    "hvp": {"f": square_sum, "primals": (V,), "vectors": (V,)},
    "checkpoint": {"f": square_sum},
    "check_grads": {
        "f": square_sum,
        "args": (V,),
        "order": 2,
        "step": 1e-5,
        "rtol": 1e-6,
        "atol": 1e-7,
        "rng": RNG,
    },
    "primitive": {"forward": square_sum, "name": "f", "flops": np.size},
    "Tensor": {"data": V, "requires_grad": False, "dtype": np.float64, "name": "x"},
    "explain": {
        "f": square_sum,
        "path": "page.html",
        "cotangent": 1.0,
        "title": "page",
        "snapshots": (),
    },
    "fit": {
        **TRAINING,
        "params": PARAMS,
        "train": DATA,
        "validation": DATA,
        "optimizer": tg.optim.sgd(),
        "epochs": 1,
        "rng": RNG,
        "callbacks": (),
        "snapshots": (),
        "progress": False,
    },
    "evaluate": {**TRAINING, "params": PARAMS, "data": DATA},
    "predict": {"apply": apply, "params": PARAMS, "x": DATA[0], "batch_size": 2},
    "optim.sgd": {**OPTIONS, "momentum": 0.9, "nesterov": False},
    "optim.adam": {**OPTIONS, **MOMENTS},
    "optim.adamw": {**OPTIONS, **MOMENTS},
    "optim.adadelta": {**OPTIONS, "rho": 0.9, "epsilon": 1e-7},
    "optim.adagrad": {**OPTIONS, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "optim.rmsprop": {**OPTIONS, "rho": 0.9, "momentum": 0.9, "epsilon": 1e-7, "centered": False},
    "optim.clip_by_global_norm": {"grads": PARAMS, "max_norm": 1.0},
    "optim.clip_by_norm": {"grads": PARAMS, "max_norm": 1.0},
    "optim.clip_by_value": {"grads": PARAMS, "max_value": 1.0},
    "optim.exponential_decay": RATES,
    "optim.inverse_time_decay": RATES,
    "optim.polynomial_decay": {**DECAY, "end_learning_rate": 0.01, "power": 1.0, "cycle": False},
    "optim.piecewise_constant_decay": {"boundaries": [1], "values": [0.2, 0.1]},
    "optim.cosine_decay": {**DECAY, "alpha": 0.1, "warmup_target": 0.2, "warmup_steps": 3},
    "optim.cosine_decay_restarts": {
        "initial_learning_rate": 0.1,
        "first_decay_steps": 9,
        "t_mul": 2.0,
        "m_mul": 1.0,
        "alpha": 0.1,
    },
    **{f"init.{name}": initialiser() for name in tg.init.__all__},
    "init.compute_fans": {"shape": (2, 3)},
    "init.constant": initialiser(value=0.5),
    "init.identity": initialiser(gain=1.0),
    "init.orthogonal": initialiser(gain=1.0),
    "init.random_uniform": initialiser(minval=-1.0, maxval=1.0),
    "init.random_normal": initialiser(mean=0.0, stddev=1.0),
    "init.truncated_normal": initialiser(mean=0.0, stddev=1.0),
    "init.variance_scaling": initialiser(scale=1.0, mode="fan_in", distribution="uniform"),
    "data.batches": {"x": X, "y": X, "batch_size": 1, "rng": RNG, "drop_last": False},
    "data.load_mnist": {"source": "bundled", "dtype": np.float32},
    "data.load_fashion_mnist": {"source": "keras", "dtype": np.float32},
    "tree.map": {"f": abs, "tree": 0},
    "tree.unflatten": {"structure": 0, "leaves": [0]},
    "plot.history": {"history": {"loss": [1.0]}, "ax": None},
    "plot.loss_along": {
        "loss_fn": np.sum,
        "params": V,
        "rng": RNG,
        "radius": 1.0,
        "steps": 1,
        "ax": None,
    },
    "plot.histograms": {"values": V, "ax": None},
    "plot.filters": {"kernel": np.ones((2, 2, 1, 3)), "channel": 0, "ax": None},
    "plot.feature_maps": {"maps": IMAGES[0], "ax": None},
    "plot.saliency": {"apply": apply, "params": V, "image": IMAGES[0], "label": 0, "ax": None},
    "plot.confusion_matrix": {"predicted": LABELS, "labels": LABELS, "ax": None},
    "plot.worst_mistakes": {
        "images": IMAGES,
        "outputs": X[:, ::-1],
        "labels": LABELS,
        "count": 1,
        "ax": None,
    },
}
# Those that take no argument, anything, or what the library made; `save` and `load` have their own.
OTHERS = {
    *"FitResult Record Snapshot Tape detect_anomaly get_num_threads load no_grad save".split(),
    *"set_num_threads show_config stop_gradient".split(),
    *"tree.flatten tree.items tree.leaves tree.paths optim.Optimizer".split(),
}


def target(name):
    module, _, function = name.rpartition(".")
    return getattr(getattr(tg, module) if module else tg, function)


def test_every_public_function_is_called_here():
    modules = ["optim", "init", "data", "tree", "plot"]
    public = set(tg.__all__) - set(modules)
    public |= {f"{name}.{inner}" for name in modules for inner in getattr(tg, name).__all__}
    assert public == CALLS.keys() | OTHERS


WRONG = {
    "an object": object(),
    "text": "nope",
    "bytes": b"nope",
    "a complex number": 1j,
    "NaN": float("nan"),
    "-3": -3,
    "strings": np.array(["a", "b"]),
    "objects": np.array([None, "a"]),
    "a mask": np.ma.array(X, mask=X > 0),
    "a dict": {"a": 1},
    "a set": {1, 2},
    "a generator": iter(()),
}
NUMBERS = {"a complex number", "NaN", "-3"}
REALS = {"NaN", "-3"}
NEGATIVE = {"-3"}
TEXT = {"text"}
SEVERAL = {"a generator", "a set", "a dict"}
ANYTHING = set(WRONG)
REAL_ONLY = (
    "relu bias_relu leaky_relu elu selu sigmoid silu hard_sigmoid hard_swish gelu mish softplus"
).split()
# What is no mistake, by argument, and by function and argument.
RIGHT = {
    **dict.fromkeys("x kernel bias gamma beta mean variance image maps data".split(), NUMBERS),
    **dict.fromkeys("logits predictions targets labels outputs".split(), REALS),
    **dict.fromkeys("alpha negative_slope gain minval maxval value".split(), NEGATIVE),
    **dict.fromkeys("axis argnums".split(), NEGATIVE),
    **dict.fromkeys("name path source title".split(), TEXT),
    **dict.fromkeys("callbacks snapshots leaves".split(), SEVERAL),
    **dict.fromkeys("params values".split(), ANYTHING),
    "tree": ANYTHING,
    "structure": ANYTHING,
    "cotangent": NUMBERS,
    "grads": {"NaN"},
    "init.random_normal mean": NEGATIVE,
    "init.truncated_normal mean": NEGATIVE,
    "optim.cosine_decay alpha": set(),
    "optim.cosine_decay_restarts alpha": set(),
    "optim.piecewise_constant_decay values": SEVERAL,
    "optim.piecewise_constant_decay boundaries": {"a generator", "a set"},
    "Tensor data": NUMBERS,
    **{f"{name} x": REALS for name in REAL_ONLY},
    "data.batches x": ANYTHING - {"a mask"},
    "data.batches y": ANYTHING - {"a mask"},
    "predict x": ANYTHING - {"a mask"},
}
STEMS = {"indices": "ind"}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_named_with_its_function(name):
    function, valid = target(name), CALLS[name]
    called = name if name.startswith(("plot", "tree")) else name.split(".")[-1]
    for argument in valid:
        for label, value in WRONG.items():
            if label in RIGHT.get(f"{name} {argument}", RIGHT.get(argument, ())):
                continue
            with pytest.raises((TypeError, ValueError)) as raised:
                function(**valid | {argument: value})
            message = str(raised.value)
            assert message.startswith(f"{called}:"), (argument, label, message)
            assert STEMS.get(argument, argument.rstrip("s")) in message, (label, message)


OUT_OF_RANGE = [
    (lambda: tg.layer_norm(X, epsilon=-1), r"layer_norm: epsilon must be a number in \[0, inf\)"),
    (lambda: tg.batch_norm(X, epsilon=-V - 1), "batch_norm: epsilon must be a number in"),
    (lambda: tg.huber(X, X, delta=-2), "huber: delta must be a positive number, got -2"),
    (lambda: tg.dropout(X, np.array(2.0), RNG), "dropout: rate must be a number in"),
    (lambda: tg.gelu(X, np.array(1.0)), "gelu: approximate must be True or False"),
    (lambda: tg.softmax(X, 5), "softmax: axis 5 is out of bounds"),
    (lambda: tg.logsumexp(X, (0, 0)), "logsumexp: duplicate value in 'axis'"),
    (lambda: tg.kl_divergence(abs(X), abs(X), axis=2), "kl_divergence: axis 2 is out of bounds"),
    (lambda: tg.leaky_relu(X, np.ones(7)), "leaky_relu: operands .* negative_slope ndarray of"),
    (lambda: tg.grad(square_sum, np.array([0])), "grad: argnums must be an integer"),
    (lambda: tg.grad(square_sum, True), "grad: argnums must be an integer"),
    (lambda: tg.jvp(square_sum, (V,), ()), "jvp: tangents must be shaped like primals"),
    (
        lambda: tg.check_grads(square_sum, (V,), order=-3),
        "check_grads: order must be an integer of",
    ),
    (lambda: tg.check_grads(square_sum, iter((V,))), "check_grads: args must be a tuple or list"),
    (lambda: tg.check_grads(np.argmax, (V,)), "check_grads: f must return floats, not int64"),
    (lambda: tg.Tensor(None, dtype=float), "Tensor: data must be numbers, got None"),
    (lambda: tg.Tensor(V, dtype="nope"), "Tensor: data .* as dtype 'nope'"),
    (lambda: tg.tree.leaves({1: 0, "a": 0}), "tree: the keys of a dict are sorted"),
    (lambda: tg.init.random_normal(RNG, 2, stddev=-1), r"random_normal: stddev .* \[0, inf\)"),
    (lambda: tg.init.zeros(RNG, b"ab"), "zeros: shape must be an int or a tuple of ints"),
    (lambda: tg.conv2d(IMAGES, np.ones((1, 1, 2, 2)), stride=b"ab"), "conv2d: stride must be a"),
    (lambda: tg.optim.exponential_decay(-0.1, 9, 0.5), "exponential_decay: initial_learning_rate"),
    (lambda: tg.optim.piecewise_constant_decay([1], "ab"), "piecewise_constant_decay: values must"),
    (lambda: tg.data.load_mnist(1), "load_mnist: source must be a path"),
    (lambda: tg.predict(lambda p, x: 3.0, 0, X), "predict: .*apply must return one row an example"),
]


@pytest.mark.parametrize(("call", "message"), OUT_OF_RANGE)
def test_values_of_the_right_type_must_fit(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()


@pytest.mark.parametrize("rate", [-0.1, float("nan"), 1j, None, "0.1", np.ones(2)])
def test_a_schedule_must_return_a_rate(rate):
    optimizer = tg.optim.sgd(lambda step: rate)
    with pytest.raises(ValueError, match=r"^sgd: learning_rate must be a schedule that returns"):
        optimizer.update(PARAMS, PARAMS, optimizer.init(PARAMS))


class Own(ValueError):
    """An error of the user's function."""


def fails(*args, **kwargs):
    raise Own("own")


OPTIMIZER = tg.optim.sgd(fails)
CALLBACKS = {
    "grad": lambda: tg.grad(fails)(V),
    "vjp": lambda: tg.vjp(fails, V),
    "jvp": lambda: tg.jvp(fails, (V,), (V,)),
    "hvp": lambda: tg.hvp(fails, (V,), (V,)),
    "jacobian": lambda: tg.jacobian(fails)(V),
    "checkpoint": lambda: tg.checkpoint(fails)(V),
    "check_grads": lambda: tg.check_grads(fails, (V,)),
    "tree.map": lambda: tg.tree.map(fails, V),
    "explain": lambda: tg.explain(fails, V),
    "loss": lambda: tg.evaluate(apply, PARAMS, DATA, loss=fails),
    "apply": lambda: tg.predict(fails, PARAMS, X),
    "callbacks": lambda: tg.fit(**CALLS["fit"] | {"callbacks": [fails]}),
    "loss_along": lambda: tg.plot.loss_along(fails, V, rng=RNG),
    "saliency": lambda: tg.plot.saliency(fails, V, IMAGES[0]),
    "schedule": lambda: OPTIMIZER.update(PARAMS, PARAMS, OPTIMIZER.init(PARAMS)),
    "operation": lambda: tg.primitive(fails)(V),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_an_error_of_the_users_function_comes_as_it_is(name):
    with pytest.raises(Own, match=r"^own$"):
        CALLBACKS[name]()


def test_a_checked_function_is_still_itself():
    assert tg.conv2d.__module__ == "tinygrad_np.ops.convolution"
    assert str(inspect.signature(tg.huber)).startswith("(predictions, targets, *, delta=1.0")

    @checked()
    def f(x, *, rate):
        return x, rate

    assert f(1.0, rate=0.5) == (1.0, 0.5)
    for args, options in (((1.0,), {}), ((1.0, 0.5), {}), ((1.0,), {"rate": 0.5, "speed": 1})):
        with pytest.raises(TypeError, match=r"\bf\(\) (missing|takes|got an unexpected)"):
            f(*args, **options)
