"""``twoalike import transform`` and ``alignet``: teachers and labels that others made."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def transform(
    file: Path,
    /,
    *,
    out: Path,
    backbone: str | None = None,
    choices: Path | None = None,
    features: Path | None = None,
    objects: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Import a transform that gLocal fitted (transform.npz) as a teacher.

    The folder is one as twoalike teach makes, for predict and distill. Its temperature is 1,
    unless people's choices set it.

    Parameters
    ----------
    file
        Arrays weights (features x dimensions), mean, std and perhaps bias.
    out
        Teacher's folder to make.
    backbone
        The network whose features it maps, by the name that twoalike features knows; without it,
        distill needs --features.
    choices
        Judgments (choices.parquet) that set the temperature; needs --features.
    features
        The network's features of at least the judged objects (.npz, .parquet, .h5, or .npy with
        --objects).
    objects
        Object ids of features that come without, one a line.
    overwrite
        Replace the folder if there is one.

    Examples
    --------
        twoalike import transform transform.npz --out teacher
        twoalike import transform transform.npz --choices choices.parquet --features clip.npz --out teacher
    """  # noqa: E501
    from twoalike.teacher import import_transform

    teacher = import_transform(
        file,
        out,
        backbone=backbone,
        choices=choices,
        features=features,
        objects=objects,
        overwrite=overwrite,
    )
    made = teacher.description
    print(  # noqa: T201
        f"{out}  {made['from']['features']} features of {backbone or 'unnamed network'} to "
        f"{made['to']['dimensions']} dimensions, temperature {teacher.temperature:.3g}"
    )
    if made["validation"]:
        scores = made["validation"]["choices"]
        before, after = scores["before"], scores["teacher"]
        print(  # noqa: T201
            f"{scores['n']} choices: accuracy {after['accuracy']:.3f}, log-loss "
            f"{after['log_loss']:.3f} (at temperature 1: {before['log_loss']:.3f})"
        )


def alignet(
    file: Path,
    /,
    *,
    out: Path,
    temperature: float = 1.0,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Import AligNet's triplets (.npz) as labels.

    Each triplet's choice probabilities are the softmax of its three similarities; which image is
    the odd one follows from them, whatever the order of the row. An image's id is its file's
    name without the ending. The folder of labels is one as twoalike predict --sample makes.

    Parameters
    ----------
    file
        Arrays filenames, similarities of the pairs (0,1), (0,2), (1,2), and perhaps indices, all
        of shape (triplets, 3).
    out
        Folder of labels to make.
    temperature
        By which similarities are divided; AligNet takes them as they are.
    overwrite
        Replace the folder if there is one.

    Examples
    --------
        twoalike import alignet alignet_train.npz --out labels
    """
    from twoalike.distill import import_alignet
    from twoalike.study import counted

    made = import_alignet(file, out, temperature=temperature, overwrite=overwrite)
    checked, n = made["checked"], made["triplets"]
    print(f"{out}: {counted(n, 'triplet')} of {counted(made['images'], 'image')}")  # noqa: T201
    print(  # noqa: T201
        f"the odd image is not the last in {checked['odd_not_last'] / n:.1%} of the rows; the "
        f"largest similarities are equal in {checked['tied'] / n:.1%}"
    )
    if not checked["indices"]:
        print("the archive has no indices, so names could not be checked")  # noqa: T201
