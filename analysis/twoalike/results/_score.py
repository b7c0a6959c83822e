"""How well a posterior predicts judgments that it was not fitted to.

Choices of every kind go one way: a triplet is a set of three. Participants whom the posterior knows
answer with their own noise and weights; anybody else is a new person, averaged over the population.
Judgments of the fit are predicted too well, so that the titles of tables name them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from twoalike.calibration import CalibrationError, binned, error_of
from twoalike.choice import expected_accuracy, log_loss
from twoalike.embedding import Posterior, PosteriorSource, as_posterior, seen_judgments
from twoalike.evaluation import (
    Count,
    Figures,
    Judgments,
    TwoWayBootstrap,
    by_participant,
    questions_of,
    subset_names,
)
from twoalike.judgments import JudgmentKind, JudgmentTable, is_scored, read_judgments
from twoalike.results._frame import Rows
from twoalike.results._judged import (
    add_chance,
    known_people,
    labelled,
    posterior_answers,
    predicted,
)
from twoalike.results._model import Judged, Saved, Seen
from twoalike.results._views import TableView, scores_tables
from twoalike.study import Booleans, Integers, TwoalikeError, check_output
from twoalike.study import provenance as made_from
from twoalike.tables import LabelSource, read_labels

type Whom = Literal["auto", "known", "new"]
MOST_DRAWS = 400
"""Draws that predictions are averaged over; more change them by less than their noise."""
TIED = 1e-6
"""Probabilities closer than this are tied: they are averages of single precision."""


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
            thinned = fit.thinned(MOST_DRAWS)
            of_choices, left_out = _known_choices(thinned, table, people)
            about["left_out"][kind] |= left_out
            for of in of_choices:
                boot = TwoWayBootstrap(
                    of.participants, of.things, np.random.default_rng(seed), resamples=resamples
                )
                judged[of.name] = _score(thinned, labelled(of, by_level), people, boot, rows)
        else:
            found = predicted(fit, kind, table, seed, fitted=False)
            rows.add(kind, found, model="posterior")
            n = len(table["participant"].unique())
            judged[kind] = Judged(kind=kind, judgments=found["n"], participants=n)
    config = {"people": people, "resamples": resamples, "interval": 0.95}
    made = made_from("scores", seed=seed, inputs=inputs, config=config)
    scores = Scores(**made, **about, rows=tuple(rows.rows))
    if out is not None:
        scores.save(out)
    return scores


def _refuse_none(n: int, kind: str, expected: str) -> None:
    if not n:
        raise TwoalikeError(where=kind, expected=expected, found="none")


def _known_choices(
    posterior: Posterior, table: pd.DataFrame, people: Whom
) -> tuple[list[Judgments], dict[str, int]]:
    """Choices that can be scored, by question, and how many others there are, by reason."""
    asked = questions_of(table, set(posterior.ids))
    left_out = {"unknown_objects": len(table) - sum(len(of.answer) for of in asked)}
    left_out["new_people"] = 0
    if people == "known":
        own = [known_people(posterior, of) >= 0 for of in asked]
        left_out["new_people"] = sum(int((~known).sum()) for known in own)
        parts = [of.within(known) for of, known in zip(asked, own, strict=True)]
        asked = [of for of in parts if len(of.answer)]
    by = " by its participants" if people == "known" else ""
    expected = f"choices among the {len(posterior.ids)} objects of the posterior{by}"
    _refuse_none(len(asked), "choices", expected)
    return asked, left_out


def _score(
    posterior: Posterior, judged: Judgments, people: Whom, boot: TwoWayBootstrap, rows: Rows
) -> Judged:
    """Predict and score the choices that answer one question."""
    own = known_people(posterior, judged)
    own = np.full_like(own, -1) if people == "new" else own
    p = posterior_answers(posterior, judged, as_new=people == "new")
    hits, losses = expected_accuracy(p, judged.answer, TIED), log_loss(p, judged.answer)

    def calibration(some: Booleans, boot: TwoWayBootstrap) -> CalibrationError:
        return error_of(binned(p[some], judged.answer[some], answers="top"), boot)

    def part(some: Booleans) -> Figures:
        within = boot if some.all() else boot.within(some)
        return Figures(
            n=int(some.sum()),
            accuracy=within.interval(hits[some]).within(0.0, 1.0),
            log_loss=within.interval(losses[some]).within(0.0, np.inf),
            calibration=calibration(some, within),
        )

    groups = dict(judged.groups)
    if (own >= 0).any() and (own < 0).any():
        groups = {"people": np.where(own >= 0, "known", "new"), **groups}
    there, first = np.unique(judged.participants, return_index=True)
    known = int((own[first] >= 0).sum())
    found = {
        **part(np.ones(len(p), dtype=bool)),
        "known_people": known,
        "new_people": len(there) - known,
        "groups": {
            name: {subset: part(of == subset) for subset in subset_names(of)}
            for name, of in groups.items()
        },
    }
    if judged.known_people:
        by_person = by_participant(hits, losses, judged.participants, judged.people)
        found["participants"] = _with_calibration(by_person, judged, own, calibration)
    add_chance(rows, judged)
    rows.add(judged.name, Figures(found), model="posterior")
    return Judged(
        kind="choice",
        question=judged.question.label,
        judgments=len(p),
        participants=len(there),
        objects=len(np.unique(judged.items)),
    )


def _with_calibration(
    by_person: dict[str, Figures],
    judged: Judgments,
    own: Integers,
    calibration: Callable[[Booleans, TwoWayBootstrap], CalibrationError],
) -> dict[str, Figures]:
    """Scores of each participant, with calibration, and whether the posterior knows them."""
    place = {name: row for row, name in enumerate(judged.people)}
    for name, scores in by_person.items():
        some = judged.participants == place[name]
        alone = TwoWayBootstrap(judged.participants[some], judged.number[some, None])
        scores |= {
            "known": bool(own[some][0] >= 0),
            "calibration": calibration(some, alone),
        }
    return by_person
