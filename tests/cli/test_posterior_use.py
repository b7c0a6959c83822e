"""What is asked of a posterior on the command line: right numbers, refusals in one line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from tests.conftest import cases, refused
from tests.posteriors import posterior_of

from twoalike.embedding import Posterior, choice_intervals, similarity_table
from twoalike.judgments import choices_table, write_judgments
from twoalike.study import sha256_file
from twoalike.teacher import predict

Run = Callable[..., tuple[int, str]]
APART = '{"predictions": false, "intervals": false}'
IDS = ["cat", "dog, wet", "öak", "o3", "o4", "o5", "o6"]


def make(rng: np.random.Generator, ids: list[str] = IDS, **attrs: Any) -> Posterior:
    """Two chains of ten draws, of 7 objects in 3 dimensions and 4 people."""
    x = rng.gamma(1.0, 1.0, (7, 3)) + rng.gamma(1.0, 0.1, (2, 10, 7, 3))
    lapse = np.array([0.05, 0.9, 0.1, 0.45]) + rng.uniform(-0.05, 0.05, (2, 10, 4))
    draws = {"embedding": x, "temperature": rng.uniform(0.5, 2.0, (2, 10, 4)), "lapse": lapse}
    labels = {"object": ids, "participant": list("abcd")}
    made = {"judgments": ("participant", [100, 7, 300, 40])}
    posterior = posterior_of(draws, labels, made, convergence={})
    posterior.tree.attrs |= attrs
    return posterior


@pytest.fixture
def posterior(rng: np.random.Generator) -> Posterior:
    return make(rng)


@pytest.fixture
def source(posterior: Posterior, tmp_path: Path) -> Path:
    path = tmp_path / "p.nc"
    posterior.save(path)
    return path


@pytest.fixture
def triplets(tmp_path: Path) -> Path:
    path = tmp_path / "t.txt"
    path.write_text("0 1 2 a\n3 5 4 b\n6 0 1 b\n")
    return path


INDICES = np.array([[0, 1, 2], [3, 5, 4], [6, 0, 1]])


def test_predict_answers_for_named_participants(
    run: Run, source: Path, posterior: Posterior, triplets: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tsv"
    words = ("predict", source, "--triplets", triplets, "--out", out, "--interval", 0.9)
    for option, value, who in (
        ("--participant", "b", [1, 1, 1]),
        ("--participant-column", 4, [0, 1, 1]),
    ):
        assert run(*words, option, value)[0] == 0
        got = pd.read_csv(out, sep="\t").to_numpy()
        judges = np.array(who)
        expected = posterior.choice_probabilities(INDICES, lapse=True, participants=judges)
        ends = choice_intervals(posterior, INDICES, 0.9, participants=judges)
        assert_allclose(got, np.concatenate([expected, *ends], axis=1), atol=1e-6)
    triplets.write_text("0 1 2 z\n3 5 4 b\n6 0 1 z\n")
    status, said = run(*words, "--participant-column", 4)
    assert status == 0
    assert f"{source}: does not know 1 participant (2 triplets), for whom a new person" in said
    expected = posterior.choice_probabilities(
        INDICES, lapse=True, participants=np.array([-1, 1, -1])
    )
    got = pd.read_csv(out, sep="\t").to_numpy()
    assert_allclose(got[:, :3], expected, atol=1e-6)
    table = predict(posterior, triplets, participant=["z", "b", "y"])
    assert table.attrs["new_people"] == {"z": 1, "y": 1}
    assert_allclose(table, expected, atol=1e-6)
    # Somebody who guesses nine times in ten answers nearly at random.
    run(*words, "--participant", "b")
    assert np.abs(pd.read_csv(out, sep="\t").to_numpy()[:, :3] - 1 / 3).max() < 0.1


def test_predict_asks_what_the_fit_was_asked(
    run: Run, posterior: Posterior, tmp_path: Path, rng: np.random.Generator
) -> None:
    """The commonest question of the fit, unless another is named; an array has a width."""
    asked = {"choices": {"anchored_3": 200, "odd_one_out_4": 300, "odd_one_out_3": 100}}
    posterior.tree.attrs["questions"] = json.dumps(asked)
    posterior.save(tmp_path / "p.nc")
    sets = np.array([rng.permutation(7)[:4] for _ in range(5)])
    np.savetxt(tmp_path / "sets.txt", sets, "%d")
    words = ("predict", tmp_path / "p.nc", "--triplets", tmp_path / "sets.txt", "--out")
    out = tmp_path / "out.tsv"
    assert "5 sets: odd one of 4" in run(*words, out)[1]
    assert_allclose(pd.read_csv(out, sep="\t"), predict(posterior, sets, items=4), atol=1e-6)
    assert "like a reference of 2" in run(*words, out, "--items", 3)[1]
    triplets = posterior.choice_probabilities(sets[:, :3], lapse=True, kind="anchored")
    assert_allclose(predict(posterior, sets[:, :3]), triplets, atol=1e-6)
    assert "5 sets: odd one of 3" in run(*words, out, "--items", 3, "--kind", "odd-one-out")[1]


def test_similarity_in_every_format_is_the_table(
    run: Run, source: Path, posterior: Posterior, tmp_path: Path
) -> None:
    from scipy.io import loadmat

    table = similarity_table(posterior, 0.8, scale="chance")
    files = {ending: tmp_path / f"s{ending}" for ending in (".csv", ".tsv", ".npz", ".mat")}
    for path in files.values():
        words = ("similarity", source, "--out", path, "--scale", "chance", "--interval", 0.8)
        assert run(*words)[0] == 0
        first = path.read_bytes()
        assert run(*words)[0] == 0
        assert path.read_bytes() == first  # nothing in it depends on when it was written
    upper = np.triu_indices(7, 1)
    for ending, separator in ((".csv", ","), (".tsv", "\t")):
        pairs = pd.read_csv(files[ending], sep=separator)
        assert list(pairs) == ["item_1", "item_2", "similarity", "low", "high"]
        assert pairs["item_1"].tolist() == [IDS[k] for k in upper[0]]
        assert pairs["item_2"].tolist() == [IDS[k] for k in upper[1]]
        for name, matrix in (("similarity", table.mean), ("low", table.low), ("high", table.high)):
            assert_allclose(pairs[name], matrix[upper], rtol=1e-5)
    with np.load(files[".npz"]) as arrays:
        assert arrays["ids"].tolist() == IDS
        assert_allclose(arrays["similarity"], table.mean)
        assert_allclose(arrays["high"], table.high)
        meta = json.loads(str(arrays["meta"]))
    assert meta["inputs"]["posterior"]["sha256"] == sha256_file(source)
    struct = loadmat(files[".mat"])
    assert [cell.item() for cell in struct["ids"].ravel()] == IDS
    assert_allclose(struct["low"], table.low)
    assert struct["scale"].item() == "chance"


def test_participants_are_listed_most_doubtful_first(
    run: Run, source: Path, posterior: Posterior, tmp_path: Path
) -> None:
    out = tmp_path / "t.csv"
    status, said = run("participants", source, "--out", out, "--interval", 0.8)
    assert status == 0
    assert "1 of 4 participants" in said
    table = pd.read_csv(out)
    assert table["participant"].tolist()[:2] == ["b", "d"]
    assert table["judgments"].tolist()[:2] == [7, 40]
    assert_allclose(table["guessed"], [1.0, 0.0, 0.0, 0.0])
    assert table["agreement"].is_monotonic_increasing
    places = ["abcd".index(name) for name in table["participant"]]
    for name, draws in (("lapse", posterior.lapse), ("temperature", posterior.temperature)):
        low, middle, high = np.quantile(draws[:, places], [0.1, 0.5, 0.9], axis=0)
        assert_allclose(table[f"{name}_low"], low, rtol=1e-4)
        assert_allclose(table[name], middle, rtol=1e-4)
        assert_allclose(table[f"{name}_high"], high, rtol=1e-4)
    status, said = run("participants", source, "--bound", 0.45)
    assert status == 0 and "P(lapse > 0.45)" in said
    expected = (posterior.lapse[:, 3] > 0.45).mean()
    assert 0 < expected < 1 and f"{expected:.2f}" in said


def test_participants_says_who_is_careless_and_why(
    run: Run, source: Path, posterior: Posterior, rng: np.random.Generator, tmp_path: Path
) -> None:
    """Three answer by the embedding, one of them fast; a fourth guesses."""
    shown = np.array([rng.permutation(7)[:3] for _ in range(800)])
    chosen = 1 + posterior.choice_probabilities(shown).argmax(axis=1)
    chosen[1::4] = rng.integers(1, 4, 200)  # of b
    seconds = 2 * np.exp(0.4 * rng.normal(size=800))
    seconds[2::4] = 0.25  # of c
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": chosen, "participant": list("abcd") * 200}
    choices, out = tmp_path / "choices.parquet", tmp_path / "t.csv"
    write_judgments(choices, choices_table(columns | {"response_time": seconds}, IDS), {})
    status, said = run("participants", source, "--choices", choices, "--out", out)
    assert status == 0
    assert "1 of 4 participants: more probably than not careless" in said
    assert "no evidence from checks" in said
    table = pd.read_csv(out).set_index("participant")
    assert table.index[0] == "b" and table.loc["b", "evidence_choices"] > 5
    assert (table.drop("b")["p_careless"] < 0.01).all()
    assert table["seconds"].idxmin() == "c" and table.loc["c", "seconds"] == 0.25
    assert table["same_place"].between(1 / 3, 0.6).all()


@pytest.fixture
def judged(tmp_path: Path, rng: np.random.Generator) -> Path:
    shown = np.stack([rng.choice(7, 3, replace=False) for _ in range(90)])
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": rng.integers(1, 4, 90), "participant": list("abcx" * 22 + "ab")}
    path = tmp_path / "heldout.parquet"
    write_judgments(path, choices_table(columns, IDS), {})
    return path


def test_compare_shows_predictions_and_similarity(
    run: Run,
    source: Path,
    judged: Path,
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the width of the console and the length of the paths."""
    monkeypatch.setenv("COLUMNS", "40")
    folder = "a folder with a name that is longer than most lines " * 4
    (tmp_path / folder).mkdir(exist_ok=True)
    other, out = tmp_path / folder / "q.nc", tmp_path / "c.json"
    inputs = {"choices": {"file": "heldout.parquet", "sha256": sha256_file(judged)}}
    make(rng, provenance=json.dumps({"inputs": inputs}), convergence=APART).save(other)
    status, said = run("compare", source, other, "--choices", judged, "--out", out)
    assert status == 0
    assert "90 judgments by 4 participants" in said
    assert f"{other}: not converged: predictions are not stable; see twoalike check" in said
    assert f"{other}: was fitted to these choices, they are not held out" in said
    found = json.loads(out.read_text())
    assert found["predictions"]["fitted_to_them"] == ["second"]
    difference = found["predictions"]["log_loss"]["difference"]
    assert f"{difference['value']:+.4f} ± {difference['standard_error']:.4f}" in said
    assert len(found["similarity"]["dimensions"]) == 3
    assert f"{found['similarity']['pearson']:.3f}" in said


