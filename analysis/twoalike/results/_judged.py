"""What is measured on people's judgments of each kind: scores, ceilings, calibration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from twoalike.calibration import set_calibration, uncertainty
from twoalike.ceilings import (
    candidate_majority_scores,
    ceilings,
    majority_agreement,
    set_ceilings,
    votes_of,
)
from twoalike.choice import ChoiceKind
from twoalike.evaluation import (
    Z95,
    Candidate,
    ChoiceScores,
    Interval,
    Judgments,
    PredictedJudgments,
    RatingResults,
    Scored,
    SortingResults,
    TwoWayBootstrap,
    by_category,
    by_participant,
    compare_choices,
    judged_sets,
    judgments_of,
    score_choices,
    score_question,
)
from twoalike.judgments import JudgmentTable, participant_index, read_judgments
from twoalike.results._model import AgreementParts, Chance, JudgmentCounts, SetKindResults
from twoalike.study import MISSING, Floats, TwoalikeError, counted
from twoalike.tables import Labels

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

MOST_CATEGORIES = 60
"""At levels with more, each is in few choices and is not scored by itself."""
NO_SCORES = ChoiceScores(
    accuracy=None, log_loss=None, temperature=None, difference=None, gap_closed=None, groups={}
)
"""Of a network where there are no choices."""


def on_choices(
    kind: ChoiceKind,
    candidates: Sequence[Candidate],
    table: pd.DataFrame,
    name: str,
    labels: Labels,
    posterior: "Posterior | None",
    shared: set[str],
    resamples: int,
    rng: np.random.Generator,
) -> tuple[list[ChoiceScores], dict[str, Any]]:
    """Scores of every model on one kind of choices, and the parts of the results that need them."""
    on_halves, on_resamples, _, on_ceilings, _ = rng.spawn(5)
    judged, left_out, rows = judgments_of(table, name, kind, shared)
    check_labels(judged, labels)
    judged = judged.with_labels(
        {level: labels_of(judged, by_id) for level, by_id in labels.items()}
    )
    scored = score_choices(candidates, judged, on_halves)
    boot = TwoWayBootstrap(judged.participants, judged.items, on_resamples, resamples=resamples)
    seconds = rows["response_time"].to_numpy(np.float64, na_value=np.nan)
    coarsest = next(iter(labels.values()), None)
    # Independent of each other, each seconds of sorting and counting for a million choices.
    with ThreadPoolExecutor() as pool:
        parts: dict[str, Future[Any]] = {
            "agreement": pool.submit(
                agreement_parts, scored, judged, participant_index(rows)[1], labels, boot
            ),
            "ceilings": pool.submit(ceilings, judged, on_ceilings, choices=table, labels=coarsest),
            "uncertainty": pool.submit(
                uncertainty,
                scored,
                judged,
                boot,
                response_times=None if np.isnan(seconds).all() else seconds,
                posterior=_odd_probabilities(posterior, judged, rows["participant"]),
            ),
        }
        scores = compare_choices(scored, judged, boot)
        found = {part: future.result() for part, future in parts.items()}
    return scores, {"judgments": counts_of(judged, left_out), **found}


def labels_of(judged: Judgments, by_id: Mapping[str, str]) -> list[str]:
    """Label of each judged object."""
    return [by_id.get(name, MISSING) for name in judged.ids]


def check_labels(judged: Judgments, labels: Labels) -> None:
    """Refuse labels of other objects than those judged."""
    names = [judged.ids[row] for row in np.unique(judged.items)]
    for level, by_id in labels.items():
        if not any(name in by_id for name in names):
            raise TwoalikeError(
                where=f"labels, level {level!r}",
                expected=f"labels of the {counted(len(names), 'judged object')}",
                found=f"none of {names[0]!r} or the others",
                remedy="Name the objects by the ids of the judgments.",
            )


def _odd_probabilities(
    posterior: "Posterior | None", judged: Judgments, people: "pd.Series[str]"
) -> Floats | None:
    """Probability of each odd item by the posterior, for the participants or else for new people.

    NaN where it does not know all three objects; None where there is no posterior.
    """
    if posterior is None:
        return None
    place = {name: row for row, name in enumerate(posterior.ids)}
    triplets = np.array([place.get(name, -1) for name in judged.ids])[judged.items]
    known = (triplets >= 0).all(axis=1)
    person = {name: row for row, name in enumerate(posterior.participants)}
    judges = np.array([person.get(name, -1) for name in people.astype(str)])
    found = np.full((len(triplets), 3), np.nan)
    found[known] = posterior.choice_probabilities(
        triplets[known], lapse=True, participants=judges[known], kind=judged.kind
    )
    return found[:, 3 - judged.options :]  # the reference of an anchored choice is no answer


def counts_of(judged: Judgments, left_out: dict[str, int]) -> JudgmentCounts:
    kind: dict[str, Any] = {} if judged.kind == "odd_one_out" else {"kind": judged.kind}
    return JudgmentCounts(
        choices=len(judged.answer),
        participants=int(judged.participants.max()) + 1,
        objects=len(np.unique(judged.items)),
        triplets=len(judged.sets),
        left_out=left_out,
        chance=Chance(accuracy=judged.question.chance, log_loss=float(np.log(judged.options))),
        **kind,
    )


def agreement_parts(
    scored: Sequence[Scored],
    judged: Judgments,
    people: Sequence[str],
    labels: Labels,
    boot: TwoWayBootstrap,
) -> tuple[AgreementParts, ...]:
    """Agreement of every model by participant and category, and with majorities."""
    scores = [(of.hits, of.losses) for of in scored]
    categories: list[dict[str, Any]] = [{} for _ in scored]
    for level, names in _of_few(labels, judged):
        for own, found in zip(
            categories, by_category(scores, judged.items, names, boot), strict=True
        ):
            own[level] = found
    cast = votes_of(judged)
    parts = []
    for of, by_level in zip(scored, categories, strict=True):
        named = candidate_majority_scores(of.candidate, judged, cast)
        by_person = None
        if judged.known_people:
            by_person = by_participant(of.hits, of.losses, judged.participants, people)
        parts.append(
            AgreementParts(
                participants=by_person,
                categories=by_level,
                majority=majority_agreement(named, cast),
            )
        )
    return tuple(parts)


def _of_few(labels: Labels, judged: Judgments) -> Iterator[tuple[str, list[str]]]:
    """Levels of two to :data:`MOST_CATEGORIES` categories, with that of each object or ""."""
    for level, category_of in labels.items():
        names = ["" if name == MISSING else name for name in labels_of(judged, category_of)]
        if 1 < len(set(names) - {""}) <= MOST_CATEGORIES:
            yield level, names


_AXES = {"ratings": "rater", "sortings": "sorter"}
"""Axis of a posterior's draws that people who gave such judgments have."""


