"""The Levels data: odd-one-out choices among ImageNet's images at three levels of abstraction.

Published with AligNet (Muttenthaler et al., doi:10.1038/s41586-025-09631-6) as a pickled
dictionary, participant -> list of trials as jsPsych stored them: ``rt`` in milliseconds,
``image1Path`` to ``image3Path`` from left to right, ``selected_image`` (the odd one, or "No image
selected" after 15 s), ``exp_trial_type`` (``training_trial``, ``exp_trial``, ``catch_trial``) and
perhaps ``triplet_type`` and ``catch_trial_correct``. The level is the number of different WordNet
ids, with which the images' names begin: one, fine (``within_class``); two, boundary
(``class_border``); three, coarse (``between_class``).

Participants get new labels by the content of their trials, so that neither their own ids nor the
order of the file, which may follow the ids, pass on.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._meadows import MEDIA
from twoalike.judgments._sets import ITEMS
from twoalike.judgments._tables import check_new_table, choices_table, write_imported
from twoalike.study import (
    TwoalikeError,
    load_pickled_data,
    parse_json,
    read_delimited,
    require_file,
    shortened,
)

type Trial = Mapping[str, Any]
type _Placed = tuple[str, Trial]
"""A trial, and before it the place in the file."""

IMAGES = ("image1Path", "image2Path", "image3Path")
SELECTED, TIME, TYPE, LEVEL, RIGHT = (
    *("selected_image", "rt", "exp_trial_type", "triplet_type", "catch_trial_correct"),
)
PEOPLE = ("participant", "participant_id", "prolific_id", "subject_id")
"""Possible names of the column of participants in a table of trials."""
NOT_SELECTED = ("", "No image selected", "null", "n/a")
TYPES = {
    "exp_trial": "main",
    "catch_trial": "catch",
    "training_trial": "practice",
    "break": "break",
}
"""Types of trials in the file, and ours; a file without types holds judgments only."""
LEVELS = {1: "fine", 2: "boundary", 3: "coarse"}
"""Level by the number of different WordNet ids."""
LEVEL_NAMES = {"within_class": "fine", "class_border": "boundary", "between_class": "coarse"}
LEAST_CATCHES, MOST_TIMEOUTS = 0.9, 10
"""The published exclusion: people with fewer attention checks right, or more trials without an
answer."""
LONGEST_S = 10.0
"""Response times above are left out of the published medians."""
_WORDNET = re.compile(r"n\d{8}(?=_)")
_PLAUSIBLE_S = (0.1, 100.0)


def import_levels(
    path: str | Path,
    *,
    exclude: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read the Levels data as a table of choices.

    Practice, attention checks and trials without an answer are dropped and counted. Nothing else
    is: :func:`twoalike.ceilings.published_reliability` drops triplets with fewer than four answers
    and draws five where there are more.

    Parameters
    ----------
    path
        The published file (``.pkl``), or the same trials as JSON (participant -> list of trials, or
        a list of trials) or as text with a header (``.csv``, ``.tsv``). A list or a text needs a
        column ``participant`` (or ``participant_id``, ``prolific_id``, ``subject_id``).
    exclude
        Leave out, as published, people with fewer than 90 % of their attention checks right or more
        than 10 trials without an answer. The published file holds only the people who remained, and
        neither kind of trial.
    out, overwrite
        Table of choices to write (``.parquet``), and whether it may replace one.

    Returns
    -------
    Table of choices with levels, in the order of the file; people are ``p001``, ``p002``, ...,
    images their files' names without folder and ending. ``attrs`` count what was left out:
    ``n_practice``, ``n_catch``, ``n_timeouts``, ``n_excluded`` (people), and trials whose
    ``triplet_type`` is another than that of their WordNet ids (``n_other_level``).

    Raises
    ------
    TwoalikeError
        If the file is damaged or of another kind, a pickle holds more than plain data, a trial
        lacks a field or has an image twice, the selected image was not shown, response times are
        not milliseconds, or nobody can be excluded or remains.
    """
    path, target = Path(path), check_new_table(out, overwrite)
    people = [_Person(trials) for trials in _read(path) if trials]
    if not people:
        raise TwoalikeError(where=path, expected="trials of participants", found="none")
    labels = _labels(people)
    excluded = _excluded(people, path) if exclude else set()
    kept = [
        (one, label)
        for k, (one, label) in enumerate(zip(people, labels, strict=True))
        if k not in excluded
    ]
    rows = [row for one, label in kept for row in one.rows(label)]
    if not rows:
        raise TwoalikeError(
            where=path, expected="judgments", found="none that are neither practice nor checks"
        )
    table = _table(rows, path)
    counts = Counter[str]()
    for one, _ in kept:
        counts.update(one.left_out)
    table.attrs |= {
        "n_practice": counts["practice"],
        "n_catch": counts["catch"],
        "n_timeouts": counts["timeout"],
        "n_other_level": counts["level"],
        "n_excluded": len(excluded),
    }
    write_imported(target, table, "choices", {"judgments": path}, None, {"exclude": exclude})
    return table


