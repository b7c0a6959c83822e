"""``twoalike design``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from twoalike.cli._options import check_seed

if TYPE_CHECKING:
    from twoalike.cli._trial_lists import SessionList
    from twoalike.study import Study


def design(
    study: Path,
    /,
    *,
    task: Literal["odd-one-out", "multi-arrangement"],
    participants: Annotated[list[str], Parameter(consume_multiple=True, negative=())],
    sessions: int = 1,
    sampler: Literal["random", "coverage", "levels", "adaptive", "list"] | None = None,
    posterior: Path | None = None,
    block: int | None = None,
    summary: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    seed: int | None = None,
) -> None:
    """Write the trial lists of sessions, and say how well they cover the objects.

    The settings are in the tables [design] and [arrangement] of study.toml. Writing a list
    again gives the same file. A random list depends on the study's seed, the participant and
    the session only. Sessions of the coverage design, and of the levels design with
    lists_per_triplet, share their triplets out: name all participants in one call.

    Parameters
    ----------
    study
        Folder of the study.
    task
        The task.
    participants
        Codes of the participants, such as 001 002 003.
    sessions
        Sessions of each participant, numbered from 1; with --block the number of the one
        session meant.
    sampler
        Use this sampler instead of the study's. list: only check the lists that are there.
    posterior
        Fitted embedding that the adaptive sampler chooses by.
    block
        Adaptive: put this block of trials behind those of the list that is there, which stay
        as they are. Practice is block 1.
    summary
        Also print pair coverage, exposure, balance, levels, checks and expected duration.
    overwrite
        Replace a list that differs; that of a session which has begun is kept.
    seed
        Use this seed instead of the study's.

    Examples
    --------
        twoalike design my-study --task odd-one-out --participants 001 002 003 --summary
        twoalike design my-study --task odd-one-out --participants 007 --sessions 2
        twoalike design my-study --task odd-one-out --participants 001 002 --sampler coverage
        twoalike design my-study --task multi-arrangement --participants 001 002 --summary
        twoalike design my-study --task odd-one-out --participants 001 --sampler adaptive \
            --posterior my-study/derived/posterior.nc --block 3
    """
    from twoalike.cli._trial_lists import TASK, keep_begun, study_with, with_options
    from twoalike.record import check_codes
    from twoalike.study import Study, TwoalikeError, counted, progress
    from twoalike.tasks import protocol_or_default, protocols

    for name, value in (("sessions", sessions), ("block", block)):
        if value is not None and value < 1:
            raise TwoalikeError(f"--{name} {value}: expected a whole number from 1.")
    check_seed(seed)
    if task == "multi-arrangement":
        _refuse_triplet_options(sampler=sampler, posterior=posterior, block=block)
    opened = study_with(Study.load(study), seed=seed, sampler=sampler)
    protocol_or_default(opened, protocols()[task])  # a fault should not wait for the participant
    check_codes(opened, participants)
    if task == "multi-arrangement":
        _design_arrangements(
            opened, participants, sessions, seed, summary=summary, overwrite=overwrite
        )
        return
    with progress() as bar:
        bar.add_task("design", total=None, status="")
        ids, lists = _make_lists(opened, participants, sessions, posterior, block)
    lists = keep_begun(opened, with_options(lists, seed=seed, sampler=sampler), TASK)
    checked = opened.config.design.sampler == "list"
    for item, state in zip(lists, _write(lists, overwrite, checked), strict=True):
        print(f"{item.path}  {counted(len(item.table), 'trial')}{state}")  # noqa: T201
    if summary:
        from twoalike.cli._design_summary import print_summary

        print_summary(opened, lists, ids)


def _refuse_triplet_options(**options: object) -> None:
    from twoalike.study import TwoalikeError

    for name, value in options.items():
        if value is not None:
            raise TwoalikeError(
                f"--{name}: goes with --task odd-one-out. Arrangements are designed by the table "
                "[arrangement] of study.toml."
            )


def _write(lists: list["SessionList"], overwrite: bool, checked: bool) -> list[str]:
    """Write the lists, but for those that were only checked; what to say of each."""
    from twoalike.cli._trial_lists import write_session_lists

    return [", checked"] * len(lists) if checked else write_session_lists(lists, overwrite)


def _design_arrangements(
    study: "Study",
    participants: list[str],
    sessions: int,
    seed: int | None,
    *,
    summary: bool,
    overwrite: bool,
) -> None:
    from twoalike.cli._arrangement_lists import (
        TASK,
        make_arrangement_lists,
        print_arrangement_summary,
    )
    from twoalike.cli._trial_lists import keep_begun, with_options
    from twoalike.study import counted

    ids, lists = make_arrangement_lists(study, participants, sessions)
    lists = keep_begun(study, with_options(lists, seed=seed), TASK)
    # Where nothing is fixed no list is written, but one of before may have to go.
    chosen = [item for item in lists if len(item.table) or item.path.exists()]
    scheduler = study.config.arrangement.scheduler
    for item, state in zip(chosen, _write(chosen, overwrite, scheduler == "list"), strict=True):
        n_trials = item.table["trial_index"].nunique()
        print(f"{item.path}  {counted(n_trials, 'fixed trial')}{state}")  # noqa: T201
    if scheduler == "lift_weakest":
        print("the main trials are chosen during the session")  # noqa: T201
    if summary:
        print_arrangement_summary(study, lists, ids)


def _make_lists(
    study: "Study",
    participants: list[str],
    sessions: int,
    posterior: Path | None,
    block: int | None,
) -> tuple[tuple[str, ...], list["SessionList"]]:
    from twoalike.study import TwoalikeError

    sampler = study.config.design.sampler
    if sampler == "adaptive":
        from twoalike.cli._adaptive_lists import make_adaptive_lists

        return make_adaptive_lists(study, participants, sessions, posterior, block)
    if posterior is not None or block is not None:
        option = "--posterior" if posterior is not None else "--block"
        raise TwoalikeError(
            f"{option}: only the adaptive sampler uses it, the sampler here is {sampler}. Add "
            "--sampler adaptive, or leave the option out."
        )
    from twoalike.cli._trial_lists import make_session_lists

    return make_session_lists(study, participants, sessions)
