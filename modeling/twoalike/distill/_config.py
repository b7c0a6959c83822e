"""Settings of a distillation, read from a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from twoalike.study import Strict, TwoalikeError, declared, load_toml, plain_words

Objective = Literal["kl", "jsd", "hard"]
"""What is learnt from the teacher; the losses are in :mod:`twoalike.distill._losses`."""
Similarity = Literal["dot", "raw-dot", "cosine"]
Sampling = Literal["uniform", "scales"]
"""Of a batch's triplets: any three images, or neighbours at all scales."""


class DistillConfig(Strict):
    """All settings of a distillation; the resolved settings are saved with the student.

    ``settings.toml`` says what each is.
    """

    seed: int = Field(default=0, ge=0)
    steps: int = Field(default=100, ge=1)
    batch: int = Field(default=48, ge=3)
    accumulate: int = Field(default=1, ge=1)
    size: int | None = None
    triplets: int = Field(default=8000, ge=1)
    sampling: Sampling = "uniform"
    objective: Objective = "kl"
    average: Literal["teacher", "predictive", "plugin", "draw"] = "teacher"
    similarity: Similarity = "cosine"
    preprocessing: Literal["network", "alignet"] = "network"
    head: Literal["none", "linear", "dense"] = "none"
    head_width: int | None = Field(default=None, ge=1)
    train: Literal["full", "last", "lora", "probe"] = "last"
    last_blocks: int | None = Field(default=None, ge=1)
    lora_rank: int = Field(default=8, ge=1)
    rate: float = Field(default=3e-4, gt=0)
    temperature: float | None = Field(default=None, gt=0)
    temperature_rate: float = Field(default=0.02, ge=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    first_rate: Literal["positive", "zero"] = "positive"
    decay_to_init: float = Field(default=1.0, ge=0)
    mix: float | None = Field(default=None, gt=0, le=1)
    balance: float | None = Field(default=None, ge=0)
    preserve: float = Field(default=0.3, ge=0)
    clip: float = Field(default=1.0, ge=0)
    precision: Literal["32", "bf16"] = "32"
    channels_last: bool = True
    compile: bool = False
    checkpointing: bool = False
    tensorboard: bool = False
    flip: bool = False
    held_out: float = Field(default=0.2, ge=0, lt=1)
    evaluate_every: int = Field(default=25, ge=1)
    keep: int = Field(default=2, ge=1)
    select: Literal["best", "last"] = "best"
    workers: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _settings_fit_together(self) -> "DistillConfig":
        if self.head_width is not None and self.head not in {"linear", "dense"}:
            raise ValueError(
                f"head_width is that of head = 'linear' or 'dense', and head is {self.head!r}"
            )
        if self.train == "probe" and self.head != "none":
            raise ValueError(
                "train = 'probe' is the closed form, which trains nothing: leave head out"
            )
        return self


_SAID = declared("twoalike.distill", "settings.toml")
for _name, _field in DistillConfig.model_fields.items():
    _field.description = _SAID[_name]


def load_recipe(
    path: str | Path | None, overrides: Mapping[str, Any] | None = None
) -> DistillConfig:
    """Read a recipe (TOML; None: the defaults) and replace some of its settings, but by no None."""
    config = load_toml(path, DistillConfig) if path else DistillConfig()
    changes = {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return DistillConfig.model_validate({**config.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        where = f"`{name}=...`" if name else "recipe"
        raise TwoalikeError(plain_words(first), where=where) from error
