"""Several models side by side on the same judgments, over all of them and in parts.

Parts are levels, categories and participants. A model has one temperature for all
(:func:`~twoalike.evaluation.score_choices`), so that the log-losses of the parts average to that of
the whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from twoalike.evaluation._choices import Candidate, Scored, similarity_matrix
from twoalike.evaluation._clusters import TwoWayBootstrap
from twoalike.evaluation._estimates import (
    Correlation,
    CorrelationEstimate,
    Count,
    Estimate,
    Interval,
    Measured,
    NatsEstimate,
    Quantity,
    ShareEstimate,
    wilson_interval,
)
from twoalike.evaluation._judgments import KINDS, Judgments
from twoalike.evaluation._structure import (
    NoiseCeiling,
    jackknife_covariance,
    mean_person,
    noise_ceiling,
    paired_intervals,
    rho_a,
    spearman_known,
    structure_jackknives,
    upper,
    usable_people,
)
from twoalike.judgments import RdmTable
from twoalike.study import Booleans, Floats, Integers, TwoalikeError


@dataclass(frozen=True)
class OpenInterval:
    """An estimate whose interval is not known where there is a single choice."""

    value: float
    low: float | None
    high: float | None


class SubsetScores(Measured):
    """Scores of a network on some of the choices."""

    n_of = "choices"
    choices: Count
    """Choices scored."""
    accuracy: ShareEstimate
    """Odd-one-out accuracy; a tie of k counts 1/k."""
    log_loss: NatsEstimate | None = None
    """Mean log-loss."""


class PersonScores(Measured):
    """Scores of a network on the choices of one participant."""

    n_of = "choices"
    choices: Count
    """Choices scored."""
    accuracy: ShareEstimate
    """Odd-one-out accuracy, with Wilson's interval."""
    log_loss: Annotated[OpenInterval, Quantity("nats", 0)]
    """Mean log-loss, with Student's interval; no interval for a single choice."""


class Temperature(Measured):
    """The choice temperature of a network."""

    value: Annotated[float, Quantity("similarity", 0)]
    """Fitted to all choices, or that of the simulated observer."""
    fitted: bool
    """Whether it was fitted."""


class ChoiceDifference(Measured):
    """Scores minus those of the first network, paired on the same choices."""

    to: str | None = None
    """Name of the first network."""
    accuracy: Annotated[Interval, Quantity("share", -1, 1)] | None = None
    """Difference of accuracies."""
    log_loss: Annotated[Interval, Quantity("nats")] | None = None
    """Difference of log-losses."""


class ChoiceScores(Measured):
    """Agreement of one network with people's choices."""

    accuracy: ShareEstimate | None
    """Odd-one-out accuracy; a tie of k counts 1/k."""
    log_loss: NatsEstimate | None
    """Mean log-loss, at the temperature fitted to the other half of the triplets."""
    temperature: Temperature | None
    """Choice temperature."""
    difference: ChoiceDifference | None
    """Difference to the first network; null for that one."""
    gap_closed: Estimate | None
    """Share of the way from the first network to the ceiling, where there is one."""
    groups: dict[str, dict[str, SubsetScores]]
    """Group (level, or level of labels) -> subset -> scores."""


class PerPerson(Measured):
    """Rank correlations with single participants."""

    mean: Correlation
    """Mean over participants."""
    values: tuple[Correlation, ...] = ()
    """That with each participant."""


class PeopleDifference(Measured):
    """Correlation minus that of the first network."""

    to: str | None = None
    """Name of the first network."""
    spearman: Annotated[Interval, Quantity("correlation", -2, 2)] | None = None
    """Difference of Spearman's correlations."""


class PeopleScores(Measured):
    """Rank correlation of one network's dissimilarities with people's."""

    spearman: CorrelationEstimate
    """Spearman's, with the mean person."""
    rho_a: Correlation | None = None
    """With the mean person, ties broken at random (doi:10.7554/eLife.82566)."""
    per_person: PerPerson
    """Spearman's, with each participant."""
    difference: PeopleDifference | None = None
    """Difference to the first network; null for that one."""


class People(Measured):
    """People's dissimilarities, and how far they agree with each other."""

    n_of = "participants"
    participants: Count
    """Participants with enough pairs in common."""
    objects: Count
    """Objects."""
    pairs: Count | None = None
    """Pairs that somebody judged."""
    left_out: dict[str, Count] = {}
    """Participants with too few common pairs; pairs that nobody judged."""
    ceiling: NoiseCeiling | None
    """Mean Spearman correlation of a participant with the mean ranks of the others (lower) and of
    all (upper); null for one participant."""
    source: Literal["arrangements", "rdm"] | None = None
    """What the dissimilarities come from."""


