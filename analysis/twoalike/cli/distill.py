"""``twoalike distill``."""

from pathlib import Path
from typing import Any, Literal

from twoalike.cli._show import plain_table


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
    from twoalike.cli.features import left_out
    from twoalike.distill import distill as run
    from twoalike.distill import load_recipe
    from twoalike.features import read_features
    from twoalike.study import hold_output, is_first_process

    named: dict[str, Any] = {"train": train, "steps": steps, "size": size, "batch": batch}
    named |= {"rate": rate, "seed": seed}
    with hold_output(out):
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
            control=control,
            skip_unreadable=skip_unreadable,
            device=device,
            resume=resume,
        )
    if not is_first_process():
        return  # one of several processes speaks
    print(f"{out}  student of {content['backbone']}, {content['data']['learnt']} images")  # noqa: T201
    if unreadable := content["data"].get("unreadable"):
        print(left_out(unreadable))  # noqa: T201
    if content["held_out"]:
        _show(content["held_out"])


def _show(held_out: dict[str, object]) -> None:
    """Print the scores on held-out images."""
    from rich.console import Console

    base = held_out["base"]
    assert isinstance(base, dict)
    classes = ["same class"] if "same_class" in base else []
    title = f"Agreement with the teacher on {held_out['images']} held-out images"
    table = plain_table(title, "", "accuracy", "KL", *classes)
    for key, name in (("base", "base"), ("control", "untransformed"), ("student", "aligned")):
        if key not in held_out:
            continue
        score = held_out[key]
        assert isinstance(score, dict)
        cells = [name, f"{score['accuracy']:.3f}", f"{score['kl']:.3f}"]
        if "same_class" in score:
            cells.append(f"{score['same_class']:.3f}")
        table.add_row(*cells)
    table.add_row("[dim]teacher itself", f"{held_out['ceiling']:.3f}", "0")
    Console().print(table)
