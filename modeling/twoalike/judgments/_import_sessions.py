"""Sessions that people did in other programs, by a mapping: which of their fields hold what.

A trial is read only if all of it is there and has a meaning under the mapping; others are counted.
"""

import fnmatch
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from twoalike.judgments._import_choices import ChoiceColumns, choices_in
from twoalike.judgments._import_rated import ratings_in, sortings_in
from twoalike.judgments._session_files import (
    cell,
    contents_of,
    dicts_in,
    opened,
    plain,
    results_in,
)
from twoalike.judgments._sheet import NOTHING, Sheet, TimeUnit, note
from twoalike.judgments._tables import (
    ITEMS,
    MORE_ITEMS,
    PAIR,
    JudgmentKind,
    Objects,
    check_new_table,
    choices_table,
    object_ids,
    write_imported,
)
from twoalike.study import Strict, TwoalikeError, counted, load_toml, toml_of

type Conditions = dict[str, str | list[str]]
_COLUMNS: Mapping[JudgmentKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "choices": ((*ITEMS, *MORE_ITEMS), ("chosen", "second")),
    "ratings": (PAIR, ("rating",)),
    "sortings": (("item",), ("pile",)),
}
"""Columns of the items and of the answer in each table."""
_FIELDS = {name: name for name in ("participant", "session", "trial")} | {"time": "response_time"}
"""Fields of a mapping, and their columns in the tables."""
_VERDICTS = {"true": "true", "1": "true", "false": "false", "0": "false"}
_KINDS = ("practice", "repeat", "catch")
_NO_ITEMS, _OTHER = "without these items", "other than `where`"
"""Why a row is no trial of the mapping at all."""


class _LeftOut(Exception):  # noqa: N818
    """Why a row is not read."""


class SessionMapping(Strict):
    """Which fields of other programs' sessions hold what; ``sessions.toml`` explains each key."""

    kind: Literal["odd-one-out", "most-alike", "anchored", "best-worst", "ratings", "sortings"]
    items: tuple[str, ...] = Field(min_length=1)
    answer: tuple[str, ...] = Field(min_length=1)
    answer_is: Literal["item", "from-0", "from-1"] | dict[str, int] = "item"
    trials: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    pattern: re.Pattern[str] = re.compile("")
    participant: str = ""
    session: str = ""
    trial: str = ""
    time: str = ""
    time_unit: TimeUnit = "s"
    scale_points: int = 0
    slider: tuple[float, float] = (0.0, 1.0)
    where: Conditions = {}
    skip: Conditions = {}
    practice: Conditions = {}
    repeat: Conditions = {}
    catch: Conditions = {}
    correct: str = ""
    keep: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        items = self.columns[0]
        low = min(len(items), len(ITEMS))
        if len(self.items) != 1 and not low <= len(self.items) <= len(items):
            raise ValueError(f"expected {low} to {len(items)} items of {self.kind}, or one for all")
        if len(self.answer) != 1 + (self.kind in ("most-alike", "best-worst")):
            raise ValueError(f"{len(self.answer)} fields of the answer do not fit {self.kind}")
        if len(self.beside) > len(self.trials):
            raise ValueError("expected a list in `trials` for each of `beside`")
        return self

    @property
    def table(self) -> JudgmentKind:
        """Kind of the table that the trials become."""
        return self.kind if self.kind in ("ratings", "sortings") else "choices"

    @property
    def columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns of the items and of the answer in that table."""
        return _COLUMNS[self.table]

    def toml(self) -> str:
        """Text of a file of this mapping, with what each key means above it."""
        text = Path(__file__).with_name("sessions.toml").read_text(encoding="utf-8")
        values = self.model_dump(mode="json")
        return re.sub(r"(?m)^(\w+) = .*", lambda at: f"{at[1]} = {toml_of(values[at[1]])}", text)


def import_sessions(
    files: Sequence[str | Path],
    mapping: SessionMapping | str | Path,
    objects: Objects = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read sessions of jsPsych, JATOS, PsychoPy and other programs, by a mapping of their fields.

    Trials that the mapping does not explain (no answer, an unknown object, an answer to none of the
    items, no participant, a copy of another trial) are left out and counted.

    Parameters
    ----------
    files
        JSON, CSV or TSV files, texts of JATOS, archives (.zip, .jzip, .jrzip), or folders of these,
        also in Psych-DS or BIDS.
    mapping
        Which fields hold what, or its file (TOML); :func:`guess_mapping` proposes one.
    objects
        All object ids, one per line; if left out, those that the trials name.
    out
        Table to write (.parquet): choices, ratings or sortings.
    overwrite
        Replace the table if there is one.

    Returns
    -------
    Table of the trials in their order. ``attrs["left_out"]`` counts the other rows, by reason.

    Warns
    -----
    ImportNote
        Of files that hold no trials.
    """
    target, where = check_new_table(out, overwrite), ", ".join(map(str, files))
    of = mapping if isinstance(mapping, SessionMapping) else load_toml(mapping, SessionMapping)
    rows, left_out, without = dict[str, dict[str, str]](), Counter[str](), list[str]()
    digest, n = hashlib.sha256(), 0
    for name, content in (one for path in files for one in contents_of(Path(path))):
        digest.update(content)
        n, more, reasons = n + 1, *_read_file(of, name, content)
        rows |= more
        if more or set(reasons) - {_NO_ITEMS, _OTHER}:
            left_out += reasons
        else:
            without.append(name)
    if not rows:
        raise TwoalikeError(
            where=where,
            expected=f"trials with {', '.join((*of.items, *of.answer))}",
            found=f"none in {counted(n, 'file')}",
            remedy="Compare the mapping with the files.",
        )
    if without:
        named = ", ".join(without[:3]) + (", ..." if len(without) > 3 else "")
        note(f"{counted(len(without), 'file')} of {n} without trials: {named}")
    cells = pd.DataFrame(list(rows.values()), index=list(rows), dtype=str).fillna("")
    table, bad = _table(Sheet(Path(where), cells, tuple(map(str, cells.columns))), of, objects)
    config: dict[str, Any] = {"mapping": of.model_dump(mode="json"), "files": n}
    config |= {"sha256": digest.hexdigest(), "left_out": dict(left_out + Counter(bad))}
    write_imported(target, table, of.table, {}, objects, config)
    return table


