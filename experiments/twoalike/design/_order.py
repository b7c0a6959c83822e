"""The order of a session: attention checks spread out, repeats far from the first showing."""

from itertools import pairwise

import numpy as np

GAP = 10
"""A repeat comes at least this many trials after the first showing, so that nobody remembers."""
ATTEMPTS = 50


def session_order(
    main: int, catch: int, repeats: int, rng: np.random.Generator
) -> list[tuple[str, int]]:
    """Order of the trials after the practice.

    Parameters
    ----------
    main, catch, repeats
        Numbers of trials of each kind.

    Returns
    -------
    ``(kind, index)``: for ``main`` and ``catch`` the index of the trial of that kind, for
    ``repeat`` the index of the main trial that is shown again. Main and catch trials come in
    the order of their index.

    Raises
    ------
    ValueError
        If the session is too short for its repeats.
    """
    firsts = _spread_catch(main, catch, rng)
    for attempt in range(ATTEMPTS):
        # The last attempt is the one that works whenever any does: all repeats at the end.
        order = _insert_repeats(firsts, repeats, rng, at_end=attempt == ATTEMPTS - 1)
        if order is not None:
            return order
    raise ValueError(
        f"no room for {repeats} repeats, each {GAP} trials or more after its first showing, in a "
        f"session of {main} main trials."
    )


def _spread_catch(main: int, catch: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """One attention check at a random place in each of equal parts of the session."""
    edges = np.linspace(0, main, catch + 1)
    before = [int(rng.integers(int(a), max(int(b), int(a) + 1))) for a, b in pairwise(edges)]
    order: list[tuple[str, int]] = []
    done = 0
    for trial in range(main):
        order.append(("main", trial))
        while done < catch and before[done] == trial:
            order.append(("catch", done))
            done += 1
    return order


def _insert_repeats(
    firsts: list[tuple[str, int]], repeats: int, rng: np.random.Generator, *, at_end: bool
) -> list[tuple[str, int]] | None:
    order: list[tuple[str, int]] = []
    waiting = list(reversed(firsts))
    eligible: list[int] = []
    left = repeats
    while waiting or left:
        if len(order) >= GAP:
            kind, trial = order[len(order) - GAP]
            if kind == "main":
                eligible.append(trial)
        now = not waiting or (not at_end and rng.random() < left / (left + len(waiting)))
        if left and eligible and now:
            order.append(("repeat", eligible.pop(rng.integers(len(eligible)))))
            left -= 1
        elif waiting:
            order.append(waiting.pop())
        else:
            return None
    return order
