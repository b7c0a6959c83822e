"""``twoalike design`` through the real command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import call

from twoalike.cli.app import app
from twoalike.design import TRIPLET_LISTS
from twoalike.stimuli import StimulusSet, draw_creatures
from twoalike.study import Study

pytest.importorskip("resvg_py")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "stimuli"
    draw_creatures(folder, seed=1, kingdoms=2, families=1, species=3, individuals=2, size=24)
    return folder


@pytest.fixture
def study(tmp_path: Path, drawn: Path) -> Path:
    root = tmp_path / "study"
    root.mkdir()
    (root / "stimuli").symlink_to(drawn)
    (root / "study.toml").write_text(
        'title = "t"\nseed = 5\n[design]\ntrials = 30\npractice = 2\ncatch = 2\nrepeats = 3\n'
    )
    return root


def design(study: Path, *arguments: str) -> None:
    words = ["design", str(study), "--task", "odd-one-out", *arguments]
    app(words, result_action="return_value")


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command which cannot do its job prints."""
    assert call("design", *arguments) == 1
    message = capsys.readouterr().err
    assert message.startswith("twoalike: ")
    assert message.count("\n") == 1
    return message


def test_the_protocol_is_checked_before_anybody_sits_down(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (str(study), "--participants", "01", "--task")
    (study / "protocols").mkdir()
    (study / "protocols" / "odd_one_outs.toml").write_text('[answers]\nleft = ["lefft"]\n')
    assert "Did you mean odd_one_outs.toml" in fails(capsys, *words, "odd-one-out")
    assert "'arrangement_protocol'" in fails(capsys, *words, "multi-arrangement")
    settings = 'title = "t"\nseed = 5\nprotocol = "protocols/odd_one_outs.toml"\n'
    (study / "study.toml").write_text(settings)
    assert "'lefft'; did you mean 'left'?" in fails(capsys, *words, "odd-one-out")
    assert not (study / "design").exists()


@pytest.mark.parametrize("categories", [True, False])
def test_sets_chosen_on_the_way_are_estimated(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str], categories: bool
) -> None:
    root = make_study()
    if not categories:
        table = StimulusSet.load(root / "stimuli").table[["id", "file", "sha256"]]
        StimulusSet.write(root / "stimuli", table)
    (root / "study.toml").write_text(
        'title = "t"\nseed = 5\n[arrangement]\nmax_items = 5\npractice_items = 3\nmax_trials = 4\n'
        "session_minutes = 0\n"
    )
    words = ["design", str(root), "--task", "multi-arrangement", "--participants", "01", "02"]
    app([*words, "--sessions", "2", "--summary"], result_action="return_value")
    printed = " ".join(capsys.readouterr().out.split())
    assert "Estimate: 8 objects, 28 pairs" in printed
    assert "main trials │ 4 │ 4 │" in printed
    assert "max_trials" in printed
    assert ("goes by the categories" in printed) == categories


def test_lists_of_all_sessions_are_written(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design(study, "--participants", "01", "02", "--sessions", "2", "--summary")
    names = sorted(path.name for path in (study / "design").glob("*.tsv"))
    assert names == [
        f"sub-{who}_ses-{when}_task-oddoneout_trials.tsv"
        for who in ("01", "02")
        for when in ("01", "02")
    ]
    printed = capsys.readouterr().out
    assert all(name in printed.replace("\n", "") for name in names)
    assert "12 objects, 66 pairs" in printed
    assert printed.count("ses-02") >= 2 and "all 4" in printed
    opened = Study.load(study)
    stimuli = StimulusSet.load(opened.stimuli)
    path = opened.trial_list("oddoneout", "02", 2)
    # What is written is what `run` would design if there were no list.
    assert TRIPLET_LISTS.read(path, stimuli.ids).equals(TRIPLET_LISTS.one(opened, stimuli, "02", 2))
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["kind"] == "trial_list"
    assert about["seed"] == 5
    assert about["config"]["session"] == 2
    assert about["config"]["design"]["trials"] == 30
    assert about["inputs"]["stimuli"]["file"] == "stimuli.tsv"


def test_writing_again_changes_nothing_and_differing_lists_are_kept(
    study: Path, capsys: pytest.CaptureFixture[str], snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    design(study, "--participants", "02")
    before = snapshot(study / "design")
    design(study, "--participants", "02")
    assert "there already" in capsys.readouterr().out
    assert snapshot(study / "design") == before
    # The list of 01 would be new, but that of 02 differs: neither is written.
    task = ("--task", "odd-one-out", "--seed", "6", "--participants")
    message = fails(capsys, str(study), *task, "01", "02")
    assert "a different trial list is there already" in message
    assert snapshot(study / "design") == before
    design(study, "--participants", "01", "02", "--seed", "6", "--overwrite")
    after = snapshot(study / "design")
    assert len(after) == 4
    assert all(after[name] != content for name, content in before.items())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--participants", "anna"), "has no digit"),
        (("--participants", "a@b.org"), "e-mail"),
        (("--participants", "01", "01"), "01 is listed twice"),
        (("--participants", "01", "--sessions", "0"), "--sessions 0"),
        (("--participants", "01", "--seed", "-1"), "--seed -1"),
    ],
)
def test_wrong_arguments(
    study: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    message = fails(capsys, str(study), "--task", "odd-one-out", *arguments)
    assert expected in message
    assert not (study / "design").exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("trials = 900", "have only 220 triplets"),
        ("trails = 30", "did you mean 'trials'?"),
        ("exclude = {species = ['zebra']}", "species 'zebra' is not in the manifest"),
    ],
)
def test_wrong_settings(
    study: Path, capsys: pytest.CaptureFixture[str], settings: str, expected: str
) -> None:
    (study / "study.toml").write_text(f'title = "t"\nseed = 5\n[design]\n{settings}\n')
    words = (str(study), "--task", "odd-one-out", "--participants", "01")
    assert expected in fails(capsys, *words)
    assert not (study / "design").exists()


def test_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (str(tmp_path), "--task", "odd-one-out", "--participants", "01")
    assert "expected a study" in fails(capsys, *words)
