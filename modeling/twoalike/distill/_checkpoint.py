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
from twoalike.study import TwoalikeError, atomic_directory, read_json, shortened, write_json

WEIGHTS, OPTIMIZER, STATE, LOG = "student.safetensors", "optimizer.pt", "state.json", "log.jsonl"
AVERAGE = "average.safetensors"


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


@dataclass(frozen=True)
class State:
    """A run's tensors, whole and on the processor, whichever process asks.

    Attributes
    ----------
    weights
        Of the student.
    optimizer
        The optimiser's state dict; empty before the first step.
    average
        Moving average of the weights; None without.
    """

    weights: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    average: dict[str, torch.Tensor] | None = None


def plain_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """State dict on the processor in the plain memory layout, as safetensors wants it."""
    return plain_tensors(module.state_dict())


def plain_tensors(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors on the processor in the plain memory layout, as safetensors wants them."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def save_checkpoint(
    folder: Path,
    state: State,
    progress: Progress,
    fingerprint: dict[str, Any],
    log: list[dict[str, Any]],
) -> None:
    """Write a checkpoint and drop those that are neither last nor best.

    Raises
    ------
    TwoalikeError
        If it cannot be written; those before it are left.
    """
    path = checkpoint_path(folder, progress.step)
    try:
        with atomic_directory(path) as temporary:
            _write(temporary, state, progress, fingerprint, log)
    # What the disk refuses comes as one of ours, or from torch as a RuntimeError.
    except (TwoalikeError, RuntimeError) as error:
        last = find_checkpoints(folder)
        kept = f"{last[-1].name} is whole" if last else "there is none before it"
        raise TwoalikeError(
            f"{path}: the checkpoint cannot be written ({shortened(error.__cause__ or error)}); "
            f"{kept}. Free space, then go on with --resume."
        ) from error
    kept_paths = {path, checkpoint_path(folder, progress.best_step)}
    for other in find_checkpoints(folder):
        if other not in kept_paths:
            shutil.rmtree(other)


def _write(
    folder: Path,
    state: State,
    progress: Progress,
    fingerprint: dict[str, Any],
    log: list[dict[str, Any]],
) -> None:
    """Write a checkpoint's files; state.json comes last and tells that it is whole."""
    save_file(plain_tensors(state.weights), folder / WEIGHTS)
    if state.average is not None:
        save_file(plain_tensors(state.average), folder / AVERAGE)
    torch.save(state.optimizer, folder / OPTIMIZER)
    (folder / LOG).write_text(as_lines(log), encoding="utf-8")
    content = {
        "kind": "checkpoint",
        "schema_version": 1,
        "step": progress.step,
        "best_step": progress.best_step,
        "best_kl": progress.best_kl,
        "fingerprint": fingerprint,
    }
    write_json(folder / STATE, content)


def read_weights(path: Path, student: Student, *, average: bool) -> dict[str, torch.Tensor]:
    """Weights of a checkpoint, or their moving average.

    Raises
    ------
    TwoalikeError
        If they are damaged or of another network.
    """
    try:
        found = load_file(path / (AVERAGE if average else WEIGHTS))
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    # Names and not the state dict: a sharded student holds parts of its weights only.
    expected = student.state_dict().keys()
    if not average and found.keys() != expected:
        odd = sorted(found.keys() ^ expected)[0]
        raise _damaged(path, ValueError(f"{odd} is on one side only"))
    return found


def read_checkpoint(
    path: Path, student: Student, fingerprint: dict[str, Any], *, average: bool
) -> tuple[State, Progress, list[dict[str, Any]]]:
    """Read a checkpoint's tensors, where it stands, and its log.

    Raises
    ------
    TwoalikeError
        If it is damaged, or of a run with other settings or inputs.
    """
    content = read_json(path / STATE, "checkpoint")
    _compare(path, content.get("fingerprint", {}), fingerprint)
    try:
        state = State(
            read_weights(path, student, average=False),
            torch.load(path / OPTIMIZER, map_location="cpu", weights_only=True),
            read_weights(path, student, average=True) if average else None,
        )
        lines = (path / LOG).read_text(encoding="utf-8").splitlines()
        progress = Progress(int(content["step"]), int(content["best_step"]), content["best_kl"])
        log = [json.loads(line) for line in lines]
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise _damaged(path, error) from error
    return state, progress, log


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
    return TwoalikeError(
        f"{path}: damaged checkpoint ({shortened(error)}). Remove this folder; --resume then "
        "takes the one before, if there is one."
    )
