"""Tasks are found by name or label, in this process, in other packages, and nowhere else."""

import sys
from dataclasses import fields
from pathlib import Path

import pytest

from twoalike.registry import ENTRY_POINTS, Task, _tasks, find_task, register_task, task_names
from twoalike.study import TwoalikeError


@pytest.fixture(autouse=True)
def _own_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tasks, "_registered", dict(_tasks._registered))
    monkeypatch.setattr(_tasks, "_installed", _tasks._installed.__wrapped__)


def _task(name: str) -> Task:
    return Task(
        name=name,
        description="Something.",
        judgments="dissimilarities",
        trials="json:dumps",
        protocol="json:loads",
        prepare="json:load",
        read_raw="json:dump",
    )


def _install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str) -> None:
    """Put a package with an entry point on the path, as an installer does."""
    (folder / "of_others.py").write_text(code)
    about = folder / "of_others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: of-others\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{name} = of_others:TASK\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "of_others", raising=False)


@pytest.mark.parametrize("name", ["odd-one-out", "multi-arrangement"])
def test_every_part_of_the_built_in_tasks_exists(name: str) -> None:
    task = find_task(name)
    assert find_task(task.label) is task
    for field in fields(task):
        assert not str(getattr(task, field.name)).startswith("twoalike."), field.name


def test_parts_are_imported_when_they_are_first_used() -> None:
    task = _task("later")
    task.prepare = "json:no_such_name"
    assert task.trials is __import__("json").dumps
    assert task.events is None
    with pytest.raises(AttributeError):
        _ = task.prepare


def test_a_registered_task_is_found_and_no_other_takes_its_name() -> None:
    task = _task("tone-rating")
    register_task(task)
    register_task(task)
    assert find_task("tonerating") is task
    assert task_names()[-1] == "tone-rating"
    with pytest.raises(TwoalikeError, match="registered already"):
        register_task(_task("tone-rating"))
    with pytest.raises(TwoalikeError, match="registered already"):
        register_task(_task("odd-one-out"))


def test_a_task_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from twoalike.registry import Task\n"
        'TASK = Task(name="of-others", description="d", judgments="choices", trials=1, protocol=2,'
        " prepare=3, read_raw=4)\n"
    )
    _install(tmp_path, monkeypatch, "of-others", code)
    assert "of-others" in task_names()
    assert "of_others" not in sys.modules  # names alone load nothing
    assert find_task("ofothers").read_raw == 4


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import no_such_module", "cannot be imported.*no_such_module"),
        ("TASK = 3", "expected a Task named 'of-others', found int"),
    ],
)
def test_a_package_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, expected: str
) -> None:
    _install(tmp_path, monkeypatch, "of-others", code)
    with pytest.raises(TwoalikeError, match=expected):
        find_task("of-others")
