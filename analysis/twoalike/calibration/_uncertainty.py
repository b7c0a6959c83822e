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
    FEWEST_PEOPLE,
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
    times_by_entropy,
)
from twoalike.calibration._reliability import (
    Answers,
    Binned,
    CalibrationError,
    binned,
    brier_scores,
    error_of,
)
from twoalike.ceilings import Votes, votes_of
from twoalike.choice import entropy
from twoalike.evaluation import (
    CorrelationEstimate,
    Count,
    Interval,
    Judgments,
    Measured,
    NatsEstimate,
    Number,
    Quantity,
    Scored,
    Share,
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


class ReliabilityCurve(Measured):
    """Predicted probabilities in bins, against how often they came true."""

    edges: tuple[Number, ...]
    """Edges of the bins."""
    counts: tuple[Count, ...]
    """Predictions in each bin."""
    predicted: tuple[Share, ...]
    """Mean prediction of each bin with ten predictions or more."""
    observed: tuple[Share, ...]
    """Share of these that came true."""
    low: tuple[Number, ...]
    """Lower end of its interval (Wilson)."""
    high: tuple[Number, ...]
    """Upper end of its interval (Wilson)."""


class Curves(Measured):
    """Reliability curves of two kinds of predictions."""

    all: ReliabilityCurve
    """Of all answers."""
    top: ReliabilityCurve
    """Of the likeliest answer."""


class CalibrationErrors(Measured):
    """Calibration errors of three kinds of bins."""

    top: CalibrationError
    """Of the likeliest answer, bins of equal width."""
    top_equal_counts: CalibrationError | None = None
    """Of the likeliest answer, bins with as many predictions each."""
    all: CalibrationError | None = None
    """Of all answers."""


class Calibration(Measured):
    """Whether predicted probabilities come true as often as they say."""

    curve: Curves | None = None
    """Reliability curves."""
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


class WithinPeople(Measured):
    """Each participant's own rank correlation over their trials."""

    n_of = "participants"
    spearman: CorrelationEstimate
    """Mean over participants; the interval is over them (Student's t)."""
    participants: Count
    """Participants with ten response times or more."""


class WithTimes(Measured):
    """Rank correlations of entropy with log response times, participants' speed taken off."""

    triplets: Correlations | None = None
    """Over triplets, of mean times."""
    trials: Correlations | None = None
    """Over trials, within participants."""
    people: WithinPeople | None = None
    """Over the trials of each participant."""


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
    levels_data: dict[str, float]
    """The published figures."""


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
        no_person = np.zeros(self.m, dtype=np.int64)  # a triplet's votes are of several people
        rng = np.random.default_rng(self.seed)
        unique, _ = self.judged.numbers
        return TwoWayBootstrap(no_person, unique, rng, resamples=self.resamples)

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


def _calibration(p: Floats, context: Context) -> Calibration:
    first = 3 - context.judged.options  # the reference of an anchored choice is no answer
    p, chosen = p[:, first:], context.judged.chosen - first
    parts = {
        name: binned(p, chosen, bins=BINS, answers=answers, equal_counts=equal)
        for name, (answers, equal) in _BINNED.items()
    }
    errors = {name: error_of(part, context.trials) for name, part in parts.items()}
    return Calibration(
        curve=Curves(**{name: _curve(parts[name]) for name in ("all", "top")}),
        error=CalibrationErrors(**errors),
        brier=context.trials.interval(brier_scores(p, chosen)),
    )


def _curve(predictions: Binned) -> ReliabilityCurve:
    found = vars(predictions.reliability())
    return ReliabilityCurve(**{name: tuple(values.tolist()) for name, values in found.items()})


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
    return WithTimes(
        triplets=of_triplets,
        trials=of_trials,
        people=_within_people(each, centred, context, missing),
    )


def _within_people(
    each: Floats, centred: Floats, context: Context, missing: dict[str, str]
) -> WithinPeople | None:
    found = times_by_entropy(each, centred, context.judged.participants)
    if found is None:
        missing["response time of people"] = (
            f"needs {FEWEST_PEOPLE} participants with {FEWEST} response times or more"
        )
        return None
    return WithinPeople(spearman=found.spearman, participants=len(found.people))


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
        of_times = PeopleTimes(**found, levels_data=PUBLISHED_SPEARMAN)
    left_out: dict[str, Any] = {}
    if context.times is not None:
        limits = (SHORTEST_S, LONGEST_S)
        left_out = {"left_out_times": context.times.left_out, "implausible_times_s": limits}
    return PeopleUncertainty(entropy=of_votes, response_time=of_times, missing=missing, **left_out)


def uncertainty(
    scored: Sequence[Scored],
    judged: Judgments,
    boot: TwoWayBootstrap,
    rng: np.random.Generator,
    *,
    response_times: npt.ArrayLike | None = None,
    posterior: npt.ArrayLike | None = None,
    resamples: int = 1000,
) -> Uncertainty:
    """Calibration of models, and their uncertainty against people's and their response times.

    Parameters
    ----------
    scored
        The models' answers (:func:`twoalike.evaluation.score_choices`).
    response_times
        Seconds, NaN where missing, shape (n,).
    posterior
        Probability from a fitted posterior that each item is the odd one, shape (n, 3); NaN for
        triplets with objects that it does not know. They say something about new judgments only
        where it was not fitted to these.

    Returns
    -------
    Calibration of the models and of the posterior; their uncertainty, and people's. What cannot be
    measured is None, and ``missing`` beside it says why.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.array([rng.permutation(6)[:3] for _ in range(40)])
    >>> judged = Judgments(triplets, np.zeros(40, int), np.arange(40) % 4, tuple("abcdef"))
    >>> boot = TwoWayBootstrap(judged.participants, triplets, rng)
    >>> found = uncertainty([], judged, boot, rng, posterior=np.full((40, 3), 1 / 3))
    >>> round(found.posterior.calibration.brier.value, 3)
    0.667
    >>> found.people.missing["response_time"]
    'no response times'
    """
    times = None if response_times is None else np.asarray(response_times, dtype=np.float64)
    context = in_context(judged, boot, times, rng, resamples)
    missing: dict[str, str] = {}
    of_posterior = None
    if posterior is None:
        missing["posterior"] = "no probabilities from a posterior"
    else:
        of_posterior = _of_known(
            np.asarray(posterior, dtype=np.float64), context, times, rng, missing
        )
    with ThreadPoolExecutor() as pool:  # seconds of sorting each, for a million choices
        models = pool.map(lambda of: _of_model(of.probabilities, context), scored)
        people = _of_people(context)
    return Uncertainty(people=people, models=tuple(models), posterior=of_posterior, missing=missing)


def _of_known(
    p: Floats, context: Context, times: Times, rng: np.random.Generator, missing: dict[str, str]
) -> ModelUncertainty | None:
    """Uncertainty of a posterior on the choices among objects that it knows."""
    known = ~np.isnan(p).any(axis=1)
    if known.all():
        return _of_model(p, context)
    judged, n = context.judged, int(known.sum())
    if len(np.unique(judged.numbers[1][known])) < FEWEST:
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
        rng,
        context.resamples,
    )
    return _of_model(p[known], part).model_copy(update={"choices": n})
