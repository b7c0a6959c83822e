"""Sessions that people did in other programs, by a mapping: which of their fields hold what.

A trial is read only if all of it is there and has a meaning under the mapping; others are counted.
A mapping can be guessed from the first files, for a person to read and correct.
"""

import fnmatch
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from twoalike.judgments._import_choices import ChoiceColumns, choices_in
from twoalike.judgments._import_rated import ratings_in, sortings_in
from twoalike.judgments._session_files import (
    Result,
    cell,
    contents_of,
    dicts_in,
    opened,
    plain,
    results_in,
)
from twoalike.judgments._sheet import MEDIA, NOTHING, Sheet, TimeUnit, meaning, note
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


_RESULTS = 20
"""Results that a guess looks at."""
_SOURCES = r"""src=["']?([^"' >]+)"""
_SET = re.compile(r"(?i).*(stim|item|im(age|g)|pic|word|object|triplet|option|choice)")
_NUMBERED = re.compile(r"(?i)(.*?)[ _.-]?(\d|[a-c]|left|middle|right|centre|center|top|bottom)")
_ANSWER = re.compile(r"(.*[._])?(keys?|response|choice|chosen|clicked_name|rating|button_pressed)")
_TIME, _NUMBER = re.compile(r"(.*[._])?rt"), re.compile(r"\d+(\.\d+)?")
_MARKS = {"practice": "(?i).*(practice|training)", "catch": "(?i).*(catch|attention)"}
_ANSWERS = ("odd", "nearer", "answer")
_NO_OBJECTS = (*_ANSWERS, "farther", "person", "session", "trial", "time")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", ("left", "down", "right"))
_SIDES = {key: place for row in _ROWS for place, key in enumerate(row)}
"""Keys, and how far to the right they are."""

type _Rows = Sequence[Mapping[str, Any]]


def guess_mapping(files: Sequence[str | Path]) -> SessionMapping:
    """Guess a mapping from the names and values of fields in the first files.

    Answers whose place does not show have number 0 in ``answer_is``, which no item has.

    Parameters
    ----------
    files
        As in :func:`import_sessions`.
    """
    results: list[Result] = []
    for file in (one for path in files for one in contents_of(Path(path))):
        found = [one for one in results_in(*file) if one[1]]
        results += [one for one in found[-1:] if any(_paths(one[1]))] or found  # the last has all
        if len(results) >= _RESULTS:
            break
    options = [(trials, _merged(results, trials)) for trials in _lists(results)]
    items_in = {trials: _objects(rows) for trials, rows in options}
    most = max(options, key=lambda one: len(one[1]) if items_in[one[0]] else 0)[0]
    if (best := items_in[most]) is None:
        fields = dict.fromkeys(key for _, rows in options for row in rows for key in row)
        raise TwoalikeError(
            where=", ".join(map(str, files)),
            expected="fields of objects: files, lists, or names with numbers (item_1, item_2)",
            found=", ".join(list(fields)[:20]) or "none",
            remedy="Write a mapping by hand, as in the guide on sessions of other programs.",
        )
    used = {trials: rows for trials, rows in options if items_in[trials] == best}
    lists = zip(*filter(None, used), strict=True)
    given = best | dict(zip(("trials", "beside"), lists, strict=False))
    rows = [row for some in used.values() for row in some if all(map(row.get, best["items"]))]
    names = dict.fromkeys(key for row in rows for key in row if key not in best["items"])
    texts = {name: [plain(row.get(name)) for row in rows] for name in names}
    of = SessionMapping(answer=("-",), **given)
    given |= _answer_field(of.kind, texts, [items_of(of, (row,)) for row in rows])
    return SessionMapping(**given, **_about(texts))


