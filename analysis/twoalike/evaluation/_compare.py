"""Several models side by side on the same judgments, over all of them and in parts.

Parts are levels, categories and participants. A model has one temperature for all
(:func:`~twoalike.evaluation.score_choices`), so that the log-losses of the parts average to that of
the whole.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from twoalike.evaluation._calibration import wilson_interval
from twoalike.evaluation._choices import Candidate, Scored, similarity_matrix
from twoalike.evaluation._interval import Interval, TwoWayBootstrap
from twoalike.evaluation._judgments import KINDS, Judgments
from twoalike.evaluation._structure import (
    mean_person,
    noise_ceiling,
    rho_a,
    spearman_known,
    structure_intervals,
    upper,
    usable_people,
)
from twoalike.judgments import RdmTable
from twoalike.study import Booleans, Floats, Integers, TwoalikeError


def _parts(
    scores: Sequence[tuple[Floats, Floats]],
    subsets: Iterable[tuple[str, Booleans]],
    boot: TwoWayBootstrap,
) -> list[dict[str, dict[str, Any]]]:
    """Mean scores of every model within each subset of the choices that is not empty."""
    results: list[dict[str, dict[str, Any]]] = [{} for _ in scores]
    for name, rows in subsets:
        if not rows.any():
            continue
        part = boot.within(rows)  # once for all models: it is most of the work
        for result, (hits, losses) in zip(results, scores, strict=True):
            result[name] = {
                "choices": int(rows.sum()),
                "accuracy": part.interval(hits[rows]).within(0.0, 1.0).as_dict(),
                "log_loss": part.interval(losses[rows]).as_dict(),
            }
    return results


def by_subset(
    scores: Sequence[tuple[Floats, Floats]],
    subset_of: npt.NDArray[np.str_],
    boot: TwoWayBootstrap,
) -> list[dict[str, dict[str, Any]]]:
    """Accuracy and log-loss within each subset, such as each level of abstraction.

    Parameters
    ----------
    scores
        Of each model the accuracy and the log-loss of each choice, shape (n,) each.
    subset_of
        Subset of each choice, "" for none, shape (n,).
    boot
        Resamples of the choices: those of participants and objects.

    Returns
    -------
    Of each model: subset -> ``choices``, ``accuracy`` and ``log_loss``, the latter with 95 %
    intervals; levels and kinds of triplets in their usual order.
    """
    order = {name: place for place, name in enumerate(("coarse", "fine", *KINDS))}
    names = sorted(set(np.unique(subset_of).tolist()) - {""}, key=lambda n: (order.get(n, 9), n))
    return _parts(scores, ((name, subset_of == name) for name in names), boot)


def by_category(
    scores: Sequence[tuple[Floats, Floats]],
    triplets: Integers,
    labels: Sequence[str],
    boot: TwoWayBootstrap,
) -> list[dict[str, dict[str, Any]]]:
    """Accuracy and log-loss of the choices in which a category occurs.

    A choice counts, once, for every category that has at least one of its three objects; most
    choices count for several. Which object was called odd has no say in it: choices in which a
    category's object was odd would be selected by their outcome.

    Parameters
    ----------
    scores
        Of each model the accuracy and the log-loss of each choice, shape (n,) each.
    triplets
        Objects shown, 0..m-1, shape (n, 3).
    labels
        Category of each object, "" for none, length m.
    boot
        Resamples of the choices.

    Returns
    -------
    Of each model: category -> ``choices``, ``accuracy`` and ``log_loss``.

    Examples
    --------
    >>> triplets = np.array([[0, 1, 2], [1, 2, 3], [0, 1, 3]])
    >>> boot = TwoWayBootstrap(np.array([0, 1, 1]), triplets, np.random.default_rng(0))
    >>> hits = np.array([1.0, 0.0, 1.0])
    >>> found = by_category([(hits, hits)], triplets, ["cat", "cat", "fox", "owl"], boot)[0]
    >>> {name: (of["choices"], round(of["accuracy"]["value"], 2)) for name, of in found.items()}
    {'cat': (3, 0.67), 'fox': (2, 0.5), 'owl': (2, 0.5)}
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    shown = codes[triplets]
    subsets = ((str(name), (shown == code).any(axis=1)) for code, name in enumerate(names) if name)
    return _parts(scores, subsets, boot)


