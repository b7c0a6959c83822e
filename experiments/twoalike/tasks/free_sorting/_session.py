"""A free-sorting session: how long it takes, and hands that sort."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.design import ListedSorting, listed_sortings
from twoalike.observers import SimulatedSorter
from twoalike.tasks._activity import Activity
from twoalike.tasks._duration import Duration
from twoalike.tasks._listed import PreparedTrials, prepare_listed
from twoalike.tasks._prepare import Sitting
from twoalike.tasks.free_sorting._layout import (
    SortingLayout,
    between_buttons,
    lay_out_sorting,
    rooms_of,
)
from twoalike.tasks.free_sorting._protocol import FreeSorting
from twoalike.tasks.free_sorting._sorting import SortingActivity
from twoalike.tasks.lettering import label_size
from twoalike.tasks.multi_arrangement._hands import PlacingHands, Plan, press_done
from twoalike.tasks.multi_arrangement._session import placing_duration
from twoalike.tasks.screens import View

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
            if between_buttons(layout) <= 0 or done > view.size[0] / 2:
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
