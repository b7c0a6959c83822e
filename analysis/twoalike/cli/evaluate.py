"""``twoalike evaluate``: networks, side by side, against human judgments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from twoalike.cli._options import Flag, named
from twoalike.cli._show import show_notes, show_summary


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What is compared with what."""

    model: Path | None = None
    """A student's folder: the whole vector and each of its parts are scored. The network it started
    from is scored as well, and all others are compared with that network. Needs --images."""
    images: Path | None = None
    """Folder with the images of the objects."""
    choices: Path | None = None
    """Judgments (choices.parquet); odd-one-out and anchored ones are scored apart."""
    arrangements: Path | None = None
    """Multi-arrangement (arrangements.parquet), instead of --rdm."""
    rdm: Path | None = None
    """People's dissimilarities (.mat, .npy, .npz, .csv, or the .parquet of twoalike import rdm)."""
    ratings: Path | None = None
    """Ratings of pairs (ratings.parquet)."""
    sortings: Path | None = None
    """Sortings into piles (sortings.parquet)."""
    posterior: Path | None = None
    """Fitted embedding (.nc): its calibration and similarities are shown beside the networks', and
    its predictions of ratings and sortings if it was fitted to any."""
    objects: Path | None = None
    """Object ids, one per line: the order of --rdm, and of features in .npy."""
    labels: Path | None = None
    """Table of labels (tab-separated, column id, then levels), such as stimuli.tsv. Adds scores by
    kind of triplet (within, boundary, between) at each level, changes of distances, few-shot
    classification and shifts to new subclasses. These are computed only for the objects in the
    table: leave out those that a network was trained on."""
    classes: Path | None = None
    """Table of classes of images, in the form of --labels: adds few-shot classification beside the
    likeness, of all images that every network has features of. Default: --labels, or else the
    folders of the images."""
    similarity: Literal["cosine", "raw-cosine", "dot"] | None = None
    """cosine: of features minus their mean over the scored objects. raw-cosine: of unchanged
    features. dot: dot product. Default: raw-cosine for students, whose origin was learnt, and
    cosine for other networks."""
    exclude_seen: Flag = False
    """Leave out judgments that a student's teacher or the posterior was fitted to."""


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

    The scores are the accuracy of the odd one out (ties count 1/k), the log-loss with a temperature
    fitted to other choices, Spearman's correlation with dissimilarities and ratings, and the area
    under the curve for sorting into one pile. Each score has a 95 % interval over participants and
    objects, and a difference from the first network. The results also show how well any model could
    agree with these people, calibration, changes of the similarity structure and, with --labels,
    how useful the features are for other tasks. The printed tables show the main numbers; --out
    contains all. Judgments of objects that some network has no features of are left out and
    counted. Without a network, --rdm or --arrangements give people's noise ceiling.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Repeat the
        option for each network; all are compared with the first, unless there is --model.
    baseline
        Features of the network that all others are compared with (FILE or NAME=FILE), if it is
        neither the first of --features nor the network that --model started from.
    ceiling
        For simulated people: the true observer's embedding, as NAME=FILE.
    seed
        Seed of the halves for the temperature and of the resamples.
    out
        Results to write (.json).

    Examples
    --------
        twoalike evaluate --features base=base.npz --features aligned=aligned.npz --choices choices.parquet --out results.json
        twoalike evaluate --features aligned.npz --baseline base.npz --choices choices.parquet --out results.json
        twoalike evaluate --model student --images stimuli --rdm rdms.mat --objects ids.txt --out results.json
        twoalike evaluate --rdm rdms.mat --objects ids.txt --out results.json
    """  # noqa: E501
    from twoalike.results import evaluate as score
    from twoalike.results import lost_abilities
    from twoalike.study import check_seed

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
