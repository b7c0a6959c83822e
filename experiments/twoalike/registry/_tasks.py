"""The register: built-in tasks, those of installed packages, and those registered by hand."""

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from twoalike.registry._task import Task
from twoalike.study import TwoalikeError

ENTRY_POINTS = "twoalike.tasks"
"""Entry-point group in which another package names its tasks: ``name = "module:TASK"``."""

BUILT_IN = (
    Task(
        name="odd-one-out",
        description="Of three images the participant picks the odd one out.",
        judgments="choices",
        protocol_key="protocol",
        trials="twoalike.record:TRIPLETS",
        trial_list="twoalike.design:TRIAL_LIST",
        check_rows="twoalike.record:check_triplet_rows",
        protocol="twoalike.tasks:OddOneOut",
        prepare="twoalike.planning:prepare_triplets",
        lists="twoalike.design:TRIPLET_LISTS",
        text_faults="twoalike.tasks.odd_one_out:triplet_text_faults",
        times="twoalike.tasks.odd_one_out:listed_times",
        read_raw="twoalike.judgments:read_raw",
        unusable="twoalike.design:excluded",
        section="twoalike.report:triplet_section",
    ),
    Task(
        name="multi-arrangement",
        description="The participant drags images into a circular arena, so that alike ones are "
        "close.",
        judgments="arrangements",
        protocol_key="arrangement_protocol",
        trials="twoalike.record:ARRANGEMENTS",
        events="twoalike.record:ARRANGEMENT_EVENTS",
        check_rows="twoalike.record:check_arrangement_rows",
        protocol="twoalike.tasks:MultiArrangement",
        prepare="twoalike.tasks:prepare_arrangements",
        lists="twoalike.design:ARRANGEMENT_LISTS",
        text_faults="twoalike.tasks.multi_arrangement:arena_text_faults",
        times="twoalike.tasks.multi_arrangement:listed_arrangement_times",
        read_raw="twoalike.judgments:read_raw_arrangements",
        section="twoalike.report:arrangement_section",
    ),
)
"""The tasks that come with twoalike."""

_registered: dict[str, Task] = {task.name: task for task in BUILT_IN}


@cache
def _installed() -> dict[str, EntryPoint]:
    """Entry points of other packages' tasks, by the task's name; not loaded yet."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def task_names() -> tuple[str, ...]:
    """Names of all tasks, the built-in ones first.

    Examples
    --------
    >>> task_names()[:2]
    ('odd-one-out', 'multi-arrangement')
    """
    return tuple(dict.fromkeys([*_registered, *_installed()]))


def register_task(task: Task) -> None:
    """Make a task known in this process, such as one written in a notebook or a test.

    A package names its tasks in the entry-point group :data:`ENTRY_POINTS` instead.

    Raises
    ------
    TwoalikeError
        If another task has the name.
    """
    if task.name in task_names() and _registered.get(task.name) is not task:
        raise TwoalikeError(f"a task {task.name!r} is registered already", remedy="Rename one.")
    _registered[task.name] = task


def find_task(name: str) -> Task:
    """Return a task by its name, or by its label in BIDS file names.

    Raises
    ------
    TwoalikeError
        If there is no such task, or the package that brings it cannot be loaded.

    Examples
    --------
    >>> find_task("odd-one-out").label, find_task("multiarrangement").name
    ('oddoneout', 'multi-arrangement')
    """
    known = {key: task for task in task_names() for key in (task, task.replace("-", ""))}
    if name not in known:
        close = difflib.get_close_matches(name, task_names(), n=1)
        raise TwoalikeError(
            where="task",
            expected=f"one of {', '.join(task_names())}",
            found=repr(name),
            remedy=f"Did you mean {close[0]}?" if close else "",
        )
    full = known[name]
    if full not in _registered:
        _registered[full] = _load(_installed()[full])
    return _registered[full]


def _load(point: EntryPoint) -> Task:
    """Load another package's task."""
    origin = f"task {point.name!r} of {point.value}"
    try:
        task = point.load()
    except Exception as error:  # a foreign package may fail in any way
        raise TwoalikeError(
            f"{origin}: cannot be imported ({type(error).__name__}: {error})",
            remedy="Mend or uninstall the package that brings it.",
        ) from error
    if not isinstance(task, Task) or task.name != point.name:
        found = f"a Task named {task.name!r}" if isinstance(task, Task) else type(task).__name__
        raise TwoalikeError(where=origin, expected=f"a Task named {point.name!r}", found=found)
    return task
