"""Estimates: how they are declared for ``results.json``, and their intervals over choices.

Each part of ``results.json`` is a :class:`Measured` model beside the function that measures it. The
file, its checks, its page in the reference and the tables shown are views of these declarations.

Intervals for means over choices say what other people and other objects would give. Choices are not
independent: those of one participant share a person, and those on one object share that object.
Each bootstrap resample draws participants and objects anew, and a choice moves with the number of
times that its participant and each of its three objects was drawn.

Such a resample would count the noise of single choices four times (once for the person and
once for each object), and weights multiplied instead of added fifteen times. The deviations are
therefore scaled to the variance in which every two choices that share a person or an object
count once (multiway clustering: doi:10.1198/jbes.2010.07136; clusters that overlap as those of
pairs and triplets do: doi:10.1093/pan/mpv018):

    V = V(participant) + V(object) - V(participant and object),

where V(.) sums the products of the errors of all pairs of choices that share what is named.
Errors are taken from the sample's own mean, which shrinks that sum by the share of pairs that it
runs over; it is divided by the rest, without which few people or objects give intervals far too
narrow.
"""

from copy import copy
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from twoalike.evaluation._joint import JointEstimates, difference_variances
from twoalike.evaluation._judgments import group_numbers
from twoalike.study import Booleans, Content, Floats, Integers

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


_CELLS = 8_000_000
"""Sums of groups times models held at once (64 MB of doubles)."""
_LEAST_REMAINDER = 0.1
"""With five objects or fewer any two triplets share one, and nothing would be left to divide by."""


@dataclass(frozen=True)
class _Groups:
    """Groups of choices, for sums of squares of the groups' errors.

    Where most choices are alone in their groups, such as in all that one person did on one pair,
    only the others are kept (``rows``; None for all, ``copies`` times over, with ``numbers`` their
    groups): the squares of those alone need no grouping.
    """

    copies: int
    rows: Integers | None
    numbers: Integers

    @classmethod
    def of(cls, *columns: Integers, n: int) -> "_Groups":
        """Group n choices; the columns hold one or several blocks of n rows."""
        numbers = group_numbers(*columns)
        together = np.flatnonzero((np.bincount(numbers) > 1)[numbers])
        copies = len(numbers) // n
        if len(together) > len(numbers) / 2:
            return cls(copies, None, numbers)
        return cls(copies, together % n, group_numbers(numbers[together]))

    def within(self, kept: Booleans) -> "_Groups":
        """Keep some of the choices; nothing has to be sorted anew."""
        if self.rows is None:
            numbers = self.numbers.reshape(self.copies, -1)[:, kept].ravel()
            rows = None
        else:
            here = kept[self.rows]
            rows = (np.cumsum(kept) - 1)[self.rows[here]]
            numbers = self.numbers[here]
        if numbers.max(initial=0) > 2 * len(numbers):  # few of many groups are left
            numbers = group_numbers(numbers)
        return _Groups(self.copies, rows, numbers)

    def products(self, errors: Floats) -> Floats:
        """Sum over groups of the products of the groups' errors of every two of k models.

        Parameters
        ----------
        errors
            Of each choice, shape (k, n).

        Returns
        -------
        Shape (k, k); the sums of squares on the diagonal.
        """
        k = len(errors)
        total = np.zeros((k, k))
        if self.rows is None:
            values = np.tile(errors, self.copies)
        else:
            values = errors[:, self.rows]
            total += self.copies * (errors @ errors.T) - values @ values.T
        n_groups = int(self.numbers.max(initial=-1)) + 1
        step = max(_CELLS // k, 1)
        for start in range(0, n_groups, step):  # a few groups at a time: k models of millions
            whole = n_groups <= step
            here = slice(None) if whole else (self.numbers >= start) & (self.numbers < start + step)
            numbers = self.numbers[here] - start
            sums = np.stack([np.bincount(numbers, weights=of[here]) for of in values])
            total += sums @ sums.T
        return total


def _draws(n: int, resamples: int, rng: np.random.Generator) -> Integers:
    """How often each of n is among n drawn with replacement, shape (resamples, n)."""
    # Counting draws takes a tenth of the time of rng.multinomial.
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=n * resamples).reshape(resamples, n)


