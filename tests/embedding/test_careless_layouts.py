"""Who arranged carelessly: the density of a layout, kinds of arrangers, and raw columns."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from pymc.sampling.jax import get_jaxified_graph

from twoalike.embedding import Posterior, careless_table, participants_table
from twoalike.embedding._careless_layouts import log_view
from twoalike.embedding._distance_checks import replicated_layouts
from twoalike.embedding._layouts import layout_log_likelihood
from twoalike.judgments import arrangements_table, choices_table
from twoalike.study import TwoalikeError

M, SIZE, TRIALS = 16, 9, 8
IDS = [f"o{k:02d}" for k in range(M)]
CAREFUL = [f"careful {k}" for k in range(5)]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.where(rng.random((M, 3)) < 0.6, rng.gamma(3.0, 0.5, (M, 3)), 0.05)


@pytest.fixture(scope="module")
def near(x: np.ndarray) -> Posterior:
    """Draws close to the truth, of a fit to choices by one person and others' arrangements."""
    rng, axes = np.random.default_rng(5), ("chain", "draw")
    one, people = np.ones((1, 60, 1)), [*CAREFUL, "other"]
    variables = {
        "embedding": ((*axes, "object", "dimension"), x + 0.02 * rng.random((1, 60, M, 3))),
        "temperature": ((*axes, "participant"), one),
        "lapse": ((*axes, "participant"), 0.05 * one),
        "arrangement_noise": ((*axes, "arranger"), np.full((1, 60, 6), 0.3)),
    }
    coords: dict[str, Any] = {"object": IDS, "participant": ["other"], "arranger": people}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coords)})
    tree.attrs = {"schema_version": 1}
    return Posterior(tree)


def arranged(x: np.ndarray, how: str = "random", *, pace: float = 3.0, again: float = 0.0) -> Any:
    """Arrangements by careful people with noises up to .7, and by somebody else."""
    rng, parts = np.random.default_rng(1), []
    for number, person in enumerate((*CAREFUL, "other")):
        for trial in range(TRIALS):
            items, alone = rng.permutation(M)[:SIZE], np.zeros(SIZE, dtype=int)
            seat = rng.permutation(SIZE) * 2 * np.pi / SIZE
            noise = np.array([0.1 + 0.15 * number])
            places, seconds, more = replicated_layouts(x, noise, items, alone, rng), 3.0, 0.3
            if person == "other":
                seconds, more = pace, again
                if how == "random":
                    places = rng.standard_normal((SIZE, 2))
                if how == "seats":
                    places = np.stack([np.cos(seat), np.sin(seat)], axis=1)
                    places += 0.05 * rng.standard_normal((SIZE, 2))
            places = places - places.mean(axis=0)
            places *= 0.4 / np.linalg.norm(places, axis=1).max()
            columns = {
                "participant": person,
                "trial": trial + 1,
                "item": items,
                "x": places[:, 0],
                "y": places[:, 1],
                "response_time": SIZE * seconds * np.exp(0.3 * rng.normal()),
                "seat_angle": np.degrees(seat),
                "moves": 1 + (rng.random(SIZE) < more),
            }
            parts.append(pd.DataFrame(columns))
    table = pd.concat(parts, ignore_index=True)
    return arrangements_table({name: table[name].to_numpy() for name in table}, IDS)


@pytest.mark.parametrize("d", [2, 9])
def test_the_density_of_a_layout_is_that_of_the_model(rng: np.random.Generator, d: int) -> None:
    x, places, noise = rng.gamma(1.0, 1.0, (6, d)), rng.normal(size=(6, 2)), np.array([0.4])
    places -= places.mean(axis=0)
    places /= np.linalg.norm(places)
    layout = (np.arange(6)[None], places[None], np.ones((1, 6)), np.zeros(1, dtype=int))
    graph = layout_log_likelihood(x, noise, *layout, size=6, d=d)
    expected = get_jaxified_graph([], [graph])()[0]
    variance = noise**2 * ((x - x.mean(axis=0)) ** 2).mean(axis=0).sum() + 1e-6
    assert_allclose(log_view(x[None], places, variance[None])[0], expected, rtol=1e-4)