def test_chance_is_that_of_the_judgments(
    posterior: Posterior, run: Run, tmp_path: Path, rng: np.random.Generator
) -> None:
    """log 2 and one half for anchored judgments; of both kinds, the mean over judgments."""
    anchored, loss, accuracy = 30, "0.8959", "0.4167"
    agreement = "0.33, of anchored choices 0.50"
    asked = {"odd_one_out_3": 60 - anchored, "anchored_3": anchored}
    tree = posterior.tree.copy()
    people, counts = {"participant": list("abcd")}, {"judgments": ("participant", [15] * 4)}
    tree["constant_data"] = xr.DataTree(xr.Dataset(counts, coords=people))
    tree.attrs["questions"] = json.dumps({"choices": {q: n for q, n in asked.items() if n}})
    draws = tree["posterior"].dataset
    tree["posterior"] = xr.DataTree(xr.concat([draws, draws], "draw"))  # leave-one-out needs 25
    source, choices = tmp_path / "anchored.nc", tmp_path / "choices.parquet"
    items = np.array([rng.permutation(7)[:3] for _ in range(60)])
    columns: dict[str, Any] = {f"item_{place + 1}": items[:, place] for place in range(3)}
    columns["kind"] = ["anchored"] * anchored + ["odd_one_out"] * (60 - anchored)
    columns |= {"participant": list("abcd") * 15, "chosen": [2] * 60}
    write_judgments(choices, choices_table(columns, IDS), {})
    inputs = {"choices": {"file": choices.name, "sha256": sha256_file(choices)}}
    tree.attrs["provenance"] = json.dumps({"inputs": inputs})
    Posterior(tree).save(source)
    said = {
        verb: run(verb, *[source] * (1 + (verb == "compare")), "--choices", choices)[1]
        for verb in ("check", "dimensions", "compare", "participants")
    }
    assert f"guessing: {loss}, accuracy {accuracy}" in said["check"]
    assert f"guessing: {loss}" in said["dimensions"]
    assert re.search(rf"guessing +{loss} +{accuracy}", said["compare"])
    assert f"agreement by chance: {agreement}\n" in said["participants"]
    assert "0 of 0" in said["participants"]  # there are no attention checks
    everything = " ".join(said.values())
    assert "1.0986" not in everything and "0.3333" not in everything


