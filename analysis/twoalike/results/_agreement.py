"""Agreement in parts: by participant, by category, and against majorities as published."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twoalike.ceilings import majority_agreement, majority_scores, votes
from twoalike.evaluation import (
    Candidate,
    Judgments,
    TwoWayBootstrap,
    by_category,
    by_participant,
    candidate_scores,
    triplet_similarities,
)

MOST_CATEGORIES = 60
"""At levels with more, each is in few choices; nothing is said of them."""


def agreement_parts(
    candidates: Sequence[Candidate],
    judged: Judgments,
    people: Sequence[str],
    labels: Mapping[str, Mapping[str, str]],
    rng: np.random.Generator,
    *,
    known_people: bool = True,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Break the agreement of every model down.

    Parameters
    ----------
    candidates
        The models.
    judged
        Odd-one-out choices.
    people
        Names of the participants whose codes the judgments hold.
    labels
        Level -> object id -> category.
    rng
        Source of the halves, resamples and draws of votes.
    known_people
        Whether participants are told apart.
    resamples
        Of the bootstrap.

    Returns
    -------
    Of each model: ``participants`` (None where they are not told apart), ``categories`` (level ->
    category -> scores) and ``majority`` (see :class:`twoalike.ceilings.MajorityAgreement`).
    """
    on_halves, on_categories, on_votes = rng.spawn(3)
    half = int(on_halves.integers(2**63))  # the same halves for every candidate
    scores = [candidate_scores(c, judged, np.random.default_rng(half))[:2] for c in candidates]
    results: list[dict[str, Any]] = [
        {
            "participants": by_participant(*score, judged.participants, people)
            if known_people
            else None,
            "categories": {},
        }
        for score in scores
    ]
    levels = {level: of for level, of in labels.items() if _is_of_few(of, judged)}
    if levels:
        boot = TwoWayBootstrap(
            judged.participants, judged.triplets, on_categories, resamples=resamples
        )
        for level, of in levels.items():
            names = [of[name] for name in judged.ids]
            found = by_category(scores, judged.triplets, names, boot)
            for result, categories in zip(results, found, strict=True):
                result["categories"][level] = categories
    cast = votes(judged.triplets, judged.chosen, judged.participants if known_people else None)
    draws = int(on_votes.integers(2**63))  # the same majorities for every candidate
    for candidate, result in zip(candidates, results, strict=True):
        values = candidate.features.select(judged.ids, candidate.name)
        alike = triplet_similarities(values, cast.triplets, candidate.similarity)
        of_votes, of_resamples = np.random.default_rng(draws).spawn(2)
        # The odd one of a pair is the object outside it: pairs stand in the objects' reverse order.
        named = majority_scores(alike[:, ::-1], cast, of_votes)
        agreed = majority_agreement(named, cast, of_resamples, resamples=resamples)
        result["majority"] = agreed.as_dict()
    return results


def _is_of_few(labels: Mapping[str, str], judged: Judgments) -> bool:
    return 1 < len({labels[name] for name in judged.ids}) <= MOST_CATEGORIES
