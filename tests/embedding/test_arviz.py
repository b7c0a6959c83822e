"""What ArviZ and its plots make of a posterior and its judgments."""

from pathlib import Path
from typing import Any

import arviz as az
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from twoalike.choice import log_choice
from twoalike.embedding import Posterior, check, inference_data
from twoalike.embedding._draws import pack_tree
from twoalike.embedding._model import Data
from twoalike.embedding._nuts import _chain

mpl.use("Agg")
N = 80


@pytest.fixture
def choices(world: Any) -> pd.DataFrame:
    table = pd.concat([world.judge(60, 1), world.judge(20, 2, kind="anchored")], ignore_index=True)
    table["trial_type"] = ["practice"] * 5 + ["main"] * (N - 5)
    return table


@pytest.fixture
def fitted(world: Any, choices: pd.DataFrame, rng: np.random.Generator) -> Posterior:
    """Two chains of 30 draws around the truth, with the statistics of nuts as it gives them."""

    def around(values: np.ndarray) -> np.ndarray:
        return values * np.exp(0.05 * rng.standard_normal((2, 30, *values.shape)))

    draws = {name: around(getattr(world, name)) for name in ("embedding", "temperature", "lapse")}
    stats = {"logp": rng.standard_normal((2, 30)), "diverging": np.zeros((2, 30))}
    stats["energy"] = rng.standard_normal((2, 30))
    stats["diverging"][1, 3] = 1.0
    return Posterior(
        pack_tree(Data.from_tables({"choices": choices}), draws, stats, {"engine": "nuts"})
    )


def test_statistics_have_labels_and_divergences_are_bool(fitted: Posterior, tmp_path: Path) -> None:
    fitted.save(tmp_path / "p.nc")
    for tree in (fitted.tree, Posterior.load(tmp_path / "p.nc").tree):
        stats = tree["sample_stats"].dataset
        assert stats["diverging"].dtype == bool
        assert stats["diverging"].values.sum() == 1
        for group in ("posterior", "log_prior"):
            for axis in ("chain", "draw"):
                assert stats.indexes[axis].equals(tree[group].dataset.indexes[axis])
    opened = az.from_netcdf(tmp_path / "p.nc")
    assert opened["sample_stats"]["diverging"].dtype == bool
    assert opened["posterior"]["embedding"].dims == ("chain", "draw", "object", "dimension")
    assert opened["posterior"]["embedding"].dtype == np.float32
    opened.close()


def test_likelihood_is_the_definition(fitted: Posterior, choices: pd.DataFrame) -> None:
    tree = inference_data(fitted, choices, draws=10)
    found = tree["log_likelihood"]["choices"]
    assert found.sizes == {"chain": 2, "draw": 5, "judgment": N - 5}
    assert found["judgment"].values.tolist() == list(range(5, N))
    ids, people = list(fitted.ids), list(fitted.participants)
    drawn = tree["posterior"].dataset
    assert_allclose(drawn["draw"], found["draw"])
    for row in (5, 30, 79):
        judgment, one = choices.loc[row], {"chain": 1, "draw": 2}
        x = drawn["embedding"].isel(one).values
        i, j, k = (x[ids.index(judgment[f"item_{n}"])] for n in (1, 2, 3))
        person = people.index(judgment["participant"])
        noise, guess = (drawn[name].isel(one).values[person] for name in ("temperature", "lapse"))
        logs = log_choice(
            (i @ j, i @ k, j @ k), noise, guess, anchored=judgment["kind"] == "anchored"
        )
        if judgment["kind"] == "anchored":  # chosen is the one that is not the odd one
            logs = (logs[0], logs[2], logs[1])
        expected = logs[judgment["chosen"] - 1]
        assert_allclose(found.isel(one).sel(judgment=row), expected, rtol=1e-4)


