"""``twoalike erase``: a person is taken out of everything that a study holds of them."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pytest
from tests.conftest import call, succeed, write_study

import twoalike.api as ta
from twoalike.exchange import merge_studies
from twoalike.record import find_runs
from twoalike.study import Study, TwoalikeError, provenance, sha256_file

DESIGN = "trials = 3\npractice = 0\n[arrangement]\nmax_trials = 1\npractice_items = 0\n"
FORM = '[[form.questions]]\nid = "hand"\ntext = "Which?"\nkind = "choice"\noptions = ["y", "n"]\n'
SIMULATED = ("--simulate", "--no-window")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 901 (everything there is), 902 and 903, with computed files."""
    root = write_study(tmp_path_factory.mktemp("lab") / "study", DESIGN, FORM, FORM)
    succeed("design", root, "--task", "odd-one-out", "--participants", "901", "903")
    for who, *options in (
        ("901",),
        ("901", "--task", "multi-arrangement"),
        ("901", "--pilot"),
        ("902",),
    ):
        succeed("run", root, "--participant", who, *SIMULATED, *options)
    raw = root / "data" / "raw"
    people = raw / "participants.tsv"
    people.write_text(
        people.read_text().replace("simulated", "simulated\tage").replace("true", "true\t31")
    )
    (raw / "phenotype").mkdir()
    table = "participant_id\tsession_id\thand\nsub-901\tses-01\tn\nsub-902\tses-01\ty\n"
    (raw / "phenotype" / "form.tsv").write_text(table)
    (raw / "phenotype" / "form.json").write_text('{"hand": {"Description": "Which?"}}')
    compute(root)
    return root


def compute(root: Path) -> None:
    """What a fit and later steps leave: a table, and files that have the hash of one another."""
    derived = root / "derived"
    derived.mkdir()
    table = pd.DataFrame({"participant": pd.Categorical(["901", "902"] * 400), "n": range(800)})
    table.to_parquet(derived / "choices.parquet")
    table[table["participant"] == "902"].to_parquet(derived / "of_902.parquet")
    with h5py.File(derived / "posterior.nc", "w") as file:
        file["posterior/participant"] = ["901", "902"]
        file.attrs["provenance"] = json.dumps(provenance("posterior"))
    for name, source in (("teacher", "posterior.nc"), ("student", "teacher/teacher.json")):
        (derived / name).mkdir()
        made = provenance(name, inputs={"source": derived / source})
        (derived / name / f"{name}.json").write_text(json.dumps(made))
    shown = f"<td>choices.parquet {sha256_file(derived / 'choices.parquet')[:10]}</td>"
    (derived / "report.html").write_text(shown)
    (derived / "features.json").write_text(json.dumps({"n": 901, "size": [901, 902]}))


@pytest.fixture
def study(lab: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lab, tmp_path / "study"))


def naming(root: Path) -> set[str]:
    """Files below a folder that name 901, by name or content."""
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and ("sub-901" in path.name or b"sub-901" in path.read_bytes())
    }


def test_without_yes_it_is_only_listed(
    study: Path, snapshot: Callable[[Path], dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(study)
    assert call("erase", study, "901") == 0
    said = capsys.readouterr().out
    assert snapshot(study) == before
    for part in ("data/raw/sub-901", "data/raw/sourcedata/sub-901", "data/pilot/sub-901"):
        assert f"holds: {study / part}\n" in said
    assert f"rows of sub-901 in {study}/data/raw/participants.tsv" in said
    assert said.splitlines()[-1] == "Nothing was changed. Remove it with --yes."


def test_a_person_is_taken_out_of_everything(
    study: Path, snapshot: Callable[[Path], dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(study / "data" / "raw" / "sub-902")
    succeed("erase", study, "901", "--yes")
    said = capsys.readouterr().out
    assert naming(study) == set()
    assert "901" not in (study / "data" / "erased.json").read_text()
    assert snapshot(study / "data" / "raw" / "sub-902") == before
    assert (study / "design").glob("sub-903_*")
    assert "sub-902\ttrue\t31" in (study / "data" / "raw" / "participants.tsv").read_text()
    assert call("validate", study) == 0
    capsys.readouterr()
    listed = {line.rpartition("/")[2] for line in said.splitlines() if "compute again" in line}
    assert listed == {"choices.parquet", "posterior.nc", "teacher", "student", "report.html"}
    assert all((study / "derived" / name).exists() for name in listed)
    # Again: nothing is left to remove. Another code was never here.
    succeed("erase", study, "901", "--yes")
    assert "nothing of participant 901 is left" in capsys.readouterr().out
    assert call("erase", study, "904", "--yes") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "has nothing of participant 904" in line


def test_the_code_is_not_used_again(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    succeed("erase", study, "901", "--yes")
    assert call("run", study, "--participant", "901", *SIMULATED) == 1
    assert "participant 901: the data of this participant were erased" in capsys.readouterr().err


def test_the_last_person_leaves_a_valid_data_set(study: Path) -> None:
    for code in ("901", "902"):
        ta.online.erase(study, code, yes=True)
    assert find_runs(study / "data" / "raw") == ()
    assert call("validate", study) == 0


def test_a_copy_does_not_bring_them_back_by_a_merge(study: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(study, tmp_path / "copy"))
    ta.online.erase(study, "901", yes=True)
    with pytest.raises(
        TwoalikeError, match=f"has data of participant 901, who was erased.*erase {copy} 901"
    ):
        merge_studies([study, copy], tmp_path / "both")
    ta.online.erase(copy, "901", yes=True)
    merge_studies([study, copy], tmp_path / "both")
    assert naming(tmp_path / "both") == set()
    with pytest.raises(TwoalikeError, match="were erased"):
        ta.simulate(tmp_path / "both", ["901"])


def test_a_running_session_is_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from twoalike.record import hold_participant

    opened, before = Study.load(study), naming(study)
    with hold_participant(opened, opened.raw, "901"):
        assert call("erase", study, "901", "--yes") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "participant 901 is being run by another process" in line
    assert naming(study) >= before


def test_a_damaged_table_is_one_line(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, before = study / "derived" / "choices.parquet", naming(study)
    table.write_bytes(table.read_bytes()[:-20])
    assert call("erase", study, "901", "--yes") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "choices.parquet: cannot be read as parquet" in line and "Restore or delete it" in line
    assert naming(study) == before


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_anywhere_another_call_ends_it(stride: int, study: Path, tmp_path: Path) -> None:
    """Before each removal and each rename in turn; every day before each fourth."""
    n_steps = 0
    while True:
        root = Path(shutil.copytree(study, tmp_path / f"killed-{n_steps}"))
        done = [0]
        with pytest.MonkeyPatch.context() as patch:
            for name in ("unlink", "rmdir", "replace", "remove"):
                patch.setattr(os, name, dying(getattr(os, name), done, n_steps))
            try:
                ta.online.erase(root, "901", yes=True)
                break
            except Killed:
                n_steps += stride
        ta.online.erase(root, "901", yes=True)
        assert naming(root) == set(), n_steps
        assert "sub-901" not in str(sorted(root.rglob("*")))
        if n_steps % 20 == stride:
            assert call("validate", root) == 0, n_steps
        shutil.rmtree(root)
    assert n_steps > 20


def dying(act: Callable[..., Any], done: list[int], n_steps: int) -> Callable[..., Any]:
    """A call of the system that ends the process when it is the turn of the ``n_steps``-th."""

    def maybe(*arguments: Any, **named: Any) -> Any:
        if done[0] >= n_steps:
            raise Killed
        done[0] += 1
        return act(*arguments, **named)

    return maybe
