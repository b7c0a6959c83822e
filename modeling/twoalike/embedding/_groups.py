"""Do groups of people weigh the dimensions differently? With a test.

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

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._people import Groups, read_groups
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.embedding._similarity import central_interval
from twoalike.study import (
    MISSING,
    Booleans,
    Floats,
    Integers,
    TwoalikeError,
    check_ending,
    progress,
    provenance,
    shortened,
    write_json,
)
from twoalike.tables import Labels, LabelSource, read_labels

MOST = 12
"""Clusters of an embedding at most."""
EMBEDDING = "embedding"
"""Level of clusters that are of the embedding, not of labels."""


class Views:
    """Similarities of all pairs of objects to whoever weighs the dimensions in some way."""

    def __init__(self, model: Posterior) -> None:
        self.model = model
        self.embedding = model.embedding.mean(axis=0)
        self.pairs = np.triu_indices(len(self.embedding), 1)

    def similarity(self, log: Floats, embedding: Floats | None = None) -> Floats:
        """Similarities less their mean, (pairs,), at log weights (D,); of the mean embedding."""
        x = self.embedding if embedding is None else embedding
        view = x * np.exp(log / 2)
        found = self.model.pair_similarity(view, view)[self.pairs]
        return np.asarray(found - found.mean(), dtype=np.float64)


def mean_logs(log: Floats, second: Booleans) -> Floats:
    """Mean log weights, (2, D), of the people (P, D) of a first and a second group."""
    return np.stack([log[~second].mean(axis=0), log[second].mean(axis=0)])


def resampled_logs(
    log: Floats, draws: int, groups: Groups, n: int, rng: np.random.Generator
) -> Iterator[tuple[int, Floats]]:
    """Resample people n times: one of the draws, and mean log weights of every group, (G, D).

    ``log`` (P, D) are estimates without shrinkage: they vary between people by as much as people
    differ and are uncertain.
    """
    members = [np.flatnonzero(groups.of == place) for place in range(len(groups.known))]
    for draw in rng.integers(0, draws, n).tolist():
        people = [rng.choice(own, len(own)) for own in members]
        yield draw, np.stack([log[own].mean(axis=0) for own in people])


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of two objects or more, of ``m`` objects in all, but not of all of them.

    ``levels`` and ``names`` have one entry a cluster, and so do ``members``: indices of its
    objects, (n,) each, those most similar to the others first. An object may be in one cluster of
    each level.
    """

    m: int
    levels: tuple[str, ...]
    names: tuple[str, ...]
    members: tuple[Integers, ...]

    @classmethod
    def of(cls, model: Posterior, labels: Labels) -> "Clusters":
        """Take the categories of all levels; without any, the clusters of the mean embedding."""
        ids, m, similarity = model.ids, len(model.ids), model.thinned().similarity()
        masks: list[tuple[str, str, npt.NDArray[Any]]] = []
        if not labels:
            x = model.embedding.mean(axis=0, dtype=np.float64)
            if model.attrs.get("similarity", "dot") == "dot":
                x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
            codes = linked(x)
            by_size = np.argsort(-np.bincount(codes), kind="stable")
            masks = [(EMBEDDING, f"{k + 1}", codes == code) for k, code in enumerate(by_size)]
        for level, label_of in labels.items():
            of = np.array([label_of.get(name, MISSING) for name in ids])
            known = [name for name in dict.fromkeys(of.tolist()) if name not in ("", MISSING)]
            masks += [(level, name, of == name) for name in known]
        kept: list[tuple[str, str, Integers]] = []
        for level, name, mask in masks:
            if not 2 <= mask.sum() < m:
                continue
            own = np.flatnonzero(mask)
            among = similarity[np.ix_(own, own)]
            own = own[np.argsort(np.diagonal(among) - among.sum(axis=1), kind="stable")]
            typical = shortened(", ".join(ids[place] for place in own), 50)
            kept.append((level, name if labels else f"{name}: {typical}", own))
        if labels and not kept:
            raise TwoalikeError(
                where="labels",
                expected=f"a category of two or more of the posterior's {m} objects, but not all",
                found="none",
                remedy="Leave `labels=...` out to compare clusters of the embedding.",
            )
        levels, names, members = zip(*kept, strict=True) if kept else ((), (), ())
        return cls(m, levels, names, members)

    @cached_property
    def _within(self) -> list[Integers]:
        """Places of the pairs within each cluster among all."""
        inside = [np.isin(np.arange(self.m), members) for members in self.members]
        one, two = np.triu_indices(self.m, 1)
        return [np.flatnonzero(own[one] & own[two]) for own in inside]

    def means(self, pairs: Floats) -> Floats:
        """Mean over the pairs within each cluster, (clusters,), of values of all pairs, (pairs,).

        Pairs are in the order of ``np.triu_indices(m, 1)``.
        """
        return np.array([pairs[own].mean() for own in self._within])

    def described(self) -> list[dict[str, Any]]:
        rows = zip(self.levels, self.names, self.members, strict=True)
        return [{"level": of, "cluster": name, "objects": len(own)} for of, name, own in rows]


