"""What a trial shows, and how trials of any form are drawn: pairs, triplets, sets, questions.

Drawing trials independently would show some objects twice as often as others in a session of a few
hundred trials, and those shown least would be known least.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from twoalike.choice import Question
from twoalike.study import Integers

type Triplets = Integers
"""Object indices, shape (n, 3), ascending in each row."""
type Sets = Integers
"""Object indices, shape (n, k), in the order of their :class:`TrialForm` in each row."""
type Used = set[tuple[int, ...]]

CANDIDATES = 20_000
"""Triplets scored; all there are of up to 50 objects."""


@dataclass(frozen=True)
class TrialForm:
    """What a trial shows: k objects in any order, or a reference (object 1) and k - 1 others.

    A trial is a row of k object indices, ascending but for a reference, which stays first.

    Examples
    --------
    >>> TrialForm(3).count(4), TrialForm(3, anchored=True).count(4), TrialForm(2).count(4)
    (4, 12, 6)
    """

    items: int = 3
    anchored: bool = False
    candidates: int = CANDIDATES
    """Trials scored: fewer where one has many answers, whose covariances are kept."""

    @classmethod
    def of(cls, question: Question | None) -> "TrialForm":
        """Give the form of a question; None: of a pair that is rated.

        Examples
        --------
        >>> TrialForm.of(Question("most_alike", 4))
        TrialForm(items=4, anchored=False, candidates=8000)
        """
        if question is None:
            return cls(2)
        axes = max(len(question.answers) - 1, 2)
        return cls(question.items, question.anchored, CANDIDATES * 2 // axes)

    @property
    def noun(self) -> str:
        """What trials are called in messages."""
        if self.anchored:
            return "questions"
        return {2: "pairs", 3: "triplets"}.get(self.items, f"sets of {self.items}")

    def count(self, m: int) -> int:
        """Count the different trials of m objects."""
        return comb(m, self.items) * (self.items if self.anchored else 1)

    def in_order(self, rows: Integers) -> Integers:
        """Sort the objects of each trial, shape (n, k), a reference staying first."""
        start = int(self.anchored)
        return np.concatenate([rows[:, :start], np.sort(rows[:, start:], axis=1)], axis=1)

    def every(self, m: int) -> Iterator[tuple[int, ...]]:
        """Go through all trials of m objects."""
        for row in combinations(range(m), self.items):
            if not self.anchored:
                yield row
                continue
            for place in range(self.items):
                yield (row[place], *row[:place], *row[place + 1 :])

    def draw(
        self, m: int, n: int, used: Used, rng: np.random.Generator, rare: Sequence[int] = ()
    ) -> Sets:
        """Draw ``n`` distinct trials that are not in ``used``, and add them to it.

        The first of them have an object of ``rare`` each.
        """
        if n > self.count(m) - len(used):
            left = self.count(m) - len(used)
            raise ValueError(f"asked for {n} further {self.noun}, {left} are left.")
        rows: list[tuple[int, ...]] = []
        start = int(self.anchored)
        while len(rows) < n:
            drawn = rng.choice(m, size=self.items, replace=False).tolist()
            if len(rows) < len(rare) and rare[len(rows)] not in drawn:
                drawn[-1] = rare[len(rows)]
            row = (*drawn[:start], *sorted(drawn[start:]))
            if row not in used:
                used.add(row)
                rows.append(row)
        return np.array(rows, dtype=np.int64).reshape(-1, self.items)

    def least_shown(self, taken: Sets, m: int, n: int, rng: np.random.Generator) -> Sets:
        """Draw ``n`` further trials than those taken, each of the objects shown least so far.

        Ties are broken at random. A reference is one that was the reference least often.

        Examples
        --------
        >>> form, none = TrialForm(3, anchored=True), np.empty((0, 3), dtype=np.int64)
        >>> np.bincount(form.least_shown(none, 6, 12, np.random.default_rng(0))[:, 0])
        array([2, 2, 2, 2, 2, 2])
        """
        used = {tuple(row) for row in taken.tolist()}
        shown = np.bincount(taken.ravel(), minlength=m)
        asked = np.bincount(taken[:, 0], minlength=m)
        rows: list[tuple[int, ...]] = []
        for _ in range(n):
            rare = np.argsort(shown + rng.random(m)).tolist()
            row = next((row for row in self._of_rare(rare, asked) if row not in used), None)
            if row is None:
                raise ValueError(f"asked for {n} further {self.noun}, {len(rows)} are left.")
            used.add(row)
            rows.append(row)
            shown[list(row)] += 1
            asked[row[0]] += 1
        return np.array(rows, dtype=np.int64).reshape(-1, self.items)

    def _of_rare(self, rare: Sequence[int], asked: Integers) -> Iterator[tuple[int, ...]]:
        if not self.anchored:
            yield from (tuple(sorted(row)) for row in combinations(rare, self.items))
            return
        for reference in sorted(rare, key=lambda item: int(asked[item])):
            others = (item for item in rare if item != reference)
            for row in combinations(others, self.items - 1):
                yield (reference, *sorted(row))


def balanced_trials(m: int, n: int, rng: np.random.Generator, form: TrialForm) -> Sets:
    """Draw ``n`` distinct trials of ``m`` objects, each object within one of equally often.

    Such sets exist for every n (Baranyai 1975, almost regular hypergraphs). Of questions, each
    object is the reference within one of equally often.
    """
    available, size = form.count(m), form.items
    if n > available:
        raise ValueError(f"asked for {n} distinct {form.noun}, {m} objects have {available}.")
    if form.anchored:
        none = np.empty((0, size), dtype=np.int64)
        return rng.permutation(form.least_shown(none, m, n, rng))
    if 2 * n <= available:
        return _dealt(m, n, rng, size)
    # Where most trials are wanted, it is the few left out that are easy to balance.
    left_out = {tuple(row) for row in _dealt(m, available - n, rng, size).tolist()}
    kept = [row for row in combinations(range(m), size) if row not in left_out]
    return rng.permutation(np.array(kept, dtype=np.int64).reshape(-1, size))


def _dealt(m: int, n: int, rng: np.random.Generator, size: int) -> Sets:
    """Deal equally many cards of each object into hands of ``size``; swap until all is right."""
    times = np.full(m, size * n // m)
    times[rng.permutation(m)[: size * n % m]] += 1
    hands = rng.permutation(np.repeat(np.arange(m), times)).reshape(n, size)
    seen: dict[tuple[int, ...], int] = {}
    for hand in hands:
        _count(seen, hand, +1)
    while bad := [row for row in range(n) if not _right(seen, hands[row])]:
        for row in bad:
            _swap(hands, row, seen, rng)
    return np.sort(hands, axis=1).astype(np.int64)


def _key(hand: Integers) -> tuple[int, ...]:
    return tuple(sorted(hand.tolist()))


def _count(seen: dict[tuple[int, ...], int], hand: Integers, change: int) -> None:
    key = _key(hand)
    seen[key] = seen.get(key, 0) + change


def _right(seen: dict[tuple[int, ...], int], hand: Integers) -> bool:
    key = _key(hand)
    return len(set(key)) == len(hand) and seen[key] == 1


def _swap(
    hands: Integers, row: int, seen: dict[tuple[int, ...], int], rng: np.random.Generator
) -> None:
    """Swap a card of hand ``row`` with a random one, unless that spoils more than it mends."""
    if _right(seen, hands[row]):
        return
    n, size = hands.shape
    other, mine, theirs = (int(rng.integers(most)) for most in (n, size, size))
    if other == row:
        return

    def exchange() -> None:
        for hand in (row, other):
            _count(seen, hands[hand], -1)
        hands[row, mine], hands[other, theirs] = hands[other, theirs], hands[row, mine]
        for hand in (row, other):
            _count(seen, hands[hand], +1)

    before = _right(seen, hands[row]) + _right(seen, hands[other])
    exchange()
    if _right(seen, hands[row]) + _right(seen, hands[other]) < before:
        exchange()
