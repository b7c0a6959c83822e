"""Making lists in Python, with what the command reports as values."""

from collections.abc import Callable
from pathlib import Path

import pytest

from twoalike.planning import create_study, write_lists
from twoalike.registry import Task
from twoalike.registry._tasks import _registered
from twoalike.study import Study, TwoalikeError

MakeStudy = Callable[..., Path]


def test_lists_are_made_from_a_folder_given_as_text(make_study: MakeStudy) -> None:
    root = make_study(design="trials = 12\npractice = 2\n")
    made = write_lists(str(root), "01", sessions=2)
    assert [(one.participant, one.session, one.state) for one in made.lists] == [
        ("01", 1, "written"),
        ("01", 2, "written"),
    ]
    assert all(one.path.is_file() and len(one.table) == 14 for one in made.lists)
    assert {one.state for one in write_lists(root, ["01"], sessions=2).lists} == {"unchanged"}
    with pytest.raises(TwoalikeError, match="replace it with `overwrite=True`"):
        write_lists(root, ["01"], seed=8)
    summary = made.summary()
    assert list(summary.table.columns) == ["sub-01 ses-01", "sub-01 ses-02", "all 2"]
    assert summary.table.loc["trials"].tolist() == ["14", "14", "28"]
    assert "<table" in summary._repr_html_()


def test_sets_chosen_on_the_way_leave_no_list(make_study: MakeStudy) -> None:
    root = make_study(design="[arrangement]\npractice_items = 0\nmax_trials = 2\n")
    made = write_lists(Study.load(root), ["01"], task="multi-arrangement")
    assert [one.state for one in made.lists] == ["empty"]
    assert made.summary().title.startswith("Estimate: 8 objects")
    assert not (root / "design").exists()


def test_arguments_that_do_not_fit_are_named_as_parameters(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_study()
    for arguments, message in (
        ({"sessions": 0}, "`sessions=0`: expected a whole number from 1"),
        ({"sampler": "best"}, "`sampler=best`: expected one of random, coverage"),
        ({"task": "multi-arrangement", "block": 2}, "`block=...`: no posterior chooses"),
        ({"task": "odd"}, "expected one of odd-one-out"),
        ({"posterior": "p.nc"}, "only the adaptive sampler uses it"),
    ):
        with pytest.raises(TwoalikeError, match=message):
            write_lists(root, ["01"], **arguments)
    parts = {"trials": "x:y", "protocol": "x:y", "prepare": "x:y", "read_raw": "x:y"}
    task = Task(name="no-lists", description="-", judgments="choices", **parts)
    monkeypatch.setitem(_registered, "no-lists", task)
    with pytest.raises(TwoalikeError, match="expected a task with trial lists"):
        write_lists(root, ["01"], task="no-lists")


def test_a_study_is_created_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="`images=...` or `stimuli=familiar`"):
        create_study(tmp_path / "a", background="#ffffff")
    with pytest.raises(TwoalikeError, match="`language=xx`: expected one of"):
        create_study(tmp_path / "a", stimuli="familiar", language="xx")
    assert list(tmp_path.iterdir()) == []
