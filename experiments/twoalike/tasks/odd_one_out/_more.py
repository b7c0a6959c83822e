"""Trials as a script needs them: those in a list, and those chosen while the session runs."""

from collections.abc import Sequence
from typing import Protocol

from twoalike.tasks._activity import Item


class InBlock(Protocol):
    """A listed trial of any task."""

    @property
    def trial_type(self) -> str:
        """Why it is shown."""

    @property
    def stimuli(self) -> Sequence[str]:
        """Objects that it shows."""

    @property
    def block_index(self) -> int:
        """Block that it belongs to."""


class MoreTrials[T: InBlock](Protocol):
    """Where the trials come from that are chosen while the session runs."""

    @property
    def total(self) -> int:
        """Trials of the whole session, practice not counted."""

    @property
    def n_trials(self) -> int:
        """Trials of the whole session."""

    @property
    def per_block(self) -> int:
        """Trials of a block."""

    @property
    def objects(self) -> frozenset[str]:
        """Objects that later blocks may show."""

    def start(self) -> None:
        """Begin to choose the next block; all trials so far are on the disk."""

    def ready(self) -> bool:
        """Whether the next block is there.

        Raises
        ------
        TwoalikeError
            If it could not be made.
        """

    def take(self) -> tuple[Sequence[T], Item]:
        """Give the next block, and the item that records it."""

    def close(self) -> None:
        """End what is still under way."""
