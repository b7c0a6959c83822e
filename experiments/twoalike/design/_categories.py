"""Whether the stimuli have the categories that a study's settings count on.

Else a study of images in one folder, with attention checks or the levels design, would pass every
check and be refused when its first participant sits there.
"""

from collections.abc import Callable

import numpy as np

from twoalike.design._catch import allows_checks
from twoalike.design._classes import object_classes
from twoalike.design._shown import shown_table
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError


def check_categories(study: Study, stimuli: StimulusSet) -> list[str]:
    """Say where settings ask for categories that the stimuli do not have, one line each.

    They are: what ``exclude`` names, the classes of the levels design, and the kinds that
    attention checks are made of.
    """

    def check_design() -> None:
        shown = shown_table(stimuli, config.exclude)
        if config.sampler == "levels":
            rng = np.random.default_rng([study.config.seed, 2])
            object_classes(shown, stimuli.levels, config, study.root, rng)
        # An own list brings its checks along.
        asked = {"practice_checks": config.practice_checks, "catch": config.catch}
        for key, number in asked.items() if config.sampler != "list" else ():
            _require_kinds("design", key, number, allows_checks(shown[list(stimuli.levels)]))

    def check_arrangement() -> None:
        shown = shown_table(stimuli, arrangement.exclude, "arrangement")
        if arrangement.scheduler != "list":
            allowed = allows_checks(shown[list(stimuli.levels)])
            _require_kinds("arrangement", "catch", arrangement.catch, allowed)

    config, arrangement = study.config.design, study.config.arrangement
    return [fault for check in (check_design, check_arrangement) if (fault := _fault(check))]


def _require_kinds(table: str, key: str, number: int, allowed: bool) -> None:
    if number and not allowed:
        raise TwoalikeError(
            f"{table}.{key}: asked for {number}, the categories of the images allow none: each "
            "needs two objects of one finest category and one of another coarsest category. Set "
            "it to 0, or sort the images into folders and make the study anew."
        )


def _fault(check: Callable[[], None]) -> str:
    try:
        check()
    except TwoalikeError as error:
        return str(error)
    return ""
