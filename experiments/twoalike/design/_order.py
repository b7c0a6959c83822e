"""The order of a session: attention checks spread out, repeats far from the first showing."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from twoalike.study import PLAN_STEP

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


def plan_order(
    plan: Sequence[str], rng: np.random.Generator
) -> tuple[list[tuple[str, int]], list[int]]:
    """Order of the trials after the practice as a plan has it.

    Parameters
    ----------
    plan
        Steps such as ``main 50``, ``catch 2``, ``repeat 5`` and ``break``.
    rng
        Draws which earlier main trials are repeated.

    Returns
    -------
    The order as :func:`session_order` gives it, and the block of each trial, from 1: trials
    without a break between them are one block.

    Raises
    ------
    ValueError
        If repeats stand too early in the plan.

    Examples
    --------
    >>> plan_order(["main 2", "catch 1", "break", "main 1"], np.random.default_rng(0))
    ([('main', 0), ('main', 1), ('catch', 0), ('main', 2)], [1, 1, 1, 2])
    """
    order: list[tuple[str, int]] = []
    blocks: list[int] = []
    done = {"main": 0, "catch": 0}
    repeated: set[int] = set()
    block, pause = 1, False
    for step in plan:
        parts = PLAN_STEP.fullmatch(step)
        if parts is None or parts[1] is None:
            pause = True
            continue
        block += int(pause and bool(order))
        pause = False
        for _ in range(int(parts[2])):
            if parts[1] == "repeat":
                far = [i for kind, i in order[: max(0, len(order) - GAP + 1)] if kind == "main"]
                index = _draw_new(far, repeated, rng)
            else:
                index = done[parts[1]]
                done[parts[1]] += 1
            order.append((parts[1], index))
            blocks.append(block)
    return order, blocks


def _draw_new(far: Sequence[int], repeated: set[int], rng: np.random.Generator) -> int:
    left = [index for index in far if index not in repeated]
    if not left:
        raise ValueError(
            f"a repeat of the plan has no main trial {GAP} trials before it that was not "
            "repeated yet."
        )
    index = left[rng.integers(len(left))]
    repeated.add(index)
    return index
