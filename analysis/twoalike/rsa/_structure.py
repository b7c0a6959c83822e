"""Everything on similarity structure, for several networks side by side."""

from collections.abc import Mapping, Sequence
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
    Number,
    People,
    PeopleDifference,
    PeopleScores,
    PerPerson,
    compare_structure,
    mean_person,
    similarity_matrix,
    upper,
    usable_people,
)
from twoalike.judgments import RdmTable
from twoalike.rsa._features import (
    MOST_OBJECTS,
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
    whitening_problem,
)
from twoalike.study import Floats

if TYPE_CHECKING:
    from twoalike.embedding import Posterior


type Missing = dict[str, str]
type Agreement = tuple[People, Sequence[PeopleScores]]

NEIGHBOURS = 10
_FEWEST_OBJECTS = 4
_WITH_PEOPLE = ("spearman", "rho_a", "tau_a", "whitened", "weighted_spearman", "per_person")
_WITH_REFERENCE = ("cka", "debiased_cka", "neighbours", "distances")


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

    n_of = "objects"
    reference: str
    """Name of the first network."""
    objects: Count
    """Objects whose features are compared with its."""
    people: People | None = None
    """People's dissimilarities."""
    models: tuple[StructureScores, ...]
    """Networks."""


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
    shared = _objects(candidates, ids)
    on_people, on_distances = rng.spawn(2)
    seed = int(on_distances.integers(2**63))  # the same resamples for every candidate
    missing: list[Missing] = [{} for _ in candidates]
    if rdm is not None and agreement is None:
        agreement = compare_structure(candidates, rdm, on_people)
    people, with_people = _people(candidates, rdm, evidence, agreement, missing)
    with_posterior = _posterior(candidates, posterior, missing)
    models = []
    for number, candidate in enumerate(candidates):
        same = np.random.default_rng(seed)
        changed = _against(candidates[0], candidate, shared, labels, same, missing[number])
        about = {"name": candidate.name, **with_people[number], "posterior": with_posterior[number]}
        models.append(StructureScores(**about, **changed, missing=missing[number]))
    return Structure(
        reference=candidates[0].name, objects=len(shared), people=people, models=tuple(models)
    )


def _objects(candidates: Sequence[Candidate], ids: Sequence[str] | None) -> tuple[str, ...]:
    """Objects to compare features of, in the order of the reference."""
    if ids is not None:
        return tuple(ids)
    common = set.intersection(*(set(candidate.features.ids) for candidate in candidates))
    return tuple(name for name in candidates[0].features.ids if name in common)


def _dissimilarities(candidate: Candidate, ids: Sequence[str]) -> Floats:
    values = candidate.features.select(ids, candidate.name)
    return -similarity_matrix(values, candidate.similarity)


def _people(
    candidates: Sequence[Candidate],
    rdm: RdmTable | None,
    evidence: Floats | None,
    agreement: Agreement | None,
    missing: list[Missing],
) -> tuple[People | None, list[dict[str, Any]]]:
    """Agreement with people, by every definition; the means are over the same people."""
    if rdm is None or agreement is None:
        for reasons in missing:
            reasons.update(dict.fromkeys(_WITH_PEOPLE, "there are no people's dissimilarities"))
        return None, [dict.fromkeys((*_WITH_PEOPLE, "difference")) for _ in candidates]
    people, scores = agreement
    vectors = upper(rdm.values)
    usable = usable_people(vectors)
    target = mean_person(vectors[usable])
    weights = None if evidence is None else upper(evidence[usable])
    results = []
    for candidate, score, reasons in zip(candidates, scores, missing, strict=True):
        own = upper(_dissimilarities(candidate, rdm.ids or ()))
        problem = whitening_problem(own, target)
        if problem:
            reasons["whitened"] = problem
        more = {
            "tau_a": tau_a(own, target),
            "whitened": None if problem else whitened(own, target),
            "weighted_spearman": _weighted(own, vectors[usable], weights, len(rdm.ids or ())),
        }
        if weights is None:
            reasons["weighted_spearman"] = "the evidence on the pairs is not known"
        results.append({**dict(score), **more})
    return people, results


