"""A session of listed trials, of any task: their order with pages between, how long, from files.

Trials are those of a list, and those that are chosen while the session runs. Questions may come
between blocks: a block ends with a break, the last one with the last trial, and what was answered
is on the disk, so a resumed session asks first what the block before left open.
"""

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Protocol

import pandas as pd

from twoalike.record import Progress, answered_questions
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
from twoalike.tasks._prepare import Prepared, Sitting, load_listed
from twoalike.tasks._presentation import given_masks
from twoalike.tasks._protocol import Protocol as PageProtocol
from twoalike.tasks._session import Script, each_step
from twoalike.tasks._trial import trials_from_table
from twoalike.tasks.screens import (
    Frame,
    Opening,
    QuestionActivity,
    Scanner,
    ScannerActivity,
    View,
    WaitActivity,
    after_trials,
    ask_questions,
    before_trials,
    frame,
    pause_page,
    text_page,
)

_FIT = Duration(5.0, 90.0)
"""Between the blocks of an adaptive session (docs/explanation/adaptive.md)."""


class MoreTrials(Protocol):
    """Where the trials come from that are chosen while the session runs."""

    @property
    def total(self) -> int:
        """Trials of the whole session, practice not counted."""

    @property
    def n_trials(self) -> int: ...
    @property
    def per_block(self) -> int: ...
    @property
    def objects(self) -> frozenset[str]:
        """Objects that later blocks may show."""

    def start(self) -> None:
        """Begin to choose the next block; all trials so far are on the disk."""

    def ready(self) -> bool:
        """Whether the next block is there."""

    def take(self) -> tuple[Sequence[Any], Item]:
        """Give the next block, and the item that records it."""

    def close(self) -> None:
        """End what is still under way."""


def count_judged(trials: Sequence[Any]) -> int:
    """Trials that are not practice."""
    return sum(trial.trial_type != "practice" for trial in trials)


def ends_block(done: int, size: int, total: float | None) -> bool:
    """Whether a break follows the last of ``done`` trials, in a session with blocks of a size.

    A last block of fewer than half as many trials joins the one before; where the answers decide
    how many there are in all, ``total`` is None.
    """
    return done % size == 0 and (total is None or 2 * (total - done) >= size)


def page_before(
    protocol: PageProtocol, trials: Sequence[Any], number: int, total: float
) -> Literal["practice_end", "break"] | None:
    """Page between trial ``number`` of a session, counted from 0, and the one before it.

    ``total``: trials of the session, practice not counted; ``trials`` may be its beginning.
    """
    before, trial = trials[number - 1], trials[number]
    if before.trial_type == "practice":
        return None if trial.trial_type == "practice" else "practice_end"
    every = protocol.breaks.break_every
    done = number - next(n for n, one in enumerate(trials) if one.trial_type != "practice")
    if every:
        return "break" if ends_block(done, every, total) else None
    if trial.block_index == before.block_index:
        return None
    size = count_judged([one for one in trials if one.block_index == before.block_index])
    last = trials[-1].block_index == trial.block_index
    return None if last and 2 * (total - done) < size else "break"


