"""Lift the weakest: valid and tied sets, stops, resumed sessions, and trials needed."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import (
    ArrangedTrial,
    ArrangementEnd,
    PlannedArrangement,
    arrangement_rng,
    next_arrangement,
    pair_evidence,
)
from twoalike.study import ArrangementConfig

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark_script() -> ModuleType:
    """The simulated people of the benchmark."""
    spec = importlib.util.spec_from_file_location(
        "arrangement_benchmark", ROOT / "benchmarks" / "arrangement.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def place(items: tuple[int, ...], rng: np.random.Generator) -> ArrangedTrial:
    """Somebody who puts things anywhere."""
    positions = rng.uniform(-0.35, 0.35, (len(items), 2))
    return ArrangedTrial(np.array(items), positions)


def session(
    config: ArrangementConfig, m: int, seed: int, limit: int
) -> tuple[list[ArrangedTrial], ArrangementEnd | None]:
    rng = np.random.default_rng(seed)
    done: list[ArrangedTrial] = []
    while len(done) < limit:
        trial_rng = arrangement_rng(seed, "p1", 1, len(done) + 1)
        planned = next_arrangement(config, m, done, trial_rng, spent_s=0)
        if isinstance(planned, ArrangementEnd):
            return done, planned
        done.append(place(planned.items, rng))
    return done, None


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000),
    st.integers(3, 16),
    st.sampled_from([0, 3, 4, 5, 8]),
    st.sampled_from(["zero_reach", "weakest"]),
)
def test_every_set_is_valid_and_tied_to_earlier_ones(
    seed: int, m: int, max_items: int, rule: str
) -> None:
    config = ArrangementConfig(max_items=max_items, first_pair=rule)
    limit = min(max_items or m, m)
    done, _ = session(config, m, seed, 15)
    for number, trial in enumerate(done):
        items = trial.items.tolist()
        assert len(set(items)) == len(items)
        assert set(items) <= set(range(m))
        assert 3 <= len(items) <= limit
        if number == 0:
            assert len(items) == limit
        else:
            earlier = pair_evidence(done[:number], m)
            assert earlier[np.ix_(items, items)].any(), "shares no pair with an earlier trial"


@pytest.mark.parametrize("rule", ["zero_reach", "weakest"])
def test_session_ends_when_the_weakest_pair_has_enough(rule: str) -> None:
    config = ArrangementConfig(first_pair=rule, max_items=6, stop_evidence=0.1)
    done, end = session(config, 8, 1, 500)
    assert end is not None
    assert end.reason == "evidence"
    assert end.progress == 1
    pairs = np.triu_indices(8, 1)
    assert pair_evidence(done, 8)[pairs].min() == end.min_evidence >= 0.1
    assert pair_evidence(done[:-1], 8)[pairs].min() < 0.1


def test_time_trials_and_lists_end_a_session(rng: np.random.Generator) -> None:
    config = ArrangementConfig(session_minutes=10, max_trials=3)
    done = [place((0, 1, 2, 3, 4), rng)] * 2

    def reason(config: ArrangementConfig, **options: object) -> str | None:
        options = {"spent_s": 0.0} | options
        found = next_arrangement(config, 5, done, np.random.default_rng(0), **options)
        return found.reason if isinstance(found, ArrangementEnd) else None

    assert reason(config) is None
    assert reason(config, spent_s=599.9) is None
    assert reason(config, spent_s=600.0) == "time"
    assert reason(config, in_session=3) == "max_trials"
    # Trials of earlier sessions count as evidence, not as trials of this session.
    assert reason(ArrangementConfig(max_trials=2)) == "max_trials"
    assert reason(ArrangementConfig(max_trials=2), in_session=0) is None
    assert reason(ArrangementConfig(session_minutes=0), spent_s=1e9) is None
    fixed = ArrangementConfig(scheduler="full", stop_evidence=0.01)
    listed = [((2, 1, 0), "all")] * 3
    third = next_arrangement(fixed, 5, done, rng, spent_s=0, listed=listed)
    assert isinstance(third, PlannedArrangement)
    assert (third.items, third.scheduler) == ((2, 1, 0), "all")
    assert reason(fixed, listed=listed[:2]) == "list"


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 11))
def test_a_resumed_session_goes_on_as_if_it_had_not_stopped(seed: int, stop: int) -> None:
    config = ArrangementConfig(max_items=7)
    whole, _ = session(config, 12, seed, 12)
    # What was placed comes back from text with six decimals.
    read = [
        ArrangedTrial(
            trial.items, np.array([[float(f"{v:.6f}") for v in xy] for xy in trial.positions])
        )
        for trial in whole[:stop]
    ]
    rng = arrangement_rng(seed, "p1", 1, stop + 1)
    planned = next_arrangement(config, 12, read, rng, spent_s=0)
    assert isinstance(planned, PlannedArrangement)
    assert planned.items == tuple(whole[stop].items.tolist())


@pytest.mark.parametrize(
    ("rule", "mean", "most"),
    # The bar is 53 trials. The rule of 2012 is there to compare: an independent simulation of
    # it took 53 on average and 46 to 59 over eight seeds, so three seeds may lie above 53.
    [("zero_reach", 53, 53), ("weakest", 57, 59)],
)
def test_twenty_items_need_at_most_the_published_trials(
    benchmark_script: ModuleType, rule: str, mean: float, most: int
) -> None:
    config = ArrangementConfig(first_pair=rule, max_items=0, session_minutes=0)
    runs = [benchmark_script.simulate(20, config, seed) for seed in range(3)]
    assert np.mean([run.trials for run in runs]) <= mean
    assert max(run.trials for run in runs) <= most
    assert np.mean([run.r for run in runs]) >= 0.85
    assert all(run.r > run.r_first for run in runs)
