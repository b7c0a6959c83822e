"""Weights of the dimensions by person and by group, against definitions written in numpy."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from tests.chosen import log_likelihoods
from tests.embedding.conftest import GROUPS, NAMES, OBJECTS, PEOPLE

from twoalike.choice import log_choice, random_triplets
from twoalike.embedding import Posterior, build_model, fit
from twoalike.embedding._draws import order_draws
from twoalike.embedding._model import Data
from twoalike.embedding._participants import agreement
from twoalike.embedding._people import Groups, read_groups
from twoalike.study import Study, TwoalikeError


@pytest.mark.parametrize("with_groups", [False, True])
def test_log_weights_sum_to_zero_over_people_and_over_dimensions(
    weighers: pd.DataFrame, with_groups: bool
) -> None:
    settings: dict[str, Any] = {"people": "weights", "dimensions": 4, "prior": "softplus"}
    model = build_model(weighers, groups=GROUPS if with_groups else None, **settings)
    drawn = pm.draw(model["log_weight"], draws=20, random_seed=1, mode="FAST_COMPILE")
    assert drawn.shape == (20, PEOPLE, 4)
    assert drawn.std() > 0.1
    assert_allclose(drawn.sum(axis=1), 0, atol=1e-5)
    assert_allclose(drawn.sum(axis=2), 0, atol=1e-5)


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_equal_weights_are_the_model_without(similarity: str, weighers: pd.DataFrame) -> None:
    data = Data.from_tables({"choices": weighers})
    x = np.random.default_rng(1).gamma(1.0, 1.0, (OBJECTS, 3))
    rest = (np.ones(PEOPLE), np.full(PEOPLE, 0.1), similarity)
    without = log_likelihoods(data, x, *rest)
    equal = log_likelihoods(data, x, *rest, log_weight=np.zeros((PEOPLE, 3)))
    assert_allclose(equal, without, rtol=1e-12)
    one = np.array([[1.0, -0.5, 0.2]])
    weighed = log_likelihoods(data, x, *rest, log_weight=np.repeat(one, PEOPLE, axis=0))
    assert_allclose(weighed, log_likelihoods(data, x * np.exp(one / 2), *rest), rtol=1e-6)


def test_groups_are_looked_up_and_kept(weighed: Posterior, tmp_path: Path) -> None:
    weighed.save(tmp_path / "p.nc")
    again = Posterior.load(tmp_path / "p.nc")
    assert again.group_of == GROUPS
    weights = again.weights
    assert weights is not None
    assert_allclose(np.bincount(weights.group), [5, 7])
    assert_allclose(weights.log.sum(axis=1), 0, atol=1e-4)
    assert_allclose(weights.log.sum(axis=2), 0, atol=1e-4)
    assert_allclose(weights.centre[:, weights.group].mean(axis=1), 0, atol=1e-4)
    assert again.attrs["people"] == "weights"


def test_groups_are_kept_where_people_differ_in_noise_only(weighed: Posterior) -> None:
    group, tree = weighed.tree["posterior"].to_dataset(), weighed.tree.copy()
    tree["posterior"] = group.drop_vars(["log_weight", "group_log_weight"])
    posterior = Posterior(tree)
    assert posterior.group_of == GROUPS
    assert posterior.weights is None
    with pytest.raises(TwoalikeError, match="Fit it with `people=weights`"):
        posterior.for_person("p00")


def test_a_person_is_predicted_with_their_own_weights(weighed: Posterior) -> None:
    triplets, weights = random_triplets(OBJECTS, 30, np.random.default_rng(2)), weighed.weights
    assert weights is not None
    p = weighed.choice_probabilities(triplets, participants=np.full(30, 4))
    expected, sides = np.zeros((30, 3)), np.zeros((3, 30))
    for x, log_weight, noise in zip(
        weighed.embedding, weights.log[:, 4], weighed.temperature[:, 4], strict=True
    ):
        s = (x * np.exp(log_weight)) @ x.T
        i, j, k = triplets.T
        own = (s[i, j], s[i, k], s[j, k])
        expected += np.exp(np.stack(log_choice(own, noise), axis=1)) / len(weighed.embedding)
        sides += np.array(own) / len(weighed.embedding)
    assert_allclose(p, expected, atol=1e-5)
    plugin = weighed.choice_probabilities(triplets, "plugin", participants=np.full(30, 4))
    noise = np.exp(np.log(weighed.temperature[:, 4]).mean())
    of_mean = log_choice((sides[0], sides[1], sides[2]), noise)
    assert_allclose(plugin, np.exp(np.stack(of_mean, axis=1)), atol=1e-6)


def test_agreement_is_by_own_weights(weighed: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of people as at once, and as their answers say."""
    found = agreement(weighed)
    monkeypatch.setattr("twoalike.embedding._participants.BLOCK", 900)
    assert_allclose(agreement(weighed), found, rtol=1e-6)
    triplets = random_triplets(OBJECTS, 300, np.random.default_rng(0))
    p = weighed.choice_draws(triplets, lapse=False, participants=np.full(300, 4)).max(axis=2)
    lapse = weighed.lapse[:, 4]
    assert_allclose(found[:, 4], (1 - lapse) * p.mean(axis=1) + lapse / 3, rtol=1e-5)


