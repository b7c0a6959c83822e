"""The data set: names of its files, what BIDS wants at its root, and the list of participants.

The order of the steps matters. A process may be killed between any two of them, and the data
set has to pass the validator even then: a file of participants without a folder of one is an
error, a folder of a participant who is not listed is another.
"""

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._tables import ASSIGNED, PARTICIPANTS, README
from twoalike.registry import Task, find_task
from twoalike.study import (
    MISSING,
    Study,
    TwoalikeError,
    atomic_path,
    counted,
    hold_lock,
    own_version,
    parse_json_table,
    provenance,
    read_json,
    readable_by,
    readable_by_others,
    write_json,
)
from twoalike.tables import ODD_ONE_OUT, read_tsv, write_tsv

_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
LABEL = re.compile(r"[0-9a-zA-Z+]+")
_NAME = re.compile(
    r"sub-(?P<participant>[^_]+)_ses-(?P<session>\d+)_task-(?P<task>[^_]+)_run-(?P<run>\d+)_"
    r"(beh\.(tsv|json)|journal\.jsonl|answers\.tsv|manifest\.json)"
)


def participant_label(text: str) -> str:
    """Check the code of a participant and return it.

    A code needs a digit: that refuses most first names, the commonest slip that makes a data
    set identify a person.
    """
    advice = "Use a code such as 001, and keep the list of who is who outside the study."
    if "@" in text:
        raise TwoalikeError(f"participant {text}: looks like an e-mail address. {advice}")
    if text.startswith("sub-") and LABEL.fullmatch(text[4:]):
        raise TwoalikeError(f"participant {text}: leave out sub-, as in {text[4:]}.")
    if not LABEL.fullmatch(text):
        raise TwoalikeError(
            f"participant {text!r}: expected letters and digits only (a BIDS label). {advice}"
        )
    if not any(mark.isdigit() for mark in text):
        raise TwoalikeError(f"participant {text}: has no digit, so may be a name. {advice}")
    return text


def same_but_for_zeros(code: str, others: Iterable[str]) -> str | None:
    """First of other codes that differs from ``code`` in leading zeros of a number only.

    To people, 1 and 001 are the same participant; in file names they are two.
    """
    bare = _ZEROS.sub("", code)
    return next(
        (other for other in others if other != code and _ZEROS.sub("", other) == bare), None
    )


@dataclass(frozen=True)
class RunName:
    """Which run of whom; every path of a run is defined here, once."""

    participant: str
    session: int
    task: str = ODD_ONE_OUT
    run: int = 1

    @property
    def stem(self) -> str:
        """File name without suffix and ending."""
        return f"sub-{self.participant}_ses-{self.session:02d}_task-{self.task}_run-{self.run:02d}"

    def _path(self, root: Path, ending: str, source: str = "") -> Path:
        folder = f"sub-{self.participant}/ses-{self.session:02d}"
        return root / source / folder / ("" if source else "beh") / f"{self.stem}_{ending}"

    rows = partialmethod(_path, ending="beh.tsv")
    """Raw table, one row a trial."""
    sidecar = partialmethod(_path, ending="beh.json")
    """Sidecar: describes the raw table's columns and the screen."""
    events = partialmethod(_path, ending="events.tsv")
    """Table of what happened within trials, where the task keeps one."""
    # BIDS validators refuse unknown files everywhere but in folders such as sourcedata.
    manifest = partialmethod(_path, ending="manifest.json", source="sourcedata")
    """Manifest: how the run was made, seed, versions, stimuli, screen, start and end."""
    trials = partialmethod(_path, ending="trials.tsv", source="sourcedata")
    """Trial list as it was shown."""
    answers = partialmethod(_path, ending="answers.tsv", source="sourcedata")
    """Answers outside the trials: consent, form, debriefing."""
    journal = partialmethod(_path, ending="journal.jsonl", source="sourcedata")
    """Journal, which all other files of the run follow from."""

    @classmethod
    def parse(cls, path: Path) -> "RunName":
        """Read the name of a raw table, or of another file of a run."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise TwoalikeError(
                f"{path}: expected a raw table named sub-<id>_ses-<nn>_task-<task>_run-<nn>_beh"
                ".tsv. Restore its name."
            )
        return cls(match["participant"], int(match["session"]), match["task"], int(match["run"]))


def task_of(path: Path, name: RunName) -> Task:
    """Task that a file belongs to."""
    try:
        return find_task(name.task)
    except TwoalikeError as error:
        raise TwoalikeError(
            where=path,
            expected=f"a {error.where}: {error.expected}",
            found=error.found,
            remedy="Install the package that brings it, move the file away, or restore its name.",
        ) from error


def find_runs(root: Path, task: str = "*", participant: str = "*") -> tuple[Path, ...]:
    """Raw tables of trials in a data set, of a task or participant, in the order of their names."""
    pattern = f"sub-{participant}/ses-*/beh/sub-*_task-{task}_run-*_beh.tsv"
    return tuple(sorted(root.glob(pattern)))


BIDS_VERSION = "1.11.1"


def lock_folder(study: Study) -> Path:
    """Where a study's lock files stand: outside the data sets, which hold data only."""
    return study.root / ".locks"


