"""Duration of odd-one-out trials, breaks included."""

from collections.abc import Sequence

from twoalike.tasks._duration import (
    Duration,
    Times,
    break_duration,
    closing_duration,
    paced,
    page_duration,
)
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.odd_one_out._script import page_before
from twoalike.tasks.odd_one_out._trial import Trial

MEDIAN_S = {"coarse": 3.31, "fine": 3.07, "boundary": 2.04}
"""Published medians by condition; triplets without a condition count as coarse, those with a right
answer as boundary."""
MEAN_TO_MEDIAN = 1.12
"""Mean of a person's times relative to their median. 2.6 % of all times were above 10 s, so their
logarithms spread by .6, of which .48 are within a person: the mean is exp(.48²/2) medians."""
_BETWEEN = Duration(0.0, 0.3)
"""To keep an answer and fetch the next images."""
_FIT = Duration(5.0, 90.0)
"""Between the blocks of an adaptive session (docs/explanation/adaptive.md)."""


def trial_duration(trial: Trial | None, protocol: OddOneOut) -> Duration:
    """Time from a trial's cross to the next one's; ``trial`` is None if it is not chosen yet."""
    timing, practice = protocol.timing, protocol.practice
    easy = trial is not None and trial.expected_odd is not None
    condition = None if trial is None else trial.condition
    median = MEDIAN_S["boundary"] if easy else MEDIAN_S.get(condition or "", MEDIAN_S["coarse"])
    choice = paced(MEAN_TO_MEDIAN * median)
    if timing.response_limit_s:
        choice = choice.capped(timing.response_limit_s, timing.response_limit_s)
    judged = easy and trial is not None and trial.trial_type == "practice" and practice.feedback
    fixed = timing.fixation_s + (practice.feedback_s if judged else timing.feedback_s)
    return choice + Duration(fixed, fixed) + _BETWEEN


def triplet_times(
    protocol: OddOneOut,
    trials: Sequence[Trial],
    *,
    n_done: int = 0,
    further: int = 0,
    per_block: int = 1,
) -> Times:
    """Time for the trials of a session, and for all pages after the instruction.

    Parameters
    ----------
    n_done
        Trials that are over.
    further
        Trials to be chosen during the session, in blocks of ``per_block``.
    """
    texts, ready = protocol.texts, Duration(protocol.breaks.ready_s, protocol.breaks.ready_s)
    rest = break_duration(protocol) + ready
    between = {
        "practice_end": page_duration(texts.practice_end, protocol.pages.page_s) + ready,
        "break": rest,
    }
    shown = [page_before(protocol, trials, n) for n in range(n_done + 1, len(trials))]
    pages = [between[page] for page in shown if page is not None]
    pages += [
        ready,
        closing_duration(protocol, texts),
        (rest + _FIT).times(-(-further // per_block)),
    ]
    times = [trial_duration(trial, protocol) for trial in trials[n_done:]]
    times.append(trial_duration(None, protocol).times(further))
    return Times(sum(times, Duration()), sum(pages, Duration()))
