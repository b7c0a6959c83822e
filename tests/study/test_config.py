"""Settings refuse what they do not know, and say what was meant."""

from pathlib import Path

import pytest

from twoalike.study import Study, TwoalikeError

GOOD = 'title = "Test"\nseed = 1\n'


def _study(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text(text)
    return folder


def test_defaults_and_paths(tmp_path: Path) -> None:
    study = Study.load(_study(tmp_path / "s", GOOD + "[design]\ntrials = 12\n"))
    assert study.config.design.trials == 12
    assert study.raw == tmp_path / "s" / "data" / "raw"
    name = study.trial_list("oddoneout", "01", 2).name
    assert name == "sub-01_ses-02_task-oddoneout_trials.tsv"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + "[design]\ntrails = 3\n", "unknown key 'design.trails'; did you mean 'trials'"),
        (GOOD + "sede = 3\n", "unknown key 'sede'; did you mean 'seed'"),
        ("seed = 1\n", "key 'title': Field required"),
        (GOOD + "[design]\ntrials = 0\n", "key 'design.trials': .* found 0"),
        (GOOD + "[design\n", "not valid TOML"),
        ("", "empty file"),
    ],
)
def test_bad_settings_name_key_and_file(tmp_path: Path, text: str, complaint: str) -> None:
    folder = _study(tmp_path / "s", text)
    with pytest.raises(TwoalikeError, match=complaint) as caught:
        Study.load(folder)
    assert "study.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_study_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="twoalike init"):
        Study.load(tmp_path)