def test_a_new_person_is_integrated_over_weights(weighed: Posterior) -> None:
    """Against many people drawn from the groups, at temperature 1 and without lapses."""
    triplets, weights = random_triplets(OBJECTS, 20, np.random.default_rng(3)), weighed.weights
    assert weights is not None
    tree, certain = weighed.tree.copy(), {"lapse_spread": 1e-6, "temperature_spread": 1e-6}
    group = tree["posterior"].to_dataset()
    calm = {name: xr.full_like(group[name], value) for name, value in certain.items()}
    calm |= {"lapse_location": xr.full_like(group["lapse_location"], -30.0)}
    calm |= {name: xr.zeros_like(group[name]) for name in ("lapse_slope", "temperature_slope")}
    tree["posterior"] = group.assign(calm)
    got = Posterior(tree).choice_probabilities(triplets, lapse=True)
    rng, total, n = np.random.default_rng(4), np.zeros((20, 3)), 400
    i, j, k = triplets.T
    for draw, x in enumerate(weighed.embedding):
        z = rng.standard_normal((n, 3))
        z -= z.mean(axis=1, keepdims=True)
        like = rng.integers(0, PEOPLE, n)
        centre = weights.centre[draw][weights.group[like]] + weights.z[like] @ weights.slope[draw]
        for log_weight in centre + weights.spread[draw] * z:
            s = (x * np.exp(log_weight)) @ x.T
            total += np.exp(np.stack(log_choice((s[i, j], s[i, k], s[j, k])), axis=1))
    assert_allclose(got, total / (n * len(weighed.embedding)), atol=0.02)
    p = weighed.choice_probabilities(triplets, lapse=True)
    assert_allclose(weighed.choice_draws(triplets).mean(axis=0), p, atol=1e-5)


def test_the_posterior_of_a_person_answers_as_they_do(weighed: Posterior) -> None:
    triplets = random_triplets(OBJECTS, 30, np.random.default_rng(5))
    own = weighed.for_person("p07")
    assert own.participants == ("p07",)
    for lapse in (False, True):
        assert_allclose(
            own.choice_probabilities(triplets, lapse=lapse, participants=np.zeros(30, dtype=int)),
            weighed.choice_probabilities(triplets, lapse=lapse, participants=np.full(30, 7)),
            atol=1e-5,
        )
    weights = weighed.weights
    assert weights is not None
    views = weighed.embedding * np.exp(weights.log[:, 7, None] / 2)
    assert_allclose(own.similarity(), np.mean([x @ x.T for x in views], axis=0), rtol=1e-4)
    with pytest.raises(TwoalikeError, match="one of the 12 participants"):
        weighed.for_person("nobody")


def test_the_posterior_of_a_group_keeps_its_people(weighed: Posterior, tmp_path: Path) -> None:
    left, weights = weighed.for_group("left"), weighed.weights
    assert weights is not None and left.participants == tuple(NAMES[:5])
    expected = weighed.embedding * np.exp(weights.centre[:, 0, None] / 2)
    assert_allclose(left.embedding, expected, rtol=1e-4)
    triplets, third = random_triplets(OBJECTS, 30, np.random.default_rng(5)), np.full(30, 3)
    assert_allclose(
        left.choice_probabilities(triplets, participants=third),
        weighed.choice_probabilities(triplets, participants=third),
        atol=1e-5,
    )
    left.save(tmp_path / "left.nc")
    assert Posterior.load(tmp_path / "left.nc").weights is not None
    with pytest.raises(TwoalikeError, match="found 'up'. It has left, right"):
        weighed.for_group("up")


