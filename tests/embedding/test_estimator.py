"""The estimator keeps scikit-learn's protocol and gives the answers of the posterior."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("sklearn")

from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_validate
from sklearn.utils import estimator_checks as suite
from sklearn.utils.validation import check_is_fitted

from twoalike.embedding import OddOneOutEmbedding
from twoalike.study import TwoalikeError

QUICK = {"steps": 100, "draws": 5, "chains": 1}


def quick(**more: Any) -> OddOneOutEmbedding:
    return OddOneOutEmbedding(engine="vi", objects=30, options=QUICK, **{"n_components": 3} | more)


def arrays(world: Any, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triplets, column of the odd one, who judged."""
    table = world.judge(n, seed)
    x = np.stack([table[f"item_{k}"].cat.codes for k in (1, 2, 3)], axis=1)
    return x, table["chosen"].to_numpy() - 1, table["participant"].to_numpy(dtype=object)


CHECKS = [
    suite.check_estimator_cloneable,
    suite.check_estimator_tags_renamed,
    suite.check_valid_tag_types,
    suite.check_estimator_repr,
    suite.check_no_attributes_set_in_init,
    suite.check_estimators_unfitted,
    suite.check_do_not_raise_errors_in_init_or_set_params,
    suite.check_mixin_order,
    suite.check_get_params_invariance,
    suite.check_set_params,
    suite.check_parameters_default_constructible,
    suite.check_fit1d,
    suite.check_fit2d_1feature,
    suite.check_complex_data,
]
"""Those of the suite that need no fit to data of their own: theirs are no triplets."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_scikit_learns_own_checks(check: Callable[[str, Any], None]) -> None:
    check("OddOneOutEmbedding", OddOneOutEmbedding())


@pytest.fixture(scope="module")
def fitted(world: Any) -> OddOneOutEmbedding:
    x, y, who = arrays(world, 1500, 1)
    options = {"steps": 600, "draws": 40}
    return OddOneOutEmbedding(engine="vi", options=options).fit(x, y, who)


def test_a_fit_predicts_what_was_not_seen(world: Any, fitted: OddOneOutEmbedding) -> None:
    x, y, who = arrays(world, 1500, 50)
    assert fitted.embedding_.shape[0] == 30 == len(fitted.objects_)
    truth = (world.probabilities(x).argmax(axis=1) == y).mean()
    assert fitted.score(x, y, who) > truth - 0.05
    assert fitted.score(x, y) > truth - 0.06
    check_is_fitted(fitted)
    assert is_classifier(fitted)


def test_probabilities_are_the_posteriors(world: Any, fitted: OddOneOutEmbedding) -> None:
    x, _, who = arrays(world, 30, 51)
    p = fitted.predict_proba(x)
    assert_allclose(p, fitted.posterior_.choice_probabilities(x, lapse=True))
    assert (fitted.predict(x) == p.argmax(axis=1)).all()
    own = fitted.predict_proba(x, who)
    place = [fitted.posterior_.participants.index(name) for name in who]
    expected = fitted.posterior_.choice_probabilities(
        x, lapse=True, participants=np.array(place, dtype=np.int64)
    )
    assert_allclose(own, expected)
    strangers = np.array(["nobody"] * 30)
    assert_allclose(fitted.predict_proba(x, strangers), p, atol=1e-7)


def test_ids_and_indices_give_the_same_fit(world: Any) -> None:
    x, y, _ = arrays(world, 200, 2)
    by_index = quick().fit(x, y)
    names = np.array(world.ids)
    assert len(np.unique(x)) == 30
    by_name = OddOneOutEmbedding(3, engine="vi", options=QUICK).fit(names[x], y)
    assert by_name.objects_ == tuple(world.ids)
    assert_allclose(by_name.embedding_, by_index.embedding_)
    assert_allclose(by_name.predict_proba(names[x[:9]]), by_index.predict_proba(x[:9]))
    with pytest.raises(ValueError, match="'cat' is not one of the 30 objects"):
        by_name.predict([["cat", world.ids[0], world.ids[1]]])


def test_clones_are_unfitted_and_alike(fitted: OddOneOutEmbedding, world: Any) -> None:
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict([[0, 1, 2]])


def test_cross_validation_with_participants(world: Any) -> None:
    x, y, who = arrays(world, 240, 2)
    scores = cross_validate(
        quick(),
        x,
        y,
        cv=2,
        scoring=["accuracy", "neg_log_loss"],
        params={"participants": who},
        error_score="raise",
    )
    assert scores["test_accuracy"].shape == (2,)
    assert (scores["test_neg_log_loss"] < 0).all()


@pytest.mark.parametrize(
    ("x", "y", "complaint"),
    [
        ([[0, 1]], [0], "shape"),
        ([[0, 1, 1]], [0], "row 0 holds an object twice"),
        ([[0, 1, 2.5]], [0], "whole numbers"),
        ([[0, 1, np.nan]], [0], "NaN"),
        ([[0, 1, 40]], [0], "40 is not one of the 30 objects"),
        ([[0, 1, -1]], [0], "-1 is not one of the 30 objects"),
        ([["a", "b", "c"]], [0], "the triplets hold ids"),
        ([[0, 1, 2]], [3], "0, 1 or 2"),
        ([[0, 1, 2]], [0, 1], "one answer a triplet"),
        (np.empty((0, 3), dtype=int), [], "shape"),
    ],
)
def test_wrong_input_is_one_clear_line(x: Any, y: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        quick().fit(x, y)
    assert isinstance(raised.value, TwoalikeError)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"engine": "magic"}, "engine"),
        ({"n_components": 0}, "n_components"),
        ({"random_state": -1}, "random_state"),
        ({"options": {"stepz": 3}}, "stepz"),
        ({"features": np.ones((3, 2))}, "features"),
        ({"objects": ["a", "a", "b"]}, "an id stands twice"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        OddOneOutEmbedding(**settings).fit([[0, 1, 2], [1, 2, 3]], [0, 1])
    assert "\n" not in str(raised.value)


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        OddOneOutEmbedding().set_params(colour="red")


def test_anchored_choices(world: Any) -> None:
    table = world.judge(1500, 5, kind="anchored")
    x = np.stack([table[f"item_{k}"].cat.codes for k in (1, 2, 3)], axis=1)
    y = table["chosen"].to_numpy() - 1
    model = quick(kind="anchored").fit(x[:1200], y[:1200])
    p = model.predict_proba(x[1200:])
    assert not p[:, 0].any()
    assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)
    assert set(model.predict(x[1200:])) == {1, 2}
    assert model.score(x[1200:], y[1200:]) > 0.6  # by chance 0.5
    near_first = np.where(y[:, None] == 1, x, x[:, [0, 2, 1]])
    default = quick(kind="anchored").fit(near_first[:1200])
    assert_allclose(
        default.embedding_, quick(kind="anchored").fit(near_first[:1200], np.ones(1200)).embedding_
    )
    with pytest.raises(ValueError, match="more like the reference, 1 or 2"):
        quick(kind="anchored").fit(x, np.zeros(len(x)))
    with pytest.raises(ValueError, match="kind: expected one of odd_one_out, anchored"):
        quick(kind="near").fit(x, y)
