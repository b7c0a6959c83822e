"""The order of a multi-arrangement session: practice, sets chosen as evidence grows, checks."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from twoalike.design import (
    ArrangedTrial,
    ArrangementEnd,
    ListedArrangement,
    PlannedArrangement,
    arrangement_rng,
    next_arrangement,
)
from twoalike.study import ArrangementConfig
from twoalike.tasks._activity import (
    Activity,
    Arena,
    Event,
    Item,
    Note,
    Page,
    Placed,
    PushButton,
    Scene,
    Timer,
    trial_shown,
)
from twoalike.tasks.multi_arrangement._arranging import (
    ArrangingState,
    Asked,
    Phase,
    advance,
    begin_arrangement,
    interrupt,
    may_finish,
    may_start_over,
    n_outside,
    next_change,
    time_limit,
)
from twoalike.tasks.multi_arrangement._layout import ArenaLayout, lay_out_arena
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._trial import (
    ArrangementResult,
    ArrangementTrial,
    draw_seats,
)
from twoalike.tasks.screens import (
    Box,
    Frame,
    Opening,
    PageActivity,
    after_trials,
    before_trials,
    frame,
    text_page,
)


def _placed(
    state: ArrangingState, item: int, protocol: MultiArrangement, layout: ArenaLayout
) -> Placed:
    x, y = state.places[item]
    name = state.trial.items[item]
    if state.held is not None and state.held.item == item:
        return Placed(name, x, y, layout.item * protocol.arena.held_scale, "held")
    rim = "inside" if layout.inside(x, y) else "outside"
    return Placed(name, x, y, float(layout.item), rim)


def _button(name: str, text: str, box: Box, *, enabled: bool = True) -> PushButton:
    return PushButton(name, text, box.x, box.y, box.width, box.height, enabled)


def _buttons(
    state: ArrangingState, protocol: MultiArrangement, layout: ArenaLayout
) -> tuple[PushButton, ...]:
    texts = protocol.texts
    asked = None if state.asked is None else state.asked[0]
    done = texts.confirm if asked is Asked.DONE else texts.done
    enabled = may_finish(state, protocol, layout)
    buttons = [_button("done", done, layout.done, enabled=enabled)]
    if protocol.rules.start_over:
        again = texts.confirm_start_over if asked is Asked.START_OVER else texts.start_over
        enabled = may_start_over(state)
        buttons.append(_button("start_over", again, layout.start_over, enabled=enabled))
    return tuple(buttons)


def arrangement_scene(
    state: ArrangingState, protocol: MultiArrangement, layout: ArenaLayout
) -> Scene:
    """Scene of an arrangement now."""
    texts, timing = protocol.texts, protocol.timing
    if state.phase is Phase.MESSAGE:
        return Page(texts.time_out, texts.go_on)
    limit = time_limit(state, protocol)
    shows_timer = limit is not None and timing.show_timer
    early = state.asked is not None and state.asked[0] is Asked.TOO_FEW
    return Arena(
        centre=layout.centre,
        radius=layout.radius,
        images=tuple(_placed(state, item, protocol, layout) for item in state.stack),
        buttons=_buttons(state, protocol, layout),
        prompt=texts.prompt,
        counter=texts.too_few if early else texts.count(n_outside(state, layout)),
        until=Timer(limit, timing.trial_limit_s) if limit is not None and shows_timer else None,
        magnified=None if state.look is None else state.trial.items[state.look.item],
        magnified_size=0.0 if state.look is None else float(layout.magnified),
        progress=state.trial.progress,
    )


def arrangement_result(state: ArrangingState, layout: ArenaLayout) -> ArrangementResult:
    """Outcome of a trial that ended."""
    if state.ending is None or state.onset is None:
        raise ValueError(f"trial {state.trial.trial_index} is still open")
    return ArrangementResult(
        trial=state.trial,
        onset=state.onset,
        places=tuple(layout.to_arena(*place) for place in state.places),
        inside=tuple(layout.inside(*place) for place in state.places),
        seat_angles=tuple(seat.angle for seat in state.seats),
        handling=state.handling,
        ending=state.ending,
        radius_px=layout.radius,
        item_px=layout.item,
    )


class ArrangementActivity:
    """A trial of the multi-arrangement task, from its first frame to its end.

    After Esc it goes on as it was, with any held image released: arranging fifty images a second
    time would be too much. The time limit is suspended meanwhile; recorded times stay raw, and a
    note gives the length of the pause.

    Examples
    --------
    >>> from twoalike.tasks.multi_arrangement import MultiArrangement, Seating, lay_out_arena
    >>> trial = ArrangementTrial(
    ...     trial_index=1, trial_type="main", items=("a", "b"), seats=Seating((0, 1), 0.0)
    ... )
    >>> protocol = MultiArrangement()
    >>> activity = ArrangementActivity(trial, protocol, lay_out_arena(protocol, (1280, 1024), 2))
    >>> activity.scene.counter
    '2 images left'
    """

    def __init__(
        self,
        trial: ArrangementTrial,
        protocol: MultiArrangement,
        layout: ArenaLayout,
    ) -> None:
        self.protocol, self.layout = protocol, layout
        self.state = begin_arrangement(trial, layout)
        self._last: float | None = None

    @property
    def name(self) -> str:
        """What it is, for the log."""
        return "trial"

    @property
    def trial(self) -> ArrangementTrial:
        """The trial as designed."""
        return self.state.trial

    @property
    def scene(self) -> Scene:
        """What has to be on the screen now."""
        return arrangement_scene(self.state, self.protocol, self.layout)

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""
        return next_change(self.state, self.protocol)

    @property
    def time_limit(self) -> float | None:
        """Time at which the trial ends by itself, s; None if it does not."""
        return time_limit(self.state, self.protocol)

    @property
    def finished(self) -> bool:
        """Whether the next activity's turn has come."""
        return self.state.phase is Phase.DONE

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; give the rows of what happened, and at the end the result."""
        if self.finished:
            return []
        self._last = event.time if self._last is None else max(self._last, event.time)
        was_open, onset = self.state.ending is None, self.state.onset
        self.state = advance(self.state, event, self.protocol, self.layout)
        items: list[Item] = list(self.state.news)
        if onset is None and self.state.onset is not None:
            items.append(trial_shown(self.state.onset, self.trial.trial_index))
        if was_open and self.state.ending is not None:
            items.append(arrangement_result(self.state, self.layout))
        return items

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc, from the last event before it."""
        since = time if self._last is None else min(self._last, time)
        open_before = self.state.open
        self.state = interrupt(self.state, since, time, self.protocol, self.layout)
        self._last = time
        items: list[Item] = list(self.state.news)
        if open_before:
            detail = {"trial_index": self.trial.trial_index, "paused_s": round(time - since, 4)}
            items.append(Note("trial_paused", time, detail))
        return items


