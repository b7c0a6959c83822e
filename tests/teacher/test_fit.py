"""The fitted map: recovery on objects nobody judged, the control, the invariances."""

import numpy as np
import pytest
from tests.teacher.conftest import Draws, World, drawn

from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError
from twoalike.teacher import (
    AffineTeacher,
    Choices,
    TeachConfig,
    UninformativeError,
    fit_teacher,
    sample_triplets,
    score_soft,
)


def accuracy(teacher: AffineTeacher, world: World, rng: np.random.Generator) -> float:
    triplets = world.unseen(5000, rng)
    p = teacher.choice_probabilities(triplets, world.features)
    return score_soft(np.log(p), world.true_probabilities(triplets))["accuracy"]


def test_validation_foretells_the_score_on_new_objects(
    world: World, fitted: AffineTeacher, rng: np.random.Generator
) -> None:
    said = fitted.description["validation"]["soft_labels"]
    assert said["untransformed"]["accuracy"] < said["teacher"]["accuracy"]
    assert said["teacher"]["accuracy"] <= said["ceiling"]["accuracy"]
    assert abs(said["teacher"]["accuracy"] - accuracy(fitted, world, rng)) < 0.05


def test_rotating_each_draw_changes_nothing(
    world: World, fitted: AffineTeacher, rng: np.random.Generator
) -> None:
    """A posterior's coordinates mean nothing; only similarities do."""
    turned = np.stack(
        [x @ np.linalg.qr(rng.standard_normal((4, 4)))[0] for x in world.posterior.embedding]
    ).astype(np.float32)
    two = fit_teacher(Draws(world.posterior.ids, turned), world.features)
    triplets = world.unseen(500, rng)
    np.testing.assert_allclose(
        fitted.choice_probabilities(triplets, world.features),
        two.choice_probabilities(triplets, world.features),
        atol=1e-4,
    )


def test_scale_and_shift_of_features_change_nothing(
    world: World, fitted: AffineTeacher, rng: np.random.Generator
) -> None:
    values = (7.0 * world.features.values + 5.0).astype(np.float32)
    other = FeatureTable(world.features.ids, values, world.features.meta)
    triplets = world.unseen(500, rng)
    np.testing.assert_allclose(
        fitted.choice_probabilities(triplets, world.features),
        fit_teacher(world.posterior, other).choice_probabilities(triplets, other),
        atol=1e-3,
    )


def test_unjudged_objects_of_the_posterior_are_left_out(
    world: World, fitted: AffineTeacher, rng: np.random.Generator
) -> None:
    """Objects known from the prior alone teach nothing, if they are named."""
    junk = rng.gamma(1.0, 1.0, size=(10, 80, 4)).astype(np.float32)
    both = Draws(world.features.ids, np.concatenate([world.posterior.embedding, junk], axis=1))
    judged = np.arange(len(both.ids)) < world.n_judged
    marked = fit_teacher(both, world.features, judged=judged)
    np.testing.assert_allclose(
        marked.weight.T @ marked.weight, fitted.weight.T @ fitted.weight, atol=1e-5
    )
    mixed = fit_teacher(both, world.features, TeachConfig(folds=4, triplets=8000))
    new = np.random.default_rng
    assert accuracy(marked, world, new(1)) > accuracy(mixed, world, new(1)) + 0.02


def test_judged_objects_may_keep_their_places(
    world: World, fitted: AffineTeacher, rng: np.random.Generator
) -> None:
    """Then judged objects are as alike as the posterior says, and others are as before."""
    plain = fitted
    mixed = fit_teacher(world.posterior, world.features, TeachConfig(known=True))
    unseen, judged = world.unseen(500, rng), sample_triplets(world.n_judged, 5000, rng)
    one, two = (t.choice_probabilities(unseen, world.features) for t in (plain, mixed))
    np.testing.assert_array_equal(one, two)
    across = np.column_stack([judged[:, :2], unseen[:, :1].repeat(10, axis=0)])
    for triplets, gain in ((judged, 0.02), (across, 0.0)):
        truth = world.true_probabilities(triplets)
        before, after = (
            score_soft(np.log(t.choice_probabilities(triplets, world.features)), truth)["log_loss"]
            for t in (plain, mixed)
        )
        assert after < before - gain


