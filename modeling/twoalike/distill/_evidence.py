"""Likeness and ability of a student on images that nothing was fitted to: what chooses it.

Two things are chosen by the same evidence: whether training improves on the closed form, at which
step and how far from the initial weights, and the form of the aligned vector. Likeness is the
rank correlation of cosines with the teacher's similarities, ability the few-shot accuracy on
classes of images (:mod:`twoalike.teacher`), both of images held out from training. Classes are a
table's, or the images' folders; where there are none, a crop of each image is to be recognised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

from twoalike.backbones import Preprocessing
from twoalike.distill._config import DistillConfig
from twoalike.distill._sources import ImageSet
from twoalike.distill._update import StudentNetwork
from twoalike.features import AlignedVector
from twoalike.study import Floats, Integers
from twoalike.teacher import (
    Evidence,
    Frontier,
    VectorSettings,
    few_shot,
    find_frontier,
    fit_mixture,
    least_ability,
    likeness,
    odd_logits,
    score_soft,
)

CROP = 0.4
"""Side of a crop, as a share of the image's."""
MOST_LEARNT, MOST_CROPPED = 800, 200
"""Training images among the evidence; with crops."""
LEAD = 0.01
"""Ability that training has to gain over the closed form."""


@dataclass(frozen=True)
class Cropped(Preprocessing):
    """Preprocessing of the middle of an image, mirrored: another picture of the same thing."""

    @classmethod
    def of(cls, whole: Preprocessing) -> "Cropped":
        """Crop first, and prepare as ``whole`` does."""
        return cls(**{each.name: getattr(whole, each.name) for each in fields(whole)})

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """Resized crop, shape (size, size, 3), uint8."""
        width, height = (max(1, round(CROP * side)) for side in image.size)
        left, top = (image.size[0] - width) // 2, (image.size[1] - height) // 2
        return super().pixels(ImageOps.mirror(image.crop((left, top, left + width, top + height))))


@dataclass(frozen=True, eq=False)
class BothSides:
    """Training images that a vector is fitted to, and held-out images that it is scored on."""

    images: tuple[ImageSet, ...]  # training images and, if there are any, held-out ones
    crops: tuple[ImageSet, ...]  # of both, where there are no classes
    judged: Integers  # rows of both that people judged, or all: places of the similarities
    similarity: Floats  # the teacher's
    labels: npt.NDArray[np.float64]  # the teacher's choice probabilities of triplets of held-out
    triplets: Integers  # images, as places among those that are judged
    classes: Integers | None  # of both

    @property
    def held_out(self) -> ImageSet | None:
        return self.images[1] if len(self.images) > 1 else None

    @property
    def least_ability(self) -> float:
        """Ability up to which it is no evidence: near chance, differences are noise."""
        each = np.arange(sum(map(len, self.images)))
        return least_ability(each if self.classes is None else self.classes)

    def found(self, student: StudentNetwork, batch: int) -> Evidence:
        """Features of all images by a student's present weights."""
        features, crops = (
            np.concatenate([features_of(student, one, batch) for one in sets]) if sets else None
            for sets in (self.images, self.crops)
        )
        assert features is not None
        return Evidence(features, self.judged, self.similarity, self.classes, crops)

    def learnt(self, found: Evidence) -> Evidence:
        """Training images alone, to choose a vector by."""
        return found.only(np.arange(len(self.images[0])))

    def score(self, found: Evidence, vector: AlignedVector, part: str | None = None) -> "Score":
        """Score a vector, or a part of it, on the held-out images."""
        n, total = len(self.images[0]), len(found.features)
        x, asked = found.features, np.arange(total) >= n
        if found.crops is not None:
            x, asked = np.concatenate([x, found.crops]), np.tile(asked, 2)
        columns = slice(*vector.parts[part]) if part else slice(None)
        values = vector(x)[:, columns].astype(np.float64)
        aside = self.judged >= n
        own = values[self.judged[aside]]
        gram = own @ own.T
        right = np.array([np.nan])
        if (classes := found.labels) is not None:
            right = few_shot(values @ values.T, classes, asked)
        length = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        logits = odd_logits(gram / (length[:, None] * length), self.triplets)
        temperature = best_temperature(logits, self.labels)
        soft = score_soft(logits / temperature, self.labels)
        return Score(
            likeness(gram, self.similarity[np.ix_(aside, aside)]),
            None if np.isnan(right).all() else float(np.nanmean(right)),
            soft["accuracy"],
            soft["kl"],
            temperature,
        )

    def rows(self, name: str, found: Evidence, vector: AlignedVector) -> list[dict[str, Any]]:
        """Likeness and ability of a vector and its parts on the held-out images."""
        rows = []
        for part in (*(vector.parts if len(vector.parts) > 1 else ()), None):
            score = self.score(found, vector, part)
            own = {"likeness": score.likeness, "ability": score.ability}
            rows.append({"network": name, "part": part or "vector", **own})
        return rows


def features_of(student: StudentNetwork, images: ImageSet, batch: int) -> npt.NDArray[np.float32]:
    """Features of images before any head, shape (n, p); FloatingPointError if not finite."""
    parts = torch.split(torch.arange(len(images)), batch)
    made = [student.output_of(images.stacked(rows.tolist())).unmapped for rows in parts]
    values: npt.NDArray[np.float32] = torch.cat(made).numpy()
    if not np.isfinite(values).all():
        raise FloatingPointError("its features are not finite")
    return values


