"""Views of a journal: tables, sidecars, answers and manifest, and how far the run is.

One function makes all files of a run from its journal, for sessions in a window, in a browser and
without either. They are written at the start, at breaks and at the end; what a killed process did
not write is written when the data are next checked or the session goes on.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName, find_runs, task_of
from twoalike.record._journal import Lines, read_journal
from twoalike.record._rows import RawProblem
from twoalike.record._tables import ANSWERS
from twoalike.study import atomic_path
from twoalike.tables import BY_CONDITION, SEEN_BEFORE, Table

TRIAL_SHOWN = "trial_shown"
"""Event of a note: a trial appeared on the screen."""
MEND = "Delete the file and run twoalike validate: it is written again from the journal"


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    begun: bool = False
    """Whether it has started."""
    n_done: int = 0
    """Trials that are over."""
    time_s: float = 0.0
    """Latest time of its clock; a resumed run goes on from it."""


def run_progress(root: str | Path, name: RunName) -> Progress:
    """Read how far a run is from its journal."""
    return progress_of(read_journal(name.journal(Path(root))).entries)


def begun_runs(root: Path) -> bool:
    """Whether a data set has a run, be it only in a journal."""
    paths = root.glob("sourcedata/sub-*/ses-*/sub-*_journal.jsonl")
    return bool(find_runs(root)) or any(
        progress_of(read_journal(one).entries).begun for one in paths
    )


def progress_of(entries: Sequence[Mapping[str, Any]]) -> Progress:
    """Tell how far the run of a journal is."""
    return Progress(
        any(one["what"] == "start" for one in entries),
        sum(one["what"] == "trial" for one in entries),
        max((float(one["at"]) for one in entries), default=0.0),
    )


@dataclass(frozen=True)
class View:
    """A file as the journal has it."""

    path: Path
    content: bytes

    def found(self) -> bytes | None:
        """Read the file as it is on the disk; empty where there is none, None if unreadable."""
        try:
            return self.path.read_bytes().replace(b"\r\n", b"\n")
        except FileNotFoundError:
            return b""
        except OSError:
            return None

    def write(self) -> None:
        """Write the file, all or nothing, if it is another one."""
        if not self.path.is_file() or self.path.read_bytes() != self.content:
            with atomic_path(self.path) as temporary:
                temporary.write_bytes(self.content)

    def is_behind(self, lines: Lines) -> bool:
        """Whether the file is missing, or as it was at an earlier line of the journal."""
        found = self.found()
        if not found or found == self.content:
            return found == b""
        if self.path.suffix == ".tsv":
            return self.content.startswith(found or b"")
        end = _end_in(found)
        number = end.get("lines", 0)
        earlier = 0 < number < len(lines.entries)
        return earlier and bool(lines.entries[number - 1]["chain"] == end.get("chain"))

    def differences(self) -> Iterator[RawProblem]:
        """Say where the file is not what the journal has."""
        found = self.found()
        if found == self.content:
            return
        if found is None:
            yield RawProblem(self.path, f"is no file that can be read. {MEND}")
        elif self.path.suffix == ".tsv":
            yield from _rows_apart(
                self.path, found.decode("utf-8", "replace"), self.content.decode()
            )
        elif _end_in(self.content):  # what sidecars describe is the same in every version
            yield RawProblem(self.path, f"is not the manifest that the session left. {MEND}")


def _end_in(manifest: bytes) -> dict[str, Any]:
    try:
        end = json.loads(manifest).get("journal")
    except (ValueError, AttributeError, RecursionError):
        return {}
    fits = isinstance(end, dict) and isinstance(end.get("lines"), int)
    return end if fits else {}


def _rows_apart(path: Path, found: str, written: str) -> Iterator[RawProblem]:
    header, *rows = written.split("\n")[:-1]
    there, *others = found.removesuffix("\n").split("\n")
    names = header.split("\t")
    if there != header:
        yield RawProblem(path, f"its header is not the one that was written. {MEND}")
        return
    for number, (row, other) in enumerate(zip_longest(rows, others), start=1):
        if row == other:
            continue
        if row is None:
            yield RawProblem(path, f"is not in the journal: it was added. {MEND}", number)
            return
        cells, has = row.split("\t"), [] if other is None else other.split("\t")
        if other is None or len(has) != len(cells):
            what = "is missing" if other is None else f"has {len(has)} cells, expected {len(cells)}"
            yield RawProblem(path, f"{what}. {MEND}", number)
            return
        at = next(k for k, pair in enumerate(zip(cells, has, strict=True)) if pair[0] != pair[1])
        message = f"is {has[at]}, the journal has {cells[at]}: rows were edited. {MEND}"
        yield RawProblem(path, message, number, names[at])
        if len(rows) != len(others):  # those after it would all be named
            return


def views_of(root: Path, name: RunName, lines: Lines) -> list[View]:
    """Make the files of a run from its journal, in the order in which they are written.

    A sidecar without its table is an error to BIDS validators, a table without its sidecar none.
    """
    entries = lines.entries
    made: list[View] = []
    if answers := [row for one in entries if one["what"] == "answers" for row in one["answers"]]:
        made.append(_table_view(name.answers(root), ANSWERS, answers))
    if (start := _start(entries)) is None:
        return made
    plan = start["plan"]
    manifest, task = plan["manifest"], task_of(name.rows(root), name)
    if plan["trials"] is not None:
        text = "".join("\t".join(row) + "\n" for row in _shown(entries))
        made.append(View(name.trials(root), text.encode()))
    tables = {name.rows(root): trial_table(task.trials, plan)}
    made.append(_table_view(name.rows(root), trial_table(task.trials, plan), _trial_rows(entries)))
    if task.events is not None:
        tables[name.events(root)] = table = task.events.subset(plan["columns"]["events"])
        events = (one["row"] for one in entries if one["what"] == "event")
        made.append(_table_view(name.events(root), table, events))
    apparatus = start["apparatus"]
    screen, condition = apparatus["screen"], manifest["condition"]
    presentation = {
        "OperatingSystem": apparatus["system"],
        "SoftwareName": apparatus["software"],
        "SoftwareRRID": apparatus["rrid"],
        "SoftwareVersion": apparatus["software_version"],
        "ScreenDistance": screen.get("distance_m"),
        "ScreenRefreshRate": screen.get("refresh_hz"),
        "ScreenResolution": screen.get("size_px"),
    }
    about = {
        "TaskName": task.name,
        "TaskDescription": task.description,
        "Instructions": plan["instructions"],
        "StimulusPresentation": {key: value for key, value in presentation.items() if value},
        "Simulated": manifest["simulated"],
        **({"Condition": condition} if condition else {}),
    }
    made += [
        View(path.with_suffix(".json"), as_json({**about, **table.sidecar()}))
        for path, table in tables.items()
    ]
    made.append(View(name.manifest(root), as_json(manifest_of(entries))))
    return made


def _start(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((one for one in entries if one["what"] == "start"), None)


def shown_trials(entries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Trial list of a run as shown so far, as text; empty where it has none."""
    header, *rows = _shown(entries)
    return pd.DataFrame(rows, columns=header, dtype=str)


