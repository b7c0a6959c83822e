"""Commands that are refused, and sessions that die."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.end_to_end.forks import Forks, start_forks

from twoalike.cli.app import main


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Runs sessions that can be killed at any step."""
    if sys.platform != "linux":
        pytest.skip("needs fork and /proc")
    with start_forks(tmp_path_factory.mktemp("reports")) as forks:
        yield forks


def contents(folder: Path) -> dict[str, bytes]:
    """Files and folders of a study, with their bytes; locks, which hold no data, left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if ".locks" not in path.parts
    }


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that is refused; gives the one line said. The study must be as it was."""

    def run(root: Path, *words: object) -> str:
        capsys.readouterr()
        before = contents(root)
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        lines = capsys.readouterr().err.splitlines()
        assert caught.value.code == 1, lines
        (line,) = lines
        assert line.startswith("twoalike: ")
        assert len(line.replace(str(root), "")) < 430, "a line that nobody reads"
        assert contents(root) == before
        return line

    return run
