"""Ratings and sortings in the model: known answers, recovery, checks, commands."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from tests import rated
from tests.chosen import answered, chosen_table, judged_logs

from twoalike.embedding import FitConfig, Posterior, build_model, fit_embedding
from twoalike.embedding._priors import KERNELS
from twoalike.embedding._ratings import FAR, RATING_LEVELS, Ratings, slider_levels
from twoalike.embedding._sortings import SortingGroup, Sortings, before, log_decisions
from twoalike.judgments import ratings_table
from twoalike.study import TwoalikeError

M, D = 12, 3
IDS = [f"o{k:02d}" for k in range(M)]
UPPER = np.triu_indices(M, 1)


def truth(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Embedding, and similarities in standard deviations."""
    x = np.where(rng.random((M, D)) < 0.6, rng.gamma(2.0, 1.0, (M, D)), 0.05)
    return x, rated.standard(x)


def rate(s: np.ndarray, people: int, rng: np.random.Generator, *, slider: bool) -> pd.DataFrame:
    """Ratings of all pairs by each person."""
    n = len(UPPER[0])
    felt = s[UPPER] + 0.3 * rng.logistic(size=(people, n))
    level = 1 + (felt[..., None] > np.array([-1.0, -0.4, 0.1, 0.9])).sum(axis=-1)
    columns = {
        "participant": np.repeat([f"p{k}" for k in range(people)], n),
        "item_a": np.tile(UPPER[0], people),
        "item_b": np.tile(UPPER[1], people),
        "rating": (expit(felt) ** 2 if slider else level).ravel(),
        "scale_points": np.full(people * n, np.nan if slider else 5),
    }
    return ratings_table(columns, IDS)


def sort(s: np.ndarray, people: int, trials: int, rng: np.random.Generator) -> pd.DataFrame:
    """Sortings of nine objects."""
    return rated.sort(s, IDS, rng, people=people, trials=trials, size=9, threshold=0.5)


