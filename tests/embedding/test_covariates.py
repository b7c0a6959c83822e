"""Covariates of people: read strictly, kept, and found again by both engines."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from tests.chosen import answered, chosen_table
from tests.embedding.conftest import AGE, NAMES

from twoalike.choice import random_triplets
from twoalike.embedding import Posterior, build_model, covariate_table
from twoalike.embedding._model import Data, PooledObservers
from twoalike.embedding._people import Covariates, read_covariates
from twoalike.embedding._people_draws import draw_observers
from twoalike.study import Study, TwoalikeError

M = 10


def simulated(n_people: int, each: int, seed: int = 0) -> tuple[np.ndarray, Data]:
    """People whose temperature and lapse rate rise with the first covariate, and nothing else."""
    rng = np.random.default_rng(seed)
    z = np.linspace(-1.7, 1.7, n_people)
    log_t = 0.3 * z + 0.2 * rng.standard_normal(n_people)
    temperature = np.exp(log_t - log_t.mean())
    lapse = expit(-2.0 + 0.8 * z + 0.4 * rng.standard_normal(n_people))
    x = rng.gamma(1.0, 1.4, (M, 3)) * (rng.random((M, 3)) < 0.6)
    judge, shown = np.repeat(np.arange(n_people), each), random_triplets(M, n_people * each, rng)
    answer = answered(x, shown, rng, temperature[judge], lapse[judge])
    ids, names = [f"object_{k}" for k in range(M)], [f"p{k:02d}" for k in judge]
    table = chosen_table(shown, answer, ids, participant=names)
    return x, Data.from_tables({"choices": table})


def test_slopes_are_kept_and_listed(weighed: Posterior, tmp_path: Path) -> None:
    weighed.save(tmp_path / "p.nc")
    posterior = Posterior.load(tmp_path / "p.nc")
    assert posterior.attrs["covariates"]["age"]["mean"] == pytest.approx(31)
    table = covariate_table(posterior)
    dimensions = [f"dimension {k + 1}" for k in range(posterior.embedding.shape[2])]
    assert table["of"].tolist() == 2 * ["temperature", "lapse", *dimensions]
    assert set(table["covariate"]) == {"age", "other"}
    assert ((table["low"] < table["slope"]) & (table["slope"] < table["high"])).all()
    weights = posterior.weights
    assert weights is not None
    assert_allclose(weights.slope.sum(axis=2), 0, atol=1e-5)
    assert_allclose(weights.z.mean(axis=0), 0, atol=1e-6)
    assert_allclose(weights.z.std(axis=0), 1, atol=1e-6)
    assert_allclose(weights.log.sum(axis=1), 0, atol=1e-4)
    with pytest.raises(TwoalikeError, match="Fit it with `covariates"):
        covariate_table(posterior.for_person("p03"))


def test_new_people_vary_by_the_covariates_too(weighed: Posterior) -> None:
    group = weighed.tree["posterior"].to_dataset()
    own = np.asarray(group["temperature_spread"].values.reshape(-1))
    shift = group["temperature_slope"].values.reshape(-1, 2) @ weighed.weights.z.T  # type: ignore[union-attr]
    expected = np.hypot(own, shift.std(axis=1)) * np.sqrt(1 + 1 / len(NAMES))
    assert_allclose(weighed.population[1], expected, rtol=1e-4)
    one = weighed.for_person("p05")
    assert one.population[1].shape == own.shape
    triplets = random_triplets(M, 20, np.random.default_rng(2))
    assert_allclose(weighed.choice_probabilities(triplets, lapse=True).sum(axis=1), 1)


def test_draws_of_people_find_slopes_of_temperature_and_lapse() -> None:
    x, data = simulated(40, 250)
    z = np.column_stack([np.linspace(-1.7, 1.7, 40), np.sin(7 * np.arange(40))])
    data = replace(data, covariates=Covariates(("age", "other"), z))
    draws: dict[str, Any] = {
        "embedding": np.broadcast_to(x, (1, 60, *x.shape)),
        "temperature": np.ones((1, 60, 40)),
        "lapse": np.full((1, 60, 40), 0.05),
    }
    draws |= {name: np.ones((1, 60)) for name in ("lapse_location", "lapse_spread")}
    draws |= {"temperature_spread": np.ones((1, 60))}
    draws |= {name: np.zeros((1, 60, 2)) for name in ("lapse_slope", "temperature_slope")}
    found = draw_observers(data, draws, "dot", np.random.default_rng(1), PooledObservers())
    for name, truth in (("temperature_slope", 0.3), ("lapse_slope", 0.8)):
        first, second = found[name][0].T
        assert first.mean() == pytest.approx(truth, abs=0.25 * truth + 0.1)
        assert np.quantile(first, 0.025) > 0
        assert np.quantile(second, 0.025) < 0 < np.quantile(second, 0.975)
    assert found["temperature_spread"].mean() == pytest.approx(0.2, abs=0.1)
    assert_allclose(np.log(found["temperature"]).mean(axis=2), 0, atol=1e-9)


def test_covariates_are_read_from_a_file_or_a_study(tmp_path: Path) -> None:
    path = tmp_path / "age.tsv"
    path.write_text("participant\tage\tyears\np1\t20\tn/a\np2\t30\t4.5\n", encoding="utf-8")
    assert read_covariates(path) == {"age": {"p1": 20.0, "p2": 30.0}, "years": {"p2": 4.5}}
    (tmp_path / "study.toml").write_text('title = "Ages"\nseed = 1\n', encoding="utf-8")
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "participants.tsv").write_text(
        "participant_id\tage\thand\nsub-1\t20\tleft\nsub-2\t41\tright\n", encoding="utf-8"
    )
    assert read_covariates("age", Study.load(tmp_path)) == {"age": {"1": 20.0, "2": 41.0}}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"p00": 1.0}, "age of each of the 12 participants, a number, found none of p01"),
        (dict.fromkeys(NAMES, 3.0), "age that differs between participants, found 3 of all 12"),
        (AGE | {"p01": float("nan")}, "found none of p01"),
    ],
)
def test_bad_covariates_are_refused(
    values: dict[str, float], says: str, weighers: pd.DataFrame
) -> None:
    with pytest.raises(TwoalikeError, match=says):
        build_model(weighers, covariates={"age": values})


def test_categories_are_sent_to_groups(tmp_path: Path) -> None:
    path = tmp_path / "hand.tsv"
    path.write_text("participant\thand\np00\tleft\n", encoding="utf-8")
    with pytest.raises(TwoalikeError, match="found 'left'. For categories use `groups"):
        read_covariates(path)
