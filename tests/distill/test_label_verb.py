"""``predict --sample`` from the command line, of a teacher and of a posterior."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from tests.conftest import call
from tests.distill.conftest import Squares

from twoalike.distill import read_labels
from twoalike.embedding import Posterior
from twoalike.features import FeatureTable, write_features


@pytest.fixture
def words(squares: Squares, tmp_path: Path) -> tuple[object, ...]:
    write_features(tmp_path / "colours.npz", squares.features)
    common = ("--features", tmp_path / "colours.npz", "--sample", "cluster-boundary")
    return (squares.teacher, *common, "--number", 400)


def test_labels_of_a_teacher(
    squares: Squares,
    tmp_path: Path,
    words: tuple[object, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "labels"
    more = ("--out", out, "--clusters", 5, "--pool", 30, "--seed", 9)
    assert not call("predict", *words, *more)
    said = capsys.readouterr().out
    assert said == f"{out}  400 triplets (cluster-boundary) of 40 images, 1 shard\n"
    table = read_labels(out)
    assert table.meta["seed"] == 9
    assert table.meta["inputs"].keys() == {"teacher", "features"}
    before = (out / "shard-00000.parquet").stat().st_mtime_ns
    assert not call("predict", *words, *more)
    assert (out / "shard-00000.parquet").stat().st_mtime_ns == before
    assert str(tmp_path) not in (out / "labels.json").read_text()


def test_labels_of_a_posterior_average_its_draws(tmp_path: Path, rng: np.random.Generator) -> None:
    """Without lapses, of the judged objects alone, whatever else has features."""
    axes, ids = ("chain", "draw"), [f"o{k}" for k in range(9)]
    group = xr.Dataset(
        {
            "embedding": ((*axes, "object", "dimension"), rng.gamma(1.0, 1.0, (2, 5, 9, 3))),
            "temperature": ((*axes, "participant"), np.ones((2, 5, 2))),
            "lapse": ((*axes, "participant"), np.full((2, 5, 2), 0.3)),
        },
        coords={"object": ids, "participant": list("ab")},
    ).astype("float32")
    tree = xr.DataTree.from_dict({"posterior": group})
    tree.attrs = {"schema_version": 1, "engine": "nuts", "convergence": '{"predictions": true}'}
    posterior = Posterior(tree)
    posterior.save(tmp_path / "p.nc")
    values = rng.normal(size=(12, 4)).astype(np.float32)
    table = FeatureTable((*ids[::-1], "x", "y", "z"), values, {})
    write_features(tmp_path / "f.npz", table)
    given = ("--features", tmp_path / "f.npz", "--sample", "between", "--number", 80)
    assert not call("predict", tmp_path / "p.nc", *given, "--out", tmp_path / "labels")
    labels = read_labels(tmp_path / "labels")
    assert set(labels.ids) <= set(ids)
    rows = np.array([ids.index(name) for name in labels.ids])[labels.triplets]
    truth = posterior.choice_probabilities(rows)
    assert_allclose(labels.probabilities, truth, atol=1e-6)
    assert np.abs(truth - posterior.choice_probabilities(rows, lapse=True)).max() > 0.01


def test_wrong_words_end_in_one_line(
    tmp_path: Path, words: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "labels")
    (tmp_path / "t.txt").write_text("s01 s02 s03\n")
    cases = [
        ((*words, *out, "--part", "3/2"), "--part"),
        ((*words[:-1], 0, *out), "--number"),
        ((*words, *out, "--pool", 2), "--pool"),
        ((*words, *out, "--clusters", 41), "at most one per image, 40"),
        ((*words, *out, "--triplets", tmp_path / "t.txt"), "Leave out --triplets"),
        ((words[0], *out, "--sample", "within"), "add --features"),
        ((*words[:3], *out), "expected --triplets FILE, or --sample RULE"),
        ((*words[:3], *out, "--triplets", tmp_path / "t.txt", "--number", 3), "add --sample"),
    ]
    for arguments, message in cases:
        assert call("predict", *arguments) == 1
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert not (tmp_path / "labels").exists()
