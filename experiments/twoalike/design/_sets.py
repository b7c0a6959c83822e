"""Trial lists of sessions that show sets of images, to be arranged or sorted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._checks import far_groups
from twoalike.design._covering import covering_sets
from twoalike.design._dealing import refuse_few_sessions
from twoalike.design._design import ListDesign, Session, arrangement_rng, session_rng
from twoalike.design._tables import ARRANGEMENT_LIST, SORTING_LIST, typed
from twoalike.stimuli import StimulusSet
from twoalike.study import ArrangementConfig, FreeSortingConfig, Study, TwoalikeError
from twoalike.tables import FREE_SORTING, MULTI_ARRANGEMENT

CATCH_SIDE = 3
"""Most images of the one kind, and of the others, in an attention check."""


@dataclass(frozen=True)
class ListedArrangement:
    """One arrangement of a list."""

    trial_type: str
    """practice, main or catch."""
    stimuli: tuple[str, ...]
    """Ids of the items, in the order to seat them."""
    scheduler: str
    """How they were chosen."""


@dataclass(frozen=True)
class ListedSorting:
    """One sorting of a list."""

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


def arrangement_table(trials: Collection[ListedArrangement]) -> pd.DataFrame:
    """Table of a list, with the columns of :data:`ARRANGEMENT_LIST`."""
    rows = [
        (number, trial.trial_type, name, trial.scheduler)
        for number, trial in enumerate(trials, start=1)
        for name in trial.stimuli
    ]
    return typed(pd.DataFrame(rows, columns=list(ARRANGEMENT_LIST.names)), ARRANGEMENT_LIST)


def listed_arrangements(table: pd.DataFrame) -> tuple[ListedArrangement, ...]:
    """Trials of a table, in order.

    Examples
    --------
    >>> trial = ListedArrangement("main", ("a", "b", "c"), "list")
    >>> listed_arrangements(arrangement_table([trial])) == (trial,)
    True
    """
    return tuple(
        ListedArrangement(first["trial_type"], items, first["scheduler"])
        for first, items in _trials(table)
    )


def listed_sortings(table: pd.DataFrame) -> tuple[ListedSorting, ...]:
    """Trials of a table, in order."""
    return tuple(
        ListedSorting(
            trial_index=int(first["trial_index"]),
            trial_type=first["trial_type"],
            items=items,
            sampler=first["sampler"],
            repeat_of=None if pd.isna(first["repeat_of"]) else int(first["repeat_of"]),
        )
        for first, items in _trials(table)
    )


def _trials(table: pd.DataFrame) -> list[tuple[dict[Any, Any], tuple[str, ...]]]:
    groups = table.groupby("trial_index", sort=True)
    return [
        (rows.iloc[0].to_dict(), tuple(rows["stimulus"].tolist()))
        for rows in (rows for _, rows in groups)
    ]


def arrangement_lists(
    design: ListDesign,
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[Session],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make lists of what can be fixed of multi-arrangement sessions.

    Practice first, then the main trials of the designs ``full`` and ``covering``, then the
    attention checks. With ``lift_weakest`` there are no main trials here: each is chosen
    during the session, see :func:`twoalike.design.next_arrangement`.
    """
    config = study.config.arrangement
    shown = design.shown(stimuli, config)
    ids, kinds = shown["id"].tolist(), shown[list(stimuli.levels)]
    rngs = [arrangement_rng(study.config.seed, *session, 0) for session in sessions]
    return [arrangement_table(_arrangements(ids, kinds, config, rng)) for rng in rngs]


