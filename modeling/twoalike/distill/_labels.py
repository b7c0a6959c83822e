"""Labelled triplets at scale: a teacher's choice probabilities, in a folder of Parquet shards.

``labels.json`` gives the planned content (``triplets``, ``shards``) and its provenance. A shard
``shard-00012.parquet`` is complete or absent and has one row per triplet:

=========  ============================  =====================================================
column     type                          content
=========  ============================  =====================================================
item_1..3  string, dictionary-encoded    image ids, in an order without meaning
p_1..3     float32                       probability that item 1, 2, 3 is called the odd one
=========  ============================  =====================================================

The key ``twoalike`` of its metadata holds ``labels.json`` and the shard's number, so that a shard
is self-describing.

Triplets are those of a :class:`TripletStream`, which uses the whole collection pool by pool, so
that one similarity matrix of a pool's few images gives the labels of all its triplets; gathering
rows for each triplet would read each row many times. A shard depends on the settings and its number
alone, so a stopped run can be continued and several processes can fill one folder.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, ValidationError

from twoalike.distill._clusters import cached_clusters, features_digest
from twoalike.distill._diversity import Diversity, count_diversity
from twoalike.distill._rounds import Rule
from twoalike.distill._triplets import POOL, TripletStream
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import packed_codes
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
    read_json,
    whole_parts,
    write_json,
)
from twoalike.teacher import AffineTeacher, load_teacher, position_probabilities

if TYPE_CHECKING:
    from twoalike.embedding import Posterior


PLAN = "labels.json"
ITEMS, CHANCES = ("item_1", "item_2", "item_3"), ("p_1", "p_2", "p_3")
UNEVEN = 1e-3
"""Largest allowed difference between 1 and the sum of a row's probabilities."""


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
        Probability that item 1, 2, 3 is called the odd one, shape (n, 3); rows sum to one.
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
        # Without checksums, a number that a disk has changed is read like any other.
        pq.write_table(content, temporary, compression="zstd", write_page_checksum=True)


