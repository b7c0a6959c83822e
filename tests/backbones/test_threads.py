"""Waiting threads sleep, unless somebody decided otherwise."""

import os

import pytest

from twoalike.backbones import rest_idle_threads


def test_a_choice_already_made_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    rest_idle_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    rest_idle_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
