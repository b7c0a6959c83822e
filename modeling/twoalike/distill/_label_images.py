"""Labels for many triplets of an image collection, of a teacher or a posterior, in shards."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from twoalike.distill._labels import LabelConfig, Labeller, teacher_labeller, write_labels
from twoalike.embedding import Posterior, as_posterior
from twoalike.features import FeatureTable, read_features
from twoalike.study import TwoalikeError, part_of, plain_words
from twoalike.teacher import AffineTeacher, load_teacher

PARAMETERS = {"rule": "sample", "triplets": "number"}
"""Settings of :class:`LabelConfig` that are parameters by another name."""


@dataclass(frozen=True)
class LabelledImages:
    """A folder of labels, as far as it is made.

    Attributes
    ----------
    folder
        Where the shards are.
    config
        The settings in use.
    images
        Images that triplets are sampled from.
    shards, made
        Shards of the whole folder, and those that are there.
    """

    folder: Path
    config: LabelConfig
    images: int
    shards: int
    made: int


def label_images(
    source: str | Path | Posterior | AffineTeacher,
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
    config = _config(settings | {"seed": seed})
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
    source: str | Path | Posterior | AffineTeacher, table: FeatureTable
) -> tuple[FeatureTable, Labeller, dict[str, Path]]:
    """Images, what labels them, and the file that it comes from."""
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


def _config(settings: Mapping[str, Any]) -> LabelConfig:
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return LabelConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        where = f"`{PARAMETERS.get(name, name)}=...`"
        raise TwoalikeError(plain_words(first), where=where) from error
