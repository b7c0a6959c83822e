"""Adaptive sessions of every task whose answers have probabilities, and of those that have none."""

import json
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import ValidationError
from tests.conftest import succeed
from tests.posteriors import posterior_of

from twoalike.choice import Question
from twoalike.design import TrialForm, adaptive_trials, candidate_trials, expected_information
from twoalike.design._adaptive import judged_trials
from twoalike.embedding import Posterior
from twoalike.observers import SimulatedObserver
from twoalike.planning import answer_draws, refit, write_lists
from twoalike.planning._adaptive import typical_rater
from twoalike.planning._refit import NextBlocks
from twoalike.record import find_runs, read_run
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import FreeSortingConfig, Study, TwoalikeError, sha256_file
from twoalike.tasks import validate_study

MakeStudy = Callable[..., Path]
Run = Callable[..., tuple[int, str]]
Objects = Callable[[int, int, int], StimulusSet]
QUESTIONS = {
    "odd-one-out": Question("odd_one_out", 3),
    "anchored-choice": Question("anchored", 3),
    "odd-one-of-many": Question("odd_one_out", 5),
    "most-alike-pair": Question("most_alike", 4),
    "pair-rating": None,
}
TABLES = {
    "anchored-choice": "[anchored]\ntrials = 12\n",
    "odd-one-of-many": "[odd_one_of_many]\nn_items = 5\ntrials = 12\n",
    "most-alike-pair": "[most_alike_pair]\nn_items = 4\ntrials = 12\n",
    "pair-rating": "[pair_rating]\npairs = 12\n",
}
SESSION = """sampler = "adaptive"
practice = 1
catch = 2
trials_per_block = 5
[exclusion]
catch_accuracy = 0  # the observer's space knows nothing of the categories
"""
TASKS = pytest.mark.parametrize("task", list(QUESTIONS))


def refused(run: Run, *words: object) -> str:
    """The one line that a command which cannot do its job prints."""
    status, said = run(*words)
    assert (status, said.count("\n")) == (1, 1)
    return said


def write_posterior(
    path: Path, ids: tuple[str, ...], seed: int = 0, levels: int = 7, similarity: str = "dot"
) -> Path:
    """Write a vague posterior that knows how one person chooses and another one rates."""
    x = np.random.default_rng(seed).gamma(1, 1, (2, 20, len(ids), 3))
    one = np.ones((2, 20, 1))
    draws = {"embedding": x, "lapse": 0.1 * one, "rating_noise": 0.5 * one}
    draws |= {"rating_origin": 3 * one, "rating_unit": 2 * one}
    draws["rating_threshold"] = np.tile(np.linspace(-1.5, 1.5, levels - 1), (2, 20, 1, 1))
    steps = [str(number) for number in range(1, levels)]
    labels = {"object": ids, "participant": ["01"], "rater": ["01"], "threshold": steps}
    posterior_of(draws, labels, similarity=similarity).save(path)
    return path


def answers_of(question: Question | None, m: int, seed: int = 0, draws: int = 40) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.gamma(1, 1, (draws, m, 3)).astype(np.float32)
    if question is not None:
        return answer_draws({"embedding": x, "lapse": np.full(draws, 0.02)}, question)
    one = np.ones(draws)
    rater = {"threshold": np.tile([-1.0, 0.0, 1.0, 2.0], (draws, 1)), "noise": one / 2}
    return answer_draws({"embedding": x, **rater, "origin": 3 * one, "unit": 2 * one}, None)


@TASKS
def test_gain_of_any_task_is_the_mutual_information(task: str, rng: np.random.Generator) -> None:
    question = QUESTIONS[task]
    form, answers = TrialForm.of(question), answers_of(question, 8)
    rows = candidate_trials(8, 30, set(), rng, form)
    p = np.asarray(answers(rows))
    assert_allclose(p.sum(axis=2), 1, atol=1e-5)
    # Of the joint distribution of draw (all alike) and answer: sum p log p / (p p).
    joint = np.clip(p, 1e-300, None) / len(p)
    apart = joint.sum(axis=2, keepdims=True) * joint.sum(axis=0, keepdims=True)
    expected = (joint * np.log(joint / apart)).sum(axis=(0, 2))
    assert_allclose(expected_information(p), expected, atol=1e-6)
    assert expected_information(p).max() <= log(p.shape[2])


@TASKS
def test_a_block_of_any_task_keeps_its_promises(task: str, rng: np.random.Generator) -> None:
    question = QUESTIONS[task]
    form, answers = TrialForm.of(question), answers_of(question, 9)
    shown = form.draw(9, 10, set(), rng)
    block = adaptive_trials(answers, 9, 20, rng=rng, form=form, random_share=0.3, shown=shown)
    rows = [tuple(row) for row in block.trials.tolist()]
    assert len(set(rows)) == 20
    assert not set(rows) & {tuple(row) for row in shown.tolist()}
    assert_array_equal(form.in_order(block.trials), block.trials)
    assert block.is_random.sum() == 6
    everything = np.array(list(form.every(9)))
    most = expected_information(answers(everything)).mean()
    assert np.nanmean(block.score) > 1.05 * most


