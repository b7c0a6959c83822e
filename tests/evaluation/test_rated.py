"""Ratings and sortings: known answers, ceilings, chance, intervals, files and the command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.stats import kendalltau, somersd
from tests import rated

from twoalike.embedding import Posterior
from twoalike.evaluation import RATINGS, SORTINGS, Candidate, area_under_curve, score_pairs
from twoalike.evaluation._pairs import PairScores
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import judgment_codes, ratings_table, sortings_table, write_judgments
from twoalike.report import write_report
from twoalike.results import Results, evaluate
from twoalike.study import TwoalikeError

M = 20
IDS = tuple(f"o{k:02d}" for k in range(M))
UPPER = np.triu_indices(M, 1)


def world(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Embedding, and similarities in standard deviations."""
    x = rng.gamma(1.0, 1.0, (M, 4)) * (rng.random((M, 4)) < 0.6) + 0.02 * rng.random((M, 4))
    return x, rated.standard(x)


def rate(
    s: np.ndarray,
    rng: np.random.Generator,
    *,
    people: int = 6,
    pairs: int = 120,
    noise: float = 0.5,
    again: int = 0,
    slider: bool = False,
) -> pd.DataFrame:
    """Ratings of random pairs, with a rater's own shift and stretch; some pairs come again."""
    parts = []
    for person in range(people):
        some = rng.permutation(len(UPPER[0]))[:pairs]
        some = np.concatenate([some, some[:again]])
        i, j = UPPER[0][some], UPPER[1][some]
        felt = s[i, j] + noise * rng.logistic(size=len(some))
        place = 1 / (1 + np.exp(-np.exp(0.4 * rng.normal()) * (felt - rng.normal())))
        rating = place if slider else 1 + np.minimum((7 * place).astype(int), 6)
        columns = {"item_a": i, "item_b": j, "rating": rating}
        points = np.nan if slider else 7
        parts.append(pd.DataFrame(columns).assign(participant=f"p{person}", scale_points=points))
    table = pd.concat(parts, ignore_index=True)
    return ratings_table({name: table[name].to_numpy() for name in table}, IDS)


def sort(s: np.ndarray, rng: np.random.Generator, people: int = 8) -> pd.DataFrame:
    """Two sortings of twelve objects by each person."""
    return rated.sort(s, IDS, rng, people=people, trials=2, size=12)


def at_chance(x: np.ndarray, rng: np.random.Generator) -> list[Candidate]:
    """Twenty networks, each the true space with its objects shuffled."""
    return [
        Candidate(f"{k}", FeatureTable(IDS, x[rng.permutation(M)].astype(np.float32)), "dot")
        for k in range(20)
    ]


def networks(x: np.ndarray, rng: np.random.Generator) -> list[Candidate]:
    """The true space, and the same with its objects shuffled."""
    shuffled = x[rng.permutation(M)]
    return [
        Candidate(name, FeatureTable(IDS, values.astype(np.float32)), "dot")
        for name, values in (("shuffled", shuffled), ("truth", x))
    ]


def score_ratings(
    candidates: list[Candidate], table: pd.DataFrame, rng: np.random.Generator
) -> PairScores:
    return score_pairs(RATINGS, candidates, table, rng)


def score_sortings(
    candidates: list[Candidate], table: pd.DataFrame, rng: np.random.Generator
) -> PairScores:
    return score_pairs(SORTINGS, candidates, table, rng)


@pytest.mark.parametrize("slider", [False, True])
def test_the_raters_own_space_reaches_the_ceiling_and_a_shuffled_one_is_at_chance(
    slider: bool, rng: np.random.Generator
) -> None:
    x, s = world(rng)
    table = rate(s, rng, people=10, slider=slider)
    found = score_ratings(networks(x, rng), table, rng)
    shuffled, truth = found.models
    assert (found.judgments, found.participants, found.objects) == (1200, 10, M)
    ceiling, mean = found.people["ceiling"], truth["per_person"]["mean"]
    assert ceiling["lower"] < mean.value < ceiling["upper"]
    assert truth["spearman"].value > mean.value  # noise averages out
    many = [of["per_person"]["mean"] for of in score_ratings(at_chance(x, rng), table, rng).models]
    assert np.mean([of.value for of in many if of]) == pytest.approx(0, abs=0.06)
    assert sum(of.low < 0 < of.high for of in many if of) >= 16
    assert shuffled["difference"] is None
    assert min(truth["difference"][of].low for of in ("per_person", "spearman")) > 0
    each = truth["per_person"]["people"]
    assert set(each) == set(ceiling["people"]) == {f"p{k}" for k in range(10)}
    assert np.mean(list(each.values())) == pytest.approx(mean.value)
    assert found.missing["repeats"].startswith("needs 10 pairs rated again")


