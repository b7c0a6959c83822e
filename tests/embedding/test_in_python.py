"""What a command does is a function: files by str or Path, frames of pandas and polars."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from twoalike.cli.app import main
from twoalike.embedding import (
    FitConfig,
    Posterior,
    check,
    choice_intervals,
    compare,
    dimension_curve,
    dimension_table,
    embedding_table,
    fit,
    fit_embedding,
    participants_table,
    predict_choices,
    save_embedding,
    save_similarity,
    save_table,
    similarity_table,
)
from twoalike.judgments import read_judgments, write_judgments
from twoalike.study import Study, TwoalikeError
from twoalike.teacher import predict

QUICK = {"quick": True, "engine": "vi", "steps": 100, "draws": 20, "chains": 2, "dimensions": 3}


@pytest.fixture(scope="module")
def files(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Choices and the posterior fitted to them, saved through a str."""
    folder = tmp_path_factory.mktemp("files")
    write_judgments(folder / "choices.parquet", world.judge(300, 5), {})
    made = fit(str(folder / "choices.parquet"), out=str(folder / "p.nc"), **QUICK)
    assert made.path == folder / "p.nc"
    assert [path.name for path in folder.glob("*part*")] == []
    return folder


def test_a_str_is_a_path(files: Path) -> None:
    posterior = Posterior.load(str(files / "p.nc"))
    assert posterior.attrs["provenance"]["inputs"]["choices"]["file"] == "choices.parquet"
    assert posterior.attrs["provenance"]["config"]["dimensions"] == 3
    posterior.save(str(files / "again.nc"))
    assert_array_equal(Posterior.load(files / "again.nc").embedding, posterior.embedding)


def test_a_frame_gives_the_fit_of_its_file(files: Path) -> None:
    table: Any = read_judgments(files / "choices.parquet")
    pd.testing.assert_frame_equal(read_judgments(table), table)
    # Without categories: objects in order of first appearance.
    plain = table.astype({name: object for name in table if table[name].dtype == "category"})
    plain = plain.drop(columns=["session", "level", "kind", "trial_type"])
    frame = pytest.importorskip("polars").from_pandas(plain)
    read, short = read_judgments(frame), QUICK | {"chains": 1, "draws": 4}
    pd.testing.assert_frame_equal(read_judgments(plain), read)
    by_hand = fit_embedding(read, config=FitConfig(**short))
    found = fit(frame, **short)
    assert found.ids == by_hand.ids and found.path is None
    assert "inputs" not in found.attrs or not found.attrs["provenance"]["inputs"]
    assert_array_equal(found.embedding, by_hand.embedding)
    assert sorted(found.ids) == sorted(Posterior.load(files / "p.nc").ids)


def test_settings_are_refused_by_name(files: Path) -> None:
    choices = files / "choices.parquet"
    for settings, words in (
        ({"draws": 1}, r"`draws=...`: expected at least 2, found 1"),
        ({"dimensions": "many"}, "`dimensions=...`"),
        ({"speed": 3}, "`speed=...`"),
        ({"observers": "tests.chosen:Exponential"}, "expected pooled, or module:name of Observers"),
    ):
        with pytest.raises(TwoalikeError, match=words):
            fit(choices, **settings)
    with pytest.raises(TwoalikeError, match="written as .nc"):
        fit(choices, out=files / "p.csv")
    with pytest.raises(TwoalikeError, match="ratings or sortings to fit, found none"):
        fit()
    auto = FitConfig.model_validate({"dimensions": "auto"})
    assert auto.dimensions is None


def test_a_study_is_fitted_by_its_folder(make_study: Callable[..., Path]) -> None:
    root = make_study(design="trials = 20\npractice = 0\n[arrangement]\nmax_trials = 3\n")
    for task in ("odd-one-out", "multi-arrangement"):
        words = ["run", str(root), "--task", task, "--participant", "901", "--simulate"]
        with pytest.raises(SystemExit) as ended:
            main([*words, "--no-window"])
        assert not ended.value.code
    lines: list[str] = []
    made = fit(str(root), announce=lines.append, **QUICK)
    study = Study.load(root)
    assert made.path == study.posterior and study.posterior.is_file()
    assert any(line.startswith(f"{study.choices}  ") and "choices" in line for line in lines)
    assert any(line.startswith(f"{study.arrangements}  4 arrangements") for line in lines)
    assert set(made.attrs["provenance"]["inputs"]) == {"choices", "arrangements"}
    assert "excluded" not in made.attrs  # no rule by p_careless is declared
    found = check(study.posterior, study=root)
    assert found.predictive is not None and found.arrangements is not None
    assert found.remarks == []
    with pytest.raises(TwoalikeError, match="a study has its own"):
        fit(root, arrangements=study.arrangements)


def test_a_posterior_shows_itself(files: Path, posterior: Posterior) -> None:
    fitted = Posterior.load(files / "p.nc")
    assert repr(fitted).count("\n") == 0 and "30 objects in 3 dimensions" in repr(fitted)
    page = fitted._repr_html_()
    for words in ("6 participants", "vi (prior softplus)", "choices.parquet", "not converged"):
        assert words in page
    assert page.count("<tr>") == page.count("</tr>") <= 10 and len(page) < 2500
    posterior.tree.attrs["engine"] = "<script>\x1b[2J"
    assert "<script>" not in posterior._repr_html_() and "\x1b" not in repr(posterior)
    assert "predictions stable, intervals usable" in repr(posterior)
    posterior.tree.attrs["convergence"] = "{}"
    assert "convergence unknown" in repr(posterior)