def exposed_data(study: Study) -> list[str]:
    """List data sets with files that more people can read than the study's settings allow."""
    access, remarks = study.config.data.access, []
    for root in (study.raw, study.pilot):
        if found := readable_by_others(root, access, study.root):
            who, rights = {"owner": ("their owner", "go"), "group": ("their group", "o")}[access]
            remarks.append(
                f"{root}: others than {who} can read {counted(len(found), 'file')}, and study.toml "
                f'says access = "{access}". Close the folder: chmod -R {rights}-rwx {root}'
            )
    return remarks


def _make_dataset(root: Path, study: Study) -> None:
    description = root / "dataset_description.json"
    if not description.exists():
        write_json(
            description,
            {
                "Name": study.config.title,
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "raw",
                "License": study.config.license,
                "Authors": list(study.config.authors),
                "GeneratedBy": [{"Name": "twoalike", "Version": own_version()}],
            },
        )
    if not any(root.glob("README*")):
        with atomic_path(root / "README.md") as temporary:
            temporary.write_text(README.format(title=study.config.title), encoding="utf-8")


def _with_participants(
    table: pd.DataFrame,
    people: Mapping[str, Mapping[str, str]],
    simulated: bool,
    folders: Sequence[str] = (),
) -> pd.DataFrame:
    """Table with a row for every participant and for every folder; other columns stay.

    Cells that the study assigns each participant, by column, are written where there are none.
    """
    assigned = (column for cells in people.values() for column in cells)
    columns = list(dict.fromkeys([*table.columns, "simulated", *assigned]))
    rows: dict[str, list[dict[Any, Any]]] = {}  # several of one name where somebody edited them
    for row in table.to_dict("records"):
        rows.setdefault(row["participant_id"], []).append(row)
    text = str(simulated).lower()
    for name in folders:
        rows.setdefault(name, [{"participant_id": name}])
    for participant, cells in people.items():
        label = f"sub-{participant}"
        own = rows.setdefault(label, [{"participant_id": label}])
        found = own[0].get("simulated")
        if found in ("true", "false") and found != text:
            kind = "a simulated observer" if found == "true" else "a person"
            raise TwoalikeError(
                f"participant {participant} is {kind} in this data set (participants.tsv), this "
                f"run {'is' if simulated else 'is not'} simulated",
                remedy="Choose another `participant=...`.",
            )
        for row in own:
            lacks = [name for name in cells if row.get(name, MISSING) == MISSING]
            row.update({"simulated": text, **{name: cells[name] for name in lacks}})
    every = [row for own in rows.values() for row in own]
    return pd.DataFrame(every, columns=columns, dtype=object)


BETWEEN = ", "
"""Between two parts of an order in the list of participants."""


def assigned_cells(study: Study) -> dict[str, str]:
    """Cells of the list of participants that a study assigns, by column."""
    orders = (BETWEEN.join(order) for order in (study.task_order, study.condition_order))
    number = str(study.object_set) if study.object_set else ""
    cells = zip(ASSIGNED, (study.group, *orders, number, study.language), strict=True)
    return {column.name: cell for column, cell in cells if cell}


def _erasures(study: Study) -> Path:
    return study.raw.parent / "erased.json"


def erased_marks(*studies: Study) -> tuple[str, ...]:
    """Read the marks by which studies recognise people who were erased, without naming them.

    A mark is 32 hexadecimal digits of a key of its own, and the HMAC-SHA256 under this key of a
    participant's code, or of the name of a session in a browser.
    """
    paths = (path for study in studies if (path := _erasures(study)).exists())
    found = (mark for path in paths for mark in read_json(path, "erasures")["config"]["marks"])
    return tuple(dict.fromkeys(found))


def is_erased(name: str, marks: Iterable[str]) -> bool:
    """Whether a code, or the name of a session, is among those that were erased."""
    return any(hmac.compare_digest(_mark(mark[:32], name), mark) for mark in marks)


