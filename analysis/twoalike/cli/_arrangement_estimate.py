"""What sessions whose sets are chosen on the way will come to, from a simulated participant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from twoalike.cli._durations import DURATION_NOTE
from twoalike.cli._trial_lists import SessionList
from twoalike.observers import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    ArrangedSession,
    SimulatedArranger,
    SimulatedObserver,
    arranged_sessions,
    hierarchical_embedding,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, progress
from twoalike.tasks import session_duration

if TYPE_CHECKING:
    from rich.table import Table

MOST_SESSIONS = 4
LONGEST_MIN = 120.0
"""Length of a session that nothing limits, in the estimate: evidence on large sets takes days."""
_DIMENSIONS = 5
"""Of the random dissimilarities where there are no categories."""


def print_estimate(study: Study, lists: Sequence[SessionList], ids: Sequence[str]) -> None:
    """Print what one participant's sessions will come to, as a simulation has it."""
    from rich.console import Console
    from rich.table import Table

    stimuli = StimulusSet.load(study.stimuli, verify=False)
    config = study.config.arrangement
    config = config.model_copy(update={"session_minutes": config.session_minutes or LONGEST_MIN})
    n_sessions = min(max(item.session for item in lists), MOST_SESSIONS)
    with progress() as bar:
        task = bar.add_task("simulate a participant", total=n_sessions, status="")
        found = []
        for session in islice(
            arranged_sessions(config, ids, _arranger(study, stimuli), study.config.seed), n_sessions
        ):
            found.append(session)
            bar.update(task, advance=1)
    pairs = len(ids) * (len(ids) - 1) // 2
    table = Table(title=f"Estimate: {len(ids)} objects, {pairs} pairs, {config.scheduler}")
    table.add_column("")
    for number in range(1, n_sessions + 1):
        table.add_column(f"ses-{number:02d}", justify="right")
    _add_rows(table, found, _fixed(lists))
    limited = replace(study, config=study.config.model_copy(update={"arrangement": config}))
    times = [
        session_duration(
            limited,
            stimuli,
            "multi-arrangement",
            lists[0].table,
            session=number,
            simulated=session,
        )
        for number, session in enumerate(found, start=1)
    ]
    table.add_row("duration of the session", *map(str, times))
    how = "who goes by the categories" if stimuli.levels else "to whom all images are unlike"
    table.caption = (
        f"One simulated participant {how} and takes {SECONDS_PER_NEW_PLACEMENT:g} s for a new "
        f"image, {SECONDS_PER_PLACEMENT} s for one placed before. Shares of pairs are over all "
        f"sessions so far; enough evidence is {config.stop_evidence:g}. {DURATION_NOTE}"
    )
    Console().print(table)


def _arranger(study: Study, stimuli: StimulusSet) -> SimulatedArranger:
    rng = np.random.default_rng([study.config.seed, 1])
    if stimuli.levels:
        embedding = hierarchical_embedding(stimuli, rng)
    else:
        embedding = rng.normal(size=(len(stimuli.ids), _DIMENSIONS))
    return SimulatedArranger(SimulatedObserver(stimuli.ids, embedding))


def _fixed(lists: Sequence[SessionList]) -> dict[str, int]:
    """Trials of the other kinds in a session; they are the same for everybody."""
    table = lists[0].table
    return {
        kind: table.loc[table["trial_type"] == kind, "trial_index"].nunique()
        for kind in ("practice", "catch")
    }


def _add_rows(table: "Table", found: Sequence[ArrangedSession], fixed: Mapping[str, int]) -> None:
    table.add_row("practice trials", *[str(fixed["practice"])] * len(found))
    for name, cell in _ROWS.items():
        table.add_row(name, *map(cell, found))
    if fixed["catch"]:
        table.add_row("attention checks", *[str(fixed["catch"])] * len(found))


def span(low: int, high: int) -> str:
    """Range of whole numbers, one number where it is one.

    Examples
    --------
    >>> span(3, 20), span(5, 5)
    ('3 to 20', '5')
    """
    return str(low) if low == high else f"{low} to {high}"


_REASONS = {
    "evidence": "all pairs have it",
    "time": "time is up",
    "max_trials": "max_trials",
}
_ROWS: Mapping[str, Callable[[ArrangedSession], str]] = {
    "main trials": lambda s: str(len(s.sizes)),
    "images a trial": lambda s: span(min(s.sizes, default=0), max(s.sizes, default=0)),
    "images placed": lambda s: str(sum(s.sizes)),
    "pairs placed together": lambda s: f"{s.pairs_shown:.1%}",
    "pairs with enough evidence": lambda s: f"{s.pairs_known:.1%}",
    "ends because": lambda s: _REASONS[s.reason],
}
