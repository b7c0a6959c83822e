"""A free-sorting session: from its files, how long it takes, and hands that sort."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.design import ListedSorting, listed_sortings
from twoalike.observers import SimulatedSorter
from twoalike.record import Progress
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks._activity import Activity
from twoalike.tasks._duration import Times
from twoalike.tasks._listed import listed_script, pages_duration
from twoalike.tasks._prepare import (
    Prepared,
    Sitting,
    check_objects,
    load_listed,
    run_plan,
    session_inputs,
)
from twoalike.tasks._session import Script
from twoalike.tasks._simulated import SeededHands, read_on
from twoalike.tasks.free_sorting._layout import lay_out_sorting
from twoalike.tasks.free_sorting._protocol import FreeSorting
from twoalike.tasks.free_sorting._sorting import SortingActivity
from twoalike.tasks.multi_arrangement import (
    Phase,
    Plan,
    drag,
    placing_duration,
    press_done,
    wait_or_finish,
)
from twoalike.tasks.screens import View, frame

_PILOT_TRIALS = 2


def sorting_times(protocol: FreeSorting, trials: Sequence[ListedSorting], n_done: int = 0) -> Times:
    """Time for the trials of a session that has ``n_done`` behind it, and for its pages.

    An image takes as long as one that is dragged into an arena.
    """
    ahead = trials[n_done:]
    shown = [name for trial in ahead for name in trial.items]
    time = placing_duration(len(ahead), len(shown), len(set(shown)))
    limit_s = protocol.timing.trial_limit_s * len(ahead)
    if limit_s:
        time = time.capped(limit_s, limit_s)
    return Times(time, pages_duration(protocol, trials, n_done=n_done))


def listed_sorting_times(
    protocol: FreeSorting,
    study: Study,
    stimuli: StimulusSet,
    table: pd.DataFrame,
    simulated: object = None,
) -> Times:
    """Time for the trials of a list."""
    return sorting_times(protocol, listed_sortings(table))


_STEPS = 8
_NAMING_S = 3.0
_HANDS = 3
"""Word of the seed that sets the observer's draws apart from those of the design."""


@dataclass(frozen=True, kw_only=True)
class SortingPlan(Plan):
    """What a simulated participant will do in a trial of sorting."""

    order: tuple[int, ...]
    """Items in the order in which they are taken."""
    cells: tuple[int, ...]
    """Place of each item's pile, from 0."""
    times: tuple[tuple[float, float], ...]
    """Pause before each item is taken, and how long it is dragged, s."""


def plan_sorting(
    sorter: SimulatedSorter,
    trial: ListedSorting,
    n_piles: tuple[int, int],
    rng: np.random.Generator,
) -> SortingPlan:
    """Draw what an observer will do in a trial: every image once, in random order."""
    piles, order = sorter.sort(trial.items, n_piles, rng), rng.permutation(len(trial.items))
    place = {pile: cell for cell, pile in enumerate(dict.fromkeys(piles[order].tolist()))}
    times = sorter.times
    return SortingPlan(
        trial_index=trial.trial_index,
        order=tuple(order.tolist()),
        cells=tuple(place[pile] for pile in piles.tolist()),
        times=tuple(times.sample(rng) for _ in trial.items),
        pause_s=times.sample(rng)[0],
        by_key=bool(rng.random() < 0.5),
    )


