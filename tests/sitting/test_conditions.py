"""Conditions within a session: each a run with its own instruction, objects, list and judgments."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from twoalike.exchange import share
from twoalike.judgments import collect_judgments
from twoalike.planning import write_lists
from twoalike.record import RunName, check_bids, read_manifest, read_notes
from twoalike.sitting import simulate, sit
from twoalike.study import TwoalikeError
from twoalike.tasks import validate_study

CONDITIONS = """
[[conditions]]
name = "shape"
instruction = { en = ["Judge by shape."], de = ["Nach der Form."] }
[[conditions]]
name = "use"
instruction = { en = ["Judge by use."] }
protocols = { odd-one-out = "protocols/use.toml" }
objects = { shade = ["warm0", "warm1", "cold2"] }
tasks = ["odd-one-out"]
"""
DESIGN = "trials = 5\npractice = 1\n[arrangement]\nmax_trials = 2\npractice_items = 0\n"


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Path:
    root = make_study("study", DESIGN)
    with (root / "study.toml").open("a") as file:
        file.write(CONDITIONS)
    (root / "protocols" / "use.toml").write_text('[texts]\nprompt = "Used differently?"\n')
    return root


def runs(root: Path, code: str) -> list[pd.DataFrame]:
    raw = root / "data" / "raw"
    paths = [RunName(code, 1, run=run).rows(raw) for run in (1, 2)]
    return [pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False) for path in paths]


def instruction(root: Path, code: str, run: int) -> list[str]:
    manifest = read_manifest(RunName(code, 1, run=run).manifest(root / "data" / "raw"))
    return list(manifest["config"]["texts"]["instruction"])


def test_each_condition_is_a_run_of_its_own(study: Path) -> None:
    outcomes = simulate(study, ["901", "902"])
    firsts = {outcome.earlier[0].path.name.partition("run-")[2][:2] for outcome in outcomes}
    assert firsts == {"01", "02"}
    shape, use = runs(study, "901")
    assert set(shape["run_condition"]) == {"shape"}
    assert set(use["run_condition"]) == {"use"}
    assert set(shape["condition"]) == {"n/a"}
    shown = set(use.filter(like="stimulus").to_numpy().ravel()) - {"n/a"}
    assert shown <= {"warm0", "warm1", "warm2", "warm3", "cold4", "cold5"}
    assert shape["triplet_id"].tolist() != use["triplet_id"].tolist()
    assert instruction(study, "901", 1)[-1] == "Judge by shape."
    assert instruction(study, "901", 2)[-1] == "Judge by use."
    raw = study / "data" / "raw"
    manifest = read_manifest(RunName("901", 1, run=2).manifest(raw))
    assert manifest["config"]["texts"]["prompt"] == "Used differently?"
    assert (manifest["condition"], len(manifest["orders"]["conditions"])) == ("use", 2)
    assert json.loads(RunName("901", 1, run=2).sidecar(raw).read_text())["Condition"] == "use"
    assert check_bids(raw) == []
    assert validate_study(study).n_problems == 0


def test_pages_come_once_and_before_their_part(study: Path) -> None:
    sit(study, "901", simulate=True, window=False)
    pages = []
    for run in (1, 2):
        notes = read_notes(RunName("901", 1, run=run).journal(study / "data" / "raw"))
        pages.append([one["event"] for one in notes].count("instruction"))
    assert sorted(pages) == [1, 3]  # the task's two pages come before the first part only
    alone = sit(study, "901", task="multi-arrangement", simulate=True, window=False)
    assert alone.earlier == ()
    assert "run-01" in alone.path.name


def test_the_judgments_of_one_condition(study: Path) -> None:
    simulate(study, ["901", "902"])
    both = pd.read_parquet(collect_judgments(study)["choices"])
    one = collect_judgments(study, condition="use")["choices"]
    assert one.name == "choices_use.parquet"
    assert len(pd.read_parquet(one)) == len(both) / 2 == 12
    with pytest.raises(TwoalikeError, match="expected one of shape, use, found 'us'"):
        collect_judgments(study, condition="us")


def test_sessions_left_out_by_the_rule_are_named_and_recorded(study: Path) -> None:
    edit(study / "study.toml", "trials = 5", "trials = 5\ncatch = 2")
    simulate(study, ["901", "902"])
    wrong, right = ({str(k): str((k + by) % 3 + 1) for k in (1, 2, 3)} for by in (0, 2))
    for person, told in (("901", wrong), ("902", right)):
        path = RunName(person, 1, run=2).rows(study / "data" / "raw")
        rows = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        checks = rows["trial_type"] == "catch"
        rows.loc[checks, "expected_odd"] = rows["response"].map(told)
        rows.to_csv(path, sep="\t", index=False, lineterminator="\n")
    reason = "attention checks: 0 of 2 right, 90 % expected"
    for condition in (None, "use"):
        said: list[str] = []
        how: dict[str, Any] = {"condition": condition, "announce": said.append}
        made = collect_judgments(study, allow_problems=True, **how)
        assert f"left out by the rule of study.toml: participant 901, session 01 ({reason})" in said
        kept = pq.read_schema(made["choices"]).metadata[b"twoalike"]
        assert ["901", "01", reason] in json.loads(kept)["config"]["excluded"]


def test_lists_are_made_for_each_condition(study: Path) -> None:
    made = write_lists(study, ["901"])
    assert [item.condition for item in made.lists] == ["shape", "use"]
    assert [item.path.name[-17:] for item in made.lists] == [
        "run-01_trials.tsv",
        "run-02_trials.tsv",
    ]
    sit(study, "901", simulate=True, window=False)
    for table, item in zip(runs(study, "901"), made.lists, strict=True):
        assert table["triplet_id"].tolist() == item.table["triplet_id"].tolist()
    assert validate_study(study).n_problems == 0


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_rows_of_another_condition_are_found(study: Path) -> None:
    sit(study, "901", simulate=True, window=False)
    edit(RunName("901", 1, run=2).rows(study / "data" / "raw"), "\tuse\n", "\tshape\n")
    said = str(validate_study(study))
    assert "column 'run_condition': is shape, the journal has use" in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"warm0"', '"warm9"', "shade 'warm9' is not in the manifest"),
        ("{ shade", "{ colour", "expected one of the columns id, kind, shade, found 'colour'"),
        ('{ en = ["Judge by use."] }', '{ fr = ["Oui."] }', "an instruction in 'en'"),
    ],
)
def test_wrong_settings_are_named(study: Path, old: str, new: str, said: str) -> None:
    edit(study / "study.toml", old, new)
    assert any(said in fault for fault in validate_study(study).faults)


@pytest.mark.parametrize(("seed", "is_small"), [("1", True), ("'0x" + "9e" * 16 + "'", False)])
def test_only_small_seeds_of_the_study_are_warned_of(
    study: Path, tmp_path: Path, seed: str, is_small: bool
) -> None:
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(re.sub(r"(?m)^seed = .*$", f"seed = {seed}", text))
    sit(study, "901", simulate=True, window=False)
    warnings = share(study, tmp_path / "copy").warnings
    assert any("is small" in warning for warning in warnings) == is_small


def test_a_condition_broken_off_goes_on_there(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twoalike.record import RunRecord

    append = RunRecord.append

    def dies(record: Any, rows: Any) -> None:
        append(record, rows)
        if record.n_done == 3 and "run-02" in record.path.name:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunRecord, "append", dies)
        sit(study, "901", simulate=True, window=False)
    outcome = sit(study, "901", simulate=True, window=False, resume=True, show=lambda _: None)
    assert [one.n_done for one in (*outcome.earlier, outcome)] == [6, 6]
    assert validate_study(study).n_problems == 0
