"""Practice trials that have a right answer come first, and the participant is told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twoalike.design import allows_checks, random_trial_list
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, TwoalikeError


def test_easy_practice_comes_first_with_its_answer(make_study: Callable[..., Path]) -> None:
    stimuli = StimulusSet.load(make_study() / "stimuli")
    config = DesignConfig(trials=10, practice=2, practice_checks=3, catch=2)
    table = random_trial_list(stimuli, config, np.random.default_rng(3))
    practice = table[table["trial_type"] == "practice"]
    assert practice["expected_odd"].notna().tolist() == [True] * 3 + [False] * 2
    assert (practice["block_index"] == 1).all()
    assert (table["block_index"].iloc[5:] > 1).all()
    kinds = stimuli.table.set_index("id")
    for row in practice.head(3).itertuples():
        names = [row.stimulus_1, row.stimulus_2, row.stimulus_3]
        odd = names.pop(int(row.expected_odd) - 1)
        assert len(set(kinds.loc[names, "shade"])) == 1
        assert kinds.loc[odd, "kind"] != kinds.loc[names[0], "kind"]
    assert table["triplet_id"].is_unique


def test_without_categories_easy_practice_is_refused(make_study: Callable[..., Path]) -> None:
    stimuli = StimulusSet.load(make_study() / "stimuli")
    bare = StimulusSet(stimuli.folder, stimuli.table[["id", "file", "sha256"]])
    config = DesignConfig(trials=5, practice_checks=1)
    with pytest.raises(TwoalikeError, match="the categories allow 0"):
        random_trial_list(bare, config, np.random.default_rng(3))


@pytest.mark.parametrize(
    ("levels", "allowed"),
    [
        ({}, False),
        ({"kind": ["a", "a", "a"]}, False),
        ({"kind": ["a", "a", "n/a"]}, False),
        ({"kind": ["a", "a", "b"], "name": ["1", "2", "3"]}, False),
        ({"kind": ["a", "a", "b"], "name": ["1", "1", "3"]}, True),
    ],
)
def test_which_categories_allow_checks(levels: dict[str, list[str]], allowed: bool) -> None:
    table = pd.DataFrame(levels, index=range(3)) if levels else pd.DataFrame(index=range(3))
    assert allows_checks(table) is allowed
