"""Everything about the uncertainty of models and people, for ``results.json``.

Judgments are taken as trials and as triplets. What thin data do not determine is None, with the
reason under ``missing``.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from twoalike.calibration._entropy import (
    FEWEST,
    FEWEST_TIMES,
    FEWEST_VOTES,
    LONGEST_S,
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
from twoalike.calibration._reliability import (
    Answers,
    CalibrationError,
    binned,
    brier_scores,
    error_of,
)
from twoalike.ceilings import Votes, votes_of
from twoalike.choice import entropy
from twoalike.evaluation import (
    Count,
    Interval,
    Judgments,
    Measured,
    NatsEstimate,
    Number,
    Quantity,
    Scored,
    TwoWayBootstrap,
    first_of,
)
from twoalike.study import Booleans, Floats, Integers, counted

type Groups = Mapping[str, Mapping[str, Booleans]]
type Times = Floats | None


@dataclass(frozen=True)
class RankCorrelation(Interval):
    """Spearman's correlation, its interval, and over how many triplets or trials it is."""

    n: int | None = None


Correlated = Annotated[RankCorrelation, Quantity("correlation", -1, 1)] | None


class Correlations(Measured):
    """A rank correlation, over all and in parts."""

    all: Correlated
    """Over all triplets (or trials)."""
    groups: dict[str, dict[str, Correlated]] = {}
    """Group (level, or level of labels) -> subset -> correlation."""


class CalibrationErrors(Measured):
    """Calibration errors of two kinds of predictions, in ten bins of equal width."""

    top: CalibrationError
    """Of the likeliest answer."""
    all: CalibrationError | None = None
    """Of all answers."""


class Calibration(Measured):
    """Whether predicted probabilities come true as often as they say."""

    error: CalibrationErrors
    """Expected calibration errors."""
    brier: Annotated[Interval, Quantity("squared probability", 0, 2)]
    """Brier score over all answers; 2/3 for equal probabilities of three, 1/2 of two."""


class WithPeople(Measured):
    """Rank correlations with the entropy of people's votes on a triplet."""

    plug_in: Correlations | None = None
    """With that of the shares of the votes."""
    posterior: Correlations | None = None
    """With its posterior mean."""


class ModelEntropy(Measured):
    """Entropy of a model's choice probabilities."""

    mean: NatsEstimate
    """Mean over choices."""
    people: WithPeople | None = None
    """Rank correlations over triplets with people's entropy."""


class WithTimes(Measured):
    """Rank correlations of entropy with log response times, participants' speed taken off."""

    triplets: Correlations | None = None
    """Over triplets, of mean times."""
    trials: Correlations | None = None
    """Over trials, within participants."""


class ModelUncertainty(Measured):
    """Whether a model is as sure as it should be, and as unsure as people are."""

    calibration: Calibration
    """Calibration of its choice probabilities."""
    entropy: ModelEntropy
    """Entropy of its choice probabilities."""
    response_time: WithTimes | None = None
    """Entropy and response times."""
    choices: Count | None = None
    """Choices that it was measured on, if not all."""
    missing: dict[str, str]
    """What could not be measured -> why."""


class VoteEntropy(Measured):
    """Entropy of people's votes on a triplet."""

    n_of = "triplets"
    triplets: Count
    """Triplets with enough votes."""
    plug_in: NatsEstimate
    """Of the shares of the votes; too low by chance."""
    posterior: NatsEstimate
    """Its posterior mean."""


class PeopleTimes(Measured):
    """Rank correlations of people's entropy with their log response times."""

    plug_in: Correlations
    """Plug-in entropy, participants' speed taken off."""
    posterior: Correlations
    """Posterior mean, participants' speed taken off."""
    as_published: Correlations
    """As published for the Levels data."""


class PeopleUncertainty(Measured):
    """How uncertain people are, and whether they take longer then."""

    entropy: VoteEntropy | None
    """Entropy of votes."""
    response_time: PeopleTimes | None
    """Entropy and response times."""
    left_out_times: dict[str, Count] | None = None
    """Response times left out, by reason."""
    implausible_times_s: tuple[Number, Number] | None = None
    """Response times outside are left out (s)."""
    missing: dict[str, str]
    """What could not be measured -> why."""


class Uncertainty(Measured):
    """Calibration and uncertainty of models and people."""

    people: PeopleUncertainty | None = None
    """People."""
    models: tuple[ModelUncertainty, ...]
    """Networks, in the order of `models`."""
    posterior: ModelUncertainty | None
    """A fitted embedding, where one is given."""
    missing: dict[str, str] = {}
    """What could not be measured -> why."""


