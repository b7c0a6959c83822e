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
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_FETCH, _RELOADS = "online/test_fetch_sources.py::test_", "online/test_reloads.py::test_"
_ENTRY = "online/test_server_entry.py::test_"
_SERVER, _FORGETS = "online/test_server_records.py::test_", "online/test_server_operator.py::test_"
_CLOSING, _ERASED = "online/test_closing_browser.py::test_", "online/test_erase_online.py::test_"
_ERASE, _CROSSED = "end_to_end/test_erase.py::test_", "end_to_end/test_crossings.py::test_"
_DESCRIBE, _IMPORT = "planning/test_describe.py::test_", "judgments/test_misread.py::test_"
_CELL = f"{_IMPORT}what_may_be_misread_is_refused_or_noted"
LOST = {
    "page loaded anew at every step, also several times": (f"{_RELOADS}sessions_with_many",),
    "page loaded anew in a real session, also within an arrangement": (
        f"{_RELOADS}the_page_is_loaded_anew_at",
    ),
    "backup restored while people answer": (f"{_ENTRY}answers_since_the_backup",),
    "backup from before a session began": (f"{_ENTRY}a_session_that_began_since",),
    "backup restored, a code given to another": (f"{_ENTRY}whoever_has_lost_their_code",),
    "backup restored after a fetch": (f"{_ENTRY}whoever_has_lost_their_code",),
    "backup restored under an open page": (
        "online/test_browser_sessions.py::test_keys_and_mouse_give",
    ),
    "clock set by a day, also across a restart": (f"{_ENTRY}a_clock_that_is_set_ends_no",),
    "clock set back between two visits": (f"{_ENTRY}a_clock_that_is_set_back",),
    "silent connections": (f"{_SERVER}silent_connections",),
    "page of another site enters people": (f"{_SERVER}a_page_of_another_site",),
    "return after the end, by another session id": (f"{_ENTRY}whoever_returns_after_the_end",),
    "consent declined": (f"{_CLOSING}who_declines_or_cannot",),
    "return to a plain host": (f"{_CLOSING}a_plain_host_gives",),
    "place abandoned": ("online/test_server_operator.py::test_a_place_can_be_freed",),
}
DELETED = {
    "result that withdraws other people": (f"{_FETCH}nobody_withdraws_another",),
    "result that withdraws itself": (f"{_FETCH}a_result_withdraws_itself",),
    "result that ends another session": (f"{_FETCH}another_end_is_a_problem",),
    "erasure without confirmation": (f"{_ERASE}without_yes_it_is_only_listed",),
    "erasure, searched for afterwards": (f"{_ERASE}a_person_is_taken_out",),
    "erasure killed at any step": (f"{_ERASE}killed_anywhere",),
    "erasure during a session": (f"{_ERASE}a_running_session_is_refused",),
    "erased person in stores and archives": (f"{_ERASED}nothing_brings",),
    "erased person in another copy of the study": (f"{_ERASE}a_copy_does_not_bring",),
    "withdrawal while a reader has the store open": (f"{_FORGETS}withdrawn_text_leaves",),
    "used links after the key is gone": (f"{_FORGETS}used_links_lead_nowhere",),
    "payment list matched with answers": (f"{_FORGETS}payments_lead_to_answers",),
}
MISREAD = {
    "numbers that are indices, or ids": tuple(
        f"{_CELL}[{importer} {what}]"
        for importer in ("triplets", "anchored", "sets")
        for what in ("zero", "ids")
    ),
    "heads that contradict the order of columns": tuple(
        f"{_CELL}[{importer} order]" for importer in ("triplets", "anchored", "sets")
    ),
    "anchored choices in the usual order": (f"{_CELL}[anchored chosen]",),
    "distances as similarities": (f"{_CELL}[matrix diagonal]",),
    "every row twice": tuple(
        f"{_CELL}[{importer} twice]" for importer in ("triplets", "ratings", "sortings", "meadows")
    ),
    "votes in percent": (f"{_CELL}[triplets percent]", f"{_CELL}[anchored percent]"),
    "rows that cannot be judgments": (f"{_CELL}[triplets bad]", f"{_IMPORT}bad_rows_are_left_out"),
    "people left out": (f"{_CELL}[triplets people]", f"{_CELL}[anchored people]"),
    "honest data of people": (f"{_IMPORT}honest_people_are_not_refused",),
    "key held, or pressed late, before a question": (
        "tasks/test_screens.py::test_a_late_answer_to_a_trial",
        "online/test_shown_browser.py::test_a_key_that_is_held",
    ),
    "other keys at a break": ("tasks/test_session.py::test_only_its_own_keys_end_a_break",),
    "every task on common screens": ("tasks/test_screen_sizes.py::test_every_task",),
}
FALSE = {
    "every kind of judgment through every stage": (f"{_CROSSED}every_kind",),
    "real judgments through every stage": (f"{_CROSSED}judgments_of_real_people",),
    "score on judgments of the fit, in another file": (
        "results/test_score.py::test_judgments_of_the_fit",
    ),
    "student scored on what its teacher saw": ("distill/test_seen.py::test_a_student",),
    "check of an exact model on new answers": ("embedding/test_check.py::test_an_exact_model",),
    "posterior with impossible values": ("embedding/test_posterior.py::test_impossible_values",),
    "question to an anchored posterior": ("cli/test_posterior_use.py::test_predict_asks",),
    "order of pairs above the noise ceiling": (
        "evaluation/test_structure.py::test_no_order_of_the_pairs",
    ),
    "ethics page of a study online": (f"{_DESCRIBE}an_online_study",),
    "ethics page of one task of seven": (f"{_DESCRIBE}only_the_tasks", f"{_DESCRIBE}consent_is"),
    "addresses in consent and in answers": ("exchange/test_share.py::test_the_contact_address",),
    "card of a student": (
        "distill/test_export.py::test_the_card_says_whose",
        "distill/test_export.py::test_the_card_names_the_output",
    ),
}
ATTACKS = LOST | DELETED | MISREAD | FALSE
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
