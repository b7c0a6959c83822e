"""``twoalike predict``."""

from pathlib import Path


def predict(
    source: Path,
    /,
    *,
    triplets: Path,
    out: Path,
    features: Path | None = None,
    objects: Path | None = None,
) -> None:
    """Write the choice probabilities of a posterior or a teacher for given triplets.

    Three tab-separated columns a triplet: the probability that item 1, 2, 3 is the odd one. A
    posterior answers for a typical participant, lapses included, averaged over its draws.

    Examples
    --------
        twoalike predict posterior.nc --triplets triplets.txt --out probabilities.tsv
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
    features
        For a teacher: the network's features (.npz, or .npy with --objects).
    objects
        Object ids of features in .npy, one a line.
    """  # noqa: E501
    import numpy as np

    from twoalike.embedding import Posterior
    from twoalike.features import read_features
    from twoalike.judgments import read_triplets
    from twoalike.study import TwoalikeError, atomic_path

    if source.is_dir():
        from twoalike.teacher import load_teacher

        teacher = load_teacher(source)
        if features is None:
            raise TwoalikeError(f"{source}: a teacher predicts from features; add --features.")
        table = read_features(features, objects)
        probabilities = teacher.choice_probabilities(read_triplets(triplets, table.ids), table)
    else:
        posterior = Posterior.load(source)
        indices = read_triplets(triplets, posterior.ids)
        probabilities = posterior.choice_probabilities(indices, lapse=True)
    with atomic_path(out) as temporary:
        header = "\t".join(f"item_{k}" for k in (1, 2, 3))
        np.savetxt(temporary, probabilities, fmt="%.6f", delimiter="\t", header=header, comments="")
    print(f"{out}  {len(probabilities)} triplets")  # noqa: T201
