"""What a fit tries first: both similarities on held-out judgments, and how many dimensions matter.

Fits of the pilot are short and variational, whatever engine follows. Few judgments are held out in
turn, a fifth at a time, so that all of them tell the two similarities apart; of many, a tenth is
enough. Where people judged much, one more fit shows whether they weigh the dimensions differently;
on demand others show whether response times tell of the choices.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from twoalike.embedding._choices import Choices
from twoalike.embedding._config import FitConfig
from twoalike.embedding._draws import importance
from twoalike.embedding._judged import Draw, given_answers
from twoalike.embedding._model import Data, Form
from twoalike.embedding._parts import find_kernel
from twoalike.embedding._posterior import SURE
from twoalike.study import Floats, Integers

STEPS, STEPS_OF_MANY = 1000, 2000
"""Steps of a short fit, and from :data:`MANY` judgments on: at a thousand, dot products of THINGS
are further from their best than distances."""
DRAWS = 20
FEWEST = 100
"""Judgments below which nothing is tried: held-out ones would say nothing."""
FOLDS = 5
MANY = 20_000
"""Judgments from which a tenth is held out once, instead of each fifth in turn."""
FITS = 2
"""At least, of a similarity: dot products gain more by a mixture of fits than distances do."""
OF_A_DRAW = ("embedding", "temperature", "lapse")
FEWEST_PEOPLE, MUCH = 5, 100
"""People, and judgments a person (median), from which on weights of the dimensions are tried."""
WEIGHT = 0.01
"""Importance from which on a dimension of a short fit counts: it leaves little in many others."""
SPARE = 1.5
"""Dimensions that are fitted for each that counts, and two more: a short fit may miss some."""
LEAST = 0.4
"""Smallest share of the dimensions offered that is fitted, since many objects have many small ones,
which a short fit has not found yet."""


@dataclass(frozen=True)
class Trial:
    """One similarity: log-loss of each judgment held out, (n,), and dimensions with weight."""

    similarity: str
    losses: Floats
    dimensions: int


@dataclass(frozen=True)
class Pilot:
    """What was tried, and what follows from it.

    ``weighted`` is the best similarity with weights of the dimensions by person, tried on the first
    of the judgments held out, if it was; ``timed`` with response times, on all of them. With
    ``weights`` everything was tried with weights of the dimensions by person.
    """

    trials: tuple[Trial, ...]
    offered: int  # dimensions
    weighted: Trial | None = None
    timed: Trial | None = None
    weights: bool = False

    @property
    def taken(self) -> Trial:
        """The similarity with the lowest held-out log-loss; the usual one, unless this is sure."""
        usual, best = self.trials[0], min(self.trials, key=lambda one: float(one.losses.mean()))
        return best if _is_sure(usual.losses - best.losses) else usual

    @property
    def keeps_times(self) -> bool:
        """Whether response times surely make predictions of choices better."""
        return self.timed is not None and _is_sure(self.taken.losses - self.timed.losses)

    @property
    def dimensions(self) -> int:
        """Dimensions to fit."""
        needed = int(np.ceil(SPARE * self.taken.dimensions)) + 2
        return min(max(needed, int(np.ceil(LEAST * self.offered))), self.offered)

    def described(self) -> dict[str, Any]:
        """Give what the posterior's file says of it."""
        taken = self.taken
        rows = []
        for trial in self.trials:
            gap = trial.losses - taken.losses
            rows.append(
                {
                    "similarity": trial.similarity,
                    "log_loss": round(float(trial.losses.mean()), 5),
                    "minus_taken": round(float(gap.mean()), 5),
                    "minus_taken_se": round(float(gap.std() / np.sqrt(len(gap))), 5),
                    "dimensions": trial.dimensions,
                }
            )
        found: dict[str, Any] = {
            "people": "weights" if self.weights else "noise",
            "judgments": len(taken.losses),
            "offered": self.offered,
            "taken": taken.similarity,
            "tried": rows,
        }
        if self.weighted is not None:
            found["weights"] = self._gain(self.weighted)
        if self.timed is not None:
            found["response_times"] = self._gain(self.timed) | {"kept": self.keeps_times}
        return found

    def _gain(self, other: Trial) -> dict[str, Any]:
        """By how many nats a judgment another trial predicts better."""
        gain = self.taken.losses[: len(other.losses)] - other.losses
        return {
            "judgments": len(gain),
            "gain": round(float(gain.mean()), 5),
            "gain_se": round(float(gain.std() / np.sqrt(len(gain))), 5),
        }


