"""One arrangement under way: images are dragged into the circle and apart."""

import numpy as np

from twoalike.tasks._activity import Arena, Nudge, Scene
from twoalike.tasks.multi_arrangement._layout import ArenaLayout
from twoalike.tasks.multi_arrangement._placing import PlacingActivity
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._trial import (
    ArrangementResult,
    ArrangementTrial,
    Asked,
    Ending,
    Hold,
    Point,
)

_FINE = 0.2
"""Step of an arrow key with Shift, times the step without."""


class ArrangementActivity(PlacingActivity):
    """A trial of the multi-arrangement task, from its first frame to its end.

    Attributes
    ----------
    seats
        Of the items, in their order.

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

    nowhere = dict.fromkeys(("x_start", "y_start", "x", "y", "inside"))
    trial: ArrangementTrial
    protocol: MultiArrangement
    layout: ArenaLayout
    result: ArrangementResult | None

    def __init__(
        self, trial: ArrangementTrial, protocol: MultiArrangement, layout: ArenaLayout
    ) -> None:
        super().__init__(trial, protocol, layout)
        ring = layout.seats(len(trial.items), trial.seats.rotation)
        self.seats = tuple(ring[seat] for seat in trial.seats.order)
        self.places = self._seat_places()

    def _seat_places(self) -> list[Point]:
        return [(seat.x, seat.y) for seat in self.seats]

    def inside(self, item: int) -> bool:
        """Whether an image's centre is in the circle."""
        return self.layout.inside(*self.places[item])

    def size_of(self, item: int) -> float:
        """Side of an image's square; all are the same."""
        return float(self.layout.item)

    @property
    def may_finish(self) -> bool:
        """Whether Done is on offer."""
        return self.open and self.n_outside <= self.protocol.rules.unplaced_allowed

    @property
    def may_start_over(self) -> bool:
        """Whether there is something to undo: an image away from its seat."""
        return self.open and any(map(self._apart, self.places, self._seat_places()))

    def _apart(self, one: Point, other: Point) -> bool:
        """Whether two places differ as recorded: steps there and back end a rounding error away."""
        return self.layout.to_arena(*one) != self.layout.to_arena(*other)

    @property
    def _trial_scene(self) -> Scene:
        texts, layout = self.protocol.texts, self.layout
        magnified, size = self._magnified
        return Arena(
            centre=layout.centre,
            radius=layout.radius,
            images=tuple(self._placed(item, self.protocol.arena.held_scale) for item in self.stack),
            buttons=tuple(self._buttons()),
            prompt=texts.prompt,
            counter=texts.too_few if self._asks(Asked.TOO_FEW) else texts.count(self.n_outside),
            until=self._until,
            magnified=magnified,
            magnified_size=size,
            progress=self.trial.progress,
        )

    def _order(self) -> list[int]:
        """Items around the circle."""
        return [int(item) for item in np.argsort(self.trial.seats.order)]

    def _where(self, item: int) -> dict[str, object]:
        place = self.places[item]
        x, y = self.layout.to_arena(*place)
        return {"x": x, "y": y, "inside": self.layout.inside(*place)}

    def _begin(self, time: float) -> None:
        for item in range(len(self.places)):
            self._row("seat", time, item=item, where=self._where(item))

    def _reset(self) -> None:
        self.places = self._seat_places()

    def _nudge(self, event: Nudge) -> None:
        """Move the image that a key has taken one step; one shown large covers the others."""
        if self.held is None or not self.held.by_key or self.look is not None:
            return
        fine = _FINE if event.fine else 1
        step = self.protocol.answers.step_fraction * 2 * self.layout.radius * fine
        x, y = self.places[self.held.item]
        self.places[self.held.item] = self.layout.clamp(x + step * event.dx, y + step * event.dy)

    def _place(self, held: Hold, time: float) -> bool:
        if not self._apart(self.places[held.item], held.start):
            return False
        start = dict(zip(("x_start", "y_start"), self.layout.to_arena(*held.start), strict=True))
        where, by = start | self._where(held.item), self._pointer_of(held)
        self._row("drag", held.since, item=held.item, until=time, where=where, pointer=by)
        return True

    def _make_result(self, ending: Ending) -> ArrangementResult:
        assert self.onset is not None
        return ArrangementResult(
            trial=self.trial,
            onset=self.onset,
            places=tuple(self.layout.to_arena(*place) for place in self.places),
            inside=tuple(self.layout.inside(*place) for place in self.places),
            seat_angles=tuple(seat.angle for seat in self.seats),
            handling=tuple(self.handling),
            ending=ending,
            radius_px=self.layout.radius,
            item_px=self.layout.item,
        )
