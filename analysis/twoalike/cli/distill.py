"""``twoalike distill``."""

import os
from pathlib import Path


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
    steps: int | None = None,
    size: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
) -> None:
    """Align a network with a teacher: fine-tune all of it on the teacher's choice probabilities.

    The student's folder holds weights that plain timm loads, a model card and the training log;
    checkpoints while it runs. Under torchrun or SLURM all processes work on one student.

    Examples
    --------
        twoalike distill --teacher teacher --images photos --student efficientnet_lite0 --out student
        twoalike distill --teacher teacher --images photos --student resnet50 --config recipe.toml --out r50
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
        Local weights (.safetensors, .pth) for a name of timm's, instead of a download.
    untrained
        Start from random weights, drawn from --seed.
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
    from twoalike.backbones import rest_idle_threads

    rest_idle_threads()
    from twoalike.distill import distill as run
    from twoalike.distill import load_recipe
    from twoalike.features import read_features

    named = {"steps": steps, "size": size, "batch": batch, "rate": rate, "seed": seed}
    content = run(
        teacher,
        images,
        student,
        out,
        load_recipe(config, named),
        labels=labels,
        validation=validation,
        features=read_features(features, objects) if features else None,
        only=only,
        weights=weights,
        untrained=untrained,
        device=device,
        resume=resume,
    )
    if os.environ.get("RANK", "0") != "0":
        return  # one of several processes speaks
    print(f"{out}  student of {content['backbone']}, {content['data']['learnt']} images")  # noqa: T201
    if content["held_out"]:
        _show(content["held_out"])


def _show(held_out: dict[str, object]) -> None:
    """Print the scores on held-out images."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"Agreement with the teacher on {held_out['images']} held-out images",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    for column in ("", "accuracy", "KL"):
        table.add_column(column)
    for name in ("base", "student"):
        score = held_out[name]
        assert isinstance(score, dict)
        table.add_row(name, f"{score['accuracy']:.3f}", f"{score['kl']:.3f}")
    table.add_row("[dim]teacher itself", f"{held_out['ceiling']:.3f}", "0")
    Console().print(table)
