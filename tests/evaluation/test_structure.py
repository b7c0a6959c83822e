"""Rank correlations with dissimilarities, noise ceilings, and the files they come from."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.stats
from numpy.testing import assert_allclose

from twoalike.evaluation import mean_person, noise_ceiling, rho_a, spearman
from twoalike.evaluation._structure import paired_intervals, structure_jackknives
from twoalike.judgments import read_rdms
from twoalike.results import Results

M = 6
ROWS, COLUMNS = np.triu_indices(M, 1)
IDS = tuple("abcdef")


def square(vectors: np.ndarray) -> np.ndarray:
    """Symmetric matrices from upper triangles."""
    full = np.zeros((*vectors.shape[:-1], M, M))
    full[..., ROWS, COLUMNS] = full[..., COLUMNS, ROWS] = vectors
    return full


@pytest.fixture
def vectors(rng: np.random.Generator) -> np.ndarray:
    """Dissimilarities by four people who agree in part."""
    return rng.random(15) + 0.5 * rng.random((4, 15))


def test_spearman_is_scipys_also_with_ties(rng: np.random.Generator) -> None:
    a, b = rng.integers(5, size=(2, 40))
    assert_allclose(spearman(a, b), scipy.stats.spearmanr(a, b).statistic)
    assert spearman(np.ones(5), np.arange(5)) == 0.0


def test_rho_a_is_spearman_with_ties_broken_at_random(rng: np.random.Generator) -> None:
    a, b = rng.integers(4, size=12), rng.permutation(12)
    broken = [spearman(a + 1e-6 * rng.random(12), b) for _ in range(4000)]
    assert_allclose(rho_a(a, b), np.mean(broken), atol=0.01)


def test_no_order_of_the_pairs_exceeds_the_ceiling(rng: np.random.Generator) -> None:
    people = rng.permuted(np.tile(np.arange(6.0), (3, 1)), axis=1) ** 3
    orders = itertools.permutations(range(6))
    best = max(np.mean([spearman(order, own) for own in people]) for order in orders)
    assert noise_ceiling(people).upper >= best - 1e-9


@pytest.mark.parametrize("levels", [3, 1000])
def test_ceilings_are_rsatoolboxs(levels: int, rng: np.random.Generator) -> None:
    from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
    from rsatoolbox.rdm import RDMs

    people = rng.integers(levels, size=(5, 66)) ** 2.0 * rng.random((5, 1))
    ceiling = noise_ceiling(people)
    theirs = boot_noise_ceiling(RDMs(people), "spearman")
    assert_allclose([ceiling.lower, ceiling.upper], theirs, atol=1e-6)


def test_the_ceiling_needs_no_network(
    run: Callable[..., tuple[int, str]], tmp_path: Path, vectors: np.ndarray
) -> None:
    np.save(tmp_path / "rdm.npy", vectors)
    (tmp_path / "ids.txt").write_text("a b c d e f".replace(" ", "\n"))
    words = ("evaluate", "--objects", tmp_path / "ids.txt", "--out", tmp_path / "results.json")
    status, said = run(*words, "--rdm", tmp_path / "rdm.npy")
    ceiling = noise_ceiling(vectors)
    assert status == 0
    assert "by 4 participants of 6 objects" in said
    assert f"noise ceiling {ceiling.lower:.3f} to {ceiling.upper:.3f}" in " ".join(said.split())
    found = Results.load(tmp_path / "results.json")
    ends = [found.at(f"rdm.ceiling.{end}") for end in ("lower", "upper")]
    assert [end.value for end in ends if end] == [ceiling.lower, ceiling.upper]
    assert not found.names
    np.save(tmp_path / "one.npy", vectors[:1])
    status, said = run(*words, "--rdm", tmp_path / "one.npy")
    assert status == 1 and "two people or more" in said


def test_intervals_hold_the_value_and_pair_the_models(
    vectors: np.ndarray, rng: np.random.Generator
) -> None:
    people = square(vectors)
    model = square(vectors[0])
    values, gains = paired_intervals(*structure_jackknives([model, model], people))
    assert values[0].value == spearman(vectors[0], mean_person(vectors))
    assert values[0].low < values[0].value < values[0].high
    assert (gains[1].value, gains[1].low, gains[1].high) == (0.0, 0.0, 0.0)
    alone, _ = paired_intervals(*structure_jackknives([model], people[:1] + 0.0))
    assert alone[0].value == pytest.approx(1.0)


def test_intervals_cover_the_truth() -> None:
    """Other people and other objects: the correlation in a large world, from small studies."""
    rng = np.random.default_rng(5)

    def study(people: int, objects: int) -> tuple[np.ndarray, np.ndarray]:
        places = rng.normal(size=(objects, 3))
        views = places * np.exp(0.4 * rng.normal(size=(people, 1, 3)))
        seen = np.linalg.norm(views[:, :, None] - views[:, None], axis=-1)
        noise = rng.normal(scale=0.3, size=seen.shape)
        seen = np.abs(seen + noise + noise.transpose(0, 2, 1)) * (1 - np.eye(objects))
        model = np.linalg.norm(places[:, None, :2] - places[None, :, :2], axis=-1)
        return model, seen

    rows, columns = np.triu_indices(30, 1)
    true = np.mean(
        [
            spearman(model[rows, columns], seen.mean(axis=0)[rows, columns])
            for model, seen in (study(12, 30) for _ in range(60))
        ]
    )
    hits = 0
    for _ in range(60):
        model, seen = study(12, 30)
        (interval,), _ = paired_intervals(*structure_jackknives([model], seen))
        hits += interval.low <= true <= interval.high
    assert hits / 60 >= 0.85


def save_named_csv(path: Path, array: np.ndarray) -> None:
    rows = zip(IDS, array.tolist(), strict=True)
    lines = ["," + ",".join(IDS), *(f"{name}," + ",".join(map(repr, row)) for name, row in rows)]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", ["named.npz", "named.csv"])
def test_objects_of_a_matrix_are_found_by_name(
    name: str, tmp_path: Path, vectors: np.ndarray
) -> None:
    np.savez(tmp_path / "named.npz", ids=np.array(IDS), rdm=square(vectors[:1]))
    save_named_csv(tmp_path / "named.csv", square(vectors)[0])
    for ids in (IDS, IDS[::-1]):
        rows = [IDS.index(one) for one in ids]
        table = read_rdms(tmp_path / name, ids)
        assert table.ids == ids
        assert_allclose(table.values, square(vectors[:1])[:, rows][:, :, rows], atol=1e-12)


def test_mur92_reference_values(shared_data: Path) -> None:
    """A person against the mean ranks of the others .477, of all .577, as rsatoolbox has it."""
    from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
    from rsatoolbox.rdm import RDMs, compare
    from rsatoolbox.util.inference_util import pool_rdm

    ids = tuple(f"{index:02d}" for index in range(92))
    table = read_rdms(shared_data / "mur92" / "behavior_rdms.mat", ids)
    assert table.values.shape == (16, 92, 92)
    people = table.values[:, *np.triu_indices(92, 1)]
    ceiling, rdms = noise_ceiling(people), RDMs(people)
    assert_allclose([ceiling.lower, ceiling.upper], [0.477, 0.577], atol=5e-4)
    assert_allclose([ceiling.lower, ceiling.upper], boot_noise_ceiling(rdms, "spearman"), atol=1e-9)
    pooled = pool_rdm(rdms, method="cosine")  # the same root mean square for everybody
    own = [rho_a(pooled.get_vectors()[0], person) for person in people]
    assert_allclose(compare(pooled, rdms, "rho-a")[0], own, atol=1e-9)
