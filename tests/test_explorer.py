"""The explorable page, read without a browser: its arrays, its texts, its refusals."""

import base64
import gzip
import json
import re

import numpy as np
import pytest

import tinygrad_np as tg
from models import mnist_cnn
from tinygrad_np.explorer import dependence
from tinygrad_np.explorer.arrays import Arrays, kept_indices
from tinygrad_np.explorer.calls import watch


def read(path):
    """The data of a page, and for every frame its arrays (or what is kept of them)."""
    text = path.read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    for i, frame in enumerate(data["frames"]):
        packed = re.search(rf'id="blob{i}">(.*?)</script>', text)[1]
        blob = gzip.decompress(base64.b64decode(packed))
        frame["arrays"] = [unpack(described, blob) for described in frame["arrays"]]
    return data


def unpack(described, blob):
    kept = described.get("kept") or [None] * len(described["shape"])
    shape = [n if k is None else len(k) for n, k in zip(described["shape"], kept, strict=True)]
    count = int(np.prod(shape))
    array = np.frombuffer(blob, f"<{described['stored']}", count, described["at"]).reshape(shape)
    return array.astype(described["dtype"])


def model(params, images, labels):
    return tg.softmax_cross_entropy(mnist_cnn.apply(params, images), labels)


@pytest.fixture(scope="module")
def digits():
    (images, labels), _ = tg.data.load_mnist()
    return images[:1], labels[:1]


def test_the_page_of_the_mnist_cnn_holds_the_tapes_own_numbers(tmp_path, digits):
    params = mnist_cnn.init(np.random.default_rng(0))
    path = tg.explain(model, params, *digits, path=tmp_path / "cnn.html")
    assert path.stat().st_size < 5e6
    data = read(path)
    (frame,) = data["frames"]
    _, grads = tg.value_and_grad(model)(params, *digits)
    _, image_gradient = tg.value_and_grad(model, argnums=1)(params, *digits)
    wanted = dict(tg.tree.items(params)), dict(tg.tree.items(grads))
    named = {v["name"]: i for i, v in enumerate(data["values"]) if v["name"]}
    assert set(wanted[0]) | {"images"} == set(named)
    for name, i in named.items():
        value, gradient = (frame["arrays"][frame[part][i]] for part in ("values", "grads"))
        if name == "images":
            np.testing.assert_array_equal(gradient, image_gradient)
        elif name != "dense1/kernel":  # too large to be there in full
            np.testing.assert_array_equal(value, wanted[0][name])
            np.testing.assert_array_equal(gradient, wanted[1][name])
    described = [d["op"] for d in data["records"]]
    assert described[:3] == ["conv2d", "bias_relu", "conv2d"]
    assert described[-1] == "mean"
    assert data["records"][0]["calls"][-2][1] == "apply"
    assert "tg.conv2d(x" in data["records"][0]["calls"][-2][2]


def test_of_a_large_array_the_kept_elements_are_true_ones(tmp_path):
    m = np.random.default_rng(0).normal(size=(700, 900))
    path = tg.explain(lambda m: np.sum(m * m), m, path=tmp_path / "large.html")
    text = path.read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    number = data["frames"][0]["values"][0]
    described = data["frames"][0]["arrays"][number]
    kept = read(path)["frames"][0]["arrays"][number]
    np.testing.assert_array_equal(kept, m[np.ix_(*described["kept"])])
    assert described["min"] == m.min()
    assert described["max"] == m.max()


def test_equal_arrays_are_stored_once():
    arrays = Arrays(limit=100)
    assert arrays.add(np.ones(3)) == arrays.add(np.ones(3))
    assert arrays.add(np.ones(3)) != arrays.add(np.ones(3, np.float32))
    assert arrays.add(np.array([1, 1, 1])) != arrays.add(np.ones(3))


