"""Trial lists as files, between design and session: their columns, and what is checked of them.

Lists of choices and ratings have one row a trial, lists of sets to arrange or sort one row an
image. Any tool may write such a list; reading it checks everything a session relies on, so that a
slip shows before the participant sits down.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.study import MISSING, write_json
from twoalike.tables import (
    PLACES,
    REFERENCE,
    STIMULI,
    TRIAL_TYPES,
    Check,
    Column,
    Fault,
    Table,
    faults,
    write_tsv,
)
from twoalike.tables import typed as with_types

SMALLEST_SET = 3
"""Two items have one distance, which is no information without a scale."""
_WORDS = {2: "two", 3: "three"}
_DECLARED = tomllib.loads((files("twoalike.design") / "tables.toml").read_text(encoding="utf-8"))


def _cells(trials: pd.DataFrame, start: str) -> tuple[list[str], list[list[Any]]]:
    """Columns whose names begin so, and their cells by row, None where a value is missing."""
    columns = [str(name) for name in trials.columns if str(name).startswith(start)]
    found = trials[columns].astype(object)
    return columns, found.where(found.notna(), None).to_numpy().tolist()


def _in_order(trials: pd.DataFrame) -> Iterator[Fault]:
    before = 1
    rows = zip(trials["trial_index"], trials["block_index"], strict=True)
    for row, (number, block) in enumerate(rows):
        if number != row + 1:
            yield Fault(row, f"{row + 1} (rows count up)", repr(str(number)), "trial_index")
        if block < before:
            yield Fault(row, f"{before} or more", repr(str(block)), "block_index")
        before = block


def _whole(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that a trial shows n objects at n places, all different; some checks show one twice."""
    numbered = "n_items" in trials
    (items, shown), (places, at) = _cells(trials, "stimulus_"), _cells(trials, "position_")
    sizes = trials["n_items"] if numbered else [len(items)] * len(trials)
    for row, (n, kind) in enumerate(zip(sizes, trials["trial_type"], strict=True)):
        for names, cells in ((items, shown[row]), (places, at[row])):
            for k, name in enumerate(names):
                if (cells[k] is None) != (k >= n):
                    found = repr(MISSING if cells[k] is None else str(cells[k]))
                    yield Fault(row, f"{n} images, as n_items says", found, name)
                    return
        word = _WORDS.get(n, str(n)) if not numbered else str(n)
        if len(set(shown[row][:n])) < n and not (kind == "catch" and n == 2):
            yield _twice(row, f"{word} different objects", items, shown[row])
        if numbered and sorted(at[row][:n]) != list(range(1, n + 1)):
            yield Fault(row, f"the places 1 to {n}, each once", "others", places[0])
        elif len(set(at[row][:n])) < n:
            yield _twice(row, f"{word} different places", places, at[row])


def _twice(row: int, expected: str, names: Sequence[str], cells: Sequence[Any]) -> Fault:
    k = next(k for k, cell in enumerate(cells) if cell in cells[:k])
    return Fault(row, expected, repr(cells[k]), names[k])


def _answered(trials: pd.DataFrame) -> Iterator[Fault]:
    names, right = _cells(trials, "expected_")
    numbered = "n_items" in trials
    for row, (kind, cells) in enumerate(zip(trials["trial_type"], right, strict=True)):
        there = [cell for cell in cells if cell is not None]
        if kind == "catch" and cells[0] is None:
            yield Fault(row, "an answer in a catch trial", repr(MISSING), names[0])
        elif numbered and there:
            n = trials["n_items"].iloc[row]
            if len(there) < len(names) or max(there) > n or there != sorted({*there}):
                expected = f"numbers of images from 1 to {n}, ascending, or n/a"
                yield Fault(row, expected, ", ".join(map(str, cells)), names[0])


def _repeats(trials: pd.DataFrame) -> Iterator[Fault]:
    shown = [set(row) - {None} for row in _cells(trials, "stimulus_")[1]]
    rows = zip(trials["trial_type"], trials["repeat_of"], strict=True)
    for row, (kind, repeat_of) in enumerate(rows):
        first = None if pd.isna(repeat_of) else int(repeat_of)
        found = repr(MISSING if first is None else str(first))
        if (kind == "repeat") != (first is not None):
            yield Fault(row, "a trial_index in repeat trials only", found, "repeat_of")
        elif first is not None and (first > row or shown[first - 1] != shown[row]):
            yield Fault(row, "an earlier trial of these objects", found, "repeat_of")


def _reference_between(trials: pd.DataFrame) -> Iterator[Fault]:
    place = trials[PLACES[0]]
    wrong = (place != REFERENCE).to_numpy()
    yield from faults(wrong, f"{REFERENCE!r}, the place of the reference", PLACES[0], list(place))
    shown = trials[STIMULI[0]].tolist()
    for row, first in enumerate(trials["repeat_of"]):
        if not pd.isna(first) and shown[int(first) - 1] != shown[row]:
            expected = f"{shown[int(first) - 1]!r}, the reference of trial {int(first)}"
            yield Fault(row, expected, repr(shown[row]), STIMULI[0])


