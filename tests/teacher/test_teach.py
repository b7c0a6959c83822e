"""``twoalike teach`` on files: a posterior, features, choices old and new."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call, succeed
from tests.teacher.conftest import World, drawn, posterior_of

from twoalike.features import FeatureTable, write_features
from twoalike.judgments import choices_table, write_judgments
from twoalike.study import provenance
from twoalike.teacher import load_teacher, sample_triplets


def judgments(world: World, n: int, rng: np.random.Generator) -> pd.DataFrame:
    triplets = sample_triplets(world.n_judged, n, rng)
    chosen = drawn(world.true_probabilities(triplets), rng) + 1
    columns = {f"item_{k + 1}": triplets[:, k] for k in range(3)} | {"chosen": chosen}
    return choices_table(columns, list(world.posterior.ids))


@pytest.fixture
def files(world: World, tmp_path: Path, rng: np.random.Generator) -> Path:
    """Posterior of 120 judged objects and 10 that nobody was shown, its choices, new choices."""
    write_judgments(tmp_path / "old.parquet", judgments(world, 900, rng), provenance("choices"))
    write_judgments(tmp_path / "new.parquet", judgments(world, 600, rng), provenance("choices"))
    write_features(tmp_path / "features.npz", world.features)
    x = world.posterior.embedding
    unknown = rng.gamma(1.0, 1.0, size=(len(x), 10, x.shape[2]))
    ids, draws = world.features.ids[:130], np.concatenate([x, unknown], axis=1)
    shown = {"shown": ("object", np.where(np.arange(130) < 120, 20, 0))}
    posterior = posterior_of(
        draws, ids, {"01": 0.02}, constant=shown, fitted_to=tmp_path / "old.parquet"
    )
    posterior.save(tmp_path / "posterior.nc")
    return tmp_path


def test_new_choices_decide_which_labels_and_between_map_and_posterior(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Judged objects keep the posterior's places where that predicts new choices better."""
    common = ("teach", files / "posterior.nc", "--features", files / "features.npz")
    common += ("--choices", files / "new.parquet")
    succeed(*common, "--out", files / "teacher")
    said = json.loads((files / "teacher" / "teacher.json").read_text())
    labels = said["label_comparison"]
    assert labels["n"] == 600
    better = min(labels["log_loss"], key=labels["log_loss"].__getitem__)
    assert said["labels"] == labels["best"] == better
    kinds, losses = said["kind_comparison"], said["kind_comparison"]["log_loss"]
    assert set(losses) == {"posterior", "surrogate", "mixed"}
    assert kinds["chosen"] == "mixed"
    assert losses["mixed"] < losses["surrogate"]
    assert kinds["best"] == min(losses, key=losses.__getitem__)
    printed = capsys.readouterr().out
    assert f"predictive {labels['log_loss']['predictive']:.4f}" in printed
    mixed = f"kind: mixed (log-loss on 600 new choices: posterior {losses['posterior']:.4f}"
    assert mixed in printed
    assert said["inputs"]["choices"]["file"] == "new.parquet"
    assert said["to"]["objects"] == 120
    assert said["validation"]["choices"]["n"] == 600
    assert said["judged_objects"] == "posterior"
    teacher = load_teacher(files / "teacher")
    assert teacher.weight.shape[1] == 40
    assert teacher.known_ids == tuple(said["ids"])
    succeed(*common, "--kind", "surrogate", "--out", files / "map")
    assert load_teacher(files / "map").known is None


