"""Simulated sessions of lift-the-weakest: they go on until the evidence is there."""

from itertools import islice

import numpy as np
import pytest

from twoalike.observers import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    SimulatedArranger,
    SimulatedObserver,
    arranged_sessions,
)
from twoalike.study import ArrangementConfig

IDS = tuple("abcdefgh")


@pytest.fixture
def arranger(rng: np.random.Generator) -> SimulatedArranger:
    return SimulatedArranger(SimulatedObserver(IDS, rng.normal(size=(8, 5))))


def test_sessions_go_on_with_the_evidence_so_far(arranger: SimulatedArranger) -> None:
    config = ArrangementConfig(max_items=5, session_minutes=1.0, stop_evidence=0.3)
    sessions = list(islice(arranged_sessions(config, IDS, arranger, 3), 12))
    for name in ("pairs_shown", "pairs_known"):
        shares = [getattr(session, name) for session in sessions]
        assert shares == sorted(shares)
    reasons = [session.reason for session in sessions]
    assert reasons[0] == "time" and reasons[-1] == "evidence"
    assert sessions[-1].pairs_known == 1.0
    assert sessions[-1].sizes == ()
    for session in sessions:
        assert max(session.sizes, default=0) <= 5
        assert session.n_objects <= min(8, sum(session.sizes))
        known = sum(session.sizes) - session.n_objects
        spent_s = session.n_objects * SECONDS_PER_NEW_PLACEMENT + known * SECONDS_PER_PLACEMENT
        assert session.minutes == pytest.approx(spent_s / 60)


def test_the_same_seed_gives_the_same_sessions(arranger: SimulatedArranger) -> None:
    config = ArrangementConfig(max_items=4, max_trials=3)
    once, again, other = (next(arranged_sessions(config, IDS, arranger, s)) for s in (3, 3, 4))
    assert once == again
    assert once != other
    assert (once.reason, len(once.sizes)) == ("max_trials", 3)
