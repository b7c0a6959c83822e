"""Anchored judgments from two platforms: Salmon (stsievert/salmon) and NEXT (nextml/NEXT).

Both ask which of two objects is more like a third and export one row an answer, under names that
changed over the years and that R and spreadsheets change again (``Response.Time..s.``), so that
names are compared by their letters and digits. The tables that the R package tripletTools makes of
either are like those of NEXT. Objects are named by what was shown: texts, or files without folder
and ending.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._import_choices import CatchObjects, ChoiceRows
from twoalike.judgments._sheet import (
    NOTHING,
    ItemNumbers,
    Sheet,
    TimeUnit,
    find_copies,
    note,
    short_names,
)
from twoalike.judgments._tables import Objects, check_new_table, object_ids
from twoalike.study import TwoalikeError

_SALMON = {
    "head": ("head_filename", "head_object", "head"),
    "left": ("left_filename", "left_object", "left"),
    "right": ("right_filename", "right_object", "right"),
    "winner": ("winner_filename", "winner_object", "winner"),
    "loser": ("loser_filename", "loser_object", "loser"),
    "participant": ("puid",),
    "time": ("response_time",),
    "label": ("sampler", "alg_ident", "name"),
}
_NEXT = {
    "head": ("Center", "target_center"),
    "left": ("Left", "target_left"),
    "right": ("Right", "target_right"),
    "winner": ("Answer", "target_winner"),
    "participant": ("Participant ID", "participant_uid", "session_ID", "puid", "p_id"),
    "time": ("Response Time (s)", "response_time", "RT"),
    "label": ("Alg Label", "alg_label", "sampleAlg"),
}
"""By platform, possible names of the columns by what they hold, the first one preferred."""


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
    target = check_new_table(out, overwrite)
    unit: TimeUnit = "s"
    known = (Path(path), objects, unit, catch_label, catch_objects, skip_bad, target)
    return _import_platform("Salmon", _SALMON, *known, missing_time=-1)


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
    target, unit = check_new_table(out, overwrite), response_time_unit
    known = (Path(path), objects, unit, catch_label, catch_objects, skip_bad, target)
    return _import_platform("NEXT", _NEXT, *known)


def _import_platform(
    platform: str,
    possible: Mapping[str, tuple[str, ...]],
    path: Path,
    objects: Objects,
    unit: TimeUnit,
    catch_label: str | None,
    catch_objects: CatchObjects | None,
    skip_bad: bool,
    target: Path | None,
    *,
    missing_time: float | None = None,
) -> pd.DataFrame:
    given = None if objects is None else object_ids(objects)
    sheet = Sheet.of_csv(path, f"responses exported by {platform} (.csv)")
    columns = _roles(sheet, platform, possible)
    roles = ("head", "left", "right") if {"left", "right"} <= set(columns) else None
    items = [columns[one] for one in roles or ("head", "winner", "loser")]
    cells, ids = _named(sheet, [*items, columns["winner"]], given)
    # Salmon's bare columns are indices into its list of targets.
    indices = platform == "Salmon" and _plain(columns["head"]) == "head" and given is not None
    asked: ItemNumbers | None = "from-0" if indices else None if given else "ids"
    rows = ChoiceRows(sheet, items, ids, asked, named=cells)
    find_copies(sheet, items, rows.bad)
    types = np.where(_labelled(sheet, columns, catch_label), "catch", "main")
    rows.answers("anchored", (columns["winner"],))
    rows.columns["trial_type"] = types
    rows.skip(skip_bad)
    if "participant" in columns:
        people = rows.sheet.text(columns["participant"])
        labels = rows.columns["participant"] = people.mask(people == "", "unknown")
        rows.columns["trial"] = labels.groupby(labels, sort=False).cumcount().to_numpy() + 1
    else:
        names = ", ".join(sheet.header or ())
        note(f"{path}: no column names the participants ({names}): all are one unknown person.")
    rows.optional(None, columns.get("time"), unit, missing_time=missing_time)
    config = {"platform": platform, "response_time_unit": unit, "catch_label": catch_label}
    return rows.table(target, objects, config, catch_objects)


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _roles(sheet: Sheet, platform: str, possible: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Name of the column that holds each thing, of those that the file has."""
    names: dict[str, str] = {}
    for name in sheet.header or ():
        names.setdefault(_plain(name), name)
    found = {
        role: next(names[name] for name in map(_plain, those) if name in names)
        for role, those in possible.items()
        if any(_plain(name) in names for name in those)
    }
    if people := sheet.named("person"):
        found.setdefault("participant", people[0])
    needed = ["head", "left", "right", "winner"]
    if "loser" in found and not {"left", "right"} <= set(found):
        needed = ["head", "winner"]
    missing = [role for role in needed if role not in found]
    if missing:
        raise TwoalikeError(
            where=sheet.path,
            expected=f"{platform}'s column " + " or ".join(map(repr, possible[missing[0]])),
            found=", ".join(sheet.header or ()),
        )
    return found


def _named(
    sheet: Sheet, columns: Sequence[str], given: Sequence[str] | None
) -> tuple[Sheet, Sequence[str]]:
    """Cells of the columns of objects as ids, and all ids."""
    cells = pd.DataFrame({name: sheet.text(name) for name in dict.fromkeys(columns)})
    values = [one for one in pd.unique(cells.to_numpy().ravel()) if one.lower() not in NOTHING]
    short = short_names(values)
    if given is None and all(re.fullmatch("[0-9]+", value) for value in values):
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
