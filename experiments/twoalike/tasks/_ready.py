"""From a task's name to a session that can start."""

from collections.abc import Callable, Mapping

from twoalike.tasks._prepare import Prepared
from twoalike.tasks._settings import Protocol
from twoalike.tasks._sitting import Sitting
from twoalike.tasks.multi_arrangement import MultiArrangement, prepare_arrangements
from twoalike.tasks.odd_one_out import OddOneOut, prepare_triplets

_PREPARE: Mapping[str, Callable[[Sitting], Prepared]] = {
    "odd-one-out": prepare_triplets,
    "multi-arrangement": prepare_arrangements,
}
PROTOCOLS: Mapping[str, type[Protocol]] = {
    "odd-one-out": OddOneOut,
    "multi-arrangement": MultiArrangement,
}
"""Protocol of each task, by the task's name on the command line."""


def prepare_session(task: str, sitting: Sitting) -> Prepared:
    """Read and check everything that a session of ``task`` needs.

    Raises
    ------
    TwoalikeError
        If something is missing, damaged or does not fit.
    """
    return _PREPARE[task](sitting)
