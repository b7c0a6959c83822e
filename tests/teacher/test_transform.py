"""gLocal's transforms as teachers: the map itself, the folder, the temperature, bad files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.conftest import call
from tests.teacher.conftest import World, drawn

from twoalike.choice import log_choice, pair_similarities
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import choices_table, write_judgments
from twoalike.study import TwoalikeError, provenance
from twoalike.teacher import load_teacher, read_transform, sample_triplets

Array = np.ndarray[Any, np.dtype[Any]]
P, D = 6, 4


def arrays(rng: np.random.Generator, *, each: bool = False, bias: bool = True) -> dict[str, Array]:
    """A transform as gLocal saves it, with one mean and std or those of each feature."""
    found = {
        "weights": rng.normal(size=(P, D)),
        "mean": rng.normal(size=P) if each else np.float32(0.4),
        "std": rng.uniform(0.5, 2.0, size=P) if each else np.array([1.7]),
    }
    return found | ({"bias": rng.normal(size=D)} if bias else {})


def expected_positions(content: dict[str, Array], x: Array) -> Array:
    """Row vectors times the weights, as gLocal's own code applies them."""
    return (x - content["mean"]) / content["std"] @ content["weights"] + content.get("bias", 0)


@pytest.mark.parametrize(("each", "bias"), [(False, True), (True, False)])
def test_the_map_is_gLocals(  # noqa: N802
    tmp_path: Path, rng: np.random.Generator, each: bool, bias: bool
) -> None:
    content = arrays(rng, each=each, bias=bias)
    np.savez(tmp_path / "transform.npz", **content)
    x = rng.normal(size=(9, P)).astype(np.float32)
    teacher = read_transform(tmp_path / "transform.npz")
    table = FeatureTable(tuple("abcdefghi"), x)
    positions = expected_positions(content, x)
    assert_allclose(teacher.embed(table), positions, atol=1e-5)
    triplets = sample_triplets(9, 40, rng)
    similarity = positions @ positions.T
    p = np.exp(np.stack(log_choice(pair_similarities(similarity, triplets)), axis=1))
    assert_allclose(teacher.choice_probabilities(triplets, table), p, atol=1e-4)


def test_command_writes_a_teacher_that_predict_reads(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    content = arrays(rng)
    np.savez(tmp_path / "transform.npz", **content)
    assert call("import", "transform", tmp_path / "transform.npz", "--out", tmp_path / "t") == 0
    said = json.loads((tmp_path / "t" / "teacher.json").read_text())
    assert said["temperature"] == 1.0
    assert said["inputs"]["transform"]["file"] == "transform.npz"
    assert said["to"]["dimensions"] == D
    x = rng.normal(size=(5, P)).astype(np.float32)
    write_features(tmp_path / "f.npz", FeatureTable(tuple("abcde"), x))
    (tmp_path / "triplets.txt").write_text("a b c\ne d a\n")
    words = ("predict", tmp_path / "t", "--features", tmp_path / "f.npz")
    words += ("--triplets", tmp_path / "triplets.txt", "--out", tmp_path / "p.tsv")
    assert call(*words) == 0
    positions = expected_positions(content, x)
    triplets = np.array([[0, 1, 2], [4, 3, 0]])
    sims = pair_similarities(positions @ positions.T, triplets)
    found = np.loadtxt(tmp_path / "p.tsv", skiprows=1)
    assert_allclose(found, np.exp(np.stack(log_choice(sims), axis=1)), atol=1e-5)


def test_choices_set_the_temperature(
    world: World, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """A map to the truth, its similarities nine times too large: the choices say nine."""
    x = world.features.values.astype(float)
    centred = np.c_[(x - x.mean()) / x.std(), np.ones(len(x))]
    solved = np.linalg.lstsq(centred, world.truth, rcond=None)[0]
    content = {"weights": 3 * solved[:-1], "bias": 3 * solved[-1]}
    np.savez(tmp_path / "transform.npz", mean=x.mean(), std=x.std(), **content)
    write_features(tmp_path / "f.npz", world.features)
    triplets = sample_triplets(world.n_judged, 3000, rng)
    chosen = drawn(world.true_probabilities(triplets), rng) + 1
    columns = {f"item_{k + 1}": triplets[:, k] for k in range(3)} | {"chosen": chosen}
    table = choices_table(columns, list(world.posterior.ids))
    write_judgments(tmp_path / "c.parquet", table, provenance("choices"))
    base = ("import", "transform", tmp_path / "transform.npz", "--out", tmp_path / "t")
    given = ("--choices", tmp_path / "c.parquet", "--features", tmp_path / "f.npz")
    assert call(*base, *given) == 0
    teacher = load_teacher(tmp_path / "t")
    assert teacher.temperature == pytest.approx(9, rel=0.15)
    scores = teacher.description["validation"]["choices"]
    assert scores["teacher"]["log_loss"] < scores["before"]["log_loss"]
    assert f"{scores['teacher']['log_loss']:.3f}" in capsys.readouterr().out
    assert call(*base) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert call(*base, "--overwrite", *given[:2]) == 1
    assert "--choices: sets the temperature with --features" in capsys.readouterr().err
    assert call(*base, "--overwrite") == 0
    assert load_teacher(tmp_path / "t").temperature == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert call(*base[:-1], tmp_path / "mine", "--overwrite") == 1
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"weights": None}, "expected arrays weights, mean, std, found"),
        ({"weights": np.ones(4)}, r"shape \(features, dimensions\), found \(4,\)"),
        ({"weights": np.full((P, D), np.nan)}, "weights as finite numbers.*NaN"),
        ({"mean": np.ones(3)}, r"mean: expected one number or 6, found shape \(3,\)"),
        ({"std": np.float32(0)}, "expected std above 0, found 0"),
        ({"bias": np.ones(P)}, "bias: expected one number or 4"),
        ({"bias": np.array(None)}, "cannot be read as a transform.*allow_pickle"),
        ({"mean": np.array(["x"])}, "mean as finite numbers, found <U1"),
    ],
)
def test_bad_transforms_are_one_line(
    tmp_path: Path, rng: np.random.Generator, changes: dict[str, Array | None], complaint: str
) -> None:
    content = {k: v for k, v in (arrays(rng) | changes).items() if v is not None}
    np.savez(tmp_path / "t.npz", **content)
    with pytest.raises(TwoalikeError, match=complaint) as caught:
        read_transform(tmp_path / "t.npz")
    assert "\n" not in str(caught.value)


def test_a_damaged_or_other_file_is_one_line(tmp_path: Path, rng: np.random.Generator) -> None:
    np.savez(tmp_path / "t.npz", **arrays(rng))
    whole = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(whole[:300])
    with pytest.raises(TwoalikeError, match="cannot be read as a transform"):
        read_transform(tmp_path / "t.npz")
    np.save(tmp_path / "t.npy", np.eye(3))
    with pytest.raises(TwoalikeError, match="expected arrays weights, mean, std, found an array"):
        read_transform(tmp_path / "t.npy")
