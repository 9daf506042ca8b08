"""Ctrl-C at any moment: threads, modes and memory are as if the block had ended by itself.

CPython notes Ctrl-C at once and raises KeyboardInterrupt at the next of a few places. Here it
comes before each opcode in turn, and Python chooses the place.
"""

from __future__ import annotations

import collections
import ctypes
import gc
import itertools
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.core import tape
from tinygrad_np.kernels import memory, threads


@pytest.fixture(autouse=True)
def ctrl_c_raises():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.collect()
    gc.disable()  # Ctrl-C in a destructor of somebody else's is lost
    yield
    gc.enable()
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


def interrupted(call, moment):
    """What Ctrl-C before opcode number `moment` of this call raises; None where the call is over.

    The exception holds all frames, as it does in an interactive session.
    """
    # A look-up makes no call that Python sees, so nothing is raised within `trace`.
    press = collections.defaultdict(ctypes.pythonapi.PyErr_SetInterrupt)
    left = moment

    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                sys.settrace(None)  # else `trace` is where it is raised
                press[moment]
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
        sys.settrace(None)  # a call, where Ctrl-C in the last opcodes is raised
    except KeyboardInterrupt as error:
        return error
    finally:
        sys.settrace(before)
    assert left > 0, "Ctrl-C was lost"
    return None


def at_every_moment(call):
    interrupted(call, sys.maxsize)  # what is done once; Python 3.12 traces from the second call on
    moment = 1
    while error := interrupted(call, moment):
        yield moment, error
        moment += 1
    assert moment > 100


def state():
    return (
        [library.get_num_threads() for library in threads._blas()],
        threads._holders,
        threads._lock.acquire(timeout=10) and threads._lock.release(),
        tape.mode.get() is tape.DEFAULT_MODE,
        memory._waiting_bytes - sum(size * len(p) for size, p in memory._waiting.items()),
    )


def hold():
    with threads.single_threaded_blas(), threads.single_threaded_blas():
        pass


def share():
    threads.share(lambda _: None, range(6))


def contexts():
    with tg.no_grad(), tg.detect_anomaly(), tape.recording():
        pass


@tg.no_grad()
def decorated():
    assert not tape.mode.get().recording


def lease():
    a = [memory.empty((memory.SMALLEST,), np.uint8) for _ in range(3)]
    a += [memory.empty((2 * memory.SMALLEST,), np.uint8)]


@pytest.mark.parametrize("call", [hold, share, contexts, decorated, lease])
def test_nothing_stays_changed(call, monkeypatch):
    monkeypatch.setattr(memory, "LARGEST_WAITING", 3 * memory.SMALLEST)
    expected = ([2] * len(threads._blas()), 0, None, True, 0)
    for moment in at_every_moment(call):
        assert state() == expected, moment


def test_contexts_may_end_in_any_order():
    def suspended(context):
        with context:
            yield

    for order in itertools.permutations(range(3)):
        contexts = tg.no_grad(), tg.detect_anomaly(), tg.no_grad()
        running = [suspended(context) for context in contexts]
        for generator in running:
            next(generator)
        inside = {0, 1, 2}
        for i in order:
            assert tape.mode.get() == (inside <= {1}, 1 in inside)
            running[i].close()
            inside.remove(i)
        assert tape.mode.get() is tape.DEFAULT_MODE


def test_the_last_context_decides_also_after_an_earlier_one_ended():
    outer = tg.no_grad()
    outer.__enter__()
    with tape.recording():
        assert tape.mode.get().recording
        outer.__exit__(None, None, None)
        assert tape.mode.get().recording
    assert tape.mode.get() is tape.DEFAULT_MODE


def test_a_context_that_ends_in_another_thread_raises_nothing():
    def suspended():
        with tg.no_grad():
            yield

    generator = suspended()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(next, generator).result()
        generator.close()
    assert tape.mode.get() is tape.DEFAULT_MODE


def test_a_context_is_entered_once_and_a_decorator_as_often_as_called():
    context = tg.no_grad()
    with context:
        pass
    with pytest.raises(RuntimeError, match="entered once"), context:
        pass
    decorated()
    decorated()
