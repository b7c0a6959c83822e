"""Lists of trials that show a set of images, to be arranged or sorted: one row an image.

Any tool may write such a list; reading it checks everything a session relies on. Where the sets to
arrange are chosen during the session (lift the weakest), the list holds practice and attention
checks only.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.design._checks import far_groups
from twoalike.design._coverage import refuse_few_sessions
from twoalike.design._list import REPEAT_OF
from twoalike.design._next_arrangement import SMALLEST_SET
from twoalike.design._objects import shown_table
from twoalike.design._seeds import arrangement_rng, session_rng
from twoalike.design._subsets import covering_sets
from twoalike.stimuli import StimulusSet
from twoalike.study import MISSING, ArrangementConfig, FreeSortingConfig, Study, TwoalikeError
from twoalike.tables import TRIAL_TYPES, Check, Column, Fault, Table, faults, typed

_INDEX = Column(
    "trial_index", "integer", "Number of the trial in the run, in the order shown.", minimum=1
)
ARRANGEMENT_TYPES = {
    "practice": TRIAL_TYPES["practice"],
    "main": TRIAL_TYPES["main"],
    "catch": "attention check: images of one kind, and others far from it",
}
"""Why an arrangement is asked for."""
SORTING_TYPES = {name: TRIAL_TYPES[name] for name in ("practice", "main", "repeat")}
"""Why images are to be sorted."""


def _trials_count_up(rows: pd.DataFrame) -> Iterator[Fault]:
    """Check that trials are numbered 1, 2, ..., the rows of each together."""
    last = 0
    for row, number in enumerate(rows["trial_index"]):
        if number not in (last, last + 1) or number == 0:
            wanted = f"{last} or {last + 1}" if last else "1"
            yield Fault(row, f"{wanted} (trials count up)", repr(str(number)), "trial_index")
        last = number


def _trials_agree(*columns: str) -> Check:
    """Check that columns have one value in all rows of a trial."""

    def check(rows: pd.DataFrame) -> Iterator[Fault]:
        for column in columns:
            values = rows[column].astype(object).where(rows[column].notna(), MISSING)
            first = values.groupby(rows["trial_index"]).transform("first")
            for row in (values != first).to_numpy().nonzero()[0].tolist():
                wanted = f"{first[row]!r} as in the first row of the trial"
                yield Fault(row, wanted, repr(values[row]), column)

    return check


def _practice_first(rows: pd.DataFrame) -> Iterator[Fault]:
    practice = rows["trial_type"] == "practice"
    late = practice & (~practice).cummax()
    expected = "practice before all other trials"
    yield from faults(late.to_numpy(), expected, "trial_type", rows["trial_type"].tolist())


def _objects_once(rows: pd.DataFrame) -> Iterator[Fault]:
    twice = rows.duplicated(["trial_index", "stimulus"]).to_numpy()
    expected = "each object once in a trial"
    yield from faults(twice, expected, "stimulus", rows["stimulus"].tolist())


def _large_enough(rows: pd.DataFrame) -> Iterator[Fault]:
    run = (rows["trial_index"].diff() != 0).cumsum()
    for at in rows.groupby(run).indices.values():
        if len(at) < SMALLEST_SET:
            wanted = f"at least {SMALLEST_SET} rows in the trial that ends here"
            yield Fault(int(at[-1]), wanted, repr(str(len(at))), "trial_index")


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


ARRANGEMENT_LIST = Table(
    "list of arrangement trials",
    (
        _INDEX,
        Column("trial_type", "string", "Why the trial was shown.", levels=ARRANGEMENT_TYPES),
        Column("stimulus", "string", "Id of the object placed."),
        Column(
            "scheduler",
            "string",
            "How the images of the trial were chosen (all, lift_weakest, covering, list).",
        ),
    ),
    items=("stimulus",),
    checks=(
        _trials_count_up,
        _trials_agree("trial_type", "scheduler"),
        _practice_first,
        _objects_once,
        _large_enough,
    ),
)
"""The list of arrangements; the raw table has its columns as well."""
SORTING_LIST = Table(
    "list of sorting trials",
    (
        _INDEX,
        Column("trial_type", "string", "Why the trial was shown.", levels=SORTING_TYPES),
        Column("stimulus", "string", "Id of the object sorted."),
        REPEAT_OF,
        Column(
            "sampler",
            "string",
            "How the images of the trial were chosen (all, random, coverage, list).",
        ),
    ),
    items=("stimulus",),
    checks=(
        _trials_count_up,
        _trials_agree("trial_type", "repeat_of", "sampler"),
        _practice_first,
        _objects_once,
        _large_enough,
        _repeats_show_the_same,
    ),
)
"""The trial list of the free-sorting task; the raw table has its columns as well."""


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
    return typed(ARRANGEMENT_LIST, pd.DataFrame(rows, columns=list(ARRANGEMENT_LIST.names)))


def listed_arrangements(table: pd.DataFrame) -> tuple[ListedArrangement, ...]:
    """Trials of a table, in order.

    Examples
    --------
    >>> trial = ListedArrangement("main", ("a", "b", "c"), "list")
    >>> listed_arrangements(arrangement_table([trial])) == (trial,)
    True
    """
    return tuple(
        ListedArrangement(
            str(rows["trial_type"].iloc[0]),
            tuple(rows["stimulus"].tolist()),
            str(rows["scheduler"].iloc[0]),
        )
        for _, rows in table.groupby("trial_index", sort=True)
    )


def listed_sortings(table: pd.DataFrame) -> tuple[ListedSorting, ...]:
    """Trials of a table, in order."""
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


CATCH_SIDE = 3
"""Most images of the one kind, and of the others, in an attention check."""


def arrangement_trial_list(
    stimuli: StimulusSet, config: ArrangementConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Design what can be fixed of a multi-arrangement session.

    Practice first, then the main trials of the designs ``full`` and ``covering``, then the
    attention checks. With ``lift_weakest`` there are no main trials here: each is chosen
    during the session, see :func:`twoalike.design.next_arrangement`.
    """
    if config.scheduler == "list":
        raise TwoalikeError(
            'arrangement: scheduler = "list" shows a list that you put into design/; there is '
            "nothing to design. Choose lift_weakest, full or covering to have one made."
        )
    shown = shown_table(stimuli, config.exclude, "arrangement")
    ids = shown["id"].tolist()
    n_practice = min(config.practice_items, len(ids))
    practice = [rng.choice(len(ids), size=n_practice, replace=False).tolist()]
    levels = shown[list(stimuli.levels)]
    planned = [
        *(("practice", items, "random") for items in practice if items),
        *(("main", items, scheduler) for items, scheduler in _main_sets(len(ids), config, rng)),
        *(("catch", items, "categories") for items in arrangement_checks(levels, config, rng)),
    ]
    trials = [
        ListedArrangement(kind, tuple(ids[at] for at in rng.permutation(items)), scheduler)
        for kind, items, scheduler in planned
    ]
    return arrangement_table(trials)


