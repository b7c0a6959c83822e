"""One arrangement as designed and as made."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np

from twoalike.tasks._activity import OfListedTrial

type Point = tuple[float, float]


@dataclass(frozen=True)
class Seating:
    """Which item sits where."""

    order: tuple[int, ...]
    """Seat of each item, from 0."""
    rotation: float
    """Of the seats, degrees."""


def draw_seats(n: int, rng: np.random.Generator) -> Seating:
    """Seat ``n`` items in random order, the ring turned at random.

    Examples
    --------
    >>> sorted(draw_seats(4, np.random.default_rng(1)).order)
    [0, 1, 2, 3]
    """
    order = tuple(int(seat) for seat in rng.permutation(n))
    return Seating(order, round(float(rng.uniform(0, 360)), 4))


@dataclass(frozen=True, kw_only=True)
class ArrangementTrial:
    """A trial to show."""

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

    def __post_init__(self) -> None:
        n = len(self.items)
        if n < 2 or len(set(self.items)) < n:
            raise ValueError(f"trial {self.trial_index}: expected two or more different items")
        if sorted(self.seats.order) != list(range(n)):
            raise ValueError(f"trial {self.trial_index}: expected a seat for each of {n} items")
        if self.groups is not None and len(self.groups) != n:
            raise ValueError(f"trial {self.trial_index}: expected a group for each of {n} items")


class Phase(StrEnum):
    """Phases of a trial."""

    ARRANGING = "arranging"
    NAMING = "naming"
    MESSAGE = "message"
    DONE = "done"


class Asked(StrEnum):
    """What was pressed and does nothing yet: to be confirmed, or too early."""

    DONE = "done"
    START_OVER = "start_over"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Hold:
    """The item that is held: from when and where, where in the image it was taken, and by what."""

    item: int
    since: float
    start: Point
    grip: Point = (0.0, 0.0)
    by_key: bool = False


@dataclass(frozen=True)
class Look:
    """The item shown large: since when, and whether a key or the right button shows it."""

    item: int
    since: float
    by_key: bool


@dataclass(frozen=True)
class Handling:
    """What was done with an item; times in s of the run."""

    n_moves: int = 0
    first_move: float | None = None
    last_move: float | None = None
    n_inspections: int = 0


@dataclass(frozen=True)
class Ending:
    """When, why (done, timeout) and how (keyboard, mouse, touch, none) a trial ended."""

    time: float
    reason: str
    method: str


@dataclass(frozen=True, kw_only=True)
class PlacedResult(OfListedTrial, ABC):
    """Images placed in a trial that was shown to its end."""

    trial: Any
    onset: float
    """First frame of the trial, s of the run."""
    handling: tuple[Handling, ...]
    """What was done with the images."""
    ending: Ending
    item_px: float
    """Largest side of an image's square."""

    @property
    def timed_out(self) -> bool:
        """Whether its time passed before it was finished."""
        return self.ending.reason == "timeout"

    def rows(self, *, rt_source: str, pilot: bool) -> Sequence[Mapping[str, Any]]:
        """Rows of the raw table, one an image, in the order of the design."""
        trial = self.trial
        shared = {
            "trial_index": trial.trial_index,
            "trial_type": trial.trial_type,
            "n_items": len(trial.items),
            "onset": float(self.onset),
            "response_time": self._since(self.ending.time),
            "end_reason": self.ending.reason,
            "end_method": self.ending.method,
            "item_size_px": float(self.item_px),
            "rt_source": rt_source,
            "pilot": pilot,
            **self._shared(),
        }
        return [
            {
                "stimulus": name,
                "n_moves": handled.n_moves,
                "first_move_time": self._since(handled.first_move),
                "last_move_time": self._since(handled.last_move),
                "n_inspections": handled.n_inspections,
                **self._item(number),
                **shared,
            }
            for number, (name, handled) in enumerate(zip(trial.items, self.handling, strict=True))
        ]

    @abstractmethod
    def _item(self, number: int) -> dict[str, Any]:
        """Cells of one image that are the task's own."""

    @abstractmethod
    def _shared(self) -> dict[str, Any]:
        """Cells of all images that are the task's own."""

    def _since(self, time: float | None) -> float | None:
        return None if time is None else max(0.0, float(time - self.onset))


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
        return together_by_kind(
            self.places, self.inside, self.trial.groups, timed_out=self.timed_out
        )

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


def together_by_kind(
    places: Sequence[Point],
    inside: Sequence[bool],
    groups: Sequence[str] | None,
    *,
    timed_out: bool,
) -> bool | None:
    """Whether an attention check is right."""
    return None if timed_out and not all(inside) else groups_apart(places, groups)


def groups_apart(places: Sequence[Point], groups: Sequence[str] | None) -> bool | None:
    """Whether items of one group are closer together than items of two; None without such pairs.

    Examples
    --------
    >>> groups_apart([(0.0, 0.0), (0.1, 0.0), (0.4, 0.0)], ["cat", "cat", "cup"])
    True
    """
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


def replay(rows: Iterable[Mapping[str, Any]]) -> dict[int, dict[str, Point]]:
    """Give final places by trial and item, from the rows of a run's table of events alone.

    Examples
    --------
    >>> seat = {"trial_index": 1, "trial_type": "seat", "stimulus": "a", "x": 0.5, "y": 0.2}
    >>> replay([seat, {**seat, "trial_type": "drag", "x": 0.1}])
    {1: {'a': (0.1, 0.2)}}
    """
    seats: dict[int, dict[str, Point]] = {}
    places: dict[int, dict[str, Point]] = {}
    for row in rows:
        trial, what = int(row["trial_index"]), row["trial_type"]
        if what == "trial_start":
            seats[trial], places[trial] = {}, {}
        elif what == "reset":
            places[trial] = dict(seats[trial])
        elif what in ("seat", "drag"):
            item, place = str(row["stimulus"]), (float(row["x"]), float(row["y"]))
            if what == "seat":
                seats.setdefault(trial, {})[item] = place
            elif item not in seats.get(trial, {}):
                raise ValueError(f"trial {trial}: {item!r} moves but has no seat")
            places.setdefault(trial, {})[item] = place
    return places
