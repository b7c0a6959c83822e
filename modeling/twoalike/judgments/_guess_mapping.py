"""A guess of which fields of unknown sessions hold what, for a person to read and correct."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from twoalike.judgments import _session_files as read
from twoalike.judgments._import_sessions import SessionMapping, items_of, rows_of
from twoalike.judgments._sheet import MEDIA, NOTHING, meaning
from twoalike.study import TwoalikeError

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
    results: list[read.Result] = []
    for file in (one for path in files for one in read.contents_of(Path(path))):
        found = [one for one in read.results_in(*file) if one[1]]
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
    texts = {name: [read.plain(row.get(name)) for row in rows] for name in names}
    of = SessionMapping(answer=("-",), **given)
    given |= _answer(of.kind, texts, [items_of(of, (row,)) for row in rows])
    return SessionMapping(**given, **_about(texts))


def _lists(results: Sequence[read.Result]) -> Iterator[tuple[str, ...]]:
    """Paths of lists of trials, each with that of a list of as many beside it; and none."""
    sizes: dict[str, int] = {}
    for _, value in results:
        for path in _paths(value):
            sizes[path] = max(sizes.get(path, 0), len(read.dicts_in(read.cell(path, value))))
    beside = {}
    for path, n in sizes.items():
        name = path.rpartition(".")[2]
        others = [q for q in sizes if q != path and name in q.rpartition(".")[2] and sizes[q] == n]
        beside[path] = min(others, key=len, default="")
    yield from [(), *((path, q) for path, q in beside.items() if path not in beside.values())]


def _paths(value: Any, above: str = "") -> Iterator[str]:
    for key, part in value.items() if isinstance(value, dict) else ():
        yield from _paths(part, f"{above}{key}.")
        if isinstance(part, list) and read.dicts_in(part):
            yield above + key


def _merged(results: Sequence[read.Result], trials: tuple[str, ...]) -> _Rows:
    lists: Any = {"trials": trials[:1], "beside": trials[1:]}
    of = SessionMapping(kind="sortings", items=("-",), answer=("-",), **lists)
    return [
        {k: v for scope in reversed(scopes) for k, v in scope.items() if not isinstance(v, dict)}
        for about, value in results
        for scopes, _ in rows_of(of, read.dicts_in(value), about)
    ]


def _objects(rows: _Rows) -> dict[str, Any] | None:
    """Kind, items and pattern, if the objects show."""
    groups: dict[str, list[str]] = {"": []}
    for key in dict.fromkeys(key for row in rows for key in row if not key.startswith("file.")):
        cells = (read.opened(row[key]) for row in rows if row.get(key) not in (None, ""))
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


def _answer(
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
