"""What is tried before a fit, and what follows from it."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.cli.app import main
from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.embedding._judged import used_choices
from twoalike.embedding._model import Data, Form
from twoalike.embedding._pilot import Pilot, Trial, _folds, run_pilot
from twoalike.judgments import choices_table, write_judgments


def judged_by_distance(n: int, seed: int) -> Any:
    """Judgments of 30 points in the plane by a single attentive person."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 2))
    distance = np.sqrt(((x[:, None] - x) ** 2).sum(axis=2))
    shown = random_triplets(30, n, rng)
    logs = np.stack(log_choice(pair_similarities(-3 * distance, shown)), axis=1)
    chosen = 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)} | {"chosen": chosen}
    return choices_table(columns, [f"object_{k:02d}" for k in range(30)])


def test_a_world_of_distances_is_found(tmp_path: Path) -> None:
    table = judged_by_distance(1500, 3)
    config = FitConfig(engine="vi", steps=300, draws=20, chains=1, dimensions=4)
    posterior = fit_embedding(table, config=config)
    assert posterior.attrs["similarity"] == "distance"
    posterior.save(tmp_path / "p.nc")
    pilot = Posterior.load(tmp_path / "p.nc").attrs["pilot"]
    dot, distance = pilot["tried"]
    assert (dot["similarity"], distance["similarity"]) == ("dot", "distance")
    assert dot["minus_taken"] > 2 * dot["minus_taken_se"] > 0 == distance["minus_taken"]
    assert (pilot["judgments"], pilot["offered"]) == (1500, 4)


@pytest.mark.slow
def test_a_pilot_tries_what_was_asked_and_says_so_before_the_fit(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights by person where these are asked for; flushed, and kept with the posterior."""
    events: list[str] = []

    class Log(io.StringIO):
        def write(self, text: str) -> int:
            events.append(text)
            return len(text)

        def flush(self) -> None:
            events.append("flushed" if not (tmp_path / "p.nc").exists() else "late")

    write_judgments(tmp_path / "choices.parquet", world.judge(300, 4), {})
    monkeypatch.setattr(sys, "stdout", Log())
    words = ["fit", "--choices", tmp_path / "choices.parquet", "--out", tmp_path / "p.nc"]
    words += ["--engine", "vi", "--steps", 100, "--draws", 2, "--people", "weights"]
    with pytest.raises(SystemExit, match="0"):
        main([*map(str, words), "--dimensions", "3"])
    before = "".join(events[: events.index("late")]) if "late" in events else "".join(events)
    assert "pilot: " in before and " with weights by person, " in before
    assert "engine vi: asked for; the fits take about 1 minute" in before
    assert before.index("engine vi") < before.index("flushed", before.index("engine vi"))
    posterior = Posterior.load(tmp_path / "p.nc")
    assert posterior.attrs["pilot"]["people"] == "weights"
    assert "with weights by person" in repr(posterior) and "asked for" in repr(posterior)


@pytest.mark.slow
def test_a_world_of_dot_products_is_found(world: Any) -> None:
    data = Data.from_tables(used_choices(world.judge(3000, 5)), None)
    forms = {"dot": Form(8, "softplus"), "distance": Form(8, "gaussian", "distance")}
    found = run_pilot(data, forms.__getitem__, ("dot", "distance"), FitConfig())
    assert found.taken.similarity == "dot"
    assert 3 <= found.taken.dimensions <= 6  # the world has three


def test_nothing_is_tried_where_nothing_is_open(world: Any) -> None:
    few = world.judge(90, 1)  # too few to tell
    short = {"engine": "vi", "steps": 100, "draws": 2, "chains": 1}
    assert "pilot" not in fit_embedding(few, config=FitConfig(**short)).attrs
    named = FitConfig(**short, similarity="dot", dimensions=3)
    assert "pilot" not in fit_embedding(world.judge(300, 1), config=named).attrs


def test_the_better_trial_decides() -> None:
    rng = np.random.default_rng(0)
    losses = rng.gamma(2.0, 0.5, 400)
    pilot = Pilot((Trial("dot", losses + 0.02, 9), Trial("distance", losses, 5)), offered=20)
    assert (pilot.taken.similarity, pilot.dimensions) == ("distance", 10)
    row = pilot.described()["tried"][0]
    assert row["minus_taken"] == pytest.approx(0.02)
    assert row["minus_taken_se"] == pytest.approx(0, abs=1e-6)
    apart = losses + rng.normal(0.02, 0.3, 400)  # a difference of 1.3 standard errors
    unsure = Pilot((Trial("dot", apart, 9), Trial("distance", losses, 5)), offered=20)
    assert unsure.taken.similarity == "dot" == unsure.described()["taken"]
    few = Pilot((Trial("dot", losses, 1),), offered=20)
    assert (few.dimensions, Pilot(few.trials, offered=3).dimensions) == (8, 3)


def test_every_judgment_is_held_out_once_where_they_are_few() -> None:
    folds = _folds(1003, 0)
    rows = np.concatenate(folds)
    assert [len(fold) for fold in folds] == [200] * 5  # of one size: one program fits all
    assert len(np.unique(rows)) == 1000
    assert [len(fold) for fold in _folds(50_000, 0)] == [5_000]
