r"""Intervals for means over choices, when other people and other objects could have been drawn.

Choices are not independent: those of one participant share a person, and those on one object
share that object. Each bootstrap resample draws participants and objects anew, and a choice
moves with the number of times that its participant and each of its three objects was drawn.

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

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]
type Codes = npt.NDArray[np.int64]

_LEAST_REMAINDER = 0.1
"""With five objects or fewer any two triplets share one, and nothing would be left to divide by."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; the ends are equal to it where nothing varies."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return the three numbers for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def _codes(*columns: npt.NDArray[np.integer]) -> Codes:
    """Give equal rows of the columns one number, 0, 1, ..."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        code = code * (int(column.max()) + 1) + column
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def _sum_of_squares(groups: Codes, errors: Floats) -> float:
    copies = len(groups) // len(errors)
    return float((np.bincount(groups, weights=np.tile(errors, copies)) ** 2).sum())


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
    rng
        Source of the resamples.
    resamples
        Their number.
    level
        Share of the resamples inside an interval.

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
        participants: npt.NDArray[np.integer],
        triplets: npt.NDArray[np.integer],
        rng: np.random.Generator,
        *,
        resamples: int = 2000,
        level: float = 0.95,
    ) -> None:
        self._person = _codes(participants)
        self._object = _codes(triplets.T.ravel())
        self._n_people = int(self._person.max()) + 1
        self._n_objects = int(self._object.max()) + 1
        self._tails = (50 * (1 - level), 50 * (1 + level))
        self._people_drawn = rng.multinomial(
            self._n_people, np.full(self._n_people, 1 / self._n_people), size=resamples
        )
        self._objects_drawn = rng.multinomial(
            self._n_objects, np.full(self._n_objects, 1 / self._n_objects), size=resamples
        )
        self._shared = self._shared_groups()
        dependent = self._sums(np.ones(len(participants)))[0] / len(participants) ** 2
        self._remainder = max(1 - dependent, _LEAST_REMAINDER)

    def _shared_groups(self) -> list[tuple[int, Codes]]:
        """Group choices by common objects, and by common objects and participant.

        Two choices that share 1, 2 or 3 objects lie together in 1, 3 or 7 groups of one, two
        or three objects; with the signs +, -, + each such two choices count once.
        """
        first, second, third = np.sort(self._object.reshape(3, -1), axis=0)
        pairs = ((first, second), (first, third), (second, third))
        left, right = (np.concatenate(side) for side in zip(*pairs, strict=True))
        sets = ((1, (self._object,)), (-1, (left, right)), (1, (first, second, third)))
        groups = []
        for sign, columns in sets:
            person = np.tile(self._person, len(columns[0]) // len(self._person))
            groups.append((sign, _codes(*columns)))
            groups.append((-sign, _codes(*columns, person)))
        return groups

    def _sums(self, errors: Floats) -> tuple[float, float, float]:
        """Sum products over the pairs that share a person or object, a person, an object."""
        shared = [sign * _sum_of_squares(groups, errors) for sign, groups in self._shared]
        by_object = sum(shared[::2])
        if self._n_people == 1:  # nothing is known of other people: objects alone vary
            return by_object, 0.0, by_object
        by_person = _sum_of_squares(self._person, errors)
        return by_person + sum(shared), by_person, by_object

    def _variance(self, errors: Floats) -> float:
        """Variance of the sum of the errors, each dependent pair of choices counted once."""
        # By chance the difference may fall below either source alone; in truth it cannot.
        return max(self._sums(errors)) / self._remainder

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
        by_person = np.bincount(self._person, weights=errors)
        by_object = np.bincount(self._object, weights=np.tile(errors, 3))
        drawn = float((by_person**2).sum() + (by_object**2).sum())
        if drawn <= 1e-24 * len(scores):
            return Interval(centre, centre, centre)
        deviations = (self._people_drawn - 1) @ by_person + (self._objects_drawn - 1) @ by_object
        scale = np.sqrt(self._variance(errors) / drawn) / len(scores)
        low, high = np.percentile(centre + scale * deviations, self._tails)
        return Interval(centre, float(low), float(high))
