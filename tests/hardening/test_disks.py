"""Every verb that writes, where it cannot: one line, status 1, and all is left as it was."""

import ctypes
import re
import resource
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.conftest import contents
from tests.hardening import readers

from twoalike.cli.app import main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limits")

VERBS = {
    name: words.split()
    for name, words in tomllib.loads(Path(__file__).with_name("disks.toml").read_text()).items()
}
"""Words of each verb that writes on small inputs; OUT is what it writes."""
ONCE = ("run", "features parts", "distill")
"""What they begin anew they do not begin another time."""
COMPILED = ("fit nuts", "fit vi", "power", "export onnx")
"""They compile what they run: one of two faults is enough every day."""
RESUMED = (*ONCE, "fit nuts", "fit vi", "power", "predict sample")
"""They keep what they have done so far, to go on with it."""


@pytest.fixture(scope="module", autouse=True)
def _no_caches() -> Iterator[None]:
    """Keep Python's and JAX's caches as they are: on a full disk both leave entries cut short.

    These outlast the test, and whoever reads them later fails.
    """
    jax = pytest.importorskip("jax")
    least = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, least)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # for children
        jax.config.update(least, float("inf"))
        try:
            yield
        finally:
            jax.config.update(least, before)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small inputs of all verbs, made once."""
    pytest.importorskip("sklearn")  # now: it tries to write when it is imported
    root = tmp_path_factory.mktemp("inputs")
    for make in (
        *(readers.make_texts, readers.make_tables, readers.make_trees, readers.make_rdms),
        readers.make_responses,
        *(readers.make_alignet, readers.make_features),
        *(readers.make_posterior, readers.make_teachers, readers.make_student),
    ):
        make(root)
    (root / "all_seen.toml").write_text("held_out = 0\nbatch = 3\n")
    readers.make_session(root / "study")
    (root / "empty").mkdir()
    (root / "empty" / "study.toml").write_text('title = "T"\nseed = 1\n')
    return root


@contextmanager
def full_disk(size: int = 0) -> Iterator[None]:
    """No file may grow beyond this size, which is as if the disk were full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class _Which(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Take from root, if it is root, the right to write whatever the permissions say."""
    libc, which, held = ctypes.CDLL(None), _Which(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(ctypes.byref(which), held) == 0
    effective = held[0]
    held[0] = effective & ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(ctypes.byref(which), held) == 0
    held[0] = effective
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(which), held) == 0


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        with bound_by_permissions():
            yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.fixture
def refused(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """A function that calls a verb which is to fail, and gives what it says."""
    root = tmp_path / "work"
    shutil.copytree(inputs, root)
    monkeypatch.chdir(root)

    def call(name: str, out: str, hindrance: Any, *, may_end: bool = False) -> str:
        words = [word.replace("OUT", out) for word in VERBS[name]]
        before = contents(root)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended, hindrance:
            main(words)
        lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
        if not ended.value.code and may_end:
            return ""
        assert ended.value.code == 1, lines
        assert len(lines) == 1, lines
        assert lines[0].startswith("twoalike: ")
        assert re.search(
            "cannot (write|make|be written)|expected a (file|.*folder)|such a file|disk is full",
            lines[0],
        ), lines
        after = contents(root)
        assert after == before or (name in RESUMED and before.items() <= after.items())
        return lines[0]

    return call


OFTEN = [name for name in VERBS if name not in ("fit nuts", "power")]
"""These two compile most, and write as ``fit vi`` does."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in VERBS]
)
def test_a_full_disk(name: str, refused: Callable[..., str]) -> None:
    refused(name, "new/out", full_disk())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in COMPILED else ()) for name in VERBS],
)
def test_a_folder_that_takes_no_writing(name: str, refused: Callable[..., str]) -> None:
    refused(name, "out", read_only(Path()))


SIZES = (100, 400, 1500, 6000, 25_000, 100_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in VERBS if name not in ONCE])
def test_wherever_the_space_ends_one_line_says_so(name: str, refused: Callable[..., str]) -> None:
    """Small files still find room, larger ones do not."""
    assert [size for size in SIZES if refused(name, f"out{size}", full_disk(size), may_end=True)]


@pytest.mark.parametrize("name", [name for name, words in VERBS.items() if "OUT" in words])
def test_a_file_in_place_of_the_folder_to_be_made(name: str, refused: Callable[..., str]) -> None:
    Path("taken").write_text("mine")
    refused(name, "taken", nullcontext())


ONE_FILE = [name for name, words in VERBS.items() if any(word[:4] == "OUT." for word in words)]


@pytest.mark.parametrize("name", ONE_FILE)
def test_a_folder_in_place_of_the_file_to_be_made(name: str, refused: Callable[..., str]) -> None:
    (word,) = [word for word in VERBS[name] if word[:4] == "OUT."]
    Path(word.replace("OUT", "taken")).mkdir()
    refused(name, "taken", nullcontext())
    Path("file").write_text("mine")
    refused(name, "file/out", nullcontext())
