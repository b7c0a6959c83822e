"""A student's training data, and the images that it is scored on.

Training and held-out data are divided by image: a claim about new images needs images that were
never used in training. A labelled triplet with images of both parts is dropped and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from twoalike.collections import Collection, located
from twoalike.distill._config import DistillConfig
from twoalike.distill._evidence import MOST_CROPPED, MOST_LEARNT, Agreement, BothSides
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
from twoalike.study import Booleans, Integers, TwoalikeError
from twoalike.teacher import FEW_GROUPS

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
class Lesson:
    """Training and held-out data of a student."""

    images: ImageSet  # training images
    source: Source  # batches of them, with the teacher's labels
    probe: Agreement  # some of them, on which the initial temperature is found
    agreement: Agreement | None  # held-out images of listed triplets
    sides: BothSides | None = None  # of a teacher's students
    dropped: int = 0  # labelled triplets that mix training and held-out images

    @property
    def scored(self) -> ImageSet | None:
        if self.sides is not None:
            return self.sides.held_out
        return None if self.agreement is None else self.agreement.images


class Division(NamedTuple):
    """Images to train on and images held out, as rows of a collection."""

    kept: Integers
    aside: Integers
    learnt: Integers  # those of the kept that a vector is fitted to during training
    classes: Integers | None  # of all images

    def cropped(self, images: Collection) -> Collection | None:
        """Images of which crops are to be recognised, where there are no classes."""
        if self.classes is not None or not len(self.aside):
            return None
        return images.only(np.concatenate([self.learnt, self.aside]))

    @classmethod
    def of(
        cls,
        config: DistillConfig,
        images: Collection,
        judged: Booleans,
        classes: Integers | None,
    ) -> "Division":
        """Hold out whole classes, or single images where there are few or none."""
        n, rows = len(images), np.flatnonzero(judged)
        # What people said of an image tests a student; what a map says of it repeats the map.
        among = judged if len(rows) >= ENOUGH_JUDGED else np.ones(n, bool)
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

    ``crops`` make an input of a crop of an image, where crops are to be recognised.
    """
    kept, aside, learnt, classes = division
    stream = BatchStream(len(kept), config.batch, config.seed, world, rank)
    few = kept[: min(PROBE, len(kept))]
    store = PreparedImages([images.rows[aside], images.rows[few], images.rows[kept]], inputs.shape)

    def prepared(rows: Integers, flip: bool = False) -> ImageSet:
        return ImageSet(images.only(rows), inputs, seed=config.seed, flip=flip, store=store)

    # Those that people judged, if there are enough of them, or all.
    judged = opinion.judged
    chosen = np.flatnonzero(judged[learnt])
    chosen = chosen if len(chosen) >= FEWEST else np.arange(len(learnt))
    scored = np.flatnonzero(judged[aside])
    scored = scored if len(scored) >= 3 else np.arange(len(aside))
    parts = (learnt, aside) if len(aside) else (learnt,)
    sides = BothSides(
        tuple(map(prepared, parts)),
        tuple(ImageSet(images.only(part), crops, seed=config.seed) for part in parts if crops),
        np.concatenate([chosen, len(learnt) + scored]),
        opinion.only(np.concatenate([learnt[chosen], aside[scored]])).matrix(),
        *_labelled(opinion.only(aside[scored]), config),
        None if classes is None else classes[np.concatenate([learnt, aside])],
    )
    return Lesson(
        prepared(kept, config.flip),
        ImageSource(opinion.only(kept), stream, config.triplets, config.sampling),
        Agreement(prepared(few), *_labelled(opinion.only(few), config)),
        None,
        sides,
    )


def _labelled(opinion: Opinion, config: DistillConfig) -> tuple[npt.NDArray[np.float64], Integers]:
    """Label all triplets of the images, or a sample: probabilities and triplets, (n, 3) each."""
    rng, cpu = np.random.default_rng([config.seed, TRIPLETS]), torch.device("cpu")
    everyone = torch.arange(len(opinion))
    triplets = opinion.triplets(everyone, MOST_TRIPLETS, cpu, rng, config.sampling)
    chances = opinion.probabilities(everyone, triplets, cpu)
    return chances.numpy().astype(np.float64), triplets.numpy()


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

    def prepared(rows: Integers, flip: bool = False) -> ImageSet:
        return ImageSet(images.only(rows), inputs, seed=config.seed, flip=flip, store=store)

    def scored(rows: Integers, probabilities: npt.NDArray[np.float32]) -> Agreement:
        own, places = np.unique(rows, return_inverse=True)
        return Agreement(prepared(own), probabilities.astype(np.float64), places)

    own_chances = probabilities if learnt.all() else probabilities[learnt]
    return Lesson(
        prepared(used, config.flip),
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
