"""``twoalike evaluate``: networks, side by side, against human judgments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from twoalike.cli._options import check_seed, named
from twoalike.cli._show import show_notes, show_summary


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What is compared with what."""

    model: Path | None = None
    """A student folder; its base network is scored as well, and is the one that the others are
    compared with. Needs --images."""
    images: Path | None = None
    """Folder with the images of the objects."""
    choices: Path | None = None
    """Judgments (choices.parquet); odd-one-out and anchored ones are scored apart."""
    arrangements: Path | None = None
    """Multi-arrangement (arrangements.parquet), instead of --rdm."""
    rdm: Path | None = None
    """People's dissimilarities (.mat, .npy, .npz, .csv)."""
    ratings: Path | None = None
    """Ratings of pairs (ratings.parquet)."""
    sortings: Path | None = None
    """Sortings into piles (sortings.parquet)."""
    posterior: Path | None = None
    """Fitted embedding (.nc): its calibration and its similarities beside the networks', and how
    well it predicts ratings and sortings if it was fitted to such."""
    objects: Path | None = None
    """Object ids, one a line: the order of --rdm, and of features in .npy."""
    labels: Path | None = None
    """Table of labels (tab-separated, column id, then levels), such as stimuli.tsv: scores also by
    kind of triplet (within, boundary, between) at each level, changes of distances, few-shot
    classification and shifts to new subclasses. These are computed for the objects in the table
    only: leave out those that a network learnt from."""
    similarity: Literal["cosine", "raw-cosine", "dot"] | None = None
    """cosine: of features minus their mean over the objects scored. raw-cosine: of features as they
    are. dot: their dot product. By default cosine, of a student's positions if it has any, and
    otherwise the similarity that a student was trained with."""


def evaluate(
    *,
    features: list[str] | None = None,
    baseline: str | None = None,
    options: Options = Options(),
    ceiling: str | None = None,
    seed: int = 0,
    out: Path,
) -> None:
    """Score networks against people's judgments of any kind.

    Judgments of objects that some network has no features of are left out and counted.

    Accuracy of the odd one out (ties count 1/k), log-loss after one temperature fitted on other
    choices, Spearman's correlation with dissimilarities and ratings, area under the curve for
    being in one pile; each with a 95 % interval over participants and objects, and its difference
    to the first network. Beside them how well any model could agree with these people,
    calibration, what changed in the similarity structure and, with --labels, what else the
    features are good for. The tables show the main figures, --out holds all.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Give it once a
        network; the first is the one that the others are compared with, unless there is --model.
    baseline
        Features of the network that the others are compared with, as those of --features, if it
        is not the first of these, nor the base network of --model.
    ceiling
        Where answers were simulated: the true observer's embedding, as NAME=FILE.
    seed
        Seed of the halves for the temperature and of the resamples.
    out
        Results to write (.json).

    Examples
    --------
        twoalike evaluate --features base=base.npz --features aligned=aligned.npz --choices choices.parquet --out results.json
        twoalike evaluate --features aligned.npz --baseline base.npz --choices choices.parquet --out results.json
        twoalike evaluate --model student --images stimuli --rdm rdms.mat --objects ids.txt --out results.json
    """  # noqa: E501
    from twoalike.results import evaluate as score
    from twoalike.results import lost_abilities

    check_seed(seed)
    results = score(
        [named(text) for text in features or []],
        baseline=named(baseline) if baseline else None,
        ceiling=named(ceiling) if ceiling else None,
        seed=seed,
        out=out,
        **vars(options),
    )
    show_summary(results.tables())
    show_notes(lost_abilities(results.transfer) if results.transfer else ())
    print(f"Wrote {out}")  # noqa: T201
