"""How well any model could agree with these judgments: all measures side by side.

Published measures stand beside what they are taken for. A model that scores above the
leave-one-out agreement is not beyond people; one above the bound for its way of scoring would be.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.ceilings._bounds import all_counts, mean_leave_one_out, over_draws
from twoalike.ceilings._consistency import (
    Consistency,
    catch_reliability,
    consistency,
    pair_agreement,
    repeated_answers,
)
from twoalike.ceilings._hierarchical import VoteBounds, bounds_from_votes
from twoalike.ceilings._interval import TripletIntervals, by_type
from twoalike.ceilings._published import (
    DRAWN,
    FEWEST,
    MOST,
    largest_share,
    miller_madow,
    plug_in_entropy,
    published_reliability,
)
from twoalike.ceilings._votes import Votes, votes_of
from twoalike.evaluation import Interval, Judgments
from twoalike.study import counted

type Floats = npt.NDArray[np.float64]
type Counts = npt.NDArray[np.int64]

FEWEST_TRIPLETS = 30
"""Triplets with three votes below which no distribution of choice probabilities is fitted."""
FEWEST_REPEATS = 10
"""Repeated answers below which a share of them says nothing."""
_FITTED_VOTES = 3
_BOUNDS = ("oracle", "majority", "majority_drawn", "entropy")
_OF_COUNTS: dict[str, Callable[[Counts], Floats]] = {
    "plug_in_entropy": plug_in_entropy,
    "miller_madow_entropy": miller_madow,
    "pair_agreement": pair_agreement,
}

_LARGEST = {
    "leave_one_out": 1.0,
    "vanilla": 1.0,
    "entropy": float(np.log(3)),
    "plug_in_entropy": float(np.log(3)),
    "miller_madow_entropy": float("inf"),  # its correction may go beyond log 3
    "pair_agreement": 1.0,
}
"""What each measure can be at most; none of them is below 0."""


def ceilings(
    judged: Judgments,
    rng: np.random.Generator,
    *,
    choices: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Bounds for models and agreement of people, over all judgments and in each group.

    Parameters
    ----------
    judged
        Odd-one-out judgments, main and repeated ones. Where participants are not told apart,
        every judgment is a vote, and nothing is said of repeats.
    rng
        Source of draws, groups and resamples.
    choices, labels
        Table of choices with the attention checks, and the coarsest category of each object, to
        say how many checks were answered right.

    Returns
    -------
    ``choices``, ``triplets`` and ``votes`` (all; fewest, mean and most a triplet; triplets with
    several); ``oracle``, ``majority`` and ``majority_drawn`` (bounds for models), ``entropy``;
    ``published`` (leave-one-out, vanilla and entropy as published for the Levels data);
    ``plug_in_entropy`` and ``miller_madow_entropy``; ``pair_agreement`` of two people,
    ``repeats`` and ``catches``. Every estimate has ``value``, ``low`` and ``high`` (95 %), those
    through the distribution of choice probabilities also ``identified``
    (:class:`~twoalike.ceilings.Estimate`). What cannot be estimated is None, and ``missing`` says
    why. ``groups`` has the same, but for the checks, for every subset of every group.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.repeat([[0, 1, 2], [0, 1, 3]], 2, axis=0)
    >>> judged = Judgments(triplets, np.array([2, 2, 2, 0]), np.array([0, 1, 0, 1]), tuple("abcd"))
    >>> found = ceilings(judged, rng)
    >>> found["pair_agreement"]["value"], found["oracle"], found["missing"]["oracle"]
    (0.5, None, 'needs 30 triplets with at least 3 votes, has 0')
    """
    result = _measured(judged, rng)
    result["catches"], reason = _catches(choices, labels, rng)
    if reason:
        result["missing"]["catches"] = reason
    result["groups"] = {}
    for name, subset_of in judged.groups.items():
        found = sorted(set(subset_of.tolist()) - {""})
        result["groups"][name] = {
            subset: _measured(judged.within(subset_of == subset), rng) for subset in found
        }
    return result


def _measured(judged: Judgments, rng: np.random.Generator) -> dict[str, Any]:
    """All measures of one set of judgments, and why some are missing."""
    if not len(judged.chosen):
        names = (*_BOUNDS, "published", *_OF_COUNTS, "repeats")
        nothing = {"choices": 0, "triplets": 0, "votes": None, **dict.fromkeys(names)}
        return nothing | {"missing": dict.fromkeys(names, "there are no judgments")}
    cast = votes_of(judged)
    n = cast.n_votes
    intervals = TripletIntervals(cast, rng, people=judged.known_people)
    missing: dict[str, str] = {}
    result: dict[str, Any] = {
        "choices": len(judged.chosen),
        "triplets": len(cast),
        "votes": {
            "counted": int(n.sum()),
            "fewest": int(n.min()),
            "mean": float(n.mean()),
            "most": int(n.max()),
            "triplets_with_several": int((n > 1).sum()),
        },
        **_bounds(intervals, n, missing),
        "published": _published(cast, intervals, rng, missing),
        **_of_counts(intervals, n, missing),
        "repeats": _repeats(judged, rng, missing),
    }
    return result | {"missing": missing}


