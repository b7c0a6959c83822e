"""Order of a session's trials, and the places of their images.

Attention checks are spread out, and repeats come long after the first showing. People favour a
side: with every object equally often at each place, that cannot pass for a preference among
objects. Places are 0 to k - 1 from the left, or in reading order, of each item of a trial, shape
(n, k). The reference of an anchored choice is always in the middle.
"""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise, permutations
from typing import Any

import numpy as np

from twoalike.design._form import Sets, TrialForm
from twoalike.study import PLAN_STEP, Integers

_SIDES, _MIDDLE = (0, 2), 1

GAP = 10
"""A repeat comes at least this many trials after the first showing, so that no one remembers."""
ATTEMPTS = 50


def order_in_blocks(
    config: Any, main: int, rng: np.random.Generator
) -> tuple[list[tuple[str, int]], list[int]]:
    """Order of the trials after practice, and the block of each, from 1.

    Of each trial its kind, and its index within the kind; a repeat has the index of the main trial
    that is shown again. Main trials and attention checks come in the order of their index.
    """
    if plan := getattr(config, "plan", None):
        return plan_order(plan, rng)
    order = session_order(main, config.catch, config.repeats, rng)
    return order, [1 + at // config.trials_per_block for at in range(len(order))]


def session_order(
    main: int, catch: int, repeats: int, rng: np.random.Generator
) -> list[tuple[str, int]]:
    """Order of so many trials of each kind, as :func:`order_in_blocks` gives it."""
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
    """Order of the trials after the practice as a plan has it."""
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


def any_places(n: int, form: TrialForm, rng: np.random.Generator) -> Integers:
    """Random places of n trials."""
    places = np.tile(np.arange(form.items), (n, 1))
    if not form.anchored:
        return rng.permuted(places, axis=1)
    places[:, 0] = _MIDDLE
    places[:, 1:] = rng.permuted(np.tile(_SIDES, (n, 1)), axis=1)
    return places


def balanced_places(
    trials: Sets, m: int, rng: np.random.Generator, form: TrialForm | None = None
) -> Integers:
    """Random places with each object's counts at all places within one of each other.

    Where an object is more often at place a than at b, objects at a and b change places along a
    chain of trials from it to an object of the opposite need; each chain lowers the sum of squared
    counts, so this ends, and with all counts within one (an equitable edge colouring; de Werra
    1971). Of anchored choices the counts left and right are within one.
    """
    form = form or TrialForm(trials.shape[1])
    order = np.argsort(any_places(len(trials), form, rng), axis=1)
    at = np.take_along_axis(trials, order, axis=1)  # column k: the object at place k
    moved = True
    while moved:
        moved = False
        for a, b in permutations(_SIDES if form.anchored else range(form.items), 2):
            while chain := _excess_chain(at, m, a, b):
                rows = np.array(chain)[:, None]
                for kept in (order, at):
                    kept[rows, [a, b]] = kept[rows, [b, a]]
                moved = True
    return np.argsort(order, axis=1)


def _excess_chain(at: Integers, m: int, a: int, b: int) -> list[int]:
    """Trials that move one excess of place ``a`` over ``b`` away; none if no object has two."""
    excess = np.bincount(at[:, a], minlength=m) - np.bincount(at[:, b], minlength=m)
    if excess.max(initial=0) < 2:
        return []
    return _chain(at[:, a], at[:, b], excess, int(np.argmax(excess)))


def _chain(tails: Integers, heads: Integers, excess: Integers, start: int) -> list[int]:
    """Trials along the shortest chain from ``start`` to an object with a negative excess.

    A trial is an arc from the object at place a to the one at place b; what flows out of an
    object with an excess must arrive where there is a lack, so a chain exists.
    """
    arcs = np.argsort(tails, kind="stable").tolist()
    ends = np.cumsum(np.bincount(tails, minlength=len(excess))).tolist()
    came_by: dict[int, int] = {}
    left, to, came_from = excess.tolist(), heads.tolist(), tails.tolist()
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if left[here] < 0:
            chain = []
            while here != start:
                chain.append(came_by[here])
                here = came_from[came_by[here]]
            return chain
        for trial in arcs[ends[here - 1] if here else 0 : ends[here]]:
            there = to[trial]
            if there != start and there not in came_by:
                came_by[there] = trial
                queue.append(there)
    raise AssertionError("an excess without a lack: counts do not add up")


def dealt_sides(n: int, before: int, form: TrialForm) -> list[int]:
    """How many of ``n`` checks have the right item at each place, dealt in turn.

    After ``before`` checks of earlier sessions the turn goes on, so that over all checks of a
    participant the places are within one of equally often.
    """
    free = len(_SIDES) if form.anchored else form.items
    counts: list[int] = np.bincount((before % free + np.arange(n)) % free, minlength=free).tolist()
    return counts


def check_places(
    right: Integers, form: TrialForm, rng: np.random.Generator, sides: Sequence[int] = ()
) -> Integers:
    """Random places with the right item, shape (n,), at each place so often, (n, k).

    Without ``sides`` it is at each place about as often.
    """
    n, free = len(right), np.array(_SIDES if form.anchored else range(form.items))
    # From a random place on: else the one that comes once more would always be the left one.
    wanted = (
        np.repeat(free, sides)
        if len(sides)
        else free[(rng.integers(len(free)) + np.arange(n)) % len(free)]
    )
    target = rng.permutation(wanted)
    places = any_places(n, form, rng)
    rows = np.arange(n)
    # The item at the target place changes places with the right one.
    occupant = np.argmax(places == target[:, None], axis=1)
    places[rows, occupant] = places[rows, right]
    places[rows, right] = target
    return places


def other_places(first: Integers, form: TrialForm, rng: np.random.Generator) -> Integers:
    """Draw new places for trials shown again, none the same as before; a reference stays."""
    if form.anchored:
        return np.asarray(2 * _MIDDLE - first)
    size = first.shape[1]
    return np.asarray((first + rng.integers(1, size, size=(len(first), 1))) % size)
