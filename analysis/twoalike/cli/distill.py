"""``twoalike distill``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoalike.cli._show import plain_table

if TYPE_CHECKING:
    from twoalike.distill import Student


def distill(
    *,
    images: Path,
    student: str,
    out: Path,
    teacher: Path | None = None,
    labels: Path | None = None,
    validation: Path | None = None,
    config: Path | None = None,
    features: Path | None = None,
    objects: Path | None = None,
    only: Path | None = None,
    weights: Path | None = None,
    untrained: bool = False,
    control: Path | None = None,
    skip_unreadable: bool = False,
    train: Literal["full", "last", "lora", "probe"] | None = None,
    steps: int | None = None,
    size: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
) -> None:
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

    Parameters
    ----------
    images
        Folder of images to learn from; nobody need have judged them.
    student
        efficientnet_lite0 (its weights are installed), any name of timm's, or a student's folder.
    out
        Folder to make.
    teacher
        Folder written by twoalike teach: it labels all triplets of every batch.
    labels
        Instead of a teacher: folder of labelled triplets, of twoalike predict --sample or twoalike
        import alignet.
    validation
        Folder of labelled triplets to score on; none of their images is learnt from.
    config
        Recipe (TOML); the flags below replace what it says.
    features
        The teacher's network's features of the images; computed once if left out.
    objects
        Ids of features in .npy.
    only
        List of image ids, one a line: learn from these and no others.
    weights
        Local weights (.safetensors, .pth, or a folder with one) for a name of timm's, instead of a
        download.
    untrained
        Start from random weights, drawn from --seed.
    control
        Folder of a student of the same images, whose teacher was untransformed (twoalike teach
        --untransformed): its agreement with this teacher is shown beside the student's.
    skip_unreadable
        Leave out images that cannot be read, instead of ending there.
    train
        What learns: full (all weights), last (blocks), lora (low-rank adapters), or probe (an
        affine map of the features, which are computed once); details are set in the recipe.
    steps
        Updates of the weights.
    size
        Width and height of the student's input in pixels.
    batch
        Images a step and process.
    rate
        Peak learning rate.
    seed
        Everything random derives from it.
    device
        auto, cpu, cuda, cuda:1, ...
    resume
        Go on from the last checkpoint in --out; the result is that of a run that never stopped.
    """  # noqa: E501
    from twoalike import distill as distillation
    from twoalike.cli.features import left_out
    from twoalike.study import is_first_process

    settings: dict[str, Any] = {"train": train, "steps": steps, "size": size, "batch": batch}
    settings |= {"rate": rate, "seed": seed}
    made = distillation.distill(
        teacher,
        images,
        student,
        out,
        config,
        labels=labels,
        validation=validation,
        features=features,
        objects=objects,
        only=only,
        weights=weights,
        untrained=untrained,
        control=control,
        skip_unreadable=skip_unreadable,
        device=device,
        resume=resume,
        **settings,
    )
    if not is_first_process():
        return  # one of several processes reports
    print(f"{out}  student of {made['backbone']}, {made['data']['learnt']} images")  # noqa: T201
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