def by_participant(
    hits: Floats, losses: Floats, participants: Integers, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Accuracy and log-loss of each participant's choices.

    The intervals are those of the participant's own choices (Wilson's for the accuracy, Student's
    t for the log-loss; None for one choice): what more choices of this person would give.

    Parameters
    ----------
    hits, losses
        Scores of each choice, shape (n,) each.
    participants
        Participant of each choice, 0..P-1, shape (n,).
    names
        Participants' names, length P.

    Returns
    -------
    Participant -> ``choices``, ``accuracy`` and ``log_loss``, for those who chose.

    Examples
    --------
    >>> scores = np.array([1.0, 1.0, 0.0])
    >>> found = by_participant(scores, scores, np.array([1, 1, 0]), ["p01", "p02"])
    >>> found["p02"]["choices"], found["p02"]["accuracy"]["value"]
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
    result: dict[str, dict[str, Any]] = {}
    for person in np.flatnonzero(n).tolist():
        share = float(correct[person] / n[person])
        ends = float(mean[person] - half[person]), float(mean[person] + half[person])
        several = n[person] > 1
        loss: dict[str, float | None] = {"value": float(mean[person]), "low": None, "high": None}
        result[names[person]] = {
            "choices": int(n[person]),
            "accuracy": Interval(share, float(low[person]), float(high[person])).as_dict(),
            "log_loss": loss | ({"low": ends[0], "high": ends[1]} if several else {}),
        }
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
) -> list[dict[str, Any]]:
    """Set the scores of every model on the same choices side by side.

    Parameters
    ----------
    scored
        Scores of the models; the first is the one that the others are compared with.
    judged
        The choices.
    boot
        Resamples of them.

    Returns
    -------
    One dictionary a model: ``accuracy`` and ``log_loss`` with intervals, ``temperature``,
    ``difference`` to the first (paired on the same resamples), ``gap_closed`` between the first
    and a ceiling, if there is one, and ``groups``.
    """
    ceilings = [of.hits for of in scored if of.candidate.role == "ceiling"]
    base = scored[0]
    results: list[dict[str, Any]] = []
    for number, of in enumerate(scored):
        is_model = number > 0 and of.candidate.role == "model"
        gap = _gap_closed(boot, of.hits, base.hits, ceilings[0]) if is_model and ceilings else None
        difference = {
            "to": base.candidate.name,
            "accuracy": boot.interval(of.hits - base.hits).as_dict(),
            "log_loss": boot.interval(of.losses - base.losses).as_dict(),
        }
        fitted = of.candidate.temperature is None
        results.append(
            {
                "accuracy": boot.interval(of.hits).within(0.0, 1.0).as_dict(),
                "log_loss": boot.interval(of.losses).as_dict(),
                "temperature": {"value": of.temperature, "fitted": fitted},
                "difference": difference if number else None,
                "gap_closed": gap.as_dict() if gap else None,
                "groups": {},
            }
        )
    scores = [(of.hits, of.losses) for of in scored]
    for name, subset_of in judged.groups.items():
        for result, subsets in zip(results, by_subset(scores, subset_of, boot), strict=True):
            result["groups"][name] = subsets
    return results


def compare_structure(
    candidates: Sequence[Candidate], rdm: RdmTable, rng: np.random.Generator
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Rank correlation of every candidate's dissimilarities with people's.

    Pairs that nobody judged are left out, and so are people who have too few pairs in common
    with others for a unit; both are counted.

    Parameters
    ----------
    candidates
        The models.
    rdm
        People's dissimilarities, with object ids; NaN where a person did not judge a pair.
    rng
        Source of the groups of objects that the jackknife leaves out.

    Returns
    -------
    What the people say of each other (``participants``, ``objects``, ``pairs`` judged by
    somebody, ``left_out``, ``ceiling``), and for every candidate ``spearman`` (against the mean
    person, with an interval), ``rho_a``, ``per_person`` (mean, and every person's Spearman over
    the pairs that person judged) and ``difference`` to the first.

    Raises
    ------
    TwoalikeError
        If a candidate has no features for one of the objects, people have too few pairs in
        common, or all pairs are equally dissimilar to them.
    """
    ids = rdm.ids or ()
    models = [-similarity_matrix(c.features.select(ids, c.name), c.similarity) for c in candidates]
    usable = usable_people(upper(rdm.values))
    squares = rdm.values[usable]
    values, gains = structure_intervals(models, squares, rng)
    people = upper(squares)
    mean = mean_person(people)
    judged = ~np.isnan(mean)
    if np.ptp(mean[judged]) <= _SAME * np.abs(mean[judged]).max(initial=0.0):
        raise TwoalikeError(
            "dissimilarities: all pairs of objects are equally dissimilar; there is no order of "
            "them to agree with. Check the table."
        )
    results = []
    for number, (model, value, gain) in enumerate(zip(models, values, gains, strict=True)):
        own = upper(model)
        each = [spearman_known(own, person) for person in people]
        difference = {"to": candidates[0].name, "spearman": gain.as_dict()}
        results.append(
            {
                "spearman": value.as_dict(),
                "rho_a": rho_a(own[judged], mean[judged]),
                "per_person": {"mean": float(np.mean(each)), "values": each},
                "difference": difference if number else None,
            }
        )
    ceiling = noise_ceiling(people) if len(people) > 1 else None
    summary = {
        "participants": len(people),
        "objects": len(ids),
        "pairs": int(judged.sum()),
        "left_out": {"participants": int((~usable).sum()), "pairs": int((~judged).sum())},
        "ceiling": {"lower": ceiling.lower, "upper": ceiling.upper} if ceiling else None,
    }
    return summary, results
