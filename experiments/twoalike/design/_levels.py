"""Triplets at three levels of similarity: within a class, between classes, at a class boundary.

The design of the Levels study (doi:10.1038/s41586-025-09631-6): three objects of one class ask
for fine distinctions, objects of three classes for coarse ones, and two of one class with one
of another show where a class ends.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.design._chosen import Chosen
from twoalike.design._classes import Classes
from twoalike.study import LevelShares, TwoalikeError
from twoalike.tables import STIMULI

CONDITIONS = {"within": "fine", "between": "coarse", "boundary": "boundary"}
"""Name of each level in the column ``condition``, which the tables of choices read."""

type Key = tuple[int, int, int]


def level_counts(n: int, shares: LevelShares) -> dict[str, int]:
    """Split ``n`` trials into levels by largest remainder.

    Examples
    --------
    >>> level_counts(330, LevelShares())
    {'within': 132, 'between': 132, 'boundary': 66}
    """
    exact = {name: n * float(getattr(shares, name)) for name in CONDITIONS}
    # Rounded first, since .2 is not exact in binary and a remainder of 1 - 1e-16 is none.
    counts = {name: int(round(value, 6)) for name, value in exact.items()}
    remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in remainder[: n - sum(counts.values())]:
        counts[name] += 1
    return counts


class LevelSampler:
    """Draws distinct triplets of each level, of the objects shown least so far.

    Parameters
    ----------
    classes
        Class of each of m objects, -1 for objects that are not to be shown.
    used
        Triplets (ascending indices) to keep clear of; those drawn are added.
    rng
        Source of randomness.

    Attributes
    ----------
    exposure
        How often each object was drawn, shape (m,).
    """

    def __init__(self, classes: Classes, used: set[Key], rng: np.random.Generator) -> None:
        self._classes = classes
        self._used = used
        self._rng = rng
        self.exposure = np.zeros(len(classes), dtype=np.int64)
        # Exposure with a random tie break: whoever has the lowest key comes next.
        self._key = np.where(classes >= 0, rng.random(len(classes)), np.inf)
        sizes = np.bincount(classes[classes >= 0], minlength=1)
        self._sizes = sizes
        self._members = [np.flatnonzero(classes == kind) for kind in range(len(sizes))]

    def available(self) -> dict[str, int]:
        """Count the triplets of each level that the classes allow."""
        sizes = self._sizes.tolist()
        m = sum(sizes)
        within = sum(comb(size, 3) for size in sizes)
        boundary = sum(comb(size, 2) * (m - size) for size in sizes)
        between = comb(m, 3) - within - boundary
        return {"within": within, "between": between, "boundary": boundary}

    def draw(self, counts: dict[str, int]) -> Chosen:
        """Draw so many triplets of each level, in random order.

        Raises
        ------
        ValueError
            If the classes do not allow so many; the message says which level.
        """
        available = self.available()
        rows: list[Key] = []
        conditions: list[str] = []
        # The most constrained level first; the others then even out how often objects are shown.
        for level in ("within", "boundary", "between"):
            for drawn in range(counts[level]):
                row = next(self._lowest(level), None)
                if row is None:
                    raise ValueError(
                        f"asked for {counts[level]} triplets {_WORDS[level]}, found {drawn} that "
                        f"are not used yet ({available[level]} in all, {len(self._sizes)} classes)."
                    )
                self._take(row)
                rows.append(row)
                conditions.append(CONDITIONS[level])
        triplets = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return Chosen.of(triplets, "levels", conditions).take(self._rng.permutation(len(rows)))

    def _take(self, row: Key) -> None:
        self._used.add(row)
        items = list(row)
        self.exposure[items] += 1
        self._key[items] = self.exposure[items] + self._rng.random(3)

    def _lowest(self, level: str) -> Iterator[Key]:
        """Triplets not used yet, those of the least shown objects first."""
        rows = {"within": self._within, "between": self._between, "boundary": self._boundary}
        for items in rows[level]():
            first, second, third = sorted(items)
            if (first, second, third) not in self._used:
                yield first, second, third

    def _classes_in_turn(self, least: int) -> Iterator[list[int]]:
        """Members of each class with ``least`` or more, least shown class and member first."""
        kinds = np.flatnonzero(self._sizes >= least)
        known = self._classes >= 0
        total = np.bincount(self._classes[known], weights=self._key[known])
        mean = total[kinds] / self._sizes[kinds]
        for kind in kinds[np.argsort(mean)]:
            members = self._members[kind]
            yield members[np.argsort(self._key[members])].tolist()

    def _within(self) -> Iterator[tuple[int, ...]]:
        for members in self._classes_in_turn(3):
            yield from combinations(members, 3)

    def _boundary(self) -> Iterator[tuple[int, ...]]:
        for members in self._classes_in_turn(2):
            for pair in combinations(members, 2):
                for stranger in self._in_turn([pair[0]]):
                    yield *pair, stranger

    def _between(self) -> Iterator[tuple[int, ...]]:
        for first in self._in_turn([]):
            for second in self._in_turn([first]):
                for third in self._in_turn([first, second]):
                    yield first, second, third

    def _in_turn(self, others: list[int]) -> Iterator[int]:
        """Objects of other classes than ``others``, least shown first."""
        key: npt.NDArray[np.float64] = self._key
        for item in others:
            key = np.where(self._classes == self._classes[item], np.inf, key)
        lowest = int(np.argmin(key))
        if np.isinf(key[lowest]):
            return
        yield lowest  # nearly always the one that is taken: no need to sort the others
        for item in np.argsort(key)[1:]:
            if np.isinf(key[item]):
                return
            yield int(item)


_WORDS = {
    "within": "within a class",
    "between": "between classes",
    "boundary": "at a class boundary",
}


def check_conditions(path: Path, table: pd.DataFrame, ids: Sequence[str], classes: Classes) -> None:
    """Refuse a trial list whose conditions are not the levels of its triplets.

    Conditions that name no level, and triplets with an object of no class, pass.

    Parameters
    ----------
    path
        File the list is from, for the message.
    table
        The list, as :func:`twoalike.design.read_trial_list` gives it.
    ids
        The m objects.
    classes
        Class of each, -1 for none, shape (m,).

    Raises
    ------
    TwoalikeError
        Naming the trial, what its condition says and what its classes are.
    """
    known = dict(zip(ids, classes.tolist(), strict=True))
    levels = {1: "fine", 2: "boundary", 3: "coarse"}
    for row in table.to_dict("records"):
        kinds = {known[row[name]] for name in STIMULI}
        says, is_level = row["condition"], levels[len(kinds)]
        if says in levels.values() and says != is_level and -1 not in kinds:
            raise TwoalikeError(
                f"{path}: trial {row['trial_index']}, column 'condition': expected {is_level!r}, "
                f"since its objects are of {len(kinds)} different classes, found {says!r}."
            )
