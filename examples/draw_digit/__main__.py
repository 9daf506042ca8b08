"""Draw a digit, and watch what the trained network makes of it.

    python -m examples.draw_digit

Serves a page, on this machine only: the feature maps, the probabilities and the gradient of a
class's logit with respect to the drawing follow the pen. The network is the one that
`python -m examples.train_mnist` saved; where there is none, a network is trained first.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import threading
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from models import mnist_cnn

EPOCHS = 4


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.draw_digit",
        description="Draw a digit, and watch what the trained network makes of it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--params",
        type=Path,
        default=Path("runs/mnist/params.npz"),
        help="what examples.train_mnist saved; if there is no such file, a network is trained",
    )
    add("--save", action="store_true", help="save a network trained here as --params")
    add("--pool", type=int, default=2, help="window of the max pooling, as in training; 1 for none")
    add("--port", type=int, default=8000, help="of the page; a free one is taken if it is in use")
    add(
        "--browser",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the page in the browser",
    )
    args = parser.parse_args(arguments)
    if not 0 <= args.port <= 65535:
        parser.error(f"--port must be from 0 to 65535, not {args.port}")
    return args


def main(arguments: list[str] | None = None) -> None:
    """Get a network, serve the page until Ctrl-C; a mistake ends the program with one sentence."""
    args = parse(arguments)
    try:
        from werkzeug.serving import make_server

        from .server import make_app
    except ImportError:
        raise SystemExit(
            'draw_digit: the page is served by Flask: pip install "tinygrad_np[draw]"'
        ) from None
    try:
        app = make_app(network(args), args.pool)
        listening = listen(args.port)
    except (OSError, ValueError) as error:
        raise SystemExit(f"draw_digit: {error}") from None

    host, port = listening.getsockname()
    url = f"http://{host}:{port}/"
    print(f"the page is at {url} until you press Ctrl-C", flush=True)
    if args.browser:
        # In a thread of its own: a browser without windows keeps the caller waiting.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # no line for every request
    make_server(host, port, app, threaded=True, fd=listening.fileno()).serve_forever()


def network(args: argparse.Namespace) -> Any:
    """The parameters that were saved, or else newly trained ones."""
    if args.params.exists():
        return tg.load(args.params)
    train_set, test_set = tg.data.load_mnist()
    print(
        f"there is no {args.params} (python -m examples.train_mnist writes one): a network is "
        f"trained now on the {len(train_set[0]):,} embedded images"
        f"{'' if args.save else ', and not kept (--save would)'}"
    )
    rng = np.random.default_rng(0)
    apply = partial(mnist_cnn.apply, pool=args.pool)
    result = tg.fit(
        apply,
        mnist_cnn.init(rng, pool=args.pool),
        train_set,
        loss=tg.softmax_cross_entropy,
        optimizer=tg.optim.adam(),
        epochs=EPOCHS,
        batch_size=64,
        rng=rng,
    )
    if result.interrupted:
        raise SystemExit("draw_digit: training was interrupted")
    scores = tg.evaluate(apply, result.params, test_set, loss=tg.softmax_cross_entropy)
    print(f"test accuracy {scores['accuracy']:.4f}")
    if args.save:
        args.params.parent.mkdir(parents=True, exist_ok=True)
        tg.save(args.params, result.params)
        print("wrote", args.params)
    return result.params


def listen(port: int) -> socket.socket:
    """A socket of this machine only, on this port or else a free one."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        print(f"port {port} cannot be had ({reason}), so a free one is taken")
        return socket.create_server(("127.0.0.1", 0))


if __name__ == "__main__":
    main()
