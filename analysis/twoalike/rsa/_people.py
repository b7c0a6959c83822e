"""People's dissimilarities, a posterior's, and everything on structure side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding import Posterior, select_objects
from twoalike.evaluation import (
    Candidate,
    Figures,
    attempt,
    centred_ranks,
    common_objects,
    difference_variances,
    jackknife_covariance,
    normal_intervals,
    object_changes,
    similarity_matrix,
    spearman_with_influence,
    upper,
)
from twoalike.judgments import JudgedTrial, RdmTable, trials_of
from twoalike.rsa._features import debiased_cka, distance_changes, neighbour_overlap
from twoalike.study import Floats, TwoalikeError
from twoalike.tables import JUDGED

MOST_DRAWS = 50
"""Draws of a posterior that are used: their spread is then known to a tenth."""
_EVERY = 10
"""Of so many draws one also gives the variance over objects, which differs little among them."""


def dissimilarity_draws(
    posterior: Posterior, ids: Sequence[str] | None = None, most: int = MOST_DRAWS
) -> Iterator[Floats]:
    """Dissimilarities under evenly spaced draws of a posterior, one at a time, (m, m) each.

    Of the objects ``ids`` in this order, all of the posterior's by default.
    """
    rows = select_objects(posterior.ids, posterior.ids if ids is None else ids)
    draws = posterior.embedding
    for number in np.unique(np.linspace(0, len(draws) - 1, most).astype(np.int64)):
        draw = draws[number][rows].astype(np.float64)
        yield -np.asarray(posterior.pair_similarity(draw, draw), dtype=np.float64)


def direction_draws(posterior: Posterior, most: int = 100) -> Iterator[Floats]:
    """Distances of all objects under some draws, by which they are clustered, (m, m) each.

    Of dot products one minus the cosine: likeness is a matter of direction there, and an object
    that is little like all would be in no cluster.
    """
    x = posterior.thinned(most).embedding.astype(np.float64)
    if posterior.attrs.get("similarity", "dot") != "dot":
        yield from (-np.asarray(posterior.pair_similarity(draw, draw)) for draw in x)
        return
    x = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
    yield from (1 - draw @ draw.T for draw in x)


def posterior_agreement(models: Sequence[Floats], draws: Iterable[Floats]) -> list[Figures]:
    """Spearman's correlation of each model (m, m) with the draws, and its gain over the first.

    Every draw holds the posterior's noise, so that the mean over draws lies below the correlation
    with the posterior mean. The 95 % interval adds the variance over the draws to the mean variance
    over objects within a draw (law of total variance).
    """
    values, covariance = posterior_covariance(models, draws)
    intervals = normal_intervals(values, np.diagonal(covariance))
    differences = normal_intervals(values - values[0], difference_variances(covariance)[0])
    both = zip(intervals, differences, strict=True)
    return [Figures(spearman=own, difference=gain) for own, gain in both]


def posterior_covariance(
    models: Sequence[Floats], draws: Iterable[Floats]
) -> tuple[Floats, Floats]:
    """Mean correlations of k models with draws of dissimilarities, (k,), and how they covary.

    Their covariance over draws and, within a draw, over objects, shape (k, k).
    """
    pairs = [upper(model) for model in models]
    ranks = [_unit(centred_ranks(own)) for own in pairs]  # once, not for every draw
    rows, columns = (side.astype(np.int64) for side in np.triu_indices(len(models[0]), 1))
    found, of_objects = [], []
    for number, draw in enumerate(draws):
        own = upper(draw)
        own_ranks = _unit(centred_ranks(own))
        found.append([float(one @ own_ranks) for one in ranks])
        if number % _EVERY == 0:
            influences = (spearman_with_influence(model, own)[1] for model in pairs)
            left_out = [object_changes(influence, rows, columns) for influence in influences]
            of_objects.append(jackknife_covariance(np.transpose(left_out)))
    values = np.array(found)
    of_draws = np.atleast_2d(np.cov(values, rowvar=False))
    return values.mean(axis=0), of_draws + np.mean(of_objects, axis=0)


def _unit(values: Floats) -> Floats:
    """Vector of length one; zero where nothing varies, and Spearman's correlation is 0."""
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values


