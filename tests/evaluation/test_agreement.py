"""Agreement with choices: known answers, invariances, temperature."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.choice import log_choice
from twoalike.evaluation import (
    Candidate,
    Interval,
    Judgments,
    Scored,
    TwoWayBootstrap,
    by_category,
    by_participant,
    candidate_similarities,
    compare_choices,
    score_choices,
    set_similarities,
    similarity_matrix,
    triplet_kinds,
)
from twoalike.evaluation._choices import choice_losses, fit_temperature
from twoalike.features import FeatureTable


def simulate(
    rng: np.random.Generator, n: int, temperature: float, m: int = 30
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, triplets and choices of an observer who sees them by dot product."""
    values = rng.normal(size=(m, 5))
    triplets = np.stack([rng.permutation(m)[:3] for _ in range(n)])
    logs = np.stack(
        log_choice(tuple(set_similarities(values, triplets, "dot").T), temperature), axis=1
    )
    return values, triplets, np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)


def scored(
    values: np.ndarray, triplets: np.ndarray, chosen: np.ndarray, temperature: float = 1.0
) -> Scored:
    """Scores of features, compared as they are, on choices of one person."""
    ids = tuple(map(str, range(len(values))))
    judged = Judgments(triplets, chosen, np.zeros(len(chosen), dtype=int), ids)
    candidate = Candidate("model", FeatureTable(ids, values), "dot", temperature=temperature)
    (found,) = score_choices([candidate], judged, np.random.default_rng(0))
    return found


def test_cosine_is_of_centred_rows_and_ignores_origin_and_unit(rng: np.random.Generator) -> None:
    values = rng.normal(size=(8, 4))
    centred = values - values.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    assert_allclose(similarity_matrix(values), unit @ unit.T, atol=1e-12)
    assert_allclose(similarity_matrix(3 * values + 7), similarity_matrix(values), atol=1e-9)
    raw = values / np.linalg.norm(values, axis=1, keepdims=True)
    assert_allclose(similarity_matrix(values, "raw-cosine"), raw @ raw.T, atol=1e-12)
    assert_allclose(similarity_matrix(values, "dot"), values @ values.T, atol=1e-12)


