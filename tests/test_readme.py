"""The README's Python runs as it stands there, from top to bottom."""

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / "README.md"


def test_the_code_in_the_readme_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert names["tensors"]["conv1"]["kernel"].grad.shape == (3, 3, 1, 32)
    shown = re.findall(r"^ ?\d+  (\w+) .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown == [record.op.name for record in _tape(names)]
    assert np.isfinite(names["loss"].item())


def _tape(names):
    return names["loss_fn"](names["tensors"], names["images"], names["labels"]).tape()
