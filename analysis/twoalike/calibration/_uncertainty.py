"""Everything about the uncertainty of models and people, for ``results.json``.

Judgments are taken as trials and as triplets. What thin data do not determine is None, with the
reason under ``missing``.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.calibration._entropy import (
    FEWEST,
    FEWEST_TIMES,
    FEWEST_VOTES,
    LONGEST_S,
    PUBLISHED_SPEARMAN,
    SHORTEST_S,
    LogTimes,
    PeopleEntropy,
    by_triplet,
    lacking,
    log_times,
    model_entropy,
    partial_ranks,
    people_entropy,
    rank_correlation,
)
from twoalike.calibration._error import brier_scores, error_of
from twoalike.ceilings import Votes, votes_of
from twoalike.choice import entropy
from twoalike.evaluation import Answers, Judgments, Scored, TwoWayBootstrap, binned, first_of
from twoalike.study import Booleans, Floats, Integers, counted

type Groups = Mapping[str, Mapping[str, Booleans]]
type Times = Floats | None


@dataclass(frozen=True)
class Context:
    """Judgments as trials and as triplets, with resamples of both.

    Attributes
    ----------
    judged
        The choices.
    groups, trial_groups
        Group -> subset -> whether each triplet (its first choice) is in it, shape (m,), and
        whether each choice is, shape (n,).
    trials
        Resamples of the n choices.
    seed, resamples
        For resamples of the m triplets.
    people
        Entropy of the votes; None where too few triplets have enough.
    times
        Response times; None where they are missing.
    missing
        Why something is None.
    """

    judged: Judgments
    groups: Groups
    trial_groups: Groups
    trials: TwoWayBootstrap
    seed: int
    resamples: int
    people: PeopleEntropy | None
    times: LogTimes | None
    missing: dict[str, str]

    @property
    def triplet(self) -> Integers:
        """Triplet of each choice, 0..m-1, shape (n,)."""
        return self.judged.numbers[1]

    @property
    def m(self) -> int:
        """Number of different triplets."""
        return len(self.judged.numbers[0])

    @cached_property
    def triplets(self) -> TwoWayBootstrap:
        """Resamples of the triplets: a second's work for a million, where it is needed."""
        nobody = np.zeros(self.m, dtype=np.int64)  # a triplet's votes are of several people
        rng = np.random.default_rng(self.seed)
        unique, _ = self.judged.numbers
        return TwoWayBootstrap(nobody, unique, rng, resamples=self.resamples)

    def times_of_triplets(self, values: Floats) -> Floats:
        """Mean log time of each triplet with several times, NaN for others, shape (m,)."""
        return by_triplet(values, self.triplet, self.m, fewest=FEWEST_TIMES)


def in_context(
    judged: Judgments,
    boot: TwoWayBootstrap,
    response_times: Times,
    rng: np.random.Generator,
    resamples: int,
) -> Context:
    """Gather what does not depend on a model; the arguments are those of ``uncertainty``."""
    first = first_of(judged.numbers[1])
    subsets = {name: _subsets(of) for name, of in judged.groups.items()}
    missing: dict[str, str] = {}
    return Context(
        judged=judged,
        groups={name: {k: v[first] for k, v in of.items()} for name, of in subsets.items()},
        trial_groups=subsets,
        trials=boot,
        seed=int(rng.integers(2**63)),
        resamples=resamples,
        people=_people(votes_of(judged), rng, missing),
        times=_times(response_times, judged, missing),
        missing=missing,
    )


def _subsets(subset_of: npt.NDArray[np.str_]) -> dict[str, Booleans]:
    """Members of each subset, in the order of the names."""
    names, code = np.unique(subset_of, return_inverse=True)
    return {name: code == number for number, name in enumerate(names.tolist()) if name}


