"""What ``validate`` says of settings that count on categories before anybody sits there."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import call


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies of nine images: in a folder each kind (``True``), or all in one (``False``)."""
    where = tmp_path_factory.mktemp("studies")
    for folders in (True, False):
        photos = where / f"photos {folders}"
        for number in range(9):
            place = photos / (f"kind{number // 3}" if folders else "")
            place.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (25 * number, 0, 0)).save(place / f"image{number}.png")
        assert call("init", where / str(folders), "--images", photos) == 0
    return where


@pytest.fixture
def make(tmp_path: Path, studies: Path) -> Callable[..., Path]:
    """Copy one of the studies, with settings replaced."""

    def make(*, folders: bool, **settings: str) -> Path:
        root = Path(shutil.copytree(studies / str(folders), tmp_path / "study"))
        text = (root / "study.toml").read_text(encoding="utf-8")
        for key, value in settings.items():
            text, n = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
            assert n == 1
        (root / "study.toml").write_text(text, encoding="utf-8")
        return root

    return make


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"sampler": '"levels"'}, "the levels sampler needs classes of objects"),
        ({"catch": "4"}, "design.catch: asked for 4 attention checks, the categories allow 0"),
        ({"practice_checks": "2"}, "design.practice_checks: asked for 2"),
    ],
)
def test_settings_that_need_categories_are_refused_without(
    make: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    setting: dict[str, str],
    said: str,
) -> None:
    root = make(folders=False, **setting)
    assert call("validate", root) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folders", "setting"),
    [
        (True, {"sampler": '"levels"'}),
        (True, {"catch": "4"}),
        (True, {"practice_checks": "2"}),
        (False, {}),
        (False, {"sampler": '"list"', "catch": "4"}),  # an own list brings its checks
    ],
)
def test_settings_pass_where_categories_are_there_or_not_needed(
    make: Callable[..., Path], folders: bool, setting: dict[str, str]
) -> None:
    assert call("validate", make(folders=folders, **setting)) == 0


@pytest.mark.parametrize("table", ["design", "arrangement"])
def test_what_is_excluded_has_to_be_there(
    make: Callable[..., Path], capsys: pytest.CaptureFixture[str], table: str
) -> None:
    root = make(folders=True)
    exclude = 'exclude = { level_1 = ["kind7"] }'
    (root / "study.toml").write_text(f'title = "a"\nseed = 1\n[{table}]\n{exclude}\n')
    assert call("validate", root) == 1
    assert f"{table}.exclude: level_1 'kind7' is not in the manifest" in capsys.readouterr().err


def test_attention_checks_of_arrangements_need_categories_too(
    make: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(folders=False)
    (root / "study.toml").write_text('title = "a"\nseed = 1\n[arrangement]\ncatch = 1\n')
    assert call("validate", root) == 1
    assert "arrangement: asked for 1" in capsys.readouterr().err


def test_a_task_that_could_not_be_run_is_named_before_anybody_sits_there(
    make: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(folders=True, sampler='"levels"', trials="400")
    assert call("validate", root) == 0
    refused, last = capsys.readouterr().out.splitlines()[-2:]
    assert refused.startswith("odd-one-out cannot be run as it is: design: asked for 400 main")
    assert "no other problem found, no data yet" in last
    assert call("run", root, "--task", "odd-one-out", "--participant", "001", "--simulate") == 1
    assert capsys.readouterr().err.strip().endswith(refused.partition("is: ")[2])
