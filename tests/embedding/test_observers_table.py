"""Who guessed, with known answers."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.embedding import Posterior, participants_table
from twoalike.embedding._participants import agreement
from twoalike.judgments import choices_table


def set_observers(posterior: Posterior, lapse: list[float], temperature: list[float]) -> Posterior:
    group = posterior.tree["posterior"]
    group["lapse"].values[:] = lapse
    group["temperature"].values[:] = temperature
    return posterior


def test_guessing_by_lapse_or_by_temperature_agrees_by_chance(posterior: Posterior) -> None:
    """Which kinds are listed follows from those that were fitted."""
    observers = set_observers(posterior, [1.0, 0.0, 0.0, 0.5], [1.0, 1e6, 1e-4, 1e-4])
    got = np.stack([agreement(observers), agreement(observers, kind="anchored")])
    expected = np.array([[1 / 3, 1 / 3, 1.0, 2 / 3], [0.5, 0.5, 1.0, 0.75]])
    assert_allclose(got, np.broadcast_to(expected[:, None], (2, 10, 4)), atol=5e-3)
    for anchored, chance, more in ((10, 0.5, None), (4, 1 / 3, 0.5)):
        asked = {"odd_one_out_3": 10 - anchored, "anchored_3": anchored}
        tree = observers.tree.copy()
        tree.attrs["questions"] = json.dumps({"choices": {q: n for q, n in asked.items() if n}})
        table = participants_table(Posterior(tree)).set_index("participant")
        assert table.loc["a", "agreement"] == pytest.approx(chance)
        assert ("agreement_anchored" in table) == (more is not None)
        if more is not None:
            assert table.loc["a", "agreement_anchored"] == pytest.approx(more)


def test_attention_checks_are_counted(posterior: Posterior) -> None:
    """Only checks with a known right answer, of people whom the posterior knows."""
    rows = [("a", "catch", "true"), ("a", "catch", "false"), ("a", "main", None)]
    rows += [("b", "catch", "true"), ("b", "catch", None), ("new", "catch", "true")]
    people, types, correct = map(list, zip(*rows, strict=True))
    items = {f"item_{place + 1}": [place] * 6 for place in range(3)}
    made = {"participant": people, "trial_type": types, "correct": correct, "chosen": [3] * 6}
    choices = choices_table(items | made, posterior.ids)
    table = participants_table(posterior, choices=choices).set_index("participant")
    assert table["checks"].to_dict() == {"a": 2, "b": 1, "c": 0, "d": 0}
    assert table["passed"].to_dict() == {"a": 1, "b": 1, "c": 0, "d": 0}
    assert "checks" not in participants_table(posterior)
