"""Trials of any form that together show every pair of objects, and their deal to sessions.

Dealt evenly: each object is about equally often in each session.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
import pandas as pd

from twoalike.design._covering import covering_bound, covering_triplets
from twoalike.design._form import Sets, TrialForm
from twoalike.design._subsets import covering_sets, schonheim_bound
from twoalike.study import Integers, TwoalikeError

_TRIES = 20
"""Times that a further covering is looked for which shares no set with those before."""
_PAIRINGS = 200
"""Times that the candidates of a reference are paired anew where a pair came twice."""
EXCHANGES = 40
"""Exchanges tried for each trial."""
MOST_EXCHANGES = 400_000


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
    _require_room(form, m, n, repeats, sessions, table, fewest_trials(form, m, repeats))
    try:
        cover = covering_trials(form, m, repeats, rng)
    except ValueError as error:
        raise TwoalikeError(f"{table}: {error} Lower {table}.pair_repeats.") from error
    # No session shows a trial twice.
    most = int(np.unique(cover, axis=0, return_counts=True)[1].max())
    _require_room(form, m, n, repeats, sessions, table, len(cover), least=most)
    lists = []
    for at in deal(cover, ["coverage"] * len(cover), sessions, m, rng):
        more = form.least_shown(cover[at], m, n - len(at), rng)
        both = pd.concat([chosen(cover[at], "coverage"), chosen(more, "random")])
        lists.append(both.iloc[rng.permutation(len(both))])
    return lists


def _require_room(
    form: TrialForm,
    m: int,
    n: int,
    repeats: int,
    sessions: int,
    table: str,
    needed: int,
    least: int = 0,
) -> None:
    times = "once" if repeats == 1 else f"{repeats} times"
    what = f"each pair of {m} objects {times} in {form.noun}"
    refuse_few_sessions(table, what, needed, n, sessions, least=least)


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


def fewest_trials(form: TrialForm, m: int, repeats: int = 1) -> int:
    """Fewest trials that could show each pair of ``m`` objects so often.

    Examples
    --------
    >>> [fewest_trials(form, 20) for form in (TrialForm(4), TrialForm(3), TrialForm(3, True))]
    [35, 67, 95]
    """
    if form.anchored:  # a pair is a reference and a candidate
        return -(-repeats * comb(m, 2) // 2)
    if form.items == 3:
        return covering_bound(m, repeats)
    return schonheim_bound(m, form.items) * repeats


def covering_trials(form: TrialForm, m: int, repeats: int, rng: np.random.Generator) -> Sets:
    """Find trials that show each pair of ``m`` objects ``repeats`` times or more.

    Of questions, one of the pair is the reference, each of the two about equally often.

    Returns
    -------
    Shape (n, k), in the order of the form in each row, in random order. Only pairs, and triplets
    beyond m - 2 repeats, come more than once. Of sets of four and more, some may be there to tie
    groups of trials together (see :func:`covering_sets`).

    Examples
    --------
    >>> covering_trials(TrialForm(6), 6, 1, np.random.default_rng(0))
    array([[0, 1, 2, 3, 4, 5]])
    >>> covering_trials(TrialForm(3, anchored=True), 9, 1, np.random.default_rng(0)).shape
    (18, 3)
    """
    if form.anchored:
        return _covering_questions(m, repeats, rng)
    if form.items == 2:
        return np.tile(np.column_stack(np.triu_indices(m, 1)), (repeats, 1)).astype(np.int64)
    if form.items == 3:
        return covering_triplets(m, repeats, rng)
    found: set[tuple[int, ...]] = set()
    for _ in range(repeats):
        coverings = (
            {tuple(items) for items in covering_sets(m, form.items, rng)} for _ in range(_TRIES)
        )
        further = next((one for one in coverings if not one & found), None)
        if further is None:
            raise ValueError(
                f"each pair of {m} objects cannot be shown {repeats} times in {form.noun} without "
                "showing one twice."
            )
        found |= further
    return rng.permutation(np.array(sorted(found), dtype=np.int64))


def _covering_questions(m: int, repeats: int, rng: np.random.Generator) -> Integers:
    """Questions that show each pair, one of them the reference, ceil(repeats m (m - 1) / 4).

    Each pair is given a direction, from the reference to the candidate, so that every object is
    the reference of about as many pairs; the candidates of a reference are then paired at random.
    An odd number of candidates would leave one alone, so one pair is turned round between each two
    objects that have one: at most one object needs a candidate more.
    """
    towards = _directed(m, repeats, rng)
    odd = rng.permutation(np.flatnonzero(towards.sum(axis=1) % 2)).tolist()
    for one, other in zip(odd[::2], odd[1::2], strict=False):
        source, end = (one, other) if towards[one, other] else (other, one)
        towards[source, end] -= 1
        towards[end, source] += 1
    if len(odd) % 2:
        last = odd[-1]
        others = np.delete(np.arange(m), last)
        towards[last, others[np.argmin(towards[last, others] + rng.random(m - 1))]] += 1
    parts = [_paired(reference, towards[reference], rng) for reference in range(m)]
    return rng.permutation(np.concatenate(parts))


def _directed(m: int, repeats: int, rng: np.random.Generator) -> Integers:
    """How often each pair has each direction, shape (m, m): evenly, and evenly over objects."""
    towards = np.full((m, m), repeats // 2, dtype=np.int64)
    if repeats % 2:
        # Round a circle, each object points to the half of them that follow it.
        place = rng.permutation(m)
        ahead = (place[None, :] - place[:, None]) % m
        across = (2 * ahead == m) & (place[:, None] < m // 2)
        towards += (2 * ahead < m) | across
    np.fill_diagonal(towards, 0)
    return towards


def _paired(reference: int, counts: Integers, rng: np.random.Generator) -> Integers:
    """Pair the candidates of a reference, no two pairs the same, shape (n, 3)."""
    candidates = np.repeat(np.arange(len(counts)), counts)
    for _ in range(_PAIRINGS):
        pairs = np.sort(rng.permutation(candidates).reshape(-1, 2), axis=1)
        if (pairs[:, 0] < pairs[:, 1]).all() and len(np.unique(pairs, axis=0)) == len(pairs):
            return np.column_stack([np.full(len(pairs), reference), pairs])
    raise ValueError(
        f"pair_repeats asks for {len(candidates)} candidates of one reference among "
        f"{len(counts) - 1} objects, which cannot be paired without asking a question twice."
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
        _exchange(trials, kinds, owner, lists, m, rng)
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


def _exchange(
    trials: Sets,
    kinds: Sequence[object],
    owner: np.ndarray,
    lists: int,
    m: int,
    rng: np.random.Generator,
) -> None:
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
    owner[:] = whose


class _Hand:
    """The trials of a list, and how often each object is among them."""

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
        change = 0
        for item in give:
            if item not in take:
                change += other.shown[item] - self.shown[item] + 1
        for item in take:
            if item not in give:
                change += self.shown[item] - other.shown[item] + 1
        return change
