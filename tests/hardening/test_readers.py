"""Whatever a file holds, a reader reads it or says in one line what is wrong with it."""

import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.hardening.mutations import Damage, mutant
from tests.hardening.readers import READERS, Reader

from twoalike.study import TwoalikeError

FEW, MANY = 3, 250
"""Files that are tried of each reader by default, and with the slow tests."""
MOST = 10
"""Files of a reader from which on each is either missing or a folder, in turn."""
LONGEST_S, LONGEST_LINE = 20.0, 1000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Reader], Path]:
    """A function that gives the sound files of a reader, made once."""
    made: dict[Callable[[Path], object], Path] = {}

    def folder(reader: Reader) -> Path:
        if reader.make not in made:
            made[reader.make] = tmp_path_factory.mktemp("sound") / "files"
            made[reader.make].mkdir()
            reader.make(made[reader.make])
        return made[reader.make]

    return folder


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """All tests here."""


def try_to_read(reader: Reader, folder: Path) -> None:
    """Read; what is refused is refused in one line, in time."""
    start = time.monotonic()
    try:
        reader.read(folder)
    except TwoalikeError as error:
        assert "\n" not in str(error), repr(str(error))
        assert len(str(error)) <= LONGEST_LINE, str(error)
    assert time.monotonic() - start < LONGEST_S


def check(name: str, sound: Path, top: Path, n: int) -> None:
    """Damage a reader's files n times, one at a time, and read them."""
    reader, folder = READERS[name], top / "within" / "files"
    shutil.copytree(sound, folder)
    reader.read(folder)
    shutil.rmtree(folder / "out", ignore_errors=True)
    before = {path for path in top.rglob("*")}
    whole = {file: (folder / file).read_bytes() for file in reader.files}
    for number in range(n):
        rng = np.random.default_rng([number, zlib.crc32(name.encode())])
        damage = Damage(rng, top / "sprung")
        file = damage.of(list(whole))
        how, content = mutant(whole[file], reader.files[file], damage)
        (folder / file).write_bytes(content)
        if number % 2:
            reader.mend(folder)
        try:
            try_to_read(reader, folder)
        except Exception as error:
            error.add_note(f"{name}: damage {number} to {file}: {how}")
            raise
        shutil.rmtree(folder / "out", ignore_errors=True)
        assert {path for path in top.rglob("*")} == before, f"{name}: {number}, {how}"
        for path, sane in whole.items():
            (folder / path).write_bytes(sane)


@pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_read_or_refused_in_one_line(
    name: str, n: int, sound: Callable[[Reader], Path], tmp_path: Path
) -> None:
    check(name, sound(READERS[name]), tmp_path, n)


@pytest.mark.parametrize("name", READERS)
def test_no_file_and_a_folder_in_its_place_are_one_line(
    name: str, sound: Callable[[Reader], Path], tmp_path: Path
) -> None:
    reader, folder = READERS[name], tmp_path / "files"
    shutil.copytree(sound(reader), folder)
    both = len(reader.files) < MOST
    for number, file in enumerate(reader.files):
        path = folder / file
        content = path.read_bytes()
        path.unlink()
        if both or number % 2:
            try_to_read(reader, folder)
        path.mkdir()
        if both or not number % 2:
            try_to_read(reader, folder)
        path.rmdir()
        path.write_bytes(content)
        shutil.rmtree(folder / "out", ignore_errors=True)
