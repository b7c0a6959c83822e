"""``twoalike init`` through the real command line: a whole study or nothing."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twoalike.cli._study_file import study_template
from twoalike.cli.app import app, main
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import SAFE, DesignConfig, Study, StudyConfig
from twoalike.tasks import MultiArrangement, OddOneOut, protocol_template


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for shade, name in enumerate(["bird/owl.png", "bird/tit.png", "fish/cod.png"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), shade, dtype=np.uint8)).save(path)
    (folder / "notes about people.txt").write_text("private")
    return folder


def init(*arguments: str | Path) -> None:
    app(["init", *map(str, arguments)], result_action="return_value")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["init", *map(str, arguments)])
    assert caught.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("twoalike: ")
    assert message.count("\n") == 1
    return message


def test_the_template_holds_every_key_with_its_default() -> None:
    text = study_template(title='A "quoted" ütle', seed=7)
    content = tomllib.loads(text)
    assert StudyConfig.model_validate(content) == StudyConfig(title='A "quoted" ütle', seed=7)
    assert set(content) == set(StudyConfig.model_fields)
    # A table that is empty by default stays a comment, so that [design.exclude] may follow.
    assert set(content["design"]) == set(DesignConfig.model_fields) - {"exclude"}
    longer = text + '\n[design.exclude]\nspecies = ["kora"]\n'
    study = StudyConfig.model_validate(tomllib.loads(longer))
    assert study.design.exclude == {"species": ["kora"]}
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[at - 1].startswith("# "), line


def test_a_study_of_creatures(tmp_path: Path) -> None:
    root = tmp_path / "my study"
    command = [sys.executable, "-m", "twoalike.cli.app", "init", str(root), "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"next: twoalike design '{root}' --task odd-one-out" in done.stdout
    study = Study.load(root)
    assert (study.config.title, study.config.seed) == ("my study", 3)
    stimuli = StimulusSet.load(study.stimuli)
    assert len(stimuli.ids) == 216
    assert stimuli.levels == ("kingdom", "family", "species")
    for task, protocol in (("oddoneout", OddOneOut()), ("multiarrangement", MultiArrangement())):
        written = study.protocol_of(task).read_text(encoding="utf-8")
        assert written == protocol_template(protocol)
    assert sorted(path.name for path in root.iterdir()) == ["protocols", "stimuli", "study.toml"]
    assert [path.name for path in tmp_path.iterdir()] == ["my study"]


def test_the_operating_system_draws_the_seed(tmp_path: Path) -> None:
    studies = []
    for name in ("one", "two"):
        init(tmp_path / name, "--stimuli", "familiar")
        studies.append(Study.load(tmp_path / name))
    seeds = {study.config.seed for study in studies}
    assert len(seeds) == 2 and min(seeds) > SAFE
    # No reader of TOML needs to know more than 64 bits, and nothing that is published has it.
    text = (tmp_path / "one" / "study.toml").read_text(encoding="utf-8")
    assert isinstance(tomllib.loads(text)["seed"], str)
    about = (studies[0].stimuli / "stimuli.json").read_text(encoding="utf-8")
    assert json.loads(about)["seed"] is None and hex(studies[0].config.seed)[2:] not in about


def test_a_study_of_ones_own_images(tmp_path: Path, images: Path) -> None:
    root = tmp_path / "birds"
    init(root, "--images", images, "--title", "Birds & fish")
    study = Study.load(root)
    assert study.config.title == "Birds & fish"
    stimuli = StimulusSet.load(study.stimuli)
    assert stimuli.ids == ("owl", "tit", "cod")
    assert stimuli.levels == ("level_1",)
    assert not stimuli.path("owl").is_symlink()
    assert stimuli.path("owl").read_bytes() == (images / "bird" / "owl.png").read_bytes()
    assert not list(root.rglob("*.txt"))
    assert not (images / MANIFEST).exists()


def test_doubles_and_images_beside_the_folders_are_told_of(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(tmp_path / "clean", "--images", images)
    said = capsys.readouterr().out
    assert "note: the same" not in said and "note: without" not in said
    # Three images are one triplet, and a new study asks for 300 trials.
    assert "note: odd-one-out cannot be run as it is: design: asked for 300 main" in said
    assert "study.toml, then: twoalike design" in said
    for name in ("bird/owl2.png", "owl3.png"):
        (images / name).write_bytes((images / "bird" / "owl.png").read_bytes())
    init(tmp_path / "birds", "--images", images)
    said = capsys.readouterr().out
    assert "note: the same image under 3 names: owl, owl2, owl3" in said
    assert "note: without a category: 1 image, such as owl3.png" in said


def test_complaints_name_the_images_of_the_person(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = images / "fish" / "cod.png"
    content = bad.read_bytes()
    bad.write_bytes(b"not an image")
    said = refused(capsys, tmp_path / "new", "--images", images)
    assert said.startswith(f"twoalike: {bad}: cannot be read as an image")
    bad.unlink()
    said = refused(capsys, tmp_path / "new", "--images", images)
    assert f"{images}: expected at least 3 images" in said
    (images / "bird" / "o wl.png").write_bytes(content)
    (images / "bird" / "o_wl.png").write_bytes(content)
    said = refused(capsys, tmp_path / "new", "--images", images)
    assert "o wl.png and o_wl.png would share the id 'o_wl'" in said


def test_a_manifest_that_is_there_is_kept(tmp_path: Path, images: Path) -> None:
    table = StimulusSet.from_images(images).table[::-1].assign(size=["s", "m", "l"])
    (images / MANIFEST).unlink()
    StimulusSet.write(images, table)
    init(tmp_path / "birds", "--images", images)
    stimuli = StimulusSet.load(tmp_path / "birds" / "stimuli")
    assert stimuli.ids == ("cod", "tit", "owl")
    assert stimuli.levels == ("level_1", "size")


def test_a_folder_with_files_is_never_touched(
    images: Path,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    before = snapshot(images)
    assert "new or empty folder" in refused(capsys, images, "--images", images)
    assert "found a file" in refused(capsys, images / "bird" / "owl.png")
    assert snapshot(images) == before


def test_failures_leave_nothing(
    tmp_path: Path,
    images: Path,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    (images / "fish" / "cod.png").write_bytes(b"not an image")
    before = snapshot(tmp_path)
    new = tmp_path / "new"
    cases: dict[str, tuple[str | Path, ...]] = {
        "cannot be read as an image": ("--images", images),
        "expected a folder of images": ("--images", tmp_path / "nowhere"),
        "--title: expected some text": ("--title", " "),
        "--seed -1": ("--seed", "-1"),
    }
    for expected, arguments in cases.items():
        assert expected in refused(capsys, new, *arguments)
        assert not new.exists()
    assert snapshot(tmp_path) == before
