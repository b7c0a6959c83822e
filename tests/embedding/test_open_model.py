"""The model with observed judgments: the density of a fit, simulation, likelihoods, extensions."""

from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from twoalike.choice import log_choice
from twoalike.embedding import build_model
from twoalike.embedding._dissimilarities import Dissimilarities, add_dissimilarities
from twoalike.embedding._layouts import Layouts, add_layouts
from twoalike.embedding._model import Data, Form
from twoalike.embedding._parts import PRIORS
from twoalike.judgments import arrangements_table, dissimilarities_table
from twoalike.study import TwoalikeError

QUICK: Any = {"mode": "FAST_COMPILE"}
N = 60


@pytest.fixture
def tables(world: Any, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Judgments of all kinds: odd-one-out and anchored, two sizes of layouts, two RDMs."""
    choices = pd.concat([world.judge(40, 1), world.judge(20, 2, kind="anchored")])
    trials = [("anna", 1, 4), ("anna", 2, 9), ("bert", 1, 4)]
    placed = [
        (who, trial, world.ids[item], *rng.uniform(-0.3, 0.3, 2))
        for who, trial, k in trials
        for item in rng.choice(30, k, replace=False)
    ]
    rated = [
        (who, world.ids[a], world.ids[b], rng.uniform())
        for who in ("carl", "dora")
        for a in range(5)
        for b in range(a)
    ]
    layout_names = ("participant", "trial", "item", "x", "y")
    pair_names = ("participant", "item_a", "item_b", "dissimilarity")
    return {
        "choices": choices,
        "arrangements": arrangements_table(_columns(placed, layout_names), world.ids),
        "dissimilarities": dissimilarities_table(_columns(rated, pair_names), world.ids),
    }


def _columns(rows: list[Any], names: tuple[str, ...]) -> dict[str, list[Any]]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def log_density(model: pm.Model, point: dict[str, np.ndarray]) -> float:
    return float(model.compile_logp(**QUICK)(point))


@pytest.mark.parametrize("prior", PRIORS)
def test_log_density_is_that_of_the_engines(
    tables: dict[str, pd.DataFrame], prior: str, rng: np.random.Generator
) -> None:
    similarity = "distance" if prior == "gaussian" else "dot"
    choices = tables["choices"]
    others = {name: tables[name] for name in ("arrangements", "dissimilarities")}
    model = build_model(choices, **others, prior=prior, similarity=similarity, dimensions=3)
    engines = Form(3, prior, similarity).model(Data.from_tables(choices, **others))
    assert [v.name for v in model.value_vars] == [v.name for v in engines.value_vars]
    assert [v.name for v in model.observed_RVs] == [v.name for v in engines.potentials]
    start = model.initial_point()
    point = {name: v + 0.2 * rng.standard_normal(np.shape(v)) for name, v in start.items()}
    for where in (start, point):
        found = log_density(model, where)
        assert np.isfinite(found)
        assert_allclose(found, log_density(engines, where), rtol=1e-5)


def test_pymc_simulates_and_scores_all_kinds(tables: dict[str, pd.DataFrame]) -> None:
    choices = tables.pop("choices")
    model = build_model(choices, **tables, prior="softplus", dimensions=2)
    names = ["choices", "arrangements_0", "arrangements_1", "dissimilarities_0"]
    with model:
        drawn = pm.sample_prior_predictive(6, random_seed=1, compile_kwargs=QUICK)
        drawn["posterior"] = drawn["prior"]
        again = pm.sample_posterior_predictive(
            drawn, random_seed=1, compile_kwargs=QUICK, progressbar=False
        )
        scored = pm.compute_log_likelihood(drawn, compile_kwargs=QUICK, progressbar=False)
    simulated = again["posterior_predictive"].dataset
    assert set(simulated.data_vars) == set(names)
    assert set(drawn["prior_predictive"].data_vars) == set(names)
    anchored = (choices["kind"] == "anchored").to_numpy()
    answers = simulated["choices"].values.reshape(6, N)
    assert set(answers[:, ~anchored].ravel()) == {0, 1, 2}
    assert set(answers[:, anchored].ravel()) == {1, 2}  # never the reference
    likelihood = scored["log_likelihood"].dataset
    assert likelihood["choices"].dims == ("chain", "draw", "judgment")
    assert likelihood["arrangements_0"].shape == (1, 6, 2)  # one a trial
    assert likelihood["dissimilarities_0"].shape == (1, 6, 2)  # one a source
    assert all(np.isfinite(likelihood[name]).all() for name in names)


def test_likelihood_and_simulation_of_choices_are_the_definition(
    world: Any, rng: np.random.Generator
) -> None:
    choices = world.judge(N, 1)
    model = build_model(choices, prior="softplus", dimensions=3)
    truth = {name: getattr(world, name) for name in ("embedding", "temperature", "lapse")}
    data = Data.from_choices(choices)
    x, noise, guess = world.embedding, world.temperature[data.judge], world.lapse[data.judge]
    first, second, odd = (x[data.items[:, k]] for k in range(3))
    sides = [(a * b).sum(axis=1) for a, b in ((first, second), (first, odd), (second, odd))]
    expected = log_choice((sides[0], sides[1], sides[2]), noise, guess)[2]
    done = pm.do(model, truth)
    logp = done.logp(vars=[done["choices"]], sum=False)[0]
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        assert_allclose(logp.eval(), expected, rtol=1e-6)
        drawn = pm.draw(done["choices"], 2000, random_seed=1)
    given = choices["chosen"].to_numpy() - 1
    assert_allclose((drawn == given).mean(axis=0), np.exp(expected), atol=0.05)


def fixed(model: pm.Model, noises: dict[str, float]) -> pm.Model:
    """Model with the noises of all eighty people set."""
    return pm.do(model, {name: np.full(80, value) for name, value in noises.items()})


@pytest.mark.parametrize(
    ("kind", "truth"),
    [
        ("arrangements", {"arrangement_noise": 0.4}),
        ("dissimilarities", {"object_noise": 0.5, "pair_noise": 1.0}),
    ],
)
def test_simulated_distances_have_the_noise_that_was_set(
    kind: str, truth: dict[str, float], world: Any, rng: np.random.Generator
) -> None:
    """The likelihood finds it again, in eighty trials or sources."""
    ids, people = world.ids[:8], range(80)
    x = rng.gamma(1.0, 1.0, (8, 3))
    with pm.Model(coords={"arranger": people, "source": people}) as model:
        if kind == "arrangements":
            rows = [
                (f"p{who}", 1, item, *rng.uniform(-0.3, 0.3, 2)) for who in people for item in ids
            ]
            placed = _columns(rows, ("participant", "trial", "item", "x", "y"))
            layouts = Layouts.from_arrangements(arrangements_table(placed, ids))
            add_layouts(pt.constant(x), layouts, 3, observed=True)
        else:
            pairs = [
                (f"p{who}", a, b, rng.uniform())
                for who in people
                for a in ids
                for b in ids
                if a < b
            ]
            rated = _columns(pairs, ("participant", "item_a", "item_b", "dissimilarity"))
            data = Dissimilarities.from_table(dissimilarities_table(rated, ids))
            add_dissimilarities(pt.constant(x), data, "dot", observed=True)
    (observed,) = (variable.name for variable in model.observed_RVs)
    drawn = pm.draw(fixed(model, truth)[observed], random_seed=1, mode="FAST_COMPILE")
    assert_allclose(drawn.sum(axis=1), 0, atol=1e-5) if kind == "arrangements" else None

    def density(noises: dict[str, float]) -> float:
        logp = pm.logp(fixed(model, noises)[observed], drawn)
        return float(logp.sum().eval(mode="FAST_COMPILE"))

    best = density(truth)
    for name, value in truth.items():
        for factor in (0.6, 1.6):
            assert density(truth | {name: factor * value}) < best - 2


def test_observers_can_be_replaced(world: Any) -> None:
    age = {f"person_{k}": float(k) for k in range(6)}

    def observers(participants: tuple[str, ...]) -> tuple[Any, Any]:
        slope = pm.Normal("slope", 0, 1)
        years = np.array([age[name] for name in participants])
        temperature = pm.Deterministic("temperature", pm.math.exp(slope * years))
        return temperature, pt.full(len(years), 0.05)

    model = build_model(world.judge(N, 1), prior="softplus", dimensions=2, observers=observers)
    assert {"slope", "temperature"} <= set(model.named_vars)
    assert "lapse_location" not in model.named_vars
    assert np.isfinite(log_density(model, model.initial_point()))


def test_triplets_can_be_exchanged_for_predictions(world: Any) -> None:
    model = build_model(world.judge(N, 1), prior="softplus", dimensions=2)
    with model:
        new = {"items": np.array([[0, 1, 2], [3, 4, 5]]), "judge": np.array([0, 1])}
        pm.set_data(new, coords={"judgment": [0, 1]})
        assert pm.draw(model["choices"], mode="FAST_COMPILE").shape == (2,)


def test_rows_of_the_table_name_the_judgments(world: Any) -> None:
    choices = world.judge(N, 1)
    choices["trial_type"] = ["practice"] * 5 + ["main"] * (N - 5)
    model = build_model(choices, prior="softplus", dimensions=2)
    assert list(model.coords["judgment"]) == list(range(5, N))


def test_nothing_to_model_and_unknown_settings_are_refused(world: Any) -> None:
    with pytest.raises(TwoalikeError, match="found none of them"):
        build_model()
    with pytest.raises(TwoalikeError, match="dimensionen"):
        build_model(world.judge(N, 1), dimensionen=2)
