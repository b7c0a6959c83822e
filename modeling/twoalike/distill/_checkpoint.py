"""Checkpoints: everything a run needs to continue as if it had not stopped.

A checkpoint is a file ``step-0000040.pt`` of ``torch.save``, renamed into place when it is whole:
a zip archive, whose checksums are verified, since disks can lose or change data. The last few and
the best are kept. Order, triplets and noise of each step follow from the seed, so no state of a
random generator is stored.
"""

import json
import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from safetensors.torch import save_file

from twoalike.distill._config import DistillConfig
from twoalike.distill._update import StudentNetwork
from twoalike.study import (
    DAMAGED,
    TwoalikeError,
    atomic_path,
    flattened,
    is_first_process,
    shortened,
    usual_permissions,
)

LOG = "training.jsonl"
"""In the student's folder: a record per step, and the scores after some."""


class DamagedCheckpointError(TwoalikeError):
    """A checkpoint that cannot be used; an earlier one may be."""


@dataclass(frozen=True)
class Progress:
    """A run's progress: steps done, and the best step so far by held-out images."""

    step: int = 0
    best_step: int = 0
    best: float | None = None  # what that step has least of


@dataclass(frozen=True)
class Checkpoint:
    """A run after a step."""

    progress: Progress
    fingerprint: dict[str, Any]
    log: list[dict[str, Any]]
    weights: dict[str, torch.Tensor]
    optimizer: dict[str, Any]


def checkpoints_of(out: Path) -> Path:
    """Folder of a run's checkpoints, beside the student's own, which is published as it is."""
    named = out if out.name not in ("", "..") else out.resolve()
    return named.with_name(f"{named.name}.checkpoints")


def checkpoint_path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:07d}.pt"


def checkpoint_step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def find_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints, earliest first."""
    return sorted(folder.glob("step-[0-9]*.pt"))


@contextmanager
def nothing_left(out: Path) -> Iterator[None]:
    """Remove what a run made if it fails before its first checkpoint.

    Features that it computed stay, since they may have taken hours and are used by the next
    attempt. A run with checkpoints keeps everything, and says so if its error does not.
    """
    beside = checkpoints_of(out)
    missing = [one for one in (out, beside, *out.absolute().parents) if not one.exists()]
    before = {*out.glob("*"), *beside.glob("*")}
    try:
        yield
    except BaseException as error:
        if is_first_process():
            if found := find_checkpoints(beside):
                if isinstance(error, Exception) and "checkpoint" not in str(error):
                    print(  # noqa: T201
                        f"{out}: {found[-1].name} is kept; the run goes on with `resume=True`.",
                        file=sys.stderr,
                    )
            else:
                computed = {*beside.glob("*features*")}
                for path in {*out.glob("*"), *beside.glob("*")} - before - computed:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                for folder in missing:
                    if folder.is_dir() and not any(folder.iterdir()):
                        folder.rmdir()
        raise


def plain_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """State dict on the CPU in the plain memory layout, as safetensors requires."""
    return {
        name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()
    }


def save_tensors(
    tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a file of tensors that whoever may read the files beside it may read too."""
    save_file(tensors, path, metadata=metadata)
    usual_permissions(path)


def save_checkpoint(folder: Path, made: Checkpoint, keep: int) -> None:
    """Write a checkpoint, and delete all others but the best and the last ``keep``."""
    path, progress = checkpoint_path(folder, made.progress.step), made.progress
    try:
        with atomic_path(path) as temporary:
            torch.save(vars(made) | {"progress": asdict(progress)}, temporary)
    # A full disk raises one of our errors, or a RuntimeError of torch.
    except (TwoalikeError, RuntimeError) as error:
        last = find_checkpoints(folder)
        kept = f"{last[-1].name} is intact" if last else "there is no earlier one"
        raise TwoalikeError(
            f"the checkpoint cannot be written ({shortened(error.__cause__ or error)}); {kept}",
            where=path,
            remedy="Free space, then continue with `resume=True`.",
        ) from error
    steps = {checkpoint_step(other): other for other in find_checkpoints(folder)}
    newest = [step for step in steps if step <= progress.step][-keep:]
    for step in steps.keys() - {progress.best_step, *newest}:
        steps[step].unlink()


def read_checkpoint(
    path: Path, student: StudentNetwork, fingerprint: dict[str, Any] | None = None
) -> Checkpoint:
    """Read a checkpoint, if it is whole, of this network and of a run with the same settings."""
    try:
        with ZipFile(path) as archive:
            if (changed := archive.testzip()) is not None:
                raise ValueError(f"{changed} has changed")
        content = torch.load(path, map_location="cpu", weights_only=True)
        made = Checkpoint(**{**content, "progress": Progress(**content["progress"])})
    except (*DAMAGED, TypeError, AttributeError, pickle.UnpicklingError) as error:
        raise _damaged(path, error) from error
    if fingerprint is not None:
        _compare(path, made.fingerprint, fingerprint)
    if odd := made.weights.keys() ^ student.state_dict().keys():
        raise _damaged(path, f"{min(odd)} is missing, or not of this network")
    return made


def as_lines(log: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, allow_nan=False) + "\n" for record in log)


def _compare(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to continue with other settings: the result would belong to neither run.

    A setting that the run's version did not have is at its default, which changes nothing.
    """
    added = {**DistillConfig().model_dump(mode="json"), **then.get("config", {})}
    flat_then, flat_now = flattened({**then, "config": added}), flattened(now)
    for key in sorted(flat_then.keys() | flat_now.keys()):
        if flat_then.get(key) != flat_now.get(key):
            raise TwoalikeError(
                f"this run began with {key} = {flat_then.get(key)!r}, now it is "
                f"{flat_now.get(key)!r}",
                where=path,
                remedy="Use the same value, or the version of twoalike that began it; or choose "
                "another output.",
            )


def _damaged(path: Path, why: object) -> DamagedCheckpointError:
    return DamagedCheckpointError(f"damaged checkpoint ({shortened(why)})", where=path)
