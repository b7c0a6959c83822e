"""A distillation from files to a student's folder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from twoalike.backbones import Backbone, images_digest, load_backbone, weights_sha256
from twoalike.distill._config import DistillConfig
from twoalike.distill._export import write_student
from twoalike.distill._fabric import make_fabric
from twoalike.distill._inputs import (
    check_guidance,
    choose_images,
    claim_folder,
    described_labels,
    described_teacher,
    teacher_features,
)
from twoalike.distill._label_file import PLAN, read_labels
from twoalike.distill._lesson import Lesson, Share, image_lesson, label_lesson
from twoalike.distill._loop import Trainer
from twoalike.distill._sources import Opinion
from twoalike.distill._student import Student
from twoalike.features import FeatureTable
from twoalike.study import provenance, read_json
from twoalike.teacher import AffineTeacher, load_teacher


def distill(
    teacher: Path | None,
    images: Path,
    student: str | Path | Backbone,
    out: Path,
    config: DistillConfig | None = None,
    *,
    labels: Path | None = None,
    validation: Path | None = None,
    features: FeatureTable | None = None,
    only: Path | None = None,
    weights: Path | None = None,
    untrained: bool = False,
    device: str = "auto",
    resume: bool = False,
) -> dict[str, Any]:
    """Align a network with a teacher and write it to ``out``.

    Parameters
    ----------
    teacher
        Folder written by ``twoalike teach``; None where ``labels`` are given.
    images
        Folder of images to learn from; nobody need have judged them.
    student
        A network's name, a student's folder, or a :class:`twoalike.backbones.Backbone` around
        any module.
    out
        The student's folder; while training goes on it holds checkpoints only.
    config
        Settings.
    labels
        Folder of labelled triplets, of ``twoalike predict --sample`` or ``twoalike import
        alignet``, to learn from instead of a teacher.
    validation
        Folder of labelled triplets to score on; none of their images is learnt from.
    features
        The teacher's network's features of these images; computed (and kept) if left out.
    only
        List of ids, one a line: learn from these images and no others.
    weights, untrained
        As in :func:`twoalike.backbones.load_backbone`.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
    resume
        Go on from the last checkpoint in ``out``, to the same result.

    Returns
    -------
    The content of the student's config.json.

    Raises
    ------
    TwoalikeError
        If an input is missing or does not fit, or ``out`` is taken.
    """
    config = config or DistillConfig()
    check_guidance(teacher, labels, validation, config)
    if not claim_folder(out, resume):
        return read_json(out / "config.json", "student")
    ids, paths = choose_images(images, only)
    if not isinstance(student, Backbone):
        student = load_backbone(student, weights=weights, untrained=untrained, seed=config.seed)
    student = student.resized(config.size)
    fabric = make_fabric(device, config.precision, config.parallel)
    share = Share(fabric.world_size, fabric.global_rank)
    digest = images_digest(ids, paths)
    if teacher is not None:
        guide = load_teacher(teacher)
        with fabric.rank_zero_first():
            if features is None:
                features = teacher_features(guide, ids, paths, digest, out, device)
        opinion = _opinion(guide, FeatureTable(ids, features.select(ids), features.meta), config)
        lesson = image_lesson(config, paths, student.preprocessing, opinion, share)
        origin = described_teacher(guide)
        inputs = {"teacher": teacher / "teacher.json"}
    else:
        assert labels is not None
        table = read_labels(labels)
        tested = read_labels(validation) if validation else None
        lesson = label_lesson(config, ids, paths, student.preprocessing, table, tested, share)
        origin = described_labels(labels, validation)
        inputs = {"labels": labels / PLAN} | (
            {"validation": validation / PLAN} if validation else {}
        )
    fingerprint = {
        "config": config.model_dump(mode="json"),
        "teacher": origin["sha256"],
        "student": weights_sha256(student.module),
        "images": digest,
        "processes": fabric.world_size,
    }
    network = _student_of(student, config, lesson, fabric.device)
    trainer = Trainer(fabric, network, lesson, config, out, fingerprint)
    if resume:
        trainer.resume()
    trainer.run()
    trained, step = trainer.finish()
    summary = _summary(origin, trainer, step)
    if fabric.is_global_zero:
        made = provenance("student", seed=config.seed, inputs=inputs, config=fingerprint["config"])
        write_student(out, student, trained, made, summary, trainer.log)
    fabric.barrier()
    return read_json(out / "config.json", "student")


def _opinion(guide: AffineTeacher, features: FeatureTable, config: DistillConfig) -> Opinion:
    """Ask the teacher about the images."""
    positions = guide.embed(features)
    # So that their dot products are similarities divided by the temperature.
    positions /= np.sqrt(np.float32(guide.temperature))
    return Opinion(positions, config.average)


def _student_of(
    backbone: Backbone, config: DistillConfig, lesson: Lesson, device: torch.device
) -> Student:
    """Put the network to be trained together, at the temperature that suits it as it is."""
    network = Student(
        backbone.module,
        backbone.n_features,
        head=config.head,
        similarity=config.similarity,
        temperature=config.temperature or 1.0,
    )
    # Before anything is computed: another memory layout gives other last bits.
    network.to(device)
    if config.channels_last:
        network.to(memory_format=torch.channels_last)
    if config.temperature is None:
        lesson.probe.settle_temperature(network, config.batch)
    return network


def _summary(origin: dict[str, Any], trainer: Trainer, step: int) -> dict[str, Any]:
    """Describe teacher, data and scores for the student's config."""
    lesson, held_out = trainer.lesson, None
    if lesson.agreement is not None:
        by_step = {row["step"]: row["held_out"] for row in trainer.log if "held_out" in row}
        held_out = {
            "images": len(lesson.agreement.images),
            "triplets": len(lesson.agreement.triplets),
            "ceiling": lesson.agreement.ceiling,
            "base": by_step[0],
            "student": by_step[step],
        }
    return {
        "initial_sha256": trainer.fingerprint["student"],
        "selected_step": step,
        "held_out": held_out,
        "teacher": origin,
        "data": {
            "learnt": len(lesson.images),
            "mixed_triplets_dropped": lesson.dropped,
            "images_sha256": trainer.fingerprint["images"],
        },
    }
