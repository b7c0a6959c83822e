"""Trials that are chosen while a session runs, as its script needs them."""

from collections.abc import Sequence
from typing import Protocol

from twoalike.tasks._activity import Item
from twoalike.tasks.odd_one_out._trial import Trial


class MoreTrials(Protocol):
    """Where the trials come from that are chosen while the session runs."""

    @property
    def total(self) -> int:
        """Trials of the whole session, practice not counted."""

    @property
    def n_trials(self) -> int:
        """Trials of the whole session."""

    def start(self) -> None:
        """Begin to choose the next block; all trials so far are on the disk."""

    def ready(self) -> bool:
        """Whether the next block is there.

        Raises
        ------
        TwoalikeError
            If it could not be made.
        """

    def take(self) -> tuple[Sequence[Trial], Item]:
        """Give the next block, and the item that records it."""

    def close(self) -> None:
        """End what is still under way."""