class Score(NamedTuple):
    """How a vector does on held-out images."""

    likeness: float
    ability: float | None
    accuracy: float  # on choices drawn from the teacher, ties 1/k
    kl: float  # from the teacher's choice probabilities, nats, at the best temperature
    temperature: float

    def as_dict(self) -> dict[str, float | None]:
        return {key: value for key, value in self._asdict().items() if key != "temperature"}


@dataclass(frozen=True, eq=False)
class Agreement:
    """A fixed set of held-out images and triplets to score on."""

    images: ImageSet
    labels: npt.NDArray[np.float64]  # the teacher's choice probabilities, (n, 3)
    triplets: Integers  # indices into the images, (n, 3)

    def _logits(self, student: StudentNetwork, batch: int) -> Floats:
        """Logits before the temperature, shape (n, 3)."""
        rows = torch.split(torch.arange(len(self.images)), batch)
        outputs = [student.output_of(self.images.stacked(r.tolist())) for r in rows]
        similarity = student.similarity_of(torch.cat([output.features for output in outputs]))
        return odd_logits(similarity.numpy(), self.triplets)

    def score(
        self, student: StudentNetwork, batch: int, *, rescale: bool = False
    ) -> dict[str, float]:
        """Accuracy on choices drawn from the teacher (ties 1/k) and KL from the teacher, nats.

        ``rescale`` uses the best temperature instead of the student's own. FloatingPointError if
        the student's similarities are not finite.
        """
        logits = self._logits(student, batch)
        if not np.isfinite(logits).all():
            raise FloatingPointError("its similarities are not finite")
        temperature = best_temperature(logits, self.labels) if rescale else student.temperature
        score = score_soft(logits / temperature, self.labels)
        return {"accuracy": score["accuracy"], "kl": score["kl"]}

    def settle_temperature(self, student: StudentNetwork, batch: int) -> None:
        """Set the temperature at which the untrained student agrees best with the teacher."""
        student.settle(best_temperature(self._logits(student, batch), self.labels))


def ceiling(labels: Floats) -> float:
    """Accuracy of the teacher itself on choices drawn from its probabilities (n, 3)."""
    with np.errstate(divide="ignore"):
        return score_soft(np.maximum(np.log(labels), -1e4), labels)["accuracy"]


def best_temperature(logits: Floats, labels: Floats) -> float:
    """Temperature at which logits (n, 3) agree best with the teacher's probabilities."""
    (share,) = fit_mixture([logits], labels)
    # If the features contradict the teacher, none is best: use the scale of the similarities.
    return float(1 / share) if share > 1e-6 else max(float(logits.std()), 1e-3)


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """Before training: how the vector is made, and what training has to improve on."""

    sides: BothSides
    frontier: Frontier
    found: Evidence
    base: Score | None = None  # of the features alone; None where nothing was held out
    closed: Score | None = None  # of the vector of the initial network
    rows: Sequence[dict[str, Any]] = ()  # scores of both and their parts

    @classmethod
    def of(cls, sides: BothSides, student: StudentNetwork, config: DistillConfig) -> "ClosedForm":
        """Choose the form of the vector by training images, and score it on held-out ones."""
        found = sides.found(student, config.batch)
        learnt = sides.learnt(found)
        frontier = find_frontier(learnt, balance=config.balance, seed=config.seed)
        if sides.held_out is None:
            return cls(sides, frontier, found)
        both = [VectorSettings(centred, None, 0.0, 1.0).fit(learnt) for centred in (False, True)]
        scores = [sides.score(found, one) for one in both]
        # The features alone, from the origin that tells images apart better.
        better = max((0, 1), key=lambda k: (scores[k].ability or 0.0, scores[k].likeness))
        closed = frontier.chosen.fit(learnt)
        rows = sides.rows("base", found, both[better]) + sides.rows("closed form", found, closed)
        return cls(sides, frontier, found, scores[better], sides.score(found, closed), rows)

    def compared(self, student: StudentNetwork, batch: int, mix: float) -> dict[str, Any]:
        """Score the vector by a student's present weights beside that of the closed form."""
        assert self.base is not None and self.closed is not None
        found = self.sides.found(student, batch)
        score = self.sides.score(found, self.frontier.chosen.fit(self.sides.learnt(found)))
        closed, ability = self.closed.ability or 0.0, score.ability or 0.0
        floor = max(self.base.ability or 0.0, closed)
        unknown = floor <= self.sides.least_ability
        able = unknown or ability >= floor
        leads = able and (unknown or ability >= min(1.0, closed + LEAD))
        return {**score.as_dict(), "mix": mix, "able": able, "leads": leads}

    def is_improved(self, score: Mapping[str, Any], by: str = "able") -> bool:
        """Whether a score has more likeness than the closed form's, and is able, or leads."""
        assert self.closed is not None
        return bool(score[by] and score["likeness"] > self.closed.likeness)

    def pays(self, scores: Mapping[int, Mapping[str, Any]]) -> bool:
        """Whether to take a trained step at all: two scores in a row lead in ability too.

        Training risks abilities that are not measured, so it has to gain in the one that is; that
        one, of a few held-out classes, is a noisy number.
        """
        led = [self.is_improved(score, "leads") for step, score in scores.items() if step]
        return any(map(all, pairwise(led))) if len(led) > 1 else any(led)
