"""Differences between groups of people: found where they are, and not where they are not."""

from pathlib import Path

import numpy as np
import pytest
from tests.posteriors import posterior_of

from twoalike.cli.app import main
from twoalike.embedding import Posterior, compare_groups, view_groups
from twoalike.embedding._groups import linked
from twoalike.study import TwoalikeError

OBJECTS, DIMENSIONS, DRAWS = 8, 3, 6
GROUPS = {f"p{k}": "first" if k < 10 else "second" for k in range(20)}


def weighted(shift: float, seed: int) -> Posterior:
    """Posterior of twenty people, the second ten of whom weigh dimension 1 more by a shift."""
    rng = np.random.default_rng(seed)
    log = 0.4 * rng.normal(size=(20, DIMENSIONS))
    log[10:] += shift * np.array([1.0, -0.5, -0.5])
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


def test_a_difference_is_found_where_it_is() -> None:
    found = compare_groups(weighted(1.2, 0), GROUPS, permutations=199, resamples=100, seed=1)
    (one,) = found["differences"]
    assert found["people"] == {"first": 10, "second": 10}
    assert (one["first"], one["second"]) == ("first", "second")
    assert one["p"] == pytest.approx(1 / 200)
    first = one["dimensions"][0]
    assert first["low"] < first["difference"] < first["high"]
    assert first["low"] > 0.3 and first["effect"] > 1 and first["p"] <= 0.02
    pair, next_pair = one["pairs"][:2]
    assert len(pair["items"]) == 2 and pair["p"] <= 0.05
    assert pair["low"] <= pair["difference"] <= pair["high"]
    assert pair["p"] == next_pair["p"]  # 1 / 200: of these the most different first
    assert abs(pair["difference"]) >= abs(next_pair["difference"])


LABELS = {
    "kind": {f"o{k}": "plant" if k < 3 else "animal" for k in range(OBJECTS)},
    "one": {f"o{k}": "thing" for k in range(OBJECTS)},  # all objects are in it: nothing to compare
    "none": {f"o{k}": "n/a" for k in range(5)},
}


def test_clusters_differ_by_the_mean_of_their_pairs() -> None:
    model = weighted(1.2, 0)
    found = compare_groups(model, GROUPS, labels=LABELS, permutations=99, resamples=50, pairs=28)
    (one,) = found["differences"]
    assert {name: sorted(of) for name, of in found["clusters"]["kind"].items()} == {
        "plant": ["o0", "o1", "o2"],
        "animal": ["o3", "o4", "o5", "o6", "o7"],
    }
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
    x, log = model.embedding.mean(axis=0), model.weights.unshrunk()
    own = np.zeros(20)
    for k in range(20):
        similar = (x * np.exp(log[k])) @ x.T
        upper = similar[np.triu_indices(OBJECTS, 1)]
        own[k] = (similar[0, 1] + similar[0, 2] + similar[1, 2]) / 3 - upper.mean()
    plant = next(row for row in one["clusters"] if row["cluster"] == "plant")
    spread = np.sqrt((own[:10].var() + own[10:].var()) * 10 / 18)
    assert plant["effect"] == pytest.approx(plant["difference"] / spread, rel=1e-4)


def test_clusters_of_the_embedding_are_those_that_are_there(rng: np.random.Generator) -> None:
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
    truth = np.repeat([0, 1, 2, 3], [3, 9, 5, 7])
    found = linked(centres[truth] + 0.3 * rng.normal(size=(24, 2)))
    assert [len(set(found[truth == k])) for k in range(4)] == [1] * 4 and found.max() == 3
    assert linked(np.eye(2)).tolist() == [0, 1]
    groups = compare_groups(weighted(0.0, 0), GROUPS, permutations=9, resamples=2)["clusters"]
    assert sum(len(of) for of in groups["embedding"].values()) <= OBJECTS


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


def test_groups_of_the_fit_have_the_intervals_of_their_centres() -> None:
    model = weighted(0.5, 0)
    group = model.tree["posterior"].to_dataset()
    centres = np.random.default_rng(0).normal(size=(2, DRAWS, 2, DIMENSIONS)).astype(np.float32)
    group["group_log_weight"] = (("chain", "draw", "group", "dimension"), centres)
    group = group.assign_coords(
        group=["second", "first"], participant_group=("participant", list(GROUPS.values()))
    )
    model.tree["posterior"] = group
    views = view_groups(Posterior(model.tree), GROUPS, resamples=50)
    assert not views.resampled
    np.testing.assert_allclose(views.log, centres.mean(axis=(0, 1))[::-1], rtol=1e-5)
    with pytest.raises(TwoalikeError, match="a group of each of the 20 participants"):
        view_groups(model, {"p0": "first"})


