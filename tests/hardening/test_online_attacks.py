"""One fault of each kind of online_attacks.py; its table has many."""

import pytest
from tests.hardening.online_attacks import ATTACKS, try_attack
from tests.online.crowd import CHROMIUM


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_is_lost(name: str) -> None:
    row, faults = try_attack(name, 2, seed=3)
    assert not faults, row
