"""Dissimilarities in the model: density, minibatches, recovery, commands."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.stats import multivariate_normal, spearmanr
from tests.chosen import judged_logs

from twoalike.embedding import FitConfig, fit_embedding
from twoalike.embedding._dissimilarities import Dissimilarities
from twoalike.embedding._model import Data, Form
from twoalike.embedding._priors import KERNELS
from twoalike.embedding._vi import Family, _loss, columns_of, jax_density, rows_a_step
from twoalike.judgments import dissimilarities_table
from twoalike.study import TwoalikeError

UPPER = np.triu_indices(7, 1)
DESIGNS = {
    "complete": np.ones(21, dtype=bool),
    "again": np.ones(21, dtype=bool),
    "gaps": np.arange(21) % 3 > 0,
    "two groups of objects": (UPPER[0] < 3) == (UPPER[1] < 3),
    "sides": (UPPER[0] < 2) & (UPPER[1] > 3),  # no triangle: objects split in two sides
    "chain": UPPER[1] == UPPER[0] + 1,  # fewer pairs than objects
}
"""Which of the pairs of seven objects a source judged."""


def table_of(designs: dict[str, np.ndarray], rng: np.random.Generator) -> pd.DataFrame:
    rows = [(who, pair) for who, kept in designs.items() for pair in np.flatnonzero(kept)]
    people, pairs = zip(*rows, strict=True)
    first, second = (side[list(pairs)] for side in UPPER)
    flip = rng.random(len(rows)) < 0.5
    return dissimilarities_table(
        {
            "participant": list(people),
            "item_a": np.where(flip, first, second),
            "item_b": np.where(flip, second, first),
            "dissimilarity": rng.uniform(0, 5, len(rows)),
        },
        [f"o{k}" for k in range(7)],
    )


def brute_force(
    rated: np.ndarray, s: np.ndarray, incidence: np.ndarray, object_noise: float, pair_noise: float
) -> float:
    """Density of contrasts of the pairs, which know no intercept; the constants taken off."""
    z, s = ((values - values.mean()) / values.std() for values in (rated, s))
    slope2 = 1 / (1 + 2 * object_noise**2 + pair_noise**2)
    n = len(z)
    covariance = slope2 * (pair_noise**2 * np.eye(n) + object_noise**2 * incidence @ incidence.T)
    contrasts = null_space(np.ones((1, n)))
    density = multivariate_normal(np.zeros(n - 1), contrasts.T @ covariance @ contrasts)
    constant = (n - 1) / 2 * np.log(2 * np.pi) - np.log(n) / 2
    return float(density.logpdf(contrasts.T @ (z + np.sqrt(slope2) * s)) + constant)


def own_log_likelihoods(
    data: Dissimilarities, x: np.ndarray, noises: np.ndarray, similarity: str
) -> np.ndarray:
    """Log-density of each source, in the order of the labels."""
    values = np.empty(len(data.sources))
    logs = judged_logs(data, x, *noises, similarity=similarity)
    for group, found in zip(data.groups, logs, strict=True):
        values[group.source] = found
    return values


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_density_is_the_normal_with_effects_and_intercept_integrated_out(
    similarity: str, rng: np.random.Generator
) -> None:
    table = table_of(DESIGNS, rng)
    data = Dissimilarities.from_table(table)
    x, noises = rng.gamma(1.0, 1.0, (7, 3)), rng.uniform(0.2, 2.0, (2, len(DESIGNS)))
    found = own_log_likelihoods(data, x, noises, similarity)
    s = KERNELS[similarity].matrix(x, x)
    for place, label in enumerate(data.sources):
        rows = table[table["participant"] == label]
        pairs = np.stack([rows[item].cat.codes for item in ("item_a", "item_b")], axis=1)
        incidence = np.zeros((len(rows), 7))
        incidence[np.arange(len(rows))[:, None], pairs] = 1
        expected = brute_force(
            rows["dissimilarity"].to_numpy(), s[*pairs.T], incidence, *noises[:, place]
        )
        # The arrays are of single precision.
        assert_allclose(found[place], expected, rtol=1e-6, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
def test_minibatches_of_sources_are_right_on_average(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax

    monkeypatch.setattr(Dissimilarities, "at_once", 2 * 49)
    data = Data.from_tables({"dissimilarities": table_of(DESIGNS, rng)})
    assert rows_a_step(data) == [2]
    form = Form(3, "softplus")
    with jax.enable_x64(False):
        density = jax_density(data, form, [form.start(len(data.ids), rng)])
        family, columns = Family.of(density), columns_of(data)
        q = family.begin(density.starts[0])
        noise = family.noise(q, jax.random.key(0))
        whole, part = (jax.jit(_loss(family, data, sizes)) for sizes in ([len(DESIGNS)], [2]))
        keys = jax.random.split(jax.random.key(1), 400)
        parts = [float(part(q, noise, key, 1.0, columns)) for key in keys]
        error = np.std(parts) / np.sqrt(len(parts))
        known = float(whole(q, noise, keys[0], 1.0, columns))
    assert error > 0 and abs(np.mean(parts) - known) < 4 * error


def rdms(world: Any, rng: np.random.Generator, people: int = 2) -> pd.DataFrame:
    """Errors shared by the pairs of an object, and noise of each pair."""
    first, second = np.triu_indices(len(world.ids), 1)
    s = (world.embedding[first] * world.embedding[second]).sum(axis=1)
    parts = []
    for person in range(people):
        effects = 0.5 * s.std() * rng.standard_normal(len(world.ids))
        noise = 0.4 * s.std() * rng.standard_normal(len(s))
        given = 50 - s + effects[first] + effects[second] + noise
        columns = {"item_a": first, "item_b": second, "dissimilarity": given}
        parts.append(pd.DataFrame(columns | {"participant": f"rater_{person}"}))
    table = pd.concat(parts)
    return dissimilarities_table({name: table[name].to_numpy() for name in table}, world.ids)


def standardised_pairs(x: np.ndarray) -> np.ndarray:
    """Similarities of all pairs with mean 0 and variance 1, of each draw, shape (S, P)."""
    s = (x @ x.swapaxes(-1, -2))[..., *np.triu_indices(x.shape[-2], 1)]
    return (s - s.mean(axis=-1, keepdims=True)) / s.std(axis=-1, keepdims=True)


@pytest.mark.slow
def test_similarities_are_recovered(world: Any) -> None:
    table = rdms(world, np.random.default_rng(5))
    config = FitConfig(quick=True, engine="nuts", tune=120, draws=80, chains=2, dimensions=3)
    posterior = fit_embedding(None, dissimilarities=table, config=config)
    draws, truth = standardised_pairs(posterior.embedding), standardised_pairs(world.embedding)
    assert spearmanr(draws.mean(axis=0), truth)[0] > 0.9
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    assert ((low <= truth) & (truth <= high)).mean() > 0.75
    noise = posterior.tree["posterior"].dataset.mean(("chain", "draw"))
    assert noise.coords["source"].values.tolist() == ["rater_0", "rater_1"]
    assert_allclose(noise["object_noise"], 0.5, atol=0.2)
    assert_allclose(noise["pair_noise"], 0.4, atol=0.12)
    known = posterior.tree["constant_data"]
    assert known["pairs"].values.tolist() == [435, 435]
    assert known["compared"].values.tolist() == [58] * 30


def test_nothing_to_learn_is_said_before_the_fit(world: Any) -> None:
    table = rdms(world, np.random.default_rng(7), people=1)
    with pytest.raises(TwoalikeError, match="expected 3 pairs or more, found 1 pair"):
        fit_embedding(None, dissimilarities=table.iloc[:1])
    with pytest.raises(TwoalikeError, match="have the value 2"):
        fit_embedding(None, dissimilarities=table.assign(dissimilarity=2.0))
    with pytest.raises(TwoalikeError, match="found none of them"):
        fit_embedding(None)