def level_times(choices: pd.DataFrame) -> pd.DataFrame:
    """Triplets, answers and median response time of each level, as published.

    The median is taken for each person over the times up to 10 s; the table has the mean over
    people and its standard error.

    Parameters
    ----------
    choices
        Table of choices with levels.

    Returns
    -------
    A row a level, with ``triplets`` and ``judgments`` (numbers), ``median_s`` and
    ``standard_error_s`` (NaN with fewer than two people).
    """
    rows = {}
    for level in LEVELS.values():
        own = choices[choices["level"] == level]
        names = np.sort(own[list(ITEMS)].astype(str).to_numpy(), axis=1)
        quick = own[own["response_time"] <= LONGEST_S]
        medians = quick.groupby("participant", observed=True)["response_time"].median()
        rows[level] = {
            "triplets": len(set(map(tuple, names))),
            "judgments": len(own),
            "median_s": medians.mean(),
            "standard_error_s": medians.std(ddof=1) / np.sqrt(max(len(medians), 1)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _read(path: Path) -> list[list[_Placed]]:
    """Read the trials of each person, in the order of the file, each with its place in it."""
    what, suffix = "the Levels data (.pkl, .json, .csv or .tsv)", path.suffix.lower()
    if suffix in {".pkl", ".pickle"}:
        content = load_pickled_data(path, what)
    elif suffix == ".json":
        content = parse_json(require_file(path, what).read_bytes(), path)
    elif suffix in {".csv", ".tsv"}:
        cells = read_delimited(path, what).fillna("")
        names = cells.iloc[0].str.strip()
        if len(twice := names[names.duplicated()]):
            raise TwoalikeError(
                where=f"{path}: row 1", expected=f"one column {twice.iloc[0]!r}", found="several"
            )
        rows = [dict(zip(names, row, strict=True)) for row in cells.iloc[1:].to_numpy().tolist()]
        return _by_person((f"{path}: row {k}", row) for k, row in enumerate(rows, start=2))
    else:
        raise TwoalikeError(where=path, expected=what, found=f"a file {suffix or 'without ending'}")
    if isinstance(content, list):
        return _by_person((f"{path}: trial {k}", one) for k, one in enumerate(content, start=1))
    people = list(content.values()) if isinstance(content, dict) else [content]
    if not all(isinstance(each, list) for each in people):
        raise TwoalikeError(
            where=path, expected="a list of trials for each participant", found="something else"
        )
    return [
        [
            (place := f"{path}: participant {n}, trial {k}", _with_fields(trial, place))
            for k, trial in enumerate(trials, start=1)
        ]
        for n, trials in enumerate(people, start=1)
    ]


def _with_fields(trial: Any, place: str) -> Trial:
    if not isinstance(trial, dict):
        raise TwoalikeError(
            where=place, expected="a trial with named fields", found=type(trial).__name__
        )
    return trial


def _by_person(trials: Iterable[tuple[str, Any]]) -> list[list[_Placed]]:
    """Gather trials by participant."""
    people: dict[str, list[_Placed]] = {}
    for place, trial in trials:
        key = next((k for k in PEOPLE if _with_fields(trial, place).get(k)), None)
        if key is None:
            raise TwoalikeError(where=place, expected=f"a field {PEOPLE[0]!r}", found="none")
        people.setdefault(str(trial[key]), []).append((place, trial))
    return list(people.values())


@dataclass(frozen=True)
class _Row:
    """One judgment."""

    participant: str
    trial: int
    images: tuple[str, str, str]
    chosen: int
    seconds: float
    level: str


class _Person:
    """The trials of one person, whose own id is not among them."""

    def __init__(self, trials: Sequence[_Placed]) -> None:
        self.trials = [
            {key: trial.get(key) for key in (*IMAGES, SELECTED, TIME, TYPE, LEVEL, RIGHT)}
            for _, trial in trials
        ]
        self.left_out, self.places = Counter[str](), [place for place, _ in trials]
        self.types = [
            _type(trial, where) for trial, where in zip(self.trials, self.places, strict=True)
        ]
        self.answered = [str(trial[SELECTED] or "") not in NOT_SELECTED for trial in self.trials]

    def digest(self) -> str:
        """Hash of the trials, the same for each form of the file."""
        content = [
            [*(str(trial[key] or "") for key in (*IMAGES, SELECTED)), str(of), _number(trial[TIME])]
            for trial, of in zip(self.trials, self.types, strict=True)
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def timeouts(self) -> int:
        """Judgments and checks without an answer."""
        return sum(
            not answered and of != "practice"
            for answered, of in zip(self.answered, self.types, strict=True)
        )

    @property
    def catches(self) -> list[bool]:
        """Whether each attention check with a known right answer was answered right."""
        checks = (t for t, of in zip(self.trials, self.types, strict=True) if of == "catch")
        return [right for right in map(_is_right, checks) if right is not None]

    def rows(self, participant: str) -> Iterator[_Row]:
        """Judgments; counts what is left out."""
        number = 0
        all_of = zip(self.trials, self.places, self.types, self.answered, strict=True)
        for trial, where, of, answered in all_of:
            if of != "main":
                self.left_out[of] += 1
                continue
            number += 1
            if not answered:
                self.left_out["timeout"] += 1
                continue
            yield self._row(trial, where, number, participant)

    def _row(self, trial: Trial, where: str, number: int, participant: str) -> _Row:
        names = [str(trial[key] or "") for key in IMAGES]
        images = (_image_id(names[0]), _image_id(names[1]), _image_id(names[2]))
        if not all(images) or len(set(images)) < 3:
            expected = f"three different images in {', '.join(IMAGES)}"
            raise TwoalikeError(where=where, expected=expected, found=shortened(", ".join(names)))
        selected = _image_id(str(trial[SELECTED]))
        if selected not in images:
            raise TwoalikeError(
                f"the selected image {shortened(repr(selected))} was not shown "
                f"({shortened(', '.join(images))})",
                where=where,
            )
        level, told = _level(images), LEVEL_NAMES.get(str(trial[LEVEL]))
        self.left_out["level"] += level is not None and told not in (None, level)
        if (level or told) is None:
            raise TwoalikeError(
                where=where,
                expected="images that are named by their WordNet ids, or a triplet_type "
                f"({', '.join(LEVEL_NAMES)})",
                found=shortened(f"{', '.join(images)} and {trial[LEVEL]!r}"),
            )
        seconds = _seconds(trial[TIME], where)
        return _Row(
            participant, number, images, images.index(selected), seconds, str(level or told)
        )


def _type(trial: Trial, where: str) -> str:
    of = trial[TYPE]
    if of in (None, ""):
        return "main"
    if str(of) not in TYPES:
        raise TwoalikeError(
            where=f"{where}, {TYPE}",
            expected=f"one of {', '.join(TYPES)}",
            found=shortened(repr(of)),
        )
    return TYPES[str(of)]


def _image_id(name: str) -> str:
    """Name of an image's file without folder and ending."""
    return MEDIA.sub("", PurePosixPath(name.replace("\\", "/")).name)


def _level(images: Sequence[str]) -> str | None:
    """Level by the WordNet ids; None if an image's name has none."""
    found = [_WORDNET.match(name) for name in images]
    return LEVELS[len({m[0] for m in found if m})] if all(found) else None


def _number(rt: Any) -> float | None:
    """Read a number; None where there is none, infinity for anything else."""
    if rt is None or str(rt) in NOT_SELECTED:
        return None
    try:
        found = float(rt)
    except (TypeError, ValueError, OverflowError):
        return np.inf
    return None if np.isnan(found) else found


def _seconds(rt: Any, where: str) -> float:
    """Response time in seconds from milliseconds; NaN where there is none."""
    found = _number(rt)
    if found is None:
        return np.nan
    if not 0 <= found < np.inf:
        raise TwoalikeError(where=where, expected="milliseconds in rt", found=shortened(repr(rt)))
    return found / 1000


def _is_right(trial: Trial) -> bool | None:
    """Whether a check was answered right: the image of another WordNet id than the two others."""
    told = trial[RIGHT]
    if isinstance(told, bool) or str(told).lower() in {"true", "false"}:
        return str(told).lower() == "true"
    images = [_image_id(str(trial[key] or "")) for key in IMAGES]
    kinds = [name.partition("_")[0] for name in images]
    alone = [name for name, kind in zip(images, kinds, strict=True) if kinds.count(kind) == 1]
    if _level(images) != "boundary":
        return None
    return _image_id(str(trial[SELECTED] or "")) == alone[0]


def _labels(people: Sequence[_Person]) -> list[str]:
    """Label people by the order of their trials' hashes."""
    digests = [one.digest() for one in people]
    order = sorted(range(len(people)), key=lambda number: digests[number])
    width = max(3, len(str(len(people))))
    labels = [""] * len(people)
    for rank, number in enumerate(order, start=1):
        labels[number] = f"p{rank:0{width}d}"
    return labels


def _excluded(people: Sequence[_Person], path: Path) -> set[int]:
    """People who are left out by the published rules."""
    if not any(one.catches or one.timeouts for one in people):
        raise TwoalikeError(
            "has neither attention checks nor trials without an answer, by which the published "
            "rules exclude people; the published file holds those who remained",
            where=path,
            remedy="Leave `exclude=True` out.",
        )
    return {
        number
        for number, one in enumerate(people)
        if one.timeouts > MOST_TIMEOUTS or (one.catches and np.mean(one.catches) < LEAST_CATCHES)
    }


def _table(rows: Sequence[_Row], path: Path) -> pd.DataFrame:
    """Make the table of choices; objects are in the order in which they appear."""
    seconds = np.array([row.seconds for row in rows])
    low, high = _PLAUSIBLE_S
    middle = float(np.median(known)) if len(known := seconds[~np.isnan(seconds)]) else low
    if not low <= middle <= high:
        raise TwoalikeError(
            where=f"{path}: {TIME}",
            expected=f"milliseconds, with a median from {low:g} to {high:g} s",
            found=f"{middle:g} s",
        )
    objects = list(dict.fromkeys(name for row in rows for name in row.images))
    place = {name: number for number, name in enumerate(objects)}
    shown = np.array([[place[name] for name in row.images] for row in rows])
    columns: dict[str, Any] = {
        **{item: shown[:, number] for number, item in enumerate(ITEMS)},
        "chosen": np.array([row.chosen for row in rows]) + 1,
        "participant": [row.participant for row in rows],
        "trial": np.array([row.trial for row in rows]),
        "response_time": seconds,
        "level": [row.level for row in rows],
    }
    return choices_table(columns, objects, str(path))
