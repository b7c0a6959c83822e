"""Everything in one dictionary: what is there, what is missing and why, the same for a seed."""

import json
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.chosen import answered, chosen_table
from tests.conftest import cases

from twoalike.evaluation import Candidate
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import (
    arrangements_table,
    read_judgments,
    write_judgments,
)
from twoalike.results import (
    COLUMNS,
    Results,
    evaluate,
    leaderboard,
    lost_abilities,
    transfer,
)
from twoalike.study import TwoalikeError

Run = Callable[..., tuple[int, str]]
IDS = tuple(f"o{k:02d}" for k in range(24))
LABELS = {
    "kind": {name: f"k{row % 2}" for row, name in enumerate(IDS)},
    "sort": {name: f"s{row % 6}" for row, name in enumerate(IDS)},
}


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    """One generator for all that is shared here."""
    return np.random.default_rng(42)


@pytest.fixture(scope="module")
def space(rng: np.random.Generator) -> np.ndarray:
    """Objects in two kinds of three sorts, shape (24, 8)."""
    kinds, sorts = (np.eye(n)[np.arange(24) % n] for n in (2, 6))
    return 1.5 * np.concatenate([kinds, sorts], axis=1) + 0.05 * rng.normal(size=(24, 8))


@pytest.fixture(scope="module")
def networks(space: np.ndarray, rng: np.random.Generator) -> list[Candidate]:
    """One that sees people's space through much noise, one through little."""
    noise = {"base": 2.0, "aligned": 0.2}
    return [
        Candidate(
            name, FeatureTable(IDS, (space + sd * rng.normal(size=space.shape)).astype(np.float32))
        )
        for name, sd in noise.items()
    ]