def test_check_compares_judgments_with_the_record(files: Path, world: Any) -> None:
    path = files / "choices.parquet"
    by_path = check(files / "p.nc", str(path), out=str(files / "check.json"))
    by_frame = check(Posterior.load(files / "p.nc"), read_judgments(path))
    assert by_path.loo == by_frame.loo and by_path.remarks == by_frame.remarks == []
    assert json.loads((files / "check.json").read_text())["judgments"] == 300
    others = check(files / "p.nc", world.judge(200, 9))
    assert others.loo is None and "partly in-sample" in others.remarks[0]
    assert check(files / "p.nc", world.judge(200, 9), fitted=True).remarks == []
    with pytest.raises(TwoalikeError, match="written as .json"):
        check(files / "p.nc", out=files / "check.txt")
    lines, page = str(others).splitlines(), others._repr_html_()
    assert lines[0] == others.headline and f"! {others.remarks[0]}" in lines
    assert f"<b>{others.headline}</b>" in page and "agreement" in page and "R-hat" in page


def test_tables_come_from_a_file_or_an_object(files: Path, world: Any) -> None:
    path, posterior = str(files / "p.nc"), Posterior.load(files / "p.nc")
    pd.testing.assert_frame_equal(embedding_table(path), embedding_table(posterior))
    pd.testing.assert_frame_equal(participants_table(path), participants_table(posterior))
    pd.testing.assert_frame_equal(
        dimension_table(path, [path]), dimension_table(posterior, [posterior])
    )
    assert_array_equal(similarity_table(path).mean, similarity_table(posterior).mean)
    shown = np.array([[0, 1, 2]])
    assert_array_equal(choice_intervals(path, shown), choice_intervals(posterior, shown))
    held = world.judge(200, 9)
    assert predict_choices(path, held, fitted=False).unknown == 0
    curve = dimension_curve(path, files / "choices.parquet", fitted=None)
    assert curve.fitted and curve.remark == ""
    table = save_similarity(path, str(files / "s.csv"), objects=posterior.ids[:4])
    assert table.ids == posterior.ids[:4] and "object_03" in table._repr_html_()
    pd.testing.assert_frame_equal(
        pd.read_csv(files / "s.csv"), table.to_frame(), check_dtype=False, rtol=1e-5
    )
    save_embedding(posterior, str(files / "e.csv"))
    save_table(str(files / "t.csv"), pd.read_csv(files / "e.csv"))
    assert len(pd.read_csv(files / "t.csv")) == 30


def test_two_posteriors_are_compared(files: Path, world: Any) -> None:
    path, choices = files / "p.nc", files / "choices.parquet"
    found = compare(str(path), Posterior.load(path), choices, out=str(files / "c.json"))
    assert found == json.loads((files / "c.json").read_text())
    assert found["predictions"]["fitted_to_them"] == ["first", "second"]
    assert found["predictions"]["log_loss"]["difference"]["value"] == 0
    by_frame = compare(path, path, read_judgments(choices))
    assert by_frame["predictions"]["log_loss"] == found["predictions"]["log_loss"]
    assert "predictions" not in compare(path, path)
    new = read_judgments(choices)
    new["participant"] = new["participant"].cat.rename_categories(lambda name: f"new {name}")
    assert compare(path, path, new)["predictions"]["fitted_to_them"] == []


def test_predictions_of_arrays_and_files(files: Path, tmp_path: Path) -> None:
    posterior = Posterior.load(files / "p.nc")
    shown = np.array([[0, 1, 2], [5, 4, 3]])
    ids = np.array(posterior.ids)[shown]
    (tmp_path / "t.txt").write_text("\n".join(map(" ".join, ids)) + "\n")
    expected = posterior.choice_probabilities(shown, lapse=True)
    for triplets in (shown, ids, ids.tolist(), tmp_path / "t.txt", str(tmp_path / "t.txt")):
        for source in (posterior, str(files / "p.nc")):
            assert_allclose(predict(source, triplets).to_numpy(), expected)
    table = predict(posterior, shown, interval=0.9, out=str(tmp_path / "p.tsv"))
    assert list(table)[3:5] == ["item_1_low", "item_2_low"]
    assert_allclose(pd.read_csv(tmp_path / "p.tsv", sep="\t"), table, atol=1e-6)
    own = predict(posterior, shown, participant=["person_5", "person_0"])
    judges = np.array([posterior.participants.index(name) for name in ("person_5", "person_0")])
    assert_allclose(own, posterior.choice_probabilities(shown, lapse=True, participants=judges))


def test_wrong_shapes_and_indices_are_refused(files: Path) -> None:
    posterior = Posterior.load(files / "p.nc")
    for triplets in ([0, 1, 2], [[0, 1]], [[0, 1, 30]], [[-1, 0, 1]]):
        for ask in (posterior.choice_probabilities, posterior.choice_draws):
            with pytest.raises(TwoalikeError, match="triplets: expected"):
                ask(np.array(triplets))
        with pytest.raises(TwoalikeError):
            predict(posterior, triplets)
    for people in (np.array([0, 1]), np.array([6]), np.array([[0]])):
        with pytest.raises(TwoalikeError, match="participants: expected"):
            posterior.choice_probabilities(np.array([[0, 1, 2]]), participants=people)
