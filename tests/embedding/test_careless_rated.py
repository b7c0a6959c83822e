"""Who rated or sorted carelessly: densities, kinds of people, and the command."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal, norm
from tests.rated import join, posterior_around, standard

from twoalike.cli.app import main
from twoalike.embedding import Posterior, careless_table, participants_table
from twoalike.embedding._careless_rated import log_following
from twoalike.judgments import (
    ratings_table,
    read_judgments,
    sortings_table,
    write_judgments,
)
from twoalike.study import TwoalikeError

M, PAIRS, AGAIN = 16, 100, 10
IDS = [f"o{k:02d}" for k in range(M)]
UPPER = np.triu_indices(M, 1)
CAREFUL = [f"careful {k}" for k in range(5)]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.where(rng.random((M, 3)) < 0.6, rng.gamma(3.0, 0.5, (M, 3)), 0.05)


@pytest.fixture(scope="module")
def near(x: np.ndarray) -> Posterior:
    """Draws close to the truth, of a fit to ratings and sortings by six people."""
    return posterior_around(x, IDS, [*CAREFUL, "other"], "rater", "sorter")


def rated(
    x: np.ndarray, how: str = "careful", *, seconds: float = 2.0, slider: bool = False
) -> Any:
    """Ratings by five careful people with noises up to .8, and by somebody else."""
    rng, parts, s = np.random.default_rng(4), [], standard(x)
    for number, person in enumerate((*CAREFUL, "other")):
        some = rng.permutation(len(UPPER[0]))[:PAIRS]
        some = np.concatenate([some, some[:AGAIN]])
        i, j = UPPER[0][some], UPPER[1][some]
        felt = s[i, j] + (0.2 + 0.1 * number) * rng.logistic(size=len(some))
        place = 1 / (1 + np.exp(-felt + 0.3 * rng.normal()))
        right = rng.random(4) < 0.95
        pace = 2.0 * np.exp(0.4 * rng.normal(size=len(some)))
        if person == "other":
            right = rng.random(4) < (0.95 if how == "careful" else 0.5)
            pace = seconds * np.exp(0.4 * rng.normal(size=len(some)))
            if how == "random":
                place = rng.random(len(some))
            if how == "constant":
                place, right = np.full(len(some), 0.5), np.array([True, False] * 2)
        points = np.nan if slider else 7
        columns = {
            "item_a": np.concatenate([i, [0, 1, 2, 3]]),
            "item_b": np.concatenate([j, [0, 1, 2, 3]]),
            "rating": np.concatenate(
                [place if slider else 1 + np.minimum((7 * place).astype(int), 6), [1.0] * 4]
            ),
            "response_time": np.concatenate([pace, [2.0] * 4]),
            "trial_type": ["main"] * PAIRS + ["repeat"] * AGAIN + ["catch"] * 4,
            "correct": [None] * len(some) + ["true" if one else "false" for one in right],
        }
        parts.append(pd.DataFrame(columns).assign(participant=person, scale_points=points))
    table = pd.concat(parts, ignore_index=True)
    return ratings_table({name: table[name].to_numpy() for name in table}, IDS)


def piled(x: np.ndarray, how: str = "careful", *, seconds: float = 3.0) -> Any:
    """Eight sortings of ten objects each by five careful people, and by somebody else."""
    rng, parts, s = np.random.default_rng(2), [], standard(x)
    for person in (*CAREFUL, "other"):
        for trial in range(1, 9):
            items = rng.permutation(M)[:10]
            gain = (s[np.ix_(items, items)] - 0.4) / 0.3
            own = join(gain * (person != "other" or how != "random"), rng)
            pace = 10 * (seconds if person == "other" else 3.0) * np.exp(0.3 * rng.normal())
            columns = {"item": items, "pile": own + 1, "trial": trial, "response_time": pace}
            parts.append(pd.DataFrame(columns).assign(participant=person))
    table = pd.concat(parts, ignore_index=True)
    return sortings_table({name: table[name].to_numpy() for name in table}, IDS)


def test_the_density_of_following_is_that_of_the_normal_copula(rng: np.random.Generator) -> None:
    a, b = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 30).T
    both = multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]]).logpdf(np.stack([a, b], axis=1))
    expected = both.sum() - norm.logpdf(a).sum() - norm.logpdf(b).sum()
    sharp = (0.6 * 1e5, 0.4 * 1e5)  # a prior at .6
    assert_allclose(log_following(a, b, *sharp), expected, atol=0.2)
    unrelated = [np.exp(log_following(*rng.normal(size=(2, 3)), 2.0, 2.0)) for _ in range(4_000)]
    assert np.mean(unrelated) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("slider", [False, True])
@pytest.mark.parametrize(
    ("how", "kind"), [("random", "guessing"), ("constant", "position"), ("careful", "careful")]
)
def test_kinds_of_raters_are_found(
    near: Posterior, x: np.ndarray, how: str, kind: str, slider: bool
) -> None:
    found = careless_table(near, ratings=rated(x, how, slider=slider)).set_index("participant")
    assert (found.loc[CAREFUL, "p_careless"] < 0.1).all()
    assert found.loc["other", "likeliest"] == kind
    assert (found.loc["other", "p_careless"] > 0.9) == (kind != "careful")
    assert found.attrs["not_used"] == []


def test_speed_checks_and_repeats_are_evidence(near: Posterior, x: np.ndarray) -> None:
    fast = careless_table(near, ratings=rated(x, "careful", seconds=0.1)).iloc[-1]
    assert fast["likeliest"] == "automatic" and fast["evidence_rating_times"] > 3
    careless = careless_table(near, ratings=rated(x, "random")).iloc[-1]
    assert careless["evidence_ratings"] > 1 and careless["evidence_rating_repeats"] > 0
    table = rated(x, "random").assign(response_time=np.float32(np.nan))
    unknown = careless_table(near, ratings=table[table["trial_type"] == "main"])
    names = [f"evidence_rating_{one}" for one in ("repeats", "checks", "times")]
    assert unknown[names].isna().all(axis=None) and unknown["evidence_ratings"].notna().all()


@pytest.mark.parametrize(("how", "kind"), [("random", "guessing"), ("careful", "careful")])
def test_kinds_of_sorters_are_found(near: Posterior, x: np.ndarray, how: str, kind: str) -> None:
    found = careless_table(near, sortings=piled(x, how)).set_index("participant")
    assert (found.loc[CAREFUL, "p_careless"] < 0.05).all()
    assert found.loc["other", "likeliest"] == kind
    assert (found.loc["other", "p_careless"] > 0.9) == (kind != "careful")
    hasty = careless_table(near, sortings=piled(x, how, seconds=0.1)).iloc[-1]
    assert hasty["p_careless"] > 0.9 and hasty["evidence_pace_of_piles"] > 2


def test_what_most_would_be_accused_of_is_not_used(near: Posterior, x: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    ratings, sortings = rated(x), piled(x)
    shuffled = ratings.assign(rating=rng.permutation(ratings["rating"].to_numpy()))
    mixed = sortings.assign(item=sortings["item"].cat.rename_categories(rng.permutation(IDS)))
    found = careless_table(near, ratings=shuffled, sortings=mixed)
    assert found[["evidence_ratings", "evidence_piles"]].isna().all(axis=None)
    assert len(found.attrs["not_used"]) == 2
    with pytest.raises(TwoalikeError, match="ratings is by a participant and of objects"):
        careless_table(near, ratings=ratings.assign(participant="nobody"))


def test_participants_of_ratings_and_sortings(
    near: Posterior, x: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ratings, sortings = rated(x, "random"), piled(x, "random")
    table = participants_table(near, ratings=ratings, sortings=sortings)
    assert table.loc[0, "participant"] == "other" and (table["checks"] == 4).all()
    near.save(tmp_path / "posterior.nc")
    words = ["participants", str(tmp_path / "posterior.nc")]
    for kind, judged in (("ratings", ratings), ("sortings", sortings)):
        path = tmp_path / f"{kind}.parquet"
        write_judgments(path, judged, {}, kind)  # type: ignore[arg-type]
        words += [f"--{kind}", str(path)]
    assert read_judgments(tmp_path / "ratings.parquet", "ratings")["correct"].notna().sum() == 24
    with pytest.raises(SystemExit) as ended:
        main([*words, "--out", str(tmp_path / "people.csv")])
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert "1 of 6 participants: more probably than not careless" in shown
    saved = pd.read_csv(tmp_path / "people.csv")
    assert {"evidence_ratings", "evidence_piles", "passed"} <= set(saved)


def test_an_object_beside_itself_is_an_attention_check_only() -> None:
    same = {"item_a": [0], "item_b": [0], "rating": [1.0]}
    with pytest.raises(TwoalikeError, match="expected two objects"):
        ratings_table(same, IDS)
    assert len(ratings_table({**same, "trial_type": ["catch"]}, IDS)) == 1
