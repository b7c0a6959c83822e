"""Differences between groups of people: found where they are, and not where they are not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.posteriors import posterior_of

from twoalike.embedding import WIDTHS, Posterior, compare_groups, enough, view_groups
from twoalike.embedding._dimensions import dimension_shares
from twoalike.embedding._groups import linked
from twoalike.study import TwoalikeError

OBJECTS, DIMENSIONS, DRAWS = 8, 3, 6
GROUPS = {f"p{k}": "first" if k < 10 else "second" for k in range(20)}
SECOND = (np.arange(20) >= 10).astype(float)


def weighted(shift: float, seed: int, of: np.ndarray = SECOND) -> Posterior:
    """Posterior of twenty people, who weigh dimension 1 more by a shift times their number."""
    rng = np.random.default_rng(seed)
    log = 0.4 * rng.normal(size=(20, DIMENSIONS))
    log += shift * of[:, None] * np.array([1.0, -0.5, -0.5])
    log -= log.mean(axis=0)
    log -= log.mean(axis=1, keepdims=True)
    x, size = rng.gamma(1.0, 1.0, (OBJECTS, DIMENSIONS)), (2, DRAWS)
    draws = {
        "embedding": x + 0.01 * rng.random((*size, *x.shape)),
        "log_weight": log + 0.05 * rng.normal(size=(*size, *log.shape)),
        "weight_spread": np.full(size, 0.4),
    }
    objects = [f"o{k}" for k in range(OBJECTS)]
    return posterior_of(draws, {"object": objects, "participant": list(GROUPS)})


def alike(model: Posterior, log: np.ndarray) -> np.ndarray:
    """Similarities of all pairs to each person, less their mean, (people, pairs)."""
    x = model.embedding.mean(axis=0)
    pairs = np.einsum("id,pd,jd->pij", x, np.exp(log), x)[:, *np.triu_indices(OBJECTS, 1)]
    return np.asarray(pairs - pairs.mean(axis=1, keepdims=True))


def test_a_difference_is_found_where_it_is() -> None:
    found = compare_groups(weighted(1.2, 0), GROUPS, permutations=199, resamples=100, seed=1)
    (one,) = found["differences"]
    assert found["people"] == {one["first"]: 10, one["second"]: 10} and one["second"] == "second"
    assert one["p"] == pytest.approx(1 / 200)
    first = one["dimensions"][0]
    assert first["low"] < first["difference"] < first["high"]
    assert first["low"] > 0.3 and first["effect"] > 1 and first["p"] <= 0.02
    pair, next_pair = one["pairs"][:2]
    assert len(pair["items"]) == 2 and pair["p"] <= 0.05
    assert pair["low"] <= pair["difference"] <= pair["high"]
    assert pair["p"] == next_pair["p"]  # 1 / 200: of these the most different first
    assert abs(pair["difference"]) >= abs(next_pair["difference"])


def test_people_without_a_group_are_left_out_and_counted() -> None:
    model, left_out = weighted(1.2, 0), ("p0", "p12", "p13")
    known = {name: group for name, group in GROUPS.items() if name not in left_out}
    found = compare_groups(model, known | {"p12": "n/a"}, permutations=99, resamples=50, seed=1)
    assert found["people"] == {"first": 9, "second": 8} and found["left_out"] == 3
    assert found["group_of"] == known | dict.fromkeys(left_out, "n/a")
    (one,) = found["differences"]
    assert model.weights is not None and one["p"] <= 0.02
    log = model.weights.unshrunk()
    second, first = log[[10, 11, *range(14, 20)]].mean(axis=0), log[1:10].mean(axis=0)
    differences = [row["difference"] for row in one["dimensions"]]
    np.testing.assert_allclose(differences, second - first)
    views = view_groups(model, known, resamples=20)
    assert views.names == ("first", "second") and (views.of == 2).sum() == 3
    np.testing.assert_allclose(views.log, [first, second])


PARTS = ("dimensions", "clusters", "pairs")
LABELS = {
    "kind": {f"o{k}": "plant" if k < 3 else "animal" for k in range(OBJECTS)},
    "one": {f"o{k}": "thing" for k in range(OBJECTS)},  # all objects are in it: nothing to compare
    "none": {f"o{k}": "n/a" for k in range(5)},
}


def test_clusters_differ_by_the_mean_of_their_pairs() -> None:
    model = weighted(1.2, 0)
    found = compare_groups(model, GROUPS, labels=LABELS, permutations=99, resamples=50, pairs=28)
    (one,) = found["differences"]
    assert sorted(found["clusters"]["kind"]["plant"]) == ["o0", "o1", "o2"]
    assert set(found["clusters"]) == {"kind"} and found["group_of"] == GROUPS
    of_pair = {tuple(row["items"]): row["difference"] for row in one["pairs"]}
    for row in one["clusters"]:
        own = found["clusters"]["kind"][row["cluster"]]
        pairs = [value for pair, value in of_pair.items() if set(pair) <= set(own)]
        assert row["difference"] == pytest.approx(np.mean(pairs)) and len(pairs) in (3, 10)
        assert row["low"] < row["difference"] < row["high"] and row["objects"] == len(own)
        assert np.sign(row["effect"]) == np.sign(row["difference"])
    # By definition: each person's own similarities, whose spread is that within groups.
    assert model.weights is not None
    seen = alike(model, model.weights.unshrunk())
    own = seen[:, [0, 1, OBJECTS - 1]].mean(axis=1)
    plant = next(row for row in one["clusters"] if row["cluster"] == "plant")
    spread = np.sqrt((own[:10].var() + own[10:].var()) * 10 / 18)
    assert plant["effect"] == pytest.approx(plant["difference"] / spread, rel=1e-4)


def test_clusters_of_the_embedding_are_those_that_are_there(rng: np.random.Generator) -> None:
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
    truth = np.repeat([0, 1, 2, 3], [3, 9, 5, 7])
    found = linked(centres[truth] + 0.3 * rng.normal(size=(24, 2)))
    assert [len(set(found[truth == k])) for k in range(4)] == [1] * 4 and found.max() == 3
    assert linked(np.eye(2)).tolist() == [0, 1]


def test_groups_are_described_as_they_are_compared() -> None:
    model = weighted(1.2, 0)
    views = view_groups(model, GROUPS, most=4, resamples=60, interval=0.9)
    (one,) = compare_groups(model, GROUPS, permutations=9, resamples=60, pairs=28)["differences"]
    assert views.names == ("first", "second") and views.resampled
    assert views.of.tolist() == [0] * 10 + [1] * 10
    for row, (first, second) in zip(one["dimensions"], views.log.T, strict=True):
        assert row["difference"] == pytest.approx(second - first)
    assert (views.low < views.log).all() and (views.log < views.high).all()
    (apart,) = views.pairs
    difference = {tuple(row["items"]): row["difference"] for row in one["pairs"]}
    for pair, value in zip(apart.items, apart.difference, strict=True):
        assert value == pytest.approx(difference[f"o{pair[0]}", f"o{pair[1]}"])
    ordered = sorted(difference.values(), reverse=True)
    np.testing.assert_allclose(apart.difference, ordered[:4] + ordered[-4:])


def knowing(centres: np.ndarray) -> Posterior:
    """Posterior of a fit that shrank people to these groups' centres, (2, DRAWS, 2, DIMENSIONS)."""
    tree = weighted(0.5, 0).tree
    group = tree["posterior"].to_dataset()
    group["group_log_weight"] = (("chain", "draw", "group", "dimension"), np.float32(centres))
    group["weight_group_spread"] = group["weight_spread"]
    tree["posterior"] = group.assign_coords(
        group=["second", "first"], participant_group=("participant", list(GROUPS.values()))
    )
    return Posterior(tree)


