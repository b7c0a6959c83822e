"""What a notebook does: paths as text, frames of pandas and polars, objects shown."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tests.conftest import write_study

import twoalike.api as ta
from twoalike.results import Results

polars = pytest.importorskip("polars")
pytest.importorskip("pymc")
pytest.importorskip("torch")
SETTINGS: dict[str, Any] = {"engine": "vi", "steps": 200, "dimensions": 2, "seed": 1}


@pytest.fixture(autouse=True)
def figures() -> Iterator[None]:
    """Draw without a screen, and close what was drawn."""
    mpl.use("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study of eight images and two simulated participants, fitted; as text, as in a notebook."""
    root = str(write_study(tmp_path_factory.mktemp("notebook") / "study"))
    outcomes = ta.simulate(root, ["01", "02"])
    assert [outcome.end_reason for outcome in outcomes] == ["completed"] * 2
    ta.fit(root, **SETTINGS)
    return root


@pytest.fixture(scope="module")
def choices(folder: str) -> pd.DataFrame:
    """Choices of four simulated people, who share a space."""
    people = ta.simulated_people(folder, 4, seed=1)
    return ta.simulate_choices(people, 80, seed=1)


@pytest.fixture(scope="module")
def results(folder: str, choices: pd.DataFrame) -> Results:
    rng = np.random.default_rng(0)
    ids = list(ta.StimulusSet.load(f"{folder}/stimuli").ids)
    frame = pd.DataFrame(rng.normal(size=(8, 4)), index=ids)
    labels = ta.StimulusSet.load(f"{folder}/stimuli").table[["id", "kind"]]
    networks = {"base": (ids, rng.normal(size=(8, 4))), "aligned": frame}
    out = f"{folder}/derived/results.json"
    return ta.evaluate(networks, choices=choices, labels=labels, resamples=100, out=out)


def test_everything_shows_itself(folder: str, results: Results) -> None:
    posterior = ta.load_posterior(f"{folder}/derived/posterior.nc")
    features = ta.FeatureTable(posterior.ids, np.eye(8, dtype=np.float32), {})
    things = [ta.Study.load(folder), posterior, results, features]
    things += [ta.check(posterior, study=ta.Study.load(folder)), ta.similarity_table(posterior)]
    for thing in things:
        html = thing._repr_html_()
        assert "<" in html and "object at 0x" not in html + repr(thing), type(thing)


def test_frames_of_pandas_and_polars_are_the_same(choices: pd.DataFrame, results: Any) -> None:
    first = ta.fit(choices, **SETTINGS)
    second = ta.fit(polars.from_pandas(choices), **SETTINGS)
    np.testing.assert_array_equal(first.embedding, second.embedding)
    matrix = first.tree["posterior"]["embedding"].mean(("chain", "draw"))
    assert matrix.dims == ("object", "dimension")
    rng = np.random.default_rng(0)
    networks = {name: (list(first.ids), rng.normal(size=(8, 4))) for name in ("base", "aligned")}
    scores = [
        ta.evaluate(networks, choices=table, resamples=100).as_dict()["rows"]
        for table in (choices, polars.from_pandas(choices))
    ]
    assert scores[0] == scores[1]
    answers = ta.predict(first, [first.ids[:3], first.ids[3:6]])
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def test_the_table_of_a_study_is_a_file_a_frame_or_the_study(folder: str) -> None:
    study = ta.Study.load(folder)
    table = ta.read_judgments(str(study.choices))
    fits = [ta.fit(source, out=None, **SETTINGS) for source in (str(study.choices), table)]
    np.testing.assert_array_equal(fits[0].embedding, fits[1].embedding)
    assert fits[0].ids == ta.load_posterior(study.posterior).ids


