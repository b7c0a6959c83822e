"""The order of an odd-one-out session: pages, trials, breaks."""

from collections.abc import Generator, Iterator, Sequence
from typing import Literal, Protocol

from twoalike.design import POSITIONS
from twoalike.tasks._activity import Activity, Item
from twoalike.tasks._scenes import Page
from twoalike.tasks.odd_one_out._activity import TripletActivity
from twoalike.tasks.odd_one_out._layout import Layout
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.odd_one_out._trial import Trial
from twoalike.tasks.screens import (
    Frame,
    Opening,
    WaitActivity,
    after_trials,
    before_trials,
    pause_page,
    text_page,
)


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


def triplet_script(
    protocol: OddOneOut,
    layout: Layout,
    trials: Sequence[Trial],
    opening: Opening,
    *,
    n_done: int = 0,
    more: MoreTrials | None = None,
) -> Generator[Activity | Item, None, str]:
    """Activities of a session that has ``n_done`` trials behind it.

    Parameters
    ----------
    trials
        Those known at the start.
    more
        Where later blocks come from; None where ``trials`` are all.

    Returns
    -------
    How it ended: ``completed`` or ``declined`` (the generator's value).
    """
    texts, frame = protocol.texts, Frame(layout.size, layout.text)
    keys = answer_keys(protocol)
    if not (yield from before_trials(protocol, texts, frame, opening, keys)):
        return "declined"
    try:
        yield from _trials(protocol, layout, trials, n_done, more)
    finally:
        if more is not None:
            more.close()
    yield from after_trials(protocol, texts, frame)
    return "completed"


def _trials(
    protocol: OddOneOut,
    layout: Layout,
    trials: Sequence[Trial],
    n_done: int,
    more: MoreTrials | None,
) -> Iterator[Activity | Item]:
    """All trials that are left, with the pages between them."""
    texts, keys = protocol.texts, answer_keys(protocol)
    frame = Frame(layout.size, layout.text)
    known, number = list(trials), n_done
    total = more.total if more is not None else _count(known)
    while True:
        for trial in known[number:]:
            if number > n_done:
                yield from _between(protocol, frame, known, number, total)
            yield TripletActivity(trial, protocol, layout)
            number += 1
        if more is None or _count(known) >= more.total:
            return
        more.start()
        if number > n_done:
            yield pause_page(protocol, texts, frame, _count(known), total, keys)
        yield WaitActivity("prepare", Page(texts.wait), more.ready)
        following, item = more.take()
        yield item
        known += following
        n_done = number  # the break before the new block has been


def answer_keys(protocol: OddOneOut) -> frozenset[str]:
    """Keys that answer; they turn pages as well."""
    return frozenset(key for place in POSITIONS for key in getattr(protocol.answers, place))


def _count(trials: Sequence[Trial]) -> int:
    return sum(trial.trial_type != "practice" for trial in trials)


def page_before(
    protocol: OddOneOut, trials: Sequence[Trial], number: int
) -> Literal["practice_end", "break"] | None:
    """Page between trial ``number`` of a session, counted from 0, and the one before it."""
    before, trial = trials[number - 1], trials[number]
    if before.trial_type == "practice":
        return None if trial.trial_type == "practice" else "practice_end"
    every = protocol.breaks.break_every
    if every:
        return "break" if _count(trials[:number]) % every == 0 else None
    return "break" if trial.block_index != before.block_index else None


def _between(
    protocol: OddOneOut, frame: Frame, trials: Sequence[Trial], number: int, total: int
) -> Iterator[Activity]:
    """Pages before trial ``number`` of a session, counted from 0."""
    texts, keys = protocol.texts, answer_keys(protocol)
    match page_before(protocol, trials, number):
        case "practice_end":
            yield text_page("practice_end", texts.practice_end, protocol, texts, frame, keys=keys)
        case "break":
            yield pause_page(protocol, texts, frame, _count(trials[:number]), total, keys)
