"""Attacks of attacks.py that no other test makes, once; all of them with the slow tests."""

import sys
from collections.abc import Iterator

import pytest
from tests.hardening.attacks import ATTACKS, open_bench, try_attack
from tests.hardening.victims import Bench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc")
WITHOUT_WINDOW = [name for name in ATTACKS if "window" not in name]
WITH_WINDOW = [name for name in ATTACKS if "window" in name]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_bench(window=False) as opened:
        yield opened


def check(bench: Bench, name: str, tries: int) -> None:
    """Nothing is lost and nobody misled."""
    row, bad = try_attack(bench, name, tries, seed=1)
    assert not bad, (row, bad)


def test_files_are_disturbed_while_a_session_runs(bench: Bench) -> None:
    """Sessions are killed in end_to_end/test_kill_steps.py; their disk is faulty below."""
    check(bench, "files disturbed, odd-one-out", 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WITHOUT_WINDOW)
def test_all_attacks(bench: Bench, name: str) -> None:
    check(bench, name, ATTACKS[name][0])


@pytest.mark.slow  # one kill in a window each: display/test_real_sorting.py, sitting and timed
@pytest.mark.timeout(3600)
@pytest.mark.display
@pytest.mark.parametrize("name", WITH_WINDOW)
def test_all_kills_in_windows(name: str) -> None:
    with open_bench(window=True) as bench:
        check(bench, name, ATTACKS[name][0])


def test_a_disk_that_refuses_once_near_the_last_trial(bench: Bench) -> None:
    """After the last trial: its line, or the table that is made of all lines."""
    with bench.victim("odd-one-out") as whole:
        steps = whole.sit_through().steps
    for what, ending in (("fsync", "_journal.jsonl"), ("rename", "_beh.tsv")):
        at = max(n for n, (act, file) in enumerate(steps, 1) if act == what and ending in file)
        with bench.victim("odd-one-out") as victim:
            how = {"error": "EIO", "at": at, "times": 1, "half": True}
            assert victim.sit(fault=how).status == 1
            assert not victim.refused()
            again = victim.sit("--resume")
            assert not again.status or "this session is finished" in again.said
            assert not victim.missing()