def test_equal_features_are_tied_whatever_their_unit(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 6)).astype(np.float32)[[0, 0, 0, 1, 2]]
    for unit in (1e-6, 1.0, 1e6):
        found = scored(values * unit, np.tile([0, 1, 2], (3, 1)), np.arange(3))
        assert_allclose(found.scores["accuracy"], 1 / 3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_an_observer_is_recovered(
    temperature: float, rng: np.random.Generator
) -> None:
    values, triplets, chosen = simulate(rng, 8000, temperature)
    similarities = set_similarities(values, triplets, "dot")
    assert_allclose(fit_temperature(similarities, chosen), temperature, rtol=0.08)


@pytest.fixture
def repeated(rng: np.random.Generator) -> tuple[Candidate, Judgments]:
    """Five answers, all the same, to each of twelve triplets, and the space they come from."""
    values, triplets, chosen = simulate(rng, 12, 1.0, m=10)
    ids = tuple(map(str, range(10)))
    triplets, chosen = np.tile(triplets, (5, 1)), np.tile(chosen, 5)
    judged = Judgments(triplets, chosen, np.repeat(np.arange(5), 12), ids)
    return Candidate("model", FeatureTable(ids, values.astype(np.float32)), "dot"), judged


def test_cross_fitting_scores_each_half_by_the_other(
    repeated: tuple[Candidate, Judgments], rng: np.random.Generator
) -> None:
    """With repeated answers a temperature fitted to the scored choices would look better."""
    candidate, judged = repeated
    (found,) = score_choices([candidate], judged, rng)
    similarities = candidate_similarities(candidate, judged)
    assert found.temperature == fit_temperature(similarities, judged.answer)
    losses = found.scores["log_loss"]
    assert losses.mean() > choice_losses(similarities, judged.answer, found.temperature).mean()
    assert_allclose(losses[:12], losses[12:24])  # a triplet lies on one side


def test_kinds_count_the_different_labels(rng: np.random.Generator) -> None:
    labels = ["a", "a", "a", "b", "c"]
    triplets = np.array([[0, 1, 2], [3, 0, 1], [0, 3, 1], [4, 3, 0]])
    expected = ["within", "boundary", "boundary", "between"]
    assert triplet_kinds(labels, triplets).tolist() == expected
    assert triplet_kinds(labels, rng.permuted(triplets, axis=1)).tolist() == expected
    unknown = triplet_kinds(["n/a", "a", "a", "b", "c"], triplets).tolist()
    assert unknown == ["", "", "", ""]
    assert triplet_kinds(["n/a", "a", "a", "b", "c"], np.array([[1, 2, 3]])) == ["boundary"]


def test_things_reference_values(shared_data: Path, tmp_path: Path) -> None:
    """SPoSE-49 on real judgments: accuracy .640, log-loss .817 (its own scale)."""
    folder = shared_data / "things"
    rows = np.loadtxt(folder / "triplets_by_participant.txt", dtype=int)[::5]
    values = np.load(folder / "spose49_embedding.npy")
    found = scored(values, rows[:, :3], np.full(len(rows), 2))  # the file puts the odd one last
    assert_allclose(found.scores["accuracy"].mean(), 0.640, atol=0.008)
    assert_allclose(found.scores["log_loss"].mean(), 0.817, atol=0.015)


def test_a_category_has_the_choices_in_which_it_occurs(rng: np.random.Generator) -> None:
    """A model that knows only animals is right wherever one is shown."""
    triplets = np.stack([rng.permutation(24)[:3] for _ in range(600)])
    labels = ["animal"] * 6 + ["tool"] * 12 + [""] * 6
    hits = (triplets < 6).any(axis=1).astype(float)
    boot = TwoWayBootstrap(rng.integers(5, size=600), triplets, rng, resamples=200)
    models = [{"accuracy": hits}, {"accuracy": 1 - hits}]
    one, other = by_category(models, triplets, labels, boot)
    assert set(one) == {"animal", "tool"}
    assert one["animal"]["accuracy"] == Interval(1.0, 1.0, 1.0)
    assert one["animal"]["n"] == hits.sum()
    shown = ((triplets >= 6) & (triplets < 18)).any(axis=1)
    assert_allclose(one["tool"]["accuracy"].value, hits[shown].mean())
    assert one["tool"]["accuracy"].low < hits[shown].mean() < one["tool"]["accuracy"].high
    assert other["animal"]["accuracy"].value == 0.0


def test_participants_have_their_own_means_and_intervals(rng: np.random.Generator) -> None:
    skill = np.array([0.2, 0.9, 0.5])
    people = np.concatenate([rng.integers(3, size=900), [3]])
    hits = (rng.random(901) < np.append(skill, 1.0)[people]).astype(float)
    losses = rng.exponential(size=901)
    scores = {"accuracy": hits, "log_loss": losses}
    found = by_participant(scores, people, ["a", "b", "c", "once", "never"])
    assert list(found) == ["a", "b", "c", "once"]
    assert sum(part["n"] for part in found.values()) == 901
    for name, truth in zip("abc", skill, strict=True):
        accuracy = found[name]["accuracy"]
        assert accuracy.low < truth < accuracy.high
    own = losses[people == 1]
    half = found["b"]["log_loss"].high - own.mean()
    assert_allclose(half, 1.96 * own.std(ddof=1) / np.sqrt(len(own)), rtol=0.02)
    assert isinstance(found["once"]["log_loss"], float)
    assert found["once"]["accuracy"].low < 0.5


def test_accuracies_of_few_choices_stay_within_0_and_1(rng: np.random.Generator) -> None:
    """Right in 19 of 20 choices of six objects."""
    triplets = np.stack([rng.permutation(6)[:3] for _ in range(20)])
    judged = Judgments(triplets, np.zeros(20, dtype=int), np.arange(20) % 2, tuple("abcdef"))
    boot = TwoWayBootstrap(judged.participants, triplets, rng)
    hits = np.append(0.0, np.ones(19))
    assert boot.interval(hits).high > 1
    features = FeatureTable(judged.ids, np.eye(6, dtype=np.float32))
    model = Scored(Candidate("one", features), np.full((20, 3), 1 / 3), 1.0, {"accuracy": hits})
    accuracy = compare_choices([model], judged, boot)[0]["accuracy"]
    assert (accuracy.value, accuracy.high) == (0.95, 1.0)