_SEATS = 1
"""Word of the seed that sets the drawing of seats apart from other draws of a trial."""


@dataclass(frozen=True, kw_only=True)
class SubmittedTrial:
    """A trial that was submitted: what it showed, where its images lay, how long it took.

    Attributes
    ----------
    places
        Of the images inside the arena, by id; arena units.
    time_s
        From its onset to its end.
    """

    trial_type: str
    places: dict[str, tuple[float, float]]
    time_s: float


@dataclass(kw_only=True)
class Arranging:
    """A session's trials: those that are fixed, those done, and how the next one is chosen.

    Attributes
    ----------
    ids
        Objects of the design, m of them.
    kinds
        Coarsest category of each object, for attention checks; empty where there is none.
    listed
        Fixed trials: practice first, attention checks last.
    earlier
        Main trials of earlier sessions, oldest first.
    done
        Trials of this session, in order.
    seed
        Words of the session's seed.
    """

    config: ArrangementConfig
    ids: tuple[str, ...]
    kinds: dict[str, str]
    listed: Sequence[ListedArrangement]
    study_seed: int
    participant: str
    session: int
    seed: tuple[int, ...]
    earlier: Sequence[SubmittedTrial] = ()
    done: list[SubmittedTrial] = field(default_factory=list)

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
            arrangement_rng(self.study_seed, self.participant, self.session, n_main + 1),
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
        rng = np.random.default_rng([*self.seed, index, _SEATS])
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
            yield from _between(protocol, pages, arranging, before, trial)
        layout = lay_out_arena(protocol, size, len(trial.items))
        activity = ArrangementActivity(trial, protocol, layout)
        yield activity
        result = arrangement_result(activity.state, layout)
        arranging.done.append(_submitted(result))
        before, time = trial.trial_type, result.ending.time
    if (end := arranging.end()) is not None:
        detail = {"reason": end.reason, "min_evidence": end.min_evidence, "share": end.progress}
        yield Note("arranged", time, detail)
    yield from after_trials(protocol, pages)
    return "completed"


def _submitted(result: ArrangementResult) -> SubmittedTrial:
    kept = zip(result.trial.items, result.places, result.inside, strict=True)
    return SubmittedTrial(
        trial_type=result.trial_type,
        places={name: place for name, place, inside in kept if inside},
        time_s=result.ending.time - result.onset,
    )


def _between(
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
    if every and n_main % every == 0:
        bar = None if trial.progress is None else (round(100 * trial.progress), 100)
        yield PageActivity(
            "break",
            Page(texts.pause, texts.go_on, bar),
            pages,
            minimum_s=protocol.pages.page_s,
            limit_s=protocol.breaks.break_limit_s,
        )
