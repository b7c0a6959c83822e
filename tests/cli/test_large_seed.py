"""A study whose seed the operating system drew goes through the commands as any other."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import call

from twoalike.study import Study, written_seed

SEED = 0xFEDCBA98765432100123456789ABCDEF


@pytest.fixture
def root(make_study: Callable[..., Path]) -> Path:
    root = make_study()
    settings = root / "study.toml"
    seed = json.dumps(written_seed(SEED))
    settings.write_text(settings.read_text().replace("seed = 7", f"seed = {seed}"))
    return root


def test_sessions_of_both_tasks(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = ("design", root, "--participants", "001", "002", "--task")
    assert call(*lists, "odd-one-out") == 0
    study = Study.load(root)
    first = study.trial_list("oddoneout", "001", 1)
    before = first.read_text()
    assert json.loads(first.with_suffix(".json").read_text())["seed"] == hex(SEED)
    assert call(*lists, "odd-one-out") == 0  # the list there is still the one that is asked for
    assert first.read_text() == before
    for task in ("odd-one-out", "multi-arrangement"):
        words = ("run", root, "--participant", "001", "--task", task, "--simulate", "--no-window")
        assert call(*words) == 0
    assert call("validate", root) == 0
    assert "no problem found" in capsys.readouterr().out
