"""``twoalike predict``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from twoalike.embedding import Posterior

    Floats = npt.NDArray[np.float64]
Kind = Literal["odd_one_out", "anchored"]


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
    kind: Literal["odd-one-out", "anchored"] = "odd-one-out",
    features: Path | None = None,
    objects: Path | None = None,
) -> None:
    """Write the choice probabilities of a posterior or a teacher, for given triplets or sampled ones.

    Three tab-separated columns a triplet: the probability that item 1, 2, 3 is the odd one. A
    posterior answers for a typical participant, lapses included, averaged over its draws. With
    --interval there are six more columns, the low and high end of each probability.

    --sample draws triplets of the images of --features itself and writes a folder of labels:
    Parquet shards with the ids and the probabilities (a posterior's without lapses). The same
    command goes on where it was stopped; with --part several machines fill one folder.

    Examples
    --------
        twoalike predict posterior.nc --triplets triplets.txt --out probabilities.tsv
        twoalike predict posterior.nc --triplets triplets.txt --interval 0.9 --out probabilities.tsv
        twoalike predict posterior.nc --triplets judged.txt --participant-column 4 --out probabilities.tsv
        twoalike predict teacher --features features.npz --triplets triplets.txt --out probabilities.tsv
        twoalike predict teacher --features features.npz --sample cluster-boundary --number 10000000 --out labels

    Parameters
    ----------
    source
        Posterior (.nc) or teacher (a folder).
    out
        Table to write (.tsv); with --sample, folder to make or to go on with.
    triplets
        Delimited text: three object ids, or three 0-based indices, a line; more columns are
        passed over.
    sample
        cluster-boundary: two images of one cluster of features and one of another; within: three
        of one; between: three of three; uniform: any three.
    number
        Triplets to sample, a million if left out.
    clusters
        Clusters to ask for; if left out, the root of half the images, from 3 to 500.
    pool
        Images among which the 100,000 triplets of a shard are sampled, 1024 if left out.
    part
        Make a part of the shards only: 2/8 is the second of eight.
    seed
        Seed of clusters and triplets.
    interval
        Share of the posterior inside each probability's interval, such as 0.9.
    participant
        Answer for this participant of the posterior, with their own lapse and temperature.
    participant_column
        Answer for the participants that this column of the triplets names, numbered from 1.
    kind
        anchored: item 1 is the reference, and the probabilities are those that item 2 or 3 is
        the more similar to it; that of item 1 is 0.
    features
        For a teacher that maps them and for --sample: a network's features (.npz, .parquet, .h5, or .npy with
        --objects).
    objects
        Object ids, one a line, of a file of features that holds none.
    """  # noqa: E501
    from twoalike.study import TwoalikeError

    people = {interval, participant, participant_column}
    if sample is not None:
        from twoalike.cli._label_folder import Sampling, label_folder

        if triplets is not None or people != {None} or kind != "odd-one-out":
            raise TwoalikeError(
                "--sample: labels of sampled triplets are odd-one-out probabilities of a typical "
                "observer. Leave out --triplets, --interval, --participant and --kind."
            )
        sampling = Sampling(
            rule=sample, triplets=number, clusters=clusters, pool=pool, part=part, seed=seed
        )
        label_folder(source, features, objects, out, sampling)
        return
    if triplets is None:
        raise TwoalikeError("expected --triplets FILE, or --sample RULE, found neither.")
    if {number, clusters, pool, part} != {None}:
        raise TwoalikeError(
            "--number, --clusters, --pool and --part are of sampled triplets: add --sample, or "
            "leave them out."
        )
    names = [f"item_{k}" for k in (1, 2, 3)]
    if source.is_dir():
        if kind != "odd-one-out" or people != {None}:
            raise TwoalikeError(
                f"{source}: a teacher knows no draws, participants or anchored choices. Give a "
                "posterior (.nc), or leave out --interval, --participant and --kind."
            )
        columns = [_of_teacher(source, triplets, features, objects)]
    else:
        task: Kind = "anchored" if kind == "anchored" else "odd_one_out"
        asked = (participant, participant_column)
        columns = _of_posterior(source, triplets, interval, asked, task)
        if interval is not None:
            names += [f"{name}_{end}" for end in ("low", "high") for name in names]
    _write(out, names, columns)


def _of_teacher(
    source: Path, triplets: Path, features: Path | None, objects: Path | None
) -> "Floats":
    """Probabilities of a teacher, shape (n, 3)."""
    from twoalike.features import read_features
    from twoalike.judgments import read_triplets
    from twoalike.study import TwoalikeError
    from twoalike.teacher import PosteriorTeacher, load_teacher

    teacher = load_teacher(source, any_kind=True)
    if features is None:
        if isinstance(teacher, PosteriorTeacher):
            return teacher.choice_probabilities(read_triplets(triplets, teacher.ids))
        raise TwoalikeError(f"{source}: this teacher predicts from features; add --features.")
    table = read_features(features, objects)
    return teacher.choice_probabilities(read_triplets(triplets, table.ids), table)


def _of_posterior(
    source: Path,
    triplets: Path,
    interval: float | None,
    asked: tuple[str | None, int | None],
    kind: "Kind",
) -> "list[Floats]":
    """Probabilities of a posterior, and the ends of their intervals if asked for, (n, 3) each."""
    import numpy as np

    from twoalike.cli._posterior_notes import show_doubts
    from twoalike.embedding import Posterior, choice_intervals
    from twoalike.judgments import read_triplets

    posterior = Posterior.load(source)
    indices = read_triplets(triplets, posterior.ids)
    judges = _judges(posterior, source, len(indices), triplets, *asked)
    columns = [posterior.choice_probabilities(indices, lapse=True, participants=judges, kind=kind)]
    if interval is not None:
        ends = choice_intervals(posterior, indices, interval, participants=judges, kind=kind)
        columns += [end.astype(np.float64) for end in ends]
    show_doubts(posterior, source, intervals=interval is not None)
    return columns


def _write(out: Path, names: list[str], columns: "list[Floats]") -> None:
    """Write probabilities as delimited text and say so."""
    import numpy as np

    from twoalike.study import atomic_path

    content = np.concatenate(columns, axis=1)
    with atomic_path(out) as temporary:
        header = "\t".join(names)
        np.savetxt(temporary, content, fmt="%.6f", delimiter="\t", header=header, comments="")
    print(f"{out}  {len(content)} triplets")  # noqa: T201


def _judges(
    posterior: "Posterior",
    source: Path,
    n: int,
    triplets: Path,
    participant: str | None,
    column: int | None,
) -> "npt.NDArray[np.int64] | None":
    """Index of who judges each triplet, shape (n,); None for typical observers."""
    import numpy as np

    from twoalike.study import TwoalikeError, read_delimited

    if participant is None and column is None:
        return None
    if participant is not None and column is not None:
        raise TwoalikeError("expected --participant or --participant-column, found both.")
    place = {name: row for row, name in enumerate(posterior.participants)}
    if participant is not None:
        named, where = [participant] * n, "--participant"
    else:
        assert column is not None  # one of the two is given
        rows, where = read_delimited(triplets, "triplets, three objects a line"), str(triplets)
        if not 1 <= column <= rows.shape[1]:
            raise TwoalikeError(
                f"{triplets}: expected column {column}, found {rows.shape[1]} columns (numbered "
                "from 1)."
            )
        named = rows[column - 1].str.strip().tolist()
    for number, name in enumerate(named, start=1):
        if name not in place:
            at = where if column is None else f"{where}: row {number}, column {column}"
            raise TwoalikeError(
                f"{at}: {name!r} is not one of the {len(place)} participants of {source}. List "
                "them with: twoalike participants"
            )
    return np.array([place[name] for name in named], dtype=np.int64)
