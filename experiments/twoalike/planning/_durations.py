"""How long a session takes that was not designed yet."""

from dataclasses import replace

from twoalike.design import TRIPLET_LISTS, ListDesign
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks import Duration, session_duration


def first_session_duration(study: Study, stimuli: StimulusSet, task: str) -> Duration:
    """Time for the first session of a participant whose list was not made yet.

    Sessions of designs that share their triplets out are taken to be random ones as long.

    Raises
    ------
    TwoalikeError
        If the stimuli do not allow the design.
    """
    lists: ListDesign = find_task(task).lists
    likely, design = study, study.config.design
    if lists is TRIPLET_LISTS and not lists.alone(design):
        sampler = "levels" if design.sampler == "levels" else "random"
        alone = design.model_copy(update={"sampler": sampler, "lists_per_triplet": 0})
        likely = replace(study, config=study.config.model_copy(update={"design": alone}))
    return session_duration(study, stimuli, task, lists.one(likely, stimuli, "001", 1))
