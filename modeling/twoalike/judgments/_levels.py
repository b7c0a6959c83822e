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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._meadows import MEDIA
from twoalike.judgments._sets import ITEMS
from twoalike.judgments._sheet import BadRows, check_plausible
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
_FIELDS = (*IMAGES, SELECTED, TIME, TYPE, LEVEL, RIGHT)
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


def import_levels(
    path: str | Path,
    *,
    exclude: bool = False,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read the Levels data that were published with AligNet.

    Levels follow from the WordNet ids in the images' names; an object's id is the name of its image
    without folder and extension. Participants get new labels. Practice, attention checks and
    trials without an answer are left out and counted. Nothing else is:
    ``twoalike evaluate`` drops triplets with fewer than four answers, and averages over draws of
    five where there are more.

    Parameters
    ----------
    path
        The published dictionary of trials by participant (.pkl; only plain data are read, and no
        code is run), or the same trials as .json (by participant, or a list), .csv or .tsv. A list
        or a text needs a column participant (or participant_id, prolific_id, subject_id).
    exclude
        Leave out people by the published rules: fewer than 90 % of their attention checks right,
        or more than 10 trials without an answer. Everybody in the published file has passed.
    skip_bad
        Leave out, and count, trials that cannot be judgments: an image
        twice, a selected image that was not shown, no level, a copy of another trial.
    out, overwrite
        As in :func:`import_triplets`.

    Returns
    -------
    Table of choices with levels, in the order of the file; people are ``p001``, ``p002``, ...,
    images their files' names without folder and ending. ``attrs["left_out"]`` counts trials that
    were left out by reason; ``n_excluded`` people, and ``n_other_level`` trials whose
    ``triplet_type`` is another than that of their WordNet ids.

    Raises
    ------
    TwoalikeError
        If the file is damaged or of another kind, a pickle holds more than plain data, a trial
        lacks a field or has an image twice, the selected image was not shown, response times are
        not milliseconds, or nobody can be excluded or remains.
    """
    path, target = Path(path), check_new_table(out, overwrite)
    trials = _trials(_read(path))
    if not len(trials):
        raise TwoalikeError(where=path, expected="trials of participants", found="none")
    labels = _labels(trials)
    excluded = _excluded(trials, path) if exclude else set()
    trials = trials[~trials["person"].isin(excluded)]
    types = trials["type"].value_counts()
    main = trials[trials["type"] == "main"]
    main = main.assign(trial=main.groupby("person").cumcount() + 1)
    answered = main[main["answered"].astype(bool)]
    if not len(answered):
        raise TwoalikeError(
            where=path, expected="judgments", found="none that are neither practice nor checks"
        )
    judged, bad = _judgments(answered, skip_bad)
    named = judged[LEVEL].map(lambda name: LEVEL_NAMES.get(str(name)))
    other = judged["level"].notna() & named.notna() & (named != judged["level"])
    table = _table(judged.assign(level=judged["level"].fillna(named)), labels, path)
    counts = {
        "practice": int(types.get("practice", 0)),
        "attention check": int(types.get("catch", 0)),
        "no answer": len(main) - len(answered),
        **bad,
    }
    counts = {reason: n for reason, n in counts.items() if n}
    table.attrs |= {
        "left_out": counts,
        "n_other_level": int(other.sum()),
        "n_excluded": len(excluded),
    }
    config = {"exclude": exclude, "left_out": counts}
    write_imported(target, table, "choices", {"judgments": path}, None, config)
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
    people: dict[str, list[_Placed]] = {}
    for place, trial in trials:
        key = next((k for k in PEOPLE if _with_fields(trial, place).get(k)), None)
        if key is None:
            raise TwoalikeError(where=place, expected=f"a field {PEOPLE[0]!r}", found="none")
        people.setdefault(str(trial[key]), []).append((place, trial))
    return list(people.values())


def _trials(people: Sequence[Sequence[_Placed]]) -> pd.DataFrame:
    """One row per trial; ``person`` is a number, since the file's own ids go no further."""
    return pd.DataFrame(
        [
            {
                "person": person,
                "place": place,
                "type": _type(trial, place),
                "answered": str(trial.get(SELECTED) or "") not in NOT_SELECTED,
                **{key: trial.get(key) for key in _FIELDS},
            }
            for person, trials in enumerate(people)
            for place, trial in trials
        ],
        dtype=object,
    )


def _judgments(trials: pd.DataFrame, skip_bad: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """Add ids of images, the place of the chosen one and the level; count what is left out."""
    ids = trials[list(IMAGES)].map(_image_id).set_axis(list(ITEMS), axis=1)
    selected = trials[SELECTED].map(_image_id)
    levels = [_level(row) for row in ids.to_numpy().tolist()]
    judged = trials.join(ids).assign(level=pd.Series(levels, trials.index, dtype=object))
    bad = BadRows(len(trials), lambda row, _: str(trials["place"].iloc[row]))

    def images(row: int) -> str:
        return shortened(", ".join(ids.iloc[row]))

    bad.add(
        (ids == "").any(axis=1) | (ids.nunique(axis=1) < len(ITEMS)),
        "object twice",
        lambda row: f"expected three different images in {', '.join(IMAGES)}, found {images(row)}",
    )
    hits = ids.eq(selected, axis=0)
    bad.add(
        ~hits.any(axis=1),
        "answer not among the items",
        lambda row: (
            f"the selected image {shortened(repr(selected.iloc[row]))} was not shown "
            f"({images(row)})"
        ),
    )
    bad.add(
        judged["level"].isna() & ~trials[LEVEL].isin(LEVEL_NAMES),
        "no level",
        lambda row: (
            "expected images that are named by their WordNet ids, or a triplet_type "
            f"({', '.join(LEVEL_NAMES)}), found {images(row)}"
        ),
    )
    content = trials[["person", *_FIELDS]].astype(str)
    copies = content.duplicated() & trials[TIME].map(_number).notna()
    bad.add(copies, "copy of another row", "this trial is in the file twice")
    rows = bad.kept(skip_bad)
    return judged.assign(chosen=hits.to_numpy().argmax(axis=1) + 1)[rows], bad.counts


def _type(trial: Trial, where: str) -> str:
    of = trial.get(TYPE)
    if of in (None, ""):
        return "main"
    if str(of) not in TYPES:
        raise TwoalikeError(
            where=f"{where}, {TYPE}",
            expected=f"one of {', '.join(TYPES)}",
            found=shortened(repr(of)),
        )
    return TYPES[str(of)]


def _image_id(name: object) -> str:
    """Name of an image's file without folder and ending."""
    return MEDIA.sub("", PurePosixPath(str(name or "").replace("\\", "/")).name)


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


def _is_right(trial: Mapping[Any, Any]) -> bool | None:
    """Whether a check was answered right: the image of another WordNet id than the two others."""
    told = trial[RIGHT]
    if isinstance(told, bool) or str(told).lower() in {"true", "false"}:
        return str(told).lower() == "true"
    images = [_image_id(trial[key]) for key in IMAGES]
    kinds = [name.partition("_")[0] for name in images]
    alone = [name for name, kind in zip(images, kinds, strict=True) if kinds.count(kind) == 1]
    if _level(images) != "boundary":
        return None
    return _image_id(trial[SELECTED]) == alone[0]


def _labels(trials: pd.DataFrame) -> dict[Any, str]:
    """Label people by the order of their trials' hashes, the same for each form of the file."""
    digests = {}
    for person, own in trials.groupby("person"):
        content = [
            [*(str(row[key] or "") for key in (*IMAGES, SELECTED)), row["type"], _number(row[TIME])]
            for row in own.to_dict("records")
        ]
        digests[person] = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    width = max(3, len(str(len(digests))))
    ranked = sorted(digests, key=lambda person: digests[person])
    return {person: f"p{rank:0{width}d}" for rank, person in enumerate(ranked, start=1)}


def _excluded(trials: pd.DataFrame, path: Path) -> set[int]:
    """People who are left out by the published rules."""
    timeouts = trials["person"][~trials["answered"].astype(bool) & (trials["type"] != "practice")]
    checks = trials[trials["type"] == "catch"]
    answers: list[Any] = [_is_right(row) for row in checks.to_dict("records")]
    right = pd.Series(answers, checks["person"], dtype=object).dropna()
    if not len(right) + len(timeouts):
        raise TwoalikeError(
            "has neither attention checks nor trials without an answer, by which the published "
            "rules exclude people; the published file holds those who remained",
            where=path,
            remedy="Leave `exclude=True` out.",
        )
    late, passed = timeouts.value_counts(), right.astype(float).groupby(level=0).mean()
    return {*late.index[late > MOST_TIMEOUTS], *passed.index[passed < LEAST_CATCHES]}


def _table(judged: pd.DataFrame, labels: Mapping[Any, str], path: Path) -> pd.DataFrame:
    """Make the table of choices; objects are in the order in which they appear."""
    places = zip(judged[TIME], judged["place"], strict=True)
    seconds = np.array([_seconds(time, place) for time, place in places])
    check_plausible(seconds, f"{path}: {TIME}", "ms")
    columns: dict[str, Any] = {name: judged[name] for name in (*ITEMS, "chosen", "trial", "level")}
    columns |= {"participant": judged["person"].map(labels), "response_time": seconds}
    columns = {name: np.asarray(values.tolist()) for name, values in columns.items()}
    return choices_table(
        columns, list(pd.unique(judged[list(ITEMS)].to_numpy().ravel())), str(path)
    )
