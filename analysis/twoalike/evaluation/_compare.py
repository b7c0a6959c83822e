"""Several models side by side on the same judgments, as the content of ``results.json``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twoalike.evaluation._agreement import (
    accuracy_scores,
    choice_losses,
    cross_fitted_losses,
    fit_temperature,
)
from twoalike.evaluation._interval import Interval, TwoWayBootstrap
from twoalike.evaluation._kinds import triplet_kinds
from twoalike.evaluation._people import (
    mean_person,
    noise_ceiling,
    spearman_known,
    usable_people,
)
from twoalike.evaluation._similarity import Similarity, similarity_matrix, triplet_similarities
from twoalike.evaluation._structure import rho_a, upper
from twoalike.evaluation._structure_interval import structure_intervals
from twoalike.evaluation._subsets import by_subset
from twoalike.features import FeatureTable
from twoalike.judgments import RdmTable

type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A model to score.

    Attributes
    ----------
    name
        How the results call it.
    features
        One row an object.
    similarity
        How similarities come from the features.
    role
        ``ceiling`` for the true observer's embedding, where answers were simulated.
    temperature
        The choice temperature, where it is known; None to fit it.
    """

    name: str
    features: FeatureTable
    similarity: Similarity = "cosine"
    role: Literal["model", "ceiling"] = "model"
    temperature: float | None = None


@dataclass(frozen=True)
class Judgments:
    """Odd-one-out choices as arrays.

    Attributes
    ----------
    triplets
        Objects shown, indices into ``ids``, shape (n, 3).
    chosen
        Place of the odd one in 0..2, shape (n,).
    participants
        Participant of each choice, 0..P-1, shape (n,).
    ids
        Object ids.
    groups
        Names of subsets of the choices -> for each choice the subset it is in ("" for none),
        shape (n,); such as ``level`` -> coarse, fine, boundary.
    """

    triplets: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    participants: npt.NDArray[np.int64]
    ids: tuple[str, ...]
    groups: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)

    def with_labels(self, labels: Mapping[str, Sequence[str]]) -> "Judgments":
        """Add a group a level of labels (m of them): within, boundary and between its classes."""
        kinds = {level: triplet_kinds(of, self.triplets) for level, of in labels.items()}
        return Judgments(
            self.triplets, self.chosen, self.participants, self.ids, {**self.groups, **kinds}
        )


def candidate_similarities(candidate: Candidate, judged: Judgments) -> Floats:
    """Pair similarities of the triplets judged, in PAIRS order, shape (n, 3).

    Raises
    ------
    TwoalikeError
        If the candidate has no features for a judged object.
    """
    used = np.zeros(len(judged.ids), dtype=bool)
    used[judged.triplets] = True
    values = candidate.features.select(
        [judged.ids[row] for row in np.flatnonzero(used)], candidate.name
    )
    triplets = (np.cumsum(used) - 1)[judged.triplets]
    return triplet_similarities(values, triplets, candidate.similarity)


def candidate_scores(
    candidate: Candidate, judged: Judgments, rng: np.random.Generator
) -> tuple[Floats, Floats, float]:
    """Score each choice by a candidate.

    Parameters
    ----------
    candidate
        The model; its own temperature is used where it is known.
    judged
        Choices, n of them.
    rng
        Source of the halves of triplets for the temperature.

    Returns
    -------
    Accuracy (ties 1/k) and log-loss, shape (n,) each, and the temperature fitted to all choices.

    Raises
    ------
    TwoalikeError
        If the candidate has no features for a judged object.
    """
    similarities = candidate_similarities(candidate, judged)
    hits = accuracy_scores(similarities, judged.chosen)
    if candidate.temperature is not None:
        losses = choice_losses(similarities, judged.chosen, candidate.temperature)
        return hits, losses, candidate.temperature
    losses = cross_fitted_losses(similarities, judged.chosen, judged.triplets, rng)
    return hits, losses, fit_temperature(similarities, judged.chosen)


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
    candidates: Sequence[Candidate],
    judged: Judgments,
    rng: np.random.Generator,
    *,
    resamples: int = 2000,
) -> list[dict[str, Any]]:
    """Score every candidate on the same choices.

    Returns
    -------
    One dictionary a candidate: ``accuracy`` and ``log_loss`` with intervals, ``temperature``,
    ``difference`` to the first candidate (paired on the same resamples), ``gap_closed`` between
    the first candidate and a ceiling, if there is one, and ``groups``.

    Raises
    ------
    TwoalikeError
        If a candidate has no features for a judged object.
    ValueError
        If there are fewer than two different triplets.
    """
    split, draws = rng.spawn(2)
    half = int(split.integers(2**63))  # the same halves for every candidate
    scored = [candidate_scores(c, judged, np.random.default_rng(half)) for c in candidates]
    boot = TwoWayBootstrap(judged.participants, judged.triplets, draws, resamples=resamples)
    ceilings = [s[0] for c, s in zip(candidates, scored, strict=True) if c.role == "ceiling"]
    base_hits, base_losses, _ = scored[0]
    results: list[dict[str, Any]] = []
    for number, (candidate, (hits, losses, temperature)) in enumerate(
        zip(candidates, scored, strict=True)
    ):
        is_model = number > 0 and candidate.role == "model"
        gap = _gap_closed(boot, hits, base_hits, ceilings[0]) if is_model and ceilings else None
        difference = {
            "to": candidates[0].name,
            "accuracy": boot.interval(hits - base_hits).as_dict(),
            "log_loss": boot.interval(losses - base_losses).as_dict(),
        }
        results.append(
            {
                "accuracy": boot.interval(hits).as_dict(),
                "log_loss": boot.interval(losses).as_dict(),
                "temperature": {
                    "value": temperature,
                    "fitted": candidate.temperature is None,
                },
                "difference": difference if number else None,
                "gap_closed": gap.as_dict() if gap else None,
            }
        )
    scores = [(hits, losses) for hits, losses, _ in scored]
    for name, subset_of in judged.groups.items():
        for result, subsets in zip(results, by_subset(scores, subset_of, boot), strict=True):
            result.setdefault("groups", {})[name] = subsets
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
        If a candidate has no features for one of the objects, or people have too few pairs in
        common.
    """
    ids = rdm.ids or ()
    models = [-similarity_matrix(c.features.select(ids, c.name), c.similarity) for c in candidates]
    usable = usable_people(upper(rdm.values))
    squares = rdm.values[usable]
    values, gains = structure_intervals(models, squares, rng)
    people = upper(squares)
    mean = mean_person(people)
    judged = ~np.isnan(mean)
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
