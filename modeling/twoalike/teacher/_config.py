"""Settings of a teacher, and the choices it is settled on."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from twoalike.teacher._labels import Mode, Triplets

ENOUGH_CHOICES = 200
"""Fewer choices than this say less about three numbers than soft labels do."""


class TeachConfig(BaseModel):
    """How a teacher is fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    untransformed: bool = Field(
        default=False, description="the control: the network's own features, one temperature"
    )
    known: bool = Field(default=False, description="judged objects keep the posterior's positions")
    mode: Mode = Field(default="predictive", description="kind of soft labels")
    folds: int = Field(default=8, ge=2, description="of objects")
    regulariser: Literal["ridge", "contrastive"] = Field(
        default="ridge",
        description="ridge: closed form; contrastive: also maps fitted by gradient, with and "
        "without a term that keeps the network's neighbourhoods; the best of all is taken",
    )
    strengths: tuple[float, ...] = Field(
        default=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
        min_length=1,
        description="ridge penalties tried, in mean squared norms of the features",
    )
    gradient_strengths: tuple[float, ...] = Field(
        default=(0.0003, 0.003, 0.03, 0.3),
        min_length=1,
        description="L2 penalties tried by gradient; decided choices need weak ones",
    )
    contrastive: tuple[float, ...] = Field(
        default=(0.01, 0.1), description="shares of the local term tried by gradient, beside 0"
    )
    triplets: int = Field(default=40_000, ge=100, description="with soft labels")
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, eq=False)
class Judgments:
    """Choices people made.

    Attributes
    ----------
    triplets
        Rows of the posterior's objects, shape (n, 3).
    chosen
        Item called the odd one, 0 to 2, shape (n,).
    lapse
        Share of them that are guesses.
    """

    triplets: Triplets
    chosen: npt.NDArray[np.integer]
    lapse: float = 0.0
