"""A copy of raw data fit for publication: which files, what becomes of each, what must go."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twoalike.exchange._anonymous import (
    Anonymous,
    Person,
    add_generator,
    days_in,
    draw_people,
    replace_codes,
    sorted_by_code,
    table_cells,
)
from twoalike.exchange._dataset import (
    KEYS,
    Column,
    Publication,
    answers_as_tables,
    check_new_folder,
    declared_kinds,
    load_json,
    read_texts,
    split_table,
    write_texts,
)
from twoalike.exchange._private import Found, Known, find_codes, search_file
from twoalike.record import GROUP, check_bids, check_raw, find_runs
from twoalike.study import (
    MISSING,
    SAFE_SEED,
    Study,
    TwoalikeError,
    atomic_directory,
    counted,
    read_seed,
)

_CODE = r"[0-9A-Za-z+]+"
_FILES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("description", r"dataset_description\.json"),
        ("text", r"(README|CHANGES|LICENSE|CITATION)(\.\w+)?"),
        ("json", r"task-[0-9A-Za-z+]+_(beh|events)\.json"),
        ("table", r"participants\.tsv"),
        ("table sidecar", r"participants\.json"),
        ("table", r"phenotype/\w+\.tsv"),
        ("table sidecar", r"phenotype/\w+\.json"),
        ("run table", rf"sub-{_CODE}/(ses-{_CODE}/)?(beh/)?sub-{_CODE}_[^/]+\.tsv"),
        ("table sidecar", rf"sub-{_CODE}/(ses-{_CODE}/)?(beh/)?sub-{_CODE}_[^/]+\.json"),
        ("answers", rf"sourcedata/sub-{_CODE}/ses-{_CODE}/[^/]+_answers\.tsv"),
        ("run table", rf"sourcedata/sub-{_CODE}/(ses-{_CODE}/)?[^/]+_trials\.tsv"),
        ("manifest", rf"sourcedata/sub-{_CODE}/(ses-{_CODE}/)?[^/]+_manifest\.json"),
        ("log", rf"sourcedata/sub-{_CODE}/(ses-{_CODE}/)?[^/]+_journal\.jsonl"),
    )
)
_TABLES = frozenset({"table", "run table"})
_OWNER = re.compile(rf"(?:sourcedata/)?sub-({_CODE})/")
NOTE = """
## This copy

Made for publication: the codes of participants are new and random, the dates {dates}, ages above
89 are given as 89, seeds and columns that its owner did not name are left out. There is no record
of which new code belongs to which old one. Of the journals, the logs (`*_log.jsonl`) have what was
noted besides trials and answers.
"""
FEWEST = 5
"""Smallest number of people who should share a published value."""
_SHOWN = 4
"""Values of a column that are listed."""


@dataclass(frozen=True, kw_only=True)
class ShareOptions:
    """What to publish."""

    columns: Collection[str] = ()
    """Columns beside those that twoalike writes, as ``table.column``."""
    with_free_text: bool = False
    """Whether named columns with answers in participants' own words are published."""
    times: Literal["shift", "drop"] = "shift"
    """``shift``: all dates of a participant are moved back by the same whole number of days, to
    before 1925; ``drop``: dates and times are left out."""
    allow: Collection[str] = ()
    """Texts that look private and are not."""
    names: Collection[str] | None = None
    """Further words that must not occur; None: the names of this computer and of its user."""


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
        write_texts(folder, shared.files, shared.folders)
        problems = check_bids(folder)
        if problems:
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
    kinds = {path: kind for path in files if (kind := file_kind(path))}
    manifests = [load_json(files[path], path) for path, k in kinds.items() if k == "manifest"]
    decided = Publication(options.columns, options.with_free_text, declared_kinds(manifests))
    columns = {path: _columns(files, path, decided) for path, k in kinds.items() if k in _TABLES}
    people = draw_people(_days(files, folders), rng, keep_times=options.times == "shift")
    rename = replace_codes(people)
    with_groups = f"participants.{GROUP.name}" in options.columns
    change = _Change(files, columns, Anonymous(people, rename, with_groups), options)
    kept = [path for path in sorted(kinds) if not change.is_left_out(path)]
    changed = {path: change.text(path, kinds[path], _owner(path, people)) for path in kept}
    known = Known.of(files)
    _check(changed, known, people, rename, options)
    finished = {
        rename(path).replace("_journal.jsonl", "_log.jsonl"): (
            sorted_by_code(text) if kinds[path] == "table" else text
        )
        for path, text in changed.items()
    }
    return Shared(
        # Files are written in this order; the order of the old codes would show in their times.
        dict(sorted(finished.items())),
        sorted({rename(folder) for folder in folders if _OWNER.match(f"{folder}/")}),
        [*sorted(set(files) - set(kinds)), *_unpublished(columns)],
        [
            *_unknown_names(options.columns, columns),
            *_seed_warning(manifests),
            *small_cells(_published_answers(changed, columns)),
        ],
        len(people),
        notes=[
            f"{text!r} ({kind}) is in a text of the study, and published with it"
            for text, kind in known.contacts.items()
        ],
    )


