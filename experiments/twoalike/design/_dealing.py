"""Sharing out evenly: trials over the sessions of a study, objects over its participants.

Trials are dealt so that each object is about equally often in each session. With more objects than
one person can judge, each person sees some of them: all objects are dealt in rounds, each in a
random order, and the sets are cut from this sequence one after the other, so that no object is in
two sets more than another. Within a round, objects are exchanged between sets as long as that makes
their pairs rarer. A round depends on the study's seed and the rounds before it only, so that the
first k sets are always the same.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.design._covering import covering_trials, fewest_trials
from twoalike.design._form import Sets, TrialForm
from twoalike.study import Integers, TwoalikeError

EXCHANGES, MOST_EXCHANGES = 40, 400_000
"""Exchanges tried for each trial that is dealt, and in all."""
_WORD = 5
"""Word of the seed that sets the drawing of objects apart from others."""
_SWEEPS = 8
"""Times that the objects of a round are gone through for exchanges, at most."""
_TWICE = 10**6
"""Cost of an object that is in a set twice, against that of a pair that was together once."""


def chosen(trials: Sets, sampler: str | list[str]) -> pd.DataFrame:
    """Trials with the sampler of each: objects in columns 0 to k - 1; no score, no condition."""
    return pd.DataFrame(trials).assign(sampler=sampler, sampler_score=np.nan, condition=None)


def objects_of(trials: pd.DataFrame) -> Sets:
    """Objects of chosen trials, shape (n, k)."""
    return trials.iloc[:, :-3].to_numpy(np.int64)


def coverage_sessions(
    form: TrialForm,
    m: int,
    n: int,
    repeats: int,
    sessions: int,
    rng: np.random.Generator,
    table: str,
) -> list[pd.DataFrame]:
    """Choose ``n`` main trials of each session so that all sessions together show each pair.

    Trials that are not needed for it are filled with random ones. Messages name the settings by
    their ``table`` in study.toml.
    """
    n = min(n, form.count(m))
    times = "once" if repeats == 1 else f"{repeats} times"
    what = f"each pair of {m} objects {times} in {form.noun}"
    refuse_few_sessions(table, what, fewest_trials(form, m, repeats), n, sessions)
    try:
        cover = covering_trials(form, m, repeats, rng)
    except ValueError as error:
        raise TwoalikeError(f"{table}: {error} Lower {table}.pair_repeats.") from error
    # No session shows a trial twice.
    most = int(np.unique(cover, axis=0, return_counts=True)[1].max())
    refuse_few_sessions(table, what, len(cover), n, sessions, least=most)
    lists = []
    for at in deal(cover, ["coverage"] * len(cover), sessions, m, rng):
        more = form.least_shown(cover[at], m, n - len(at), rng)
        both = pd.concat([chosen(cover[at], "coverage"), chosen(more, "random")])
        lists.append(both.iloc[rng.permutation(len(both))])
    return lists


def refuse_few_sessions(
    table: str, what: str, needed: int, per_session: int, sessions: int, *, least: int = 0
) -> None:
    """Refuse fewer sessions than it takes to show ``what``, and fewer than ``least``."""
    least = max(-(-needed // per_session), least)
    if sessions < least:
        raise TwoalikeError(
            f"{table}: to show {what} takes {needed} trials, so {least} sessions of {per_session} "
            f"trials, found {sessions}. Design so many in one call (`participants=...`, "
            f"`sessions=...`), or raise the number of trials in [{table}]."
        )


def deal(
    trials: Sets, kinds: Sequence[object], lists: int, m: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Deal trials, shape (n, k), to lists; give each list's places among them.

    Each of the n ``kinds`` is dealt evenly, each object is about equally often in each list, and no
    list has a trial twice; one may be listed up to ``lists`` times.
    """
    owner = _first_deal(trials, kinds, lists, rng)
    if lists > 1:
        owner = _evened(trials, kinds, owner, lists, m, rng)
    return [np.flatnonzero(owner == number) for number in range(lists)]


def _first_deal(
    trials: Sets, kinds: Sequence[object], lists: int, rng: np.random.Generator
) -> np.ndarray:
    """Deal round-robin, equal trials one after another so that no list gets two of them."""
    shuffled = rng.permutation(len(trials)).tolist()
    rows = [tuple(row) for row in trials.tolist()]
    rank = {row: at for at, row in enumerate(dict.fromkeys(rows[at] for at in shuffled))}
    groups = {kind: at for at, kind in enumerate(dict.fromkeys(kinds))}
    order = sorted(shuffled, key=lambda at: (groups[kinds[at]], rank[rows[at]]))
    owner = np.empty(len(trials), dtype=np.int64)
    owner[order] = np.arange(len(order)) % lists
    return owner


