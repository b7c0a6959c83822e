"""A guess of which fields of unknown sessions hold what, for a person to read and correct."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from twoalike.judgments._import_sessions import SessionMapping, items_of, rows_of
from twoalike.judgments._session_files import (
    Result,
    cell,
    contents_of,
    dicts_in,
    opened,
    plain,
    results_in,
)
from twoalike.judgments._sheet import MEDIA, NOTHING, meaning, short_names
from twoalike.study import TwoalikeError

_FILES = 6
"""Files with results that a guess looks at."""
_SOURCES = r"""src=["']?([^"' >]+)"""
_SET = re.compile(r"(?i).*(stim|item|im(age|g)|pic|word|object|triplet|option|choice)")
_NUMBERED = re.compile(r"(?i)(.*?)[ _.-]?(\d|[a-c]|left|middle|right|centre|center|top|bottom)")
_ANSWER = re.compile(r"(.*[._])?(keys?|response|choice|chosen|clicked_name|rating|button_pressed)")
_TIME, _NUMBER = re.compile(r"(.*[._])?rt"), re.compile(r"\d+(\.\d+)?")
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
    contents = (one for path in files for one in contents_of(Path(path)))
    read = ([one for one in results_in(*file) if one is not None] for file in contents)
    results: list[Result] = []
    for found in islice(filter(None, read), _FILES):  # of nested lists, the last result has all
        results += found[-1:] if any(_paths(found[-1].content)) else found
    lists = [(trials, _merged(results, trials)) for trials in _lists(results)]
    shown = [(_objects(rows), trials, rows) for trials, rows in lists]
    best = max(shown, key=lambda one: len(one[2]) * (one[0] is not None), default=(None, (), []))[0]
    if best is None:
        fields = dict.fromkeys(key for _, rows in lists for row in rows for key in row)
        raise TwoalikeError(
            where=", ".join(map(str, files)),
            expected="fields of objects: files, lists, or names with numbers (item_1, item_2)",
            found=", ".join(list(fields)[:20]) or "none",
            remedy="Write a mapping by hand, as in the guide on sessions of other programs.",
        )
    rows = [
        row
        for of, _, some in shown
        for row in some
        if of == best and all(map(row.get, of["items"]))
    ]
    used = [trials for of, trials, _ in shown if of == best and trials]
    given = best | {name: [one[k] for one in used] for k, name in enumerate(("trials", "beside"))}
    names = dict.fromkeys(key for row in rows for key in row if key not in best["items"])
    texts = {name: [plain(row.get(name)) for row in rows] for name in names}
    of = SessionMapping(answer=("-",), **given)
    given |= _answer(of.kind, texts, [items_of(of, (row,)) for row in rows])
    return SessionMapping(**given, **_about(texts))


def _lists(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """Paths of lists of trials, each with that of a list of as many beside it; and none."""
    sizes: dict[str, int] = {}
    for one in results:
        for path in _paths(one.content):
            sizes[path] = max(sizes.get(path, 0), len(dicts_in(cell(path, one.content))))
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
        for one in results
        for scopes, _ in rows_of(of, dicts_in(one.content), one.about)
    ]


def _objects(rows: _Rows) -> dict[str, Any] | None:
    """Kind, items and pattern, if the objects show."""
    groups: dict[str, list[str]] = {"": []}
    for key in dict.fromkeys(key for row in rows for key in row if not key.startswith("file.")):
        one: Any = next((opened(row[key]) for row in rows if row.get(key) not in (None, "")), None)
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
        both = zip(texts[column], shown, strict=True)
        pairs = [(text, *items) for text, items in both if text.lower() not in NOTHING]
        short = short_names(list({name for pair in pairs for name in pair}))
        hits = sum(short[text] in map(short.get, items) for text, *items in pairs)
        if 2 * hits > len(pairs):  # some may have named two
            return {"answer": (column,)}
    answer: dict[str, Any] = {"answer": (columns or ["answer"])[:1]}
    found = set(texts[columns[0]]) if columns else set()
    found = {text for text in found if text.lower() not in NOTHING[:-1]}
    numbers = [float(text) for text in found if _NUMBER.fullmatch(text)]
    low, high = min(numbers, default=0), max(numbers, default=0)
    first = 1 + (kind == "anchored")
    n = max(map(len, shown)) + 1 - first
    if kind == "ratings" and 2 <= high <= 20:
        counts = "item" if low else "from-0"
        return answer | {"answer_is": counts, "scale_points": int(high) + (low == 0)}
    if kind == "ratings":
        return answer | {"slider": (0.0, max(high, 1.0))}
    if found and len(numbers) == len(found) and high <= n:
        return answer | {"answer_is": "from-1" if low else "from-0"}
    sides = {text: _SIDES.get(text.lower().removeprefix("arrow"), -1) for text in found}
    known = len(found) == n and -1 not in sides.values()
    keys = {
        text: (first + k) * known for k, text in enumerate(sorted(found, key=sides.__getitem__))
    }
    return answer | {"answer_is": keys}


def _about(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Participant, session and time, and what marks practice and attention checks."""
    of = {what: [c for c in texts if meaning(c) == what] for what in ("person", "session", "time")}
    found: dict[str, Any] = {"participant": [*of["person"], "file.name"][0]}
    found |= {"session": of["session"][0]} if of["session"] else {}
    for column in [c for c in texts if _TIME.fullmatch(c)] + of["time"]:
        if numbers := [float(text) for text in texts[column] if _NUMBER.fullmatch(text)]:
            found |= {"time": column, "time_unit": "ms" if median(numbers) > 100 else "s"}
            break
    for kind, word in (
        ("practice", "(?i).*(practice|training)"),
        ("catch", "(?i).*(catch|attention)"),
    ):
        for column, values in texts.items():
            named = sorted({text for text in values if re.match(word, text)})
            if re.match(word, column):
                named = sorted({"true", "True", "1"} & set(values)) or ["*"]
            if named and len(set(values)) < 20 and not column.startswith("file."):
                found[kind] = {column: named}
                break
    return found
