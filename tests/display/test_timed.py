"""Timed images before a person at the real command line, on a screen that the clock paces."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twoalike.record import check_bids, check_run_files, read_manifest, read_run
from twoalike.stimuli import StimulusSet

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

HZ = 60.0
PROTOCOL = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
DESIGN = "trials = 4\npractice = 0\n"
TASK = "odd-one-out"


@pytest.fixture
def paced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = tmp_path / "screen.toml"
    profile.write_text(f"pace_hz = {HZ}\n")
    monkeypatch.setenv("TWOALIKE_SCREEN", str(profile))


def answer(session: Any, key: str) -> None:
    """Press a key until it counts: presses before the images are gone do not."""
    n_rows = session.n_rows()
    session.until(lambda: session.n_rows() > n_rows, lambda: session.person.press(key))


def trigger(session: Any, n: int) -> None:
    """Do as the scanner does, until the session has heard it ``n`` times."""
    session.until(
        lambda: len(session.notes("scanner_trigger")) == n, lambda: session.person.press("t")
    )


@pytest.mark.usefixtures("paced")
def test_masked_images_are_measured_killed_and_resumed(
    make_study: Callable[..., Path], sit: Callable[..., Any]
) -> None:
    session = sit(make_study("study", DESIGN, PROTOCOL), TASK)
    session.begin()
    trigger(session, 1)
    answer(session, "1")
    answer(session, "2")
    session = session.killed()
    trigger(session, 2)
    answer(session, "3")
    answer(session, "1")
    assert session.finish() == 0
    path = session.name.rows(session.raw)
    rows = read_run(path).rows
    assert rows["response_position"].tolist() == ["left", "middle", "right", "left"]
    for what, planned in (("image", 0.1), ("mask", 0.05)):
        measured = rows[[f"{what}_duration_{item}" for item in (1, 2, 3)]].to_numpy(float)
        assert (measured == measured[:, :1]).all()
        off = abs(measured[:, 0] - planned) > 0.5 / HZ + 1e-4
        assert rows.loc[off, "timing_flag"].notna().all()
    ends = rows["image_onset_1"] + rows["image_duration_1"]
    np.testing.assert_allclose(
        ends.to_numpy(float), rows["mask_onset_1"].to_numpy(float), atol=2e-4
    )
    assert (rows["response_time"] >= rows["image_duration_1"]).all()
    assert rows["trigger_time"].nunique() == 2
    stimuli = StimulusSet.load(session.root / "stimuli").table
    hashes = dict(zip(stimuli["id"], stimuli["sha256"], strict=True))
    assert [*check_bids(session.raw), *check_run_files(session.raw, path, hashes)] == []
    apparatus = read_manifest(session.name.manifest(session.raw))["segments"][1]["apparatus"]
    assert apparatus["screen"]["paced"]
    assert {name: one["frames"] for name, one in apparatus["frames"].items()} == {
        "fixation_s": 3,
        "presentation_ms": 6,
        "mask_ms": 3,
    }
    sidecar = json.loads(path.with_suffix(".json").read_text())
    assert sidecar["mask_duration_1"]["Units"] == "s"


@pytest.mark.slow  # without a window: end_to_end/test_timed.py
def test_a_pilot_run_is_shown_where_no_frame_can_be_counted(
    make_study: Callable[..., Path], sit: Callable[..., Any]
) -> None:
    session = sit(make_study("study", DESIGN, PROTOCOL), TASK, "--pilot")
    session.begin()
    trigger(session, 1)
    for number in range(4):
        answer(session, str(1 + number % 3))
    assert session.finish() == 0
    rows = read_run(session.name.rows(session.raw)).rows
    assert rows["pilot"].all()
    assert (rows["image_duration_1"] > 0.05).all()
    apparatus = read_manifest(session.name.manifest(session.raw))["segments"][0]["apparatus"]
    assert apparatus["screen"]["refresh_hz"] is None