def arrangement_lists(
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[tuple[str, int]],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make lists of the fixed trials of sessions, as :meth:`ListDesign.make` describes."""
    rngs = [arrangement_rng(study.config.seed, label, number, 0) for label, number in sessions]
    return [arrangement_trial_list(stimuli, study.config.arrangement, rng) for rng in rngs]


def _main_sets(
    m: int, config: ArrangementConfig, rng: np.random.Generator
) -> list[tuple[Sequence[int], str]]:
    if config.scheduler == "full":
        return [(range(m), "all")] * config.full_trials
    if config.scheduler == "covering":
        return [(items, "covering") for items in covering_sets(m, config.covering_size, rng)]
    return []


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
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[tuple[str, int]],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make lists of free sortings, as :meth:`ListDesign.make` describes."""
    config, seed = study.config.free_sorting, study.config.seed
    ids = shown_table(stimuli, config.exclude, "free_sorting")["id"].tolist()
    rngs = [session_rng(seed, label, number) for label, number in sessions]
    shares: list[list[list[int]]] = [[] for _ in sessions]
    if config.sampler == "coverage" and config.items < len(ids):
        shares = _covering_shares(len(ids), config, len(sessions), shared)
    return [_sortings(ids, config, share, rng) for share, rng in zip(shares, rngs, strict=True)]


def _covering_shares(
    m: int, config: FreeSortingConfig, sessions: int, rng: np.random.Generator
) -> list[list[list[int]]]:
    """Deal sets in which every pair is together to sessions."""
    sets = covering_sets(m, config.items, rng)
    what = f"each pair of {m} objects in sets of {config.items}"
    refuse_few_sessions("free_sorting", what, len(sets), config.trials, sessions)
    order = rng.permutation(len(sets)).tolist()
    return [[sets[at] for at in order[number::sessions]] for number in range(sessions)]


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
    columns = list(SORTING_LIST.names)
    return typed(SORTING_LIST, pd.DataFrame(rows, columns=columns, dtype=object))


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