def _is_sure(gain: Floats) -> bool:
    return bool(gain.mean() > SURE * gain.std() / np.sqrt(len(gain)))


def run_pilot(
    data: Data, form_of: Callable[[str], Form], similarities: tuple[str, ...], config: FitConfig
) -> Pilot:
    """Fit each similarity without some judgments, and score it on these.

    ``form_of`` gives what is fitted with a similarity. Whether people weigh the dimensions is tried
    unless the settings name it.
    """
    folds = _folds(data.choices, config.seed)
    untimed = data.with_choices(data.choices.without_times())
    trials = tuple(_try(untimed, form_of(one), folds, config) for one in similarities)
    first = form_of(similarities[0])
    pilot = Pilot(trials, first.dimensions, weights=first.weights)
    form = form_of(pilot.taken.similarity)
    if data.choices.timed:
        pilot = replace(pilot, timed=_try(data, form, folds, config))
    if "people" in config.model_fields_set or not _judged_much(data):
        return pilot
    form = replace(form, weights=True)
    return replace(pilot, weighted=_try(untimed.everybody(), form, folds[:1], config))


def _judged_much(data: Data) -> bool:
    counts = data.choices.given(len(data.participants))
    return len(counts) >= FEWEST_PEOPLE and float(np.median(counts)) >= MUCH


def _folds(choices: Choices, seed: int) -> list[Integers]:
    """Choices to hold out, by fold, as positions among all.

    All folds have equally many of each question, so that one program fits all.
    """
    rng, many = np.random.default_rng([seed, 4]), len(choices) >= MANY
    folds: list[list[Integers]] = [[] for _ in range(1 if many else FOLDS)]
    for group, here in zip(choices.groups, choices.slices, strict=True):
        order = here.start + rng.permutation(group.size)
        size = group.size // (10 if many else FOLDS)
        for number, fold in enumerate(folds):
            fold.append(order[number * size : (number + 1) * size])
    return [np.concatenate(fold) for fold in folds]


def _try(data: Data, form: Form, folds: list[Integers], config: FitConfig) -> Trial:
    from twoalike.embedding._vi import fit_vi

    n = len(data.choices)
    copies = FITS if n >= MANY else 1
    steps = STEPS if n < MANY else STEPS_OF_MANY
    short = config.model_copy(update={"steps": config.steps or steps, "draws": DRAWS})
    parts = [data.take(np.setdiff1d(np.arange(n), rows)) for rows in folds for _ in range(copies)]
    title = f"pilot, {form.similarity}" + (", weights by person" if form.weights else "")
    title += ", response times" if data.choices.timed else ""
    draws, _ = fit_vi(data, form, config=short, parts=parts, title=title)
    kernel, losses = find_kernel(form.similarity), []
    for fold, rows in enumerate(folds):
        held = data.choices.take(rows)
        total = np.zeros(len(held))
        for fit, place in product(range(copies * fold, copies * (fold + 1)), range(DRAWS)):
            x, temperature, lapse = (draws[name][fit, place] for name in OF_A_DRAW)
            whole = None if form.weights else kernel.whole(x, 3 * len(held))
            roots = np.exp(draws["log_weight"][fit, place] / 2) if form.weights else None
            draw = Draw(x, temperature, lapse, kernel, whole, roots)
            total += given_answers(draw, held) / (copies * DRAWS)
        losses.append(-np.log(total))
    counts = [_with_weight(fold.mean(axis=0), form.similarity) for fold in draws["embedding"]]
    return Trial(form.similarity, np.concatenate(losses), int(np.median(counts)))


def _with_weight(x: Floats, similarity: str) -> int:
    """Count the dimensions of one fit that carry weight, by its mean embedding, (m, d).

    Distances know no axes: there it is the principal ones that count.
    """
    if similarity == "distance":
        size = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
        return int((size >= WEIGHT * size.sum()).sum())
    return int((importance(x[None, None]) >= WEIGHT).sum())
