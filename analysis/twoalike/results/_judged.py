"""What is measured on people's judgments, kind by kind: scores, ceilings, calibration.

Each kind is one function in :data:`SCORED`, which adds rows and says what the networks were scored
on. A triplet is a set of three: choices go one way, whatever was asked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.calibration import set_calibration, uncertainty
from twoalike.ceilings import candidate_majority_scores, ceilings, majority_agreement, votes_of
from twoalike.evaluation import (
    RATINGS,
    SORTINGS,
    Z95,
    Candidate,
    Figures,
    Interval,
    Judgments,
    PairKind,
    People,
    Scored,
    TwoWayBootstrap,
    by_category,
    by_participant,
    common_objects,
    compare_choices,
    compare_people,
    compare_structure,
    questions_of,
    score_choices,
    score_pairs,
)
from twoalike.judgments import JudgmentKind, JudgmentTable, RdmTable, read_judgments
from twoalike.results._frame import Judged, Rows
from twoalike.study import MISSING, Floats, TwoalikeError, counted
from twoalike.tables import Labels

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

MOST_CATEGORIES = 60
"""At levels with more, each is in few choices and is not scored by itself."""


@dataclass(frozen=True, eq=False)
class Given:
    """Networks, what they are scored on, and the rows that this gives."""

    candidates: Sequence[Candidate]
    rows: Rows
    labels: Labels
    judged: Mapping[JudgmentKind, JudgmentTable | None]
    people: tuple[RdmTable | None, int]
    """Dissimilarities, and how many objects have no features."""
    posterior: "Posterior | None"
    choices_name: str
    resamples: int


def asked_of(
    given: Given, rng: np.random.Generator
) -> Iterator[tuple[Judgments, pd.DataFrame, np.random.Generator]]:
    """Choices by question, of objects that all networks have features of, with their labels.

    With them their table, and a generator each.
    """
    if (source := given.judged["choices"]) is None:
        return
    table = read_judgments(source)
    asked = questions_of(table, set(common_objects(given.candidates)))
    if not asked:
        raise TwoalikeError(
            where=given.choices_name,
            expected="main or repeat judgments of objects that all networks have features of",
            found=f"none in {counted(len(table), 'row')}",
            remedy="Compute features of the judged objects under the ids of the judgments.",
        )
    for judged, child in zip(asked, rng.spawn(len(asked)), strict=True):
        given.rows.judged[judged.name] = counts_of(judged)
        yield _with_labels(judged, given.labels), table, child


def on_choices(given: Given, rng: np.random.Generator) -> None:
    for judged, table, child in asked_of(given, rng):
        _on_question(judged, table, given, child)


def _on_question(
    judged: Judgments, table: pd.DataFrame, given: Given, rng: np.random.Generator
) -> None:
    on_halves, on_resamples, on_ceilings = rng.spawn(3)
    scored = score_choices(given.candidates, judged, on_halves)
    boot = TwoWayBootstrap(
        judged.participants, judged.things, on_resamples, resamples=given.resamples
    )
    coarsest = next(iter(given.labels.values()), None)
    # Independent of each other, each seconds of sorting and counting for a million choices.
    with ThreadPoolExecutor() as pool:
        parts = pool.submit(_in_parts, scored, judged, given.labels, boot)
        limits = pool.submit(ceilings, judged, on_ceilings, choices=table, labels=coarsest)
        scores = compare_choices(scored, judged, boot)
    rows, start, n = given.rows, judged.name, len(judged.answer)
    add_chance(rows, judged)
    rows.add(start, tuple(scores), n=n)
    if "log_loss" not in scores[0]:
        rows.missing[f"{start}.log_loss"] = f"needs two {judged.noun}s, has one"
    rows.add(start, parts.result(), n=n)
    rows.add(f"{start}.ceilings", limits.result(), n=n)
    if judged.noun == "set":
        calibrated = (set_calibration(of.probabilities, judged) for of in scored)
        rows.add(f"{start}.calibration", tuple(calibrated), n=n)
        return
    of_rows = table.iloc[judged.rows]
    seconds = of_rows["response_time"].to_numpy(np.float64, na_value=np.nan)
    known = None if given.posterior is None else posterior_answers(given.posterior, judged, table)
    of = uncertainty(
        scored,
        judged,
        boot,
        response_times=None if np.isnan(seconds).all() else seconds,
        posterior=known,
    )
    rows.add(f"{start}.uncertainty", of["models"], n=n)
    rows.add(f"{start}.uncertainty.people", of["people"], n=n)
    rows.add(f"{start}.uncertainty", of["posterior"], model="posterior")
    rows.missing |= {f"{start}.uncertainty.{name}": why for name, why in of["missing"].items()}


def add_chance(rows: Rows, judged: Judgments) -> None:
    chance, n = float(judged.question.chance), len(judged.answer)
    rows.add(f"{judged.name}.chance.accuracy", chance, n=n)
    rows.add(f"{judged.name}.chance.log_loss", float(-np.log(chance)), n=n)


def _with_labels(judged: Judgments, labels: Labels) -> Judgments:
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
    return labelled(judged, labels)


def labelled(judged: Judgments, labels: Labels) -> Judgments:
    """Triplets with their kind (within, boundary, between) at each level of labels."""
    if judged.noun == "set":
        return judged
    return judged.with_labels({level: _labels_of(judged, by_id) for level, by_id in labels.items()})


def _labels_of(judged: Judgments, by_id: Mapping[str, str]) -> list[str]:
    return [by_id.get(name, MISSING) for name in judged.ids]


def posterior_answers(
    posterior: "Posterior", judged: Judgments, table: pd.DataFrame, *, as_new: bool = False
) -> Floats:
    """Probabilities of the answers by a posterior, (n, A); NaN where it lacks an object.

    Of the participants whom it knows, unless all are to count ``as_new`` people, who are averaged
    over the population; ``table`` is that of the choices.
    """
    from twoalike.embedding import predicted_answers

    found = np.full((len(judged.items), judged.options), np.nan)
    observers: Any = "new" if as_new else "own"
    for group, p in predicted_answers(posterior, table.iloc[judged.rows], observers):
        found[group.rows] = p
    return found


def known_people(posterior: "Posterior", judged: Judgments) -> Any:
    """Participant of each choice in a posterior, -1 for a new person, shape (n,)."""
    own = pd.Index(posterior.participants).get_indexer(pd.Index(judged.people))
    return own[judged.participants]


def counts_of(judged: Judgments) -> Judged:
    kind = judged.question.kind.replace("_", "-")
    return Judged(
        kind=f"{kind} choice" if judged.noun == "triplet" else "choice",
        question="" if judged.noun == "triplet" else judged.question.label,
        judgments=len(judged.answer),
        participants=len(np.unique(judged.participants)),
        objects=len(np.unique(judged.items)) if judged.noun == "triplet" else None,
        items=len(judged.sets),
        left_out=dict(judged.left_out),
    )


def _in_parts(
    scored: Sequence[Scored], judged: Judgments, labels: Labels, boot: TwoWayBootstrap
) -> tuple[Figures, ...]:
    """Agreement of every model by participant and category, and with majorities."""
    scores = [of.scores for of in scored]
    categories: list[dict[str, Any]] = [{} for _ in scored]
    for level, category_of in labels.items():
        names = ["" if name == MISSING else name for name in _labels_of(judged, category_of)]
        if 1 < len(set(names) - {""}) <= MOST_CATEGORIES:
            found = by_category(scores, judged.items, names, boot)
            for own, part in zip(categories, found, strict=True):
                own[level] = part
    cast = votes_of(judged) if judged.noun == "triplet" else None
    parts = []
    for of, by_level in zip(scored, categories, strict=True):
        part = Figures(categories=by_level)
        if judged.known_people:
            people = by_participant(of.scores, judged.participants, judged.people)
            part["participants"] = people
        if cast is not None:
            named = candidate_majority_scores(of.candidate, judged, cast)
            part["majority"] = majority_agreement(named, cast)
        parts.append(part)
    return tuple(parts)


def on_rdm(given: Given, rng: np.random.Generator) -> None:
    """Score every model on dissimilarities; without a model, how far people agree."""
    rdm, lacking = given.people
    if rdm is None:
        return
    if given.candidates:
        people, scores, _ = compare_structure(given.candidates, rdm)
    else:
        people, scores = compare_people(rdm)[0], []
        if people.ceiling is None:
            raise TwoalikeError(
                where="dissimilarities",
                expected="two people or more, whose agreement is measured without a network",
                found="one",
                remedy="Give `features=...` or `model=...` to score a network.",
            )
    given.rows.add("rdm", tuple(scores), n=people.objects)
    given.rows.add("rdm.ceiling", people.ceiling, n=people.objects)
    arranged = given.judged["arrangements"] is not None
    given.rows.judged["rdm"] = counts_of_people(people, lacking, arranged=arranged)


def counts_of_people(people: People, lacking: int, *, arranged: bool = False) -> Judged:
    return Judged(
        kind="arrangement" if arranged else "dissimilarity",
        participants=people.participants,
        objects=people.objects,
        items=people.pairs,
        left_out=people.left_out | ({"objects": lacking} if lacking else {}),
    )


_AXES = {"ratings": "rater", "sortings": "sorter"}
"""Axis of a posterior's draws that people who gave such judgments have."""


