"""Duration of arrangements, breaks included."""

import math
from collections.abc import Sequence

from twoalike.design import ListedArrangement
from twoalike.observers import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    ArrangedSession,
)
from twoalike.study import ArrangementConfig
from twoalike.tasks._duration import (
    Duration,
    Times,
    break_duration,
    closing_duration,
    paced,
    page_duration,
)
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement

_DONE = Duration(1.0, 3.0)
"""From the last image to Done."""
_PLACED_PER_PAIR = (0.8, 1.3)
"""Images placed until every pair has evidence .5, divided by the pairs (simulated, 20 to 48
objects: benchmarks/results/arrangement.md)."""
_SMALL_SET = 4
"""Images of a usual set where sets are small (same simulations)."""


def placing_duration(n_trials: float, n_placed: float, n_new: float) -> Duration:
    """Time within ``n_trials`` trials.

    Parameters
    ----------
    n_placed
        Images placed in them.
    n_new
        Those placed for the first time, which takes longer.
    """
    new = paced(SECONDS_PER_NEW_PLACEMENT).times(n_new)
    return new + paced(SECONDS_PER_PLACEMENT).times(n_placed - n_new) + _DONE.times(n_trials)


def arrangement_times(
    protocol: MultiArrangement,
    config: ArrangementConfig,
    m: int,
    listed: Sequence[ListedArrangement],
    simulated: ArrangedSession | None = None,
) -> Times:
    """Time for the trials of a session, and for all pages after the instruction.

    Parameters
    ----------
    m
        Objects of the design.
    listed
        Trials known in advance.
    simulated
        Simulation of main trials that are chosen during the session; None to estimate them from
        published simulations.
    """
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
    pages = [ready, closing_duration(protocol, texts)]
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