@pytest.mark.parametrize(
    ("shape", "images", "wanted"),
    [
        ((3, 4), False, None),
        ((100, 2), False, (25, 2)),
        ((), False, None),
        ((0, 10**6), False, None),
        ((10, 5, 5, 2), True, (1, 5, 5, 2)),
        ((10, 2, 2, 2), True, (6, 2, 2, 2)),
        ((2, 40, 40, 1), True, (1, 5, 10, 1)),
    ],
)
def test_large_arrays_are_thinned_to_the_limit(shape, images, wanted):
    kept = kept_indices(shape, 50, images)
    assert (kept and tuple(map(len, kept))) == wanted
    if kept:
        assert all(np.all(np.diff(places) > 0) for places in kept)


DTYPES = ["?", "i1", "u2", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype_keep_their_values(dtype):
    values = np.array([0, 1, 3], dtype)
    arrays = Arrays(10)
    number = arrays.add(values)
    blob = gzip.decompress(base64.b64decode(arrays.packed()))
    np.testing.assert_array_equal(unpack(arrays.described[number], blob), values)


def odd(x, y, z):
    empty = np.sum(np.zeros((0, 3)) * z)
    return np.sum(np.log(x)) + np.sum(np.real(y * np.conj(y))) + empty


def test_odd_values_and_a_hostile_title_give_a_page_of_well_formed_data(tmp_path):
    hostile = "</script><script>alert(1)</script>"
    with np.errstate(all="ignore"):
        x = np.array([1.0, 0.0, -1.0, np.inf])
        path = tg.explain(
            odd, x, np.array([1 + 2j]), np.zeros((0, 3)), path=tmp_path / "odd.html", title=hostile
        )
    text = path.read_text()
    assert hostile not in text
    data = read(path)
    assert data["title"] == hostile
    (frame,) = data["frames"]
    log = next(record for record in data["records"] if record["op"] == "log")
    logs = frame["arrays"][frame["values"][log["outputs"][0]]]
    np.testing.assert_array_equal(logs, [0, -np.inf, np.nan, np.inf])
    names = [value["name"] for value in data["values"]]
    assert {"x", "y", "z"} <= set(names)


def test_a_name_cannot_end_the_script(tmp_path):
    x = tg.Tensor(2.0, requires_grad=True, name="</script><b>")
    path = np.sin(x).tape().explain(tmp_path / "name.html")
    assert "</script><b>" not in path.read_text()
    assert "</script><b>" in [value["name"] for value in read(path)["values"]]


def test_a_lone_surrogate_in_a_name_or_a_title_stays_what_it_is(tmp_path):
    odd = "\\\ud800 and \U0001f600"
    x = tg.Tensor(2.0, requires_grad=True, name=odd)
    op = tg.primitive(lambda x: x * 1, name=odd)
    op.defvjp(lambda g, y, x: g)
    data = read(op(x).tape().explain(tmp_path / "page.html", title=odd))
    assert data["title"] == data["records"][0]["op"] == data["values"][0]["name"] == odd


def test_operations_of_one_name_are_told_apart(tmp_path):
    def mean(x):
        """The geometric mean."""
        return np.exp(np.mean(np.log(x)))

    def vjp(g, y, x):
        return g * y / (x.size * x)

    own = tg.primitive(mean)
    own.defvjp(vjp)
    x = np.array([1.0, 2.0, 8.0])
    data = read(tg.explain(lambda x: own(x) + np.mean(x), x, path=tmp_path / "page.html"))
    told = [data["explanations"][r["explanation"]] for r in data["records"] if r["op"] == "mean"]
    assert [explained["story"] for explained in told] == ["", "mean"]
    assert told[0]["summary"] == "The geometric mean."
    assert told[1]["summary"] == "Compute the arithmetic mean along the specified axis."
    with pytest.raises(ValueError, match="other operations"):
        tg.explain(
            lambda at, x: (own if at.data == 2 else np.mean)(x * at),
            1.0,
            x,
            path=tmp_path / "none.html",
            snapshots=[tg.Snapshot(0, 0.5, 2.0)],
        )


def test_a_value_used_twice_has_the_sum_of_what_its_uses_send(tmp_path):
    data = read(tg.explain(lambda x: x * x + np.sin(x), 0.7, path=tmp_path / "twice.html"))
    (frame,) = data["frames"]
    x = next(i for i, value in enumerate(data["values"]) if value["name"] == "x")
    uses = data["values"][x]["uses"]
    assert len(uses) == 3
    sent = [frame["arrays"][frame["sent"][f"{n}/{p}"]] for n, p in uses]
    np.testing.assert_allclose(sent, [0.7, 0.7, np.cos(0.7)], rtol=1e-15)
    np.testing.assert_allclose(frame["arrays"][frame["grads"][x]], 1.4 + np.cos(0.7), rtol=1e-15)


def test_snapshots_make_one_frame_each_and_one_for_the_end(tmp_path, digits):
    params = mnist_cnn.init(np.random.default_rng(0), filters=(2,), hidden=())
    (images, labels), _ = tg.data.load_mnist()
    result = tg.fit(
        mnist_cnn.apply,
        params,
        (images[:64], labels[:64]),
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.sgd(0.1),
        epochs=1,
        batch_size=16,
        rng=np.random.default_rng(0),
        snapshots=(0, 2, 3, 99),
        progress=False,
    )
    assert [snapshot.step for snapshot in result.snapshots] == [0, 2, 3]
    assert result.snapshots[0].params is params
    path = tg.explain(
        model, result.params, *digits, path=tmp_path / "p.html", snapshots=result.snapshots
    )
    data = read(path)
    assert [frame["step"] for frame in data["frames"]] == [0, 2, 3, None]
    kernel = next(i for i, value in enumerate(data["values"]) if value["name"] == "conv1/kernel")
    all_params = [snapshot.params for snapshot in result.snapshots] + [result.params]
    for frame, kept in zip(data["frames"], all_params, strict=True):
        shown = frame["arrays"][frame["values"][kernel]]
        np.testing.assert_array_equal(shown, kept["conv1"]["kernel"])


CONSTANTS = [
    np.sqrt(3),
    np.float32(2),
    np.arange(4.0).std(),
    np.arange(3.0),
    np.bool_(True),
    2,
    1.5,
]


@pytest.mark.parametrize("constant", CONSTANTS)
def test_constants_of_every_kind_are_on_the_page(tmp_path, constant):
    x = np.array([1.0, 2.0, 4.0])
    data = read(tg.explain(lambda x: np.sum(constant * x), x, path=tmp_path / "page.html"))
    (constant_input,) = [
        given
        for given in data["records"][0]["inputs"]
        if "text" in given or data["values"][given["value"]]["name"] != "x"
    ]
    if "text" in constant_input:
        assert constant_input["text"] == repr(constant)
    else:
        frame = data["frames"][0]
        shown = frame["arrays"][frame["values"][constant_input["value"]]]
        np.testing.assert_array_equal(shown, constant)


def branchy(x):
    return np.sin(x) if x.data > 0 else np.cos(np.exp(x))


REFUSED = [
    (lambda x: 3.0, (1.0,), {}, TypeError, "must return a Tensor"),
    (3, (1.0,), {}, TypeError, "f must be a function, got 3"),
    (lambda x: np.sum(x * 2), (np.arange(3),), {}, TypeError, "of floating-point arguments"),
    (lambda x: x, (1.0,), {}, ValueError, "no operation led to the result"),
    (lambda x: x * 2, (1.0,), {"snapshots": [1]}, TypeError, "those of a FitResult, not 1"),
    (lambda x: tg.stop_gradient(x), (1.0,), {}, ValueError, "depends on none"),
    (lambda x: x * 2, (np.ones(3),), {}, ValueError, "not a scalar"),
    (lambda x: x * 2, (np.ones(3),), {"cotangent": np.ones(2)}, ValueError, "cotangent has shape"),
    (
        branchy,
        (1.0,),
        {"snapshots": [tg.Snapshot(0, 0.5, -1.0)]},
        ValueError,
        "the snapshot of step 0",
    ),
]


@pytest.mark.parametrize(("f", "args", "options", "error", "words"), REFUSED)
def test_what_cannot_be_shown_is_refused_and_nothing_is_written(
    tmp_path, f, args, options, error, words
):
    with pytest.raises(error, match=words):
        tg.explain(f, *args, path=tmp_path / "page.html", **options)
    assert not list(tmp_path.iterdir())


def test_a_tape_that_was_let_go_says_so(tmp_path):
    y = np.sin(tg.Tensor(1.0, requires_grad=True))
    tape = y.tape()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_tape=True"):
        tape.explain(tmp_path / "page.html")


def test_explaining_leaves_the_tape_and_the_gradients_alone(tmp_path):
    x = tg.Tensor(1.5, requires_grad=True)
    y = np.sin(x)
    y.tape().explain(tmp_path / "page.html")
    assert x.grad is None
    y.backward()
    assert x.grad == np.cos(1.5)


# How elements depend on one another


def record_of(f, *args):
    tensors = [tg.Tensor(arg, requires_grad=True) for arg in args]
    return f(*tensors).tape()[-1]


def test_the_slopes_of_an_elementwise_operation_are_its_derivative():
    x = np.linspace(-1.0, 2.0, 7)
    np.testing.assert_allclose(
        dependence.local_derivative(record_of(np.tanh, x), 0), 1 - np.tanh(x) ** 2
    )
    assert dependence.local_derivative(record_of(np.sum, x), 0) is None


def test_the_jacobian_is_that_of_the_function():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 3))
    a = a @ a.T + np.eye(3)
    found = dependence.jacobian(record_of(np.linalg.solve, a, b[:, 0]), 0)
    wanted = tg.jacobian(lambda a: np.linalg.solve(a, b[:, 0]))(a)
    np.testing.assert_allclose(found, wanted)
    assert dependence.jacobian(record_of(np.sort, np.arange(50.0)), 0) is None  # too large


