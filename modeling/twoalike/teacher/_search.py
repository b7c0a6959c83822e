"""Which map: penalties, and ways to fit it, compared on objects that it was fitted without."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError
from twoalike.teacher._config import ENOUGH_CHOICES, Judgments, TeachConfig
from twoalike.teacher._gradient import SoftLabels, gradient_map
from twoalike.teacher._labels import ChoiceModel, sample_triplets
from twoalike.teacher._mixture import fit_mixture, odd_logits, score_choices, score_soft
from twoalike.teacher._ridge import (
    Floats,
    object_folds,
    predicted_without_own_fold,
    ridge_maps,
    spectral_positions,
)


@dataclass(frozen=True)
class Candidate:
    """A way to fit the map.

    Attributes
    ----------
    method
        Closed form, or by gradient.
    strength
        L2 penalty.
    contrastive
        Share of the local term, of a map fitted by gradient.
    """

    method: Literal["ridge", "gradient"]
    strength: float
    contrastive: float = 0.0


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate and how it did.

    Attributes
    ----------
    candidate
        What was tried.
    predicted
        Positions of every object by the map without its fold, shape (m, D).
    shares
        Best multiples of the similarities of these positions and of the network's own.
    log_loss
        What they leave.
    """

    candidate: Candidate
    predicted: Floats
    shares: Floats
    log_loss: float

    def told(self) -> dict[str, Any]:
        """For teacher.json."""
        said = {"method": self.candidate.method, "strength": self.candidate.strength}
        if self.candidate.method == "gradient":
            said["contrastive"] = self.candidate.contrastive
        return said | {"log_loss": self.log_loss}