def test_levels_of_a_rating_by_its_thresholds() -> None:
    x = np.array([[[1.0], [2.0], [0.0]]])
    rater = {"threshold": np.array([[0.0, 1.0]]), "noise": np.ones(1)}
    rater |= {"origin": np.array([1.0]), "unit": np.array([0.5])}
    answers = answer_draws({"embedding": x, **rater}, None)
    (p,) = answers(np.array([[0, 1], [0, 2]]))
    # Similarities 2 and 0 are 2 and -2 in the rater's units.
    below = 1 / (1 + np.exp(-(np.array([[0.0, 1.0]]) - [[2.0], [-2.0]])))
    assert_allclose(p, np.column_stack([below[:, 0], below[:, 1] - below[:, 0], 1 - below[:, 1]]))


@pytest.mark.parametrize("task", ["most-alike-pair", "pair-rating"])
def test_sessions_by_a_posterior_are_designed_and_run(
    make_study: MakeStudy, tmp_path: Path, run: Run, task: str
) -> None:
    root = make_study("study", "trials = 12\n" + TABLES[task] + SESSION)
    ids = StimulusSet.load(root / "stimuli").ids
    posterior = write_posterior(tmp_path / "p.nc", ids[::-1])
    who = ("design", root, "--task", task, "--participants", "01", "02")
    assert "Name it with --posterior" in refused(run, *who)
    few = write_posterior(tmp_path / "few.nc", ids[1:])
    message = refused(run, *who, "--posterior", few)
    assert f"knows 7 of the 8 objects of the design, not {ids[0]!r}" in message
    assert "sampler adaptive" in run(*who, "--posterior", posterior, "--summary")[1]
    lists = find_task(task).lists
    tables = [lists.read(path, ids) for path in sorted((root / "design").glob("*.tsv"))]
    shown, settings = pd.DataFrame({"id": ids}), lists.settings(Study.load(root))
    asked = []
    for table in tables:
        own = table[table["trial_type"] == "main"]
        asked.append({tuple(row) for row in judged_trials(lists, [own], shown, settings).tolist()})
        assert own["sampler"].value_counts().to_dict() == {"adaptive": 10, "random": 2}
        if "sampler_score" in own:
            assert own["sampler_score"].notna().sum() == 10
    assert not asked[0] & asked[1]
    about = json.loads(next((root / "design").glob("sub-01*.json")).read_text())
    assert about["inputs"]["posterior"]["sha256"] == sha256_file(posterior)
    observer = tmp_path / "o.npz"
    x = np.random.default_rng(3).gamma(0.6, 1.8, size=(8, 3))
    SimulatedObserver(ids, x).save(observer)
    succeed(
        "run", root, "--task", task, "--participant", "01", "--simulate", observer, "--no-window"
    )
    (path,) = find_runs(root / "data" / "raw", task.replace("-", ""))
    assert (read_run(path).rows["sampler"] == "adaptive").sum() == 10
    succeed("validate", root)


