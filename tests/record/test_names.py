"""Names of participants and files."""

from pathlib import Path

import pytest

from twoalike.record import RunName, participant_label
from twoalike.study import TwoalikeError


@pytest.mark.parametrize("label", ["1", "001", "p07", "A+3"])
def test_codes_are_accepted(label: str) -> None:
    assert participant_label(label) == label


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("anna", "no digit"),
        ("anna.smith", "letters and digits"),
        ("anna1@example.org", "e-mail"),
        ("sub-001", "leave out sub-"),
        ("", "letters and digits"),
        ("../001", "letters and digits"),
        ("é1", "letters and digits"),
    ],
)
def test_names_addresses_and_paths_are_refused(label: str, why: str) -> None:
    with pytest.raises(TwoalikeError, match=why):
        participant_label(label)


def test_a_run_is_found_again_by_its_file() -> None:
    name = RunName("007", 2)
    path = name.rows(Path("raw"))
    assert path == Path("raw/sub-007/ses-02/beh/sub-007_ses-02_task-oddoneout_run-01_beh.tsv")
    assert RunName.parse(path) == name


def test_a_renamed_file_is_refused() -> None:
    with pytest.raises(TwoalikeError, match="expected a raw table named"):
        RunName.parse(Path("results.tsv"))
