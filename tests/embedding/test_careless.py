"""Who is careless or no person: known answers of each part, and people who must not be accused."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.embedding.conftest import World

from twoalike.embedding import Posterior, careless_table, participants_table
from twoalike.embedding._careless import (
    EVIDENCE,
    KINDS,
    SHARE,
    Evidence,
    _log_checks,
    _log_consistent,
    _log_embedding,
    _log_evidence,
    _log_habit,
    _trials,
    combined,
)
from twoalike.embedding._careless_times import log_times
from twoalike.judgments import choices_table
from twoalike.study import TwoalikeError

CAREFUL = [f"careful {k}" for k in range(4)]


def trials_of(
    name: str, shown: np.ndarray, chosen: np.ndarray, times: np.ndarray | float, p: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Judgments of one person, as columns, with the probabilities of the answers."""
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)} | {"chosen": chosen + 1}
    n = len(shown)
    more = {"participant": [name] * n, "trial": np.arange(1, n + 1), "response_time": times}
    return pd.DataFrame(columns | more), p


def sampled(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)


def judged_people(
    table: pd.DataFrame, p: np.ndarray, people: list[str], share: float = SHARE
) -> pd.DataFrame:
    return combined(people, [Evidence.of_choices(table, p, people)], share)


def careless_of(
    world: World, rng: np.random.Generator, people: dict[str, tuple[np.ndarray, np.ndarray | float]]
) -> pd.DataFrame:
    """Rows of people who answer (positions from 0) in some times, beside four careful ones."""
    tables, rows = [], []
    for name in (*CAREFUL, *people):
        n = len(people[name][0]) if name in people else 100
        shown = world.triplets(n, rng)
        p = world.probabilities(shown)
        usual = (sampled(p, rng), 2 * np.exp(0.4 * rng.normal(size=n)))
        table, p = trials_of(name, shown, *people.get(name, usual), p)
        tables.append(table)
        rows.append(p)
    table = choices_table(dict(pd.concat(tables, ignore_index=True)), world.ids)
    names = [*CAREFUL, *people]
    return judged_people(table, np.concatenate(rows), names).set_index("participant")


def test_every_kind_is_found_and_named(world: World, rng: np.random.Generator) -> None:
    usual = 2 * np.exp(0.4 * rng.normal(size=100))
    found = careless_of(
        world,
        rng,
        {
            "guessing": (rng.integers(0, 3, 100), usual),
            "one side": (np.full(100, 2), usual),
            "rotating": (np.arange(100) % 3, usual),
            "alternating": (np.arange(100) % 2, usual),
            "fast": (rng.integers(0, 3, 100), rng.uniform(0.15, 0.3, 100)),
            "regular": (rng.integers(0, 3, 100), rng.normal(2.0, 0.01, 100)),
        },
    )
    assert (found.loc[CAREFUL, "p_careless"] < 1e-3).all()
    assert (found.loc[CAREFUL, "likeliest"] == "careful").all()
    others = found.drop(CAREFUL)
    assert (others["p_careless"] > 0.8).all()
    for name in ("one side", "rotating", "alternating"):
        assert others.loc[name, "likeliest"] == "position"
        assert others.loc[name, "evidence_choices"] > 50
    assert others.loc["guessing", "likeliest"] == "guessing"
    assert others.loc["regular", "likeliest"] == "automatic"
    assert others.loc["fast", "evidence_times"] > 5
    assert others.loc["regular", "evidence_times"] > 50


def test_slow_noisy_variable_and_quick_people_are_not_accused(
    world: World, rng: np.random.Generator
) -> None:
    tables, rows, names = [], [], []
    for median, spread, noise, lapse in product((0.8, 2, 20), (0.25, 0.9), (0.5, 2.0), (0, 0.25)):
        shown = world.triplets(150, rng)
        p = world.probabilities(shown)
        own = p ** (1 / noise)
        own = (1 - lapse) * own / own.sum(axis=1, keepdims=True) + lapse / 3
        times = median * np.exp(spread * rng.normal(size=150))
        name = f"{median} {spread} {noise} {lapse}"
        tables.append(trials_of(name, shown, sampled(own, rng), times, p)[0])
        rows.append(p)
        names.append(name)
    table = choices_table(dict(pd.concat(tables, ignore_index=True)), world.ids)
    found = judged_people(table, np.concatenate(rows), names)
    assert found["p_careless"].max() < 0.2
    assert found.attrs["not_used"] == []


