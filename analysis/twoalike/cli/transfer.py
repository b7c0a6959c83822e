"""``twoalike transfer``: how features serve other tasks, for networks side by side."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from twoalike import results
from twoalike.cli._derived import takes
from twoalike.cli._options import named
from twoalike.cli._show import show_notes, show_summary, show_written, wide_console


@takes(results.transfer, without={"settings"})
def transfer(
    *,
    features: list[str],
    others: Annotated[list[str] | None, Parameter(negative=())] = None,
    shots: str = "1,5,10",
    ways: int | None = None,
    classifier: Literal["logistic", "nearest-mean"] = "logistic",
    out: Path,
    **given: Any,
) -> None:
    """Measure how useful networks' features are for other tasks than similarity.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Repeat the
        option for each network; all are compared with the first.
    others
        Features of another set of images of the same classes, such as ImageNet-A, as NAME=FILE for
        each network. A classifier trained on the images of --features is tested on them.
    shots
        Numbers of images per class that few-shot classifiers learn from.
    ways
        Number of classes in a few-shot episode; all if left out.
    classifier
        Classifier of few-shot episodes: logistic regression, or the nearest class mean.

    Examples
    --------
        twoalike transfer --features base=base.npz --features aligned=aligned.npz --labels stimuli.tsv --out transfer.json
        twoalike transfer --features base=base.npz --features aligned=aligned.npz --shots 1,3 --only held_out.txt --out transfer.json
        twoalike transfer --features base=net.npz --features aligned=net2.npz --others base=net_a.npz --others aligned=net2_a.npz --out transfer.json
    """  # noqa: E501
    from twoalike.transfer import TransferSettings

    found = results.transfer(
        [named(text) for text in features],
        others=[named(text) for text in others or []],
        settings=TransferSettings(shots=_numbers(shots), ways=ways, classifier=classifier),
        out=out,
        **given,
    )
    show_summary(found.tables())
    console = wide_console()
    if any(of.classes < results.FEW_CLASSES for of in found.measures):
        console.print(
            f"* over other images of the same classes, as fewer than {results.FEW_CLASSES} tell "
            "little about others",
            highlight=False,
        )
    for name, why in found.missing.items():
        console.print(f"not measured: {name}: {why}", markup=False, highlight=False)
    show_notes(results.lost_abilities(found))
    show_written(out)


def _numbers(text: str) -> tuple[int, ...]:
    """Read ``1,5,10``."""
    from twoalike.study import TwoalikeError

    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise TwoalikeError(
            f"--shots: expected numbers of images such as 1,5,10, found {text!r}."
        ) from None
