"""Designs run against answers that were recorded, which is how to compare them without people.

Some judgments are held out before anything else, the same for all designs of a seed. A design then
reveals the recorded answers of the others batch by batch, and a fit to what is revealed predicts
those held out. A random design takes the next of an order drawn at random; an adaptive one begins
with the same answers, and then picks trials by the last fit, of those whose answers are not all
revealed: a trial that several people answered can be picked as often. Trials are picked in parts of
:data:`PART` by :func:`twoalike.design.adaptive_trials`, each part among trials of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.choice import Question, log_loss
from twoalike.design import AnswerDraws, TrialForm, adaptive_trials
from twoalike.embedding import FitConfig, Posterior, fit_embedding, predicted_answers
from twoalike.features import FeatureTable
from twoalike.judgments import JudgmentKind, is_scored, rating_sources, set_choices
from twoalike.planning import typical_answers
from twoalike.study import Integers, TwoalikeError, read_json, write_json
from twoalike.tables import item_indices

type Design = Literal["random", "adaptive"]
type ReplayPrior = Literal["none", "features", "sources", "shuffled"]

DESIGNS: tuple[Design, ...] = ("random", "adaptive")

PART = 100
"""Trials picked together: posterior draws tell no more of them apart."""
CANDIDATES = 2_000
"""Trials that a part is picked from, at most."""
RANDOM_SHARE = 0.2
"""Of the answers of an adaptive design."""


def named(design: Design, prior: ReplayPrior) -> str:
    """Name a design with its prior, such as ``adaptive, features``."""
    return design if prior == "none" else f"{design}, {prior}"


@dataclass(frozen=True, eq=False)
class Recorded:
    """Recorded answers to one question: a table, and the trial of each row.

    ``trials`` (n, k) are object indices in the order of the form, ``levels`` (n,) of ratings, which
    have no ``question`` but ``points``.
    """

    kind: JudgmentKind
    table: pd.DataFrame
    trials: Integers
    levels: Integers | None
    question: Question | None
    points: int | None
    ids: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, kind: JudgmentKind) -> "Recorded":
        """Take the main and repeated judgments of a table; refuse those that are not replayed."""
        if kind not in ("choices", "ratings"):
            raise TwoalikeError(
                where="replay", expected="choices, or ratings of pairs", found=str(kind)
            )
        table = table[is_scored(table)].reset_index(drop=True)
        if kind == "choices":
            asked, ids = set_choices(table)
            if len(asked) != 1:
                found = ", ".join(of.question.label for of in asked) or "no choices"
                raise TwoalikeError(where=kind, expected="answers to one question", found=found)
            (of,) = asked
            trials = TrialForm.of(of.question).in_order(of.items)
            return cls(kind, table, trials, None, of.question, None, ids)
        sources, ids = rating_sources(table)
        scales = {source.points for source in sources}
        if len(scales) != 1 or None in scales:
            found = ", ".join("a slider" if one is None else f"{one} points" for one in scales)
            raise TwoalikeError(where=kind, expected="ratings on one scale of points", found=found)
        pairs, _ = item_indices(table, ("item_a", "item_b"), ids)
        levels = table["rating"].to_numpy(np.int64) - 1
        return cls(kind, table, np.sort(pairs, axis=1), levels, None, scales.pop(), ids)

    @property
    def form(self) -> TrialForm:
        return TrialForm.of(self.question)

    def fit(self, rows: Integers, known: Mapping[str, Any], config: FitConfig) -> Posterior:
        """Fit the answers in some rows, whatever the order in which they were revealed."""
        table: Any = {self.kind: self.table.iloc[np.sort(rows)].reset_index(drop=True)}
        return fit_embedding(**table, **known, config=config)

    def draws(self, posterior: Posterior) -> AnswerDraws:
        """Give the probabilities of the answers of a typical observer under a posterior's draws."""
        return typical_answers(posterior, self.ids, self.question, self.points)

    def loss(self, posterior: Posterior, draws: AnswerDraws, held: Integers) -> float:
        """Mean log-loss of the answers in some rows, nats.

        Of choices for their people, or a new person where the fit has none of theirs; of ratings
        for a typical rater.
        """
        if self.levels is not None:
            p = np.mean(draws(self.trials[held]), axis=0)
            return float(log_loss(p, self.levels[held]).mean())
        found = predicted_answers(posterior, self.table.iloc[held])
        return float(np.concatenate([log_loss(p, of.answer) for of, p in found]).mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class Replayed:
    """Designs to be run against recorded answers; finished fits are kept in ``folder``."""

    recorded: Recorded
    known: Mapping[str, Any]
    """Features and tables of sources, as arguments of a fit; those of a prior that is run."""
    sizes: tuple[int, ...]
    """Numbers of answers after which a design is fitted; the last is that of the full design."""
    held_out: float
    """Share of all judgments."""
    whole: bool
    """Whether designs go on once they predict as well as the full random one."""
    fit: FitConfig
    folder: Path
    announce: Callable[[str], object]

    def order(self, seed: int) -> tuple[Integers, Integers]:
        """Rows held out by a seed, and all others in the order of its random design."""
        order = np.random.default_rng([seed, 0]).permutation(len(self.recorded.table))
        n = round(self.held_out * len(order))
        return order[:n], order[n:]

    def prior(self, prior: ReplayPrior, seed: int) -> dict[str, Any]:
        """Give what a prior knows; shuffled features are those of other objects."""
        if prior in ("none", "sources"):
            return {name: self.known[name] for name in (prior,) if name != "none"}
        values = self.known["features"].select(self.recorded.ids)
        if prior == "shuffled":
            values = np.random.default_rng([seed, 1]).permutation(values)
        return {"features": FeatureTable(self.recorded.ids, values, {})}

    def run(self, design: Design, prior: ReplayPrior, seed: int, target: float) -> dict[int, float]:
        """Held-out log-loss after each number of answers, of what is kept and what is missing.

        Unless ``whole``, it ends when two fits in turn have come to the ``target``.
        """
        path = self.folder / f"seed-{seed}_{design}_{prior}.json"
        held, order = self.order(seed)
        kept: dict[str, Any] = {"rows": order[: self.sizes[0]].tolist(), "log_loss": []}
        if path.exists():
            kept = read_json(path, "replayed_design")
        losses = kept["log_loss"]
        known, config = self.prior(prior, seed), self.fit.model_copy(update={"seed": seed})
        while (done := len(losses)) < len(self.sizes):
            if not self.whole and done > 1 and max(losses[-2:]) <= target:
                break
            rows = np.array(kept["rows"])
            posterior = self.recorded.fit(rows, known, config)
            draws = self.recorded.draws(posterior)
            losses.append(self.recorded.loss(posterior, draws, held))
            said = f"seed {seed}, {named(design, prior)}: {len(rows):,} answers"
            self.announce(f"{said}, log-loss {losses[-1]:.4f}")
            if done + 1 < len(self.sizes):
                n, left = self.sizes[done + 1] - len(rows), order[~np.isin(order, rows)]
                rng = np.random.default_rng([seed, 2, done])
                more = left[:n] if design == "random" else self._picked(draws, left, n, rng)
                kept["rows"] += more.tolist()
            write_json(path, {**kept, "schema_version": 1, "kind": "replayed_design"})
        return dict(zip(self.sizes, losses, strict=False))

    def _picked(
        self, draws: AnswerDraws, left: Integers, n: int, rng: np.random.Generator
    ) -> Integers:
        """Choose ``n`` of the rows that are left: a share at random, the others by draws."""
        m, form = len(self.recorded.ids), self.recorded.form
        by_chance = left[: round(RANDOM_SHARE * n)]
        others = left[len(by_chance) :]
        trials, first = np.unique(self.recorded.trials[others], axis=0, return_index=True)
        wanted = min(n - len(by_chance), len(trials))
        parts = np.array_split(rng.permutation(len(trials)), -(-wanted // PART))
        picked = []
        for part, block in zip(parts, np.array_split(np.arange(wanted), len(parts)), strict=True):
            some: dict[str, Any] = {"candidates": trials[part[:CANDIDATES]], "random_share": 0.0}
            found = adaptive_trials(draws, m, len(block), rng=rng, form=form, **some).trials
            rows = {tuple(trials[at].tolist()): first[at] for at in part}
            picked += [others[rows[tuple(row)]] for row in found.tolist()]
        chosen = np.concatenate([by_chance, np.array(picked, dtype=left.dtype)])
        rest = left[~np.isin(left, chosen)]
        return np.concatenate([chosen, rest[: n - len(chosen)]])


def answers_needed(curve: Mapping[int, float], target: float) -> float:
    """Answers from which on a curve stays at the target or below, on lines between its points.

    NaN where it does not.

    Examples
    --------
    >>> round(answers_needed({100: 1.0, 200: 0.9, 300: 0.7, 400: 0.75}, 0.8))
    250
    """
    n, loss = (np.array([*values], dtype=np.float64) for values in (curve, curve.values()))
    above = np.flatnonzero(loss > target)
    if not len(above):
        return float(n[0])
    at = above[-1]
    if at == len(n) - 1:
        return float("nan")
    share = (loss[at] - target) / (loss[at] - loss[at + 1])
    return float(n[at] + share * (n[at + 1] - n[at]))