def read_labels(folder: str | Path) -> LabelTable:
    """Read a whole folder of labels."""
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
    """Triplets and probabilities of a shard; new ids are added to the index."""
    import pyarrow as pa

    content = load_parquet(
        path,
        "labelled triplets (parquet)",
        dictionaries=ITEMS,
        remedy="Remove it and repeat the command that made it.",
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
    """Refuse rows that are not labelled triplets, naming the first."""
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
"""Maps the indices of some images, and triplets of these (indices into the former), to
probabilities."""


class LabelConfig(Strict):
    """Which triplets are labelled; saved with the labels."""

    seed: int = Field(default=0, ge=0, description="seed of clusters and triplets")
    triplets: int = Field(default=1_000_000, ge=1, description="total number")
    rule: Rule = Field(
        default="cluster-boundary",
        description="two images of one cluster and one of another; within: three of one; "
        "between: three of three; uniform: any three",
    )
    clusters: int | None = Field(
        default=None, description="number; none: the root of half the images, from 3 to 500"
    )
    shard: int = Field(default=100_000, ge=1, description="triplets per file")
    pool: int = Field(
        default=POOL,
        ge=3,
        description="images whose triplets are sampled and labelled together; more of them meet "
        "more images, but take longer",
    )

    @property
    def shards(self) -> int:
        """Number of files."""
        return -(-self.triplets // self.shard)


def likeness_of(description: Mapping[str, Any]) -> dict[str, str]:
    """Say whose likeness a teacher or a posterior is, for the public; nothing if of all people.

    A group is named; a participant is not. With it goes the record of the judgments that it was
    fitted to (:func:`twoalike.judgments.packed_codes`), which holds no answers.
    """
    found = {"judged": description["judged"]} if "judged" in description else {}
    if "participant" in description:
        found["likeness"] = "one participant"
    elif "group" in description:
        found["likeness"] = f"the group {str(description['group'])!r}"
    return found


def teacher_labeller(teacher: AffineTeacher, features: FeatureTable) -> Labeller:
    """Labels of a teacher, which places each image once for all the triplets that it is given."""
    teacher.check(features)

    def label(images: Integers, triplets: Integers) -> npt.NDArray[np.float32]:
        ids = tuple(features.ids[row] for row in images)
        positions = teacher.embed(FeatureTable(ids, features.values[images], features.meta))
        return position_probabilities(positions, triplets, teacher.temperature)

    return label


def write_labels(
    out: str | Path,
    features: FeatureTable,
    label: Labeller,
    config: LabelConfig | None = None,
    *,
    inputs: Mapping[str, Path] | None = None,
    likeness: Mapping[str, str] | None = None,
    rank: int = 0,
    world: int = 1,
) -> dict[str, Any]:
    """Label triplets of an image collection and write them to a folder of shards.

    Existing shards are kept, so the same call continues a run that was stopped.

    Parameters
    ----------
    out
        Folder to make, or to continue.
    features
        Features of the images, which are also clustered.
    label
        A function such as :func:`teacher_labeller` returns.
    config
        Settings.
    inputs
        Source files of ``label`` by role; their hashes are saved with the labels.
    likeness
        Whose likeness the labels are, from :func:`likeness_of`; saved with the labels.
    rank, world
        Number of this process, and of all processes: each makes every ``world``-th shard.

    Returns
    -------
    The content of labels.json, with the number of images and pairs under ``diversity``.
    """
    out, config = Path(out), config or LabelConfig()
    plan = provenance("labels", seed=config.seed, inputs=inputs, config=config.model_dump())
    plan |= {
        "images": len(features.ids),
        "features_sha256": features_digest(features),
        "triplets": config.triplets,
        "shards": config.shards,
        **(likeness or {}),
    }
    diversity = _begun(out)
    claim_parts(out, plan | diversity, PLAN, beside=(CLUSTERS,))
    clusters = np.zeros(len(features.ids), np.int32)
    if config.rule != "uniform":
        found = cached_clusters(out / CLUSTERS, features, config.clusters, seed=config.seed)
        clusters = found.labels
    stream = TripletStream(
        clusters, config.rule, config.seed, number=config.triplets, pool=config.pool
    )
    if not diversity:
        counted = count_diversity(stream.triplets, config.triplets, clusters)
        diversity = {"diversity": asdict(counted)}
        write_json(out / PLAN, plan | diversity)
    plan |= diversity
    due = [n for n in range(rank, config.shards, world) if not shard_path(out, n).is_file()]
    with progress() as bar:
        task = bar.add_task("labels", total=len(due), status="")
        for number in due:
            _write_sampled(out, number, features.ids, stream, label, plan)
            bar.update(task, advance=1)
    return plan


def _begun(out: Path) -> dict[str, Any]:
    """Diversity of the labels that a folder is planned to hold; empty if there is no plan."""
    if not (out / PLAN).is_file():
        return {}
    before = read_json(out / PLAN, "labels")
    if "diversity" not in before:
        raise TwoalikeError(
            "holds labels that an earlier version of twoalike, or another tool, has chosen in "
            "another way. They can be read, but not continued",
            where=out,
            remedy="Choose another output.",
        )
    return {"diversity": before["diversity"]}


def _write_sampled(
    out: Path,
    number: int,
    ids: Sequence[str],
    stream: TripletStream,
    label: Labeller,
    plan: Mapping[str, Any],
) -> None:
    """Sample, label and write the triplets of a shard."""
    start = number * plan["config"]["shard"]
    stop = min(start + plan["config"]["shard"], plan["triplets"])
    triplets = stream.triplets(start, stop)
    probabilities = np.empty(triplets.shape, np.float32)
    for first, last in stream.blocks(start, stop):
        rows = slice(first - start, last - start)
        places, images = pd.factorize(triplets[rows].reshape(-1))
        probabilities[rows] = label(images, places.reshape(-1, 3))
    images, places = np.unique(triplets, return_inverse=True)
    names = [ids[int(row)] for row in images]
    write_shard(out, number, names, places.reshape(-1, 3), probabilities, plan)


@dataclass(frozen=True)
class LabelledImages:
    """A folder of labels, and how much of it exists."""

    folder: Path
    config: LabelConfig
    images: int  # from which triplets are sampled
    shards: int  # of the complete folder
    made: int  # shards that exist
    diversity: Diversity  # of the complete folder


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

    A posterior labels the judged images, without lapses: a network should learn people's
    perception, not their guesses. A stopped run is continued by the same call.

    Parameters
    ----------
    source
        A posterior, or a teacher that maps features; or the file or folder of either.
    features
        A network's features of the images, or their file.
    out
        Folder to make, or to continue.
    objects
        File of object ids, one per line, if the file of features has none.
    sample
        ``cluster-boundary``: two images of one cluster of features and one of another; ``within``:
        three of one cluster; ``between``: of three clusters; ``uniform``: any three images.
    number, clusters, pool, seed
        Number of triplets, number of clusters, images whose triplets are sampled together, and the
        seed; None: the default of :class:`LabelConfig`.
    part
        Make only a part of the shards: ``2/8`` is the second of eight.
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
    # A folder of features is known by its checksums; reading it once more would take minutes.
    named = isinstance(features, str | Path) and Path(features).is_file()
    inputs = {"features": Path(cast("str | Path", features))} if named else {}
    if isinstance(features, str | Path):
        features = read_features(Path(features), None if objects is None else Path(objects))
    table, label, origin, likeness = _labeller(source, features)
    folder = Path(out)
    plan = write_labels(
        folder,
        table,
        label,
        config,
        inputs=origin | inputs,
        likeness=likeness,
        rank=rank,
        world=world,
    )
    made = len(list(folder.glob("shard-*.parquet")))
    diversity = Diversity(**plan["diversity"])
    return LabelledImages(folder, config, plan["images"], plan["shards"], made, diversity)


def _labeller(
    source: "str | Path | Posterior | AffineTeacher", table: FeatureTable
) -> tuple[FeatureTable, Labeller, dict[str, Path], dict[str, str]]:
    """Images, the function that labels them, the file of its source, and whose likeness it is."""
    from twoalike.embedding import as_posterior

    if isinstance(source, str | Path) and Path(source).is_dir():
        teacher = load_teacher(source)
        origin = {"teacher": Path(source) / "teacher.json"}
        return table, teacher_labeller(teacher, table), origin, likeness_of(teacher.description)
    if isinstance(source, AffineTeacher):
        return table, teacher_labeller(source, table), {}, likeness_of(source.description)
    posterior = as_posterior(source)
    judged = FeatureTable(posterior.ids, table.select(posterior.ids), table.meta)

    def label(pool: Any, triplets: Any) -> Any:
        return posterior.choice_probabilities(pool[triplets]).astype(np.float32)

    origin = {} if posterior.path is None else {"posterior": posterior.path}
    seen = {} if posterior.judged is None else {"judged": packed_codes(posterior.judged)}
    return judged, label, origin, likeness_of(posterior.likeness | seen)
