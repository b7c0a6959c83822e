"""Ratings of pairs and free sorting through the commands: design, run, validate, report, share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import succeed

from twoalike.judgments import collect_judgments
from twoalike.observers import SimulatedObserver, SimulatedRater, SimulatedSorter
from twoalike.record import find_runs, read_run
from twoalike.stimuli import StimulusSet

DESIGN = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
NAMED = "[rules]\nname_piles = true\n"
PEOPLE = ("901", "902")


def test_every_command_takes_a_study_of_ratings_and_sortings(
    make_study: Callable[..., Path],
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, observer = make_study("study", DESIGN), tmp_path / "observer.npz"
    (root / "protocols" / "free_sorting.toml").write_text(NAMED)
    settings = root / "study.toml"  # whose space knows no categories
    settings.write_text(f"{settings.read_text()}\n[exclusion]\ncatch_accuracy = 0\n")
    ids = StimulusSet.load(root / "stimuli").ids
    SimulatedObserver(ids, rng.gamma(0.6, 1.8, size=(8, 3))).save(observer)
    for task in ("pair-rating", "free-sorting"):
        succeed("design", root, "--task", task, "--participants", *PEOPLE, "--summary")
        for who in PEOPLE:
            simulated = ("--simulate", observer, "--no-window")
            succeed("run", root, "--task", task, "--participant", who, *simulated)
    assert "pairs shown" in capsys.readouterr().out
    succeed("validate", root)
    succeed("report", root, "--out", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Sessions of ratings" in html
    assert "Sessions of sorting" in html
    assert "In each trial of the pair-rating task, participants rated how alike" in html
    assert "There are no sessions" not in html
    found = collect_judgments(root)
    ratings = pd.read_parquet(found["ratings"])
    check = ratings["trial_type"] == "catch"
    assert (ratings["item_a"] != ratings["item_b"])[~check].all()  # not so in every check
    assert ratings.loc[check, "correct"].notna().all() and check.any()
    assert {"main", "repeat"} <= set(ratings["trial_type"])
    succeed("share", root, "--out", tmp_path / "copy")
    (path, _) = find_runs(root / "data" / "raw", "freesorting")
    rows = read_run(path).rows
    assert set(rows["pile_name"]) >= {"pile 1", "pile 2"}
    shared = [read_run(one).rows for one in find_runs(tmp_path / "copy", "freesorting")]
    assert pd.concat(shared)["pile_name"].isna().all()
    assert pd.concat(shared)["pile"].notna().all()


def test_simulated_people_rate_and_sort_by_their_space(rng: np.random.Generator) -> None:
    ids = tuple(f"o{number}" for number in range(30))
    embedding = rng.gamma(0.6, 1.8, size=(30, 4))
    person = SimulatedObserver(ids, embedding, temperature=0.2, placement_noise=0.02)
    rater, pairs = SimulatedRater(person), np.triu_indices(30, 1)
    rated = [rater.rate((ids[i], ids[j]), rng)[0] for i, j in zip(*pairs, strict=True)]
    truth = pd.Series((embedding @ embedding.T)[pairs])
    assert truth.corr(pd.Series(rated), method="spearman") > 0.95
    assert rater.rate((ids[0], ids[0]), rng)[0] == 1.0
    sorter = SimulatedSorter(person)
    piles = sorter.sort(ids, (2, 12), rng)
    assert 2 <= len(np.unique(piles)) <= 12
    together = piles[pairs[0]] == piles[pairs[1]]
    assert truth[together].mean() > 2 * truth[~together].mean()
    assert len(np.unique(sorter.sort(ids[:3], (3, 12), rng))) == 3
