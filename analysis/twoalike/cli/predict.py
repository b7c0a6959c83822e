"""``twoalike predict``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from twoalike.embedding import Posterior


def predict(
    source: Path,
    /,
    *,
    triplets: Path,
    out: Path,
    interval: float | None = None,
    participant: str | None = None,
    participant_column: int | None = None,
    kind: Literal["odd-one-out", "anchored"] = "odd-one-out",
    features: Path | None = None,
    objects: Path | None = None,
) -> None:
    """Write the choice probabilities of a posterior or a teacher for given triplets.

    Three tab-separated columns a triplet: the probability that item 1, 2, 3 is the odd one. A
    posterior answers for a typical participant, lapses included, averaged over its draws. With
    --interval there are six more columns, the low and high end of each probability.

    Examples
    --------
        twoalike predict posterior.nc --triplets triplets.txt --out probabilities.tsv
        twoalike predict posterior.nc --triplets triplets.txt --interval 0.9 --out probabilities.tsv
        twoalike predict posterior.nc --triplets judged.txt --participant-column 4 --out probabilities.tsv
        twoalike predict teacher --features features.npz --triplets triplets.txt --out probabilities.tsv

    Parameters
    ----------
    source
        Posterior (.nc) or teacher (a folder).
    triplets
        Delimited text: three object ids, or three 0-based indices, a line; more columns are
        passed over.
    out
        Table to write (.tsv).
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
        For a teacher: the network's features (.npz, or .npy with --objects).
    objects
        Object ids of features in .npy, one a line.
    """  # noqa: E501
    import numpy as np

    from twoalike.embedding import Posterior, choice_intervals
    from twoalike.features import read_features
    from twoalike.judgments import read_triplets
    from twoalike.study import TwoalikeError, atomic_path

    names = [f"item_{k}" for k in (1, 2, 3)]
    if source.is_dir():
        from twoalike.teacher import load_teacher

        teacher = load_teacher(source)
        if features is None:
            raise TwoalikeError(f"{source}: a teacher predicts from features; add --features.")
        if kind != "odd-one-out" or {interval, participant, participant_column} != {None}:
            raise TwoalikeError(
                f"{source}: a teacher knows no draws, participants or anchored choices. Give a "
                "posterior (.nc), or leave out --interval, --participant and --kind."
            )
        table = read_features(features, objects)
        columns = [teacher.choice_probabilities(read_triplets(triplets, table.ids), table)]
    else:
        from twoalike.cli._posterior_notes import show_doubts

        posterior = Posterior.load(source)
        indices = read_triplets(triplets, posterior.ids)
        judges = _judges(posterior, source, len(indices), triplets, participant, participant_column)
        task: Literal["odd_one_out", "anchored"] = (
            "anchored" if kind == "anchored" else "odd_one_out"
        )
        columns = [
            posterior.choice_probabilities(indices, lapse=True, participants=judges, kind=task)
        ]
        if interval is not None:
            ends = choice_intervals(posterior, indices, interval, participants=judges, kind=task)
            columns += [end.astype(np.float64) for end in ends]
            names += [f"{name}_{end}" for end in ("low", "high") for name in names]
        show_doubts(posterior, source, intervals=interval is not None)
    with atomic_path(out) as temporary:
        content = np.concatenate(columns, axis=1)
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
