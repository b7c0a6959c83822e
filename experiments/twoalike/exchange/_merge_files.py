"""Joining the files of several studies: which are the same, which can be joined, which collide.

Works on the content of files by path; the caller reads and writes them.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twoalike.exchange._anonymous import table_cells
from twoalike.exchange._dataset import dump_json, load_json
from twoalike.study import MISSING, TwoalikeError

type Holders = Mapping[str, bytes]
"""Content of one file by the name of the study that holds it."""

_RUN = re.compile(
    r"(?P<root>data/\w+)/.*sub-(?P<participant>[^_/]+)_ses-(?P<session>\d+)_task-(?P<task>[^_/]+)"
    r"_run-(?P<run>\d+)_[^/]+"
)


def join_files(files: Mapping[str, Holders]) -> dict[str, bytes]:
    """Join the files of several studies.

    Tables of participants are joined row by row, their sidecars key by key. Every other file must
    be the same in all studies that have it.

    Parameters
    ----------
    files
        Content by study, by path in the study with ``/`` between its parts. Studies are in the
        same order everywhere.

    Raises
    ------
    TwoalikeError
        Naming all sessions and files that two studies hold with different content.
    """
    collisions = [*_run_collisions(files)]
    joined = {}
    for path, holders in files.items():
        contents = list(holders.values())
        join = next((join for pattern, join in _JOINS if re.fullmatch(pattern, path)), None)
        if join is not None and any(content != contents[0] for content in contents):
            joined[path] = join(path, holders)
            continue
        if not _RUN.fullmatch(path) and any(content != contents[0] for content in contents):
            collisions.append(f"{path} ({_names(holders)})")
        joined[path] = contents[0]
    if collisions:
        raise TwoalikeError(
            f"different content of the same name: {'; '.join(collisions)}. Keep one of each: take "
            "the other out of a copy of its study, then merge again."
        )
    return joined


def _run_collisions(files: Mapping[str, Holders]) -> list[str]:
    """List the runs for which studies hold different files."""
    runs: dict[str, dict[str, dict[str, bytes]]] = defaultdict(lambda: defaultdict(dict))
    for path, holders in files.items():
        if match := _RUN.fullmatch(path):
            what = f"participant {match['participant']}, session {int(match['session'])}, task "
            what += f"{match['task']}, run {int(match['run'])} in {match['root']}"
            for study, content in holders.items():
                runs[what][study][path] = content
    return [
        f"{what} ({_names(held)})"
        for what, held in runs.items()
        if any(content != next(iter(held.values())) for content in held.values())
    ]


def _names(holders: Mapping[str, object]) -> str:
    return " and ".join(holders)


def _join_tables(path: str, holders: Holders) -> bytes:
    """Join tables with one row per participant: all participants and all columns.

    A participant may be in several; values missing from one (``n/a``) are taken from another.
    """
    rows: dict[str, dict[str, tuple[str, str]]] = defaultdict(
        dict
    )  # cell, and the study it is from
    columns: dict[str, None] = {}
    for study, content in holders.items():
        header, cells = table_cells(_text(path, study, content), f"{study}/{path}")
        columns |= dict.fromkeys(header)
        for row in cells:
            who = row[header.index("participant_id")]
            for column, cell in zip(header, row, strict=True):
                before, whose = rows[who].get(column, (MISSING, study))
                if MISSING not in (before, cell) and before != cell:
                    raise TwoalikeError(
                        f"{path}: {column} of {who} is {before} in {whose} and {cell} in {study}. "
                        "Correct one of them, or give one person another code."
                    )
                rows[who][column] = (before, whose) if cell == MISSING else (cell, study)
    lines = [list(columns)]
    lines += [[row.get(name, (MISSING,))[0] for name in columns] for row in rows.values()]
    return "".join("\t".join(line) + "\n" for line in lines).encode()


def _join_entries(path: str, holders: Holders) -> bytes:
    """Join sidecars: all keys; shared keys must have the same description."""
    entries: dict[str, Any] = {}
    for study, content in holders.items():
        for key, entry in load_json(content, f"{study}/{path}").items():
            if entries.setdefault(key, entry) != entry:
                raise TwoalikeError(
                    f"{path}: {key!r} is described differently in {_names(holders)}. If it is the "
                    "same column, describe it alike; else rename one of them."
                )
    return dump_json(entries).encode()


def _join_descriptions(path: str, holders: Holders) -> bytes:
    """Take the first data set's description, with every program that made one of them."""
    descriptions = [load_json(content, f"{study}/{path}") for study, content in holders.items()]
    made: list[Any] = []
    for description in descriptions:
        tools = description.get("GeneratedBy")
        made += [tool for tool in (tools if isinstance(tools, list) else []) if tool not in made]
    return dump_json({**descriptions[0], "GeneratedBy": made}).encode()


def _first(_: str, holders: Holders) -> bytes:
    return next(iter(holders.values()))


_JOINS: Sequence[tuple[str, Callable[[str, Holders], bytes]]] = (
    (r"data/\w+/(participants|phenotype/\w+)\.tsv", _join_tables),
    (r"data/\w+/(participants|phenotype/\w+)\.json", _join_entries),
    (r"data/\w+/dataset_description\.json", _join_descriptions),
    (r"data/\w+/README(\.\w+)?", _first),
)


def _text(path: str, study: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"{study}/{path}"
        raise TwoalikeError(f"{place}: not UTF-8 text (byte {error.start}). Save it so.") from error
    return text.rstrip("\r\n") + "\n"  # a table written by hand may end without a line end