class TwoWayBootstrap:
    """Percentile intervals for means over choices, by resampling participants and objects.

    All intervals come from the same resamples, so that differences of two models are paired:
    pass the differences of their scores.

    Parameters
    ----------
    participants
        Participant of each choice, 0..P-1, shape (n,).
    triplets
        Objects of each choice, 0..m-1, shape (n, 3).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.array([rng.permutation(9)[:3] for _ in range(60)])
    >>> boot = TwoWayBootstrap(rng.integers(4, size=60), triplets, rng)
    >>> boot.interval(np.ones(60))
    Interval(value=1.0, low=1.0, high=1.0)
    """

    def __init__(
        self,
        participants: Integers,
        triplets: Integers,
        rng: np.random.Generator,
        *,
        resamples: int = 2000,
    ) -> None:
        self._person = group_numbers(participants)
        self._object = group_numbers(triplets.T.ravel())
        # How much more often than once each was drawn; as floats, whose products are quick.
        self._people_drawn, self._objects_drawn = (
            _draws(int(numbers.max()) + 1, resamples, rng) - 1.0
            for numbers in (self._person, self._object)
        )
        self._shared = self._shared_groups()
        self._one_person = _Groups.of(self._person, n=len(self._person))
        self._prepare()

    def within(self, rows: Booleans) -> "TwoWayBootstrap":
        """Intervals for means over some of the choices, on the same resamples.

        Parameters
        ----------
        rows
            Which of the choices, at least one, shape (n,).
        """
        part = copy(self)
        part._person = self._person[rows]
        part._object = self._object.reshape(3, -1)[:, rows].ravel()
        part._shared = [(sign, groups.within(rows)) for sign, groups in self._shared]
        part._one_person = self._one_person.within(rows)
        part._prepare()
        return part

    def _prepare(self) -> None:
        """Find how much the choices depend on each other."""
        n = len(self._person)
        self._several_people = bool((self._person != self._person[0]).any())
        dependent = float(self._sums(np.ones((1, n)))[0][0, 0]) / n**2
        self._remainder = max(1 - dependent, _LEAST_REMAINDER)

    def _shared_groups(self) -> list[tuple[int, _Groups]]:
        """Group choices by common objects, and by common objects and participant.

        Two choices that share 1, 2 or 3 objects lie together in 1, 3 or 7 groups of one, two
        or three objects; with the signs +, -, + each such two choices count once.
        """
        n = len(self._person)
        first, second, third = np.sort(self._object.reshape(3, -1), axis=0)
        pairs = ((first, second), (first, third), (second, third))
        left, right = (np.concatenate(side) for side in zip(*pairs, strict=True))
        sets = ((1, (self._object,)), (-1, (left, right)), (1, (first, second, third)))
        groups = []
        for sign, columns in sets:
            person = np.tile(self._person, len(columns[0]) // n)
            groups.append((sign, _Groups.of(*columns, n=n)))
            groups.append((-sign, _Groups.of(*columns, person, n=n)))
        return groups

    def _sums(self, errors: Floats) -> tuple[Floats, Floats, Floats]:
        """Sum products over the pairs that share a person or object, a person, an object.

        Of the errors of every two of k models, shape (k, n): shape (k, k) each.
        """
        shared = [sign * groups.products(errors) for sign, groups in self._shared]
        by_object = np.sum(shared[::2], axis=0)
        if not self._several_people:  # nothing is known of other people: objects alone vary
            return by_object, np.zeros_like(by_object), by_object
        by_person = self._one_person.products(errors)
        return by_person + np.sum(shared, axis=0), by_person, by_object

    def _variance(self, errors: Floats) -> float:
        """Variance of the sum of the errors, each dependent pair of choices counted once."""
        # By chance the difference may fall below either source alone; in truth it cannot.
        return float(np.max(self._sums(errors[None]))) / self._remainder

    def _drawn(self, errors: Floats) -> tuple[Floats, Floats]:
        """Sum the errors (k, n) by person, shape (k, people), and by object."""
        people, objects = (drawn.shape[1] for drawn in (self._people_drawn, self._objects_drawn))
        by_person = [np.bincount(self._person, weights=of, minlength=people) for of in errors]
        thrice = np.tile(errors, 3)
        by_object = [np.bincount(self._object, weights=of, minlength=objects) for of in thrice]
        return np.stack(by_person), np.stack(by_object)

    def joint(self, scores: npt.ArrayLike) -> JointEstimates:
        """Means of the scores of k models, and how their differences vary on the same resamples.

        Parameters
        ----------
        scores
            One number a choice of each model, shape (k, n).
        """
        scores = np.asarray(scores, dtype=np.float64)
        means = scores.mean(axis=1)
        errors = scores - means[:, None]
        by_person, by_object = self._drawn(errors)
        deviations = self._people_drawn @ by_person.T + self._objects_drawn @ by_object.T
        drawn = difference_variances(by_person @ by_person.T + by_object @ by_object.T)
        # As in `interval`, of the difference of two, which is a score like any other.
        variances = np.max([difference_variances(of) for of in self._sums(errors)], axis=0)
        standard_errors = np.sqrt(variances / self._remainder) / scores.shape[1]
        people, objects = by_person.shape[1], by_object.shape[1]
        groups = min(people, objects / 3) if self._several_people else objects / 3
        freedom = max(groups - 1, 1.0)
        return JointEstimates(means, standard_errors, deviations, np.sqrt(drawn), freedom)

    def interval(self, scores: npt.ArrayLike, value: float | None = None) -> Interval:
        """Interval of the mean of ``scores``.

        Parameters
        ----------
        scores
            One number a choice, shape (n,); for an estimate that is no mean, its linearisation
            (the influence of each choice), with the estimate itself as ``value``.
        value
            The estimate; the mean of the scores unless given.
        """
        scores = np.asarray(scores, dtype=np.float64)
        mean = float(scores.mean())
        centre = mean if value is None else value
        errors = scores - mean
        by_person, by_object = (sums[0] for sums in self._drawn(errors[None]))
        drawn = float((by_person**2).sum() + (by_object**2).sum())
        if drawn <= 1e-24 * len(scores):
            return Interval(centre, centre, centre)
        deviations = self._people_drawn @ by_person + self._objects_drawn @ by_object
        scale = np.sqrt(self._variance(errors) / drawn) / len(scores)
        low, high = np.percentile(centre + scale * deviations, [2.5, 97.5])
        return Interval(centre, float(low), float(high))


def wilson_interval(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Examples
    --------
    >>> low, high = wilson_interval(0, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.0, 0.278)
    """
    z2 = 1.959963984540054**2
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    middle = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return np.asarray(middle - half), np.asarray(middle + half)
