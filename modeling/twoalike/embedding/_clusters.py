"""Clusters of objects: the categories that somebody gave them, or those of the embedding.

Without categories objects are clustered by Ward's linkage of their mean coordinates; for dot
products, where likeness is a matter of direction, each object's are scaled to length one. There are
as many clusters, of two up to a dozen, as make the mean silhouette largest (Rousseeuw 1987,
doi:10.1016/0377-0427(87)90125-7).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.study import MISSING, Floats, Integers, TwoalikeError
from twoalike.tables import Labels

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

MOST = 12
"""Clusters of an embedding at most."""
EMBEDDING = "embedding"
"""Level of clusters that are of the embedding, not of labels."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of two objects or more, of ``m`` objects in all, but not of all of them.

    ``levels`` and ``names`` have one entry a cluster, and so do ``members``: indices of its
    objects, (n,) each. An object may be in one cluster of each level.
    """

    m: int
    levels: tuple[str, ...]
    names: tuple[str, ...]
    members: tuple[Integers, ...]

    @classmethod
    def of(cls, model: "Posterior", labels: Labels) -> "Clusters":
        """Take the categories of all levels; without any, the clusters of the mean embedding."""
        m = len(model.ids)
        if not labels:
            codes = linked(_coordinates(model))
            by_size = np.argsort(-np.bincount(codes), kind="stable")
            named = [(f"cluster {place + 1}", codes == code) for place, code in enumerate(by_size)]
            return cls._of_masks(m, [(EMBEDDING, name, mask) for name, mask in named])
        masks = []
        for level, label_of in labels.items():
            of = np.array([label_of.get(name, MISSING) for name in model.ids])
            known = [name for name in dict.fromkeys(of.tolist()) if name not in ("", MISSING)]
            masks += [(level, name, of == name) for name in known]
        found = cls._of_masks(m, masks)
        if not found.names:
            raise TwoalikeError(
                where="labels",
                expected=f"a category of two or more of the posterior's {m} objects, but not all",
                found="none",
                remedy="Leave `labels=...` out to compare clusters of the embedding.",
            )
        return found

    @classmethod
    def _of_masks(cls, m: int, masks: Iterable[tuple[str, str, npt.NDArray[Any]]]) -> "Clusters":
        kept = [(*named, np.flatnonzero(of)) for *named, of in masks if 2 <= of.sum() < m]
        levels, names, members = zip(*kept, strict=True) if kept else ((), (), ())
        return cls(m, levels, names, members)

    @cached_property
    def _mean(self) -> Any:
        """Sparse matrix that averages pairs within clusters, (clusters, pairs)."""
        from scipy.sparse import csr_array

        rows = [_pairs_within(members, self.m) for members in self.members]
        sizes = [len(row) for row in rows]
        values = np.repeat(1 / np.array(sizes), sizes)
        shape = (len(rows), self.m * (self.m - 1) // 2)
        return csr_array((values, np.concatenate(rows), np.cumsum([0, *sizes])), shape=shape)

    def means(self, pairs: Floats) -> Floats:
        """Mean over the pairs within each cluster, (clusters,), of values of all pairs, (pairs,).

        Pairs are in the order of ``np.triu_indices(m, 1)``.
        """
        return np.asarray(self._mean @ pairs)

    def typical_first(self, ids: Sequence[str], similarity: Floats) -> dict[str, Any]:
        """Names of each cluster's members by level, those most similar to the others first.

        ``similarity`` (m, m) is that of all objects.
        """
        found: dict[str, Any] = {}
        for level, name, members in zip(self.levels, self.names, self.members, strict=True):
            own = similarity[np.ix_(members, members)]
            order = np.argsort(np.diagonal(own) - own.sum(axis=1), kind="stable")
            found.setdefault(level, {})[name] = [ids[place] for place in members[order]]
        return found


def _pairs_within(members: Integers, m: int) -> Integers:
    """Places of a cluster's pairs among all pairs of m objects, in the order of triu_indices."""
    one, two = np.triu_indices(len(members), 1)
    i, j = members[one], members[two]
    return np.asarray(i * (2 * m - i - 1) // 2 + j - i - 1)


def _coordinates(model: "Posterior") -> Floats:
    """Mean coordinates, (m, D); of dot products at length one."""
    x = model.embedding.mean(axis=0, dtype=np.float64)
    if model.attrs.get("similarity", "dot") == "dot":
        x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return np.asarray(x)


def linked(x: Floats) -> Integers:
    """Cluster points (m, D), at least three, by Ward's linkage: the cluster of each, (m,), from 0.

    Examples
    --------
    >>> linked(np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist, squareform

    distances = pdist(x)
    tree, square = linkage(distances, "ward"), squareform(distances)
    cuts = [fcluster(tree, n, "maxclust") for n in range(2, max(min(MOST, len(x) // 2), 2) + 1)]
    best = max(cuts, key=lambda cut: mean_silhouette(square, cut))
    _, first, codes = np.unique(best, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[codes]


def mean_silhouette(distances: Floats, codes: Integers) -> float:
    """Mean silhouette of points, 0 for those alone in their cluster.

    Parameters
    ----------
    distances
        Of each two points, shape (m, m).
    codes
        Cluster of each point, shape (m,).
    """
    names, codes = np.unique(codes, return_inverse=True)
    if len(names) < 2:
        return -1.0
    count = np.bincount(codes)
    total = distances @ np.eye(len(names))[codes]  # (m, clusters)
    rows = np.arange(len(codes))
    own = total[rows, codes] / np.maximum(count[codes] - 1, 1)
    total = total / count
    total[rows, codes] = np.inf
    other = total.min(axis=1)
    silhouette = (other - own) / np.maximum(np.maximum(own, other), 1e-12)
    return float(np.where(count[codes] > 1, silhouette, 0.0).mean())
