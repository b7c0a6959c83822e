"""Settings of a fit; the resolved ones are stored with the posterior."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from twoalike.study import TwoalikeError, plain_words

Whole = Annotated[int | None, BeforeValidator(lambda value: None if value == "auto" else value)]
"""A number, or ``auto``, which is stored as None."""


class FitConfig(BaseModel):
    """Every knob of a fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["auto", "nuts", "vi"] = Field(default="auto", description="auto: by size")
    similarity: Literal["dot", "distance"] = Field(
        default="dot", description="dot product of non-negative coordinates, or minus the distance"
    )
    prior: Literal["auto", "spike-and-slab", "softplus", "gaussian"] = Field(
        default="auto",
        description="auto: gaussian for distances, softplus with features or for vi, else "
        "spike-and-slab",
    )
    dimensions: Whole = Field(
        default=None, ge=1, description="none: more than needed, empty ones dropped"
    )
    seed: int = Field(default=0, ge=0, description="everything random derives from it")
    draws: int | None = Field(default=None, ge=2, description="a chain; none: 300 (nuts), 100 (vi)")
    chains: int | None = Field(
        default=None, ge=1, description="independent ones; none: 2 (nuts), 4 fits (vi)"
    )
    tune: int = Field(default=400, ge=50, description="warm-up draws a chain, of nuts")
    max_depth: int = Field(default=8, ge=1, description="of a trajectory, of nuts: 2^8 steps")
    steps: int | None = Field(
        default=None,
        ge=100,
        description="optimiser steps, of vi; none: 3,000, or 40 passes over the judgments",
    )
    batch: int | None = Field(
        default=None, ge=1, description="judgments a step, of vi; none: 4,000 to 10,000 by size"
    )
    holdout: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="share of judgments not fitted, whose log-loss is shown and stored; none: "
        "0.02 for vi from 20,000 judgments, else 0",
    )
    rate: float | None = Field(
        default=None,
        gt=0,
        description="peak learning rate, cosine to zero, of vi; none: 0.03, 0.06 from 20,000 to "
        "200,000 judgments, 0.01 below 1,000",
    )
    warmup: float = Field(
        default=0.3, ge=0, le=1, description="share of steps over which the KL grows"
    )
    hold: float = Field(
        default=0.6,
        ge=0,
        lt=1,
        description="share of steps before observers move: else they explain all",
    )


def fit_settings(config: FitConfig | None, settings: Mapping[str, Any]) -> FitConfig:
    """Check settings by name, on top of a configuration or of the defaults.

    Raises
    ------
    TwoalikeError
        Naming the setting that does not fit.
    """
    if config is not None and not settings:
        return config
    values = {} if config is None else config.model_dump()
    try:
        return FitConfig.model_validate(values | dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise TwoalikeError(plain_words(first), where=f"`{name}=...`") from error
