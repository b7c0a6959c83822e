"""A multi-arrangement session from its files, and how long it takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import pandas as pd

from twoalike.design import (
    ListedArrangement,
    listed_arrangements,
    session_secret,
    shown_objects,
)
from twoalike.observers import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    ArrangedSession,
    SimulatedArranger,
)
from twoalike.record import Progress, RunName, find_runs, read_run
from twoalike.stimuli import StimulusSet
from twoalike.study import ArrangementConfig, Study, TwoalikeError
from twoalike.tables import MULTI_ARRANGEMENT
from twoalike.tasks._duration import (
    Duration,
    Times,
    break_duration,
    closing_duration,
    paced,
    page_duration,
)
from twoalike.tasks._prepare import (
    Prepared,
    Sitting,
    check_objects,
    load_listed,
    run_plan,
    session_inputs,
)
from twoalike.tasks._session import Script
from twoalike.tasks.multi_arrangement._hands import ArrangementHands
from twoalike.tasks.multi_arrangement._layout import lay_out_arena
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._script import Arranging, SubmittedTrial, arrangement_script
from twoalike.tasks.multi_arrangement._trial import together_by_kind
from twoalike.tasks.screens import View

_DONE = Duration(1.0, 3.0)
"""From the last image to Done."""
_PLACED_PER_PAIR = (0.8, 1.5)
"""Images placed until every pair has evidence .5, divided by the pairs: .8 to 1.3 with 20 to 48
objects (simulated: benchmarks/results/arrangement.md), up to 1.5 with eight."""
_SMALL_SET = 4
"""Images of a usual set where sets are small (same simulations)."""


def placing_duration(n_trials: float, n_placed: float, n_new: float) -> Duration:
    """Time within ``n_trials`` trials."""
    new = paced(SECONDS_PER_NEW_PLACEMENT).times(n_new)
    return new + paced(SECONDS_PER_PLACEMENT).times(n_placed - n_new) + _DONE.times(n_trials)


def arrangement_times(
    protocol: MultiArrangement,
    config: ArrangementConfig,
    m: int,
    listed: Sequence[ListedArrangement],
    simulated: ArrangedSession | None = None,
) -> Times:
    """Time for the trials of a session, and for all pages after the instruction."""
    texts, ready = protocol.texts, Duration(protocol.breaks.ready_s, protocol.breaks.ready_s)
    practice, main, catch = (
        [trial for trial in listed if trial.trial_type == kind]
        for kind in ("practice", "main", "catch")
    )
    time, (few, many) = _listed_duration(main), (len(main), len(main))
    if simulated is not None:
        few = many = len(simulated.sizes)
        time = placing_duration(few, sum(simulated.sizes), simulated.n_objects)
        if simulated.reason == "time":  # other people place more or fewer images in that time
            time = Duration(math.inf, math.inf)
    elif config.scheduler == "lift_weakest":
        time, (few, many) = _open_duration(config, m)
    largest = max([min(config.max_items or m, m), *(len(trial.stimuli) for trial in main)])
    pages = [ready, closing_duration(protocol)]
    if practice:
        pages.append(page_duration(texts.practice_end, protocol.pages.page_s) + ready)
    if every := protocol.breaks.break_every:
        n_breaks = [max(0, n + len(catch) - 1) // every for n in (few, many)]
        pages.append((break_duration(protocol) + ready).times(*n_breaks))
    known = _listed_duration(practice) + _listed_duration(catch)
    return Times(known + _within_minutes(time, config, largest), sum(pages, Duration()))


def _listed_duration(trials: Sequence[ListedArrangement]) -> Duration:
    shown = [name for trial in trials for name in trial.stimuli]
    return placing_duration(len(trials), len(shown), len(set(shown)))


def _open_duration(config: ArrangementConfig, m: int) -> tuple[Duration, tuple[int, int]]:
    """Time for main trials that end by evidence or by number; fewest and most trials."""
    most = min(config.max_items or m, m)
    pairs = m * (m - 1) / 2 * config.stop_evidence / 0.5
    few, many = (max(most, share * pairs) for share in _PLACED_PER_PAIR)
    trials = [few / most, max(1.0, many / _SMALL_SET)]
    if config.max_trials:
        trials = [min(n, config.max_trials) for n in trials]
        few = min(few, most + _SMALL_SET * (config.max_trials - 1))
        many = min(many, most * config.max_trials)
    quick = placing_duration(trials[0], few, min(m, few)).low_s
    slow = placing_duration(trials[1], many, min(m, many)).high_s
    if config.session_minutes:
        # People who run out of time have had as many trials as fit.
        fits = [min(1.0, 60 * config.session_minutes / time) for time in (quick, slow)]
        trials = [n * share for n, share in zip(trials, fits, strict=True)]
    return Duration(quick, slow), (math.floor(trials[0]), math.ceil(trials[1]))


def _within_minutes(time: Duration, config: ArrangementConfig, largest: int) -> Duration:
    """Cap the time at the session's minutes; the trial under way is finished."""
    if not config.session_minutes:
        return time
    limit_s = 60 * config.session_minutes
    return time.capped(limit_s, limit_s + placing_duration(1, largest, 0).high_s)


