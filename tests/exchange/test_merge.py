"""Two lab computers: what was collected on both is one study, and nothing is mixed up."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import call, write_study

from twoalike.exchange import merge_studies
from twoalike.exchange._merge import join_files
from twoalike.record import RunName, find_runs, read_answers, read_run
from twoalike.study import TwoalikeError

FORM = '[[form.questions]]\nid = "{0}"\ntext = "{0}?"\nkind = "choice"\noptions = ["y", "n"]\n'
SIMULATED = ("--simulate", "--no-window")


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two computers' studies, ``one`` and ``two``: 901 sits at both, 902 and 903 at one each."""
    folder = tmp_path_factory.mktemp("labs")
    design = "trials = 3\npractice = 0\ncatch = 0\nrepeats = 0\n"
    one = write_study(folder / "one", design, FORM.format("hand"), FORM.format("mouse"))
    shutil.copytree(one, folder / "two")
    for study, who, *options in (
        ("one", "901"),
        ("two", "901", "--session", 2, "--elsewhere"),
        ("one", "902"),
        ("two", "903"),
        ("two", "904", "--pilot"),
        ("two", "901", "--task", "multi-arrangement"),
    ):
        assert call("run", folder / study, "--participant", who, *SIMULATED, *options) == 0
    people = folder / "one" / "data" / "raw" / "participants.tsv"
    by_hand = people.read_text().replace("simulated", "simulated\tsex").replace("true", "true\tF")
    people.write_text(by_hand.rstrip("\n"))
    (folder / "two" / "derived").mkdir()
    (folder / "two" / "derived" / "choices.parquet").write_bytes(b"computed")
    return folder


@pytest.fixture
def both(labs: Path, tmp_path: Path) -> Path:
    """The same, to change as a test likes."""
    return Path(shutil.copytree(labs, tmp_path / "labs"))