def _people(cast: Votes, rng: np.random.Generator, missing: dict[str, str]) -> PeopleEntropy | None:
    enough = int((cast.n_votes >= FEWEST_VOTES).sum())
    if enough < FEWEST:
        missing["entropy"] = (
            f"needs {counted(FEWEST, 'triplet')} with at least {FEWEST_VOTES} votes, has {enough}"
        )
        return None
    return people_entropy(cast, rng)


def _times(
    response_times: Times,
    judged: Judgments,
    missing: dict[str, str],
) -> LogTimes | None:
    if response_times is None or not (response_times > 0).any():
        missing["response_time"] = "no response times"
    elif not judged.known_people:
        missing["response_time"] = "participants are not told apart, nor how fast each of them is"
    else:
        return log_times(response_times, judged.participants)
    return None


BINS = 10
_BINNED: dict[str, tuple[Answers, bool]] = {
    "top": ("top", False),
    "top_equal_counts": ("top", True),
    "all": ("all", False),
}


def _correlations(
    a: Floats,
    b: Floats,
    context: Context,
    name: str,
    missing: dict[str, str],
    *,
    unit: str = "triplet",
) -> dict[str, Any]:
    """Rank correlation over all, and within each subset of each group."""
    of_trials = unit == "trial"

    def one(x: Floats, y: Floats, where: str) -> dict[str, Any] | None:
        reason = lacking(x, y, unit)
        if reason:
            missing[where] = reason
            return None
        found = rank_correlation(x, y, context.trials if of_trials else context.triplets)
        return found.as_dict() | {"n": int((~np.isnan(x) & ~np.isnan(y)).sum())}

    result: dict[str, Any] = {"all": one(a, b, name), "groups": {}}
    groups = context.trial_groups if of_trials else context.groups
    for group, subsets in groups.items():
        result["groups"][group] = {
            subset: one(np.where(rows, a, np.nan), b, f"{name}, {group} {subset}")
            for subset, rows in subsets.items()
        }
    return result


def _calibration(p: Floats, context: Context) -> dict[str, Any]:
    chosen = context.judged.chosen
    parts = {
        name: binned(p, chosen, bins=BINS, answers=answers, equal_counts=equal)
        for name, (answers, equal) in _BINNED.items()
    }
    curves = {
        name: {key: values.tolist() for key, values in vars(parts[name].reliability()).items()}
        for name in ("all", "top")
    }
    errors = {name: error_of(part, context.trials).as_dict() for name, part in parts.items()}
    brier = context.trials.interval(brier_scores(p, chosen)).as_dict()
    return {"curve": curves, "error": errors, "brier": brier}


def _of_model(p: Floats, context: Context) -> dict[str, Any]:
    """Calibration, and entropy against that of people and their times."""
    missing = dict(context.missing)
    each = entropy(p)
    own = model_entropy(p, context.triplet, context.m)
    result: dict[str, Any] = {
        "calibration": _calibration(p, context),
        "entropy": {"mean": context.trials.interval(each).as_dict(), "people": None},
        "response_time": None,
    }
    if context.people is not None:
        result["entropy"]["people"] = {
            name: _correlations(own, values, context, f"entropy, {name}", missing)
            for name, values in (
                ("plug_in", context.people.plug_in),
                ("posterior", context.people.posterior),
            )
        }
    if context.times is not None:
        result["response_time"] = _with_times(own, each, context.times.centred, context, missing)
    return result | {"missing": missing}


def _with_times(
    own: Floats, each: Floats, centred: Floats, context: Context, missing: dict[str, str]
) -> dict[str, Any]:
    """Entropy of triplets, and of trials, against the response times."""
    mean = context.times_of_triplets(centred)
    x, y = partial_ranks(each, centred, context.judged.participants)
    name = "response time of triplets"
    several = int((~np.isnan(mean)).sum())
    if several < FEWEST:
        missing[name] = (
            f"needs {counted(FEWEST, 'triplet')} with at least {FEWEST_TIMES} response times, "
            f"has {several}"
        )
    return {
        "triplets": None if name in missing else _correlations(own, mean, context, name, missing),
        "trials": _correlations(x, y, context, "response time of trials", missing, unit="trial"),
    }