def test_rdms_computed_from_arrangements_have_no_intervals(
    run: Run, triplets: Path, tmp_path: Path
) -> None:
    links = {"never": 0, "once": 0, "islands": [7]} | dict.fromkeys(
        ("never_named", "once_named", "islands_named"), []
    )
    path, out = tmp_path / "p.nc", tmp_path / "s.csv"
    make(np.random.default_rng(0), links=json.dumps(links | {"arranged": 21})).save(path)
    status, said = run("similarity", path, "--out", out)
    assert status == 0 and "it has no intervals" in said
    table = pd.read_csv(out)
    assert table["similarity"].notna().all() and table[["low", "high"]].isna().all(axis=None)
    words = ("predict", path, "--triplets", triplets, "--interval", 0.9)
    refused(run, tmp_path / "t.tsv", "computed from arrangements", *words)
    assert "were computed from arrangements" in run("check", path)[1]


@pytest.mark.parametrize(
    ("words", "out", "complaint"), cases(__file__, "what_cannot_be_asked_is_refused")
)
def test_what_cannot_be_asked_is_refused(
    run: Run,
    posterior: Posterior,
    source: Path,
    triplets: Path,
    tmp_path: Path,
    words: str,
    out: str,
    complaint: str,
) -> None:
    other = tmp_path / "other.nc"
    dataset = posterior.tree["posterior"].dataset.assign_coords(object=[f"q{k}" for k in range(7)])
    Posterior(xr.DataTree.from_dict({"posterior": dataset})).save(other)
    told = (word.format(p=source, t=triplets, other=other) for word in words.split())
    refused(run, tmp_path / out, complaint, *told)
