"""Fits recover a known truth, repeat by seed, and say when they should not be trusted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax
from scipy.stats import spearmanr
from tests.chosen import answered, chosen_table

from twoalike.choice import TRIPLET
from twoalike.embedding import FitConfig, Posterior, check, fit_embedding
from twoalike.embedding._config import Checkpoint
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError

QUICK: dict[str, Any] = {"quick": True, "engine": "vi", "draws": 40, "chains": 2}
SHORT = QUICK | {"steps": 100, "draws": 20, "dimensions": 3}
"""For claims that do not depend on how well the fit went: of 300 judgments, so compiled once."""


def divergence(world: Any, posterior: Posterior, *, plugin: bool = False) -> float:
    """Mean KL(truth || predicted) on triplets nobody judged, in nats; .31 for a uniform guess."""
    triplets = world.triplets(1500, np.random.default_rng(99))
    truth = world.probabilities(triplets)
    mode = "plugin" if plugin else "predictive"
    predicted = posterior.choice_probabilities(triplets, mode)  # type: ignore[arg-type]
    return float((truth * np.log(truth / predicted)).sum(axis=1).mean())


def similarity_rank(world: Any, posterior: Posterior) -> float:
    upper = np.triu_indices(len(world.embedding), 1)
    truth = world.embedding @ world.embedding.T
    return float(spearmanr(posterior.similarity()[upper], truth[upper])[0])


@pytest.fixture(scope="module")
def variational(world: Any) -> Posterior:
    return fit_embedding(world.judge(1500, 1), config=FitConfig(**QUICK, steps=1000))


@pytest.fixture(scope="module")
def hasty(world: Any) -> Posterior:
    return fit_embedding(world.judge(300, 2), config=FitConfig(**SHORT))


@pytest.fixture(scope="module")
def sampled(world: Any) -> Posterior:
    config = FitConfig(quick=True, engine="nuts", dimensions=3, tune=300, draws=400, seed=2)
    return fit_embedding(world.judge(1500, 1), config=config)


def test_variational_inference_recovers_the_truth(world: Any, variational: Posterior) -> None:
    assert divergence(world, variational) < 0.06
    assert similarity_rank(world, variational) > 0.8
    assert variational.lapse.mean(axis=0).argmax() == 5  # the careless person
    assert variational.attrs["engine"] == "vi"


def test_nuts_recovers_the_truth_and_converges(world: Any, sampled: Posterior) -> None:
    assert divergence(world, sampled) < 0.06
    assert similarity_rank(world, sampled) > 0.8
    lapse = sampled.lapse.mean(axis=0)
    assert lapse.argmax() == 5
    assert_allclose(lapse[5], 0.35, atol=0.15)
    state = sampled.attrs["convergence"]
    assert sampled.verdict.predictions and sampled.verdict.intervals, state
    assert state["divergences"] < 20
    x = sampled.tree["posterior"]["embedding"].values
    assert x.shape == (2, 400, 30, 3)
    x = x.mean(axis=1)  # chain x object x dimension; chains are aligned
    for dimension in range(3):
        assert np.corrcoef(x[0, :, dimension], x[1, :, dimension])[0, 1] > 0.95


def test_fits_of_vi_are_compared_as_chains_are_and_check_says_the_same(
    variational: Posterior, hasty: Posterior
) -> None:
    state = variational.attrs["convergence"]
    assert {"loss_change", "choice_rhat_95", "similarity_rhat_95"} <= state.keys()
    assert check(variational).convergence == state
    # Few steps from different starts end apart, however little the bound may move.
    assert hasty.attrs["convergence"]["choice_rhat_95"] > 1.05
    assert check(hasty).verdict == hasty.verdict and not hasty.verdict.intervals


def test_features_inform_objects_nobody_judged(world: Any) -> None:
    choices = world.judge(3000, 8)
    unseen = set(world.ids[-6:])
    items = ["item_1", "item_2", "item_3"]
    known = choices[~choices[items].isin(unseen).any(axis=1)]
    rng = np.random.default_rng(3)
    noisy = world.embedding @ rng.standard_normal((3, 8)) + 0.1 * rng.standard_normal((30, 8))
    table = FeatureTable(tuple(world.ids), noisy.astype("float32"))
    triplets = 24 + np.array([[0, 1, 2], [3, 4, 5], [0, 2, 4], [1, 3, 5], [0, 3, 4], [1, 2, 5]])
    truth = world.probabilities(triplets)
    config = FitConfig(**QUICK | {"steps": 600, "chains": 1, "dimensions": 4})
    posterior = fit_embedding(known, features=table, config=config)
    assert posterior.ids == tuple(world.ids)
    assert "choice_rhat_95" not in posterior.attrs["convergence"]  # of a single fit
    p = posterior.choice_probabilities(triplets)
    # Without features, objects that nobody judged are all alike.
    losses = [(truth * np.log(truth / one)).sum(axis=1).mean() for one in (1 / 3, p)]
    assert losses[1] < 0.6 * losses[0]


def test_dimensions_nobody_needs_are_dropped(variational: Posterior) -> None:
    said = variational.attrs["dimensions"]
    assert said["fitted"] in (6, 8)  # twice two or three strong ones, and two
    assert said["kept"] == variational.embedding.shape[2] <= said["fitted"]
    assert said["importance"] == sorted(said["importance"], reverse=True)


def test_practice_and_catch_trials_do_not_count(world: Any) -> None:
    choices = world.judge(450, 2)
    config = FitConfig(**SHORT | {"chains": 1})
    marked = choices.copy()
    marked.loc[:99, "trial_type"] = "catch"
    marked.loc[100:149, "trial_type"] = "practice"
    kept = fit_embedding(marked, config=config)
    assert int(kept.tree["constant_data"]["judgments"].sum()) == 300
    marked["trial_type"] = choices["trial_type"].where(choices["trial"] < 0, "catch")
    with pytest.raises(TwoalikeError, match="expected main or repeat trials"):
        fit_embedding(marked, config=config)


def test_a_diverged_optimiser_is_refused(world: Any) -> None:
    config = FitConfig(**SHORT | {"rate": 1e30})
    with pytest.raises(TwoalikeError, match="diverged"):
        fit_embedding(world.judge(300, 2), config=config)


def euclidean(world: Any, n: int) -> tuple[Any, np.ndarray]:
    """Choices by distance between points in a plane, and the points."""
    rng = np.random.default_rng(7)
    points = 3 * rng.normal(size=(30, 2))
    shown = world.triplets(n, rng)
    answer = answered(points, shown, rng, similarity="distance")
    return chosen_table(shown, answer, list(world.ids)), points


def test_a_world_of_distances_is_recovered(world: Any) -> None:
    choices, points = euclidean(world, 2000)
    config = FitConfig(**QUICK | {"draws": 60}, steps=1000, similarity="distance", dimensions=3)
    posterior = fit_embedding(choices, config=config)
    assert posterior.attrs["prior"] == "student"
    new = world.triplets(1500, np.random.default_rng(99))
    gaps = [points[new[:, a]] - points[new[:, b]] for a, b in TRIPLET.pairs]
    truth = softmax(-np.linalg.norm(gaps, axis=2).T, axis=1)[:, ::-1]
    predicted = posterior.choice_probabilities(new)
    assert (truth * np.log(truth / predicted)).sum(axis=1).mean() < 0.06
    share = posterior.attrs["dimensions"]["importance"]
    assert share[2] < 0.1  # the third dimension, which the points do not have but which was asked
    assert posterior.embedding.shape[2] == 3


def test_judgments_held_out_are_scored_and_not_fitted(world: Any, variational: Posterior) -> None:
    config = FitConfig(**SHORT | {"chains": 1, "steps": 600}, holdout=0.2)
    said = fit_embedding(world.judge(375, 1), config=config).attrs["held_out"]
    assert said["judgments"] == 75
    assert 0.7 < said["log_loss"] < np.log(3)
    assert "held_out" not in variational.attrs


@pytest.mark.parametrize("engine", ["vi", pytest.param("nuts", marks=pytest.mark.slow)])
def test_an_interrupted_fit_goes_on_and_ends_as_if_it_had_not_been(
    world: Any, hasty: Posterior, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of vi to the last byte: the seed decides them."""
    monkeypatch.setattr("twoalike.embedding._config.EVERY_S", 0.0)
    choices, part = world.judge(300, 2), tmp_path / "part.npz"
    config = FitConfig(**SHORT | ({} if engine == "vi" else {"engine": engine, "tune": 50}))
    whole = hasty if engine == "vi" else fit_embedding(choices, config=config)
    save, saves = Checkpoint.save, []

    def interrupted(self: Checkpoint, arrays: Any) -> None:
        save(self, arrays)
        saves.append(len(arrays))
        if len(saves) == (3 if engine == "vi" else 1):
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_embedding(choices, config=config, checkpoint=part)
    assert part.exists()
    before = len(saves)
    again = fit_embedding(choices, config=config, checkpoint=part)
    assert part.exists()  # until the posterior is saved
    assert len(saves) - before < max(before, 2)
    assert_allclose(again.embedding, whole.embedding, rtol=1e-4, atol=1e-5)
    for name, one in (("whole.nc", whole), ("again.nc", again)):
        one.save(tmp_path / name)
    same = (tmp_path / "again.nc").read_bytes() == (tmp_path / "whole.nc").read_bytes()
    assert same or engine == "nuts"


def test_a_prior_of_somebody_else_needs_its_name_alone(world: Any, tmp_path: Path) -> None:
    config = FitConfig(**SHORT | {"prior": "tests.chosen:EXPONENTIAL", "chains": 1})
    posterior = fit_embedding(world.judge(300, 2), config=config)
    posterior.save(tmp_path / "p.nc")
    again = Posterior.load(tmp_path / "p.nc")
    assert again.attrs["prior"] == "tests.chosen:EXPONENTIAL"
    assert again.tree["posterior"]["own_scale"].dims == ("chain", "draw", "dimension")
    with pytest.raises(TwoalikeError, match="is for the similarity 'dot', found 'distance'"):
        fit_embedding(
            world.judge(300, 2), config=config.model_copy(update={"similarity": "distance"})
        )
    for name in ("exponential", "tests.chosen:nothing", "no.module:x", "tests.chosen:data_of"):
        with pytest.raises(TwoalikeError, match="expected auto, spike-and-slab"):
            FitConfig(prior=name)
