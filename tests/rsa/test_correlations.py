"""Comparisons with people's dissimilarities: known answers, and rsatoolbox where it has them."""

from pathlib import Path

import numpy as np
import pytest

from twoalike.evaluation import rho_a, spearman, upper
from twoalike.judgments import arrangements_table, import_meadows, read_rdms
from twoalike.rsa import arranged_rdms
from twoalike.study import TwoalikeError

M = 14
ROWS, COLUMNS = np.triu_indices(M, 1)


@pytest.fixture
def vectors(rng: np.random.Generator) -> np.ndarray:
    """Distances between places, and the same with noise; upper triangles."""
    places = rng.normal(size=(M, 3))
    true = np.linalg.norm(places[:, None] - places, axis=-1)[ROWS, COLUMNS]
    return np.stack([true, true + 0.5 * rng.random(len(true))])


def test_rank_correlations_are_rsatoolboxs_with_ties(vectors: np.ndarray) -> None:
    from rsatoolbox.rdm import compare

    a, b = vectors.round(1)
    for name, own in (("spearman", spearman), ("rho-a", rho_a)):
        assert own(a, b) == pytest.approx(compare(a[None], b[None], name)[0, 0])


def test_arrangements_give_distances() -> None:
    trials = [
        (1, "main", {"a": (0.0, 0.4), "b": (0.0, -0.4), "c": (0.0, 0.0)}),
        (2, "practice", {"a": (0.0, 0.1), "d": (0.0, 0.2)}),
        (3, "main", {"a": (0.3, 0.0), "c": (-0.3, 0.0)}),
    ]
    rows = [(trial, kind, item, *place) for trial, kind, of in trials for item, place in of.items()]
    trial, kind, item, x, y = (list(column) for column in zip(*rows, strict=True))
    columns = {"trial": trial, "trial_type": kind, "item": item, "x": x, "y": y}
    found = arranged_rdms(arrangements_table(columns, ["a", "b", "c", "d"]))
    assert found.ids == ("a", "b", "c", "d")
    values = found.values[0]
    assert values[0, 1] == pytest.approx(2 * values[0, 2], rel=1e-3)
    assert np.isnan(values[:3, 3]).all()
    practice = arrangements_table({k: v[3:5] for k, v in columns.items()}, ["a", "d"])
    with pytest.raises(TwoalikeError, match="main or repeat"):
        arranged_rdms(practice)


def test_a_real_session_gives_the_platforms_dissimilarities(shared_data: Path) -> None:
    """118 images in 109 trials: the evidence-weighted average against the one that was stored."""
    name = "Meadows_myExp_v_v1_cuddly-bunny_3"
    stored = read_rdms(shared_data / "meadows" / f"{name}_1D.mat")
    session = import_meadows([shared_data / "meadows" / f"{name}_tree.json"])
    found = arranged_rdms(session, stored.ids)
    own, theirs = upper(found.values)[0], upper(stored.values)[0]
    known = ~np.isnan(own)
    assert np.corrcoef(own[known], theirs[known])[0, 1] > 0.98
