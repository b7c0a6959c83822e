"""What a student learns from: a teacher with features, or labelled triplets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoalike.distill._config import DistillConfig
from twoalike.distill._labels import PLAN
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError, read_json, sha256_file
from twoalike.teacher import Teacher, likeness_of


@dataclass(frozen=True)
class Guidance:
    """The source of labels (a teacher with features, or labelled triplets) and a control."""

    teacher: Teacher | None
    features: FeatureTable | None
    labels: Path | None
    validation: Path | None
    control: Path | None

    def check(self, config: DistillConfig) -> None:
        """Check that there is exactly one source of labels, suitable for the objective."""
        if (self.teacher is None) == (self.labels is None):
            raise TwoalikeError(
                where="distill",
                expected="either `teacher=...` or `labels=...` to learn from",
                found="neither" if self.teacher is None else "both",
            )
        if self.labels is None and self.validation is not None:
            raise TwoalikeError(
                "labelled triplets score a student of `labels=...` only; a teacher labels the "
                "held-out images itself",
                where="`validation=...`",
            )
        if self.labels is not None and config.objective == "relational":
            raise TwoalikeError(
                "objective = 'relational' compares similarity matrices, which labelled triplets do "
                "not contain",
                remedy="Give `teacher=...`, or use 'kl', 'jsd' or 'hard'.",
            )
        if self.labels is not None and config.sampling != "uniform":
            raise TwoalikeError(
                f"sampling = {config.sampling!r} chooses a batch's triplets by a teacher's "
                "similarities, but `labels=...` lists the triplets",
                remedy="Give `teacher=...`, or leave sampling out.",
            )

    @property
    def origin(self) -> dict[str, Any]:
        """Description of the source of labels, for the student's config and card."""
        if self.teacher is not None:
            return {
                "method": self.teacher.description.get("method"),
                "backbone": self.teacher.source.get("backbone"),
                "objects": self.teacher.description.get("to", {}).get("objects"),
                "sha256": self.teacher.description["arrays_sha256"],
                **likeness_of(self.teacher.description),
            }
        plans = self.files
        scored = {"validation_sha256": sha256_file(plans["validation"])} if self.validation else {}
        plan = read_json(plans["labels"], "labels")
        return {
            "method": "labelled triplets",
            "backbone": None,
            "objects": None,
            **{key: plan[key] for key in ("triplets", "likeness", "judged") if key in plan},
            "sha256": sha256_file(plans["labels"]),
            **scored,
        }

    @property
    def files(self) -> dict[str, Path]:
        """Files that describe the source of labels, by role."""
        if self.teacher is not None and self.teacher.folder is not None:
            return {"teacher": self.teacher.folder / "teacher.json"}
        folders = {"labels": self.labels, "validation": self.validation}
        return {role: folder / PLAN for role, folder in folders.items() if folder is not None}
