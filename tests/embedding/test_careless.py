"""Who is careless: known answers of each part, people not to be accused, the declared rule."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal, norm
from tests.conftest import succeed
from tests.embedding.conftest import World
from tests.rated import join, posterior_around, standard

from twoalike.embedding import Posterior, _participants, careless_table, fit, participants_table
from twoalike.embedding._layouts import replicated_layouts
from twoalike.embedding._participants import careless_reasons, not_following
from twoalike.judgments import (
    arrangements_table,
    choices_table,
    ratings_table,
    read_judgments,
    sortings_table,
)
from twoalike.report._inputs import read_inputs
from twoalike.study import Study, TwoalikeError

M = 16
IDS = [f"o{k:02d}" for k in range(M)]
UPPER = np.triu_indices(M, 1)
CAREFUL = [f"careful {k}" for k in range(5)]
PEOPLE = [*CAREFUL, "other"]


def frame(parts: list[pd.DataFrame]) -> dict[str, Any]:
    table = pd.concat(parts, ignore_index=True)
    return {name: table[name].to_numpy() for name in table}


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.where(rng.random((M, 3)) < 0.6, rng.gamma(3.0, 0.5, (M, 3)), 0.05)


@pytest.fixture(scope="module")
def near(x: np.ndarray) -> Posterior:
    """Draws close to the truth, of a fit to ratings, sortings and arrangements by six people."""
    found = posterior_around(x, IDS, PEOPLE, "rater", "sorter")
    group = found.tree["posterior"].to_dataset().assign_coords(arranger=PEOPLE)
    noise = xr.DataArray(np.full((1, 60, 6), 0.3), dims=("chain", "draw", "arranger"))
    found.tree["posterior"] = xr.DataTree(group.assign(arrangement_noise=noise))
    return found


def chosen(x: np.ndarray, how: str) -> pd.DataFrame:
    """Choices by five people, noisy and lapsing more and more, and by somebody else."""
    rng, parts = np.random.default_rng(4), []
    for number, person in enumerate(PEOPLE):
        shown = np.stack([rng.permutation(M)[:3] for _ in range(100)])
        i, j, k = shown.T
        s = x @ x.T
        scores = np.stack([s[j, k], s[i, k], s[i, j]], axis=1) / (0.6 + 0.2 * number)
        answer = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
        lapse = rng.random(100) < 0.05 * number
        answer = np.where(lapse, rng.integers(0, 3, 100), answer)
        if person == "other" and how == "random":
            answer = rng.integers(0, 3, 100)
        if person == "other" and how == "constant":
            answer = np.full(100, 2)
        columns = {f"item_{place + 1}": shown[:, place] for place in range(3)}
        known = {"participant": person, "chosen": answer + 1, "response_time": 1.0 + number}
        parts.append(pd.DataFrame(columns | known))
    return choices_table(frame(parts), IDS)


def rated(x: np.ndarray, how: str) -> pd.DataFrame:
    """Ratings by five careful people with noises up to .8, and by somebody else."""
    rng, parts, s = np.random.default_rng(4), [], standard(x)
    for number, person in enumerate(PEOPLE):
        some = rng.permutation(len(UPPER[0]))[:100]
        i, j = UPPER[0][some], UPPER[1][some]
        felt = s[i, j] + (0.2 + 0.1 * number) * rng.logistic(size=100)
        rating, right = 1 + np.clip((felt + 2) * 1.5, 0, 6).astype(int), rng.random(4) < 0.95
        if person == "other" and how != "careful":
            right = np.array([True, False] * 2)
            rating = rng.integers(1, 8, 100) if how == "random" else np.full(100, 4)
        columns = {
            "item_a": [*i, 0, 1, 2, 3],
            "item_b": [*j, 0, 1, 2, 3],
            "rating": [*rating, 1, 1, 1, 1],
            "trial_type": ["main"] * 100 + ["catch"] * 4,
            "correct": [None] * 100 + ["true" if one else "false" for one in right],
        }
        parts.append(pd.DataFrame(columns).assign(participant=person, scale_points=7))
    return ratings_table(frame(parts), IDS)


def piled(x: np.ndarray, how: str) -> pd.DataFrame:
    """Eight sortings of ten objects each by five careful people, and by somebody else."""
    rng, parts, s = np.random.default_rng(2), [], standard(x)
    for person, trial in product(PEOPLE, range(1, 9)):
        items = rng.permutation(M)[:10]
        gain = (s[np.ix_(items, items)] - 0.4) / 0.3
        pile = np.zeros(10, int) if how == "constant" else None
        if person != "other" or how == "careful" or pile is None:
            pile = join(gain * (person != "other" or how == "careful"), rng)
        columns = {"item": items, "pile": pile + 1, "trial": trial}
        parts.append(pd.DataFrame(columns).assign(participant=person))
    return sortings_table(frame(parts), IDS)


def arranged(x: np.ndarray, how: str) -> pd.DataFrame:
    """Eight layouts of nine objects each by careful people, and by somebody else."""
    rng, parts = np.random.default_rng(1), []
    for number, person in enumerate(PEOPLE):
        for trial in range(1, 9):
            items, alone = rng.permutation(M)[:9], np.zeros(9, dtype=int)
            noise = np.array([0.1 + 0.1 * number])
            places = replicated_layouts(x, noise, items, alone, rng)
            if person == "other" and how == "random":
                places = rng.standard_normal((9, 2))
            if person == "other" and how == "constant":  # as the images lay at first
                angle = 2 * np.pi * np.arange(9) / 9
                places = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            places = 0.4 * places / np.abs(places).max()
            columns = {"trial": trial, "item": items, "x": places[:, 0], "y": places[:, 1]}
            parts.append(pd.DataFrame(columns).assign(participant=person))
    return arrangements_table(frame(parts), IDS)


MADE = {"choices": chosen, "ratings": rated, "sortings": piled, "arrangements": arranged}


@pytest.mark.parametrize("how", ["random", "constant", "careful"])
@pytest.mark.parametrize("kind", MADE)
def test_who_follows_nothing_is_found_by_every_kind(
    near: Posterior, x: np.ndarray, kind: str, how: str
) -> None:
    tables: dict[str, Any] = {kind: MADE[kind](x, how)}
    found = careless_table(near, **tables)
    assert found.attrs["not_used"] == []
    found = found.set_index("participant")
    assert found.index.tolist() == PEOPLE
    assert (found.loc[CAREFUL, "p_careless"] < 0.2).all()
    assert (found.loc["other", "p_careless"] > 0.5) == (how != "careful")
    assert found[f"evidence_{kind}"].notna().all()


def test_evidence_and_prior_add_up(near: Posterior, x: np.ndarray) -> None:
    tables = {kind: MADE[kind](x, "careful") for kind in ("choices", "ratings")}
    both = careless_table(near, share=0.2, **tables)  # type: ignore[arg-type]
    evidence = both.filter(like="evidence_").sum(axis=1)
    assert_allclose(np.log(both["p_careless"] / (1 - both["p_careless"])), np.log(0.25) + evidence)
    alone = careless_table(near, tables["choices"])
    assert_allclose(alone["evidence_choices"], both["evidence_choices"])
    assert alone["evidence_checks"].isna().all() and both["evidence_checks"].notna().all()
    assert_allclose(alone["seconds"], [1, 2, 3, 4, 5, 6])
    assert alone["same_place"].between(1 / 3, 0.6).all()


def test_what_would_accuse_most_people_is_not_used(near: Posterior, x: np.ndarray) -> None:
    table = rated(x, "careful")
    rng = np.random.default_rng(0)
    main_rows = (table["trial_type"] == "main").to_numpy()
    table.loc[main_rows, "rating"] = rng.permutation(table["rating"][main_rows].to_numpy())
    found = careless_table(near, ratings=table)
    assert "ratings, which do not follow" in found.attrs["not_used"][0]
    assert found["evidence_ratings"].isna().all()


def test_the_density_of_following_is_that_of_the_normal_copula(
    near: Posterior, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_participants, "FOLLOWING", (0.6 * 1e5, 0.4 * 1e5))  # all mass at .6
    pairs, s = np.stack(UPPER, axis=1), near.similarity()[UPPER]
    a, b = (_participants.normal_scores(one) for one in (s + s.std() * rng.normal(size=len(s)), s))
    found = not_following(near, [("p", a, pairs, float(len(a)))])["p"]
    both = multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]]).logpdf(np.stack([a, b], axis=1))
    assert found == pytest.approx(norm.logpdf([a, b]).sum() - both.sum(), abs=0.5)


def test_participants_with_judgments_are_in_the_order_of_p_careless(world: World) -> None:
    ids = world.ids
    x = world.embedding
    near = posterior_around(x, ids, [f"person_{k}" for k in range(6)])
    choices = world.judge(600, 1)
    found = participants_table(near, choices=choices)
    assert found["p_careless"].is_monotonic_decreasing
    assert found.loc[0, "participant"] == "person_5"  # who lapses


def accusing(p: dict[str, float]) -> Any:
    """Stand-in of careless_table that gives these probabilities."""
    columns = {"participant": list(p), "p_careless": list(p.values())}
    table = pd.DataFrame(columns).assign(evidence_choices=1.0)
    return lambda *_, **__: table


def draws_of_nothing(data: Any, form: Any, **_: Any) -> Any:
    """Stand-in of the engine, at once."""
    rng, shape, people = np.random.default_rng(0), (1, 20), len(data.participants)
    draws = {"embedding": rng.random((*shape, len(data.ids), form.dimensions))}
    draws |= {"temperature": np.ones((*shape, people)), "lapse": np.full((*shape, people), 0.05)}
    draws |= {f"lapse_{part}": np.ones(shape) for part in ("location", "spread")}
    return draws | {"temperature_spread": np.ones(shape)}, {"loss": np.zeros((1, 2))}


def test_the_declared_rule_acts_once_and_is_recorded(
    make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.embedding._vi.fit_vi", draws_of_nothing)
    names = ("901", "902", "903")
    p = {name: 0.995 if name == "902" else 0.6 for name in names}
    monkeypatch.setattr(_participants, "careless_table", accusing(p))
    root = make_study(design="trials = 12\npractice = 0\n")
    for person in names:
        words = ("run", root, "--task", "odd-one-out", "--participant", person)
        succeed(*words, "--simulate", "--no-window")
    study, path = Study.load(root), root / "study.toml"
    settings = path.read_text(encoding="utf-8")
    path.write_text(f"{settings}\n[exclusion]\ncareless = 0.99\n", encoding="utf-8")
    lines: list[str] = []
    made = fit(root, announce=lines.append, engine="vi", quick=True)
    reason = "p_careless 0.995, 0.99 leaves out"
    said = f"left out by the rule of study.toml: participant 902, session 01 ({reason})"
    assert said in lines
    for one in (made, Posterior.load(study.posterior)):
        assert one.participants == ("901", "903")
        assert one.attrs["excluded"] == {"careless": 0.99, "people": {"902": reason}}
    assert set(read_judgments(study.choices)["participant"]) == {"901", "903"}
    assert list(root.rglob("*part*.npz")) == []
    sessions = read_inputs(Study.load(root)).sessions
    excluded = {one.participant: one.excluded for one in sessions}
    assert excluded == {"901": None, "902": reason, "903": None}


def test_half_of_the_people_are_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"a": 1.0, "b": 0.999, "c": 0.1, "d": 0.05}
    monkeypatch.setattr(_participants, "careless_table", accusing(people))
    posterior: Any = None
    assert list(careless_reasons(posterior, {}, 1.0)) == ["a"]
    with pytest.raises(TwoalikeError, match="fewer than half of the participants, found 2 of 4"):
        careless_reasons(posterior, {}, 0.9)
