"""Anchored judgments from two platforms: Salmon (stsievert/salmon) and NEXT (nextml/NEXT).

The tables that the R package tripletTools makes of either are like those of NEXT.

Both ask which of two objects is more like a third and export one row an answer, under names that
changed over the years and that R and spreadsheets change again (``Response.Time..s.``), so that
names are compared by their letters and digits. Objects are named by what was shown: texts, or
files without folder and ending.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._delimited import Answers, CatchObjects, finish
from twoalike.judgments._meadows import MEDIA
from twoalike.judgments._sheet import (
    NOTHING,
    BadRows,
    ItemNumbers,
    Sheet,
    TimeUnit,
    check_distinct,
    find_copies,
    note,
    numbers_in,
    object_cells,
    places_of,
    seconds,
)
from twoalike.judgments._tables import check_new_table, object_ids
from twoalike.study import TwoalikeError, read_text, require_file

_ITEMS = ("head", "left", "right")
"""Reference, and the other two from left to right."""


@dataclass(frozen=True)
class _Platform:
    """Possible names of the columns by what they hold, the first one preferred."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    missing_time: float | None = None


SALMON = _Platform(
    "Salmon",
    {
        "head": ("head_filename", "head_object", "head"),
        "left": ("left_filename", "left_object", "left"),
        "right": ("right_filename", "right_object", "right"),
        "winner": ("winner_filename", "winner_object", "winner"),
        "loser": ("loser_filename", "loser_object", "loser"),
        "participant": ("puid",),
        "time": ("response_time",),
        "label": ("sampler", "alg_ident", "name"),
    },
    missing_time=-1,
)
NEXT = _Platform(
    "NEXT",
    {
        "head": ("Center", "target_center"),
        "left": ("Left", "target_left"),
        "right": ("Right", "target_right"),
        "winner": ("Answer", "target_winner"),
        "participant": ("Participant ID", "participant_uid", "session_ID", "puid", "p_id"),
        "time": ("Response Time (s)", "response_time", "RT"),
        "label": ("Alg Label", "alg_label", "sampleAlg"),
    },
)


