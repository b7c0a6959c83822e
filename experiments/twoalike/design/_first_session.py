"""Whether a study's sessions can be designed at all, found out by designing the first one."""

from collections.abc import Iterable

from twoalike.design._arrangement_trials import session_arrangement_list
from twoalike.design._session import session_trial_list, stands_alone
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError


def refused_tasks(study: Study, stimuli: StimulusSet, tasks: Iterable[str]) -> list[str]:
    """Say which tasks nobody could be asked to do, one line each.

    That is no fault of a study, which may mean to use the other task only. Lists that are made
    beforehand are not judged: own ones, those of an adaptive design, and those of sessions that
    share their triplets out.

    Parameters
    ----------
    tasks
        Those to look at, of ``odd-one-out`` and ``multi-arrangement``.
    """
    reasons = {task: _refusal(study, stimuli, task) for task in tasks}
    return [f"{task} cannot be run as it is: {why}" for task, why in reasons.items() if why]


def _refusal(study: Study, stimuli: StimulusSet, task: str) -> str:
    try:
        if task == "odd-one-out" and stands_alone(study.config.design):
            session_trial_list(study, stimuli, "001", 1)
        if task == "multi-arrangement" and study.config.arrangement.scheduler != "list":
            session_arrangement_list(study, stimuli, "001", 1)
    except TwoalikeError as error:
        return str(error)
    return ""