MOVES = [
    lambda x: np.transpose(x),
    lambda x: np.reshape(x, (2, -1)),
    lambda x: x[1:, ::-1],
    lambda x: x[np.array([0, 2, 0])],
    lambda x: np.concatenate([x, x * 1, x], axis=1),
    lambda x: np.flip(np.roll(x, 2, axis=0)),
    lambda x: np.pad(x, 1),
]


@pytest.mark.parametrize("move", MOVES)
def test_what_moves_numbers_says_where_each_came_from(move):
    x = np.random.default_rng(0).normal(size=(3, 4))
    record = record_of(move, x)
    source = dependence.source(record)
    everything = np.concatenate([a.ravel() for a in record.args if isinstance(a, np.ndarray)])
    found = np.where(source >= 0, everything[source], 0)
    np.testing.assert_array_equal(found, record.output)


@pytest.mark.parametrize("f", [np.sum, np.tanh, lambda x: x * 2])
def test_what_computes_has_no_source(f):
    assert dependence.source(record_of(f, np.arange(4.0))) is None


def test_the_largest_terms_and_the_rest_add_up_to_the_sum():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=50), rng.normal(size=(50, 7))
    places, weights, rest = dependence.largest_terms(x, kernel, 5)
    sizes = np.sort(np.abs(x[:, None] * kernel), axis=0)[::-1]
    np.testing.assert_allclose(np.abs(x[places] * weights).T, sizes[:5])
    np.testing.assert_allclose((x[places] * weights).sum(axis=1) + rest, x @ kernel)


# Who called what


def helper(x):
    return np.sin(x) * 2


def outer(x):
    return helper(x) + helper(x + 1)


def test_every_record_knows_the_calls_and_the_line_that_led_to_it():
    result, calls = watch(outer, tg.Tensor(1.0, requires_grad=True))
    paths = [[call.function for call in calls[record]] for record in result.tape()]
    helpers = ["outer", "helper"]
    assert paths == [helpers, helpers, ["outer"], helpers, helpers, ["outer"]]
    numbers = {calls[record][1].number for record in result.tape() if len(calls[record]) == 2}
    assert len(numbers) == 2
    assert calls[result.tape()[0]][-1].line == "return np.sin(x) * 2"


def test_a_profiler_that_was_there_before_is_there_after():
    import sys

    def profiler(*_):
        return None

    sys.setprofile(profiler)
    try:
        watch(outer, tg.Tensor(1.0, requires_grad=True))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
