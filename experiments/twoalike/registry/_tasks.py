"""What a task is, and the register: built-in tasks, those of packages, those registered by hand."""

import difflib
import re
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isfunction, signature
from typing import TYPE_CHECKING, Any, Literal

from twoalike.study import TwoalikeError, declared

_NAME = re.compile("[a-z]+(-[a-z]+)*")
_PLACE = re.compile(r"[\w.]+:\w+")


@dataclass(kw_only=True, eq=False)
class Task:
    """A task, built in or of another package.

    All parts but the first four may be given as ``"module:name"``, imported when first used; a
    function of several tasks, with a parameter ``task``, gets the label. Those that a task does
    without are None.
    """

    name: str
    """On the command line and in sidecars, such as ``odd-one-out``: small letters and hyphens."""
    description: str
    """One sentence, for sidecars: what the participant does."""
    judgments: Literal["choices", "arrangements", "dissimilarities", "ratings", "sortings"]
    """Kind of the table that its answers become."""
    protocol_key: str = ""
    """Key of study.toml that names its protocol; without one it is protocols/LABEL.toml, or the
    defaults where there is no such file."""
    trials: Any
    """Raw table of its trials (:class:`twoalike.tables.Table`), one row a trial or, with columns
    ``n_items`` and ``stimulus``, that many rows. It has ``trial_index``, ``onset``,
    ``response_time``, ``pilot`` and, as the last column, :data:`twoalike.tables.SEEN_BEFORE`."""
    events: Any = None
    """Raw table of what happens within trials, with ``onset`` and ``duration``."""
    trial_list: Any = None
    """Table of its trial lists, where one is kept with each session."""
    protocol: Any
    """Model of its protocol, a :class:`twoalike.tasks.Protocol`."""
    prepare: Any
    """From a :class:`twoalike.tasks.Sitting` to a :class:`twoalike.tasks.Prepared`: trials, script
    and simulated hands of one session."""
    session: Any = None
    """Class of its prepared sessions, which knows before there is one how long a list takes
    (``listed_times``) and which texts of its trials do not fit a window (``text_faults``)."""
    lists: Any = None
    """How its trial lists are made, read and written, a :class:`twoalike.design.ListDesign`."""
    read_raw: Any
    """``(raw, objects, unusable)``: from the root of a data set, its object ids and the rule of
    exclusion (or None) to a table of its kind of judgments."""
    unusable: Any = None
    """``(rows, rule=...)``: why the study's rule leaves a session out, or None."""
    section: Any = None
    """From the report's :class:`twoalike.report.Inputs` to the task's
    :class:`twoalike.report.Section`, or None where there is nothing to show."""
    page: Any = None
    """``(prepared, view)``: yields the :data:`twoalike.online.Step` of a session that a browser
    shows, from a :class:`twoalike.tasks.Prepared`; None: the task has no page yet."""

    if not TYPE_CHECKING:  # to a type checker, any name would exist

        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if isinstance(value, str) and _PLACE.fullmatch(value):
                module, _, part = value.partition(":")
                value = getattr(import_module(module), part)
                if isfunction(value) and "task" in signature(value).parameters:
                    value = partial(value, task=self.label)
                setattr(self, name, value)
            return value

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise TwoalikeError(
                where="name of a task",
                expected="small letters and hyphens, such as pair-rating",
                found=repr(self.name),
            )

    @property
    def label(self) -> str:
        """Its label in BIDS file names: the name without hyphens."""
        return self.name.replace("-", "")

    @property
    def module(self) -> str:
        """Its name in the names of files and modules: hyphens become underscores."""
        return self.name.replace("-", "_")


ENTRY_POINTS = "twoalike.tasks"
"""Entry-point group in which another package names its tasks: ``name = "module:TASK"``."""

_DECLARED = declared("twoalike.registry", "tasks.toml")
BUILT_IN = tuple(Task(name=name, **about) for name, about in _DECLARED.items())
"""The tasks that come with twoalike."""

_registered: dict[str, Task] = {task.name: task for task in BUILT_IN}


@cache
def _installed() -> dict[str, EntryPoint]:
    """Entry points of other packages' tasks, by the task's name; not loaded yet."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def task_names() -> tuple[str, ...]:
    """Names of all tasks, the built-in ones first."""
    return tuple(dict.fromkeys([*_registered, *_installed()]))


def register_task(task: Task) -> None:
    """Make a task known in this process, such as one written in a notebook or a test.

    A package names its tasks in the entry-point group :data:`ENTRY_POINTS` instead.
    """
    if task.name in task_names() and _registered.get(task.name) is not task:
        raise TwoalikeError(f"a task {task.name!r} is registered already", remedy="Rename one.")
    _registered[task.name] = task


def find_task(name: str) -> Task:
    """Return a task by its name, or by its label in BIDS file names."""
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
