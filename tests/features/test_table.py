"""The features file: written whole, read with every claim checked."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from twoalike.features import FeatureTable, read_features, write_features
from twoalike.study import TwoalikeError


def test_round_trip(tmp_path: Path, rng: np.random.Generator) -> None:
    table = FeatureTable(("a", "ß", "c"), rng.normal(size=(3, 4)).astype(np.float32), {"n": 1})
    write_features(tmp_path / "f.npz", table)
    again = read_features(tmp_path / "f.npz")
    assert again.ids == table.ids
    assert again.meta == {"n": 1}
    assert_array_equal(again.values, table.values)
    assert_array_equal(again.select(["c", "a"]), table.values[[2, 0]])
    with pytest.raises(TwoalikeError, match="no features for 1 of 2 objects, first 'x'"):
        again.select(["a", "x"])
    strangers = [f"x{number}" for number in range(12)]
    with pytest.raises(TwoalikeError, match="12 of 12 objects, first 'x0', .*, 'x9'. Compute"):
        again.select(strangers)


@pytest.mark.parametrize("parts", [{"human": [1, 5]}, {"human": [2, 2]}, {"human": "x"}, [1], 3])
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, parts: object) -> None:
    write_features(tmp_path / "f.npz", FeatureTable(("a", "b"), np.eye(2, 4), {"parts": parts}))
    with pytest.raises(TwoalikeError, match="f.npz: expected parts of a vector of 4") as caught:
        read_features(tmp_path / "f.npz")
    assert "\n" not in str(caught.value)