def _weighted(
    own: Floats, vectors: Floats, weights: Floats | None, n_objects: int
) -> Interval | None:
    """Correlation with the evidence-weighted mean person, pairs weighted by all the evidence."""
    if weights is None:
        return None
    target = mean_person(vectors, weights)
    total = np.where(np.isnan(vectors), 0.0, weights).sum(axis=0)
    known = ~np.isnan(target) & (total > 0)
    rows, columns = (side[known] for side in np.triu_indices(n_objects, 1))
    return weighted_interval(own[known], target[known], total[known], rows, columns)


def _posterior(
    candidates: Sequence[Candidate], posterior: "Posterior | None", missing: list[Missing]
) -> Sequence[PosteriorAgreement | None]:
    if posterior is None:
        for reasons in missing:
            reasons["posterior"] = "there is no posterior"
        return [None for _ in candidates]
    common = set(_objects(candidates, None))
    ids = [name for name in posterior.ids if name in common]
    if len(ids) < _FEWEST_OBJECTS:
        for reasons in missing:
            reasons["posterior"] = (
                f"needs features of {_FEWEST_OBJECTS} objects of the posterior, has those of "
                f"{len(ids)} of {len(posterior.ids)}"
            )
        return [None for _ in candidates]
    models = [_dissimilarities(candidate, ids) for candidate in candidates]
    return posterior_agreement(models, dissimilarity_draws(posterior, ids))


def _against(
    reference: Candidate,
    candidate: Candidate,
    ids: Sequence[str],
    labels: Mapping[str, Mapping[str, str]] | None,
    rng: np.random.Generator,
    missing: Missing,
) -> dict[str, Any]:
    """Compare a network's features with the reference's."""
    if candidate is reference:
        missing.update(dict.fromkeys(_WITH_REFERENCE, "this is the reference"))
        return dict.fromkeys(_WITH_REFERENCE)
    if len(ids) < _FEWEST_OBJECTS:
        reason = f"needs features of {_FEWEST_OBJECTS} common objects, has {len(ids)}"
        missing.update(dict.fromkeys(_WITH_REFERENCE, reason))
        return dict.fromkeys(_WITH_REFERENCE)
    before, after = (one.features.select(ids, one.name) for one in (reference, candidate))
    result: dict[str, Any] = {}
    for name, function in (("cka", linear_cka), ("debiased_cka", debiased_cka)):
        value = function(before, after)
        result[name] = None if np.isnan(value) else value
        if np.isnan(value):
            missing[name] = "the features vary no more than noise does"
    result["neighbours"] = None
    if len(ids) > NEIGHBOURS + 1:
        result["neighbours"] = neighbour_overlap(before, after, NEIGHBOURS)
    else:
        missing["neighbours"] = f"needs more than {NEIGHBOURS + 1} objects, has {len(ids)}"
    result["distances"] = _changes(before, after, ids, labels, rng, missing)
    return result


def _changes(
    before: npt.NDArray[np.float32],
    after: npt.NDArray[np.float32],
    ids: Sequence[str],
    labels: Mapping[str, Mapping[str, str]] | None,
    rng: np.random.Generator,
    missing: Missing,
) -> DistanceChanges | None:
    """Change of distances by kind of pair; centred cosine, whatever a candidate is scored with."""
    if not labels:
        missing["distances"] = "there are no labels of objects"
    elif len(ids) > MOST_OBJECTS:
        missing["distances"] = f"at most {MOST_OBJECTS} objects, there are {len(ids)}; give ids"
    elif not (np.ptp(before, axis=0).any() and np.ptp(after, axis=0).any()):
        missing["distances"] = "all objects have the same features"
    if not labels or "distances" in missing:
        return None
    by_level = {level: [of.get(name, "") for name in ids] for level, of in labels.items()}
    found = distance_changes(before, after, by_level, rng)
    missing.update({f"distances, {kind}": reason for kind, reason in found.missing.items()})
    return found
