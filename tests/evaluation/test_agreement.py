"""Agreement with choices: known answers, invariances, temperature."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from twoalike.choice import log_choice
from twoalike.evaluation import (
    Candidate,
    Judgments,
    accuracy_scores,
    candidate_similarities,
    choice_losses,
    fit_temperature,
    score_choices,
    set_similarities,
    similarity_matrix,
    triplet_kinds,
)
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
    triplets = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2]])
    for unit in (1e-6, 1.0, 1e6):
        hits = accuracy_scores(set_similarities(values * unit, triplets), np.arange(3))
        assert_allclose(hits, 1 / 3)


@given(st.permutations([0, 1, 2]), st.integers(0, 2**32 - 1))
def test_order_of_items_does_not_matter(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, triplets, chosen = simulate(rng, 20, 1.0, m=8)
    shuffled = triplets[:, order]
    moved = np.array([order.index(item) for item in chosen])
    before, after = (set_similarities(values, t) for t in (triplets, shuffled))
    assert_allclose(accuracy_scores(before, chosen), accuracy_scores(after, moved))
    assert_allclose(choice_losses(before, chosen, 0.3), choice_losses(after, moved, 0.3))


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
    (scored,) = score_choices([candidate], judged, rng)
    similarities = candidate_similarities(candidate, judged)
    assert scored.temperature == fit_temperature(similarities, judged.answer)
    assert (
        scored.losses.mean() > choice_losses(similarities, judged.answer, scored.temperature).mean()
    )
    assert_allclose(scored.losses[:12], scored.losses[12:24])  # a triplet lies on one side


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
    similarities = set_similarities(values, rows[:, :3], "dot")
    chosen = np.full(len(rows), 2)  # the file puts the odd one last
    assert_allclose(accuracy_scores(similarities, chosen).mean(), 0.640, atol=0.008)
    assert_allclose(choice_losses(similarities, chosen, 1.0).mean(), 0.817, atol=0.015)
