"""The vector in closed form, chosen on held-out objects."""

from dataclasses import replace

import numpy as np

from twoalike.teacher import Evidence, find_frontier


def test_ability_near_chance_decides_nothing(rng: np.random.Generator) -> None:
    """The vector is then the one of images without classes, though classes were given."""
    x = rng.normal(size=(60, 12)).astype(np.float32)
    places = x[:, :3].astype(np.float64)
    rows, similarity = np.arange(60), places @ places.T
    unknown = find_frontier(Evidence(x, rows, similarity)).chosen
    noise = find_frontier(Evidence(x, rows, similarity, rng.permutation(60) % 20))
    assert noise.base["ability"] is not None
    assert noise.base["ability"] < 0.1
    # The penalty is chosen on folds of classes or of images, so it may differ.
    assert replace(noise.chosen, penalty=unknown.penalty) == unknown


def test_rounding_decides_no_penalty_in_one_dimension(rng: np.random.Generator) -> None:
    """Cosines are 1 or -1 there, and features of two processes differ in their last bits."""
    features = rng.standard_normal((60, 20)).astype(np.float32)
    place = features[:, 0] + 0.5 * rng.standard_normal(60)
    similarity, judged = np.outer(place, place), np.arange(60)
    chosen = find_frontier(Evidence(features, judged, similarity)).chosen
    for _ in range(4):
        noise = 1e-7 * rng.standard_normal(features.shape)
        other = (features * (1 + noise)).astype(np.float32)
        assert find_frontier(Evidence(other, judged, similarity)).chosen == chosen
