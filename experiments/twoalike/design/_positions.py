"""Which of the three places shows which object.

People favour a side. With every object equally often at each place, that preference cannot
pass for a preference among objects.
"""

from collections import deque
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
"""Place 0 (left), 1 (middle), 2 (right) of each item of a triplet, shape (n, 3)."""


def balanced_places(triplets: npt.NDArray[np.integer], m: int, rng: np.random.Generator) -> Places:
    """Random places with each object's counts at the three places within one of each other.

    Starts from random places. Where an object stands more often at place a than at b, objects
    at a and b change places along a chain of trials from it to an object of the opposite need;
    each chain lowers the sum of squared counts, so this ends, and with all counts within one
    (an equitable edge colouring; de Werra 1971).

    Parameters
    ----------
    triplets
        Object indices in 0..m-1, shape (n, 3), distinct in each row.

    Examples
    --------
    >>> triplets = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3]])
    >>> places = balanced_places(triplets, 4, np.random.default_rng(0))
    >>> sorted(places[:, 0].tolist())
    [0, 1, 2]
    """
    places = rng.permuted(np.tile(np.arange(3), (len(triplets), 1)), axis=1)
    moved = True
    while moved:
        moved = False
        for a, b in permutations(range(3), 2):
            while _lower_excess(triplets, places, m, a, b):
                moved = True
    return places


def _lower_excess(
    triplets: npt.NDArray[np.integer], places: Places, m: int, a: int, b: int
) -> bool:
    """Move one excess of place ``a`` over ``b`` away; False if no object has more than one."""
    order = np.argsort(places, axis=1)
    at = np.take_along_axis(triplets, order, axis=1)  # column k: the object at place k
    excess = np.bincount(at[:, a], minlength=m) - np.bincount(at[:, b], minlength=m)
    if excess.max(initial=0) < 2:
        return False
    start = int(np.argmax(excess))
    for trial in _chain(at[:, a], at[:, b], excess, start):
        places[trial, order[trial, [a, b]]] = b, a
    return True


def _chain(
    tails: npt.NDArray[np.integer],
    heads: npt.NDArray[np.integer],
    excess: npt.NDArray[np.integer],
    start: int,
) -> list[int]:
    """Trials along the shortest chain from ``start`` to an object with a negative excess.

    A trial is an arc from the object at place a to the one at place b; what flows out of an
    object with an excess must arrive where there is a lack, so a chain exists.
    """
    arcs: dict[int, list[int]] = {}
    for trial, tail in enumerate(tails.tolist()):
        arcs.setdefault(tail, []).append(trial)
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
        for trial in arcs.get(here, []):
            there = int(heads[trial])
            if there != start and there not in came_by:
                came_by[there] = trial
                queue.append(there)
    raise AssertionError("an excess without a lack: counts do not add up")


def catch_places(
    odd: npt.NDArray[np.integer], rng: np.random.Generator, sides: Sequence[int] = ()
) -> Places:
    """Random places with the odd one at left, middle, right so often, shape (n, 3).

    Parameters
    ----------
    odd
        Which item, 0 to 2, is the odd one, shape (n,).
    sides
        Three numbers that sum to n; none: within one of equally often.
    """
    n = len(odd)
    # From a random place on: else the one that comes once more would always be the left one.
    wanted = np.repeat(np.arange(3), sides) if len(sides) else (rng.integers(3) + np.arange(n)) % 3
    target = rng.permutation(wanted)
    places = rng.permuted(np.tile(np.arange(3), (n, 1)), axis=1)
    rows = np.arange(n)
    # Whoever stands at the target place changes with the odd one.
    occupant = np.argmax(places == target[:, None], axis=1)
    places[rows, occupant] = places[rows, odd]
    places[rows, odd] = target
    return places


def other_places(first: Places, rng: np.random.Generator) -> Places:
    """Draw new places for triplets shown again, none the same as before, shape (n, 3)."""
    turn = rng.integers(1, 3, size=(len(first), 1))
    return (first + turn) % 3
