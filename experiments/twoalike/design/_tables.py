"""Trial lists as files, between design and session: their columns, and what is checked of them.

Lists of choices and ratings have one row a trial, lists of sets to arrange or sort one row an
image. Any tool may write such a list; reading it checks everything a session relies on, so that a
slip shows before the participant sits down.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.study import MISSING, write_json
from twoalike.tables import (
    MANY_STIMULI,
    MOST_SHOWN,
    PLACES,
    POSITIONS,
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
_NUMBERS = {str(number): f"stimulus_{number}" for number in range(1, MOST_SHOWN + 1)}
"""Values of a column that names one object of the trial by its number."""
_WORDS = {2: "two", 3: "three"}
_OBVIOUS = "attention check with an obvious answer"
_INDEX = Column(
    "trial_index", "integer", "Number of the trial in the run, in the order shown.", minimum=1
)
_REPEAT_OF = Column(
    "repeat_of",
    "integer",
    "trial_index of the first showing of a repeated trial.",
    minimum=1,
    missing="not a repeat",
)


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


def _choice_list(
    shown: Sequence[Column],
    places: Mapping[str, str],
    answers: Mapping[str, tuple[Mapping[str, str], str]],
    chosen: str,
    *,
    catch: str = "",
    scored: bool = True,
    checks: Sequence[Check] = (),
) -> Table:
    """List of choices or ratings: what is shown where, the right answer, how it was chosen.

    ``places`` are those of the images; none: they are numbered. ``answers`` has, by column, its
    levels and what it is.
    """
    items = tuple(one.name for one in shown if one.name.startswith("stimulus_"))
    own = [
        _INDEX,
        Column("block_index", "integer", "Block the trial belongs to.", minimum=1),
        Column(
            "trial_type",
            "string",
            "Why the trial was shown.",
            levels=TRIAL_TYPES | ({"catch": catch} if catch else {}),
        ),
        *shown,
        *(_place(name[-1], places) for name in items),
    ]
    for name, (levels, what) in answers.items():
        kind: Any = "integer" if "2" in levels else "string"
        own.append(Column(name, kind, what, levels=levels, missing="a matter of judgment"))
    own += [_REPEAT_OF, Column("sampler", "string", f"How the design chose {chosen}.")]
    if scored:
        own += [
            Column(
                "sampler_score",
                "number",
                "Score that made the sampler choose it, such as the expected information.",
                decimals=6,
                missing="the sampler has none",
            ),
            Column(
                "condition",
                "string",
                "Condition of the design, such as a level of abstraction.",
                missing="none",
            ),
        ]
    rules = (_in_order, _whole, _answered, *checks, _repeats)
    return Table("trial list", tuple(own), rows="trials", items=items, checks=rules)


def _place(k: str, places: Mapping[str, str]) -> Column:
    if places:
        return Column(f"position_{k}", "string", f"Where stimulus_{k} was shown.", levels=places)
    return Column(
        f"position_{k}",
        "integer",
        f"Place of stimulus_{k} on the screen: in reading order, in a ring clockwise from the top.",
        minimum=1,
        maximum=MOST_SHOWN,
        missing=_fewer(k),
    )


def _fewer(k: str) -> str:
    return "the trial has fewer images" if int(k) > SMALLEST_SET else ""


def _objects(names: Sequence[str], of: str) -> list[Column]:
    return [Column(name, "string", f"Id of object {name[-1]} of the {of}.") for name in names]


_ANSWER = "The right answer of a trial that has one (attention checks)."
_MANY = [
    Column("set_id", "string", "Id of the set of objects in the design."),
    Column("n_items", "integer", "Images of the trial.", minimum=SMALLEST_SET, maximum=MOST_SHOWN),
    *(
        Column(
            name,
            "string",
            f"Id of object {name[-1]} of the trial, in the order of the design.",
            missing=_fewer(name[-1]),
        )
        for name in MANY_STIMULI
    ),
]
TRIAL_LIST = _choice_list(
    [
        Column("triplet_id", "string", "Id of the triplet in the design."),
        *_objects(STIMULI, "triplet, in the order of the design"),
    ],
    {place: f"{place} of the three" for place in POSITIONS},
    {"expected_odd": ({k: _NUMBERS[k] for k in "123"}, _ANSWER)},
    "the triplet (random, coverage, adaptive, list, ...)",
)
"""The trial list of the odd-one-out task; the raw table of the trials has its columns as well."""
ANCHORED_LIST = _choice_list(
    [
        Column("triplet_id", "string", "Id of the reference with its two candidates."),
        Column(STIMULI[0], "string", "Id of the reference."),
        *(Column(name, "string", f"Id of candidate {name}.") for name in STIMULI[1:]),
    ],
    {
        "left": "left candidate",
        REFERENCE: "the reference, between the candidates or above them",
        "right": "right candidate",
    },
    {"expected_response": ({k: _NUMBERS[k] for k in "23"}, _ANSWER)},
    "the trial (random, coverage, list, ...)",
    catch=_OBVIOUS,
    checks=[_reference_between],
)
"""The trial list of the anchored-choice task: ``stimulus_1`` is the reference."""
ODD_OF_MANY_LIST = _choice_list(
    _MANY, {}, {"expected_odd": (_NUMBERS, _ANSWER)}, "the set (random, coverage, list, ...)"
)
"""The trial list of the odd-one-of-many task."""
ALIKE_PAIR_LIST = _choice_list(
    _MANY,
    {},
    {
        "expected_1": (_NUMBERS, "One image of the right answer of a trial that has one."),
        "expected_2": (_NUMBERS, "The other image of the right answer."),
    },
    "the set (random, coverage, list, ...)",
    catch="attention check with one obviously alike pair",
)
"""The trial list of the most-alike-pair task."""
PAIR_LIST = _choice_list(
    _objects(STIMULI[:2], "pair, in the design's order"),
    {side: f"{side} of the two" for side in ("left", "right")},
    {
        "expected_rating": (
            {"high": "two identical images", "low": "two images of far categories"},
            "The half of the scale that is right in a trial that has a right answer.",
        )
    },
    "the pair (random, coverage, adaptive, list; identical or categories in attention checks)",
    catch=_OBVIOUS,
    scored=False,
)
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


def _set_list(
    name: str, verb: str, types: Mapping[str, str], more: Sequence[Column], checks: Sequence[Check]
) -> Table:
    own = (
        _INDEX,
        Column("trial_type", "string", "Why the trial was shown.", levels=types),
        Column("stimulus", "string", f"Id of the object {verb}."),
        *more,
    )
    agree = _agree("trial_type", *(column.name for column in more))
    rules = (_sets_in_order, agree, _objects_once, _large_enough, *checks)
    return Table(name, own, items=("stimulus",), checks=rules)


ARRANGEMENT_LIST = _set_list(
    "list of arrangement trials",
    "placed",
    {name: TRIAL_TYPES[name] for name in ("practice", "main")}
    | {"catch": "attention check: images of one kind, and others far from it"},
    [
        Column(
            "scheduler",
            "string",
            "How the images of the trial were chosen (all, lift_weakest, covering, list).",
        )
    ],
    [],
)
"""The list of arrangements; the raw table has its columns as well. Where the sets are chosen during
the session (lift the weakest), it holds practice and attention checks only."""
SORTING_LIST = _set_list(
    "list of sorting trials",
    "sorted",
    {name: TRIAL_TYPES[name] for name in ("practice", "main", "repeat")},
    [
        _REPEAT_OF,
        Column(
            "sampler",
            "string",
            "How the images of the trial were chosen (all, random, coverage, list).",
        ),
    ],
    [_repeated_sets],
)
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