def import_salmon(
    path: str | Path,
    objects: Sequence[str] | str | Path | None = None,
    *,
    catch_label: str | None = None,
    catch_objects: CatchObjects | None = None,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read anchored judgments from Salmon's responses.csv.

    The head is the reference, and the winner is the more similar one of the other two. An object's
    id is the text that was shown, or the name of its file without folder and extension.

    Parameters
    ----------
    path
        Responses, as downloaded from Salmon's dashboard: CSV with head, winner and left and right,
        or loser; puid; response_time (s). If they have only indices, ``objects`` must list the
        targets in order.
    objects
        All object ids, one per line; if left out, those that the file names.
    catch_label
        Sampler (or Alg Label) whose questions are attention checks, such as Validation.
    catch_objects, skip_bad, out, overwrite
        As in :func:`import_triplets`.

    Returns
    -------
    Table of choices, all anchored: item 1 is the head. Where the file does not say what was left
    and right, item 2 is the winner.
    """
    options: dict[str, Any] = {"skip_bad": skip_bad, "out": out, "overwrite": overwrite}
    return _import(SALMON, path, objects, "s", catch_label, catch_objects, **options)


def import_next(
    path: str | Path,
    objects: Sequence[str] | str | Path | None = None,
    *,
    response_time_unit: TimeUnit = "s",
    catch_label: str | None = None,
    catch_objects: CatchObjects | None = None,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read anchored judgments from the responses to NEXT's triplets (PoolBasedTripletMDS).

    The centre is the reference, and the answer is the more similar one of left and right. An
    object's id is the text that was shown, or the name of its file without folder and extension.

    Parameters
    ----------
    path
        Participants' responses, as downloaded from NEXT's dashboard or cleaned by tripletTools: CSV
        with the columns Participant ID, Center, Left, Right, Answer, and perhaps Response Time
        (s) and Alg Label; or participant_uid, target_center, target_left, target_right,
        target_winner, response_time and alg_label; or, from tripletTools, worker_id (or p_id),
        Center, Left, Right, Answer, rt (ms) and sampleAlg.
    response_time_unit
        Unit of the response times: s in NEXT's files, ms in those of tripletTools.
    objects, catch_label, catch_objects, skip_bad, out, overwrite
        As in :func:`import_salmon`.

    Returns
    -------
    Table of choices, all anchored: item 1 is the centre.
    """
    options: dict[str, Any] = {"skip_bad": skip_bad, "out": out, "overwrite": overwrite}
    unit = response_time_unit
    return _import(NEXT, path, objects, unit, catch_label, catch_objects, **options)


def _import(
    platform: _Platform,
    path: str | Path,
    objects: Sequence[str] | str | Path | None,
    unit: TimeUnit,
    catch_label: str | None,
    catch_objects: CatchObjects | None,
    *,
    skip_bad: bool,
    out: str | Path | None,
    overwrite: bool,
) -> pd.DataFrame:
    target = check_new_table(out, overwrite)
    given = None if objects is None else object_ids(objects)
    sheet = _read(Path(path), platform)
    columns = _roles(sheet, platform)
    items = _ITEMS if "left" in columns and "right" in columns else ("head", "winner", "loser")
    shown = [columns[one] for one in items]
    cells, ids = _named(sheet, [*shown, columns["winner"]], given)
    bad = BadRows(len(sheet.cells), sheet.where)
    numbers: ItemNumbers = "from-0"
    if platform is not SALMON or _plain(columns["head"]) != "head" or given is None:
        numbers = numbers_in(cells, shown, ids, None if given else "ids")
    triplets = object_cells(cells, shown, ids, numbers, bad)
    check_distinct(triplets, bad)
    chosen = places_of(cells, columns["winner"], ids, numbers, triplets, bad)
    find_copies(sheet, shown, bad)
    types = np.where(_labelled(sheet, columns, catch_label), "catch", "main")
    answers, sheet = Answers("anchored", triplets, chosen, {}).kept(bad, sheet, skip_bad)
    optional: dict[str, Any] = {"trial_type": types[sheet.cells.index]}
    if "participant" in columns:
        people = sheet.text(columns["participant"])
        labels = optional["participant"] = people.mask(people == "", "unknown")
        optional["trial"] = labels.groupby(labels, sort=False).cumcount().to_numpy() + 1
    else:
        names = ", ".join(sheet.header or ())
        note(f"{path}: no column names the participants ({names}): all are one unknown person.")
    if "time" in columns:
        optional["response_time"] = seconds(sheet, columns["time"], unit, platform.missing_time)
    answers = replace(answers, optional=optional)
    config = {
        "platform": platform.name,
        "response_time_unit": unit,
        "catch_label": catch_label,
        "left_out": bad.counts,
    }
    return finish(answers, ids, sheet, catch_objects, target, objects=objects, config=config)


def _read(path: Path, platform: _Platform) -> Sheet:
    """Read comma-separated text with a header; cells may hold HTML, with quotes and #."""
    from io import StringIO

    what = f"responses exported by {platform.name} (.csv)"
    text = read_text(require_file(path, what))
    try:
        cells = pd.read_csv(StringIO(text), header=None, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise TwoalikeError(f"rows do not fit ({reason})", where=path, expected=what) from error
    header = tuple(cells.iloc[0].fillna("").str.strip())
    if len(cells) == 1:
        raise TwoalikeError(where=path, expected=what, found="a header without rows")
    return Sheet(path, cells.iloc[1:].reset_index(drop=True), header)


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _roles(sheet: Sheet, platform: _Platform) -> dict[str, str]:
    """Name of the column that holds each thing, of those that the file has."""
    names: dict[str, str] = {}
    for name in sheet.header or ():
        names.setdefault(_plain(name), name)
    found = {
        role: next(names[name] for name in map(_plain, possible) if name in names)
        for role, possible in platform.columns.items()
        if any(_plain(name) in names for name in possible)
    }
    if people := sheet.named("person"):
        found.setdefault("participant", people[0])
    needed = [*_ITEMS, "winner"]
    if "loser" in found and not {"left", "right"} <= set(found):
        needed = ["head", "winner"]
    missing = [role for role in needed if role not in found]
    if missing:
        raise TwoalikeError(
            where=sheet.path,
            expected=f"{platform.name}'s column "
            + " or ".join(map(repr, platform.columns[missing[0]])),
            found=", ".join(sheet.header or ()),
        )
    return found


def _named(
    sheet: Sheet, columns: Sequence[str], given: Sequence[str] | None
) -> tuple[Sheet, Sequence[str]]:
    """Cells of the columns of objects as ids, and all ids."""
    cells = pd.DataFrame({name: sheet.text(name) for name in dict.fromkeys(columns)})
    values = [one for one in pd.unique(cells.to_numpy().ravel()) if one.lower() not in NOTHING]
    short = {
        value: MEDIA.sub("", re.split(r"[/\\]", value)[-1]) if MEDIA.search(value) else value
        for value in values
    }
    if len(set(short.values())) < len(short):  # cat.jpg and cat.png, a/1.png and b/1.png
        short = {value: value for value in values}
    numbers = all(re.fullmatch("[0-9]+", value) for value in values)
    if given is None and numbers:
        raise TwoalikeError(
            where=f"{sheet.path}: column {columns[0]}",
            expected="names of objects",
            found="indices only",
            remedy="Name the list of the experiment's targets, in order, with `objects=...`.",
        )
    names = cells.apply(lambda column: column.map(short).fillna(""))
    named = Sheet(sheet.path, names, tuple(map(str, cells)))
    return named, list(short.values()) if given is None else given


def _labelled(sheet: Sheet, columns: Mapping[str, str], label: str | None) -> Any:
    """Which rows have this label, shape (n,)."""
    if label is None:
        return np.zeros(len(sheet.cells), dtype=bool)
    if "label" not in columns:
        raise TwoalikeError(
            where=sheet.path, expected="a column of samplers", found=", ".join(sheet.header or ())
        )
    labels = sheet.text(columns["label"])
    if not (labels == label).any():
        raise TwoalikeError(
            where=f"{sheet.path}: column {columns['label']}",
            expected=f"{label!r} in some rows (`catch_label=...`)",
            found=", ".join(sorted(set(labels))[:10]),
        )
    return (labels == label).to_numpy()