def _lists(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """Paths of lists of trials, each with that of a list of as many beside it; and none."""
    sizes: dict[str, int] = {}
    for _, value in results:
        for path in _paths(value):
            sizes[path] = max(sizes.get(path, 0), len(dicts_in(cell(path, value))))
    beside = {}
    for path, n in sizes.items():
        name = path.rpartition(".")[2]
        others = [q for q in sizes if q != path and name in q.rpartition(".")[2] and sizes[q] == n]
        beside[path] = min(others, key=len, default="")
    yield from [(), *((path, q) for path, q in beside.items() if path not in beside.values())]


def _paths(value: Any, above: str = "") -> Iterator[str]:
    for key, part in value.items() if isinstance(value, dict) else ():
        yield from _paths(part, f"{above}{key}.")
        if isinstance(part, list) and dicts_in(part):
            yield above + key


def _merged(results: Sequence[Result], trials: tuple[str, ...]) -> _Rows:
    lists: Any = {"trials": trials[:1], "beside": trials[1:]}
    of = SessionMapping(kind="sortings", items=("-",), answer=("-",), **lists)
    return [
        {k: v for scope in reversed(scopes) for k, v in scope.items() if not isinstance(v, dict)}
        for about, value in results
        for scopes, _ in rows_of(of, dicts_in(value), about)
    ]


def _objects(rows: _Rows) -> dict[str, Any] | None:
    """Kind, items and pattern, if the objects show."""
    groups: dict[str, list[str]] = {"": []}
    for key in dict.fromkeys(key for row in rows for key in row if not key.startswith("file.")):
        cells = (opened(row[key]) for row in rows if row.get(key) not in (None, ""))
        one: Any = next(cells, None)
        if meaning(key) in _NO_OBJECTS or _ANSWER.fullmatch(key):
            continue
        names: Any = re.findall(_SOURCES, one) if isinstance(one, str) else one
        is_set = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if is_set and names[1:] and (names is not one or _SET.match(key) or MEDIA.search(names[0])):
            kind = "ratings" if len(names) == 2 else "odd-one-out"
            return {"kind": kind, "items": (key,), "pattern": "" if names is one else _SOURCES}
        stem = _NUMBERED.fullmatch(key)
        if isinstance(one, str) and MEDIA.search(one):
            groups[""].append(key)
        elif isinstance(one, str) and stem and not _NUMBER.fullmatch(one):
            groups.setdefault(f"{stem[1]}*", []).append(key)
    items: list[str] = max(groups.values(), key=len)
    items.sort(key=lambda key: meaning(key) != "reference")
    if not 2 <= len(items) <= 9:
        return None
    kind = "anchored" if meaning(items[0]) == "reference" else "odd-one-out"
    return {"kind": "ratings" if len(items) == 2 else kind, "items": tuple(items)}


def _answer_field(
    kind: str, texts: Mapping[str, Sequence[str]], shown: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Field of the answer, and what an answer is."""
    columns = [c for c in texts if meaning(c) in _ANSWERS or _ANSWER.fullmatch(c)]
    columns.sort(key=lambda column: ("correct" in column, meaning(column) == "answer"))
    for column in [*columns, *texts] if kind != "ratings" else ():
        pairs = zip(texts[column], shown, strict=True)
        named = [[_stem(text) in map(_stem, items)] for text, items in pairs if text]
        if 2 * sum(map(sum, named)) > len(named):  # some may have named two
            return {"answer": (column,)}
    column = (columns or ["answer"])[0]
    found = {text for text in texts.get(column, ()) if text.lower() not in NOTHING[:-1]}
    numbers = [float(text) for text in found if _NUMBER.fullmatch(text)]
    low, high = min(numbers, default=0), max(numbers, default=0)
    first = 1 + (kind == "anchored")
    n = max(map(len, shown)) + 1 - first
    more: dict[str, Any] = {"answer_is": "from-0" if low == 0 else "from-1"}
    if kind == "ratings":
        points = int(high) + (low == 0)
        more = (
            more | {"scale_points": points} if 2 < points < 22 else {"slider": (0.0, max(high, 1))}
        )
    elif len(numbers) < len(found) or high > n:
        sides = {text: _SIDES.get(text.lower().removeprefix("arrow"), -1) for text in found}
        known = len(found) == n and -1 not in sides.values()
        order = sorted(found, key=lambda text: sides[text])
        more["answer_is"] = {text: (first + k) * known for k, text in enumerate(order)}
    return {"answer": (column,), **more}


def _stem(name: str) -> str:
    return MEDIA.sub("", re.split(r"[/\\]", name)[-1])


def _about(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Participant, session and time, and what marks practice and attention checks."""
    of = {what: [c for c in texts if meaning(c) == what] for what in ("person", "session", "time")}
    found: dict[str, Any] = {"participant": [*of["person"], "file.name"][0]}
    found["session"] = [*of["session"], ""][0]
    for column in [c for c in texts if _TIME.fullmatch(c)] + of["time"]:
        numbers = [float(text) for text in texts[column] if _NUMBER.fullmatch(text)]
        if numbers and "time" not in found:
            found |= {"time": column, "time_unit": "ms" if median(numbers) > 100 else "s"}
    for kind, word in _MARKS.items():
        for column, values in texts.items():
            named = sorted({text for text in values if re.match(word, text)})
            if re.match(word, column):
                named = sorted({"true", "True", "1"} & set(values)) or ["*"]
            if named and len(set(values)) < 20 and not column.startswith("file."):
                found.setdefault(kind, {column: named})
    return found
