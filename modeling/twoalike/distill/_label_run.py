"""Pseudo-labels at scale: a teacher's choice probabilities for numbered triplets, in shards.

A shard's triplets are among a pool of images, so that one similarity matrix of the pool gives
all their labels: rows gathered a triplet would be read from memory three times each. Pools are
the batches of a :class:`BatchStream`: all images once before any comes again. What a shard holds
follows from the settings and its number alone; so a run that was stopped goes on, and several
processes share one folder.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from twoalike.distill._clusters import cached_clusters, features_digest
from twoalike.distill._label_file import PLAN, shard_path, write_shard
from twoalike.distill._sampling import Rule, TripletStream
from twoalike.distill._stream import BatchStream
from twoalike.features import FeatureTable
from twoalike.study import (
    Strict,
    TwoalikeError,
    claim_parts,
    progress,
    provenance,
    write_json,
)
from twoalike.teacher import AffineTeacher, matrix_probabilities

CLUSTERS = "clusters.parquet"
Indices = npt.NDArray[np.integer]
Labeller = Callable[[Indices, Indices], npt.NDArray[np.float32]]
"""From the indices of a pool's images, and triplets among the pool, to probabilities."""


class LabelConfig(Strict):
    """Which triplets are labelled; kept with the labels."""

    seed: int = Field(default=0, ge=0, description="of clusters, pools and triplets")
    triplets: int = Field(default=1_000_000, ge=1, description="how many in all")
    rule: Rule = Field(
        default="cluster-boundary",
        description="two images of one cluster and one of another; within: three of one; "
        "between: three of three; uniform: any three",
    )
    clusters: int | None = Field(
        default=None, description="how many to ask for; none: the root of half the images, 3-500"
    )
    shard: int = Field(default=100_000, ge=1, description="triplets a file")
    pool: int = Field(
        default=1024,
        ge=3,
        description="images a file; fewer are faster, and leave less of small clusters together",
    )

    @property
    def shards(self) -> int:
        """Number of files."""
        return -(-self.triplets // self.shard)


def teacher_labeller(teacher: AffineTeacher, features: FeatureTable) -> Labeller:
    """Labels of a teacher, from one similarity matrix a pool.

    Raises
    ------
    TwoalikeError
        If the features are not those that the teacher maps.
    """
    teacher.check(features)

    def label(pool: Indices, triplets: Indices) -> npt.NDArray[np.float32]:
        ids = tuple(features.ids[row] for row in pool)
        positions = teacher.embed(FeatureTable(ids, features.values[pool], features.meta))
        return matrix_probabilities(positions @ positions.T, triplets, teacher.temperature)

    return label


def write_labels(
    out: Path,
    features: FeatureTable,
    label: Labeller,
    config: LabelConfig | None = None,
    *,
    inputs: Mapping[str, Path] | None = None,
    rank: int = 0,
    world: int = 1,
) -> dict[str, Any]:
    """Label triplets of an image collection and write them to a folder of shards.

    Shards that are there stay, so that the same call goes on with a run that was stopped.

    Parameters
    ----------
    out
        Folder to make, or to go on with.
    features
        Of the images; clusters are found among them.
    label
        Such as :func:`teacher_labeller`.
    config
        Settings.
    inputs
        Files that ``label`` comes from, by role: their hashes are kept with the labels.
    rank, world
        Which of how many processes this is: each makes every ``world``-th shard.

    Returns
    -------
    The content of labels.json.

    Raises
    ------
    TwoalikeError
        If ``out`` holds anything else, or the images do not do for the rule.
    """
    config = config or LabelConfig()
    plan = provenance("labels", seed=config.seed, inputs=inputs, config=config.model_dump())
    plan |= {
        "images": len(features.ids),
        "features_sha256": features_digest(features),
        "triplets": config.triplets,
        "shards": config.shards,
    }
    claim_parts(out, plan, PLAN, beside=(CLUSTERS,))
    clusters = np.zeros(len(features.ids), np.int32)
    if config.rule != "uniform":
        found = cached_clusters(out / CLUSTERS, features, config.clusters, seed=config.seed)
        clusters = found.labels
    _check_pools(clusters, config)
    if not (out / PLAN).is_file():
        write_json(out / PLAN, plan)
    due = [n for n in range(rank, config.shards, world) if not shard_path(out, n).is_file()]
    with progress() as bar:
        task = bar.add_task("labels", total=len(due), status="")
        for number in due:
            pool, triplets = shard_triplets(clusters, config, number)
            ids = [features.ids[row] for row in pool]
            write_shard(out, number, ids, triplets, label(pool, triplets), plan)
            bar.update(task, advance=1)
    return plan


def shard_triplets(
    clusters: npt.NDArray[np.integer], config: LabelConfig, number: int
) -> tuple[Indices, Indices]:
    """Find a shard's images and triplets: indices into the images, and into those, shape (n, 3).

    Raises
    ------
    TwoalikeError
        If the shard's pool of images does not do for the rule.
    """
    pool = _pool(len(clusters), config, number)
    stream = TripletStream(clusters[pool], config.rule, [config.seed, number])
    start = number * config.shard
    return pool, stream.triplets(0, min(config.shard, config.triplets - start))


def _pool(images: int, config: LabelConfig, number: int) -> Indices:
    """Choose the images that a shard's triplets are of: their indices."""
    if config.pool >= images:
        return np.arange(images)
    return np.sort(BatchStream(images, config.pool, config.seed).indices(number))


def _check_pools(clusters: npt.NDArray[np.integer], config: LabelConfig) -> None:
    """Refuse now what a rule would be refused for in the last of many shards."""
    TripletStream(clusters, config.rule, config.seed)
    if config.rule == "uniform" or config.pool >= len(clusters):
        return
    for number in range(config.shards):
        try:
            TripletStream(clusters[_pool(len(clusters), config, number)], config.rule, config.seed)
        except TwoalikeError as error:
            raise TwoalikeError(
                f"among the {config.pool} images of shard {number}: {error} Or take a larger pool."
            ) from error
