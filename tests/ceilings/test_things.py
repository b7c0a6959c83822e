"""The table that was computed from an embedding of THINGS, from another embedding of them."""

from pathlib import Path

import numpy as np
import pytest

from twoalike.ceilings import (
    all_counts,
    expected_value,
    largest_share,
    leave_one_out,
    majority_bound,
    oracle_bound,
    plug_in_entropy,
)
from twoalike.choice import entropy, log_choice, pair_similarities

# Votes -> leave-one-out, vanilla, entropy. Truth: VICE choice probabilities, mean of max p .652,
# mean entropy .794.
RELIABILITY = {5: (0.5875, 0.710, 0.583), 10: (0.615, 0.680, 0.688), 50: (0.646, 0.659, 0.771)}
# Votes -> the mode against the majority, ties accepted.
MAJORITY = {5: 0.829, 9: 0.862, 25: 0.908}


@pytest.fixture(scope="module")
def things(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """20,000 judged triplets and their probabilities by SPoSE, as uncertain as those by VICE."""
    folder = shared_data / "things"
    x = np.load(folder / "spose49_embedding.npy").astype(np.float64)
    rows = np.loadtxt(folder / "triplets_by_participant.txt", dtype=np.int64, max_rows=20_000)
    triplets = rows[:, :3]
    pairs = pair_similarities(x @ x.T, triplets)
    return triplets, np.exp(np.stack(log_choice(pairs, 0.975), axis=1))


def test_the_published_measures_and_the_bound(things: tuple[np.ndarray, np.ndarray]) -> None:
    _, p = things
    assert abs(oracle_bound(p).mean() - 0.652) < 0.005
    assert abs(entropy(p).mean() - 0.794) < 0.005
    for n, row in RELIABILITY.items():
        measures = (leave_one_out, largest_share, plug_in_entropy)
        means = [expected_value(p, n, of(all_counts(n))).mean() for of in measures]
        assert np.abs(np.subtract(means, row)).max() < 0.005, n
    for n, expected in MAJORITY.items():
        assert abs(majority_bound(p, n).mean() - expected) < 0.005, n
