"""Estimates: how they are declared for ``results.json``, and how they become rows of a frame.

Each part of ``results.json`` is a :class:`Measured` model beside the function that measures it. The
file, its checks, its page in the reference and the tables shown are views of these declarations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, ClassVar, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from twoalike.study import Content, Floats

ROW = ("measure", "representation", "model", "level", "value", "low", "high", "unit", "n")
"""Columns of the frame of results."""
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
    """A part of ``results.json``: frozen and strict; keys of other versions are passed over.

    The docstring below each field is its description in the reference.
    """

    n_of: ClassVar[str] = ""
    """Field that counts what the estimates are of."""

    def rows(
        self,
        measure: str = "",
        *,
        model: str = "",
        level: str = "",
        n: int | None = None,
        names: Sequence[str] = (),
    ) -> Iterator[dict[str, Any]]:
        """Every estimate within as a row with the columns :data:`ROW`.

        Parameters
        ----------
        measure
            Where this part is in the whole; the names of fields follow it after dots.
        model
            Network that it is of, ``NAME`` or ``NAME:PART``; empty: of people.
        level
            Part of the judgments (or person, category) that it is of; keys of tables follow it.
        n
            Count of what the estimates are of, where this part does not count itself.
        names
            All networks, for parts that list something of each in their order.
        """
        fields = type(self).model_fields
        model = str(self.name) if "name" in fields else model
        n = getattr(self, self.n_of) if self.n_of else n
        for name, field in fields.items():
            quantity = quantity_of((field.metadata[-1:] or [field.annotation])[0])
            where = f"{measure}.{name}".removeprefix(".")
            about = (where, model, level, n, names, quantity.unit if quantity else "")
            yield from _rows(getattr(self, name), *about)


def _rows(
    value: Any,
    measure: str,
    model: str,
    level: str,
    n: int | None,
    names: Sequence[str],
    unit: str,
) -> Iterator[dict[str, Any]]:
    """Rows of whatever a field holds."""
    if isinstance(value, Measured):
        yield from value.rows(measure, model=model, level=level, n=n, names=names)
    elif isinstance(value, dict):
        for name, inner in value.items():
            path = f"{level}: {name}".removeprefix(": ")
            yield from _rows(inner, measure, model, path, n, names, unit)
    elif isinstance(value, tuple) and all(isinstance(inner, BaseModel) for inner in value):
        each = names if len(names) == len(value) else [model] * len(value)
        for inner, name in zip(value, each, strict=True):
            yield from _rows(inner, measure, name, level, n, names, unit)
    elif hasattr(value, "value"):
        n = getattr(value, "n", n)
        yield estimate_row(measure, model, level, (value.value, value.low, value.high), unit, n)
    elif is_dataclass(value):
        for name, inner in vars(value).items():
            yield from _rows(inner, f"{measure}.{name}", model, level, n, names, unit)
    elif isinstance(value, float):
        yield estimate_row(measure, model, level, (value, None, None), unit, n)


def estimate_row(
    measure: str,
    model: str,
    level: str,
    ends: tuple[float, float | None, float | None],
    unit: str,
    n: int | None,
) -> dict[str, Any]:
    """One row of :meth:`Measured.rows`; ``ends`` are value, low and high."""
    name, _, part = model.partition(":")
    where = (measure, part or ("vector" if name else ""), name, level)
    return dict(zip(ROW, (*where, *ends, unit, n), strict=True))


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


def wilson_interval(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z2 = Z95**2
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    middle = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return np.asarray(middle - half), np.asarray(middle + half)
