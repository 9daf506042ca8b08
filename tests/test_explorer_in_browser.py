"""The explorable page in a real browser: what a person does with it, and what it then says."""

import re

import numpy as np
import pytest

import tinygrad_np as tg
from models import mnist_cnn
from tests import browser
from tinygrad_np.core.primitive import no_flops

TIGHT = 1e-5  # of float32 sums, added up in another order


def loss_fn(params, images, labels):
    return tg.softmax_cross_entropy(mnist_cnn.apply(params, images), labels)


@pytest.fixture(scope="module")
def small():
    """A small CNN, one image, a label, and its tape."""
    params = mnist_cnn.init(np.random.default_rng(0), filters=(4, 6), hidden=(8,))
    (images, labels), _ = tg.data.load_mnist()
    return params, images[:1], labels[:1]


@pytest.fixture(scope="module")
def cnn(small, tmp_path_factory):
    return tg.explain(loss_fn, *small, path=tmp_path_factory.mktemp("page") / "cnn.html")


def cell(w, u, h, x):
    return np.tanh(w @ h + u * x)


def recurrent(w, u, xs):
    h = np.zeros(3)
    for x in xs:
        h = cell(w, u, h, x)
    return np.sum(h * h)


def perceptron(params, x, y):
    h = np.maximum(x @ params["w1"] + params["b1"], 0)
    p = tg.softmax(h @ params["w2"])
    return np.mean((p - y) ** 2)


def scalars(a, b):
    c = a + b
    c = c + c * a
    return c**2 / b + np.sin(c)


def linear_algebra(a, b):
    x = np.linalg.solve(a @ a.T + np.eye(3), b)
    return np.sum(np.sort(x) * np.cumsum(x)) + np.concatenate([x[::-1], b])[2:5] @ b


def complexes(z):
    return np.sum(np.abs(np.fft.fft(z * (1 + 2j))) ** 2) + np.real(
        np.sum(np.conj(z) * z[::-1] * 2j)
    )


def heads(x, w):
    q = np.transpose(np.reshape(x @ w, (3, 2, 2)), (1, 0, 2))
    return np.sum((tg.softmax(q @ np.swapaxes(q, -1, -2)) @ q @ w[:2, :2]) ** 2)


def pools(x, kernel, bias):
    y = tg.conv2d(x, kernel, bias, stride=2, padding="same", dilation=1, groups=2)
    return np.sum(tg.avg_pool2d(y, 3, stride=1) * tg.max_pool2d(y, 3, stride=1, padding="valid"))


def biased(x, bias):
    return np.sum(tg.bias_relu(x, bias) ** 2)


def masked(x):
    some = np.array([True, False, True])
    parts = np.sum(x, where=some) * np.mean(x, where=some) + np.sum(x, initial=5.0)
    root = np.where(x > 1, np.sqrt(np.maximum(x - 1, 0)), 0)
    return parts + np.sum(root) + tg.softmax(np.stack([x, x * 2]), axis=(0, 1))[0] @ x


def own(name, forward, *vjps, **options):
    op = tg.primitive(forward, name=name, **options)
    op.defvjp(*vjps)
    return op


def cube(name):
    return own(name, lambda x: x**3, lambda g, y, x: g * 3 * x**2)


