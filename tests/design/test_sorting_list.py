"""Trial lists of free sorting: which images each trial shows, in all sessions together."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from twoalike.design import SORTING_LISTS, write_list
from twoalike.stimuli import StimulusSet
from twoalike.study import FreeSortingConfig, Study, StudyConfig, TwoalikeError, provenance

type Objects = Callable[[int, int, int], StimulusSet]


def sets_of(**numbers: object) -> Study:
    content = {"title": "t", "seed": 0, "free_sorting": numbers}
    return Study(Path("nowhere"), StudyConfig.model_validate(content))


def test_a_session_of_sorting_is_what_was_asked_for(objects: Objects, tmp_path: Path) -> None:
    stimuli = objects(3, 4, 3)
    study = sets_of(items=9, trials=8, practice_items=5, repeats=2)
    table = SORTING_LISTS.one(study, stimuli, "01", 1)
    sizes = table.groupby("trial_index").size()
    assert sizes.tolist() == [5] + [9] * 10
    main = table[table["trial_type"] == "main"]
    assert np.ptp(main["stimulus"].value_counts().reindex(stimuli.ids, fill_value=0)) <= 1
    shown = table.groupby("trial_index")["stimulus"].agg(list)
    for index, first in table.groupby("trial_index")["repeat_of"].first().dropna().items():
        assert sorted(shown[index]) == sorted(shown[first])
        assert shown[index] != shown[first]
    path = tmp_path / "list.tsv"
    write_list(path, table, provenance("trial_list"))
    pd.testing.assert_frame_equal(SORTING_LISTS.read(path, stimuli.ids), table)
    wrong = table.astype(object)
    wrong.loc[wrong["trial_type"] == "repeat", "repeat_of"] = 1
    write_list(path, wrong, provenance("trial_list"))
    with pytest.raises(TwoalikeError, match="an earlier trial of these images"):
        SORTING_LISTS.read(path, stimuli.ids)


def test_sorting_covers_the_pairs_together(objects: Objects) -> None:
    stimuli, study = objects(2, 3, 2), sets_of(sampler="coverage", items=6, trials=3)
    tables = SORTING_LISTS.together(study, stimuli, ["01", "02"], 1)
    together = {
        frozenset(pair)
        for table in tables
        for _, trial in table[table["trial_type"] == "main"].groupby("trial_index")
        for pair in combinations(trial["stimulus"], 2)
    }
    assert together == {frozenset(pair) for pair in combinations(stimuli.ids, 2)}
    with pytest.raises(TwoalikeError, match=r"free_sorting: to show each pair .* found 1"):
        SORTING_LISTS.together(study, stimuli, ["01"], 1)


def test_a_small_set_is_sorted_as_a_whole(objects: Objects) -> None:
    table = SORTING_LISTS.one(sets_of(), objects(2, 2, 2), "01", 1)
    main = table[table["trial_type"] == "main"]
    assert (main["trial_index"].nunique(), len(main), set(main["sampler"])) == (1, 8, {"all"})
    with pytest.raises(TwoalikeError, match="3 repeats of 1 main trials"):
        SORTING_LISTS.one(sets_of(repeats=3), objects(2, 2, 2), "01", 1)
    with pytest.raises(ValidationError, match="0 or at least 3"):
        FreeSortingConfig(practice_items=2)
