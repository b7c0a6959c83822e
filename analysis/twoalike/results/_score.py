"""How well a posterior predicts judgments that it was not fitted to.

Choices of every kind go one way: a triplet is a set of three. Participants whom the posterior knows
answer with their own noise and weights; anybody else is a new person, averaged over the population.
Judgments of the fit are predicted too well, so that the titles of tables name them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from twoalike.calibration import binned, error_of
from twoalike.choice import expected_accuracy, log_loss
from twoalike.embedding import Posterior, PosteriorSource, as_posterior, seen_judgments
from twoalike.evaluation import (
    Count,
    Figures,
    Judgments,
    TwoWayBootstrap,
    by_participant,
    mean_scores,
    questions_of,
    subset_names,
)
from twoalike.judgments import JudgmentKind, JudgmentTable, is_scored, read_judgments
from twoalike.results._frame import Judged, Rows
from twoalike.results._judged import (
    add_chance,
    known_people,
    labelled,
    posterior_answers,
    predicted,
)
from twoalike.results._model import Saved, Seen, TableView
from twoalike.results._views import cell, many
from twoalike.study import Booleans, TwoalikeError, check_output, counted
from twoalike.tables import LabelSource, read_labels

type Whom = Literal["auto", "known", "new"]
MOST_DRAWS = 400
"""Draws that predictions are averaged over; more change them by less than their noise."""
TIED = 1e-6
"""Probabilities closer than this are tied: they are averages of single precision."""


MOST_PEOPLE = 20
"""Participants that a table lists."""


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
    rows, about = Rows({}), {"left_out": dict[str, Any](), "seen": dict[str, Any]()}
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
                judged = labelled(of, by_level)
                rows.judged[of.name] = _score(thinned, judged, table, people, boot, rows)
        else:
            found = predicted(fit, kind, table, seed, fitted=False)
            rows.add(kind, found, model="posterior")
            n = len(table["participant"].unique())
            rows.judged[kind] = Judged(kind=kind, judgments=found["n"], participants=n)
    config = {"people": people, "resamples": resamples, "interval": 0.95}
    return Scores.made(rows, (), seed=seed, inputs=inputs, config=config, out=out, **about)


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
    posterior: Posterior,
    judged: Judgments,
    table: pd.DataFrame,
    people: Whom,
    boot: TwoWayBootstrap,
    rows: Rows,
) -> Judged:
    own = known_people(posterior, judged)
    own = np.full_like(own, -1) if people == "new" else own
    p = posterior_answers(posterior, judged, table, as_new=people == "new")
    scores = {
        "accuracy": expected_accuracy(p, judged.answer, TIED),
        "log_loss": log_loss(p, judged.answer),
    }

    def part(some: Booleans) -> Figures:
        within = boot if some.all() else boot.within(some)
        return Figures(
            n=int(some.sum()),
            **mean_scores({name: each[some] for name, each in scores.items()}, within),
            calibration=calibration(some, within),
        )

    def calibration(some: Booleans, boot: TwoWayBootstrap) -> Figures:
        return error_of(binned(p[some], judged.answer[some], answers="top"), boot)

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
        by_person = by_participant(scores, judged.participants, judged.people)
        for place, name in enumerate(judged.people):
            some = judged.participants == place
            if name in by_person:
                alone = TwoWayBootstrap(judged.participants[some], judged.number[some, None])
                by_person[name]["known"] = bool(own[some][0] >= 0)
                by_person[name]["calibration"] = calibration(some, alone)
        found["participants"] = by_person
    add_chance(rows, judged)
    rows.add(judged.name, Figures(found), model="posterior")
    return Judged(
        kind="choice",
        question=judged.question.label,
        judgments=len(p),
        participants=len(there),
        objects=len(np.unique(judged.items)),
    )


def scores_tables(found: Scores) -> list[TableView]:
    """One table per question, its participants, and one of ratings and of sortings."""
    tables = []
    for name, judged in found.judged.items():
        if name in ("ratings", "sortings"):
            title = f"{counted(judged.judgments or 0, 'judgment')} ({name})"
            rows = {"posterior": f"{name}.log_loss", "chance": f"{name}.guessing"}
            cells = {label: cell(found.at(of, "posterior")) for label, of in rows.items()}
            frame = pd.DataFrame({"log-loss": cells})
            tables.append(TableView(_titled(found, name, title), frame, name))
            continue
        people = [
            counted(int(row.value), f"{kind} participant")
            for kind in ("known", "new")
            if (row := found.at(f"{name}.{kind}_people", "posterior")) and row.value
        ]
        title = f"{many(judged)} by {' and '.join(people)} "
        title = _titled(found, "choices", f"{title}of {counted(judged.objects or 0, 'object')}")
        levels = ["", *found.levels(f"{name}.accuracy", "posterior")]
        parts = _parts(found, name, {level or "all": level for level in levels})
        chance = [found.at(f"{name}.chance.{of}") for of in ("accuracy", "log_loss")]
        parts.loc["chance"] = ["", *map(cell, chance), ""]
        tables.append(TableView(title, parts, name))
        everyone = found.levels(f"{name}.participants.accuracy")
        if len(everyone) > 1:
            tables.append(_scored_people(found, name, everyone))
    return tables


def _titled(found: Scores, kind: str, title: str) -> str:
    """Title with what was left out, and with how many judgments were fitted to."""
    reasons = found.left_out[kind].items()
    out = [f"{n:,} {reason.replace('_', ' ')}" for reason, n in reasons if n]
    title += f" (left out: {', '.join(out)})" if out else ""
    return found.titled(kind, title)


def _parts(found: Scores, measure: str, levels: Mapping[str, str]) -> pd.DataFrame:
    """Scores of the posterior at some levels, a row each by its label."""
    keys = ("accuracy", "log_loss", "calibration.debiased")
    rows = {}
    for label, level in levels.items():
        first, *others = (found.at(f"{measure}.{key}", "posterior", level) for key in keys)
        count = "" if first is None or first.n is None else f"{first.n:,}"
        rows[label] = [count, *map(cell, (first, *others))]
    columns = ["choices", "accuracy", "log-loss", "calibration error"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object)


def _scored_people(found: Scores, name: str, people: Iterable[str]) -> TableView:
    """Scores by participant, the least predictable first."""
    measure = f"{name}.participants"

    def loss(person: str) -> float:
        row = found.at(f"{measure}.log_loss", "posterior", person)
        return row.value if row else 0.0

    worst = sorted(people, key=loss, reverse=True)
    title = f"The {MOST_PEOPLE} least predictable of {len(worst)} participants"
    if len(worst) <= MOST_PEOPLE:
        title = "By participant, the least predictable first"
    known = {row.level for row in found.rows if row.measure == f"{measure}.known" and row.value}
    labels = {
        person if person in known else f"{person} (new)": person for person in worst[:MOST_PEOPLE]
    }
    frame = _parts(found, measure, labels)
    return TableView(title, frame.rename_axis("participant"), name)
