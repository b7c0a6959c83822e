"""The trial list of a multi-arrangement session: one row an item of a trial.

Any tool may write such a list; reading it checks everything a session relies on. Where the
sets are chosen during the session (lift the weakest), the list holds practice and attention
checks only.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.design._next_arrangement import SMALLEST_SET, arrangement_rng
from twoalike.design._objects import kinds, shown_table
from twoalike.design._subsets import covering_sets
from twoalike.stimuli import StimulusSet
from twoalike.study import MISSING, ArrangementConfig, Study, TwoalikeError
from twoalike.tables import TRIAL_TYPES, Check, Column, Fault, Table, faults, typed

ARRANGEMENT_TYPES = {
    "practice": TRIAL_TYPES["practice"],
    "main": TRIAL_TYPES["main"],
    "catch": "attention check: images of one kind, and others far from it",
}
"""Why an arrangement is asked for."""


def trials_count_up(rows: pd.DataFrame) -> Iterator[Fault]:
    """Check that trials are numbered 1, 2, ..., the rows of each together."""
    last = 0
    for row, number in enumerate(rows["trial_index"]):
        if number not in (last, last + 1) or number == 0:
            wanted = f"{last} or {last + 1}" if last else "1"
            yield Fault(row, f"{wanted} (trials count up)", repr(str(number)), "trial_index")
        last = number


def trials_agree(*columns: str) -> Check:
    """Check that columns have one value in all rows of a trial."""

    def check(rows: pd.DataFrame) -> Iterator[Fault]:
        for column in columns:
            values = rows[column].astype(object).where(rows[column].notna(), MISSING)
            first = values.groupby(rows["trial_index"]).transform("first")
            for row in (values != first).to_numpy().nonzero()[0].tolist():
                wanted = f"{first[row]!r} as in the first row of the trial"
                yield Fault(row, wanted, repr(values[row]), column)

    return check


def practice_first(rows: pd.DataFrame) -> Iterator[Fault]:
    """Check that practice comes first."""
    practice = rows["trial_type"] == "practice"
    late = practice & (~practice).cummax()
    expected = "practice before all other trials"
    yield from faults(late.to_numpy(), expected, "trial_type", rows["trial_type"].tolist())


def objects_once(rows: pd.DataFrame) -> Iterator[Fault]:
    """Check that no object is twice in a trial."""
    twice = rows.duplicated(["trial_index", "stimulus"]).to_numpy()
    expected = "each object once in a trial"
    yield from faults(twice, expected, "stimulus", rows["stimulus"].tolist())


def large_enough(rows: pd.DataFrame) -> Iterator[Fault]:
    """Check that every trial has enough images."""
    run = (rows["trial_index"].diff() != 0).cumsum()
    for at in rows.groupby(run).indices.values():
        if len(at) < SMALLEST_SET:
            wanted = f"at least {SMALLEST_SET} rows in the trial that ends here"
            yield Fault(int(at[-1]), wanted, repr(str(len(at))), "trial_index")


ARRANGEMENT_LIST = Table(
    "list of arrangement trials",
    (
        Column(
            "trial_index",
            "integer",
            "Number of the trial in the run, in the order shown.",
            minimum=1,
        ),
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
        trials_count_up,
        trials_agree("trial_type", "scheduler"),
        practice_first,
        objects_once,
        large_enough,
    ),
)
"""The list of arrangements; the raw table has its columns as well."""
ARRANGEMENT_COLUMNS = ARRANGEMENT_LIST.names
"""Columns of a list, in file order."""


@dataclass(frozen=True)
class ListedArrangement:
    """One trial of a list."""

    trial_type: str
    """practice, main or catch."""
    stimuli: tuple[str, ...]
    """Ids of the items, in the order to seat them."""
    scheduler: str
    """How they were chosen."""


def arrangement_table(trials: Collection[ListedArrangement]) -> pd.DataFrame:
    """Table of a list, with the columns of :data:`ARRANGEMENT_LIST`."""
    rows = [
        (number, trial.trial_type, name, trial.scheduler)
        for number, trial in enumerate(trials, start=1)
        for name in trial.stimuli
    ]
    return typed(ARRANGEMENT_LIST, pd.DataFrame(rows, columns=list(ARRANGEMENT_COLUMNS)))


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


CATCH_SIDE = 3
"""Most images of the one kind, and of the others, in an attention check."""


def arrangement_trial_list(
    stimuli: StimulusSet, config: ArrangementConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Design what can be fixed of a multi-arrangement session.

    Practice first, then the main trials of the designs ``full`` and ``covering``, then the
    attention checks. With ``lift_weakest`` there are no main trials here: each is chosen
    during the session, see :func:`twoalike.design.next_arrangement`.

    Returns
    -------
    One row an item of a trial, with the columns of :data:`twoalike.design.ARRANGEMENT_LIST`; no
    rows where nothing is fixed.
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
        *(("catch", items, "categories") for items in _catch_sets(levels, config, rng)),
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
    """Make lists of the fixed trials of sessions, as :attr:`ListDesign.make` describes."""
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


def _catch_sets(
    levels: pd.DataFrame, config: ArrangementConfig, rng: np.random.Generator
) -> list[list[int]]:
    """Images of one kind and others far from it; the kinds take turns."""
    if config.catch == 0:
        return []
    usable = [(near, far) for near, far in kinds(levels) if len(near) > 1]
    if not usable:
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
        chosen = [
            *rng.choice(near, size=n_near, replace=False).tolist(),
            *rng.choice(far, size=n_far, replace=False).tolist(),
        ]
        sets.append(chosen)
    return sets
