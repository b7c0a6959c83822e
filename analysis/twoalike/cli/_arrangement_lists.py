"""Making the lists of multi-arrangement sessions, and showing what they will cover."""

from collections.abc import Callable, Mapping, Sequence

from twoalike.cli._arrangement_estimate import print_estimate, span
from twoalike.cli._durations import DURATION_NOTE
from twoalike.cli._trial_lists import SessionList, describe_list, unique_labels
from twoalike.design import (
    ArrangementSummary,
    read_arrangement_list,
    session_arrangement_list,
    shown_objects,
    summarize_arrangements,
    write_arrangement_list,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks import session_duration

TASK = "multiarrangement"


def make_arrangement_lists(
    study: Study, participants: Sequence[str], sessions: int
) -> tuple[tuple[str, ...], list[SessionList]]:
    """Design what is fixed of every session before any file is written.

    Returns
    -------
    The objects that the design may show, and one list a participant and session. With the
    scheduler ``list``, they are those that are there.

    Raises
    ------
    TwoalikeError
        If a participant's code is unusable or stands twice, or the stimuli do not allow the
        design.
    """
    stimuli = StimulusSet.load(study.stimuli)
    config = study.config.arrangement
    lists = []
    for label in unique_labels(participants):
        for number in range(1, sessions + 1):
            path = study.trial_list(TASK, label, number)
            table = (
                read_arrangement_list(path, stimuli.ids)
                if config.scheduler == "list"
                else session_arrangement_list(study, stimuli, label, number)
            )
            design = config.model_dump(mode="json")
            about = describe_list(study, label, number, {}, {}, TASK, design)
            lists.append(
                SessionList(
                    label,
                    number,
                    path,
                    table,
                    about,
                    read=read_arrangement_list,
                    write=write_arrangement_list,
                )
            )
    return shown_objects(stimuli, config), lists


def print_arrangement_summary(
    study: Study, lists: Sequence[SessionList], ids: Sequence[str]
) -> None:
    """Print a column of figures for each list, and one for all together.

    Where the sets are chosen during the session, an estimate instead: the lists say little.
    """
    from rich.console import Console
    from rich.table import Table

    if study.config.arrangement.scheduler == "lift_weakest":
        print_estimate(study, lists, ids)
        return
    pairs = len(ids) * (len(ids) - 1) // 2
    config = study.config.arrangement
    table = Table(title=f"Design: {len(ids)} objects, {pairs} pairs, {config.scheduler}")
    table.add_column("")
    groups = [(f"sub-{item.participant}\nses-{item.session:02d}", [item.table]) for item in lists]
    if len(lists) > 1:
        groups.append((f"all {len(lists)}", [item.table for item in lists]))
    shown = [(name, tables) for name, tables in groups if any(len(part) for part in tables)]
    for name, _ in shown:
        table.add_column(name, justify="right")
    columns = [summarize_arrangements(tables, ids) for _, tables in shown]
    for name, cell in _ROWS.items():
        table.add_row(name, *(cell(column) for column in columns))
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    times = [
        session_duration(study, stimuli, "multi-arrangement", item.table, session=item.session)
        for item in lists
        if len(item.table)
    ]
    table.add_row("duration of the session", *map(str, times))
    table.caption = DURATION_NOTE
    Console().print(table)


_ROWS: Mapping[str, Callable[[ArrangementSummary], str]] = {
    "trials": lambda s: str(s.trials),
    "images a trial": lambda s: span(s.items_min, s.items_max),
    "pairs shown together": lambda s: f"{s.pairs_shown:.1%}",
    "trials a pair, fewest / median": lambda s: f"{s.pair_min} / {s.pair_median:g}",
    "trials an object": lambda s: span(s.exposure_min, s.exposure_max),
    "groups without a common scale": lambda s: str(s.scale_groups),
    "placements": lambda s: str(s.placements),
}
