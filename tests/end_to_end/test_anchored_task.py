"""The anchored-choice task through the commands: design, run, validate, fit, report, share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import succeed

from twoalike.embedding import fit
from twoalike.judgments import collect_judgments
from twoalike.observers import SimulatedObserver, sparse_embedding
from twoalike.record import find_runs, read_run
from twoalike.stimuli import StimulusSet

DESIGN = """trials = 12
practice = 2
[anchored]
trials = 110
practice = 4
catch = 4
repeats = 6
sampler = "coverage"
[exclusion]
catch_accuracy = 0  # the observer's space knows nothing of the categories
"""
PEOPLE = ("901", "902", "903")


def judged(root: Path, truth: np.ndarray, observer: Path) -> tuple[str, ...]:
    """Let simulated people who share a space do a session each; ids of the objects."""
    ids = StimulusSet.load(root / "stimuli").ids
    SimulatedObserver(ids, truth, lapse=0.02).save(observer)
    succeed("design", root, "--task", "anchored-choice", "--participants", *PEOPLE)
    for who in PEOPLE:
        simulated = ("--simulate", observer, "--no-window")
        succeed("run", root, "--task", "anchored-choice", "--participant", who, *simulated)
    return ids


def test_every_command_takes_a_study_of_anchored_choices(
    make_study: Callable[..., Path], tmp_path: Path, rng: np.random.Generator
) -> None:
    root = make_study("study", DESIGN)
    judged(root, rng.gamma(0.6, 1.8, size=(8, 3)), tmp_path / "observer.npz")
    succeed("validate", root)
    choices = pd.read_parquet(collect_judgments(root)["choices"])
    assert set(choices["kind"]) == {"anchored"}
    assert set(choices["chosen"]) == {2, 3}
    assert choices.loc[choices["trial_type"] == "catch", "correct"].notna().all()
    rows = pd.concat(read_run(path).rows for path in find_runs(root / "data" / "raw"))
    assert choices["item_1"].tolist() == rows["stimulus_1"].tolist()
    chosen = [row[f"item_{row['chosen']}"] for row in choices.to_dict("records")]
    assert chosen == rows["chosen_stimulus"].tolist()
    succeed(
        "run", root, "--participant", "901", "--simulate", tmp_path / "observer.npz", "--no-window"
    )
    both = pd.read_parquet(collect_judgments(root)["choices"])
    assert both["kind"].value_counts().to_dict() == {"anchored": len(choices), "odd_one_out": 14}
    succeed("report", root, "--out", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Sessions of anchored choices" in html
    assert "answered 14 odd-one-out trials and 372 trials of anchored choice in 4 sessions" in html
    succeed("share", root, "--out", tmp_path / "copy")
    shared = list((tmp_path / "copy").glob("sub-*/ses-01/beh/*_task-anchoredchoice_*_beh.tsv"))
    assert len(shared) == len(PEOPLE)


@pytest.mark.slow
def test_an_observer_s_space_is_recovered(
    make_study: Callable[..., Path], tmp_path: Path, rng: np.random.Generator
) -> None:
    """In a space as uncertain as people's (see ``sparse_embedding``)."""
    root, truth = make_study("study", DESIGN), sparse_embedding(8, rng, dimensions=3)
    ids = judged(root, truth, tmp_path / "observer.npz")
    posterior = fit(root, dimensions=3, engine="vi", steps=400, quick=True, seed=1)
    order = [ids.index(name) for name in posterior.ids]
    pairs = np.triu_indices(len(ids), 1)
    true = (truth @ truth.T)[np.ix_(order, order)][pairs]
    found = np.corrcoef(posterior.similarity()[pairs], true)[0, 1]
    assert found > 0.9