def test_without_features_the_posterior_teaches(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--choices", files / "new.parquet", "--draws", 7, "--out", files / "teacher")
    assert not call("teach", files / "posterior.nc", *options)
    assert "posterior of 120 judged objects, 7 draws" in capsys.readouterr().out
    said = json.loads((files / "teacher" / "teacher.json").read_text())
    assert said["kind_comparison"]["chosen"] == "posterior"
    assert said["labels"] == said["label_comparison"]["best"]
    (files / "triplets.txt").write_text("object 1,object 2,object 119\n")
    known = ("--triplets", files / "triplets.txt", "--out", files / "p.tsv")
    assert not call("predict", files / "teacher", *known)
    by_id = np.loadtxt(files / "p.tsv", skiprows=1)
    assert by_id.sum() == pytest.approx(1, abs=1e-5)
    table = FeatureTable(tuple(f"object {k}" for k in (119, 2, 1)), np.ones((3, 1), np.float32))
    write_features(files / "three.npz", table)
    (files / "triplets.txt").write_text("2 1 0\n")  # rows of these features, not of the posterior
    assert not call("predict", files / "teacher", *known, "--features", files / "three.npz")
    np.testing.assert_array_equal(np.loadtxt(files / "p.tsv", skiprows=1), by_id)
    labels = ("--sample", "uniform", "--features", files / "features.npz")
    assert call("predict", files / "teacher", *labels, "--out", files / "labels") == 1
    assert "expected a teacher that maps features" in capsys.readouterr().err
    (files / "triplets.txt").write_text("object 1,object 2,object 125\n")
    assert call("predict", files / "teacher", *known) == 1
    assert "object 125" in capsys.readouterr().err


def test_objects_known_from_dissimilarities_are_judged(files: Path) -> None:
    """Where nobody was shown triplets, the judged objects are those that were compared."""
    import xarray as xr

    from twoalike.embedding import Posterior

    tree = Posterior.load(files / "posterior.nc").tree
    constant = tree["constant_data"].dataset
    counts = {"shown": 0 * constant["shown"], "compared": constant["shown"]}
    tree["constant_data"] = xr.DataTree(xr.Dataset(counts, coords=constant.coords))
    Posterior(tree).save(files / "rdm.nc")
    features = ("--features", files / "features.npz")
    assert not call("teach", files / "rdm.nc", *features, "--out", files / "teacher")
    said = json.loads((files / "teacher" / "teacher.json").read_text())
    assert said["to"]["objects"] == 120


def test_old_choices_decide_nothing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ("teach", files / "posterior.nc", "--features", files / "features.npz")
    succeed(*common, "--choices", files / "old.parquet", "--out", files / "teacher")
    assert "the posterior was fitted to these choices" in capsys.readouterr().out
    said = json.loads((files / "teacher" / "teacher.json").read_text())
    assert said["labels"] == "predictive"
    succeed(*common, "--untransformed", "--labels", "plugin", "--out", files / "control")
    control = json.loads((files / "control" / "teacher.json").read_text())
    assert (control["labels"], control["method"]) == ("plugin", "untransformed")
    ours, base = (
        content["validation"]["soft_labels"][name]["accuracy"]
        for content, name in ((said, "teacher"), (control, "untransformed"))
    )
    assert ours > base + 0.1


def test_wrong_inputs_leave_nothing_behind(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = ("--features", files / "features.npz")
    ids, values = np.array([f"object {k}" for k in range(130)]), np.ones((130, 4), np.float32)
    np.savez(files / "flat.npz", ids=ids, features=values)
    np.savez(files / "other.npz", ids=np.char.add(ids, ".png"), features=values)
    values[3, 1] = np.nan
    np.savez(files / "holed.npz", ids=ids, features=values)
    (files / "cut.nc").write_bytes((files / "posterior.nc").read_bytes()[:500])
    whole = files / "posterior.nc"
    cases = [
        ((files / "cut.nc", *features), "cut.nc"),
        ((whole, "--features", files / "none.npz"), "none.npz"),
        ((whole, *features, "--choices", files / "none.parquet"), "none.pa"),
        ((whole, *features, "--folds", 1), "--folds"),
        ((whole, *features, "--seed", -1), "--seed"),
        ((whole, *features, "--draws", 0), "--draws"),
        ((whole, "--kind", "mixed"), "--kind mixed: expected --features"),
        ((whole, "--untransformed"), "--untransformed: expected --features"),
        ((whole, *features, "--untransformed", "--kind", "mixed"), "--kind mixed is meaningless"),
        ((whole, "--features", files / "holed.npz"), "NaN"),
        ((whole, "--features", files / "flat.npz"), "the same for all 120"),
        ((whole, "--features", files / "other.npz"), "found features of 0 of 120 (judged: "),
    ]
    for arguments, message in cases:
        assert call("teach", *arguments, "--out", files / "teacher") == 1
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert not (files / "teacher").exists()


def test_choices_of_unknown_objects_are_left_out(
    files: Path, world: World, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    known = judgments(world, 300, rng)
    columns = [f"item_{k + 1}" for k in range(3)]
    stranger = known.iloc[:40].copy()
    ids = [*known["item_1"].cat.categories, "stranger"]
    for name in columns:
        known[name], stranger[name] = (of[name].cat.set_categories(ids) for of in (known, stranger))
    stranger["item_2"] = pd.Categorical(["stranger"] * 40, ids)
    write_judgments(files / "more.parquet", pd.concat([known, stranger]), provenance("choices"))
    write_judgments(files / "other.parquet", stranger, provenance("choices"))
    common = (files / "posterior.nc", "--features", files / "features.npz")
    assert not call("teach", *common, "--choices", files / "more.parquet", "--out", files / "all")
    out = capsys.readouterr().out
    assert "40 choices of objects that the posterior does not know are left out" in out
    said = json.loads((files / "all" / "teacher.json").read_text())
    assert (said["choices_left_out"], said["label_comparison"]["n"]) == (40, 300)
    assert call("teach", *common, "--choices", files / "other.parquet", "--out", files / "no") == 1
    said_no = capsys.readouterr().err
    assert "other.parquet: expected main or repeated judgments of the 130 objects" in said_no
    assert "found 40 of other objects" in said_no
    assert not (files / "no").exists()
