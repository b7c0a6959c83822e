"""What a notebook does: paths as text, frames of pandas and polars, objects shown."""

import json
from collections.abc import Iterator
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
    stimuli, rng = ta.StimulusSet.load(f"{folder}/stimuli"), np.random.default_rng(0)
    ids, labels = list(stimuli.ids), stimuli.table[["id", "kind"]]
    networks = {"base": (ids, rng.normal(size=(8, 4)))}
    networks["aligned"] = pd.DataFrame(rng.normal(size=(8, 4)), index=ids)
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


def test_files_and_frames_of_pandas_and_polars_are_the_same(
    folder: str, choices: pd.DataFrame, results: Results
) -> None:
    study = ta.Study.load(folder)
    first = ta.load_posterior(study.posterior)
    again = ta.fit(ta.read_judgments(str(study.choices)), out=None, **SETTINGS)
    np.testing.assert_array_equal(again.embedding, first.embedding)
    matrix = first.tree["posterior"]["embedding"].mean(("chain", "draw"))
    assert matrix.dims == ("object", "dimension")
    rng = np.random.default_rng(0)
    networks = {name: (list(first.ids), rng.normal(size=(8, 4))) for name in ("base", "aligned")}
    labels = ta.StimulusSet.load(f"{folder}/stimuli").table[["id", "kind"]]
    again = ta.evaluate(networks, choices=polars.from_pandas(choices), labels=labels, resamples=100)
    assert again.as_dict()["rows"] == results.as_dict()["rows"]
    answers = ta.predict(first, [first.ids[:3], first.ids[3:6]])
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


DRAWINGS = {
    "map": "posterior study",
    "similarity": "posterior study",
    "clusters": "posterior study",
    "observed": "choices",
    "observed_map": "choices",
    "shepard": "posterior choices",
    "agreement": "choices",
    "dimensions": "posterior choices",
    "predictions": "posterior choices",
    "response_times": "choices",
    "times_by_uncertainty": "posterior choices",
    "temperature": "posterior",
    "lapse": "posterior",
    "beside": "posterior posterior",
    "people_beside": "choices choices response_time",
    "accuracy": "results",
    "log_loss": "results",
    "ceilings": "results",
    "groups": "results kind",
    "distances": "results",
    "transfer": "results",
}
"""Figure -> what it is drawn of."""


@pytest.mark.parametrize("name", DRAWINGS)
def test_figures_are_drawn_into_axes(name: str, folder: str, results: Results) -> None:
    derived = f"{folder}/derived"
    known: dict[str, Any] = {"study": folder, "posterior": f"{derived}/posterior.nc"}
    known |= {"choices": f"{derived}/choices.parquet", "results": f"{derived}/results.json"}
    given = [known.get(word, word) for word in DRAWINGS[name].split()]
    axes = plt.figure().add_subplot()
    assert getattr(ta.plot, name)(*given, ax=axes) is axes
    assert axes.has_data()
    axes.figure.canvas.draw()


def test_a_figure_makes_its_own_axes(results: Results) -> None:
    assert set(DRAWINGS) < set(dir(ta.plot))
    own = ta.plot.accuracy(results)
    assert own.figure is not ta.plot.similarity(pd.DataFrame(np.eye(8))).figure


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
