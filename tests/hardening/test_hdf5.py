"""HDF5 that points elsewhere or tells of terabytes, and posteriors whose attributes are wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.hardening.readers import IDS, VALUES, make_posterior, read_posterior

from twoalike.embedding import Posterior
from twoalike.features import read_features
from twoalike.study import TwoalikeError


def external(file: Any, path: Path) -> None:
    file["features"] = h5py.ExternalLink(str(path), "/features")


def virtual(file: Any, path: Path) -> None:
    layout = h5py.VirtualLayout(shape=VALUES.shape, dtype="f4")
    layout[:] = h5py.VirtualSource(str(path), "features", shape=VALUES.shape)
    file.create_virtual_dataset("features", layout)


def stored_outside(file: Any, path: Path) -> None:
    file.create_dataset("features", VALUES.shape, "f4", external=[(str(path), 0, VALUES.nbytes)])


@pytest.mark.parametrize("point", [external, virtual, stored_outside])
def test_what_lies_in_another_file_is_not_read(
    point: Callable[[Any, Path], None], tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["features"] = VALUES
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["ids"] = list(IDS)
        point(file, tmp_path / "other.h5")
    with pytest.raises(TwoalikeError, match=r"'features' lies elsewhere and is only linked\. Copy"):
        read_features(tmp_path / "f.h5")


def test_data_that_are_not_there_take_no_room(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("features", shape=(10**9, 10**4), dtype="f8", chunks=(1000, 100))
        file["ids"] = list(IDS)
    with pytest.raises(TwoalikeError, match="would unfold from"):
        read_features(tmp_path / "f.h5")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("provenance", "{", "attribute provenance: not valid JSON"),
        ("convergence", 7, "attribute convergence is damaged"),
        ("schema_version", "x", "expected schema_version as a whole number, found 'x'"),
        ("schema_version", [1, 2], "expected schema_version as a whole number"),
        ("schema_version", 9, "this twoalike reads up to 1"),
    ],
)
def test_damaged_attributes_of_a_posterior(
    name: str, value: object, says: str, tmp_path: Path
) -> None:
    make_posterior(tmp_path)
    with h5py.File(tmp_path / "posterior.nc", "r+") as file:
        file.attrs[name] = value
    with pytest.raises(TwoalikeError, match=says) as caught:
        Posterior.load(tmp_path / "posterior.nc")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["embedding", "temperature", "lapse"])
def test_draws_are_numbers_all_of_them(name: str, tmp_path: Path) -> None:
    make_posterior(tmp_path)
    read_posterior(tmp_path)
    with h5py.File(tmp_path / "posterior.nc", "r+") as file:
        file[f"posterior/{name}"][0, 0] = np.nan
    with pytest.raises(TwoalikeError, match=f"the {name} holds NaN or infinite values"):
        Posterior.load(tmp_path / "posterior.nc")