def test_groups_of_the_fit_have_the_intervals_of_their_centres() -> None:
    centres = np.random.default_rng(0).normal(size=(2, DRAWS, 2, DIMENSIONS))
    views = view_groups(knowing(centres), GROUPS, resamples=50)
    assert not views.resampled
    np.testing.assert_allclose(views.log, centres.mean(axis=(0, 1))[::-1], rtol=1e-5)
    with pytest.raises(TwoalikeError, match="found 1 of 20 in a group, 'first'"):
        view_groups(knowing(centres), {"p0": "first"})


def test_a_rule_is_met_by_width(make_study: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    centres = np.random.default_rng(0).normal(size=(2, DRAWS, 2, DIMENSIONS))
    model = knowing(centres)
    x, flat, zero = model.embedding, centres.reshape(-1, 2, DIMENSIONS), np.zeros(DIMENSIONS)

    def seen(*logs: np.ndarray) -> np.ndarray:
        s = np.einsum("sid,sd,sjd->sij", x, np.exp(logs), x)[:, *np.triu_indices(OBJECTS, 1)]
        return np.asarray(s - s.mean(axis=1, keepdims=True))

    def wide(draws: np.ndarray) -> np.ndarray:
        return np.diff(np.quantile(draws, [0.05, 0.95], axis=0), axis=0)[0].mean(axis=0)

    alike = seen(*[zero] * len(x))
    of_groups = wide(seen(*flat[:, 1]) - seen(*flat[:, 0])) / alike.mean(axis=0).std()
    of_axes = dimension_shares(model) @ (wide(x) / np.sqrt(x.var(axis=1).mean(axis=0)))
    expected = [wide(alike) / alike.mean(axis=0).std(), of_axes, of_groups]
    np.testing.assert_allclose([width(model) for width in WIDTHS.values()], expected, rtol=1e-3)
    monkeypatch.setattr("twoalike.embedding.fit", lambda *_, **__: model)
    monkeypatch.setattr("twoalike.cli.fits._show", lambda _: None)
    root = make_study(design="trials = 12\n[stop]\ngroup_interval = 50\ndimension_interval = 9\n")
    shown = f"enough: dimension_interval {of_axes:.2f} (at most 9), group_interval {of_groups:.2f}"
    assert run("fit", root)[1].startswith(f"{shown} (at most 50)\n")
    model.tree["posterior"] = model.tree["posterior"].to_dataset().drop_vars("group_log_weight")
    said = "group_interval unknown (at most 50); fit with --people weights and --groups"
    assert said in run("fit", root)[1]
    assert enough(make_study("plain"), model).met is False


def test_labels_without_meaning_are_rarely_told_apart() -> None:
    p = []
    for seed in range(60):
        found = compare_groups(weighted(0.0, seed), GROUPS, permutations=39, resamples=2)
        (one,) = found["differences"]
        p.append([one["p"], *(min(row["p"] for row in one[what]) for what in PARTS)])
    # 3 of 60 are expected at .05; 9 or more happen once in 400 such tests.
    assert (np.array(p) <= 0.05).sum(axis=0).max() <= 8
    assert 0.35 < np.mean(p, axis=0)[0] < 0.65


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(TwoalikeError, match="shrunk to the people's groups"):
        compare_groups(knowing(np.zeros((2, DRAWS, 2, DIMENSIONS))), GROUPS)
    aged, slope = weighted(0.0, 0), np.zeros((2, DRAWS, 1, DIMENSIONS), np.float32)
    group = aged.tree["posterior"].to_dataset()
    group["weight_slope"] = (("chain", "draw", "covariate", "dimension"), slope)
    group["participant_covariates"] = (("participant", "covariate"), np.ones((20, 1)))
    aged.tree["posterior"] = group.set_coords("participant_covariates")
    with pytest.raises(TwoalikeError, match="depend on covariates, in which groups may differ"):
        compare_groups(Posterior(aged.tree), GROUPS)
    with pytest.raises(TwoalikeError, match="at least 3 people a group, found 1 'a'"):
        compare_groups(weighted(0.0, 0), {"p0": "a", "p1": "b"})
    with pytest.raises(TwoalikeError, match="a category of two or more of the posterior's 8"):
        compare_groups(weighted(0.0, 0), GROUPS, labels={"one": LABELS["one"]})


def test_the_command_shows_groups(tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    weighted(1.2, 0).save(tmp_path / "p.nc")
    rows = "".join(f"sub-{name}\t{group}\n" for name, group in GROUPS.items())
    people = tmp_path / "people.tsv"
    people.write_text("participant_id\tgroup\n" + rows)
    words = ("compare", tmp_path / "p.nc", "--groups", people)
    status, said = run(*words, "--out", tmp_path / "c.json")
    assert not status and "second (10 people) minus first (10): p 0.002" in said  # reversed once
    assert "Log weights of the dimensions" in said and (tmp_path / "c.json").is_file()
    assert "Mean likeness within clusters" in said and "objects)" in said
    labels = "".join(f"o{k}\t{kind}\n" for k, kind in enumerate(LABELS["kind"].values()))
    (tmp_path / "labels.tsv").write_text(f"id\tkind\n{labels}")
    people.write_text(people.read_text().replace("sub-p19\tsecond", "sub-p19\tn/a"))
    status, said = run(*words, "--labels", tmp_path / "labels.tsv")
    assert status == 0 and "1 participant without a group left out" in said
    assert "second (9 people)" in said and "animal" in said
    status, said = run(*words[:2])
    assert status == 1 and "expected a second posterior, or --groups" in said
    status, said = run(*words[:2], tmp_path / "p.nc", "--labels", tmp_path / "labels.tsv")
    assert status == 1 and "expected --labels with --groups" in said