DRAWINGS: dict[str, Callable[..., Any]] = {
    "map": lambda f, r, ax: ta.plot.map(f"{f}/derived/posterior.nc", f, ax=ax),
    "similarity": lambda f, r, ax: ta.plot.similarity(f"{f}/derived/posterior.nc", f, ax=ax),
    "matrix": lambda f, r, ax: ta.plot.similarity(pd.DataFrame(np.eye(8)), ax=ax),
    "dimensions": lambda f, r, ax: ta.plot.dimensions(
        f"{f}/derived/posterior.nc", f"{f}/derived/choices.parquet", ax=ax
    ),
    "predictions": lambda f, r, ax: ta.plot.predictions(
        f"{f}/derived/posterior.nc", f"{f}/derived/choices.parquet", ax=ax
    ),
    "response_times": lambda f, r, ax: ta.plot.response_times(
        f"{f}/derived/choices.parquet", ax=ax
    ),
    "times_by_uncertainty": lambda f, r, ax: ta.plot.times_by_uncertainty(
        f"{f}/derived/posterior.nc", f"{f}/derived/choices.parquet", ax=ax
    ),
    "temperature": lambda f, r, ax: ta.plot.temperature(f"{f}/derived/posterior.nc", ax=ax),
    "lapse": lambda f, r, ax: ta.plot.lapse(f"{f}/derived/posterior.nc", ax=ax),
    "accuracy": lambda f, r, ax: ta.plot.accuracy(f"{f}/derived/results.json", ax=ax),
    "log_loss": lambda f, r, ax: ta.plot.log_loss(r, ax=ax),
    "ceilings": lambda f, r, ax: ta.plot.ceilings(r, ax=ax),
    "groups": lambda f, r, ax: ta.plot.groups(r, "kind", ax=ax),
    "distances": lambda f, r, ax: ta.plot.distances(r, ax=ax),
    "transfer": lambda f, r, ax: ta.plot.transfer(r, ax=ax),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_are_drawn_into_axes(name: str, folder: str, results: Results) -> None:
    draw = DRAWINGS[name]
    axes = plt.figure().add_subplot()
    assert draw(folder, results, axes) is axes
    assert axes.has_data()
    own = draw(folder, results, None)
    assert own.figure is not axes.figure
    own.figure.canvas.draw()


def test_the_frontier_of_a_student_is_drawn(tmp_path: Path) -> None:
    forms = [(False, None), (True, 1.0)]
    points = [
        {"centred": centred, "whitening": shrunk, "balance": balance, "penalty": 0.1}
        | {"likeness": 0.1 + 0.1 * balance, "ability": 0.7 - 0.2 * balance}
        for centred, shrunk in forms
        for balance in (0.0, 1.0)
    ]
    base = {"likeness": 0.1, "ability": 0.5}
    said = {"kind": "student", "schema_version": 1, "frontier": {"base": base, "points": points}}
    said["vector"] = points[3]
    (tmp_path / "config.json").write_text(json.dumps(said))
    axes = ta.plot.frontier(str(tmp_path))
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    np.testing.assert_allclose(lines["features whitened, 1.0"], [[0.1, 0.7], [0.2, 0.5]])
    np.testing.assert_allclose(lines["chosen"], [[0.2, 0.5]])
    said["frontier"]["base"]["ability"] = None
    (tmp_path / "config.json").write_text(json.dumps(said))
    with pytest.raises(ta.TwoalikeError, match="without a measure of ability"):
        ta.plot.frontier(tmp_path)
    (tmp_path / "training.jsonl").write_text('{"step": 0, "held_out": {"kl": 0.2}}\n')
    with pytest.raises(ta.TwoalikeError, match="found one of the closed form"):
        ta.plot.training(tmp_path)


def test_what_is_wrong_is_said_in_one_line(folder: str, results: Results, tmp_path: Path) -> None:
    for call, words in (
        (lambda: ta.load_posterior(f"{folder}/study.toml"), "study.toml"),
        (lambda: ta.Study.load(str(tmp_path / "nowhere")), "nowhere"),
        (lambda: ta.fit(f"{folder}/derived/nothing.parquet"), "nothing.parquet"),
        (lambda: ta.fit(pd.DataFrame({"a": [1]}), **SETTINGS), "item_1"),
        (lambda: ta.fit(folder, engine="mcmc"), "engine"),
        (lambda: ta.plot.similarity(np.zeros((3, 2))), r"\(3, 2\)"),
        (lambda: ta.plot.structure(results), "rdm"),
        (lambda: ta.plot.groups(results, "colour"), "one of .*kind"),
        (lambda: ta.plot.map(f"{folder}/derived/posterior.nc", folder, level="x"), "one of kind"),
        (lambda: ta.report(folder, "report.pdf"), "html"),
        (lambda: ta.load_teacher(folder), "teacher"),
        (lambda: ta.load_student(folder), "student"),
    ):
        with pytest.raises(ta.TwoalikeError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_report_says_where_it_is(folder: str, results: Results, tmp_path: Path) -> None:
    written = ta.report(folder, f"{tmp_path}/report.html", files=f"{tmp_path}/files")
    assert written.path == tmp_path / "report.html"
    assert str(written.path) in written._repr_html_()
    assert (tmp_path / "files" / "map.svg").is_file()
