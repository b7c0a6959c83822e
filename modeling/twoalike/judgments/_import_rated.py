"""Ratings and sortings in delimited text, with a header that names the columns."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._sheet import (
    NOTHING,
    BadRows,
    Sheet,
    TimeUnit,
    check_distinct,
    find_copies,
    note_mirrored,
    note_people,
    object_cells,
    seconds,
)
from twoalike.judgments._tables import (
    PAIR,
    TRIAL,
    Objects,
    check_new_table,
    object_ids,
    ratings_table,
    sortings_table,
    write_imported,
)
from twoalike.study import TwoalikeError


def import_ratings(
    file: str | Path,
    objects: Objects = None,
    *,
    scale_points: int | None = None,
    slider: tuple[float, float] = (0.0, 1.0),
    response_time_unit: TimeUnit | None = None,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read ratings of pairs, for a fit in which each rater has thresholds of their own.

    The header names item_a, item_b and rating (higher is more alike); participant, session, trial,
    trial_type, scale_points and response_time are optional, further columns are ignored.

    Parameters
    ----------
    file
        Text split at tabs, commas, semicolons or spaces, one rating per line.
    objects
        All object ids, one per line; if left out, those that the file names.
    scale_points
        Number of points of the Likert scale, numbered from 1. If left out, the file's column
        scale_points; without that column, ratings are from a slider.
    slider
        Lowest and highest number of the slider; ratings become 0 to 1.
    response_time_unit
        Unit of the response times, if there are any.
    skip_bad
        Leave out, and count, rows that cannot be judgments: an object twice (other than in a
        check), an unknown object, no answer, a copy of another row.
    out, overwrite
        As in :func:`import_choices`.
    """
    target, sheet = check_new_table(out, overwrite), Sheet.of_table(Path(file), (*PAIR, "rating"))
    said = objects, response_time_unit, skip_bad
    table, left_out = ratings_in(sheet, *said, scale_points, slider)
    config = {"scale_points": scale_points, "slider": slider, "left_out": left_out}
    write_imported(target, table, "ratings", {"judgments": sheet.path}, objects, config)
    return table


def ratings_in(
    sheet: Sheet,
    objects: Objects,
    unit: TimeUnit | None,
    skip_bad: bool,
    scale_points: int | None,
    slider: tuple[float, float],
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Table of the ratings in a sheet, and counts of bad rows."""
    sheet, ids, left_out = judged_rows(sheet, PAIR, "rating", objects, skip_bad, once=False)
    columns = _optional(sheet, (*TRIAL, "trial_type"), unit)
    columns |= {name: sheet.text(name) for name in PAIR}
    note_mirrored(sheet, "rating")
    points = np.full(len(sheet.cells), np.nan if scale_points is None else float(scale_points))
    if "scale_points" in (sheet.header or ()):
        points = sheet.numbers("scale_points", missing=True)
    rating, on_slider = sheet.numbers("rating"), np.isnan(points)
    low, high = slider
    if not low < high:
        raise TwoalikeError(
            where="`slider=...`",
            expected="two numbers, the lower first",
            found=f"{low:g}, {high:g}",
        )
    beyond = np.flatnonzero(on_slider & ((rating < low) | (rating > high)))
    if len(beyond):
        raise TwoalikeError(
            where=sheet.where(int(beyond[0]), "rating"),
            expected=f"a number from {low:g} to {high:g}, the ends of the slider",
            found=f"{rating[beyond[0]]:g}",
            remedy="Give the ends with `slider=...`, or `scale_points=...` of a Likert scale.",
        )
    columns["rating"] = np.where(on_slider, (rating - low) / (high - low), rating)
    columns["scale_points"] = points
    return ratings_table(columns, ids, str(sheet.path)), left_out


def import_sortings(
    file: str | Path,
    objects: Objects = None,
    *,
    response_time_unit: TimeUnit | None = None,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read objects that people sorted into piles.

    The header names item and pile (a number or a name); participant, session, trial, trial_type,
    pile_name and response_time are optional, further columns are ignored. Without the column trial,
    each person sorted once.

    Parameters
    ----------
    file
        Text split at tabs, commas, semicolons or spaces, with a line for each object of a trial.
    objects, response_time_unit, skip_bad, out, overwrite
        As in :func:`import_ratings`.
    """
    target, sheet = check_new_table(out, overwrite), Sheet.of_table(Path(file), ("item", "pile"))
    table, left_out = sortings_in(sheet, objects, response_time_unit, skip_bad)
    config = {"left_out": left_out}
    write_imported(target, table, "sortings", {"judgments": sheet.path}, objects, config)
    return table


def sortings_in(
    sheet: Sheet, objects: Objects, unit: TimeUnit | None, skip_bad: bool
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Table of the sorted objects in a sheet, and counts of bad rows."""
    sheet, ids, left_out = judged_rows(sheet, ("item",), "pile", objects, skip_bad, once=True)
    columns = _optional(sheet, (*TRIAL, "trial_type"), unit)
    columns.setdefault("trial", np.ones(len(sheet.cells), dtype=np.int64))
    columns["item"], pile = sheet.text("item"), sheet.text("pile")
    if pile.str.fullmatch("[1-9][0-9]{0,8}").all():
        columns["pile"] = pile.to_numpy().astype(np.int64)
        if "pile_name" in (sheet.header or ()):
            name = sheet.text("pile_name")
            columns["pile_name"] = name.astype(object).where(name != "", None)
    else:
        columns["pile"] = pd.factorize(pile)[0] + 1
        columns["pile_name"] = pile.astype(object)
    return sortings_table(columns, ids, str(sheet.path)), left_out


def _optional(sheet: Sheet, names: Sequence[str], unit: TimeUnit | None) -> dict[str, Any]:
    read: dict[str, Callable[[str], Any]] = {name: sheet.filled for name in names}
    read["trial"] = sheet.numbers
    read["response_time"] = lambda name: seconds(sheet, name, unit)
    return {name: get(name) for name, get in read.items() if name in (sheet.header or ())}


def judged_rows(
    sheet: Sheet,
    items: Sequence[str],
    answer: str,
    objects: Objects,
    skip_bad: bool,
    *,
    once: bool | None = None,
) -> tuple[Sheet, Sequence[str], dict[str, int]]:
    """Rows that can be judgments, all objects, and the number of rows left out by reason.

    ``once``: whether a trial has each item once; None: copies of a row change nothing.
    """
    given = None if objects is None else object_ids(objects)
    sheet = sheet.with_ids(items, given)
    cells = pd.concat([sheet.text(name) for name in items], ignore_index=True)
    ids = pd.unique(cells[cells != ""]).tolist() if given is None else given
    bad = BadRows(len(sheet.cells), sheet.where)
    shown = object_cells(sheet, items, ids, "ids", bad)
    header = sheet.header or ()
    checks = np.zeros(bad.n, dtype=bool)
    if "trial_type" in header:  # a check may show an object twice
        checks = (sheet.text("trial_type") == "catch").to_numpy()
    check_distinct(np.where(checks[:, None], -1, shown), bad)
    empty = sheet.text(answer).str.lower().isin(NOTHING[:-1]).to_numpy()  # -1 may be a rating
    bad.add(empty, "no answer", "the cell is empty", answer)
    if "participant" not in header:
        note_people(sheet, (), "Rename it to `participant`.")
    if once is not None:
        find_copies(sheet, items, bad, once=once)
    return sheet.kept(bad.kept(skip_bad)), ids, bad.counts