rng = np.random.default_rng(0)
# Under names of the library's operations, of JavaScript's objects, and of no language.
OWN = {
    "mean": (
        own("mean", lambda x: np.exp(np.mean(np.log(x))), lambda g, y, x: g * y / (x.size * x)),
        np.array([1.0, 2.0, 8.0]),
    ),
    "sum": (
        own("sum", lambda x: np.sort(x), lambda g, y, x: g[np.argsort(np.argsort(x))]),
        rng.normal(size=4),
    ),
    "multiply": (
        own(
            "multiply",
            lambda x, y: x * y**2,
            lambda g, z, x, y: g * y**2,
            lambda g, z, x, y: np.sum(g * 2 * x * y, axis=0),
        ),
        *(rng.normal(size=(40, 30)), rng.normal(size=30)),
    ),
    "dense": (own("dense", lambda x: x * 2, lambda g, y, x: g * 2), rng.normal(size=3)),
    "softmax": (
        own(
            "softmax",
            lambda x: x / x.sum(),
            lambda g, y, x: (g - np.sum(g * y)) / np.sum(x),
        ),
        np.array([1.0, 2.0, 5.0]),
    ),
    "conv2d": (  # of channels first, and filters of one pixel
        own(
            "conv2d",
            lambda x, k: np.einsum("nchw,fc->nfhw", x, k),
            lambda g, y, x, k: np.einsum("nfhw,fc->nchw", g, k),
            lambda g, y, x, k: np.einsum("nfhw,nchw->fc", g, x),
        ),
        *(rng.normal(size=(1, 2, 3, 3)), rng.normal(size=(2, 2))),
    ),
    "add": (own("add", lambda x: x * 1, lambda g, y, x: np.clip(g, -0.1, 0.1)), rng.normal(size=3)),
    "flip": (
        own("flip", lambda x: x[::-1], lambda g, y, x: np.clip(g[::-1], -0.1, 0.1), flops=no_flops),
        rng.normal(size=3),
    ),
    "max_pool2d": (
        own("max_pool2d", lambda x: np.max(x), lambda g, y, x: g * (x == y)),
        rng.normal(size=4),
    ),
    **{
        name: (cube(name), rng.normal(size=3))
        for name in ("constructor", "toString", "hasOwnProperty", "__proto__", "odd \ud800", "</b>")
    },
}
FUNCTIONS = {
    "biased": (biased, rng.normal(size=(2, 3, 4)), rng.normal(size=4)),
    "recurrent": (recurrent, rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=4)),
    "perceptron": (
        perceptron,
        {"w1": rng.normal(size=(4, 5)), "b1": rng.normal(size=5), "w2": rng.normal(size=(5, 3))},
        rng.normal(size=(6, 4)),
        np.eye(3)[[0, 1, 2, 0, 1, 2]],
    ),
    "scalars": (scalars, -4.0, 2.0),
    "linear_algebra": (linear_algebra, rng.normal(size=(3, 3)), rng.normal(size=3)),
    "masked": (masked, np.array([1.0, 2.0, 8.0])),
    "complexes": (complexes, rng.normal(size=4) + 1j * rng.normal(size=4)),
    "heads": (heads, rng.normal(size=(3, 4)), rng.normal(size=(4, 4))),
    "pools": (pools, *(rng.normal(size=n) for n in ((2, 9, 8, 4), (3, 2, 2, 6), 6))),
}


def show(chromium, path, **window):
    browser.visit(chromium, path.as_uri(), **window)
    wait(chromium, "document.body.dataset.ready === 'true'")


def wait(chromium, condition):
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(chromium, 20).until(lambda c: c.execute_script(f"return {condition}"))


def go(chromium, step):
    chromium.execute_async_script(f"go({step}).then(arguments[0])")


