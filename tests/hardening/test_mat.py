"""MATLAB files: numbers and texts of any version but one."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from numpy.testing import assert_array_equal

from twoalike.judgments import read_rdms
from twoalike.study import TwoalikeError, load_mat

HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(what: int, shape: tuple[int, ...], *parts: bytes, name: bytes = b"") -> bytes:
    flags = element(6, struct.pack("<II", what, 0))
    dims = element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, flags + dims + element(1, name) + b"".join(parts))


def packed(content: bytes) -> bytes:
    compressed = zlib.compress(content, 9)
    return struct.pack("<II", 15, len(compressed)) + compressed


def refused(path: Path, content: bytes) -> str:
    """Words of the refusal."""
    path.write_bytes(HEAD + content)
    with pytest.raises(TwoalikeError) as caught:
        load_mat(path, "dissimilarities")
    return str(caught.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_every_kind_of_value_comes_through(compressed: bool, tmp_path: Path) -> None:
    cells = np.empty((2, 3), dtype=object)
    cells.ravel()[:] = [np.eye(3), "a", np.zeros((0, 3)), {"x": 1.0, "y": "zwei"}, 7, "ß\U0001f600"]
    content = {
        "numbers": np.arange(24.0).reshape(2, 3, 4),
        "texts": np.array(["one", "three "]),
        "complex": np.array([1j]),
        "cells": cells,
        "struct": {"rdm": np.eye(4), "deep": {"deeper": np.arange(3)}},
        "empty text": "",
        "sparse": scipy.sparse.eye_array(3).tocsc(),
    }
    scipy.io.savemat(tmp_path / "x.mat", content, do_compression=compressed)
    found = load_mat(tmp_path / "x.mat", "values")
    assert list(found) == list(content)
    assert_array_equal(found["numbers"], [content["numbers"]])
    assert [text.strip() for text in found["texts"][0]] == ["one", "three"]
    assert_array_equal(found["complex"], [[[1j]]])
    # By columns, as MATLAB counts.
    assert [array.size for array in found["cells"]] == [9, 1, 1, 1, 1, 0, 1]
    assert found["cells"][4].item() == 7
    assert found["cells"][6].item() == "ß\U0001f600"
    assert_array_equal(found["struct"][0], np.eye(4))
    assert_array_equal(found["struct"][1], [[0, 1, 2]])
    assert [array.size for array in found["empty text"]] == [0]
    assert found["sparse"] == []


def test_matrices_are_found_in_cells_and_structs(tmp_path: Path) -> None:
    square = np.ones((4, 4)) - np.eye(4)
    cells = np.empty(2, dtype=object)
    cells[:] = [square, 2 * square]
    record = np.array([(square, "a"), (2 * square, "b")], dtype=[("rdm", object), ("name", object)])
    for name, value in (("cells", cells), ("struct", {"a": {"b": square}}), ("structs", record)):
        scipy.io.savemat(tmp_path / f"{name}.mat", {"rdms": value})
        found = read_rdms(tmp_path / f"{name}.mat", list("abcd"))
        assert_array_equal(found.values[:, 0, 1], [1.0] if name == "struct" else [1.0, 2.0])


NUMBERS = element(9, np.arange(3.0).tobytes())
DAMAGE = {
    "shape too large": matrix(6, (2**31 - 1, 2**31 - 1), NUMBERS),
    "ends too soon": matrix(6, (1, 3)),
    "no array": packed(NUMBERS),
    "missing cells": matrix(1, (2**31 - 1, 9), matrix(6, (1, 3), NUMBERS)),
    "cut": matrix(6, (1, 3), NUMBERS)[:-8],
    "three bytes": b"abc",
    "not compressed": struct.pack("<II", 15, 4) + b"abcd",
    "two of one name": matrix(6, (1, 3), NUMBERS, name=b"x") * 2,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused_in_one_line(damage: str, tmp_path: Path) -> None:
    said = refused(tmp_path / "x.mat", DAMAGE[damage])
    assert said.startswith(f"{tmp_path / 'x.mat'}: cannot be read as a MATLAB file (")
    assert "\n" not in said


def test_cells_within_cells_without_end_are_refused_or_read(tmp_path: Path) -> None:
    content = matrix(6, (1, 3), NUMBERS)
    for _ in range(3000):
        content = matrix(1, (1, 1), content)
    (tmp_path / "x.mat").write_bytes(HEAD + content)
    with pytest.raises(TwoalikeError, match="cannot be read|expected one variable"):
        read_rdms(tmp_path / "x.mat", list("abc"))


def test_version_73_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    path.write_bytes(b"MATLAB 7.3".ljust(124) + struct.pack("<H", 0x200) + b"IM" + bytes(600))
    with pytest.raises(TwoalikeError, match="Save it again with -v7"):
        load_mat(path, "values")
