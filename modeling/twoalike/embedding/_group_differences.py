"""Do groups of people weigh the dimensions differently? Differences, intervals, and a test.

The people are the sample, not their judgments. Their weights come from a fit that does not know the
groups and shrinks everybody to all people alike. Where groups do not differ their labels are
therefore exchangeable, and a test by permuted labels holds its level whichever engine was used;
over dimensions, clusters of objects and pairs of objects it is corrected by the largest statistic
(Westfall and Young 1993).

Posterior means of people are shrunk towards all people, and so are their means over a group: tests
allow for it, estimates do not. Differences, effects and intervals therefore take the means divided
by their reliability. Intervals resample the people of each group, and take another draw of the
embedding each time.

Clusters of objects are the categories that somebody gave them, or those of the embedding. Without
categories objects are clustered by Ward's linkage of their mean coordinates; for dot products,
where likeness is a matter of direction, each object's are scaled to length one. There are as many
clusters, of two up to a dozen, as make the mean silhouette largest (Rousseeuw 1987,
doi:10.1016/0377-0427(87)90125-7).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._export import check_ending
from twoalike.embedding._group_views import Views, mean_logs, resampled_logs
from twoalike.embedding._intervals import central_interval
from twoalike.embedding._people import Groups, read_groups
from twoalike.embedding._posterior import PosteriorSource, as_posterior
from twoalike.study import (
    MISSING,
    Booleans,
    Floats,
    Integers,
    TwoalikeError,
    progress,
    provenance,
    write_json,
)
from twoalike.tables import Labels, LabelSource, read_labels

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
    """Cluster at least three points, (m, D), by Ward's linkage: the cluster of each, (m,)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist, squareform

    distances = pdist(x)
    tree, square = linkage(distances, "ward"), squareform(distances)
    cuts = [fcluster(tree, n, "maxclust") for n in range(2, max(min(MOST, len(x) // 2), 2) + 1)]
    best = max(cuts, key=lambda cut: mean_silhouette(square, cut))
    _, first, codes = np.unique(best, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[codes]


def mean_silhouette(distances: Floats, codes: Integers) -> float:
    """Mean silhouette of points, by distances (m, m) and clusters (m,); 0 for a point alone."""
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


FEWEST = 3
"""People that a group needs, for its spread to be known."""
MOST_PEOPLE = 500
"""People of each group whose similarities tell how much people differ: as many as that needs."""


def compare_groups(
    posterior: PosteriorSource,
    groups: Mapping[str, str] | str | Path,
    *,
    labels: LabelSource | None = None,
    interval: float = 0.9,
    permutations: int = 999,
    resamples: int = 400,
    pairs: int = 20,
    seed: int = 0,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Compare how groups of people weigh the dimensions, and the similarities that follow.

    Parameters
    ----------
    posterior
        A posterior or its file, fitted with ``people="weights"`` and without ``groups``.
    groups
        Group of each participant: a mapping, or a tab-separated file with the columns
        ``participant`` and ``group``.
    labels
        Categories of the objects, for clusters: a table with the column ``id`` and one a level,
        such as ``stimuli.tsv``, its file, or object -> category by level. None: clusters of the
        embedding, by Ward's linkage, as many (2 to 12) as make the mean silhouette largest.
    interval
        Share of the resamples inside the intervals.
    permutations, resamples
        Numbers of permuted labels, and of resamples of the people.
    pairs
        Pairs of objects to list.
    seed
        Everything random derives from it.
    out
        File to write (.json).

    Returns
    -------
    Provenance; ``people``, the number in each group; ``group_of``, the group of each participant;
    ``clusters``, the members of each by level, those most similar to the others first; and
    ``differences``, one for each two groups: ``first`` and ``second``; ``p``, of the hypothesis
    that they weigh all dimensions alike; ``correlation`` of their mean similarities over pairs of
    objects; and ``dimensions``, ``clusters`` and ``pairs``, each with its ``difference``, second
    minus first, its interval from ``low`` to ``high``, ``effect`` (the difference in standard
    deviations of people within groups) and ``p``, corrected for the number of dimensions, clusters
    or pairs. Differences are of mean log weights; of the mean similarity of the pairs in a cluster
    less that of all pairs; and of a pair's similarity less that of all pairs, for the pairs
    (``items``) with the smallest p, the largest differences first where it is the same.
    """
    if out is not None:
        check_ending(Path(out), [".json"], "a comparison")
    model = as_posterior(posterior)
    table = groups if isinstance(groups, Mapping) else read_groups(groups)
    where = "`groups=...`" if isinstance(groups, Mapping) else groups
    found = Groups.assign(table, model.participants, where)
    _check(model, found, where)
    inputs = {} if model.path is None else {"posterior": model.path}
    views, clusters = Views(model), Clusters.of(model, read_labels(labels, inputs))
    if not isinstance(groups, Mapping):
        inputs["groups"] = Path(groups)
    settings = {"interval": interval, "permutations": permutations, "resamples": resamples}
    result = provenance("comparison of groups", seed=seed, inputs=inputs, config=settings)
    result["people"] = {
        name: int((found.of == place).sum()) for place, name in enumerate(found.names)
    }
    named = (found.names[place] for place in found.of)
    result["group_of"] = dict(zip(model.participants, named, strict=True))
    result["clusters"] = clusters.typical_first(model.ids, model.thinned().similarity())
    couples = list(combinations(range(len(found.names)), 2))
    result["differences"] = []
    with progress() as bar:
        steps = len(couples) * (2 * permutations + resamples)
        task = bar.add_task("groups", total=steps, status="permuted labels")
        for number, (one, two) in enumerate(couples):
            people = np.flatnonzero((found.of == one) | (found.of == two))
            rng = np.random.default_rng([seed, number])
            couple = _Couple(views, clusters, people, found.of[people] == two, rng)
            step = partial(bar.update, task, advance=1)
            result["differences"].append(
                {"first": found.names[one], "second": found.names[two]}
                | couple.compared(permutations, resamples, pairs, interval, step)
            )
    if out is not None:
        write_json(Path(out), result)
    return result


def _check(model: "Posterior", groups: Groups, where: object) -> None:
    fault = None
    if model.weights is None:
        fault = "no weights"
    elif model.weights.centre.shape[1] > 1:
        fault = "weights that were shrunk to the people's groups, which makes any two differ"
    elif model.weights.z.shape[1]:
        fault = "weights that depend on covariates, in which groups may differ"
    if fault is not None:
        raise TwoalikeError(
            where=model.path or "the posterior",
            expected="weights of the dimensions by person, from a fit that does not know groups",
            found=fault,
            remedy="Fit with `people=weights`, without `groups=...` and `covariates=...`.",
        )
    for place, name in enumerate(groups.names):
        if (count := int((groups.of == place).sum())) < FEWEST:
            raise TwoalikeError(
                where=where, expected=f"at least {FEWEST} people a group", found=f"{count} {name!r}"
            )


@dataclass(frozen=True, eq=False)
class _Null:
    """What permuted labels give: n of each, and how much pairs and clusters vary."""

    total: Floats  # sum of squared statistics of the dimensions, (n,)
    dimension: Floats  # largest statistic of a dimension, (n,)
    pair: Floats  # largest difference of a pair in its units, (n,)
    cluster: Floats  # and of a cluster, (n,)
    pair_size: Floats  # the units: root mean square of each pair, and of the median one, (pairs,)
    cluster_size: Floats  # and of each cluster, (clusters,)


@dataclass(frozen=True, eq=False)
class _Estimates:
    """Differences of n things, (n,), their resamples, (resamples, n), spread of people, (n,)."""

    seen: Floats
    draws: Floats
    spread: Floats

    def rows(self, statistic: Floats, largest: Floats, interval: float) -> list[dict[str, float]]:
        """Difference, interval, effect and p of each; p from the largest under permuted labels."""
        low, high = central_interval(self.draws, interval)
        return [
            {
                "difference": float(self.seen[k]),
                "low": float(low[k]),
                "high": float(high[k]),
                "effect": float(self.seen[k] / self.spread[k]),
                "p": _p(largest, abs(statistic[k])),
            }
            for k in range(len(self.seen))
        ]


class _Couple:
    """Two groups: log weights of their people, and the space they weigh."""

    def __init__(
        self,
        views: Views,
        clusters: Clusters,
        people: Integers,
        second: Booleans,
        rng: np.random.Generator,
    ) -> None:
        weights = views.model.weights
        assert weights is not None
        self.views, self.clusters, self.second, self.rng = views, clusters, second, rng
        of_groups = Groups(("first", "second"), second.astype(np.int32))
        self.groups, self.reliability = of_groups, weights.reliability
        # People x dimensions: for the tests, and for estimates.
        self.log = weights.log[:, people].mean(axis=0, dtype=np.float64)
        self.unshrunk = weights.unshrunk()[people]

    def compared(
        self,
        permutations: int,
        resamples: int,
        pairs: int,
        interval: float,
        step: Callable[[], None],
    ) -> dict[str, Any]:
        views, clusters = self.views, self.clusters
        logs = mean_logs(self.log, self.second)
        first, other = (views.similarity(log) for log in logs)
        t, seen = _statistics(self.log, self.second), other - first
        grouped = clusters.means(seen)
        null = self._null(permutations, step)
        beyond = np.sort(null.pair).searchsorted(np.abs(seen / null.pair_size))
        top = np.lexsort((-np.abs(seen), -beyond))[:pairs]  # of pairs with one p the most different
        by_dimension, by_pair, by_cluster = self._estimates(top, resamples, step)
        items = np.stack([side[top] for side in views.pairs], axis=1)
        of_pairs = by_pair.rows((seen / null.pair_size)[top], null.pair, interval)
        of_clusters = by_cluster.rows(grouped / null.cluster_size, null.cluster, interval)
        return {
            "p": _p(null.total, float((t**2).sum())),
            "correlation": float(np.corrcoef(first, other)[0, 1]),
            "dimensions": [
                {"dimension": k + 1} | row
                for k, row in enumerate(by_dimension.rows(t, null.dimension, interval))
            ],
            "clusters": [
                {"level": level, "cluster": name, "objects": len(members)} | row
                for level, name, members, row in zip(
                    clusters.levels, clusters.names, clusters.members, of_clusters, strict=True
                )
            ],
            "pairs": [
                {"items": [views.model.ids[place] for place in pair]} | row
                for pair, row in zip(items, of_pairs, strict=True)
            ],
        }

    def _null(self, permutations: int, step: Callable[[], None]) -> _Null:
        """Permute the labels of people."""
        labels = [self.rng.permutation(self.second) for _ in range(permutations)]
        # A pair is as uncertain as it varies under permuted labels: the first of two passes.
        square, largest_t, total, of_clusters = np.zeros(len(self.views.pairs[0])), [], [], []
        for label in labels:
            found = self.views.difference(mean_logs(self.log, label))
            square += found**2
            of_clusters.append(self.clusters.means(found))
            permuted = _statistics(self.log, label)
            largest_t.append(np.abs(permuted).max())
            total.append((permuted**2).sum())
            step()
        pair_size = np.sqrt(square / permutations)
        # Without a constant, pairs that hardly vary come first (Tusher et al. 2001).
        pair_size += np.median(pair_size) + 1e-12
        largest = []
        for label in labels:
            found = self.views.difference(mean_logs(self.log, label))
            largest.append(np.abs(found / pair_size).max())
            step()
        clusters = np.stack(of_clusters)
        cluster_size = np.sqrt((clusters**2).mean(axis=0)) + 1e-12
        return _Null(
            total=np.array(total),
            dimension=np.array(largest_t),
            pair=np.array(largest),
            cluster=np.abs(clusters / cluster_size).max(axis=1),
            pair_size=pair_size,
            cluster_size=cluster_size,
        )

    def _estimates(
        self, top: Integers, n: int, step: Callable[[], None]
    ) -> tuple[_Estimates, _Estimates, _Estimates]:
        """Resample people; of dimensions, of the ``top`` pairs, and of clusters."""
        by_dimension, by_pair, by_cluster = [], [], []
        draws = self.views.model.embedding
        for draw, logs in resampled_logs(self.unshrunk, len(draws), self.groups, n, self.rng):
            found = self.views.difference(logs, draws[draw])
            by_dimension.append(logs[1] - logs[0])
            by_pair.append(found[top])
            by_cluster.append(self.clusters.means(found))
            step()
        sides = [np.flatnonzero(side) for side in (~self.second, self.second)]
        some = np.concatenate([self.rng.permutation(side)[:MOST_PEOPLE] for side in sides])
        of_people, of_clusters = [], []
        for log in self.unshrunk[some]:
            own = self.views.similarity(log)
            of_people.append(own[top])
            of_clusters.append(self.clusters.means(own))
        second, logs = self.second[some], mean_logs(self.unshrunk, self.second)
        seen = self.views.difference(logs)
        # Of the variance of estimates that share is people's own, the rest is their error.
        spread = _within(self.unshrunk, self.second) * np.sqrt(self.reliability)
        return (
            _Estimates(logs[1] - logs[0], np.stack(by_dimension), spread),
            _Estimates(seen[top], np.stack(by_pair), _within(np.stack(of_people), second)),
            _Estimates(
                self.clusters.means(seen),
                np.stack(by_cluster),
                _within(np.stack(of_clusters), second),
            ),
        )


def _within(log: Floats, second: Booleans) -> Floats:
    """Pool the standard deviation of people within the two groups, (D,)."""
    squares = sum(
        ((log[side] - log[side].mean(axis=0)) ** 2).sum(axis=0) for side in (second, ~second)
    )
    return np.asarray(np.sqrt(squares / (len(log) - 2)) + 1e-12)


def _statistics(log: Floats, second: Booleans) -> Floats:
    """Two-sample t statistics, (D,)."""
    error = _within(log, second) * np.sqrt(1 / second.sum() + 1 / (~second).sum())
    first, other = mean_logs(log, second)
    return np.asarray((other - first) / error)


def _p(permuted: Floats, seen: float) -> float:
    """Share of permuted labels whose statistic is as large, the seen one counted among them."""
    return float((1 + (permuted >= seen * (1 - 1e-12)).sum()) / (1 + len(permuted)))