def linked(x: Floats) -> Integers:
    """Cluster at least two points, (m, D), by Ward's linkage: the cluster of each, (m,)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist
    from sklearn.metrics import silhouette_score

    tree = linkage(pdist(x), "ward")
    cuts = [fcluster(tree, n, "maxclust") for n in range(2, max(min(MOST, len(x) // 2), 2) + 1)]
    scored = [silhouette_score(x, of) if 1 < of.max() < len(x) else -1.0 for of in cuts]
    best = cuts[int(np.argmax(scored))]
    _, first, codes = np.unique(best, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[codes]


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
        ``participant`` and ``group``. People who are not there, or ``n/a``, are left out.
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
    Provenance; ``people``, the number in each group, and ``left_out``, of those in none;
    ``group_of``, the group of each participant; ``clusters``, the members of each by level, those
    most similar to the others first; and ``differences``, one for each two groups: ``first`` and
    ``second``; ``p``, of the hypothesis that they weigh all dimensions alike; ``correlation`` of
    their mean similarities over pairs of objects; and ``dimensions``, ``clusters`` and ``pairs``,
    each with its ``difference``, second minus first, its interval from ``low`` to ``high``,
    ``effect`` (the difference in standard deviations of people within groups) and ``p``, corrected
    for the number of dimensions, clusters or pairs. Differences are of mean log weights; of the
    mean similarity of the pairs in a cluster less that of all pairs; and of a pair's similarity
    less that of all pairs, for the pairs (``items``) with the smallest p, the largest differences
    first where it is the same.
    """
    if out is not None:
        check_ending(Path(out), [".json"], "a comparison")
    model = as_posterior(posterior)
    _check(model)
    inputs = {} if model.path is None else {"posterior": model.path}
    where: object = "`groups=...`"
    if isinstance(groups, str | Path):
        inputs["groups"] = where = Path(groups)
    group_of = groups if isinstance(groups, Mapping) else read_groups(groups)
    found = Groups.assign(group_of, model.participants, where, absent=True)
    for name, count in found.counts.items():
        if count < FEWEST:
            raise TwoalikeError(
                where=where, expected=f"at least {FEWEST} people a group", found=f"{count} {name!r}"
            )
    views, clusters = Views(model), Clusters.of(model, read_labels(labels, inputs))
    settings: dict[str, Any] = {"permutations": permutations, "resamples": resamples}
    settings["interval"] = interval
    result = provenance("comparison of groups", seed=seed, inputs=inputs, config=settings)
    result["people"] = found.counts
    result["left_out"] = len(found.of) - sum(found.counts.values())
    named = (found.names[place] for place in found.of)
    result["group_of"] = dict(zip(model.participants, named, strict=True))
    result["clusters"] = {level: {} for level in clusters.levels}
    for level, name, own in zip(clusters.levels, clusters.names, clusters.members, strict=True):
        result["clusters"][level][name] = [model.ids[place] for place in own]
    couples = list(combinations(range(len(found.known)), 2))
    result["differences"] = rows = []
    with progress() as bar:
        steps = len(couples) * (2 * permutations + resamples + 2)
        task = bar.add_task("groups", total=steps, status="permuted labels")
        step = partial(bar.update, task, advance=1)
        for place, (one, two) in enumerate(couples):
            people = np.flatnonzero((found.of == one) | (found.of == two))
            rng = np.random.default_rng([seed, place])
            sample = Sample(views, clusters, people, rng, step, **settings, pairs=pairs)
            said = {"first": found.names[one], "second": found.names[two]}
            rows.append(said | _compared(sample, found.of[people] == two))
    if out is not None:
        write_json(Path(out), result)
    return result


def _check(model: Posterior) -> None:
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


