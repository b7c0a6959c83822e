"""Sorting: one trial under way and as made, a session of them, and hands that sort."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twoalike.design import ListedSorting, listed_sortings
from twoalike.observers import SimulatedSorter
from twoalike.tasks._activity import (
    Activity,
    Event,
    KeyPress,
    Nudge,
    Pile,
    Piles,
    PointerPress,
    Scene,
    Typed,
)
from twoalike.tasks._duration import Duration
from twoalike.tasks._listed import PreparedTrials, prepare_listed
from twoalike.tasks._prepare import Sitting
from twoalike.tasks._trial import Asked, Phase
from twoalike.tasks.free_sorting._protocol import (
    FreeSorting,
    SortingLayout,
    between_buttons,
    counter_width,
    lay_out_sorting,
    rooms_of,
)
from twoalike.tasks.lettering import label_size
from twoalike.tasks.multi_arrangement._hands import PlacingHands, Plan, press_done
from twoalike.tasks.multi_arrangement._placing import (
    Ending,
    Hold,
    PlacedResult,
    PlacingActivity,
    push_button,
)
from twoalike.tasks.multi_arrangement._session import placing_duration
from twoalike.tasks.screens import View

_LONGEST_NAME = 60
"""Letters of a pile's name."""


@dataclass(frozen=True, kw_only=True)
class SortingResult(PlacedResult):
    """A sorting that was shown to its end."""

    trial: ListedSorting
    cells: tuple[int | None, ...]
    """Place of each image's pile, from 0; None where it was not sorted."""
    piles: Mapping[int, int]
    """Number of the pile at each place, from 1, in the order in which places were first used."""
    names: Mapping[int, str]
    """Name of the pile at each place, where one was given."""

    def _item(self, number: int) -> dict[str, Any]:
        cell = self.cells[number]
        return {
            "pile": None if cell is None else self.piles[cell],
            "pile_name": None if cell is None else self.names.get(cell),
            "place": None if cell is None else cell + 1,
        }

    def _shared(self) -> dict[str, Any]:
        return {"repeat_of": self.trial.repeat_of, "sampler": self.trial.sampler}


