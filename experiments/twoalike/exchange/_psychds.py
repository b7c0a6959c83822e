"""Psych-DS: the raw data as CSV files, with a description that lists every column.

See https://psych-ds.github.io (schema of May 2025). Psych-DS wants ``data/`` with files named
``keyword-value_..._data.csv`` and a ``dataset_description.json`` in JSON-LD whose
``variableMeasured`` names all their columns.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twoalike.exchange._dataset import (
    answers_as_tables,
    check_new_folder,
    dump_json,
    is_answers,
    load_json,
    raw_data,
    read_texts,
    split_table,
    write_files,
)
from twoalike.record import check_folder
from twoalike.study import (
    MISSING,
    Study,
    TwoalikeError,
    atomic_directory,
    inert_cell,
    provenance,
    write_json,
)

_RUN = re.compile(
    r"sub-(?P<participant>[0-9A-Za-z+]+)_ses-(?P<session>[0-9A-Za-z+]+)_task-(?P<task>[0-9A-Za-z+]+)"
    r"_run-(?P<run>\d+)_(?P<table>beh|events)\.tsv"
)
_PATH = re.compile(r"sub-[^/]+/ses-[^/]+/beh/[^/]+_(beh|events)\.(tsv|json)")
_ABOUT_PEOPLE = re.compile(r"(participants|phenotype/\w+)\.(tsv|json)")
_DESCRIPTION = "dataset_description.json"
_ADDED = {
    "subject": {"Description": "Code of the participant."},
    "session": {"Description": "Session."},
    "run": {"Description": "Number of the run in the session."},
}
"""Columns that hold what the name of a raw file says."""


type _Table = tuple[str, list[str], list[list[str]], Mapping[str, Any]]
"""Name of a CSV file to be, header, rows, and what is known of the columns."""


def is_psychds_source(path: str) -> bool:
    """Whether a file of the raw data is used in the export."""
    return bool(
        _PATH.fullmatch(path)
        or _ABOUT_PEOPLE.fullmatch(path)
        or is_answers(path)
        or path in {_DESCRIPTION, "README.md", "README"}
    )


def export_psychds(
    source: Study | str | Path, out: str | Path, *, allow_problems: bool = False
) -> tuple[int, list[str]]:
    """Write raw data as a Psych-DS data set: CSV files and their description.

    Parameters
    ----------
    source
        A study, or the folder of one or of a BIDS data set, such as a copy made by twoalike share.
    out
        Folder to write, new or empty.
    allow_problems
        Export the data as they are, even if twoalike validate finds problems in them.

    Returns
    -------
    Number of tables, and what the checks of the raw data had to say, one line each.
    """
    root, out = raw_data(source), Path(out)
    check_new_folder(out, root)
    notes = check_folder(root, allow_problems=allow_problems)
    texts = read_texts(root, is_psychds_source)
    if not any(path.endswith("_beh.tsv") for path in texts.files):
        raise TwoalikeError(where=root, expected="raw data", found="none")
    files = psychds_files(texts.files)
    made = provenance("psychds", inputs={path: root / path for path in texts.files})
    with atomic_directory(out) as folder:
        write_files(folder, files)
        (folder / "documentation").mkdir()
        write_json(folder / "documentation" / "provenance.json", made)
    return sum(path.startswith("data/") for path in files), notes


def psychds_files(files: Mapping[str, str]) -> dict[str, str]:
    """Convert texts of a raw data set to those of Psych-DS, by path.

    Missing values become empty cells; text that a spreadsheet would run gets an apostrophe in front
    (:func:`twoalike.study.inert_cell`); columns ``subject``, ``session`` and ``run`` are put before
    those of a run. A torn last row is left out.
    """
    tables = list(_tables(answers_as_tables(files)))
    exported = {path: files[path] for path in ("README.md", "README") if path in files}
    for name, header, rows, _ in tables:
        path, text = f"data/{name}_data.csv", io.StringIO()
        if path in exported:
            raise TwoalikeError(f"{path}: two tables get this name. Rename a participant's code.")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(map(inert_cell, header))
        for row in rows:
            writer.writerow(["" if cell == MISSING else inert_cell(cell) for cell in row])
        exported[path] = text.getvalue()
    source = load_json(files.get(_DESCRIPTION, "{}"), _DESCRIPTION)
    authors = source.get("Authors")
    authors = authors if isinstance(authors, list) else []
    description = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": source.get("Name", ""),
        "description": f"{source.get('Name', '')}: judgments of similarity, one row a trial, an "
        "item placed or an event, exported from a BIDS data set by twoalike. Empty cells are "
        "missing values.",
        "author": [{"@type": "Person", "name": one} for one in authors],
        "license": source.get("License", ""),
        "variableMeasured": _variables(tables),
    }
    known = {key: value for key, value in description.items() if value}
    return {_DESCRIPTION: dump_json(known), **exported}


def _tables(files: Mapping[str, str]) -> Iterator[_Table]:
    """Tables with their names in the keywords of Psych-DS: it has none for runs and for events."""
    for path, text in sorted(files.items()):
        if not path.endswith(".tsv"):
            continue
        header, rows = split_table(text, path)
        sidecar, file = path.removesuffix(".tsv") + ".json", path.rpartition("/")[2]
        about = load_json(files.get(sidecar, "{}"), sidecar)
        if (match := _RUN.fullmatch(file)) is None:
            yield f"study-all_description-{_value(file.removesuffix('.tsv'))}", header, rows, about
            continue
        words = ("subject", "participant"), ("session", "session"), ("task", "task")
        name = "_".join(f"{word}-{_value(match[group])}" for word, group in words)
        what = "events" if match["table"] == "events" else ""
        what += f"run{match['run']}" if int(match["run"]) > 1 else ""
        who = [match["participant"], match["session"], str(int(match["run"]))]
        name = f"{name}_description-{what}" if what else name
        yield name, [*_ADDED, *header], [who + row for row in rows], _ADDED | about


def _value(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text.replace("+", "plus"))


def _variables(tables: list[_Table]) -> list[dict[str, Any]]:
    variables: dict[str, dict[str, Any]] = {}
    for name, known in ((name, known) for _, header, _, known in tables for name in header):
        found = known.get(name)
        about = found if isinstance(found, dict) else {}
        levels = about.get("Levels")
        pairs = levels.items() if isinstance(levels, dict) else ()
        words = [about.get("Description"), "; ".join(f"{level}: {text}" for level, text in pairs)]
        entry: dict[str, Any] = {
            "description": " ".join(str(part) for part in words if part),
            "unitText": str(about.get("Units", "")),
        }
        if "Minimum" in about:
            entry["minValue"] = about["Minimum"]
        plain = {"@type": "PropertyValue", "name": inert_cell(name)}
        variable = variables.setdefault(name, plain)
        for key, value in entry.items():
            if key not in variable and value != "":
                variable[key] = value
            elif isinstance(value, str) and value and value not in variable[key]:
                variable[key] += f" / {value}"
    return list(variables.values())
