"""A student's training data, and the agreement of its choices with the teacher's.

Training and held-out data are divided by image: a claim about new images needs images that were
never used in training. A labelled triplet with images of both parts is dropped and counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from twoalike.backbones import CONFIG, load_backbone
from twoalike.collections import Collection, located
from twoalike.distill._config import DistillConfig
from twoalike.distill._evidence import (
    MOST_CROPPED,
    MOST_LEARNT,
    BothSides,
    Cropped,
    best_temperature,
    both_sides,
)
from twoalike.distill._labels import LabelTable
from twoalike.distill._sources import (
    HELD_OUT,
    TRIPLETS,
    BatchStream,
    ImageSet,
    ImageSource,
    Inputs,
    LabelSource,
    Opinion,
    PreparedImages,
    Source,
)
from twoalike.distill._update import StudentNetwork
from twoalike.features import AlignedVector
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, read_json
from twoalike.teacher import FEW_GROUPS, odd_logits, score_soft

MOST_TRIPLETS = 20_000
"""Most triplets of held-out images to score on."""
PROBE = 256
"""Images on which the initial temperature is found."""
MOST_HELD_OUT = 1000
"""Most held-out images: all their triplets come from one matrix."""
MOST_VALIDATION = 4000
"""Most images of listed triplets to score on."""
ENOUGH_JUDGED = 100
"""Judged images: the images to score on are among them."""
FEWEST = 24
"""With fewer judged images a map into the human space is fitted to all images."""
LEAST_TRIPLETS = 100
"""Fewest listed triplets to score on: fewer would say next to nothing."""


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


@dataclass(frozen=True, eq=False)
class Lesson:
    """Training and held-out data of a student."""

    images: ImageSet  # training images
    source: Source  # batches of them, with the teacher's labels
    probe: Agreement  # some of them, on which the initial temperature is found
    agreement: Agreement | None  # held-out images of listed triplets
    sides: BothSides | None = None  # of a teacher's students
    dropped: int = 0  # labelled triplets that mix training and held-out images

    @property
    def held_out_sha256(self) -> str | None:
        """Hash of the images held out from a teacher's students."""
        held_out = None if self.sides is None else self.sides.held_out
        return None if held_out is None else held_out.images.digest


@dataclass(frozen=True, eq=False)
class Division:
    """Images to train on and images held out, as rows of a collection."""

    kept: Integers
    aside: Integers
    learnt: Integers  # those of the kept that a vector is fitted to during training
    classes: Integers | None  # of all images

    def collections(self, images: Collection) -> tuple[Collection, Collection | None]:
        """All images; and those of which crops are to be recognised, where there are no classes."""
        none = self.classes is not None or not len(self.aside)
        return images, None if none else images.only(np.concatenate([self.learnt, self.aside]))

    @classmethod
    def of(
        cls,
        config: DistillConfig,
        images: Collection,
        judged: Booleans,
        classes: Integers | None,
        *,
        controlled: bool = False,
    ) -> "Division":
        """Hold out whole classes, or single images where there are few or none.

        With a control, whose teacher knows of no judged images, its division is taken.
        """
        n, rows = len(images), np.flatnonzero(judged)
        # What people said of an image tests a student; what a map says of it repeats the map.
        enough = len(rows) >= ENOUGH_JUDGED and not controlled
        among = judged if enough else np.ones(n, bool)
        n_out = min(round(config.held_out * int(among.sum())), MOST_HELD_OUT)
        if 0 < n_out < 3:
            raise TwoalikeError(
                f"{among.sum()} images, of which {config.held_out:.0%} are held out, leave {n_out} "
                "to score on; a triplet needs 3",
                remedy="Give more images, or set held_out to 0.",
            )
        group = np.arange(n)
        if classes is not None and np.sum(np.bincount(classes[classes >= 0]) > 1) >= FEW_GROUPS:
            group = np.where(classes >= 0, classes, classes.max() + 1 + group)
        _, group = np.unique(group, return_inverse=True)
        order = np.random.default_rng([config.seed, HELD_OUT]).permutation(int(group.max()) + 1)
        sizes = np.bincount(group, weights=among, minlength=len(order))[order].cumsum()
        is_out = np.zeros(len(order), bool)
        is_out[order[: int(np.searchsorted(sizes, n_out)) + 1 if n_out else 0]] = True
        out = is_out[group]
        kept = np.flatnonzero(~out)
        # Judged images first, then those of classes.
        first = -2.0 * judged[kept] * (len(rows) >= FEWEST)
        if classes is not None:
            first -= classes[kept] >= 0
        most = MOST_CROPPED if classes is None else MOST_LEARNT
        learnt = np.sort(np.argsort(first, kind="stable")[:most])
        return cls(kept, np.flatnonzero(out), kept[learnt], classes)


