"""One try of each attack of attacks.py; all of them with the slow tests."""

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


@pytest.mark.parametrize(
    "name", [name for name in WITHOUT_WINDOW if "odd-one-out" in name and "edited" not in name]
)
def test_one_try_of_each_attack(bench: Bench, name: str) -> None:
    check(bench, name, 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WITHOUT_WINDOW)
def test_all_attacks(bench: Bench, name: str) -> None:
    check(bench, name, ATTACKS[name][0])


@pytest.mark.display
def test_a_session_killed_in_its_window() -> None:
    with open_bench(window=True) as bench:
        check(bench, WITH_WINDOW[0], 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.display
@pytest.mark.parametrize("name", WITH_WINDOW)
def test_all_kills_in_windows(name: str) -> None:
    with open_bench(window=True) as bench:
        check(bench, name, ATTACKS[name][0])


@pytest.mark.parametrize(("what", "ending"), [("fsync", "_journal.jsonl"), ("rename", "_beh.tsv")])
def test_a_disk_that_refuses_once_near_the_last_trial(bench: Bench, what: str, ending: str) -> None:
    """After the last trial: its line, or the table that is made of all lines."""
    with bench.victim("odd-one-out") as whole:
        report = whole.sit_through()
    at = max(
        n for n, step in enumerate(report.steps, 1) if step[0] == what and step[1].endswith(ending)
    )
    with bench.victim("odd-one-out") as victim:
        how = {"error": "EIO", "at": at, "times": 1, "half": True}
        assert victim.sit(fault=how).status == 1
        assert not victim.refused()
        again = victim.sit("--resume")
        assert not again.status or "this session is finished" in again.said
        assert not victim.missing()
