"""Likeness and ability of a student on images that nothing was fitted to: what chooses it.

Two things are chosen by the same evidence: whether training improves on the closed form, at which
step and how far from the initial weights, and the form of the aligned vector. Likeness is the
rank correlation of cosines with the teacher's similarities, ability the few-shot accuracy on
classes of images (:mod:`twoalike.teacher`), both of images held out from training. Classes are a
table's, or the images' folders; where there are none, a crop of each image is to be recognised.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

from twoalike.backbones import Preprocessing
from twoalike.distill._sources import ImageSet
from twoalike.distill._update import StudentNetwork
from twoalike.features import AlignedVector
from twoalike.study import Floats, Integers
from twoalike.teacher import (
    Evidence,
    VectorSettings,
    few_shot,
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

    learnt: ImageSet
    judged: Integers  # rows of them that people judged, or all
    held_out: ImageSet | None
    scored: Integers  # rows of the held-out images whose likeness is scored
    similarity: Floats  # the teacher's, of judged and scored images, one after the other
    labels: npt.NDArray[np.float64]  # the teacher's choice probabilities of triplets of the scored
    triplets: Integers  # places among the scored
    classes: Integers | None  # of training and held-out images, one after the other
    crops: tuple[ImageSet, ImageSet] | None  # of both, where there are no classes

    @property
    def least_ability(self) -> float:
        """Ability up to which it is no evidence: near chance, differences are noise."""
        if self.classes is not None:
            return least_ability(self.classes)
        return least_ability(np.arange(len(self.learnt) + len(self.held_out or ())))

    def features(self, student: StudentNetwork, batch: int) -> "Found":
        """Features of all images by a student's present weights."""
        sets = (self.learnt, self.held_out, *(self.crops or (None, None)))
        return Found(
            self, *(None if one is None else _features(student, one, batch) for one in sets)
        )


def _features(student: StudentNetwork, images: ImageSet, batch: int) -> npt.NDArray[np.float32]:
    parts = torch.split(torch.arange(len(images)), batch)
    made = [student.output_of(images.stacked(rows.tolist())).unmapped for rows in parts]
    values: npt.NDArray[np.float32] = torch.cat(made).numpy()
    if not np.isfinite(values).all():
        raise FloatingPointError("its features are not finite")
    return values


@dataclass(frozen=True, eq=False)
class Found:
    """Features of the images by some weights, (n, p) each."""

    of: BothSides
    learnt: npt.NDArray[np.float32] | None
    held_out: npt.NDArray[np.float32] | None
    crops: npt.NDArray[np.float32] | None
    held_out_crops: npt.NDArray[np.float32] | None

    def evidence(self) -> Evidence:
        """Training images, for the form of the vector and its score on held-out images."""
        of, x = self.of, self.learnt
        assert x is not None
        m = len(of.judged)
        classes = None if of.classes is None else of.classes[: len(x)]
        return Evidence(x, of.judged, of.similarity[:m, :m], classes, self.crops)

    def everything(self) -> Evidence:
        """Training and held-out images, to fit the final vector to."""
        of, x = self.of, self.learnt
        if self.held_out is None or x is None:
            return self.evidence()
        judged = np.concatenate([of.judged, len(x) + of.scored])
        return Evidence(np.concatenate([x, self.held_out]), judged, of.similarity)

    def score(self, vector: AlignedVector, part: str | None = None) -> "Score":
        """Score a vector, or a part of it, on the held-out images."""
        of, m = self.of, len(self.of.judged)
        assert self.learnt is not None
        assert self.held_out is not None
        x, classes = [self.learnt, self.held_out], of.classes
        asked = np.arange(len(self.learnt) + len(self.held_out)) >= len(self.learnt)
        if self.crops is not None and self.held_out_crops is not None:
            x += [self.crops, self.held_out_crops]
            classes, asked = np.tile(np.arange(len(asked)), 2), np.tile(asked, 2)
        columns = slice(*vector.parts[part]) if part else slice(None)
        values = vector(np.concatenate(x))[:, columns].astype(np.float64)
        own = values[len(self.learnt) :][of.scored]
        gram, aside = own @ own.T, of.similarity[m:, m:]
        right = np.array([np.nan])
        if classes is not None:
            right = few_shot(values @ values.T, classes, asked)
        length = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        cosine = gram / (length[:, None] * length)
        logits = odd_logits(cosine, of.triplets)
        temperature = best_temperature(logits, of.labels)
        soft = score_soft(logits / temperature, of.labels)
        return Score(
            likeness(gram, aside),
            None if np.isnan(right).all() else float(np.nanmean(right)),
            soft["accuracy"],
            soft["kl"],
            temperature,
        )


@dataclass(frozen=True, eq=False)
class Score:
    """How a vector does on held-out images."""

    likeness: float
    ability: float | None
    accuracy: float  # on choices drawn from the teacher, ties 1/k
    kl: float  # from the teacher's choice probabilities, nats, at the best temperature
    temperature: float

    def as_dict(self) -> dict[str, float | None]:
        """For config.json and the log."""
        keys = ("likeness", "ability", "accuracy", "kl")
        return {key: getattr(self, key) for key in keys}


def ceiling(labels: Floats) -> float:
    """Accuracy of the teacher itself on choices drawn from its probabilities (n, 3)."""
    with np.errstate(divide="ignore"):
        return score_soft(np.maximum(np.log(labels), -1e4), labels)["accuracy"]


def best_temperature(logits: Floats, labels: Floats) -> float:
    """Temperature at which logits (n, 3) agree best with the teacher's probabilities."""
    (share,) = fit_mixture([logits], labels)
    # If the features contradict the teacher, none is best: use the scale of the similarities.
    return float(1 / share) if share > 1e-6 else max(float(logits.std()), 1e-3)


def plain_vector(found: Found) -> AlignedVector:
    """Take the features alone, from the origin that tells images apart better."""
    evidence = found.evidence()
    both = [VectorSettings(centred, None, 0.0, 1.0).fit(evidence) for centred in (False, True)]
    if found.held_out is None:
        return both[1]
    return max(both, key=lambda one: ((score := found.score(one)).ability or 0.0, score.likeness))


def both_sides(name: str, found: Found, vector: AlignedVector) -> list[dict[str, Any]]:
    """Likeness and ability of a vector and its parts on the held-out images, for config.json."""
    rows = []
    for part in (*(vector.parts if len(vector.parts) > 1 else ()), None):
        score = found.score(vector, part)
        own = {"likeness": score.likeness, "ability": score.ability}
        rows.append({"network": name, "part": part or "vector", **own})
    return rows