@pytest.mark.parametrize("task", ["anchored-choice", "odd-one-of-many"])
def test_a_session_adapts_while_it_runs(
    make_study: MakeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    """The fit in the break is replaced by a posterior that is there; all else is as it runs."""
    root = make_study("study", "trials = 12\n" + TABLES[task] + SESSION)
    ids = StimulusSet.load(root / "stimuli").ids
    posterior, observer = write_posterior(tmp_path / "p.nc", ids), tmp_path / "o.npz"
    x = np.random.default_rng(3).gamma(0.6, 1.8, size=(8, 3))
    SimulatedObserver(ids, x).save(observer)

    def design(blocks: NextBlocks) -> None:
        """Design the next block in this process, as the child does after its fit."""
        table = blocks._adaptive.task.lists.read(blocks._path, ids)
        blocks._known = len(table)
        block = int(table["block_index"].max()) + 1
        write_lists(root, ["01"], task=task, sessions=1, posterior=posterior, block=block)

    monkeypatch.setattr(NextBlocks, "start", design)
    succeed(
        "run", root, "--task", task, "--participant", "01", "--simulate", observer, "--no-window"
    )
    (path,) = find_runs(root / "data" / "raw", task.replace("-", ""))
    rows = read_run(path).rows
    assert rows["block_index"].tolist() == [1, *[2] * 4, *[3] * 5, *[4] * 5]
    main_rows = rows[rows["trial_type"] == "main"]
    assert set(main_rows.loc[main_rows["block_index"] == 2, "sampler"]) == {"random"}
    late = main_rows.loc[main_rows["block_index"] > 2, "sampler"]
    assert late.value_counts().to_dict() == {"adaptive": 6, "random": 2}
    listed = find_task(task).lists.read(next((root / "design").glob("*.tsv")), ids)
    assert len(listed) == len(rows) == 15
    about = json.loads(next((root / "design").glob("*.json")).read_text())
    digest = sha256_file(posterior)
    assert about["config"]["blocks"] == {"2": None, "3": digest, "4": digest}
    succeed("validate", root)


def test_what_a_study_declares_beforehand_reaches_the_fits_that_choose(
    make_study: MakeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    table = '\n[adaptive]\nfeatures = "known/f.npz"\nsources = ["known/model.parquet"]\n'
    root = make_study("study", "trials = 12\n" + SESSION + table)
    ids = StimulusSet.load(root / "stimuli").ids
    faults = validate_study(root).faults
    assert [fault.partition("found no ")[2] for fault in faults] == [
        "known/f.npz",
        "known/model.parquet",
    ]
    (root / "known").mkdir()
    (root / "known" / "model.parquet").touch()
    session = ("run", root, "--participant", "01", "--simulate", "--no-window")
    np.savez(root / "known" / "f.npz", ids=ids[1:], features=np.eye(7))
    assert f"no features for 1 of 8 objects, first '{ids[0]}'" in refused(run, *session)
    assert not find_runs(root / "data" / "raw", "oddoneout")
    np.savez(root / "known" / "f.npz", ids=ids, features=np.eye(8))
    write_lists(root, ["01"], block=2)
    given: dict[str, Any] = {}

    def fit(study: Study, out: Path, **known: Any) -> None:
        given.update(known)
        write_posterior(out, ids)

    monkeypatch.setattr("twoalike.embedding.fit", fit)
    refit(root, "01", 1, 3, tmp_path / "p.nc", 1)
    assert given["features"] == root / "known" / "f.npz" and given["engine"] == "vi"
    assert given["sources"] == [root / "known" / "model.parquet"]


def test_pairs_come_again_where_too_few_are_left(make_study: MakeStudy, tmp_path: Path) -> None:
    root = make_study("study", "trials = 12\n" + TABLES["pair-rating"] + SESSION)
    posterior = write_posterior(tmp_path / "p.nc", StimulusSet.load(root / "stimuli").ids)
    made = write_lists(root, ["01", "02", "03"], task="pair-rating", posterior=posterior)
    pairs = [
        {
            tuple(sorted(row))
            for row in one.table.loc[
                one.table["trial_type"] == "main", ["stimulus_1", "stimulus_2"]
            ]
            .to_numpy()
            .tolist()
        }
        for one in made.lists
    ]
    assert [len(own) for own in pairs] == [12, 12, 12]
    assert not pairs[0] & pairs[1]
    assert pairs[2] & pairs[0]  # of 28 pairs


def test_ratings_on_another_scale_choose_nothing(make_study: MakeStudy, tmp_path: Path) -> None:
    ids = StimulusSet.load(make_study("s") / "stimuli").ids
    posterior = write_posterior(tmp_path / "p.nc", ids)
    known = Posterior.load(posterior)
    assert typical_rater(known, 7, posterior)["threshold"].shape == (40, 6)
    with pytest.raises(TwoalikeError, match="expected ratings on a slider"):
        typical_rater(known, None, posterior)
    tree = known.tree
    names = ["rating_threshold", "rating_noise", "rating_origin", "rating_unit"]
    tree["posterior"] = xr.DataTree(
        tree["posterior"].to_dataset().drop_vars([*names, "rater", "threshold"])
    )
    with pytest.raises(TwoalikeError, match="found other judgments only"):
        typical_rater(Posterior(tree), 7, "choices.nc")


def test_tasks_that_cannot_adapt_say_why(make_study: MakeStudy, run: Run) -> None:
    root = make_study()
    ask = ("design", root, "--participants", "01", "--task")
    for more in (("--sampler", "adaptive"), ("--posterior", "p.nc"), ("--block", "2")):
        assert "is not computed" in refused(run, *ask, "free-sorting", *more)
        assert "lift_weakest chooses" in refused(run, *ask, "multi-arrangement", *more)
    assert "chooses the trials" in refused(run, *ask, "multi-arrangement", "--sampler", "random")
    with pytest.raises(ValidationError, match="is not computed"):
        FreeSortingConfig.model_validate({"sampler": "adaptive"})
    table = "trials = 12\n[pair_rating]\nsampler = 'adaptive'\n"
    few = make_study("few", table)
    again = ("design", few, "--participants", "01", "--task", "pair-rating", "--block", 2)
    assert "there is nothing to choose" in refused(run, *again)
    text = (few / "study.toml").read_text().replace("seed = 7", "seed = 7\nobjects_per_person = 6")
    (few / "study.toml").write_text(text)
    assert "set objects_per_person = 0" in refused(run, *again)
