"""The order of a multi-arrangement session: practice, sets chosen as evidence grows, checks."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from twoalike.design import (
    ArrangedTrial,
    ArrangementEnd,
    ListedArrangement,
    PlannedArrangement,
    next_arrangement,
)
from twoalike.study import ArrangementConfig
from twoalike.tasks._activity import Activity, Item, Note
from twoalike.tasks._listed import ends_block
from twoalike.tasks.multi_arrangement._arranging import ArrangementActivity
from twoalike.tasks.multi_arrangement._layout import lay_out_arena
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._trial import ArrangementResult, ArrangementTrial, draw_seats
from twoalike.tasks.screens import (
    Frame,
    Opening,
    after_trials,
    before_trials,
    frame,
    pause_page,
    text_page,
)

_SEATS = 1
"""Word of the seed that sets the drawing of seats apart from that of a set."""


@dataclass(frozen=True, kw_only=True)
class SubmittedTrial:
    """A trial that was submitted: what it showed, where its images lay, how long it took."""

    trial_type: str
    places: dict[str, tuple[float, float]]
    """Of the images inside the arena, by id; arena units."""
    time_s: float
    """From its onset to its end."""


@dataclass(kw_only=True)
class Arranging:
    """A session's trials: those that are fixed, those done, and how the next one is chosen."""

    config: ArrangementConfig
    ids: tuple[str, ...]
    """Objects of the design, m of them."""
    kinds: dict[str, str]
    """Coarsest category of each object, for attention checks; empty where there is none."""
    listed: Sequence[ListedArrangement]
    """Fixed trials: practice first, attention checks last."""
    seed: int
    """What the session's sets and seats are drawn from, with numbers of trials."""
    earlier: Sequence[SubmittedTrial] = ()
    """Main trials of earlier sessions, oldest first."""
    done: list[SubmittedTrial] = field(default_factory=list)
    """Trials of this session, in order."""

    @property
    def total(self) -> int | None:
        """Trials of the session, practice not counted; None where the answers decide."""
        if self.config.scheduler == "lift_weakest" or self.config.max_trials:
            return None
        return len(self.fixed("main")) + len(self.fixed("catch"))

    def fixed(self, trial_type: str) -> list[ListedArrangement]:
        """List the fixed trials of a type."""
        return [trial for trial in self.listed if trial.trial_type == trial_type]

    def following(self) -> ListedArrangement | PlannedArrangement | ArrangementEnd | None:
        """Choose the next trial; None after the last.

        An :class:`~twoalike.design.ArrangementEnd` says why the main trials are over where no
        attention check follows.
        """
        counts = {kind: self._n_done(kind) for kind in ("practice", "main", "catch")}
        practice, catch = self.fixed("practice"), self.fixed("catch")
        if counts["practice"] < len(practice):
            return practice[counts["practice"]]
        planned = self._next_main(counts["main"])
        if isinstance(planned, PlannedArrangement) and not counts["catch"]:
            return planned
        return catch[counts["catch"]] if counts["catch"] < len(catch) else None

    def end(self) -> ArrangementEnd | None:
        """Say why there is no further main trial; None while there is one."""
        planned = self._next_main(self._n_done("main"))
        return planned if isinstance(planned, ArrangementEnd) else None

    def still_listed(self) -> list[ListedArrangement]:
        """List the fixed trials that are left."""
        kinds = ("practice", "main", "catch")
        return [trial for kind in kinds for trial in self.fixed(kind)[self._n_done(kind) :]]

    def rest(self) -> ArrangementConfig:
        """Return the settings for the rest of the session: fewer trials, and less time."""
        config = self.config
        left: dict[str, float] = {}
        if config.max_trials:
            left["max_trials"] = max(1, config.max_trials - self._n_done("main"))
        if config.session_minutes:
            spent_s = sum(trial.time_s for trial in self.done if trial.trial_type == "main")
            left["session_minutes"] = max(0.01, config.session_minutes - spent_s / 60)
        return config.model_copy(update=left)

    def _n_done(self, trial_type: str) -> int:
        return sum(trial.trial_type == trial_type for trial in self.done)

    def _next_main(self, n_main: int) -> PlannedArrangement | ArrangementEnd:
        number = {name: at for at, name in enumerate(self.ids)}
        main = [trial for trial in self.done if trial.trial_type == "main"]
        fixed = [
            ([number[name] for name in trial.stimuli], trial.scheduler)
            for trial in self.fixed("main")
        ]
        return next_arrangement(
            self.config,
            len(self.ids),
            [_arranged(trial, number) for trial in (*self.earlier, *main)],
            np.random.default_rng([self.seed, n_main + 1]),
            spent_s=sum(trial.time_s for trial in main),
            in_session=len(main),
            listed=None if self.config.scheduler == "lift_weakest" else fixed,
        )

    def progress(self, planned: ListedArrangement | PlannedArrangement) -> float | None:
        """Share of the session that is over before a trial, attention checks included.

        None in practice. If the number of main trials is open, it is extrapolated from the trials
        done and the share that is over.
        """
        n_main, n_catch = self._n_done("main"), len(self.fixed("catch"))
        if isinstance(planned, PlannedArrangement):
            share = planned.session_progress
            return share * n_main / (n_main + share * n_catch) if n_main and n_catch else share
        if planned.trial_type == "practice":
            return None
        return (n_main + self._n_done("catch")) / (n_main + n_catch)

    def trial(self, planned: ListedArrangement | PlannedArrangement) -> ArrangementTrial:
        """Make the trial to show, with seats drawn for it."""
        index = len(self.done) + 1
        rng = np.random.default_rng([self.seed, index, _SEATS])
        if isinstance(planned, PlannedArrangement):
            items = tuple(self.ids[at] for at in planned.items)
            return ArrangementTrial(
                trial_index=index,
                trial_type="main",
                items=items,
                seats=draw_seats(len(items), rng),
                scheduler=planned.scheduler,
                min_evidence_before=planned.min_evidence,
                mean_evidence_before=planned.mean_evidence,
                progress=self.progress(planned),
            )
        checked = planned.trial_type == "catch"
        return ArrangementTrial(
            trial_index=index,
            trial_type=planned.trial_type,
            items=planned.stimuli,
            seats=draw_seats(len(planned.stimuli), rng),
            scheduler=planned.scheduler,
            groups=tuple(self.kinds[name] for name in planned.stimuli) if checked else None,
            progress=self.progress(planned),
        )


