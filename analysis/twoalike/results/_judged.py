"""What is measured on people's judgments of each kind: scores, ceilings, calibration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from twoalike.calibration import set_calibration, uncertainty
from twoalike.ceilings import (
    MajorityAgreement,
    candidate_majority_scores,
    ceilings,
    majority_agreement,
    set_ceilings,
    votes_of,
)
from twoalike.choice import ChoiceKind, Question
from twoalike.evaluation import (
    Z95,
    Candidate,
    Interval,
    Judgments,
    Measured,
    PersonScores,
    PredictedJudgments,
    RatingResults,
    Scored,
    SortingResults,
    SubsetScores,
    TwoWayBootstrap,
    by_category,
    by_participant,
    compare_choices,
    judged_sets,
    judgments_of,
    score_choices,
    score_question,
)
from twoalike.judgments import (
    JudgmentKind,
    JudgmentTable,
    RdmTable,
    participant_index,
    read_judgments,
)
from twoalike.results._frame import Rows
from twoalike.results._inputs import common_objects
from twoalike.results._model import Judged
from twoalike.study import MISSING, Floats, TwoalikeError, counted
from twoalike.tables import Labels

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

MOST_CATEGORIES = 60
"""At levels with more, each is in few choices and is not scored by itself."""


@dataclass(frozen=True)
class ScoredOn:
    """What networks are scored on."""

    labels: Labels
    judged: Mapping[JudgmentKind, JudgmentTable | None]
    people: tuple[RdmTable | None, Floats | None, int]
    """Dissimilarities, the evidence on each, and how many objects have no features."""
    posterior: "Posterior | None"
    choices_name: str
    resamples: int


class AgreementParts(Measured):
    """Agreement of one network with people, in parts."""

    participants: dict[str, PersonScores] | None = None
    """Participant -> scores; null where participants are not told apart."""
    categories: dict[str, dict[str, SubsetScores]]
    """Level of labels -> category -> scores of the choices in which it occurs."""
    majority: MajorityAgreement
    """Against majorities, as published."""


def on_choices(
    kind: ChoiceKind,
    candidates: Sequence[Candidate],
    table: pd.DataFrame,
    given: ScoredOn,
    rng: np.random.Generator,
    rows: Rows,
) -> Judged:
    """Score every model on one kind of choices; ``rows`` gets all that is measured on them."""
    on_halves, on_resamples, _, on_ceilings, _ = rng.spawn(5)
    shared, labels = common_objects(candidates), given.labels
    judged, left_out, kept = judgments_of(table, given.choices_name, kind, shared)
    judged = with_labels(judged, labels)
    scored = score_choices(candidates, judged, on_halves)
    boot = TwoWayBootstrap(
        judged.participants, judged.items, on_resamples, resamples=given.resamples
    )
    seconds = kept["response_time"].to_numpy(np.float64, na_value=np.nan)
    coarsest = next(iter(labels.values()), None)
    people = participant_index(kept)[1]
    # Independent of each other, each seconds of sorting and counting for a million choices.
    with ThreadPoolExecutor() as pool:
        parts = pool.submit(agreement_parts, scored, judged, people, labels, boot)
        limits = pool.submit(ceilings, judged, on_ceilings, choices=table, labels=coarsest)
        doubt = pool.submit(
            uncertainty,
            scored,
            judged,
            boot,
            response_times=None if np.isnan(seconds).all() else seconds,
            posterior=_odd_probabilities(given.posterior, judged, kept["participant"]),
        )
        scores = compare_choices(scored, judged, boot)
    of = doubt.result()
    n = len(judged.answer)
    add_chance(rows, kind, judged.question.chance, n)
    for measure, part in (
        ("", tuple(scores)),
        ("", parts.result()),
        (".ceilings", limits.result()),
        (".uncertainty", of.models),
        (".uncertainty.people", of.people),
    ):
        rows.add(f"{kind}{measure}", part, n=n)
    rows.add(f"{kind}.uncertainty", of.posterior, model="posterior")
    rows.missing |= {f"{kind}.uncertainty.{name}": why for name, why in of.missing.items()}
    return counts_of(judged, left_out)


def add_chance(rows: Rows, measure: str, chance: float, n: int) -> None:
    """Add what guessing scores."""
    rows.add(f"{measure}.chance.accuracy", float(chance), unit="share", n=n)
    rows.add(f"{measure}.chance.log_loss", float(-np.log(chance)), unit="nats", n=n)


def with_labels(judged: Judgments, labels: Labels) -> Judgments:
    """Judgments with the labels of their objects; labels of other objects are refused."""
    names = [judged.ids[row] for row in np.unique(judged.items)]
    for level, by_id in labels.items():
        if not any(name in by_id for name in names):
            raise TwoalikeError(
                where=f"labels, level {level!r}",
                expected=f"labels of the {counted(len(names), 'judged object')}",
                found=f"none of {names[0]!r} or the others",
                remedy="Name the objects by the ids of the judgments.",
            )
    return judged.with_labels({level: _labels_of(judged, by_id) for level, by_id in labels.items()})


def _labels_of(judged: Judgments, by_id: Mapping[str, str]) -> list[str]:
    return [by_id.get(name, MISSING) for name in judged.ids]


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
    kind: Any = judged.kind
    found[known] = posterior.choice_probabilities(
        triplets[known], lapse=True, participants=judges[known], kind=kind
    )
    return found[:, 3 - judged.options :]  # the reference of an anchored choice is no answer


def counts_of(judged: Judgments, left_out: dict[str, int]) -> Judged:
    """Count the choices that networks are scored on."""
    return Judged(
        kind=f"{judged.kind.replace('_', '-')} choice",
        judgments=len(judged.answer),
        participants=int(judged.participants.max()) + 1,
        objects=len(np.unique(judged.items)),
        items=len(judged.sets),
        left_out=left_out,
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
        majority = majority_agreement(named, cast)
        parts.append(AgreementParts(participants=by_person, categories=by_level, majority=majority))
    return tuple(parts)


def _of_few(labels: Labels, judged: Judgments) -> Iterator[tuple[str, list[str]]]:
    """Levels of two to :data:`MOST_CATEGORIES` categories, with that of each object or ""."""
    for level, category_of in labels.items():
        names = ["" if name == MISSING else name for name in _labels_of(judged, category_of)]
        if 1 < len(set(names) - {""}) <= MOST_CATEGORIES:
            yield level, names


def on_sets(
    candidates: Sequence[Candidate], choices: pd.DataFrame, rng: np.random.Generator, rows: Rows
) -> dict[str, Judged]:
    """Score choices among more than three items, by question."""
    found = {}
    for judged, left_out in judged_sets(candidates, choices):
        scores, answers = score_question(candidates, judged, left_out, rng)
        n, name = scores.choices, f"{judged.kind}_{judged.question.items}"
        without = ("chance_accuracy", "chance_log_loss", "items", "participants", "left_out")
        rows.add(name, scores, without=without)
        add_chance(rows, name, scores.chance_accuracy, n)
        rows.add(f"{name}.ceilings", set_ceilings(judged), n=n)
        if "log_loss" not in scores.missing:
            calibrated = tuple(set_calibration(p, judged) for p in answers)
            rows.add(f"{name}.calibration", calibrated, n=n)
        found[name] = Judged(
            kind="choice",
            question=Question(scores.question, scores.items).label,
            judgments=n,
            participants=scores.participants,
            items=scores.sets,
            left_out={"without_features": scores.left_out},
        )
    return found


type Rated = Literal["ratings", "sortings"]

_AXES = {"ratings": "rater", "sortings": "sorter"}
"""Axis of a posterior's draws that people who gave such judgments have."""


