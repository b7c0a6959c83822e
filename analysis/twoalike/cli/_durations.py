"""How long a session of a study takes, as commands report it."""

from dataclasses import replace

from twoalike.design import session_arrangement_list, session_trial_list, stands_alone
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks import Duration, session_duration

DURATION_NOTE = (
    "Practice counts for trials, placements and duration only. The duration holds for four people "
    "out of five, with instruction, practice and breaks."
)


def first_session_duration(study: Study, stimuli: StimulusSet, task: str) -> Duration:
    """Time for the first session of a participant whose list was not made yet.

    Sessions of designs that share their triplets out are taken to be random ones as long.

    Raises
    ------
    TwoalikeError
        If the stimuli do not allow the design.
    """
    if task == "multi-arrangement":
        return session_duration(
            study, stimuli, task, session_arrangement_list(study, stimuli, "001", 1)
        )
    design = study.config.design
    if not stands_alone(design):
        alone = {"sampler": "levels" if design.sampler == "levels" else "random"}
        design = design.model_copy(update={**alone, "lists_per_triplet": 0})
    likely = replace(study, config=study.config.model_copy(update={"design": design}))
    return session_duration(study, stimuli, task, session_trial_list(likely, stimuli, "001", 1))
