"""What must not matter does not: orders of rows, items and dimensions, names of objects."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.chosen import log_likelihoods

from twoalike.embedding._model import Data
from twoalike.judgments import choices_table

M, N = 7, 40
SEEDS = st.integers(0, 2**32 - 1)


def judged(rng: np.random.Generator, ids: list[str]) -> dict[str, Any]:
    shown = np.stack([rng.permutation(M)[:3] for _ in range(N)])
    kind = np.where(rng.random(N) < 0.7, "odd_one_out", "anchored")
    chosen = np.where(kind == "anchored", rng.integers(2, 4, N), rng.integers(1, 4, N))
    return {f"item_{k + 1}": np.array(ids)[shown[:, k]] for k in range(3)} | {
        "kind": kind,
        "chosen": chosen,
        "participant": rng.choice(["p", "q"], N),
    }


def total(columns: dict[str, Any], ids: list[str], x: np.ndarray, similarity: str) -> float:
    """Log-likelihood of all judgments of objects at x, in the order of ids."""
    data = Data.from_tables({"choices": choices_table(columns, ids)})
    order = [ids.index(name) for name in data.ids]
    people = {"p": (0.7, 0.1), "q": (1.6, 0.3)}
    noise, guess = (np.array([people[who][k] for who in data.participants]) for k in (0, 1))
    return float(log_likelihoods(data, x[order], noise, guess, similarity).sum())


@pytest.mark.parametrize("similarity", ["dot", "distance"])
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_density_knows_no_order_and_no_names(similarity: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"o{k}" for k in range(M)]
    columns, x = judged(rng, ids), rng.gamma(1.0, 1.0, (M, 3))
    expected = total(columns, ids, x, similarity)
    rows = rng.permutation(N)
    shuffled = {name: np.asarray(values)[rows] for name, values in columns.items()}
    assert_allclose(total(shuffled, ids, x, similarity), expected, rtol=1e-9)
    assert_allclose(total(columns, ids, x[:, rng.permutation(3)], similarity), expected, rtol=1e-9)
    order = rng.permutation(M)
    renamed = dict(zip(ids, [f"z{k}" for k in rng.permutation(M)], strict=True))
    other = columns | {
        f"item_{k}": [renamed[name] for name in columns[f"item_{k}"]] for k in (1, 2, 3)
    }
    names = [renamed[ids[k]] for k in order]
    assert_allclose(total(other, names, x[order], similarity), expected, rtol=1e-9)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_density_knows_no_order_of_items(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"o{k}" for k in range(M)]
    columns, x = judged(rng, ids), rng.gamma(1.0, 1.0, (M, 3))
    items = np.column_stack([columns[f"item_{k}"] for k in (1, 2, 3)])
    chosen, anchored = columns["chosen"] - 1, columns["kind"] == "anchored"
    order = np.stack([rng.permutation(3) for _ in range(N)])
    # A reference stays where it is; the two that are compared may change places.
    swap = np.where(rng.random((N, 1)) < 0.5, [[0, 2, 1]], [[0, 1, 2]])
    order = np.where(anchored[:, None], swap, order)
    moved = np.take_along_axis(items, order, axis=1)
    place = np.argmax(order == chosen[:, None], axis=1)
    other = columns | {f"item_{k + 1}": moved[:, k] for k in range(3)} | {"chosen": place + 1}
    assert_allclose(total(other, ids, x, "dot"), total(columns, ids, x, "dot"), rtol=1e-9)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_distances_know_no_turn_and_no_origin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [f"o{k}" for k in range(M)]
    columns, x = judged(rng, ids), rng.normal(size=(M, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    expected = total(columns, ids, x, "distance")
    assert_allclose(total(columns, ids, x @ turn + rng.normal(size=3), "distance"), expected)