def arranged_rdms(arrangements: pd.DataFrame, ids: Sequence[str] | None = None) -> RdmTable:
    """Average each person's main and repeated trials, weighted by evidence, brought to one scale.

    Of the objects ``ids`` in this order, the table's own by default; NaN where a person never saw a
    pair together (Kriegeskorte and Mur 2012, doi:10.3389/fpsyg.2012.00245).
    """
    from twoalike.design import ArrangedTrial, rescaled_average

    trials, names = trials_of(arrangements, ids)
    by_person: dict[str, list[JudgedTrial]] = {}
    for trial in trials:
        if trial.trial_type in JUDGED:
            by_person.setdefault(trial.participant, []).append(trial)
    if not by_person:
        raise TwoalikeError(
            f"arrangements: expected trials of type {' or '.join(JUDGED)}, found none among "
            f"{len(trials)}."
        )
    values = []
    for own in by_person.values():
        placed = [ArrangedTrial(trial.items, trial.values) for trial in own]
        values.append(rescaled_average(placed, len(names)).dissimilarities)
    return RdmTable(np.stack(values), names, tuple(by_person))


NEIGHBOURS = 10
_FEWEST_OBJECTS = 4
WITH_REFERENCE = ("debiased_cka", "neighbours", "distances")
"""Measures of a network against the first one."""


def structure(
    candidates: Sequence[Candidate],
    rng: np.random.Generator,
    *,
    posterior: "Posterior | None" = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    ids: Sequence[str] | None = None,
) -> Figures:
    """Compare networks with a posterior's dissimilarities, and with the first network.

    Parameters
    ----------
    candidates
        The networks; the first is the reference, as it was before alignment.
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
    known = ids or common_objects(candidates)
    first = candidates[0].features.select(known, candidates[0].name)
    by_level = {level: [of.get(name, "") for name in known] for level, of in (labels or {}).items()}
    drawn, why = _with_posterior(candidates, posterior)
    models = []
    for number, candidate in enumerate(candidates):
        missing = {} if drawn else {"posterior": why}
        found = Figures(name=candidate.name, posterior=drawn[number] if drawn else None)
        if not number:
            missing |= dict.fromkeys(WITH_REFERENCE, "this is the reference")
        elif (n := len(known)) < _FEWEST_OBJECTS:
            reason = f"needs features of {_FEWEST_OBJECTS} common objects, has {n}"
            missing |= dict.fromkeys(WITH_REFERENCE, reason)
        else:
            own = candidate.features.select(known, candidate.name)
            compared = _with_reference(first, own, by_level, seed)
            found |= {name: attempt(missing, name, of) for name, of in compared.items()}
        models.append(Figures(**found, missing=missing))
    return Figures(n=len(known), objects=len(known), models=tuple(models))


def _dissimilarities(candidate: Candidate, ids: Sequence[str]) -> Floats:
    values = candidate.features.select(ids, candidate.name)
    return -similarity_matrix(values, candidate.similarity)


def _with_reference(
    before: Floats, after: Floats, labels: Mapping[str, Sequence[str]], seed: int
) -> dict[str, Callable[[], Any]]:
    measures = (
        partial(debiased_cka, before, after),
        partial(neighbour_overlap, before, after, NEIGHBOURS),
        partial(distance_changes, before, after, labels, np.random.default_rng(seed)),
    )
    return dict(zip(WITH_REFERENCE, measures, strict=True))


def _with_posterior(
    candidates: Sequence[Candidate], posterior: "Posterior | None"
) -> tuple[list[Figures], str]:
    if posterior is None:
        return [], "there is no posterior"
    common = set(common_objects(candidates))
    ids = [name for name in posterior.ids if name in common]
    if len(ids) < _FEWEST_OBJECTS:
        return [], (
            f"needs features of {_FEWEST_OBJECTS} objects of the posterior, has those of "
            f"{len(ids)} of {len(posterior.ids)}"
        )
    models = [_dissimilarities(candidate, ids) for candidate in candidates]
    return posterior_agreement(models, dissimilarity_draws(posterior, ids)), ""