def test_dropped_dimensions_leave_the_gauge_and_the_answers(rng: np.random.Generator) -> None:
    shape = (1, 4)
    x, log_weight = rng.gamma(1.0, 1.0, (*shape, 8, 5)), rng.standard_normal((*shape, 6, 5))
    x[..., 3:] *= 1e-3
    log_weight -= log_weight.mean(axis=2, keepdims=True)
    log_weight -= log_weight.mean(axis=3, keepdims=True)
    draws = {"embedding": x, "log_weight": log_weight, "temperature": np.ones((*shape, 6))}
    draws |= {name: np.ones(shape) for name in ("weight_spread", "temperature_spread")}
    for similarity in ("dot", "distance"):
        kept = order_draws(draws, similarity, drop=True)
        assert kept["embedding"].shape == (*shape, 8, 3)
        for axis in (2, 3):
            assert_allclose(kept["log_weight"].sum(axis=axis), 0, atol=1e-5)
        assert_allclose(np.log(kept["temperature"]).sum(axis=2), 0, atol=1e-5)
        sides = []
        for one in (draws, kept):
            views = one["embedding"][:, :, None] * np.exp(one["log_weight"] / 2)[..., None, :]
            if similarity == "dot":
                s = views @ np.swapaxes(views, -1, -2)
            else:
                s = -np.linalg.norm(views[..., :, None, :] - views[..., None, :, :], axis=-1)
            sides.append(s / one["temperature"][..., None, None])
        assert_allclose(sides[1], sides[0], atol=1e-2)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("participant\tkind\np00\tleft\n", "groups of participants with the column 'group'"),
        ("participant\tgroup\np00\tleft\n", "expected a group of each of the 12 participants"),
        ("participant\tgroup\np00\tleft\np00\tright\n", "expected each participant once"),
        (
            "participant\tgroup\n" + "".join(f"{name}\tleft\n" for name in NAMES),
            "expected two groups of participants or more, found 12 of 12 in a group, 'left'",
        ),
    ],
)
def test_a_bad_file_of_groups_is_refused_in_one_line(
    lines: str, says: str, weighers: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "groups.tsv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(TwoalikeError, match=says) as refused:
        fit(weighers, groups=path, people="weights", quick=True)
    assert "groups" in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(TwoalikeError, match=says) as refused:
        build_model(weighers, groups=path, people="weights")
    assert str(path) in str(refused.value)


def test_groups_of_a_study_are_a_column_of_its_participants(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('title = "Hands"\nseed = 1\n', encoding="utf-8")
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    rows = "participant_id\thand\nsub-001\tleft\nsub-002\tright\nsub-003\tn/a\n"
    (raw / "participants.tsv").write_text(rows, encoding="utf-8")
    found = read_groups("hand", Study.load(tmp_path))
    assert found == {"001": "left", "002": "right", "003": "n/a"}
    with pytest.raises(TwoalikeError, match="with the column 'age'"):
        read_groups("age", Study.load(tmp_path))
    (raw / "participants.tsv").write_text(rows.replace("hand", "group"), encoding="utf-8")
    assert read_groups(raw / "participants.tsv") == found
    groups = Groups.assign(found, ("002", "003", "001"))
    assert (groups.names, groups.of.tolist()) == (("right", "left", "n/a"), [0, 2, 1])
    assert groups.counts == {"right": 1, "left": 1}


def test_weights_need_two_people_and_two_dimensions(weighers: pd.DataFrame) -> None:
    alone = weighers[weighers["participant"] == "p00"]
    with pytest.raises(TwoalikeError, match="with two participants or more, found 1"):
        fit(alone, people="weights", quick=True)
    with pytest.raises(TwoalikeError, match="with two dimensions or more, found 1"):
        fit(weighers, people="weights", dimensions=1)
