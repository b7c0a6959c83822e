"""Everything on similarity structure, for several networks side by side."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import (
    Candidate,
    Correlation,
    CorrelationEstimate,
    Count,
    Interval,
    Measured,
    NotMeasurable,
    Number,
    People,
    PeopleDifference,
    PeopleScores,
    PerPerson,
    attempt,
    compare_structure,
    mean_person,
    similarity_matrix,
    upper,
    usable_people,
)
from twoalike.judgments import RdmTable
from twoalike.rsa._features import (
    DistanceChanges,
    NeighbourOverlap,
    debiased_cka,
    distance_changes,
    linear_cka,
    neighbour_overlap,
)
from twoalike.rsa._people import (
    PosteriorAgreement,
    dissimilarity_draws,
    posterior_agreement,
    tau_a,
    weighted_interval,
    whitened,
)
from twoalike.study import Floats

if TYPE_CHECKING:
    from twoalike.embedding import Posterior


type Agreement = tuple[People, Sequence[PeopleScores]]

NEIGHBOURS = 10
_FEWEST_OBJECTS = 4


class StructureScores(Measured):
    """Similarity structure of one network, beside people's and that of the first network."""

    name: str
    """Network."""
    spearman: CorrelationEstimate | None = None
    """Spearman's, with the mean person."""
    rho_a: Correlation | None = None
    """With the mean person, ties broken at random."""
    tau_a: Correlation | None = None
    """Kendall's, with the mean person."""
    whitened: Correlation | None = None
    """With the mean person, after removing how errors of pairs with a common object covary
    (doi:10.51628/001c.27664)."""
    weighted_spearman: CorrelationEstimate | None = None
    """Spearman's, pairs weighted by the evidence that arrangements give."""
    per_person: PerPerson | None = None
    """Spearman's, with each participant."""
    difference: PeopleDifference | None = None
    """To the first network."""
    posterior: PosteriorAgreement | None
    """Agreement with a fitted embedding."""
    cka: Number | None
    """Linear CKA with the features of the first network."""
    debiased_cka: Number | None
    """The same with unbiased estimators; about 0 for unrelated features."""
    neighbours: NeighbourOverlap | None
    """Nearest neighbours that both networks have."""
    distances: DistanceChanges | None
    """How distances changed."""
    missing: dict[str, str] = {}
    """What could not be measured -> why."""


class Structure(Measured):
    """Similarity structure of networks side by side."""

    reference: str
    """Name of the first network."""
    objects: Count
    """Objects whose features are compared with its."""
    people: People | None = None
    """People's dissimilarities."""
    models: tuple[StructureScores, ...]
    """Networks."""


@dataclass(frozen=True, eq=False)
class _WithPeople:
    """Dissimilarities of a network, and of P people, with the evidence on these, (P, pairs)."""

    own: Floats
    mean: Floats
    people: Floats
    evidence: Floats | None

    def weighted(self) -> Interval:
        """Correlation with the evidence-weighted mean person, pairs weighted by all evidence."""
        if self.evidence is None:
            raise NotMeasurable("the evidence on the pairs is not known")
        target = mean_person(self.people, self.evidence)
        total = np.where(np.isnan(self.people), 0.0, self.evidence).sum(axis=0)
        known = ~np.isnan(target) & (total > 0)
        m = round((1 + np.sqrt(1 + 8 * len(known))) / 2)
        rows, columns = (side[known] for side in np.triu_indices(m, 1))
        return weighted_interval(self.own[known], target[known], total[known], rows, columns)


@dataclass(frozen=True, eq=False)
class _WithReference:
    """Features of the same objects in the reference and in another network."""

    before: npt.NDArray[np.float32]
    after: npt.NDArray[np.float32]
    labels: Mapping[str, Sequence[str]]
    seed: int

    def distances(self) -> DistanceChanges:
        """Change of distances; centred cosine, whatever a network is scored with."""
        rng = np.random.default_rng(self.seed)  # the same resamples for every network
        return distance_changes(self.before, self.after, self.labels, rng)


WITH_PEOPLE: dict[str, Callable[[_WithPeople], Any]] = {
    "tau_a": lambda of: tau_a(of.own, of.mean),
    "whitened": lambda of: whitened(of.own, of.mean),
    "weighted_spearman": _WithPeople.weighted,
}
"""Measures of a network against people, beside those of ``compare_structure``."""
WITH_REFERENCE: dict[str, Callable[[_WithReference], Any]] = {
    "cka": lambda of: linear_cka(of.before, of.after),
    "debiased_cka": lambda of: debiased_cka(of.before, of.after),
    "neighbours": lambda of: neighbour_overlap(of.before, of.after, NEIGHBOURS),
    "distances": _WithReference.distances,
}
"""Measures of a network against the first one."""


