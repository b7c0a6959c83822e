"""Several models side by side on the same judgments, as the content of ``results.json``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.evaluation._interval import Interval, TwoWayBootstrap
from twoalike.evaluation._judgments import Judgments
from twoalike.evaluation._people import (
    mean_person,
    noise_ceiling,
    spearman_known,
    usable_people,
)
from twoalike.evaluation._scores import Candidate, Scored
from twoalike.evaluation._similarity import similarity_matrix
from twoalike.evaluation._structure import rho_a, upper
from twoalike.evaluation._structure_interval import structure_intervals
from twoalike.evaluation._subsets import by_subset
from twoalike.judgments import RdmTable
from twoalike.study import TwoalikeError

type Floats = npt.NDArray[np.float64]

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