_PILOT_TRIALS = 2
_FEWEST = 2
"""Images of the smallest possible trial."""


@dataclass(frozen=True, kw_only=True)
class PreparedArrangements(Prepared):
    """A multi-arrangement session that can start."""

    hands_of = staticmethod(lambda one, *more: ArrangementHands(SimulatedArranger(one), *more))
    protocol: MultiArrangement
    arranging: Arranging

    @property
    def budget_s(self) -> float | None:
        """Time for trials, in seconds."""
        return 60 * self.arranging.config.session_minutes or None

    @property
    def evidence_goal(self) -> float:
        """Evidence at which a pair is known well enough, squared arena diameters."""
        return self.arranging.config.stop_evidence

    def checks_done(self, rows: Sequence[Mapping[str, str]]) -> list[bool | None]:
        """Judge the places of the images: rows hold no verdict."""
        catch = [row for row in rows if row["trial_type"] == "catch"]
        trials = groupby(catch, key=lambda row: row["trial_index"])
        return [self._check_done(list(trial)) for _, trial in trials]

    def _check_done(self, rows: Sequence[Mapping[str, str]]) -> bool | None:
        return together_by_kind(
            [(float(row["x"]), float(row["y"])) for row in rows],
            [row["inside"] == "true" for row in rows],
            [self.arranging.kinds[row["stimulus"]] for row in rows],
            timed_out=rows[0]["end_reason"] == "timeout",
        )

    @property
    def max_items(self) -> int:
        """Images of the largest trial."""
        config, m = self.arranging.config, len(self.arranging.ids)
        chosen = min(config.max_items or m, m) if config.scheduler == "lift_weakest" else 0
        return max([chosen, *(len(trial.stimuli) for trial in self.arranging.listed)])

    def images_ahead(self, progress: Progress) -> tuple[str, ...]:
        """Give the objects of the design; which come first is not known."""
        return self.arranging.ids

    def image_size(self, view: View) -> int:
        """Side of the largest square: that of a held image in the smallest trial."""
        lay_out_arena(self.protocol, view.size, self.max_items)  # the largest trial has to fit
        layout = lay_out_arena(self.protocol, view.size, _FEWEST)
        return round(layout.item * self.protocol.arena.held_scale)

    def script(self, view: View, progress: Progress) -> Script:
        """Pages, trials, breaks."""
        arranging = replace(self.arranging, done=self._done(progress))
        return arrangement_script(self.protocol, view.size, arranging, self.opening(progress))

    def times(self, progress: Progress) -> Times:
        """Time left after the instruction."""
        arranging = replace(self.arranging, done=self._done(progress))
        return arrangement_times(
            self.protocol, arranging.rest(), len(arranging.ids), arranging.still_listed()
        )

    def _done(self, progress: Progress) -> list[SubmittedTrial]:
        if not progress.n_done:
            return []
        return _submitted_trials(self.plan.name.rows(self.sitting.root))


def _submitted_trials(path: Path) -> list[SubmittedTrial]:
    """Read the submitted trials of a raw table, in order."""
    rows = read_run(path).rows
    return [_submitted(trial) for _, trial in rows.groupby("trial_index", sort=False)]