def _shown(entries: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    start = _start(entries)
    more = (one["trials"] for one in entries if one["what"] == "more")
    return [*((start and start["plan"]["trials"]) or [[]]), *chain.from_iterable(more)]


def trial_table(table: Table, plan: Mapping[str, Any]) -> Table:
    """Table of the trials of a run, with the columns that it had when the run began."""
    condition = plan["manifest"]["condition"] is not None
    whole = table.with_condition() if condition else table
    return whole.subset(plan["columns"]["trials"])


def _trial_rows(
    entries: Sequence[Mapping[str, Any]],
) -> Iterator[Mapping[str, object]]:
    shown, done, condition = Counter[object](), 0, None
    for entry in entries:
        if entry["what"] == "start" and "plan" in entry:
            condition = entry["plan"]["manifest"]["condition"]
        if entry["what"] == "note" and entry["event"] == TRIAL_SHOWN:
            shown[entry.get("trial_index")] += 1
        if entry["what"] == "trial":
            done += 1
            ours = {SEEN_BEFORE.name: shown[done] > 1, BY_CONDITION.name: condition}
            yield from ({**row, **ours} for row in entry["rows"])


def _table_view(path: Path, table: Table, rows: Iterable[Mapping[str, object]]) -> View:
    lines = [table.header(), *(format_known(table, row) for row in rows)]
    return View(path, "".join(lines).encode())


def format_known(table: Table, row: Mapping[str, object]) -> str:
    """Line of a table, from values of which some may be of no column."""
    return table.format_row({one: row[one] for one in table.names if one in row})


def as_json(content: Mapping[str, Any]) -> bytes:
    """Readable UTF-8 JSON."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def manifest_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Manifest of a run: its plan, then start and end of each part of it."""
    start = _start(entries)
    assert start is not None
    segments: list[dict[str, Any]] = []
    done = 0
    for entry in entries:
        done += entry["what"] == "trial"
        if entry["what"] == "start":
            if segments and segments[-1]["end_reason"] is None:
                segments[-1]["end_reason"] = "killed"
            segments.append(
                {
                    "first_trial": done + 1,
                    "resumed": bool(segments),
                    "started_utc": entry["utc"],
                    "ended_utc": None,
                    "end_reason": None,
                    "apparatus": entry["apparatus"],
                }
            )
        if entry["what"] == "end":
            segments[-1] |= {"ended_utc": entry["utc"], "end_reason": entry["reason"]}
    return {
        **start["plan"]["manifest"],
        "end_reason": segments[-1]["end_reason"],
        "segments": segments,
        "journal": {"lines": len(entries), "chain": entries[-1]["chain"]},
    }


def left_out(root: Path, name: RunName, lines: Lines) -> list[View]:
    """Find what a killed process did not write; nothing where a line of the journal was edited."""
    if lines.broken:
        return []
    return [view for view in views_of(root, name, lines) if view.is_behind(lines)]
