"""What a network will gain on unseen objects, named before anything is trained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call, succeed
from tests.teacher.conftest import World, make_world, posterior_of

from twoalike.embedding import Posterior
from twoalike.features import FeatureTable, write_features
from twoalike.study import TwoalikeError
from twoalike.teacher import Evidence, Forecast, find_frontier, likeness, teach


def of(world: World, *lapses: float) -> Posterior:
    people = {f"{k:02}": lapse for k, lapse in enumerate(lapses or (0.02, 0.02))}
    return posterior_of(world.posterior.embedding, world.posterior.ids, people)


def judged(world: World) -> FeatureTable:
    """Features of the judged objects alone."""
    table, ids = world.features, world.posterior.ids
    return FeatureTable(ids, table.select(ids), table.meta)


def forecast(posterior: Posterior, features: FeatureTable, **settings: object) -> Forecast:
    found = teach(posterior, features, forecast=True, **settings)  # type: ignore[arg-type]
    assert isinstance(found, Forecast)
    return found


def measured(world: World) -> float:
    """Gain in likeness of the closed form on the objects that nobody judged."""
    x, n = judged(world).values, world.n_judged
    evidence = Evidence(np.asarray(x), np.arange(n), world.posterior.similarity())
    others = np.asarray(world.features.values[n:])
    truth = world.truth[n:] @ world.truth[n:].T
    frontier = find_frontier(evidence)
    after = frontier.chosen.fit(evidence)(others).astype(np.float64)
    before = others - x.mean(axis=0) * frontier.centred
    return likeness(after @ after.T, truth) - likeness(before @ before.T, truth)


def test_the_forecast_covers_the_gain_on_objects_that_nobody_judged(monkeypatch: Any) -> None:
    monkeypatch.setattr("twoalike.teacher._forecast.MOST_REPEATS", 2)  # as for users
    covered = 0
    for seed in range(4):
        world = make_world(np.random.default_rng(seed))
        gain = forecast(of(world), judged(world)).likeness
        assert gain is not None
        assert 0 < gain.low < gain.gain < gain.high
        assert gain.test_low < gain.low
        covered += gain.test_low <= measured(world) <= gain.test_high
    assert covered >= 3


def test_features_of_other_ids_teach_nothing(world: World, rng: np.random.Generator) -> None:
    table = judged(world)
    wrong = FeatureTable(table.ids, rng.permutation(table.values), table.meta)
    found = forecast(of(world), wrong)
    assert found.likeness is not None
    assert found.likeness.low <= 0
    assert str(found).startswith("these labels will teach nothing: the gain in likeness may be")
    assert "nothing" not in str(forecast(of(world), table))


def test_ability_is_of_classes(rng: np.random.Generator) -> None:
    world = make_world(rng, judged=60, unseen=0)
    kinds = world.truth.argmax(axis=1)
    names = {name: f"kind {k}" for name, k in zip(world.features.ids, kinds, strict=True)}
    found = forecast(of(world), judged(world), classes={"kind": names})
    assert found.ability is not None
    assert found.ability.before > 0.25  # chance of four
    assert found.ability.low > 0  # the human part tells apart what people do
    assert "ability not estimated without classes" in str(forecast(of(world), judged(world)))
    with pytest.raises(TwoalikeError, match="two classes or more with several objects"):
        forecast(of(world), judged(world), classes={"kind": dict.fromkeys(names, "one")})
    with pytest.raises(TwoalikeError, match="of a network to align, found none"):
        teach(of(world), forecast=True)


def test_the_command_forecasts_without_a_teacher_and_a_teacher_keeps_its_forecast(
    rng: np.random.Generator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(rng, judged=60, unseen=20)
    of(world).save(tmp_path / "posterior.nc")
    write_features(tmp_path / "features.npz", world.features)
    kinds = pd.DataFrame({"id": world.features.ids, "kind": world.truth.argmax(1)})
    kinds.to_csv(tmp_path / "kinds.tsv", sep="\t", index=False)
    common = ["teach", tmp_path / "posterior.nc", "--features", tmp_path / "features.npz"]
    common += ["--classes", tmp_path / "kinds.tsv"]
    before = sorted(tmp_path.iterdir())
    succeed(*common, "--forecast")
    said = capsys.readouterr().out.strip()
    assert said.startswith("likeness .")
    assert "on 30 unseen objects; ability ." in said
    assert sorted(tmp_path.iterdir()) == before
    succeed(*common, "--out", tmp_path / "teacher")
    stored = json.loads((tmp_path / "teacher" / "teacher.json").read_text())["forecast"]
    assert stored["verdict"] == said
    assert stored["likeness"]["low"] > 0
    assert f"forecast: {said}" in capsys.readouterr().out
    assert call(*common) == 1
    assert "--out" in capsys.readouterr().err


def test_ability_near_chance_decides_nothing(rng: np.random.Generator) -> None:
    """The vector is then the one of images without classes, though classes were given."""
    x = rng.normal(size=(60, 12)).astype(np.float32)
    places = x[:, :3].astype(np.float64)
    rows, similarity = np.arange(60), places @ places.T
    unknown = find_frontier(Evidence(x, rows, similarity)).chosen
    noise = find_frontier(Evidence(x, rows, similarity, rng.permutation(60) % 20))
    assert noise.base["ability"] is not None
    assert noise.base["ability"] < 0.1
    # The penalty is chosen on folds of classes or of images, so it may differ.
    assert replace(noise.chosen, penalty=unknown.penalty) == unknown


def test_rounding_decides_no_penalty_in_one_dimension(rng: np.random.Generator) -> None:
    """Cosines are 1 or -1 there, and features of two processes differ in their last bits."""
    features = rng.standard_normal((60, 20)).astype(np.float32)
    place = features[:, 0] + 0.5 * rng.standard_normal(60)
    similarity, judged = np.outer(place, place), np.arange(60)
    chosen = find_frontier(Evidence(features, judged, similarity)).chosen
    for _ in range(4):
        noise = 1e-7 * rng.standard_normal(features.shape)
        other = (features * (1 + noise)).astype(np.float32)
        assert find_frontier(Evidence(other, judged, similarity)).chosen == chosen
