"""Trial lists of free sorting: which images a trial shows, one row an image."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.design._arrangement_list import (
    ARRANGEMENT_LIST,
    large_enough,
    objects_once,
    practice_first,
    trials_agree,
    trials_count_up,
)
from twoalike.design._list import TRIAL_LIST
from twoalike.design._objects import shown_table
from twoalike.design._session import session_rng
from twoalike.design._subsets import covering_sets
from twoalike.design._triplets import refuse_few_sessions
from twoalike.stimuli import StimulusSet
from twoalike.study import FreeSortingConfig, Study, TwoalikeError
from twoalike.tables import TRIAL_TYPES, Column, Fault, Table, faults, typed

SORTING_TYPES = {name: TRIAL_TYPES[name] for name in ("practice", "main", "repeat")}
"""Why images are to be sorted."""


def _repeats_show_the_same(rows: pd.DataFrame) -> Iterator[Fault]:
    """Check that a repeat, and only a repeat, names an earlier trial of the same images."""
    is_repeat = rows["trial_type"] == "repeat"
    wrong = (is_repeat != rows["repeat_of"].notna()).to_numpy()
    found = rows["repeat_of"].tolist()
    yield from faults(wrong, "a trial_index in repeat trials only", "repeat_of", found)
    shown = rows.groupby("trial_index")["stimulus"].agg(frozenset).to_dict()
    for row, (index, first) in enumerate(zip(rows["trial_index"], rows["repeat_of"], strict=True)):
        if not pd.isna(first) and (first >= index or shown.get(first) != shown[index]):
            yield Fault(row, "an earlier trial of these images", repr(str(first)), "repeat_of")


SORTING_LIST = Table(
    "list of sorting trials",
    (
        ARRANGEMENT_LIST["trial_index"],
        Column("trial_type", "string", "Why the trial was shown.", levels=SORTING_TYPES),
        Column("stimulus", "string", "Id of the object sorted."),
        TRIAL_LIST["repeat_of"],
        Column(
            "sampler",
            "string",
            "How the images of the trial were chosen (all, random, coverage, list).",
        ),
    ),
    items=("stimulus",),
    checks=(
        trials_count_up,
        trials_agree("trial_type", "repeat_of", "sampler"),
        practice_first,
        objects_once,
        large_enough,
        _repeats_show_the_same,
    ),
)
"""The trial list of the free-sorting task; the raw table has its columns as well."""


@dataclass(frozen=True)
class ListedSorting:
    """One trial of a list."""

    trial_index: int
    trial_type: str
    """practice, main or repeat."""
    items: tuple[str, ...]
    """Ids of the images, in the order in which they lie ready."""
    sampler: str = "list"
    """How they were chosen."""
    repeat_of: int | None = None
    """``trial_index`` of the first showing."""
    block_index: int = 1
    """All trials are of one block; breaks come after a number of them."""


def sorting_table(trials: Collection[ListedSorting]) -> pd.DataFrame:
    """Table of a list, with the columns of :data:`SORTING_LIST`."""
    rows = [
        (trial.trial_index, trial.trial_type, name, trial.repeat_of, trial.sampler)
        for trial in trials
        for name in trial.items
    ]
    return typed(SORTING_LIST, pd.DataFrame(rows, columns=list(SORTING_LIST.names), dtype=object))


def listed_sortings(table: pd.DataFrame) -> tuple[ListedSorting, ...]:
    """Trials of a table, in order.

    Examples
    --------
    >>> trial = ListedSorting(1, "main", ("a", "b", "c"), "random")
    >>> listed_sortings(sorting_table([trial])) == (trial,)
    True
    """
    return tuple(
        ListedSorting(
            trial_index=int(str(index)),
            trial_type=str(rows["trial_type"].iloc[0]),
            items=tuple(rows["stimulus"].tolist()),
            sampler=str(rows["sampler"].iloc[0]),
            repeat_of=None if pd.isna(first := rows["repeat_of"].iloc[0]) else int(first),
        )
        for index, rows in table.groupby("trial_index", sort=True)
    )


def sorting_lists(
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[tuple[str, int]],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make lists of free sortings, as :attr:`ListDesign.make` describes."""
    config, seed = study.config.free_sorting, study.config.seed
    ids = shown_table(stimuli, config.exclude, "free_sorting")["id"].tolist()
    rngs = [session_rng(seed, label, number) for label, number in sessions]
    shares: list[list[list[int]]] = [[] for _ in sessions]
    if config.sampler == "coverage" and config.items < len(ids):
        shares = _covering_shares(len(ids), config, len(sessions), shared)
    return [_session(ids, config, share, rng) for share, rng in zip(shares, rngs, strict=True)]


def _covering_shares(
    m: int, config: FreeSortingConfig, sessions: int, rng: np.random.Generator
) -> list[list[list[int]]]:
    """Deal sets in which every pair is together to sessions."""
    sets = covering_sets(m, config.items, rng)
    what = f"each pair of {m} objects in sets of {config.items}"
    refuse_few_sessions("free_sorting", what, len(sets), config.trials, sessions)
    order = rng.permutation(len(sets)).tolist()
    return [[sets[at] for at in order[number::sessions]] for number in range(sessions)]


def _session(
    ids: Sequence[str],
    config: FreeSortingConfig,
    share: Sequence[Sequence[int]],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Trial list of a session that shows the sets of ``share``, and random ones beside them."""
    m, size = len(ids), min(config.items, len(ids))
    if size == m:
        sets = [(list(range(m)), "all")]
    else:
        more = _random_sets(m, size, config.trials - len(share), share, rng)
        chosen = [(list(items), "coverage") for items in share]
        chosen += [(items, "random") for items in more]
        sets = [chosen[at] for at in rng.permutation(len(chosen))]
    if config.repeats > len(sets):
        raise TwoalikeError(
            f"free_sorting: asked for {config.repeats} repeats of {len(sets)} main trials. Lower "
            "free_sorting.repeats."
        )
    warm_up = rng.permutation(m)[: config.practice_items].tolist()
    kinds = [("practice", warm_up, "random", None)] if warm_up else []
    kinds += [("main", items, how, None) for items, how in sets]
    for at in rng.permutation(len(sets))[: config.repeats].tolist():
        kinds.append(("repeat", *sets[at], at + 1 + bool(warm_up)))
    return sorting_table(
        [
            ListedSorting(
                index, kind, tuple(ids[item] for item in rng.permutation(items)), how, first
            )
            for index, (kind, items, how, first) in enumerate(kinds, start=1)
        ]
    )


def _random_sets(
    m: int, size: int, n: int, before: Sequence[Sequence[int]], rng: np.random.Generator
) -> list[list[int]]:
    """Draw ``n`` sets of those shown least so far, in these and the sets ``before`` them."""
    shown = np.zeros(m)
    for items in before:
        shown[list(items)] += 1
    sets = []
    for _ in range(n):
        rare = np.argsort(shown + rng.random(m))[:size].tolist()
        shown[rare] += 1
        sets.append(rare)
    return sets
