"""All measures of several networks, side by side on the same images, folds and episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from twoalike.evaluation import Candidate
from twoalike.study import MISSING, TwoalikeError, counted
from twoalike.transfer._classifier import Values
from twoalike.transfer._labels import checked_labels, checked_values, folder_levels
from twoalike.transfer._measures import Levels, Networks, TransferSettings, measures


def transfer(
    candidates: Sequence[Candidate],
    labels: Mapping[str, Mapping[str, str]] | None = None,
    *,
    ids: Sequence[str] | None = None,
    others: Sequence[Candidate] = (),
    settings: TransferSettings | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure how features serve other tasks than similarity, for several networks.

    Parameters
    ----------
    candidates
        The networks; the first is the one that the others are compared with.
    labels
        Level -> image id -> label, from coarse to fine; the folders in the ids unless given.
    ids
        The images to use; those of the first network's features unless given.
    others
        The same networks, by name, with features of another set of images of the same classes,
        such as ImageNet-A; with ``labels``, these hold their labels too.
    settings
        How much is measured.
    seed
        Seed of episodes, folds and halvings.

    Returns
    -------
    ``images``, ``levels`` (``classes``, and images in the ``smallest`` and ``largest``),
    ``settings``, ``measures`` and ``missing`` (what could not be made -> why). Each of the
    measures has ``measure`` (``few_shot``, ``linear_probe``, ``shift_seen``, ``shift_new``,
    ``shift_drop``, ``other_set``, ``same_label``, ``shared_levels`` or
    ``hierarchical_precision``), ``level``, further particulars, ``classes``, ``left_out``
    (names), ``chance``, and ``models``: ``name``, ``value``, ``low`` and ``high`` (95 %, over
    other classes), ``same_classes`` (``low`` and ``high`` over other images of the same classes),
    ``difference`` (the same, paired; null for the first).

    Raises
    ------
    TwoalikeError
        If there is no network, two have one name, an image has no features or no label, or
        features are NaN or the same for all images.
    """
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    settings = settings or TransferSettings()
    images = _images(candidates, ids)
    values = [
        checked_values(each.features.select(images, each.name), each.name) for each in candidates
    ]
    levels = folder_levels(images) if not labels else _levels(labels, images)
    missing: dict[str, str] = {}
    usable = _usable(levels, missing)
    other_values, other_levels = _other_set(candidates, others, labels)
    # Of many small classifiers, threads cost ten times what they save.
    with threadpool_limits(1):
        networks = Networks(candidates, values, other_values)
        made = measures(networks, usable, settings, seed, missing, other_levels)
    return {
        "images": len(images),
        "levels": {level: _sizes(of) for level, of in levels.items()},
        "settings": asdict(settings) | {"shots": list(settings.shots)},
        "measures": made,
        "missing": missing,
    }


def _images(candidates: Sequence[Candidate], ids: Sequence[str] | None) -> list[str]:
    if not candidates:
        raise TwoalikeError("transfer: no network to measure; give --features.")
    names = [candidate.name for candidate in candidates]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TwoalikeError(
            f"transfer: two networks are called {twice!r}; name them apart with NAME=FILE."
        )
    images = list(candidates[0].features.ids if ids is None else ids)
    if len(set(images)) < len(images) or not images:
        raise TwoalikeError(
            f"transfer: expected image ids, each once; found {len(images)}, "
            f"{len(set(images))} of them different."
        )
    return images


def _other_set(
    candidates: Sequence[Candidate],
    others: Sequence[Candidate],
    labels: Mapping[str, Mapping[str, str]] | None,
) -> tuple[list[Values], Levels]:
    """Features of another set of images, in the order of the networks, and their labels."""
    if not others:
        return [], {}
    by_name = {each.name: each for each in others}
    names = [each.name for each in candidates]
    if set(by_name) != set(names) or len(others) > len(by_name):
        raise TwoalikeError(
            f"transfer: expected another set's features of each network ({', '.join(names)}), "
            f"found {', '.join(each.name for each in others)}. Name them with NAME=FILE."
        )
    images = list(by_name[names[0]].features.ids)
    values = [
        checked_values(by_name[name].features.select(images, name), f"{name}, other set")
        for name in names
    ]
    return values, folder_levels(images) if not labels else _levels(labels, images)


def _levels(labels: Mapping[str, Mapping[str, str]], images: Sequence[str]) -> Levels:
    for level, by_id in labels.items():
        unknown = [name for name in images if name not in by_id]
        if unknown:
            raise TwoalikeError(
                f"transfer: {counted(len(unknown), 'image')} of {len(images)} without a label at "
                f"level {level!r}, first {unknown[0]!r}. Add them to the table of labels, or name "
                "the images to use with --only."
            )
    return {
        level: checked_labels([by_id[name] for name in images], len(images), level)
        for level, by_id in labels.items()
    }


def _usable(levels: Levels, missing: dict[str, str]) -> Levels:
    """Levels at which all images have a label and some share it; the others are said missing."""
    usable: Levels = {}
    for level, labels in levels.items():
        without, classes = labels.count(MISSING), len(set(labels))
        if without:
            missing[level] = f"{without} of {len(labels)} images have no label ({MISSING})"
        elif classes == 1:
            missing[level] = f"all images are of one class, {labels[0]!r}"
        elif classes == len(labels):
            missing[level] = "each image is a class of its own"
        else:
            usable[level] = labels
    return usable


def _sizes(labels: Sequence[str]) -> dict[str, int]:
    _, counts = np.unique(labels, return_counts=True)
    return {
        "classes": len(counts),
        "smallest": int(counts.min()),
        "largest": int(counts.max()),
    }
