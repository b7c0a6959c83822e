"""Triplets of a collection, sampled by a rule about clusters of images, and labelled.

================  ==============================================  ======================
rule              triplets                                        of AligNet's data
================  ==============================================  ======================
uniform           any three images
cluster-boundary  two images of one cluster, one of another       ``cluster_border``
within            three images of one cluster                     ``within_class``
between           three images of three clusters                  ``between_class``
================  ==============================================  ======================

The method is that of doi:10.1038/s41586-025-09631-6. A collection is dealt into pools of a few
hundred images, each made of parts of several clusters; every image of a pool comes first in equally
many triplets, and the others are drawn from the pool. So one similarity matrix of a pool gives the
labels of all its triplets. A triplet follows from the settings and its number alone: a stopped run
is continued exactly, and several processes can fill one folder.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.distill._labels import PLAN, shard_path, write_shard
from twoalike.features import ROWS, FeatureTable, as_features
from twoalike.judgments import packed_codes
from twoalike.study import (
    Integers,
    TwoalikeError,
    atomic_path,
    claim_parts,
    load_parquet,
    part_of,
    progress,
    provenance,
    write_json,
)
from twoalike.teacher import AffineTeacher, likeness_of, load_teacher, matrix_probabilities

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

type Rule = Literal["uniform", "cluster-boundary", "within", "between"]
RULES: tuple[Rule, ...] = get_args(Rule.__value__)
LEAST: dict[Rule, int] = {"uniform": 3, "within": 3, "cluster-boundary": 2, "between": 1}
"""Images, the first of a triplet included, that its part of a cluster needs to have."""
PARTS: dict[Rule, int] = {"uniform": 1, "within": 1, "cluster-boundary": 8, "between": 8}
"""Parts of a pool: one if all three images are of one cluster."""
POOL, MOST_USES, TRIES = 192, 4, 20
"""Images of a pool, about; how often one comes first while its pool is used, at most; draws of an
image of another cluster from the pool before the whole collection is drawn from."""
SAMPLE = 5
"""Purpose of randomness, beside those of training."""
CLUSTERS = "clusters.parquet"
SAMPLED = 256
"""Images a cluster from which centres are found, as in Faiss (arXiv:1702.08734)."""


class TripletStream:
    """Numbered triplets of n images by a rule about their clusters, any integers, shape (n,).

    Images of clusters that are too small for the rule never come first. The three are put into
    random order: the position of an image carries no information. Of about ``number`` triplets,
    those of ``pool`` images are sampled together.
    """

    def __init__(
        self, clusters: Integers, rule: Rule, number: int, pool: int = POOL, seed: int = 0
    ) -> None:
        self.rule, self.pool, self.seed, least = rule, pool, seed, LEAST[rule]
        # With all images in one cluster, three images of one cluster are any three.
        groups = np.zeros(len(clusters), np.int64) if rule == "uniform" else clusters
        _, self._cluster, self._size = np.unique(groups, return_inverse=True, return_counts=True)
        n, sizes = len(groups), self._size
        for expected, wrong, found in (
            ("at least 3 images", n < 3, n),
            (
                "at least 3 clusters with images",
                rule != "uniform" and len(sizes) < 3,
                len(sizes),
            ),
            (f"a cluster of at least {least} images", sizes.max() < least, sizes.max()),
        ):
            if wrong:
                raise TwoalikeError(
                    where=f"triplets by the rule {rule}",
                    expected=expected,
                    found=found,
                    remedy="Give more images, or choose another rule or number of clusters.",
                )
        self._sorted = np.argsort(self._cluster, kind="stable")
        self._begin = np.cumsum(sizes) - sizes
        # Clusters are cut into equal parts of about this number of images.
        a_part = max(pool // PARTS[rule], least)
        n_parts = np.maximum(np.rint(sizes / a_part).astype(np.int64), 1)
        # Of each image in the order of the clusters: its place in its own, and its part.
        place = np.arange(n) - np.repeat(self._begin, sizes)
        part = place * np.repeat(n_parts, sizes) // np.repeat(sizes, sizes)
        self._part = part + np.repeat(np.cumsum(n_parts) - n_parts, sizes)
        self._part_size = np.bincount(self._part)
        usable = int(self._part_size[self._part_size >= least].sum())
        self._uses = min(-(-number // usable), MOST_USES)
        self._a_round = self._uses * usable
        self._pools = lru_cache(maxsize=1)(self._deal)

    def blocks(self, start: int, stop: int) -> Iterator[npt.NDArray[np.int64]]:
        """Triplets number ``start`` to ``stop`` (not included), those of one pool together.

        Each block has image indices, shape (k, 3).
        """
        while start < stop:
            number, place = divmod(start, self._a_round)
            pools, ends = self._pools(number)
            pool = int(np.searchsorted(ends, place, side="right"))
            first = int(ends[pool - 1]) if pool else 0
            last = min(int(ends[pool]), place + stop - start)
            yield self._of_pool(number, pool, *pools[pool])[place - first : last - first]
            start += last - place

    def _rng(self, *numbers: int) -> np.random.Generator:
        rule = RULES.index(self.rule)
        return np.random.default_rng([self.seed, SAMPLE, rule, *numbers])

    def _deal(self, number: int) -> tuple[list[tuple[Integers, Integers]], Integers]:
        """Deal all images into pools of whole parts.

        Of each pool the images and their parts; and the triplets of all pools up to each.
        """
        rng, n = self._rng(number), len(self._cluster)
        mixed = rng.permutation(n)
        images = mixed[np.argsort(self._cluster[mixed], kind="stable")]
        order = rng.permutation(len(self._part_size))
        sizes = self._part_size[order]
        pool_of = (np.cumsum(sizes) - sizes) // self.pool
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        dealt = np.argsort(rank[self._part], kind="stable")
        cuts = np.flatnonzero(np.diff(np.repeat(pool_of, sizes))) + 1
        own: list[Integers] = np.split(images[dealt], cuts)
        parts: list[Integers] = np.split(self._part[dealt], cuts)
        pools = list(zip(own, parts, strict=True))
        usable = np.where(sizes >= LEAST[self.rule], sizes, 0)
        _, which = np.unique(pool_of, return_inverse=True)
        ends: Integers = np.cumsum(self._uses * np.bincount(which, usable).astype(np.int64))
        return pools, ends

    def _of_pool(
        self, number: int, pool: int, images: Integers, part: Integers
    ) -> npt.NDArray[np.int64]:
        rng = self._rng(number, pool)
        starts = np.flatnonzero(np.diff(part, prepend=-1))
        sizes = np.diff(starts, append=len(part))
        begin, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
        first = np.flatnonzero(size >= LEAST[self.rule])
        first = rng.permuted(np.tile(first, self._uses))
        begin, size, n = begin[first], size[first], len(first)
        chosen = np.empty((n, 3), np.int64)
        chosen[:, 0] = images[first]
        if self.rule == "between":
            chosen[:, 1] = self._others(rng, images, chosen[:, :1])
        else:
            second = 1 + rng.integers(size - 1)
            chosen[:, 1] = images[begin + (first - begin + second) % size]
        if LEAST[self.rule] == 3:
            third = 1 + rng.integers(size - 2)
            third += third >= second
            chosen[:, 2] = images[begin + (first - begin + third) % size]
        else:
            chosen[:, 2] = self._others(rng, images, chosen[:, :2])
        return rng.permuted(chosen, axis=1)

    def _others(
        self, rng: np.random.Generator, pool: Integers, known: Integers
    ) -> npt.NDArray[np.int64]:
        """Draw images of other clusters than those known, (n, k): from the pool, if it has some."""
        taken = np.sort(self._cluster[known], axis=1)
        chosen = np.empty(len(known), np.int64)
        rows = np.arange(len(known))
        for _ in range(TRIES):
            chosen[rows] = pool[rng.integers(len(pool), size=len(rows))]
            rows = rows[(self._cluster[chosen[rows], None] == taken[rows]).any(axis=1)]
        # Images are sorted by cluster: the cluster that begins first is skipped first.
        distinct = np.diff(taken[rows], axis=1, prepend=-1) > 0
        skipped = np.where(distinct, self._size[taken[rows]], 0)
        place = rng.integers(len(self._sorted) - skipped.sum(axis=1))
        for column in range(taken.shape[1]):
            after = place >= self._begin[taken[rows, column]]
            place += np.where(after, skipped[:, column], 0)
        chosen[rows] = self._sorted[place]
        return chosen


def find_clusters(features: FeatureTable, k: int | None = None, *, seed: int = 0) -> Integers:
    """Cluster n images by their features (scikit-learn's MiniBatchKMeans), shape (n,).

    ``k`` is the number of clusters, from 3 to n; None: the root of half the images, from 3 to 500
    (AligNet has 500 for 1.28 million images). All images are assigned block by block.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    n, values = len(features.ids), features.values
    asked = min(max(round(np.sqrt(n / 2)), 3), 500) if k is None else k
    if not 3 <= asked <= n:
        raise TwoalikeError(
            where="clusters", expected=f"at least 3, at most one per image, {n}", found=asked
        )
    search = MiniBatchKMeans(asked, batch_size=4096, n_init=3, random_state=seed)
    drawn = np.sort(np.random.default_rng([seed, SAMPLE]).permutation(n)[: SAMPLED * asked])
    # One thread: the clusters are then bit-identical for any number of cores, and on a busy
    # machine threads that wait for one another took seventeen times as long.
    with threadpool_limits(1), progress() as bar:
        task = bar.add_task("clusters", total=n, status="")
        search.fit(values[drawn])
        labels = np.empty(n, np.int32)
        for start in range(0, n, ROWS):
            labels[start : start + ROWS] = search.predict(values[start : start + ROWS])
            bar.update(task, completed=min(start + ROWS, n))
    if len(np.unique(labels)) < 3:
        raise TwoalikeError(
            where=f"clusters of {n} images",
            expected="at least 3",
            found=f"{len(np.unique(labels))}; the features hardly differ",
            remedy="Check that the features belong to these images.",
        )
    return labels


@dataclass(frozen=True)
class LabelledImages:
    """A folder of labels, and how much of it exists."""

    folder: Path
    rule: Rule
    triplets: int  # of the complete folder
    images: int  # from which triplets are sampled
    shards: int  # of the complete folder
    made: int  # shards that exist


def label_images(
    source: "str | Path | Posterior | AffineTeacher",
    features: FeatureTable | str | Path,
    out: str | Path,
    *,
    objects: str | Path | None = None,
    sample: Literal["cluster-boundary", "within", "between", "uniform"] = "cluster-boundary",
    number: int | None = None,
    clusters: int | None = None,
    pool: int | None = None,
    shard: int = 100_000,
    part: str | None = None,
    seed: int = 0,
) -> LabelledImages:
    """Sample triplets of images, and write their choice probabilities to a folder of shards.

    A posterior labels the judged images, without lapses: a network should learn people's
    perception, not their guesses. A stopped run is continued by the same call.

    Parameters
    ----------
    source
        A posterior, or a teacher that maps features; or the file or folder of either.
    features
        A network's features of the images, or their file.
    out
        Folder to make.
    objects
        File of object ids, one per line, if the file of features has none.
    sample
        ``cluster-boundary``: two images of one cluster of features and one of another; ``within``:
        three of one cluster; ``between``: of three clusters; ``uniform``: any three images.
    number, clusters, pool, shard, seed
        Number of triplets (None: a million); number of clusters (None: the root of half the images,
        from 3 to 500); images whose triplets are sampled together (None: 192; more of them meet
        more images, but take longer); triplets per file; and the seed.
    part
        Make only a part of the shards: ``2/8`` is the second of eight.
    """
    number, pool = 1_000_000 if number is None else number, POOL if pool is None else pool
    least = {"number": (number, 1), "pool": (pool, 3), "shard": (shard, 1), "seed": (seed, 0)}
    for name, (value, fewest) in least.items():
        if value < fewest:
            raise TwoalikeError(where=f"`{name}=...`", expected=f"at least {fewest}", found=value)
    if sample not in RULES:
        raise TwoalikeError(where="`sample=...`", expected=" or ".join(RULES), found=repr(sample))
    settings = {"seed": seed, "triplets": number, "rule": sample, "clusters": clusters}
    settings |= {"shard": shard, "pool": pool}
    rank, world = part_of(part)
    # A folder of features is known by its checksums; reading it once more would take minutes.
    named = isinstance(features, str | Path) and Path(features).is_file()
    inputs = {"features": Path(cast("str | Path", features))} if named else {}
    table, label, origin, likeness = _labeller(source, as_features(features, objects))
    plan = provenance("labels", seed=seed, inputs={**origin, **inputs}, config=settings) | {
        "images": len(table.ids),
        "features_sha256": table.digest,
        "triplets": number,
        "shards": -(-number // shard),
        **likeness,
    }
    folder, shards = Path(out), plan["shards"]
    claim_parts(folder, plan, PLAN, beside=(CLUSTERS,))
    stream = TripletStream(
        np.zeros(len(table.ids), np.int32)
        if sample == "uniform"
        else _clusters(folder / CLUSTERS, table, clusters, seed),
        *(sample, number, pool, seed),
    )
    if not (folder / PLAN).is_file():
        write_json(folder / PLAN, plan)
    due = [n for n in range(rank, shards, world) if not shard_path(folder, n).is_file()]
    with progress() as bar:
        task = bar.add_task("labels", total=len(due), status="")
        for shard_number in due:
            start = shard_number * shard
            blocks = list(stream.blocks(start, min(start + shard, number)))
            chances = np.concatenate([label(triplets) for triplets in blocks]).astype(np.float32)
            images, places = np.unique(np.concatenate(blocks), return_inverse=True)
            names = [table.ids[int(row)] for row in images]
            write_shard(folder, shard_number, names, places.reshape(-1, 3), chances, plan)
            bar.update(task, advance=1)
    made = len(list(folder.glob("shard-*.parquet")))
    return LabelledImages(folder, sample, number, plan["images"], shards, made)


def _clusters(path: Path, features: FeatureTable, k: int | None, seed: int) -> Integers:
    """Clusters of a folder of labels, whose plan says that they are of these features."""
    if path.is_file():
        remedy = "Remove it; it will be made again."
        table = load_parquet(path, "clusters of images (parquet)", remedy=remedy)
        return np.asarray(table["cluster"].to_numpy())
    found = find_clusters(features, k, seed=seed)
    with atomic_path(path) as temporary:
        pd.DataFrame({"image": list(features.ids), "cluster": found}).to_parquet(temporary)
    return found


def _labeller(
    source: "str | Path | Posterior | AffineTeacher", table: FeatureTable
) -> tuple[FeatureTable, Callable[[Integers], Any], dict[str, Path], Mapping[str, str]]:
    """Give the images that a source knows, what labels triplets of them, its file, and whose."""
    from twoalike.embedding import as_posterior

    origin: dict[str, Path] = {}
    if isinstance(source, str | Path) and Path(source).is_dir():
        origin["teacher"] = Path(source) / "teacher.json"
        source = load_teacher(source)
    if isinstance(source, AffineTeacher):
        teacher = source
        teacher.check(table)

        def by_teacher(triplets: Integers) -> npt.NDArray[np.float32]:
            images, places = table.shown(triplets)
            x = teacher.embed(images)
            return matrix_probabilities(x @ x.T, places, teacher.temperature)

        return table, by_teacher, origin, likeness_of(teacher.description)
    posterior = as_posterior(source)
    judged = FeatureTable(posterior.ids, table.select(posterior.ids), table.meta)
    if posterior.path is not None:
        origin["posterior"] = posterior.path
    seen = {} if posterior.judged is None else {"judged": packed_codes(posterior.judged)}
    return judged, posterior.choice_probabilities, origin, likeness_of(posterior.likeness | seen)