def _evened(
    trials: Sets,
    kinds: Sequence[object],
    owner: np.ndarray,
    lists: int,
    m: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Let two lists exchange trials of one kind where that evens out their objects."""
    n = len(trials)
    rows = [tuple(row) for row in trials.tolist()]
    hands = [_Hand(m) for _ in range(lists)]
    whose = owner.tolist()
    for row, number in zip(rows, whose, strict=True):
        hands[number].change(row, +1)
    for _ in range(min(EXCHANGES * n, MOST_EXCHANGES) // 1024 + 1):
        for first, second in rng.integers(n, size=(1024, 2)).tolist():
            mine, yours = hands[whose[first]], hands[whose[second]]
            give, take = rows[first], rows[second]
            if mine is yours or kinds[first] != kinds[second]:
                continue
            if give in yours.rows or take in mine.rows or mine.gain(give, take, yours) > 0:
                continue
            whose[first], whose[second] = whose[second], whose[first]
            for hand, old, new in ((mine, give, take), (yours, take, give)):
                hand.change(old, -1)
                hand.change(new, +1)
    return np.array(whose)


class _Hand:
    def __init__(self, m: int) -> None:
        self.rows: set[tuple[int, ...]] = set()
        self.shown = [0] * m

    def change(self, row: tuple[int, ...], by: int) -> None:
        """Add (+1) or drop (-1) a trial."""
        (self.rows.add if by > 0 else self.rows.remove)(row)
        for item in row:
            self.shown[item] += by

    def gain(self, give: tuple[int, ...], take: tuple[int, ...], other: "_Hand") -> int:
        """Half the change of all squared counts if ``give`` went to ``other`` for ``take``."""
        given, taken = set(give) - set(take), set(take) - set(give)
        return sum(other.shown[item] - self.shown[item] + 1 for item in given) + sum(
            self.shown[item] - other.shown[item] + 1 for item in taken
        )


@lru_cache(maxsize=4)
def object_sets(m: int, size: int, n: int, seed: int) -> Integers:
    """Share m objects out over n sets; objects of each set, ascending, shape (n, size).

    Examples
    --------
    >>> sets = object_sets(12, 4, 9, seed=7)
    >>> np.bincount(sets.ravel())
    array([3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])
    """
    n_rounds = -(-n * size // m)
    together = np.diag(np.full(m, _TWICE, dtype=np.int64))
    sequence = np.empty(0, dtype=np.int64)
    for number in range(n_rounds):
        rng = np.random.default_rng([seed, _WORD, number])
        start = len(sequence) // size * size  # of the set that this round completes
        order, own = rng.permutation(m), (len(sequence) + np.arange(m) - start) // size
        begun = sequence[start:]
        _exchange(order, own, begun, together, rng)
        sequence = np.concatenate([sequence, order])
        for first in range(start, len(sequence), size):
            _count_pairs(sequence[first : first + size], len(begun) * (first == start), together)
    return np.sort(sequence[: n * size].reshape(n, size), axis=1)


def _count_pairs(items: Integers, n_known: int, together: Integers) -> None:
    """Count the pairs of a set, or of its beginning, of which ``n_known`` objects were counted."""
    new = items[n_known:]
    for others in (items[:n_known], new):
        together[np.ix_(new, others)] += 1
        if others is not new:
            together[np.ix_(others, new)] += 1
    together[new, new] -= 1


def _exchange(
    order: Integers, own: Integers, begun: Integers, together: Integers, rng: np.random.Generator
) -> None:
    """Exchange objects of a round, in place, while that makes the pairs of its sets rarer.

    ``own`` is the set of each place, shape (m,); the first set has the objects ``begun`` already.
    """
    cost = np.zeros((len(order), own[-1] + 1), dtype=np.int64)  # of an object in a set
    np.add.at(cost.T, own, together[order])
    cost[:, 0] += together[:, begun].sum(axis=1)
    for _ in range(_SWEEPS):
        changed = False
        for at in rng.permutation(len(order)):
            x, here = order[at], own[at]
            gain = cost[order, here] - cost[x, here] + cost[x, own] - cost[order, own]
            gain += 2 * _TWICE - 2 * together[x, order]
            gain[own == here] = 0
            to = int(np.argmin(gain))
            if gain[to] >= 0:
                continue
            y, there = order[to], own[to]
            cost[:, here] += together[y] - together[x]
            cost[:, there] += together[x] - together[y]
            order[at], order[to] = y, x
            changed = True
        if not changed:
            return


def set_counts(sets: Integers, m: int) -> tuple[Integers, Integers]:
    """How many sets have each object, shape (m,), and each pair, shape (m (m - 1) / 2,)."""
    member: npt.NDArray[np.int64] = np.zeros((len(sets), m), dtype=np.int64)
    member[np.arange(len(sets))[:, None], sets] = 1
    return member.sum(axis=0), (member.T @ member)[np.triu_indices(m, 1)]
