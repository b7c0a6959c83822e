"""Anchored judgments through the commands: import, fit, teach, evaluate, participants, report.

Simulated people say which of two objects is more like a reference; one of them guesses. What the
commands say of them is compared with what is true of them.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twoalike.choice import ANCHORED, log_choice, pair_similarities
from twoalike.cli.app import main
from twoalike.embedding import Posterior
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import judgment_codes, read_judgments
from twoalike.results import Results

M, PEOPLE = 24, 5
IDS = tuple(f"o{number:02d}" for number in range(M))

type Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def of_words(*words: object) -> str:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert end.value.code in (0, None), said.err
        return " ".join(said.out.split())

    return of_words


def judge(truth: np.ndarray, n: int, rng: np.random.Generator, path: Path) -> np.ndarray:
    """Write n judgments (reference, the more similar one, the other, who); the last one guesses."""
    shown = np.stack([rng.permutation(M)[:3] for _ in range(n)])
    near, far = log_choice(pair_similarities(truth @ truth.T, shown)[:2], question=ANCHORED)
    who = rng.integers(PEOPLE, size=n)
    first = np.where(who == PEOPLE - 1, 0.5, np.exp(near)) > rng.random(n)
    ordered = np.where(first[:, None], shown, shown[:, [0, 2, 1]])
    rows = [[*(IDS[item] for item in row), f"p{of}"] for row, of in zip(ordered, who, strict=True)]
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    right = np.exp(np.maximum(near, far))
    return np.where(who == PEOPLE - 1, 0.5, right)


def check_participants(run: Run) -> None:
    """Who guessed; chance is one half."""
    run("participants", "posterior.nc", "--out", "people.csv")
    people = pd.read_csv("people.csv").set_index("participant")
    assert people["agreement"].idxmin() == "p4"
    assert people.loc["p4", "agreement"] == pytest.approx(0.5, abs=0.08)
    assert people.loc["p0", "agreement"] > 0.65


def check_teacher(run: Run, truth: np.ndarray, rng: np.random.Generator) -> None:
    """Features are of fewer objects than were judged, and partly noise."""
    mixed = truth @ rng.normal(size=(3, 12)) + 0.2 * rng.normal(size=(M, 12))
    noise = 3 * rng.normal(size=(M, 6))
    values = np.concatenate([mixed, noise], axis=1).astype(np.float32)
    write_features(Path("base.npz"), FeatureTable(IDS[:-2], values[:-2], {"backbone": "toy"}))
    said = run(
        "teach",
        "posterior.nc",
        "--features",
        "base.npz",
        "--choices",
        "new.parquet",
        "--out",
        "teacher",
    )
    assert "fitted to 22 of 24 judged objects" in said
    assert "anchored choices of the people" in said
    made = json.loads(Path("teacher/teacher.json").read_text())
    assert made["settled_on"] == "choices"
    scores = made["validation"]["anchored_choices"]
    assert "choices" not in made["validation"]
    assert 0.5 < scores["untransformed"]["accuracy"] < scores["teacher"]["accuracy"]
    assert scores["teacher"]["log_loss"] < np.log(2)
    table, fitted = read_judgments("new.parquet"), Posterior.load("posterior.nc").judged
    again = np.isin(judgment_codes(table), fitted).sum()  # a question that a person had before
    assert 0 < again < 200
    assert made["label_comparison"]["n"] == 1200 - again


def check_evaluation(run: Run, truth: np.ndarray, best: float) -> None:
    """Scores of the judgments among objects with features; ``best`` is the observers' own."""
    write_features(Path("truth.npz"), FeatureTable(IDS, truth.astype(np.float32)))
    said = run(
        *("evaluate", "--features", "base=base.npz", "--ceiling", "truth=truth.npz"),
        *("--choices", "new.parquet", "--posterior", "posterior.nc", "--out", "results.json"),
    )
    results = Results.load("results.json")
    judged = results.judged["anchored"]
    lacking, n = judged.left_out["without_features"], judged.judgments
    assert n is not None and n + lacking == 1200 and lacking > 0
    assert f"{n:,} anchored choices by 5 participants on 22 objects" in said
    assert f"{lacking} without features" in said

    def value(measure: str, name: str = "", level: str = "") -> float:
        row = results.at(f"anchored.{measure}", name, level)
        assert row is not None, measure
        return row.value

    assert value("chance.accuracy") == 0.5
    assert value("chance.log_loss") == pytest.approx(np.log(2))
    assert 0.5 < value("accuracy", "base") < value("accuracy", "truth")
    assert value("accuracy", "truth") == pytest.approx(best, abs=0.04)
    people = results.levels("anchored.participants.accuracy")
    assert min(people, key=lambda p: value("participants.accuracy", "truth", p)) == "p4"
    error = results.at("anchored.uncertainty.calibration.error.top.debiased", "posterior")
    assert error is not None and error.low is not None and error.low < 0.08


def check_report(run: Run) -> None:
    """A study with these judgments: the report says what they are and what chance is."""
    run("init", "study")
    derived = Path("study/derived")
    derived.mkdir(exist_ok=True)
    shutil.copy("new.parquet", derived / "choices.parquet")
    for name in ("posterior.nc", "results.json"):
        shutil.copy(name, derived)
    run("report", "study", "--out", "study/report.html")
    scored = Results.load("results.json").judged["anchored"].judgments
    page = Path("study/report.html").read_text(encoding="utf-8")
    assert "Study of anchored judgments" in page
    assert "anchored choices predicted by the embedding (chance 50" in page
    assert "names what is more like the reference in" in page
    assert "anchored accuracy" in page.lower()
    assert f"{scored:,} of 1,200 choices were scored" in page


def test_an_anchored_observer_is_recovered(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.chdir(tmp_path)
    truth = np.where(rng.random((M, 3)) < 0.5, rng.gamma(4.0, 0.45, (M, 3)), 0.03)
    Path("ids.txt").write_text("\n".join(IDS))
    judge(truth, 2500, rng, Path("old.tsv"))
    best = judge(truth, 1200, rng, Path("new.tsv")).mean()
    for name in ("old", "new"):
        words = ("--kind", "anchored", "--chosen-columns", 2, "--participant-column", 4)
        run(
            "import",
            "choices",
            f"{name}.tsv",
            "--objects",
            "ids.txt",
            *words,
            "--out",
            f"{name}.parquet",
        )
    quick = (
        "--quick",
        "--engine",
        "vi",
        "--steps",
        600,
        "--draws",
        10,
        "--dimensions",
        4,
        "--chains",
        2,
    )
    run("fit", "--choices", "old.parquet", "--out", "posterior.nc", *quick)
    posterior = Posterior.load("posterior.nc")
    upper = np.triu_indices(M, 1)
    similar = pd.Series(posterior.similarity()[upper]).corr(
        pd.Series((truth @ truth.T)[upper]), method="spearman"
    )
    assert similar > 0.8
    check_participants(run)
    check_teacher(run, truth, rng)
    check_evaluation(run, truth, best)
    check_report(run)