def _owner(path: str, people: Mapping[str, Person]) -> Person | None:
    match = _OWNER.match(path)
    return people[match[1]] if match else None


def _columns(files: Mapping[str, str], path: str, decided: Publication) -> list[Column]:
    header, rows = split_table(files[path], path)
    return decided.columns_of(path, header, rows, files.get(path.replace(".tsv", ".json")))


def _days(files: Mapping[str, str], folders: Collection[str]) -> dict[str, list[date]]:
    """Days named in what belongs to each participant, by code; all codes are listed."""
    days: dict[str, list[date]] = defaultdict(list)
    for folder in folders:
        if owner := _OWNER.match(f"{folder}/"):
            _ = days[owner[1]]
    for path, text in files.items():
        if owner := _OWNER.match(path):
            days[owner[1]] += days_in(text)
        elif file_kind(path) == "table":
            header, rows = table_cells(text, path)
            for row in rows:
                code = row[header.index("participant_id")].removeprefix("sub-")
                days[code] += days_in("\n".join(row))
    return dict(days)


@dataclass(frozen=True)
class _Change:
    """The text of each file in the copy, before rows are sorted."""

    files: Mapping[str, str]
    columns: Mapping[str, list[Column]]
    anonymous: Anonymous
    options: ShareOptions

    def is_left_out(self, path: str) -> bool:
        """Whether nothing but the keys of a table would be published; also for its sidecar."""
        columns = self.columns.get(path.replace(".json", ".tsv"))
        if columns is None or path.startswith("participants."):
            return False
        return not any(c.published and c.header not in KEYS for c in columns)

    def text(self, path: str, kind: str, person: Person | None) -> str:
        """Text of one file in the copy."""
        change, text = self.anonymous, self.files[path]
        columns = self.columns.get(path.replace(".json", ".tsv"), [])
        match kind:
            case "description":
                changed = add_generator(change.json(text, None, path), version("twoalike"))
            case "json":
                changed = change.json(text, person, path)
            case "manifest":
                changed = change.manifest(text, person, path)
            case "table":
                changed = change.table(text, columns, path)
            case "table sidecar":
                changed = change.table_sidecar(text, columns, person, path)
            case "log":
                changed = change.log(text, person)
            case "run table":
                changed = change.run_table(text, columns, person, path)
            case _:
                changed = change.text(text, None) + (self._note() if "README" in path else "")
        return changed

    def _note(self) -> str:
        moved = self.options.times == "shift"
        return NOTE.format(dates="were moved to before 1925" if moved else "are left out")


