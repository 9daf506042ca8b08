"""Optimizers, clipping and schedules follow Keras's; updating changes none of its arguments."""

import copy
import pickle
import warnings

import numpy as np
import pytest

from tinygrad_np import optim, tree

KERAS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "adadelta": "Adadelta",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
}
CASES = [
    *((name, {}) for name in KERAS),
    ("sgd", {"learning_rate": 0.1, "momentum": 0.9}),
    ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("adam", {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("adam", {"amsgrad": True, "beta_2": 0.9}),
    ("adamw", {"weight_decay": 0.1, "learning_rate": 0.01, "amsgrad": True}),
    ("adadelta", {"learning_rate": 1.0}),
    ("adadelta", {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-4}),
    ("adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("rmsprop", {"learning_rate": 0.01, "rho": 0.8, "epsilon": 1e-4}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True, "epsilon": 1e-3}),
    ("rmsprop", {"momentum": 0.5, "centered": True, "epsilon": 1e-3}),
    ("sgd", {"clipnorm": 0.7}),
    ("sgd", {"clipvalue": 0.3, "momentum": 0.9}),
    ("adam", {"global_clipnorm": 1.5, "weight_decay": 0.01}),
    ("adadelta", {"global_clipnorm": 1e6, "weight_decay": 0.5, "learning_rate": 1.0}),
]
IDS = ["-".join([name, *arguments]) for name, arguments in CASES]
every_case = pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
every_optimizer = pytest.mark.parametrize("name", KERAS)


def make(name, **arguments):
    return getattr(optim, name)(**arguments)


def random_tree(seed, dtype=np.float32):
    """Leaves of several ranks, one of them not contiguous, in nested containers."""
    rng = np.random.default_rng(seed)
    leaves = {
        "conv": {"kernel": rng.normal(size=(3, 3, 2, 4)), "bias": rng.normal(size=4)},
        "list": [np.array(rng.normal()), rng.normal(size=(50, 7)).T],
    }
    return tree.map(lambda leaf: leaf.astype(dtype), leaves)


def run(optimizer, steps=3, dtype=np.float32):
    params = random_tree(0, dtype)
    state = optimizer.init(params)
    for step in range(steps):
        params, state = optimizer.update(params, random_tree(1 + step, dtype), state)
    return params, state


def assert_same(actual, expected):
    """The same containers, dtypes and bits."""
    assert tree.paths(actual) == tree.paths(expected)
    for a, b in zip(tree.leaves(actual), tree.leaves(expected), strict=True):
        assert (type(a), a.dtype, a.shape) == (type(b), b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


@every_case
def test_optimizers_follow_keras(name, arguments):
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.optimizers, KERAS[name])(**arguments)
    ours = make(name, **arguments)
    params = random_tree(0)
    # From zero, a leaf shows every bit of the small steps that numbers around 1 would round away.
    params["conv"]["bias"] = np.zeros(4, np.float32)
    variables = [keras.Variable(leaf) for leaf in tree.leaves(params)]
    state = ours.init(params)
    for step in range(25):
        grads = random_tree(1 + step)
        params, state = ours.update(params, grads, state)
        theirs.apply(list(map(keras.ops.convert_to_tensor, tree.leaves(grads))), variables)
        assert_close(tree.leaves(params), variables)
    for slot in ours.slots:
        their_slot = [v for v in theirs.variables if v.path.endswith(f"_{slot}")]
        assert_close(tree.leaves(state[slot]), their_slot)
    assert state["step"] == theirs.iterations


def assert_close(leaves, variables):
    """To float32 rounding: 1e-6 of each leaf's largest element."""
    for leaf, variable in zip(leaves, variables, strict=True):
        expected = np.asarray(variable)
        assert leaf.dtype == expected.dtype
        np.testing.assert_allclose(leaf, expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_schedule_is_asked_for_each_step_from_zero_as_by_keras(name):
    keras = pytest.importorskip("keras")
    schedule = keras.optimizers.schedules.PolynomialDecay(0.3, 4)
    theirs = getattr(keras.optimizers, KERAS[name])(schedule)
    ours = make(name, learning_rate=optim.polynomial_decay(0.3, 4))
    params, grads = random_tree(0), random_tree(1)
    variables = [keras.Variable(leaf) for leaf in tree.leaves(params)]
    state = ours.init(params)
    for _ in range(6):
        params, state = ours.update(params, grads, state)
        theirs.apply(list(map(keras.ops.convert_to_tensor, tree.leaves(grads))), variables)
    assert_close(tree.leaves(params), variables)


SCHEDULES = [
    ("exponential_decay", "ExponentialDecay", (0.1, 7, 0.6), {}),
    ("exponential_decay", "ExponentialDecay", (0.1, 7, 0.6), {"staircase": True}),
    ("inverse_time_decay", "InverseTimeDecay", (0.1, 7, 0.6), {}),
    ("inverse_time_decay", "InverseTimeDecay", (0.1, 7, 0.6), {"staircase": True}),
    ("polynomial_decay", "PolynomialDecay", (0.1, 13), {}),
    ("polynomial_decay", "PolynomialDecay", (0.1, 13, 0.02), {"power": 0.5}),
    ("polynomial_decay", "PolynomialDecay", (0.1, 13, 0.02), {"power": 2.0, "cycle": True}),
    ("piecewise_constant_decay", "PiecewiseConstantDecay", ([5, 20], [0.3, 0.2, 0.1]), {}),
    ("cosine_decay", "CosineDecay", (0.1, 21), {}),
    ("cosine_decay", "CosineDecay", (0.1, 21), {"alpha": 0.25, "warmup_steps": 9}),
    (
        "cosine_decay",
        "CosineDecay",
        (0.01, 21),
        {"alpha": 0.1, "warmup_target": 0.2, "warmup_steps": 9},
    ),
    ("cosine_decay_restarts", "CosineDecayRestarts", (0.1, 6), {}),
    (
        "cosine_decay_restarts",
        "CosineDecayRestarts",
        (0.1, 6),
        {"t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1},
    ),
    ("cosine_decay_restarts", "CosineDecayRestarts", (0.1, 6), {"t_mul": 1.3, "m_mul": 0.5}),
]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_optimizers_and_schedules_can_be_pickled_and_copied(copied):
    schedules = [
        getattr(optim, name)(*positional, **keyword) for name, _, positional, keyword in SCHEDULES
    ]
    optimizers = [make(name, **arguments) for name, arguments in CASES]
    optimizers += [make(name, learning_rate=rate) for name in KERAS for rate in schedules]
    for optimizer in optimizers:
        assert_same(run(copied(optimizer)), run(optimizer))


@pytest.mark.parametrize(("name", "keras_name", "positional", "keyword"), SCHEDULES)
def test_schedules_equal_keras(name, keras_name, positional, keyword):
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.optimizers.schedules, keras_name)(*positional, **keyword)
    ours = getattr(optim, name)(*positional, **keyword)
    steps = range(60)
    # Keras counts in float32, and the cosine near its end is the difference of two numbers near 1.
    np.testing.assert_allclose(
        [ours(step) for step in steps], [float(theirs(step)) for step in steps], 2e-6, 1e-7
    )


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("clip_by_global_norm", "global_clipnorm"),
        ("clip_by_norm", "clipnorm"),
        ("clip_by_value", "clipvalue"),
    ],
)
@pytest.mark.parametrize("bound", [0.5, 1e3])
def test_clipping_equals_keras(name, argument, bound):
    keras = pytest.importorskip("keras")
    grads = random_tree(0) | {"zero": np.zeros(3, np.float32)}
    theirs = keras.optimizers.SGD(1.0, **{argument: bound})
    expected = theirs._clip_gradients([keras.ops.convert_to_tensor(g) for g in tree.leaves(grads)])
    clipped = getattr(optim, name)(grads, bound)
    assert tree.paths(clipped) == tree.paths(grads)
    for leaf, wanted in zip(tree.leaves(clipped), expected, strict=True):
        assert leaf.dtype == np.float32
        np.testing.assert_allclose(leaf, wanted, rtol=1e-6)


@every_case
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_shapes_and_structure_are_kept(name, arguments, dtype):
    params, state = run(make(name, **arguments), dtype=dtype)
    for result in (params, *(slot for key, slot in state.items() if key != "step")):
        assert tree.paths(result) == tree.paths(random_tree(0))
        for leaf, before in zip(tree.leaves(result), tree.leaves(random_tree(0)), strict=True):
            assert isinstance(leaf, np.ndarray)
            assert (leaf.dtype, leaf.shape) == (dtype, before.shape)


@every_optimizer
def test_numpy_scalars_as_arguments_do_not_change_the_dtype(name):
    rate = {"learning_rate": lambda step: np.float64(0.1)}
    momentum = {"momentum": np.float64(0.9)} if name in ("sgd", "rmsprop") else {}
    for arguments in (rate, {"learning_rate": np.float64(0.1)} | momentum):
        params, state = run(make(name, **arguments))
        leaves = tree.leaves((params, [state[key] for key in state if key != "step"]))
        assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float32)}


