"""A data set with people, two tasks, answers and everything that must not leave the lab."""

import json
from pathlib import Path
from typing import Any

import pytest

from twoalike.registry import find_task
from twoalike.study import sha256_file
from twoalike.tables import Table

OLD_CODES = ("anna7q", "002", "bob3+")
DAYS = ("2024-11-03", "2024-11-17", "2025-01-30")
"""The day of each one's session."""
NAMED = (
    "participants.age",
    "consent.consent_time",
    "form.age",
    "form.hand",
    "form.job",
    "debrief.strategy",
)
"""Columns that the study's owner decided to publish."""
WORDS = "I looked at the colours, said Mr Miller"


def fill(table: Table, values: dict[str, object]) -> str:
    """A row of a raw table, with any allowed value where none is given."""
    row: dict[str, object] = {}
    for column in table.columns:
        plain = {"string": "x", "integer": 2, "number": 0.25, "boolean": False}[column.kind]
        row[column.name] = next(iter(column.levels), plain)
        if column.kind == "integer" and column.levels:
            row[column.name] = int(next(iter(column.levels)))
    return table.format_row(row | values)


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def write_table(folder: Path, stem: str, table: Table, rows: list[dict[str, object]]) -> None:
    """A raw table with its sidecar."""
    folder.mkdir(parents=True, exist_ok=True)
    text = table.header() + "".join(fill(table, row) for row in rows)
    (folder / f"{stem}_{table.name}.tsv").write_text(text, encoding="utf-8")
    entries = {column.name: column.sidecar() for column in table.columns}
    presentation = {"SoftwareName": "twoalike", "SoftwareVersion": "0.1.0"}
    about = {"TaskName": "task", "Instructions": "Look.", "StimulusPresentation": presentation}
    write_json(folder / f"{stem}_{table.name}.json", about | entries)


def triplets() -> list[dict[str, object]]:
    names = ("ant", "oak", "yew, old")
    return [
        {
            "trial_index": number,
            **{f"stimulus_{k}": names[k - 1] for k in (1, 2, 3)},
            **{f"position_{k}": ("left", "middle", "right")[k - 1] for k in (1, 2, 3)},
            "response": 2,
            "odd_stimulus": "oak",
            "onset": 3.0 * number,
            "trial_type": "main",
        }
        for number in (1, 2, 3)
    ]


def placements() -> list[dict[str, object]]:
    places = {"ant": (0.1, 0.2), "oak": (-0.3, 0.0), "yew, old": (0.0, -0.4)}
    return [
        {
            "trial_index": trial,
            "trial_type": "main",
            "n_items": 3,
            "stimulus": name,
            "x": x + 0.01 * trial,
            "y": y,
            "inside": True,
            "response_time": 4.5,
        }
        for trial in (1, 2)
        for name, (x, y) in places.items()
    ]


def manifest(code: str, day: str, trials: Path) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "kind": "run",
        "seed": 73921,
        "inputs": {
            "trials": {"file": trials.name, "sha256": sha256_file(trials)},
            "stimuli": {"file": "stimuli.tsv", "sha256": "cd" * 32},
        },
        "participant": code,
        "session": 1,
        "observer": {"seed": 73922, "lapse": 0.1},
        "stimuli": {"ant": "ab" * 32},
        "journal": {"lines": 3, "chain": "ef" * 32},
        "segments": [
            {
                "started_utc": f"{day}T09:15:00+00:00",
                "ended_utc": f"{day}T10:01:30+00:00",
                "apparatus": {"versions": {"psychopy": "2026.2.5"}, "screen": {"size_px": [8, 6]}},
            }
        ],
    }


