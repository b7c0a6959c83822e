"""How every command ends."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import call
from tests.hardening.readers import make_study

from twoalike.cli import app as cli
from twoalike.study import TwoalikeError

ROOT = Path(__file__).parents[2]
CORE = {
    *("cyclopts docstring_parser filelock h5netcdf h5py jinja2 lazy_loader markdown_it".split()),
    *("markupsafe numpy pandas PIL platformdirs pyarrow pydantic pydantic_core rich".split()),
    *("scipy xarray".split()),
}
"""Modules that every installation has."""


def _sources() -> Iterator[Path]:
    for stage in ("experiments", "modeling", "analysis"):
        yield from (ROOT / stage / "twoalike").rglob("*.py")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def _end(monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> int:
    def fail(arguments: list[str]) -> None:
        raise raised

    monkeypatch.setattr(cli, "build", lambda summaries: fail)
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    return int(str(caught.value.code))


def test_what_a_user_can_mend_is_one_line_and_status_1(monkeypatch, capsys) -> None:
    assert _end(monkeypatch, TwoalikeError("a.tsv: expected x, found y.")) == 1
    assert capsys.readouterr().err == "twoalike: a.tsv: expected x, found y.\n"


def test_an_interrupt_is_130(monkeypatch) -> None:
    assert _end(monkeypatch, KeyboardInterrupt()) == 130


def test_a_missing_extra_is_named(monkeypatch, capsys) -> None:
    assert _end(monkeypatch, ModuleNotFoundError("no", name="torch.nn")) == 1
    assert 'uv pip install --editable ".[distill]"' in capsys.readouterr().err


def test_every_package_of_an_extra_is_known() -> None:
    needed = {name for path in _sources() for name in _imported(path)}
    optional = needed - set(sys.stdlib_module_names) - CORE - {"twoalike"}
    assert "torch" in optional
    assert optional - set(cli.EXTRAS) == set()


def test_a_defect_keeps_its_traceback(monkeypatch) -> None:
    monkeypatch.setattr(cli, "build", lambda summaries: lambda arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main([])


@pytest.mark.parametrize("verb", [name for name in cli.VERBS if name not in ("import", "export")])
def test_no_help_shows_marks_or_lines_of_the_source(verb: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert call(verb, "--help") == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert "``" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    paragraphs = shown[: shown.index("╭")].split("\n\n")[1:]
    for paragraph in paragraphs:
        first, *rest = paragraph.strip("\n").split("\n")
        for before, after in zip([first, *rest], rest, strict=False):
            assert len(before.rstrip()) + 1 + len(after.split()[0]) > 80, paragraph


@pytest.mark.parametrize(
    "words", [["fit", "--no-such-option"], ["nonsense"], ["import", "nothing"]]
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    assert call(*words) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["check", "posterior.nc"],
        ["dimensions", "posterior.nc"],
        ["evaluate", "--features", "base.npz", "--out", "results.json"],
        ["features", "--backbone", "resnet18", "--images", "photos", "--out", "base.npz"],
        ["report", "study", "--out", "report.html"],
        ["run", "study", "--participant", "001"],
        ["transfer", "--features", "base.npz", "--out", "transfer.json"],
    ],
    ids=lambda words: words[0],
)
def test_a_seed_that_no_generator_takes_is_refused_before_anything_is_read(words, capsys) -> None:
    assert call(*words, "--seed", "-1") == 1
    assert capsys.readouterr().err == "twoalike: --seed -1: expected a whole number from 0.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGPIPE and no such status")
@pytest.mark.parametrize(
    ("words", "both", "unbuffered", "status"),
    [
        ("--help", False, "", 141),
        ("--version", True, "", 141),
        ("validate study", False, "", 141),
        ("validate study", False, "1", 141),
        ("validate nowhere", False, "", 1),
        ("validate nowhere", True, "", 141),
    ],
)
def test_a_reader_who_leaves_ends_a_command_in_silence(
    words: str, both: bool, unbuffered: str, status: int, tmp_path: Path
) -> None:
    """As ``twoalike ... | head -0``, and with ``2>&1``."""
    make_study(tmp_path / "study")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "twoalike.cli.app", *words.split()],
        cwd=tmp_path,
        stdout=writer,
        stderr=writer if both else subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        check=False,
        text=True,
    )
    os.close(writer)
    assert done.returncode == status
    lines = [] if both else done.stderr.splitlines()
    assert len(lines) == (status == 1), lines


@pytest.mark.parametrize(("before", "after"), [("ACTIVE", "ACTIVE"), (None, "PASSIVE")])
def test_waiting_threads_sleep_unless_somebody_decided_otherwise(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if before:
        monkeypatch.setenv("OMP_WAIT_POLICY", before)
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == after