def test_evidence_and_prior_add_up(world: World, rng: np.random.Generator) -> None:
    """Posterior odds are prior odds times Bayes factors, which are the sum of the evidence."""
    shown = world.triplets(60, rng)
    shown[50:] = shown[:10, [2, 0, 1]]
    p = world.probabilities(shown)
    table, _ = trials_of("a", shown, sampled(0.2 * p + 0.8 / 3, rng), np.nan, p)
    rows = choices_table(dict(table), world.ids)
    for share in (0.05, 0.3):
        row = judged_people(rows, p, ["a"], share).iloc[0]
        trials = _trials(rows, p)
        log_p = _log_evidence(trials).sum(axis=1)[:3]  # without times nobody is automatic
        odds = share / 2 * np.exp(log_p[1:] - log_p[0]) / (1 - share)
        assert row["p_careless"] == pytest.approx(odds.sum() / (1 + odds.sum()))
        factors = row[["evidence_choices", "evidence_repeats"]].sum()
        assert factors == pytest.approx(np.log(odds.max() * (1 - share) / (share / 2)))
    assert np.isnan(row["evidence_checks"]) and np.isnan(row["evidence_times"])


def test_a_person_without_answers_keeps_the_prior(world: World, rng: np.random.Generator) -> None:
    shown = world.triplets(5, rng)
    table, p = trials_of("a", shown, np.zeros(5, int), 1.0, world.probabilities(shown))
    found = judged_people(choices_table(dict(table), world.ids), p, ["a", "b"], 0.1)
    assert found["p_careless"].tolist()[1] == pytest.approx(0.1)
    assert found.filter(like="evidence").iloc[1].isna().all()


def test_order_of_items_and_rows_does_not_matter_to_choices_and_repeats(
    world: World, rng: np.random.Generator
) -> None:
    shown = world.triplets(40, rng)
    shown[30:] = shown[:10]
    p = world.probabilities(shown)
    chosen = sampled(p, rng)
    table, _ = trials_of("a", shown, chosen, 1.5, p)
    order = rng.permuted(np.tile([0, 1, 2], (40, 1)), axis=1)
    each = np.arange(40)[:, None]
    place = (order == chosen[:, None]).argmax(axis=1)
    other, q = trials_of("a", shown[each, order], place, 1.5, p[each, order])
    mixed = rng.permutation(40)
    other, q = other.iloc[mixed], q[mixed]
    one = judged_people(choices_table(dict(table), world.ids), p, ["a"])
    two = judged_people(choices_table(dict(other.reset_index(drop=True)), world.ids), q, ["a"])
    sides = [_log_evidence(_trials(choices_table(dict(table), world.ids), p))]
    rows = other.assign(p=list(q)).sort_values("trial").reset_index(drop=True)
    q = np.stack(rows.pop("p").to_list())
    sides.append(_log_evidence(_trials(choices_table(dict(rows), world.ids), q)))
    for kind in ("careful", "guessing", "automatic"):
        assert_allclose(*(side[KINDS.index(kind)] for side in sides))
    assert list(one) == list(two) == [
        "participant", "p_careless", "likeliest", *(f"evidence_{name}" for name in EVIDENCE)
    ]  # fmt: skip


def test_a_habit_of_positions_is_a_probability() -> None:
    """Over all sequences it sums to one, and the last row says what a habit becomes."""
    n, total = 4, 0.0
    for sequence in product(range(3), repeat=n):
        chosen = np.array(sequence)
        total += np.exp(_log_habit(np.array(["a"] * n), np.zeros(n, bool), chosen).sum())
    assert total == pytest.approx(1)
    n = 300
    for chosen in (np.zeros(n, int), np.arange(n) % 2, np.arange(n) % 3):
        log_p = _log_habit(np.array(["a"] * n), np.zeros(n, bool), chosen)
        assert log_p[0] == pytest.approx(np.log(1 / 3))
        assert np.exp(log_p[-1]) > 0.98
    anchored = _log_habit(np.array(["a"]), np.ones(1, bool), np.array([2]))
    assert np.exp(anchored) == pytest.approx(0.5)


def test_choices_repeats_and_checks_are_probabilities(
    world: World, rng: np.random.Generator
) -> None:
    """Over all answers to a new triplet and its repeat, and to checks, they sum to one."""
    shown = np.tile(world.triplets(1, rng), (2, 1))
    p = world.probabilities(shown)
    by_embedding = 0.0
    for chosen in product(range(3), repeat=2):
        table, _ = trials_of("a", shown, np.array(chosen), 1.0, p)
        trials = _trials(choices_table(dict(table), world.ids), p)
        first, again = np.array([True, False]), np.array([False, True])
        by_embedding += np.exp(_log_embedding(trials.take(first), trials.take(again)).sum())
    assert by_embedding == pytest.approx(1)
    three = np.full(3, 3)
    rights = np.array(list(product([True, False], repeat=3)))
    checks = [
        np.exp(_log_checks(right, three, 9.0, 1.0)) * 2.0 ** (~right).sum() for right in rights
    ]
    assert sum(checks) == pytest.approx(1)
    same = [np.exp(_log_consistent(right, three)) * 2.0 ** (~right).sum() for right in rights]
    assert sum(same) == pytest.approx(1)


