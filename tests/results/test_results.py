"""Everything in one dictionary: what is there, what is missing and why, the same for a seed."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twoalike.cli.app import main
from twoalike.evaluation import Candidate, similarity_matrix
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import (
    RdmTable,
    arrangements_table,
    choices_table,
    read_judgments,
    write_judgments,
)
from twoalike.results import Results, evaluate, leaderboard, lost_abilities, transfer
from twoalike.study import TwoalikeError

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
    i, j, k = shown.T
    similar = np.stack([(space[a] * space[b]).sum(axis=1) for a, b in ((j, k), (i, k), (i, j))], 1)
    chosen = (similar + rng.gumbel(size=similar.shape)).argmax(axis=1)
    names = np.array(IDS)
    columns = {f"item_{k + 1}": names[shown[:, k]] for k in range(3)}
    columns |= {"chosen": chosen + 1, "participant": np.tile([f"p{k}" for k in range(5)], 60)}
    columns["response_time"] = rng.lognormal(size=300)
    path = tmp_path_factory.mktemp("judged") / "choices.parquet"
    write_judgments(path, choices_table(columns, list(IDS)), {"kind": "choices"})
    return path


@pytest.fixture(scope="module")
def everything(networks: list[Candidate], choices: Path) -> Results:
    """All parts of the results."""
    return evaluate(networks, choices=choices, labels=LABELS, resamples=100)


def test_all_parts(everything: Results, networks: list[Candidate], choices: Path) -> None:
    found = everything.as_dict()
    assert found["missing"] == {}
    base, aligned = found["agreement"]
    assert aligned["majority"]["triplets"] == 60
    assert aligned["majority"]["accuracy"]["value"] > base["majority"]["accuracy"]["value"]
    assert set(aligned["participants"]) == {f"p{k}" for k in range(5)}
    assert set(aligned["categories"]["sort"]) == {f"s{k}" for k in range(6)}
    shares = [of["accuracy"]["value"] for of in aligned["participants"].values()]
    assert np.mean(shares) == pytest.approx(found["models"][1]["accuracy"]["value"])
    assert found["ceilings"]["published"]["triplets"] == 60
    assert found["ceilings"]["oracle"]["value"] > found["models"][0]["accuracy"]["value"]
    assert set(found["ceilings"]["groups"]) >= set(LABELS)
    assert len(found["uncertainty"]["models"]) == 2
    assert found["uncertainty"]["models"][1]["response_time"] is not None
    aligned = found["structure"]["models"][1]
    assert aligned["distances"]["kinds"]["within sort"]["change"]["high"] < 0
    probes = {
        of["level"]: of for of in found["transfer"]["measures"] if of["measure"] == "linear_probe"
    }
    assert probes["sort"]["models"][1]["value"] > probes["sort"]["models"][0]["value"]
    again = evaluate(networks, choices=choices, labels=LABELS, resamples=100).as_dict()
    assert json.dumps(again) == json.dumps(found)


def test_what_is_missing_is_said(networks: list[Candidate], choices: Path) -> None:
    one = evaluate(networks[:1], choices=choices, resamples=50).as_dict()
    assert one["structure"] is None
    assert one["transfer"] is None
    assert one["missing"] == {
        "structure": "needs two networks, dissimilarities, arrangements or a posterior",
        "transfer": "needs labels of the objects",
    }
    only_labels = evaluate(networks, labels=LABELS).as_dict()
    assert only_labels["judgments"] is None
    assert set(only_labels["missing"]) == {"agreement", "ceilings", "uncertainty"}
    with pytest.raises(TwoalikeError, match="no judgments to score on"):
        evaluate(networks)
    with pytest.raises(TwoalikeError, match="Give one"):
        evaluate(networks, rdm=choices, arrangements=choices)


def test_arrangements_by_the_command(
    networks: list[Candidate],
    space: np.ndarray,
    rng: np.random.Generator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
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
    words = ["evaluate", "--arrangements", str(tmp_path / "a.parquet")]
    for candidate in networks:
        write_features(tmp_path / f"{candidate.name}.npz", candidate.features)
        words += ["--features", str(tmp_path / f"{candidate.name}.npz")]
    with pytest.raises(SystemExit) as done:
        main([*words, "--out", str(tmp_path / "results.json")])
    said = capsys.readouterr()
    assert done.value.code in (0, None), said.err
    assert "Arrangements by 2 participants of 24 objects" in said.out
    found = json.loads((tmp_path / "results.json").read_text())
    base, aligned = found["structure"]["models"]
    assert aligned["spearman"]["value"] > base["spearman"]["value"]
    assert aligned["weighted_spearman"] is not None
    assert set(found["missing"]) == {"agreement", "ceilings", "uncertainty", "transfer"}


def test_the_command(
    networks: list[Candidate], choices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for candidate in networks:
        write_features(tmp_path / f"{candidate.name}.npz", candidate.features)
    lines = [
        "\t".join(["id", *LABELS]),
        *("\t".join([n, *(of[n] for of in LABELS.values())]) for n in IDS),
    ]
    (tmp_path / "labels.tsv").write_text("\n".join(lines) + "\n")
    words = ["evaluate", "--choices", str(choices), "--labels", str(tmp_path / "labels.tsv")]
    for candidate in networks:
        words += ["--features", str(tmp_path / f"{candidate.name}.npz")]
    with pytest.raises(SystemExit) as done:
        main([*words, "--out", str(tmp_path / "results.json")])
    said = capsys.readouterr().out
    assert done.value.code in (0, None)
    for text in ("best possible, against one answer", "Calibration", "neighbours kept"):
        assert text in said
    assert json.loads((tmp_path / "results.json").read_text())["transfer"]["images"] == 24


def test_files_and_what_is_in_memory_give_the_same(
    networks: list[Candidate], choices: Path, tmp_path: Path
) -> None:
    for candidate in networks:
        write_features(tmp_path / f"{candidate.name}.npz", candidate.features)
    labels = pd.DataFrame({"id": IDS} | {level: list(of.values()) for level, of in LABELS.items()})
    labels.to_csv(tmp_path / "labels.tsv", sep="\t", index=False)
    paths = {candidate.name: str(tmp_path / f"{candidate.name}.npz") for candidate in networks}
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
    made = {"inputs", "models"}  # where features come from is told of files only
    assert own.model_dump(exclude=made) == from_files.model_dump(exclude=made)
    assert [of.accuracy for of in own.models] == [of.accuracy for of in from_files.models]
    assert Results.load(str(out)) == from_files
    assert Results.load(out).as_dict() == json.loads(out.read_text())
    moved = transfer([("aligned", (table.ids, table.values))], labels=labels)
    assert own.transfer is not None
    own_value = own.transfer.measures[0].models[1].value
    assert moved.measures[0].models[0].value == own_value


def test_results_show_themselves(everything: Results) -> None:
    found = everything
    assert repr(found) == "<Results: base, aligned; judgments, structure, transfer>"
    assert "best possible, against one answer" in found._repr_html_()
    frame = found.to_frame().set_index(["network", "measure"])
    row = frame.loc[("aligned", "models.accuracy")]
    assert (row["value"], row["low"], row["unit"]) == (
        found.models[1].accuracy.value,
        found.models[1].accuracy.low,
        "share",
    )
    assert frame.loc[("aligned", "agreement.majority.accuracy"), "value"] > 0.5
    assert frame.loc[("base", "transfer.measures.few_shot.sort.1.models"), "value"] > 0
    assert not frame["value"].isna().any()


def test_a_network_that_lost_ability_is_named(networks: list[Candidate]) -> None:
    noisy, good = networks
    assert lost_abilities(transfer([noisy, good], labels=LABELS)) == []
    found = evaluate([good, noisy], labels=LABELS)
    assert found.transfer is not None
    (said,) = lost_abilities(found.transfer)
    assert said.startswith("base has lost ability: it scores more than a percentage point below")
    (table,) = [of for of in found.tables() if of.title.startswith("What else")]
    assert table.columns == ("", "aligned", "base (minus aligned)")
    few = {row[0].text: row for row in table.rows}["sort, 1 a class"]
    assert float(few[1].text) > float(few[2].text)
    low, high = few[2].faint.split(" to ")
    assert float(low) < float(few[2].text) - float(few[1].text) < float(high)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": []}, "the list of names does not fit the models"),
        ({"judgments": {"choices": "many"}}, "judgments.choices: expected a whole number"),
        ({"agreement": None, "uncertainty": 3}, "uncertainty: .*found 3"),
        ({"missing": {"transfer": 1}}, "missing.transfer"),
        ({"schema_version": 99}, "Upgrade twoalike"),
        ({"kind": "teacher"}, "expected kind 'results'"),
    ],
)
def test_damaged_results_name_the_first_place(
    everything: Results, tmp_path: Path, change: dict, message: str
) -> None:
    content = everything.as_dict()
    content["judgments"] |= change.get("judgments", {})
    change = {name: value for name, value in change.items() if name != "judgments"}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content | change))
    with pytest.raises(TwoalikeError, match=message) as refused:
        Results.load(path)
    assert str(path) in str(refused.value)


def test_figures_out_of_range_are_refused(everything: Results, tmp_path: Path) -> None:
    content = everything.as_dict()
    content["models"][0]["accuracy"]["value"] = 1.2
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(TwoalikeError, match=r"models.0.accuracy: expected 0 to 1, found 1.2"):
        Results.load(tmp_path / "r.json")


def test_results_of_older_versions_are_read(everything: Results, tmp_path: Path) -> None:
    """They lack parts, and what parts hold beside the main figures; what is absent stays so."""
    content = everything.as_dict()
    for part in ("agreement", "uncertainty", "structure", "transfer", "missing"):
        del content[part]
    for part in ("majority_drawn", "votes", "entropy", "groups", "catches"):
        del content["ceilings"][part]
    del content["judgments"]["left_out"]
    content["of a later version"] = {"figure": 1}
    (tmp_path / "r.json").write_text(json.dumps(content))
    found = Results.load(tmp_path / "r.json")
    assert found.transfer is None
    assert found.ceilings is not None and found.ceilings.oracle is not None
    del content["of a later version"]
    assert found.as_dict() == content
    assert found.tables()


def test_both_sides_of_each_part_of_a_students_vector(
    networks: list[Candidate], space: np.ndarray, choices: Path, tmp_path: Path
) -> None:
    """Likeness and ability stand in one row, and each row is of one named vector."""
    vectors = np.concatenate([networks[0].features.values, space.astype(np.float32)], axis=1)
    meta = {"parts": {"features": [0, 8], "human": [8, 16]}, "similarity": "raw-cosine"}
    for name, table in (
        ("base", networks[0].features),
        ("student", FeatureTable(IDS, vectors, meta)),
    ):
        write_features(tmp_path / f"{name}.npz", table)
    files = [(name, tmp_path / f"{name}.npz") for name in ("base", "student")]
    found = evaluate(files, choices=choices, classes=LABELS, resamples=50)
    rows = ["base", "student", "student:features", "student:human"]
    assert [model.name for model in found.models] == rows
    assert [(of.shots, of.level) for of in found.ability] == [(1, "sort"), (3, "sort")]
    table = found.tables()[-1]
    assert table.columns == ("model", "accuracy, odd-one-out", "1-shot, sort", "3-shot, sort")
    assert [row[0].text for row in table.rows[:-1]] == rows
    by_name = {of.name: of.value for of in found.ability[0].models}
    assert by_name["student:human"] > by_name["student"] > by_name["student:features"]
    assert by_name["student:features"] == pytest.approx(by_name["base"])
    human = next(model for model in found.models if model.name == "student:human")
    assert human.similarity == "raw-cosine"
    assert human.accuracy is not None
    assert table.rows[3][1].text == f"{human.accuracy.value:.3f}"
    assert found.transfer is None
    board = leaderboard(files, choices=choices, classes=LABELS, resamples=50)
    assert {of.name for of in board.ability[0].models} == set(rows)
    assert board.tables()[-1].columns[-2:] == ("1-shot, sort", "3-shot, sort")


def test_folders_are_classes(rng: np.random.Generator, tmp_path: Path) -> None:
    ids = tuple(f"k{row % 3}/{row}" for row in range(12))
    values = (np.eye(3)[np.arange(12) % 3] + 0.01 * rng.normal(size=(12, 3))).astype(np.float32)
    network = Candidate("net", FeatureTable(ids, values))
    rdm = RdmTable(-similarity_matrix(values)[None], ids)
    (one, three) = evaluate([network], rdm=rdm).ability
    assert (one.level, one.shots, three.shots) == ("level_1", 1, 3)
    assert one.models[0].value == three.models[0].value == 1
    assert one.chance == pytest.approx(1 / 3)
