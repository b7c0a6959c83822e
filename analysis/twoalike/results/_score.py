"""How well a posterior predicts judgments that it was not fitted to.

Choices of every kind go one way: a triplet is a set of three. Participants whom the posterior knows
answer with their own noise and weights; anybody else is a new person, averaged over the population.
Judgments of the fit are predicted too well, so that the titles of tables name them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.calibration import CalibrationError, binned, error_of
from twoalike.choice import Question, expected_accuracy, log_loss
from twoalike.embedding import (
    Posterior,
    PosteriorSource,
    as_posterior,
    seen_judgments,
    set_probabilities,
)
from twoalike.evaluation import (
    Count,
    Interval,
    PersonScores,
    SubsetScores,
    TwoWayBootstrap,
    by_participant,
    clustered_interval,
    group_numbers,
    subset_names,
    triplet_kinds,
)
from twoalike.judgments import (
    JudgmentKind,
    JudgmentTable,
    is_scored,
    participant_index,
    read_judgments,
    set_choices,
)
from twoalike.results._frame import Rows
from twoalike.results._judged import add_chance, predicted
from twoalike.results._model import Judged, Saved, Seen
from twoalike.results._views import TableView, scores_tables
from twoalike.study import MISSING, Booleans, Floats, Integers, TwoalikeError, check_output
from twoalike.study import provenance as made_from
from twoalike.tables import Labels, LabelSource, read_labels

type Whom = Literal["auto", "known", "new"]
MOST_DRAWS = 400
"""Draws that predictions are averaged over; more change them by less than their noise."""
TIED = 1e-6
"""Probabilities closer than this are tied: they are averages of single precision."""


class ScoredPart(SubsetScores):
    """Scores of a posterior on some of the choices."""

    calibration: CalibrationError
    """Of the most probable answer, in ten bins of equal width."""


class ScoredPerson(PersonScores):
    """Scores of a posterior on the choices of one participant."""

    known: bool
    """Whether their own noise and weights were used; otherwise they count as a new person."""
    calibration: CalibrationError
    """Of the most probable answer, in ten bins of equal width."""


class Scores(Saved):
    """How well a posterior predicts judgments, as :func:`score` measures it."""

    command: ClassVar[str] = "score"

    kind: Literal["scores"] = "scores"
    """What the file is."""
    left_out: dict[str, dict[str, Count]] = {}
    """Kind of judgments -> reason -> judgments that were not scored."""

    def tables(self) -> list[TableView]:
        """Tables of the main figures, as ``twoalike score`` shows them."""
        return scores_tables(self)

    def __repr__(self) -> str:
        """Kinds of judgments, and main figures of choices."""
        parts = []
        for name, judged in self.judged.items():
            row = self.at(f"{name}.accuracy", "posterior")
            parts.append(f"{judged.kind}: accuracy {row.value:.3f}" if row else name)
        return f"<Scores: {'; '.join(parts)}>"


def score(
    posterior: PosteriorSource,
    *,
    choices: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    labels: LabelSource | None = None,
    people: Whom = "auto",
    exclude_seen: bool = False,
    seed: int = 0,
    resamples: int = 2000,
    out: str | Path | None = None,
) -> Scores:
    """Score a posterior on judgments, as a rule on others than those it was fitted to.

    For choices of any kind: accuracy (ties count 1/k), log-loss in nats and expected calibration
    error, overall, by level and by participant, with 95 % intervals over participants and objects
    (of larger sets, over participants and sets). For ratings and sortings: log-loss. The titles of
    the tables state whether judgments were part of the fit. Practice and catch trials, and
    judgments of objects that the posterior does not know, are left out and counted. Ratings and
    sortings are scored for participants who gave some in the fit: others have no scale of their
    own.

    Parameters
    ----------
    posterior
        Posterior (.nc).
    choices
        Judgments (choices.parquet).
    ratings
        Ratings of pairs (ratings.parquet).
    sortings
        Sortings into piles (sortings.parquet).
    labels
        Table of labels (tab-separated, column id, then levels), such as stimuli.tsv. Adds scores by
        kind of triplet (within, boundary, between) at each level.
    people
        ``auto``: participants of the fit are predicted by their own noise and weights, all others
        as new people, averaged over the population. ``known``: only choices of participants of the
        fit. ``new``: everybody as a new person.
    exclude_seen
        Leave out, and count, judgments that were part of the fit: those of the same participant on
        the same items, whatever the answer.
    seed
        Seed of the resamples.
    resamples
        Bootstrap resamples of the intervals.
    out
        Results to write (.json).

    Returns
    -------
    The scores; ``seen`` says how many of the judgments the posterior was fitted to.

    """
    if out is not None:
        check_output(Path(out))
    given: dict[JudgmentKind, JudgmentTable | None] = {
        "choices": choices,
        "ratings": ratings,
        "sortings": sortings,
    }
    tables = {kind: table for kind, table in given.items() if table is not None}
    if not tables:
        raise TwoalikeError(
            expected="`choices=...`, `ratings=...` or `sortings=...` to score", found="none of them"
        )
    fit = as_posterior(posterior)
    files = {kind: Path(one) for kind, one in tables.items() if isinstance(one, str | Path)}
    inputs: dict[str, Path] = {**files} | ({} if fit.path is None else {"posterior": fit.path})
    by_level = read_labels(labels, inputs)
    rows, judged = Rows({}), dict[str, Judged]()
    about: dict[str, Any] = {"left_out": {}, "seen": {}, "judged": judged}
    for kind, source in tables.items():
        table = read_judgments(source, kind)
        scored = is_scored(table)
        about["left_out"][kind] = {"practice_or_catch": int((~scored).sum())}
        table = table[scored]
        _refuse_none(len(table), kind, "judgments of main or repeated trials")
        seen = seen_judgments(fit, table, kind, files.get(kind))
        about["seen"][kind], table = Seen.of(table, {"posterior": seen}, kind, exclude=exclude_seen)
        if kind == "choices":
            lot = _Lot(fit.thinned(MOST_DRAWS), by_level, people, seed, resamples, rows)
            judged |= lot.score(table, about["left_out"][kind])
        else:
            found = predicted(fit, kind, table, seed, fitted=False)
            rows.add(kind, found, model="posterior")
            n = len(table["participant"].unique())
            judged[kind] = Judged(kind=kind, judgments=found.judgments, participants=n)
    config = {"people": people, "resamples": resamples, "interval": 0.95}
    made = made_from("scores", seed=seed, inputs=inputs, config=config)
    scores = Scores(**made, **about, rows=tuple(rows.rows))
    if out is not None:
        scores.save(out)
    return scores


def name_of(question: Question) -> str:
    """Name a question in measures, as ``evaluate`` does."""
    return question.kind if question.items == 3 else f"{question.kind}_{question.items}"  # noqa: PLR2004


def _refuse_none(n: int, kind: str, expected: str) -> None:
    if not n:
        raise TwoalikeError(where=kind, expected=expected, found="none")


@dataclass(frozen=True, eq=False)
class _Clustered:
    """Intervals over people and sets, where sets have more than three items."""

    judge: Integers
    number: Integers

    def interval(self, scores: Floats, value: float | None = None) -> Interval:
        return clustered_interval(scores, self.judge, self.number, value)

    def within(self, rows: Booleans) -> "_Clustered":
        return _Clustered(self.judge[rows], self.number[rows])


@dataclass(frozen=True, eq=False)
class _Predicted:
    """The n choices that answer one question, with the probabilities of the answers, (n, A)."""

    question: Question
    answer: Integers
    judge: Integers
    p: Floats
    hits: Floats
    losses: Floats
    boot: Any

    def part(self, rows: Booleans) -> ScoredPart:
        """Score some of the choices."""
        boot = self.boot if rows.all() else self.boot.within(rows)
        return ScoredPart(
            choices=int(rows.sum()),
            accuracy=boot.interval(self.hits[rows]).within(0.0, 1.0),
            log_loss=boot.interval(self.losses[rows]).within(0.0, np.inf),
            calibration=self._calibration(rows, boot),
        )

    def _calibration(self, rows: Booleans, boot: Any) -> CalibrationError:
        return error_of(binned(self.p[rows], self.answer[rows], answers="top"), boot)

    def by_person(
        self, names: Sequence[str], known: Booleans, number: Integers
    ) -> dict[str, ScoredPerson]:
        """Score each participant; ``known`` (P,) marks those with parameters of their own."""
        found = by_participant(self.hits, self.losses, self.judge, names)
        place = {name: row for row, name in enumerate(names)}
        people = {}
        for name, scores in found.items():
            rows = self.judge == place[name]
            boot = _Clustered(self.judge[rows], number[rows])
            people[name] = ScoredPerson(
                **dict(scores),
                known=bool(known[place[name]]),
                calibration=self._calibration(rows, boot),
            )
        return people


@dataclass(frozen=True, eq=False)
class _Lot:
    """What all questions are scored with."""

    posterior: Posterior
    labels: Labels
    people: Whom
    seed: int
    resamples: int
    rows: Rows

    def score(self, table: pd.DataFrame, left_out: dict[str, int]) -> dict[str, Judged]:
        """Score the choices of a table by question; ``left_out`` gets the counts."""
        judge, names = participant_index(table)
        own = pd.Index(self.posterior.participants).get_indexer(pd.Index(names))
        if self.people == "new":
            own = np.full_like(own, -1)
        asked, ids = set_choices(table)
        place = pd.Index(self.posterior.ids).get_indexer(pd.Index(ids))
        found = {}
        left_out |= {"unknown_objects": 0, "new_people": 0}
        for of in asked:
            items, who = place[of.items], judge[of.rows]
            known = (items >= 0).all(axis=1)
            left_out["unknown_objects"] += int((~known).sum())
            if self.people == "known":
                left_out["new_people"] += int((known & (own[who] < 0)).sum())
                known &= own[who] >= 0
            if known.any():
                levels = table["level"].iloc[of.rows[known]]
                shown = (items[known], of.answer[known], who[known])
                judged = self._question(of.question, *shown, own, names, levels)
                found[name_of(of.question)] = judged
        expected = f"choices among the {len(self.posterior.ids)} objects of the posterior"
        by = " by its participants" if self.people == "known" else ""
        _refuse_none(len(found), "choices", expected + by)
        return found

    def _question(
        self,
        question: Question,
        items: Integers,
        answer: Integers,
        judge: Integers,
        own: Integers,
        names: Sequence[str],
        levels: "pd.Series[str]",
    ) -> Judged:
        """Predict and score choices: object indices (n, k), answers, judges and levels, (n,)."""
        (p,) = set_probabilities(
            self.posterior, items, question, lapse=True, participants=own[judge]
        )
        number = group_numbers(*question.in_order(items, answer)[0].T)
        if question.items == 3:  # noqa: PLR2004
            rng = np.random.default_rng(self.seed)
            boot: Any = TwoWayBootstrap(judge, items, rng, resamples=self.resamples)
        else:
            boot = _Clustered(judge, number)
        hits = expected_accuracy(p, answer, TIED)
        predicted = _Predicted(question, answer, judge, p, hits, log_loss(p, answer), boot)
        groups = {
            name: {subset: predicted.part(of == subset) for subset in subset_names(of)}
            for name, of in self._groups(items, own[judge], levels).items()
        }
        there = np.unique(judge)
        told_apart = [names[row] for row in there] != ["unknown"]
        counts = {"known_people": int((own[there] >= 0).sum())}
        counts["new_people"] = len(there) - counts["known_people"]
        name, n = name_of(question), len(answer)
        everyone = predicted.by_person(names, own >= 0, number) if told_apart else None
        add_chance(self.rows, name, question.chance, n)
        for measure, part in (
            (name, predicted.part(np.ones(n, dtype=bool))),
            (name, groups),
            (f"{name}.participants", everyone),
            *((f"{name}.{key}", count) for key, count in counts.items()),
        ):
            self.rows.add(measure, part, model="posterior", n=n)
        return Judged(
            kind="choice",
            question=question.label,
            judgments=n,
            participants=len(there),
            objects=len(np.unique(items)),
        )

    def _groups(
        self, items: Integers, own: Integers, levels: "pd.Series[str]"
    ) -> dict[str, npt.NDArray[np.str_]]:
        """Subset of each choice, "" for none, by the name of the group."""
        groups = {}
        if (own >= 0).any() and (own < 0).any():
            groups["people"] = np.where(own >= 0, "known", "new")
        if levels.notna().any():
            groups["level"] = levels.astype(object).fillna("").to_numpy().astype(np.str_)
        for level, by_id in self.labels.items() if items.shape[1] == 3 else ():  # noqa: PLR2004
            of_objects = [by_id.get(name, MISSING) for name in self.posterior.ids]
            groups[level] = triplet_kinds(of_objects, items)
        return groups
