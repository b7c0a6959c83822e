"""``twoalike distill``."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import Parameter

from twoalike.cli._show import plain_table, wide_console

if TYPE_CHECKING:
    from twoalike.distill import Student


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What is distilled into what, and how."""

    images: Path
    """Images to learn from, in any form that twoalike features takes. They need no judgments."""
    student: str
    """efficientnet_lite0 (its weights are installed), any name of timm's, transformers:REPOSITORY,
    open_clip:MODEL/TAG, or a student's folder."""
    out: Path
    """Folder to make."""
    teacher: Path | None = None
    """Teacher's folder, made by twoalike teach; the teacher labels all triplets of every batch."""
    labels: Path | None = None
    """Instead of a teacher: folder of labelled triplets, made by twoalike predict --sample or
    twoalike import alignet."""
    validation: Path | None = None
    """Folder of labelled triplets for scoring; their images are not used for training."""
    config: Path | None = None
    """Recipe (TOML); the options below replace its settings."""
    features: Path | None = None
    """Features of the images, computed by the teacher's network; computed once if left out."""
    objects: Path | None = None
    """Object ids, one per line, for a file of features without ids."""
    only: Path | None = None
    """List of image ids, one per line: learn only from these."""
    weights: Path | None = None
    """Local weights (.safetensors, .pth, or a folder with one) for a network's name, instead of a
    download."""
    untrained: bool = False
    """Start from random weights, drawn from --seed."""
    pool: Literal["cls", "mean"] | None = None
    """Features of one of timm's vision transformers: its class token or the mean of its patch
    tokens, instead of timm's own pooling."""
    block: int | None = None
    """Block of a vision transformer whose tokens are pooled, instead of the last: its number from
    0, or from the end if negative. The student ends with this block."""
    control: Path | None = None
    """Folder of a student of the same images whose teacher was untransformed (twoalike teach
    --untransformed); its agreement with this teacher is shown beside the student's."""
    skip_unreadable: bool = False
    """Leave out images that cannot be read, instead of stopping."""
    train: Literal["full", "last", "lora", "probe"] | None = None
    """What is trained: full (all weights), last (the last blocks), lora (low-rank adapters), or
    probe (nothing: the aligned vector in closed form). The recipe sets the details."""
    head: Literal["none", "linear", "dense"] | None = None
    """Map on the features that is trained with them and then left out: linear, dense, or none."""
    balance: float | None = None
    """Length of the vector's human part, in lengths of its features, instead of the most likeness
    that costs held-out images no ability."""
    classes: Path | None = None
    """Table of the images' classes (.tsv: id, and a column per level, of which the last counts), by
    which ability is judged; otherwise by their folders or, without these, by recognising crops."""
    sampling: Literal["uniform", "scales"] | None = None
    """Triplets of a batch. uniform: any three images. scales: the teacher's nearest neighbours at
    all scales, which also teaches fine distinctions."""
    steps: int | None = None
    """Number of updates of the weights."""
    size: int | None = None
    """Width and height of the student's input in pixels."""
    batch: int | None = None
    """Images per step and process."""
    rate: float | None = None
    """Peak learning rate."""
    seed: int | None = None
    """Everything random derives from it."""
    workers: int | None = None
    """Number of extra processes that load images."""
    precision: Literal["32", "bf16"] | None = None
    """Arithmetic of the network."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    resume: bool = False
    """Continue from the last checkpoint, with the same result as without interruption."""


def distill(*, options: Options) -> None:
    """Align a network with a teacher: fine-tune it on the teacher's choice probabilities.

    The student's folder contains weights that plain timm loads, a model card and the training log.
    Checkpoints are in OUT.checkpoints beside it. Under torchrun or SLURM, all processes train one
    student.

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
    scores, sides = student.scores, student["both_sides"]
    classes = ["same class"] if "same_class" in scores else []
    title = f"Agreement with the teacher on {student['held_out']['images']} held-out images"
    columns = [name for name in ("likeness", "ability", "accuracy", "kl") if name in scores]
    table = plain_table(title, "", *columns, *classes)
    for name, score in scores[[*columns, *(["same_class"] if classes else [])]].iterrows():
        table.add_row(str(name), *("" if math.isnan(x) else f"{x:.3f}" for x in score))
    wide_console().print(table)
    if sides:
        how = "closed form" if not student["mix"] else f"step {student['selected_step']}"
        share = f", {student['mix']:.0%} of the way from the initial weights"
        chosen = how + (share if 0 < student["mix"] < 1 else "")
        print(f"likeness: {sides['measures']['likeness']}\nability: {sides['measures']['ability']}")  # noqa: T201
        print(f"student: {chosen}")  # noqa: T201
