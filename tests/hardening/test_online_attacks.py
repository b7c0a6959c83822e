"""One fault of each kind of online_attacks.py; its table has many."""

import pytest
from tests.hardening.online_attacks import ATTACKS, try_attack


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_lost(attack: str) -> None:
    row, faults = try_attack("chromium", attack, 2, seed=3)
    assert not faults, row
