"""``twoalike transfer``: how features serve other tasks, for networks side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from twoalike.cli._candidates import read_candidates, read_labels
from twoalike.cli._options import check_seed
from twoalike.cli._tables import interval_cell, plain, plain_table, wide_console

if TYPE_CHECKING:
    from rich.table import Table

KINDS = {
    "few_shot": ("Few-shot classification, accuracy", "{level}, {shots} of a class"),
    "linear_probe": ("Linear probe, balanced accuracy", "{level}"),
    "shift_seen": ("New subclasses, balanced accuracy", "{level}, {subclasses} learnt from"),
    "shift_new": ("New subclasses, balanced accuracy", "{level}, new {subclasses}"),
    "shift_drop": ("New subclasses, balanced accuracy", "{level}, drop"),
    "other_set": ("Another set of images, balanced accuracy", "{level}, {images} images"),
    "same_label": ("The {neighbours} nearest neighbours", "share of the same {level}"),
    "shared_levels": ("The {neighbours} nearest neighbours", "levels shared"),
    "hierarchical_precision": ("The {neighbours} nearest neighbours", "hierarchical precision"),
}
"""Measure -> title of its table, and what its row is called."""


FEW_CLASSES = 6
"""Below these the terminal shows the interval over images: so few classes say little of others."""


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
    similarity: Literal["cosine", "raw-cosine", "dot"] = "cosine",
    seed: int = 0,
    out: Path,
) -> None:
    """Measure how networks' features serve other tasks than similarity.

    Few-shot classification, linear probe, new subclasses of known superclasses, and the labels of
    nearest neighbours; each with a 95 % interval, and its difference to the first network on the
    same images. Intervals are over other classes; those with a star, of fewer than 6 classes,
    over other images of the same ones. The file has both.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Give it once a
        network; the first is the one that the others are compared with.
    objects
        Image ids, one a line: the order of features in .npy.
    labels
        Table of labels (tab-separated, column id, then levels from coarse to fine), such as
        stimuli.tsv. Without it, the folders that images lie in are their labels.
    only
        Ids of the images to use, one a line.
    others
        Features of another set of images of the same classes, such as ImageNet-A, as NAME=FILE for
        each network: how many a classifier tells that learnt from the images of --features.
    shots
        Images of a class that few-shot classifiers learn from.
    ways
        Classes in a few-shot episode; all unless given.
    classifier
        Of few-shot episodes: logistic regression, or the nearest class mean.
    neighbours
        How many nearest neighbours to look at.
    similarity
        cosine: of features minus their mean over the images. raw-cosine: of features as they are.
        dot: their dot product.
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
    from twoalike.study import check_output, provenance, read_ids, write_json
    from twoalike.transfer import TransferSettings
    from twoalike.transfer import transfer as measure

    check_seed(seed)
    check_output(out)
    candidates, inputs = read_candidates(features, objects, similarity)
    other_set, other_inputs = read_candidates(others or [], None, similarity)
    inputs |= {f"other {role}": path for role, path in other_inputs.items()}
    by_level, label_inputs = read_labels(labels)
    inputs |= label_inputs
    inputs |= {role: path for role, path in (("objects", objects), ("only", only)) if path}
    settings = TransferSettings(
        shots=_numbers(shots), ways=ways, classifier=classifier, neighbours=neighbours
    )
    ids = read_ids(only) if only else None
    found = measure(candidates, by_level, ids=ids, others=other_set, settings=settings, seed=seed)
    config = {**found.pop("settings"), "similarity": similarity, "interval": 0.95}
    write_json(out, {**provenance("transfer", seed=seed, inputs=inputs, config=config), **found})
    console = wide_console()
    for table in _tables(found["measures"]):
        console.print(table)
    if any(of["classes"] < FEW_CLASSES for of in found["measures"]):
        console.print(
            f"* over other images of the same classes, as fewer than {FEW_CLASSES} say little of "
            "others",
            highlight=False,
        )
    for name, why in found["missing"].items():
        console.print(f"not measured: {name}: {why}", markup=False, highlight=False)
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


def _tables(measures: list[dict[str, Any]]) -> list["Table"]:
    """Tables for the terminal, one a kind of measure; a row a network."""
    tables: dict[str, Table] = {}
    for measure in measures:
        title, row = (text.format(**measure) for text in KINDS[measure["measure"]])
        first = measure["models"][0]["name"]
        if title not in tables:
            columns = ("", "network", "score", f"minus {plain(first)}", "chance")
            tables[title] = plain_table(title, *columns)
        for place, of in enumerate(measure["models"]):
            tables[title].add_row(
                plain(row) if not place else "",
                plain(of["name"]),
                _cell(of, measure["classes"]),
                _cell(of["difference"], measure["classes"]),
                f"{measure['chance']:.3f}" if not place else "",
            )
    return list(tables.values())


def _cell(of: dict[str, Any] | None, classes: int) -> str:
    """Estimate with the interval that says something."""
    if of is None or classes >= FEW_CLASSES:
        return interval_cell(of)
    return f"{interval_cell(of | of['same_classes'])}*"