def test_a_random_layout_has_density_one_on_average(rng: np.random.Generator) -> None:
    x = rng.gamma(1.0, 1.0, (1, 4, 2))
    found = []
    for _ in range(4000):
        places = rng.standard_normal((4, 2))
        places -= places.mean(axis=0)
        found.append(log_view(x, places / np.linalg.norm(places), np.array([[2.0]]))[0, 0])
    assert np.exp(found).mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("how", "kind"), [("random", "guessing"), ("seats", "position"), ("careful", "careful")]
)
def test_kinds_of_arrangers_are_found(near: Posterior, x: np.ndarray, how: str, kind: str) -> None:
    found = careless_table(near, arrangements=arranged(x, how, again=0.2))
    found = found.set_index("participant")
    assert found.index.tolist() == ["other", *CAREFUL]
    assert (found.loc[CAREFUL, "p_careless"] < 0.05).all()
    assert found.loc["other", "likeliest"] == kind
    assert (found.loc["other", "p_careless"] > 0.9) == (kind != "careful")
    assert found.attrs["not_used"] == []


def test_pace_and_moves_are_evidence(near: Posterior, x: np.ndarray) -> None:
    slow = careless_table(near, arrangements=arranged(x, "careful", pace=20.0, again=0.2))
    fast = careless_table(near, arrangements=arranged(x, "careful", pace=0.4)).iloc[0]
    assert slow.loc[0, "p_careless"] < 0.01
    assert fast["likeliest"] == "automatic" and fast["p_careless"] > 0.5
    assert fast["evidence_pace"] > 3 and 0 < fast["evidence_moves"] < 3


def test_unknown_pace_seats_and_moves_are_no_evidence(near: Posterior, x: np.ndarray) -> None:
    table = arranged(x, "seats")
    missing = dict.fromkeys(["response_time", "seat_angle", "moves"], np.float32(np.nan))
    found = careless_table(near, arrangements=table.assign(**missing))
    assert found[["evidence_pace", "evidence_moves"]].isna().all(axis=None)
    assert found.loc[0, "likeliest"] == "guessing"
    with pytest.raises(TwoalikeError, match="none of the .* placements"):
        own = table[table["participant"] == "other"]
        careless_table(near, arrangements=own.assign(participant="nobody"))
    with pytest.raises(
        TwoalikeError, match="expected choices, arrangements, ratings or sortings to look at"
    ):
        careless_table(near)


def test_what_most_would_be_accused_of_is_not_used(near: Posterior, x: np.ndarray) -> None:
    table = arranged(x).assign(moves=np.float32(1))
    found = careless_table(near, arrangements=table)
    assert found["evidence_moves"].isna().all()
    assert found.attrs["not_used"] == [
        "numbers of moves: most participants moved hardly any image again"
    ]


def test_evidence_of_both_tasks_adds_up(near: Posterior, x: np.ndarray) -> None:
    rng, layouts = np.random.default_rng(2), arranged(x, "random", again=0.2)
    shown = np.array([rng.permutation(M)[:3] for _ in range(60)])
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": rng.integers(1, 4, 60), "participant": ["other"] * 60}
    choices = choices_table(columns, IDS)
    one, two = careless_table(near, choices), careless_table(near, arrangements=layouts)
    both = careless_table(near, choices, arrangements=layouts)
    assert list(both) == [*one, *(name for name in two if name not in one)]
    assert both.loc[0, "likeliest"] == "guessing"
    assert both.loc[0, "evidence_choices"] == pytest.approx(one.loc[0, "evidence_choices"])
    assert both.loc[0, "evidence_layouts"] == pytest.approx(two.loc[0, "evidence_layouts"])
    listed = participants_table(near, choices=choices, arrangements=layouts)
    assert listed["participant"][0] == "other"
    assert sorted(listed["participant"]) == sorted(both["participant"])
    assert listed["temperature"].notna().sum() == 1
    assert listed["checks"].tolist() == [0] * 6
