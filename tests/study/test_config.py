"""Settings refuse what they do not know, and say what was meant."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import twoalike.api as ta
from twoalike.study import SAFE_SEED, Study, TwoalikeError, draw_seed, read_seed, written_seed

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
        (GOOD + "[design]\nmax_items = 9\n", "unknown key 'design.max_items'"),
        (GOOD + '[design]\nlicense = "x"\n', "unknown key 'design.license'; valid keys"),
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


@pytest.mark.parametrize(
    ("verb", "wrong", "complaint"),
    [
        (ta.fit, {"drawz": 3}, "`drawz=...`: unknown setting; did you mean 'draws'?"),
        (ta.distill, {"stepz": 3}, "`stepz=...`: unknown setting; did you mean 'steps'?"),
        (ta.distill, {"zzz": 3}, "`zzz=...`: unknown setting; valid keys: seed, steps, "),
        (ta.distill, {"steps": "3"}, '`steps=...`: expected a whole number, found "3"'),
    ],
)
def test_settings_by_keyword_suggest_close_names(
    tmp_path: Path, verb: Callable[..., object], wrong: dict[str, object], complaint: str
) -> None:
    inputs = [tmp_path] * (3 if verb is ta.distill else 1)
    with pytest.raises(TwoalikeError, match=re.escape(complaint)):
        verb(*inputs, out=tmp_path / "out", **wrong)


def test_a_folder_without_study_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="twoalike init"):
        Study.load(tmp_path)


def test_seeds_of_any_size_are_read_as_they_were_written(tmp_path: Path) -> None:
    for seed in (0, 2**53, 2**53 + 1, 2**127 + 5):
        text = json.dumps(written_seed(seed))
        study = Study.load(_study(tmp_path / "s", f'title = "Test"\nseed = {text}\n'))
        assert study.config.seed == seed
        assert read_seed(json.loads(text)) == seed
        # What other readers of TOML and of JSON keep: 64 bits, and doubles.
        assert isinstance(written_seed(seed), str) or float(seed) == seed < 2**63
    for wrong in ('"12"', '"0x"', '"0xg"', '"-0x1"', '"0x1_0"', "-1", "1.5", "true"):
        folder = _study(tmp_path / "s", f'title = "Test"\nseed = {wrong}\n')
        with pytest.raises(TwoalikeError, match="'seed': expected") as caught:
            Study.load(folder)
        assert "\n" not in str(caught.value)


def test_drawn_seeds_cannot_be_tried() -> None:
    drawn = {draw_seed() for _ in range(50)}
    assert len(drawn) == 50
    assert max(drawn).bit_length() > 120 and min(drawn) > SAFE_SEED


def test_a_study_shows_what_it_holds(make_study: Callable[..., Path]) -> None:
    root = make_study("a & b")
    study = Study.load(str(root))
    assert repr(study).startswith(f"Study 'A small study' in {root}\n  objects: 8\n")
    assert "computed: nothing yet" in repr(study)
    tables = study.raw / "sub-1" / "ses-01" / "beh"
    tables.mkdir(parents=True)
    (tables / "sub-1_ses-01_task-oddoneout_run-01_beh.tsv").touch()
    study.derived.mkdir()
    study.posterior.touch()
    shown = study._repr_html_()
    assert "a &amp; b" in shown
    for name, value in {"tasks": "oddoneout", "participants": "1", "computed": "posterior"}.items():
        assert f"<tr><th>{name}</th><td>{value}</td></tr>" in shown
