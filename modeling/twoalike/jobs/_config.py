"""What a job asks of a SLURM cluster: from Python, a TOML file, or ``name=value`` in the shell."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from twoalike.study import FiniteNumber, Strict, TwoalikeError, check_settings, load_toml

_TEXTS = ("partition", "account", "options.")
"""Names, or their beginnings, whose value is text even if it is a number."""


class SlurmConfig(Strict):
    """What each task asks of the cluster; what is left out is the cluster's choice.

    Examples
    --------
    >>> SlurmConfig(partition="short", minutes=30).memory_gb
    8.0
    """

    partition: str | None = Field(default=None, min_length=1, description="queue of the cluster")
    account: str | None = Field(default=None, min_length=1, description="who is charged")
    minutes: int = Field(
        default=60, ge=1, description="of one task; the cluster ends a task that takes longer"
    )
    memory_gb: FiniteNumber = Field(default=8.0, gt=0, description="memory of one task, in GB")
    cpus: int = Field(default=2, ge=1, description="processor cores of one task")
    gpus: int = Field(default=0, ge=0, description="GPUs of one task")
    at_once: int = Field(default=256, ge=1, description="tasks that run at the same time, at most")
    setup: tuple[str, ...] = Field(
        default=(), description="shell commands before each task, such as `module load cuda`"
    )
    options: dict[str, str] = Field(
        default={}, description='other options of sbatch by their long names, such as qos = "long"'
    )


def slurm_settings(words: Sequence[str]) -> SlurmConfig:
    """Read settings from files (.toml) and from words ``name=value``, which replace theirs.

    Parameters
    ----------
    words
        Such as ``cluster.toml``, ``partition=short``, ``options.qos=long``.

    Examples
    --------
    >>> slurm_settings(["partition=short", "minutes=30", "options.qos=long"]).options
    {'qos': 'long'}
    """
    files = [word for word in words if "=" not in word]
    for word in files:
        if not word.endswith(".toml"):
            raise TwoalikeError(
                where=f"`slurm={word}`", expected="a file of settings (.toml) or name=value"
            )
    config = load_toml(files[0], SlurmConfig, map(Path, files[1:])) if files else SlurmConfig()
    content = config.model_dump(exclude_unset=True)
    for word in (word for word in words if "=" in word):
        new = _parsed(word)
        options = content.get("options", {}) | new.get("options", {})
        content |= new | ({"options": options} if options else {})
        config = check_settings(content, SlurmConfig, f"`slurm={word}`")
    return config


def _parsed(word: str) -> dict[str, Any]:
    """Parse ``name=value``, with the value as in TOML, or text without quotes."""
    name, _, value = word.partition("=")
    texts = [] if name.startswith(_TEXTS) else [value]
    for written in (*texts, json.dumps(value)):
        try:
            return tomllib.loads(f"{name} = {written}")
        except tomllib.TOMLDecodeError:
            continue
    raise TwoalikeError(where=f"`slurm={word}`", expected="name=value")
