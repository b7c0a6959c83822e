"""Checkpoints: everything a run needs to go on as if it had not stopped.

A checkpoint is a folder ``step-000040`` that appears by rename: there are whole ones only. Kept
are the last and the best. Order, triplets and noise of each step follow from the seed, so no
state of a random generator is among the content.
"""

import json
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from twoalike.distill._student import Student
from twoalike.study import TwoalikeError, atomic_directory, read_json, write_json

WEIGHTS, OPTIMIZER, STATE, LOG = "student.safetensors", "optimizer.pt", "state.json", "log.jsonl"


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes
    ----------
    step
        Steps done.
    best_step, best_kl
        Checkpoint with the least held-out KL so far.
    """

    step: int
    best_step: int
    best_kl: float | None


def checkpoint_path(folder: Path, step: int) -> Path:
    """Folder of one checkpoint."""
    return folder / f"step-{step:07d}"


def find_checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints, earliest first."""
    return sorted(path for path in folder.glob("step-*") if (path / STATE).is_file())


def plain_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """State dict on the processor in the plain memory layout, as safetensors wants it."""
    return {
        name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()
    }


def save_checkpoint(
    folder: Path,
    student: Student,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    fingerprint: dict[str, Any],
    log: list[dict[str, Any]],
) -> None:
    """Write a checkpoint and drop those that are neither last nor best."""
    path = checkpoint_path(folder, progress.step)
    with atomic_directory(path) as temporary:
        save_file(plain_state(student), temporary / WEIGHTS)
        torch.save(optimizer.state_dict(), temporary / OPTIMIZER)
        (temporary / LOG).write_text(as_lines(log), encoding="utf-8")
        content = {
            "kind": "checkpoint",
            "schema_version": 1,
            "step": progress.step,
            "best_step": progress.best_step,
            "best_kl": progress.best_kl,
            "fingerprint": fingerprint,
        }
        write_json(temporary / STATE, content)
    kept = {path, checkpoint_path(folder, progress.best_step)}
    for other in find_checkpoints(folder):
        if other not in kept:
            shutil.rmtree(other)


def load_weights(path: Path, student: Student) -> None:
    """Put a checkpoint's weights into a student.

    Raises
    ------
    TwoalikeError
        If they are damaged or of another network.
    """
    try:
        student.load_state_dict(load_file(path / WEIGHTS))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise _damaged(path, error) from error


def load_checkpoint(
    path: Path,
    student: Student,
    optimizer: torch.optim.Optimizer,
    fingerprint: dict[str, Any],
) -> tuple[Progress, list[dict[str, Any]]]:
    """Put a checkpoint's state into student and optimiser; return where it stands and its log.

    Raises
    ------
    TwoalikeError
        If it is damaged, or of a run with other settings or inputs.
    """
    state = read_json(path / STATE, "checkpoint")
    _compare(path, state.get("fingerprint", {}), fingerprint)
    load_weights(path, student)
    device = student.log_temperature.device
    try:
        content = torch.load(path / OPTIMIZER, map_location=device, weights_only=True)
        optimizer.load_state_dict(content)
        lines = (path / LOG).read_text(encoding="utf-8").splitlines()
        progress = Progress(int(state["step"]), int(state["best_step"]), state["best_kl"])
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise _damaged(path, error) from error
    return progress, [json.loads(line) for line in lines]


def as_lines(log: list[dict[str, Any]]) -> str:
    """Return records as JSON lines."""
    return "".join(json.dumps(record, allow_nan=False) + "\n" for record in log)


def _compare(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with other settings: the result would be neither run's."""
    flat_then, flat_now = _flat(then), _flat(now)
    for key in sorted(flat_then.keys() | flat_now.keys()):
        if flat_then.get(key) != flat_now.get(key):
            raise TwoalikeError(
                f"{path}: this run began with {key} = {flat_then.get(key)!r}, now it is "
                f"{flat_now.get(key)!r}. Give the same, or choose another output."
            )


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            result |= _flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def _damaged(path: Path, error: Exception) -> TwoalikeError:
    reason = " ".join(str(error).split())[:160]
    return TwoalikeError(
        f"{path}: damaged checkpoint ({reason}). Remove this folder; --resume then takes the one "
        "before, if there is one."
    )
