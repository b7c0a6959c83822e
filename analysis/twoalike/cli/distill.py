"""``twoalike distill``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import Parameter

from twoalike.cli._show import plain_table

if TYPE_CHECKING:
    from twoalike.distill import Student


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What is distilled into what, and how."""

    images: Path
    """Images to learn from, in any form that twoalike features takes; nobody need have judged
    them."""
    student: str
    """efficientnet_lite0 (its weights are installed), any name of timm's, transformers:REPOSITORY,
    open_clip:MODEL/TAG, or a student's folder."""
    out: Path
    """Folder to make."""
    teacher: Path | None = None
    """Folder written by twoalike teach: it labels all triplets of every batch."""
    labels: Path | None = None
    """Instead of a teacher: folder of labelled triplets, of twoalike predict --sample or twoalike
    import alignet."""
    validation: Path | None = None
    """Folder of labelled triplets to score on; none of their images is learnt from."""
    config: Path | None = None
    """Recipe (TOML); the flags below replace what it says."""
    features: Path | None = None
    """The teacher's network's features of the images; computed once if left out."""
    objects: Path | None = None
    """Ids of features in .npy."""
    only: Path | None = None
    """List of image ids, one a line: learn from these and no others."""
    weights: Path | None = None
    """Local weights (.safetensors, .pth, or a folder with one) for a network's name, instead of a
    download."""
    untrained: bool = False
    """Start from random weights, drawn from --seed."""
    pool: Literal["cls", "mean"] | None = None
    """Features of a vision transformer of timm's: its class token or the mean of its patch tokens,
    instead of what timm pools."""
    block: int | None = None
    """Block of a vision transformer whose tokens are pooled, from 0, or from the end if negative,
    instead of the last; the student ends with it."""
    control: Path | None = None
    """Folder of a student of the same images, whose teacher was untransformed (twoalike teach
    --untransformed): its agreement with this teacher is shown beside the student's."""
    skip_unreadable: bool = False
    """Leave out images that cannot be read, instead of ending there."""
    train: Literal["full", "last", "lora", "probe"] | None = None
    """What learns: full (all weights), last (blocks), lora (low-rank adapters), or probe (an affine
    map of the features, which are computed once); details are set in the recipe."""
    sampling: Literal["uniform", "scales"] | None = None
    """Triplets of a batch. uniform: any three images. scales: neighbours (by the teacher) at all
    scales, which teaches fine distinctions as well."""
    steps: int | None = None
    """Updates of the weights."""
    size: int | None = None
    """Width and height of the student's input in pixels."""
    batch: int | None = None
    """Images a step and process."""
    rate: float | None = None
    """Peak learning rate."""
    seed: int | None = None
    """Everything random derives from it."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    resume: bool = False
    """Go on from the last checkpoint in --out; the result is that of a run that never stopped."""


def distill(*, options: Options) -> None:
    """Align a network with a teacher: fine-tune it on the teacher's choice probabilities.

    The student's folder holds weights that plain timm loads, a model card and the training log;
    checkpoints while it runs. Under torchrun or SLURM all processes work on one student.

    Examples
    --------
        twoalike distill --teacher teacher --images photos --student efficientnet_lite0 --out student
        twoalike distill --teacher teacher --images photos --student resnet50 --config recipe.toml --out r50
        twoalike distill --teacher teacher --images photos --student efficientnet_lite0 --train probe --control untransformed --out probe
        twoalike distill --labels labels --images photos --student vit_base_patch16_siglip_224 --config alignet_vit_b.toml --out vit
        torchrun --nproc-per-node 4 -m twoalike.cli.app distill --teacher teacher --images photos --student vit_base_patch16_224 --out vit
    """  # noqa: E501
    from twoalike import distill as distillation
    from twoalike.cli.features import left_out
    from twoalike.study import is_first_process

    made = distillation.distill(**vars(options))
    if not is_first_process():
        return  # one of several processes reports
    print(f"{options.out}  student of {made['backbone']}, {made['data']['learnt']} images")  # noqa: T201
    if unreadable := made["data"].get("unreadable"):
        print(left_out(unreadable))  # noqa: T201
    if made["held_out"]:
        _show(made)


def _show(student: "Student") -> None:
    """Print the scores on held-out images."""
    from rich.console import Console

    scores = student.scores
    classes = ["same class"] if "same_class" in scores else []
    title = f"Agreement with the teacher on {student['held_out']['images']} held-out images"
    table = plain_table(title, "", "accuracy", "KL", *classes)
    for name, score in scores.drop("teacher itself").iterrows():
        table.add_row(str(name), *(f"{value:.3f}" for value in score.dropna()))
    ceiling = float(scores["accuracy"]["teacher itself"])
    table.add_row("[dim]teacher itself", f"{ceiling:.3f}", "0")
    Console().print(table)
