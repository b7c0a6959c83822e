"""Pickles: plain data comes through, and nothing that a file says is looked up or run."""

import os
import pickle
import pickletools
from collections import OrderedDict, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twoalike.study import TwoalikeError, load_pickled_data


def read(path: Path, content: bytes) -> Any:
    path.write_bytes(content)
    return load_pickled_data(path, "data")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_come_through(tmp_path: Path, protocol: int) -> None:
    counts: defaultdict[str, list[int]] = defaultdict(list)
    counts["x"].append(1)
    content = {
        "texts": ["a", "ß\U0001f600", ""],
        7: (1, -(2**70), 0.1 + 0.2, True, None, float("nan")),
        "ordered": OrderedDict(b=1, a=2),
        "default": counts,
        "numpy": [np.float64(0.1), np.int64(-3), np.float32(0.5), np.str_("été"), np.bool_(True)],
        "swapped": np.array([1.5], ">f4")[0],
    }
    found = read(tmp_path / "x.pkl", pickle.dumps(content, protocol))
    assert found == {
        "texts": ["a", "ß\U0001f600", ""],
        "7": [1, -(2**70), 0.1 + 0.2, True, None, None],
        "ordered": {"b": 1, "a": 2},
        "default": {"x": [1]},
        "numpy": [0.1, -3, 0.5, "été", True],
        "swapped": 1.5,
    }


class Runs:
    """A pickle of this writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_program_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    mark, content = tmp_path / "mark", [{"p": [Runs(tmp_path / "mark")]}]
    with pytest.raises(TwoalikeError, match=r"holds (posix|nt).system; .*may run any program"):
        read(tmp_path / "x.pkl", pickle.dumps(content, protocol))
    assert not mark.exists()
    pickle.loads(pickle.dumps(content, protocol))  # this one is real
    assert mark.exists()


def global_call(module: str, name: str, *arguments: str) -> bytes:
    """A pickle that calls module.name, by the old opcodes."""
    texts = b"".join(b"V" + each.encode() + b"\n" for each in arguments)
    return f"c{module}\n{name}\n".encode() + b"(" + texts + b"tR."


@pytest.mark.parametrize(
    "content",
    [
        global_call("builtins", "eval", "1"),
        global_call("builtins", "getattr", "x", "y"),
        global_call("__builtin__", "exec", "1"),
        global_call("twoalike.study", "load_mat", "a", "b"),
        global_call("numpy.core.multiarray", "_reconstruct"),
        b"(S'touch mark'\nios\nsystem\n.",  # INST
        b"\x80\x02\x82\x01.",  # EXT1: no registered code
        b"\x80\x02Vx\nQ.",  # BINPERSID
        pickle.dumps(Decimal(1)),
        pickle.dumps(np.arange(3)),
        pickle.dumps({1, 2}),
        pickle.dumps({"x": b"bytes"}),
        pickle.dumps({(1, 2): 3}),
        pickle.dumps({1: 2, "1": 3}),
        pickle.dumps({"x": 1})[:-3],
        b"\x80\x04not a pickle",
        b"\x8e" + (2**62).to_bytes(8, "little") + b"x.",  # BINBYTES8 of four exabytes
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TwoalikeError) as caught:
        read(tmp_path / "x.pkl", content)
    said = str(caught.value)
    assert said.startswith(str(tmp_path / "x.pkl"))
    assert "\n" not in said


def test_a_type_of_numpy_that_is_no_plain_value_is_refused(tmp_path: Path) -> None:
    for value in (np.complex128(1j), np.datetime64("2024-01-01"), np.void(b"abc")):
        with pytest.raises(TwoalikeError, match="cannot be read as a pickle of plain data"):
            read(tmp_path / "x.pkl", pickle.dumps([value]))


def test_a_small_file_cannot_fill_the_memory(tmp_path: Path) -> None:
    many: list[Any] = ["x" * 1000]
    for _ in range(40):
        many = [many, many]
    content = pickle.dumps(many)
    assert len(content) < 2000
    assert len(list(pickletools.genops(content))) < 300
    with pytest.raises(TwoalikeError, match="would unfold to more than"):
        read(tmp_path / "x.pkl", content)
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(TwoalikeError, match=r"cannot be read as a pickle|would unfold"):
        read(tmp_path / "x.pkl", pickle.dumps(cycle))