def _submitted(trial: pd.DataFrame) -> SubmittedTrial:
    inside = trial[trial["inside"].astype(bool)]
    points = zip(inside["x"].astype(float), inside["y"].astype(float), strict=True)
    return SubmittedTrial(
        trial_type=str(trial["trial_type"].iloc[0]),
        places=dict(zip(inside["stimulus"].astype(str), points, strict=True)),
        time_s=float(trial["response_time"].iloc[0]),
    )


def _earlier_trials(sitting: Sitting) -> list[SubmittedTrial]:
    """Read the main trials of the participant's earlier sessions: their evidence counts.

    That of another condition is about other similarities, so it does not.
    """
    runs = find_runs(sitting.root, MULTI_ARRANGEMENT, sitting.participant)
    names = [RunName.parse(path) for path in runs]
    earlier = [
        path
        for path, name in zip(runs, names, strict=True)
        if name.session < sitting.session and name.run == sitting.study.run
    ]
    trials = [trial for path in earlier for trial in _submitted_trials(path)]
    return [trial for trial in trials if trial.trial_type == "main"]


def _config(sitting: Sitting) -> ArrangementConfig:
    config = sitting.study.config.arrangement
    if not sitting.pilot:
        return config
    few = min(config.max_trials or _PILOT_TRIALS, _PILOT_TRIALS)
    return config.model_copy(update={"max_trials": few})


def prepare_arrangements(sitting: Sitting) -> PreparedArrangements:
    """Read and check protocol, stimuli, fixed trials and earlier sessions."""
    protocol, stimuli, table = load_listed(sitting, MultiArrangement)
    study, config = sitting.study, _config(sitting)
    ids = shown_objects(stimuli, config)
    listed = listed_arrangements(table)
    shown = dict.fromkeys([*ids, *(name for trial in listed for name in trial.stimuli)])
    check_objects(sitting, protocol, stimuli, shown)
    n_listed = None if config.scheduler == "lift_weakest" or config.max_trials else len(listed)
    plan = run_plan(
        sitting,
        protocol,
        stimuli,
        shown=shown,
        trials=table,
        n_trials=n_listed,
        design=config.model_dump(mode="json"),
    )
    coarsest = stimuli.levels[0] if stimuli.levels else None
    kinds = stimuli.table[coarsest] if coarsest else pd.Series("", index=stimuli.table.index)
    arranging = Arranging(
        config=config,
        ids=ids,
        kinds=dict(zip(stimuli.table["id"], kinds, strict=True)),
        listed=listed,
        seed=session_secret(study.config.seed, sitting.participant, sitting.session),
        earlier=_earlier_trials(sitting),
    )
    _check_main_trials(arranging, sitting)
    return PreparedArrangements(
        sitting=sitting,
        protocol=protocol,
        stimuli=stimuli,
        plan=plan,
        inputs=session_inputs(study, MULTI_ARRANGEMENT),
        arranging=arranging,
    )


def _check_main_trials(arranging: Arranging, sitting: Sitting) -> None:
    """Check that there is a main trial to show, not practice and attention checks alone."""
    end = arranging.end()
    if end is None:
        return
    participant = sitting.participant
    if end.reason == "list":
        path = sitting.study.trial_list(MULTI_ARRANGEMENT, participant, sitting.session)
        raise TwoalikeError(
            f"{path}: expected main trials, found none. Add some to the list, or choose another "
            "scheduler in study.toml."
        )
    raise TwoalikeError(
        f"participant {participant} has nothing left to arrange: every pair of "
        f"{len(arranging.ids)} objects has the evidence asked for. Another participant, or a "
        "higher arrangement.stop_evidence in study.toml."
    )


def listed_arrangement_times(
    protocol: MultiArrangement,
    study: Study,
    stimuli: StimulusSet,
    table: pd.DataFrame,
    simulated: ArrangedSession | None = None,
) -> Times:
    """Time for the trials of a list, and those that are chosen during the session."""
    config = study.config.arrangement
    m, listed = len(shown_objects(stimuli, config)), listed_arrangements(table)
    return arrangement_times(protocol, config, m, listed, simulated)