def _arrangements(
    ids: Sequence[str], kinds: pd.DataFrame, config: ArrangementConfig, rng: np.random.Generator
) -> list[ListedArrangement]:
    n_practice, m = min(config.practice_items, len(ids)), len(ids)
    practice = rng.choice(m, size=n_practice, replace=False).tolist()
    planned: list[tuple[str, Sequence[int], str]] = []
    if practice:
        planned.append(("practice", practice, "random"))
    if config.scheduler == "full":
        planned += [("main", range(m), "all")] * config.full_trials
    elif config.scheduler == "covering":
        sets = covering_sets(m, config.covering_size, rng)
        planned += [("main", items, "covering") for items in sets]
    checks = arrangement_checks(kinds, config, rng)
    planned += [("catch", items, "categories") for items in checks]
    return [
        ListedArrangement(kind, tuple(ids[at] for at in rng.permutation(items)), scheduler)
        for kind, items, scheduler in planned
    ]


def arrangement_checks(
    levels: pd.DataFrame, config: ArrangementConfig, rng: np.random.Generator
) -> list[list[int]]:
    """Images of one kind and others far from it; the kinds take turns."""
    usable = far_groups(levels, 3) if config.catch else []
    if config.catch and not usable:
        raise TwoalikeError(
            f"arrangement: asked for {config.catch} attention checks, the categories allow "
            "none: each needs two objects of one finest category and one of another coarsest "
            "category. Set arrangement.catch = 0 or add categories to the manifest."
        )
    order = rng.permutation(len(usable))
    limit = config.max_items or 2 * CATCH_SIDE
    sets = []
    for number in range(config.catch):
        near, far = usable[order[number % len(order)]]
        n_near = min(CATCH_SIDE, len(near), limit - 1)
        n_far = min(CATCH_SIDE, len(far), limit - n_near)
        alike = rng.choice(near, size=n_near, replace=False).tolist()
        sets.append([*alike, *rng.choice(far, size=n_far, replace=False).tolist()])
    return sets


def sorting_lists(
    design: ListDesign,
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[Session],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make lists of free sortings; of the coverage design, sessions show every pair together."""
    config = study.config.free_sorting
    ids = design.shown(stimuli, config)["id"].tolist()
    shares: list[list[list[int]]] = [[] for _ in sessions]
    if config.sampler == "coverage" and config.items < len(ids):
        sets = covering_sets(len(ids), config.items, shared)
        what = f"each pair of {len(ids)} objects in sets of {config.items}"
        refuse_few_sessions("free_sorting", what, len(sets), config.trials, len(sessions))
        order = shared.permutation(len(sets)).tolist()
        shares = [[sets[at] for at in order[k :: len(sessions)]] for k in range(len(sessions))]
    rngs = [session_rng(study.config.seed, *session) for session in sessions]
    return [_sortings(ids, config, share, rng) for share, rng in zip(shares, rngs, strict=True)]


def _sortings(
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
        both = [(list(items), "coverage") for items in share]
        both += [(items, "random") for items in more]
        sets = [both[at] for at in rng.permutation(len(both))]
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
    rows = [
        (index, kind, ids[item], first, how)
        for index, (kind, items, how, first) in enumerate(kinds, start=1)
        for item in rng.permutation(items)
    ]
    table = pd.DataFrame(rows, columns=list(SORTING_LIST.names), dtype=object)
    return typed(table, SORTING_LIST)


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


ARRANGEMENT_LISTS = ListDesign(
    label=MULTI_ARRANGEMENT,
    table="arrangement",
    chooser="scheduler",
    form=ARRANGEMENT_LIST,
    what="a list of arrangement trials",
    make=arrangement_lists,
    fixed="no posterior chooses what is arranged: arrangement.scheduler = lift_weakest chooses the "
    "sets during the session, by the evidence of its own trials on each pair",
)
"""Trial lists of the multi-arrangement task: the fixed trials of a session."""
SORTING_LISTS = ListDesign(
    label=FREE_SORTING,
    table="free_sorting",
    form=SORTING_LIST,
    what="a list of sorting trials",
    make=sorting_lists,
    fixed="what a sorting of many images is expected to tell is not computed: use "
    "free_sorting.sampler = random or coverage",
)
"""Trial lists of the free-sorting task."""
