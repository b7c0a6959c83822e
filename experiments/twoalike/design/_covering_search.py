"""Local search for a covering with one set less: exchange items until every pair is shown.

Each step takes a pair that no set shows, and brings one of its items into a set with the
other, in place of the item that costs least. An item just brought in stays for a few steps,
which keeps the search from going in circles (tabu search).
"""

import numpy as np
import numpy.typing as npt

TENURE = (2, 10)
"""Steps an item stays after it was brought in: drawn from 2 to 9."""

type Member = npt.NDArray[np.bool_]


def without_a_set(
    member: Member, exchanges: int, rng: np.random.Generator
) -> tuple[Member | None, int]:
    """Take out the set that shows fewest pairs alone, and cover anew.

    Parameters
    ----------
    member
        Which items are in which set, shape (sets, m); every pair is in some set.
    exchanges
        Most exchanges to try.
    rng
        Source of randomness.

    Returns
    -------
    The covering with one set less, or None where the search found none; and the exchanges
    tried.
    """
    counts = _pair_counts(member)
    alone = [int((counts[np.ix_(row, row)] == 1).sum()) for row in member]
    fewer = np.delete(member, int(np.argmin(alone)), axis=0)
    counts = _pair_counts(fewer)
    stays = np.zeros(fewer.shape, dtype=np.int64)
    for step in range(exchanges):
        missing = np.flatnonzero(counts == 0)
        if len(missing) == 0:
            return fewer, step
        pair = divmod(int(rng.choice(missing)), counts.shape[1])
        _bring_together(pair, fewer, counts, stays, step, rng)
    return None, exchanges


def _pair_counts(member: Member) -> npt.NDArray[np.int64]:
    """How many sets show each pair, shape (m, m); the diagonal counts as shown twice."""
    # Floating point, for that is what fast matrix products are made for.
    counts = np.rint(member.T.astype(np.float64) @ member.astype(np.float64)).astype(np.int64)
    np.fill_diagonal(counts, 2)
    return counts


def _bring_together(
    pair: tuple[int, int],
    member: Member,
    counts: npt.NDArray[np.int64],
    stays: npt.NDArray[np.int64],
    step: int,
    rng: np.random.Generator,
) -> None:
    """Bring the second item into the set with the first where that costs least; in place."""
    held, new = pair
    rows = np.flatnonzero(member[:, held])
    items = np.nonzero(member[rows])[1].reshape(len(rows), -1)
    lost = (counts[items[:, :, None], items[:, None, :]] == 1).sum(axis=2)
    open_with_new = counts[new][items] == 0
    gained = open_with_new.sum(axis=1, keepdims=True) - open_with_new
    cost = lost - gained + 0.5 * rng.random(lost.shape)
    cost[stays[rows[:, None], items] > step] += counts.size
    cost[items == held] = np.inf
    at, place = divmod(int(cost.argmin()), cost.shape[1])
    row, out = rows[at], items[at, place]
    rest = np.delete(items[at], place)
    for item, change in ((out, -1), (new, 1)):
        counts[item, rest] += change
        counts[rest, item] += change
    member[row, [out, new]] = False, True
    stays[row, new] = step + rng.integers(*TENURE)
