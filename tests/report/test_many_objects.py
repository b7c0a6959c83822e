"""Reports of many objects and many categories, and of levels within which nobody was asked."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from twoalike.figures import embedding_map, map_layout
from twoalike.judgments import choices_table
from twoalike.report._embedding import few_categories
from twoalike.report._summary import _seldom_within

IDS = [f"o{number:02d}" for number in range(12)]


def test_the_largest_of_many_categories_are_told_apart() -> None:
    sizes = {f"c{k:02d}": 30 - k for k in range(20)}
    labels = pd.DataFrame({"sort": [name for name, n in sizes.items() for _ in range(n)]})
    level, names = few_categories(labels) or ("", [])
    assert level == "sort"
    assert set(names) == {*(f"c{k:02d}" for k in range(7)), "other"}
    assert few_categories(pd.DataFrame({"each": IDS})) is None
    few = few_categories(pd.DataFrame({"sort": IDS, "kind": ["a", "b"] * 6}))
    assert few == ("kind", ["a", "b"] * 6)


def test_a_map_of_many_has_names_with_room_and_few_ellipses(rng: np.random.Generator) -> None:
    m = 400
    layout = map_layout(rng.normal(scale=0.1, size=(6, m, 3)) + rng.normal(size=(m, 3)))
    figure = embedding_map(layout, names=[f"thing_{number}" for number in range(m)])
    axes = figure.axes[0]
    assert 10 < len(axes.texts) < m / 2
    assert all(text.get_text().startswith("thing ") for text in axes.texts)
    assert 10 < len(axes.patches) / 2 < m  # a rim and a filling each


def test_levels_within_which_nobody_was_asked_are_named() -> None:
    table = pd.DataFrame(
        {"id": IDS, "kind": ["a", "b"] * 6, "sort": [f"s{k // 3}" for k in range(12)]}
    )
    table.loc[0:8, "sort"] = "n/a"
    stimuli = SimpleNamespace(ids=IDS, table=table, levels=("kind", "sort"))

    def seldom(triplet: tuple[int, int, int]) -> list[str]:
        columns = {f"item_{k + 1}": [item] * 30 for k, item in enumerate(triplet)}
        inputs: Any = SimpleNamespace(
            stimuli=stimuli, choices=choices_table(columns | {"chosen": [1] * 30}, IDS)
        )
        return _seldom_within(inputs)

    assert seldom((0, 2, 4)) == ["sort"]
    assert seldom((9, 10, 11)) == ["kind"]
    assert seldom((0, 1, 2)) == ["kind", "sort"]
