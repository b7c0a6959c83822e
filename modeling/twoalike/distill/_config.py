"""Settings of a distillation, read from a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from twoalike.study import Strict, TwoalikeError, load_toml, plain_words


class DistillConfig(Strict):
    """Every knob of a distillation; the resolved settings are saved with the student."""

    seed: int = Field(default=0, ge=0, description="everything random derives from it")
    steps: int = Field(default=200, ge=1, description="updates of the weights")
    batch: int = Field(
        default=48,
        ge=3,
        description="images a process and step; n images give n(n-1)(n-2)/6 triplets",
    )
    accumulate: int = Field(default=1, ge=1, description="batches a step, each with own triplets")
    size: int | None = Field(
        default=None, description="width and height of the input, pixels; none: the network's own"
    )
    triplets: int = Field(
        default=8000, ge=1, description="most triplets a batch; beyond that they are sampled"
    )
    similarity: Literal["dot", "cosine"] = Field(
        default="dot",
        description="of two images: dot product of features over their number, or cosine of "
        "features minus their mean over the batch",
    )
    head: Literal["none", "linear"] = Field(
        default="none",
        description="linear: a square map that starts as the identity takes up part of what is "
        "learnt; none: all of it ends up in the features themselves, which is what users read",
    )
    rate: float = Field(default=3e-4, gt=0, description="peak learning rate")
    temperature_rate: float = Field(
        default=0.02, ge=0, description="peak learning rate of the log-temperature; 0 fixes it"
    )
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of steps before the peak")
    decay_to_init: float = Field(
        default=1.0, ge=0, description="pull towards the initial weights, times the rate, a step"
    )
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    precision: Literal["32", "bf16"] = Field(
        default="32", description="of the network; similarities and loss are float32 always"
    )
    flip: bool = Field(
        default=False, description="mirror images at random; where sides mean nothing"
    )
    held_out: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="share of images, 1000 at most, that only score the student",
    )
    evaluate_every: int = Field(
        default=20, ge=1, description="steps between scores and checkpoints"
    )
    select: Literal["best", "last"] = Field(
        default="best", description="which weights become the student: least held-out KL, or last"
    )
    workers: int = Field(default=0, ge=0, description="processes that load images; 0: none extra")


def load_recipe(path: Path | None, overrides: Mapping[str, Any] | None = None) -> DistillConfig:
    """Read a recipe and replace what the command line sets.

    Parameters
    ----------
    path
        TOML file; None takes the defaults.
    overrides
        Settings by name; None values are passed over.

    Raises
    ------
    TwoalikeError
        If the file or a value is wrong.
    """
    config = load_toml(path, DistillConfig) if path else DistillConfig()
    changes = {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return DistillConfig.model_validate({**config.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise TwoalikeError(f"--{name}: {plain_words(first)}.") from error