def on_rated(
    kind: Rated,
    score: Callable[..., RatingResults | SortingResults],
    candidates: Sequence[Candidate],
    source: JudgmentTable,
    posterior: "Posterior | None",
    rng: np.random.Generator,
    rows: Rows,
) -> Judged:
    """Score ratings of pairs, or sortings; with a posterior, also how well it predicts them."""
    found = score(candidates, read_judgments(source, kind), rng)
    rows.add(kind, found, without=("participants", "objects", "pairs", "left_out", "posterior"))
    of_posterior, why = _predicted(kind, source, posterior, rng)
    rows.add(kind, of_posterior, model="posterior")
    if why:
        rows.missing[f"{kind}.posterior"] = why
    return Judged(
        kind=kind.removesuffix("s"),
        judgments=getattr(found, kind),
        participants=found.participants,
        objects=found.objects,
        items=found.pairs,
        left_out={"without_features": found.left_out},
    )


def _predicted(
    kind: Rated, source: JudgmentTable, posterior: "Posterior | None", rng: np.random.Generator
) -> tuple[PredictedJudgments | None, str]:
    """Log-loss of the posterior's model of these judgments, or why there is none."""
    if posterior is None:
        return None, "there is no posterior"
    if _AXES[kind] not in posterior.tree["posterior"].dataset.coords:
        return None, f"it was fitted without {kind}"
    try:
        return predicted(posterior, kind, source, int(rng.integers(2**31))), ""
    except TwoalikeError as reason:  # of other people or objects than the fit
        return None, str(reason)


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
    assert score is not None  # as both kinds are
    half = Z95 * score.log_loss_se
    return PredictedJudgments(
        judgments=score.judgments,
        log_loss=Interval(score.log_loss, score.log_loss - half, score.log_loss + half),
        guessing=score.guessing,
        left_out=score.left_out,
    )
