"""Sets of objects by person: shared out evenly, the same again, in lists and in sessions."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.cli.app import main
from twoalike.design import object_sets, set_counts
from twoalike.planning import write_lists
from twoalike.record import RunName, read_manifest, read_run
from twoalike.sitting import simulate
from twoalike.study import TwoalikeError
from twoalike.tasks import validate_study


@given(m=st.integers(3, 30), share=st.floats(0.1, 1), n=st.integers(1, 25), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_each_object_is_in_as_many_sets_as_any_other(
    m: int, share: float, n: int, seed: int
) -> None:
    size = max(3, round(share * m))
    sets = object_sets(m, size, n, seed)
    assert all(len(set(row)) == size for row in sets.tolist())
    objects, pairs = set_counts(sets, m)
    assert objects.max() - objects.min() <= 1
    assert pairs.sum() == n * size * (size - 1) // 2
    assert (object_sets(m, size, max(1, n - 1), seed) == sets[: max(1, n - 1)]).all()


@pytest.mark.parametrize(("m", "size", "n"), [(48, 12, 40), (92, 24, 40)])
def test_pairs_are_shared_out_better_than_by_chance(m: int, size: int, n: int) -> None:
    _, pairs = set_counts(object_sets(m, size, n, 3), m)
    rng = np.random.default_rng(0)
    by_chance = np.array([rng.permutation(m)[:size] for _ in range(n)])
    _, drawn = set_counts(by_chance, m)
    assert pairs.var() < 0.6 * drawn.var()
    assert (pairs == 0).sum() <= (drawn == 0).sum() / 2


DESIGN = """trials = 4
practice = 0
[arrangement]
max_trials = 2
practice_items = 0
"""


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Path:
    root = make_study("study", DESIGN)
    text = (root / "study.toml").read_text()
    (root / "study.toml").write_text(f"objects_per_person = 4\n{text}")
    return root


def seen(root: Path, code: str, label: str = "oddoneout") -> set[str]:
    rows = read_run(RunName(code, 1, label).rows(root / "data" / "raw")).rows
    columns = [name for name in rows if name == "stimulus" or name.startswith("stimulus_")]
    return set(rows[columns].to_numpy().ravel())


def test_people_see_their_own_objects_in_every_task(study: Path) -> None:
    codes = ["901", "902", "903", "904"]
    simulate(study, codes)
    simulate(study, ["903"], task="multi-arrangement")
    shown = {code: seen(study, code) for code in codes}
    assert all(len(objects) == 4 for objects in shown.values())
    assert seen(study, "903", "multiarrangement") == shown["903"]
    counts = [
        sum(name in objects for objects in shown.values()) for name in set.union(*shown.values())
    ]
    assert counts == [2] * 8
    table = (study / "data" / "raw" / "participants.tsv").read_text().splitlines()
    assert [line.split("\t")[-1] for line in table] == ["object_set", "1", "2", "3", "4"]
    manifest = read_manifest(RunName("903", 1).manifest(study / "data" / "raw"))
    assert manifest["object_set"] == 3
    assert validate_study(study).n_problems == 0


def test_lists_are_made_in_the_order_of_the_call_and_kept(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = write_lists(study, ["905", "901", "902"])
    assert [item.object_set for item in made.lists] == [1, 2, 3]
    rows = made.summary().table
    assert rows.loc["people who see an object"].iloc[-1] == "1 to 2"
    again = write_lists(study, ["901", "906"])
    assert [(item.object_set, item.state) for item in again.lists] == [
        (2, "unchanged"),
        (4, "written"),
    ]
    simulate(study, ["901", "907"])
    assert seen(study, "901") <= set(
        again.lists[0].table.filter(like="stimulus").to_numpy().ravel()
    )
    beside = study / "design" / "sub-901_ses-01_task-oddoneout_trials.json"
    assert json.loads(beside.read_text())["config"]["object_set"] == 2
    assert validate_study(study).n_problems == 0
    with pytest.raises(SystemExit):
        main(
            [
                "design",
                str(study),
                "--task",
                "multi-arrangement",
                "--participants",
                "908",
                "909",
                "--summary",
            ]
        )
    assert "people who see a pair" in capsys.readouterr().out


def test_what_sets_cannot_do_is_refused(study: Path) -> None:
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(text.replace("per_person = 4", "per_person = 9"))
    assert any("expected 0, or 3 to 8" in fault for fault in validate_study(study).faults)
    (study / "study.toml").write_text(
        text.replace("trials = 4", 'trials = 60\nsampler = "coverage"')
    )
    with pytest.raises(TwoalikeError, match="objects_per_person each participant sees other"):
        write_lists(study, ["901", "902"])