def choose(x: np.ndarray, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Odd-one-out choices of one person."""
    items = np.stack([rng.permutation(M)[:3] for _ in range(n)])
    return chosen_table(items, answered(x, items, rng), IDS, participant=["p0"] * n)


def recovered(posterior: Posterior, x: np.ndarray) -> float:
    """Correlation of the posterior mean of the similarity of all pairs with the truth."""
    rows = [posterior.ids.index(name) for name in IDS]
    kernel = KERNELS[str(posterior.attrs["similarity"])]
    draws = [kernel.matrix(one[rows], one[rows])[UPPER] for one in posterior.embedding]
    z = [(draw - draw.mean()) / draw.std() for draw in draws]
    return float(np.corrcoef(np.mean(z, axis=0), (x @ x.T)[UPPER])[0, 1])


def test_slider_is_cut_at_the_raters_own_quantiles(rng: np.random.Generator) -> None:
    rating = rng.random(200)
    low, high = slider_levels(rating)
    assert set(high - low) == {1}
    assert np.bincount(low).tolist() == [20] * RATING_LEVELS
    assert_allclose(slider_levels(rating**3), (low, high))  # a bent slider
    tied = np.where(rating < 0.45, 0.0, rating)
    low, high = slider_levels(tied)
    share = (tied == 0).mean()
    assert set(low[tied == 0]) == {0} and set(high[tied == 0]) == {round(10 * share)}
    spans = sorted(set(zip(low.tolist(), high.tolist(), strict=True)))
    assert spans[0][0] == 0 and spans[-1][1] == RATING_LEVELS  # they part the whole scale
    assert all(one[1] == other[0] for one, other in zip(spans, spans[1:], strict=False))
    assert slider_levels(np.full(5, 0.5))[1].tolist() == [RATING_LEVELS] * 5


def test_numbers_of_priors_of_kinds_can_be_set(rng: np.random.Generator) -> None:
    table = rate(truth(rng)[1], 2, rng, slider=False)
    wanted = {"ratings.noise.typical": 5.0, "ratings.noise.location_sd": 0.1}
    model = build_model(ratings=table, dimensions=2, hyperparameters=wanted)
    assert np.median(pm.draw(model["rating_noise"], 50, random_seed=1)) > 2  # instead of .5
    with pytest.raises(TwoalikeError, match=r"ratings.noise.typical=0.5, .* found 'ratings.noise"):
        build_model(ratings=table, hyperparameters="ratings.noise=2")


@pytest.mark.parametrize("similarity", ["dot", "distance"])
@pytest.mark.parametrize("weighed", [False, True])
def test_probability_of_a_rating_is_that_of_the_graded_response_model(
    similarity: str, weighed: bool, rng: np.random.Generator
) -> None:
    x = truth(rng)[0]
    table = pd.concat([rate(truth(rng)[1], 2, rng, slider=False)])
    data = Ratings.from_table(table, IDS)
    (group,) = data.groups
    noise, log_weight = np.array([0.4, 1.1]), rng.normal(size=(2, D)) if weighed else None
    cuts = np.sort(rng.normal(size=(2, 4)), axis=1)
    ends = np.full((2, 1), FAR)
    thresholds = np.concatenate([-ends, cuts, ends], axis=1)
    form: Any = {"similarity": similarity, "log_weight": log_weight}

    def logs(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        own = replace(data, groups=(replace(group, low=low, high=high),))
        return judged_logs(own, x, noise, thresholds, **form)[0]

    expected = np.empty(group.size)
    for rater in range(2):
        seen = x if log_weight is None else x * np.exp(log_weight[rater] / 2)
        rows = np.flatnonzero(group.rater == rater)
        left, right = (seen[group.items[rows, side]] for side in (0, 1))
        s = KERNELS[similarity].rows(left, right)
        s = (s - s.mean()) / s.std()
        p = expit((np.concatenate([[-np.inf], cuts[rater], [np.inf]]) - s[:, None]) / noise[rater])
        expected[rows] = np.log(
            p[np.arange(len(s)), group.high[rows]] - p[np.arange(len(s)), group.low[rows]]
        )
    assert_allclose(logs(group.low, group.high), expected, rtol=1e-5)
    each = [np.exp(logs(np.full(group.size, k), np.full(group.size, k + 1))) for k in range(5)]
    assert_allclose(np.sum(each, axis=0), 1, rtol=1e-6)


def partitions(k: int) -> list[tuple[int, ...]]:
    """All partitions of k objects, piles numbered in order of appearance."""
    found = [(0,)]
    for _ in range(k - 1):
        found = [(*one, new) for one in found for new in range(max(one) + 2)]
    return found


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_probabilities_of_all_partitions_sum_to_one(
    similarity: str, rng: np.random.Generator
) -> None:
    x, ways = truth(rng)[0], partitions(4)
    assert len(ways) == 15
    rows = len(ways)
    pile = np.pad(np.array(ways, dtype=np.int32), ((0, 0), (0, 1)))  # one object of padding
    shown = np.pad(np.ones((rows, 4), np.float32), ((0, 0), (0, 1)))
    items = np.tile(np.array([5, 2, 7, 1, 0], dtype=np.int32), (rows, 1))
    noise, threshold = np.array([0.4]), np.array([0.3])
    reference = np.stack(UPPER, axis=1)
    group = SortingGroup(items, pile, shown, np.zeros(rows, dtype=np.int32))
    data = Sortings(groups=(group,), people=("p",), ids=tuple(IDS), reference=reference)
    (half,) = judged_logs(data, x, noise, threshold, similarity=similarity)
    s = KERNELS[similarity].matrix(x, x)
    s = (s - s[UPPER].mean()) / s[UPPER].std()
    seen = s[items[:, :, None], items[:, None, :]], 0.3, 0.4
    logs = log_decisions(seen, pile, shown, before(5), np)
    assert_allclose(np.exp(logs.sum(axis=1)).sum(), 1, rtol=1e-5)
    assert (logs[:, [0, 4]] == 0).all()
    own = ways.index((0, 0, 1, 1))  # objects 5 and 2 share a pile, 7 and then 1 join it or not
    gain = np.exp(np.array([(s[1, 5] + s[1, 2]) / 2, s[1, 7], 0.3]) / 0.4)
    assert_allclose(np.exp(logs[own, 3]), gain[1] / gain.sum(), rtol=1e-4)
    assert_allclose(2 * half[:, 3], logs[:, 3], rtol=1e-4, atol=1e-5)  # the last knows all others
    gain = np.exp(np.array([s[5, 2], (s[5, 7] + s[5, 1]) / 2, 0.3]) / 0.4)
    assert_allclose(np.exp(2 * half[own, 0]), gain[0] / gain.sum(), rtol=1e-4)


def test_bias_of_the_first_object_of_a_pair_is_recovered(rng: np.random.Generator) -> None:
    s, bias = truth(rng)[1], rng.normal(0, 0.5, M)
    s = s + bias[:, None] - bias
    back = rate(s.T, 3, rng, slider=False).rename(columns={"item_a": "item_b", "item_b": "item_a"})
    ratings = pd.concat([rate(s, 3, rng, slider=False), back], ignore_index=True)
    small: Any = {"engine": "vi", "quick": True, "steps": 600, "chains": 1, "dimensions": 4}
    config = FitConfig(hyperparameters=("ratings.order_spread=0.5",), **small)
    found = fit_embedding(ratings=ratings, config=config)
    order = found.drawn("rating_order").mean(axis=0)[[found.ids.index(name) for name in IDS]]
    assert np.corrcoef(order, bias - bias.mean())[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("ratings",), ("sortings",), ("ratings", "sortings", "choices")])
def test_the_space_is_recovered(kinds: tuple[str, ...], rng: np.random.Generator) -> None:
    x, s = truth(rng)
    tables: dict[str, Any] = {
        "ratings": rate(s, 4, rng, slider=False),
        "sortings": sort(s, 8, 4, rng),
        "choices": choose(x, 300, rng),
    }
    small: Any = {"draws": 150, "tune": 200, "dimensions": 4, "chains": 1}
    config = FitConfig(quick=True, engine="nuts", **small)
    found = fit_embedding(**{kind: tables[kind] for kind in kinds}, config=config)
    # Piles tell little of how unlike two objects are that never share one: r was .82 to .90 in two
    # worlds, and no higher (.90) with six times as many sortings.
    assert recovered(found, x) > (0.75 if kinds == ("sortings",) else 0.9)