class SortingHands(SeededHands[SimulatedSorter]):
    """Sorts as an observer would."""

    _plan: SortingPlan | None = None

    def act(self, activity: Activity) -> None:
        """Do the next thing in a trial: put an image, press Done, name a pile, turn a page."""
        assert isinstance(activity, SortingActivity)
        if activity.phase is Phase.MESSAGE:
            read_on(self._screen, self._clock, activity.protocol.pages.page_s)
        elif activity.naming is not None:
            self._name(activity, activity.naming)
        elif activity.open:
            self._sort(activity, self._planned(activity))

    def _planned(self, activity: SortingActivity) -> SortingPlan:
        index, rules = activity.trial.trial_index, activity.protocol.rules
        if self._plan is None or self._plan.trial_index != index:
            rng = self._rng(index, _HANDS)
            n_piles = (rules.min_piles, rules.max_piles)
            self._plan = plan_sorting(self.observer, activity.trial, n_piles, rng)
        return self._plan

    def _sort(self, activity: SortingActivity, plan: SortingPlan) -> None:
        item = next((k for k in plan.order if activity.cells[k] != plan.cells[k]), None)
        times = None if item is None else plan.times[item]
        ready = wait_or_finish(activity, self._screen, self._clock, times, plan)
        if not ready or item is None:
            return
        box, start = activity.layout.cells[plan.cells[item]], activity.places[item]
        across = np.linspace(start, (box.x, box.y), _STEPS + 1).tolist()
        drag(self._screen, self._clock, [(x, y) for x, y in across], plan.times[item][1])

    def _name(self, activity: SortingActivity, cell: int) -> None:
        self._clock.wait_until(self._clock.now() + _NAMING_S)
        for _ in activity.entry:  # typed at the real keyboard
            self._screen.press_key("backspace")
        self._screen.type_text(f"pile {activity.used.index(cell) + 1}")
        keys, done = activity.protocol.answers.done_keys, activity.layout.done
        press_done(keys, done, self._screen, by_key=True)


@dataclass(frozen=True, kw_only=True)
class PreparedSortings(Prepared):
    """A session of sorting that can start."""

    hands_of = staticmethod(lambda one, *more: SortingHands(SimulatedSorter(one), *more))
    protocol: FreeSorting
    trials: tuple[ListedSorting, ...]

    def images_ahead(self, progress: Progress) -> list[str]:
        """Objects in the order of the trials."""
        return [name for trial in self.trials[progress.n_done :] for name in trial.items]

    def image_size(self, view: View) -> int:
        """Side of the largest square: that of a held image in the smallest trial."""
        sizes = sorted(len(trial.items) for trial in self.trials)
        lay_out_sorting(self.protocol, view.size, sizes[-1])  # the largest trial has to fit
        item = lay_out_sorting(self.protocol, view.size, sizes[0]).item
        return round(item * self.protocol.piles.held_scale)

    def script(self, view: View, progress: Progress) -> Script:
        """Pages, trials, breaks."""
        protocol = self.protocol

        def show(trial: ListedSorting, _: float | None) -> SortingActivity:
            layout = lay_out_sorting(protocol, view.size, len(trial.items))
            return SortingActivity(trial, protocol, layout)

        return listed_script(
            protocol,
            frame(protocol.screen, view.size),
            self.trials,
            self.opening(progress),
            show,
            n_done=progress.n_done,
        )

    def times(self, progress: Progress) -> Times:
        """Time left after the instruction."""
        return sorting_times(self.protocol, self.trials, progress.n_done)


def _pilot_part(table: pd.DataFrame) -> pd.DataFrame:
    """Cut a list short: the practice, and the first trials after it."""
    indices = table.loc[table["trial_type"] != "practice", "trial_index"].unique()
    last = indices[:_PILOT_TRIALS].max()
    kept: pd.DataFrame = table[table["trial_index"] <= last]
    return kept.reset_index(drop=True)


def prepare_sortings(sitting: Sitting) -> PreparedSortings:
    """Read and check protocol, stimuli and trial list of a session."""
    protocol, stimuli, table = load_listed(sitting, FreeSorting)
    if sitting.pilot:
        table = _pilot_part(table)
    trials = listed_sortings(table)
    shown = set(table["stimulus"])
    check_objects(sitting, protocol, stimuli, shown)
    plan = run_plan(sitting, protocol, stimuli, shown=shown, trials=table, n_trials=len(trials))
    return PreparedSortings(
        sitting=sitting,
        protocol=protocol,
        stimuli=stimuli,
        plan=plan,
        inputs=session_inputs(sitting.study, plan.name.task),
        trials=trials,
    )
