"""Settings of a fit, and the file that keeps its state, so that an interrupted fit can continue.

The resolved settings are stored with the posterior.
"""

import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    NonNegativeInt,
    PlainSerializer,
    ValidationError,
)

from twoalike.embedding._model import Observers, find_observers
from twoalike.embedding._priors import Prior, find_prior
from twoalike.embedding._terms import term_names
from twoalike.study import DAMAGED, Settings, TwoalikeError, atomic_path, load_arrays, plain_words

Whole = Annotated[int | None, BeforeValidator(lambda value: None if value == "auto" else value)]
"""A number, or ``auto``, which is stored as None."""


def _found_by(find: Callable[[Any], object]) -> BeforeValidator:
    """Check that a part of the model that is named can be found."""
    return BeforeValidator(lambda part: part if part == "auto" or find(part) else part)


def _numbers(given: str | Mapping[str, float] | Sequence[str]) -> list[str]:
    """List numbers by name as ``name=number``."""
    if isinstance(given, Mapping):
        return [f"{name}={number}" for name, number in given.items()]
    return list(filter(None, ",".join([given] if isinstance(given, str) else given).split(",")))


_AS_TEXT = PlainSerializer(lambda part: part if isinstance(part, str) else repr(part))


class FitConfig(Settings):
    """Every knob of a fit."""

    engine: Literal["auto", "nuts", "vi"] = "auto"
    """nuts samples, vi approximates; auto: nuts if a chain is estimated to take at most five
    minutes (two if quick), and there are no sources"""
    similarity: Literal["auto", "dot", "distance"] = "auto"
    """dot: dot product of non-negative coordinates; distance: the closer, the more alike; auto:
    distance, unless dot predicts held-out choices clearly better in a pilot"""
    prior: Annotated[str | InstanceOf[Prior], _found_by(find_prior), _AS_TEXT] = "auto"
    """of the coordinates: spike-and-slab or softplus (dot), gaussian or student (distance), or
    module:name of a Prior of your own; auto: softplus or gaussian, or student without features and
    with 30 judgments an object or more"""
    observers: Annotated[str | InstanceOf[Observers], _found_by(find_observers), _AS_TEXT] = (
        "pooled"
    )
    """temperature and lapse rate of people: pooled, or module:name of Observers of your own"""
    people: Literal["noise", "weights"] = "noise"
    """how people differ. noise: in temperature and lapse rate; weights: also in how they weigh the
    dimensions. If left out, noise, and a pilot tests whether weights would help"""
    terms: Annotated[tuple[str, ...], BeforeValidator(term_names)] = ()
    """what else moves a choice, separated by commas: position (of an answer on the screen), memory
    (of earlier answers), 'temperature ~ column + column' or 'lapse ~ column' (of the table, such as
    response_time), or module:name of a Term of your own; a pilot recommends those that help"""
    hyperparameters: Annotated[tuple[str, ...], BeforeValidator(_numbers)] = ()
    """numbers of the priors of ratings, sortings, arrangements and dissimilarities, separated by
    commas, such as ratings.noise.typical=0.3; a name that is not known is refused with all names
    and defaults"""
    dimensions: Whole = Field(default=None, ge=1)
    """a number, or auto: one and a half times as many as matter in a pilot, plus two; empty ones
    are dropped"""
    quick: bool = False
    """skip the pilot: take the dot product and the largest sensible number of dimensions"""
    seed: NonNegativeInt = 0
    """the same seed gives the same posterior"""
    draws: int | None = Field(default=None, ge=2)
    """draws to keep from each chain; 300 (nuts), 50 or 100 (vi)"""
    thin: int | None = Field(default=None, ge=1)
    """draws of nuts of which one is kept; none: 1 to 4, as many as half a minute of processor time
    a chain allows"""
    chains: int | None = Field(default=None, ge=1)
    """independent chains; 2 (nuts), or 4 to 8 fits (vi)"""
    tune: int = Field(default=300, ge=50)
    """warm-up draws of each chain of nuts"""
    max_depth: int = Field(default=8, ge=1)
    """of a trajectory, of nuts: 2^8 steps"""
    steps: int | None = Field(default=None, ge=100)
    """optimiser steps of vi; 1,500 or 2,000, or 3,000 and more for few judgments"""
    batch: int | None = Field(default=None, ge=1)
    """judgments a step, of vi; none: all, or 4,000 to 10,000 by size"""
    holdout: float | None = Field(default=None, ge=0, lt=1)
    """share of judgments that are left out of the fit, to measure the log-loss on them; 0.02 for vi
    from 20,000 judgments"""
    rate: float | None = Field(default=None, gt=0)
    """peak learning rate, cosine to zero, of vi; none: 0.03, 0.06 from 20,000 judgments, 0.01 below
    1,000"""
    warmup: float = Field(default=0.3, ge=0, le=1)
    """share of steps over which the KL grows"""
    hold: float = Field(default=0.6, ge=0, lt=1)
    """share of steps before observers move: else they explain all"""


def fit_settings(config: FitConfig | None, settings: Mapping[str, Any]) -> FitConfig:
    """Check settings by name, on top of a configuration or of the defaults."""
    if config is not None and not settings:
        return config
    values = {} if config is None else {n: getattr(config, n) for n in config.model_fields_set}
    try:
        return FitConfig.model_validate(values | dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise TwoalikeError(plain_words(first), where=f"`{name}=...`") from error


EVERY_S = 20.0
"""Shortest time between two saves, in seconds: what an interruption costs at most."""
_WHOSE = "fingerprint"
type Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass
class Checkpoint:
    """Arrays of a fit in progress, in ``path`` (.npz).

    The fingerprint is of judgments, features and settings: a file of another fit is not continued.
    """

    path: Path
    fingerprint: str
    _saved: float = field(default_factory=time.monotonic, init=False)

    def load(self) -> Arrays:
        """Read the arrays; empty if there is no file, or it is of another fit.

        A damaged file is reported on standard error, and the fit begins anew.
        """
        if not self.path.exists():
            return {}
        try:
            with zipfile.ZipFile(self.path) as archive:
                torn = archive.testzip()  # compares the whole content with its checksums
            arrays = load_arrays(self.path, "a checkpoint") if torn is None else {}
        except (*DAMAGED, TwoalikeError):
            arrays = {}
        if not isinstance(arrays, dict) or _WHOSE not in arrays:  # the last entry of the archive
            print(f"{self.path}: damaged checkpoint. The fit begins anew.", file=sys.stderr)  # noqa: T201
            return {}
        return arrays if str(arrays.pop(_WHOSE)) == self.fingerprint else {}

    def due(self) -> bool:
        return time.monotonic() - self._saved >= EVERY_S

    def save(self, arrays: Arrays) -> None:
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays, **{_WHOSE: np.array(self.fingerprint)})  # type: ignore[arg-type]
        self._saved = time.monotonic()
