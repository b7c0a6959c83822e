"""Many networks against the same people, through Python, files and the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.chosen import answered, chosen_table
from tests.posteriors import posterior_of

import twoalike.api as ta
from twoalike.embedding import Posterior
from twoalike.features import FeatureTable, write_features
from twoalike.figures import leaderboard_chart, to_svg
from twoalike.judgments import write_judgments
from twoalike.results import LEADERBOARD, Leaderboard, leaderboard
from twoalike.study import TwoalikeError, provenance
from twoalike.tables import read_tsv

Run = Callable[..., tuple[int, str]]
M = 40
IDS = tuple(f"o{number:02d}" for number in range(M))
LEVELS = ("coarse", "fine", "boundary")


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Where objects lie for people, rows of one length so that dot products order as cosines."""
    places = np.random.default_rng(5).normal(size=(M, 4))
    places -= places.mean(axis=0)
    return 2 * places / np.linalg.norm(places, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def choices(truth: np.ndarray) -> pd.DataFrame:
    """Three hundred triplets, each judged by five of fifteen people."""
    rng = np.random.default_rng(6)
    different = np.stack([rng.permutation(M)[:3] for _ in range(300)])
    triplets = np.repeat(different, 5, axis=0)
    answer = answered(truth, triplets, rng)
    people = (np.arange(1500) % 5) + 5 * (np.arange(1500) // 5 % 3)
    about = {"participant": [f"p{k:02d}" for k in people]}
    about["level"] = np.repeat(np.array(LEVELS)[np.arange(300) % 3], 5).tolist()
    return chosen_table(triplets, answer, IDS, **about)


@pytest.fixture(scope="module")
def networks(truth: np.ndarray) -> dict[str, FeatureTable]:
    """The observer's own space, two equal ones that see it through noise, and shuffled rows."""
    rng = np.random.default_rng(7)
    noisy = truth + 0.9 * rng.normal(size=truth.shape)
    spaces = {"own": truth, "noisy": noisy, "twin": noisy, "shuffled": rng.permutation(truth)}
    return {name: FeatureTable(IDS, x.astype(np.float32)) for name, x in spaces.items()}


@pytest.fixture(scope="module")
def posterior(truth: np.ndarray) -> Posterior:
    """One chain of twelve draws near the truth."""
    draws = truth + 0.1 * np.random.default_rng(8).normal(size=(1, 12, *truth.shape))
    return posterior_of({"embedding": draws}, {"object": IDS, "participant": ["p00"]})


@pytest.fixture(scope="module")
def ranked(
    networks: dict[str, FeatureTable], choices: pd.DataFrame, posterior: Posterior
) -> Leaderboard:
    """All measures on choices and of a posterior."""
    return leaderboard(networks, choices=choices, posterior=posterior, resamples=999)


def test_the_observers_own_space_wins_and_reaches_the_ceiling(ranked: Leaderboard) -> None:
    accuracy = ranked.boards[0]
    assert (accuracy.measure, accuracy.level) == ("odd_one_out.accuracy", "")
    assert accuracy.among_best() == ("own",)
    assert (ranked.names[0], accuracy.ranks("own")) == ("own", (1, 1))
    assert accuracy.of("difference", "own") is accuracy.of("p", "own") is None
    best, score = accuracy.of("best"), accuracy.score("own")
    assert best is not None and best.low is not None and best.high is not None
    assert best.low <= score.value <= best.high and score.n == 1500
    of_posterior = ranked.board("posterior")
    bound = of_posterior.of("best")
    assert bound is not None
    assert of_posterior.score("own").value == pytest.approx(bound.value, abs=0.02)


def test_every_level_has_its_scores_and_limits(ranked: Leaderboard) -> None:
    for measure in ("accuracy", "log_loss", "majority"):
        whole = ranked.board(measure)
        parts = [ranked.board(measure, level) for level in LEVELS]
        assert all(part.of("best") is not None for part in parts)
        for name in ranked.names:
            scores = [part.score(name) for part in parts]
            counts = [score.n or 0 for score in scores]
            assert sum(counts) == whole.score(name).n
            mean = np.average([score.value for score in scores], weights=counts)
            assert mean == pytest.approx(whole.score(name).value)
    count = ranked.board("majority").score("own").n or 0
    assert 290 < count <= 300  # the same triplet may be drawn twice


def test_scores_above_leave_one_out_are_marked_and_explained(ranked: Leaderboard) -> None:
    majority = ranked.board("majority")
    loo = majority.of("leave_one_out")
    assert loo is not None
    assert loo.value < majority.score("own").value
    assert majority.above("own") in ("leave-one-out", "best possible")
    assert majority.above("shuffled") == ""
    notes = " ".join(ranked.notes())
    assert "* above people's leave-one-out agreement. This is not better than human" in notes
    assert any(
        table.frame.map(lambda cell: cell.endswith("*")).any(axis=None) for table in ranked.tables()
    )


def test_the_file_and_the_table_say_the_same(ranked: Leaderboard, tmp_path: Path) -> None:
    ranked.save(tmp_path / "board.json")
    assert Leaderboard.load(tmp_path / "board.json").as_dict() == ranked.as_dict()
    ranked.save_table(tmp_path / "board.tsv")
    table = read_tsv(tmp_path / "board.tsv", "a leaderboard", tuple(LEADERBOARD))
    frame = ranked.to_frame()
    assert list(table.columns) == list(LEADERBOARD) == list(frame.columns)
    assert len(table) == len(frame) == 4 * (3 * 4 + 1)
    np.testing.assert_allclose(table["score"].astype(float), frame["score"], atol=5e-5)
    content = ranked.as_dict()
    content["networks"].append(content["networks"][0] | {"model": "another"})
    (tmp_path / "board.json").write_text(json.dumps(content))
    with pytest.raises(TwoalikeError, match="lacks a network"):
        Leaderboard.load(tmp_path / "board.json")


def test_the_figure_has_every_network_and_panel(ranked: Leaderboard) -> None:
    figure = leaderboard_chart(ranked)
    titles = [one.get_title(loc="left") for one in figure.axes]
    assert titles == ["Accuracy", *LEVELS[:2], "boundary", "Posterior"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == list(ranked.names)
    root = ElementTree.fromstring(to_svg(figure))
    assert root.tag.endswith("svg")
    ax = ta.plot.leaderboard(ranked, subset="fine", ax=Figure().subplots())
    assert ax.get_title(loc="left") == "fine"
    with pytest.raises(TwoalikeError, match="accuracy of nowhere"):
        ta.plot.leaderboard(ranked, subset="nowhere", ax=Figure().subplots())


@pytest.fixture
def folder(
    tmp_path: Path,
    networks: dict[str, FeatureTable],
    choices: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Files of choices and features, the current folder."""
    write_judgments(tmp_path / "choices.parquet", choices, provenance("choices"))
    for name, table in networks.items():
        backbone = {"own": "vit", "noisy": "resnet", "twin": "resnet"}.get(name)
        meta = {"backbone": backbone} if backbone else {}
        write_features(tmp_path / f"{name}.npz", FeatureTable(table.ids, table.values, meta))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_writes_everything(folder: Path, run: Run) -> None:
    words = "own.npz noisy.npz twin.npz mixed=shuffled.npz --choices choices.parquet "
    first = f"{words} --out board.json --table board.tsv --figure board.svg --seed 3"
    status, shown = run("leaderboard", *first.split())
    assert status == 0, shown
    found = Leaderboard.load(folder / "board.json")
    # Networks have the names that their files give; two of the same name get those of their files.
    names = list(found.names)
    assert names[0] == "vit"
    assert sorted(names) == ["mixed", "resnet (noisy)", "resnet (twin)", "vit"]
    assert set(found.inputs) == {"choices", *(f"features {name}" for name in names)}
    assert "vit is better than each other network" in shown
    assert "Wrote board.tsv" in shown
    assert "vit 0." in (folder / "board.svg").read_text()
    before = {name: (folder / name).read_bytes() for name in ("board.json", "board.svg")}
    words = "mixed=shuffled.npz twin.npz own.npz noisy.npz --choices choices.parquet "
    run("leaderboard", *words.split(), *"--out board.json --figure board.svg --seed 3".split())
    assert {name: (folder / name).read_bytes() for name in before} == before
    run("leaderboard", *words.split(), *"--out other.png.json --figure board.png".split())
    assert (folder / "board.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("own.npz --choices choices.parquet", "expected two networks or more, found 1 network"),
        ("own.npz noisy.npz", "no judgments to rank networks by. Give --choices"),
        ("own.npz noisy.npz --choices choices.parquet --against vitt", "one of resnet, vit"),
        ("a=own.npz a=noisy.npz --choices choices.parquet", "two networks are called 'a'"),
        ("own.npz apart.npz --choices choices.parquet", "objects that all networks have features"),
        ("own.npz noisy.npz --choices choices.parquet --figure board.pdf", ".svg or .png"),
        ("own.npz noisy.npz --choices choices.parquet --table board.csv", "written as .tsv"),
        ("own.npz noisy.npz --rdm rdm.npz --labels labels.tsv", "choices to sort by them"),
    ],
)
def test_what_cannot_be_ranked_is_refused_in_one_line(
    folder: Path, run: Run, words: str, message: str
) -> None:
    apart = FeatureTable(("x", "y", "z", "w"), np.eye(4, dtype=np.float32))
    write_features(folder / "apart.npz", apart)
    status, errors = run("leaderboard", *words.split(), "--out", "board.json")
    assert status == 1
    assert message in errors
    assert errors.count("\n") == 1
    assert not (folder / "board.json").exists()
