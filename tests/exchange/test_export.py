"""Psych-DS and Meadows-like files: what was recorded, read back by others' rules."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import call

from twoalike.design import ArrangedTrial, rescaled_average
from twoalike.exchange import Dissimilarities
from twoalike.exchange._dissimilarities import arranged_dissimilarities, as_mat, as_npz
from twoalike.exchange._psychds import psychds_files
from twoalike.judgments import arrangements_table, import_meadows, write_judgments
from twoalike.study import TwoalikeError


@pytest.fixture(scope="module")
def exported(unchanged_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "psychds"
    assert call("export", "psychds", unchanged_study, "--out", out, "--allow-problems") == 0
    return out


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def test_psychds_holds_every_cell_of_the_raw_data(unchanged_study: Path, exported: Path) -> None:
    raw = unchanged_study / "data" / "raw"
    for task in ("oddoneout", "multiarrangement"):
        source = raw / f"sub-002/ses-01/beh/sub-002_ses-01_task-{task}_run-01_beh.tsv"
        header, *lines = [line.split("\t") for line in source.read_text().splitlines()]
        found = rows_of(exported / f"data/subject-002_session-01_task-{task}_data.csv")
        assert len(found) == len(lines) > 0
        for row, line in zip(found, lines, strict=True):
            assert [row["subject"], row["session"], row["run"]] == ["002", "01", "1"]
            cells = ["" if cell == "n/a" else cell for cell in line]
            assert [row[name] for name in header] == cells
    form = rows_of(exported / "data/study-all_description-form_data.csv")
    assert [row["age"] for row in form] == ["94", "31", ""]


def test_psychds_keeps_the_rules(exported: Path) -> None:
    names = sorted(path.name for path in (exported / "data").iterdir())
    assert len(names) == 3 * 3 + 4
    keywords = "study|subject|session|task|description"
    assert all(re.fullmatch(rf"(({keywords})-[0-9A-Za-z]+_)+data\.csv", name) for name in names), (
        names
    )
    description = json.loads((exported / "dataset_description.json").read_text())
    assert description["@type"] == "Dataset" and description["@context"].startswith("https://")
    assert description["name"] and description["description"]
    listed = [entry["name"] for entry in description["variableMeasured"]]
    assert len(listed) == len(set(listed))
    used = set()
    for path in (exported / "data").iterdir():
        text = path.read_bytes().decode("utf-8")
        header, *rows = list(csv.reader(io.StringIO(text, newline="")))
        assert all(len(row) == len(header) for row in rows), path
        used |= set(header)
    assert used == set(listed)
    about = {entry["name"]: entry for entry in description["variableMeasured"]}
    assert about["response_time"]["unitText"] == "s"
    assert "attention check" in about["trial_type"]["description"]


def test_no_cell_of_psychds_is_a_formula(study: Path) -> None:
    answers = study / "data" / "raw" / "participants.tsv"
    answers.write_text(
        'participant_id\t=age\tscore\nsub-002\t=HYPERLINK("http://x")\t-1.5\n'
        "sub-003\t@SUM(A1)\t-3\n"
    )
    files = psychds_files({"participants.tsv": answers.read_text()})
    text = files["data/study-all_description-participants_data.csv"]
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert header == ["participant_id", "'=age", "score"]
    assert [row[1:] for row in rows] == [['\'=HYPERLINK("http://x")', "-1.5"], ["'@SUM(A1)", "-3"]]
    listed = json.loads(files["dataset_description.json"])["variableMeasured"]
    assert [entry["name"] for entry in listed] == header


def test_further_runs_and_bad_files(study: Path) -> None:
    stem = "sub-1/ses-01/beh/sub-1_ses-01_task-t"
    files = {f"{stem}_run-0{k}_{kind}.tsv": "a\n1\n" for k in (1, 2) for kind in ("beh", "events")}
    names = {path for path in psychds_files(files) if path.startswith("data/")}
    assert {name.partition("task-t_")[2] for name in names} == {
        "data.csv",
        "description-events_data.csv",
        "description-run02_data.csv",
        "description-eventsrun02_data.csv",
    }
    for text, complaint in (("a\tb\n1\n", "row 1 has 1 cells"), ("", "found no line")):
        with pytest.raises(TwoalikeError, match=complaint):
            psychds_files({f"{stem}_run-01_beh.tsv": text})
    twins = {
        f"sub-{c}/ses-01/beh/sub-{c}_ses-01_task-t_run-01_beh.tsv": "a\n" for c in ("1+", "1plus")
    }
    with pytest.raises(TwoalikeError, match="two tables get this name"):
        psychds_files(twins)


OBJECTS = ["ant", "tree frog", "Blüte", "oak", "never"]


def arrange(rng: np.random.Generator, n: int, m: int = 4) -> list[ArrangedTrial]:
    sizes = rng.integers(3, m + 1, n)
    return [ArrangedTrial(rng.permutation(m)[:k], rng.uniform(-0.3, 0.3, (k, 2))) for k in sizes]


@pytest.mark.parametrize("people", [("calm-fox",), ("001", "calm-fox", "p3")])
def test_rsatoolbox_reads_what_was_written(
    people: tuple[str, ...], rng: np.random.Generator, tmp_path: Path
) -> None:
    from rsatoolbox.io.meadows import load_rdms

    trials = {code: arrange(rng, 4) for code in people}
    table = arranged_dissimilarities(trials, OBJECTS)
    who = "calm-fox_1" if len(people) == 1 else "arrangement"
    path = tmp_path / f"Meadows_study_v_v1_{who}_1D.mat"
    path.write_bytes(as_mat(table, {"kind": "test"}))
    rdms = load_rdms(str(path), sort=False)
    assert rdms.rdm_descriptors["participant"] == list(people)
    assert list(rdms.pattern_descriptors["conds"]) == OBJECTS[:4]
    np.testing.assert_array_equal(rdms.dissimilarities, table.vectors)
    for code, vector in zip(people, table.vectors, strict=True):
        square = rescaled_average(trials[code], 5).dissimilarities
        np.testing.assert_array_equal(vector, square[np.triu_indices(4, 1)])


def test_files_hold_no_clock_and_are_the_same_twice(rng: np.random.Generator) -> None:
    table = arranged_dissimilarities({"a": arrange(rng, 3)}, OBJECTS)
    for write in (as_mat, as_npz):
        content = write(table, {"kind": "test"})
        assert content == write(table, {"kind": "test"})
        assert b"Created on" not in content


def test_npz_and_mat_are_read_by_evaluate(rng: np.random.Generator, tmp_path: Path) -> None:
    from twoalike.judgments import read_rdms

    table = arranged_dissimilarities({c: arrange(rng, 9) for c in ("a", "b")}, OBJECTS)
    path = tmp_path / "d.npz"
    path.write_bytes(as_npz(table, {"kind": "test"}))
    read = read_rdms(path)
    assert read.ids == tuple(OBJECTS[:4])
    np.testing.assert_allclose(read.values[:, 0, 1], table.vectors[:, 0])


@pytest.mark.parametrize(
    ("codes", "complaint"),
    [(("a+", "b"), "cannot be part of a MATLAB"), (("a-b", "a_b"), "hyphens and underscores only")],
)
def test_codes_that_matlab_cannot_name_are_refused(codes: tuple[str, str], complaint: str) -> None:
    table = Dissimilarities(codes, ("x", "y"), np.ones((2, 1)), (True, True))
    with pytest.raises(TwoalikeError, match=complaint):
        as_mat(table, {})
    assert as_npz(table, {})


def test_command_line_from_a_study_and_from_a_table(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("export", "meadows", study, "--out", tmp_path / "d.npz", "--allow-problems") == 0
    assert "3 objects by 3 participants" in capsys.readouterr().out
    with np.load(tmp_path / "d.npz") as content:
        meta = json.loads(str(content["meta"]))
        assert sorted(meta["participants"]) == ["002", "anna7q", "bob3+"]
        distances = np.array([[0.1 + 0.3, 0.2], [0.1, 0.6], [0.3, 0.4]])
        expected = np.hypot(*distances.T)
        expected = expected / np.linalg.norm(expected)
        np.testing.assert_allclose(content["rdmutv"][0], expected, atol=0.02)
    columns = {"trial": [1, 1, 1, 2, 2], "item": [0, 1, 2, 2, 3], "session": list("aaabb")}
    columns |= {"x": [0.0, 0.1, 0.2, 0.0, 0.3], "y": [0.0] * 5}
    write_judgments(
        tmp_path / "a.parquet", arrangements_table(columns, OBJECTS), {}, "arrangements"
    )
    words = ("export", "meadows", "--arrangements", tmp_path / "a.parquet")
    assert call(*words, "--out", tmp_path / "m.mat") == 0
    assert "2 pairs never placed together" in capsys.readouterr().out
    assert call(*words, "--out", tmp_path / "b.npz", "--session", "b") == 0
    assert "2 objects by 1 participant\n" in capsys.readouterr().out
    for wrong, complaint in (
        ((*words, "--out", tmp_path / "m.csv"), "expected a file .mat or .npz"),
        ((*words, "--out", tmp_path / "m.mat", "--session", "c"), "session c; sessions with main"),
        ((*words[:2], "--out", tmp_path / "m.mat"), "either the folder of a study or"),
        ((*words[:2], tmp_path, "--out", tmp_path / "m.mat"), "expected a study"),
    ):
        assert call(*wrong) == 1
        said = capsys.readouterr().err
        assert complaint in said and said.count("\n") == 1


def test_a_session_is_found_by_its_number_and_needs_main_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {"trial": [1] * 9, "item": [0, 1, 2] * 3, "session": ["01"] * 3 + ["10"] * 6}
    columns["session"][6:] = ["02"] * 3
    columns |= {"x": [0.0, 0.1, 0.2] * 3, "y": [0.0] * 9}
    columns |= {"trial_type": ["main"] * 6 + ["practice"] * 3}
    write_judgments(
        tmp_path / "a.parquet", arrangements_table(columns, OBJECTS), {}, "arrangements"
    )
    words = ("export", "meadows", "--arrangements", tmp_path / "a.parquet", "--out")
    assert call(*words, tmp_path / "all.npz") == 0
    assert "sessions 01, 10 together" in capsys.readouterr().out
    files = []
    for name in ("1", "01", "ses-01", "ses-1"):
        assert call(*words, tmp_path / f"{name}.npz", "--session", name) == 0
        with np.load(tmp_path / f"{name}.npz") as content:
            files.append(content["rdmutv"].tolist())
    assert all(file == files[0] for file in files)
    assert call(*words, tmp_path / "n.npz", "--session", "2") == 1
    assert "session 2; sessions with main trials: 01, 10" in capsys.readouterr().err


def test_a_shared_copy_can_be_exported(study: Path, tmp_path: Path) -> None:
    assert call("share", study, "--out", tmp_path / "public", "--allow-problems") == 0
    assert (
        call(
            "export", "psychds", tmp_path / "public", "--out", tmp_path / "csv", "--allow-problems"
        )
        == 0
    )
    assert len(list((tmp_path / "csv" / "data").iterdir())) == 3 * 3 + 3
    assert call("export", "psychds", study, "--out", study / "data" / "raw" / "csv") == 1


def test_a_real_session_comes_back(shared_data: Path, tmp_path: Path) -> None:
    from rsatoolbox.io.meadows import load_rdms

    stem = "Meadows_myExp_v_v1_cuddly-bunny_3"
    table = import_meadows([shared_data / "meadows" / f"{stem}_tree.json"])
    write_judgments(tmp_path / "a.parquet", table, {}, "arrangements")
    out = tmp_path / f"{stem}_1D.mat"
    assert call("export", "meadows", "--arrangements", tmp_path / "a.parquet", "--out", out) == 0
    ours, theirs = (load_rdms(str(path)) for path in (out, shared_data / "meadows" / out.name))
    assert list(ours.pattern_descriptors["conds"]) == list(theirs.pattern_descriptors["conds"])
    assert np.corrcoef(ours.dissimilarities[0], theirs.dissimilarities[0])[0, 1] > 0.98
