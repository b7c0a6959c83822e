"""Sets of objects, one for each participant, over which each object and each pair is shared out.

With more objects than one person can judge, each person sees some of them. All objects are dealt in
rounds, each in a random order, and the sets are cut from this sequence one after the other: however
many people take part, no object is in two sets more than another. Within a round, objects are
exchanged between sets as long as that makes their pairs rarer. A round depends on the study's seed
and the rounds before it only, so that the first k sets are always the same.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from twoalike.design._objects import only_objects
from twoalike.stimuli import StimulusSet
from twoalike.study import Integers, Study, TwoalikeError

_WORD = 5
"""Word of the seed that sets these draws apart from others."""
_SWEEPS = 8
"""Times that the objects of a round are gone through for exchanges, at most."""
_TWICE = 10**6
"""Cost of an object that is in a set twice, against that of a pair that was together once."""


@lru_cache(maxsize=4)
def object_sets(m: int, size: int, n: int, seed: int) -> Integers:
    """Share objects out over sets.

    Parameters
    ----------
    m, size
        Number of objects, and of objects a set.
    n
        Number of sets.

    Returns
    -------
    Objects of each set, ascending, shape (n, size).

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


def for_person(study: Study, stimuli: StimulusSet) -> Study:
    """Return the study with the objects of a participant's set only."""
    size, number = study.config.objects_per_person, study.object_set
    if not (size and number):
        return study
    m = len(stimuli.ids)
    check_set_size(study, stimuli)
    n = 1 << (number - 1).bit_length()  # so that the sets of many people are made a few times only
    chosen = object_sets(m, size, n, study.config.seed)[number - 1]
    return only_objects(study, stimuli, {stimuli.ids[item] for item in chosen.tolist()})


def check_set_size(study: Study, stimuli: StimulusSet) -> None:
    """Refuse sets that are larger than the stimuli, or too small for a trial."""
    size, m = study.config.objects_per_person, len(stimuli.ids)
    if size and not 3 <= size <= m:
        raise TwoalikeError(
            where=f"{study.root / 'study.toml'}: objects_per_person",
            expected=f"0, or 3 to {m} (as many as there are stimuli)",
            found=str(size),
        )