def image_lesson(
    config: DistillConfig,
    images: Collection,
    division: Division,
    inputs: Inputs,
    opinion: Opinion,
    *,
    crops: Inputs | None = None,
    world: int = 1,
    rank: int = 0,
) -> Lesson:
    """All triplets of each batch of images, labelled by a teacher.

    ``crops`` make an input of a crop of an image, where there are no classes.
    """
    kept, aside = division.kept, division.aside
    stream = BatchStream(len(kept), config.batch, config.seed, world, rank)
    learnt = opinion.only(kept)
    few = np.arange(min(PROBE, len(kept)))
    order = [images.rows[aside], images.rows[kept[few]], images.rows[kept]]
    store = PreparedImages(order, inputs.shape)
    prepared = partial(ImageSet, inputs=inputs, seed=config.seed, store=store)
    return Lesson(
        prepared(images.only(kept), flip=config.flip),
        ImageSource(learnt, stream, config.triplets, config.sampling),
        Agreement(prepared(images.only(kept[few])), *_labelled(learnt.only(few), config)),
        None,
        _sides(config, images, division, opinion, prepared, crops),
    )


def _labelled(opinion: Opinion, config: DistillConfig) -> tuple[npt.NDArray[np.float64], Integers]:
    """Label all triplets of the images, or a sample: probabilities and triplets, (n, 3) each."""
    rng, cpu = np.random.default_rng([config.seed, TRIPLETS]), torch.device("cpu")
    everyone = torch.arange(len(opinion))
    triplets = opinion.triplets(everyone, MOST_TRIPLETS, cpu, rng, config.sampling)
    chances = opinion.probabilities(everyone, triplets, cpu)
    return chances.numpy().astype(np.float64), triplets.numpy()


def _sides(
    config: DistillConfig,
    images: Collection,
    division: Division,
    opinion: Opinion,
    prepared: Callable[[Collection], ImageSet],
    crops: Inputs | None,
) -> BothSides:
    """Images that choose the student: all that are held out, and some of the others."""
    aside, judged = division.aside, opinion.judged
    learnt = division.learnt
    rows = (
        np.flatnonzero(judged[learnt]) if judged[learnt].sum() >= FEWEST else np.arange(len(learnt))
    )
    enough = judged[aside].sum() >= 3
    scored = np.flatnonzero(judged[aside]) if enough else np.arange(len(aside))
    places = np.concatenate([learnt[rows], aside[scored]])
    both = np.concatenate([learnt, aside])
    cropped = None
    if crops is not None and division.classes is None and len(aside):
        own, others = (images.only(part) for part in (learnt, aside))
        cropped = (
            ImageSet(own, crops, seed=config.seed),
            ImageSet(others, crops, seed=config.seed),
        )
    return BothSides(
        prepared(images.only(learnt)),
        rows,
        prepared(images.only(aside)) if len(aside) else None,
        scored,
        opinion.only(places).matrix(),
        *_labelled(opinion.only(aside[scored]), config),
        None if division.classes is None else division.classes[both],
        cropped,
    )


