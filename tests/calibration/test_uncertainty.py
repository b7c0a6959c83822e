"""Entropy of models and people, and everything about uncertainty in one dictionary."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.calibration import uncertainty
from twoalike.calibration._entropy import people_entropy, rank_correlation
from twoalike.ceilings import votes_of
from twoalike.choice import entropy, log_choice
from twoalike.evaluation import (
    Candidate,
    Figures,
    Judgments,
    TwoWayBootstrap,
    score_choices,
    set_similarities,
)
from twoalike.features import FeatureTable

M, PEOPLE = 30, 25
IDS = tuple(f"o{index:02d}" for index in range(M))


class World:
    """Several votes on each triplet, of people who take longer where they are less sure."""

    def __init__(self, rng: np.random.Generator, triplets: int = 400, n: int = 5) -> None:
        self.values = rng.normal(size=(M, 4))
        unique = np.unique(np.sort(np.argsort(rng.random((triplets, M)), axis=1)[:, :3]), axis=0)
        shown = np.repeat(unique, n, axis=0)
        people = np.argsort(rng.random((len(unique), PEOPLE)), axis=1)[:, :n].ravel()
        sides = set_similarities(self.values, shown, "dot")
        logs = np.stack(log_choice(tuple(sides.T), 1.5), axis=1)
        self.p = np.exp(logs)
        chosen = np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
        noise = 0.3 * rng.normal(size=len(shown))
        speed = rng.normal(size=PEOPLE)
        self.seconds = np.exp(0.5 * entropy(self.p) + 0.8 * speed[people] + noise)
        level = np.repeat(np.array(["coarse", "fine"])[rng.integers(2, size=len(unique))], n)
        self.judged = Judgments(shown, chosen, people, IDS, {"level": level})

    def candidate(self, name: str, noise: float, rng: np.random.Generator) -> Candidate:
        """A model that sees the objects through noise."""
        seen = self.values + noise * rng.normal(size=self.values.shape)
        return Candidate(name, FeatureTable(IDS, seen.astype(np.float32)), "dot")


def told(
    candidates: list[Candidate],
    judged: Judgments,
    rng: np.random.Generator,
    resamples: int = 200,
    **more: Any,
) -> Figures:
    """Uncertainty of candidates, from their features."""
    scored = score_choices(candidates, judged, rng)
    boot = TwoWayBootstrap(judged.participants, judged.items, rng, resamples=resamples)
    return uncertainty(scored, judged, boot, **more)


@pytest.fixture
def world(rng: np.random.Generator) -> World:
    """Five votes on each of 400 triplets or nearly so."""
    return World(rng)


def test_a_model_that_sees_as_people_do_is_unsure_where_they_are(
    world: World, rng: np.random.Generator
) -> None:
    models = [world.candidate("true", 0.0, rng), world.candidate("poor", 3.0, rng)]
    found = told(
        models, world.judged, rng, response_times=world.seconds, posterior=world.p, resamples=300
    )
    true, poor = found["models"]
    good, bad = (of["entropy"]["people"]["posterior"] for of in (true, poor))
    assert good["all"].low > bad["all"].high
    assert set(good["groups"]["level"]) == {"coarse", "fine"}
    for unit in ("triplets", "trials"):
        times = true["response_time"][unit]
        assert times["all"].low > 0 and times["groups"]["level"]["fine"].value > 0
    assert true["response_time"]["trials"]["all"].n <= len(world.judged.answer)
    assert true["calibration"]["error"]["top"]["debiased"].low == 0
    briers = [of["calibration"]["brier"].value for of in (found["posterior"], true)]
    assert_allclose(*briers, atol=0.005)
    assert true["missing"] == poor["missing"] == found["people"]["missing"] == {}


def test_people_take_longer_where_they_disagree(world: World, rng: np.random.Generator) -> None:
    found = told([], world.judged, rng, response_times=world.seconds, resamples=300)
    times = found["people"]["response_time"]
    assert times["posterior"]["all"].low > 0
    # Four votes and people's own speed leave less of it than all votes without speed.
    assert times["as_published"]["all"].value < times["posterior"]["all"].value
    truth = entropy(world.p).mean()
    own = found["people"]["entropy"]
    assert abs(own["posterior"].value - truth) < 0.06


def test_triplets_judged_once_say_why_there_is_no_entropy(rng: np.random.Generator) -> None:
    world = World(rng, n=1)
    candidate = world.candidate("true", 0.0, rng)
    found = told([candidate], world.judged, rng, response_times=world.seconds)
    reason = "needs 10 triplets with at least 3 votes, has 0"
    people, (model,) = found["people"], found["models"]
    assert "entropy" not in people and "people" not in model["entropy"]
    assert people["missing"]["entropy"] == model["missing"]["entropy"] == reason
    times = model["response_time"]
    assert times["trials"]["all"].low > 0 and "triplets" not in times
    reason = "needs 10 triplets with at least 2 response times, has 0"
    assert model["missing"]["response time of triplets"] == reason


def test_thin_data_never_fail(rng: np.random.Generator) -> None:
    world = World(rng, triplets=30, n=1)
    candidate = world.candidate("model", 0.1, rng)
    for n in (2, 3, 12):
        for known in (True, False):
            judged = replace(world.judged.within(np.arange(30) < n), known_people=known)
            judged = replace(judged, groups={"level": world.judged.groups["level"][:n]})
            times = np.where(np.arange(n) % 2 == 0, world.seconds[:n], np.nan)
            found = told([candidate], judged, rng, resamples=50, response_times=times)
            (model,) = found["models"]
            assert model["calibration"]["error"]["top"]["value"] >= 0 and model["missing"]
    assert "told apart" in found["people"]["missing"]["response_time"]


def test_few_votes_have_no_entropy() -> None:
    shown = np.repeat([[0, 1, 2], [0, 1, 3]], [2, 4], axis=0)
    judged = Judgments(shown, np.array([0, 1, 2, 2, 0, 0]), np.arange(6), tuple("abcd"))
    found = people_entropy(votes_of(judged))
    assert np.isnan(found.posterior[0])
    assert_allclose(found.published[1], np.log(2))
    assert found.posterior[1] > 0


def test_intervals_of_rank_correlations_hold_the_truth(rng: np.random.Generator) -> None:
    """Where objects carry the values, intervals that take triplets as independent do not."""
    truth, held, studies = 6 / np.pi * np.arcsin(0.5 / 2), 0, 150
    for _ in range(studies):
        objects = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=60)
        triplets = np.argsort(rng.random((400, 60)), axis=1)[:, :3]
        a, b = objects[triplets].sum(axis=1).T
        boot = TwoWayBootstrap(np.zeros(400, dtype=int), triplets, rng, resamples=300)
        found = rank_correlation(a, b, boot)
        held += found.low <= truth <= found.high
    assert 0.88 <= held / studies <= 0.99
