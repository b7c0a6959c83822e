"""Answers of models beside people's: recovery, and all that people alone count for."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table
from tests.embedding.conftest import GROUPS, World

from twoalike import results, teacher
from twoalike.choice import log_loss
from twoalike.embedding import (
    FitConfig,
    Posterior,
    careless_table,
    check,
    fit,
    fit_embedding,
    participants_table,
    seen_judgments,
    source_table,
)
from twoalike.embedding._sources import some_answers
from twoalike.features import FeatureTable
from twoalike.judgments import (
    import_choices,
    ratings_table,
    read_judgments,
    read_sources,
    write_judgments,
)
from twoalike.study import TwoalikeError, provenance

N = 1500


def source_of(world: World, kind: str, seed: int, n: int = N) -> pd.DataFrame:
    """Answers of one source about triplets of its own."""
    rng = np.random.default_rng([seed, len(kind)])
    shown = world.triplets(n, rng)
    x = world.embedding if kind != "wrong" else rng.permutation(world.embedding)
    answer = answered(x, shown, rng, 0.8, 0.03)
    if kind == "guessing":
        answer = rng.integers(0, 3, n)
    if kind == "biased":  # two of three answers are the first place
        answer = np.where(rng.random(n) < 0.6, 0, answer)
    return chosen_table(shown, answer, world.ids, participant=np.full(n, kind))


@pytest.fixture(scope="module")
def judged(world: World) -> pd.DataFrame:
    return world.judge(1200, seed=1)


@pytest.fixture(scope="module")
def sources(world: World) -> pd.DataFrame:
    kinds = enumerate(("good", "guessing", "biased", "wrong"))
    return read_sources([source_of(world, kind, seed) for seed, kind in kinds])


def fitted(judged: pd.DataFrame, sources: Any = None, **more: Any) -> Posterior:
    settings: dict[str, Any] = {"engine": "vi", "quick": True, "chains": 2, "dimensions": 5}
    people = {name: more.pop(name) for name in ("groups",) if name in more}
    config = FitConfig.model_validate(settings | {"similarity": "dot"} | more)
    return fit_embedding(judged, sources=sources, config=config, **people)


@pytest.fixture(scope="module")
def both(
    judged: pd.DataFrame, sources: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Posterior:
    """A fit with all sources, from its file."""
    path = tmp_path_factory.mktemp("sources") / "posterior.nc"
    fitted(judged, sources, steps=1000).save(path)
    return Posterior.load(path)


def regret(posterior: Posterior, world: World) -> float:
    triplets = world.triplets(3000, np.random.default_rng(5))
    truth = world.probabilities(triplets)
    p = posterior.choice_probabilities(triplets)
    return float((truth * np.log(truth / p)).sum(axis=1).mean())


def test_worth_is_recovered_and_good_answers_help(
    both: Posterior, judged: pd.DataFrame, world: World
) -> None:
    found = source_table(both).set_index("source")
    assert found["answers"].tolist() == [N] * 4
    assert found["worth"]["good"] > 0.9
    assert 0.05 < found["worth"]["biased"] < 0.7
    assert found["worth"][["guessing", "wrong"]].max() < 0.05
    assert (found["low"] <= found["worth"]).all()
    assert (found["worth"] <= found["high"]).all()
    assert regret(both, world) < 0.7 * regret(fitted(judged, steps=1000), world)


@pytest.mark.parametrize("kind", ["good", "wrong"])
def test_sources_are_left_out_where_people_are_predicted_better_without(
    judged: pd.DataFrame, world: World, kind: str
) -> None:
    some = judged.iloc[:250].reset_index(drop=True)
    found = fitted(some, source_of(world, kind, 3), quick=False, steps=500)
    gain = found.attrs["pilot"]["sources"]["gain"]
    assert (gain > 0.01) if kind == "good" else (gain < 0)
    assert source_table(found)["source"].tolist() == ["good"] * (kind == "good")
    then = "fitted" if kind == "good" else "left out"
    assert any(f"they are {then}" in line for line in check(found, choices=some).advice)


@pytest.mark.slow
def test_a_wrong_source_costs_next_to_nothing_however_often_it_answers(
    judged: pd.DataFrame, world: World
) -> None:
    alone = regret(fitted(judged, steps=1000), world)
    wrong = fitted(judged, source_of(world, "wrong", 3, 20_000), steps=1000)
    assert regret(wrong, world) < alone + 0.01
    assert source_table(wrong)["worth"][0] < 0.05


def test_sources_are_no_people(both: Posterior, judged: pd.DataFrame, sources: Any) -> None:
    people = tuple(judged["participant"].cat.categories)
    assert both.participants == people
    assert_allclose(np.log(both.temperature).mean(axis=1), 0, atol=1e-5)
    assert sorted(participants_table(both)["participant"]) == sorted(people)
    assert sorted(careless_table(both, judged)["participant"]) == sorted(people)
    assert set(both.labels("answerer")) == {"good", "guessing", "biased", "wrong"}
    assert len(both.population[0]) == len(both.embedding)
    seen = seen_judgments(both, sources)
    assert seen is not None
    assert not seen.any()
    counts = both.tree["constant_data"].dataset
    assert int(counts["judgments"].sum()) == len(judged)
    assert int(counts["shown"].sum()) == 3 * len(judged)
    assert "sources" not in " ".join(check(both, choices=judged).missing)


def test_later_stages_take_people_alone(both: Posterior, world: World) -> None:
    held = world.judge(300, seed=8)
    (judged,) = results.score(both, choices=held, resamples=50).judged.values()
    assert judged.judgments == len(held)
    features = FeatureTable(tuple(world.ids), world.embedding.astype(np.float32))
    taught = teacher.teach(both, features, choices=held, folds=3, draws=20)
    assert taught is not None
    found = teacher.predict(both, held[["item_1", "item_2", "item_3"]].astype(str).to_numpy())
    assert len(found) == len(held)


@pytest.mark.parametrize(
    ("engine", "more"),
    [
        ("nuts", {"draws": 10, "tune": 50, "max_depth": 4, "terms": "position"}),
        ("nuts", {"draws": 10, "tune": 50, "max_depth": 4, "similarity": "distance"}),
        ("vi", {"steps": 100, "similarity": "distance", "people": "weights", "groups": GROUPS}),
        ("auto", {"steps": 100, "people": "weights", "groups": GROUPS, "terms": "position"}),
    ],
)
def test_crossings(
    weighers: pd.DataFrame, engine: str, more: dict[str, Any], tmp_path: Path
) -> None:
    items = weighers[["item_1", "item_2", "item_3"]].astype(str)
    source = items.assign(chosen=weighers["chosen"], participant="model")
    posterior = fitted(weighers, read_judgments(source, "sources"), engine=engine, **more)
    posterior.save(tmp_path / "posterior.nc")
    again = Posterior.load(tmp_path / "posterior.nc")
    assert again.attrs["engine"] == ("nuts" if engine == "nuts" else "vi")
    assert "model" not in again.participants
    assert again.labels("answerer") == ("model",)
    assert np.isfinite(source_table(again)["worth"]).all()
    p = again.choice_probabilities(np.array([[0, 1, 2]]), lapse=True)
    assert np.isfinite(log_loss(p, np.array([0]))).all()
    if "groups" in more:
        assert again.for_group("left").labels("answerer") == ()
        assert set(again.group_of) == set(again.participants)


def test_far_more_answers_than_people_gave_are_thinned(world: World) -> None:
    many = pd.concat([source_of(world, kind, 0, 1000) for kind in ("good", "wrong")])
    some = some_answers(many.reset_index(drop=True), judged=70)
    assert some["participant"].value_counts().to_dict() == {"good": 700, "wrong": 700}
    assert some.index.is_monotonic_increasing
    assert len(some_answers(many.reset_index(drop=True), judged=1)) == 2 * 20 * len(world.ids)


def test_import_names_the_source(tmp_path: Path, judged: pd.DataFrame) -> None:
    text, out = tmp_path / "answers.txt", tmp_path / "model.parquet"
    text.write_text("cat dog oak\ncat elm oak\ndog oak elm\n")
    table = import_choices(text, source="model", out=out)
    assert table["participant"].unique().tolist() == ["model"]
    assert len(read_judgments(out, "sources")) == 3
    own, again = tmp_path / "own.csv", tmp_path / "again.parquet"
    table.drop(columns=["session", "level", "correct"]).to_csv(own, index=False)
    assert import_choices(own, source="other", out=again)["participant"].unique() == ["other"]
    assert set(read_sources([out, again])["participant"]) == {"model", "other"}
    with pytest.raises(TwoalikeError, match="answers of a source"):
        fit(choices=out, out=tmp_path / "posterior.nc")
    with pytest.raises(TwoalikeError, match="to fit, found none"):
        fit(sources=out)
    many = [read_judgments(out, "sources").assign(participant=f"m{k}") for k in range(21)]
    with pytest.raises(TwoalikeError, match="at most 20 sources"):
        fit(judged, sources=many, steps=100)
    rated = {"item_a": ["cat"], "item_b": ["dog"], "rating": [3], "scale_points": [7]}
    write_judgments(out, ratings_table(rated, None), provenance("ratings"), "ratings")
    with pytest.raises(TwoalikeError, match="table of sources, found one of ratings"):
        fit(judged, sources=out)
