"""Names in files lead nowhere but below the folder that they are in."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import call
from tests.hardening.readers import make_alignet, make_study

from twoalike.cli.app import main
from twoalike.distill import import_alignet
from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError

OUTSIDE = ("../secret.png", "../../secret.png", "in/../../secret.png", "/secret.png", "ABSOLUTE")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study with an image beside it that is none of its business."""
    root = tmp_path / "above" / "study"
    make_study(root)
    for folder in (root, root.parent, tmp_path):
        shutil.copy(root / "stimuli" / "in" / "o0.png", folder / "secret.png")
    return root


def lead_to(study: Path, file: str, tmp_path: Path) -> None:
    """Let the manifest name another file for the first object; its checksum is right."""
    path = study / "stimuli" / "stimuli.tsv"
    name = str(tmp_path / "secret.png") if file == "ABSOLUTE" else file
    path.write_text(path.read_text().replace("in/o0.png", name))


@pytest.mark.parametrize("file", OUTSIDE)
def test_a_manifest_names_no_file_outside_its_folder(
    file: str, study: Path, tmp_path: Path
) -> None:
    StimulusSet.load(study / "stimuli")
    lead_to(study, file, tmp_path)
    with pytest.raises(TwoalikeError, match="o0|secret"):
        StimulusSet.load(study / "stimuli")


def test_a_link_out_of_the_folder_is_no_image_of_it(study: Path, tmp_path: Path) -> None:
    image = study / "stimuli" / "in" / "o0.png"
    image.unlink()
    image.symlink_to(tmp_path / "secret.png")
    with pytest.raises(TwoalikeError, match="o0"):
        StimulusSet.load(study / "stimuli")


@pytest.mark.parametrize("file", OUTSIDE)
def test_nothing_is_copied_out_of_a_folder_of_images(
    file: str, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_to(study, file, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert call("init", tmp_path / "deep" / "new", "--images", study / "stimuli") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", ".", "a b", "a\0b", "sub-1_ses-2", ""])
def test_a_participant_is_no_path(
    name: str, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    for words in (
        ("run", str(study), "--no-window", "--simulate", "--participant", name),
        ("design", str(study), "--task", "odd-one-out", "--participants", name),
    ):
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        assert ended.value.code
        assert sorted(tmp_path.rglob("*")) == before
    capsys.readouterr()


def test_names_of_images_in_an_archive_are_no_paths(tmp_path: Path) -> None:
    make_alignet(tmp_path)
    with np.load(tmp_path / "a.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["filenames"] = np.char.add("../../", arrays["filenames"])
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "deep").mkdir()
    before = set(tmp_path.rglob("*"))
    import_alignet(tmp_path / "a.npz", tmp_path / "deep" / "labels", shard=3)
    made = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(tmp_path / "deep" / "labels") for path in made)