def _table(
    sheet: Sheet, of: SessionMapping, objects: Objects
) -> tuple[pd.DataFrame, dict[str, int]]:
    if of.kind == "ratings":
        points = of.scale_points or None
        return ratings_in(sheet, objects, of.time_unit, True, points, of.slider)
    if of.kind == "sortings":
        return sortings_in(sheet, objects, of.time_unit, True)
    header = sheet.header or ()
    items, answers = (tuple(name for name in names if name in header) for names in of.columns)
    about = {f"{name}_column": name for name in (*_FIELDS.values(), "correct") if name in header}
    about["catch_column"] = "trial_type"
    terms = [_last(column) for column in of.keep]
    mapping = ChoiceColumns(of.kind, items, answers, None, about, terms)
    given = None if objects is None else object_ids(objects)
    columns, ids, _, left_out = choices_in(sheet, mapping, given, "ids", of.time_unit, None, True)
    return choices_table(columns, ids, str(sheet.path)), left_out


def _read_file(
    of: SessionMapping, name: str, content: bytes
) -> tuple[dict[str, dict[str, str]], Counter[str]]:
    """Trials of a file by their places, and the number of its other rows by reason."""
    trials, reasons, torn = dict[str, dict[str, str]](), Counter[str](), 0
    for place, (about, value) in enumerate(results_in(name, content), start=1):
        torn += value is None
        whole = dicts_in(value)
        alone = {column: _alone(column, whole) for column in (of.participant, of.session)}
        for number, (scopes, agree) in enumerate(rows_of(of, whole, about), start=1):
            try:
                where = f"{name}: result {place}, trial {number}"
                trials[where] = _trial(of, scopes, agree, alone)
            except _LeftOut as reason:
                reasons[str(reason)] += 1
    is_json = content.lstrip()[:1] in (b"[", b"{")  # else it may be a text for people
    if torn and (trials or reasons or is_json):
        reasons["torn or not under its header"] = torn
    return trials, reasons