def press(chromium, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(chromium).send_keys(*keys).perform()


def hover(chromium, key, index):
    """Move the real pointer over an element of a picture."""
    from selenium.webdriver.common.action_chains import ActionChains

    x, y = chromium.execute_script(
        """
        const picture = pictures.get(arguments[0]);
        picture.root.scrollIntoView({ block: "center" });
        const box = picture.body.getBoundingClientRect();
        const [left, top] = picture.corner(picture.cell(arguments[1]));
        const zoom = picture.canvas.getBoundingClientRect().width / picture.pixelWidth;
        const half = picture.scale / 2;
        return [box.left + (left + half) * zoom, box.top + (top + half) * zoom];
        """,
        key,
        index,
    )
    action = ActionChains(chromium)
    action.w3c_actions.pointer_action.move_to_location(int(x), int(y))
    action.perform()


def status(chromium):
    return chromium.find_element("id", "status").text


def well_formed(chromium, selector):
    """The text of an element with � for lone surrogates, which the driver can't hand over."""
    script = "return document.querySelector(arguments[0]).textContent.toWellFormed()"
    return chromium.execute_script(script, selector)


def number(text):
    return float(text.replace("−", "-"))


def attributes(chromium, name):
    """The numbers under a data attribute in the panel of one number."""
    found = chromium.find_elements("css selector", f"#reading [{name}]")
    return [number(element.get_attribute(name)) for element in found]


def outlined(chromium, key):
    """The elements outlined in a picture."""
    script = "return pictures.get(arguments[0]).marks.map(([index]) => index)"
    return {tuple(index) for index in chromium.execute_script(script, key)}


def test_it_loads_without_complaints_or_requests_and_stepping_changes_it(chromium, cnn):
    show(chromium, cnn)
    assert "Step 1 of 22, forward: #0 conv2d" in status(chromium)
    chromium.find_element("id", "next").click()
    wait(chromium, "document.body.dataset.step === '1'")
    assert "#1 bias_relu" in status(chromium)
    assert chromium.find_element("css selector", "#operation h2").text == "#1 bias_relu forward"
    chromium.find_element("id", "last").click()
    wait(chromium, "document.body.dataset.step === '21'")
    assert "backward: #0 conv2d" in status(chromium)
    assert browser.complaints(chromium) == []
    assert browser.hosts(chromium) == {""}


def test_playing_goes_on_by_itself_and_stops_at_the_end(chromium, cnn):
    show(chromium, cnn)
    go(chromium, 20)
    chromium.find_element("id", "play").click()
    wait(chromium, "document.body.dataset.step === '21'")
    wait(chromium, "document.getElementById('play').textContent.includes('play')")


def test_hovering_a_pixel_of_a_convolution_shows_its_window_and_its_sum(chromium, cnn, small):
    params, images, _ = small
    show(chromium, cnn)
    hover(chromium, "out0", [0, 12, 9, 2])
    y = tg.conv2d(images, params["conv1"]["kernel"])[0, 12, 9, 2]
    assert attributes(chromium, "data-value") == [pytest.approx(y, rel=1e-6)]
    cells = attributes(chromium, "data-cell")
    window = images[0, 12:15, 9:12, 0].astype(float) * params["conv1"]["kernel"][:, :, 0, 2]
    np.testing.assert_allclose(cells, window.ravel(), rtol=1e-12)
    np.testing.assert_allclose(sum(cells), y, rtol=TIGHT)
    assert attributes(chromium, "data-total") == [pytest.approx(y, rel=TIGHT)]
    assert outlined(chromium, "in0") == {(0, 12 + i, 9 + j, 0) for i in range(3) for j in range(3)}
    assert outlined(chromium, "in1") == {(i, j, 0, 2) for i in range(3) for j in range(3)}


def test_hovering_a_pixel_backward_shows_the_outputs_it_touched(chromium, cnn, small):
    params, images, labels = small
    show(chromium, cnn)
    go(chromium, 19)
    assert "#2 conv2d" in status(chromium)
    hover(chromium, "sent0", [0, 0, 9, 1])  # at the border: under one row of windows
    touched = {(0, 0, 9 - j, f) for j in range(3) for f in range(6)}
    assert outlined(chromium, "outgrad0") == touched
    first = tg.relu(tg.conv2d(images, params["conv1"]["kernel"], params["conv1"]["bias"]))

    def rest_of(x):
        x = tg.conv2d(x, params["conv2"]["kernel"], params["conv2"]["bias"])
        x = tg.max_pool2d(tg.relu(x), 2)
        x = tg.relu(tg.dense(tg.flatten(x), params["dense1"]["kernel"], params["dense1"]["bias"]))
        x = tg.dense(x, params["dense2"]["kernel"], params["dense2"]["bias"])
        return tg.softmax_cross_entropy(x, labels)

    wanted = tg.grad(rest_of)(first)[0, 0, 9, 1]
    assert attributes(chromium, "data-value") == [pytest.approx(wanted, rel=TIGHT)]
    assert sum(attributes(chromium, "data-term")) == pytest.approx(wanted, rel=1e-4)


# Every element of every picture of an operation, at most 40 of each, taken apart.
EVERY_SUM = """
const done = arguments[0], found = [];
(async () => {
  for (let step = 0; step < 2 * COUNT; step++) {
    await go(step);
    const record = DATA.records[recordAt(step)];
    for (const [key, picture] of pictures) {
      const stride = Math.max(1, Math.floor(picture.array.length / 40));
      for (let k = 0; k < picture.array.length; k += stride) {
        const index = picture.array.indexOf(k), f = answer(record, key, index, frame);
        read(key, index);
        const total = document.querySelector("#reading [data-total]");
        if (total) {
          const rows = [...document.querySelectorAll("#reading [data-term]")];
          const terms = rows.map((row) => row.dataset.term), how = f.how ?? "sum";
          const op = record.op.toWellFormed(), result = write(f.result);
          found.push([op, key, index, how, terms, total.dataset.total, result]);
        }
      }
    }
  }
  done(found);
})();
"""


def to_complex(text):
    return complex(text.replace("−", "-").replace("e+", "e"))


@pytest.mark.parametrize("name", ["cnn", *FUNCTIONS])
def test_the_numbers_that_the_page_adds_up_are_the_tapes(chromium, cnn, tmp_path, name):
    if name == "cnn":
        path, tolerance = cnn, 1e-4
    else:
        f, *args = FUNCTIONS[name]
        path, tolerance = tg.explain(f, *args, path=tmp_path / "page.html"), 1e-9
    show(chromium, path)
    assert check_every_sum(chromium, tolerance) > 30
    assert browser.complaints(chromium) == []


def check_every_sum(chromium, tolerance):
    """That what the page adds up gives what is on the tape; the number of sums."""
    chromium.set_script_timeout(60)
    sums = chromium.execute_async_script(EVERY_SUM)
    scales = {}
    for op, key, *_, result in sums:
        scales[op, key] = max(scales.get((op, key), 0), abs(to_complex(result)))
    for op, key, index, how, terms, total, result in sums:
        where = f"{op} {key} {index}"
        bound = tolerance * scales[op, key]
        if terms:
            added = sum(map(to_complex, terms))
            added = added if "j" in total else added.real
            assert abs(added - to_complex(total)) <= bound, where
        if how in ("sum", "positive"):
            shown = to_complex(total)
            shown = max(shown.real, 0) if how == "positive" else shown
            assert abs(shown - to_complex(result)) <= bound, where
    return len(sums)


@pytest.mark.parametrize("name", OWN, ids=ascii)
def test_an_operation_of_your_own_is_shown_as_it_is_whatever_its_name(chromium, tmp_path, name):
    op, x, *rest = OWN[name]
    y = op.forward(np.exp(x), *rest)
    cotangent = rng.normal(size=np.shape(y))

    def f(x, *rest):
        return op(np.exp(x), *rest)

    path = tg.explain(
        f, x, *rest, path=tmp_path / "page.html", cotangent=cotangent, title=f"{name} \ud800"
    )
    show(chromium, path)
    check_every_sum(chromium, 1e-9)
    seen = name.replace("\ud800", "\ufffd")
    assert well_formed(chromium, "h1") == f"{seen} \ufffd"
    for step, key, wanted in (
        (1, "out0", y),
        (2, "sent0", op.vjps[0](cotangent, y, np.exp(x), *rest)),
    ):
        go(chromium, step)
        assert f"#1 {seen} " in well_formed(chromium, "#operation h2")
        index = np.unravel_index(np.argmax(wanted), np.shape(wanted))
        chromium.execute_script("read(...arguments)", key, [int(i) for i in index])
        assert attributes(chromium, "data-value") == [pytest.approx(wanted[index], rel=1e-12)]
    texts = chromium.execute_script(
        "return makeTour(frame).map(({ text }) => "
        "(text instanceof Function ? text(frame) : text).toWellFormed())"
    )
    stories = chromium.execute_script("return Object.values(ON_THE_WAY)")
    assert not any(story in text for story in stories for text in texts)
    assert browser.complaints(chromium) == []


def test_fan_out_is_seen_to_add(chromium, tmp_path):
    f, *args = FUNCTIONS["scalars"]
    show(chromium, tg.explain(f, *args, path=tmp_path / "page.html"))
    chromium.execute_async_script("go(2 * COUNT - 1).then(arguments[0])")
    assert "adds to what came back from another use" in status(chromium)
    chromium.execute_script("read('total0', [])")
    text = chromium.find_element("id", "reading").text
    assert "they add up" in text
    wanted = tg.grad(scalars)(*args)
    assert sum(attributes(chromium, "data-term")) == pytest.approx(wanted, rel=1e-12)


def test_the_keyboard_alone_steps_opens_and_reads(chromium, cnn):
    from selenium.webdriver.common.keys import Keys

    show(chromium, cnn)
    press(chromium, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    wait(chromium, "document.body.dataset.step === '2'")
    press(chromium, Keys.HOME)
    wait(chromium, "document.body.dataset.step === '0'")
    reached = []
    for _ in range(80):
        press(chromium, Keys.TAB)
        here = chromium.execute_script(
            "const e = document.activeElement;"
            "return e.closest('[data-key]')?.dataset.key ?? (e.id || e.className || e.tagName)"
        )
        reached.append(here)
        if here == "out0":
            break
    assert {"start-tour", "next", "play", "step", "row", "fold", "in0", "in1", "out0"} <= set(
        reached
    )
    press(chromium, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert "output [0, 1, 1, 0] =" in chromium.find_element("id", "reading").text
    press(chromium, Keys.ENTER)
    assert chromium.execute_script("return state.held.key") == "out0"
    press(chromium, Keys.ESCAPE)
    assert chromium.execute_script("return state.held") is None


@pytest.mark.parametrize("window", [{}, {"dark": True}, {"width": 360, "height": 740}])
def test_it_is_accessible(chromium, cnn, window):
    show(chromium, cnn, **window)
    assert browser.barriers(chromium) == []
    go(chromium, 15)
    chromium.execute_script(
        "const [key, p] = [...pictures][0]; point(key, p.array.indexOf(3), true);"
        "for (const d of document.querySelectorAll('details')) d.open = true;"
        "document.getElementById('show-help').click();"
        "document.getElementById('start-tour').click();"
    )
    wait(chromium, "!document.getElementById('tour').hidden")
    assert browser.barriers(chromium) == []


def test_a_phone_needs_no_sideways_scrolling(chromium, cnn):
    show(chromium, cnn, width=360, height=740)
    for step in range(22):
        go(chromium, step)
        assert not browser.scrolls_sideways(chromium), f"step {step}"


def test_two_thousand_operations_fold_by_the_function_that_made_them(chromium, tmp_path):
    xs = np.random.default_rng(0).normal(size=500)
    path = tg.explain(recurrent, np.eye(3) * 0.9, np.ones(3), xs, path=tmp_path / "long.html")
    show(chromium, path)
    assert chromium.execute_script("return COUNT") > 2000
    assert chromium.execute_script("return document.querySelectorAll('.row').length") < 200
    assert "cell()" in chromium.find_element("id", "tape").text
    go(chromium, 1200)
    opened = chromium.find_element("css selector", ".row[aria-current]")
    assert opened.is_displayed()
    assert browser.complaints(chromium) == []


def test_a_loop_of_thousands_of_operations_folds_by_number(chromium, tmp_path):
    def steps(x):
        for _ in range(2500):
            x = x + 1
        return x * 2

    show(chromium, tg.explain(steps, 1.0, path=tmp_path / "page.html"))
    assert chromium.execute_script("return document.querySelectorAll('.row').length") < 200
    assert browser.complaints(chromium) == []


def test_the_second_output_of_an_operation_may_be_the_result(chromium, tmp_path):
    halves = np.array([3.0, 4.0])
    path = tg.explain(lambda x: np.split(x, 2)[1], halves, path=tmp_path / "page.html")
    show(chromium, path)
    go(chromium, 1)
    chromium.execute_script("read('outgrad1', [0])")
    assert "This is the result itself" in chromium.find_element("id", "reading").text


def test_pictures_turn_to_the_image_that_is_pointed_at(chromium, tmp_path):
    path = tg.explain(*FUNCTIONS["pools"], path=tmp_path / "page.html")
    show(chromium, path)
    chromium.execute_script("read('out0', [1, 0, 0, 0])")
    turned = "return [...pictures.get('in0').root.querySelectorAll('input')].map((i) => i.value)"
    assert chromium.execute_script(turned) == ["1"]


def test_the_focus_stays_where_it_was_when_the_operation_is_drawn_again(chromium, cnn):
    from selenium.webdriver.common.keys import Keys

    show(chromium, cnn)
    chromium.execute_script("pictures.get('in0').body.focus()")
    go(chromium, 1)
    focused = "return document.activeElement.closest('[data-key]')?.dataset.key"
    assert chromium.execute_script(focused) == "in0"
    chromium.execute_script("document.querySelector('#operation .link').focus()")
    press(chromium, Keys.ENTER)
    wait(chromium, "document.activeElement.tagName === 'H2'")


@pytest.mark.parametrize("window", [{"width": 1280, "height": 800}, {"width": 390, "height": 844}])
def test_the_tour_follows_one_gradient_to_a_filter(chromium, cnn, small, window):
    show(chromium, cnn, **window)
    chromium.find_element("id", "start-tour").click()
    texts, sent = [], None
    for _ in range(40):
        wait(
            chromium,
            f"document.querySelector('#tour .count')?.textContent.startsWith('{len(texts) + 1} ')",
        )
        texts.append(chromium.find_element("css selector", "#tour p").text)
        if len(texts) > 1:  # what it speaks of is neither above the view nor below the panel
            assert not chromium.execute_script(
                "return isHidden(pictures.get(state.held.key).boxOf(state.held.index))"
            ), texts[-1]
        followed = re.search(r"Follow the (\S+):", texts[-1])
        if followed:
            assert number(followed[1]) == pytest.approx(sent or 1, rel=1e-3)
            (sent,) = attributes(chromium, "data-value")
        last = chromium.find_element("css selector", "#tour .primary")
        if last.text == "Done":
            break
        last.click()
    assert any("softmax_cross_entropy" in text for text in texts)
    grads = tg.grad(loss_fn)(*small)["conv1"]["kernel"]
    index = np.unravel_index(np.abs(grads).argmax(), grads.shape)
    assert f"conv1/kernel[{', '.join(map(str, index))}]" in texts[-1]
    told = number(re.search(r"grow by about (\S+?)\.? (?:\(|So)", texts[-1])[1])
    assert told == pytest.approx(0.001 * grads[index], rel=1e-3)
    last.click()
    assert not chromium.find_element("id", "tour").is_displayed()


def test_stepping_by_hand_ends_the_tour(chromium, cnn):
    show(chromium, cnn)
    chromium.find_element("id", "start-tour").click()
    wait(chromium, "!document.getElementById('tour').hidden")
    chromium.find_element("id", "next").click()
    wait(chromium, "document.getElementById('tour').hidden")
    assert "Step 2 of 22" in status(chromium)


def test_the_second_slider_goes_through_the_training_steps(chromium, tmp_path):
    (images, labels), _ = tg.data.load_mnist()
    params = mnist_cnn.init(np.random.default_rng(0), filters=(3,), hidden=())
    result = tg.fit(
        mnist_cnn.apply,
        params,
        (images[:96], labels[:96]),
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.adam(0.01),
        epochs=1,
        batch_size=32,
        rng=np.random.default_rng(0),
        snapshots=(0, 1),
        progress=False,
    )
    path = tg.explain(
        loss_fn,
        result.params,
        images[:1],
        labels[:1],
        path=tmp_path / "page.html",
        snapshots=result.snapshots,
    )
    show(chromium, path)
    label = chromium.find_element("id", "frame-label")
    assert label.text.startswith("end of training")
    slider = chromium.find_element("id", "frame")
    slider.send_keys("\ue011")  # Home
    wait(chromium, "state.frame === 0")
    assert label.text.startswith("training step 0")
    wanted = loss_fn(params, images[:1], labels[:1])
    assert number(label.text.split()[-1]) == pytest.approx(float(wanted), rel=1e-3)
    shown = chromium.execute_script(
        "const v = DATA.values.findIndex((v) => v.name === 'conv1/kernel');"
        "return frame.values[v].get([1, 1, 0, 2])"
    )
    assert shown == pytest.approx(params["conv1"]["kernel"][1, 1, 0, 2], rel=1e-7)


def test_a_huge_matrix_is_shown_in_part(chromium, tmp_path):
    huge = np.ones((4000, 4000), np.float32)
    show(chromium, tg.explain(lambda m: np.sum(m * 2), huge, path=tmp_path / "page.html"))
    text = chromium.find_element("id", "operation").text
    assert "of 4000 × 4000 elements are on the page" in text
    go(chromium, 1)
    chromium.execute_script("read('out0', [])")
    assert "too large" in chromium.find_element("id", "reading").text
    assert browser.complaints(chromium) == []


def test_nan_inf_and_a_hostile_name_are_shown_as_they_are(chromium, tmp_path):
    hostile = "</script><script>document.title = 'taken over'</script>" + "x" * 99
    x = tg.Tensor([1.0, 0.0, -1.0], requires_grad=True, name=hostile)
    with np.errstate(all="ignore"):
        path = np.sum(np.log(x)).tape().explain(tmp_path / "page.html", title=hostile)
    show(chromium, path, width=360, height=740)
    assert not browser.scrolls_sideways(chromium)
    assert chromium.title.startswith(hostile)
    numbers = chromium.find_element("css selector", "[data-key=out0] table").text.split()
    assert numbers == ["0", "−inf", "nan"]
    assert hostile in chromium.find_element("id", "operation").text
