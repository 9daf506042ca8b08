"""The live page on which one draws a digit: the image, the answer, and the page in a browser."""

import json
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest

import tinygrad_np as tg
from examples.draw_digit import __main__ as program
from examples.draw_digit.network import look, mnist_form
from models import mnist_cnn
from tests import browser

SIDE = 280
RNG = np.random.default_rng(0)
ARCHITECTURES = {
    "small": {"filters": [4, 6], "hidden": [12]},
    "bare": {"filters": [3], "hidden": [], "pool": 1, "bias": False},
    "dense alone": {"filters": [], "hidden": [5, 4], "pool": 3},
    "large kernels": {"filters": [2], "kernel_size": 7, "hidden": [40], "pool": 4},
}


@pytest.fixture(scope="module")
def trained():
    train, _ = tg.data.load_mnist()
    params = mnist_cnn.init(np.random.default_rng(0), filters=[8], hidden=[32])
    return tg.fit(
        mnist_cnn.apply,
        params,
        train,
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.adam(),
        epochs=2,
        batch_size=64,
        rng=np.random.default_rng(0),
        progress=False,
    ).params


@pytest.fixture(scope="module")
def digits():
    _, (images, _) = tg.data.load_mnist()
    return images[:300, :, :, 0]


# ---- the image


@pytest.mark.parametrize(("size", "top", "left"), [(10, 0, 0), (7, 70, 4), (4, 10, 160)])
def test_a_digit_of_mnist_drawn_large_comes_back_as_it_was(size, top, left, digits):
    for digit in digits:
        drawing = np.zeros((SIDE, SIDE))
        drawing[top : top + 28 * size, left : left + 28 * size] = np.kron(
            digit, np.ones([size] * 2)
        )
        np.testing.assert_allclose(mnist_form(drawing), digit, atol=1e-6)


def test_a_digit_of_mnist_drawn_with_a_pen_is_classified_alike(digits, trained):
    pixels, fine = np.arange(28) + 0.5, (np.arange(SIDE) + 0.5) / 10
    enlarge = np.stack([np.interp(fine, pixels, unit) for unit in np.eye(28)], axis=1)
    strokes = [enlarge @ digit @ enlarge.T > 0.5 for digit in digits]
    forms = np.stack([mnist_form(stroke.astype(float)) for stroke in strokes])
    assert np.mean(np.abs(forms - digits)) < 0.03
    before, after = (mnist_cnn.apply(trained, x[..., np.newaxis]) for x in (digits, forms))
    assert np.mean(before.argmax(axis=1) == after.argmax(axis=1)) >= 0.94


@pytest.mark.parametrize("seed", range(5))
def test_the_centre_of_mass_comes_to_the_centre_and_no_ink_is_lost(seed):
    rng = np.random.default_rng(seed)
    drawing = np.zeros((SIDE, SIDE))
    for top, left in rng.integers(0, 200, (6, 2)):
        drawing[top : top + rng.integers(5, 80), left : left + rng.integers(5, 80)] = rng.uniform()
    image = mnist_form(drawing)
    for axis in (0, 1):
        mass = image.sum(axis=axis)
        assert 14 <= mass @ (np.arange(28) + 0.5) / mass.sum() < 15
    rows, columns = (np.flatnonzero(drawing.any(axis=axis)) for axis in (1, 0))
    scale = 20 / (1 + max(np.ptp(rows), np.ptp(columns)))
    np.testing.assert_allclose(image.sum(), drawing.sum() * scale**2, rtol=1e-5)


def test_what_has_no_usual_form_gives_an_image_too():
    assert not mnist_form(np.zeros((SIDE, SIDE))).any()
    assert mnist_form(np.ones((SIDE, SIDE))).sum() == pytest.approx(400)
    dot, line, club = np.zeros((3, SIDE, SIDE))
    dot[100, 3] = 1
    assert mnist_form(dot).sum() == pytest.approx(400)
    line[:, 5] = 1
    assert mnist_form(line).sum() == pytest.approx(20 * 20 / 280)
    club[0:20, 0:20] = 1  # with the mass at one end the box would not fit, were it centred
    club[:, 10] = 0.01
    form = mnist_form(club)
    assert form[form.any(axis=1)].shape == (20, 28)


