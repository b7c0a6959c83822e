"""What is said outside the trials: one table a measure, valid and described."""

import json
import multiprocessing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twoalike.record import check_bids, give, read_given
from twoalike.study import Study, TwoalikeError

CONSENT: dict[str, Any] = {
    "consent": True,
    "consent_version": "1",
    "consent_sha256": "0" * 64,
    "consent_language": "en",
}
ABOUT: dict[str, dict[str, Any]] = {
    "age": {"Description": "How old?", "Units": "years"},
    "hand": {"Description": "Which hand?", "Levels": {"left": "left", "right": "right"}},
    "strategy": {"Description": "How did you choose?"},
}


def store(
    booth: Any, measure: str, participant: str = "001", session: int = 1, **values: object
) -> None:
    give(
        booth.root,
        booth.study,
        participant,
        session,
        simulated=False,
        measure=measure,
        values=values,
        descriptions={name: ABOUT.get(name, {"Description": name}) for name in values},
    )


def table(booth: Any, measure: str) -> list[dict[str, str]]:
    path = booth.root / "phenotype" / f"{measure}.tsv"
    header, *rows = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    names = header.split("\t")
    return [dict(zip(names, row.split("\t"), strict=True)) for row in rows]


def sidecar(booth: Any, measure: str) -> Mapping[str, Any]:
    path = booth.root / "phenotype" / f"{measure}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_a_data_set_with_all_three_tables_and_a_run_is_valid(booth: Any) -> None:
    store(booth, "consent", **CONSENT)
    store(booth, "form", age=31, hand="left")
    with booth.open() as record:
        for trial in booth.trials:
            record.append(booth.trial(trial))
        record.end("completed")
    store(booth, "debrief", strategy="By colour,\nand then\tby size")
    store(booth, "consent", "002", **{**CONSENT, "consent": False})
    assert check_bids(booth.root) == []
    assert [row["consent"] for row in table(booth, "consent")] == ["true", "false"]
    assert table(booth, "form") == [
        {"participant_id": "sub-001", "session_id": "ses-01", "age": "31", "hand": "left"}
    ]
    assert table(booth, "debrief")[0]["strategy"] == "By colour, and then by size"


def test_of_somebody_who_declines_nothing_else_is_there_and_the_data_set_is_valid(
    booth: Any,
) -> None:
    store(booth, "consent", **{**CONSENT, "consent": False})
    files = {str(p.relative_to(booth.root)) for p in booth.root.rglob("*") if p.is_file()}
    assert files == {
        "dataset_description.json",
        "README.md",
        "participants.tsv",
        "participants.json",
        "phenotype/consent.tsv",
        "phenotype/consent.json",
    }
    assert check_bids(booth.root) == []


def test_the_sidecar_describes_every_column(booth: Any) -> None:
    store(booth, "form", age=31, hand="left")
    about = sidecar(booth, "form")
    assert list(about) == list(table(booth, "form")[0])
    assert about["age"] == ABOUT["age"]
    assert about["hand"]["Levels"] == {"left": "left", "right": "right"}
    assert all(entry["Description"] for entry in about.values())


def test_sessions_are_told_apart_and_an_answer_given_again_replaces_its_own(booth: Any) -> None:
    store(booth, "debrief", session=1, strategy="colour")
    store(booth, "debrief", session=2, strategy="shape")
    store(booth, "debrief", "002", strategy="size")
    store(booth, "debrief", session=1, strategy="both")
    keys = ["participant_id", "session_id", "strategy"]
    assert sorted(read_given(booth.root, "debrief")[keys].to_numpy().tolist()) == [
        ["sub-001", "ses-01", "both"],
        ["sub-001", "ses-02", "shape"],
        ["sub-002", "ses-01", "size"],
    ]
    # A participant twice in a table is an error to BIDS validators.
    assert len(table(booth, "debrief")) == 2
    assert len(table(booth, "debrief_ses02")) == 1
    assert check_bids(booth.root) == []


def test_a_form_that_changed_keeps_the_answers_to_the_old_one(booth: Any) -> None:
    store(booth, "form", age=31, hand="left")
    store(booth, "form", "002", age=40, glasses="yes")
    one, two = table(booth, "form")
    assert (one["hand"], one["glasses"]) == ("left", "n/a")
    assert (two["hand"], two["glasses"]) == ("n/a", "yes")
    assert set(sidecar(booth, "form")) == set(one)
    assert check_bids(booth.root) == []


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "n/a"),
        ("", "n/a"),
        (" \t\n", "n/a"),
        (True, "true"),
        (89, "89"),
        ("a\tb\r\nc\u2028d", "a b c d"),
        ('she said "odd"', 'she said "odd"'),
        ('"', '"'),
        ("Größe, 大きさ, الحجم", "Größe, 大きさ, الحجم"),
        ("007", "007"),
        ("NA", "NA"),
        ("# no comment", "# no comment"),
    ],
)
def test_answers_are_stored_on_one_line_as_they_were_given(
    booth: Any, value: object, cell: str
) -> None:
    store(booth, "debrief", strategy=value)
    assert table(booth, "debrief")[0]["strategy"] == cell
    assert read_given(booth.root, "debrief")["strategy"].tolist() == [cell]
    store(booth, "debrief", "002", strategy="other")
    assert table(booth, "debrief")[0]["strategy"] == cell


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_answer_survives_those_after_it(booth: Any, text: str) -> None:
    store(booth, "debrief", strategy=text)
    store(booth, "debrief", "002", strategy="other")
    expected = " ".join(text.split()) or "n/a"
    assert read_given(booth.root, "debrief")["strategy"].tolist()[0] == expected
    store(booth, "debrief", strategy=None)


def test_nothing_asked_is_an_empty_table_and_no_file(booth: Any) -> None:
    empty = read_given(booth.root, "form")
    assert isinstance(empty, pd.DataFrame)
    assert len(empty) == 0
    assert list(empty) == ["participant_id", "session_id"]
    assert not booth.root.exists()


def test_a_damaged_sidecar_is_named_and_left(booth: Any) -> None:
    store(booth, "form", age=31)
    path = booth.root / "phenotype" / "form.json"
    path.write_text("{", encoding="utf-8")
    before = (booth.root / "phenotype" / "form.tsv").read_bytes()
    with pytest.raises(TwoalikeError, match=r"form\.json: not valid JSON"):
        store(booth, "form", "002", age=30)
    assert path.read_text() == "{"
    assert (booth.root / "phenotype" / "form.tsv").read_bytes() == before


def _store_in_a_process(folder: str, participant: str) -> None:
    study = Study.load(Path(folder))
    values = {"strategy": participant}
    give(
        study.raw,
        study,
        participant,
        1,
        simulated=False,
        measure="debrief",
        values=values,
        descriptions=ABOUT,
    )


def test_participants_at_the_same_time_all_get_their_row(booth: Any) -> None:
    names = [f"{number:03d}" for number in range(1, 3)]
    context = multiprocessing.get_context("spawn")
    tasks = [
        context.Process(target=_store_in_a_process, args=(str(booth.study.root), name))
        for name in names
    ]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join(60)
    assert [task.exitcode for task in tasks] == [0] * 2
    assert sorted(row["strategy"] for row in table(booth, "debrief")) == names
    people = (booth.root / "participants.tsv").read_text().splitlines()
    assert sorted(line.split("\t")[0] for line in people[1:]) == [f"sub-{name}" for name in names]
