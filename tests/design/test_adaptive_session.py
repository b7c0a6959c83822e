"""Adaptive sessions: whole, and growing block by block without touching what was judged."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import (
    AnswerDraws,
    adaptive_blocks,
    adaptive_trial_list,
    with_adaptive_block,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, TwoalikeError
from twoalike.tables import STIMULI

Objects = Callable[[int, int, int], StimulusSet]
CONFIG = DesignConfig(
    sampler="adaptive",
    trials=60,
    practice=2,
    catch=3,
    repeats=4,
    catch_sides=[1, 2, 0],
    trials_per_block=23,
)


def draws_of(m: int, seed: int = 0) -> AnswerDraws:
    """Choice probabilities under 40 draws of a vague posterior."""
    x = np.abs(np.random.default_rng(seed).normal(size=(40, m, 3)))

    def choices(triplets: np.ndarray) -> np.ndarray:
        a, b, c = (x[:, triplets[:, item]] for item in range(3))
        odd = np.stack([(b * c).sum(-1), (a * c).sum(-1), (a * b).sum(-1)], axis=-1)
        return np.exp(odd) / np.exp(odd).sum(-1, keepdims=True)

    return choices


def triplets(table: pd.DataFrame) -> list[tuple[str, ...]]:
    return [tuple(sorted(row)) for row in table[list(STIMULI)].to_numpy().tolist()]


@settings(deadline=None, max_examples=25)
@given(
    st.integers(20, 60),
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 2),
    st.integers(14, 70),
    st.integers(0, 99),
)
def test_blocks_add_up_to_the_session(
    objects: Objects, trials: int, practice: int, catch: int, repeats: int, size: int, seed: int
) -> None:
    stimuli = objects(2, 3, 2)
    # A repeat comes ten trials after its first showing: a short block has no room for one.
    n_blocks = -(-(trials + catch + repeats) // size)
    repeats = repeats if trials // n_blocks > 12 else 0
    config = DesignConfig(
        sampler="adaptive",
        trials=trials,
        practice=practice,
        catch=catch,
        repeats=repeats,
        trials_per_block=size,
    )
    table = None
    for block in adaptive_blocks(config):
        before = table
        choices = None if before is None else draws_of(12, block)
        rng = np.random.default_rng([seed, block])
        table = with_adaptive_block(stimuli, config, before, block, choices, rng)
        assert table["block_index"].iloc[-1] == block
        if before is not None:
            assert table.iloc[: len(before)].equals(before)
            rng = np.random.default_rng([seed, block])
            again = with_adaptive_block(stimuli, config, table, block, choices, rng)
            assert again.equals(table)
    assert table is not None
    asked = {"practice": practice, "main": trials, "catch": catch, "repeat": repeats}
    assert table["trial_type"].value_counts().to_dict() == {k: n for k, n in asked.items() if n}
    assert table["trial_index"].tolist() == list(range(1, len(table) + 1))
    assert sorted(set(table["block_index"])) == list(range(1, table["block_index"].max() + 1))
    once = triplets(table[~table["trial_type"].isin(["repeat", "practice"])])
    assert len(once) == len(set(once))
    for row in table[table["trial_type"] == "repeat"].to_dict("records"):
        shown = table.iloc[int(row["repeat_of"]) - 1]
        assert [row[name] for name in STIMULI] == shown[list(STIMULI)].tolist()
    sizes = table[table["trial_type"] != "practice"]["block_index"].value_counts()
    assert sizes.max() <= size + 2


def test_sides_of_checks_add_up(objects: Objects) -> None:
    stimuli = objects(3, 3, 2)
    table = None
    for block in adaptive_blocks(CONFIG):
        rng = np.random.default_rng(block)
        table = with_adaptive_block(stimuli, CONFIG, table, block, None, rng)
    assert table is not None
    checks = table[table["trial_type"] == "catch"]
    at = [row[f"position_{int(row['expected_odd'])}"] for row in checks.to_dict("records")]
    assert sorted(at) == ["left", "middle", "middle"]


def test_blocks_that_cannot_be(objects: Objects, rng: np.random.Generator) -> None:
    stimuli = objects(3, 3, 2)
    assert list(adaptive_blocks(CONFIG)) == [2, 3, 4]
    first = with_adaptive_block(stimuli, CONFIG, None, 2, None, rng)
    for table, block, expected in (
        (None, 1, "has the blocks 2 to 4"),
        (None, 5, "has the blocks 2 to 4"),
        (None, 3, "has no block 2 yet"),
        (first, 4, "has no block 3 yet"),
    ):
        with pytest.raises(TwoalikeError, match=expected):
            with_adaptive_block(stimuli, CONFIG, table, block, None, rng)
    planned = CONFIG.model_copy(update={"plan": ["main 60"]})
    with pytest.raises(TwoalikeError, match="cannot follow design.plan"):
        with_adaptive_block(stimuli, planned, None, 2, None, rng)
    used_up = CONFIG.model_copy(update={"trials": 800})
    early = adaptive_trial_list(stimuli, CONFIG, draws_of(18), rng)
    with pytest.raises(TwoalikeError, match="fresh triplets"):
        adaptive_trial_list(stimuli, used_up, draws_of(18), rng, before=[early])
