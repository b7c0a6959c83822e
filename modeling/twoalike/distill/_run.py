"""Distillation, from files to a student's folder."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from twoalike.backbones import Backbone, TokenPool, without_unreadable
from twoalike.collections import Collection, as_collection
from twoalike.distill._checkpoint import checkpoints_of, nothing_left
from twoalike.distill._config import DistillConfig, load_recipe
from twoalike.distill._evidence import ClosedForm, Cropped, ceiling
from twoalike.distill._export import Student, write_student
from twoalike.distill._inputs import (
    Given,
    Guidance,
    chosen_images,
    claim_folder,
    maps_features_of,
    starting_network,
    teacher_features,
)
from twoalike.distill._labels import read_labels
from twoalike.distill._lesson import (
    Division,
    Lesson,
    image_lesson,
    label_lesson,
)
from twoalike.distill._loop import Trainer, scores_by_step
from twoalike.distill._sources import Inputs, Opinion
from twoalike.distill._trainable import frozen_part, prepare_training, restore
from twoalike.distill._update import Record, StudentNetwork, make_head
from twoalike.features import AlignedVector, FeatureTable, join_parts
from twoalike.study import TwoalikeError, hold_output, provenance
from twoalike.tables import LabelSource, classes_of
from twoalike.teacher import Teacher

MEASURES = {
    "likeness": "Spearman's correlation of cosines with the teacher's similarities",
    "ability": "few-shot accuracy (nearest mean of 1 and of 3 examples), or of recognised crops",
}


def distill(
    teacher: str | Path | Teacher | None,
    images: str | Path | Collection,
    student: str | Path | Backbone,
    out: str | Path,
    config: DistillConfig | str | Path | None = None,
    *,
    labels: str | Path | None = None,
    validation: str | Path | None = None,
    features: FeatureTable | str | Path | None = None,
    objects: str | Path | None = None,
    only: str | Path | Sequence[str] | None = None,
    weights: str | Path | None = None,
    untrained: bool = False,
    pool: TokenPool | None = None,
    block: int | None = None,
    classes: LabelSource | None = None,
    skip_unreadable: bool = False,
    device: str = "auto",
    resume: bool = False,
    **settings: Any,
) -> Student:
    """Align a network with a teacher and write it to ``out``.

    Under torchrun or SLURM all processes work on one student.

    Parameters
    ----------
    teacher
        Folder written by ``twoalike teach``, or a teacher loaded from one; None if ``labels`` are
        given.
    images
        Training images, which need no judgments: a collection, or what
        :func:`twoalike.collections.open_collection` opens.
    student
        A network's name, a student's folder, or a :class:`twoalike.backbones.Backbone` around
        any module.
    out
        The student's folder. Checkpoints are in a folder beside it, ``OUT.checkpoints``, which the
        finished student does not need.
    config
        Settings, or a recipe (TOML).
    labels
        Folder of labelled triplets from ``twoalike predict`` or ``twoalike import alignet``, used
        instead of a teacher.
    validation
        Folder of labelled triplets to score on; their images are not used in training.
    features
        Features of these images by the teacher's network, or their file; computed and saved if
        omitted.
    objects
        File of object ids, one per line, if the file of features has none.
    only
        File of ids, one per line, or the ids: use only these images.
    weights, untrained, pool, block
        As in :func:`twoalike.backbones.load_backbone`.
    classes
        Table of the images' classes (columns id and class, the last column counts), by which it is
        judged that the student has lost no ability; None: the images' folders or, where there are
        none, crops of the images, each to be recognised.
    skip_unreadable
        Omit unreadable images instead of refusing them.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
    resume
        Continue from the last checkpoint; the result is the same.
    settings
        Fields of :class:`DistillConfig` that replace those of ``config``.

    Returns
    -------
    The student: its folder, and the content of its config.json as a mapping.
    """
    if not isinstance(config, DistillConfig):
        config = load_recipe(config, settings)
    elif settings:
        config = load_recipe(None, {**config.model_dump(), **settings})
    out = Path(out)
    with hold_output(out):
        guidance = Guidance.of(teacher, features, objects, (labels, validation), config)
        if claim_folder(out, resume):
            with nothing_left(out):
                unreadable: tuple[str, ...] = ()
                seen = chosen_images(as_collection(images), only)
                backbone = starting_network(student, config, weights, untrained, pool, block)
                fabric = make_fabric(device, config.precision)
                if skip_unreadable:
                    share = fabric.global_rank, fabric.world_size
                    seen, unreadable = without_unreadable(seen, config.workers, *share)
                given = Given(config, guidance, seen, unreadable, backbone, out, device, classes)
                _distil(given, fabric, resume)
        return Student.load(out)


def _distil(given: Given, fabric: Fabric, resume: bool) -> None:
    config, backbone, initial = given.config, given.backbone, given.backbone.weights_sha256
    trained = prepare_training(backbone, config)
    with fabric.rank_zero_first():
        lesson, module = _lesson(given, trained, fabric)
        origin = given.guidance.origin
    network = _network(given, module, lesson, fabric.device)
    start = None
    before: dict[str, Any] = {}  # scores
    if (sides := lesson.sides) is not None:
        start = ClosedForm.of(sides, network, config)
    elif lesson.agreement is not None:
        plain = StudentNetwork(network.backbone, similarity=config.similarity)
        plain.to(network.log_temperature.device)
        lesson.probe.settle_temperature(plain, config.batch)
        before = {"base": lesson.agreement.score(plain, config.batch)}
    if start is not None and start.base is not None and start.closed is not None:
        before = {"base": start.base.as_dict(), "start": start.closed.as_dict()}
    log: list[Record] = [{"step": 0, "held_out": before["start"]}] if "start" in before else []
    step, mix, learnt = 0, 0.0, 0
    if config.train != "probe":
        fingerprint = _fingerprint(given, initial, origin, fabric.world_size)
        improved = start if before else None
        trainer = Trainer(fabric, network, lesson, config, given.out, fingerprint, improved)
        if resume:
            trainer.resume()
        trainer.run()
        learnt = trainer.update.n_weights
        (step, mix), log = trainer.finish(), trainer.log
    if fabric.is_global_zero:
        vector, scores = _final_vector(given, lesson, network, start, before, log, step, mix)
        network.backbone, network.vector = restore(network.backbone), vector
        summary = {"selected_step": step, "mix": mix, "initial_sha256": initial, "teacher": origin}
        summary |= {**scores, "data": _data(given, lesson), "learnt": learnt}
        settings, files = config.model_dump(mode="json"), given.guidance.files
        made = provenance("student", seed=config.seed, inputs=files, config=settings)
        write_student(given.out, backbone, network, made, summary, log, given.images)
    fabric.barrier()


def _fingerprint(
    given: Given, initial: str, origin: dict[str, Any], processes: int
) -> dict[str, Any]:
    """Say what a checkpoint must be of to be continued."""
    return {
        "config": given.config.model_dump(mode="json"),
        "teacher": origin["sha256"],
        "student": initial,
        "images": given.images.digest,
        "processes": processes,
        **given.backbone.tokens,
    }


def make_fabric(device: str, precision: str) -> Fabric:
    """Make the Fabric of this process: alone, or one of those started by torchrun or SLURM."""
    world = int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1")))
    together = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    if world > 1 and not os.environ.keys() & {"WORLD_SIZE", "SLURM_NTASKS_PER_NODE"}:
        raise TwoalikeError(
            where="SLURM",
            expected="--ntasks-per-node, which says where each process is",
            found=f"--ntasks={world} alone",
            remedy="Give --nodes and --ntasks-per-node instead.",
        )
    accelerator, _, number = device.partition(":")
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise TwoalikeError(
            "torch finds no CUDA GPU", where="`device=cuda`", remedy="Use `device=cpu`."
        )
    with warnings.catch_warnings():
        if world == 1:  # started by hand on a login node, where srun exists but is not needed
            warnings.filterwarnings("ignore", message="The `srun` command is available")
        fabric = Fabric(
            accelerator=accelerator,
            devices=[int(number)] if number else together,
            num_nodes=max(world // together, 1),
            precision="bf16-mixed" if precision == "bf16" else "32-true",
            # Networks may hold weights without a gradient, and leave out layers at random.
            strategy="auto" if world == 1 else DDPStrategy(find_unused_parameters=True),
        )
        fabric.launch()
    return fabric


def _lesson(
    given: Given, module: torch.nn.Module, fabric: Fabric
) -> tuple[Lesson, torch.nn.Module]:
    """Learn from all triplets of each batch, or from listed ones; and the module that does."""
    config, seen, backbone, guidance = given.config, given.images, given.backbone, given.guidance
    place: dict[str, Any] = {"world": fabric.world_size, "rank": fabric.global_rank}
    if (teacher := guidance.teacher) is None:
        assert guidance.labels is not None
        table = read_labels(guidance.labels)
        tested = read_labels(guidance.validation) if guidance.validation else None
        place["unreadable"] = given.unreadable
        return label_lesson(config, seen, backbone.preprocessing, table, tested, **place), module
    judged = np.isin(seen.ids, teacher.known_ids)
    division = Division.of(config, seen, judged, classes_of(seen.ids, given.classes))
    cropped, beside = division.cropped(seen), checkpoints_of(given.out)
    same = maps_features_of(teacher, backbone)
    divided = frozen_part(backbone, config, (seen, cropped), beside, given.device)
    features = guidance.features
    if features is None and teacher.needs_features:
        features = teacher_features(given, teacher, same)
    average = teacher.description.get("labels") if config.average == "teacher" else config.average
    opinion = Opinion.of(teacher, seen.ids, features, average or "predictive")
    inputs: Inputs = backbone.preprocessing
    place["crops"] = None if cropped is None else Cropped.of(backbone.preprocessing)
    if divided is not None:
        module, inputs, place["crops"] = divided
    return image_lesson(config, seen, division, inputs, opinion, **place), module


def _network(
    given: Given, module: torch.nn.Module, lesson: Lesson, device: torch.device
) -> StudentNetwork:
    config = given.config
    network = StudentNetwork(
        module,
        make_head(config.head, given.backbone.n_features, config.head_width, config.seed),
        similarity=config.similarity,
        temperature=config.temperature or 1.0,
    ).to(device)
    # Before anything is computed: another memory layout changes the last bits.
    if config.channels_last:
        network.to(memory_format=torch.channels_last)
    if config.temperature is None:
        lesson.probe.settle_temperature(network, config.batch)
    return network


def _final_vector(
    given: Given,
    lesson: Lesson,
    student: StudentNetwork,
    start: ClosedForm | None,
    before: dict[str, Any],
    log: list[Record],
    step: int,
    mix: float,
) -> tuple[AlignedVector, dict[str, Any]]:
    """Fit the aligned vector of the final weights to all images; scores without the held-out."""
    config, scores = given.config, scores_by_step(log)
    held_out, rows = dict(before), list(start.rows) if start else []
    if start is None:
        vector = join_parts((np.eye(p := given.backbone.n_features), np.zeros(p)), None)
        if before:
            held_out |= {"start": scores[0], "student": scores[step]}
    else:
        sides, settings = start.sides, start.frontier.chosen
        found = sides.found(student, config.batch) if mix else start.found
        vector = settings.fit(found)
        if before:
            tested = settings.fit(sides.learnt(found))
            score = sides.score(found, tested)
            held_out["student"] = score.as_dict()
            if config.temperature is None:
                student.settle(score.temperature)
            rows += sides.rows("student", found, tested)
    if before:
        judge = lesson.agreement or lesson.sides
        assert judge is not None and lesson.scored is not None
        held_out |= {"images": len(lesson.scored), "triplets": len(judge.triplets)}
        held_out["ceiling"] = ceiling(judge.labels)
    return vector, {
        "held_out": held_out or None,
        "both_sides": {"measures": MEASURES, "rows": rows} if rows else None,
        "frontier": start.frontier.as_dict() if start else None,
    }


def _data(given: Given, lesson: Lesson) -> dict[str, Any]:
    held_out = None if lesson.sides is None else lesson.sides.held_out
    unreadable = {"unreadable": list(given.unreadable)} if given.unreadable else {}
    return {
        "learnt": len(lesson.images),
        "mixed_triplets_dropped": lesson.dropped,
        "listing_sha256": given.images.digest,
        "held_out_sha256": None if held_out is None else held_out.images.digest,
        **unreadable,
    }
