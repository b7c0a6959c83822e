"""Waiting threads sleep, unless somebody decided otherwise."""

import os

import pytest

from twoalike.cli.app import main


@pytest.mark.parametrize(("before", "after"), [("ACTIVE", "ACTIVE"), (None, "PASSIVE")])
def test_a_choice_already_made_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if before:
        monkeypatch.setenv("OMP_WAIT_POLICY", before)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == after