def on_pairs(kind: PairKind, given: Given, rng: np.random.Generator) -> None:
    """Score ratings of pairs, or sortings; with a posterior, also how well it predicts them."""
    if (source := given.judged[kind.name]) is None:
        return
    rows, name = given.rows, kind.name
    found = score_pairs(kind, given.candidates, read_judgments(source, name), rng)
    rows.add(name, found.models, n=found.judgments)
    rows.add(name, found.people, n=found.judgments)
    rows.missing |= {f"{name}.{part}": why for part, why in found.missing.items()}
    try:
        rows.add(name, _predicted(name, source, given.posterior, rng), model="posterior")
    except TwoalikeError as reason:  # of other people or objects than the fit, or of no fit
        rows.missing[f"{name}.posterior"] = str(reason)
    rows.judged[name] = Judged(
        kind=name.removesuffix("s"),
        judgments=found.judgments,
        participants=found.participants,
        objects=found.objects,
        items=found.pairs,
        left_out={"without_features": found.left_out},
    )


def _predicted(
    kind: str, source: JudgmentTable, posterior: "Posterior | None", rng: np.random.Generator
) -> Figures:
    if posterior is None:
        raise TwoalikeError("there is no posterior")
    if _AXES[kind] not in posterior.tree["posterior"].dataset.coords:
        raise TwoalikeError(f"it was fitted without {kind}")
    return predicted(posterior, kind, source, int(rng.integers(2**31)))


def predicted(
    posterior: "Posterior",
    kind: str,
    source: JudgmentTable,
    seed: int,
    *,
    fitted: bool | None = None,
) -> Figures:
    """Log-loss of ratings or sortings; ``fitted`` as in :func:`twoalike.embedding.check`."""
    from twoalike.embedding import check

    tables: dict[str, Any] = {kind: source}
    checks = getattr(check(posterior, **tables, fitted=fitted, seed=seed), kind)
    score = checks.score
    assert score is not None  # as both kinds are
    half = Z95 * score.log_loss_se
    return Figures(
        n=score.judgments,
        log_loss=Interval(score.log_loss, score.log_loss - half, score.log_loss + half),
        guessing=score.guessing,
        left_out=score.left_out,
    )


SCORED: Mapping[str, Callable[[Given, np.random.Generator], None]] = {
    "choices": on_choices,
    "rdm": on_rdm,
    "ratings": partial(on_pairs, RATINGS),
    "sortings": partial(on_pairs, SORTINGS),
}
"""Kind of judgments -> what scores networks on them; nothing where there are none."""