@dataclass(frozen=True)
class Context:
    """Judgments as n trials and as m triplets, with resamples of both.

    ``groups`` and ``trial_groups``: group -> subset -> whether each triplet (by its first choice),
    or each choice, is in it. ``people`` and ``times`` are None where there are too few; ``missing``
    says why.
    """

    judged: Judgments
    groups: Groups
    trial_groups: Groups
    trials: TwoWayBootstrap
    people: PeopleEntropy | None
    times: LogTimes | None
    missing: dict[str, str]

    @property
    def triplet(self) -> Integers:
        """Triplet of each choice, 0..m-1, shape (n,)."""
        return self.judged.number

    @property
    def m(self) -> int:
        """Number of different triplets."""
        return len(self.judged.sets)

    @cached_property
    def triplets(self) -> TwoWayBootstrap:
        """Clusters of the triplets: a second's work for a million, where it is needed."""
        no_person = np.zeros(self.m, dtype=np.int64)  # a triplet's votes are of several people
        return TwoWayBootstrap(no_person, self.judged.sets)

    def times_of_triplets(self, values: Floats) -> Floats:
        """Mean log time of each triplet with several times, NaN for others, shape (m,)."""
        return by_triplet(values, self.triplet, self.m, fewest=FEWEST_TIMES)


def in_context(judged: Judgments, boot: TwoWayBootstrap, response_times: Times) -> Context:
    """Gather what does not depend on a model; the arguments are those of ``uncertainty``."""
    first = first_of(judged.number)
    subsets = {name: _subsets(of) for name, of in judged.groups.items()}
    missing: dict[str, str] = {}
    return Context(
        judged=judged,
        groups={name: {k: v[first] for k, v in of.items()} for name, of in subsets.items()},
        trial_groups=subsets,
        trials=boot,
        people=_people(votes_of(judged), missing),
        times=_times(response_times, judged, missing),
        missing=missing,
    )


def _subsets(subset_of: npt.NDArray[np.str_]) -> dict[str, Booleans]:
    names, code = np.unique(subset_of, return_inverse=True)
    return {name: code == number for number, name in enumerate(names.tolist()) if name}


def _people(cast: Votes, missing: dict[str, str]) -> PeopleEntropy | None:
    enough = int((cast.n_votes >= FEWEST_VOTES).sum())
    if enough < FEWEST:
        missing["entropy"] = (
            f"needs {counted(FEWEST, 'triplet')} with at least {FEWEST_VOTES} votes, has {enough}"
        )
        return None
    return people_entropy(cast)


def _times(response_times: Times, judged: Judgments, missing: dict[str, str]) -> LogTimes | None:
    if response_times is None or not (response_times > 0).any():
        missing["response_time"] = "no response times"
    elif not judged.known_people:
        missing["response_time"] = "participants are not told apart, nor how fast each of them is"
    else:
        return log_times(response_times, judged.participants)
    return None


def _correlations(
    a: Floats,
    b: Floats,
    context: Context,
    name: str,
    missing: dict[str, str],
    *,
    unit: str = "triplet",
) -> Correlations:
    """Rank correlation over all, and within each subset of each group."""
    of_trials = unit == "trial"

    def one(x: Floats, y: Floats, where: str) -> RankCorrelation | None:
        reason = lacking(x, y, unit)
        if reason:
            missing[where] = reason
            return None
        found = rank_correlation(x, y, context.trials if of_trials else context.triplets)
        n = int((~np.isnan(x) & ~np.isnan(y)).sum())
        return RankCorrelation(found.value, found.low, found.high, n)

    over_all = one(a, b, name)
    groups = context.trial_groups if of_trials else context.groups
    parts = {
        group: {
            subset: one(np.where(rows, a, np.nan), b, f"{name}, {group} {subset}")
            for subset, rows in subsets.items()
        }
        for group, subsets in groups.items()
    }
    return Correlations(all=over_all, groups=parts)


_ANSWERS: tuple[Answers, ...] = ("top", "all")


def _calibration(p: Floats, context: Context) -> Calibration:
    chosen = context.judged.answer
    top, every = (binned(p, chosen, answers=answers) for answers in _ANSWERS)
    return Calibration(
        error=CalibrationErrors(
            top=error_of(top, context.trials), all=error_of(every, context.trials)
        ),
        brier=context.trials.interval(brier_scores(p, chosen)),
    )


def _of_model(p: Floats, context: Context) -> ModelUncertainty:
    """Calibration, and entropy against that of people and their times."""
    missing = dict(context.missing)
    each = entropy(p)
    own = model_entropy(p, context.triplet, context.m)
    calibration, mean = _calibration(p, context), context.trials.interval(each)
    with_people = with_times = None
    if context.people is not None:
        with_people = WithPeople(
            **{
                name: _correlations(own, values, context, f"entropy, {name}", missing)
                for name, values in _entropies(context.people).items()
            }
        )
    if context.times is not None:
        with_times = _with_times(own, each, context.times.centred, context, missing)
    return ModelUncertainty(
        calibration=calibration,
        entropy=ModelEntropy(mean=mean, people=with_people),
        response_time=with_times,
        missing=missing,
    )


