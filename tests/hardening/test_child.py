"""Files that end the process of who reads them, fill its memory or keep it for ever: one line."""

import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.conftest import call
from tests.hardening import deadly
from tests.hardening.mutations import Damage, flipped
from tests.hardening.readers import IDS, VALUES, make_posterior, make_tables

from twoalike.features import read_features
from twoalike.judgments import read_judgments
from twoalike.study import TwoalikeError
from twoalike.study._foreign import _Child, read_in_child


def read(how: str, path: Path) -> None:
    read_in_child(f"{deadly.__name__}:{how}", path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("x")
    return tmp_path / "file"


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("die", "reading it ended the process that tried"),
        ("hang", "not read after 1 seconds"),
        ("fail", "no such column"),
        pytest.param(
            "fill",
            "it takes more than 2 GiB of memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limits"),
        ),
    ],
)
def test_whatever_a_reader_does_to_its_process_this_one_goes_on(
    how: str, says: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read("read", path.with_name("absent"))  # the reader names what is missing
    if how == "hang":
        monkeypatch.setattr("twoalike.study._foreign.SECONDS", 1.0)
    with pytest.raises(OSError, match=says):
        read(how, path)
    monkeypatch.undo()
    read("speak", path)  # by the same child, or by the next one


def test_what_a_reader_refuses_is_refused_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(TwoalikeError) as caught:
        read("refuse", Path("file"))
    assert str(caught.value) == "file: expected numbers."


def test_a_file_is_read_once_by_the_child_until_it_changes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read("read", path)
    with monkeypatch.context() as patch:
        patch.setattr(_Child, "current", None)
        read("die", path)
    path.write_text("changed")
    with pytest.raises(OSError, match="ended the process"):
        read("die", path)


def test_a_parquet_file_with_one_changed_bit_does_not_end_the_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Version 0.1 ended with SIGABRT: pyarrow does not catch what its metadata raise."""
    make_tables(tmp_path)
    path = tmp_path / "choices.parquet"
    before, after = b"%\x02\x18\x05level", b"%\x42\x18\x05level"
    assert path.read_bytes().count(before) == 1
    path.write_bytes(path.read_bytes().replace(before, after))
    assert call("fit", "--choices", path, "--out", tmp_path / "p.nc") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"twoalike: {path}: cannot be read as parquet (reading it ended the")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["choices.parquet", "f.h5", "posterior.nc"])
def test_five_hundred_changed_bits_are_read_or_refused_in_time(tmp_path: Path, kind: str) -> None:
    make_tables(tmp_path)
    make_posterior(tmp_path)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["features"], file["ids"] = VALUES, list(IDS)
    path, refused = tmp_path / kind, 0
    from twoalike.embedding import Posterior

    readers = {".parquet": read_judgments, ".h5": read_features, ".nc": Posterior.load}
    whole, damage = path.read_bytes(), Damage(np.random.default_rng(1), tmp_path / "sprung")
    for _ in range(500):
        path.write_bytes(flipped(whole, damage))
        start = time.monotonic()
        try:
            readers[path.suffix](path)
        except TwoalikeError as error:
            refused += 1
            assert "\n" not in str(error)
        assert time.monotonic() - start < 30
    assert refused > 20
