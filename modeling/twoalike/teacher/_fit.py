"""Fitting a teacher: positions by ridge, everything else by cross-entropy on held-out objects.

The target positions are those of the posterior's mean similarities. W has a closed form for
every penalty. Penalty, identity block and temperature minimise the cross-entropy of triplets
whose objects were all placed by maps fitted without them: of people's own choices where they
are given, else of the posterior's soft labels. Choices are the better judge. A posterior that
knows nothing of the features holds whatever they say beyond it for chance, and its labels give
the identity block too little: .539 instead of .552 right about held-out objects on THINGS with
CLIP features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError
from twoalike.teacher._affine import AffineTeacher
from twoalike.teacher._labels import ChoiceModel, Mode, Triplets, sample_triplets
from twoalike.teacher._mixture import fit_mixture, odd_logits, score_choices, score_soft
from twoalike.teacher._ridge import (
    Floats,
    object_folds,
    predicted_without_own_fold,
    ridge_maps,
    spectral_positions,
)

ENOUGH_CHOICES = 200
"""Fewer choices than this say less about three numbers than soft labels do."""


class TeachConfig(BaseModel):
    """How a teacher is fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    untransformed: bool = Field(
        default=False, description="the control: the network's own features, one temperature"
    )
    mode: Mode = Field(default="predictive", description="kind of soft labels")
    folds: int = Field(default=8, ge=2, description="of objects")
    strengths: tuple[float, ...] = Field(
        default=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
        min_length=1,
        description="ridge penalties tried, in mean squared norms of the features",
    )
    triplets: int = Field(default=40_000, ge=100, description="with soft labels")
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, eq=False)
class Judgments:
    """Choices people made.

    Attributes
    ----------
    triplets
        Rows of the posterior's objects, shape (n, 3).
    chosen
        Item called the odd one, 0 to 2, shape (n,).
    lapse
        Share of them that are guesses.
    """

    triplets: Triplets
    chosen: npt.NDArray[np.integer]
    lapse: float = 0.0


def fit_teacher(
    posterior: ChoiceModel,
    features: FeatureTable,
    config: TeachConfig | None = None,
    *,
    judged: npt.NDArray[np.bool_] | None = None,
    choices: Judgments | None = None,
) -> AffineTeacher:
    """Fit the map from features to a posterior's space.

    Parameters
    ----------
    posterior
        Soft labels and similarities of m objects.
    features
        Of at least these objects.
    config
        Penalties, folds, seed.
    judged
        Which objects people judged, shape (m,); the map is fitted on those. None: all.
    choices
        Choices people made, at best all of them: they set penalty, identity block and
        temperature if there are enough, and are what the map is scored on.

    Returns
    -------
    The teacher; its ``description`` holds the penalty and the scores on held-out objects.

    Raises
    ------
    TwoalikeError
        If objects have no features, or fewer than six were judged.
    """
    config = config or TeachConfig()
    rows = np.arange(len(posterior.ids)) if judged is None else np.flatnonzero(judged)
    if len(rows) < 6:
        raise TwoalikeError(
            f"a teacher needs judgments of at least 6 objects, found {len(rows)}. Collect more."
        )
    x = features.select([posterior.ids[row] for row in rows]).astype(np.float64)
    mean, scale = x.mean(axis=0), float((x - x.mean(axis=0)).std())
    if scale == 0:
        raise TwoalikeError("the features are the same for all objects; compute them again.")
    known = None if choices is None else _choices_among(choices, rows, len(posterior.ids))
    world = _World(posterior, rows, (x - mean) / scale, config, known)
    fitted = world.untransformed() if config.untransformed else world.search()
    return AffineTeacher(
        mean=mean.astype(np.float32),
        scale=scale,
        weight=fitted["weight"].astype(np.float32),
        bias=fitted["bias"].astype(np.float32),
        identity=fitted["identity"],
        temperature=fitted["temperature"],
        description=_describe(features.meta, x.shape, config, fitted),
    )


