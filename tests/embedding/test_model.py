"""The PyMC model against definitions written in numpy."""

from typing import Any

import jax
import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from pymc.sampling.jax import get_jaxified_graph
from scipy.special import expit, log_expit
from scipy.stats import beta, halfnorm, norm
from scipy.stats import t as student
from tests.chosen import log_likelihoods

from twoalike.embedding._config import FitConfig
from twoalike.embedding._form import choose_engine, reduce_features
from twoalike.embedding._model import Data, Form
from twoalike.embedding._priors import PRIORS
from twoalike.embedding._vi import Plan, jax_density, plan_steps
from twoalike.judgments import choices_table

PEOPLE = (np.array([0.5, 2.0]), np.array([0.1, 0.4]))  # temperature, lapse


def alike(left: np.ndarray, right: np.ndarray, similarity: str) -> float:
    return float(left @ right if similarity == "dot" else -np.linalg.norm(left - right))


def by_hand(x: np.ndarray, row: pd.Series, ids: list[str], similarity: str = "dot") -> float:
    """Log-probability of one judgment, spelt out."""
    i, j, k = (ids.index(row[f"item_{n}"]) for n in (1, 2, 3))
    person = ["p", "q"].index(row["participant"])
    temperature, lapse = PEOPLE[0][person], PEOPLE[1][person]
    if row["kind"] == "anchored":
        near = np.exp(
            np.array([alike(x[i], x[other], similarity) for other in (j, k)]) / temperature
        )
        return float(np.log((1 - lapse) * near[row["chosen"] - 2] / near.sum() + lapse / 2))
    pairs = ((j, k), (i, k), (i, j))
    odd = np.exp(np.array([alike(x[a], x[b], similarity) for a, b in pairs]) / temperature)
    return float(np.log((1 - lapse) * odd[row["chosen"] - 1] / odd.sum() + lapse / 3))


@pytest.fixture
def mixed(rng: np.random.Generator) -> pd.DataFrame:
    """Judgments of both kinds, with every item chosen in some row."""
    shown = np.stack([rng.permutation(5)[:3] for _ in range(60)])
    kind = np.where(np.arange(60) < 40, "odd_one_out", "anchored")
    chosen = np.where(kind == "anchored", rng.integers(2, 4, 60), rng.integers(1, 4, 60))
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    people = np.where(np.arange(60) % 2, "q", "p")
    return choices_table(
        {"participant": people, "kind": kind, "chosen": chosen, **columns}, list("vwxyz")
    )


def evaluate(
    data: Data, x: np.ndarray, *, matrix: bool, similarity: str = "dot", xp: Any = pt
) -> np.ndarray:
    if xp is not pt:
        return log_likelihoods(data, x, *PEOPLE, similarity, xp=xp, whole=matrix)

    def symbolic(graph: Any) -> Any:
        return get_jaxified_graph([], [graph])()[0]

    known: dict[str, Any] = {"xp": pt, "constant": pt.constant, "evaluate": symbolic}
    return log_likelihoods(data, x, *PEOPLE, similarity, whole=matrix, **known)


@pytest.mark.parametrize("similarity", ["dot", "distance"])
@pytest.mark.parametrize("matrix", [True, False])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 40)], ids=["both kinds", "odd one out"])
def test_likelihood_is_the_definition(
    mixed: pd.DataFrame, rng: np.random.Generator, matrix: bool, rows: slice, similarity: str
) -> None:
    choices = mixed[rows]
    x = rng.gamma(1.0, 1.0, (5, 3))
    expected = [by_hand(x, row, list("vwxyz"), similarity) for _, row in choices.iterrows()]
    data = Data.from_tables({"choices": choices})
    for xp in (pt, jax.numpy):
        got = evaluate(data, x, matrix=matrix, similarity=similarity, xp=xp)
        assert_allclose(got, expected, rtol=1e-5)


def small_model(world: Any, prior: str) -> pm.Model:
    similarity = "distance" if prior == "gaussian" else "dot"
    data = Data.from_tables({"choices": world.judge(80, 3)})
    return Form(2, prior, similarity).model(data)


def random_point(model: pm.Model, rng: np.random.Generator) -> dict[str, np.ndarray]:
    start = model.initial_point(random_seed=1)
    return {
        name: np.asarray(value, dtype=float) + 0.3 * rng.standard_normal(np.shape(value))
        for name, value in start.items()
    }


def test_spike_and_slab_is_the_definition(world: Any, rng: np.random.Generator) -> None:
    model = small_model(world, "spike-and-slab")
    terms = model.logp(vars=model.free_RVs, sum=False)
    graph = jax.jit(get_jaxified_graph(model.value_vars, terms))
    point = random_point(model, rng)
    got = dict(
        zip(
            [v.name for v in model.free_RVs],
            graph(*(point[v.name] for v in model.value_vars)),
            strict=True,
        )
    )
    below = point["unit_log_exp_m1__"]
    unit = np.log1p(np.exp(below))
    odds = point["slab_weight_logodds__"]
    weight = expit(odds)
    slab, spike = 2 * student.pdf(unit, 3), halfnorm.pdf(unit, scale=0.1)
    density = weight * slab + (1 - weight) * spike
    assert_allclose(got["unit"], np.log(density) + log_expit(below), rtol=1e-6)
    jacobian = log_expit(odds) + log_expit(-odds)
    assert_allclose(got["slab_weight"], beta.logpdf(weight, 2, 2) + jacobian, rtol=1e-6)
    total = point["slab_total_log__"]
    expected = halfnorm.logpdf(np.exp(total), scale=3) + total
    assert_allclose(got["slab_total"], expected, rtol=1e-6)
    assert_allclose(got["lapse_location"], norm.logpdf(point["lapse_location"], -2.5, 1.0))


