"""A distillation from files to a student's folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from twoalike.backbones import (
    CONFIG,
    Backbone,
    images_digest,
    load_backbone,
    weights_sha256,
    without_unreadable,
)
from twoalike.distill._base import with_kept_classifier
from twoalike.distill._config import DistillConfig
from twoalike.distill._control import check_control, control_score
from twoalike.distill._data import Inputs
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
from twoalike.distill._probe import frozen_features
from twoalike.distill._sources import Opinion
from twoalike.distill._stream import HEAD, seed_of
from twoalike.distill._student import Student
from twoalike.distill._trainable import prepare_training
from twoalike.features import FeatureTable
from twoalike.study import provenance, read_json
from twoalike.teacher import Teacher, load_teacher


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
    control: Path | None = None,
    skip_unreadable: bool = False,
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
        The student's folder; while training goes on it holds checkpoints and the log.
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
    control
        A student's folder: of the same images, from an untransformed teacher. Its agreement with
        this teacher is told beside the student's.
    skip_unreadable
        Leave out images that cannot be read, which are refused otherwise.
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
        return read_json(out / CONFIG, "student")
    seen = _Images.of(images, only, skip_unreadable)
    student = _start(student, config, weights, untrained)
    initial, classifier = student.weights_sha256, student.classifier
    fabric = make_fabric(device, config.precision, config.parallel)
    share = Share(fabric.world_size, fabric.global_rank)
    module = prepare_training(student, config)
    with fabric.rank_zero_first():
        given = _given(student, config, seen, out, device)
        if teacher is not None:
            guide = load_teacher(teacher, any_kind=True)
            lesson, origin = _taught(guide, features, given, config, seen, share, out, device)
            inputs = {"teacher": teacher / "teacher.json"}
        else:
            lesson, origin, inputs = _labelled(labels, validation, given, config, seen, share)
    if control is not None:
        check_control(control, config, seen.digest, origin["sha256"])
    fingerprint = {
        "config": config.model_dump(mode="json"),
        "teacher": origin["sha256"],
        "student": initial,
        "images": seen.digest,
        "processes": fabric.world_size,
        "classifier": weights_sha256(classifier) if classifier else None,
    }
    network = _student_of(module, student.n_features, config, lesson, fabric.device)
    n_learnt = sum(
        weights.numel()
        for name, weights in network.named_parameters()
        if weights.requires_grad and name != "log_temperature"
    )
    trainer = Trainer(fabric, network, lesson, config, out, fingerprint, classifier)
    if resume:
        trainer.resume()
    trainer.run()
    trained, step = trainer.finish()
    if fabric.is_global_zero:
        summary = _summary(origin, trainer, step) | {"learnt": n_learnt}
        summary["data"] |= {"unreadable": list(seen.unreadable)} if seen.unreadable else {}
        if control is not None:
            score = control_score(control, lesson, config, fabric.device)
            summary["held_out"]["control"] = score
        made = provenance("student", seed=config.seed, inputs=inputs, config=fingerprint["config"])
        write_student(out, student, trained, made, summary, trainer.log, seen.paths)
    fabric.barrier()
    return read_json(out / CONFIG, "student")


@dataclass(frozen=True)
class _Images:
    """Images to learn from and to score on, and those that could not be read."""

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    unreadable: tuple[str, ...]
    digest: str

    @classmethod
    def of(cls, folder: Path, only: Path | None, skip_unreadable: bool) -> "_Images":
        ids, paths = choose_images(folder, only)
        unreadable: tuple[str, ...] = ()
        if skip_unreadable:
            ids, paths, unreadable = without_unreadable(ids, paths)
        return cls(ids, paths, unreadable, images_digest(ids, paths))


def _start(
    student: str | Path | Backbone, config: DistillConfig, weights: Path | None, untrained: bool
) -> Backbone:
    """Load the network that learns, at the size it learns with, and what is kept of it."""
    if not isinstance(student, Backbone):
        student = load_backbone(
            student,
            weights=weights,
            untrained=untrained,
            seed=config.seed,
            classifier=config.keep_classifier > 0,
        )
    return with_kept_classifier(student.resized(config.size), config)


def _given(
    student: Backbone, config: DistillConfig, seen: _Images, out: Path, device: str
) -> Inputs:
    """How the student is given images: prepared, or for a probe their features."""
    if config.train != "probe":
        return student.preprocessing
    cache = out / "checkpoints" / "student_features.npz"
    return frozen_features(student, seen.ids, seen.paths, seen.digest, cache, device)


def _taught(
    guide: Teacher,
    features: FeatureTable | None,
    given: Inputs,
    config: DistillConfig,
    seen: _Images,
    share: Share,
    out: Path,
    device: str,
) -> tuple[Lesson, dict[str, Any]]:
    """Let a teacher label all triplets of each batch."""
    if features is None and guide.needs_features:
        features = teacher_features(guide, seen.ids, seen.paths, seen.digest, out, device)
    average = guide.description.get("labels") if config.average == "teacher" else config.average
    opinion = Opinion(guide.positions(seen.ids, features), average or "predictive")
    return image_lesson(config, seen.paths, given, opinion, share), described_teacher(guide)


def _labelled(
    labels: Path | None,
    validation: Path | None,
    given: Inputs,
    config: DistillConfig,
    seen: _Images,
    share: Share,
) -> tuple[Lesson, dict[str, Any], dict[str, Path]]:
    """Take triplets that were labelled before."""
    assert labels is not None
    table = read_labels(labels)
    tested = read_labels(validation) if validation else None
    lesson = label_lesson(config, seen.ids, seen.paths, given, table, tested, share)
    inputs = {"labels": labels / PLAN}
    if validation:
        inputs["validation"] = validation / PLAN
    return lesson, described_labels(labels, validation), inputs


def _student_of(
    module: torch.nn.Module,
    n_features: int,
    config: DistillConfig,
    lesson: Lesson,
    device: torch.device,
) -> Student:
    """Put the network to be trained together, at the temperature that suits it as it is."""
    network = Student(
        module,
        n_features,
        head="affine" if config.train == "probe" else config.head,
        width=config.head_width,
        similarity=config.similarity,
        temperature=config.temperature or 1.0,
        seed=seed_of(config.seed, HEAD),
    )
    # Before anything is computed: another memory layout gives other last bits.
    network.to(device)
    if config.channels_last and config.parallel == "ddp":  # fsdp shares out plain layouts only
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