def _mark(key: str, name: str) -> str:
    return key + hmac.digest(bytes.fromhex(key), name.encode(), "sha256").hex()


def remember_erased(study: Study, names: Iterable[str], marks: Sequence[str] = ()) -> None:
    """Remember codes and sessions as erased, and marks of other copies of the study."""
    before = erased_marks(study)
    new = [_mark(secrets.token_hex(16), name) for name in names if not is_erased(name, before)]
    if all_new := [*new, *(mark for mark in marks if mark not in before)]:
        with readable_by(study.config.data.access):
            content = provenance("erasures", config={"marks": [*before, *all_new]})
            write_json(_erasures(study), content)


def check_codes(study: Study, participants: Sequence[str]) -> None:
    """Check that no new code differs from another, or from one in use, in leading zeros only."""
    used = _codes_in_use(study)
    marks = erased_marks(study)
    if found := [code for code in participants if is_erased(code, marks)]:
        raise TwoalikeError(
            f"participant {found[0]}: the data of this participant were erased",
            where=_erasures(study),
            remedy="Choose a code that was not used before.",
        )
    for code in (code for code in participants if code not in used):
        other = same_but_for_zeros(code, [*participants, *used])
        if other is not None:
            raise TwoalikeError(
                f"participant {code}: {other} is there already, and the two differ in leading "
                f"zeros only. Use {other} if it is the same person, else another code."
            )


def check_codes_apart(studies: Sequence[Study]) -> None:
    """Check that no code of one study differs from one of another in leading zeros only."""
    pairs: dict[frozenset[str], str] = {}
    marks = erased_marks(*studies)
    for study in studies:
        for code in _codes_in_use(study):
            if is_erased(code, marks):
                raise TwoalikeError(
                    f"has data of participant {code}, who was erased",
                    where=study.root,
                    remedy=f"Run: twoalike erase {study.root} {code}",
                )
            for other in studies:
                if similar := same_but_for_zeros(code, _codes_in_use(other)):
                    found = f"{code} in {study.root} and {similar} in {other.root}"
                    pairs.setdefault(frozenset((code, similar)), found)
    if pairs:
        raise TwoalikeError(
            f"codes that differ in leading zeros only: {'; '.join(pairs.values())}. Give the same "
            "person one code, and different people codes that cannot be confused."
        )


def _codes_in_use(study: Study) -> list[str]:
    folders = [path.name for root in (study.raw, study.pilot) for path in root.glob("sub-*")]
    lists = [path.name.partition("_")[0] for path in (study.root / "design").glob("sub-*.tsv")]
    return sorted({name.removeprefix("sub-") for name in [*folders, *lists]})


def check_participant(root: Path, participant: str, simulated: bool) -> None:
    """Check that a participant does not change between person and simulated observer."""
    if (path := root / "participants.tsv").exists():
        table = read_tsv(path, "the list of participants", ["participant_id"])
        _with_participants(table, {participant: {}}, simulated)


def register_participants(
    root: Path, study: Study, people: Mapping[str, Study], *, simulated: bool
) -> None:
    """Give participants folders and rows in ``participants.tsv``, in the order that is valid.

    ``people`` is the study as each of them does it.
    """
    path, folders = root / "participants.tsv", [root / f"sub-{code}" for code in people]
    busy = f"{path}: another process has been writing it for ten seconds. Try again."
    lock = lock_folder(study) / f"{root.name}.lock"
    with readable_by(study.config.data.access), hold_lock(lock, busy, patience_s=10.0):
        _make_dataset(root, study)
        first = not path.exists()
        before = (
            pd.DataFrame({"participant_id": []}, dtype=object)
            if first
            else read_tsv(path, "the list of participants", ["participant_id"])
        )
        if first:
            folders[0].mkdir(parents=True, exist_ok=True)
        there = sorted(entry.name for entry in root.glob("sub-*") if entry.is_dir())
        cells = {code: assigned_cells(own) for code, own in people.items()}
        after = _with_participants(before, cells, simulated, there)
        if first or not after.astype(str).equals(before.astype(str)):
            write_tsv(path, after)
        assigned = {column for own in cells.values() for column in own}
        beside = root / "participants.json"
        if assigned or not beside.exists():
            entries = PARTICIPANTS.sidecar()
            if beside.exists():
                entries = parse_json_table(beside.read_bytes(), beside)
            new = (one for one in ASSIGNED if one.name in assigned and one.name not in entries)
            described = entries | {column.name: column.sidecar() for column in new}
            if described != entries or not beside.exists():
                write_json(beside, described)
        for folder in folders:
            folder.mkdir(exist_ok=True)
