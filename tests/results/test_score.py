"""``score``: known and new people, every kind of choice, and what was part of the fit."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table, sets_of, together
from tests.rated import posterior_around, sort, standard

import twoalike.api as ta
from twoalike.choice import Question
from twoalike.judgments import choices_table, ratings_table, write_judgments

Run = Callable[..., tuple[int, str]]
IDS = [f"o{k:02d}" for k in range(14)]
PEOPLE = [f"p{k}" for k in range(4)]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(3).gamma(1.0, 1.0, (14, 3))


def judge(x: np.ndarray, n: int, seed: int, kind: str = "odd_one_out", k: int = 3) -> pd.DataFrame:
    """Answers of people p0 to p3 and of somebody else, who never guess."""
    rng, question = np.random.default_rng(seed), Question(kind, k)  # type: ignore[arg-type]
    items = sets_of(len(x), k, n, rng)
    answer = answered(x, items, rng, question=question)
    who, level = rng.choice([*PEOPLE, "someone else"], n), np.array(["fine", "coarse"])
    about = {"participant": who, "level": level[np.arange(n) % 2]}
    return chosen_table(items, answer, IDS, question, **about)


@pytest.fixture(scope="module")
def fitted(x: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A posterior, and the file of choices that it was fitted to."""
    folder = tmp_path_factory.mktemp("fitted")
    table = judge(x, 200, 0)
    write_judgments(folder / "choices.parquet", table[table["participant"].isin(PEOPLE)], {})
    short = {"engine": "vi", "steps": 100, "draws": 10, "chains": 1, "dimensions": 3}
    ta.fit(folder / "choices.parquet", out=folder / "posterior.nc", quick=True, **short)
    return folder / "posterior.nc", folder / "choices.parquet"


KINDS = [
    ("odd_one_out", 3),
    ("anchored", 3),
    ("odd_one_out", 4),
    ("most_alike", 4),
    ("least_like", 5),
]


@pytest.mark.parametrize(("kind", "k"), KINDS)
def test_scores_are_those_of_what_predict_says(x: np.ndarray, kind: Any, k: int) -> None:
    posterior = posterior_around(x, IDS, PEOPLE)
    table = judge(x, 60, 1, kind, k)
    found = ta.score(posterior, choices=table, resamples=100)
    (name,) = found.judged
    items = table[[f"item_{place + 1}" for place in range(k)]].astype(str).to_numpy()
    people = table["participant"].astype(str).tolist()
    p = ta.predict(posterior, items, participant=people, kind=kind, items=k).to_numpy()
    question = Question(kind, k)
    second = table["second"].to_numpy(int) - 1 if question.answers.shape[1] == 2 else None
    answer = question.answer_of(table["chosen"].to_numpy(int) - 1, second)
    p = p[:, -len(question.answers) :]
    losses = -np.log(p[np.arange(60), answer])

    def at(key: str, level: str = "") -> Any:
        return found.at(f"{name}.{key}", "posterior", level)

    accuracy = at("accuracy")
    assert_allclose(at("log_loss").value, losses.mean(), rtol=1e-5)
    assert_allclose(accuracy.value, (p.argmax(axis=1) == answer).mean(), atol=1e-6)
    assert accuracy.low < accuracy.value < accuracy.high
    assert 0 <= at("calibration.debiased").value < 0.3
    assert (at("known_people").value, at("new_people").value) == (4, 1)
    groups = {"people: known", "people: new", "level: coarse", "level: fine"}
    assert set(found.levels(f"{name}.accuracy")) == groups
    mine = np.array(people) == "p2"
    assert_allclose(at("participants.log_loss", "p2").value, losses[mine].mean(), rtol=1e-5)
    assert not at("participants.known", "someone else").value


def test_whom_to_predict_can_be_chosen(x: np.ndarray) -> None:
    posterior, table = posterior_around(x, IDS, PEOPLE), judge(x, 80, 2)
    labels = {"kind": {name: "ab"[row % 2] for row, name in enumerate(IDS)}}
    known = ta.score(posterior, choices=table, people="known", labels=labels)
    new = ta.score(posterior, choices=table, people="new")
    n = int(table["participant"].isin(PEOPLE).sum())

    def counts(found: Any) -> list[float]:
        keys = ("known_people", "new_people")
        return [found.at(f"odd_one_out.{key}", "posterior").value for key in keys]

    assert (known.judged["odd_one_out"].judgments, counts(known)) == (n, [4, 0])
    assert {"kind: within", "kind: boundary"} <= set(known.levels("odd_one_out.accuracy"))
    assert (new.judged["odd_one_out"].judgments, counts(new)) == (80, [0, 5])
    strangers = table[~table["participant"].isin(PEOPLE)]
    with pytest.raises(ta.TwoalikeError, match="by its participants, found none"):
        ta.score(posterior, choices=strangers, people="known")


