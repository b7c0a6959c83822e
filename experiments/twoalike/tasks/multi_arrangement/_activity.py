"""An arrangement as an activity of a session: what is on the screen, what is kept."""

from collections.abc import Sequence

from twoalike.tasks._activity import Item, Note, trial_shown
from twoalike.tasks._events import Event
from twoalike.tasks._scenes import Arena, Page, Placed, PushButton, Scene, Timer
from twoalike.tasks.multi_arrangement._arranging import advance, interrupt
from twoalike.tasks.multi_arrangement._layout import ArenaLayout
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._state import (
    ArrangingState,
    Asked,
    Phase,
    begin_arrangement,
    may_finish,
    may_start_over,
    n_outside,
    next_change,
    time_limit,
)
from twoalike.tasks.multi_arrangement._trial import ArrangementResult, ArrangementTrial
from twoalike.tasks.screens import Box


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
    """Outcome of a trial that ended.

    Raises
    ------
    ValueError
        If it is still open.
    """
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

    After Esc it goes on as it was, with whatever was held let go: to arrange fifty images a
    second time would be cruel. The time limit waits meanwhile; the recorded times do not, they
    stay raw, and a note says how long the pause was.

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
