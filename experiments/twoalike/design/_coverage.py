"""The coverage design: sessions that together show every pair of objects."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from twoalike.design._chosen import Chosen
from twoalike.design._covering import covering_bound, covering_triplets
from twoalike.design._deal import deal
from twoalike.design._triplets import Triplets
from twoalike.study import DesignConfig, TwoalikeError


def coverage_sessions(
    m: int, config: DesignConfig, sessions: int, rng: np.random.Generator
) -> list[Chosen]:
    """Choose main triplets of sessions that together show each pair of objects.

    Trials that are not needed for it are filled with random triplets.

    Parameters
    ----------
    m
        Number of objects.
    config
        Trials a session, and how often each pair is to be shown.
    sessions
        Number of sessions.
    rng
        Source of randomness.

    Raises
    ------
    TwoalikeError
        If the sessions are too few or too short; the message says how many it takes.
    """
    _require_room(m, config, sessions, covering_bound(m, config.pair_repeats))
    cover = covering_triplets(m, config.pair_repeats, rng)
    _require_room(m, config, sessions, len(cover))
    dealt = deal(cover, ["coverage"] * len(cover), sessions, m, rng)
    chosen = []
    for places in dealt:
        own = Chosen.of(cover[places], "coverage")
        more = filling_triplets(cover[places], m, config.trials - len(places), rng)
        both = own.joined(Chosen.of(more, "random"))
        chosen.append(both.take(rng.permutation(len(both))))
    return chosen


def _require_room(m: int, config: DesignConfig, sessions: int, needed: int) -> None:
    # No session shows a triplet twice, and a pair is in m - 2 triplets.
    least = max(-(-needed // config.trials), -(-config.pair_repeats // (m - 2)))
    if sessions < least:
        times = "once" if config.pair_repeats == 1 else f"{config.pair_repeats} times"
        raise TwoalikeError(
            f"design: to show each pair of {m} objects {times} takes {needed} triplets, so "
            f"{least} sessions of {config.trials} trials, found {sessions}. Design so many in one "
            "call (--participants, --sessions), or raise design.trials."
        )


def filling_triplets(taken: Triplets, m: int, n: int, rng: np.random.Generator) -> Triplets:
    """Draw ``n`` triplets not in ``taken``, each of the objects shown least so far.

    Ties are broken at random.

    Raises
    ------
    ValueError
        If there are not so many left.
    """
    used = {tuple(row) for row in taken.tolist()}
    shown = np.bincount(taken.ravel(), minlength=m)
    rows: list[Sequence[int]] = []
    for _ in range(n):
        order = np.argsort(shown + rng.random(m)).tolist()
        free = (row for row in combinations(order, 3) if tuple(sorted(row)) not in used)
        found = next(free, None)
        if found is None:
            raise ValueError(f"asked for {n} further triplets, {len(rows)} are left.")
        row = sorted(found)
        used.add(tuple(row))
        shown[row] += 1
        rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(-1, 3)
