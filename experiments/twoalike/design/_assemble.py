"""From the triplets of a session to its trial list: checks, repeats, order, places, blocks.

Attention checks are spread out, and repeats come long after the first showing. People favour a
side: with every object equally often at each place, that cannot pass for a preference among
objects. Places are 0 (left), 1 (middle) and 2 (right) of each item of a triplet, shape (n, 3); of
larger sets, 0 to k - 1, shape (n, k).
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._list import TRIAL_LIST, typed
from twoalike.design._objects import catch_triplets
from twoalike.design._triplets import Chosen, Triplets
from twoalike.study import PLAN_STEP, DesignConfig, Integers, TwoalikeError
from twoalike.tables import POSITIONS, Table


def assemble(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: DesignConfig,
    practice: Chosen,
    main: Chosen,
    rng: np.random.Generator,
    *,
    avoid: Triplets | None = None,
) -> pd.DataFrame:
    """Trial list of a session that shows ``practice`` and ``main``.

    Over the main trials each object is within one of equally often at each place. Repeats come
    at least ten trials after the first showing, with every object at a new place.
    """
    parts = [practice.triplets, main.triplets, *([] if avoid is None else [avoid])]
    used = {tuple(row) for row in np.concatenate(parts).tolist()}
    try:
        easy, easy_odd = catch_triplets(shown[list(levels)], config.practice_checks, used, rng)
        catch, odd = catch_triplets(shown[list(levels)], config.catch, used, rng)
        order, blocks = order_in_blocks(config, len(main), rng)
    except ValueError as error:
        raise TwoalikeError(f"design: {error} Change the numbers in [design].") from error
    ids = shown["id"].tolist()
    rows = _answered_lines(ids, "practice", easy, easy_odd, (), rng)
    rows += lines(ids, "practice", practice, balanced_places(practice.triplets, len(ids), rng))
    places = balanced_places(main.triplets, len(ids), rng)
    again = other_places(places, rng)
    by_kind = {
        "main": lines(ids, "main", main, places),
        "repeat": lines(ids, "repeat", main, again) if config.repeats else [],
        "catch": _answered_lines(ids, "catch", catch, odd, config.catch_sides, rng),
    }
    return in_order(rows, by_kind, order, blocks, TRIAL_LIST)


def in_order(
    practice: Sequence[dict[str, Any]],
    by_kind: Mapping[str, Sequence[dict[str, Any]]],
    order: Sequence[tuple[str, int]],
    blocks: Sequence[int],
    form: Table,
) -> pd.DataFrame:
    """Trial list of practice trials and of those of each kind, in the order given."""
    rows, n_practice = list(practice), len(practice)
    first: dict[int, int] = {}
    for kind, index in order:
        row = by_kind[kind][index]
        if kind == "main":
            first[index] = len(rows) + 1
        if kind == "repeat":
            row["repeat_of"] = first[index]
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(form.names), dtype=object)
    table["trial_index"] = np.arange(1, len(table) + 1)
    started = int(n_practice > 0)
    table["block_index"] = [1] * n_practice + [block + started for block in blocks]
    return typed(table, form)


def order_in_blocks(
    config: Any, main: int, rng: np.random.Generator
) -> tuple[list[tuple[str, int]], list[int]]:
    """Order of the trials after practice, and the block of each, from 1.

    ``config`` are the settings of any task's lists.
    """
    if plan := getattr(config, "plan", None):
        return plan_order(plan, rng)
    order = session_order(main, config.catch, config.repeats, rng)
    return order, [1 + at // config.trials_per_block for at in range(len(order))]


def lines(
    ids: Sequence[str],
    kind: str,
    chosen: Chosen,
    places: Integers,
    identify: Callable[[Sequence[str]], str] | None = None,
) -> list[dict[str, Any]]:
    """Make a row of each trial; ``identify`` makes its id of its objects' names."""
    found = []
    scores = chosen.scores.tolist()
    for at, (triplet, place) in enumerate(
        zip(chosen.triplets.tolist(), places.tolist(), strict=True)
    ):
        names = [ids[item] for item in triplet]
        score = scores[at]
        found.append(
            {
                "trial_type": kind,
                "triplet_id": (identify or triplet_id)(names),
                **{f"stimulus_{k + 1}": name for k, name in enumerate(names)},
                **{f"position_{k + 1}": POSITIONS[at] for k, at in enumerate(place)},
                "sampler": chosen.samplers[at],
                "sampler_score": None if math.isnan(score) else score,
                "condition": chosen.conditions[at],
            }
        )
    return found


