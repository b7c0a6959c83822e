"""Choice similarity against its definition, triplet by triplet."""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import softmax

from twoalike.rsa import choice_similarity


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_by_every_triplet(rng: np.random.Generator, temperature: float) -> None:
    x = rng.normal(size=(7, 3))
    similarity = x @ x.T
    expected = np.zeros((7, 7))
    for triplet in combinations(range(7), 3):
        pairs = list(combinations(triplet, 2))
        chances = softmax([similarity[pair] / temperature for pair in pairs])
        for (a, b), chance in zip(pairs, chances, strict=True):
            expected[a, b] += chance / 5
            expected[b, a] += chance / 5
    np.testing.assert_allclose(
        choice_similarity(similarity, temperature), expected + np.eye(7), atol=1e-12
    )


def test_two_objects_are_too_few() -> None:
    with pytest.raises(ValueError, match="there are 2"):
        choice_similarity(np.eye(2))