def _of_people(context: Context) -> dict[str, Any]:
    """People's own entropy, and against their times."""
    missing = dict(context.missing)
    result: dict[str, Any] = {"entropy": None, "response_time": None}
    if context.people is not None:
        known = ~np.isnan(context.people.posterior)
        boot = context.triplets.within(known)
        result["entropy"] = {"triplets": int(known.sum())} | {
            name: boot.interval(values[known]).as_dict()
            for name, values in (
                ("plug_in", context.people.plug_in),
                ("posterior", context.people.posterior),
            )
        }
    if context.times is not None:
        result["left_out_times"] = context.times.left_out
        result["implausible_times_s"] = [SHORTEST_S, LONGEST_S]
    if context.people is not None and context.times is not None:
        mean, raw = (
            context.times_of_triplets(values)
            for values in (context.times.centred, context.times.raw)
        )
        pairs = {
            "plug_in": (context.people.plug_in, mean),
            "posterior": (context.people.posterior, mean),
            "as_published": (context.people.published, raw),
        }
        result["response_time"] = {
            name: _correlations(*of, context, f"response time, {name}", missing)
            for name, of in pairs.items()
        } | {"levels_data": PUBLISHED_SPEARMAN}
    return result | {"missing": missing}


def uncertainty(
    scored: Sequence[Scored],
    judged: Judgments,
    boot: TwoWayBootstrap,
    rng: np.random.Generator,
    *,
    response_times: npt.ArrayLike | None = None,
    posterior: npt.ArrayLike | None = None,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Calibration of models, and their uncertainty against people's and their response times.

    Parameters
    ----------
    scored
        The models' answers (:func:`twoalike.evaluation.score_choices`).
    judged
        Odd-one-out choices.
    boot
        Resamples of them.
    rng
        Source of draws of votes, and of resamples of triplets.
    response_times
        Seconds, NaN where missing, shape (n,).
    posterior
        Probabilities of the answers to each choice from a fitted posterior, shape (n, 3). They
        say something about new judgments only where it was not fitted to these.
    resamples
        Of the triplets.

    Returns
    -------
    ``people``: ``entropy`` (``plug_in``, ``posterior``) and its rank correlation with
    ``response_time`` (``plug_in`` and ``posterior`` with participants' speed taken off,
    ``as_published``). ``models``, in their order, and ``posterior``: ``calibration`` (``curve``,
    ``error``, ``brier``), ``entropy`` (``mean``; rank correlation with ``people``), and
    ``response_time`` (rank correlation over ``triplets`` and over ``trials``). Correlations are
    given over ``all`` and in the ``groups`` of the judgments. What cannot be told is None, and
    ``missing`` beside it says why.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.array([rng.permutation(6)[:3] for _ in range(40)])
    >>> judged = Judgments(triplets, np.zeros(40, int), np.arange(40) % 4, tuple("abcdef"))
    >>> boot = TwoWayBootstrap(judged.participants, triplets, rng)
    >>> found = uncertainty([], judged, boot, rng, posterior=np.full((40, 3), 1 / 3))
    >>> round(found["posterior"]["calibration"]["brier"]["value"], 3)
    0.667
    >>> found["people"]["missing"]["response_time"]
    'no response times'
    """
    times = None if response_times is None else np.asarray(response_times, dtype=np.float64)
    context = in_context(judged, boot, times, rng, resamples)
    own = None if posterior is None else np.asarray(posterior, dtype=np.float64)
    with ThreadPoolExecutor() as pool:  # seconds of sorting each, for a million choices
        models = pool.map(lambda of: _of_model(of.probabilities, context), scored)
        people = _of_people(context)
    return {
        "people": people,
        "models": list(models),
        "posterior": None if own is None else _of_model(own, context),
        "missing": {"posterior": "no probabilities from a posterior"} if own is None else {},
    }
