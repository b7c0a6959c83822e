"""One arrangement: as designed, under way, as made, and by whom; images go into the circle."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from twoalike.observers import SimulatedArranger
from twoalike.tasks._activity import Arena, Nudge, Scene, Shown
from twoalike.tasks._trial import Asked
from twoalike.tasks.multi_arrangement._hands import PlacingHands, Plan
from twoalike.tasks.multi_arrangement._layout import ArenaLayout
from twoalike.tasks.multi_arrangement._placing import (
    Hold,
    PlacedResult,
    PlacingActivity,
    Point,
)
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement

_FINE = 0.2
"""Step of an arrow key with Shift, times the step without."""


@dataclass(frozen=True)
class Seating:
    """Which item sits where."""

    order: tuple[int, ...]
    """Seat of each item, from 0."""
    rotation: float
    """Of the seats, degrees."""


def draw_seats(n: int, rng: np.random.Generator) -> Seating:
    """Seat ``n`` items in random order, the ring turned at random."""
    order = tuple(int(seat) for seat in rng.permutation(n))
    return Seating(order, round(float(rng.uniform(0, 360)), 4))


@dataclass(frozen=True, kw_only=True)
class ArrangementTrial:
    """A trial to show."""

    block_index: ClassVar[int] = 1
    trial_index: int
    trial_type: str
    items: tuple[str, ...]
    """Object ids in the order of the design, not of the screen."""
    seats: Seating
    """Where they are at the start."""
    scheduler: str = "list"
    """How the items were chosen: all, lift_weakest, covering, list."""
    min_evidence_before: float | None = None
    mean_evidence_before: float | None = None
    """``min_evidence_before``, ``mean_evidence_before``: Evidence of the pairs before the trial;
    None where it is not counted."""
    groups: tuple[str, ...] | None = None
    """Kind of each item where there is a right answer: images of one kind belong together."""
    progress: float | None = None
    """Share of the session that is over before the trial, in [0, 1]; None in practice."""


@dataclass(frozen=True, kw_only=True)
class ArrangementResult(PlacedResult):
    """An arrangement that was shown to its end."""

    trial: ArrangementTrial
    places: tuple[Point, ...]
    """Final places of the items, arena units."""
    inside: tuple[bool, ...]
    """Whether they lie in the circle."""
    seat_angles: tuple[float, ...]
    """Direction of their seats, degrees."""
    radius_px: float
    """Of the circle."""

    @property
    def correct(self) -> bool | None:
        """Whether images of one kind are on average closer together than to the others.

        None where the trial has no groups, or its time passed while images were outside.
        """
        judged = not self.timed_out or all(self.inside)
        return groups_apart(self.places, self.trial.groups) if judged else None

    def _item(self, number: int) -> dict[str, Any]:
        return {
            "x": self.places[number][0],
            "y": self.places[number][1],
            "inside": self.inside[number],
            "seat_index": self.trial.seats.order[number] + 1,
            "seat_angle": self.seat_angles[number],
        }

    def _shared(self) -> dict[str, Any]:
        trial = self.trial
        return {
            "scheduler": trial.scheduler,
            "min_evidence_before": trial.min_evidence_before,
            "mean_evidence_before": trial.mean_evidence_before,
            "arena_radius_px": float(self.radius_px),
        }


def groups_apart(places: Sequence[Point], groups: Sequence[str] | None) -> bool | None:
    """Whether items of one group are closer together than items of two; None without such pairs."""
    if groups is None:
        return None
    within: list[float] = []
    between: list[float] = []
    for one, other in combinations(range(len(groups)), 2):
        pairs = within if groups[one] == groups[other] else between
        pairs.append(math.dist(places[one], places[other]))
    if not within or not between:
        return None
    return float(np.mean(within)) < float(np.mean(between))


class ArrangementActivity(PlacingActivity):
    """A trial of the multi-arrangement task; ``seats`` are those of the items, in their order."""

    made = ArrangementResult
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
        self.order = [int(item) for item in np.argsort(trial.seats.order)]
        self._reset()

    def _reset(self) -> None:
        self.places = [(seat.x, seat.y) for seat in self.seats]

    def inside(self, item: int) -> bool:
        """Whether an image's centre is in the circle."""
        return self.layout.inside(*self.places[item])

    @property
    def may_finish(self) -> bool:
        """Whether Done is on offer."""
        return self.open and self.n_outside <= self.protocol.rules.unplaced_allowed

    @property
    def may_start_over(self) -> bool:
        """Whether there is something to undo: an image away from its seat."""
        seats = [(seat.x, seat.y) for seat in self.seats]
        return self.open and any(map(self._apart, self.places, seats))

    def _apart(self, one: Point, other: Point) -> bool:
        """Whether two places differ as recorded: steps there and back end a rounding error away."""
        return self.layout.to_arena(*one) != self.layout.to_arena(*other)

    @property
    def _trial_scene(self) -> Scene:
        texts, layout = self.protocol.texts, self.layout
        return Arena(
            **self._shown(self.protocol.arena.held_scale),
            centre=layout.centre,
            radius=layout.radius,
            counter=texts.too_few if self._asks(Asked.TOO_FEW) else texts.count(self.n_outside),
            progress=self.trial.progress,
        )

    def _where(self, item: int) -> dict[str, object]:
        place = self.places[item]
        x, y = self.layout.to_arena(*place)
        return {"x": x, "y": y, "inside": self.layout.inside(*place)}

    def _show(self, event: Shown) -> None:
        first = self.onset is None
        super()._show(event)
        for item in range(len(self.places)) if first else ():
            self._row("seat", event.time, item=item, where=self._where(item))

    def _nudge(self, event: Nudge) -> None:
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

    def _cells(self) -> dict[str, Any]:
        return {
            "places": tuple(self.layout.to_arena(*place) for place in self.places),
            "inside": tuple(self.layout.inside(*place) for place in self.places),
            "seat_angles": tuple(seat.angle for seat in self.seats),
            "radius_px": self.layout.radius,
        }


_NEAR_PX = 1.5
"""A window counts the pointer in whole pixels."""


class ArrangementHands(PlacingHands[SimulatedArranger]):
    """Arranges as an observer would."""

    word = 2

    def plan(self, activity: ArrangementActivity, rng: np.random.Generator) -> Plan:
        trial, times = activity.trial, self.observer.times
        positions = self.observer.arrange(trial.items, rng).tolist()
        order = rng.permutation(len(trial.items)).tolist()
        taken = {item: times.sample(rng) for item in order}
        return Plan(
            trial_index=trial.trial_index,
            order=tuple(order),
            targets=tuple((x, y) for x, y in positions),
            times=tuple(taken[item] for item in range(len(order))),
            pause_s=times.sample(rng)[0],
            by_key=bool(rng.random() < 0.5),
        )

    def target(self, activity: ArrangementActivity, target: Point) -> Point:
        return activity.layout.to_pixels(*target)

    def is_there(self, activity: ArrangementActivity, item: int, target: Point) -> bool:
        (x, y), place = self.target(activity, target), activity.places[item]
        return max(abs(x - place[0]), abs(y - place[1])) <= _NEAR_PX
