"""Few-shot classification, linear probe and new subclasses, where the answers are known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from twoalike.study import TwoalikeError
from twoalike.transfer import NotMeasurable, few_shot, linear_probe, other_set, subclass_shift
from twoalike.transfer._classification import deal_folds
from twoalike.transfer._classifier import (
    LinearClassifier,
    chosen_strength,
    fit_classifier,
    hold_out,
)

MEASURES: dict[str, Callable[..., Any]] = {
    "few_shot": few_shot,
    "linear_probe": linear_probe,
    "subclass_shift": lambda values, labels, **more: subclass_shift(
        values, [label[0] for label in labels], labels, **more
    ),
}


@pytest.mark.parametrize("classifier", ["logistic", "nearest-mean"])
@pytest.mark.parametrize("shots", [1, 5])
def test_features_that_name_the_class_are_always_right(
    make_world: Any, classifier: Any, shots: int
) -> None:
    world = make_world()
    values = np.eye(16)[world.codes]
    found = few_shot(values, world.subclass, shots, episodes=4, classifier=classifier)
    assert (found.interval().low, found.interval().high) == (1.0, 1.0)
    assert found.chance == 1 / 16
    assert linear_probe(values, world.subclass).interval().low == 1.0


@pytest.mark.parametrize("classifier", ["logistic", "nearest-mean"])
def test_features_that_say_nothing_are_at_chance(
    make_world: Any, rng: np.random.Generator, classifier: Any
) -> None:
    world = make_world(4, 3, 30)
    values = world.features(rng, p=12)
    for found in (
        few_shot(values, world.subclass, 5, episodes=10, classifier=classifier),
        linear_probe(values, world.subclass),
        subclass_shift(values, world.superclass, world.subclass).new,
    ):
        assert found.interval().low <= found.chance <= found.interval().high
        assert found.interval().value < 2 * found.chance


def test_superclasses_alone_shift_well_and_tell_no_subclass(
    make_world: Any, rng: np.random.Generator
) -> None:
    world = make_world()
    values = world.features(rng, family=3.0)
    found = subclass_shift(values, world.superclass, world.subclass)
    assert found.new.interval().low > 0.95
    assert found.drop().interval().low <= 0 <= found.drop().interval().high
    probe = linear_probe(values, world.subclass)
    assert probe.interval().low < 1 / 4 < probe.interval().high  # the family's four species
    assert linear_probe(values, world.superclass).interval().value > 0.98


def test_subclasses_alone_are_learnt_and_shift_to_chance(
    make_world: Any, rng: np.random.Generator
) -> None:
    world = make_world()
    found = subclass_shift(world.features(rng, species=3.0), world.superclass, world.subclass)
    assert found.seen.interval().low > 0.9
    assert found.new.interval().low <= 0.25 <= found.new.interval().high
    assert found.drop().interval().low > 0.4
    assert found.drop().interval().value == pytest.approx(
        found.seen.interval().value - found.new.interval().value
    )


def test_more_shots_help_and_small_episodes_are_easier(
    make_world: Any, rng: np.random.Generator
) -> None:
    world = make_world()
    values = world.features(rng, species=0.7)
    one, five = (few_shot(values, world.subclass, k) for k in (1, 5))
    assert five.minus(one).interval().low > 0
    small = few_shot(values, world.subclass, 5, ways=3, episodes=60)
    assert small.chance == 1 / 3
    assert small.interval().value > five.interval().value
    assert_array_equal((~np.isnan(small.values)).sum(axis=1), 3)


@pytest.mark.parametrize("measure", MEASURES)
def test_seeds_decide_and_networks_meet_the_same(
    make_world: Any, rng: np.random.Generator, measure: str
) -> None:
    world, score = make_world(3, 4, 8), MEASURES[measure]
    labels = [f"{p}{c}" for p, c in zip(world.parents, world.codes, strict=True)]
    values = world.features(rng, family=1.0, species=0.5)

    def scores(of: np.ndarray, seed: int) -> list[np.ndarray]:
        found = score(of, labels, seed=seed)
        return [x.values for x in ((found.seen, found.new) if hasattr(found, "new") else (found,))]

    assert_array_equal(scores(values, 3), scores(values, 3))
    assert any((a != b).any() for a, b in zip(scores(values, 3), scores(values, 4), strict=True))
    # Moved, turned and stretched features are the same to a linear classifier.
    turn = np.linalg.qr(rng.normal(size=(24, 24)))[0]
    for a, b in zip(scores(values, 3), scores(5 * values @ turn + 2, 3), strict=True):
        assert np.abs(a - b).max() < 0.35
        assert abs(np.nanmean(a - b)) < 0.01


def test_ties_are_shared(rng: np.random.Generator) -> None:
    same = LinearClassifier(np.zeros((3, 4), np.float32), np.zeros(4, np.float32))
    assert_array_equal(same.hits(rng.normal(size=(4, 3)).astype(np.float32), np.arange(4)), 0.25)
    two = LinearClassifier(np.zeros((3, 3), np.float32), np.array([1, 1, 0], np.float32))
    assert_array_equal(two.hits(np.ones((3, 3), np.float32), np.arange(3)), [0.5, 0.5, 0.0])


@pytest.mark.parametrize("classes", [2, 5])
def test_few_images_in_many_dimensions_give_scikit_learns_solution(
    rng: np.random.Generator, classes: int
) -> None:
    from sklearn.linear_model import LogisticRegression

    codes = np.arange(10) % classes
    values = rng.normal(size=(10, 40)).astype(np.float32)
    fitted = fit_classifier(values, codes, "logistic", 1.0)
    rows = (values - values.mean(axis=0)).astype(float)
    rows /= np.sqrt((rows**2).sum(axis=1).mean())
    model = LogisticRegression(tol=1e-8, max_iter=1000).fit(rows, codes)
    new = rng.normal(size=(200, 40)).astype(np.float32)
    moved = (new - values.mean(axis=0)) / np.sqrt(
        ((values - values.mean(axis=0)) ** 2).sum(axis=1).mean()
    )
    own = new @ fitted.weights + fitted.offsets
    theirs = model.decision_function(moved)
    if classes == 2:
        own = own[:, 1] - own[:, 0]
    else:
        own, theirs = own - own.mean(axis=1, keepdims=True), theirs - theirs.mean(axis=1)[:, None]
    assert np.abs(own - theirs).max() < 0.02 * np.abs(theirs).max()


def test_regularisation_is_chosen_by_what_is_held_out(rng: np.random.Generator) -> None:
    codes = np.repeat([0, 1], 100)
    noise = rng.normal(size=(200, 30))
    # One small component tells the classes, large ones do not: it takes weights that are large.
    fine = np.column_stack([0.2 * (2 * codes - 1), noise]).astype(np.float32)
    assert chosen_strength(fine, codes, rng) == 100.0
    assert chosen_strength(np.eye(2, dtype=np.float32)[codes], codes, rng) == 0.1  # all are right


def test_a_quarter_is_held_out_of_each_class(rng: np.random.Generator) -> None:
    codes = np.repeat([0, 1, 2, 3], [1, 2, 8, 21])
    held = hold_out(codes, rng)
    assert_array_equal(np.bincount(codes[held], minlength=4), [0, 1, 2, 5])


def test_folds_share_out_every_class(rng: np.random.Generator) -> None:
    codes = np.repeat([0, 1, 2], [2, 7, 11])
    fold = deal_folds(codes, 5, rng)
    counts = np.stack([np.bincount(fold[codes == c], minlength=5) for c in range(3)])
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert_array_equal(counts.sum(axis=0), 4)


def test_small_classes_are_left_out_and_named(rng: np.random.Generator) -> None:
    labels = ["a"] * 8 + ["b"] * 8 + ["c"] * 3 + ["d"]
    values = rng.normal(size=(20, 5))
    assert few_shot(values, labels, 5).left_out == ("c", "d")
    assert few_shot(values, labels, 1).left_out == ("d",)
    assert linear_probe(values, labels).left_out == ("d",)
    with pytest.raises(NotMeasurable, match="needs two classes with 10 images, has 0; the largest"):
        few_shot(values, labels, 9)
    with pytest.raises(NotMeasurable, match="needs 5 classes with 2 images, has 3"):
        few_shot(values, labels, 1, ways=5)
    with pytest.raises(NotMeasurable, match="needs two classes, has 1"):
        linear_probe(values, ["a"] * 20)


def test_superclasses_of_one_subclass_are_left_out_and_named(rng: np.random.Generator) -> None:
    above = [*"aaaaaaaabbbbbbbbcccccd"]
    below = [*"eeeeffffgggghhhhiiiijk"]  # j and k have one image, so c and d have no two
    found = subclass_shift(rng.normal(size=(22, 5)), above, below)
    assert found.seen.classes == tuple("efgh")
    assert found.seen.left_out == ("c", "d")
    assert found.seen.values.shape == (2, 4)  # two halvings are all there are
    with pytest.raises(NotMeasurable, match="needs two superclasses"):
        subclass_shift(rng.normal(size=(8, 5)), above[:8], below[:8])
    with pytest.raises(NotMeasurable, match="'e' lies in 'a' and in 'b'"):
        subclass_shift(rng.normal(size=(4, 2)), [*"aabb"], [*"efeg"])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones((8, 3)), "all 8 images have the same features"),
        (np.full((8, 3), np.nan), "NaN or infinite values in 8 of 8 rows"),
        (np.ones(8), "expected numbers of shape"),
        (np.eye(7), "label"),
    ],
)
def test_wrong_features_are_refused(measure: str, values: np.ndarray, said: str) -> None:
    with pytest.raises(TwoalikeError, match=said) as caught:
        MEASURES[measure](values, ["xa", "xa", "xb", "xb", "yc", "yc", "yd", "yd"])
    assert not isinstance(caught.value, NotMeasurable)


def test_wrong_settings_and_labels_are_refused(rng: np.random.Generator) -> None:
    values, labels = rng.normal(size=(6, 3)), [*"aaabbb"]
    with pytest.raises(TwoalikeError, match="image 2 of 6 has no label"):
        few_shot(values, ["a", "", "a", "b", "b", "b"])
    for wrong in ({"shots": 0}, {"ways": 1}, {"episodes": 0}, {"classifier": "forest"}):
        with pytest.raises(TwoalikeError, match=next(iter(wrong))):
            few_shot(values, labels, **{"shots": 1} | wrong)
    with pytest.raises(TwoalikeError, match="folds"):
        linear_probe(values, labels, folds=1)
    with pytest.raises(TwoalikeError, match="halvings"):
        subclass_shift(values, labels, [*"ccdeef"], halvings=0)


def test_another_set_is_told_as_far_as_it_looks_alike(
    make_world: Any, rng: np.random.Generator
) -> None:
    """The same classes, the classes of the others, and classes that cannot be told."""
    world = make_world(4, 3, 30)
    values = np.eye(12)[world.codes]
    turned = {
        name: world.subclass[(world.codes == (k + 1) % 12).argmax()]
        for k, name in enumerate(np.unique(world.subclass))
    }
    for others, labels, least, most in (
        (values, world.subclass, 1.0, 1.0),
        (values, [turned[name] for name in world.subclass], 0.0, 0.0),
        (rng.normal(size=values.shape), world.subclass, 0.02, 0.2),
    ):
        found = other_set(values, world.subclass, others, labels)
        assert least <= found.interval().value <= most
        assert found.chance == 1 / 12


def test_another_set_may_have_other_classes(make_world: Any) -> None:
    """Of 200 classes of ImageNet-A a classifier of 1,000 is asked among the 200."""
    world = make_world(4, 3, 30)
    values, labels = np.eye(12)[world.codes], np.asarray(world.subclass)
    some = world.codes < 5
    renamed = np.where(world.codes == 4, "unheard of", labels)
    found = other_set(values, labels, values[some], renamed[some].tolist())
    assert len(found.classes) == 4
    assert len(found.left_out) == 9
    assert found.interval().value == 1.0
    with pytest.raises(NotMeasurable, match="needs two classes that both sets have"):
        other_set(values, labels, values[some], ["unheard of"] * some.sum())
    with pytest.raises(TwoalikeError, match="expected 12 features as in the first set, found 5"):
        other_set(values, labels, values[:, :5], labels)