def structure(
    candidates: Sequence[Candidate],
    rng: np.random.Generator,
    *,
    rdm: RdmTable | None = None,
    evidence: Floats | None = None,
    agreement: Agreement | None = None,
    posterior: "Posterior | None" = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    ids: Sequence[str] | None = None,
) -> Structure:
    """Compare networks with people's dissimilarities, a posterior's, and the first network.

    Parameters
    ----------
    candidates
        The networks; the first is the reference, as it was before alignment.
    rdm
        People's dissimilarities with object ids; NaN where a person did not judge a pair.
    evidence
        Evidence on each of them, shape (participants, m, m), as
        :func:`~twoalike.rsa.arranged_rdms` gives it: people's mean and the correlation are
        weighted by it.
    agreement
        Result of :func:`twoalike.evaluation.compare_structure` for these candidates and ``rdm``;
        worked out here unless given.
    posterior
        A fitted embedding; compared over those of its objects that every candidate has.
    labels
        Level -> object id -> label, for the change of distances.
    ids
        Objects whose features are compared with the reference's; all that every candidate has by
        default.

    Returns
    -------
    What is not known is None, and the network's ``missing`` says why.
    """
    seed = int(rng.spawn(2)[1].integers(2**63))
    missing: list[dict[str, str]] = [{} for _ in candidates]
    found: list[dict[str, Any]] = [{"name": candidate.name} for candidate in candidates]
    if rdm is not None:
        people, scores = agreement or compare_structure(candidates, rdm)
        for of, more in zip(found, _people(candidates, rdm, evidence, missing), strict=True):
            of.update(more)
        for of, score in zip(found, scores, strict=True):
            of.update(dict(score))
    names = ("spearman", "rho_a", "per_person", *WITH_PEOPLE)
    known = ids or _common(candidates)
    first = candidates[0].features.select(known, candidates[0].name)
    by_level = {level: [of.get(name, "") for name in known] for level, of in (labels or {}).items()}
    for candidate, of, reasons in zip(candidates, found, missing, strict=True):
        if rdm is None:
            reasons.update(dict.fromkeys(names, "there are no people's dissimilarities"))
        own = candidate.features.select(known, candidate.name)
        beside = _WithReference(first, own, by_level, seed)
        reason = _no_reference(candidate is candidates[0], len(known))
        for name, measure in WITH_REFERENCE.items():
            of[name] = None if reason else attempt(reasons, name, partial(measure, beside))
        reasons.update(dict.fromkeys(WITH_REFERENCE, reason) if reason else {})
        if of["distances"]:
            kinds = of["distances"].missing.items()
            reasons.update({f"distances, {kind}": why for kind, why in kinds})
    with_posterior = _posterior(candidates, posterior, missing)
    models = [
        StructureScores(**of, posterior=drawn, missing=reasons)
        for of, drawn, reasons in zip(found, with_posterior, missing, strict=True)
    ]
    return Structure(
        reference=candidates[0].name,
        objects=len(known),
        people=people if rdm is not None else None,
        models=tuple(models),
    )


def _no_reference(is_reference: bool, objects: int) -> str:
    """Why a network is not compared with the reference; empty if it is."""
    if is_reference:
        return "this is the reference"
    if objects < _FEWEST_OBJECTS:
        return f"needs features of {_FEWEST_OBJECTS} common objects, has {objects}"
    return ""


def _common(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Objects of all networks, in the order of the reference."""
    common = set.intersection(*(set(candidate.features.ids) for candidate in candidates))
    return tuple(name for name in candidates[0].features.ids if name in common)


def _dissimilarities(candidate: Candidate, ids: Sequence[str]) -> Floats:
    values = candidate.features.select(ids, candidate.name)
    return -similarity_matrix(values, candidate.similarity)


def _people(
    candidates: Sequence[Candidate],
    rdm: RdmTable,
    evidence: Floats | None,
    missing: Sequence[dict[str, str]],
) -> Iterator[dict[str, Any]]:
    """Agreement with people by further definitions; the means are over the same people."""
    vectors = upper(rdm.values)
    usable = usable_people(vectors)
    mean = mean_person(vectors[usable])
    weights = None if evidence is None else upper(evidence[usable])
    for candidate, reasons in zip(candidates, missing, strict=True):
        own = upper(_dissimilarities(candidate, rdm.ids or ()))
        of = _WithPeople(own, mean, vectors[usable], weights)
        yield {name: attempt(reasons, name, partial(m, of)) for name, m in WITH_PEOPLE.items()}


def _posterior(
    candidates: Sequence[Candidate],
    posterior: "Posterior | None",
    missing: Sequence[dict[str, str]],
) -> Sequence[PosteriorAgreement | None]:
    reason = "there is no posterior"
    if posterior is not None:
        common = set(_common(candidates))
        ids = [name for name in posterior.ids if name in common]
        if len(ids) >= _FEWEST_OBJECTS:
            models = [_dissimilarities(candidate, ids) for candidate in candidates]
            return posterior_agreement(models, dissimilarity_draws(posterior, ids))
        reason = (
            f"needs features of {_FEWEST_OBJECTS} objects of the posterior, has those of "
            f"{len(ids)} of {len(posterior.ids)}"
        )
    for reasons in missing:
        reasons["posterior"] = reason
    return [None for _ in candidates]