class Search:
    """Everything that stays the same while candidates are compared.

    Parameters
    ----------
    posterior
        Soft labels and similarities.
    rows
        Its objects that were judged, m of them.
    z
        Their features, centred, at one scale, shape (m, p).
    config
        Settings.
    choices
        Choices people made, triplets as rows of ``z``; None: none are known.
    """

    def __init__(
        self,
        posterior: ChoiceModel,
        rows: npt.NDArray[np.int64],
        z: Floats,
        config: TeachConfig,
        choices: Judgments | None,
    ) -> None:
        rng = np.random.default_rng(config.seed)
        self.z, self.config, self.choices = z, config, choices
        triplets = sample_triplets(len(rows), config.triplets, rng)
        probabilities = posterior.choice_probabilities(rows[triplets], config.mode)
        self.labels = SoftLabels(triplets, probabilities)
        self.fold = object_folds(len(rows), config.folds, rng)
        self.own = z @ z.T / z.shape[1]
        similarity = posterior.similarity()[np.ix_(rows, rows)]
        self.y = spectral_positions(similarity, posterior.embedding.shape[-1])
        self.by_people = choices is not None and len(choices.chosen) >= ENOUGH_CHOICES
        self.lessons = [self.labels]
        if choices is not None:
            made = np.eye(3)[choices.chosen]
            self.lessons.append(SoftLabels(choices.triplets, made, choices.lapse))

    @property
    def settled_on(self) -> str:
        """What decides between candidates."""
        return "choices" if self.by_people else "soft labels"

    def _logits(self, similarity: Floats) -> Floats:
        """Logits of the triplets that settle the fit, shape (n, 3)."""
        people = self.choices if self.by_people else None
        return odd_logits(similarity, people.triplets if people else self.labels.triplets)

    def settle(self, *similarities: Floats) -> tuple[Floats, float]:
        """Best multiple of each similarity matrix, and the log-loss that it leaves."""
        parts = [self._logits(matrix) for matrix in similarities]
        if self.by_people and self.choices is not None:
            chosen, lapse = self.choices.chosen, self.choices.lapse
            shares = fit_mixture(parts, np.eye(3)[chosen], lapse)
            logits = np.tensordot(shares, parts, axes=1)
            return shares, score_choices(logits, chosen, lapse)["log_loss"]
        labels = self.labels.probabilities
        shares = fit_mixture(parts, labels)
        return shares, score_soft(np.tensordot(shares, parts, axes=1), labels)["log_loss"]

    def _trial(self, candidate: Candidate, predicted: Floats) -> Trial:
        return Trial(candidate, predicted, *self.settle(predicted @ predicted.T, self.own))

    def ridge_trials(self) -> list[Trial]:
        """Try every penalty in closed form."""
        strengths = self.config.strengths
        predicted = predicted_without_own_fold(self.z, self.y, strengths, self.fold)
        return [
            self._trial(Candidate("ridge", strength), x)
            for strength, x in zip(strengths, predicted, strict=True)
        ]

    def gradient_trials(self, start: float) -> list[Trial]:
        """Try penalties by gradient, then shares of the local term at the best of them.

        Parameters
        ----------
        start
            Penalty of the ridge regression that each begins from.
        """
        config = self.config
        trials = [self._by_gradient(s, 0.0, start) for s in config.gradient_strengths]
        strength = min(trials, key=lambda trial: trial.log_loss).candidate.strength
        return trials + [self._by_gradient(strength, c, start) for c in config.contrastive]

    def _by_gradient(self, strength: float, contrastive: float, start: float) -> Trial:
        candidate = Candidate("gradient", strength, contrastive)
        predicted = np.empty_like(self.y)
        for k in np.unique(self.fold):
            out = self.fold == k
            weight, bias = self._map(candidate, np.flatnonzero(~out), start)
            predicted[out] = self.z[out] @ weight.T + bias
        return self._trial(candidate, predicted)

    def _map(
        self, candidate: Candidate, rows: npt.NDArray[np.integer], start: float
    ) -> tuple[Floats, Floats]:
        z, y = self.z[rows], self.y[rows]
        if candidate.method == "ridge":
            ((weight, bias),) = ridge_maps(z, y, [candidate.strength])
            return weight, bias
        return gradient_map(
            z,
            y,
            [lesson.among(rows, len(self.z)) for lesson in self.lessons],
            start=start,
            strength=candidate.strength,
            contrastive=candidate.contrastive,
        )

    def untransformed(self) -> dict[str, Any]:
        """Return the network's own similarities at the temperature that suits the judgments."""
        p = self.z.shape[1]
        (share,), _ = self.settle(self.own)
        return {
            "weight": np.zeros((0, p)),
            "bias": np.zeros(0),
            "identity": float(1 / np.sqrt(p)),
            "temperature": as_temperature(share),
            "penalty": None,
            "settled_on": self.settled_on,
            "validation": self._validation({"untransformed": self.own * share}),
        }

    def best(self) -> dict[str, Any]:
        """Fit the map in the way that predicts held-out objects best."""
        trials = self.ridge_trials()
        start = min(trials, key=lambda trial: trial.log_loss).candidate.strength
        if self.config.regulariser == "contrastive":
            trials += self.gradient_trials(start)
        best = min(trials, key=lambda trial: trial.log_loss)
        weight, bias = self._map(best.candidate, np.arange(len(self.z)), start)
        a, b = best.shares
        held_out = a * (best.predicted @ best.predicted.T) + b * self.own
        (share,), _ = self.settle(self.own)
        # One of the two shares sets the temperature; the human one, unless it is nothing.
        unit = a if a > 0 else b
        kept = slice(None) if a > 0 else slice(0)
        return {
            "weight": weight[kept],
            "bias": bias[kept],
            "known": self.y[:, kept],
            "identity": float(np.sqrt(b / as_share(unit) / self.z.shape[1])),
            "temperature": as_temperature(unit),
            "penalty": {
                "chosen": best.told(),
                "why": f"lowest log-loss of {self.settled_on} about objects the map had not seen",
                "tried": [trial.told() for trial in trials],
            },
            "settled_on": self.settled_on,
            "validation": self._validation(
                {"teacher": held_out, "untransformed": self.own * share}
            ),
        }

    def _validation(self, similarities: Mapping[str, Floats]) -> dict[str, Any]:
        """Score similarity matrices, already divided by their temperatures."""
        labels = self.labels.probabilities
        soft = {
            name: score_soft(odd_logits(matrix, self.labels.triplets), labels)
            for name, matrix in similarities.items()
        }
        sure = np.log(np.maximum(labels, 1e-300))
        result: dict[str, Any] = {
            "split": "objects",
            "folds": int(self.fold.max()) + 1,
            "soft_labels": {"n": len(labels), **soft, "ceiling": score_soft(sure, labels)},
        }
        if self.choices is not None:
            said = self.choices
            result["choices"] = {"n": len(said.chosen), "lapse": said.lapse} | {
                name: score_choices(odd_logits(matrix, said.triplets), said.chosen, said.lapse)
                for name, matrix in similarities.items()
            }
        return result


def as_share(share: float) -> float:
    """Check that the best multiple of similarities is above zero.

    Raises
    ------
    TwoalikeError
        If it is not: then the features say nothing.
    """
    if not share > 0:
        raise TwoalikeError(
            "the features say nothing about the judgments: the best choice probabilities ignore "
            "them. Check that ids and features belong together."
        )
    return float(share)


def as_temperature(share: float) -> float:
    """Temperature of similarities whose best multiple is ``share``."""
    return 1 / as_share(share)