def rewritten(path: Path, target: Path, rng: np.random.Generator) -> Path:
    """The same judgments in another order, of rows and of items, and renumbered; some of them."""
    table = ta.read_judgments(path).sample(frac=0.4, random_state=1)
    frame = table.astype(object)
    frame["item_1"], frame["item_3"] = table["item_3"].astype(str), table["item_1"].astype(str)
    frame["chosen"] = 4 - table["chosen"]
    frame["trial"] = rng.permutation(len(frame)) + 1
    write_judgments(target, choices_table({name: frame[name] for name in frame}, IDS[::-1]), {})
    return target


def test_judgments_of_the_fit_are_recognised_in_any_file(
    fitted: tuple[Path, Path], x: np.ndarray, run: Run, tmp_path: Path, rng: np.random.Generator
) -> None:
    source, choices = fitted
    status, said = run("score", source, "--choices", choices)
    assert status == 0 and re.search(r"^ *IN-SAMPLE \(posterior\): \d+ choices", said)
    other = rewritten(choices, tmp_path / "other.parquet", rng)
    assert re.search(
        r"^ *IN-SAMPLE \(posterior\): \d+ choices", run("score", source, "--choices", other)[1]
    )
    mixed = tmp_path / "mixed.parquet"
    both = together([ta.read_judgments(choices), judge(x, 50, 5)], IDS)
    write_judgments(mixed, both, {})
    out = tmp_path / "scores.json"
    status, said = run("score", source, "--choices", mixed, "--out", out)
    found = json.loads(out.read_text())["seen"]["choices"]
    assert status == 0 and len(both) - 50 <= found["seen"] < found["judgments"]
    assert f"{found['seen']} of {len(both)} IN-SAMPLE (posterior): {len(both)} ch" in said
    status, said = run("score", source, "--choices", mixed, "--out", out, "--exclude-seen")
    assert f"{found['seen']} fitted to and left out" in " ".join(said.split())
    assert "IN-SAMPLE" not in said
    scored = json.loads(out.read_text())["judged"]["odd_one_out"]["judgments"]
    assert scored == len(both) - found["seen"]
    status, said = run("score", source, "--choices", other, "--exclude-seen")
    assert status == 1 and said.count("\n") == 1 and "all fitted to" in said


def test_held_out_judgments_are_not_in_sample(
    fitted: tuple[Path, Path], x: np.ndarray, run: Run, tmp_path: Path
) -> None:
    path, out = tmp_path / "new.parquet", tmp_path / "scores.json"
    table = judge(x, 40, 9)
    write_judgments(path, table[~table["participant"].isin(PEOPLE)], {})
    status, said = run("score", fitted[0], "--choices", path, "--out", out)
    assert status == 0 and "IN-SAMPLE" not in said
    assert "1 new participant" in said and "calibration error" in said
    assert json.loads(out.read_text())["seen"]["choices"]["seen"] == 0


def test_ratings_and_sortings(x: np.ndarray, rng: np.random.Generator) -> None:
    """Their log-loss is that of new ones, as ``check`` predicts them."""
    piles = sort(standard(x), IDS, rng, people=4, trials=2, size=8)
    sorter = posterior_around(x, IDS, PEOPLE, "sorter")
    found = ta.score(sorter, sortings=piles)
    checked = ta.check(sorter, sortings=piles, fitted=False).sortings
    loss, left_out = (found.at(f"sortings.{key}", "posterior") for key in ("log_loss", "left_out"))
    assert loss is not None and checked is not None and left_out is not None and not left_out.value
    assert loss.value == checked.score.log_loss
    pairs = np.array([rng.choice(14, 2, replace=False) for _ in range(80)])
    columns = {"item_a": pairs[:, 0], "item_b": pairs[:, 1], "rating": rng.integers(1, 8, 80)}
    columns |= {"scale_points": [7.0] * 80, "participant": np.tile(PEOPLE, 20)}
    rater = posterior_around(x, IDS, PEOPLE, "rater")
    rated = ta.score(rater, ratings=ratings_table(columns, IDS))
    assert rated.judged["ratings"].judgments == 80
    assert "80 judgments (ratings)" in rated.tables()[0].title


def test_nothing_to_score_is_one_line(fitted: tuple[Path, Path], run: Run) -> None:
    status, said = run("score", fitted[0])
    assert status == 1 and said.count("\n") == 1 and "--choices" in said