def test_simulated_choices_have_the_predicted_frequencies(
    fitted: Posterior, choices: pd.DataFrame
) -> None:
    tree = inference_data(fitted, choices)
    simulated = tree["posterior_predictive"]["choices"].values.reshape(60, -1)
    anchored = choices.loc[5:, "kind"].to_numpy() == "anchored"
    assert set(simulated[:, anchored].ravel()) == {0, 1}
    given = tree["observed_data"]["choices"].values
    assert_allclose(given, choices.loc[5:, "chosen"] - 1 - anchored)
    p = np.exp(tree["log_likelihood"]["choices"].values.reshape(60, -1))
    sd = np.sqrt((p * (1 - p)).mean(axis=0) / 60)
    z = ((simulated == given).mean(axis=0) - p.mean(axis=0)) / sd
    assert abs(z.mean()) < 0.4 and 0.8 < z.std() < 1.2
    again = inference_data(fitted, choices)["posterior_predictive"]
    assert again.identical(tree["posterior_predictive"])
    other = inference_data(fitted, choices, seed=1)["posterior_predictive"]
    assert not other.identical(again)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # few draws
def test_arviz_takes_it(fitted: Posterior, choices: pd.DataFrame) -> None:
    tree = inference_data(fitted, choices)
    loo = az.loo(tree, pointwise=True)
    assert loo.n_data_points == N - 5
    mean = np.log(np.exp(tree["log_likelihood"]["choices"]).mean(("chain", "draw"))).sum()
    assert mean - 5 < loo.elpd < mean
    az.plot_ppc_dist(tree, kind="ecdf", backend="matplotlib")
    az.plot_trace(tree, var_names=["temperature"], backend="matplotlib")
    az.plot_trace(fitted.tree, var_names=["lapse"], backend="matplotlib")
    az.plot_energy(fitted.tree, backend="matplotlib")
    plt.close("all")


def test_a_prior_matters_where_it_moves_with_the_predictions(world: Any) -> None:
    """Power-scaling: a log prior that falls with the scale of the embedding, and one of chance."""
    rng = np.random.default_rng(0)
    scale = np.exp(0.4 * rng.standard_normal((2, 200)))
    draws = {
        name: np.array([[getattr(world, name)] * 200] * 2) for name in ("lapse", "temperature")
    }
    x = world.embedding * (1 + 0.05 * rng.standard_normal((2, 200, *world.embedding.shape)))
    draws["embedding"] = scale[..., None, None] * x
    draws |= {"log_prior_unit": -9 * scale, "log_prior_lapse_offset": rng.standard_normal((2, 200))}
    draws["log_prior_lapse_on"] = rng.standard_normal((2, 200))
    data = Data.from_tables({"choices": world.judge(60, 1)})
    posterior = Posterior(pack_tree(data, draws, {"logp": scale}, {"engine": "nuts"}))
    found = check(posterior)
    assert found.prior_sensitivity["coordinates"] > 2
    assert max(found.prior_sensitivity[part] for part in ("observers", "terms")) < 2
    (said,) = [sentence for sentence in found.advice if "prior of" in sentence]
    assert "prior of coordinates, twice" in said and "another `prior=...`" in said
    counts = posterior.tree["constant_data"].dataset
    posterior.tree["constant_data"] = xr.DataTree(counts.drop_vars("judgments"))
    assert check(posterior).prior_sensitivity["coordinates"] < 2  # choices alone tell the scale


def test_a_divergence_counts_though_its_draw_is_left_out() -> None:
    axes, points = ("chain", "draw", "number"), np.arange(4.0).reshape(1, 4, 1)
    stats = xr.Dataset({"diverging": (axes[:2], [[True, False, False, False]])})
    drawn = xr.Dataset({"unconstrained": (axes, points)})
    tree = xr.DataTree.from_dict({"sample_stats": stats, "posterior": drawn})
    found = _chain(tree, lambda kept: {"x": kept[:, 0]}, 2)
    assert found["x"].tolist() == [1, 3] and found["statistic_diverging"].tolist() == [1, 0]
