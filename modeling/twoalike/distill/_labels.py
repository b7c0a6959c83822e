"""Labelled triplets at scale: a teacher's choice probabilities, in a folder of Parquet shards.

``labels.json`` lists what is to be there (``triplets``, ``shards``) and where it comes from. A
shard ``shard-00012.parquet`` is whole or absent and has one row a triplet:

=========  ============================  =====================================================
column     type                          content
=========  ============================  =====================================================
item_1..3  string, dictionary-encoded    image ids, in an order without meaning
p_1..3     float32                       probability that item 1, 2, 3 is called the odd one
=========  ============================  =====================================================

The key ``twoalike`` of its metadata holds ``labels.json`` and the shard's own number, so that a
shard alone still documents itself.

A shard's triplets are among a pool of images, so that one similarity matrix of the pool gives
all their labels: rows gathered a triplet would be read from memory three times each. Pools are
the batches of a :class:`BatchStream`: all images once before any comes again. What a shard holds
follows from the settings and its number alone; so a run that was stopped goes on, and several
processes share one folder.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from twoalike.distill._clusters import cached_clusters, features_digest
from twoalike.distill._sampling import BatchStream, Rule, TripletStream
from twoalike.features import FeatureTable, read_features
from twoalike.study import (
    PROVENANCE,
    Integers,
    Strict,
    TwoalikeError,
    atomic_path,
    claim_parts,
    load_parquet,
    part_of,
    plain_words,
    progress,
    provenance,
    whole_parts,
    write_json,
)
from twoalike.teacher import AffineTeacher, load_teacher, matrix_probabilities

if TYPE_CHECKING:
    from twoalike.embedding import Posterior


PLAN = "labels.json"
ITEMS, CHANCES = ("item_1", "item_2", "item_3"), ("p_1", "p_2", "p_3")
UNEVEN = 1e-3
"""Largest difference from one of the sum of a row's probabilities."""


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Triplets of images with their choice probabilities.

    Attributes
    ----------
    ids
        Image ids, in the order in which they first appear.
    triplets
        Indices into the ids, shape (n, 3).
    probabilities
        That item 1, 2, 3 is called the odd one, shape (n, 3); rows sum to one.
    meta
        Content of labels.json.
    """

    ids: tuple[str, ...]
    triplets: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float32]
    meta: Mapping[str, Any] = field(default_factory=dict)


def shard_path(folder: Path, number: int) -> Path:
    """File of one shard."""
    return folder / f"shard-{number:05d}.parquet"


def write_shard(
    folder: Path,
    number: int,
    ids: Sequence[str],
    triplets: Integers,
    probabilities: npt.NDArray[np.float32],
    plan: Mapping[str, Any],
) -> None:
    """Write one shard, all or nothing; the same content gives the same bytes.

    ``triplets`` (n, 3) are indices into the image ids, ``plan`` is the content of labels.json.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pa.array(list(ids), pa.string())
    columns: dict[str, Any] = {}
    for place, item in enumerate(ITEMS):
        codes = pa.array(triplets[:, place], pa.int32())
        columns[item] = pa.DictionaryArray.from_arrays(codes, names)
    for place, chance in enumerate(CHANCES):
        columns[chance] = pa.array(probabilities[:, place], pa.float32())
    origin = json.dumps({**plan, "shard": number})
    content = pa.table(columns).replace_schema_metadata({PROVENANCE: origin})
    with atomic_path(shard_path(folder, number)) as temporary:
        pq.write_table(content, temporary, compression="zstd")


def read_labels(folder: str | Path) -> LabelTable:
    """Read a whole folder of labels.

    Raises
    ------
    TwoalikeError
        If the folder, a shard or a column is missing, or rows are not labelled triplets.
    """
    paths, plan = whole_parts(Path(folder), PLAN, "labels", shard_path)
    places: dict[str, int] = {}
    parts = [_read_shard(path, places) for path in paths]
    return LabelTable(
        tuple(places),
        np.concatenate([triplets for triplets, _ in parts]),
        np.concatenate([chances for _, chances in parts]),
        plan,
    )