def test_labels_without_meaning_are_rarely_told_apart() -> None:
    p = [
        compare_groups(weighted(0.0, seed), GROUPS, permutations=39, resamples=2)["differences"][0]
        for seed in range(60)
    ]
    whole = np.array([one["p"] for one in p])
    by_dimension = np.array([min(row["p"] for row in one["dimensions"]) for one in p])
    by_pair = np.array([one["pairs"][0]["p"] for one in p])
    by_cluster = np.array([min(row["p"] for row in one["clusters"]) for one in p])
    # 3 of 60 are expected at .05; 9 or more happen once in 400 such tests.
    each = (whole, by_dimension, by_pair, by_cluster)
    assert max((p <= 0.05).sum() for p in each) <= 8
    assert 0.35 < whole.mean() < 0.65


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    knows = weighted(0.0, 0)
    group = knows.tree["posterior"].to_dataset()
    values = np.zeros((2, DRAWS, 2, DIMENSIONS), np.float32)
    group["group_log_weight"] = (("chain", "draw", "group", "dimension"), values)
    group = group.assign_coords(
        group=["first", "second"], participant_group=("participant", list(GROUPS.values()))
    )
    knows.tree["posterior"] = group
    with pytest.raises(TwoalikeError, match="shrunk to the people's groups"):
        compare_groups(Posterior(knows.tree), GROUPS)
    aged = weighted(0.0, 0)
    slope = np.zeros((2, DRAWS, 1, DIMENSIONS), np.float32)
    aged.tree["posterior"] = (
        aged.tree["posterior"]
        .to_dataset()
        .assign(weight_slope=(("chain", "draw", "covariate", "dimension"), slope))
        .assign_coords(participant_covariates=(("participant", "covariate"), np.ones((20, 1))))
    )
    with pytest.raises(TwoalikeError, match="depend on covariates, in which groups may differ"):
        compare_groups(Posterior(aged.tree), GROUPS)
    few = {name: "odd" if name in ("p0", "p1") else "rest" for name in GROUPS}
    with pytest.raises(TwoalikeError, match="at least 3 people a group, found 2 'odd'"):
        compare_groups(weighted(0.0, 0), few)
    with pytest.raises(TwoalikeError, match="a group of each of the 20 participants"):
        compare_groups(weighted(0.0, 0), {"p0": "a", "p1": "b"})
    with pytest.raises(TwoalikeError, match="a category of two or more of the posterior's 8"):
        compare_groups(weighted(0.0, 0), GROUPS, labels={"one": LABELS["one"]})


def test_the_command_shows_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: object) -> object:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, words)))
        return ended.value.code

    weighted(1.2, 0).save(tmp_path / "p.nc")
    rows = "".join(f"{name}\t{group}\n" for name, group in GROUPS.items())
    (tmp_path / "groups.tsv").write_text(f"participant\tgroup\n{rows}")
    words = ("compare", tmp_path / "p.nc")
    assert not run(*words, "--groups", tmp_path / "groups.tsv", "--out", tmp_path / "c.json")
    said = capsys.readouterr().out
    assert "second (10 people) minus first (10): p 0.002" in said  # with all labels reversed once
    assert "Log weights of the dimensions" in said and (tmp_path / "c.json").is_file()
    assert "Mean likeness within clusters" in said and "objects)" in said
    labels = "".join(f"o{k}\t{kind}\n" for k, kind in enumerate(LABELS["kind"].values()))
    (tmp_path / "labels.tsv").write_text(f"id\tkind\n{labels}")
    assert not run(*words, "--groups", tmp_path / "groups.tsv", "--labels", tmp_path / "labels.tsv")
    assert "animal" in capsys.readouterr().out
    assert run(*words) == 1
    assert "expected a second posterior, or --groups" in capsys.readouterr().err
    assert run(*words, tmp_path / "p.nc", "--labels", tmp_path / "labels.tsv") == 1
    assert "expected --labels with --groups" in capsys.readouterr().err