# ---- the answer


def client(params, pool=2):
    server = pytest.importorskip("examples.draw_digit.server", reason="the page needs Flask")
    return server.make_app(params, pool).test_client()


def ask(client, drawing, query="", **options):
    options = {"mimetype": "application/octet-stream", **options}
    return client.post(f"/look{query}", data=drawing, base_url="http://127.0.0.1:8000", **options)


def answer(response):
    """The head, and the arrays by name."""
    line, body = response.data.split(b"\n", 1)
    head, values = json.loads(line), np.frombuffer(body, "<f4")
    sizes = [np.prod(array["shape"], dtype=int) for array in head["arrays"]]
    parts = np.split(values, np.cumsum(sizes))
    assert parts.pop().size == 0
    return head, {
        array["name"]: part.reshape(array["shape"])
        for array, part in zip(head["arrays"], parts, strict=True)
    }


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_answer_is_what_the_network_makes_of_the_image(architecture):
    params = mnist_cnn.init(RNG, **architecture)
    pool = architecture.get("pool", 2)
    drawing = np.zeros((SIDE, SIDE), np.uint8)
    drawing[40:200, 60:90] = RNG.integers(0, 256, (160, 30))
    asked = client(params, pool)
    for query in ("", "?class=0", "?class=7"):
        head, arrays = answer(ask(asked, drawing.tobytes(), query))
        image = mnist_form(drawing / 255)
        logits = mnist_cnn.apply(params, image[np.newaxis, ..., np.newaxis], pool=pool)[0]
        chosen = int(query[-1]) if query else int(np.argmax(logits))
        value, gradient = tg.value_and_grad(
            lambda x, chosen=chosen: mnist_cnn.apply(params, x[None, ..., None], pool=pool)[0][
                chosen
            ]
        )(image)
        assert head["chosen"] == chosen
        expected = {"image": image, "logits": logits, "gradient": gradient}
        for name, array in expected.items():
            np.testing.assert_allclose(arrays[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(arrays["logits"][chosen], value, rtol=1e-5)
        shares = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(arrays["probabilities"], shares, rtol=1e-5)

        x, layers = image[np.newaxis, ..., np.newaxis], {}
        for i in range(len(architecture["filters"])):
            layer = params[f"conv{i + 1}"]
            layers[f"conv{i + 1}"] = x = tg.relu(tg.conv2d(x, layer["kernel"], layer.get("bias")))
        if pool > 1:
            layers["pool"] = x = tg.max_pool2d(x, pool)
        x = tg.flatten(x)
        for i in range(len(architecture["hidden"])):
            layer = params[f"dense{i + 1}"]
            layers[f"dense{i + 1}"] = x = tg.relu(tg.dense(x, layer["kernel"], layer.get("bias")))
        assert [layer["name"] for layer in head["layers"]] == list(layers)
        for name, array in layers.items():
            np.testing.assert_allclose(arrays[name], array[0], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("drawing", "query", "options", "text"),
    [
        (b"", "", {}, "78400 bytes, not 0"),
        (bytes(78399), "", {}, "not 78399"),
        (bytes(1000000), "", {}, "not 1000000"),
        (bytes(78400), "", {"mimetype": "application/json"}, "application/json"),
        (bytes(78400), "", {"mimetype": None}, "octet-stream"),
        (bytes(78400), "?class=10", {}, "from 0 to 9, not '10'"),
        (bytes(78400), "?class=nan", {}, "not 'nan'"),
        (bytes(78400), "?class=-1", {}, "not '-1'"),
        (bytes(78400), "?class=", {}, "not ''"),
    ],
)
def test_a_wrong_question_is_refused_with_one_sentence(drawing, query, options, text):
    response = ask(client(mnist_cnn.init(RNG, **ARCHITECTURES["small"])), drawing, query, **options)
    assert response.status_code == 400
    assert text in response.text
    assert "\n" not in response.text


def test_only_this_machine_and_this_page_are_answered():
    asked = client(mnist_cnn.init(RNG, **ARCHITECTURES["small"]))
    for host, status in [
        ("127.0.0.1:8000", 200),
        ("localhost:8000", 200),
        ("example.org:8000", 403),
        ("127.0.0.1.example.org", 403),
        ("192.168.0.7:8000", 403),
    ]:
        for path in ("/", "/page.css", "/page.js"):
            response = asked.get(path, headers={"Host": host})
            assert response.status_code == status, (host, path)
            response.close()
    for origin, status in [
        ("http://127.0.0.1:8000", 200),
        ("http://127.0.0.1:9000", 403),
        ("https://example.org", 403),
        ("null", 403),
    ]:
        response = ask(asked, bytes(SIDE * SIDE), headers={"Origin": origin})
        assert response.status_code == status, origin
    assert asked.get("/server.py", base_url="http://127.0.0.1:8000").status_code == 404


def test_the_page_may_load_nothing_from_elsewhere():
    asked = client(mnist_cnn.init(RNG, **ARCHITECTURES["small"]))
    with asked.get("/", base_url="http://127.0.0.1:8000") as response:
        policy = response.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in str(policy)


# ---- the program


def test_the_program_serves_the_page(tmp_path):
    pytest.importorskip("flask", reason="the page needs Flask")
    tg.save(tmp_path / "params.npz", mnist_cnn.init(RNG, **ARCHITECTURES["small"]))
    command = [sys.executable, "-m", "examples.draw_digit", "--no-browser", "--port", "0"]
    running = subprocess.Popen(
        [*command, "--params", tmp_path / "params.npz"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = running.stdout.readline().split()[4]
        assert url.startswith("http://127.0.0.1:")
        assert b"<h1>Draw a digit</h1>" in urllib.request.urlopen(url).read()
    finally:
        running.terminate()
        running.communicate()


def test_without_parameters_a_network_is_trained(tmp_path, capsys, monkeypatch):
    train, test = tg.data.load_mnist()
    monkeypatch.setattr(
        tg.data, "load_mnist", lambda: ([a[:64] for a in train], [a[:20] for a in test])
    )
    path = tmp_path / "runs/params.npz"
    program.network(program.parse(["--params", str(path), "--pool", "4"]))
    assert f"there is no {path}" in capsys.readouterr().out
    assert not path.exists()
    params = program.network(program.parse(["--params", str(path), "--pool", "4", "--save"]))
    saved = program.network(program.parse(["--params", str(path)]))
    tg.tree.map(np.testing.assert_array_equal, saved, params)
    assert look(saved, np.zeros((28, 28), np.float32), pool=4).logits.shape == (10,)


@pytest.mark.parametrize(
    ("params", "flags", "text"),
    [
        (mnist_cnn.init(RNG, filters=[2]), ["--pool", "3"], "--pool 3: dense: "),
        ({"weights": np.ones(3)}, [], "not those of a network for 28×28 images"),
        ([1, 2], [], "not those of a network"),
        (None, [], "not a complete .npz"),
    ],
)
def test_a_file_of_anything_else_ends_with_one_sentence(params, flags, text, tmp_path):
    pytest.importorskip("flask", reason="the page needs Flask")
    path = tmp_path / "params.npz"
    if params is None:
        path.write_bytes(b"nothing")
    else:
        tg.save(path, params)
    with pytest.raises(SystemExit, match=text) as raised:
        program.main(["--params", str(path), "--no-browser", *flags])
    assert "\n" not in str(raised.value)


def test_a_port_in_use_is_replaced_by_a_free_one(capsys):
    with program.listen(0) as first:
        taken = first.getsockname()[1]
        with program.listen(taken) as second:
            assert second.getsockname()[0] == "127.0.0.1"
            assert second.getsockname()[1] != taken
    assert capsys.readouterr().out.startswith(f"port {taken} cannot be had (")


def test_without_flask_one_sentence_names_the_command(monkeypatch):
    monkeypatch.delitem(sys.modules, "examples.draw_digit.server", raising=False)
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(SystemExit, match=r'pip install "tinygrad_np\[draw\]"'):
        program.main(["--no-browser"])


# ---- the page in a browser


@contextmanager
def serving(params):
    """The page's address, while it is served."""
    server = pytest.importorskip("examples.draw_digit.server", reason="the page needs Flask")
    from werkzeug.serving import make_server

    running = make_server("127.0.0.1", 0, server.make_app(params), threaded=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.port}/"
    finally:
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def url(trained):
    with serving(trained) as url:
        yield url


def until(chromium, holds):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(chromium, 20, 0.05).until(lambda _: holds())


def says(chromium, text):
    """Waits until the line that says what the network thinks starts like this."""
    line = chromium.find_element("id", "thought")
    until(chromium, lambda: line.text.startswith(text))


def press(chromium, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(chromium).send_keys(*keys).perform()


def focused(chromium):
    return chromium.execute_script(
        "return document.activeElement.id || document.activeElement.value"
    )


def drawn(chromium):
    return chromium.execute_script(
        "const { data } = paper.getContext('2d').getImageData(0, 0, 280, 280);"
        "return data.some((value) => value > 0)"
    )


def draw_one(chromium):
    """A vertical stroke with the mouse."""
    from selenium.webdriver import ActionChains

    paper = chromium.find_element("id", "paper")
    half = paper.size["height"] * 0.4
    stroke = ActionChains(chromium, duration=50).move_to_element_with_offset(paper, 0, int(-half))
    stroke.click_and_hold()
    for share in (-0.5, 0, 0.5, 1):
        stroke.move_to_element_with_offset(paper, 0, int(half * share))
    stroke.release().perform()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_follows_the_pen(chromium, url, width, dark):
    browser.visit(chromium, url, width=width, dark=dark)
    says(chromium, "Nothing drawn yet")
    draw_one(chromium)
    says(chromium, "1, with ")
    assert not browser.scrolls_sideways(chromium)
    assert len(chromium.find_elements("css selector", ".maps canvas")) == 8 + 8
    chromium.find_element("id", "clear").click()
    says(chromium, "Nothing drawn yet")
    assert browser.complaints(chromium) == []
    assert browser.hosts(chromium) == {"127.0.0.1"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_has_no_barriers(chromium, url, width, dark):
    browser.visit(chromium, url, width=width, dark=dark)
    draw_one(chromium)
    says(chromium, "1, with ")
    assert browser.barriers(chromium) == []


def test_the_keyboard_alone_draws_clears_and_chooses(chromium, url):
    from selenium.webdriver import Keys

    browser.visit(chromium, url)
    says(chromium, "Nothing drawn yet")
    press(chromium, Keys.TAB)
    assert focused(chromium) == "paper"
    press(chromium, *[Keys.ARROW_UP] * 10, Keys.SPACE, *[Keys.ARROW_DOWN] * 20, Keys.SPACE)
    says(chromium, "1, with ")
    assert chromium.find_element("id", "pen-state").get_attribute("textContent") == "Pen up"

    press(chromium, Keys.TAB)
    assert focused(chromium) == "clear"
    press(chromium, Keys.TAB, *[Keys.ARROW_DOWN] * 5)
    assert focused(chromium) == "4"
    title = chromium.find_element("id", "gradient-title")
    until(chromium, lambda: title.text == "Gradient of the logit of 4")
    says(chromium, "1, with ")

    press(chromium, *[Keys.SHIFT + Keys.TAB + Keys.NULL] * 2)
    assert focused(chromium) == "paper"
    press(chromium, Keys.DELETE)
    says(chromium, "Nothing drawn yet")
    press(chromium, Keys.ARROW_RIGHT)  # the pen is up
    assert not drawn(chromium)
    press(chromium, Keys.SPACE)
    assert drawn(chromium)
    assert browser.complaints(chromium) == []


def test_the_page_says_when_the_program_has_ended(chromium, trained):
    with serving(trained) as url:
        browser.visit(chromium, url)
        says(chromium, "Nothing drawn yet")
    draw_one(chromium)
    says(chromium, "No answer")
