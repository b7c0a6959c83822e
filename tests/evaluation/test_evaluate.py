"""Models side by side, through files and the real command line."""

import json
import sys
import tomllib
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table
from tests.conftest import call

from twoalike.backbones import CONFIG
from twoalike.cli.app import main
from twoalike.evaluation import Candidate, Interval
from twoalike.features import FeatureTable, read_features, write_features
from twoalike.judgments import choices_table, write_judgments
from twoalike.results import Results, evaluate
from twoalike.study import provenance, write_json

M = 24
IDS = tuple(f"o{index:02d}" for index in range(M))


@pytest.fixture
def world(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Judgments by four people who see ``truth.npz``; networks see it through noise."""
    truth = rng.normal(size=(M, 4))
    triplets = np.stack([rng.permutation(M)[:3] for _ in range(800)])
    about = {
        "participant": [f"p{index % 4}" for index in range(800)],
        "level": ["coarse", "fine"] * 400,
        "trial_type": ["main"] * 780 + ["catch"] * 20,
    }
    table = chosen_table(triplets, answered(truth, triplets, rng), IDS, **about)
    write_judgments(tmp_path / "choices.parquet", table, provenance("choices"))
    for name, noise in (("truth", 0.0), ("good", 0.5), ("poor", 3.0)):
        values = truth + noise * rng.normal(size=truth.shape)
        write_features(tmp_path / f"{name}.npz", FeatureTable(IDS, values.astype(np.float32)))
    people = [np.linalg.norm(truth[:, None] - truth, axis=-1) + 0.0 for _ in range(3)]
    noise = rng.random((3, M, M))
    np.savez(
        tmp_path / "rdm.npz",
        ids=np.array(IDS),
        rdm=np.stack(people) + (noise + noise.transpose(0, 2, 1)) * (1 - np.eye(M)),
    )
    labels = "\n".join(f"{name}\t{'ab'[index % 2]}" for index, name in enumerate(IDS))
    (tmp_path / "labels.tsv").write_text("id\thalf\n" + labels + "\n")
    return tmp_path


def run(world: Path, *words: str) -> Results:
    """Results of the command."""
    assert call("evaluate", *words, "--out", world / "results.json") == 0
    return Results.load(world / "results.json")


def estimate(results: Results, measure: str, name: str) -> Interval:
    found = results.estimate(measure, name)
    assert found is not None, (measure, name)
    return found


def test_models_side_by_side(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    words = "--features base=poor.npz --features good.npz --ceiling oracle=truth.npz "
    words += "--choices choices.parquet --rdm rdm.npz --labels labels.tsv"
    results = run(world, *words.split())
    names = ("base", "good", "oracle")
    assert results.names == names
    base, good, oracle = (estimate(results, "odd_one_out.accuracy", name) for name in names)
    assert base.value < good.value < oracle.value
    losses = [estimate(results, "odd_one_out.log_loss", name).value for name in names]
    assert losses[0] > losses[1] > losses[2]
    closed = estimate(results, "odd_one_out.gap_closed", "good")
    assert 0 < closed.low < closed.value < 1
    assert estimate(results, "odd_one_out.difference.accuracy", "good").low > 0
    assert results.at("odd_one_out.difference.accuracy", "base") is None
    assert estimate(results, "odd_one_out.temperature", "oracle").value == 1.0
    levels = results.levels("odd_one_out.accuracy", "base")
    assert {level.partition(":")[0] for level in levels} == {"level", "half"}
    assert levels[-2:] == ["half: within", "half: boundary"]
    rows = [results.at("odd_one_out.accuracy", "base", level) for level in levels[:-2]]
    judged = results.judged["odd_one_out"]
    assert sum(row.n or 0 for row in rows if row) == judged.judgments == 780
    assert judged.left_out == {"practice_or_catch": 20, "without_features": 0}
    assert results.judged["rdm"].participants == 3
    better, worse = (estimate(results, "rdm.spearman", name).value for name in ("good", "base"))
    assert better > worse
    assert set(results.inputs) >= {"choices", "rdm", "labels", "features base", "oracle"}
    printed = capsys.readouterr().out
    assert f"{good.value:.3f}" in printed
    assert "noise ceiling" in printed
    assert "(left out: 20 practice or catch)" in printed
    assert "\nHow well people agree, and a model could\n" in printed  # wider than its table


def test_constant_features_are_chance_and_the_results_are_json(world: Path) -> None:
    table = FeatureTable(IDS, np.ones((M, 3), dtype=np.float32))
    judged = {"choices": world / "choices.parquet", "rdm": world / "rdm.npz"}
    results = evaluate([Candidate("flat", table)], **judged)
    assert_allclose(estimate(results, "odd_one_out.accuracy", "flat").value, 1 / 3)
    assert_allclose(estimate(results, "odd_one_out.log_loss", "flat").value, np.log(3))
    assert estimate(results, "rdm.spearman", "flat").value == 0.0
    json.dumps(results.as_dict(), allow_nan=False)


def make_student(folder: Path, weights: str) -> Path:
    config = {**provenance("student"), "backbone": "tiny", "initial_sha256": weights}
    write_json(folder / "config.json", config)
    return folder


def stand_in_for_backbones(monkeypatch: pytest.MonkeyPatch, world: Path) -> list[str]:
    """The networks' features are the backbones' business; here they come from tables."""
    seen = []

    def extract(backbone: str | Path, images: Path, **tokens: str | int | None) -> FeatureTable:
        assert set(tokens.values()) <= {None}
        seen.append(str(backbone))
        table = read_features(world / ("poor.npz" if backbone == "tiny" else "good.npz"))
        return FeatureTable(table.ids, table.values, {"weights_sha256": "abc"})

    module = types.SimpleNamespace(CONFIG=CONFIG, extract_features=extract)
    monkeypatch.setitem(sys.modules, "twoalike.backbones", module)
    return seen


def test_student_is_scored_beside_its_base(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = stand_in_for_backbones(monkeypatch, world)
    student = make_student(world / "student", "abc")
    words = ["--model", str(student), "--images", str(world)]
    results = run(world, *words, "--choices", str(world / "choices.parquet"))
    assert results.names == ("base", "aligned")
    assert estimate(results, "odd_one_out.difference.accuracy", "aligned").low > 0
    assert seen == ["tiny", str(student)]


def test_a_base_with_other_weights_is_refused(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in_for_backbones(monkeypatch, world)
    student = make_student(world / "student", "other")
    words = ["--model", str(student), "--images", str(world), "--out", str(world / "o.json")]
    assert call("evaluate", *words, "--choices", world / "choices.parquet") == 1
    assert "other weights than 'tiny'" in capsys.readouterr().err


CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("words", CASES)
def test_what_cannot_be_scored_is_one_line(
    words: str,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    monkeypatch.chdir(world)
    few = FeatureTable(IDS[:2], np.ones((2, 2), dtype=np.float32))
    write_features(world / "few.npz", few)
    (world / "few.txt").write_text("\n".join(IDS[:5]))
    (world / "few.tsv").write_text("id\thalf\nelsewhere\ta\n")
    (world / "labels.txt").write_text("half\na\n")
    (world / "bare.tsv").write_text("id\no00\n")
    (world / "twice.tsv").write_text("id\thalf\no00\ta\no00\tb\n")
    (world / "none.tsv").write_text("id\thalf\n" + "".join(f"{name}\tn/a\n" for name in IDS))
    write_features(world / "flat.npz", FeatureTable(IDS, np.ones((M, 2), dtype=np.float32)))
    ids, far = np.array(IDS), 1 - np.eye(M)
    np.savez(world / "askew.npz", ids=ids, rdm=far * np.arange(M))
    np.savez(world / "level.npz", ids=ids, rdm=far)
    np.savez(world / "diagonal.npz", ids=ids, rdm=np.ones((M, M)))
    np.savez(world / "empty.npz", ids=ids, rdm=np.full((M, M), np.nan))
    np.savez(world / "others.npz", ids=np.char.add("x", ids), rdm=far)
    row = {"item_1": [0], "item_2": [1], "item_3": [2], "chosen": [1]}
    table = choices_table({**row, "trial_type": ["catch"]}, IDS)
    write_judgments(world / "catch.parquet", table, provenance("choices"))
    before = snapshot(world)
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *words.split(), "--out", "out.json"])
    lines = capsys.readouterr().err.strip().splitlines()
    assert caught.value.code == 1
    assert len(lines) == 1
    assert CASES[words] in lines[0]
    assert snapshot(world) == before