def label_lesson(
    config: DistillConfig,
    images: Collection,
    inputs: Inputs,
    labels: LabelTable,
    validation: LabelTable | None,
    *,
    unreadable: Sequence[str] = (),
    world: int = 1,
    rank: int = 0,
) -> Lesson:
    """Triplets with given labels; images in none of them are ignored.

    The student is scored on the triplets of ``validation``, or, if that is None, on those of
    ``labels`` whose images are all held out. Triplets of an image that is ``unreadable`` are left
    out.
    """
    triplets, probabilities = _readable(images, unreadable, labels, "labels")
    if validation is None:
        tested, chances, aside = triplets, probabilities, _set_aside(config, triplets)
    else:
        tested, chances = _readable(images, unreadable, validation, "validation")
        aside = _first_images(tested)
    is_out = np.zeros(len(images), bool)
    is_out[aside] = True
    learnt, all_out = ~is_out[triplets].any(axis=1), is_out[tested].all(axis=1)
    n_tested, listed = int(all_out.sum()), validation is None
    _check_division(config, len(aside), learnt, n_tested, listed=listed)
    own_triplets = triplets if learnt.all() else triplets[learnt]
    # By counting: to sort 30 million rows would take many times their memory.
    used = np.flatnonzero(np.bincount(own_triplets.ravel(), minlength=len(images)))
    place_of = np.zeros(len(images), np.int32)
    place_of[used] = np.arange(len(used), dtype=np.int32)
    rows = place_of[own_triplets]
    stream = BatchStream(len(rows), config.batch, config.seed, world, rank, of="labelled triplets")
    few = slice(0, PROBE)
    order = [images.rows[aside], images.rows[np.unique(own_triplets[few])], images.rows[used]]
    store = PreparedImages(order, inputs.shape)
    prepared = partial(ImageSet, inputs=inputs, seed=config.seed, store=store)

    def scored(rows: Integers, probabilities: npt.NDArray[np.float32]) -> Agreement:
        own, places = np.unique(rows, return_inverse=True)
        seen = prepared(images.only(own))
        return Agreement(seen, probabilities.astype(np.float64), places)

    own_chances = probabilities if learnt.all() else probabilities[learnt]
    return Lesson(
        prepared(images.only(used), flip=config.flip),
        LabelSource(rows, own_chances, stream),
        scored(own_triplets[few], own_chances[few]),
        scored(tested[all_out], chances[all_out]) if len(aside) else None,
        dropped=int((~learnt).sum() - (all_out.sum() if validation is None else 0)),
    )


def _readable(
    images: Collection, unreadable: Sequence[str], labels: LabelTable, where: str
) -> tuple[Integers, npt.NDArray[np.float32]]:
    """Triplets of readable images as rows of these, int32, and their probabilities, (n, 3) each."""
    ids = [*images.ids, *unreadable] if unreadable else images.ids
    triplets = located(ids, labels.ids, where).astype(np.int32)[labels.triplets]
    readable = (triplets < len(images)).all(axis=1) if unreadable else np.ones(len(triplets), bool)
    if not readable.any():
        raise TwoalikeError(
            where=where, expected="labelled triplets of images that can be read", found="none"
        )
    if readable.all():
        return triplets, labels.probabilities
    return triplets[readable], labels.probabilities[readable]


def _set_aside(config: DistillConfig, triplets: Integers) -> Integers:
    """Choose which images of the triplets are held out: those of random triplets.

    Of 10 million triplets of a million images, 4000 images at random would hold less than one.
    """
    shown = np.count_nonzero(np.bincount(triplets.ravel()))
    n_out = min(round(config.held_out * shown), MOST_VALIDATION)
    order = np.random.default_rng([config.seed, HELD_OUT]).permutation(len(triplets))[:n_out]
    return _first_images(triplets[order], n_out)


