"""What `help()` tells of every public name."""

import inspect
import pydoc
import types

import pytest

import tinygrad_np as tg

MODULES = [thing for thing in map(vars(tg).get, tg.__all__) if isinstance(thing, types.ModuleType)]
NAMES = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (tg, *MODULES)
    for name in module.__all__
}


@pytest.mark.parametrize("name", NAMES)
def test_help_gives_a_summary_the_arguments_and_an_example(name):
    thing = NAMES[name]
    summary, *rest = inspect.getdoc(thing).split("\n")
    assert summary.endswith((".", ":")), "a sentence in one line"
    assert not rest or rest[0] == "", "then an empty line"
    shown = pydoc.plain(pydoc.render_doc(thing))
    assert summary in shown
    if callable(thing) and not isinstance(thing, type):
        arguments = [*inspect.signature(thing).parameters]
        assert "kwargs" not in arguments
        assert all(argument in shown.split(summary)[0] for argument in arguments)
        assert ">>> " in shown