def test_objects_without_features_are_counted_and_too_few_are_refused(
    rng: np.random.Generator,
) -> None:
    x, s = world(rng)
    table, sortings = rate(s, rng), sort(s, rng)
    some = [Candidate("some", FeatureTable(IDS[:9], x[:9].astype(np.float32)), "dot")]
    found = score_ratings(some, table, rng)
    assert found.objects == 9 and found.left_out + found.judgments == len(table)
    piles = score_sortings(some, sortings, rng)
    assert piles.objects == 9
    assert piles.left_out == int((~sortings["item"].isin(IDS[:9])).sum())
    three = [Candidate("three", FeatureTable(IDS[:3], x[:3].astype(np.float32)), "dot")]
    with pytest.raises(TwoalikeError, match="10 different pairs"):
        score_ratings(three, table, rng)
    none = [Candidate("none", FeatureTable(("else",), x[:1].astype(np.float32)), "dot")]
    for score, judged in ((score_ratings, table), (score_sortings, sortings)):
        with pytest.raises(TwoalikeError, match="objects that all networks have features of"):
            score(none, judged, rng)
    alike = ratings_table(
        {"item_a": UPPER[0], "item_b": UPPER[1], "rating": [0.5] * len(UPPER[0])}, IDS
    )
    with pytest.raises(TwoalikeError, match="all pairs are rated alike"):
        score_ratings(networks(x, rng), alike, rng)


def test_area_is_somers_d(rng: np.random.Generator) -> None:
    scores, same = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.3
    area, placement = area_under_curve(scores, same)
    assert 2 * area - 1 == pytest.approx(somersd(same, scores).statistic)
    assert placement[same].mean() == pytest.approx(placement[~same].mean())
    assert area_under_curve(-scores, same)[0] == pytest.approx(1 - area)
    assert np.sign(kendalltau(same, scores).statistic) == np.sign(area - 0.5)


def test_the_sorters_own_space_reaches_the_ceiling_and_a_shuffled_one_is_at_chance(
    rng: np.random.Generator,
) -> None:
    x, s = world(rng)
    table = sort(s, rng, people=12)
    found = score_sortings(networks(x, rng), table, rng)
    truth, ceiling = found.models[1], found.people["ceiling"]
    assert (found.participants, found.judgments + found.people["undecided"]) == (12, 24)
    assert ceiling["lower"] - 0.02 < truth["area"]["mean"].value < ceiling["upper"]
    many = score_sortings(at_chance(x, rng), table, rng).models
    areas = [of["area"]["mean"] for of in many]
    assert np.mean([of.value for of in areas]) == pytest.approx(0.5, abs=0.04)
    assert sum(of.low < 0.5 < of.high for of in areas) >= 16
    assert sum(of["spearman"].low < 0 < of["spearman"].high for of in many) >= 16
    assert truth["difference"]["area"].low > 0
    assert min(found.people[of].low for of in ("agreement", "repeats")) > 0


def test_a_sorter_without_noise_is_predicted_without_error(rng: np.random.Generator) -> None:
    """Four kinds, each a pile; a trial of one pile orders nothing."""
    kinds = np.arange(M) % 4
    columns: dict[str, Any] = {
        "participant": ["p"] * M + ["q"] * M,
        "trial": [1] * 2 * M,
        "item": np.tile(np.arange(M), 2),
        "pile": np.concatenate([kinds + 1, np.ones(M, dtype=int)]),
    }
    network = [Candidate("kinds", FeatureTable(IDS, np.eye(4, dtype=np.float32)[kinds]), "dot")]
    found = score_sortings(network, sortings_table(columns, IDS), rng)
    assert (found.judgments, found.people["undecided"]) == (1, 1)
    assert found.models[0]["area"]["mean"].value == 1
    assert set(found.models[0]["area"]["people"]) == {"p"}
    with pytest.raises(TwoalikeError, match="two objects in one pile and two in different"):
        score_sortings(
            network, sortings_table({**columns, "pile": np.ones(2 * M, dtype=int)}, IDS), rng
        )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ratings", "sortings"])
