"""Trials of any form that together show every pair of objects, and their deal to sessions."""

from math import comb

import numpy as np
import pandas as pd

from twoalike.design._covering import covering_bound, covering_triplets
from twoalike.design._deal import deal
from twoalike.design._form import Sets, TrialForm
from twoalike.design._subsets import covering_sets, schonheim_bound
from twoalike.study import Integers, TwoalikeError

_TRIES = 20
"""Times that a further covering is looked for which shares no set with those before."""
_PAIRINGS = 200
"""Times that the candidates of a reference are paired anew where a pair came twice."""


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
