"""``twoalike init`` through the real command line: a whole study or nothing."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import call
from tests.stimuli.odd_images import write_odd_images
from tests.stored import list_images

from twoalike.cli.app import app
from twoalike.planning import study_template
from twoalike.stimuli import StimulusSet, read_picture
from twoalike.study import SAFE_SEED, DesignConfig, Study, StudyConfig, read_json, sha256_file
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
    assert call("init", *map(str, arguments)) == 1
    message = capsys.readouterr().err
    assert message.startswith("twoalike: ")
    assert message.count("\n") == 1
    return message


def test_the_template_holds_every_key_with_its_default() -> None:
    text = study_template(title='A "quoted" ütle', seed=7)
    content = tomllib.loads(text)
    assert StudyConfig.model_validate(content) == StudyConfig(title='A "quoted" ütle', seed=7)
    # Tables in a list, and a table that is empty by default, stay comments, so that
    # [[conditions]] and [design.exclude] may follow.
    assert set(content) == set(StudyConfig.model_fields) - {"conditions"}
    assert set(content["design"]) == set(DesignConfig.model_fields) - {"exclude"}
    longer = text + '\n[design.exclude]\nspecies = ["kora"]\n'
    study = StudyConfig.model_validate(tomllib.loads(longer))
    assert study.design.exclude == {"species": ["kora"]}
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[at - 1].startswith("# "), line


def test_a_study_of_creatures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "my study"
    init(root, "--seed", "3")
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"next: twoalike design '{root}' --task odd-one-out" in printed.out
    assert "a first session of odd-one-out takes 17 to 40 minutes" in printed.out
    assert "a first session of multi-arrangement takes 62 to " in printed.out
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


def test_the_operating_system_draws_the_seed(tmp_path: Path, images: Path) -> None:
    studies = []
    for name in ("one", "two"):
        init(tmp_path / name, "--images", images)
        studies.append(Study.load(tmp_path / name))
    seeds = {study.config.seed for study in studies}
    assert len(seeds) == 2 and min(seeds) > SAFE_SEED
    # No reader of TOML needs to know more than 64 bits, and nothing that is published has it.
    text = (tmp_path / "one" / "study.toml").read_text(encoding="utf-8")
    assert isinstance(tomllib.loads(text)["seed"], str)
    about = (studies[0].stimuli / "stimuli.json").read_text(encoding="utf-8")
    assert json.loads(about)["seed"] is None and hex(studies[0].config.seed)[2:] not in about


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


def test_a_folder_with_files_is_never_touched(
    images: Path, capsys: pytest.CaptureFixture[str], snapshot: Callable[[Path], dict[str, bytes]]
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


def test_odd_images_become_plain_ones_that_every_program_shows_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, root = tmp_path / "odd", tmp_path / "study"
    shown = write_odd_images(source)
    for suffix in (".heic", ".mp4"):
        (source / f"clip{suffix}").write_bytes(b"?")
    moving = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    moving[0].save(source / "moving.gif", save_all=True, append_images=moving[1:])
    # Ids are names without endings, so each file has a folder of its own.
    for name in shown:
        (source / name.replace(".", "_")).mkdir()
        (source / name).rename(source / name.replace(".", "_") / name)
    init(root, "--images", source)
    said = capsys.readouterr().out
    odd = {name for name, (_, change) in shown.items() if change}
    assert f"note: converted {len(odd)} images, so that every program shows the same" in said
    assert "turned by EXIF orientation: 9, such as" in said
    assert "note: left out 3 files: " in said
    for part in (".heic: 1, such as clip.heic", ".mp4: 1", ".gif of several frames"):
        assert part in said
    about = read_json(root / "stimuli" / "stimuli.json", "stimuli")["config"]
    assert about["background"] == "#ffffff"
    converted = {one["original"]: one for one in about["converted"]}
    assert {Path(name).name for name in converted} == odd
    one = converted["inks_jpg/inks.jpg"]
    assert one["changes"] == ["colours from inks to sRGB"]
    assert one["sha256"] == sha256_file(source / "inks_jpg" / "inks.jpg")
    stimuli = StimulusSet.load(root / "stimuli")
    originals = {one["file"]: name for name, one in converted.items()}
    for file in stimuli.table["file"]:
        name = originals.get(file, file)
        expected = shown[Path(name).name][0]
        with Image.open(stimuli.folder / file) as image:  # as any program does
            plain = np.asarray(image.convert("RGB")).astype(int)
            assert "icc_profile" not in image.info or name not in converted
        rgb = expected if expected.ndim == 3 else np.stack([expected] * 3, axis=-1)
        assert np.abs(plain - rgb).max() <= 8, file
        same = (source / name).read_bytes() == (stimuli.folder / file).read_bytes()
        assert same == (name not in converted)


def test_the_background_is_declared_once(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("LA", (4, 4), (9, 0)).save(images / "fish" / "eel.tif")
    for shade in ("bird/tit.tif", "bird/jay.tif"):
        Image.new("L", (4, 4), 40).save(images / shade)
    (images / "bird" / "tit.tif").rename(images / "bird" / "eel.tif")
    list_images(images)
    root = tmp_path / "grey"
    init(root, "--images", images, "--background", "#E6E6E6")
    stimuli = StimulusSet.load(root / "stimuli")
    assert stimuli.ids == StimulusSet.load(images).ids
    assert stimuli.path("fish-eel").name == "eel.png"
    assert read_picture(stimuli.path("fish-eel")).getpixel((0, 0)) == (0xE6, 0xE6, 0xE6)
    assert stimuli.path("bird-eel").name == "eel.tif"
    about = read_json(root / "stimuli" / "stimuli.json", "stimuli")["config"]
    assert about["converted"][0]["changes"] == ["transparent parts to #e6e6e6"]
    capsys.readouterr()
    new = tmp_path / "new"
    said = refused(capsys, new, "--images", images, "--background", "grey")
    assert "--background: expected a colour such as #ffffff, found 'grey'" in said
    assert "have no transparent parts" in refused(capsys, new, "--background", "#e6e6e6")
    assert not new.exists()


@pytest.mark.parametrize("name", ["a\tb", "caf\udce9", "CON", "study."])
def test_a_study_has_a_name_that_every_system_can_hold(
    tmp_path: Path, images: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, tmp_path / name, "--images", images)
    assert "expected a name of a study that every system can hold" in said
    assert said[:-1].isprintable()
    assert not (tmp_path / name).exists()