def _parts(
    scores: Sequence[tuple[Floats, Floats]],
    subsets: Iterable[tuple[str, Booleans]],
    boot: TwoWayBootstrap,
) -> list[dict[str, SubsetScores]]:
    """Mean scores of every model within each subset of the choices that is not empty."""
    results: list[dict[str, SubsetScores]] = [{} for _ in scores]
    for name, rows in subsets:
        if not rows.any():
            continue
        part = boot.within(rows)  # once for all models: it is most of the work
        for result, (hits, losses) in zip(results, scores, strict=True):
            result[name] = SubsetScores(
                choices=int(rows.sum()),
                accuracy=part.interval(hits[rows]).within(0.0, 1.0),
                log_loss=part.interval(losses[rows]),
            )
    return results


def by_subset(
    scores: Sequence[tuple[Floats, Floats]], subset_of: npt.NDArray[np.str_], boot: TwoWayBootstrap
) -> list[dict[str, SubsetScores]]:
    """Accuracy and log-loss within each subset, such as each level of abstraction.

    Of each model (``scores``) the accuracy and log-loss of each choice, (n,) each; ``subset_of``
    names the subset of each choice, "" for none. Levels and kinds of triplets come in their usual
    order.
    """
    subsets = ((name, subset_of == name) for name in subset_names(subset_of))
    return _parts(scores, subsets, boot)


def subset_names(subset_of: npt.NDArray[np.str_]) -> list[str]:
    """Names of the subsets, levels and kinds of triplets in their usual order."""
    order = {name: place for place, name in enumerate(("coarse", "fine", *KINDS))}
    names = set(np.unique(subset_of).tolist()) - {""}
    return sorted(names, key=lambda name: (order.get(name, 9), name))


