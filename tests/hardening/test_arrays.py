"""Archives of arrays that lie about their size, are made to fill the memory, or hold a pickle."""

import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.hardening.mutations import Trap
from tests.hardening.readers import IDS

from twoalike.distill import import_alignet
from twoalike.features import read_features
from twoalike.judgments import read_rdms
from twoalike.observers import SimulatedObserver
from twoalike.study import TwoalikeError, load_arrays

type Read = Callable[[Path], object]

READERS: dict[str, Read] = {
    "features": read_features,
    "rdms": lambda path: read_rdms(path, IDS),
    "observer": SimulatedObserver.load,
    "alignet": lambda path: import_alignet(path, path.parent / "labels"),
}


def header(shape: str, kind: str = "<f8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def refused(read: Read, path: Path) -> str:
    """Words of the refusal; little memory was taken until then."""
    tracemalloc.start()
    with pytest.raises(TwoalikeError) as caught:
        read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100 * 2**20
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("shape", ["(1000000000000, 3)", "(200000000, 3)", "(-1, 3)", "(3,", "\0"])
def test_headers_that_tell_of_more_than_there_is(read: Read, shape: str, tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ids", "features", "embedding", "weights", "filenames", "similarities"):
            archive.writestr(f"{name}.npy", header(shape) + bytes(48))
    assert "cannot be read as" in refused(read, path)
    path.write_bytes(header(shape) + bytes(48))
    assert "cannot be read as" in refused(read, path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"f.npz"}


def test_archives_made_to_fill_the_memory_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.study._reading.SMALL", 2**20)
    np.savez_compressed(tmp_path / "f.npz", ids=np.array(["a", "b"]), features=np.zeros((2, 10**6)))
    assert "would unfold from" in refused(read_features, tmp_path / "f.npz")
    # Values that were measured shrink by little, and are read however many they are.
    values = np.random.default_rng(1).normal(size=(2, 10**6))
    np.savez_compressed(tmp_path / "f.npz", ids=np.array(["a", "b"]), features=values)
    assert read_features(tmp_path / "f.npz").values.shape == (2, 10**6)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_no_pickle_is_opened(read: Read, tmp_path: Path) -> None:
    trap = np.array([[Trap(tmp_path / "sprung")]], dtype=object)
    names = ("ids", "features", "embedding", "weights", "mean", "std", "filenames", "similarities")
    np.savez(tmp_path / "f.npz", **dict.fromkeys(names, trap))  # type: ignore[arg-type]
    assert "pickle" in refused(read, tmp_path / "f.npz")
    np.save(tmp_path / "f.npy", trap)
    refused(read, tmp_path / "f.npy")
    assert not (tmp_path / "sprung").exists()


def test_an_archive_of_python_2_is_read_without_a_word(tmp_path: Path) -> None:
    content = header("(2L, 3L)") + np.arange(6.0).tobytes()
    (tmp_path / "f.npy").write_bytes(content)
    found = load_arrays(tmp_path / "f.npy", "numbers")
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]
