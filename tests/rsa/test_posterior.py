"""Agreement with draws of dissimilarities."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.evaluation import spearman, upper
from twoalike.rsa import dissimilarity_draws, posterior_agreement
from twoalike.study import TwoalikeError

M = 20


def distances(places: np.ndarray) -> np.ndarray:
    """Euclidean distances between rows."""
    return np.linalg.norm(places[:, None] - places, axis=-1)


@pytest.fixture
def places(rng: np.random.Generator) -> np.ndarray:
    """Where the objects are."""
    return rng.normal(size=(M, 3))


def drawn(places: np.ndarray, sd: float, rng: np.random.Generator, n: int = 40) -> list[np.ndarray]:
    """Distances under draws that scatter about the places."""
    return [distances(places + sd * rng.normal(size=places.shape)) for _ in range(n)]


def test_the_interval_holds_both_uncertainties(
    places: np.ndarray, rng: np.random.Generator
) -> None:
    model = distances(places[:, :2])
    sure, unsure = (posterior_agreement([model], drawn(places, sd, rng))[0] for sd in (1e-6, 0.4))
    assert sure["spearman"].value == pytest.approx(
        spearman(*upper(np.stack([model, distances(places)]))), abs=1e-3
    )
    width = [found["spearman"].high - found["spearman"].low for found in (sure, unsure)]
    assert 0.02 < width[0] < width[1]


def test_draws_of_a_posterior_keep_the_order_of_objects(rng: np.random.Generator) -> None:
    embedding = rng.random((30, 4, 2)).astype(np.float32)
    posterior = SimpleNamespace(
        ids=("a", "b", "c", "d"), embedding=embedding, pair_similarity=lambda a, b: a @ b.T
    )
    draws = list(dissimilarity_draws(posterior, ["c", "a"], most=7))
    assert len(draws) == 7
    assert_allclose(draws[0][0, 1], -(embedding[0, 2] @ embedding[0, 0]), rtol=1e-5)
    assert_allclose(draws[-1][1, 1], -(embedding[29, 0] @ embedding[29, 0]), rtol=1e-5)
    with pytest.raises(TwoalikeError, match="object 'x' is not one of"):
        next(dissimilarity_draws(posterior, ["x"]))
