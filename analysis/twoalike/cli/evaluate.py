"""``twoalike evaluate``: networks, side by side, against human judgments."""

from pathlib import Path
from typing import Literal

from twoalike.cli._options import check_seed, named
from twoalike.cli._show import show_summary


def evaluate(
    *,
    features: list[str] | None = None,
    baseline: str | None = None,
    model: Path | None = None,
    images: Path | None = None,
    ceiling: str | None = None,
    choices: Path | None = None,
    arrangements: Path | None = None,
    rdm: Path | None = None,
    posterior: Path | None = None,
    objects: Path | None = None,
    labels: Path | None = None,
    similarity: Literal["cosine", "raw-cosine", "dot"] = "cosine",
    seed: int = 0,
    out: Path,
) -> None:
    """Score networks against people's choices, dissimilarities or both.

    Accuracy of the odd one out (ties count 1/k), log-loss after one temperature fitted on other
    choices, Spearman's correlation with dissimilarities; each with a 95 % interval over
    participants and objects, and its difference to the first network. Beside them how well any
    model could agree with these people, calibration, what changed in the similarity structure
    and, with --labels, what else the features are good for. The tables show the main figures,
    --out holds all.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Give it once a
        network; the first is the one that the others are compared with, unless there is --model.
    baseline
        Features of the network that the others are compared with, as those of --features, if it
        is not the first of these, nor the base network of --model.
    model
        A student folder; its base network is scored as well, and is the one that the others are
        compared with. Needs --images.
    images
        Folder with the images of the objects.
    ceiling
        Where answers were simulated: the true observer's embedding, as NAME=FILE.
    choices
        Judgments (choices.parquet).
    arrangements
        Multi-arrangement (arrangements.parquet), instead of --rdm.
    rdm
        People's dissimilarities (.mat, .npy, .npz, .csv).
    posterior
        Fitted embedding (.nc): its calibration and its similarities beside the networks'.
    objects
        Object ids, one a line: the order of --rdm, and of features in .npy.
    labels
        Table of labels (tab-separated, column id, then levels), such as stimuli.tsv: scores
        also by kind of triplet (within, boundary, between) at each level, changes of distances,
        few-shot classification and shifts to new subclasses. These are computed for the objects in
        the table only: leave out those that a network learnt from.
    similarity
        cosine: of features minus their mean over the objects scored. raw-cosine: of features as
        they are. dot: their dot product.
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

    check_seed(seed)
    results = score(
        [named(text) for text in features or []],
        baseline=named(baseline) if baseline else None,
        model=model,
        images=images,
        ceiling=named(ceiling) if ceiling else None,
        choices=choices,
        arrangements=arrangements,
        rdm=rdm,
        posterior=posterior,
        objects=objects,
        labels=labels,
        similarity=similarity,
        seed=seed,
        out=out,
    )
    show_summary(results.tables())
    print(f"Wrote {out}")  # noqa: T201
