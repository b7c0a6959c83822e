"""Expected duration of a session of a study, before it is run."""

import pandas as pd

from twoalike.design import listed_arrangements, shown_objects
from twoalike.observers import ArrangedSession
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks._duration import Duration, Times, opening_duration
from twoalike.tasks._protocol_file import protocol_or_default
from twoalike.tasks._settings import PageTexts, Protocol
from twoalike.tasks.multi_arrangement import MultiArrangement, arrangement_times
from twoalike.tasks.odd_one_out import OddOneOut, trials_from_table, triplet_times


def session_duration(
    study: Study,
    stimuli: StimulusSet,
    task: str,
    table: pd.DataFrame,
    *,
    session: int = 1,
    simulated: ArrangedSession | None = None,
) -> Duration:
    """Time for a session: consent, form, instruction, practice, trials, breaks, debriefing.

    Parameters
    ----------
    task
        As on the command line, ``odd-one-out``.
    table
        Its trial list.
    session
        Number of the session: consent and form are in the first one only.
    simulated
        Simulation of arrangement trials that are chosen during the session, if there is one.

    Raises
    ------
    TwoalikeError
        If the protocol cannot be used.
    """
    if task == "odd-one-out":
        protocol = protocol_or_default(study, OddOneOut)
        return _whole(protocol, protocol.texts, session, _triplets(protocol, study, table))
    arranging, config = protocol_or_default(study, MultiArrangement), study.config.arrangement
    m, listed = len(shown_objects(stimuli, config)), listed_arrangements(table)
    times = arrangement_times(arranging, config, m, listed, simulated)
    return _whole(arranging, arranging.texts, session, times)


def _whole(protocol: Protocol, texts: PageTexts, session: int, times: Times) -> Duration:
    first = session == 1
    opening = opening_duration(
        protocol,
        texts,
        consent=first and protocol.consent.ask,
        form=protocol.form.questions if first else (),
    )
    return opening + times.trials + times.pages


def _triplets(protocol: OddOneOut, study: Study, table: pd.DataFrame) -> Times:
    trials, design = trials_from_table(table), study.config.design
    further = 0
    if design.sampler == "adaptive":
        judged = sum(trial.trial_type != "practice" for trial in trials)
        further = max(0, design.trials + design.catch + design.repeats - judged)
    return triplet_times(protocol, trials, further=further, per_block=design.trials_per_block)
