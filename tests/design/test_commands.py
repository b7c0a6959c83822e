"""``twoalike design`` through the real command line, with every sampler."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call, cases
from tests.posteriors import posterior_of

from twoalike.choice import log_choice, pair_similarities
from twoalike.cli.app import app
from twoalike.design import TRIPLET_LISTS
from twoalike.embedding import Posterior
from twoalike.planning import summarize_design, typical_answers
from twoalike.stimuli import StimulusSet
from twoalike.study import sha256_file

MakeStudy = Callable[..., Path]


def design(study: Path, *arguments: object) -> None:
    words = ["design", str(study), "--task", "odd-one-out", *map(str, arguments)]
    app(words, result_action="return_value")


def fails(capsys: pytest.CaptureFixture[str], study: Path, *arguments: object) -> str:
    """The one line that a command which cannot do its job prints."""
    task = () if "--task" in arguments else ("--task", "odd-one-out")
    capsys.readouterr()
    assert call("design", study, *task, *arguments) == 1
    message = capsys.readouterr().err
    assert message.startswith("twoalike: ") and message.count("\n") == 1
    return message


def lists(study: Path) -> dict[str, pd.DataFrame]:
    ids = StimulusSet.load(study / "stimuli").ids
    return {
        path.name.removesuffix("_task-oddoneout_trials.tsv"): TRIPLET_LISTS.read(path, ids)
        for path in sorted((study / "design").glob("*.tsv"))
    }


def write_posterior(path: Path, ids: tuple[str, ...], seed: int = 0) -> Path:
    x = np.random.default_rng(seed).gamma(1, 1, (2, 30, len(ids), 3))
    draws = {"embedding": x, "lapse": np.full((2, 30, 1), 0.1)}
    posterior_of(draws, {"object": ids, "participant": ["01"]}).save(path)
    return path


def test_coverage_is_shared_out(make_study: MakeStudy, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study(design='sampler = "coverage"\ntrials = 6\npractice = 1\n')
    message = fails(capsys, study, "--participants", "01")
    assert "takes 11 trials, so 2 sessions of 6 trials, found 1" in message
    assert not (study / "design").exists()
    design(study, "--participants", "01", "02", "--summary")
    printed = capsys.readouterr().out
    assert "needed to show every pair" in printed and "chosen by coverage" in printed
    made = lists(study)
    ids = StimulusSet.load(study / "stimuli").ids
    summary = summarize_design(list(made.values()), ids)
    assert summary["pairs shown"] == "100.0%"
    assert (summary["chosen by coverage"], summary["chosen by random"]) == ("11", "1")
    about = json.loads(next((study / "design").glob("sub-01*.json")).read_text())
    assert about["config"]["participants"] == ["01", "02"]
    # The same call gives the same lists; another group is another design and harms nothing.
    design(study, "--participants", "01", "02")
    assert capsys.readouterr().out.count("there already") == 2
    assert "a different trial list" in fails(capsys, study, "--participants", "01", "03")
    assert lists(study).keys() == made.keys()


@pytest.mark.parametrize(("table", "expected"), cases(__file__, "what_cannot_be_designed"))
def test_what_cannot_be_designed(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str], table: str, expected: str
) -> None:
    study = make_study(design=table + "\n")
    assert expected in fails(capsys, study, "--participants", "01")
    assert not (study / "design").exists()


def test_own_lists_are_checked_and_left_alone(
    make_study: MakeStudy,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    study = make_study()
    design(study, "--participants", "01")
    before = snapshot(study / "design")
    capsys.readouterr()
    design(study, "--participants", "01", "--sampler", "list", "--summary")
    printed = capsys.readouterr().out
    assert "14 trials, checked" in printed
    assert "your lists (random)" in " ".join(printed.split())
    assert snapshot(study / "design") == before
    path = next((study / "design").glob("*.tsv"))
    path.write_text(path.read_text().replace("warm0", "warm9"))
    message = fails(capsys, study, "--participants", "01", "--sampler", "list")
    assert "an object of the stimulus set, found 'warm9'" in message


def test_conditions_of_own_lists_fit_the_classes(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    table = 'sampler = "levels"\nlevel = "kind"\ntrials = 10\npractice = 0\n'
    study = make_study(design=table + "shares = {within = 0.4, between = 0.0, boundary = 0.6}\n")
    design(study, "--participants", "01")
    design(study, "--participants", "01", "--sampler", "list")
    path = next((study / "design").glob("*.tsv"))
    good = path.read_text()
    path.write_text(good.replace("boundary", "fine", 1))
    message = fails(capsys, study, "--participants", "01", "--sampler", "list")
    assert "column 'condition': expected 'boundary', since its objects are of 2" in message
    path.write_text(good.replace("boundary", "session start"))
    design(study, "--participants", "01", "--sampler", "list")


def test_an_adaptive_session_grows(
    make_study: MakeStudy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    study = make_study(
        design='sampler = "adaptive"\ntrials = 12\npractice = 2\ntrials_per_block = 4\n'
    )
    ids = StimulusSet.load(study / "stimuli").ids
    who = ("--participants", "01")
    assert "Name it with --posterior" in fails(capsys, study, *who, "--block", 3)
    design(study, *who, "--block", 2)
    first = lists(study)["sub-01_ses-01"]
    assert first["block_index"].tolist() == [1, 1, 2, 2, 2, 2]
    assert set(first["sampler"]) == {"random"}
    posterior = write_posterior(tmp_path / "p.nc", ids)
    assert "no block 3 yet" in fails(capsys, study, *who, "--posterior", posterior, "--block", 4)
    design(study, *who, "--posterior", posterior, "--block", 3)
    second = lists(study)["sub-01_ses-01"]
    assert second.iloc[:6].equals(first)
    assert second["block_index"].tolist()[6:] == [3] * 4
    assert (second["sampler"][6:] == "adaptive").sum() == 3
    # A crash here and the same command once more.
    before = snapshot(study / "design")
    design(study, *who, "--posterior", posterior, "--block", 3)
    assert snapshot(study / "design") == before
    other = write_posterior(tmp_path / "q.nc", ids, seed=1)
    design(study, *who, "--posterior", other, "--block", 4)
    about = json.loads(next((study / "design").glob("sub-01*.json")).read_text())
    assert about["config"]["blocks"] == {
        "2": None,
        "3": sha256_file(posterior),
        "4": sha256_file(other),
    }
    # What was perhaps judged is not taken back.
    message = fails(capsys, study, *who, "--posterior", other, "--block", 3)
    assert "a different trial list is there already" in message
    assert "the blocks 2 to 4" in fails(capsys, study, *who, "--posterior", other, "--block", 5)
    with (study / "study.toml").open("a") as file:
        file.write("[stop]\ndimension_interval = 50\n")
    words = (*who, "--posterior", other, "--block", 4)
    assert "[stop] of study.toml: enough: dimension_interval " in fails(capsys, study, *words)
    with (study / "study.toml").open("a") as file:
        file.write("group_interval = 1\n")
    assert "undecided: " in fails(capsys, study, *words)


def test_choices_under_draws_average_to_the_prediction(tmp_path: Path) -> None:
    ids = tuple("abcdefg")
    path = write_posterior(tmp_path / "p.nc", ids)
    posterior = Posterior.load(path)
    order = [4, 2, 0, 6]
    triplets = np.array([[0, 1, 2], [1, 2, 3], [0, 1, 3]])
    draws = typical_answers(path, [ids[at] for at in order])(triplets)
    assert draws.shape == (60, 3, 3)
    whole = np.array(order)[triplets]
    expected = posterior.choice_probabilities(whole, lapse=True)
    np.testing.assert_allclose(draws.mean(axis=0), expected, atol=1e-5)
    x = posterior.embedding[7]
    logs = log_choice(pair_similarities(x @ x.T, whole), np.float32(1), np.float32(0.1))
    np.testing.assert_allclose(draws[7], np.exp(np.stack(logs, axis=1)), atol=1e-5)


def test_the_protocol_is_checked_before_anybody_sits_down(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study()
    words = (study, "--participants", "01", "--task")
    (study / "study.toml").write_text('title = "t"\nseed = 5\n')
    for path in (study / "protocols").iterdir():
        path.unlink()
    (study / "protocols" / "odd_one_outs.toml").write_text('[answers]\nleft = ["lefft"]\n')
    assert "Did you mean odd_one_outs.toml" in fails(capsys, *words, "odd-one-out")
    assert "'arrangement_protocol'" in fails(capsys, *words, "multi-arrangement")
    settings = 'title = "t"\nseed = 5\nprotocol = "protocols/odd_one_outs.toml"\n'
    (study / "study.toml").write_text(settings)
    assert "'lefft'; did you mean 'left'?" in fails(capsys, *words, "odd-one-out")
    assert not (study / "design").exists()


@pytest.mark.parametrize("categories", [True, False])
def test_sets_chosen_on_the_way_are_estimated(
    make_study: MakeStudy, capsys: pytest.CaptureFixture[str], categories: bool
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


def test_writing_again_changes_nothing_and_differing_lists_are_kept(
    make_study: MakeStudy,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    study = make_study()
    design(study, "--participants", "02")
    before = snapshot(study / "design")
    design(study, "--participants", "02")
    assert "there already" in capsys.readouterr().out
    assert snapshot(study / "design") == before
    # The list of 01 would be new, but that of 02 differs: neither is written.
    task = ("--seed", "6", "--participants")
    message = fails(capsys, study, *task, "01", "02")
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
        (("--participants", "01", "--block", "0"), "--block 0: expected a whole number"),
        (("--participants", "01", "--posterior", "p.nc"), "only the adaptive sampler uses it"),
    ],
)
def test_wrong_arguments(
    make_study: MakeStudy,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    study = make_study()
    assert expected in fails(capsys, study, *arguments)
    assert not (study / "design").exists()