def pages_duration(
    protocol: PageProtocol, trials: Sequence[Any], *, n_done: int = 0, n_fits: int = 0
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


def listed_script(
    protocol: PageProtocol,
    frame: Frame,
    trials: Sequence[Any],
    opening: Opening,
    show: Callable[[Any, float | None], Activity],
    *,
    keys: frozenset[str] = frozenset(),
    n_done: int = 0,
    more: MoreTrials | None = None,
    scanner: Scanner | None = None,
) -> Generator[Activity | Item, None, str]:
    """Activities of a session whose trials are listed; ends as ``completed`` or ``declined``.

    ``show`` makes the activity of a trial, with the time of the scanner's trigger before it, if
    any; ``keys`` answer, and turn pages as well.
    """
    if not (yield from before_trials(protocol, frame, opening, keys)):
        return "declined"
    known, number = list(trials), n_done
    total = more.total if more is not None else count_judged(known)
    trigger: float | None = None
    start = "none" if scanner is None else scanner.start
    due = start != "none"
    with nullcontext() if more is None else closing(more):
        while True:
            for trial in known[number:]:
                page = page_before(protocol, known, number, total) if number > n_done else None
                if page == "practice_end":
                    text = protocol.texts.practice_end
                    yield text_page(page, text, protocol, frame, keys=keys)
                elif page == "break":
                    yield pause_page(protocol, frame, count_judged(known[:number]), total)
                    due |= start == "block"
                if due and scanner is not None and trial.trial_type != "practice":
                    waiting = ScannerActivity(protocol.texts.scanner, scanner.key)
                    yield waiting
                    trigger, due = waiting.time, False
                yield show(trial, trigger)
                number += 1
            if more is None or count_judged(known) >= more.total:
                break
            more.start()
            if number > n_done and 2 * (total - count_judged(known)) >= more.per_block:
                yield pause_page(protocol, frame, count_judged(known), total)
            yield WaitActivity("prepare", Page(protocol.texts.wait), more.ready)
            following, item = more.take()
            yield item
            known += following
            n_done = number  # the break before the new block has been
            due |= start == "block"
    yield from after_trials(protocol, frame)
    return "completed"


PILOT_TRIALS = 12
"""Trials of a pilot run after its practice: enough to see every kind of page."""


@dataclass(frozen=True, kw_only=True)
class PreparedTrials[T](Prepared):
    """A session of listed trials that can start; more may be chosen while it runs."""

    trials: tuple[T, ...]
    """Trials known before the session."""
    more: MoreTrials | None = None
    """Where later blocks come from; None where ``trials`` are all."""
    read: ClassVar[Callable[..., tuple[Any, ...]]] = staticmethod(trials_from_table)
    """Makes trials of a list."""
    pilot_trials: ClassVar[int] = PILOT_TRIALS

    @classmethod
    def objects_of(cls, trial: Any) -> Sequence[str]:
        """Objects that a trial shows."""
        shown: Sequence[str] = trial.stimuli
        return shown

    @abstractmethod
    def activity(self, trial: T, layout: Any, view: View, trigger: float | None) -> Activity:
        """Make what a trial shows; ``trigger``: time of the scanner's, if it came before."""

    @classmethod
    @abstractmethod
    def trials_duration(cls, protocol: Any, trials: Sequence[Any]) -> Duration:
        """Time for trials; None among them for one that is not chosen yet."""

    @property
    def page_keys(self) -> frozenset[str]:
        """Keys that turn pages as well."""
        return frozenset()

    def images_ahead(self, progress: Progress) -> list[str]:
        """Objects in the order of the trials."""
        left = self.trials[progress.n_done :]
        return [name for trial in left for name in self.objects_of(trial)]

    @property
    def most_shown(self) -> int:
        """Objects of the trial with the most of them."""
        return max((len(self.objects_of(one)) for one in self.trials), default=len(STIMULI))

    def script(self, view: View, progress: Progress) -> Script:
        """Pages, trials, breaks."""
        protocol = self.protocol
        lay_out = cache(lambda n: type(self).lay_out(protocol, view, n))
        return listed_script(
            protocol,
            frame(protocol.screen, view.size),
            self.trials,
            self.opening(progress),
            lambda one, time: self.activity(one, lay_out(len(self.objects_of(one))), view, time),
            keys=self.page_keys,
            n_done=progress.n_done,
            more=self.more,
            scanner=self.scanner,
        )

    @classmethod
    def times_of(
        cls,
        protocol: Any,
        trials: Sequence[T],
        *,
        n_done: int = 0,
        further: int = 0,
        per_block: int = 1,
    ) -> Times:
        """Time for the trials of a session that has ``n_done`` behind it, and for its pages.

        ``further`` trials are chosen during the session, in blocks of ``per_block``.
        """
        time = cls.trials_duration(protocol, [*trials[n_done:], *[None] * further])
        n_fits = -(-further // per_block)
        return Times(time, pages_duration(protocol, trials, n_done=n_done, n_fits=n_fits))

    def times(self, progress: Progress) -> Times:
        """Time left after the instruction."""
        more = self.more
        return self.times_of(
            *(self.protocol, self.trials),
            n_done=progress.n_done,
            further=0 if more is None else more.total - count_judged(self.trials),
            per_block=1 if more is None else more.per_block,
        )

    @classmethod
    def listed_times(
        cls, protocol: Any, study: Study, stimuli: StimulusSet, table: pd.DataFrame, _: object
    ) -> Times:
        """Time for the trials of a list, and those that an adaptive session adds to it."""
        trials, settings = cls.read(table), find_task(protocol.task).lists.settings(study)
        if getattr(settings, "sampler", "") != "adaptive":
            return cls.times_of(protocol, trials)
        further = max(0, int(settings.n_judged) - count_judged(trials))
        return cls.times_of(protocol, trials, further=further, per_block=settings.trials_per_block)


def prepare_listed[P: PreparedTrials[Any]](
    made: type[P],
    sitting: Sitting,
    task: str,
    *,
    table: pd.DataFrame | None = None,
    more: MoreTrials | None = None,
) -> P:
    """Read and check protocol, stimuli and trial list of a session, which becomes one of ``made``.

    ``table`` is used instead of the study's list; ``more`` gives later blocks of a session that
    adapts.
    """
    read = load_listed(sitting, find_task(task).protocol, table)
    return prepared_trials(made, sitting, *read, more)


def prepared_trials[P: PreparedTrials[Any]](
    made: type[P],
    sitting: Sitting,
    protocol: PageProtocol,
    stimuli: StimulusSet,
    table: pd.DataFrame,
    more: MoreTrials | None = None,
) -> P:
    """Put a session together, and check what it shows; a pilot run shows the list's beginning."""
    if sitting.pilot:
        judged = table.loc[table["trial_type"] != "practice", "trial_index"].unique()
        if len(judged) > made.pilot_trials:
            last = judged[made.pilot_trials - 1]
            table = table[table["trial_index"] <= last].reset_index(drop=True)
    trials = made.read(table)
    shown = {name for trial in trials for name in made.objects_of(trial)}
    shown |= set() if more is None else more.objects
    most = max((len(made.objects_of(trial)) for trial in trials), default=len(STIMULI))
    given = given_masks(sitting.study, protocol, shown, most)
    return made.of(
        sitting,
        protocol,
        stimuli,
        shown=shown,
        n_trials=len(trials) if more is None else more.n_trials,
        listed=table,
        design=given.settings,
        trials=trials,
        more=more,
        given=given,
    )


def with_block_questions(prepared: Prepared, view: View, progress: Progress) -> Script:
    """Return the script of a session with the questions that its protocol has between blocks."""
    script, protocol = prepared.script(view, progress), prepared.protocol
    if not protocol.blocks.questions:
        return script
    pages, root = frame(protocol.screen, view.size), prepared.sitting.root
    answered = answered_questions(root, prepared.plan.name) if progress.begun else {}
    over, within = blocks_over(prepared, progress)
    began = progress.n_done > 0

    def ask() -> Iterator[Activity | Item]:
        after = protocol.blocks.after(over)
        questions = [one for one in after if any(part.id not in answered for part in one.parts)]
        yield from ask_questions("blocks", questions, protocol, pages, answered)
        answered.update({part.id: "" for one in questions for part in one.parts})

    def asking(step: Activity | Item) -> Iterator[Activity | Item]:
        nonlocal over, within, began
        kind = step.name if isinstance(step, Activity) else ""
        debrief = isinstance(step, QuestionActivity) and step.measure == "debrief"
        if kind == "trial":
            if over and not within:
                yield from ask()
            began = within = True
        elif began and (kind in ("break", "end") or debrief) and (within or over):
            over, within = over + within, False
            yield from ask()
        yield step

    return each_step(script, asking)


def blocks_over(prepared: Prepared, progress: Progress) -> tuple[int, bool]:
    """Count the blocks that the trials done complete; whether another has begun.

    Blocks are counted as the breaks between them: every so many trials of the protocol, or else the
    blocks of the trial list; a short last one is a part of the one before.
    """
    plan, protocol = prepared.plan, prepared.protocol
    listed = pd.DataFrame() if plan.trials is None else plan.trials.drop_duplicates("trial_index")
    trials = [*listed.itertuples()]
    n_practice = len(trials) - count_judged(trials)
    done = max(0, progress.n_done - n_practice)
    total = None if plan.n_trials is None else plan.n_trials - n_practice
    if (every := protocol.breaks.break_every) or total is None or "block_index" not in listed:
        over = sum(ends_block(n, every, total) for n in range(1, done + 1)) if every else 0
        return over, done > over * every
    known = min(progress.n_done, len(trials))
    ends = {
        n
        for n in range(n_practice + 1, known + 1)
        if n == len(trials) or page_before(protocol, trials, n, total) == "break"
    }
    return len(ends), done > 0 and known not in ends
