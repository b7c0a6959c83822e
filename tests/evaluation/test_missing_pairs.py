"""People who judged different pairs: scales, mean person, ceilings, intervals, evaluation."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.evaluation import (
    Candidate,
    jackknife_variance,
    noise_ceiling,
    object_changes,
    spearman,
    spearman_with_influence,
    upper,
)
from twoalike.evaluation._structure import same_scale
from twoalike.features import FeatureTable
from twoalike.results import evaluate

M, PEOPLE = 24, 5


def squares(rng: np.random.Generator, people: int = PEOPLE, noise: float = 0.2) -> np.ndarray:
    """Distances between random places, each person with noise and a unit of their own."""
    places = rng.normal(size=(M, 4))
    true = np.linalg.norm(places[:, None] - places, axis=-1)
    errors = noise * rng.random((people, M, M))
    seen = true + (errors + errors.transpose(0, 2, 1)) * (1 - np.eye(M))
    return seen * rng.uniform(0.1, 10, size=(people, 1, 1))


def with_gaps(matrices: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """The same with a share of the pairs missing at random."""
    rows, columns = np.triu_indices(matrices.shape[-1], 1)
    out = matrices.copy()
    for matrix in out:
        gone = rng.random(len(rows)) < share
        matrix[rows[gone], columns[gone]] = matrix[columns[gone], rows[gone]] = np.nan
    return out


def test_scales_are_rsatoolboxs(rng: np.random.Generator) -> None:
    from rsatoolbox.rdm import RDMs
    from rsatoolbox.rdm.combine import rescale

    whole = squares(rng)
    vectors = upper(np.concatenate([whole[:2], with_gaps(whole[2:], rng, 0.3)]))
    theirs = rescale(RDMs(vectors), method="simple", threshold=1e-16).get_vectors()
    ratio = same_scale(vectors) / theirs
    assert_allclose(ratio, np.nanmean(ratio) * np.where(np.isnan(vectors), np.nan, 1), rtol=1e-4)


def test_the_ceiling_has_no_order_of_pairs(rng: np.random.Generator) -> None:
    people = rng.integers(1, 4, size=(6, 60)).astype(float)
    people[rng.random(people.shape) < 0.5] = np.nan
    ends = [noise_ceiling(people[:, order]) for order in (np.arange(60), rng.permutation(60))]
    assert_allclose(*[(end.lower, end.upper) for end in ends], atol=1e-12)


def test_influences_are_what_leaving_out_changes(rng: np.random.Generator) -> None:
    rows, columns = np.triu_indices(60, 1)
    a = rng.normal(size=len(rows))
    b = np.round(a + rng.normal(size=len(rows)), 1)  # ties
    _, influence = spearman_with_influence(a, b)
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    value = spearman(a, b)
    out = [(rows != i) & (columns != i) for i in range(60)]
    full = np.array([spearman(a[keep], b[keep]) - value for keep in out])
    linear = np.array([-influence[~keep].sum() / keep.sum() for keep in out])
    assert np.corrcoef(full, linear)[0, 1] > 0.995
    variance = 59 / 60 * ((full - full.mean()) ** 2).sum()
    of_objects = jackknife_variance(object_changes(influence, rows, columns))
    assert_allclose(of_objects, variance, rtol=0.03)
    assert not spearman_with_influence(np.ones(9), np.arange(9))[1].any()


def test_evaluate_reads_gaps_and_counts_what_is_left_out(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    ids = tuple(f"o{index}" for index in range(M))
    people = with_gaps(squares(rng), rng, 0.2)
    people[:, 0, 1] = people[:, 1, 0] = np.nan
    people[4] = np.where(np.eye(M, dtype=bool), 0.0, np.nan)
    np.savez(tmp_path / "rdm.npz", ids=np.array(ids), rdm=people)
    features = rng.normal(size=(M, 5)).astype(np.float32)
    candidates = [Candidate(n, FeatureTable(ids, features)) for n in ("base", "same")]
    results = evaluate(candidates, rdm=tmp_path / "rdm.npz")
    judged = results.judged["rdm"]
    missing = int(np.isnan(upper(people)).all(axis=0).sum())
    assert (judged.participants, judged.items) == (4, M * (M - 1) // 2 - missing)
    assert judged.left_out["participants"] == 1
    assert judged.left_out["pairs"] == missing >= 1
    assert len(results.levels("rdm.per_person.values", "base")) == 4
    spearman = results.estimate("rdm.spearman", "base")
    assert spearman is not None and spearman.low < spearman.high
    gain = results.estimate("rdm.difference.spearman", "same")
    assert gain is not None and gain.as_dict() == {"value": 0.0, "low": 0.0, "high": 0.0}
