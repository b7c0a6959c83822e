"""Raw data are for their owner's eyes, or those of the lab's group, where a system can say so."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import call

from twoalike.exchange import merge_studies

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs permissions")
COLLECTED = ("data", ".locks")
PROTOCOL = '[consent]\nask = true\n[[form.questions]]\nid = "age"\ntext = "?"\nkind = "age"\n'
DESIGN = "trials = 3\npractice = 0\ncatch = 0\nrepeats = 0\n[data]\naccess = "


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    """One under which files of a lab are often readable by all."""
    before = os.umask(0o002)
    yield
    os.umask(before)


def modes(root: Path) -> tuple[set[int], set[int]]:
    """Permissions of files and of folders among what was collected."""
    tops = [root / part for part in COLLECTED if (root / part).exists()]
    found = [path for top in tops for path in (top, *top.rglob("*"))]
    each = [(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in found]
    return {mode for is_dir, mode in each if not is_dir}, {mode for is_dir, mode in each if is_dir}


def run(root: Path) -> None:
    for task in ("odd-one-out", "multi-arrangement"):
        words = ("--participant", "901", "--simulate", "--no-window", "--task", task)
        assert call("run", root, *words) == 0
    assert call("run", root, "--participant", "902", "--simulate", "--no-window", "--pilot") == 0


@pytest.mark.parametrize(
    ("access", "files", "folders"),
    [("owner", 0o600, 0o700), ("group", 0o660, 0o770), ("everyone", 0o664, 0o775)],
)
def test_every_file_and_folder_of_the_data_has_the_permissions_of_the_setting(
    make_study: Callable[..., Path], access: str, files: int, folders: int
) -> None:
    root = make_study("study", f'{DESIGN}"{access}"\n', PROTOCOL)
    run(root)
    assert modes(root) == ({files}, {folders})
    assert os.umask(0o002) == 0o002


def test_a_merged_study_has_them_too(make_study: Callable[..., Path], tmp_path: Path) -> None:
    one = make_study("one", "trials = 3\npractice = 0\n")
    shutil.copytree(one, tmp_path / "two")
    for folder, who in ((one, "901"), (tmp_path / "two", "902")):
        assert call("run", folder, "--participant", who, "--simulate", "--no-window") == 0
    merge_studies([one, tmp_path / "two"], tmp_path / "out")
    files, folders = modes(tmp_path / "out")
    assert (files, folders) == ({0o600}, {0o700})
    assert stat.S_IMODE((tmp_path / "out" / "study.toml").stat().st_mode) == 0o664


def test_validate_remarks_on_data_that_others_can_read(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study("study", f'{DESIGN}"everyone"\n')
    assert call("run", root, "--participant", "901", "--simulate", "--no-window") == 0
    raw = root / "data" / "raw"
    n_files = sum(path.is_file() for path in raw.rglob("*"))

    def notes(access: str) -> list[str]:
        settings = root / "study.toml"
        text = settings.read_text().rpartition("access = ")[0]
        settings.write_text(f'{text}access = "{access}"\n')
        assert call("validate", root) == 0
        return [line for line in capsys.readouterr().out.splitlines() if line[:5] == "note:"]

    assert notes("everyone") == []
    (note,) = notes("owner")
    assert f"others than their owner can read {n_files} files" in note
    assert f"chmod -R go-rwx {raw}" in note
    (note,) = notes("group")
    assert f"chmod -R o-rwx {raw}" in note
    (root / "data").chmod(0o750)  # nobody else gets there
    assert notes("group") == []
    (root / "data").chmod(0o755)
    raw.chmod(0o700)
    assert notes("owner") == []


@pytest.mark.parametrize("part", ["data", "data/raw", "data/pilot"])
def test_data_closed_to_the_user_are_not_taken_for_no_data(
    make_study: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    part: str,
) -> None:
    root = make_study()
    closed = root / part
    closed.mkdir(parents=True)
    # Nothing is closed to root, by whom tests may be run.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
    assert call("validate", root) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{closed}: you may not read the data of this study" in said
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "stimuli.tsv")
    assert call("validate", root) == 1
    assert "stimuli.tsv: you may not read this file" in capsys.readouterr().err