@dataclass(frozen=True, eq=False)
class Sample:
    """Some of the people of a posterior, indices (P,), and what they are compared on."""

    views: Views
    clusters: Clusters
    people: Integers
    rng: np.random.Generator
    step: Callable[[], object]
    permutations: int
    resamples: int
    interval: float
    pairs: int

    @cached_property
    def log(self) -> Floats:
        """Log weights of the people, for the tests, (P, D)."""
        assert self.views.model.weights is not None
        return self.views.model.weights.log[:, self.people].mean(axis=0, dtype=np.float64)

    @cached_property
    def ends(self) -> Integers:
        return np.cumsum([self.log.shape[1], len(self.clusters.names)])

    def tested(
        self, statistics: Callable[[Any], Floats], labels: Any
    ) -> tuple[float, Floats, Integers]:
        """Test labels of the people, (P,), by the statistics of dimensions, clusters and pairs.

        p of all dimensions; of each, with the most telling pairs only; and which pairs these are.
        """
        again = [self.rng.permutation(labels) for _ in range(self.permutations)]
        sizes, largest, total = _null([partial(statistics, one) for one in again], self.ends)
        seen = np.split(np.abs(statistics(labels)) / sizes, self.ends)
        p = [_p(most, units) for most, units in zip(largest, seen, strict=True)]
        # Of pairs with one p the most different.
        top = np.lexsort((-seen[2] * sizes[self.ends[1] :], p[2]))[: self.pairs]
        whole = float(_p(total, (seen[0] ** 2).sum()[None])[0])
        return whole, np.concatenate([*p[:2], p[2][top]]), top

    def rows(self, table: pd.DataFrame, items: Integers) -> dict[str, list[dict[str, Any]]]:
        """Give a table's rows to dimensions, clusters and pairs of objects, (n, 2)."""
        rows: Any = iter(table.to_dict("records"))
        names: dict[str, list[dict[str, Any]]] = {
            "dimensions": [{"dimension": k + 1} for k in range(self.ends[0])],
            "clusters": self.clusters.described(),
            "pairs": [{"items": [self.views.model.ids[k] for k in pair]} for pair in items],
        }
        return {thing: [name | next(rows) for name in named] for thing, named in names.items()}


def _compared(sample: Sample, second: Booleans) -> dict[str, Any]:
    """Compare two groups of people, of whom some are in the second: tests, and what differs."""
    views, clusters, rng = sample.views, sample.clusters, sample.rng
    weights, draws = views.model.weights, views.model.embedding
    assert weights is not None
    unshrunk = weights.unshrunk()[sample.people]  # for estimates

    def differences(logs: Floats, embedding: Floats | None = None) -> Floats:
        """Second minus first of log weights (2, D): of dimensions, clusters and pairs, in a row."""
        sample.step()
        found = views.similarity(logs[1], embedding) - views.similarity(logs[0], embedding)
        return np.concatenate([logs[1] - logs[0], clusters.means(found), found])

    def of_labels(label: Booleans) -> Floats:
        return differences(mean_logs(sample.log, label))

    whole, p, top = sample.tested(of_labels, second)
    kept = np.concatenate([np.arange(sample.ends[1]), sample.ends[1] + top])
    table = pd.DataFrame({"difference": differences(mean_logs(unshrunk, second))[kept]})
    groups = Groups(("first", "second"), second.astype(np.int32))
    resampled = resampled_logs(unshrunk, len(draws), groups, sample.resamples, rng)
    again = [differences(means, draws[draw])[kept] for draw, means in resampled]
    table["low"], table["high"] = central_interval(np.stack(again), sample.interval)
    sides = [np.flatnonzero(side) for side in (~second, second)]
    some = np.concatenate([rng.permutation(side)[:MOST_PEOPLE] for side in sides])
    seen = (views.similarity(one) for one in unshrunk[some])  # of one person at a time
    own = np.stack([np.concatenate([clusters.means(of), of[top]]) for of in seen])
    # Of the variance of estimates that share is people's own, the rest is their error.
    spread = _within(unshrunk, second) * np.sqrt(weights.reliability)
    table["effect"] = table["difference"] / np.concatenate([spread, _within(own, second[some])])
    one, other = (views.similarity(logs) for logs in mean_logs(sample.log, second))
    return {
        "p": whole,
        "correlation": float(np.corrcoef(one, other)[0, 1]),
        **sample.rows(table.assign(p=p), np.stack([side[top] for side in views.pairs], axis=1)),
    }


def _null(
    permuted: Sequence[Callable[[], Floats]], ends: Integers
) -> tuple[Floats, Floats, Floats]:
    """Differences under permuted labels: how uncertain each is, and the largest in these units.

    Root mean squares, (all,); the largest of dimensions, clusters and pairs, (3, n), and the sum
    of squares of the dimensions, (n,). What differs is computed twice, since it may be large.
    """
    squares: Any = sum(found() ** 2 for found in permuted)
    sizes = np.sqrt(squares / len(permuted)) + 1e-12
    # Without a constant, pairs that hardly vary come first (Tusher et al. 2001).
    sizes[ends[1] :] += np.median(sizes[ends[1] :])
    largest, total = np.empty((3, len(permuted))), np.empty(len(permuted))
    for n, found in enumerate(permuted):
        units = np.split(np.abs(found()) / sizes, ends)
        largest[:, n], total[n] = [of.max() for of in units], (units[0] ** 2).sum()
    return sizes, largest, total


