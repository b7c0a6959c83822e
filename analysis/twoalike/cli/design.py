"""``twoalike design``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from twoalike.cli._trial_lists import SessionList


def design(
    study: Path,
    /,
    *,
    task: Literal["odd-one-out"],
    participants: Annotated[list[str], Parameter(consume_multiple=True)],
    sessions: int = 1,
    summary: bool = False,
    overwrite: bool = False,
    seed: int | None = None,
) -> None:
    """Write the trial lists of sessions, and say how well they cover the objects.

    The settings are in the table [design] of study.toml. A list depends on the study's seed,
    the participant and the session only, so writing it again gives the same file.

    Parameters
    ----------
    study
        Folder of the study.
    task
        The task.
    participants
        Codes of the participants, such as 01 02 03.
    sessions
        Sessions of each participant, numbered from 1.
    summary
        Also print pair coverage, exposure, balance of places and expected duration.
    overwrite
        Replace a list that differs. Never do this after its session has begun.
    seed
        Use this seed instead of the study's.

    Examples
    --------
        twoalike design my-study --task odd-one-out --participants 01 02 03 --summary
        twoalike design my-study --task odd-one-out --participants 07 --sessions 2
    """
    from twoalike.cli._trial_lists import make_session_lists, write_session_lists
    from twoalike.study import Study, TwoalikeError

    if sessions < 1:
        raise TwoalikeError(f"--sessions {sessions}: expected a whole number from 1.")
    if seed is not None and seed < 0:
        raise TwoalikeError(f"--seed {seed}: expected a whole number from 0.")
    ids, lists = make_session_lists(Study.load(study), participants, sessions, seed)
    for item, written in zip(lists, write_session_lists(lists, overwrite), strict=True):
        state = "" if written else ", there already"
        print(f"{item.path}  {len(item.table)} trials{state}")  # noqa: T201
    if summary:
        _print_summary(lists, ids)


def _print_summary(lists: list["SessionList"], ids: tuple[str, ...]) -> None:
    """Print one line of figures for each list, and one for all together."""
    from rich.console import Console
    from rich.table import Table

    from twoalike.design import summarize_design

    table = Table(title=f"Design: {len(ids)} objects, {len(ids) * (len(ids) - 1) // 2} pairs")
    for column in ("session", "trials", "pairs", "per pair", "per object", "places", "min"):
        table.add_column(column, justify="left" if column == "session" else "right")
    groups = [(f"sub-{item.participant} ses-{item.session:02d}", [item.table]) for item in lists]
    if len(lists) > 1:
        groups.append(("all", [item.table for item in lists]))
    for name, tables in groups:
        s = summarize_design(tables, ids)
        table.add_row(
            name,
            str(s.trials),
            f"{s.pairs_shown:.1%}",
            f"{s.pair_min} / {s.pair_median:g}",
            f"{s.exposure_min}-{s.exposure_max}",
            str(s.place_spread),
            f"{s.minutes:.0f}",
        )
    table.caption = (
        "pairs: share of the pairs of objects that are shown; per pair: fewest / median; per "
        "object: fewest-most trials; places: largest difference between an object's counts at "
        "two places; min: expected minutes without breaks"
    )
    Console().print(table)
