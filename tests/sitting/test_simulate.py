"""Simulated participants from Python: the same rows as by the command, one after the other."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twoalike.observers import SimulatedObserver, simulate_choices, simulated_people
from twoalike.sitting import simulate, sit
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError


def test_people_sit_down_one_after_the_other(make_study: Callable[..., Path]) -> None:
    study = Study.load(make_study())
    people = simulated_people(study, 2)
    first, second = simulate(str(study.root), 2, observer=people)
    assert [first.end_reason, second.end_reason] == ["completed", "completed"]
    assert (
        repr(first)
        == "Outcome(sub-1_ses-01_task-oddoneout_run-01_beh.tsv: 14 of 14 trials, completed)"
    )
    rows = first.path.read_text().splitlines()
    assert len(rows) == 15
    again = sit(study, "1", session=2, simulate=people["1"], window=False)
    assert again.n_done == again.n_trials


def test_images_without_categories_have_random_similarities_if_asked_for(
    make_study: Callable[..., Path],
) -> None:
    study = Study.load(make_study())
    stimuli = StimulusSet.load(study.stimuli)
    StimulusSet.write(study.stimuli, stimuli.table[["id", "file", "sha256"]])
    with pytest.raises(TwoalikeError, match="or `simulate=random` for one with random"):
        sit(study, "1", simulate=True, window=False)
    assert sit(study, "1", simulate="random", window=False).end_reason == "completed"


def test_choices_without_a_session_follow_the_model() -> None:
    observer = SimulatedObserver(("a", "b", "c", "d"), np.diag([3.0, 1, 1, 1]) + 0.5)
    many = simulate_choices(observer, [("a", "b", "c")] * 4000, seed=1)
    expected = observer.choice_probabilities(np.array([[0, 1, 2]]))[0]
    found = many["chosen"].value_counts(normalize=True).sort_index().to_numpy()
    np.testing.assert_allclose(found, expected, atol=0.03)
    drawn = simulate_choices({"x": observer, "y": observer}, 5, seed=1)
    assert drawn["participant"].tolist() == ["x"] * 5 + ["y"] * 5
    assert drawn.equals(simulate_choices({"x": observer, "y": observer}, 5, seed=1))
    with pytest.raises(TwoalikeError, match=r"three items in each row, found shape \(2,\)"):
        simulate_choices(observer, np.array([0, 1]))