def test_gradients_are_taken_in_the_parameters_dtype():
    params, grads = random_tree(0), random_tree(1, np.float64)
    optimizer = optim.adam()
    rounded = tree.map(lambda g: g.astype(np.float32), grads)
    assert_same(
        optimizer.update(params, grads, optimizer.init(params)),
        optimizer.update(params, rounded, optimizer.init(params)),
    )


@every_case
def test_update_changes_none_of_its_arguments_and_shares_no_memory_with_them(name, arguments):
    optimizer = make(name, **arguments)
    params, grads = random_tree(0), random_tree(1)
    before = (params, grads, optimizer.init(params))
    kept = copy.deepcopy(before)
    after = optimizer.update(*before)
    assert_same(before, kept)
    assert_same(optimizer.update(*before), after)
    for new in tree.leaves(after):
        assert not any(np.shares_memory(new, old) for old in tree.leaves(before))


@every_case
def test_blocks_and_threads_change_no_bit(name, arguments, monkeypatch):
    whole = run(make(name, **arguments))
    monkeypatch.setattr(optim, "BLOCK", 16)
    assert_same(run(make(name, **arguments)), whole)


@every_case
def test_the_state_is_a_tree_to_save_and_go_on_from(name, arguments):
    optimizer = make(name, **arguments)
    params, state = run(optimizer)
    leaves, structure = tree.flatten((params, state))
    assert all(isinstance(leaf, np.ndarray) for leaf in leaves)
    again = tree.unflatten(structure, [leaf.copy() for leaf in leaves])
    grads = random_tree(9)
    assert_same(optimizer.update(again[0], grads, again[1]), optimizer.update(params, grads, state))


