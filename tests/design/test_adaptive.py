"""Adaptive triplets: what a block promises, and sessions that grow by blocks."""

from collections.abc import Callable
from itertools import combinations
from math import ceil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.choice import log_choice, pair_similarities
from twoalike.design import (
    AnswerDraws,
    ScoredTrials,
    TrialForm,
    adaptive_blocks,
    adaptive_trials,
    expected_information,
    with_adaptive_block,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, TwoalikeError
from twoalike.tables import STIMULI


def choice_draws(x: np.ndarray) -> AnswerDraws:
    """Choice probabilities under draws of an embedding, shape (S, m, D)."""
    matrices = x @ x.transpose(0, 2, 1)

    def probabilities(triplets: np.ndarray) -> np.ndarray:
        return np.exp(np.stack(log_choice(pair_similarities(matrices, triplets)), axis=-1))

    return probabilities


@pytest.mark.parametrize("seed", range(5))
def test_no_object_is_over_used(seed: int) -> None:
    m, n, rng = 20, 60, np.random.default_rng(seed)
    x = np.abs(rng.standard_normal((40, m, 3)))
    x[:, 3:] = x[0, 3:]  # all that is unknown is known to be three objects
    shown = np.array(list(combinations(range(8), 3)))[rng.permutation(56)[:30]]
    block = adaptive_trials(
        choice_draws(x), m, n, rng=rng, random_share=0.0, shown=shown, candidates=200
    )
    cap = ceil(1.5 * 3 * (len(shown) + n) / m)
    before = np.bincount(shown.ravel(), minlength=m)
    after = before + np.bincount(block.trials.ravel(), minlength=m)
    assert (after <= np.maximum(cap, before)).all()
    assert after[:3].min() == cap  # and the unknown ones are used as far as allowed


def test_triplets_that_tell_the_same_are_not_all_asked() -> None:
    m, rng = 9, np.random.default_rng(0)
    x = np.tile(rng.gamma(1.0, 1.0, size=(m, 3)), (60, 1, 1))
    x[:30, 0] += [1.5, 0, 0]  # one doubt, which shows in every triplet of object 0 ...
    x[:, 8] += 0.4 * rng.standard_normal((60, 3))  # ... and a smaller one about object 8
    block = adaptive_trials(choice_draws(x), m, 6, rng=rng, random_share=0.0)
    best = np.sort(expected_information(choice_draws(x)(np.array(list(combinations(range(9), 3))))))
    assert (block.trials == 8).any(axis=1).sum() >= 2
    assert block.score.sum() < best[-6:].sum()


def test_objects_shown_too_rarely_come_first_into_the_random_share() -> None:
    judged = np.where(np.isin(np.arange(20), [3, 11, 17]), 10, 30)
    rng = np.random.default_rng(0)
    block = adaptive_trials(draws_of(20), 20, 20, rng=rng, candidates=400, judged=judged)
    assert {3, 11, 17} <= set(block.trials[block.is_random].ravel().tolist())


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


def scored_of(m: int, seed: int = 0) -> ScoredTrials:
    return ScoredTrials.of(draws_of(m, seed), m, TrialForm(), np.random.default_rng(seed))


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
        choices = None if before is None else scored_of(12, block)
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
    scored = scored_of(18)
    early = with_adaptive_block(stimuli, CONFIG, None, None, scored, rng)
    with pytest.raises(TwoalikeError, match="fresh triplets"):
        with_adaptive_block(stimuli, used_up, None, None, scored, rng, before=[early])
