"""Sets of objects, one for each participant, over which each object and each pair is shared out.

With more objects than one person can judge, each person sees some of them. The sets are made one
after the other from the study's seed, so that the first k of them are the same however many people
take part. A set takes first the objects that the fewest sets have so far: over any number of sets
no object is in two sets more than another. Among these it takes those whose pairs with the set so far
are the rarest; of several beginnings the one whose pairs are rarest altogether is kept.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from twoalike.design._part import only_objects
from twoalike.stimuli import StimulusSet
from twoalike.study import Integers, Study, TwoalikeError

_WORD = 5
"""Word of the seed that sets these draws apart from others."""
_TRIES = 8
"""Beginnings that are tried for each set."""


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
    shown = np.zeros(m, dtype=np.int64)
    together = np.zeros((m, m), dtype=np.int64)
    sets = np.empty((n, size), dtype=np.int64)
    for number in range(n):
        rng = np.random.default_rng([seed, _WORD, number])
        tries = [_one_set(shown, together, size, rng) for _ in range(_TRIES)]
        sets[number] = min(tries, key=lambda items: _commonness(items, together))
        shown[sets[number]] += 1
        together[np.ix_(sets[number], sets[number])] += 1
    return sets


def _one_set(shown: Integers, together: Integers, size: int, rng: np.random.Generator) -> Integers:
    luck = rng.random(len(shown))
    with_set = np.zeros(len(shown), dtype=np.int64)
    free = np.ones(len(shown), dtype=bool)
    chosen = []
    for _ in range(size):
        least = free & (shown == shown[free].min())
        rare = least & (with_set == with_set[least].min())
        item = int(np.argmin(np.where(rare, luck, np.inf)))
        chosen.append(item)
        free[item] = False
        with_set += together[item] ** 2
    return np.array(sorted(chosen), dtype=np.int64)


def _commonness(items: Integers, together: Integers) -> int:
    pairs = together[np.ix_(items, items)][np.triu_indices(len(items), 1)]
    return int((pairs**2).sum())


def set_counts(sets: Integers, m: int) -> tuple[Integers, Integers]:
    """How many sets have each object, shape (m,), and each pair, shape (m (m - 1) / 2,)."""
    member: npt.NDArray[np.int64] = np.zeros((len(sets), m), dtype=np.int64)
    member[np.arange(len(sets))[:, None], sets] = 1
    return member.sum(axis=0), (member.T @ member)[np.triu_indices(m, 1)]


def for_person(study: Study, stimuli: StimulusSet) -> Study:
    """Return the study with the objects of a participant's set only.

    Raises
    ------
    TwoalikeError
        If there are not as many objects as each person is to see.
    """
    size, number = study.config.objects_per_person, study.object_set
    if not (size and number):
        return study
    m = len(stimuli.ids)
    check_set_size(study, stimuli)
    chosen = object_sets(m, size, number, study.config.seed)[number - 1]
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
