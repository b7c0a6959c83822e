"""Trial lists that outlive a change of the study: refused before anybody sits down."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import call

from twoalike.record import RunName
from twoalike.study import Study

TRIPLETS, ARRANGING = "odd-one-out", "multi-arrangement"
RUN = ("--participant", "901", "--simulate", "--no-window")


def edit(root: Path, old: str, new: str) -> None:
    path = root / "study.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def design(root: Path, *words: object, task: str = TRIPLETS) -> int:
    return call("design", root, "--task", task, "--participants", "901", *words)


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Path:
    """A study with a list for 901."""
    root = make_study(design='trials = 6\npractice = 0\nlevel = "kind"\n')
    assert design(root) == 0
    return root


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("trials = 6", "trials = 7", "design.trials was 6, is 7"),
        ("seed = 7", "seed = 8", "seed was 7, is 8"),
        ("trials = 6", 'trials = 6\nsampler = "coverage"', 'design.sampler was "random", is "cov'),
        ("trials = 6", 'trials = 6\nexclude = {id = ["warm1"]}', "design.exclude.id was not set"),
    ],
)
def test_a_list_made_with_other_settings_is_refused(
    study: Path, refused: Callable[..., str], old: str, new: str, says: str
) -> None:
    edit(study, old, new)
    line = refused(study, "run", study, *RUN)
    assert says in line
    assert f"twoalike design {study} --task odd-one-out --participants 901" in line
    assert "--overwrite" in line


def test_the_command_in_the_message_makes_a_list_that_runs(
    study: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    edit(study, "trials = 6", "trials = 7")
    line = refused(study, "run", study, *RUN)
    words = line.partition("again: twoalike ")[2].split()
    assert call(*words) == 0
    assert call("run", study, *RUN) == 0
    assert "7 of 7 trials" in capsys.readouterr().out


def test_another_set_of_stimuli_is_another_list(study: Path, refused: Callable[..., str]) -> None:
    manifest = study / "stimuli" / "stimuli.tsv"
    rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*rows, rows[1].replace("warm0\t", "more\t", 1)]) + "\n")
    assert "checksum of stimuli.tsv was" in refused(study, "run", study, *RUN)


def test_a_setting_that_changes_no_list_is_no_reason(study: Path) -> None:
    edit(study, 'level = "kind"', 'level = "shade"')  # the random sampler does not look at it
    assert call("run", study, *RUN) == 0


def test_what_the_command_line_asked_for_is_no_change(make_study: Callable[..., Path]) -> None:
    root = make_study(design="trials = 28\npractice = 0\n")
    assert design(root, "--sampler", "coverage", "--seed", 3) == 0
    assert call("run", root, *RUN) == 0
    edit(root, "trials = 28", "trials = 29")
    assert design(root, "--sessions", 2, "--seed", 3) == 0
    assert call("run", root, *RUN, "--session", 2) == 0


def test_lists_of_ones_own_are_left_alone(study: Path) -> None:
    path = Study.load(study).trial_list("oddoneout", "901", 1)
    edit(study, "trials = 6", 'trials = 7\nsampler = "list"')
    assert call("run", study, *RUN) == 0
    assert path.exists()


def test_lists_that_another_tool_describes_are_left_alone(study: Path) -> None:
    edit(study, "trials = 6", "trials = 7")
    beside = Study.load(study).trial_list("oddoneout", "901", 1).with_suffix(".json")
    beside.write_text('{"kind": "trial_list", "schema_version": 1, "config": {"by": "us"}}')
    assert call("run", study, *RUN) == 0


def test_a_session_goes_on_with_the_list_it_began_with(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", study, *RUN) == 0
    edit(study, "trials = 6", "trials = 7")
    before = Study.load(study).trial_list("oddoneout", "901", 1).read_bytes()
    assert design(study, "--sessions", 2, "--overwrite") == 0
    printed = capsys.readouterr().out
    assert "6 trials, kept: its session has begun" in printed
    assert "7 trials\n" in printed
    assert Study.load(study).trial_list("oddoneout", "901", 1).read_bytes() == before
    assert call("validate", study) == 0  # the list of a session that has begun is past


def test_validate_names_lists_of_sessions_to_come(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.tasks._validate.check_bids", lambda root: [])
    edit(study, "trials = 6", "trials = 7")
    assert call("validate", study) == 1
    assert "design.trials was 6, is 7" in capsys.readouterr().err
    assert design(study, "--overwrite") == 0
    assert call("run", study, *RUN) == 0
    assert call("validate", study) == 0
    assert design(study, "--sessions", 2) == 0
    edit(study, "trials = 7", "trials = 8")
    capsys.readouterr()
    assert call("validate", study) == 1
    said = capsys.readouterr()
    assert "ses-02_task-oddoneout_trials.tsv: made with other settings" in said.out
    assert "1 problem, see above" in said.err


def test_the_fixed_trials_of_an_arrangement_are_refused_where_they_would_differ(
    make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(design="trials = 6\n[arrangement]\nmax_trials = 2\npractice_items = 4\n")
    assert design(root, task=ARRANGING) == 0
    words = ("run", root, "--task", ARRANGING, *RUN)
    edit(root, "practice_items = 4", "practice_items = 5")
    assert "arrangement.practice_items was 4, is 5" in refused(root, *words)
    edit(root, "practice_items = 5", "practice_items = 0")
    assert "arrangement.practice_items was 4, is 0" in refused(root, *words)
    assert design(root, "--overwrite", task=ARRANGING) == 0
    assert not list((root / "design").iterdir())
    edit(root, "practice_items = 0", "practice_items = 4")
    assert design(root, task=ARRANGING) == 0
    edit(root, "max_trials = 2", "max_trials = 1")  # decided while the session runs
    assert call(*words) == 0
    assert RunName("901", 1, "multiarrangement").rows(root / "data" / "raw").exists()