@pytest.fixture(scope="module")
def choices(
    space: np.ndarray, rng: np.random.Generator, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Sixty triplets, each judged by five people."""
    every = np.array(list(combinations(range(24), 3)))
    triplets = every[rng.choice(len(every), 60, replace=False)]
    shown = np.repeat(triplets, 5, axis=0)
    answer = answered(space, shown, rng)
    about: dict[str, Any] = {"participant": np.tile([f"p{k}" for k in range(5)], 60)}
    about["response_time"] = rng.lognormal(size=300)
    path = tmp_path_factory.mktemp("judged") / "choices.parquet"
    write_judgments(path, chosen_table(shown, answer, IDS, **about), {"kind": "choices"})
    return path


@pytest.fixture(scope="module")
def everything(networks: list[Candidate], choices: Path) -> Results:
    """All parts of the results."""
    return evaluate(networks, choices=choices, labels=LABELS, resamples=100)


def value(found: Results, measure: str, name: str = "", level: str = "") -> float:
    row = found.at(measure, name, level)
    assert row is not None, (measure, name, level)
    return row.value


def test_all_parts(everything: Results, networks: list[Candidate], choices: Path) -> None:
    found = everything
    assert not {part for part in found.missing if "." not in part}
    majority = "odd_one_out.majority.accuracy"
    row = found.at(majority, "aligned")
    assert row is not None and row.n == 60
    assert row.value > value(found, majority, "base")
    people = found.levels("odd_one_out.participants.accuracy")
    assert people == [f"p{k}" for k in range(5)]
    shares = [value(found, "odd_one_out.participants.accuracy", "aligned", p) for p in people]
    assert np.mean(shares) == pytest.approx(value(found, "odd_one_out.accuracy", "aligned"))
    sorts = [f"sort: s{k}" for k in range(6)]
    assert set(found.levels("odd_one_out.categories.accuracy")) >= set(sorts)
    accuracy = value(found, "odd_one_out.accuracy", "base")
    assert value(found, "odd_one_out.ceilings.oracle") > accuracy
    levels = found.levels("odd_one_out.ceilings.pair_agreement")
    assert {level.partition(":")[0] for level in levels} >= set(LABELS)
    assert found.at("odd_one_out.uncertainty.response_time.trials", "aligned") is not None
    change = found.at("structure.distances.change", "aligned", "within sort")
    assert change is not None and change.high is not None and change.high < 0
    probe = ("transfer.linear_probe", "sort, linear probe")
    better, worse = (value(found, probe[0], name, probe[1]) for name in ("aligned", "base"))
    assert better > worse
    again = evaluate(networks, choices=choices, labels=LABELS, resamples=100)
    assert json.dumps(again.as_dict()) == json.dumps(found.as_dict())


def test_what_is_missing_is_said(networks: list[Candidate], choices: Path) -> None:
    one = evaluate(networks[:1], choices=choices, resamples=50)
    assert not one.has("structure") and not one.has("transfer")
    assert {part: why for part, why in one.missing.items() if "." not in part} == {
        "structure": "needs two networks or a posterior",
        "transfer": "needs labels of the objects",
    }
    only_labels = evaluate(networks, labels=LABELS, resamples=50)
    assert not only_labels.judged
    missing = {part for part in only_labels.missing if "." not in part}
    assert missing == {"agreement", "ceilings", "uncertainty"}
    with pytest.raises(TwoalikeError, match="no judgments to score on"):
        evaluate(networks)
    with pytest.raises(TwoalikeError, match="Give one"):
        evaluate(networks, rdm=choices, arrangements=choices)


def written(networks: list[Candidate], folder: Path) -> dict[str, Path]:
    """Files of the networks' features, by name."""
    files = {candidate.name: folder / f"{candidate.name}.npz" for candidate in networks}
    for candidate in networks:
        write_features(files[candidate.name], candidate.features)
    return files


def test_arrangements_by_the_command(
    networks: list[Candidate], space: np.ndarray, rng: np.random.Generator, tmp_path: Path, run: Run
) -> None:
    """Two people lay all objects out as they see them: the better network agrees more."""
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0][:, :2]
    rows = [
        {"participant": f"p{person}", "trial": 1, "item": name, "x": x, "y": y}
        for person in range(2)
        for name, (x, y) in zip(IDS, 0.1 * (space - space.mean(axis=0)) @ turn, strict=True)
    ]
    table = arrangements_table(pd.DataFrame(rows).to_dict("list"), list(IDS))
    write_judgments(tmp_path / "a.parquet", table, {"kind": "arrangements"}, "arrangements")
    words = [("--features", file) for file in written(networks, tmp_path).values()]
    words += [("--arrangements", tmp_path / "a.parquet"), ("--out", tmp_path / "results.json")]
    status, said = run("evaluate", *(word for pair in words for word in pair))
    assert status == 0 and "Arrangements by 2 participants of 24 objects" in said, said
    found = Results.load(tmp_path / "results.json")
    base, aligned = (value(found, "rdm.spearman", name) for name in ("base", "aligned"))
    assert aligned > base
    assert {"agreement", "ceilings", "uncertainty", "transfer"} <= set(found.missing)


def test_files_and_what_is_in_memory_give_the_same(
    networks: list[Candidate], choices: Path, tmp_path: Path
) -> None:
    labels = pd.DataFrame({"id": IDS} | {level: list(of.values()) for level, of in LABELS.items()})
    labels.to_csv(tmp_path / "labels.tsv", sep="\t", index=False)
    paths = {name: str(path) for name, path in written(networks, tmp_path).items()}
    out = tmp_path / "results.json"
    from_files = evaluate(
        paths, choices=str(choices), labels=str(tmp_path / "labels.tsv"), resamples=50, out=out
    )
    table = networks[1].features
    in_memory = {
        "base": networks[0].features,
        "aligned": pd.DataFrame(table.values, index=list(table.ids)),
    }
    own = evaluate(in_memory, choices=read_judgments(choices), labels=labels, resamples=50)
    assert own.inputs == {}
    assert set(from_files.inputs) == {"features base", "features aligned", "choices", "labels"}
    made = {"inputs", "networks"}  # only files record where features come from
    assert own.model_dump(exclude=made) == from_files.model_dump(exclude=made)
    assert Results.load(str(out)) == from_files
    assert Results.load(out).as_dict() == json.loads(out.read_text())
    moved = transfer([("aligned", (table.ids, table.values))], labels=labels)
    task = ("transfer.few_shot", "aligned", "1-shot, kind")
    assert value(moved, *task) == value(own, *task)