def _alone(column: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Text of a field that some rows of a result have, if it is the same in all of these."""
    found = {plain(cell(column, row)) for row in rows} - {""}
    return found.pop() if len(found) == 1 else ""


def rows_of(
    of: SessionMapping, whole: Sequence[dict[str, Any]], about: dict[str, str]
) -> Iterator[tuple[tuple[dict[str, Any], ...], bool]]:
    """Scopes of each row of a result, the innermost first, and whether its two lists agree."""
    for outer in whole:
        if not of.trials:
            yield (outer, about), True
        for path, other in zip_longest(of.trials, of.beside, fillvalue=""):
            rows, more = (dicts_in(opened(cell(one, outer))) for one in (path, other))
            for row, again in zip_longest(rows, more[: len(rows)]):
                both = row.keys() & (again or {}).keys()
                agree = all(None in (row[k], again[k]) or row[k] == again[k] for k in both)
                yield (row, again or {}, outer, about), agree and (again is not None or not other)


def _met(conditions: Conditions, scopes: Sequence[Any]) -> Iterator[str]:
    """Conditions that a row meets, in words."""
    for column, wanted in conditions.items():
        text = plain(cell(column, *scopes))
        texts = [wanted] if isinstance(wanted, str) else wanted
        if any(text == one or (text and fnmatch.fnmatchcase(text, one)) for one in texts):
            yield f"{column} = {text}"


def _trial(
    of: SessionMapping, scopes: Sequence[Any], agree: bool, alone: Mapping[str, str]
) -> dict[str, str]:
    if len([*_met(of.where, scopes)]) < len(of.where):
        raise _LeftOut(_OTHER)
    if reason := next(_met(of.skip, scopes), ""):
        raise _LeftOut(reason)
    items, (names, answers) = items_of(of, scopes), of.columns
    if not agree:
        raise _LeftOut("two lists of trials that disagree")
    low = min(len(names), len(ITEMS))
    if not low <= len(items) <= len(names) or not all(items[:low]):
        raise _LeftOut("wrong number of items" if any(items) else _NO_ITEMS)
    row = dict(zip(names, items, strict=False))
    for name, column in zip(answers, of.answer, strict=False):
        row[name] = _answer(of, plain(cell(column, *scopes)), items)
    for name, to in _FIELDS.items():
        if column := getattr(of, name):
            row[to] = plain(cell(column, *scopes)) or alone.get(column, "")
    if not row.get("participant", "unknown"):
        raise _LeftOut("no participant")
    kinds = (kind for kind in _KINDS if any(_met(getattr(of, kind), scopes)))
    row["trial_type"] = next(kinds, "main")
    if of.correct and row["trial_type"] == "catch":
        row["correct"] = _VERDICTS.get(plain(cell(of.correct, *scopes)).lower(), "")
    return row | {_last(column): plain(cell(column, *scopes)) for column in of.keep}


def _last(column: str) -> str:
    return re.split(r"[.\[\]]+", column.rstrip("]"))[-1]


def items_of(of: SessionMapping, scopes: Sequence[Any]) -> list[str]:
    """Texts of the items of a row, as far as they are there."""
    values = [opened(cell(column, *scopes)) for column in of.items]
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    texts = ["" if isinstance(value, dict) else plain(value) for value in values]
    if not of.pattern.pattern:
        return texts
    found = [[_named(one) for one in of.pattern.finditer(text)] for text in texts]
    return found[0] if len(found) == 1 else [(names or [""])[0] for names in found]


def _named(found: re.Match[str]) -> str:
    return found[found.re.groups and 1]


def _answer(of: SessionMapping, text: str, items: Sequence[str]) -> str:
    """Item, rating or pile of an answer; nothing for none."""
    if text.lower() in NOTHING[:-1]:
        return ""
    if of.answer_is == "item" and of.kind != "ratings":
        found = of.pattern.search(text)
        return _named(found) if found and of.pattern.pattern else text
    try:
        number: Any = float(text) if isinstance(of.answer_is, str) else of.answer_is[text]
        number += of.answer_is == "from-0"
        if of.table != "choices":
            return f"{number:.15g}"
        if isinstance(of.answer_is, str):
            number += of.kind in ("anchored", "best-worst")
        return dict(enumerate(items, start=1))[number]
    except (ValueError, KeyError):
        raise _LeftOut("answer without a meaning") from None