def _check(
    changed: Mapping[str, str],
    known: Known,
    people: Mapping[str, Person],
    rename: Callable[[str], str],
    options: ShareOptions,
) -> None:
    """Check that nothing private is left."""
    for path, text in changed.items():
        found = list(search_file(path, text, options.names, known.objects))
        codes = [Found(code, code.line) for code in find_codes(f"{text}\n{rename(path)}", people)]
        left = [
            each
            for each in (*found, *codes)
            if each.private.text not in options.allow and not known.is_contact(path, each)
        ]
        if left:
            private = left[0].private
            raise TwoalikeError(
                f"{path}, {left[0].place}: {private.text!r} looks private ({private.kind}; "
                f"{len(left)} such in this file). Take it out of the data, or pass "
                f"`allow='{private.text}'` if it is harmless."
            )


def _unpublished(columns: Mapping[str, list[Column]]) -> Iterator[str]:
    remedies = {c.name: c.remedy for own in columns.values() for c in own if not c.published}
    for name, remedy in sorted(remedies.items()):
        yield f"{name} ({remedy})"


def _unknown_names(named: Collection[str], columns: Mapping[str, list[Column]]) -> Iterator[str]:
    """Columns that the settings name and no table has: misspelt, or not yet asked."""
    known = {column.name for own in columns.values() for column in own}
    for name in named:
        if name not in known:
            yield f'no table has the column "{name}" that [share] in study.toml names'


def _seed_warning(manifests: Collection[Mapping[str, Any]]) -> Iterator[str]:
    seeds = {seed for manifest in manifests if type(seed := read_seed(manifest.get("seed"))) is int}
    if small := sorted(seed for seed in seeds if seed < SAFE_SEED):
        yield (
            f"seed {small[0]} is small: trying seeds reveals which new code belongs to which old "
            "one, by designing the trial lists again. Destroy the list of who is who first, "
            "and see docs/how-to/share-data.md"
        )


def _published_answers(
    changed: Mapping[str, str], columns: Mapping[str, list[Column]]
) -> dict[str, dict[str, str]]:
    """Answers of people that are published, by ``table.column`` and person; ages by decade."""
    answers: dict[str, dict[str, str]] = {}
    for path, text in changed.items():
        header = text.partition("\n")[0].split("\t")
        if path not in columns or "participant_id" not in header or "/consent" in path:
            continue
        _, rows = split_table(text, path)
        kept = [column for column in columns[path] if column.published]
        for place, column in enumerate(kept):
            if column.is_ours or column.is_free_text:
                continue
            known = answers.setdefault(column.name, {})
            for row in rows:
                cell = age_group(row[place]) if column.is_age else row[place]
                if cell != MISSING:
                    known[row[header.index("participant_id")]] = cell
    return answers


def small_cells(answers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """List values that fewer than five people have, and how many people a combination singles out.

    Statistical offices publish no cell with fewer than a handful of people: if only one left-handed
    woman of about 60 took part, anyone who knows of her participation can find all her answers.
    ``answers`` are values by person, by column, with ages in groups of ten years.
    """
    lines = []
    for column, values in answers.items():
        counts = Counter(value for value in values.values() if value != MISSING)
        rare = sorted((n, value) for value, n in counts.items() if n < FEWEST)
        if rare:
            named = ", ".join(f"{value} ({n})" for n, value in rare[:_SHOWN])
            more = f" and {counted(len(rare) - _SHOWN, 'further value')}" if rare[_SHOWN:] else ""
            lines.append(f"{column}: fewer than {FEWEST} people have {named}{more}")
    if len(answers) > 1:
        people = sorted({person for values in answers.values() for person in values})
        kinds = {
            person: tuple(values.get(person, MISSING) for values in answers.values())
            for person in people
        }
        sizes = Counter(kinds.values())
        alone = sum(sizes[kind] < FEWEST for kind in kinds.values())
        if alone:
            lines.append(
                f"{' x '.join(answers)}: {alone} of {counted(len(people), 'participant')} share "
                f"theirs with fewer than {FEWEST - 1} others"
            )
    return lines


def age_group(cell: str) -> str:
    """Decade of an age; other text is returned unchanged."""
    try:
        decade = int(float(cell)) // 10 * 10
    except (ValueError, OverflowError):
        return cell
    return f"{decade} to {decade + 9}"