def test_times_are_densities_and_judge_what_they_should(rng: np.random.Generator) -> None:
    grid = np.linspace(-9, 9, 1001)
    densities = np.exp([log_times(np.array([at])) for at in grid]).sum(axis=0) * (grid[1] - grid[0])
    assert_allclose(densities, 1, atol=0.06)  # medians on a finite grid
    z = rng.normal(size=100)
    for median, spread, best in ((1.0, 0.4, 0), (15.0, 0.6, 0), (0.2, 0.2, 1), (2.0, 0.01, 2)):
        assert np.argmax(log_times(np.log(median) + spread * z)) == best
    assert np.argmax(log_times(np.zeros(100))) == 2  # constant
    pauses = np.where(np.arange(100) < 5, 5.0, 0.7 + 0.01 * z)
    assert np.argmax(log_times(pauses)) == 2
    assert log_times(np.array([])) == (0.0, 0.0, 0.0)


def test_what_would_accuse_most_people_is_not_used(world: World, rng: np.random.Generator) -> None:
    """Tables with the odd item last, or with a constant for times that nobody measured."""
    tables, rows = [], []
    for name in CAREFUL:
        shown = world.triplets(80, rng)
        chosen = sampled(world.probabilities(shown), rng)
        shown[np.arange(80), chosen], shown[:, 2] = shown[:, 2], shown[np.arange(80), chosen].copy()
        p = world.probabilities(shown)
        tables.append(trials_of(name, shown, np.full(80, 2), 1.0, p)[0])
        rows.append(p)
    table = choices_table(dict(pd.concat(tables, ignore_index=True)), world.ids)
    found = judged_people(table, np.concatenate(rows), CAREFUL)
    assert (found["p_careless"] < 0.01).all()
    assert found["evidence_times"].isna().all()
    order, times = found.attrs["not_used"]
    assert order.startswith("the order of items") and times.startswith("response times")


def test_times_of_zero_are_no_evidence(world: World, rng: np.random.Generator) -> None:
    found = careless_of(world, rng, {"a": (rng.integers(0, 3, 50), 0.0)})
    assert np.isnan(found.loc["a", "evidence_times"])


def test_a_posterior_and_its_judgments(posterior: Posterior, rng: np.random.Generator) -> None:
    """Attention checks of other objects count, practice and unknown people do not."""
    n = 90
    shown = np.stack([rng.choice(7, 3, replace=False) for _ in range(n)])
    p = posterior.choice_probabilities(shown)
    chosen = p.argmax(axis=1)
    who = np.array(list("abe") * 30)
    chosen[who == "b"] = rng.integers(0, 3, 30)
    types, correct = np.array(["main"] * n, dtype=object), np.full(n, None, dtype=object)
    checks = np.arange(n) >= 60
    types[checks], correct[checks] = "catch", np.where(who[checks] == "b", "false", "true")
    shown[checks] = [7, 8, 9]
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": chosen + 1, "participant": who, "trial_type": types, "correct": correct}
    ids = [*posterior.ids, "dog", "cat", "car"]
    table = choices_table(columns, ids)
    found = careless_table(posterior, table).set_index("participant")
    assert found.index.tolist() == list(posterior.participants)
    assert found["p_careless"].idxmax() == "b" and found.loc["b", "p_careless"] > 0.9
    assert found.loc["b", "evidence_checks"] > 3
    assert found.loc["a", "evidence_checks"] < 0
    assert found.loc["c", "p_careless"] == pytest.approx(0.05)
    listed = participants_table(posterior, choices=table)
    assert listed["participant"][0] == "b"
    assert_allclose(listed["p_careless"], found.loc[listed["participant"], "p_careless"])
    with pytest.raises(TwoalikeError, match="`share=...`: expected a share"):
        careless_table(posterior, table, share=1.0)
    with pytest.raises(TwoalikeError, match="none of the"):
        careless_table(posterior, table.assign(participant="somebody else"))


def test_anchored_choices(posterior: Posterior, rng: np.random.Generator) -> None:
    shown = np.stack([rng.choice(7, 3, replace=False) for _ in range(160)])
    near = posterior.choice_probabilities(shown, kind="anchored").argmax(axis=1)
    who = np.array(list("abcd") * 40)
    near[who == "d"] = rng.integers(1, 3, 40)
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": near + 1, "participant": who, "kind": ["anchored"] * 160}
    found = careless_table(posterior, choices_table(columns, posterior.ids))
    assert found["p_careless"].idxmax() == 3
    assert (found["p_careless"][:3] < 0.05).all()