def _columns(label: str, also: str = "shared") -> Iterator[Column]:
    """Columns that a list declares; those it does not describe are others'."""
    own, others = _DECLARED[label], _DECLARED["shared"] | _DECLARED[also]
    types = own.get("types", " ".join(TRIAL_TYPES)).split()
    levels = {"types": {one: TRIAL_TYPES[one] for one in types}}
    if "checks" in own:
        levels["types"]["catch"] = own["checks"]
    for name in own["columns"].split():
        numbered, _, k = name.rpartition("_")
        about = own.get(name) or own.get(numbered) or others.get(name) or others[numbered]
        fewer = k.isdigit() and int(k) > SMALLEST_SET
        words = {"k": k, "fewer": "the trial has fewer images" if fewer else ""}
        yield Column.of(name, about, levels, **words, **own.get("words", {}))


def _choice_list(label: str, *checks: Check, also: str = "shared") -> Table:
    """List of choices or ratings: what is shown where, the right answer, how it was chosen."""
    own = tuple(_columns(label, also))
    items = tuple(one.name for one in own if one.name.startswith("stimulus_"))
    rules = (_in_order, _whole, _answered, *checks, _repeats)
    return Table("trial list", own, rows="trials", items=items, checks=rules)


TRIAL_LIST = _choice_list("odd_one_out")
"""The trial list of the odd-one-out task; the raw table of the trials has its columns as well."""
ANCHORED_LIST = _choice_list("anchored_choice", _reference_between)
"""The trial list of the anchored-choice task: ``stimulus_1`` is the reference."""
ODD_OF_MANY_LIST = _choice_list("odd_one_of_many", also="many")
"""The trial list of the odd-one-of-many task."""
ALIKE_PAIR_LIST = _choice_list("most_alike_pair", also="many")
"""The trial list of the most-alike-pair task."""
PAIR_LIST = _choice_list("pair_rating")
"""The trial list of the pair-rating task; the raw table has its columns as well."""


def _sets_in_order(rows: pd.DataFrame) -> Iterator[Fault]:
    last, practice_over = 0, False
    for row, (number, kind) in enumerate(zip(rows["trial_index"], rows["trial_type"], strict=True)):
        if number not in (last, last + 1) or number == 0:
            wanted = f"{last} or {last + 1}" if last else "1"
            yield Fault(row, f"{wanted} (trials count up)", repr(str(number)), "trial_index")
        last = number
        if kind == "practice" and practice_over:
            yield Fault(row, "practice before all other trials", repr(kind), "trial_type")
        practice_over |= kind != "practice"


def _agree(*columns: str) -> Check:
    def check(rows: pd.DataFrame) -> Iterator[Fault]:
        for column in columns:
            values = rows[column].astype(object).where(rows[column].notna(), MISSING)
            first = values.groupby(rows["trial_index"]).transform("first")
            for row in (values != first).to_numpy().nonzero()[0].tolist():
                wanted = f"{first[row]!r} as in the first row of the trial"
                yield Fault(row, wanted, repr(values[row]), column)

    return check


def _objects_once(rows: pd.DataFrame) -> Iterator[Fault]:
    twice = rows.duplicated(["trial_index", "stimulus"]).to_numpy()
    yield from faults(twice, "each object once in a trial", "stimulus", rows["stimulus"].tolist())


def _large_enough(rows: pd.DataFrame) -> Iterator[Fault]:
    run = (rows["trial_index"].diff() != 0).cumsum()
    for at in rows.groupby(run).indices.values():
        if len(at) < SMALLEST_SET:
            wanted = f"at least {SMALLEST_SET} rows in the trial that ends here"
            yield Fault(int(at[-1]), wanted, repr(str(len(at))), "trial_index")


def _repeated_sets(rows: pd.DataFrame) -> Iterator[Fault]:
    wrong = ((rows["trial_type"] == "repeat") != rows["repeat_of"].notna()).to_numpy()
    found = rows["repeat_of"].tolist()
    yield from faults(wrong, "a trial_index in repeat trials only", "repeat_of", found)
    shown = rows.groupby("trial_index")["stimulus"].agg(frozenset).to_dict()
    for row, (index, first) in enumerate(zip(rows["trial_index"], rows["repeat_of"], strict=True)):
        if not pd.isna(first) and (first >= index or shown.get(first) != shown[index]):
            yield Fault(row, "an earlier trial of these images", repr(str(first)), "repeat_of")


def _set_list(name: str, label: str, *checks: Check) -> Table:
    own = tuple(_columns(label))
    same = [one.name for one in own if one.name not in ("trial_index", "stimulus")]
    rules = (_sets_in_order, _agree(*same), _objects_once, _large_enough, *checks)
    return Table(name, own, items=("stimulus",), checks=rules)


ARRANGEMENT_LIST = _set_list("list of arrangement trials", "multi_arrangement")
"""The list of arrangements; the raw table has its columns as well. Where the sets are chosen during
the session (lift the weakest), it holds practice and attention checks only."""
SORTING_LIST = _set_list("list of sorting trials", "free_sorting", _repeated_sets)
"""The trial list of the free-sorting task; the raw table has its columns as well."""


def typed(table: pd.DataFrame, form: Table) -> pd.DataFrame:
    """Columns in order with their types; ``n/a`` and None become missing values."""
    values = {name: table[name].to_numpy(dtype=object, copy=True) for name in form.names}
    for cells in values.values():
        cells[pd.isna(cells)] = None  # first: pd.NA equals nothing, not even something else
        cells[cells == MISSING] = None
    return with_types(form, pd.DataFrame(values, index=range(len(table)), dtype=object))


def write_list(path: Path, table: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Write a trial list of any task (.tsv), and its provenance beside it (.json)."""
    # The list comes last: where there is a list, there is its description.
    write_json(path.with_suffix(".json"), dict(meta))
    write_tsv(path, table)
