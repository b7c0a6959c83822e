"""MATLAB files: read as scipy reads them, damaged ones refused before anything is made of them."""

import itertools
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from numpy.testing import assert_array_equal

from twoalike.judgments._mat import MatValue, read_mat
from twoalike.study import TwoalikeError

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
    """Words of the refusal; little memory was taken until then."""
    path.write_bytes(HEAD + content)
    tracemalloc.start()
    with pytest.raises(TwoalikeError) as caught:
        read_mat(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50 * 2**20
    return str(caught.value)


def by_scipy(path: Path) -> dict[str, MatValue]:
    """What scipy reads, in our form."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of functions, and of sparse matrices to come
        found = scipy.io.loadmat(path)
    return {name: _in_our_form(value) for name, value in found.items() if name[:2] != "__"}


def _in_our_form(value: Any) -> MatValue:
    array = isinstance(value, np.ndarray) and not isinstance(value, scipy.io.matlab.MatlabFunction)
    if not array or value.dtype.kind == "c":
        return None
    if value.dtype.names:
        records = value.ravel(order="F")
        return [_in_our_form(record[name]) for record in records for name in value.dtype.names]
    if value.dtype == object:
        return [_in_our_form(one) for one in value.ravel(order="F")]
    return value


def check_same(found: MatValue, expected: MatValue) -> None:
    assert isinstance(found, list) == isinstance(expected, list)
    if isinstance(found, list) and isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            check_same(one, other)
    elif isinstance(expected, np.ndarray) and expected.dtype.kind == "U":
        blank = [text for text in expected.ravel().tolist() if text.strip()]
        assert np.ravel(found).tolist() == (expected.ravel().tolist() if blank else [])
    else:
        assert_array_equal(found, expected)


def check_same_variables(found: dict[str, MatValue], expected: dict[str, MatValue]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        check_same(found[name], value)


@pytest.mark.parametrize("compressed", [False, True])
def test_every_kind_of_value_is_read_as_scipy_reads_it(compressed: bool, tmp_path: Path) -> None:
    kinds = "f8 f4 i8 i4 i2 i1 u8 u4 u2 u1 bool".split()
    cells = np.empty((2, 3), dtype=object)
    cells.ravel()[:] = [np.eye(3), "a", np.zeros((0, 3)), {"x": 1.0, "y": "zwei"}, 7, "ß\U0001f600"]
    content = {
        **{f"of_{kind}": np.arange(24).reshape(2, 3, 4).astype(kind) for kind in kinds},
        "texts": np.array(["one", "three ", "\U0001f600é"]),
        "empty": np.zeros((0, 4)),
        "complex": np.array([1j]),
        "cells": cells,
        "struct": {"rdm": np.eye(4), "deep": {"deeper": np.arange(3)}},
        "records": np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
        "sparse": scipy.sparse.eye_array(3).tocsc(),
        "ein_sehr_langer_name": 1,
    }
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, content, do_compression=compressed)
    check_same_variables(read_mat(path), by_scipy(path))


VERSIONS = ("5.3_SOL2", "6.1_SOL2", "6.5.1_GLNX86", "7.1_GLNX86", "7.4_GLNX86")
"""Of the files that scipy was tried with, MATLAB's own: of two orders of bytes."""
OWN = sorted((Path(scipy.io.__file__).parent / "matlab" / "tests" / "data").glob("test*_*.mat"))


@pytest.mark.skipif(not OWN, reason="this scipy came without its test files")
def test_files_of_matlab_are_read_as_scipy_reads_them() -> None:
    files = [path for path in OWN if path.stem.endswith(VERSIONS) and "hdf5" not in path.name]
    assert len(files) > 50
    for path in files:
        check_same_variables(read_mat(path), by_scipy(path))


def test_bombs_are_refused_before_they_unfold(tmp_path: Path) -> None:
    zeros = matrix(6, (1000, 1000), element(9, bytes(8_000_000)), name=b"x")
    lying = struct.pack("<II", 14, 2**32 - 8) + zeros[8:]
    assert "would unfold from" in refused(tmp_path / "x.mat", packed(lying))
    many = packed(struct.pack("<II", 14, 2**29) + bytes(100))
    assert "bytes are told of, others are packed" in refused(tmp_path / "x.mat", many)
    (tmp_path / "x.mat").write_bytes(HEAD + packed(zeros))
    found = read_mat(tmp_path / "x.mat")["x"]
    assert isinstance(found, np.ndarray)
    assert found.shape == (1000, 1000)


NUMBERS = element(9, np.arange(3.0).tobytes())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (matrix(6, (2**31 - 1, 2**31 - 1), NUMBERS), "3 values for an array of shape"),
        (matrix(6, (-1, 3), NUMBERS), "an array of shape"),
        (matrix(6, (), NUMBERS), "an array of shape"),
        (matrix(6, (1, 3)), "ends too soon"),
        (matrix(6, (1, 3), element(16, b"x" * 24)), "kind 16 where numbers belong"),
        (matrix(4, (1, 3), NUMBERS), "kind 9 where text belongs"),
        (matrix(4, (1, 3), element(16, b"abcd")), "4 characters for a text of shape"),
        (matrix(4, (2**31 - 1, 9), element(16, b"abcd")), "4 characters for a text of shape"),
        (matrix(1, (2**31 - 1, 9), matrix(6, (1, 3), NUMBERS)), "1 of 19,327,352,823 values"),
        (matrix(1, (1, 1), element(14, b"") * 2), "more than 1 values"),
        (matrix(1, (1, 1), NUMBERS), "kind 9 where 14 belongs"),
        (matrix(2, (1, 1), element(5, bytes(4)), element(1, b"ab"), NUMBERS), "more than 0 values"),
        (matrix(6, (1, 3), NUMBERS, name=b"x") * 2, "'x' stands twice"),
        (matrix(6, (1, 3), NUMBERS)[:-8], "an element of 72 bytes where there are 64"),
        (struct.pack("<I", 5 | 5 << 16) + b"abcd", "an element of 5 bytes where there are 4"),
        (b"abc", "8 bytes"),
        (packed(NUMBERS), "kind 9 where 14 belongs"),
        (struct.pack("<II", 15, 4) + b"abcd", "while decompressing"),
    ],
    ids=map(str, itertools.count()),
)
def test_damage_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    assert says in refused(tmp_path / "x.mat", content)


def test_cells_within_cells_without_end_are_refused(tmp_path: Path) -> None:
    content = matrix(6, (1, 3), NUMBERS)
    for _ in range(3000):
        content = matrix(1, (1, 1), content)
    assert "nested too deep" in refused(tmp_path / "x.mat", content)


@pytest.mark.parametrize("version", ["4", "7.3"])
def test_other_versions_are_named_as_such(version: str, tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    if version == "4":
        scipy.io.savemat(path, {"x": np.eye(3)}, format="4")
    else:
        path.write_bytes(b"MATLAB 7.3".ljust(124) + struct.pack("<H", 0x200) + b"IM" + bytes(600))
    with pytest.raises(TwoalikeError, match="save it again with -v7"):
        read_mat(path)
