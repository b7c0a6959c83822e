"""``twoalike transfer``: how features serve other tasks, for networks side by side."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from twoalike.cli._options import named
from twoalike.cli._show import show_notes, show_summary, wide_console


def transfer(
    *,
    features: list[str],
    objects: Path | None = None,
    labels: Path | None = None,
    only: Path | None = None,
    others: Annotated[list[str] | None, Parameter(negative=())] = None,
    shots: str = "1,5,10",
    ways: int | None = None,
    classifier: Literal["logistic", "nearest-mean"] = "logistic",
    neighbours: int = 10,
    similarity: Literal["cosine", "raw-cosine", "dot"] | None = None,
    seed: int = 0,
    out: Path,
) -> None:
    """Measure how useful networks' features are for other tasks than similarity.

    The tasks are few-shot classification, a linear probe, new subclasses of known superclasses, and
    the labels of nearest neighbours. Each score has a 95 % interval, and a difference from the
    first network on the same images. Intervals are for other classes; with fewer than 6 classes,
    they have a star and are for other images of the same classes. The file contains both.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Repeat the
        option for each network; all are compared with the first.
    objects
        Image ids, one per line: the order of features in .npy.
    labels
        Table of labels (tab-separated, column id, then levels from coarse to fine), such as
        stimuli.tsv. Without it, an image's folders are its labels.
    only
        Ids of the images to use, one per line.
    others
        Features of another set of images of the same classes, such as ImageNet-A, as NAME=FILE for
        each network. A classifier trained on the images of --features is tested on them.
    shots
        Numbers of images per class that few-shot classifiers learn from.
    ways
        Number of classes in a few-shot episode; all if left out.
    classifier
        Classifier of few-shot episodes: logistic regression, or the nearest class mean.
    neighbours
        Number of nearest neighbours.
    similarity
        As in twoalike evaluate.
    seed
        Seed of episodes, folds and halvings.
    out
        Results to write (.json).

    Examples
    --------
        twoalike transfer --features base=base.npz --features aligned=aligned.npz --labels stimuli.tsv --out transfer.json
        twoalike transfer --features base=base.npz --features aligned=aligned.npz --shots 1,3 --only held_out.txt --out transfer.json
        twoalike transfer --features base=net.npz --features aligned=net2.npz --others base=net_a.npz --others aligned=net2_a.npz --out transfer.json
    """  # noqa: E501
    from twoalike.results import FEW_CLASSES, lost_abilities
    from twoalike.results import transfer as measure
    from twoalike.study import check_seed
    from twoalike.transfer import TransferSettings

    check_seed(seed)
    found = measure(
        [named(text) for text in features],
        objects=objects,
        labels=labels,
        only=only,
        others=[named(text) for text in others or []],
        settings=TransferSettings(
            shots=_numbers(shots), ways=ways, classifier=classifier, neighbours=neighbours
        ),
        similarity=similarity,
        seed=seed,
        out=out,
    )
    show_summary(found.tables())
    console = wide_console()
    if any(of.classes < FEW_CLASSES for of in found.measures):
        console.print(
            f"* over other images of the same classes, as fewer than {FEW_CLASSES} tell little "
            "about others",
            highlight=False,
        )
    for name, why in found.missing.items():
        console.print(f"not measured: {name}: {why}", markup=False, highlight=False)
    show_notes(lost_abilities(found))
    print(f"Wrote {out}")  # noqa: T201


def _numbers(text: str) -> tuple[int, ...]:
    """Read ``1,5,10``."""
    from twoalike.study import TwoalikeError

    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise TwoalikeError(
            f"--shots: expected numbers of images such as 1,5,10, found {text!r}."
        ) from None
