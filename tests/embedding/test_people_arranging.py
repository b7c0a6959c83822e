"""Weights of the dimensions in arrangements and dissimilarities, against definitions in numpy."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import judged_logs

from twoalike.embedding import FitConfig, KindChecks, Posterior, check, fit_embedding
from twoalike.embedding._dissimilarities import Dissimilarities
from twoalike.embedding._layouts import Layouts, replicated_layouts
from twoalike.embedding._model import Data, Form
from twoalike.judgments import arrangements_table, choices_table, dissimilarities_table

M, SIZE, EACH = 12, 8, 16
IDS = [f"o{k:02d}" for k in range(M)]
PEOPLE = [f"p{k}" for k in range(6)]
HEED = np.where(np.arange(6) % 2, 1.2, -1.2)
"""Log weight of the first of two dimensions; that of the second is its negative."""


def world(seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((M, 2)) < 0.5, rng.gamma(4.0, 0.4, (M, 2)), 0.02)


def arranged(x: np.ndarray, log_weight: np.ndarray, seed: int = 3) -> pd.DataFrame:
    """Layouts of the model at noise .2: random views of what each person sees."""
    rng, parts = np.random.default_rng(seed), []
    for name, own in zip(PEOPLE, np.exp(log_weight / 2), strict=True):
        for trial in range(EACH):
            items = rng.permutation(M)[:SIZE]
            who = np.zeros(SIZE, dtype=int)
            places = replicated_layouts(x, np.array([0.2]), items, who, rng, own[None])
            places -= places.mean(axis=0)
            places *= 0.4 / np.linalg.norm(places, axis=1).max()
            columns = {"participant": name, "trial": trial + 1, "item": items}
            parts.append(pd.DataFrame(columns | {"x": places[:, 0], "y": places[:, 1]}))
    table = pd.concat(parts)
    return arrangements_table({name: table[name].to_numpy() for name in table}, IDS)


def compared(x: np.ndarray, log_weight: np.ndarray) -> pd.DataFrame:
    """Dissimilarities of the weighted dot products, with a little noise."""
    rng, (first, second) = np.random.default_rng(4), np.triu_indices(M, 1)
    parts = []
    for name, own in zip(PEOPLE, np.exp(log_weight), strict=True):
        s = (x[first] * own * x[second]).sum(axis=1)
        values = 10 - (s - s.mean()) / s.std() + 0.3 * rng.standard_normal(len(s))
        columns = {"participant": name, "item_a": first, "item_b": second}
        parts.append(pd.DataFrame(columns | {"dissimilarity": values}))
    table = pd.concat(parts)
    return dissimilarities_table({name: table[name].to_numpy() for name in table}, IDS)


def unweighed(posterior: Posterior) -> Posterior:
    """Give everybody the embedding itself."""
    tree = posterior.tree.copy()
    tree["posterior"] = tree["posterior"].to_dataset().drop_vars("log_weight")
    return Posterior(tree)


def some_choices() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    shown = np.array([rng.permutation(M)[:3] for _ in range(60)])
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": rng.integers(1, 4, 60), "participant": ["q", "p1"] * 30}
    return choices_table(columns, IDS)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return arranged(world(), np.stack([HEED, -HEED], axis=1))


@pytest.fixture(scope="module")
def fitted(table: pd.DataFrame) -> Posterior:
    config = FitConfig(
        quick=True, engine="vi", people="weights", dimensions=2, chains=1, steps=800, draws=40
    )
    return fit_embedding(None, arrangements=table, config=config)


def test_a_layout_is_a_view_of_what_the_arranger_sees(table: pd.DataFrame) -> None:
    """With weights, as without them a person's own coordinates."""
    layouts, rng = Layouts.from_table(table), np.random.default_rng(1)
    (group,) = layouts.groups
    x, log_weight = rng.gamma(1.0, 1.0, (M, 3)), rng.standard_normal((6, 3))
    noise = rng.uniform(0.2, 0.5, 6)

    def logs(x: np.ndarray, **weights: np.ndarray) -> np.ndarray:
        return judged_logs(layouts, x, noise, **weights)[0]

    weighed = logs(x, log_weight=log_weight)
    for person in range(6):
        own = group.judge == person
        alone = logs(x * np.exp(log_weight[person] / 2))
        assert_allclose(weighed[own], alone[own], rtol=1e-4, atol=1e-3)
    # A factor common to all weights of a person says nothing.
    assert_allclose(logs(x, log_weight=log_weight + 0.7), weighed, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_dissimilarities_are_of_what_their_source_sees(similarity: str) -> None:
    rng = np.random.default_rng(1)
    table = compared(world(), np.zeros((6, 2)))
    for kept in (table, table[np.arange(len(table)) % 7 > 0]):  # the same pairs, and others
        data = Dissimilarities.from_table(kept)
        x, log_weight = rng.gamma(1.0, 1.0, (M, 3)), rng.standard_normal((6, 3))
        noises = rng.uniform(0.3, 1.0, (2, 6))
        logs = partial(judged_logs, data, similarity=similarity)
        alone = [
            logs(x * np.exp(own / 2), *noises)[0][place] for place, own in enumerate(log_weight)
        ]
        weighed = logs(x, *noises, log_weight=log_weight)[0]
        assert_allclose(weighed, alone, rtol=1e-3, atol=1e-3)


def test_everybody_who_judged_takes_part(table: pd.DataFrame) -> None:
    pairs = compared(world(), np.zeros((6, 2)))
    data = Data.from_tables(
        {"choices": some_choices(), "arrangements": table, "dissimilarities": pairs}
    )
    assert data.participants == ("q", "p1")
    everybody = data.everybody()
    assert everybody.participants == ("q", "p1", "p0", "p2", "p3", "p4", "p5")
    alone = Data.from_tables({"arrangements": table}).everybody()
    assert alone.participants == tuple(PEOPLE)
    names = {v.name for v in Form(2, "softplus", weights=True).model(alone).free_RVs}
    assert {"weight_offset", "weight_spread"} <= names
    without = {v.name for v in Form(2, "softplus").model(data).free_RVs}
    assert not [name for name in without if "weight" in name]


def test_weights_of_people_who_only_arranged_are_recovered(fitted: Posterior) -> None:
    assert fitted.participants == tuple(PEOPLE)
    weights = fitted.weights
    assert weights is not None
    x = fitted.embedding.mean(axis=0)
    order = np.corrcoef(world().T, x.T)[:2, 2:].argmax(axis=1)
    assert len(set(order)) == 2
    found = weights.log[:, :, order[0]].mean(axis=0)
    assert np.corrcoef(found, HEED)[0, 1] > 0.9
    assert weights.spread.mean() > 0.4


def test_checks_see_what_each_person_sees(fitted: Posterior, table: pd.DataFrame) -> None:
    def checked(posterior: Posterior) -> KindChecks:
        found = check(posterior, arrangements=table).arrangements
        assert found is not None
        return found

    found, without, own = map(checked, (fitted, unweighed(fitted), fitted.for_person("p3")))
    assert found.follow.observed > without.follow.observed
    assert [person.name for person in own.participants] == ["p3"]
    one = next(person for person in found.participants if person.name == "p3")
    assert_allclose(own.participants[0].observed, one.observed, atol=1e-3)
