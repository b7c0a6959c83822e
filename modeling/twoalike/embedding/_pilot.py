"""What a fit tries first: both similarities on held-out judgments, and how many dimensions matter.

Fits of the pilot are short and variational, whatever engine follows. Few judgments are held out in
turn, a fifth at a time, so that all of them tell the two similarities apart; of many, a tenth is
enough. Where people judged much, one more fit shows whether they weigh the dimensions differently;
on demand others show whether response times tell of the choices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from twoalike.choice import log_loss
from twoalike.embedding._config import FitConfig
from twoalike.embedding._draws import importance
from twoalike.embedding._judged import Draw, Judged, answer_probabilities
from twoalike.embedding._model import Data, Form
from twoalike.embedding._parts import find_kernel
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
SURE = 2.0
"""Standard errors by which another similarity than the usual one has to be better. Dot products
have dimensions that can be read, and gain more from the final fit."""
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


def plan_lines(attrs: Mapping[str, Any]) -> list[str]:
    """Say what a fit does and why, from attributes of the posterior.

    The pilot's findings and advice, if there was one, then the engine and how long it takes.
    """
    pilot, said = attrs.get("pilot"), []
    if pilot:
        said.append(_tried_line(pilot))
        tried = pilot.get("weights")
        if tried is not None and tried["gain"] > SURE * tried["gain_se"]:
            said.append(
                "note: weights of the dimensions by person predict held-out judgments better by "
                f"{tried['gain']:.4f} ± {tried['gain_se']:.4f} nats: fit with `people=weights`"
            )
        if "response_times" in pilot:
            said.append(_times_line(pilot["response_times"]))
    if "engine_reason" in attrs:
        on = f" (on a {attrs['device']})" if "device" in attrs else ""
        said.append(f"engine {attrs['engine']}: {attrs['engine_reason']}{on}")
    return said


def _tried_line(pilot: Mapping[str, Any]) -> str:
    """Say what was tried before the fit, and what came out of it."""
    named = {"dot": "dot product", "distance": "distance"}
    (taken,) = [trial for trial in pilot["tried"] if trial["similarity"] == pilot["taken"]]
    whose = " with weights by person" if pilot.get("people") == "weights" else ""
    said = f"pilot: {named[taken['similarity']]}{whose}, {taken['dimensions']} of "
    said += f"{pilot['offered']} dimensions carry weight"
    for other in pilot["tried"]:
        gap = other["minus_taken"]
        if other is not taken:
            said += (
                f"; {named[other['similarity']]} is {abs(gap):.4f} ± {other['minus_taken_se']:.4f} "
                f"nats {'worse' if gap >= 0 else 'better, too little to be sure,'} "
                f"on {pilot['judgments']:,} held-out judgments"
            )
    return said


def _times_line(tried: Mapping[str, Any]) -> str:
    """Say whether response times are used, and why."""
    said = f"response times are {'used' if tried['kept'] else 'not used'}: with them held-out "
    way = "better" if tried["gain"] > 0 else "worse"
    said += f"choices are predicted {way} by {abs(tried['gain']):.4f} ± {tried['gain_se']:.4f} nats"
    return said if tried["kept"] or tried["gain"] <= 0 else f"{said}, too little to be sure"


def _is_sure(gain: Floats) -> bool:
    return bool(gain.mean() > SURE * gain.std() / np.sqrt(len(gain)))


def run_pilot(
    data: Data, form_of: Callable[[str], Form], similarities: tuple[str, ...], config: FitConfig
) -> Pilot:
    """Fit each similarity without some judgments, and score it on these.

    ``form_of`` gives what is fitted with a similarity. Whether people weigh the dimensions is tried
    unless the settings name it.
    """
    folds, untimed = _folds(len(data.items), config.seed), replace(data, times=None)
    trials = tuple(_try(untimed, form_of(one), folds, config) for one in similarities)
    first = form_of(similarities[0])
    pilot = Pilot(trials, first.dimensions, weights=first.weights)
    form = form_of(pilot.taken.similarity)
    if data.times is not None:
        pilot = replace(pilot, timed=_try(data, form, folds, config))
    if "people" in config.model_fields_set or not _judged_much(data):
        return pilot
    form = replace(form, weights=True)
    return replace(pilot, weighted=_try(untimed.everybody(), form, folds[:1], config))


def _judged_much(data: Data) -> bool:
    counts = np.bincount(data.judge, minlength=len(data.participants))
    return len(counts) >= FEWEST_PEOPLE and float(np.median(counts)) >= MUCH


def _folds(n: int, seed: int) -> list[Integers]:
    """Rows to hold out, by fold; all folds are of one size, so that one program fits all."""
    order = np.random.default_rng([seed, 4]).permutation(n)
    size, count = (n // FOLDS, FOLDS) if n < MANY else (n // 10, 1)
    return [order[k * size : (k + 1) * size] for k in range(count)]


def _try(data: Data, form: Form, folds: list[Integers], config: FitConfig) -> Trial:
    from twoalike.embedding._vi import fit_vi

    n = len(data.items)
    copies = FITS if n >= MANY else 1
    steps = STEPS if n < MANY else STEPS_OF_MANY
    short = config.model_copy(update={"steps": config.steps or steps, "draws": DRAWS})
    parts = [data.take(np.setdiff1d(np.arange(n), rows)) for rows in folds for _ in range(copies)]
    title = f"pilot, {form.similarity}" + (", weights by person" if form.weights else "")
    title += "" if data.times is None else ", response times"
    draws, _ = fit_vi(data, form, config=short, parts=parts, title=title)
    kernel, losses = find_kernel(form.similarity), []
    for fold, rows in enumerate(folds):
        held = Judged.of(data.take(rows, others=False))
        p = np.zeros((len(held), 3))
        for fit, place in product(range(copies * fold, copies * (fold + 1)), range(DRAWS)):
            x, temperature, lapse = (draws[name][fit, place] for name in OF_A_DRAW)
            whole = None if form.weights else kernel.whole(x, len(held))
            roots = np.exp(draws["log_weight"][fit, place] / 2) if form.weights else None
            draw = Draw(x, temperature, lapse, kernel, whole, roots)
            p += answer_probabilities(draw, held) / (copies * DRAWS)
        losses.append(log_loss(p, held.chosen))
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
