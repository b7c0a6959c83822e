"""Everything on similarity structure, for several networks side by side."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.evaluation import (
    Candidate,
    Figures,
    Interval,
    NotMeasurable,
    attempt,
    mean_person,
    similarity_matrix,
    upper,
    usable_people,
)
from twoalike.judgments import RdmTable
from twoalike.rsa._features import debiased_cka, distance_changes, linear_cka, neighbour_overlap
from twoalike.rsa._people import (
    dissimilarity_draws,
    posterior_agreement,
    tau_a,
    weighted_interval,
    whitened,
)
from twoalike.study import Floats

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

NEIGHBOURS = 10
_FEWEST_OBJECTS = 4
WITH_PEOPLE = ("tau_a", "whitened", "weighted_spearman")
"""Measures of a network against people, beside Spearman's and rho-a."""
WITH_REFERENCE = ("cka", "debiased_cka", "neighbours", "distances")
"""Measures of a network against the first one."""


def structure(
    candidates: Sequence[Candidate],
    rng: np.random.Generator,
    *,
    rdm: RdmTable | None = None,
    evidence: Floats | None = None,
    posterior: "Posterior | None" = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    ids: Sequence[str] | None = None,
) -> Figures:
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
    seed = int(rng.spawn(2)[1].integers(2**63))  # the same resamples for every network
    known = ids or _common(candidates)
    first = candidates[0].features.select(known, candidates[0].name)
    by_level = {level: [of.get(name, "") for name in known] for level, of in (labels or {}).items()}
    drawn, why = _with_posterior(candidates, posterior)
    models = []
    for number, candidate in enumerate(candidates):
        missing = {} if drawn else {"posterior": why}
        found = Figures(name=candidate.name, posterior=drawn[number] if drawn else None)
        if rdm is not None:
            measures = _with_people(candidate, rdm, evidence)
            found |= {name: attempt(missing, name, of) for name, of in measures.items()}
        else:
            missing |= dict.fromkeys(WITH_PEOPLE, "there are no people's dissimilarities")
        if reason := _no_reference(number == 0, len(known)):
            missing |= dict.fromkeys(WITH_REFERENCE, reason)
        else:
            own = candidate.features.select(known, candidate.name)
            compared = _with_reference(first, own, by_level, seed)
            found |= {name: attempt(missing, name, of) for name, of in compared.items()}
        models.append(Figures(**found, missing=missing))
    return Figures(n=len(known), objects=len(known), models=tuple(models))


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


def _with_people(
    candidate: Candidate, rdm: RdmTable, evidence: Floats | None
) -> dict[str, Callable[[], Any]]:
    """Measures of agreement with people by further definitions; means are over the same people."""
    vectors = upper(rdm.values)
    usable = usable_people(vectors)
    people, own = vectors[usable], upper(_dissimilarities(candidate, rdm.ids or ()))

    def weighted() -> Interval:
        """Correlation with the evidence-weighted mean person, pairs weighted by all evidence."""
        if evidence is None:
            raise NotMeasurable("the evidence on the pairs is not known")
        weights = upper(evidence[usable])
        target = mean_person(people, weights)
        total = np.where(np.isnan(people), 0.0, weights).sum(axis=0)
        kept = ~np.isnan(target) & (total > 0)
        rows, columns = (side[kept] for side in np.triu_indices(rdm.values.shape[-1], 1))
        return weighted_interval(own[kept], target[kept], total[kept], rows, columns)

    mean = mean_person(people)
    measures = (partial(tau_a, own, mean), partial(whitened, own, mean), weighted)
    return dict(zip(WITH_PEOPLE, measures, strict=True))


def _with_reference(
    before: Floats, after: Floats, labels: Mapping[str, Sequence[str]], seed: int
) -> dict[str, Callable[[], Any]]:
    """Measures of a network's features beside the reference's, of the same objects."""
    measures = (
        partial(linear_cka, before, after),
        partial(debiased_cka, before, after),
        partial(neighbour_overlap, before, after, NEIGHBOURS),
        partial(distance_changes, before, after, labels, np.random.default_rng(seed)),
    )
    return dict(zip(WITH_REFERENCE, measures, strict=True))


def _with_posterior(
    candidates: Sequence[Candidate], posterior: "Posterior | None"
) -> tuple[list[Figures], str]:
    """Agreement of each network with a posterior; of none, why."""
    if posterior is None:
        return [], "there is no posterior"
    common = set(_common(candidates))
    ids = [name for name in posterior.ids if name in common]
    if len(ids) < _FEWEST_OBJECTS:
        return [], (
            f"needs features of {_FEWEST_OBJECTS} objects of the posterior, has those of "
            f"{len(ids)} of {len(posterior.ids)}"
        )
    models = [_dissimilarities(candidate, ids) for candidate in candidates]
    return posterior_agreement(models, dissimilarity_draws(posterior, ids)), ""
