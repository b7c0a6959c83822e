"""A data set fit for publication: which files, what happens to each, what may not be left.

Everything here works on texts by path; reading and writing them is the caller's business.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Literal

import numpy as np

from twoalike.exchange._anonymous import Anonymous, add_generator, table_cells
from twoalike.exchange._people import Person, days_in, draw_people, replace_codes
from twoalike.exchange._phenotype import answers_as_tables
from twoalike.exchange._private import find_codes, find_private
from twoalike.study import TwoalikeError

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
        ("personal text", rf"sub-{_CODE}/(ses-{_CODE}/)?(beh/)?sub-{_CODE}_[^/]+\.tsv"),
        ("personal json", rf"sub-{_CODE}/(ses-{_CODE}/)?(beh/)?sub-{_CODE}_[^/]+\.json"),
        ("answers", rf"sourcedata/sub-{_CODE}/ses-{_CODE}/[^/]+_answers\.tsv"),
        ("personal text", rf"sourcedata/sub-{_CODE}/(ses-{_CODE}/)?[^/]+_trials\.tsv"),
        ("personal json", rf"sourcedata/sub-{_CODE}/(ses-{_CODE}/)?[^/]+_manifest\.json"),
        ("log", rf"sourcedata/sub-{_CODE}/(ses-{_CODE}/)?[^/]+_log\.jsonl"),
    )
)
_DEBRIEF = "phenotype/debrief"
_OWNER = re.compile(rf"(?:sourcedata/)?sub-({_CODE})/")
NOTE = """
## This copy

Made for publication: the codes of participants are new and random, the dates {dates}, ages above
89 are given as 89, seeds{words} are left out. Nobody kept which new code belongs to which old one.
"""


@dataclass(frozen=True, kw_only=True)
class ShareOptions:
    """What to publish.

    Attributes
    ----------
    with_free_text
        Also answers in participants' own words.
    times
        ``shift``: all dates of a participant are moved back by the same whole number of days,
        to before 1925; ``drop``: dates and times are left out.
    allow
        Texts that look private and are not.
    names
        Further words that must not occur; None: the names of this computer and of its user.
    """

    with_free_text: bool = False
    times: Literal["shift", "drop"] = "shift"
    allow: Collection[str] = ()
    names: Collection[str] | None = None


@dataclass(frozen=True)
class Shared:
    """A data set as it is published.

    Attributes
    ----------
    files
        Text by path.
    folders
        Paths of folders, also of those without files.
    left_out
        Paths, in the data set, of files that are not part of the copy.
    n_people
        Participants.
    """

    files: Mapping[str, str]
    folders: Collection[str]
    left_out: Collection[str]
    n_people: int


def file_kind(path: str) -> str | None:
    """Tell what kind of file a path names; None for files that are not published."""
    return next((kind for kind, pattern in _FILES if pattern.fullmatch(path)), None)


def share_files(
    files: Mapping[str, str],
    folders: Collection[str],
    options: ShareOptions,
    rng: np.random.Generator,
) -> Shared:
    """Make a data set fit for publication.

    Answers become tables with one row a participant, as BIDS wants them.

    Parameters
    ----------
    files
        Text by path in the data set, with ``/`` between its parts.
    folders
        Paths of its folders.
    options
        What to publish.
    rng
        Draws codes and shifts. Seed it from the operating system, and keep no seed: whoever has
        it can undo the copy.

    Raises
    ------
    TwoalikeError
        If a file is damaged, or something private is left in the copy.
    """
    files = answers_as_tables(files)
    kinds = {path: kind for path in files if (kind := _published(path, options))}
    people = draw_people(_days(files, folders), rng, keep_times=options.times == "shift")
    rename = replace_codes(people)
    change = Anonymous(people, rename, options.with_free_text)
    shared = {}
    for path, kind in sorted(kinds.items()):
        owner = _OWNER.match(path)
        person = people[owner[1]] if owner else None
        shared[rename(path)] = _changed(change, files, path, kind, person, options)
    _check(shared, people, options)
    return Shared(
        shared,
        sorted({rename(folder) for folder in folders if _OWNER.match(f"{folder}/")}),
        sorted(set(files) - set(kinds)),
        len(people),
    )


def _published(path: str, options: ShareOptions) -> str | None:
    if path.startswith(_DEBRIEF) and not options.with_free_text:
        return None
    return file_kind(path)


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


def _changed(
    change: Anonymous,
    files: Mapping[str, str],
    path: str,
    kind: str,
    person: Person | None,
    options: ShareOptions,
) -> str:
    """Text of one file in the copy."""
    text = files[path]
    match kind:
        case "description":
            changed = add_generator(change.json(text, None, path), version("twoalike"))
        case "json" | "personal json":
            changed = change.json(text, person, path)
        case "table":
            changed = change.table(text, files.get(path.replace(".tsv", ".json")), path)
        case "table sidecar":
            changed = change.table_sidecar(text, files.get(path.replace(".json", ".tsv")), path)
        case "log":
            changed = change.log(text, person)
        case "personal text":
            changed = change.text(text[: text.rfind("\n") + 1], person)  # without a torn row
        case _:
            changed = change.text(text, None) + (_note(options) if "README" in path else "")
    return changed


def _note(options: ShareOptions) -> str:
    return NOTE.format(
        dates="were moved to before 1925" if options.times == "shift" else "are left out",
        words="" if options.with_free_text else " and answers in people's own words",
    )


def _check(shared: Mapping[str, str], codes: Collection[str], options: ShareOptions) -> None:
    """Check that nothing private is left."""
    for path, text in shared.items():
        found = [*find_private(text, options.names), *find_codes(f"{text}\n{path}", codes)]
        left = [private for private in found if private.text not in options.allow]
        if left:
            first = left[0]
            raise TwoalikeError(
                f"{path} of the copy, line {first.line}: {first.text!r} looks private "
                f"({first.kind}; {len(left)} such in this file). Take it out of the data, or pass "
                f"--allow '{first.text}' if it is harmless."
            )