@every_optimizer
def test_gradients_may_be_nan_or_infinite(name):
    params = {"a": np.ones(4, np.float32), "b": np.ones(2, np.float32)}
    bad = np.array([np.nan, np.inf, 3e38, 1], np.float32)
    grads = {"a": bad, "b": np.ones(2, np.float32)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for clipping in ({}, {"clipnorm": 1.0}, {"clipvalue": 1.0}, {"global_clipnorm": 1.0}):
            optimizer = make(name, **clipping)
            new, state = optimizer.update(params, grads, optimizer.init(params))
            assert np.isnan(new["a"][0])
            assert state["step"] == 1
            assert np.isfinite(new["b"]).all() == ("global_clipnorm" not in clipping)


def test_python_numbers_and_arrays_without_elements_are_leaves_too():
    optimizer = optim.sgd(0.5, momentum=0.5)
    params = {"empty": np.empty((0, 3), np.float32), "number": 1.0}
    new, _ = optimizer.update(params, params, optimizer.init(params))
    assert_same(new, {"empty": params["empty"], "number": np.array(0.5)})


W, B = np.ones((2, 3), np.float32), np.ones(3, np.float32)
PARAMS = {"dense": {"kernel": W, "bias": B}}


@every_optimizer
@pytest.mark.parametrize(
    ("grads", "error", "message"),
    [
        ({"dense": {"kernel": W}}, ValueError, "has 'dense/kernel' where params has 'dense/bias'"),
        ({}, ValueError, "has no leaf where params has 'dense/bias'"),
        (
            {"dense": {"kernel": W, "bias": None}},
            ValueError,
            "has 'dense/kernel' where params has 'dense/bias'",
        ),
        (
            {"dense": {"kernel": W, "bias": B, "scale": B}},
            ValueError,
            "has 'dense/scale' where params has no leaf",
        ),
        (
            {"dense": {"kernel": W, "bias": {"inner": B}}},
            ValueError,
            "has 'dense/bias/inner' where params has 'dense/bias'",
        ),
        (
            {"dense": {"kernel": W.T, "bias": B}},
            ValueError,
            r"at 'dense/kernel' has shape \(3, 2\), but params \(2, 3\)",
        ),
        (
            {"dense": {"kernel": W, "bias": B.astype(int)}},
            TypeError,
            "at 'dense/bias' is int64, expected floats",
        ),
    ],
)
def test_misfitting_gradients_are_named(name, grads, error, message):
    optimizer = make(name)
    with pytest.raises(error, match=f"^{name}: grads {message}"):
        optimizer.update(PARAMS, grads, optimizer.init(PARAMS))


@every_optimizer
@pytest.mark.parametrize("leaf", [np.arange(3), 1 + 0j * B, B > 0, np.array("a"), "a"])
def test_parameters_must_be_floats(name, leaf):
    params = {"dense": {"kernel": W, "bias": leaf}}
    optimizer = make(name)
    message = f"^{name}: params at 'dense/bias' is .*, expected floats"
    with pytest.raises(TypeError, match=message):
        optimizer.init(params)
    with pytest.raises(TypeError, match=message):
        optimizer.update(params, params, optimizer.init(PARAMS))


@pytest.mark.parametrize("name", ["adam", "clip_by_norm", "clip_by_global_norm", "clip_by_value"])
def test_masks_and_imaginary_parts_are_not_lost(name):
    function = getattr(optim, name)
    call = function().init if name == "adam" else lambda grads: function(grads, 1.0)
    for leaf, message in ((np.ma.array(B, mask=B > 0), "plain array"), (1j * B, "expected floats")):
        with pytest.raises(TypeError, match=f"^{name}: (params|grads) at 'a' .*{message}"):
            call({"a": leaf})


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (optim.sgd().init(PARAMS), r"state holds \['step'\], expected \['step', 'momentum', 'vel"),
        (PARAMS, r"state holds \['dense'\], expected \['step', "),
        (None, "state holds NoneType, expected"),
        (optim.adam().init(W), "momentum has '' where params has 'dense/bias'"),
        (
            optim.adam().init({"dense": {"kernel": B, "bias": B}}),
            r"momentum at 'dense/kernel' has shape \(3,\), but params \(2, 3\)",
        ),
    ],
)
def test_a_state_of_something_else_is_named(state, message):
    with pytest.raises(ValueError, match=f"^adam: {message}"):
        optim.adam().update(PARAMS, PARAMS, state)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        *(
            (name, bad, message)
            for name in KERAS
            for bad, message in [
                (
                    {"learning_rate": -0.1},
                    r"learning_rate must be a number in \[0, inf\) or a schedule, got -0.1",
                ),
                ({"learning_rate": float("nan")}, "learning_rate must be a number in"),
                (
                    {"learning_rate": "fast"},
                    "learning_rate must be a number in \\[0, inf\\) or a schedule, got 'fast'",
                ),
                (
                    {"weight_decay": -1.0},
                    r"weight_decay must be None or a number in \[0, inf\), got -1.0",
                ),
                ({"clipnorm": 0.0}, r"clipnorm must be None or a number in \(0, inf\), got 0.0"),
                ({"clipvalue": -1}, r"clipvalue must be None or a number in \(0, inf\), got -1"),
                (
                    {"global_clipnorm": "a"},
                    "global_clipnorm must be None or a number in \\(0, inf\\), got 'a'",
                ),
                (
                    {"clipnorm": 1, "clipvalue": 1},
                    "clipnorm and clipvalue were given, expected one of them",
                ),
            ]
        ),
        *(
            (name, {argument: 1.0}, rf"{argument} must be a number in \[0, 1\), got 1.0")
            for name, argument in [
                ("sgd", "momentum"),
                ("adam", "beta_1"),
                ("adamw", "beta_2"),
                ("adadelta", "rho"),
                ("rmsprop", "rho"),
                ("rmsprop", "momentum"),
            ]
        ),
        *(
            (name, {"epsilon": -1}, "epsilon must be a number in")
            for name in KERAS
            if name != "sgd"
        ),
        (
            "adagrad",
            {"initial_accumulator_value": -1},
            "initial_accumulator_value must be a number in",
        ),
        ("clip_by_global_norm", {"grads": PARAMS, "max_norm": 0}, "max_norm must be a number in"),
        ("clip_by_norm", {"grads": PARAMS, "max_norm": None}, "max_norm must be a number in"),
        ("clip_by_value", {"grads": PARAMS, "max_value": -1}, "max_value must be a number in"),
        (
            "piecewise_constant_decay",
            {"boundaries": [1], "values": [1]},
            "1 values came with 1 boundaries, expected 2",
        ),
        (
            "piecewise_constant_decay",
            {"boundaries": [2, 1], "values": [1, 2, 3]},
            r"boundaries must increase, got \[2, 1\]",
        ),
        (
            "cosine_decay",
            {"initial_learning_rate": 0.1, "decay_steps": 9, "warmup_steps": -1},
            "warmup_steps must be a number in",
        ),
        (
            "cosine_decay_restarts",
            {"initial_learning_rate": 0.1, "first_decay_steps": 9, "t_mul": 0.5},
            r"t_mul must be a number in \[1, inf\), got 0.5",
        ),
        *(
            (name, {"initial_learning_rate": 0.1, steps: 0} | rest, f"{steps} must be a number in")
            for name, steps, rest in [
                ("exponential_decay", "decay_steps", {"decay_rate": 0.5}),
                ("inverse_time_decay", "decay_steps", {"decay_rate": 0.5}),
                ("polynomial_decay", "decay_steps", {}),
                ("cosine_decay", "decay_steps", {}),
                ("cosine_decay_restarts", "first_decay_steps", {}),
            ]
        ),
    ],
)
def test_arguments_out_of_range_are_named(function, arguments, message):
    with pytest.raises((ValueError, TypeError), match=f"^{function}: {message}"):
        make(function, **arguments)
