"""The table of dimensions: order, objects, and what comes again in another fit."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from twoalike.embedding import Posterior, dimension_table
from twoalike.study import TwoalikeError


def fit(x: np.ndarray, ids: list[str]) -> Posterior:
    """A posterior whose draws, (chains, S, m, d), are x."""
    axes = ("chain", "draw")
    shape = x.shape[:2]
    group = xr.Dataset(
        {
            "embedding": ((*axes, "object", "dimension"), x),
            "temperature": ((*axes, "participant"), np.ones((*shape, 1))),
            "lapse": ((*axes, "participant"), np.zeros((*shape, 1))),
        },
        coords={"object": ids, "participant": ["p"]},
    ).astype("float32")
    tree = xr.DataTree.from_dict({"posterior": group})
    tree.attrs = {"schema_version": 1, "engine": "vi", "converged": 1}
    return Posterior(tree)


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    """20 objects on three dimensions; the second carries most, the first least."""
    return rng.gamma(1.0, 1.0, (20, 3)) * [0.3, 2.0, 1.0]


IDS = [f"o{k:02d}" for k in range(20)]


def test_dimensions_stand_by_importance_with_their_highest_objects(x: np.ndarray) -> None:
    table = dimension_table(fit(x[None, None], IDS), top=2)
    assert table["dimension"].tolist() == [1, 2, 3]
    assert table["importance"].is_monotonic_decreasing
    assert_allclose(table["importance"].sum(), 1.0)
    for row, column in zip(table.to_dict("records"), (1, 2, 0), strict=True):
        best = np.argsort(-x[:, column])[:2]
        assert row["objects"] == "; ".join(IDS[k] for k in best)
        assert row["coordinates"] == "; ".join(f"{x[k, column]:.2f}" for k in best)
    assert table["again"].isna().all()  # one chain, no other fit


def test_what_only_one_chain_has_does_not_come_again(
    x: np.ndarray, rng: np.random.Generator
) -> None:
    second = x.copy()  # chains are aligned in the file
    second[:, 0] = rng.permutation(second[:, 0])
    table = dimension_table(fit(np.stack([x, second])[:, None], IDS))
    assert_allclose(table["again"][:2], 1.0, atol=1e-6)
    assert table["again"][2] < 0.8


def test_another_fit_may_order_dimensions_and_objects_its_own_way(
    x: np.ndarray, rng: np.random.Generator
) -> None:
    order = rng.permutation(20)[:15]
    other = fit(3 * x[order][:, [1, 2, 0]][None, None], [IDS[k] for k in order])
    table = dimension_table(fit(x[None, None], IDS), [other])
    assert_allclose(table["again"], 1.0, atol=1e-6)
    assert isinstance(table, pd.DataFrame)


def test_a_constant_dimension_is_never_found_again(x: np.ndarray) -> None:
    flat = np.column_stack([x, np.ones(20)])
    table = dimension_table(fit(flat[None, None], IDS), [fit(flat[None, None], IDS)])
    assert_allclose(table["again"], [1.0, 1.0, 1.0, 0.0], atol=1e-6)


def test_other_objects_and_no_objects_are_refused(x: np.ndarray) -> None:
    one = fit(x[None, None], IDS)
    with pytest.raises(TwoalikeError, match="found 0 of 20"):
        dimension_table(one, [fit(x[None, None], [f"z{k}" for k in range(20)])])
    with pytest.raises(TwoalikeError, match="--top"):
        dimension_table(one, top=0)
