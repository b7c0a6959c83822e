"""Designs run against recorded answers: what is held out, what is revealed, what comes out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.embedding import FitConfig, Posterior
from twoalike.features import FeatureTable
from twoalike.judgments import choices_table, ratings_table
from twoalike.recovery import Recorded, Replayed, answers_needed
from twoalike.results import Replay, replay
from twoalike.study import TwoalikeError

IDS = tuple(f"object-{number}" for number in range(9))
RNG = np.random.default_rng(0)
SPACE = RNG.gamma(1.0, 1.0, (9, 2))


def triplets(n: int = 240) -> pd.DataFrame:
    """Choices by three people, of whom two often answer the same triplet."""
    items = np.array([RNG.choice(9, 3, replace=False) for _ in range(n // 2)]).repeat(2, axis=0)
    alike = (SPACE @ SPACE.T)[items[:, [1, 0, 0]], items[:, [2, 2, 1]]]
    columns: dict[str, Any] = {f"item_{k + 1}": items[:, k] for k in range(3)}
    columns |= {"chosen": alike.argmax(axis=1) + 1, "participant": np.tile(["a", "b", "c"], n // 3)}
    return choices_table(columns, list(IDS))


def pairs(points: float = 7) -> pd.DataFrame:
    items = np.array([RNG.choice(9, 2, replace=False) for _ in range(60)])
    rating = RNG.integers(1, 8, 60) / (1 if points == 7 else 7)
    columns = {"item_a": items[:, 0], "item_b": items[:, 1], "rating": rating}
    columns |= {"scale_points": np.full(60, points), "participant": np.tile(["a", "b"], 30)}
    return ratings_table(columns, list(IDS))


def run_of(
    recorded: Recorded, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, list[Any]]:
    """A replay whose fits are stand-ins that note which rows they were given."""
    given: list[Any] = []

    class Fitted:
        def save(self, path: Path) -> None:
            path.write_bytes(b"")

    def fit(self: Recorded, rows: Any, known: Any, config: FitConfig) -> Any:
        given.append((rows.tolist(), known))
        return Fitted()

    def draws(self: Recorded, path: Path) -> Any:
        k = 7 if self.question is None else len(self.question.answers)
        return lambda trials: np.random.default_rng(1).dirichlet(np.ones(k), (20, len(trials)))

    monkeypatch.setattr(Recorded, "fit", fit)
    monkeypatch.setattr(Recorded, "draws", draws)
    monkeypatch.setattr(Recorded, "loss", lambda self, posterior, draws, held: 1 / len(given))
    features = FeatureTable(IDS, np.eye(9, dtype=np.float32), {})
    known: dict[str, Any] = {"features": features, "sources": triplets()}
    known = {"recorded": recorded, "known": known, "sizes": (40, 100, 190)}
    settings = {"held_out": 0.2, "whole": True, "fit": FitConfig(), "folder": folder}
    return Replayed(**known, **settings, announce=lambda line: None), given


def test_answers_held_out_are_never_offered_and_each_is_revealed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded.of(triplets(), "choices")
    run, given = run_of(recorded, tmp_path, monkeypatch)
    held, order = run.order(0)
    assert len(held) == 48 and not np.isin(held, order).any()
    run.run("random", "none", 0, 0.0)
    curve = run.run("adaptive", "none", 0, 0.0)
    assert list(curve) == [40, 100, 190]
    for rows, size in zip([rows for rows, _ in given], 2 * (40, 100, 190), strict=True):
        assert len(set(rows)) == len(rows) == size
        assert not np.isin(rows, held).any()
    assert given[1][0] == order[:100].tolist() != given[4][0]
    assert given[4][0][:40] == order[:40].tolist(), "all designs begin with the same answers"
    again = run.run("adaptive", "none", 0, 0.0)
    assert again == curve and len(given) == 6, "what is finished is kept"


def test_a_prior_knows_what_it_names_and_seeds_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = run_of(Recorded.of(triplets(), "choices"), tmp_path, monkeypatch)
    assert run.prior("none", 0) == {}
    assert list(run.prior("sources", 0)) == ["sources"]
    one, other = (run.prior("shuffled", seed)["features"].values for seed in (0, 1))
    assert np.array_equal(run.prior("features", 0)["features"].values, np.eye(9))
    assert not np.array_equal(one, np.eye(9)) and not np.array_equal(one, other)
    assert not np.array_equal(run.order(0)[0], run.order(1)[0])


@pytest.mark.parametrize(
    ("table", "kind", "said"),
    [
        (pairs(points=np.nan), "ratings", "a slider"),
        (triplets(), "sortings", "choices, or ratings of pairs"),
    ],
)
def test_what_cannot_be_replayed_is_named(table: pd.DataFrame, kind: Any, said: str) -> None:
    with pytest.raises(TwoalikeError, match=said):
        Recorded.of(table, kind)


def test_a_curve_reaches_a_target_where_it_stays_below() -> None:
    assert np.isnan(answers_needed({10: 1.0, 20: 0.9}, 0.8))
    assert answers_needed({10: 0.7, 20: 0.9, 30: 0.8}, 0.85) == pytest.approx(25.0)
    assert answers_needed({10: 0.7, 20: 0.6}, 0.85) == 10.0


@pytest.mark.parametrize("kind", ["choices", "ratings"])
def test_designs_are_compared_and_a_second_call_fits_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = triplets() if kind == "choices" else pairs()
    given: dict[str, Any] = {kind: table, "features": FeatureTable(IDS, SPACE.astype("f4"), {})}
    priors = ("none", "features", "sources") if kind == "choices" else ("none",)
    given |= {"sources": triplets()} if kind == "choices" else {}
    given |= {"priors": priors, "designs": ("adaptive",), "batches": 2}
    given |= {"seeds": 1, "steps": 100, "out": tmp_path / "replay.json"}
    given["similarity"] = "distance" if kind == "choices" else "dot"
    found = replay(**given)
    arms = ["random", "adaptive", "adaptive, features", "adaptive, sources"]
    assert found.arms == arms[: 1 + len(priors)]
    full = found.curve("random")[-1]
    assert full.n == round(0.8 * len(table))
    assert found.at("replay.share", level="random") is not None
    monkeypatch.setattr(Posterior, "save", lambda *_: pytest.fail("fitted again"))
    assert replay(**given).frame.equals(Replay.load(tmp_path / "replay.json").frame)
    assert all(view.frame.shape[1] for view in found.tables())
