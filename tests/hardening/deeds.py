"""What editors, sync clients, git and people do to the files of a study."""

import csv
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.hardening.victims import Victim

type Row = dict[str, str]
type Edit = Callable[[Victim], object]

OTHER, PILOT = "902", "903"
"""Another participant with finished sessions, and one who was only piloted."""


# during a session: to one file or folder


def replace_by_copy(path: Path, aside: Path) -> None:
    """As programs do that write a new file and rename it."""
    copy = path.with_name(f".{path.name}.tmp")
    if path.is_dir():
        shutil.copytree(path, copy)
        path.rename(aside / path.name)
    else:
        shutil.copy2(path, copy)
    copy.replace(path)


def replace_by_older(path: Path, aside: Path) -> None:
    """As a sync client does that takes another computer's copy for the newer one."""
    lines = path.read_bytes().splitlines(keepends=True)
    older = path.with_name(f".{path.name}.older")
    older.write_bytes(b"".join(lines[: max(len(lines) // 2, 1)]))
    older.replace(path)


def move_away(path: Path, aside: Path) -> None:
    path.rename(aside / path.name)


def remove(path: Path, aside: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def truncate(path: Path, aside: Path) -> None:
    """To half of its lines, in place."""
    lines = path.read_bytes().splitlines(keepends=True)
    os.truncate(path, sum(map(len, lines[: len(lines) // 2])))


def empty(path: Path, aside: Path) -> None:
    os.truncate(path, 0)


def change_in_place(path: Path, aside: Path) -> None:
    """A digit of the last line, as an editor does that writes into the file itself."""
    content = bytearray(path.read_bytes())
    at = max(content.rfind(digit) for digit in b"12345678".decode().encode())
    content[at] ^= 1
    with path.open("r+b") as file:
        file.write(content)


def repeat_last_line(path: Path, aside: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("ab") as file:
        file.write(lines[-1])


ERASING = (truncate, empty, change_in_place)
"""After these the bytes are gone, whoever holds the file open."""
TO_FILES = (
    *(replace_by_copy, replace_by_older, move_away, remove),
    *(truncate, empty, change_in_place, repeat_last_line),
)
TO_FOLDERS = (replace_by_copy, move_away, remove)


def targets(victim: Victim) -> Mapping[str, Path]:
    """What is attacked while a session runs."""
    table = victim.table
    files = {
        "table": table,
        "journal": victim.file("journal.jsonl"),
        "manifest": victim.file("manifest.json"),
        "trial list": victim.file("trials.tsv"),
        "events": victim.file("events.tsv"),
        "participants.tsv": victim.raw / "participants.tsv",
    }
    folders = {
        "folder beh": table.parent,
        "folder of the session": table.parents[1],
        "folder of the participant": table.parents[2],
        "folder of the sources": victim.file("journal.jsonl").parent,
        "folder raw": victim.raw,
    }
    return {name: path for name, path in (files | folders).items() if path.exists()}


# afterwards: to finished sessions


def read_rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def write_rows(path: Path, rows: list[Row]) -> None:
    header = path.read_text(encoding="utf-8").split("\n")[0].split("\t")
    lines = [header, *([row[name] for name in header] for row in rows)]
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


def _trials(victim: Victim) -> list[list[Row]]:
    """Rows of the raw table by trial."""
    by_trial: dict[str, list[Row]] = {}
    for row in read_rows(victim.table):
        by_trial.setdefault(row["trial_index"], []).append(row)
    return list(by_trial.values())


def _write_trials(victim: Victim, trials: list[list[Row]]) -> None:
    """Write them, numbered anew."""
    rows = [
        row | {"trial_index": str(number)}
        for number, trial in enumerate(trials, start=1)
        for row in trial
    ]
    write_rows(victim.table, rows)


def drop_last_trials(victim: Victim) -> None:
    _write_trials(victim, _trials(victim)[:-2])


def drop_last_trial_and_its_events(victim: Victim) -> None:
    *trials, last = _trials(victim)
    _write_trials(victim, trials)
    events = victim.file("events.tsv")
    if events.exists():
        number = last[0]["trial_index"]
        write_rows(events, [row for row in read_rows(events) if row["trial_index"] != number])


def drop_middle_trial(victim: Victim) -> None:
    trials = _trials(victim)
    del trials[len(trials) // 2]
    _write_trials(victim, trials)


def drop_all_trials(victim: Victim) -> None:
    _write_trials(victim, [])


def double_trial(victim: Victim) -> None:
    trials = _trials(victim)
    _write_trials(victim, [*trials, trials[-1]])


def swap_trials(victim: Victim) -> None:
    *trials, before, last = _trials(victim)
    _write_trials(victim, [*trials, last, before])


def change_answer(victim: Victim) -> None:
    """Another answer, with all columns that follow from it; or another place."""
    rows = read_rows(victim.table)
    row = rows[-1]
    if "response" in row:
        row["response"] = other = {"1": "2", "2": "3"}.get(row["response"], "1")
        row["odd_stimulus"] = row[f"stimulus_{other}"]
        row["response_position"] = place = row[f"position_{other}"]
        if row["response_key"] != "n/a":
            row["response_key"] = {"left": "left", "middle": "down", "right": "right"}[place]
    else:
        row["x"] = f"{float(row['x']) * 0.9:.4f}"
    write_rows(victim.table, rows)


def change_time(victim: Victim) -> None:
    trials = _trials(victim)
    for row in trials[-1]:
        row["response_time"] = f"{float(row['response_time']) * 0.9:.4f}"
    _write_trials(victim, trials)


def call_practice_main(victim: Victim) -> None:
    rows = read_rows(victim.table)
    for row in rows:
        row["trial_type"] = row["trial_type"].replace("practice", "main")
    write_rows(victim.table, rows)


def _session_files(victim: Victim, who: str) -> list[tuple[str, Path]]:
    endings = ("beh.tsv", "beh.json", "events.tsv", "events.json")
    sources = ("manifest.json", "trials.tsv", "journal.jsonl")
    files = [(ending, victim.file(ending, who)) for ending in (*endings, *sources)]
    return [(ending, path) for ending, path in files if path.exists()]


def copy_table_to_run_2(victim: Victim) -> None:
    for ending in ("beh.tsv", "beh.json"):
        shutil.copy(victim.file(ending), victim.file(ending, run=2))


def copy_session_to_run_2(victim: Victim) -> None:
    for ending, path in _session_files(victim, WHO_IS_COPIED):
        shutil.copy(path, victim.file(ending, run=2))


WHO_IS_COPIED = "901"


def take_table_of_other(victim: Victim) -> None:
    for ending in ("beh.tsv", "events.tsv"):
        if victim.file(ending, OTHER).exists():
            shutil.copy(victim.file(ending, OTHER), victim.file(ending))


def take_session_of_other(victim: Victim) -> None:
    for ending, path in _session_files(victim, OTHER):
        shutil.copy(path, victim.file(ending))


def _piloted(victim: Victim, ending: str) -> Path:
    inside = victim.file(ending, PILOT).relative_to(victim.raw)
    return victim.root / "data" / "pilot" / inside


def take_table_of_pilot(victim: Victim) -> None:
    for ending in ("beh.tsv", "events.tsv"):
        if _piloted(victim, ending).exists():
            shutil.copy(_piloted(victim, ending), victim.file(ending))


def add_pilot_rows(victim: Victim) -> None:
    """Rows of a pilot, called rows of no pilot, after those of the session."""
    path = victim.file("beh.tsv")
    piloted = read_rows(_piloted(victim, "beh.tsv"))
    rows = read_rows(path)
    last = int(rows[-1]["trial_index"])
    more = [
        row | {"pilot": rows[-1]["pilot"], "trial_index": str(last + int(row["trial_index"]))}
        for row in piloted
    ]
    write_rows(path, rows + more)


def move_pilot_to_raw(victim: Victim) -> None:
    pilot = victim.root / "data" / "pilot"
    for folder in (f"sub-{PILOT}", f"sourcedata/sub-{PILOT}"):
        shutil.copytree(pilot / folder, victim.raw / folder)
    line = (pilot / "participants.tsv").read_text().splitlines()[-1]
    with (victim.raw / "participants.tsv").open("a") as file:
        file.write(line + "\n")


def delete_session(victim: Victim) -> None:
    shutil.rmtree(victim.table.parents[1])
    shutil.rmtree(victim.file("journal.jsonl").parent)


def delete_person(victim: Victim) -> None:
    shutil.rmtree(victim.table.parents[2])
    shutil.rmtree(victim.file("journal.jsonl").parents[1])


def delete_person_from_list(victim: Victim) -> None:
    path = victim.raw / "participants.tsv"
    kept = [
        line for line in path.read_text().splitlines(True) if f"sub-{WHO_IS_COPIED}" not in line
    ]
    path.write_text("".join(kept))


def delete_table(victim: Victim) -> None:
    for ending in ("beh.tsv", "beh.json", "events.tsv", "events.json"):
        victim.file(ending).unlink(missing_ok=True)


def delete_sources(victim: Victim) -> None:
    shutil.rmtree(victim.file("journal.jsonl").parent)


def delete_log(victim: Victim) -> None:
    victim.file("journal.jsonl").unlink()


def delete_manifest(victim: Victim) -> None:
    victim.file("manifest.json").unlink()


TO_ROWS: tuple[Edit, ...] = (
    *(drop_last_trials, drop_last_trial_and_its_events, drop_middle_trial, drop_all_trials),
    *(double_trial, swap_trials, change_answer, change_time, call_practice_main),
)
TO_SESSIONS: tuple[Edit, ...] = (
    *(copy_table_to_run_2, copy_session_to_run_2, take_table_of_other, take_session_of_other),
    *(take_table_of_pilot, add_pilot_rows, move_pilot_to_raw),
    *(delete_session, delete_person, delete_person_from_list, delete_table),
    *(delete_sources, delete_log, delete_manifest),
)