def _entropies(people: PeopleEntropy) -> dict[str, Floats]:
    return {"plug_in": people.plug_in, "posterior": people.posterior}


def _with_times(
    own: Floats, each: Floats, centred: Floats, context: Context, missing: dict[str, str]
) -> WithTimes:
    """Entropy of triplets, and of trials, against the response times."""
    mean = context.times_of_triplets(centred)
    x, y = partial_ranks(each, centred, context.judged.participants)
    name = "response time of triplets"
    several = int((~np.isnan(mean)).sum())
    of_triplets = None
    if several < FEWEST:
        missing[name] = (
            f"needs {counted(FEWEST, 'triplet')} with at least {FEWEST_TIMES} response times, "
            f"has {several}"
        )
    else:
        of_triplets = _correlations(own, mean, context, name, missing)
    of_trials = _correlations(x, y, context, "response time of trials", missing, unit="trial")
    return WithTimes(triplets=of_triplets, trials=of_trials)


def _of_people(context: Context) -> PeopleUncertainty:
    """People's own entropy, and against their times."""
    missing = dict(context.missing)
    of_votes = of_times = None
    if context.people is not None:
        known = ~np.isnan(context.people.posterior)
        boot = context.triplets.within(known)
        means = {k: boot.interval(v[known]) for k, v in _entropies(context.people).items()}
        of_votes = VoteEntropy(triplets=int(known.sum()), **means)
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
        found = {
            name: _correlations(*of, context, f"response time, {name}", missing)
            for name, of in pairs.items()
        }
        of_times = PeopleTimes(**found)
    left_out: dict[str, Any] = {}
    if context.times is not None:
        limits = (SHORTEST_S, LONGEST_S)
        left_out = {"left_out_times": context.times.left_out, "implausible_times_s": limits}
    return PeopleUncertainty(entropy=of_votes, response_time=of_times, missing=missing, **left_out)


def uncertainty(
    scored: Sequence[Scored],
    judged: Judgments,
    boot: TwoWayBootstrap,
    *,
    response_times: npt.ArrayLike | None = None,
    posterior: npt.ArrayLike | None = None,
) -> Uncertainty:
    """Calibration of models, and their uncertainty against people's and their response times.

    ``response_times`` are in s, NaN where missing, (n,); ``posterior`` is the probability of each
    answer from a fitted posterior, (n, A), NaN for triplets with objects that it does not know,
    which says something about new judgments only where it was not fitted to these. What cannot be
    measured is None, and ``missing`` beside it says why.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.array([rng.permutation(6)[:3] for _ in range(40)])
    >>> judged = Judgments(triplets, np.zeros(40, int), np.arange(40) % 4, tuple("abcdef"))
    >>> boot = TwoWayBootstrap(judged.participants, triplets, rng)
    >>> found = uncertainty([], judged, boot, posterior=np.full((40, 3), 1 / 3))
    >>> round(found.posterior.calibration.brier.value, 3)
    0.667
    >>> found.people.missing["response_time"]
    'no response times'
    """
    times = None if response_times is None else np.asarray(response_times, dtype=np.float64)
    context = in_context(judged, boot, times)
    missing: dict[str, str] = {}
    of_posterior = None
    if posterior is None:
        missing["posterior"] = "no probabilities from a posterior"
    else:
        of_posterior = _of_known(np.asarray(posterior, dtype=np.float64), context, times, missing)
    with ThreadPoolExecutor() as pool:  # seconds of sorting each, for a million choices
        models = pool.map(lambda of: _of_model(of.probabilities, context), scored)
        people = _of_people(context)
    return Uncertainty(people=people, models=tuple(models), posterior=of_posterior, missing=missing)


def _of_known(
    p: Floats, context: Context, times: Times, missing: dict[str, str]
) -> ModelUncertainty | None:
    """Uncertainty of a posterior on the choices among objects that it knows."""
    known = ~np.isnan(p).any(axis=1)
    if known.all():
        return _of_model(p, context)
    judged, n = context.judged, int(known.sum())
    if len(np.unique(judged.number[known])) < FEWEST:
        missing["posterior"] = (
            f"needs {counted(FEWEST, 'triplet')} of objects that the posterior knows; it knows "
            f"those of {n} of {counted(len(p), 'choice')}"
        )
        return None
    groups = {name: of[known] for name, of in judged.groups.items()}
    part = in_context(
        replace(judged.within(known), groups=groups),
        context.trials.within(known),
        None if times is None else times[known],
    )
    return _of_model(p[known], part).model_copy(update={"choices": n})
