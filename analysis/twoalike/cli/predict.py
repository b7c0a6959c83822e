"""``twoalike predict``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from twoalike.cli._show import show_doubts

if TYPE_CHECKING:
    from twoalike.choice import SetKind


def predict(
    source: Path,
    /,
    *,
    out: Path,
    triplets: Path | None = None,
    sample: Literal["cluster-boundary", "within", "between", "uniform"] | None = None,
    number: int | None = None,
    clusters: int | None = None,
    pool: int | None = None,
    part: str | None = None,
    seed: int = 0,
    interval: float | None = None,
    participant: str | None = None,
    participant_column: int | None = None,
    kind: Literal["odd-one-out", "anchored", "most-alike", "ranked", "anchored-pair"] | None = None,
    items: int | None = None,
    features: Path | None = None,
    objects: Path | None = None,
) -> None:
    """Write the choice probabilities of a posterior or a teacher, for given or sampled triplets.

    The table has three tab-separated columns: the probabilities that item 1, 2 and 3 is chosen. A posterior predicts a new person, averaged over its draws and over the lapses and
    temperatures of its population; a teacher predicts a typical observer, who never guesses. With
    --interval there are six more columns, the lower and upper end of each interval.

    --sample draws triplets among the images of --features and writes a folder of labels: Parquet
    shards with the ids and the probabilities (a posterior's without lapses). The same command
    continues where it was stopped; with --part, several machines write into one folder.

    Examples
    --------
        twoalike predict posterior.nc --triplets triplets.txt --out probabilities.tsv
        twoalike predict posterior.nc --triplets triplets.txt --interval 0.9 --out probabilities.tsv
        twoalike predict posterior.nc --triplets judged.txt --participant-column 4 --out probabilities.tsv
        twoalike predict posterior.nc --triplets fours.txt --items 4 --kind most-alike --out probabilities.tsv
        twoalike predict teacher --features features.npz --triplets triplets.txt --out probabilities.tsv
        twoalike predict teacher --features features.npz --sample cluster-boundary --number 10000000 --out labels

    Parameters
    ----------
    source
        Posterior (.nc) or teacher (a folder).
    out
        Table to write (.tsv); with --sample, folder to make or to continue.
    triplets
        Delimited text with three object ids or 0-based indices per line; more columns are ignored.
    sample
        Rule by which triplets are sampled. cluster-boundary: two images of one cluster of features
        and one of another; within: three images of one cluster; between: three of three clusters;
        uniform: any three.
    number
        Number of triplets to sample, a million if left out.
    clusters
        Number of clusters; if left out, the root of half the number of images, from 3 to 500.
    pool
        Number of images whose triplets are sampled and labelled together, 192 if left out. With
        more, an image is combined with more others, but labelling takes longer.
    part
        Make only a part of the shards: 2/8 is the second of eight.
    seed
        Seed of clusters and triplets.
    interval
        Share of the posterior inside each probability's interval, such as 0.9.
    participant
        Predict this participant of the posterior, with their own lapse rate and temperature.
    participant_column
        Number of a column of the triplets, from 1, that names the participant to predict. People
        unknown to the posterior are predicted as new people.
    kind
        The question. anchored: item 1 is the reference, and the probabilities are those that item 2
        or 3 is more similar to it; that of item 1 is 0. ranked: one item is the most similar to
        item 1 and another the second most. most-alike: a pair is the most alike. anchored-pair: two
        items are the most similar to item 1, in no order. If left out, the question that most
        choices of the posterior's fit answered.
    items
        Number of items in a set, from three to nine; if left out, that of the question. With more than three, or with one of the last
        three kinds, there is one column for each possible answer, and a posterior is needed.
    features
        A network's features (.npz, .parquet, .h5, or .npy with --objects), for --sample and for a
        teacher that maps them.
    objects
        Object ids, one per line, for a file of features without ids.
    """  # noqa: E501
    from twoalike.study import TwoalikeError, counted

    of_people = {interval, participant, participant_column} != {None}
    if sample is not None:
        if triplets is not None or of_people or (kind, items) != (None, None):
            raise TwoalikeError(
                "--sample: labels of sampled triplets are odd-one-out probabilities of a typical "
                "observer. Leave out --triplets, --interval, --participant, --kind and --items."
            )
        if features is None:
            raise TwoalikeError(
                f"{source}: triplets are sampled among images with features; add --features."
            )
        sampling = {"number": number, "clusters": clusters, "pool": pool, "part": part}
        _label(source, features, out, sample, objects=objects, seed=seed, **sampling)
        return
    if triplets is None:
        raise TwoalikeError("expected --triplets FILE, or --sample RULE, found neither.")
    if {number, clusters, pool, part} != {None}:
        raise TwoalikeError(
            "--number, --clusters, --pool and --part are of sampled triplets: add --sample, or "
            "leave them out."
        )
    from twoalike import teacher
    from twoalike.embedding import Posterior

    fitted = source if source.is_dir() else Posterior.load(source)
    table = teacher.predict(
        fitted,
        triplets,
        interval=interval,
        participant=participant,
        participant_column=participant_column,
        kind=None if kind is None else cast("SetKind", kind.replace("-", "_")),
        items=items,
        features=features,
        objects=objects,
        out=out,
    )
    if isinstance(fitted, Posterior):
        show_doubts(fitted, intervals=interval is not None)
        if new := table.attrs["new_people"]:
            print(  # noqa: T201
                f"{fitted.path}: does not know {counted(len(new), 'participant')} "
                f"({counted(sum(new.values()), 'triplet')}), for whom a new person answers"
            )
    print(f"{out}  {counted(len(table), 'set')}: {table.attrs['question']}")  # noqa: T201


def _label(source: Path, features: Path, out: Path, rule: Any, **settings: Any) -> None:
    """Write labels of sampled triplets and say what was written."""
    from twoalike.distill import label_images
    from twoalike.study import counted

    made = label_images(source, features, out, sample=rule, **settings)
    shards = counted(made.shards, "shard")
    count = shards if made.made == made.shards else f"{made.made} of {shards} so far"
    print(  # noqa: T201
        f"{out}  {counted(made.config.triplets, 'triplet')} ({made.config.rule}) of "
        f"{counted(made.images, 'image')}, {count}"
    )
