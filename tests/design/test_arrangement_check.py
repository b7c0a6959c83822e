"""Attention checks: who sorts the images passes, who scatters them does not."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from twoalike.design import (
    arrangement_trial_list,
    check_separation,
    listed_arrangements,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import ArrangementConfig

Objects = Callable[[int, int, int], StimulusSet]


def test_by_hand() -> None:
    levels = pd.DataFrame({"kingdom": list("aaab"), "species": list("xxyz")})
    place = np.array([[0, 0], [0.3, 0], [0, 0.9], [0.2, 0]])
    # Kin: images 1 and 2, .3 apart. Strangers: image 4 to 1, 2 and 3: .2, .1 and more.
    assert check_separation(levels, place) == pytest.approx(1 / 3)
    place[3] = [0.3, 0]  # .3 to image 1 is a tie, 0 to image 2 is closer, image 3 is far
    assert check_separation(levels, place) == pytest.approx(1.5 / 3)


def test_sorted_images_pass_and_scattered_ones_do_not(
    objects: Objects, rng: np.random.Generator
) -> None:
    stimuli = objects(3, 2, 4)
    config = ArrangementConfig(practice_items=0, catch=60)
    table = stimuli.table.set_index("id")[list(stimuli.levels)]
    scattered = []
    for trial in listed_arrangements(arrangement_trial_list(stimuli, config, rng)):
        levels = table.loc[list(trial.stimuli)].reset_index(drop=True)
        home = {name: rng.normal(size=2) for name in "k0 k1 k2".split()}
        kingdoms = np.array([home[name] for name in levels["kingdom"]])
        species = 0.1 * (levels["species"].str[-1].astype(int).to_numpy())
        assert check_separation(levels, kingdoms + species[:, None] * 0.1) > 0.95
        scattered.append(check_separation(levels, rng.uniform(-0.4, 0.4, (len(levels), 2))))
    assert np.mean(scattered) == pytest.approx(0.5, abs=0.1)


def test_images_without_kin_or_strangers_say_nothing() -> None:
    place = np.zeros((3, 2))
    for kingdom, species in (("aaa", "xxy"), ("abc", "xyz"), ("aab", ["n/a", "n/a", "x"])):
        levels = pd.DataFrame({"kingdom": list(kingdom), "species": list(species)})
        assert np.isnan(check_separation(levels, place))
