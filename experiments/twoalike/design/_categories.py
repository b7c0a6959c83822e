"""Whether the images have the categories that the settings of a study ask for."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from twoalike.design._levels import object_classes
from twoalike.design._many_checks import allows_alike_pair, allows_odd_one
from twoalike.design._object_sets import check_set_size
from twoalike.design._objects import allows_checks, shown_objects, shown_table
from twoalike.design._part import in_condition
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, StudyConfig, TwoalikeError

_TRIPLET = "two objects of one finest category and one of another coarsest category"


def check_categories(study: Study, stimuli: StimulusSet) -> list[str]:
    """Report where settings ask for categories that the stimuli do not have, one line each.

    Otherwise a study of images in one folder, with attention checks or the levels design, would
    pass every check and be refused when its first participant sits down.
    """
    classes: Callable[[], object] = partial(_check_classes, study, stimuli)
    checks = (classes, *_of_tables(study.config, stimuli), *_of_parts(study, stimuli))
    # What is excluded and not there is found by two checks.
    return list(dict.fromkeys(fault for check in checks if (fault := _fault(check))))


def _check_classes(study: Study, stimuli: StimulusSet) -> None:
    config = study.config.design
    shown = shown_table(stimuli, config.exclude)
    if config.sampler == "levels":
        rng = np.random.default_rng([study.config.seed, 2])
        object_classes(shown, stimuli.levels, config, study.root, rng)


def _of_parts(study: Study, stimuli: StimulusSet) -> Iterator[Callable[[], object]]:
    """Yield a check of the objects of each condition, of people's sets and of the other tasks."""
    yield partial(shown_objects, stimuli, study.config.pair_rating)
    yield partial(shown_objects, stimuli, study.config.free_sorting)
    for condition in study.config.conditions:
        yield partial(in_condition, study, stimuli, condition.name)
    yield partial(check_set_size, study, stimuli)


def _of_tables(config: StudyConfig, stimuli: StimulusSet) -> Iterator[Callable[[], None]]:
    """Yield a check of the attention checks of each task."""
    design, anchored, arrangement = config.design, config.anchored, config.arrangement
    odd, alike = config.odd_one_of_many, config.most_alike_pair
    easy = ("practice_checks", "catch")
    odd_one = partial(allows_odd_one, size=odd.n_items)
    pair = partial(allows_alike_pair, size=alike.n_items)
    of_odd = f"{odd.n_items - 1} objects of one category and one of another coarsest category"
    of_pair = f"two objects of one finest category and {alike.n_items - 2} of different far ones"
    for table, settings, keys, own, allows, needs in (
        ("design", design, easy, design.sampler, allows_checks, _TRIPLET),
        ("anchored", anchored, easy, anchored.sampler, allows_checks, _TRIPLET),
        ("odd_one_of_many", odd, easy, odd.sampler, odd_one, of_odd),
        ("most_alike_pair", alike, easy, alike.sampler, pair, of_pair),
        ("arrangement", arrangement, ("catch",), arrangement.scheduler, allows_checks, _TRIPLET),
    ):
        asked = {f"{table}.{key}": getattr(settings, key) for key in keys}
        if own == "list":  # an own list brings its checks along
            asked = {}
        shown = partial(shown_table, stimuli, settings.exclude, table)
        yield partial(_check_kinds, asked, shown, stimuli.levels, allows, needs)


def _check_kinds(
    asked: dict[str, int],
    find_shown: Callable[[], pd.DataFrame],
    levels: Sequence[str],
    allows: Callable[[pd.DataFrame], bool],
    needs: str,
) -> None:
    shown = find_shown()
    for key, number in asked.items():
        if number and not allows(shown[list(levels)]):
            raise TwoalikeError(
                f"{key}: asked for {number}, the categories of the images allow none: each needs "
                f"{needs}. Set it to 0, or sort the images into folders and make the study anew."
            )


def _fault(check: Callable[[], object]) -> str:
    try:
        check()
    except TwoalikeError as error:
        return str(error)
    return ""
