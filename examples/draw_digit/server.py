"""The page, and the one question it asks: what does the network make of this drawing?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import flask
import numpy as np

from .network import look, mnist_form

SIDE = 280  # pixels of the canvas, each way
FILES = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def make_app(params: Any, pool: int = 2) -> flask.Flask:
    """The web application.

    GET  /       the page, and /page.css and /page.js
    POST /look   a drawing, answered with all that the network makes of it

    A drawing is 280×280 bytes, row by row: 0 for no ink, 255 for full ink. `/look?class=3` chooses
    the class whose logit is differentiated. The answer is one line of JSON, then, in little-endian
    float32, the arrays whose names and shapes it lists, one after another. A wrong question is
    answered with status 400 (403 where it comes from another site) and one sentence.

    Args:
        params: of models.mnist_cnn.
        pool: the pooling window of the network.

    Raises:
        ValueError: where the network takes no images of 28×28.
    """
    app = flask.Flask(__name__, static_folder=None)
    try:
        classes = len(look(params, mnist_form(np.zeros((SIDE, SIDE))), pool=pool).logits)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise ValueError(
            f"the parameters are not those of a network for 28×28 images with --pool {pool}: "
            f"{error}"
        ) from error

    @app.before_request
    def only_from_this_machine() -> None:
        # Another site may point its own name at 127.0.0.1; the browser then says that name.
        request = flask.request
        if urlsplit(f"//{request.host}").hostname not in ("127.0.0.1", "localhost"):
            refuse(403, f"this page is served as 127.0.0.1, not as {request.host!r}")
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            refuse(403, "a page of another site asked")

    @app.after_request
    def guard(response: flask.Response) -> flask.Response:
        response.headers.update(HEADERS)
        return response

    @app.get("/")
    @app.get("/<any('page.css', 'page.js'):name>")
    def page(name: str = "page.html") -> flask.Response:
        # On Windows the registry may know scripts as plain text, which a browser would not run.
        script = "text/javascript" if name.endswith(".js") else None
        return flask.send_from_directory(FILES, name, mimetype=script)

    @app.post("/look")
    def answer() -> flask.Response:
        request = flask.request
        if request.mimetype != "application/octet-stream":
            refuse(400, f"a drawing is application/octet-stream, not {request.mimetype!r}")
        if request.content_length != SIDE * SIDE:
            refuse(400, f"a drawing is {SIDE * SIDE} bytes, not {request.content_length or 0}")
        wanted = request.args.get("class")
        if wanted not in (None, *map(str, range(classes))):
            refuse(400, f"class is a number from 0 to {classes - 1}, not {wanted!r}")
        ink = np.frombuffer(request.get_data(), np.uint8).reshape(SIDE, SIDE)
        image = mnist_form(ink / 255)
        found = look(params, image, pool=pool, chosen=None if wanted is None else int(wanted))
        arrays = {
            "image": image,
            "gradient": found.gradient,
            "logits": found.logits,
            "probabilities": found.probabilities,
            **{layer.name: layer.output for layer in found.layers},
        }
        head = {
            "chosen": found.chosen,
            "layers": [{"name": layer.name, "note": layer.note} for layer in found.layers],
            "arrays": [{"name": name, "shape": array.shape} for name, array in arrays.items()],
        }
        values = [np.asarray(array, "<f4").tobytes() for array in arrays.values()]
        body = b"".join([json.dumps(head).encode(), b"\n", *values])
        return flask.Response(body, mimetype="application/octet-stream")

    return app


def refuse(status: int, sentence: str) -> NoReturn:
    """Answer the request with this status and sentence."""
    flask.abort(flask.Response(sentence, status, mimetype="text/plain"))
