"""What is tried before a fit, and what follows from it."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.chosen import answered, chosen_table

from twoalike.choice import random_triplets
from twoalike.cli.app import main
from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.embedding._form import Pilot, Trial, run_pilot
from twoalike.embedding._model import Data, Form
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import write_judgments


def judged_by_distance(n: int, seed: int) -> Any:
    """Judgments of 30 points in the plane by a single attentive person."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 2))
    shown = random_triplets(30, n, rng)
    answer = answered(3 * x, shown, rng, similarity="distance")
    return chosen_table(shown, answer, [f"object_{k:02d}" for k in range(30)])


def test_a_world_of_distances_is_found(tmp_path: Path) -> None:
    table = judged_by_distance(1500, 3)
    config = FitConfig(engine="vi", steps=300, draws=20, chains=1, dimensions=4)
    posterior = fit_embedding(table, config=config)
    assert posterior.attrs["similarity"] == "distance"
    assert "; pilot: distance, " in repr(posterior) and "engine vi: asked for" in repr(posterior)
    posterior.save(tmp_path / "p.nc")
    pilot = Posterior.load(tmp_path / "p.nc").attrs["pilot"]
    dot, distance = pilot["tried"]
    assert (dot["similarity"], distance["similarity"]) == ("dot", "distance")
    assert dot["minus_taken"] > 2 * dot["minus_taken_se"] > 0 == distance["minus_taken"]
    assert (pilot["judgments"], pilot["offered"]) == (1500, 4)


class Log(io.StringIO):
    """Standard output, and what of it would be in a file by now."""

    flushed = ""

    def flush(self) -> None:
        self.flushed = self.getvalue()


@pytest.mark.parametrize("asked", ["weights", "groups", "features"])
def test_a_pilot_tries_what_was_asked_and_a_log_says_so_before_the_fit(
    world: Any,
    rng: np.random.Generator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
) -> None:
    fits: list[tuple[Data, Form]] = []
    log, before = Log(), []

    def fit_vi(data: Data, form: Form, **more: Any) -> tuple[dict[str, np.ndarray], None]:
        fits.append((more["parts"][0] if "parts" in more else data, form))
        if "parts" not in more:  # the fit that was asked for
            before.append(log.flushed)
            raise KeyboardInterrupt
        sizes = {"embedding": (30, form.dimensions), "temperature": (6,), "lapse": (6,)}
        sizes |= {"log_weight": (6, form.dimensions)} if form.weights else {}
        return {name: rng.random((5, 20, *size)) / 2 for name, size in sizes.items()}, None

    monkeypatch.setattr("twoalike.embedding._vi.fit_vi", fit_vi)
    monkeypatch.setattr(sys, "stdout", log)
    write_judgments(tmp_path / "choices.parquet", world.judge(300, 4), {})
    words = ["fit", "--choices", tmp_path / "choices.parquet", "--out", tmp_path / "p.nc"]
    words += ["--engine", "vi", "--similarity", "dot"]
    if asked == "features":
        table = FeatureTable(tuple(world.ids), rng.random((30, 4), np.float32), {})
        write_features(tmp_path / "features.npz", table)
        words += ["--people", "noise", "--features", tmp_path / "features.npz"]
    else:
        words += ["--people", "weights"]
    if asked == "groups":
        rows = [f"person_{k}\t{'ab'[k % 2]}" for k in range(6)]
        (tmp_path / "groups.tsv").write_text("\n".join(["participant\tgroup", *rows]))
        words += ["--groups", tmp_path / "groups.tsv"]
    with pytest.raises(SystemExit, match="130"):
        main([str(word) for word in words])
    for data, form in fits:
        assert form.weights == (asked != "features")
        assert (data.people is not None) == (asked == "groups")
        assert (form.features is not None) == (asked == "features")
    assert len(fits) == 2  # of the pilot, and that which follows
    pilot, engine = before[0].splitlines()
    assert pilot.startswith("pilot: dot product")
    assert (" with weights by person, " in pilot) == (asked != "features")
    assert engine.startswith("engine vi: asked for; the fits take about 1 minute")


@pytest.mark.slow
def test_a_world_of_dot_products_is_found(world: Any) -> None:
    data = Data.from_tables({"choices": world.judge(3000, 5)})
    forms = {"dot": Form(8, "softplus"), "distance": Form(8, "gaussian", "distance")}
    found = run_pilot(data, forms.__getitem__, ("dot", "distance"), FitConfig())
    assert found.taken.similarity == "dot"
    assert 3 <= found.taken.dimensions <= 6  # the world has three


def test_nothing_is_tried_if_nothing_is_open(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit_vi(*_: Any, **more: Any) -> None:
        assert "parts" not in more  # as a pilot's
        raise KeyboardInterrupt

    monkeypatch.setattr("twoalike.embedding._vi.fit_vi", fit_vi)
    named, few = {"similarity": "dot", "dimensions": 3}, world.judge(90, 1)  # too few to tell
    for choices, settings in ((few, {}), (world.judge(300, 1), named)):
        with pytest.raises(KeyboardInterrupt):
            fit_embedding(choices, config=FitConfig(engine="vi", **settings))


def test_the_better_trial_decides() -> None:
    rng = np.random.default_rng(0)
    losses = rng.gamma(2.0, 0.5, 400)
    pilot = Pilot((Trial("dot", losses + 0.02, 9), Trial("distance", losses, 5)), offered=20)
    assert (pilot.taken.similarity, pilot.dimensions) == ("distance", 10)
    row = pilot.described()["tried"][0]
    assert row["minus_taken"] == pytest.approx(0.02)
    assert row["minus_taken_se"] == pytest.approx(0, abs=1e-6)
    sure = Pilot((Trial("dot", losses - 0.01, 9), Trial("distance", losses, 5)), offered=20)
    assert sure.taken.similarity == "dot" == sure.described()["taken"]
    near = losses - rng.normal(0.02, 0.3, 400)  # a difference of 1.3 standard errors
    unsure = Pilot((Trial("dot", near, 9), Trial("distance", losses, 5)), offered=20)
    assert unsure.taken.similarity == "distance"
    few = Pilot((Trial("dot", losses, 1),), offered=20)
    assert (few.dimensions, Pilot(few.trials, offered=3).dimensions) == (8, 3)