def add_person(root: Path, code: str, day: str) -> None:
    """One session of both tasks."""
    session = f"sub-{code}/ses-01"
    for label, rows in (("oddoneout", triplets()), ("multiarrangement", placements())):
        stem = f"sub-{code}_ses-01_task-{label}_run-01"
        write_table(root / session / "beh", stem, find_task(label).trials, rows)
        if (events := find_task(label).events) is not None:
            write_table(root / session / "beh", stem, events, [{"trial_index": 1}])
        source = root / "sourcedata" / session
        source.mkdir(parents=True, exist_ok=True)
        trials = source / f"{stem}_trials.tsv"
        listed = "triplet_id" if label == "oddoneout" else "stimulus"
        trials.write_text(f"trial_index\t{listed}\n1\tant-oak-yew\n", encoding="utf-8")
        write_json(source / f"{stem}_manifest.json", manifest(code, day, trials))
        log = [
            {
                "what": "note",
                "event": "session_end",
                "at": 9.5,
                "reason": "finished",
                "on": f"{day}T10:01:30",
            },
            {"what": "note", "event": "remark", "at": 9.6, "text": WORDS},
            {"what": "torn_line", "text": f"1\tmain\t{WORDS}"},
        ]
        lines = [json.dumps(entry) for entry in log]
        (source / f"{stem}_journal.jsonl").write_text("\n".join([*lines, '{"event": "to']))


def add_answers(root: Path) -> None:
    """Consent, form and debriefing of everybody."""

    def table(name: str, header: str, rows: list[str], entries: dict[str, Any]) -> None:
        (root / "phenotype").mkdir(exist_ok=True)
        text = "\n".join("\t".join(line.split("|")) for line in (header, *rows)) + "\n"
        (root / "phenotype" / f"{name}.tsv").write_text(text, encoding="utf-8")
        keys = {"participant_id": {"Description": "Code."}, "session_id": {"Description": "No."}}
        write_json(root / "phenotype" / f"{name}.json", keys | entries)

    people = [f"sub-{code}|ses-01" for code in OLD_CODES]
    key = "participant_id|session_id"
    yes = {"Description": "Whether.", "Levels": {"true": "yes", "false": "no"}}
    about = {"consent": yes, "consent_version": {"Description": "Version."}}
    about["consent_time"] = {"Description": "When."}
    consents = [
        f"{who}|true|v 1|{day}T09:1{k}:59Z"
        for k, (who, day) in enumerate(zip(people, DAYS, strict=True))
    ]
    table("consent", f"{key}|consent|consent_version|consent_time", consents, about)
    levels = {"left": "left", "right": "right"}
    form = {"age": {"Description": "How old?", "Units": "years"}}
    form |= {"hand": {"Description": "Which hand?", "Levels": levels}}
    form |= {"job": {"Description": "What do you do?"}}
    ages = ("94", "31", "n/a")
    answers = [f"{who}|{age}|left|baker" for who, age in zip(people, ages, strict=True)]
    table("form", f"{key}|age|hand|job", answers, form)
    strategy = {"strategy": {"Description": "How did you choose?"}}
    table("debrief", f"{key}|strategy", [f"{who}|{WORDS}" for who in people], strategy)


def make_study_of_three(root: Path) -> Path:
    """A study with three people in its raw data."""
    raw = root / "data" / "raw"
    raw.mkdir(parents=True)
    settings = f'title = "Likeness of things"\nseed = 73921\n[share]\ncolumns = {list(NAMED)}\n'
    (root / "study.toml").write_text(settings)
    description = {"Name": "Likeness", "BIDSVersion": "1.11.1", "DatasetType": "raw"}
    description |= {"License": "CC0", "Authors": ["A. Nyone", "B. Ody"]}
    description["GeneratedBy"] = [{"Name": "twoalike", "Version": "0.1.0"}]
    write_json(raw / "dataset_description.json", description)
    (raw / "README.md").write_text("# Likeness\n\nJudgments of likeness.\n")
    rows = [f"sub-{code}\tfalse\t{age}" for code, age in zip(OLD_CODES, (94, 31, 27), strict=True)]
    (raw / "participants.tsv").write_text(
        "\n".join(["participant_id\tsimulated\tage", *rows]) + "\n"
    )
    simulated = {"Description": "Whether.", "Levels": {"true": "yes", "false": "no"}}
    columns = {"participant_id": {"Description": "Code."}, "simulated": simulated}
    write_json(raw / "participants.json", columns | {"age": {"Units": "years"}})
    for code, day in zip(OLD_CODES, DAYS, strict=True):
        add_person(raw, code, day)
    add_answers(raw)
    return root


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study with three people in its raw data, to change as a test likes."""
    return make_study_of_three(tmp_path / "study")


@pytest.fixture(scope="session")
def unchanged_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study, for tests that only read it."""
    return make_study_of_three(tmp_path_factory.mktemp("unchanged") / "study")