@pytest.mark.parametrize("prior", PRIORS)
def test_fits_start_where_the_density_is_finite(world: Any, prior: str) -> None:
    data = Data.from_tables({"choices": world.judge(80, 3)})
    form = Form(2, prior, "distance" if prior == "gaussian" else "dot")
    density = jax_density(data, form, [form.start(len(data.ids), np.random.default_rng(1))])
    (start,) = density.starts
    assert np.isfinite(jax.jit(density.prior)(*(start[name] for name in density.names))[0])
    embedding = jax.jit(density.quantities)(*(start[name] for name in density.names))
    x = np.asarray(dict(zip(density.outputs, embedding, strict=True))["embedding"])
    assert x.shape == (30, 2)
    assert 0.01 < np.abs(x).mean() < 3


def test_coordinates_far_from_zero_have_a_gradient(world: Any) -> None:
    data, form = Data.from_tables({"choices": world.judge(80, 3)}), Form(2, "softplus")
    density = jax_density(data, form, [form.start(30, np.random.default_rng(1))])
    start, place = density.starts[0], density.names.index("location")

    def first(location: Any) -> Any:
        values = [start[name] for name in density.names]
        values[place] = location
        return density.quantities(*values)[density.outputs.index("embedding")][0, 0]

    for far, slope in ((150.0, 1.0), (-150.0, 0.0)):
        found = jax.grad(first)(np.full(2, far, "float32"))
        assert_allclose(found, [slope, 0.0], atol=1e-6)


@pytest.mark.parametrize("prior", [name for name in PRIORS if name != "gaussian"])
def test_prior_draws_are_possible_people_and_objects(world: Any, prior: str) -> None:
    model = small_model(world, prior)
    names = ["embedding", "lapse", "temperature"]
    x, lapse, temperature = pm.draw(
        [model[n] for n in names], draws=50, random_seed=1, mode="FAST_COMPILE"
    )
    assert x.shape == (50, 30, 2)
    assert 0.05 < abs(x).mean() < 3 and (prior in ("gaussian", "student") or (x >= 0).all())
    assert 0.01 < np.median(lapse) < 0.15
    assert_allclose(np.log(temperature).sum(axis=1), 0.0, atol=1e-6)


def test_one_person_has_temperature_one(world: Any) -> None:
    choices = world.judge(50, 1)
    alone = choices[choices["participant"] == "person_0"]
    model = Form(2, "softplus").model(Data.from_tables({"choices": alone}))
    assert "log_temperature" not in [v.name for v in model.free_RVs]


def test_engine_is_chosen_by_size_and_says_why() -> None:
    config = FitConfig()
    assert choose_engine(2_000, 60, 5, config)[0] == "nuts"
    assert choose_engine(20_000, 300, 10, config)[0] == "nuts"
    things, wide = (127_304, 1_854, 20), (2_000, 900, 10)
    for engine, reason in (choose_engine(*size, config) for size in (things, wide)):
        assert engine == "vi"
        assert "more than" in reason
    assert choose_engine(10**6, 10**4, 50, FitConfig(engine="nuts"))[0] == "nuts"
    quick = FitConfig(quick=True)  # what takes minutes is not quick
    assert [choose_engine(100_000, 100, 9, one)[0] for one in (config, quick)] == ["nuts", "vi"]


def test_steps_of_vi_follow_the_number_of_judgments() -> None:
    config = FitConfig(engine="vi")
    few, many = plan_steps(config, 5_000, 1_000), plan_steps(config, 600_000, 20_000)
    assert (few.steps, few.batch) == (3000, 4000)
    assert many.steps * many.batch >= 40 * 600_000  # passes over the judgments
    assert plan_steps(config, 100_000, 1_000).steps < few.steps  # it starts from their spectrum
    assert few.rate < many.rate
    asked = config.model_copy(update={"rate": 0.01, "steps": 120, "batch": 7})
    assert plan_steps(asked, 50_000, 100) == Plan(150, 7, 0.01, fits=12)  # whole chunks


def test_features_become_components_by_size_and_constant_ones_are_ignored(
    rng: np.random.Generator,
) -> None:
    values = rng.standard_normal((40, 6)) * [1, 10, 100, 1, 1, 0] + 5
    values = np.column_stack([values, -3 * values[:, :2] + 1])  # told twice, they span no more
    reduced = reduce_features(values.astype("float32"))
    assert reduced.shape == (40, 5)
    assert_allclose(reduced.mean(axis=0), 0, atol=1e-5)
    covariance = reduced.T @ reduced / 40
    assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-5)
    assert_allclose(covariance[0, 0], 1, rtol=1e-5)
    assert (np.diff(np.diag(covariance)) < 0).all()
    standard = (values[:, :5] - values[:, :5].mean(axis=0)) / values[:, :5].std(axis=0)
    kernel = standard @ np.diag([2, 2, 1, 1, 1]) @ standard.T
    assert_allclose(reduced @ reduced.T, kernel * 40 / np.linalg.eigvalsh(kernel)[-1], atol=1e-3)