def test_results_show_themselves(everything: Results) -> None:
    found = everything
    assert repr(found) == "<Results: base, aligned; odd_one_out, structure, transfer>"
    assert "best possible, against one answer" in found._repr_html_()
    frame = found.frame
    assert list(frame) == list(COLUMNS)
    whole = frame[frame["level"] == ""].set_index(["model", "measure"])
    row = whole.loc[("aligned", "odd_one_out.accuracy")]
    same = found.at("odd_one_out.accuracy", "aligned")
    assert same is not None
    assert (row["value"], row["low"], row["unit"], row["n"]) == (same.value, same.low, "share", 300)
    assert not frame["value"].isna().any()
    assert not frame.duplicated(["measure", "representation", "model", "level"]).any()


def test_a_network_that_lost_ability_is_named(networks: list[Candidate]) -> None:
    noisy, good = networks
    assert lost_abilities(transfer([noisy, good], labels=LABELS)) == []
    found = evaluate([good, noisy], labels=LABELS, resamples=200)
    (said,) = lost_abilities(found)
    assert said.startswith("base has lost ability: it scores more than a percentage point below")
    content = found.as_dict()
    for row in content["rows"]:  # no interval excludes zero
        if ".difference" in row["measure"] and row["high"] is not None:
            row["high"] = 0.5
    (said,) = lost_abilities(Results.model_validate_json(json.dumps(content)))
    assert "has lost" not in said and re.search(
        r"no loss is shown: 95 % .* from .* to 0\.500", said
    )
    (table,) = [of for of in found.tables() if of.title.startswith("What else")]
    assert list(table.frame) == ["aligned", "base (minus aligned)"]
    before, after = table.frame.loc["1-shot, sort"]
    figure, _, interval = after.removesuffix("*").partition("\n")
    low, high = map(float, interval.split(" to "))
    assert float(before) > float(figure)
    assert low < float(figure) - float(before) < high


@pytest.mark.parametrize(
    ("change", "message"), cases(__file__, "damaged_results_name_the_first_place")
)
def test_damaged_results_name_the_first_place(
    everything: Results, tmp_path: Path, change: dict, message: str
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(everything.as_dict() | change))
    with pytest.raises(TwoalikeError, match=message) as refused:
        Results.load(path)
    assert str(path) in str(refused.value)


def test_both_sides_of_each_part_of_a_students_vector(
    networks: list[Candidate], space: np.ndarray, choices: Path, tmp_path: Path
) -> None:
    """Likeness and ability stand in one row, and each row is of one named vector."""
    vectors = np.concatenate([networks[0].features.values, space.astype(np.float32)], axis=1)
    meta = {"parts": {"features": [0, 8], "human": [8, 16]}, "similarity": "raw-cosine"}
    student = Candidate("student", FeatureTable(IDS, vectors, meta))
    files = list(written([networks[0], student], tmp_path).items())
    found = evaluate(files, choices=choices, classes=LABELS, resamples=50)
    rows = ["base", "student", "student:features", "student:human"]
    assert list(found.names) == rows
    parts = [(of.model, of.representation) for of in found.networks]
    assert parts[1:] == [("student", "vector"), ("student", "features"), ("student", "human")]
    tasks = ["1-shot, sort", "3-shot, sort"]
    assert found.levels("ability.few_shot") == tasks
    table = found.tables()[-1]
    assert list(table.frame) == ["accuracy, odd-one-out", *tasks]
    assert list(table.frame.index[:-1]) == rows
    ability = [value(found, "ability.few_shot", name, tasks[0]) for name in rows]
    assert ability[3] > ability[1] > ability[2]
    assert found.networks[3].similarity == "raw-cosine"
    accuracy = value(found, "odd_one_out.accuracy", "student:human")
    assert table.frame.iloc[3, 0].startswith(f"{accuracy:.3f}\n")
    assert not found.has("transfer")
    board = leaderboard(files, choices=choices, classes=LABELS, resamples=50)
    assert all(board.at("ability.few_shot", name, tasks[0]) for name in rows)
    assert list(board.tables()[-1].frame)[-2:] == tasks