def _arranged(trial: SubmittedTrial, number: dict[str, int]) -> ArrangedTrial:
    """Trial as the design reads it; objects that are no longer in the design are left out."""
    known = [(number[name], place) for name, place in trial.places.items() if name in number]
    items = np.array([at for at, _ in known], dtype=np.int64)
    positions = np.array([place for _, place in known], dtype=np.float64).reshape(-1, 2)
    return ArrangedTrial(items, positions)


def arrangement_script(
    protocol: MultiArrangement, size: tuple[int, int], arranging: Arranging, opening: Opening
) -> Generator[Activity | Item, None, str]:
    """Activities of a session; trials already in ``arranging.done`` are behind it."""
    pages = frame(protocol.screen, size)
    if not (yield from before_trials(protocol, pages, opening, frozenset())):
        return "declined"
    before, time = None, 0.0
    while (planned := arranging.following()) is not None:
        assert not isinstance(planned, ArrangementEnd)
        trial = arranging.trial(planned)
        if before is not None:
            yield from pages_between(protocol, pages, arranging, before, trial)
        layout = lay_out_arena(protocol, size, len(trial.items))
        activity = ArrangementActivity(trial, protocol, layout)
        yield activity
        assert activity.result is not None
        arranging.done.append(submitted(activity.result))
        before, time = trial.trial_type, activity.result.ending.time
    if (end := arranging.end()) is not None:
        detail = {"reason": end.reason, "min_evidence": end.min_evidence, "share": end.progress}
        yield Note("arranged", time, detail)
    yield from after_trials(protocol, pages)
    return "completed"


def submitted(result: ArrangementResult) -> SubmittedTrial:
    """Return what the choice of the next trial knows of a trial that is over."""
    kept = zip(result.trial.items, result.places, result.inside, strict=True)
    return SubmittedTrial(
        trial_type=result.trial_type,
        places={name: place for name, place, inside in kept if inside},
        time_s=result.ending.time - result.onset,
    )


def pages_between(
    protocol: MultiArrangement,
    pages: Frame,
    arranging: Arranging,
    before: str,
    trial: ArrangementTrial,
) -> Iterator[Activity]:
    """Pages before a trial that follows one of type ``before``."""
    texts = protocol.texts
    if before == "practice":
        if trial.trial_type != "practice":
            yield text_page("practice_end", texts.practice_end, protocol, pages)
        return
    n_main = sum(trial.trial_type != "practice" for trial in arranging.done)
    every = protocol.breaks.break_every
    if every and ends_block(n_main, every, arranging.total):
        yield pause_page(protocol, pages, n_main, arranging.total, trial.progress)