def _read_shard(
    path: Path, places: dict[str, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Triplets and probabilities of a shard; ids not met before get a place of their own."""
    import pyarrow as pa

    content = load_parquet(
        path,
        "labelled triplets (parquet)",
        dictionaries=ITEMS,
        remedy="Remove it and give the command that made it again.",
    )
    absent = [name for name in (*ITEMS, *CHANCES) if name not in content.column_names]
    if absent:
        raise TwoalikeError(where=path, expected=f"a column {absent[0]}", found="none of that name")
    of = pa.types
    for names, fits, expected in (
        (ITEMS, (of.is_dictionary, of.is_integer), "image ids"),
        (CHANCES, (of.is_floating, of.is_integer), "probabilities"),
    ):
        for name in names:
            if not any(fit(content[name].type) for fit in fits):
                raise TwoalikeError(
                    where=path,
                    expected=f"{expected} in column {name}",
                    found=content[name].type,
                    remedy="Make the labels again.",
                )
    gaps = [name for name in (*ITEMS, *CHANCES) if content[name].null_count]
    if gaps:
        raise TwoalikeError(f"column {gaps[0]} has missing values; labels have none", where=path)
    triplets = np.empty((len(content), 3), np.int32)
    for place, item in enumerate(ITEMS):
        codes = content[item].combine_chunks()
        codes = codes if isinstance(codes, pa.DictionaryArray) else codes.dictionary_encode()
        names = codes.dictionary.to_pylist()
        own = np.array([places.setdefault(str(name), len(places)) for name in names], np.int32)
        triplets[:, place] = own[codes.indices.to_numpy()]
    chances = np.stack([content[name].to_numpy() for name in CHANCES], axis=1).astype(np.float32)
    _check(path, triplets, chances)
    return triplets, chances


def _check(path: Path, triplets: npt.NDArray[np.int32], chances: npt.NDArray[np.float32]) -> None:
    """Refuse rows that are no labelled triplets, naming the first."""
    first, second, third = triplets.T
    same = (first == second) | (first == third) | (second == third)
    fair = (chances >= 0).all(axis=1) & (np.abs(chances.sum(axis=1) - 1) <= UNEVEN)
    for wrong, what in (
        (same, "three different images"),
        (~fair, f"probabilities from 0 that add up to 1 (within {UNEVEN})"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            found = "an image twice" if what.startswith("three") else chances[row].tolist()
            raise TwoalikeError(
                where=f"{path}: row {row + 1}",
                expected=what,
                found=found,
                remedy=f"{int(wrong.sum())} such rows in all; make the labels again.",
            )


CLUSTERS = "clusters.parquet"
Labeller = Callable[[Integers, Integers], npt.NDArray[np.float32]]
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

    def label(pool: Integers, triplets: Integers) -> npt.NDArray[np.float32]:
        ids = tuple(features.ids[row] for row in pool)
        positions = teacher.embed(FeatureTable(ids, features.values[pool], features.meta))
        return matrix_probabilities(positions @ positions.T, triplets, teacher.temperature)

    return label


def write_labels(
    out: str | Path,
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
        If ``out`` holds anything else, or there are too few images for the rule.
    """
    out, config = Path(out), config or LabelConfig()
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
    clusters: Integers, config: LabelConfig, number: int
) -> tuple[Integers, Integers]:
    """Find a shard's images and triplets: indices into the images, and into those, shape (n, 3)."""
    pool = _pool(len(clusters), config, number)
    stream = TripletStream(clusters[pool], config.rule, [config.seed, number])
    start = number * config.shard
    return pool, stream.triplets(0, min(config.shard, config.triplets - start))


def _pool(images: int, config: LabelConfig, number: int) -> Integers:
    """Choose the images that a shard's triplets are of: their indices."""
    if config.pool >= images:
        return np.arange(images)
    return np.sort(BatchStream(images, config.pool, config.seed).indices(number))


def _check_pools(clusters: Integers, config: LabelConfig) -> None:
    """Check every shard's pool before the first is labelled."""
    TripletStream(clusters, config.rule, config.seed)
    if config.rule == "uniform" or config.pool >= len(clusters):
        return
    for number in range(config.shards):
        try:
            TripletStream(clusters[_pool(len(clusters), config, number)], config.rule, config.seed)
        except TwoalikeError as error:
            raise TwoalikeError(
                error,
                where=f"among the {config.pool} images of shard {number}",
                remedy="Or take a larger pool.",
            ) from error


@dataclass(frozen=True)
class LabelledImages:
    """A folder of labels, as far as it is made."""

    folder: Path
    config: LabelConfig
    images: int  # from which triplets are sampled
    shards: int  # of the whole folder
    made: int  # that are there


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
    part: str | None = None,
    seed: int = 0,
) -> LabelledImages:
    """Sample triplets of images, and write their choice probabilities to a folder of shards.

    A posterior labels the images that people judged, without lapses: a network should learn what
    people see, not that they guess. A run that was stopped continues when it is started again.

    Parameters
    ----------
    source
        A posterior or a teacher that maps features, or the file or folder of either.
    features
        A network's features of the images, or their file.
    out
        Folder to make, or to continue.
    objects
        File with object ids, one a line, of a file of features that holds none.
    sample
        ``cluster-boundary``: two images of one cluster of features and one of another; ``within``:
        three of one; ``between``: three of three; ``uniform``: any three.
    number, clusters, pool, seed
        Triplets in all, clusters to ask for, images among which the triplets of a shard are
        sampled, and the seed of all three; None: the default of :class:`LabelConfig`.
    part
        Make a part of the shards only: ``2/8`` is the second of eight.

    Raises
    ------
    TwoalikeError
        If a setting does not fit, the folder holds something else, or the teacher maps other
        features.
    """
    settings = {"rule": sample, "triplets": number, "clusters": clusters, "pool": pool}
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        config = LabelConfig.model_validate(given | {"seed": seed})
    except ValidationError as error:
        first = error.errors()[0]
        name = {"rule": "sample", "triplets": "number"}.get(str(first["loc"][0]), first["loc"][0])
        raise TwoalikeError(plain_words(first), where=f"`{name}=...`") from error
    rank, world = part_of(part)
    inputs = {"features": Path(features)} if isinstance(features, str | Path) else {}
    if isinstance(features, str | Path):
        features = read_features(Path(features), None if objects is None else Path(objects))
    table, label, origin = _labeller(source, features)
    folder = Path(out)
    plan = write_labels(
        folder, table, label, config, inputs=origin | inputs, rank=rank, world=world
    )
    made = len(list(folder.glob("shard-*.parquet")))
    return LabelledImages(folder, config, plan["images"], plan["shards"], made)


def _labeller(
    source: "str | Path | Posterior | AffineTeacher", table: FeatureTable
) -> tuple[FeatureTable, Labeller, dict[str, Path]]:
    """Images, what labels them, and the file that it comes from."""
    from twoalike.embedding import as_posterior

    if isinstance(source, str | Path) and Path(source).is_dir():
        teacher = load_teacher(source)
        origin = {"teacher": Path(source) / "teacher.json"}
        return table, teacher_labeller(teacher, table), origin
    if isinstance(source, AffineTeacher):
        return table, teacher_labeller(source, table), {}
    posterior = as_posterior(source)
    judged = FeatureTable(posterior.ids, table.select(posterior.ids), table.meta)

    def label(pool: Any, triplets: Any) -> Any:
        return posterior.choice_probabilities(pool[triplets]).astype(np.float32)

    return judged, label, {} if posterior.path is None else {"posterior": posterior.path}
