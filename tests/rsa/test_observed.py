"""What people say of pairs and how reliably, held to other ways of computing the same."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score
from tests.rated import sort, standard

from twoalike.evaluation import NotMeasurable
from twoalike.judgments import choices_table, dissimilarities_table, ratings_table
from twoalike.rsa import observed, reliability

IDS = [f"thing_{k}" for k in range(12)]
PAIRS = np.array(list(combinations(range(12), 2)))


def rated(
    rng: np.random.Generator, people: int, again: int = 0, noise: float = 0.8
) -> pd.DataFrame:
    """Ratings from 1 to 7 of all pairs, some of them twice."""
    truth, rows = rng.normal(size=len(PAIRS)), []
    for who in range(people):
        for k in [*range(len(PAIRS)), *range(again)]:
            said = int(np.clip(np.round(4 + 1.5 * truth[k] + noise * rng.normal()), 1, 7))
            rows.append((f"p{who}", *PAIRS[k], said, 7))
    columns = ["participant", "item_a", "item_b", "rating", "scale_points"]
    return ratings_table(pd.DataFrame(rows, columns=columns), IDS)


def means(table: pd.DataFrame) -> pd.DataFrame:
    """People by pairs, by pandas alone."""
    apart = table.assign(apart=(7 - table["rating"]) / 6)
    names = ["item_a", "item_b"]
    return apart.groupby(["participant", *names], observed=True)["apart"].mean().unstack(names)


def test_ratings_are_reliable_as_computed_by_hand(rng: np.random.Generator) -> None:
    table = rated(rng, people=9, again=20)
    seen, by_hand = observed(table, "ratings"), means(table)
    assert_allclose(seen.values, by_hand.reindex(columns=seen.frame().columns).to_numpy())
    assert_allclose(seen.mean, by_hand.mean().reindex(seen.frame().columns).to_numpy())
    found = reliability(table, "ratings")
    ranks = by_hand.rank(axis=1)
    others = [spearmanr(ranks.loc[who], ranks.drop(who).mean()).statistic for who in ranks.index]
    every = [spearmanr(ranks.loc[who], ranks.mean()).statistic for who in ranks.index]
    assert_allclose([*found.people.values()], np.stack([others, every], axis=1), atol=1e-9)
    lower = found.rows["correlation", "each person with the others"]
    assert lower.value == pytest.approx(np.mean(others)) and lower.low < lower.value < lower.high
    rs = []
    for first in combinations(range(9), 4):  # every split into four and five
        one = by_hand.iloc[list(first)].mean()
        r = np.corrcoef(one, by_hand.drop(by_hand.index[list(first)]).mean())[0, 1]
        rs.append(np.arctanh(r))
    whole = np.tanh(np.mean(rs))
    halves = found.rows["correlation", "halves of the people"]
    assert halves.value == pytest.approx(2 * whole / (1 + whole), abs=0.01)
    assert halves.low < halves.value < halves.high < 1
    again = found.rows["correlation", "the same person again"].value
    assert found.rows["correlation", "halves of the trials"].value > again > 0.5


def test_choices_count_the_share_that_left_a_pair_out() -> None:
    shown = {"item_1": [0] * 8, "item_2": [1] * 8, "item_3": [2] * 4 + [3] * 4}
    shown |= {"chosen": [3, 3, 3, 1] + [3] * 4, "participant": [*"abcdabcd"]}
    table = choices_table(shown, IDS[:4])
    seen = observed(table, "choices")
    assert seen.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3]]
    assert_allclose(seen.mean, [0.125, 1.0, 1.0, 0.75, 1.0])
    found = reliability(table, "choices")
    share = {
        name: of.value for (unit, name), of in found.rows.items() if unit == "share of answers"
    }
    assert share["two people"] == pytest.approx(0.75)  # of one set half, of the other all
    assert share["each person with the others"] == pytest.approx(0.875)
    assert share["each person with all"] == pytest.approx(0.875)
    assert found.chance == pytest.approx(1 / 3)
    assert found.missing["halves of the people"] == "needs 10 pairs that both halves judged"
    assert np.isnan(observed(table[:2], "choices").mean).all()  # too few of each pair


def test_sortings_by_hand(rng: np.random.Generator) -> None:
    s = standard(rng.normal(size=(12, 3)))
    sorted_ = sort(s, IDS, rng, people=5, trials=2, size=12)
    seen, found = observed(sorted_, "sortings"), reliability(sorted_, "sortings")
    piles = sorted_.pivot(index=["participant", "trial"], columns="item", values="pile").to_numpy()
    assert_allclose(seen.mean, (piles[:, PAIRS[:, 0]] != piles[:, PAIRS[:, 1]]).mean(axis=0))
    again = [adjusted_rand_score(*piles[k : k + 2]) for k in range(0, 10, 2)]
    alike = found.rows["adjusted Rand index", "the same person again"].value
    assert alike == pytest.approx(np.mean(again))


def test_what_cannot_be_measured_is_said(rng: np.random.Generator) -> None:
    alone = reliability(rated(rng, people=1), "ratings")
    assert "each person with the others" not in {name for _, name in alone.rows}
    assert alone.missing["halves of the people"] == "needs 4 people, has 1"
    pairs = {"item_a": PAIRS[:, 0], "item_b": PAIRS[:, 1], "dissimilarity": rng.random(66)}
    rdm = reliability(dissimilarities_table(pairs, IDS), "dissimilarities")
    assert rdm.missing["halves of the trials"] == "dissimilarities have no trials"
    shown = {f"item_{k}": [k] for k in (1, 2, 3)} | {"chosen": [1], "trial_type": ["catch"]}
    with pytest.raises(NotMeasurable, match="no main or repeated"):
        observed(choices_table(shown, IDS), "choices")
