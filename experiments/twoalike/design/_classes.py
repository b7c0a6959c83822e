"""Classes of objects for the levels design: from the manifest, or clusters of features."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import MISSING, DesignConfig, TwoalikeError

Classes = npt.NDArray[np.int64]
"""Class 0, 1, ... of each object, shape (m,); -1 where it has none."""

ATTEMPTS = 20
"""Starts of k-means before too many clusters are complained about."""


def object_classes(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: DesignConfig,
    root: Path,
    rng: np.random.Generator,
) -> Classes:
    """Class of each object as ``config`` wants it.

    Parameters
    ----------
    shown
        The m objects: ``id`` and category columns.
    levels
        Names of the category columns, coarse to fine.
    config
        Names the column, or the file of features.
    root
        Folder of the study, where the features are.
    rng
        Starts k-means.

    Raises
    ------
    TwoalikeError
        If the column does not exist, no column will do, or the features do not fit.
    """
    if config.features:
        return _clusters(shown["id"].tolist(), root / config.features, config.clusters, rng)
    if not levels:
        raise TwoalikeError(
            "design: the levels sampler needs classes of objects: a category column in the "
            "manifest of the stimuli, or design.features."
        )
    if config.level:
        if config.level not in levels:
            raise TwoalikeError(
                f"design.level: no column {config.level!r} in the manifest of the stimuli; "
                f"expected one of {', '.join(levels)}."
            )
        return named_classes(shown, levels[: levels.index(config.level) + 1])
    for depth in range(len(levels), 0, -1):
        classes = named_classes(shown, levels[:depth])
        if np.bincount(classes[classes >= 0], minlength=1).max() >= 3:
            return classes
    raise TwoalikeError(
        f"design: no category column ({', '.join(levels)}) has a class with three images, which "
        "the levels sampler needs. Add images, or name the column in design.level."
    )


def named_classes(shown: pd.DataFrame, path: Sequence[str]) -> Classes:
    """Classes by the whole path of categories: two folders may share the name of a class."""
    columns = shown[list(path)]
    labels = pd.Series(list(columns.itertuples(index=False, name=None)))
    codes = pd.factorize(labels)[0].astype(np.int64)
    return np.where((columns.iloc[:, -1] == MISSING).to_numpy(), -1, codes)


def _clusters(ids: Sequence[str], path: Path, clusters: int, rng: np.random.Generator) -> Classes:
    from scipy.cluster.vq import ClusterError, kmeans2

    from twoalike.features import read_features

    values = read_features(path).select(ids, str(path)).astype(np.float64)
    different = len(np.unique(values, axis=0))
    if clusters >= different:
        raise TwoalikeError(
            f"design.clusters: asked for {clusters} clusters, but {path} has features of "
            f"{different} different objects. Lower design.clusters."
        )
    for _ in range(ATTEMPTS):
        try:
            _, codes = kmeans2(values, clusters, iter=100, minit="++", missing="raise", rng=rng)
        except ClusterError:
            continue  # a cluster lost its last object: start elsewhere
        return np.asarray(codes, dtype=np.int64)
    raise TwoalikeError(
        f"{path}: the features do not fall into {clusters} clusters (some stay empty). Lower "
        "design.clusters."
    )
