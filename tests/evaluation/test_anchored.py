"""Anchored choices (which of two is more like a reference) are scored as odd-one-out choices are.

Known answers, guesses, bounds, and a table of both kinds; and judgments of objects that some
network has no features of, which are left out and counted.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table, together
from tests.posteriors import posterior_of

from twoalike.ceilings import (
    ceilings,
    fit_distribution,
    votes_of,
)
from twoalike.choice import ANCHORED, TRIPLET
from twoalike.evaluation import (
    Candidate,
    Judgments,
    questions_of,
    score_choices,
)
from twoalike.features import FeatureTable
from twoalike.judgments import RdmTable, choices_table
from twoalike.results import Results, evaluate

M = 24
IDS = tuple(f"o{number:02d}" for number in range(M))


def people_choose(x: np.ndarray, n: int, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Choices of four people at temperature 1; every triplet is shown four times or so."""
    pool = np.stack([rng.permutation(len(x))[:3] for _ in range(n // 4)])
    shown = pool[rng.integers(len(pool), size=n)]
    question = ANCHORED if kind == "anchored" else TRIPLET
    answer = answered(x, shown, rng, question=question)
    people = [f"p{who}" for who in rng.integers(4, size=n)]
    return chosen_table(shown, answer, IDS, question, participant=people)


@pytest.fixture
def truth(rng: np.random.Generator) -> np.ndarray:
    return 1.5 * rng.normal(size=(M, 4))


def test_known_answers() -> None:
    """One dimension: the similarities of (1, 2), (1, 3) and (2, 3) are 2, 4 and 8."""
    columns = {"item_1": [0, 0], "item_2": [1, 2], "item_3": [2, 1], "chosen": [3, 3]}
    more = {"item_1": [1], "item_2": [0], "item_3": [2], "chosen": [3]}
    rows = {name: [*columns[name], *more[name]] for name in columns} | {"kind": ["anchored"] * 3}
    (judged,) = questions_of(choices_table(rows, ["a", "b", "c"]))
    assert judged.left_out == {"practice_or_catch": 0, "without_features": 0}
    assert (judged.options, judged.question.chance) == (2, 0.5)
    x = FeatureTable(("a", "b", "c"), np.array([[1.0], [2.0], [4.0]], np.float32))
    candidate = Candidate("x", x, "dot", temperature=2.0)
    (scored,) = score_choices([candidate], judged, np.random.default_rng(0))
    # "c" is more like "a" than "b" is, with probability 1 / (1 + exp(-(4 - 2) / 2)).
    near = 1 / (1 + np.exp(-1.0))
    assert_allclose(scored.scores["accuracy"], [1, 0, 1])
    assert_allclose(scored.probabilities[0], [1 - near, near])
    assert_allclose(scored.scores["log_loss"][:2], [-np.log(near), -np.log(1 - near)])
    assert_allclose(scored.scores["log_loss"][2], np.log1p(np.exp(-3.0)))


def test_bounds_of_two_answers(rng: np.random.Generator) -> None:
    """Bounds come out as they are for p and 1 - p; a third answer is not made up."""
    m, n = 1500, 5
    p = rng.beta(2.0, 1.0, m)
    base = 3 * np.arange(m)[:, None] + np.arange(3)
    shown = base.repeat(n, axis=0)
    near = (rng.random(m * n) < p.repeat(n)).astype(np.int64)
    people = np.argsort(rng.random((m, 30)), axis=1)[:, :n].ravel()
    ids = tuple(map(str, range(3 * m)))
    judged = Judgments(shown, near, people, ids, question=ANCHORED)
    found = ceilings(judged, rng)
    truths = {
        "oracle": np.maximum(p, 1 - p).mean(),
        "pair_agreement": (p**2 + (1 - p) ** 2).mean(),
        "entropy": -(p * np.log(p) + (1 - p) * np.log1p(-p)).mean(),
    }
    for name, truth in truths.items():
        estimate = found[name]
        assert estimate.value == pytest.approx(truth, abs=0.02), name
    assert votes_of(judged).counts.shape == (m, 2)
    fitted = fit_distribution(np.array([[5, 0, 0], [3, 2, 0]]), np.array([1, 1]), options=2)
    assert not fitted.points[:, 2].any()


def test_kinds_are_reported_apart(
    truth: np.ndarray, rng: np.random.Generator, tmp_path: Path
) -> None:
    odd = people_choose(truth, 900, "odd_one_out", rng)
    near = people_choose(truth, 1200, "anchored", rng)
    noisy = truth + rng.normal(size=truth.shape)
    networks = {"base": (IDS, noisy), "aligned": (IDS, truth)}
    labels = {"half": {name: "ab"[number % 2] for number, name in enumerate(IDS)}}
    mixed = together([odd, near], IDS)
    assert [of.name for of in questions_of(mixed)] == ["odd_one_out", "anchored"]
    known: Any = {"labels": labels, "resamples": 100}
    found = evaluate(networks, choices=mixed, out=tmp_path / "results.json", **known)
    alone = evaluate(networks, choices=odd, **known)
    own = [row for row in found.rows if row.measure.startswith("odd_one_out.")]
    assert own == [row for row in alone.rows if row.measure.startswith("odd_one_out.")]
    assert alone.questions == ("odd_one_out",)
    assert found.judged["anchored"].judgments == 1200
    base, aligned = (found.at("anchored.accuracy", name) for name in ("base", "aligned"))
    assert base is not None and aligned is not None
    assert 0.5 < base.value < aligned.value
    assert set(found.levels("anchored.accuracy")) == {"half: within", "half: boundary"}
    people = found.levels("anchored.participants.accuracy", "base")
    rows = [found.at("anchored.participants.accuracy", "base", name) for name in people]
    assert sum(row.n or 0 for row in rows if row) == 1200
    titles = [table.title for table in found.tables()]
    assert titles[0].startswith("900 odd-one-out choices by 4 participants")
    assert titles[1].startswith("1,200 anchored choices by 4 participants")
    assert "Calibration, anchored" in titles
    assert Results.load(tmp_path / "results.json") == found


def test_judgments_of_objects_with_features_are_taken(
    truth: np.ndarray, rng: np.random.Generator
) -> None:
    choices = people_choose(truth, 1200, "odd_one_out", rng)
    short = Candidate("short", FeatureTable(IDS[:-4], truth[:-4].astype(np.float32)), "dot")
    other = Candidate("other", FeatureTable(IDS[1:], truth[1:].astype(np.float32)), "dot")
    square = np.linalg.norm(truth[:, None] - truth, axis=-1)[None].repeat(3, axis=0)
    people = RdmTable(square, IDS)
    labels = {"half": {name: "ab"[number % 2] for number, name in enumerate(IDS[:-2])}}
    found = evaluate([short, other], choices=choices, rdm=people, labels=labels)
    kept = set(IDS[1:-4])
    inside = choices[["item_1", "item_2", "item_3"]].isin(kept).all(axis=1)
    judged, distances = found.judged["odd_one_out"], found.judged["rdm"]
    assert judged.judgments == inside.sum()
    assert judged.left_out["without_features"] == (~inside).sum()
    assert f"{inside.sum()} of 1,200 choices" in judged.sentence()
    assert f"{(~inside).sum()} without features" in found.tables()[0].title
    assert (distances.objects, distances.left_out["objects"]) == (M - 5, 5)
    assert "5 objects" in found.tables()[1].title
    cut = evaluate(
        [
            Candidate(name, FeatureTable(IDS[1:-4], truth[1:-4].astype(np.float32)), "dot")
            for name in ("short", "other")
        ],
        choices=choices[inside].reset_index(drop=True),
        rdm=RdmTable(square[:, 1:-4, 1:-4], IDS[1:-4]),
        labels=labels,
    )
    for measure in ("odd_one_out.accuracy", "rdm.spearman"):
        for name in ("short", "other"):
            assert found.at(measure, name) == cut.at(measure, name) is not None


def test_a_posterior_is_scored_on_what_it_knows(
    truth: np.ndarray, rng: np.random.Generator
) -> None:
    draws = np.abs(truth[None, None, 2:] + 0.1 * rng.normal(size=(1, 6, M - 2, 4)))
    labels = {"object": IDS[2:], "participant": ["p0"]}
    posterior = posterior_of({"embedding": draws, "lapse": np.full((1, 6, 1), 0.02)}, labels)
    for kind in ("odd_one_out", "anchored"):
        choices = people_choose(np.abs(truth), 1600, kind, rng)
        found = evaluate({"net": (IDS, truth)}, choices=choices, posterior=posterior)
        known = choices[["item_1", "item_2", "item_3"]].isin(IDS[2:]).all(axis=1).sum()
        error = f"{kind}.uncertainty.calibration.error.top.debiased"
        row = found.at(error, "posterior")
        # It has nearly the truth, so that it is nearly calibrated.
        assert row is not None and row.n == known < 1600 and row.value < 0.06
        known_text = f"{known:,} choices that it knows"
        assert any(known_text in name for table in found.tables() for name in table.frame.index)
        assert found.at("structure.posterior.spearman", "net") is not None


def test_trials_of_an_adaptive_design_are_no_sample_of_people() -> None:
    rows: dict[str, Any] = {f"item_{k + 1}": [k, 2 - k, k] for k in range(3)}
    table = choices_table(rows | {"chosen": [1, 2, 3]}, ["a", "b", "c"])
    table["sampler"] = ["adaptive", "random", None]
    (judged,) = questions_of(table)
    assert judged.rows.tolist() == [1, 2] and judged.left_out["adaptive"] == 1
