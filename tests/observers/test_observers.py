"""Simulated observers: the choice model, the space, the people, the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.choice import Question, SetKind, entropy, log_set_choice
from twoalike.observers import (
    SimulatedObserver,
    hierarchical_embedding,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError


def creatures(kingdoms: int = 3, families: int = 3, species: int = 4, each: int = 3) -> StimulusSet:
    rows = [
        (f"{k}{f}{s}-{n}", "x.png", "0", f"k{k}", f"k{k}f{f}", f"k{k}f{f}s{s}")
        for k in range(kingdoms)
        for f in range(families)
        for s in range(species)
        for n in range(each)
    ]
    names = ["id", "file", "sha256", "kingdom", "family", "species"]
    return StimulusSet(Path(), pd.DataFrame(rows, columns=names))


def test_choices_follow_the_probabilities(rng: np.random.Generator) -> None:
    observer = SimulatedObserver(("a", "b", "c"), rng.random((3, 4)) * 2, 0.7, 0.1)
    expected = observer.choice_probabilities(np.array([[0, 1, 2]]))[0]
    chosen = [observer.respond(("a", "b", "c"), rng)[0] for _ in range(4000)]
    observed = np.bincount(chosen, minlength=3) / 4000
    assert expected.sum() == pytest.approx(1)
    assert np.abs(observed - expected).max() < 0.03


def test_choices_among_many_follow_the_probabilities(rng: np.random.Generator) -> None:
    names = tuple("abcde")
    observer = SimulatedObserver(names, rng.random((5, 4)) * 2, 0.7, 0.1)
    similarity = observer.embedding @ observer.embedding.T
    kinds: dict[SetKind, int] = {"odd_one_out": 5, "most_alike": 10}
    for kind, n in kinds.items():
        question = Question(kind, 5)
        one, other = question.pairs.T
        expected = np.exp(log_set_choice(similarity[one, other], question, 0.7, 0.1))
        given: list[Any] = [
            observer.respond(names, rng)[0] if n == 5 else observer.respond_pair(names, rng)[0]
            for _ in range(3000)
        ]
        rows = np.array(given).reshape(3000, -1)
        observed = [(rows == answer).all(axis=1).mean() for answer in question.answers]
        assert np.abs(np.array(observed, dtype=float) - expected).max() < 0.035


def test_lapses_pull_towards_chance(rng: np.random.Generator) -> None:
    space = rng.random((3, 2)) * 5
    triplet = np.array([[0, 1, 2]])
    sure = SimulatedObserver(tuple("abc"), space).choice_probabilities(triplet)
    half = SimulatedObserver(tuple("abc"), space, 1.0, 0.5).choice_probabilities(triplet)
    np.testing.assert_allclose(half, 0.5 * sure + 0.5 / 3)


def test_response_times_correlate_with_entropy_as_for_people(rng: np.random.Generator) -> None:
    stimuli = creatures()
    observer = SimulatedObserver(stimuli.ids, hierarchical_embedding(stimuli, rng))
    m = len(stimuli.ids)
    triplets = np.array([rng.choice(m, 3, replace=False) for _ in range(3000)])
    h = entropy(observer.choice_probabilities(triplets))
    taken = [observer.respond([stimuli.ids[i] for i in row], rng)[1] for row in triplets]
    ranks = pd.DataFrame({"h": h, "log_rt": np.log(taken)}).corr("spearman")
    # Levels study: .33 to .44 for the mean of five people a triplet; single answers lie lower.
    assert 0.2 < ranks.loc["h", "log_rt"] < 0.6


@pytest.mark.parametrize("accuracy", [0.6, 0.69])
def test_the_oracle_is_as_accurate_as_asked(rng: np.random.Generator, accuracy: float) -> None:
    stimuli = creatures()
    embedding = hierarchical_embedding(stimuli, rng, accuracy=accuracy)
    assert embedding.shape == (108, 3 + 9 + 36)
    assert embedding.min() >= 0
    observer = SimulatedObserver(stimuli.ids, embedding)
    triplets = np.array([rng.choice(108, 3, replace=False) for _ in range(20_000)])
    assert observer.choice_probabilities(triplets).max(axis=1).mean() == pytest.approx(
        accuracy, abs=0.015
    )


def test_nearer_relatives_are_more_alike_and_individuals_nearly_the_same(
    rng: np.random.Generator,
) -> None:
    stimuli = creatures()
    space = hierarchical_embedding(stimuli, rng)
    similarity = space @ space.T
    table = stimuli.table
    same = {
        level: np.equal.outer(table[level].to_numpy(), table[level].to_numpy())
        for level in stimuli.levels
    }
    off = ~np.eye(len(table), dtype=bool)
    species = similarity[same["species"] & off].mean()
    family = similarity[same["family"] & ~same["species"]].mean()
    kingdom = similarity[same["kingdom"] & ~same["family"]].mean()
    other = similarity[~same["kingdom"]].mean()
    assert species > family > kingdom > other == 0.0


def test_an_object_without_a_category_has_no_dimension_for_it(rng: np.random.Generator) -> None:
    stimuli = creatures()
    stimuli.table.loc[0, "species"] = "n/a"
    space = hierarchical_embedding(stimuli, rng)
    assert space.shape == (108, 48)
    assert (space[0] > 0).sum() == 2


def test_spaces_that_cannot_be_made_are_refused(rng: np.random.Generator) -> None:
    flat = StimulusSet(Path("stimuli"), creatures().table[["id", "file", "sha256"]])
    with pytest.raises(TwoalikeError, match="no category columns"):
        hierarchical_embedding(flat, rng)
    with pytest.raises(TwoalikeError, match="Ask for less"):
        hierarchical_embedding(creatures(), rng, accuracy=0.99)


def test_an_observer_survives_its_file(tmp_path: Path, rng: np.random.Generator) -> None:
    observer = SimulatedObserver(("a", "é", "c"), rng.random((3, 4)), 0.8, 0.1)
    observer.save(tmp_path / "o.npz", seed=3)
    back = SimulatedObserver.load(tmp_path / "o.npz")
    assert (back.ids, back.temperature, back.lapse) == (observer.ids, 0.8, 0.1)
    np.testing.assert_allclose(back.embedding, observer.embedding, rtol=1e-6)


def test_anybodys_ids_and_embedding_are_an_observer(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", ids=np.array(["a", "b"]), embedding=np.eye(2))
    back = SimulatedObserver.load(tmp_path / "o.npz")
    assert (back.temperature, back.lapse) == (1.0, 0.0)


def test_damaged_observers_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "o.npz"
    for content, why in (
        ({"ids": np.array(["a"])}, "expected arrays ids and embedding, found ids"),
        ({"ids": np.array(["a"]), "embedding": np.eye(2)}, r"shape \(2, 2\) for 1 objects"),
        ({"ids": np.array(["a", "b"]), "embedding": np.eye(2), "lapse": 2.0}, "lapse 2.0"),
        ({"ids": np.array(["a", "a"]), "embedding": np.eye(2)}, "twice"),
        ({"ids": np.array(["a", "b"]), "embedding": np.eye(2) * np.nan}, "finite"),
    ):
        np.savez(path, **content)
        with pytest.raises(TwoalikeError, match=why):
            SimulatedObserver.load(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TwoalikeError, match="cannot be read as a simulated observer"):
        SimulatedObserver.load(path)
    path.write_text("ids")
    with pytest.raises(TwoalikeError, match="cannot be read as a simulated observer"):
        SimulatedObserver.load(path)
    with pytest.raises(TwoalikeError, match="no such file"):
        SimulatedObserver.load(tmp_path / "missing.npz")
    good = SimulatedObserver(("a", "b"), rng.random((2, 2)))
    with pytest.raises(TwoalikeError, match="no object 'z'"):
        good.respond(("a", "b", "z"), rng)
