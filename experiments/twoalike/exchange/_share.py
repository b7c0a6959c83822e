"""A copy of raw data fit for publication: which files, what becomes of each, what must go.

Codes and shifts of dates are drawn afresh and kept nowhere. Were they computed from the old code
and a seed, anyone could try all old codes until one gives the new code; so there is nothing to
repeat the drawing with. Structured files are changed where their structure says what is what;
whatever else they hold is searched afterwards (:mod:`twoalike.exchange._private`).
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.exchange._dataset import (
    KEYS,
    SEED,
    PublishedColumn,
    answers_as_tables,
    check_new_folder,
    columns_of,
    declared_kinds,
    dump_json,
    join_table,
    load_json,
    read_texts,
    split_table,
    write_files,
)
from twoalike.exchange._private import FIRST_YEAR, Known, find_codes
from twoalike.record import GROUP, check_bids, check_raw, find_runs
from twoalike.study import (
    MISSING,
    SAFE_SEED,
    Study,
    TwoalikeError,
    atomic_directory,
    counted,
    declared,
    inert_cell,
    read_seed,
)

_DATE = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)(?!\d)")
_TIME = re.compile(_DATE.pattern + r"(?:[T ]\d\d:?\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?")


@dataclass(frozen=True)
class Person:
    """A participant in the copy: the new code, and by how many days dates are moved back.

    ``days`` is None where dates and times are left out.
    """

    code: str
    days: int | None

    def move(self, text: str) -> str:
        """Text with its dates moved back by whole days, or with ``n/a`` in place of times."""
        days = self.days

        def moved(match: re.Match[str]) -> str:
            if not (found := days_in(match[1])):
                return match[0]
            return MISSING if days is None else (found[0] - timedelta(days=days)).isoformat()

        return (_TIME if days is None else _DATE).sub(moved, text)


def days_in(text: str) -> list[date]:
    """Days named in a text, written year first."""
    days = []
    for match in _DATE.finditer(text):
        try:
            days.append(date.fromisoformat(match[1]))
        except ValueError:  # the 13th month: a number, and no date
            continue
    return days


def draw_people(
    days: Mapping[str, Iterable[date]], rng: np.random.Generator, *, keep_times: bool
) -> dict[str, Person]:
    """Draw a new code and a shift of dates for every participant; neither depends on the old code.

    ``days`` are those named in a participant's files, by old code. The generator is seeded by the
    operating system, not by a number that somebody could guess. Dates move so that the last one
    falls into 1905 to 1924.
    """
    people: dict[str, Person] = {}
    taken = {code.lower() for code in days}
    first, end = date(FIRST_YEAR - 20, 1, 1), date(FIRST_YEAR - 1, 12, 31)
    for code in rng.permutation(sorted(days)).tolist():
        new = code.lower()
        # A digit, since codes without one look like names; a letter, so that it is no number; no
        # vowels, so that no words arise; and no marks that look alike.
        while new in taken or not any(map(str.isdigit, new)) or not any(map(str.isalpha, new)):
            new = "".join(rng.choice(list("bcdfghjkmnpqrstvwxz23456789"), 8))
        taken.add(new)
        shift = None
        if keep_times:
            last = max(days[code], default=date(FIRST_YEAR + 75, 1, 1))
            target = first + timedelta(days=int(rng.integers((end - first).days + 1)))
            shift = max(0, (last - target).days)
        people[code] = Person(new, shift)
    return people


def replace_codes(people: Mapping[str, Person]) -> Callable[[str], str]:
    """Make a function that replaces ``sub-<code>`` in texts and paths."""
    if not people:
        return lambda text: text
    either = "|".join(re.escape(code) for code in sorted(people, key=len, reverse=True))
    pattern = re.compile(rf"(?<![0-9A-Za-z+])sub-({either})(?![0-9A-Za-z+])")
    return lambda text: pattern.sub(lambda match: f"sub-{people[match[1]].code}", text)


_WORDS = declared("twoalike.exchange", "share.toml")
_CODE = r"[0-9A-Za-z+]+"
_FILES = [(kind, re.compile(of.replace("CODE", _CODE))) for kind, of in _WORDS["files"]]
"""Kind, and the paths that are of it."""
_OWNER = re.compile(rf"(?:sourcedata/)?sub-({_CODE})/")
NOTE: str = _WORDS["note"]
_PARTICIPANT = frozenset({"participant", "participants", "participant_id", "subject"})
_SAME_FOR_ALL = frozenset(
    {"protocol", "protocol_of_group", "protocol_of_condition", "stimuli", "features"}
)
"""Inputs of a run whose hashes are published: they do not depend on who took part."""
_TOKEN = re.compile(r"[\w.:+-]{0,40}")
FEWEST = 5
"""Smallest number of people who should share a published value."""
_SHOWN = 4
"""Values of a column that are listed."""


@dataclass(frozen=True, kw_only=True)
class ShareOptions:
    """What to publish, as :func:`share` takes it.

    ``columns`` are those beside ours, as ``table.column``; ``names`` further words that must not
    occur, by default the names of this computer and of its user.
    """

    columns: Collection[str] = ()
    with_free_text: bool = False
    times: Literal["shift", "drop"] = "shift"
    allow: Collection[str] = ()
    names: Collection[str] | None = None


@dataclass(frozen=True)
class Shared:
    """A data set as it is published."""

    files: Mapping[str, str]
    """Text by path."""
    folders: Collection[str]
    """Paths of folders, also of those without files."""
    left_out: Collection[str]
    """Files and columns that the copy lacks, one line each."""
    warnings: Collection[str]
    """What the owner should know before publishing, one line each."""
    n_people: int
    n_runs: int = 0
    """``n_people``, ``n_runs``: Participants, and runs of tasks in a copy that was written."""
    notes: Collection[str] = ()
    """Addresses in the study's own texts, and what the checks of the raw data reported, one line
    each."""


def share(
    study: Study | str | Path,
    out: str | Path,
    *,
    with_free_text: bool = False,
    times: Literal["shift", "drop"] = "shift",
    pilot: bool = False,
    allow: str | Collection[str] = (),
    allow_problems: bool = False,
) -> Shared:
    """Write a copy of a study's raw data that is fit for publication.

    Beside the columns that twoalike writes, it has those that the study's settings name
    (``share.columns``). If something private is left or the copy would not be valid BIDS, nothing
    is written. Which new code belongs to which old one is random and kept nowhere.

    Parameters
    ----------
    study
        The study, or its folder.
    out
        Folder to write, new or empty.
    with_free_text
        Also publish answers in participants' own words (debriefing, comments) from columns that
        [share] names.
    times
        ``shift``: move dates; ``drop``: leave dates and times out.
    pilot
        Publish the pilot data instead.
    allow
        A text that looks private and is harmless, exactly as the message shows it.
    allow_problems
        Publish the data even if twoalike validate finds problems in them.
    """
    opened, out = study if isinstance(study, Study) else Study.load(study), Path(out)
    root = opened.pilot if pilot else opened.raw
    if not find_runs(root):
        raise TwoalikeError(where=root, expected="raw data", found="none")
    check_new_folder(out, opened.raw, opened.pilot)
    notes = check_raw(opened, allow_problems=allow_problems, pilot=pilot)
    texts = read_texts(root, lambda path: file_kind(path) is not None)
    options = ShareOptions(
        columns=opened.config.share.columns,
        with_free_text=with_free_text,
        times=times,
        allow=[allow] if isinstance(allow, str) else allow,
    )
    # Seeded by the operating system: with a seed, codes could be found by trying.
    shared = share_files(texts.files, texts.folders, options, np.random.default_rng())
    with atomic_directory(out) as folder:
        write_files(folder, shared.files, shared.folders)
        if problems := check_bids(folder):
            first = str(problems[0]).replace(str(folder), str(out))
            raise TwoalikeError(
                f"{first}. The raw data have the same problem: correct it as twoalike validate "
                "says."
            )
        n_runs = len(find_runs(folder))
    left_out = [*sorted(texts.others), *shared.left_out]
    return replace(shared, left_out=left_out, n_runs=n_runs, notes=[*notes, *shared.notes])


def file_kind(path: str) -> str | None:
    """Tell what kind of file a path names; None for files that are not published."""
    return next((kind for kind, pattern in _FILES if pattern.fullmatch(path)), None)


def share_files(
    files: Mapping[str, str],
    folders: Collection[str],
    options: ShareOptions,
    rng: np.random.Generator,
) -> Shared:
    """Make texts of a data set, by path, fit for publication.

    Answers become tables with one row per participant, as BIDS requires. ``rng`` draws codes and
    shifts: seed it from the operating system, and keep no seed, since whoever has it can undo the
    copy.
    """
    files = answers_as_tables(files)
    kinds = {path: kind for path in sorted(files) if (kind := file_kind(path))}
    manifests = [load_json(files[path], path) for path, k in kinds.items() if k == "manifest"]
    asked = declared_kinds(manifests)
    columns = {}
    for path in (path for path, kind in kinds.items() if kind in ("table", "run table")):
        sidecar = files.get(path.replace(".tsv", ".json"))
        columns[path] = columns_of(
            *(path, *split_table(files[path], path), sidecar),
            named=options.columns,
            with_free_text=options.with_free_text,
            kinds=asked,
        )
    people = draw_people(_days(files, folders), rng, keep_times=options.times == "shift")
    copy = _Copy(files, columns, people, replace_codes(people), options)
    changed = {path: copy.text(path, kind) for path, kind in kinds.items() if copy.has(path)}
    known = Known.of(files)
    copy.check(changed, known)
    finished = {
        copy.rename(path).replace("_journal.jsonl", "_log.jsonl"): text
        for path, text in changed.items()
    }
    for path in (path for path in changed if kinds[path] == "table"):
        header, rows = split_table(changed[path], path)
        rows.sort(key=lambda row: row[header.index(KEYS[0])])  # the old order was that of visits
        finished[path] = join_table([header, *rows])
    unpublished = {one.name: one.remedy for own in columns.values() for one in own if one.remedy}
    named = {one.name for own in columns.values() for one in own}
    misspelt = [
        f'no table has the column "{name}" that [share] in study.toml names'
        for name in options.columns
        if name not in named
    ]
    return Shared(
        # Files are written in this order; the order of the old codes would show in their times.
        dict(sorted(finished.items())),
        sorted({copy.rename(folder) for folder in folders if _OWNER.match(f"{folder}/")}),
        [
            *sorted(set(files) - set(kinds)),
            *(f"{name} ({remedy})" for name, remedy in sorted(unpublished.items())),
        ],
        [*misspelt, *_seed_warning(manifests), *_small_cells(_answers(changed, columns))],
        len(people),
        notes=[
            f"{text!r} ({kind}) is in a text of the study, and published with it"
            for text, kind in known.contacts.items()
        ],
    )


def _days(files: Mapping[str, str], folders: Collection[str]) -> dict[str, list[date]]:
    days: dict[str, list[date]] = defaultdict(list)
    for path, text in [*((f"{folder}/", "") for folder in folders), *files.items()]:
        if owner := _OWNER.match(path):
            days[owner[1]] += days_in(text)
        elif file_kind(path) == "table":
            header, rows = split_table(text, path, KEYS[:1])
            for row in rows:
                code = row[header.index(KEYS[0])].removeprefix("sub-")
                days[code] += days_in("\n".join(row))
    return dict(days)


@dataclass(frozen=True)
class _Copy:
    """The text of each file in the copy, before rows are sorted."""

    files: Mapping[str, str]
    columns: Mapping[str, list[PublishedColumn]]
    people: Mapping[str, Person]
    """By old code."""
    rename: Callable[[str], str]
    options: ShareOptions

    def has(self, path: str) -> bool:
        """Whether more than the keys of a table would be published; also for its sidecar."""
        columns = self.columns.get(path.replace(".json", ".tsv"))
        if columns is None or path.startswith("participants."):
            return True
        return any(not one.remedy and one.header not in KEYS for one in columns)

    def text(self, path: str, kind: str) -> str:
        """Text of one file in the copy."""
        owner = _OWNER.match(path)
        person, text = self.people[owner[1]] if owner else None, self.files[path]
        if kind == "text":
            moved = "were moved to before 1925" if self.options.times == "shift" else "are left out"
            return self.rename(text) + (NOTE.format(dates=moved) if "README" in path else "")
        if kind in ("table", "run table"):
            return self._table(path, person)
        if kind == "log":
            return self._log(text, person)
        content = load_json(text, path)
        if kind == "table sidecar":
            for column in self.columns.get(path.replace(".json", ".tsv"), ()):
                entry = content.get(column.header)
                if column.remedy:
                    content.pop(column.header, None)
                elif isinstance(entry, dict) and isinstance(levels := entry.get("Levels"), dict):
                    # Levels are written as the cells are.
                    entry["Levels"] = {inert_cell(level): words for level, words in levels.items()}
        elif kind == "manifest":
            self._reduce_manifest(content)
        elif kind == "description":
            about = "Copy for publication: new codes, named columns, no dates, no seeds."
            made = {"Name": "twoalike share", "Version": version("twoalike"), "Description": about}
            content = self._value(content, person)
            before = content.get("GeneratedBy")
            content["GeneratedBy"] = [*(before if isinstance(before, list) else []), made]
            return dump_json(content)
        return dump_json(self._value(content, person))

    def _moved(self, text: str, person: Person | None) -> str:
        renamed = self.rename(text)
        return person.move(renamed) if person else renamed

    def _value(self, value: Any, person: Person | None, key: str = "") -> Any:
        """JSON with new codes, moved dates and no seeds; ``key`` is that of the value."""
        if isinstance(value, dict):
            return {
                self.rename(name): None if SEED.search(name) else self._value(entry, person, name)
                for name, entry in value.items()
            }
        if isinstance(value, list):
            return [self._value(entry, person, key) for entry in value]
        if not isinstance(value, str):
            return value
        if key in _PARTICIPANT and value in self.people:
            return self.people[value].code
        moved = self._moved(value, person)
        return None if moved == MISSING != value else moved

    def _reduce_manifest(self, content: dict[str, Any]) -> None:
        """Take hashes of files that the copy changes out of the manifest of a run.

        If everything in a file but the code is known, trying codes against its hash reveals the
        code; and the raw table may have columns that the copy lacks.
        """
        inputs = content.get("inputs")
        inputs = inputs if isinstance(inputs, dict) else {}
        if f"participants.{GROUP.name}" not in self.options.columns:
            content.pop("group", None)
            inputs.pop("protocol_of_group", None)
        for role, entry in inputs.items():
            if role not in _SAME_FOR_ALL and isinstance(entry, dict):
                entry["sha256"] = None
        content["journal"] = None

    def _log(self, text: str, person: Person | None) -> str:
        """Keep of a journal what it notes: times, numbers and single words of each event."""
        lines = []
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict) and entry.get("what") == "note":
                kept = {
                    key: value
                    for key, value in entry.items()
                    if key not in ("n", "what", "chain")
                    and not isinstance(value, dict | list)
                    and (not isinstance(value, str) or _TOKEN.fullmatch(value))
                }
                lines.append(json.dumps(self._value(kept, person), ensure_ascii=False) + "\n")
        return "".join(lines)

    def _table(self, path: str, owner: Person | None) -> str:
        header, rows = split_table(self.files[path], path, () if owner else KEYS[:1])
        kept = [column for column in self.columns[path] if not column.remedy]
        lines = ["\t".join(column.header for column in kept)]
        for number, row in enumerate(rows, start=1):
            person, where = owner, f"{path}, row {number}"
            if owner is None:
                who = row[header.index(KEYS[0])]
                person, where = self.people[who.removeprefix("sub-")], f"{where} ({who})"
                row[header.index(KEYS[0])] = f"sub-{person.code}"
            cells = (column.cell(row[column.place], where) for column in kept)
            lines.append(self._moved("\t".join(cells), person))
        return "\n".join(lines) + "\n"

    def check(self, changed: Mapping[str, str], known: Known) -> None:
        """Check that nothing private is left."""
        for path, text in changed.items():
            found = [
                *known.search(path, text, self.options.names),
                *find_codes(f"{text}\n{self.rename(path)}", self.people),
            ]
            if left := [one for one in found if one.text not in self.options.allow]:
                first = left[0]
                raise TwoalikeError(
                    f"{path}, {first.place}: {first.text!r} looks private ({first.kind}; "
                    f"{len(left)} such in this file). Take it out of the data, or pass "
                    f"`allow='{first.text}'` if it is harmless."
                )


def _seed_warning(manifests: Collection[Mapping[str, Any]]) -> Iterator[str]:
    seeds = {seed for manifest in manifests if type(seed := read_seed(manifest.get("seed"))) is int}
    if small := sorted(seed for seed in seeds if seed < SAFE_SEED):
        yield (
            f"seed {small[0]} is small: trying seeds reveals which new code belongs to which old "
            "one, by designing the trial lists again. Destroy the list of who is who first, "
            "and see docs/how-to/share-data.md"
        )


def _answers(
    changed: Mapping[str, str], columns: Mapping[str, list[PublishedColumn]]
) -> pd.DataFrame:
    """Answers of people that are published: a row per person, a column per ``table.column``."""
    answers: dict[str, dict[str, str]] = {}
    for path, text in changed.items():
        header = text.partition("\n")[0].split("\t")
        if path not in columns or KEYS[0] not in header or "/consent" in path:
            continue
        _, rows = split_table(text, path)
        for place, column in enumerate(one for one in columns[path] if not one.remedy):
            if column.is_ours or column.is_free_text:
                continue
            known = answers.setdefault(column.name, {})
            for row in (row for row in rows if row[place] != MISSING):
                cell = _age_group(row[place]) if column.is_age else row[place]
                known[row[header.index(KEYS[0])]] = cell
    return pd.DataFrame(answers, dtype=object)


def _small_cells(answers: pd.DataFrame) -> Iterator[str]:
    """List values that fewer than five people have, and how many people a combination singles out.

    Statistical offices publish no cell with fewer than a handful of people: if only one left-handed
    woman of about 60 took part, anyone who knows of her participation can find all her answers.
    """
    for column in answers:
        counts = answers[column].value_counts()
        if rare := sorted((int(n), value) for value, n in counts.items() if n < FEWEST):
            named = ", ".join(f"{value} ({n})" for n, value in rare[:_SHOWN])
            more = f" and {counted(len(rare) - _SHOWN, 'further value')}" if rare[_SHOWN:] else ""
            yield f"{column}: fewer than {FEWEST} people have {named}{more}"
    if len(answers.columns) > 1:
        sizes = answers.fillna(MISSING).value_counts()
        if alone := int(sizes[sizes < FEWEST].sum()):
            named, people = " x ".join(map(str, answers)), counted(len(answers), "participant")
            yield f"{named}: {alone} of {people} share theirs with fewer than {FEWEST - 1} others"


def _age_group(cell: str) -> str:
    try:
        decade = int(float(cell)) // 10 * 10
    except (ValueError, OverflowError):
        return cell
    return f"{decade} to {decade + 9}"
