"""Judgments gathered by triplet: how many people called each of its objects the odd one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import Judgments, first_of, group_numbers, triplet_numbers

type Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Votes:
    """Votes on m different triplets, from n judgments.

    Attributes
    ----------
    triplets
        Objects of each triplet in ascending order, rows sorted and unique, shape (m, 3).
    counts
        Votes for each object of the triplet, shape (m, 3).
    triplet
        Triplet of each vote, 0..m-1, in the order of the judgments, shape (n,).
    item
        Object voted for, its place 0..2 in the row of ``triplets``, shape (n,).
    participants
        Who voted, shape (n,).
    """

    triplets: Counts
    counts: Counts
    triplet: Counts
    item: Counts
    participants: Counts

    def __len__(self) -> int:
        """Return the number of triplets."""
        return len(self.triplets)

    @property
    def n_votes(self) -> Counts:
        """Votes on each triplet, shape (m,)."""
        return np.asarray(self.counts.sum(axis=1))

    def keep(self, kept: npt.NDArray[np.bool_]) -> "Votes":
        """Only some of the votes, shape (n,); all triplets stay, some perhaps without a vote."""
        triplet, item = self.triplet[kept], self.item[kept]
        counts = count_votes(triplet, item, len(self))
        return Votes(self.triplets, counts, triplet, item, self.participants[kept])


def count_votes(triplet: Counts, item: Counts, m: int) -> Counts:
    """Votes for each object of m triplets, shape (m, 3)."""
    return np.bincount(3 * triplet + item, minlength=3 * m).reshape(m, 3).astype(np.int64)


def votes(
    triplets: npt.NDArray[np.integer],
    chosen: npt.NDArray[np.integer],
    participants: npt.NDArray[np.integer] | None = None,
) -> Votes:
    """Gather judgments by triplet, whatever the order in which its objects were shown.

    Parameters
    ----------
    triplets
        Objects shown, shape (n, 3).
    chosen
        Place of the odd one in 0..2, shape (n,).
    participants
        Who judged, 0..P-1, shape (n,). Of several answers of one person to one triplet only the
        first is a vote, since people agree with themselves more than with others. None where
        that is not known: every judgment is a vote.

    Examples
    --------
    >>> table = votes(np.array([[5, 2, 9], [9, 5, 2], [2, 5, 9]]), np.array([0, 1, 0]))
    >>> table.triplets, table.counts
    (array([[2, 5, 9]]), array([[1, 2, 0]]))
    """
    shown = np.asarray(triplets, dtype=np.int64)
    return _gathered(triplet_numbers(shown), shown, chosen, participants)


def votes_of(judged: Judgments) -> Votes:
    """Gather judgments by triplet (:func:`votes`); every one is a vote if nobody knows by whom."""
    people = judged.participants if judged.known_people else None
    return _gathered(judged.numbers, judged.triplets, judged.chosen, people)


def _gathered(
    numbers: tuple[Counts, Counts],
    shown: Counts,
    chosen: npt.NDArray[np.integer],
    participants: npt.NDArray[np.integer] | None,
) -> Votes:
    unique, triplet = numbers
    odd = shown[np.arange(len(shown)), chosen]
    item = (unique[triplet] < odd[:, None]).sum(axis=1)
    if participants is None:
        return Votes(
            unique, count_votes(triplet, item, len(unique)), triplet, item, np.arange(len(shown))
        )
    once = np.sort(first_of(group_numbers(triplet, participants)))
    triplet, item = triplet[once], item[once]
    person = np.asarray(participants, dtype=np.int64)[once]
    return Votes(unique, count_votes(triplet, item, len(unique)), triplet, item, person)


def count_types(counts: Counts) -> tuple[Counts, Counts]:
    """Sort the counts of each triplet, and find the different ones.

    Objects stand in a row in no meaningful order, so that measures of agreement depend on the
    sorted counts alone; of those there are few, and each has to be worked out once.

    Parameters
    ----------
    counts
        Votes for each object, shape (m, 3).

    Returns
    -------
    Different counts, each in descending order, shape (u, 3); the row of each triplet, shape (m,).

    Examples
    --------
    >>> count_types(np.array([[0, 3, 2], [2, 0, 3], [5, 0, 0]]))
    (array([[3, 2, 0],
           [5, 0, 0]]), array([0, 0, 1]))
    """
    rows = -np.sort(-np.asarray(counts, dtype=np.int64), axis=1)
    base = int(rows.max(initial=0)) + 1
    code = (rows[:, 0] * base + rows[:, 1]) * base + rows[:, 2]
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    return rows[first], number.astype(np.int64)