def judgments(world: World, n: int, rng: np.random.Generator, lapse: float = 0.0) -> Choices:
    triplets = sample_triplets(world.n_judged, n, rng)
    p = (1 - lapse) * world.true_probabilities(triplets) + lapse / 3
    return Choices(triplets, drawn(p, rng), lapse)


def anchored_judgments(world: World, n: int, rng: np.random.Generator) -> Choices:
    """Which of two objects is more like the first; the other one counts as the odd one."""
    triplets = sample_triplets(world.n_judged, n, rng)
    p = world.true_probabilities(triplets)[:, 1:]
    odd = 1 + (rng.random(n) > p[:, 0] / p.sum(axis=1))
    return Choices(triplets, odd, anchored=np.ones(n, dtype=bool))


def test_anchored_choices_settle_a_teacher(world: World, rng: np.random.Generator) -> None:
    near, odd = anchored_judgments(world, 3000, rng), judgments(world, 500, rng)
    config = TeachConfig(folds=3, triplets=2000)
    said = fit_teacher(world.posterior, world.features, config, choices=near).description
    assert said["settled_on"] == "choices"
    assert all(np.isfinite(row["log_loss"]) for row in said["penalty"]["tried"])
    assert "choices" not in said["validation"]
    scores = said["validation"]["anchored_choices"]
    assert scores["n"] == 3000
    assert scores["teacher"]["accuracy"] > scores["untransformed"]["accuracy"] + 0.05
    assert scores["teacher"]["log_loss"] < scores["untransformed"]["log_loss"] < np.log(2) + 0.01
    both = Choices(
        np.concatenate([odd.triplets, near.triplets]),
        np.concatenate([odd.chosen, near.chosen]),
        anchored=np.arange(3500) >= 500,
    )
    said = fit_teacher(world.posterior, world.features, choices=both).description
    parts = said["validation"]
    assert (parts["choices"]["n"], parts["anchored_choices"]["n"]) == (500, 3000)
    assert (
        parts["choices"]["teacher"]["accuracy"] < parts["anchored_choices"]["teacher"]["accuracy"]
    )


def test_choices_correct_a_posterior_that_is_too_sure(
    world: World, rng: np.random.Generator
) -> None:
    """Soft labels pass over-confidence on; people's choices, lapses and all, undo it."""
    sure = Draws(world.posterior.ids, np.sqrt(2.5) * world.posterior.embedding)
    triplets = world.unseen(5000, rng)
    truth = world.true_probabilities(triplets)
    losses = []
    for choices in (None, judgments(world, 4000, rng, lapse=0.2)):
        teacher = fit_teacher(sure, world.features, choices=choices)
        logits = np.log(teacher.choice_probabilities(triplets, world.features))
        losses.append(score_soft(logits, truth)["log_loss"])
        best = min((0.4, 0.6, 0.8, 1.0, 1.25), key=lambda t: score_soft(logits * t, truth)["kl"])
    assert losses[1] < losses[0] - 0.02
    assert best >= 0.8


def test_what_cannot_be_fitted_says_so(world: World, rng: np.random.Generator) -> None:
    few = Draws(world.posterior.ids[:5], world.posterior.embedding[:, :5])
    with pytest.raises(TwoalikeError, match="at least 6 judged objects, found features of 5 of 5"):
        fit_teacher(few, world.features)
    strangers = Draws(tuple(f"stranger {n}" for n in range(120)), world.posterior.embedding)
    with pytest.raises(
        TwoalikeError, match=r"0 of 120 \(judged: stranger 0, .*features: object 0,"
    ):
        fit_teacher(strangers, world.features)
    flat = FeatureTable(world.features.ids, np.ones_like(world.features.values))
    with pytest.raises(TwoalikeError, match="the same for all 120"):
        fit_teacher(world.posterior, flat)


def test_a_map_that_predicts_nothing_is_refused_and_never_empty(rng: np.random.Generator) -> None:
    """One positive dimension, features of noise: the main effect alone is no map."""
    refused = 0
    for _ in range(8):
        x = 5 * rng.uniform(size=(1, 54, 1)).astype(np.float32)
        ids = tuple(f"o{number}" for number in range(54))
        noise = FeatureTable(ids, rng.normal(size=(54, 30)).astype(np.float32))
        try:
            teacher = fit_teacher(Draws(ids, x), noise, TeachConfig(folds=3, triplets=2000))
        except UninformativeError:
            refused += 1
        else:
            assert teacher.embed(noise).shape[1] > 0
    assert refused > 0
