"""Differences between groups of people: found where they are, and not where they are not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from twoalike.cli.app import main
from twoalike.embedding import Posterior, compare_groups
from twoalike.study import TwoalikeError

OBJECTS, DIMENSIONS, DRAWS = 8, 3, 6
GROUPS = {f"p{k}": "first" if k < 10 else "second" for k in range(20)}


def weighted(shift: float, seed: int, **extra: Any) -> Posterior:
    """Posterior of twenty people, the second ten of whom weigh dimension 1 more by a shift."""
    rng = np.random.default_rng(seed)
    log = 0.4 * rng.normal(size=(20, DIMENSIONS))
    log[10:] += shift * np.array([1.0, -0.5, -0.5])
    log -= log.mean(axis=0)
    log -= log.mean(axis=1, keepdims=True)
    axes = ("chain", "draw")
    x = rng.gamma(1.0, 1.0, (OBJECTS, DIMENSIONS))
    size = (2, DRAWS)
    group = xr.Dataset(
        {
            "embedding": (
                (*axes, "object", "dimension"),
                x + 0.01 * rng.random((*size, *x.shape)),
            ),
            "log_weight": (
                (*axes, "participant", "dimension"),
                log + 0.05 * rng.normal(size=(*size, *log.shape)),
            ),
            "weight_spread": (axes, np.full(size, 0.4)),
            "temperature": ((*axes, "participant"), np.ones((*size, 20))),
            "lapse": ((*axes, "participant"), np.full((*size, 20), 0.05)),
            **extra,
        },
        coords={"object": [f"o{k}" for k in range(OBJECTS)], "participant": list(GROUPS)},
    ).astype("float32")
    tree = xr.DataTree.from_dict({"posterior": group})
    tree.attrs = {"schema_version": 1, "engine": "nuts", "convergence": '{"converged": true}'}
    return Posterior(tree)


def test_a_difference_is_found_where_it_is() -> None:
    found = compare_groups(weighted(1.2, 0), GROUPS, permutations=199, resamples=100, seed=1)
    (one,) = found["differences"]
    assert found["people"] == {"first": 10, "second": 10}
    assert (one["first"], one["second"]) == ("first", "second")
    assert one["p"] == pytest.approx(1 / 200)
    first = one["dimensions"][0]
    assert first["low"] < first["difference"] < first["high"]
    assert first["low"] > 0.3 and first["effect"] > 1 and first["p"] <= 0.02
    pair = one["pairs"][0]
    assert len(pair["items"]) == 2 and pair["p"] <= 0.05
    assert pair["low"] <= pair["difference"] <= pair["high"]


def test_labels_without_meaning_are_rarely_told_apart() -> None:
    p = [
        compare_groups(weighted(0.0, seed), GROUPS, permutations=39, resamples=2)["differences"][0]
        for seed in range(60)
    ]
    whole = np.array([one["p"] for one in p])
    by_dimension = np.array([min(row["p"] for row in one["dimensions"]) for one in p])
    by_pair = np.array([one["pairs"][0]["p"] for one in p])
    # 3 of 60 are expected at .05; 9 or more happen once in 400 such tests.
    assert max((each <= 0.05).sum() for each in (whole, by_dimension, by_pair)) <= 8
    assert 0.35 < whole.mean() < 0.65


def test_the_same_seed_gives_the_same_comparison() -> None:
    model = weighted(0.5, 1)
    one, two = (
        compare_groups(model, GROUPS, permutations=19, resamples=5, seed=3)["differences"]
        for _ in range(2)
    )
    assert one == two


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
    few = {name: "odd" if name in ("p0", "p1") else "rest" for name in GROUPS}
    with pytest.raises(TwoalikeError, match="at least 3 people a group, found 2 'odd'"):
        compare_groups(weighted(0.0, 0), few)
    with pytest.raises(TwoalikeError, match="a group of each of the 20 participants"):
        compare_groups(weighted(0.0, 0), {"p0": "a", "p1": "b"})


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
    assert run(*words) == 1
    assert "expected a second posterior, or --groups" in capsys.readouterr().err
