"""A session of listed trials, of any task: their order with pages between, how long, from files.

Trials are those of a list, and those that are chosen while the session runs.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import pandas as pd

from twoalike.record import Progress
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tables import STIMULI
from twoalike.tasks._activity import Activity, Item, Page
from twoalike.tasks._duration import (
    Duration,
    Times,
    break_duration,
    closing_duration,
    page_duration,
)
from twoalike.tasks._prepare import (
    Prepared,
    Sitting,
    check_objects,
    load_listed,
    run_plan,
    session_inputs,
)
from twoalike.tasks._protocol import Protocol as PageProtocol
from twoalike.tasks.screens import (
    Frame,
    Opening,
    Scanner,
    ScannerActivity,
    WaitActivity,
    after_trials,
    before_trials,
    pause_page,
    text_page,
)

_FIT = Duration(5.0, 90.0)
"""Between the blocks of an adaptive session (docs/explanation/adaptive.md)."""
NO_SCANNER = Scanner()


class InBlock(Protocol):
    """A listed trial of any task."""

    @property
    def trial_type(self) -> str:
        """Why it is shown."""

    @property
    def block_index(self) -> int:
        """Block that it belongs to."""


class OfStimuli(InBlock, Protocol):
    """A listed trial that names its objects as ``stimuli``."""

    @property
    def stimuli(self) -> Sequence[str]:
        """Objects that it shows."""


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
        """Whether the next block is there."""

    def take(self) -> tuple[Sequence[T], Item]:
        """Give the next block, and the item that records it."""

    def close(self) -> None:
        """End what is still under way."""


def count_judged(trials: Sequence[InBlock]) -> int:
    """Trials that are not practice."""
    return sum(trial.trial_type != "practice" for trial in trials)


def ends_block(done: int, size: int, total: int | None) -> bool:
    """Whether a break follows the last of ``done`` trials, in a session with blocks of a size.

    A last block of fewer than half as many trials joins the one before; where the answers decide
    how many there are in all, ``total`` is None.
    """
    return done % size == 0 and (total is None or 2 * (total - done) >= size)


def page_before(
    protocol: PageProtocol, trials: Sequence[InBlock], number: int, total: int
) -> Literal["practice_end", "break"] | None:
    """Page between trial ``number`` of a session, counted from 0, and the one before it.

    Parameters
    ----------
    total
        Trials of the session, practice not counted; ``trials`` may be its beginning.
    """
    before, trial = trials[number - 1], trials[number]
    if before.trial_type == "practice":
        return None if trial.trial_type == "practice" else "practice_end"
    done, every = count_judged(trials[:number]), protocol.breaks.break_every
    if every:
        return "break" if ends_block(done, every, total) else None
    if trial.block_index == before.block_index:
        return None
    size = count_judged([one for one in trials if one.block_index == before.block_index])
    last = trials[-1].block_index == trial.block_index
    return None if last and 2 * (total - done) < size else "break"


def _between(
    protocol: PageProtocol,
    frame: Frame,
    trials: Sequence[InBlock],
    number: int,
    total: int,
    keys: frozenset[str],
) -> Iterator[Activity]:
    """Pages before trial ``number`` of a session, counted from 0."""
    texts = protocol.texts
    match page_before(protocol, trials, number, total):
        case "practice_end":
            yield text_page("practice_end", texts.practice_end, protocol, frame, keys=keys)
        case "break":
            yield pause_page(protocol, frame, count_judged(trials[:number]), total)


def pages_duration(
    protocol: PageProtocol, trials: Sequence[InBlock], *, n_done: int = 0, n_fits: int = 0
) -> Duration:
    """Time for all pages after the instruction; ``n_fits`` blocks are chosen in later breaks."""
    texts, ready = protocol.texts, Duration(protocol.breaks.ready_s, protocol.breaks.ready_s)
    rest = break_duration(protocol) + ready
    between = {
        "practice_end": page_duration(texts.practice_end, protocol.pages.page_s) + ready,
        "break": rest,
    }
    total = count_judged(trials)
    shown = [page_before(protocol, trials, n, total) for n in range(n_done + 1, len(trials))]
    pages = [between[page] for page in shown if page is not None]
    pages += [ready, closing_duration(protocol), (rest + _FIT).times(n_fits)]
    return sum(pages, Duration())


def listed_script[T: InBlock](
    protocol: PageProtocol,
    frame: Frame,
    trials: Sequence[T],
    opening: Opening,
    show: Callable[[T, float | None], Activity],
    *,
    keys: frozenset[str] = frozenset(),
    n_done: int = 0,
    more: MoreTrials[T] | None = None,
    scanner: Scanner = NO_SCANNER,
) -> Generator[Activity | Item, None, str]:
    """Activities of a session whose trials are listed; ends as ``completed`` or ``declined``.

    ``show`` makes the activity of a trial, with the time of the scanner's trigger before it, if
    any; ``keys`` answer, and turn pages as well.
    """
    if not (yield from before_trials(protocol, frame, opening, keys)):
        return "declined"
    try:
        yield from _trials(protocol, frame, trials, show, keys, n_done, more, scanner)
    finally:
        if more is not None:
            more.close()
    yield from after_trials(protocol, frame)
    return "completed"


def _trials[T: InBlock](
    protocol: PageProtocol,
    frame: Frame,
    trials: Sequence[T],
    show: Callable[[T, float | None], Activity],
    keys: frozenset[str],
    n_done: int,
    more: MoreTrials[T] | None,
    scanner: Scanner,
) -> Iterator[Activity | Item]:
    """All trials that are left, with the pages between them."""
    texts = protocol.texts
    known, number = list(trials), n_done
    total = more.total if more is not None else count_judged(known)
    trigger: float | None = None
    due = scanner.start != "none"
    while True:
        for trial in known[number:]:
            if number > n_done:
                yield from _between(protocol, frame, known, number, total, keys)
                page = page_before(protocol, known, number, total)
                due |= scanner.start == "block" and page == "break"
            if due and trial.trial_type != "practice":
                waiting = ScannerActivity(texts.scanner, scanner.key)
                yield waiting
                trigger, due = waiting.time, False
            yield show(trial, trigger)
            number += 1
        if more is None or count_judged(known) >= more.total:
            return
        more.start()
        if number > n_done and 2 * (total - count_judged(known)) >= more.per_block:
            yield pause_page(protocol, frame, count_judged(known), total)
        yield WaitActivity("prepare", Page(texts.wait), more.ready)
        following, item = more.take()
        yield item
        known += following
        n_done = number  # the break before the new block has been
        due |= scanner.start == "block"


PILOT_TRIALS = 12
"""Trials of a pilot run after its practice: enough to see every kind of page."""


@dataclass(frozen=True, kw_only=True)
class PreparedTrials[T: OfStimuli](Prepared):
    """A session of listed trials that can start; more may be chosen while it runs."""

    trials: tuple[T, ...]
    """Trials known before the session."""
    more: MoreTrials[T] | None = None
    """Where later blocks come from; None where ``trials`` are all."""
    read: ClassVar[Callable[..., tuple[Any, ...]]]
    """Makes trials of a list."""
    times_of: ClassVar[Callable[..., Times]]
    """``(protocol, trials, n_done=, further=, per_block=)``: time for trials, and for the pages."""

    @classmethod
    def find_given(cls, study: Study, protocol: Any, shown: set[str], most: int) -> Any:
        """Masks of the objects ``shown``, ``most`` in a trial; None in a task that has none."""
        return None

    def images_ahead(self, progress: Progress) -> list[str]:
        """Objects in the order of the trials."""
        return [name for trial in self.trials[progress.n_done :] for name in trial.stimuli]

    def times(self, progress: Progress) -> Times:
        """Time left after the instruction."""
        more = self.more
        return type(self).times_of(
            *(self.protocol, self.trials),
            n_done=progress.n_done,
            further=0 if more is None else more.total - count_judged(self.trials),
            per_block=1 if more is None else more.per_block,
        )


def pilot_part(table: pd.DataFrame) -> pd.DataFrame:
    """Cut a trial list short: the practice, and the first trials that need none left out."""
    main = (table["trial_type"] != "practice").cumsum()
    return table[main <= PILOT_TRIALS].reset_index(drop=True)


def prepare_listed[P: PreparedTrials[Any]](
    made: type[P],
    sitting: Sitting,
    task: str,
    *,
    table: pd.DataFrame | None = None,
    more: MoreTrials[Any] | None = None,
) -> P:
    """Read and check protocol, stimuli and trial list of a session.

    Parameters
    ----------
    made
        What the session becomes.
    task
        Name of the task, or its BIDS label.
    table
        Trial list to use instead of the study's.
    more
        Where later blocks come from, in a session that adapts.
    """
    protocol, stimuli, table = load_listed(sitting, find_task(task).protocol, table)
    return prepared_trials(made, sitting, protocol, stimuli, table, more)


def prepared_trials[P: PreparedTrials[Any]](
    made: type[P],
    sitting: Sitting,
    protocol: PageProtocol,
    stimuli: StimulusSet,
    table: pd.DataFrame,
    more: MoreTrials[Any] | None = None,
) -> P:
    """Put a session together, and check what it shows; a pilot run shows the list's beginning."""
    study = sitting.study
    if sitting.pilot:
        table = pilot_part(table)
    trials = made.read(table)
    shown = {name for trial in trials for name in trial.stimuli}
    if more is not None:
        shown |= more.objects
    check_objects(sitting, protocol, stimuli, shown)
    most = max((len(trial.stimuli) for trial in trials), default=len(STIMULI))
    given = made.find_given(study, protocol, shown, most)
    plan = run_plan(
        sitting,
        protocol,
        stimuli,
        shown=shown,
        trials=table,
        n_trials=len(table) if more is None else more.n_trials,
        design=None if given is None else given.settings,
    )
    return made(
        sitting=sitting,
        protocol=protocol,
        stimuli=stimuli,
        plan=plan,
        inputs=session_inputs(study, plan.name.task),
        trials=trials,
        more=more,
        **({} if given is None else {"given": given}),
    )


def listed_times(
    protocol: PageProtocol,
    study: Study,
    stimuli: StimulusSet,
    table: pd.DataFrame,
    simulated: object = None,
    *,
    made: type[PreparedTrials[Any]],
) -> Times:
    """Time for the trials of a list, and those that an adaptive session adds to it."""
    trials, settings = made.read(table), find_task(protocol.task).lists.settings(study)
    further = 0
    if settings.sampler == "adaptive":
        further = max(0, int(settings.n_judged) - count_judged(trials))
    return made.times_of(protocol, trials, further=further, per_block=settings.trials_per_block)