def test_a_participant_may_sit_at_both_computers(
    labs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], snapshot: Callable[..., Any]
) -> None:
    before = snapshot(labs)
    out = tmp_path / "both"
    assert call("merge", labs / "one", labs / "two", "--out", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{out}: 5 runs of 3 participants, ")
    assert said[1:] == [f"left out: {labs / 'two' / 'derived'}"]
    assert snapshot(labs) == before
    assert call("validate", out) == 0
    raw = out / "data" / "raw"
    assert [RunName.parse(path).stem[:14] for path in find_runs(raw)] == [
        "sub-901_ses-01",
        "sub-901_ses-01",
        "sub-901_ses-02",
        "sub-902_ses-01",
        "sub-903_ses-01",
    ]
    for study in ("one", "two"):
        for path in find_runs(labs / study / "data" / "raw"):
            there = read_run(raw / path.relative_to(labs / study / "data" / "raw"))
            assert there.rows.equals(read_run(path).rows)
    people = pd.read_csv(raw / "participants.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert people.set_index("participant_id")["sex"].to_dict() == {
        "sub-901": "F",
        "sub-902": "F",
        "sub-903": "n/a",
    }
    answers = read_answers(raw, "form", "901")
    assert answers[["task", "question"]].to_numpy().tolist() == [
        ["multiarrangement", "mouse"],
        ["oddoneout", "hand"],
        ["oddoneout", "hand"],
    ]
    assert len(find_runs(out / "data" / "pilot")) == 1


def test_what_both_hold_alike_is_taken_once(both: Path) -> None:
    but = shutil.ignore_patterns("participants.tsv")
    shutil.copytree(both / "one" / "data", both / "two" / "data", ignore=but, dirs_exist_ok=True)
    merged = merge_studies([both / "one", both / "two"], both / "out")
    assert (merged.n_participants, merged.n_runs) == (3, 5)


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def refused(both: Path, snapshot: Callable[..., Any]) -> str:
    before = snapshot(both)
    with pytest.raises(TwoalikeError) as caught:
        merge_studies([both / "one", both / "two"], both / "out")
    assert "\n" not in str(caught.value)
    assert snapshot(both) == before
    return str(caught.value)


def test_the_same_session_in_both_is_named(both: Path, snapshot: Callable[..., Any]) -> None:
    for who, session in (("902", 1), ("901", 2)):
        words = ("--participant", who, "--session", session, *SIMULATED, "--elsewhere")
        study = both / ("two" if who == "902" else "one")
        assert call("run", study, *words, "--seed", 8) == 0
    said = refused(both, snapshot)
    assert "participant 902, session 1, task oddoneout, run 1 in data/raw (" in said
    assert "participant 901, session 2, task oddoneout, run 1 in data/raw (" in said
    assert f"{both / 'one'} and {both / 'two'}" in said
    assert "participant 903" not in said


def test_a_session_of_which_the_other_has_a_part_is_named(
    both: Path, snapshot: Callable[..., Any]
) -> None:
    name = RunName("902", 1).journal
    path = name(both / "two" / "data" / "raw")
    path.parent.mkdir(parents=True)
    shutil.copyfile(name(both / "one" / "data" / "raw"), path)
    assert "participant 902, session 1" in refused(both, snapshot)


def test_codes_that_differ_in_zeros_only_are_named(
    both: Path, snapshot: Callable[..., Any]
) -> None:
    assert call("run", both / "two", "--participant", "0902", *SIMULATED) == 0
    said = refused(both, snapshot)
    assert f"902 in {both / 'one'} and 0902 in {both / 'two'}" in said


def test_everything_that_differs_between_two_protocols_is_named_in_one_line(
    both: Path, snapshot: Callable[..., Any]
) -> None:
    two = both / "two"
    change(two / "study.toml", "trials = 3", "trials = 4")
    change(two / "study.toml", "seed = 7", "seed = 8")
    change(two / "protocols" / "odd_one_out.toml", "hand?", "Which hand?")
    change(two / "stimuli" / "stimuli.tsv", "\twarm\t", "\tcold\t")
    said = refused(both, snapshot)
    assert "study.toml: design.trials is 3 and 4" in said
    assert "study.toml: the seeds differ" in said
    assert "odd_one_out.toml: form.questions is" in said
    assert "stimuli: other categories" in said
    lines = (two / "stimuli" / "stimuli.tsv").read_text().splitlines(keepends=True)
    (two / "stimuli" / "stimuli.tsv").write_text("".join(lines[:-1]))
    assert f"not in {two}" in refused(both, snapshot)


def test_what_models_know_goes_along_and_is_the_same(
    both: Path, snapshot: Callable[..., Any]
) -> None:
    for study in (both / "one", both / "two"):
        with (study / "study.toml").open("a") as file:
            file.write('[adaptive]\nfeatures = "known.npz"\nsources = ["said/gpt.parquet"]\n')
        (study / "said").mkdir()
        (study / "said" / "gpt.parquet").write_bytes(b"answers")
        (study / "known.npz").write_bytes(study.name.encode())
    assert "known.npz: not the same file" in refused(both, snapshot)
    shutil.copyfile(both / "one" / "known.npz", both / "two" / "known.npz")
    left = merge_studies([both / "one", both / "two"], both / "out").left_out
    assert not [path for path in left if path.name in ("said", "known.npz")]
    assert (both / "out" / "said" / "gpt.parquet").read_bytes() == b"answers"
    assert (both / "out" / "known.npz").is_file()


def test_a_person_here_and_a_simulated_observer_there_is_named(
    both: Path, snapshot: Callable[..., Any]
) -> None:
    change(both / "two" / "data" / "raw" / "participants.tsv", "sub-901\ttrue", "sub-901\tfalse")
    said = refused(both, snapshot)
    assert f"simulated of sub-901 is true in {both / 'one'} and false in {both / 'two'}" in said


def test_data_that_validate_refuses_are_not_merged(
    both: Path, snapshot: Callable[..., Any]
) -> None:
    RunName("903", 1).journal(both / "two" / "data" / "raw").unlink()
    said = refused(both, snapshot)
    assert "sub-903_ses-01_task-oddoneout_run-01_journal.jsonl: is missing" in said
    assert "nothing was written" in said
    assert ".part" not in said


@pytest.mark.parametrize("place", ["one", "one/sub", "two"])
def test_the_studies_themselves_are_never_written_to(labs: Path, place: str) -> None:
    with pytest.raises(TwoalikeError, match="`out=...`"):
        merge_studies([labs / "one", labs / "two"], labs / place)


def test_one_study_is_nothing_to_merge(labs: Path, tmp_path: Path) -> None:
    for folders in ([labs / "one"], [labs / "one", labs / "two" / ".." / "one"]):
        with pytest.raises(TwoalikeError, match="two studies or more"):
            merge_studies(folders, tmp_path / "out")


def test_tables_of_one_row_per_participant_are_joined() -> None:
    path = "data/raw/phenotype/form.tsv"
    one = b"participant_id\tsession_id\tage\nsub-1\tses-01\t30\nsub-2\tses-01\tn/a\n"
    two = b"participant_id\tsession_id\thand\tage\nsub-1\tses-01\tleft\t30\nsub-2\tses-01\tn/a\t9"
    joined = join_files({path: {"one": one, "two": two}})[path].decode()
    assert joined.splitlines() == [
        "participant_id\tsession_id\tage\thand",
        "sub-1\tses-01\t30\tleft",
        "sub-2\tses-01\t9\tn/a",
    ]
    sidecar = path.replace(".tsv", ".json")
    with pytest.raises(TwoalikeError, match="'age' is described differently in one and two"):
        join_files({sidecar: {"one": b'{"age": 1}', "two": b'{"age": 2}'}})
    assert join_files({sidecar: {"one": b'{"a": 1}', "two": b'{"b": 2}'}})[sidecar]
