"""Agreement in parts: by participant, by category, and against majorities as published."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twoalike.ceilings import majority_agreement, majority_scores, votes_of
from twoalike.evaluation import (
    Judgments,
    Scored,
    TwoWayBootstrap,
    by_category,
    by_participant,
    triplet_similarities,
)
from twoalike.study import MISSING

MOST_CATEGORIES = 60
"""At levels with more, each is in few choices; nothing is said of them."""


def agreement_parts(
    scored: Sequence[Scored],
    judged: Judgments,
    people: Sequence[str],
    labels: Mapping[str, Mapping[str, str]],
    boot: TwoWayBootstrap,
    rng: np.random.Generator,
    *,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Break the agreement of every model down.

    Parameters
    ----------
    scored
        Scores of the models.
    judged
        Odd-one-out choices.
    people
        Names of the participants whose codes the judgments hold.
    labels
        Level -> object id -> category.
    boot
        Resamples of the choices.
    rng
        Source of the draws of votes, and of resamples of majorities.
    resamples
        Of the majorities.

    Returns
    -------
    Of each model: ``participants`` (None where they are not told apart), ``categories`` (level ->
    category -> scores) and ``majority`` (see :class:`twoalike.ceilings.MajorityAgreement`).
    """
    results: list[dict[str, Any]] = [
        {
            "participants": by_participant(of.hits, of.losses, judged.participants, people)
            if judged.known_people
            else None,
            "categories": {},
        }
        for of in scored
    ]
    scores = [(of.hits, of.losses) for of in scored]
    for level, category_of in labels.items():
        if not _is_of_few(category_of, judged):
            continue
        names = [_named(category_of[name]) for name in judged.ids]
        found = by_category(scores, judged.triplets, names, boot)
        for result, categories in zip(results, found, strict=True):
            result["categories"][level] = categories
    cast = votes_of(judged)
    draws = int(rng.integers(2**63))  # the same majorities for every candidate
    for of, result in zip(scored, results, strict=True):
        values = of.candidate.features.select(judged.ids, of.candidate.name)
        alike = triplet_similarities(values, cast.triplets, of.candidate.similarity)
        of_votes, of_resamples = np.random.default_rng(draws).spawn(2)
        # The odd one of a pair is the object outside it: pairs stand in the objects' reverse order.
        named = majority_scores(alike[:, ::-1], cast, of_votes)
        agreed = majority_agreement(named, cast, of_resamples, resamples=resamples)
        result["majority"] = agreed.as_dict()
    return results


def _is_of_few(labels: Mapping[str, str], judged: Judgments) -> bool:
    return 1 < len({_named(labels[name]) for name in judged.ids} - {""}) <= MOST_CATEGORIES


def _named(label: str) -> str:
    return "" if label == MISSING else label
