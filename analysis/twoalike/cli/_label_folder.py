"""``twoalike predict --sample``: labels for many triplets of an image collection, in shards."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoalike.study import Strict, TwoalikeError, counted, part_of

if TYPE_CHECKING:
    from twoalike.distill import LabelConfig, Labeller
    from twoalike.features import FeatureTable

FLAGS = {"rule": "sample", "triplets": "number"}
"""Settings that the command line calls by another name."""


class Sampling(Strict):
    """What the command line says of sampling; None: the setting's default."""

    rule: str
    triplets: int | None
    clusters: int | None
    pool: int | None
    seed: int
    part: str | None


def label_folder(
    source: Path, features: Path | None, objects: Path | None, out: Path, sampling: Sampling
) -> None:
    """Write labels of a teacher or a posterior and say what was written."""
    from twoalike.distill import write_labels
    from twoalike.features import read_features

    if features is None:
        raise TwoalikeError(
            f"{source}: triplets are sampled among images with features; add --features."
        )
    config, (rank, world) = _config(sampling), part_of(sampling.part)
    table, label, inputs = _labeller(source, read_features(features, objects))
    inputs["features"] = features
    plan = write_labels(out, table, label, config, inputs=inputs, rank=rank, world=world)
    there = len(list(out.glob("shard-*.parquet")))
    shards = counted(plan["shards"], "shard")
    count = shards if there == plan["shards"] else f"{there} of {shards} so far"
    print(  # noqa: T201
        f"{out}  {counted(config.triplets, 'triplet')} ({config.rule}) of "
        f"{counted(plan['images'], 'image')}, {count}"
    )


def _labeller(
    source: Path, table: "FeatureTable"
) -> "tuple[FeatureTable, Labeller, dict[str, Path]]":
    """Images, what labels them, and the file that it comes from."""
    import numpy as np

    from twoalike.distill import teacher_labeller
    from twoalike.features import FeatureTable

    if source.is_dir():
        from twoalike.teacher import load_teacher

        teacher = load_teacher(source)
        return table, teacher_labeller(teacher, table), {"teacher": source / "teacher.json"}
    from twoalike.embedding import Posterior

    posterior = Posterior.load(source)
    judged = FeatureTable(posterior.ids, table.select(posterior.ids), table.meta)

    def label(pool: Any, triplets: Any) -> Any:
        # Without lapses: a network should learn what people see, not that they guess.
        return posterior.choice_probabilities(pool[triplets]).astype(np.float32)

    return judged, label, {"posterior": source}


def _config(sampling: Sampling) -> "LabelConfig":
    """Make the settings of the labels, refused in one line that names the flag."""
    from pydantic import ValidationError

    from twoalike.distill import LabelConfig
    from twoalike.study import plain_words

    given = sampling.model_dump(exclude={"part"}, exclude_none=True)
    try:
        return LabelConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise TwoalikeError(f"--{FLAGS.get(name, name)}: {plain_words(first)}.") from error