class SortingActivity(PlacingActivity):
    """A trial of the free-sorting task.

    ``cells``: place of each image's pile, from 0; None for images that are not sorted. ``entry``:
    name of a pile typed so far.
    """

    made = SortingResult
    nowhere = dict.fromkeys(("place_start", "place"))
    trial: ListedSorting
    protocol: FreeSorting
    layout: SortingLayout
    result: SortingResult | None

    def __init__(self, trial: ListedSorting, protocol: FreeSorting, layout: SortingLayout) -> None:
        super().__init__(trial, protocol, layout)
        self._ready = layout.tray_places(len(trial.items))
        self.cells: list[int | None] = [None] * len(trial.items)
        self._members: list[list[int]] = [[] for _ in layout.cells]
        self._first_used: dict[int, int] = {}
        self._target: int | None = None  # where keys hold an image
        self.places = list(self._ready)
        self._ending: Ending | None = None
        self._names: dict[int, str] = {}
        self._name_asked = False  # whether a name was asked for again
        self.entry = ""

    def inside(self, item: int) -> bool:
        """Whether an image is in a pile."""
        return self.cells[item] is not None

    @property
    def used(self) -> list[int]:
        """Places that hold a pile, in the order in which they were first used."""
        filled = (cell for cell, items in enumerate(self._members) if items)
        return sorted(filled, key=lambda cell: self._first_used[cell])

    @property
    def may_finish(self) -> bool:
        """Whether Done is on offer."""
        enough = len(self.used) >= self.protocol.rules.min_piles
        return self.open and self.n_outside == 0 and enough

    @property
    def may_start_over(self) -> bool:
        """Whether there is something to undo: an image in a pile."""
        return self.open and any(self._members)

    @property
    def naming(self) -> int | None:
        """Place of the pile whose name is asked for; None where none is."""
        if self.phase is not Phase.NAMING:
            return None
        return next((cell for cell in self.used if cell not in self._names), None)

    @property
    def _trial_scene(self) -> Scene:
        layout, texts, naming = self.layout, self.protocol.texts, self.naming
        target = naming if naming is not None else self._destination()
        piles = tuple(
            Pile(
                *(box.x, box.y, box.width, box.height),
                name=self._names.get(cell, ""),
                rim="target" if cell == target else "plain",
            )
            for cell, box in enumerate(layout.cells)
        )
        shown = self._shown(self.protocol.piles.held_scale)
        scene = Piles(**shown, tray=layout.tray, piles=piles, counter=self._counter)
        if naming is None:
            return scene
        may = bool(self._name) or not self.protocol.rules.names_required
        counter = texts.name_missing if self._name_asked else texts.name_enter
        done = push_button("done", texts.done, layout.done, enabled=may)
        return replace(
            scene, buttons=(done,), prompt=texts.name_prompt, counter=counter, entry=self.entry
        )

    @property
    def _counter(self) -> str:
        texts, fewest = self.protocol.texts, self.protocol.rules.min_piles
        if self.n_outside:
            return texts.too_few if self._asks(Asked.TOO_FEW) else texts.count(self.n_outside)
        if len(self.used) < fewest:
            return texts.too_few_piles.format(n=fewest)
        return texts.count(0)

    def _reset(self) -> None:
        self.cells = [None] * len(self.cells)
        self._members = [[] for _ in self._members]
        self._first_used = {}
        self._settle()

    def _settle(self) -> None:
        for item, cell in enumerate(self.cells):
            if cell is None:
                self.places[item], self.sizes[item] = self._ready[item], float(self.layout.item)
        for cell, items in enumerate(self._members):
            side, places = self.layout.pile_places(cell, len(items))
            for item, place in zip(items, places, strict=True):
                self.places[item], self.sizes[item] = place, side

    def _hold(self, hold: Hold) -> None:
        super()._hold(hold)
        self._target = self.cells[hold.item]

    def _destination(self) -> int | None:
        if self.held is None:
            return None
        if self.held.by_key:
            return self._target
        return self.layout.cell_at(*self.places[self.held.item])

    def _nudge(self, event: Nudge) -> None:
        """Move the image that a key has taken to the place beside; one shown large covers them."""
        held = self.held
        if held is None or not held.by_key or self.look is not None:
            return
        place = self.places[held.item]
        self._target = self.layout.neighbour(self._target, *place, event.dx, event.dy)
        if self._target is None:
            self.places[held.item] = self._ready[held.item]
        else:
            box = self.layout.cells[self._target]
            self.places[held.item] = (box.x, box.y)

    def _place(self, held: Hold, time: float) -> bool:
        item, before = held.item, self.cells[held.item]
        after = self._target if held.by_key else self.layout.cell_at(*self.places[item])
        if after != before:
            if before is not None:
                self._members[before].remove(item)
            if after is not None:
                self._members[after].append(item)
                self._first_used.setdefault(after, len(self._first_used))
            self.cells[item] = after
            by = self._pointer_of(held)
            ends = zip(self.nowhere, (before, after), strict=True)
            where = {name: None if at is None else at + 1 for name, at in ends}  # counted from 1
            self._row("drag", held.since, item=item, until=time, where=where, pointer=by)
        self._settle()
        return after != before

    def _finish(self, ending: Ending) -> None:
        if not self.protocol.rules.name_piles:
            super()._finish(ending)
            return
        self._stop_moving(ending)
        self._ending = ending
        self._enter(Phase.NAMING)

    def _take(self, event: Event) -> None:
        if self.phase is Phase.NAMING:
            self._take_name(event)
        else:
            super()._take(event)

    @property
    def _name(self) -> str:
        return " ".join(self.entry.split())

    def _take_name(self, event: Event) -> None:
        answers = self.protocol.answers
        match event:
            case Typed(text=text):
                self.entry = (self.entry + text)[:_LONGEST_NAME]
                self._name_asked = False
            case KeyPress(key="backspace"):
                self.entry = self.entry[:-1]
            case KeyPress(time=time, key=key) if key in answers.done_keys:
                self._give_name(time, "keyboard")
            case PointerPress(time=time, x=x, y=y, button="left") if self.layout.done.holds(x, y):
                self._give_name(time, self._pointing)

    def _give_name(self, time: float, method: str) -> None:
        cell, ending = self.naming, self._ending
        assert cell is not None and ending is not None
        if not self._name and self.protocol.rules.names_required:
            self._name_asked = True
            return
        self._names[cell], self.entry, self._name_asked = self._name, "", False
        self._row("name", time, where={"place": cell + 1}, pointer=method)
        if self.naming is None:
            self._end(ending)
            self._enter(Phase.DONE)

    def _cells(self) -> dict[str, Any]:
        return {
            "cells": tuple(self.cells),
            "piles": {cell: number for number, cell in enumerate(self.used, start=1)},
            "names": {cell: name for cell, name in self._names.items() if name},
        }


