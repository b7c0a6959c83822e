"""Few-shot classification, probe and shifts, where the answers are known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from twoalike.evaluation import Candidate
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError
from twoalike.transfer import Transfer, TransferSettings, compare_transfer


def measured(
    values: np.ndarray,
    *levels: Sequence[str],
    seed: int = 0,
    **settings: Any,
) -> Transfer:
    """One network on images with these features, and labels from coarse to fine."""
    ids = [f"i{number}" for number in range(len(values))]
    labels = {f"l{k}": dict(zip(ids, of, strict=True)) for k, of in enumerate(levels)}
    table = FeatureTable(tuple(ids), np.asarray(values, dtype=np.float32))
    quick = {"shots": (1, 5), "episodes": 6, "halvings": 2} | settings
    network = Candidate("net", table)
    of = TransferSettings(**quick)
    return compare_transfer([network], labels, ids=ids, settings=of, seed=seed)


def one(found: Transfer, measure: str, level: str = "l0", shots: int | None = None) -> Any:
    """Score of the network by one measure."""
    (score,) = [
        of.models[0]
        for of in found.measures
        if (of.measure, of.level) == (measure, level) and shots in (None, of.shots)
    ]
    return score


@pytest.mark.parametrize("classifier", ["logistic", "nearest-mean"])
def test_features_that_name_the_class_are_always_right(make_world: Any, classifier: Any) -> None:
    world = make_world()
    found = measured(np.eye(16)[world.codes], world.subclass, classifier=classifier)
    assert len(found.measures) == 3
    for of in found.measures:
        assert (of.models[0].low, of.models[0].high, of.chance) == (1.0, 1.0, 1 / 16)


@pytest.mark.parametrize("classifier", ["logistic", "nearest-mean"])
def test_features_that_say_nothing_are_at_chance(
    make_world: Any, rng: np.random.Generator, classifier: Any
) -> None:
    world = make_world(4, 3, 30)
    labels = world.superclass, world.subclass
    found = measured(world.features(rng, p=12), *labels, classifier=classifier)
    for of in found.measures:
        score = of.models[0]
        assert score.low <= of.chance <= score.high
        assert score.value < 2 * of.chance or of.measure == "shift_drop"


def test_subclasses_alone_are_learnt_and_shift_to_chance(
    make_world: Any, rng: np.random.Generator
) -> None:
    world = make_world()
    found = measured(world.features(rng, species=3.0), world.superclass, world.subclass)
    seen, new, drop = (one(found, f"shift_{part}") for part in ("seen", "new", "drop"))
    assert seen.low > 0.9
    assert new.low <= 0.25 <= new.high
    assert drop.low > 0.4
    assert drop.value == pytest.approx(seen.value - new.value)


def test_more_shots_help_and_small_episodes_are_easier(
    make_world: Any, rng: np.random.Generator
) -> None:
    world = make_world()
    values = world.features(rng, species=0.7)
    every = measured(values, world.subclass, episodes=20)
    few = measured(values, world.subclass, ways=3, episodes=60)
    assert one(every, "few_shot", shots=5).value > one(every, "few_shot", shots=1).high
    assert few.measures[0].chance == 1 / 3
    assert one(few, "few_shot", shots=5).value > one(every, "few_shot", shots=5).value


def test_seeds_decide_and_turned_features_score_the_same(
    make_world: Any, rng: np.random.Generator
) -> None:
    """Moved, turned and stretched features are the same to a linear classifier."""
    world = make_world(3, 4, 8)
    values = world.features(rng, family=1.0, species=0.5)
    turn = np.linalg.qr(rng.normal(size=(24, 24)))[0]

    def scores(of: np.ndarray, seed: int) -> np.ndarray:
        found = measured(of, world.superclass, world.subclass, seed=seed)
        return np.array([each.models[0].value for each in found.measures])

    assert_array_equal(scores(values, 3), scores(values, 3))
    assert (scores(values, 3) != scores(values, 4)).any()
    assert np.abs(scores(values, 3) - scores(5 * values @ turn + 2, 3)).max() < 0.02


def left_out(found: Transfer) -> dict[tuple[str, int | None], tuple[str, ...]]:
    return {(of.measure, of.shots): of.left_out for of in found.measures}


def test_small_classes_are_left_out_and_named(rng: np.random.Generator) -> None:
    labels = ["a"] * 8 + ["b"] * 8 + ["c"] * 3 + ["d"]
    found = measured(rng.normal(size=(20, 5)), labels, shots=(1, 5, 9))
    expected = {
        ("few_shot", 1): ("d",),
        ("few_shot", 5): ("c", "d"),
        ("linear_probe", None): ("d",),
    }
    assert left_out(found) == expected
    assert found.missing["few_shot of l0, 9 shots"] == (
        "needs two classes with 10 images, has 0; the largest class has 8"
    )
    five = measured(rng.normal(size=(20, 5)), labels, ways=5)
    assert five.missing["few_shot of l0, 1 shot"] == "needs 5 classes with 2 images, has 3"


def test_superclasses_of_one_subclass_are_left_out_and_named(rng: np.random.Generator) -> None:
    above = [*"aaaaaaaabbbbbbbbcccccd"]
    below = [*"eeeeffffgggghhhhiiiijk"]  # j and k have one image, so c and d have no two
    found = measured(rng.normal(size=(22, 5)), above, below)
    assert left_out(found)["shift_new", None] == ("c", "d")
    assert next(of.classes for of in found.measures if of.measure == "shift_new") == 4
    few = measured(rng.normal(size=(8, 5)), [*"aaaaaabb"], [*"eeefffgg"])
    assert "needs two superclasses" in few.missing["subclass_shift of l0 by l1"]


@pytest.mark.parametrize(
    "wrong",
    [{"shots": (0,)}, {"ways": 1}, {"episodes": 0}, {"classifier": "forest"}, {"folds": 1},
     {"halvings": 0}],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TwoalikeError, match=next(iter(wrong))):
        TransferSettings(**wrong)
