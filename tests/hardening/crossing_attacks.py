"""Attacks where two parts meet, and a table of their outcomes.

    python -P tests/hardening/crossing_attacks.py [--slow] [--only WORD]

Each attack is one or more tests, which go through commands, pages and public functions: a page that
is loaded anew, a line from outside, a clock that is set, a file that can be read in two ways, a
score on judgments that were fitted to. *Found* are the tests in which something was lost, deleted,
misread, or stated though it is false. With ``--slow``, attacks are also made in real browsers, at
every step, and on real data.
"""

import argparse
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_GROUPS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
ATTACKS = {attack: tuple(tests) for group in _GROUPS.values() for attack, tests in group.items()}
"""Tests of each attack, by the beginning of their names below ``tests``."""


class Outcomes:
    """Runs the tests of the chosen attacks, and counts their outcomes by attack."""

    def __init__(self, chosen: list[str]) -> None:
        self.tests = {attack: ATTACKS[attack] for attack in chosen}
        self.counts = {attack: Counter[str]() for attack in chosen}
        self.seconds = dict.fromkeys(chosen, 0.0)

    def attacks(self, node: str) -> list[str]:
        """Attacks that a test belongs to."""
        name = node.removeprefix("tests/")
        return [attack for attack, tests in self.tests.items() if name.startswith(tests)]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the other tests."""
        items[:] = [item for item in items if self.attacks(item.nodeid)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test; one whose preparation fails has failed."""
        for attack in self.attacks(report.nodeid):
            self.seconds[attack] += report.duration
            if report.when == "call" or not report.passed:
                self.counts[attack][report.outcome] += 1


def main() -> None:
    """Make the attacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slow", action="store_true", help="also in browsers and on real data")
    parser.add_argument("--only", default="", help="attacks whose names hold this")
    options = parser.parse_args()
    outcomes = Outcomes([attack for attack in ATTACKS if options.only in attack])
    files = {name.split("::")[0] for tests in outcomes.tests.values() for name in tests}
    which = "not display" if options.slow else "not display and not slow"
    arguments = ["-q", "-p", "no:xdist", "--no-xvfb", "-m", which, "--rootdir", str(ROOT)]
    paths = [str(ROOT / "tests" / name) for name in sorted(files)]
    status = pytest.main([*arguments, *paths], [outcomes])
    print("| attack | tests | found | skipped | s |\n|---|---|---|---|---|")  # noqa: T201
    for attack, counts in outcomes.counts.items():
        cells = (counts.total(), counts["failed"], counts["skipped"])
        row = (attack, *map(str, cells), f"{outcomes.seconds[attack]:.1f}")
        print(f"| {' | '.join(row)} |")  # noqa: T201
    sys.exit(status)


if __name__ == "__main__":
    main()