def on_sets(
    candidates: Sequence[Candidate], choices: pd.DataFrame, rng: np.random.Generator
) -> dict[str, SetKindResults]:
    """Score choices among more than three items, by question."""
    found = {}
    for judged, left_out in judged_sets(candidates, choices):
        scores, answers = score_question(candidates, judged, left_out, rng)
        calibrated = "log_loss" not in scores.missing
        found[f"{judged.kind}_{judged.question.items}"] = SetKindResults(
            **dict(scores),
            ceilings=set_ceilings(judged),
            calibration=tuple(set_calibration(p, judged) for p in answers) if calibrated else None,
        )
    return found


type _Kind = Literal["ratings", "sortings"]


def on_rated[R: (RatingResults, SortingResults)](
    kind: _Kind,
    score: Callable[[Sequence[Candidate], pd.DataFrame, np.random.Generator], R],
    candidates: Sequence[Candidate],
    source: JudgmentTable,
    posterior: "Posterior | None",
    rng: np.random.Generator,
) -> R:
    """Score ratings of pairs, or sortings; with a posterior, also how well it predicts them."""
    found = score(candidates, read_judgments(source, kind), rng)
    of_posterior, missing = _predicted(kind, source, posterior, rng)
    return found.model_copy(update={"posterior": of_posterior, "missing": found.missing | missing})


def _predicted(
    kind: _Kind, source: JudgmentTable, posterior: "Posterior | None", rng: np.random.Generator
) -> tuple[PredictedJudgments | None, dict[str, str]]:
    """Log-loss of the posterior's model of these judgments, or why there is none."""
    if posterior is None:
        return None, {"posterior": "there is no posterior"}
    if _AXES[kind] not in posterior.tree["posterior"].dataset.coords:
        return None, {"posterior": f"it was fitted without {kind}"}
    try:
        return predicted(posterior, kind, source, int(rng.integers(2**31))), {}
    except TwoalikeError as reason:  # of other people or objects than the fit
        return None, {"posterior": str(reason)}


def predicted(
    posterior: "Posterior",
    kind: str,
    source: JudgmentTable,
    seed: int,
    *,
    fitted: bool | None = None,
) -> PredictedJudgments:
    """Log-loss of ratings or sortings; ``fitted`` as in :func:`twoalike.embedding.check`."""
    from twoalike.embedding import check

    given: dict[str, Any] = {kind: source}
    found = check(posterior, **given, fitted=fitted, seed=seed)
    checks = found.ratings if kind == "ratings" else found.sortings
    assert checks is not None  # it was asked for
    score = checks.score
    half = Z95 * score.log_loss_se
    return PredictedJudgments(
        judgments=score.judgments,
        log_loss=Interval(score.log_loss, score.log_loss - half, score.log_loss + half),
        guessing=score.guessing,
        left_out=score.left_out,
    )