def _within(log: Floats, second: Booleans) -> Floats:
    """Pool the standard deviation of people within the two groups, (D,)."""
    squares = sum(
        ((log[side] - log[side].mean(axis=0)) ** 2).sum(axis=0) for side in (second, ~second)
    )
    return np.asarray(np.sqrt(squares / (len(log) - 2)) + 1e-12)


def _p(permuted: Floats, seen: Floats) -> Floats:
    """Share of permuted labels whose statistic is as large, the seen one counted among them."""
    below = np.sort(permuted).searchsorted(seen * (1 - 1e-12))
    return np.asarray((1 + len(permuted) - below) / (1 + len(permuted)))


@dataclass(frozen=True, eq=False)
class GroupViews:
    """Groups of people as a posterior has them.

    ``of`` (P,) are places of the participants among the ``names`` (G,), G of people in none.
    ``log``, ``low`` and ``high`` are log weights of the average person, (G, D) each, with the ends
    of their intervals: of the centres that the fit had for these groups, or else with people
    resampled (``resampled``). ``pairs`` are those of objects that differ most between each two
    groups.
    """

    names: tuple[str, ...]
    of: Integers
    resampled: bool
    log: Floats
    low: Floats
    high: Floats
    pairs: tuple["PairsApart", ...]


@dataclass(frozen=True, eq=False)
class PairsApart:
    """Pairs of objects, (n, 2) indices, that are more alike to one group than to another.

    ``difference`` (n,) is that of their similarity less that of all pairs, second group minus
    first, in falling order; ``low`` and ``high`` (n,) are the ends of its interval.
    """

    first: int
    second: int
    items: Integers
    difference: Floats
    low: Floats
    high: Floats


def view_groups(
    model: Posterior,
    group_of: Mapping[str, str],
    *,
    most: int = 8,
    interval: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> GroupViews:
    """Describe groups of people: the weights of their average person, and pairs that they part.

    Without a test: :func:`compare_groups` has that. Of a posterior that was fitted with these
    groups, intervals are those of the groups' centres; of others, the people are resampled.

    Parameters
    ----------
    model
        A posterior with weights of the dimensions.
    group_of
        Group of each of its participants.
    most
        Pairs of objects for each direction of a difference.
    interval
        Share of the resamples inside the intervals.
    resamples
        Number of resamples.
    seed
        Of the resamples.
    """
    weights, views = model.weights, Views(model)
    assert weights is not None
    groups = Groups.assign(group_of, model.participants, absent=True)
    rng = np.random.default_rng(seed)
    centres = _own_centres(model, groups)
    if centres is None:
        log = weights.unshrunk()
        draws = list(resampled_logs(log, len(weights.log), groups, resamples, rng))
        places = range(len(groups.known))
        mean = np.stack([log[groups.of == place].mean(axis=0) for place in places])
    else:
        which = rng.integers(0, len(centres), resamples).tolist()
        draws, mean = [(draw, centres[draw]) for draw in which], centres.mean(axis=0)
    low, high = central_interval(np.stack([logs for _, logs in draws]), interval)
    couples = list(combinations(range(len(groups.known)), 2))
    whole = [views.similarity(log) for log in mean]
    tops = [_most_different(whole[two] - whole[one], most) for one, two in couples]
    drawn: list[list[Floats]] = [[] for _ in couples]
    for draw, logs in draws:
        seen = [views.similarity(log, model.embedding[draw]) for log in logs]
        for (one, two), top, found in zip(couples, tops, drawn, strict=True):
            found.append(seen[two][top] - seen[one][top])
    apart = []
    for (one, two), top, found in zip(couples, tops, drawn, strict=True):
        items = np.stack([side[top] for side in views.pairs], axis=1)
        ends = central_interval(np.stack(found), interval)
        apart.append(PairsApart(one, two, items, (whole[two] - whole[one])[top], *ends))
    return GroupViews(groups.known, groups.of, centres is None, mean, low, high, tuple(apart))


def _own_centres(model: Posterior, groups: Groups) -> Floats | None:
    """Draws of the centres of the groups, (S, G, D), if the posterior was fitted with them."""
    if "group_log_weight" not in model.tree["posterior"] or model.group_of != dict(
        zip(model.participants, (groups.names[k] for k in groups.of), strict=True)
    ):
        return None
    assert model.weights is not None
    names = list(map(str, model.tree["posterior"].dataset["group"].values))
    return model.weights.centre[:, [names.index(name) for name in groups.known]].astype(np.float64)


def _most_different(difference: Floats, most: int) -> Integers:
    """Places of the largest positive differences, and of the largest negative ones, falling."""
    order = np.argsort(-difference, kind="stable")
    most = min(most, len(order) // 2)
    return np.concatenate([order[:most], order[len(order) - most :]])
