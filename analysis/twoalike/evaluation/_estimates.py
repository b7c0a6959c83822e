"""Estimates with their intervals, and why some figures cannot be measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import numpy as np
import numpy.typing as npt
from pydantic import Field

from twoalike.study import Content, Floats, TwoalikeError

Z95 = 1.959963984540054
"""Half the length of a 95 % interval, in standard errors."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; the ends are equal to it where nothing varies."""

    value: float
    low: float
    high: float

    def within(self, least: float, most: float) -> "Interval":
        """Cut the ends at what the quantity can be, such as 0 and 1 of a share.

        The interval holds the truth as often as before, since no truth lies in what is cut.
        """
        return Interval(self.value, max(self.low, least), min(self.high, most))

    def as_dict(self) -> dict[str, float]:
        """Return the three numbers for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Span:
    """Smallest and largest value."""

    low: float
    high: float


class Figures(dict[str, Any]):
    """Figures of one thing, each by the key that ends the name of its measure; None is no figure.

    Other mappings within are of levels: participants, categories, parts of the judgments. ``n`` is
    of how many judgments, triplets, objects or pairs the figures are.
    """


class Measured(Content):
    """What a function measures; the docstring below each field is its description."""


@dataclass(frozen=True)
class Quantity:
    """Unit and range of a figure or estimate, in the type of a :class:`Measured` field."""

    unit: str = ""
    least: float = -math.inf
    most: float = math.inf

    def range(self) -> str:
        """Range in words; empty where every number is possible."""
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"{self.least:g} to {self.most:g}"
        return f"at least {self.least:g}" if math.isfinite(self.least) else ""


Count = Annotated[int, Field(ge=0, le=10**15)]
Number = Annotated[float, Quantity()]
Share = Annotated[float, Quantity("share", 0, 1)]
NatsEstimate = Annotated[Interval, Quantity("nats", 0)]


def quantity_of(annotation: Any) -> Quantity | None:
    """Find the unit and range that the type of a field declares."""
    if isinstance(annotation, Quantity):
        return annotation
    parts = [*get_args(annotation), *getattr(annotation, "__metadata__", ())]
    return next(filter(None, map(quantity_of, parts)), None)


class NotMeasurable(TwoalikeError):
    """These data do not allow a measure; the message says why. Wrong input is no such case."""


def attempt[Found](
    missing: dict[str, str], name: str, measure: Callable[[], Found]
) -> Found | None:
    """Make a measure, or note under its name why it cannot be made."""
    try:
        return measure()
    except NotMeasurable as reason:
        missing[name] = str(reason)
        return None


def wilson_interval(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z2 = Z95**2
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    middle = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return np.asarray(middle - half), np.asarray(middle + half)