def _first_images(triplets: Integers, most: int = MOST_VALIDATION) -> Integers:
    """Images of the first triplets, up to a number, in order."""
    _, first = np.unique(triplets, return_index=True)
    return np.sort(triplets.ravel()[np.sort(first)[:most]])


def _check_division(
    config: DistillConfig, n_aside: int, learnt: Booleans, n_tested: int, *, listed: bool
) -> None:
    """Refuse held-out images that leave too few triplets to score on, or none for training.

    ``listed``: whether those to score on are taken from the labels, and not from others.
    """
    if (n_aside or (listed and config.held_out)) and n_tested < LEAST_TRIPLETS:
        raise TwoalikeError(
            f"{n_aside} held-out images leave {n_tested} labelled triplets to score on; at least "
            f"{LEAST_TRIPLETS} are needed",
            remedy="Give `validation=...`, raise held_out in the recipe (it is "
            f"{config.held_out:g}), or set it to 0."
            if listed
            else "Give more triplets in `validation=...`, or leave it out.",
        )
    if not learnt.any():
        raise TwoalikeError(
            f"each of the {len(learnt)} labelled triplets has one of the {n_aside} held-out "
            "images, so none is left for training",
            remedy="Validate on triplets of fewer images.",
        )


def check_control(
    control: Path, config: DistillConfig, images: Collection, lesson: Lesson, teacher: str
) -> None:
    """Check, before training, that a student's folder is a control of this run.

    It must not have been trained on people's judgments, nor on images that are held out here.
    ``images`` are all of this run; ``teacher`` is the hash of its teacher.
    """
    other, where = read_json(control / CONFIG, "student"), f"`control={control}`"
    if config.held_out == 0:
        raise TwoalikeError("it is compared on held-out images, but held_out is 0", where=where)
    method, same = other["teacher"]["method"], other["teacher"]["sha256"] == teacher
    if same or method not in {"untransformed", "labelled triplets"}:
        raise TwoalikeError(
            where=where,
            expected="a student of an untransformed teacher (made by twoalike teach with "
            "`untransformed=True`)",
            found=f"one of the method {method!r}{', this very teacher' if same else ''}",
        )
    ours = {"images": images.digest, "seed": config.seed, "held_out": config.held_out}
    theirs = {
        "images": other["data"]["listing_sha256"],
        "seed": other["config"]["seed"],
        "held_out": other["config"]["held_out"],
    }
    if lesson.held_out_sha256 is not None:  # other classes hold out other images
        ours["set of held-out images"] = lesson.held_out_sha256
        theirs["set of held-out images"] = other["data"]["held_out_sha256"]
    for key, value in ours.items():
        if theirs[key] != value:
            raise TwoalikeError(
                "it may have been trained on images that are held out here: its "
                f"{key} is {theirs[key]!r}, here {value!r}",
                where=where,
                remedy="Distil both with the same value.",
            )


def control_scores(
    control: Path, sides: BothSides, config: DistillConfig, device: torch.device
) -> tuple[dict[str, float | None], list[dict[str, Any]]]:
    """Scores of a control on this run's held-out images: of its vector, and of all its parts."""
    backbone = load_backbone(control)
    student = StudentNetwork(backbone.module).to(device)

    inputs = backbone.preprocessing

    def prepared(images: ImageSet | None, inputs: Inputs) -> Any:
        return images and ImageSet(images.images, inputs, seed=config.seed)

    cropped = Cropped.of(inputs)
    own = replace(
        sides,
        learnt=prepared(sides.learnt, inputs),
        held_out=prepared(sides.held_out, inputs),
        crops=sides.crops and tuple(prepared(one, cropped) for one in sides.crops),
    )
    found = own.features(student, config.batch)
    p = backbone.n_features
    vector = AlignedVector(np.eye(p, dtype=np.float32), np.zeros(p, np.float32), backbone.parts, {})
    return found.score(vector).as_dict(), both_sides("control", found, vector)
