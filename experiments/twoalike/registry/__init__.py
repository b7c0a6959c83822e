"""Tasks by name: what a task is made of, and where each of its parts is.

Record, judgments, design, report and commands ask a :class:`Task` for their part of it and know no
task themselves. A part may be given as ``"module:name"``: it is imported when it is first used, so
that the machine that fits an embedding never imports the windows of the machine that collects.
"""

from twoalike.registry._tasks import (
    BUILT_IN,
    ENTRY_POINTS,
    Task,
    find_task,
    register_task,
    task_names,
)

__all__ = ["BUILT_IN", "ENTRY_POINTS", "Task", "find_task", "register_task", "task_names"]