def test_intervals_hold_what_other_people_and_objects_give(
    kind: str, rng: np.random.Generator
) -> None:
    """Against the mean over many studies, with a network that sees the space through noise."""
    values, held = [], []
    for _ in range(120):
        x = world(rng)[0]
        s = (x @ x.T - 1.41) / 2.24  # scaled as in all worlds: the signal varies with the objects
        seen = (x + 0.5 * rng.normal(size=x.shape)).astype(np.float32)
        network = [Candidate("noisy", FeatureTable(IDS, seen), "dot")]
        if kind == "ratings":
            found = score_ratings(network, rate(s, rng), rng).models[0]["per_person"]["mean"]
        else:
            found = score_sortings(network, sort(s, rng), rng).models[0]["area"]["mean"]
        values.append(found.value)
        held.append((found.low, found.high))
    low, high = np.array(held).T
    mean = np.mean(values)
    coverage = ((low <= mean) & (mean <= high)).mean()
    assert coverage > 0.85  # of 120 studies with 20 objects; areas near 1 are skewed
    assert_allclose((high - low).mean() / 3.92, np.std(values), rtol=0.4)


@pytest.fixture
def files(tmp_path: Path, rng: np.random.Generator) -> Path:
    x, s = world(rng)
    write_judgments(tmp_path / "ratings.parquet", rate(s, rng, again=5), {}, "ratings")
    write_judgments(tmp_path / "sortings.parquet", sort(s, rng), {}, "sortings")
    for one in networks(x, rng):
        write_features(tmp_path / f"{one.name}.npz", one.features)
    return tmp_path


def test_command_and_report_show_both(files: Path, run: Callable[..., tuple[int, str]]) -> None:
    (files / "study.toml").write_text('title = "Rated"\nseed = 1\n', encoding="utf-8")
    out = files / "derived" / "results.json"
    words = ["evaluate", "--similarity", "dot", "--out", out]
    for name in ("shuffled", "truth"):
        words += ["--features", f"{name}={files / name}.npz"]
    for kind in ("ratings", "sortings"):
        words += [f"--{kind}", files / f"{kind}.parquet"]
    status, shown = run(*words)
    assert status == 0
    for part in ("750 ratings of", "16 sortings by 8 participants", "noise ceiling", "Rand index"):
        assert part in shown
    results = Results.load(out)
    assert {"ratings", "sortings"} <= set(results.provenance()["inputs"])
    assert {"ratings.spearman", "sortings.area.mean"} <= set(results.frame["measure"])
    assert run(*words, "--ratings", files / "sortings.parquet")[0]
    page = write_report(files).path.read_text(encoding="utf-8")
    for part in ("With the mean rater", "the other people", "Adjusted Rand index"):
        assert part in page
    assert "shown the same three images" not in page


def test_a_posterior_predicts_ratings_and_sortings_of_its_people(rng: np.random.Generator) -> None:
    x, s = world(rng)
    tables = {"ratings": rate(s, rng), "sortings": sort(s, rng, people=6)}
    people = [f"p{k}" for k in range(6)]
    both = ("rater", "sorter")
    mixed = x[rng.permutation(M)]
    codes = np.unique(np.concatenate([judgment_codes(table) for table in tables.values()]))

    def fit(space: np.ndarray, axes: tuple[str, ...]) -> Posterior:
        posterior = rated.posterior_around(space, IDS, people, *axes)
        record = xr.Dataset({"codes": ("judgment", codes)})
        posterior.tree["constant_data"] = xr.DataTree(record)
        return posterior

    own, other, part = (
        evaluate(
            {"truth": (list(IDS), x)},
            posterior=fit(space, axes),
            similarity="dot",
            resamples=100,
            **tables,
        )
        for space, axes in ((x, both), (mixed, both), (x, ("rater",)))
    )
    for kind in tables:
        found, worse = (of.estimate(f"{kind}.log_loss", "posterior") for of in (own, other))
        left_out = own.at(f"{kind}.left_out", "posterior")
        assert found is not None and worse is not None and left_out is not None and left_out.value
        assert found.low < found.value < found.high and found.value < worse.value
        assert f"{kind}.posterior" not in own.missing
    assert part.at("sortings.log_loss", "posterior") is None
    assert part.missing["sortings.posterior"] == "it was fitted without sortings"
