"""Fixtures every test may use."""

import os
import platform
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
collect_ignore = ["online/webkit.py"]  # a program for the system's Python


def cases(file: str, table: str) -> list[tuple[Any, ...]]:
    """Rows of a table in the TOML beside a file of tests."""
    text = Path(file).with_suffix(".toml").read_text(encoding="utf-8")
    return [tuple(row) for row in tomllib.loads(text)[table]]


# Compiling takes more than half of the time of fits this small, less where little is optimised. JAX
# looks an entry up by the program and all versions and options it depends on, but not the machine.
_COMPILED = {
    "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".pytest_cache" / f"jax-{platform.node()}"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}
for _name, _value in _COMPILED.items():
    os.environ.setdefault(_name, _value)

LONG = (
    "embedding/test_fit.py",
    "report/test_report.py",
    "distill/test_export.py",
    "hardening/test_attacks.py",
    "end_to_end/test_kill_steps.py",
    "teacher",
    "report",
    "recovery/test_power.py",
    "embedding",
    "distill",
    "end_to_end",
)
"""Files and folders of tests that take longest: begun first, so that no core waits for the last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; the order within a file stays."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(here).as_posix() if item.path.is_relative_to(here) else ""
        found = (n for n, long in enumerate(LONG) if path == long or path.startswith(f"{long}/"))
        return next(found, len(LONG))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _few_triplets() -> Iterator[None]:
    """Judge convergence by 60 triplets, not 300: R-hat takes most of the time of a small check."""
    from twoalike.embedding import _advice

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_advice.judged_triplets, "__defaults__", (60,))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """The one source of randomness in tests."""
    return np.random.default_rng(20261125)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real human data, where this checkout has it; tests that need it skip elsewhere."""
    folder = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set TWOALIKE_SHARED_DATA)")
    return folder


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """A function that reads a folder whole, to show that nothing in it changed."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read


def call(*words: object) -> int:
    """Exit status of a command, run in this process."""
    from twoalike.cli.app import main

    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def break_off(raw: Path, name: Any, n_trials: int) -> None:
    """Leave a session as a kill does right after its first trials: the journal up to there."""
    from twoalike.record import write_left_out

    journal, kept = name.journal(raw), list[bytes]()
    for line in journal.read_bytes().splitlines(keepends=True):
        if b"".join(kept).count(b'"what": "trial"') < n_trials:
            kept.append(line)
    for path in (name.rows(raw), name.events(raw), name.trials(raw), name.manifest(raw)):
        path.unlink(missing_ok=True)
    journal.write_bytes(b"".join(kept))
    write_left_out(raw, name.participant)


def succeed(*words: object) -> None:
    """Run a command that has to succeed."""
    assert call(*words) == 0


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command; gives the exit status, and what it printed or complained about."""

    def status_and_text(*words: object) -> tuple[int, str]:
        status, said = call(*words), capsys.readouterr()
        return status, said.err if status else said.out

    return status_and_text


def refused(
    run: Callable[..., tuple[int, str]], out: Path, complaint: str, *arguments: object
) -> None:
    """Status 1, one line that tells what is wrong, no output file."""
    status, said = run(*arguments, "--out", out)
    assert status == 1, said
    assert complaint in said
    assert said.strip().count("\n") == 0
    assert not out.is_file()
    assert not [path for path in out.parent.glob(".*part*")]


def write_study(root: Path, design: str = "", protocol: str = "", arrangement: str = "") -> Path:
    """Write a study of eight plain images of two kinds, ready to run.

    ``design``, ``protocol`` and ``arrangement`` are TOML: the table [design], and the whole
    protocols of the two tasks.
    """
    import pandas as pd
    from PIL import Image

    from twoalike.stimuli import StimulusSet
    from twoalike.study import sha256_file

    (root / "stimuli").mkdir(parents=True)
    rows = []
    for number in range(8):
        kind = ("warm", "cold")[number // 4]
        colour = (200, 20 + 30 * number, 40) if kind == "warm" else (40, 30 * number, 220)
        file = root / "stimuli" / f"{kind}{number}.png"
        Image.new("RGB", (40, 30 + number), colour).save(file)
        rows.append((file.stem, file.name, sha256_file(file), kind, f"{kind}{number // 2}"))
    columns = ["id", "file", "sha256", "kind", "shade"]
    StimulusSet.write(root / "stimuli", pd.DataFrame(rows, columns=columns))
    (root / "protocols").mkdir()
    for task, content in (("odd_one_out", protocol), ("multi_arrangement", arrangement)):
        file = root / "protocols" / f"{task}.toml"
        file.write_text(content or "schema_version = 1\n", encoding="utf-8")
    settings = 'title = "A small study"\nauthors = ["A. Nyone", "B. Ody"]\nseed = 7\n'
    table = design or "trials = 12\npractice = 2\n"
    (root / "study.toml").write_text(f"{settings}[design]\n{table}")
    return root


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a small study by its name, as :func:`write_study` does."""

    def make(name: str = "study", *tables: str, **named: str) -> Path:
        return write_study(tmp_path / name, *tables, **named)

    return make


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other for minutes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
