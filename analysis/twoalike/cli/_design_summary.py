"""The table that ``twoalike design --summary`` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twoalike.cli._arrangement_estimate import span
from twoalike.cli._durations import DURATION_NOTE
from twoalike.cli._trial_lists import SessionList
from twoalike.design import DesignSummary, summarize_design
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks import session_duration

if TYPE_CHECKING:
    from rich.table import Table

MOST_COLUMNS = 4
"""Sessions shown one by one; of more, only the first ones and all together."""


def print_summary(study: Study, lists: Sequence[SessionList], ids: Sequence[str]) -> None:
    """Print a column of figures for each list, and one for all together."""
    from rich.console import Console
    from rich.table import Table

    pairs = len(ids) * (len(ids) - 1) // 2
    table = Table()
    table.add_column("")
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    columns, times = [], []
    for item in lists[:MOST_COLUMNS]:
        table.add_column(f"sub-{item.participant}\nses-{item.session:02d}", justify="right")
        columns.append(summarize_design([item.table], ids))
        times.append(
            session_duration(study, stimuli, "odd-one-out", item.table, session=item.session)
        )
    if len(lists) > 1:
        table.add_column(f"all {len(lists)}", justify="right")
        tables = [item.table for item in lists]
        columns.append(summarize_design(tables, ids))
    sampler = f"sampler {study.config.design.sampler}"
    if study.config.design.sampler == "list":
        sampler = f"your lists ({', '.join(columns[-1].samplers)})"
    table.title = f"Design: {len(ids)} objects, {pairs} pairs, {sampler}"
    _add_rows(table, columns)
    table.add_row("duration of the session", *map(str, times))
    table.caption = DURATION_NOTE
    Console().print(table)


def _add_rows(table: "Table", columns: Sequence[DesignSummary]) -> None:
    def add(name: str, cells: Sequence[str]) -> None:
        table.add_row(name, *cells)

    add("trials", [str(s.trials) for s in columns])
    for kind in ("practice", "main", "catch", "repeat"):
        if any(kind in s.kinds for s in columns):
            add(f"  {kind}", [str(s.kinds.get(kind, 0)) for s in columns])
    add("different triplets", [str(s.triplets) for s in columns])
    add("  needed to show every pair", [str(s.bound) for s in columns])
    add("pairs shown", [f"{s.pairs_shown:.1%}" for s in columns])
    add("trials a pair, fewest / median", [f"{s.pair_min} / {s.pair_median:g}" for s in columns])
    add("trials an object", [span(s.exposure_min, s.exposure_max) for s in columns])
    add("places of an object, largest difference", [str(s.place_spread) for s in columns])
    for name in sorted({name for s in columns for name in s.conditions}):
        add(f"share {name}", [f"{s.conditions.get(name, 0):.1%}" for s in columns])
    for name in sorted({name for s in columns for name in s.samplers}):
        add(f"chosen by {name}", [str(s.samplers.get(name, 0)) for s in columns])
    if any(sum(s.catch_sides) for s in columns):
        add("checks with the odd one left / middle / right", [_slashes(s) for s in columns])


def _slashes(summary: DesignSummary) -> str:
    return " / ".join(map(str, summary.catch_sides))
