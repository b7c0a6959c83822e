"""A distillation from files to a student's folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from twoalike.backbones import Backbone, images_digest, load_backbone, weights_sha256
from twoalike.distill._agreement import Agreement, set_temperature
from twoalike.distill._config import DistillConfig
from twoalike.distill._data import ImageSet
from twoalike.distill._export import write_student
from twoalike.distill._inputs import choose_images, claim_folder, teacher_features
from twoalike.distill._loop import Lesson, Trainer, make_fabric
from twoalike.distill._student import Student
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError, provenance, read_json
from twoalike.teacher import AffineTeacher, load_teacher

HELD_OUT = 4  # purpose of randomness, beside those of the stream
PROBE = 256  # images on which the first temperature is found
MOST_HELD_OUT = 1000  # images: they are in memory at once


def distill(
    teacher: Path,
    images: Path,
    student: str | Path | Backbone,
    out: Path,
    config: DistillConfig | None = None,
    *,
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
        Folder written by ``twoalike teach``.
    images
        Folder of images to learn from; nobody need have judged them.
    student
        A network's name, a student's folder, or a :class:`twoalike.backbones.Backbone` around
        any module.
    out
        The student's folder; while training goes on it holds checkpoints only.
    config
        Settings.
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
    if not claim_folder(out, resume):
        return read_json(out / "config.json", "student")
    guide = load_teacher(teacher)
    ids, paths = choose_images(images, only)
    if not isinstance(student, Backbone):
        student = load_backbone(student, weights=weights, untrained=untrained, seed=config.seed)
    student = student.resized(config.size)
    fabric = make_fabric(device, config.precision)
    digest = images_digest(ids, paths)
    with fabric.rank_zero_first():
        if features is None:
            features = teacher_features(guide, ids, paths, digest, out, device)
    positions = guide.embed(FeatureTable(ids, features.select(ids), features.meta))
    # So that their dot products are similarities divided by the temperature.
    positions /= np.sqrt(np.float32(guide.temperature))
    lesson = _lesson(config, student, paths, positions)
    origin = {
        "config": config.model_dump(mode="json"),
        "teacher": guide.description["arrays_sha256"],
        "student": weights_sha256(student.module),
        "images": digest,
        "processes": fabric.world_size,
    }
    network = _student_of(student, config, lesson, fabric.device)
    trainer = Trainer(fabric, network, lesson, config, out / "checkpoints", origin)
    if resume:
        trainer.resume()
    trainer.run()
    summary = _summary(guide, trainer, trainer.finish())
    if fabric.is_global_zero:
        inputs = {"teacher": teacher / "teacher.json"}
        made = provenance("student", seed=config.seed, inputs=inputs, config=origin["config"])
        write_student(out, student, network, made, summary, trainer.log)
    fabric.barrier()
    return read_json(out / "config.json", "student")


def _lesson(
    config: DistillConfig,
    student: Backbone,
    paths: Sequence[Path],
    positions: npt.NDArray[np.float32],
) -> Lesson:
    """Divide the images into those to learn from and those to score on."""
    order = np.random.default_rng([config.seed, HELD_OUT]).permutation(len(paths))
    n_out = min(round(config.held_out * len(paths)), MOST_HELD_OUT)
    if 0 < n_out < 3:
        raise TwoalikeError(
            f"{len(paths)} images, of which {config.held_out:.0%} are held out, leave {n_out} to "
            "score on; a triplet needs 3. Give more images, or set held_out to 0."
        )
    kept, aside = np.sort(order[n_out:]), np.sort(order[:n_out])

    def part(rows: npt.NDArray[np.int64], flip: bool) -> ImageSet:
        chosen = [paths[row] for row in rows]
        return ImageSet(chosen, student.preprocessing, flip=flip, seed=config.seed)

    agreement = Agreement.of(part(aside, False), positions[aside], config.seed) if n_out else None
    return Lesson(part(kept, config.flip), positions[kept], agreement)


def _student_of(
    backbone: Backbone, config: DistillConfig, lesson: Lesson, device: torch.device
) -> Student:
    """Put the network to be trained together, at the temperature that suits it as it is."""
    network = Student(
        backbone.module, backbone.n_features, head=config.head, similarity=config.similarity
    )
    # Before anything is computed: another memory layout gives other last bits.
    network.to(device).to(memory_format=torch.channels_last)
    rows = range(min(PROBE, len(lesson.images)))
    probe_images = ImageSet(
        [lesson.images.paths[row] for row in rows],
        backbone.preprocessing,
        flip=False,
        seed=config.seed,
    )
    probe = Agreement.of(probe_images, lesson.positions[: len(rows)], config.seed)
    set_temperature(network, probe.best_temperature(network, config.batch))
    return network


def _summary(guide: AffineTeacher, trainer: Trainer, step: int) -> dict[str, Any]:
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
        "teacher": {
            "method": guide.description.get("method"),
            "backbone": guide.source.get("backbone"),
            "objects": guide.description.get("to", {}).get("objects"),
            "arrays_sha256": guide.description["arrays_sha256"],
        },
        "data": {
            "learnt": len(lesson.images),
            "images_sha256": trainer.fingerprint["images"],
        },
    }
