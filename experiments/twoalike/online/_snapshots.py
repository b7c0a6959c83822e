"""Snapshots: the results of background fits, by which blocks of trials are chosen.

A snapshot is a folder ``NNNN`` that is renamed into place when complete and never changed:

- ``snapshot.json``: its number, its cut-off (which records were fitted), the hash of the draws, and
  the objects of each task
- ``draws.npz``: for each task draws of the embedding, of a typical person and, with ratings, of a
  typical rater; a large pool of trials, the information that the answer to each is expected to
  give, and how often each object was judged

It contains neither answers nor participants, so that a withdrawal requires no change.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from twoalike.design import WIDTH, ScoredTrials, shown_objects
from twoalike.online._records import Sent
from twoalike.planning import AdaptiveDesign, answer_draws
from twoalike.study import (
    Study,
    TwoalikeError,
    atomic_directory,
    load_arrays,
    provenance,
    read_json,
    write_json,
)

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

_ABOUT, _ARRAYS = "snapshot.json", "draws.npz"
_NAME = re.compile(r"[0-9]{4,}")
_SCORES = ("trials", "information", "judged")
"""Of a task (:class:`twoalike.design.ScoredTrials`)."""


class CutOff(Sent):
    """Data of a fit: all that was stored when it began."""

    records: Annotated[int, Field(ge=0)]
    """Records read, of all sessions."""
    sessions: Annotated[int, Field(ge=0)]
    """Sessions that were fitted."""
    trials: Annotated[int, Field(ge=0)]
    """Choices that were fitted."""
    time: str
    """When the records were read, ISO 8601, UTC."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A published snapshot."""

    number: int
    cut_off: CutOff
    posterior: str
    """SHA-256 of the draws."""
    similarity: str
    """Name of what turns coordinates into similarities."""
    objects: Mapping[str, tuple[str, ...]]
    """Objects of each task's design."""
    arrays: Mapping[str, npt.NDArray[Any]]

    def scored(self, design: AdaptiveDesign) -> ScoredTrials:
        """Return what it says of the trials of one of its tasks."""
        from twoalike.embedding import find_kernel

        task, shown = design.task.label, shown_objects(design.stimuli, design.settings)
        if (found := self.objects[task]) != shown:
            raise TwoalikeError(
                where=f"snapshot {self.number}",
                expected=f"the {len(shown)} objects of the design",
                found=f"{len(found)} objects, not the same",
                remedy="The design was changed: build the study anew, in a new folder.",
            )
        prefix = f"{task}_"
        of_task = (name for name in self.arrays if name.startswith(prefix))
        own = {name.removeprefix(prefix): self.arrays[name] for name in of_task}
        rows, lists = find_kernel(self.similarity).rows, design.task.lists
        scores: Any = {name: own[name] for name in _SCORES}
        answers = answer_draws(own, lists.question(design.settings), rows)
        return ScoredTrials(answers, lists.trial_form(design.settings), **scores, width=WIDTH)


def snapshot_folder(study: Study) -> Path:
    """Folder of a study's snapshots."""
    return study.derived / "snapshots"


def publish_snapshot(
    designs: Sequence[AdaptiveDesign],
    posterior: "Posterior",
    cut_off: CutOff,
    judged: Mapping[str, int] | None = None,
) -> Snapshot:
    """Score trials of a study's tasks under a posterior and publish them under the next number.

    ``judged``: how often each object was shown in what the posterior has seen.
    """
    study, where = designs[0].study, "the fit of the answers so far"
    folder, seed = snapshot_folder(study), study.config.seed
    number = 1 + max(_numbers(folder), default=0)
    objects = {one.task.label: shown_objects(one.stimuli, one.settings) for one in designs}
    arrays: dict[str, Any] = {}
    for (task, shown), one in zip(objects.items(), designs, strict=True):
        draws = one.draws(posterior, where)
        counts = np.array([(judged or {}).get(name, 0) for name in shown])
        scored = one.score(draws, posterior.kernel.rows, [seed, number], counts)
        arrays |= {f"{task}_{name}": values for name, values in draws.items()}
        arrays |= {f"{task}_{name}": getattr(scored, name) for name in _SCORES}
    digest = _digest(arrays)
    about = provenance(
        "snapshot",
        seed=seed,
        config={
            "number": number,
            "cut_off": cut_off.model_dump(),
            "posterior": digest,
            "fit": posterior.attrs.get("provenance", {}).get("config", {}),
            "inputs": posterior.attrs.get("provenance", {}).get("inputs", {}),
            "engine": posterior.attrs.get("engine"),
            "converged": posterior.verdict.predictions,
            "similarity": posterior.attrs.get("similarity", "dot"),
            "objects": {task: list(names) for task, names in objects.items()},
        },
    )
    path = folder / f"{number:04d}"
    with atomic_directory(path) as temporary:
        np.savez(temporary / _ARRAYS, **arrays)
        write_json(temporary / _ABOUT, about)
        if path.exists():
            raise TwoalikeError(
                "another process has published this snapshot",
                where=path,
                remedy="Only one background fit of a study may run.",
            )
    return read_snapshot(path)


def _digest(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    parts = (np.ascontiguousarray(arrays[name]).tobytes() for name in sorted(arrays))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def read_snapshot(path: Path) -> Snapshot:
    """Read a published snapshot and check it."""
    about: dict[str, Any] = read_json(path / _ABOUT, "snapshot")["config"]
    arrays = dict(load_arrays(path / _ARRAYS, "draws of a snapshot"))
    if (found := _digest(arrays)) != about["posterior"]:
        raise TwoalikeError(
            where=path / _ARRAYS,
            expected=f"draws with the hash {about['posterior'][:12]}",
            found=found[:12],
            remedy="The file is damaged: move the folder away; the one before is used.",
        )
    cut_off = CutOff.model_validate(about["cut_off"])
    objects = {task: tuple(names) for task, names in about["objects"].items()}
    about_draws = (about["posterior"], about["similarity"])
    return Snapshot(about["number"], cut_off, *about_draws, objects, arrays)


def latest_snapshot(folder: Path, known: Snapshot | None = None) -> Snapshot | None:
    """Read the snapshot with the highest number; ``known`` is returned if it is still that one."""
    number = max(_numbers(folder), default=0)
    if known is not None and known.number == number:
        return known
    return read_snapshot(folder / f"{number:04d}") if number else None


def _numbers(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(path.name) for path in folder.iterdir() if _NAME.fullmatch(path.name)]
