"""Estimates, and how the results of a measure are declared.

What a function measures is a :class:`Measured` model beside it. Rows of results, their units and
their page in the reference are views of these declarations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import numpy as np
import numpy.typing as npt
from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from twoalike.study import Content, Floats, TwoalikeError

Z95 = 1.959963984540054
"""Half the length of a 95 % interval, in standard errors."""
_LARGEST = 1e15
"""Of a figure in a file: larger ones overflow in what is computed from them."""
_ROUNDING = 1e-6


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


class Measured(Content):
    """What a function measures; the docstring below each field is its description."""


@dataclass(frozen=True)
class Quantity:
    """Unit and range of a figure or estimate, in the type of a :class:`Measured` field."""

    unit: str = ""
    least: float = -_LARGEST
    most: float = _LARGEST

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the range after the type."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked[Figure](self, figure: Figure) -> Figure:
        numbers = [getattr(figure, name, None) for name in ("value", "low", "high")]
        numbers = [figure] if isinstance(figure, int | float) else numbers
        for number in numbers:
            if number is not None and not abs(number) <= _LARGEST:
                raise ValueError(f"expected a number, found {number}")
        first = numbers[0]  # ends may lie beyond what the quantity can be, the estimate may not
        if first is not None and not self.least - _ROUNDING <= first <= self.most + _ROUNDING:
            raise ValueError(f"expected {self.range()}, found {first:g}")
        return figure

    def range(self) -> str:
        """Range in words; empty where every number is possible."""
        if abs(self.least) < _LARGEST and abs(self.most) < _LARGEST:
            return f"{self.least:g} to {self.most:g}"
        return f"at least {self.least:g}" if abs(self.least) < _LARGEST else ""


Count = Annotated[int, Field(ge=0, le=int(_LARGEST))]
Number = Annotated[float, Quantity()]
Share = Annotated[float, Quantity("share", 0, 1)]
Nats = Annotated[float, Quantity("nats", 0)]
Correlation = Annotated[float, Quantity("correlation", -1, 1)]
Estimate = Annotated[Interval, Quantity()]
ShareEstimate = Annotated[Interval, Quantity("share", 0, 1)]
NatsEstimate = Annotated[Interval, Quantity("nats", 0)]
CorrelationEstimate = Annotated[Interval, Quantity("correlation", -1, 1)]


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