def by_category(
    scores: Sequence[tuple[Floats, Floats]],
    triplets: Integers,
    labels: Sequence[str],
    boot: TwoWayBootstrap,
) -> list[dict[str, SubsetScores]]:
    """Accuracy and log-loss of the choices in which a category occurs.

    A choice counts, once, for every category that has at least one of its three objects; most
    choices count for several. Which object was called odd does not matter: choices in which a
    category's object was odd would be selected by their outcome.

    Parameters
    ----------
    scores
        Of each model the accuracy and the log-loss of each choice, shape (n,) each.
    triplets
        Objects shown, 0..m-1, shape (n, 3).
    labels
        Category of each object, "" for none, length m.
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    shown = codes[triplets]
    subsets = ((str(name), (shown == code).any(axis=1)) for code, name in enumerate(names) if name)
    return _parts(scores, subsets, boot)


def by_participant(
    hits: Floats, losses: Floats, participants: Integers, names: Sequence[str]
) -> dict[str, PersonScores]:
    """Accuracy and log-loss of each participant's choices, of those who chose.

    The intervals are those of the participant's own choices (Wilson's for the accuracy, Student's
    t for the log-loss; None for one choice): what more choices of this person would give.

    Examples
    --------
    >>> scores = np.array([1.0, 1.0, 0.0])
    >>> found = by_participant(scores, scores, np.array([1, 1, 0]), ["p01", "p02"])
    >>> found["p02"].choices, found["p02"].accuracy.value
    (2, 1.0)
    """
    n = np.bincount(participants, minlength=len(names))
    count = np.maximum(n, 1)
    correct, total, squares = (
        np.bincount(participants, weights=values, minlength=len(names))
        for values in (hits, losses, losses**2)
    )
    low, high = wilson_interval(correct, count)
    mean = total / count
    free = np.maximum(n - 1, 1)
    variance = np.maximum(squares - count * mean**2, 0) / free
    half = stdtrit(free, 0.975) * np.sqrt(variance / count)
    result: dict[str, PersonScores] = {}
    for person in np.flatnonzero(n).tolist():
        share = float(correct[person] / n[person])
        value, reach = float(mean[person]), float(half[person])
        ends = (value - reach, value + reach) if n[person] > 1 else (None, None)
        result[names[person]] = PersonScores(
            choices=int(n[person]),
            accuracy=Interval(share, float(low[person]), float(high[person])),
            log_loss=OpenInterval(value, *ends),
        )
    return result


_SAME = 1e-12


def _gap_closed(
    boot: TwoWayBootstrap, own: Floats, base: Floats, ceiling: Floats
) -> Interval | None:
    """Share of the way from the base to the ceiling, by linearising the ratio of the means."""
    gap = float((ceiling - base).mean())
    if gap <= 0:
        return None
    share = float((own - base).mean()) / gap
    return boot.interval(((own - base) - share * (ceiling - base)) / gap, share)


def compare_choices(
    scored: Sequence[Scored], judged: Judgments, boot: TwoWayBootstrap
) -> list[ChoiceScores]:
    """Scores of every model on the same choices, in their order."""
    ceilings = [of.hits for of in scored if of.candidate.role == "ceiling"]
    base = scored[0]
    results: list[ChoiceScores] = []
    groups = _by_group(scored, judged, boot)
    for number, of in enumerate(scored):
        is_model = number > 0 and of.candidate.role == "model"
        gap = _gap_closed(boot, of.hits, base.hits, ceilings[0]) if is_model and ceilings else None
        difference = ChoiceDifference(
            to=base.candidate.name,
            accuracy=boot.interval(of.hits - base.hits),
            log_loss=boot.interval(of.losses - base.losses),
        )
        fitted = of.candidate.temperature is None
        results.append(
            ChoiceScores(
                accuracy=boot.interval(of.hits).within(0.0, 1.0),
                log_loss=boot.interval(of.losses),
                temperature=Temperature(value=of.temperature, fitted=fitted),
                difference=difference if number else None,
                gap_closed=gap,
                groups=groups[number],
            )
        )
    return results


def _by_group(
    scored: Sequence[Scored], judged: Judgments, boot: TwoWayBootstrap
) -> list[dict[str, dict[str, SubsetScores]]]:
    """Scores of every model within each subset of each group of the judgments."""
    scores = [(of.hits, of.losses) for of in scored]
    found = {name: by_subset(scores, of, boot) for name, of in judged.groups.items()}
    return [{name: of[number] for name, of in found.items()} for number in range(len(scored))]


def compare_structure(
    candidates: Sequence[Candidate], rdm: RdmTable, rng: np.random.Generator
) -> tuple[People, list[PeopleScores]]:
    """Rank correlation of every candidate's dissimilarities with people's.

    Pairs that nobody judged (NaN) are left out, and so are people who have too few pairs in common
    with others for a unit; both are counted. Returns people's agreement with each other, and the
    scores of every candidate.
    """
    return joint_structure(candidates, rdm, rng)[:2]


def joint_structure(
    candidates: Sequence[Candidate], rdm: RdmTable, rng: np.random.Generator
) -> tuple[People, list[PeopleScores], Floats]:
    """:func:`compare_structure`, and the covariance of Spearman's correlations, shape (k, k)."""
    ids = rdm.ids or ()
    models = [-similarity_matrix(c.features.select(ids, c.name), c.similarity) for c in candidates]
    summary, usable = compare_people(rdm)
    squares = rdm.values[usable]
    jackknives = structure_jackknives(models, squares, rng)
    values, gains = paired_intervals(*jackknives)
    people = upper(squares)
    mean = mean_person(people)
    judged = ~np.isnan(mean)
    results = []
    for number, (model, value, gain) in enumerate(zip(models, values, gains, strict=True)):
        own = upper(model)
        each = [spearman_known(own, person) for person in people]
        difference = PeopleDifference(to=candidates[0].name, spearman=gain)
        results.append(
            PeopleScores(
                spearman=value,
                rho_a=rho_a(own[judged], mean[judged]),
                per_person=PerPerson(mean=float(np.mean(each)), values=tuple(each)),
                difference=difference if number else None,
            )
        )
    of_people, of_objects = map(jackknife_covariance, jackknives[1:])
    return summary, results, of_people + of_objects


def compare_people(rdm: RdmTable) -> tuple[People, Booleans]:
    """How far people's dissimilarities agree; and who is usable, shape (participants,)."""
    vectors = upper(rdm.values)
    usable = usable_people(vectors)
    people = vectors[usable]
    mean = mean_person(people)
    judged = ~np.isnan(mean)
    if np.ptp(mean[judged]) <= _SAME * np.abs(mean[judged]).max(initial=0.0):
        raise TwoalikeError(
            "dissimilarities: all pairs of objects are equally dissimilar; there is no order of "
            "them to agree with. Check the table."
        )
    return People(
        participants=len(people),
        objects=rdm.values.shape[-1],
        pairs=int(judged.sum()),
        left_out={"participants": int((~usable).sum()), "pairs": int((~judged).sum())},
        ceiling=noise_ceiling(people) if len(people) > 1 else None,
    ), usable