_NAMING_S = 3.0


class SortingHands(PlacingHands[SimulatedSorter]):
    """Sorts as an observer would."""

    word = 3

    def plan(self, activity: SortingActivity, rng: np.random.Generator) -> Plan:
        trial, rules, times = activity.trial, activity.protocol.rules, self.observer.times
        piles = self.observer.sort(trial.items, (rules.min_piles, rules.max_piles), rng)
        order = rng.permutation(len(trial.items))
        cells = {pile: cell for cell, pile in enumerate(dict.fromkeys(piles[order].tolist()))}
        return Plan(
            trial_index=trial.trial_index,
            order=tuple(order.tolist()),
            targets=tuple(cells[pile] for pile in piles.tolist()),
            times=tuple(times.sample(rng) for _ in trial.items),
            pause_s=times.sample(rng)[0],
            by_key=bool(rng.random() < 0.5),
        )

    def target(self, activity: SortingActivity, target: int) -> tuple[float, float]:
        box = activity.layout.cells[target]
        return box.x, box.y

    def is_there(self, activity: SortingActivity, item: int, target: int) -> bool:
        return activity.cells[item] == target

    def act(self, activity: Activity) -> None:
        assert isinstance(activity, SortingActivity)
        if activity.naming is None:
            super().act(activity)
            return
        self._clock.wait_until(self._clock.now() + _NAMING_S)
        for _ in activity.entry:  # typed at the real keyboard
            self._screen.press_key("backspace")
        self._screen.type_text(f"pile {activity.used.index(activity.naming) + 1}")
        keys, done = activity.protocol.answers.done_keys, activity.layout.done
        press_done(keys, done, self._screen, by_key=True)


@dataclass(frozen=True, kw_only=True)
class PreparedSortings(PreparedTrials[ListedSorting]):
    """A session of sorting that can start."""

    protocol: FreeSorting
    pilot_trials = 2
    read = staticmethod(listed_sortings)
    hands_of = staticmethod(lambda one, *more: SortingHands(SimulatedSorter(one), *more))
    lay_out = staticmethod(lambda protocol, view, n: lay_out_sorting(protocol, view.size, n))
    rooms = staticmethod(rooms_of)

    @classmethod
    def objects_of(cls, trial: ListedSorting) -> Sequence[str]:
        return trial.items

    def activity(
        self, trial: ListedSorting, layout: SortingLayout, view: View, trigger: float | None
    ) -> SortingActivity:
        return SortingActivity(trial, self.protocol, layout)

    def image_size(self, view: View) -> int:
        sizes = [len(trial.items) for trial in self.trials]
        lay_out_sorting(self.protocol, view.size, max(sizes))  # the largest trial has to fit
        item = lay_out_sorting(self.protocol, view.size, min(sizes)).item
        return round(item * self.protocol.piles.held_scale)

    @classmethod
    def text_faults(cls, protocol: FreeSorting, view: View) -> Iterator[tuple[str, str]]:
        """As in every task; buttons are as wide as their texts."""
        found = list(super().text_faults(protocol, view))
        if not found or found[0][0]:
            layout = lay_out_sorting(protocol, view.size, 1)
            done = label_size(protocol.texts.done, layout.text, math.inf)[0]
            least = min(between_buttons(layout), counter_width(layout))
            if least < 0 or done > view.size[0] / 2:
                found = [("texts.done", "the buttons leave no room between them")]
        yield from found

    @classmethod
    def trials_duration(cls, protocol: FreeSorting, trials: Sequence[ListedSorting]) -> Duration:
        shown = [name for trial in trials for name in trial.items]
        time = placing_duration(len(trials), len(shown), len(set(shown)))
        limit_s = protocol.timing.trial_limit_s * len(trials)
        return time.capped(limit_s, limit_s) if limit_s else time


def prepare_sortings(sitting: Sitting) -> PreparedSortings:
    """Read and check protocol, stimuli and trial list of a session."""
    return prepare_listed(PreparedSortings, sitting, "free-sorting")
