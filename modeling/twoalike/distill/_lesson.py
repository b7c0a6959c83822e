"""What a student learns from, divided into a part to learn and a part to score on.

The division is by image: a claim about new images needs images that were never learnt from. A
labelled triplet that shows images of both parts belongs to neither; it is dropped and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twoalike.distill._agreement import Agreement
from twoalike.distill._config import DistillConfig
from twoalike.distill._data import ImageSet, Inputs
from twoalike.distill._label_file import LabelTable
from twoalike.distill._sources import ImageSource, LabelSource, Opinion, Source
from twoalike.distill._stream import HELD_OUT, BatchStream, RowStream
from twoalike.study import TwoalikeError

PROBE = 256
"""Images on which the first temperature is found."""
MOST_HELD_OUT = 1000
"""Images: all their triplets come from one matrix."""
MOST_VALIDATION = 4000
"""Images of listed triplets to score on."""
LEAST_TRIPLETS = 100
"""Fewer listed triplets than this score a student no better than a coin."""

Rows = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a student learns from, and what it is scored on.

    Attributes
    ----------
    images
        To learn from.
    source
        Batches of them, and what the teacher says.
    probe
        Some of them, on which the first temperature is found.
    agreement
        Held-out images; None without.
    dropped
        Labelled triplets that mix images to learn from with held-out ones.
    """

    images: ImageSet
    source: Source
    probe: Agreement
    agreement: Agreement | None
    dropped: int = 0


@dataclass(frozen=True)
class Share:
    """Which of several processes this is."""

    world: int = 1
    rank: int = 0


def image_lesson(
    config: DistillConfig,
    paths: Sequence[Path],
    inputs: Inputs,
    opinion: Opinion,
    share: Share,
) -> Lesson:
    """All triplets of each batch of images, labelled by a teacher that knows them.

    Parameters
    ----------
    config
        Settings.
    paths
        Images, n of them.
    inputs
        How the student is given them.
    opinion
        The teacher's, of these images.
    share
        Of this process.

    Raises
    ------
    TwoalikeError
        If there are too few images.
    """
    prepared = partial(ImageSet, inputs=inputs, seed=config.seed)
    n = len(paths)
    n_out = min(round(config.held_out * n), MOST_HELD_OUT)
    if 0 < n_out < 3:
        raise TwoalikeError(
            f"{n} images, of which {config.held_out:.0%} are held out, leave {n_out} to "
            "score on; a triplet needs 3. Give more images, or set held_out to 0."
        )
    kept, aside = _divided(config.seed, n, n_out)
    stream = BatchStream(len(kept), config.batch, config.seed, share.world, share.rank)
    learnt = opinion.only(kept)
    few = np.arange(min(PROBE, len(kept)))
    scored = partial(Agreement.of, seed=config.seed, sampling=config.sampling)
    return Lesson(
        prepared([paths[row] for row in kept], flip=config.flip),
        ImageSource(learnt, stream, config.triplets, config.sampling),
        scored(prepared([paths[row] for row in kept[few]]), learnt.only(few)),
        scored(prepared([paths[row] for row in aside]), opinion.only(aside)) if n_out else None,
    )


def label_lesson(
    config: DistillConfig,
    ids: Sequence[str],
    paths: Sequence[Path],
    inputs: Inputs,
    labels: LabelTable,
    validation: LabelTable | None,
    share: Share,
) -> Lesson:
    """Triplets that were labelled before.

    Parameters
    ----------
    config
        Settings.
    ids, paths
        Images that there are; those in no triplet are passed over.
    inputs
        How the student is given them.
    labels
        To learn from.
    validation
        To score on; None takes those triplets of ``labels`` whose images are all held out.
    share
        Of this process.

    Raises
    ------
    TwoalikeError
        If a triplet shows an image that is not there, or too few triplets are left.
    """
    place = {name: row for row, name in enumerate(ids)}
    triplets = _located(labels, place)
    if validation is None:
        tested, chances, aside = triplets, labels.probabilities, _set_aside(config, triplets)
    else:
        tested, chances = _located(validation, place), validation.probabilities
        aside = _first_images(tested)
    is_out = np.zeros(len(ids), bool)
    is_out[aside] = True
    learnt, all_out = ~is_out[triplets].any(axis=1), is_out[tested].all(axis=1)
    _check_division(config, len(aside), learnt, int(all_out.sum()))
    used, rows = np.unique(triplets[learnt], return_inverse=True)
    stream = RowStream(len(rows), config.batch, config.seed, share.world, share.rank)
    prepared = partial(ImageSet, inputs=inputs, seed=config.seed)

    def judged(those: Rows, said: npt.NDArray[np.float32]) -> Agreement:
        own, places = np.unique(those, return_inverse=True)
        images = prepared([paths[row] for row in own])
        return Agreement(images, said.astype(np.float64), places)

    few = slice(0, PROBE)
    own_chances = labels.probabilities[learnt]
    return Lesson(
        prepared([paths[row] for row in used], flip=config.flip),
        LabelSource(rows, own_chances, stream),
        judged(triplets[learnt][few], own_chances[few]),
        judged(tested[all_out], chances[all_out]) if len(aside) else None,
        dropped=int((~learnt).sum() - (all_out.sum() if validation is None else 0)),
    )


def _divided(seed: int, n: int, n_out: int) -> tuple[Rows, Rows]:
    """Rows to learn from and rows held out, each in order."""
    order = np.random.default_rng([seed, HELD_OUT]).permutation(n)
    return np.sort(order[n_out:]), np.sort(order[:n_out])


def _located(labels: LabelTable, place: dict[str, int]) -> Rows:
    """Triplets as rows of the images that there are, shape (n, 3)."""
    missing = [name for name in labels.ids if name not in place]
    if missing:
        raise TwoalikeError(
            f"{len(missing)} of {len(labels.ids)} labelled images are not among the images, "
            f"first {', '.join(missing[:10])}. Give the folder that holds them."
        )
    rows = np.array([place[name] for name in labels.ids], np.int64)
    return rows[labels.triplets]


def _set_aside(config: DistillConfig, triplets: Rows) -> Rows:
    """Choose which of the images shown are held out."""
    shown = np.unique(triplets)
    n_out = min(round(config.held_out * len(shown)), MOST_VALIDATION)
    return shown[_divided(config.seed, len(shown), n_out)[1]]


def _check_division(
    config: DistillConfig, n_aside: int, learnt: npt.NDArray[np.bool_], n_tested: int
) -> None:
    """Refuse held-out images that leave too few triplets to score on, or none to learn from."""
    if n_aside and n_tested < LEAST_TRIPLETS:
        raise TwoalikeError(
            f"{n_aside} held-out images leave {n_tested} labelled triplets to score on, "
            f"and {LEAST_TRIPLETS} are the least. Give --validation, raise held_out in the recipe "
            f"(it is {config.held_out:g}), or set it to 0."
        )
    if not learnt.any():
        raise TwoalikeError(
            f"each of the {len(learnt)} labelled triplets shows one of the {n_aside} held-out "
            "images, so that none is left to learn from. Validate on triplets of fewer images."
        )


def _first_images(triplets: Rows) -> Rows:
    """Images of the first triplets, as many as are scored on."""
    _, first = np.unique(triplets, return_index=True)
    n_triplets = len(triplets)
    if len(first) > MOST_VALIDATION:
        # Place in the list of the image that would be one too many: its triplet ends the part.
        n_triplets = int(np.sort(first)[MOST_VALIDATION] // 3)
    return np.unique(triplets[:n_triplets])
