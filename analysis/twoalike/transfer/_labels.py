"""Labels of images at several levels, from coarse to fine, and checks of what is measured."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError, folder_labels
from twoalike.transfer._classifier import Codes, Values
from twoalike.transfer._scores import NotMeasurable


def folder_levels(ids: Sequence[str]) -> dict[str, list[str]]:
    """Labels from the folders that stand in image ids.

    ``twoalike features`` names the images of a folder without a manifest by their path, so that
    ``n01498041/0.12_eagle`` is an image of class ``n01498041``
    (:func:`twoalike.study.folder_labels`).

    Returns
    -------
    Labels of each image at ``level_1`` (coarse), ``level_2``, ...

    Raises
    ------
    TwoalikeError
        If no id has a folder.

    Examples
    --------
    >>> folder_levels(["animal/cat/1", "animal/dog/1", "tool/2"])["level_2"]
    ['animal/cat', 'animal/dog', 'n/a']
    """
    levels = folder_labels([PurePosixPath(name).parts[:-1] for name in ids])
    if not levels:
        found = f", first {ids[0]!r}" if len(ids) else ""
        raise TwoalikeError(
            f"expected image ids with their folders (class/image), found none among "
            f"{len(ids)}{found}. Give a table of labels with --labels."
        )
    return levels


def coded(labels: Sequence[str] | npt.NDArray[np.str_]) -> tuple[tuple[str, ...], Codes]:
    """Names of the classes, sorted, and the class of each image, shape (n,)."""
    names, codes = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    return tuple(map(str, names)), codes.astype(np.int64)


def checked_values(values: npt.ArrayLike, name: str = "features") -> Values:
    """Features as float32, shape (n, p).

    Raises
    ------
    TwoalikeError
        If they are no numbers of that shape, hold NaN or infinite values, or are the same for
        all images.
    """
    found = np.asarray(values)
    if found.ndim != 2 or found.dtype.kind not in "fiu" or 0 in found.shape:
        raise TwoalikeError(
            f"{name}: expected numbers of shape (images, features), found {found.dtype} of shape "
            f"{found.shape}."
        )
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        result = np.ascontiguousarray(found, dtype=np.float32)
    odd = int((~np.isfinite(result).all(axis=1)).sum())
    if odd:
        raise TwoalikeError(
            f"{name}: NaN or infinite values in {odd} of {len(result)} rows. Compute them again."
        )
    if len(result) > 1 and (result == result[0]).all():
        raise TwoalikeError(
            f"{name}: all {len(result)} images have the same features. Check the network and its "
            "preprocessing."
        )
    return result


def checked_labels(labels: Sequence[str], n_images: int, level: str = "labels") -> list[str]:
    """Labels, one an image.

    Raises
    ------
    TwoalikeError
        If their number is another, or one is empty or no text.
    """
    if len(labels) != n_images:
        raise TwoalikeError(
            f"{level}: expected a label for each of {n_images} images, found {len(labels)}."
        )
    for row, label in enumerate(labels):
        if not isinstance(label, str) or not label:
            raise TwoalikeError(
                f"{level}: image {row + 1} of {n_images} has no label ({label!r}). Label every "
                "image, or leave it out."
            )
    return list(labels)


def check_nested(coarse: Sequence[str], fine: Sequence[str]) -> None:
    """Check that each class of the fine level lies in one of the coarse.

    Raises
    ------
    NotMeasurable
        If one lies in several: then the two levels are no hierarchy.
    """
    within: dict[str, str] = {}
    for above, below in zip(coarse, fine, strict=True):
        if within.setdefault(below, above) != above:
            raise NotMeasurable(
                f"is no hierarchy: {below!r} lies in {within[below]!r} and in {above!r}"
            )


def with_enough(labels: Sequence[str], fewest: int) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Images of classes that have enough of them, and the names of the other classes.

    Raises
    ------
    NotMeasurable
        If fewer than two classes have enough.
    """
    names, codes = coded(labels)
    counts = np.bincount(codes, minlength=len(names))
    enough = counts >= fewest
    if len(names) < 2:
        raise NotMeasurable(f"needs two classes, has {len(names)}")
    if enough.sum() < 2:
        raise NotMeasurable(
            f"needs two classes with {fewest} images, has {enough.sum()}; the largest class has "
            f"{counts.max()}"
        )
    return np.flatnonzero(enough[codes]), [
        name for name, kept in zip(names, enough, strict=True) if not kept
    ]


def of_rows(labels: Sequence[str], rows: npt.NDArray[np.int64]) -> list[str]:
    """Labels of some images."""
    return [labels[row] for row in rows]


def same_length(levels: Mapping[str, Sequence[str]], n_images: int) -> dict[str, list[str]]:
    """Labels at each level, checked as by :func:`checked_labels`."""
    return {level: checked_labels(labels, n_images, level) for level, labels in levels.items()}