def _needs(
    n: Counts, triplets: int, least: int, names: tuple[str, ...], into: dict[str, str]
) -> bool:
    """Whether enough triplets have enough votes; if not, say so for the measures named."""
    found = int((n >= least).sum())
    if found >= triplets:
        return True
    reason = f"needs {counted(triplets, 'triplet')} with at least {least} votes, has {found}"
    into.update(dict.fromkeys(names, reason))
    return False


def _bounds(intervals: TripletIntervals, n: Counts, missing: dict[str, str]) -> dict[str, Any]:
    """Bounds for models and the entropy, through the distribution of choice probabilities."""
    if not _needs(n, FEWEST_TRIPLETS, _FITTED_VOTES, _BOUNDS, missing):
        return dict.fromkeys(_BOUNDS)
    found: VoteBounds = bounds_from_votes(intervals)
    scores = {name: each.as_dict() for name, each in found.majority.items()}
    drawn = {name: each.as_dict() for name, each in found.majority_drawn.items()}
    return {
        "oracle": found.oracle.as_dict(),
        "majority": {"votes": float(n[n > 1].mean())} | scores,
        "majority_drawn": {"votes": float(DRAWN)} | drawn,
        "entropy": found.entropy.as_dict(),
    }


def _kept_mean(types: Counts) -> Floats:
    """Leave-one-out agreement averaged over the draws of five and the order of the votes."""
    many = types.sum(axis=1) > MOST
    values = mean_leave_one_out(types)
    if many.any():
        values[many] = over_draws(types[many], MOST, mean_leave_one_out(all_counts(MOST)))
    return values


def _published(
    cast: Votes, intervals: TripletIntervals, rng: np.random.Generator, missing: dict[str, str]
) -> dict[str, Any] | None:
    """Leave-one-out, vanilla and entropy as published, with intervals of their expectations."""
    if not _needs(cast.n_votes, 2, FEWEST, ("published",), missing):
        return None
    drawn = published_reliability(cast, rng)
    outcomes = all_counts(DRAWN)
    expected = {
        "leave_one_out": _kept_mean,
        "vanilla": lambda types: over_draws(types, DRAWN, largest_share(outcomes)),
        "entropy": lambda types: over_draws(types, DRAWN, plug_in_entropy(outcomes)),
    }
    result: dict[str, Any] = {"triplets": int((cast.n_votes >= FEWEST).sum())}
    for name, function in expected.items():
        value = float(np.nanmean(getattr(drawn, name)))
        interval = intervals.interval(by_type(intervals.types, function, FEWEST), value)
        result[name] = _cut(interval, name)
    return result


def _of_counts(intervals: TripletIntervals, n: Counts, missing: dict[str, str]) -> dict[str, Any]:
    """Compute what needs two votes a triplet and no model."""
    if not _needs(n, 2, 2, tuple(_OF_COUNTS), missing):
        return dict.fromkeys(_OF_COUNTS)
    result = {}
    for name, function in _OF_COUNTS.items():
        interval = intervals.interval(by_type(intervals.types, function, 2))
        result[name] = _cut(interval, name)
    return result


def _cut(interval: Interval | None, name: str) -> dict[str, float] | None:
    """Numbers of an interval that may go beyond what the measure can be."""
    return interval.within(0.0, _LARGEST[name]).as_dict() if interval else None


def _consistent(found: Consistency) -> dict[str, Any]:
    return {
        "answers": found.answers,
        "agreement": found.agreement.as_dict(),
        "corrected": found.corrected.as_dict(),
    }


def _repeats(
    judged: Judgments, rng: np.random.Generator, missing: dict[str, str]
) -> dict[str, Any] | None:
    """Agreement of people with themselves."""
    if not judged.known_people:
        missing["repeats"] = "participants are not told apart"
        return None
    later, same = repeated_answers(judged.triplets, judged.chosen, judged.participants)
    if len(later) < FEWEST_REPEATS:
        missing["repeats"] = (
            f"needs {FEWEST_REPEATS} triplets judged again by the same person, has {len(later)}"
        )
        return None
    return _consistent(consistency(same, judged.triplets[later], judged.participants[later], rng))


def _catches(
    choices: pd.DataFrame | None, labels: Mapping[str, str] | None, rng: np.random.Generator
) -> tuple[dict[str, Any] | None, str | None]:
    """Share of attention checks answered right, or why it is not known."""
    if choices is None or labels is None:
        return None, "needs the table of choices and the objects' categories"
    found = catch_reliability(choices, labels, rng)
    if found is None:
        return None, "no attention check whose categories single one object out"
    return _consistent(found), None