def _answered_lines(
    ids: Sequence[str],
    kind: str,
    triplets: Triplets,
    odd: np.ndarray,
    sides: Sequence[int],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Trials that have a right answer: attention checks, and practice with feedback."""
    # The categories, and no sampler, chose them; the column wants a word all the same.
    rows = lines(ids, kind, Chosen.of(triplets, "random"), catch_places(odd, rng, sides))
    for row, item in zip(rows, odd.tolist(), strict=True):
        row["expected_odd"] = item + 1
    return rows


def triplet_id(names: Sequence[str]) -> str:
    """Id of a triplet that depends on its objects only, not on their order or on the study."""
    return "t" + hashlib.sha256("\t".join(sorted(names)).encode()).hexdigest()[:12]


GAP = 10
"""A repeat comes at least this many trials after the first showing, so that no one remembers."""
ATTEMPTS = 50


def session_order(
    main: int, catch: int, repeats: int, rng: np.random.Generator
) -> list[tuple[str, int]]:
    """Order of the trials after the practice: kind of each, and its index within the kind.

    A repeat has the index of the main trial that is shown again. Main trials and attention checks
    come in the order of their index.
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


def balanced_places(
    triplets: Integers, m: int, rng: np.random.Generator, start: Integers | None = None
) -> Integers:
    """Random places with each object's counts at all places within one of each other.

    Trials may be triplets, shape (n, 3), or sets of another size, shape (n, k).

    Starts from random places, or from places that leave the middle as it is: then the counts at
    left and right are within one. Where an object is more often at place a than at b, objects
    at a and b change places along a chain of trials from it to an object of the opposite need;
    each chain lowers the sum of squared counts, so this ends, and with all counts within one
    (an equitable edge colouring; de Werra 1971).
    """
    places, size = start, triplets.shape[1]
    if places is None:
        places = rng.permuted(np.tile(np.arange(size), (len(triplets), 1)), axis=1)
    order = np.argsort(places, axis=1)
    at = np.take_along_axis(triplets, order, axis=1)  # column k: the object at place k
    moved = True
    while moved:
        moved = False
        for a, b in permutations(range(size) if start is None else (0, 2), 2):
            while trials := _excess_chain(at, m, a, b):
                for kept in (order, at):
                    kept[np.ix_(trials, [a, b])] = kept[np.ix_(trials, [b, a])]
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
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if excess[here] < 0:
            chain = []
            while here != start:
                chain.append(came_by[here])
                here = int(tails[came_by[here]])
            return chain
        for trial in arcs[ends[here - 1] if here else 0 : ends[here]]:
            there = int(heads[trial])
            if there != start and there not in came_by:
                came_by[there] = trial
                queue.append(there)
    raise AssertionError("an excess without a lack: counts do not add up")


def catch_places(
    odd: Integers, rng: np.random.Generator, sides: Sequence[int] = (), size: int = 3
) -> Integers:
    """Random places with the odd one at left, middle, right so often, shape (n, 3).

    Of larger sets than triplets (``size`` k) it is at each of k places about as often.
    """
    n, each = len(odd), np.arange(size)
    # From a random place on: else the one that comes once more would always be the left one.
    wanted = np.repeat(each, sides) if len(sides) else (rng.integers(size) + np.arange(n)) % size
    target = rng.permutation(wanted)
    places = rng.permuted(np.tile(each, (n, 1)), axis=1)
    rows = np.arange(n)
    # The item at the target place changes places with the odd one.
    occupant = np.argmax(places == target[:, None], axis=1)
    places[rows, occupant] = places[rows, odd]
    places[rows, odd] = target
    return places


def other_places(first: Integers, rng: np.random.Generator) -> Integers:
    """Draw new places for triplets shown again, none the same as before, shape (n, 3)."""
    size = first.shape[1]
    turn = rng.integers(1, size, size=(len(first), 1))
    return np.asarray((first + turn) % size)
