"""``twoalike design``."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from twoalike import planning
from twoalike.cli._derived import takes
from twoalike.cli._options import Flag, TaskName
from twoalike.cli._show import wide_console

if TYPE_CHECKING:
    from twoalike.planning import ListSummary, TrialList


@takes(planning.write_lists)
def design(
    *,
    task: TaskName,
    participants: Annotated[list[str], Parameter(consume_multiple=True, negative=())],
    summary: Flag = False,
    **given: Any,
) -> None:
    """Write the trial lists of sessions, and show how well they cover the objects.

    The settings are in the task's table of study.toml, such as [design] for odd-one-out. Writing a
    list again gives the same file: a random list depends only on the study's seed, the participant
    and the session. The coverage design, and the levels design with lists_per_triplet, distribute
    their triplets over all sessions: name all participants in one call.

    Parameters
    ----------
    task
        The task.
    participants
        Codes of the participants, such as 001 002 003.
    summary
        Also print pair coverage, exposure, balance, levels, checks and expected duration.

    Examples
    --------
        twoalike design my-study --task odd-one-out --participants 001 002 003 --summary
        twoalike design my-study --task odd-one-out --participants 007 --sessions 2
        twoalike design my-study --task odd-one-out --participants 001 002 --sampler coverage
        twoalike design my-study --task multi-arrangement --participants 001 002 --summary
        twoalike design my-study --task odd-one-out --participants 001 --sampler adaptive \
            --posterior my-study/derived/posterior.nc --block 3
    """
    made = planning.write_lists(participants=participants, task=task, **given)
    kind = "fixed trial" if task == "multi-arrangement" else "trial"
    for item in made.lists:
        if item.state != "empty":
            print(_line(item, kind))  # noqa: T201
    if task == "multi-arrangement" and made.study.config.arrangement.scheduler == "lift_weakest":
        print("the main trials are chosen during the session")  # noqa: T201
    if summary:
        _show(made.summary())


def _line(item: "TrialList", kind: str) -> str:
    from twoalike.study import counted

    state = {
        "written": "",
        "unchanged": ", there already",
        "begun": ", kept: its session has begun",
    }.get(item.state, f", {item.state}")
    return f"{item.path}  {counted(item.table['trial_index'].nunique(), kind)}{state}"


def _show(summary: "ListSummary") -> None:
    from rich.table import Table

    table = Table(title=summary.title, caption=summary.note)
    table.add_column("")
    for name in summary.table.columns:
        table.add_column(name.replace(" ses-", "\nses-"), justify="right")
    for row, cells in summary.table.iterrows():
        table.add_row(str(row), *cells)
    wide_console().print(table)