class _World:
    """Everything that stays the same while penalties are compared."""

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
        self.triplets = sample_triplets(len(rows), config.triplets, rng)
        self.labels = posterior.choice_probabilities(rows[self.triplets], config.mode)
        self.fold = object_folds(len(rows), config.folds, rng)
        self.own = z @ z.T / z.shape[1]
        similarity = posterior.similarity()[np.ix_(rows, rows)]
        self.y = spectral_positions(similarity, posterior.embedding.shape[-1])
        self.by_people = choices is not None and len(choices.chosen) >= ENOUGH_CHOICES

    def _logits(self, similarity: Floats) -> Floats:
        """Logits of the triplets that settle the fit, shape (n, 3)."""
        people = self.choices if self.by_people else None
        return odd_logits(similarity, people.triplets if people else self.triplets)

    def _settle(self, *similarities: Floats) -> tuple[Floats, float]:
        """Best multiple of each similarity matrix, and the log-loss that it leaves."""
        parts = [self._logits(matrix) for matrix in similarities]
        if self.by_people and self.choices is not None:
            chosen, lapse = self.choices.chosen, self.choices.lapse
            shares = fit_mixture(parts, np.eye(3)[chosen], lapse)
            logits = np.tensordot(shares, parts, axes=1)
            return shares, score_choices(logits, chosen, lapse)["log_loss"]
        shares = fit_mixture(parts, self.labels)
        return shares, score_soft(np.tensordot(shares, parts, axes=1), self.labels)["log_loss"]

    def untransformed(self) -> dict[str, Any]:
        """Return the network's own similarities at the temperature that suits the judgments."""
        p = self.z.shape[1]
        (share,), _ = self._settle(self.own)
        return {
            "weight": np.zeros((0, p)),
            "bias": np.zeros(0),
            "identity": float(1 / np.sqrt(p)),
            "temperature": _temperature(share),
            "penalty": None,
            "settled_on": self._settled_on(),
            "validation": self._validation({"untransformed": self.own * share}),
        }

    def search(self) -> dict[str, Any]:
        """Fit the map with the penalty that predicts held-out objects best."""
        strengths = self.config.strengths
        predicted = predicted_without_own_fold(self.z, self.y, strengths, self.fold)
        tried = [self._settle(x @ x.T, self.own) for x in predicted]
        best = int(np.argmin([log_loss for _, log_loss in tried]))
        a, b = tried[best][0]
        ((weight, bias),) = ridge_maps(self.z, self.y, [strengths[best]])
        held_out = a * (predicted[best] @ predicted[best].T) + b * self.own
        (share,), _ = self._settle(self.own)
        # One of the two shares sets the temperature; the human one, unless it is nothing.
        unit = a if a > 0 else b
        temperature = _temperature(unit)
        return {
            "weight": weight if a > 0 else weight[:0],
            "bias": bias if a > 0 else bias[:0],
            "identity": float(np.sqrt(b / unit / self.z.shape[1])),
            "temperature": temperature,
            "penalty": {
                "chosen": strengths[best],
                "tried": [
                    {"strength": strength, "log_loss": log_loss}
                    for strength, (_, log_loss) in zip(strengths, tried, strict=True)
                ],
            },
            "settled_on": self._settled_on(),
            "validation": self._validation(
                {"teacher": held_out, "untransformed": self.own * share}
            ),
        }

    def _settled_on(self) -> str:
        return "choices" if self.by_people else "soft labels"

    def _validation(self, similarities: Mapping[str, Floats]) -> dict[str, Any]:
        """Score similarity matrices, already divided by their temperatures."""
        soft = {
            name: score_soft(odd_logits(matrix, self.triplets), self.labels)
            for name, matrix in similarities.items()
        }
        sure = np.log(np.maximum(self.labels, 1e-300))
        result: dict[str, Any] = {
            "split": "objects",
            "folds": int(self.fold.max()) + 1,
            "soft_labels": {
                "n": len(self.labels),
                **soft,
                "ceiling": score_soft(sure, self.labels),
            },
        }
        if self.choices is not None:
            said = self.choices
            result["choices"] = {"n": len(said.chosen), "lapse": said.lapse} | {
                name: score_choices(odd_logits(matrix, said.triplets), said.chosen, said.lapse)
                for name, matrix in similarities.items()
            }
        return result


def _temperature(share: float) -> float:
    """Temperature of similarities whose best multiple is ``share``."""
    if not share > 0:
        raise TwoalikeError(
            "the features say nothing about the judgments: the best choice probabilities ignore "
            "them. Check that ids and features belong together."
        )
    return float(1 / share)


def _choices_among(choices: Judgments, rows: npt.NDArray[np.int64], m: int) -> Judgments | None:
    """Choices whose three objects are all among ``rows``, as positions there."""
    place = np.full(m, -1)
    place[rows] = np.arange(len(rows))
    triplets = place[choices.triplets]
    known = (triplets >= 0).all(axis=1)
    if not known.any():
        return None
    return Judgments(triplets[known], choices.chosen[known], choices.lapse)


def _describe(
    meta: Mapping[str, Any], shape: tuple[int, ...], config: TeachConfig, fitted: dict[str, Any]
) -> dict[str, Any]:
    """Describe the map for teacher.json, without provenance."""
    keys = ("backbone", "architecture", "weights_sha256", "preprocessing")
    return {
        "method": "untransformed" if config.untransformed else "affine",
        "from": {"features": shape[1]} | {key: meta[key] for key in keys if key in meta},
        "to": {"objects": shape[0], "dimensions": len(fitted["bias"])},
        "labels": config.mode,
        "settled_on": fitted["settled_on"],
        "penalty": fitted["penalty"],
        "identity": fitted["identity"],
        "temperature": fitted["temperature"],
        "validation": fitted["validation"],
    }
