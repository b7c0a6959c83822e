"""The control: a student of the same images whose teacher knows nothing of people.

Its agreement with the present teacher, on the same held-out images, tells how much of a student's
gain comes from distillation alone.
"""

from dataclasses import replace
from pathlib import Path

import torch

from twoalike.backbones import CONFIG, load_backbone
from twoalike.distill._agreement import Agreement
from twoalike.distill._config import DistillConfig
from twoalike.distill._data import ImageSet
from twoalike.distill._lesson import Lesson
from twoalike.distill._student import Student
from twoalike.study import TwoalikeError, read_json


def check_control(control: Path, config: DistillConfig, digest: str, teacher: str) -> None:
    """Make sure that a student is a control of this run, before anything is trained.

    Parameters
    ----------
    control
        A student's folder.
    config
        Settings of this run.
    digest
        Hash of its images.
    teacher
        Hash of its teacher.

    Raises
    ------
    TwoalikeError
        If the control learnt from people's judgments, or from images that are held out here.
    """
    other = read_json(control / CONFIG, "student")
    if config.held_out == 0:
        raise TwoalikeError(
            f"--control {control}: it is compared on held-out images, and held_out is 0."
        )
    if other["teacher"]["sha256"] == teacher or other["teacher"]["method"] not in {
        "untransformed",
        "labelled triplets",
    }:
        raise TwoalikeError(
            f"--control {control}: expected a student of an untransformed teacher (twoalike teach "
            f"--untransformed), found one of the method {other['teacher']['method']!r}"
            f"{', this very teacher' if other['teacher']['sha256'] == teacher else ''}."
        )
    ours = {"images": digest, "seed": config.seed, "held_out": config.held_out}
    theirs = {
        "images": other["data"]["images_sha256"],
        "seed": other["config"]["seed"],
        "held_out": other["config"]["held_out"],
    }
    for key, value in ours.items():
        if theirs[key] != value:
            raise TwoalikeError(
                f"--control {control}: it may have learnt from images that are held out here: its "
                f"{key} is {theirs[key]!r}, here {value!r}. Distil both from the same."
            )


def control_score(
    control: Path, lesson: Lesson, config: DistillConfig, device: torch.device
) -> dict[str, float]:
    """Agreement of a control with the teacher, at the temperature that suits it best.

    Parameters
    ----------
    control
        A student's folder.
    lesson
        Of this run, with held-out images.
    config
        Settings of this run.
    device
        To compute on.

    Returns
    -------
    ``accuracy`` and ``kl``, as of the student.
    """
    backbone = load_backbone(control)
    student = Student(backbone.module, backbone.n_features, similarity=config.similarity)
    student.to(device)

    def seen(agreement: Agreement) -> Agreement:
        images = ImageSet(agreement.images.paths, backbone.preprocessing, seed=config.seed)
        return replace(agreement, images=images)

    assert lesson.agreement is not None
    seen(lesson.probe).settle_temperature(student, config.batch)
    return seen(lesson.agreement).score(student, config.batch)
