"""Odd, thin or wrong judgments: fitted, with the consequence said, or refused in one line."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.embedding import FitConfig, choice_intervals, fit_embedding, link_warnings
from twoalike.embedding._advice import describe_links
from twoalike.embedding._model import Data
from twoalike.judgments import arrangements_table, choices_table, dissimilarities_table
from twoalike.study import TwoalikeError

IDS = [f"o{k}" for k in range(8)]
QUICK = FitConfig(quick=True, engine="vi", chains=1, steps=400, draws=40, dimensions=2)


def table(triplets: list[tuple[int, int, int]], chosen: Any = 3, **more: Any) -> pd.DataFrame:
    shown = np.array(triplets)
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    return choices_table(columns | {"chosen": np.broadcast_to(chosen, len(shown)), **more}, IDS)


def islands() -> pd.DataFrame:
    """Two groups of four objects that no triplet mixes."""
    rng = np.random.default_rng(0)
    shown = [rng.permutation(4)[:3] + 4 * (k % 2) for k in range(120)]
    return table([tuple(row) for row in shown], 1 + np.arange(120) % 3)


def test_islands_are_counted_named_and_said() -> None:
    links = describe_links(Data.from_tables({"choices": islands()}))
    assert links["islands"] == [4, 4] and links["never"] == links["once"] == 0
    (said,) = link_warnings(links)
    assert said.startswith("2 islands of objects (4, 4 objects; such as o0, o4)")


def test_arrangements_and_rated_pairs_link_objects() -> None:
    placed = {"item": [3, 4, 0], "x": [0.0, 0.1, 0.3], "y": [0.0, 0.2, 0.1], "trial": [1, 1, 1]}
    arranged = arrangements_table(placed | {"participant": ["p"] * 3}, IDS)
    rated = dissimilarities_table(
        {
            "participant": ["p"] * 3,
            "item_a": [0, 1, 2],
            "item_b": [7, 7, 7],
            "dissimilarity": [0.1, 0.4, 0.9],
            "kind": ["rating"] * 3,
        },
        IDS,
    )
    for other in ({"arrangements": arranged}, {"dissimilarities": rated}):
        found = describe_links(Data.from_tables({"choices": islands(), **other}))  # type: ignore[arg-type]
        assert found["islands"] == [8]
    alone = describe_links(Data.from_tables({"arrangements": arranged}))
    assert alone["islands"] == [3] and alone["never"] == 5 and alone["once"] == 3


def test_objects_judged_never_or_once_are_told_and_their_intervals_are_wide() -> None:
    rng = np.random.default_rng(1)
    shown = [tuple(rng.permutation(6)[:3]) for _ in range(299)]
    chosen = [1 + int(np.argmax(row)) for row in shown]  # the largest number is the odd one
    fitted = fit_embedding(table([*shown, (6, 0, 1)], [*chosen, 1]), config=QUICK)
    said = link_warnings(fitted.attrs["links"])
    assert said == [
        "1 of the objects is in no judgment (o7): their intervals are wide.",
        "1 of the objects is in one judgment only (o6): their intervals are wide.",
    ]
    known = list(itertools.combinations(range(6), 3))
    new = [(a, b, 7) for a, b in itertools.combinations(range(6), 2)]
    widths = []
    for triplets in (known, new):
        low, high = choice_intervals(fitted, np.array(triplets), lapse=False)
        widths.append(float((high - low).max(axis=1).mean()))
    assert widths[1] > 1.5 * widths[0]


def test_one_who_always_gives_the_same_key_leaves_a_finite_posterior() -> None:
    rng = np.random.default_rng(2)
    shown = [tuple(rng.permutation(8)[:3]) for _ in range(300)]  # one program fits both
    fitted = fit_embedding(table(shown, 2), config=QUICK)
    p = fitted.choice_probabilities(np.array(shown))
    assert np.isfinite(fitted.embedding).all()
    # Keys carry no likeness: what was seen in random places says almost nothing.
    assert np.abs(p - 1 / 3).mean() < 0.2


def test_two_objects_are_too_few() -> None:
    columns = {"participant": ["p"], "item_a": [0], "item_b": [1], "kind": ["rating"]}
    with pytest.raises(TwoalikeError, match="3 pairs or more"):
        rated = dissimilarities_table(columns | {"dissimilarity": [0.5]}, IDS[:2])
        fit_embedding(None, dissimilarities=rated, config=QUICK)
