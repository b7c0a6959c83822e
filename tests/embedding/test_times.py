"""Response times as information: their density, when they are kept, and what they then add."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import lognorm

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.embedding import FitConfig, build_model, fit_embedding
from twoalike.embedding._fit import with_times
from twoalike.embedding._model import Data, Form
from twoalike.embedding._pilot import Pilot, Trial
from twoalike.embedding._posterior import plan_lines
from twoalike.embedding._times import Clocks, response_times
from twoalike.judgments import choices_table
from twoalike.study import TwoalikeError

P, M, EACH = 6, 16, 150


def simulated(slope: float, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """Similarities, and judgments whose times fall with the gap of the two best answers."""
    rng = np.random.default_rng(seed)
    x = rng.gamma(1.0, 1.4, (M, 3)) * (rng.random((M, 3)) < 0.6)
    shown, judge = random_triplets(M, P * EACH, rng), np.repeat(np.arange(P), EACH)
    pairs = pair_similarities(x @ x.T, shown)
    logs = np.stack(log_choice(pairs), axis=1)
    ranked = np.sort(np.stack(pairs, axis=1), axis=1)
    half = np.maximum((ranked[:, 2] - ranked[:, 1]) / 2, 1e-6)
    times = 0.3 + np.exp(slope * np.log(np.tanh(half) / half) + 0.2 * rng.normal(size=len(half)))
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)}
    columns |= {"participant": [f"p{k}" for k in judge], "response_time": times.astype(np.float32)}
    return x, choices_table(columns, [f"object_{k:02d}" for k in range(M)])


@pytest.fixture(scope="module")
def choices() -> pd.DataFrame:
    return simulated(1.0)[1]


@pytest.mark.parametrize("xp", [np, jnp])
def test_density_is_the_shifted_log_normal(xp: Any) -> None:
    rng = np.random.default_rng(1)
    sides, judge = rng.normal(size=(4, 20)), rng.integers(0, 3, 20)
    clocks = Clocks(
        *np.array([[0.1, 0.2, 0.0], [0.3, 0.0, -0.2], [1.0, 0.4, 0.0], [0.3, 0.5, 0.7]])
    )
    times = rng.uniform(0.5, 4.0, 20)
    times[3] = np.nan
    given = [xp.asarray(one) for one in sides]
    got = Clocks(*(xp.asarray(v) for v in vars(clocks).values())).log_density(
        given, xp.asarray(times), judge, xp
    )
    for n in range(20):
        options = sorted(sides[:, n])
        half, who = (options[-1] - options[-2]) / 2, judge[n]
        mean = clocks.location[who] + clocks.slope[who] * np.log(np.tanh(half) / half)
        law = lognorm(s=clocks.noise[who], scale=np.exp(mean), loc=clocks.shift[who])
        assert got[n] == pytest.approx(0.0 if n == 3 else law.logpdf(times[n]), abs=2e-4)


def test_unknown_times_are_left_out(choices: pd.DataFrame) -> None:
    table = choices.head(3).copy()
    table["response_time"] = np.array([1.5, np.nan, -1.0], dtype=np.float32)
    assert_allclose(response_times(table), [1.5, np.nan, np.nan])
    table["response_time"] = np.float32(np.nan)
    with pytest.raises(TwoalikeError, match="judgments with response times, found none among 3"):
        response_times(table)


def test_times_need_a_pilot(choices: pd.DataFrame) -> None:
    data, nobody = Data.from_tables({"choices": choices}), Data((), ("p",), ())
    for config, table, says in (
        ({"quick": True}, choices, "found `quick"),
        ({}, None, "found 0 choices"),
    ):
        settings = FitConfig.model_validate({"response_times": True} | config)
        with pytest.raises(TwoalikeError, match=says):
            with_times(data if table is not None else nobody, table, settings)
    assert not with_times(data, choices, FitConfig()).choices.timed


def test_times_that_tell_are_kept_and_make_the_fit_better(choices: pd.DataFrame) -> None:
    x, _ = simulated(1.0)
    config = FitConfig(
        engine="vi", similarity="dot", dimensions=3, steps=400, draws=20, chains=2, people="noise"
    )
    without = fit_embedding(choices, config=config)
    found = fit_embedding(choices, config=config.model_copy(update={"response_times": True}))
    tried = found.attrs["pilot"]["response_times"]
    assert tried["kept"]
    assert tried["gain"] > 2 * tried["gain_se"]
    slope = found.tree["posterior"]["time_slope"]
    assert slope.dims == ("chain", "draw", "participant")
    assert 0.3 < float(slope.mean()) < 1.2  # 400 steps, and observers are held for 240 of them
    assert "time_slope" not in without.tree["posterior"]
    upper = np.triu_indices(M, 1)
    near = [
        np.corrcoef(one.similarity()[upper], (x @ x.T)[upper])[0, 1] for one in (found, without)
    ]
    assert near[0] > near[1]


@pytest.mark.slow
def test_times_that_tell_nothing_are_dropped() -> None:
    table = simulated(1.0)[1]
    rng = np.random.default_rng(3)
    table["response_time"] = rng.permutation(table["response_time"].to_numpy())
    config = FitConfig(
        engine="vi",
        similarity="dot",
        dimensions=3,
        steps=200,
        draws=10,
        chains=1,
        people="noise",
        response_times=True,
    )
    posterior = fit_embedding(table, config=config)
    assert not posterior.attrs["pilot"]["response_times"]["kept"]
    assert "time_slope" not in posterior.tree["posterior"]


def test_the_pilot_decides_by_two_standard_errors() -> None:
    losses = np.random.default_rng(0).gamma(2.0, 0.5, 100)
    base = Trial("dot", losses, 3)
    alike = Trial("dot", losses - np.linspace(-0.1, 0.11, 100), 3)
    assert Pilot((base,), 4, timed=Trial("dot", losses - 0.1, 3)).keeps_times
    found = Pilot((base,), 4, timed=alike)
    assert not found.keeps_times
    said = plan_lines({"pilot": found.described()})[-1]
    assert "not used" in said
    assert "too little to be sure" in said


@pytest.mark.slow
def test_nuts_and_build_model_take_times(choices: pd.DataFrame) -> None:
    data = Data.from_tables({"choices": choices})
    data = data.with_choices(data.choices.with_times(response_times(choices)))
    model = Form(2, "softplus").model(data)
    assert {"time_share", "time_slope_mean"} <= {v.name for v in model.free_RVs}
    assert np.isfinite(model.compile_logp()(model.initial_point()))
    settings: dict[str, Any] = {"dimensions": 2, "response_times": True}
    model = build_model(choices, **settings)
    assert "time_slope_mean" in {one.name for one in model.free_RVs}
    assert np.isfinite(model.compile_logp()(model.initial_point()))
