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
        ("seed = 1\n", "key 'title' is missing"),
        (GOOD + "[design]\ntrials = 0\n", "key 'design.trials': .* found 0"),
        (GOOD + "[design\n", "not valid TOML"),
        ('titel = "t"\nseed = 1\n', "unknown key 'titel'; did you mean 'title'"),
        (GOOD + "[design]\ncatch = true\n", "'design.catch': expected a whole number, found true"),
        (GOOD + "[design]\ntrials = 3.5\n", "expected a whole number, found 3.5"),
        (GOOD + '[design]\nsampler = "randm"\n', 'found "randm"; did you mean "random"'),
        (GOOD + '[design]\nsampler = "x"\n', r'"list", found "x"\.'),
        (GOOD + "[design]\nmax_items = 9\n", r"its place is in \[arrangement\]"),
        (GOOD + '[design]\nlicense = "x"\n', r"its place is above the first \[table\]"),
        (GOOD + '[design]\nplan = "main 3"\n', r"expected a list, \[in brackets\]"),
        (GOOD + "[exclusion]\ncatch_accuracy = 2\n", "expected at most 1, found 2"),
        ('title = ""\nseed = 1\n', "'title': expected some text, found none"),
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
