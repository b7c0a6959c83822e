"""Timed presentation: durations in frames, steps, what is measured, marked and flagged."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.tasks.scripts import simulate, triplet_script

from twoalike.record import TRIPLETS
from twoalike.study import TwoalikeError
from twoalike.tasks import (
    Fixation,
    ImageRow,
    Item,
    KeyPress,
    Marks,
    Note,
    OddOneOut,
    Opening,
    Page,
    Pulse,
    Session,
    Shown,
    Tick,
    Trial,
    View,
    VirtualClock,
    frame_counts,
    getting_ready,
    lay_out,
)
from twoalike.tasks._presentation import GivenMasks, PresentationTiming
from twoalike.tasks.choosing import (
    Choosing,
    TrialResult,
    TripletActivity,
)

HZ = 100.0
PLACES = ("middle", "right", "left")
TRIAL = Trial(1, 1, "main", "t1", ("a", "b", "c"), PLACES)
VIEW = View((1280, 1024), refresh_hz=HZ)
FLASH = {"fixation_s": 0.02, "presentation_ms": 30}
MASKED = {**FLASH, "mask": "scrambled", "mask_ms": 20}
IN_TURN = {**MASKED, "presentation": "sequential", "interstimulus_ms": 10}


def rules(timing: object = FLASH, **settings: object) -> OddOneOut:
    return OddOneOut.model_validate({"timing": timing, "breaks": {"break_every": 0}, **settings})


def begun(protocol: Choosing, trial: Trial = TRIAL) -> TripletActivity:
    return TripletActivity(trial, protocol, lay_out(protocol, VIEW), refresh_hz=HZ)


def frames(activity: TripletActivity, times: Iterable[float | Shown | KeyPress]) -> list[Item]:
    """Frames at the times given, and presses between them."""
    steps = [Shown(step) if isinstance(step, float | int) else step for step in times]
    return [item for step in steps for item in activity.handle(step)]


def row(items: Sequence[Item]) -> dict[str, object]:
    (result,) = [item for item in items if isinstance(item, TrialResult)]
    return result.rows(rt_source="pyglet", pilot=False)[0]


@pytest.mark.parametrize(
    ("asked_ms", "hz", "n"), [(100, 59.94, 6), (16, 60, 1), (17, 60, 1), (8.4, 120, 1), (50, 75, 4)]
)
def test_durations_become_whole_frames(asked_ms: float, hz: float, n: int) -> None:
    count = frame_counts(PresentationTiming(presentation_ms=asked_ms), hz)["presentation_ms"]
    assert (count.frames, count.seconds) == (n, pytest.approx(n / hz))


@pytest.mark.parametrize(
    ("hz", "why"), [(None, "refresh rate"), (0.0, "refresh rate"), (60, "16.7")]
)
def test_what_no_screen_can_show_is_refused_in_one_line(hz: float | None, why: str) -> None:
    with pytest.raises(TwoalikeError, match=why) as error:
        frame_counts(PresentationTiming(presentation_ms=10), hz)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "timing",
    [
        {"presentation": "sequential"},
        {"presentation_ms": 50, "place": "centre"},
        {"presentation_ms": 50, "interstimulus_ms": 20},
        {"mask": "scrambled", "mask_ms": 50},
        {"presentation_ms": 50, "mask": "scrambled"},
        {"presentation_ms": 50, "mask_ms": 20},
        {"presentation_ms": 50, "mask": "images", "mask_ms": 20},
        {"presentation_ms": 50, "mask_folder": "masks"},
        {"answers_from": "offset"},
        {"presentation_ms": 50, "fixation_s": 0},
        {"presentation_ms": 900, "response_limit_s": 0.8},
    ],
)
def test_settings_that_contradict_are_refused(timing: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        rules(timing)


def test_pictures_are_swapped_at_the_last_frame_exactly() -> None:
    activity = begun(rules(MASKED))
    seen = []
    for number in range(9):
        scene = activity.scene
        seen.append("cross" if isinstance(scene, Fixation) else getattr(scene, "source", ""))
        frames(activity, [number / HZ])
    assert seen == ["cross"] * 2 + ["objects"] * 3 + ["scrambled"] * 2 + ["objects"] * 2
    assert isinstance(activity.scene, ImageRow)
    assert activity.scene.images == (None, None, None)
    assert activity.scene.prompt
    cells = row(frames(activity, [KeyPress(0.5, "left")]))
    assert (cells["onset"], cells["presentation_planned"], cells["mask_planned"]) == (
        pytest.approx((0.02, 0.03, 0.02))
    )
    for item in (1, 2, 3):
        names = ("image_onset", "image_duration", "mask_onset", "mask_duration")
        found = [cells[f"{name}_{item}"] for name in names]
        assert found == pytest.approx([0.02, 0.03, 0.05, 0.02])
    assert (cells["timing_flag"], cells["dropped_frames"]) == (None, 0)
    assert cells["response_time"] == pytest.approx(0.48)
    settings = rules(MASKED).model_dump()
    TRIPLETS.recorded(settings).format_row({**cells, "seen_before": False})


def test_a_late_frame_within_is_made_up_for_and_counted() -> None:
    activity = begun(rules())
    late = Shown(0.04, 1)  # shown two frames after the one before
    cells = row(frames(activity, [0.0, 0.01, 0.02, late, 0.05, KeyPress(0.5, "left")]))
    assert cells["image_duration_1"] == pytest.approx(0.03)
    assert (cells["dropped_frames"], cells["timing_flag"]) == (1, None)


@pytest.mark.parametrize(
    ("end", "flag"), [(0.0549, None), (0.0551, "image"), (0.0449, "image"), (0.07, "image")]
)
def test_a_duration_off_by_more_than_half_a_frame_is_flagged(end: float, flag: str | None) -> None:
    activity = begun(rules())
    cells = row(frames(activity, [0.0, 0.01, 0.02, 0.03, 0.04, end, KeyPress(0.5, "left")]))
    assert cells["timing_flag"] == flag


@pytest.mark.parametrize("place", ["own", "centre"])
def test_images_in_turn_go_from_left_to_right(place: str) -> None:
    activity = begun(rules({**IN_TURN, "place": place}))
    seen = []
    for number in range(19):
        scene = activity.scene
        if isinstance(scene, ImageRow) and not scene.prompt:
            assert scene.centred == (place == "centre")
            names = [name for name in scene.images if name is not None]
            seen.append((scene.source, *names) if names else None)
        frames(activity, [number / HZ])
    each = [[("objects", name)] * 3 + [("scrambled", name)] * 2 for name in TRIAL.row]
    assert seen == [*each[0], None, *each[1], None, *each[2]]
    cells = row(frames(activity, [0.19, KeyPress(0.5, "down")]))
    onsets = [cells[f"image_onset_{item}"] for item in (1, 2, 3)]
    assert onsets == pytest.approx([0.08, 0.14, 0.02])  # middle, right, left


def test_an_early_answer_counts_and_the_images_stay_to_their_end() -> None:
    activity = begun(rules({**MASKED, "minimum_rt_s": 0.0}))
    items = frames(activity, [0.0, 0.01, 0.02, KeyPress(0.025, "left")])
    assert [item.event for item in items if isinstance(item, Note)] == ["trial_shown", "answered"]
    assert activity.result is None
    assert activity.scene == ImageRow(TRIAL.row)
    items = frames(activity, [0.03, KeyPress(0.035, "right"), 0.04, 0.05, 0.06, 0.07])
    cells = row(items)
    assert (cells["response_position"], cells["response_time"]) == ("left", pytest.approx(0.005))
    assert (cells["mask_duration_1"], cells["n_early_presses"]) == (pytest.approx(0.02), 0)
    scene = activity.scene
    assert isinstance(scene, ImageRow)
    assert (scene.images, scene.labels) == ((None,) * 3, (rules().texts.labels[0], "", ""))


def test_answers_from_the_offset_on_ignore_earlier_presses() -> None:
    activity = begun(rules({**MASKED, "minimum_rt_s": 0.0, "answers_from": "offset"}))
    early = [0.0, 0.01, 0.02, KeyPress(0.025, "left"), 0.03, 0.04, KeyPress(0.045, "left")]
    frames(activity, early)
    assert (activity.early, activity.answer) == (2, None)
    frames(activity, [0.05, KeyPress(0.055, "right")])  # the mask is still there
    assert activity.answer is not None
    assert activity.answer.position == "right"


def test_the_time_limit_counts_from_the_first_image() -> None:
    activity = begun(rules({**FLASH, "response_limit_s": 0.5, "minimum_rt_s": 0.0}))
    frames(activity, [k / HZ for k in range(7)])
    assert activity.deadline == pytest.approx(0.52)
    items = activity.handle(Tick(0.53))
    assert row(items)["timed_out"] is True
    assert isinstance(activity.scene, Page)


def test_a_trial_broken_off_is_shown_anew_from_the_cross() -> None:
    activity = begun(rules({**FLASH, "minimum_rt_s": 0.0}))
    frames(activity, [0.0, 0.01, 0.02, KeyPress(0.025, "left")])
    activity.restart(1.0)
    assert isinstance(activity.scene, Fixation)
    cells = row(frames(activity, [*(2 + k / HZ for k in range(6)), KeyPress(2.5, "right")]))
    assert (cells["rt_flag"], cells["onset"]) == ("interrupted", pytest.approx(2.02))
    assert (cells["response_position"], cells["timing_flag"]) == ("right", None)


def shown(protocol: OddOneOut, n: int, **more: Any) -> tuple[list[Item], list[dict[str, Any]]]:
    """What a session of ``n`` trials in two blocks gives, and its rows."""
    trials = [replace(TRIAL, trial_index=k, block_index=1 + (2 * k > n)) for k in range(1, n + 1)]
    kept = simulate(protocol, trials, clock=VirtualClock(refresh_hz=HZ), **more)
    results = [item for item in kept if isinstance(item, TrialResult)]
    return kept, [dict(one.rows(rt_source="simulated", pilot=False)[0]) for one in results]


@pytest.mark.parametrize("timing", [FLASH, MASKED, IN_TURN])
def test_a_simulated_session_is_marked_at_each_moment(timing: dict[str, object]) -> None:
    sent: list[tuple[str, float]] = []
    marks = Marks(lambda event, time: sent.append((event, time)))
    _, cells = shown(rules({**timing, "answers_from": "offset"}), 3, marks=marks)
    assert [row["timing_flag"] for row in cells] == [None] * 3
    times = {event: [time for what, time in sent if what == event] for event, _ in sent}
    masked, turns = "mask" in timing, 3 if timing is IN_TURN else 1
    assert len(times["fixation_onset"]) == len(times["response"]) == len(times["trial_end"]) == 3
    assert times["image_onset"][::turns] == [row["onset"] for row in cells]
    assert len(times["image_onset"]) == 3 * turns
    if masked:
        assert len(times["mask_onset"]) == 3 * turns
        assert {row["mask_onset_1"] for row in cells} <= set(times["mask_onset"])
    # Masks mark the end of the images; between images in turn there is nothing for a frame.
    n_ends = 0 if timing is MASKED else 3 * (2 if timing is IN_TURN else 1)
    assert len(times.get("image_offset", [])) == n_ends


@pytest.mark.parametrize(("start", "n_triggers"), [("session", 1), ("block", 2)])
def test_trials_wait_for_the_scanner_and_count_from_its_trigger(
    start: str, n_triggers: int
) -> None:
    protocol = rules(FLASH, scanner={"start": start})
    kept, cells = shown(protocol, 4)
    notes = [item for item in kept if isinstance(item, Note)]
    triggers = [note.time for note in notes if note.event == "scanner_trigger"]
    assert len(triggers) == n_triggers
    assert [row["trigger_time"] for row in cells] == [triggers[0]] * 2 + [triggers[-1]] * 2
    for row_ in cells:
        assert row_["onset_from_trigger"] == pytest.approx(row_["onset"] - row_["trigger_time"])
    # Cross and images follow the trigger at once: no countdown.
    assert cells[0]["onset_from_trigger"] == pytest.approx(0.03, abs=0.011)


def waiting(protocol: OddOneOut) -> Session:
    """A session at the page that waits for the scanner."""
    opening = Opening(consent=False, form=(), resumed=True)
    layout = lay_out(protocol, VIEW)
    script = triplet_script(protocol, layout, [TRIAL], opening, refresh_hz=HZ)
    session = Session(script, "Stop?", getting_ready(protocol), protocol.scanner.key)
    for time in (-6.0, -4.0, -2.0):  # the welcome, and the instruction again
        session.handle(Shown(time))
        session.handle(KeyPress(time + 1.5, "space"))
    session.handle(Shown(2.1))
    return session


def test_only_the_trigger_ends_the_wait_by_key_or_port() -> None:
    protocol = rules(FLASH, scanner={"start": "session", "key": "t"})
    for pulse in (KeyPress(4.0, "t"), Pulse(4.0)):
        session = waiting(protocol)
        assert session.scene == Page(protocol.texts.scanner)
        session.handle(KeyPress(3.0, "space"))
        assert session.scene == Page(protocol.texts.scanner)
        (note,) = session.handle(pulse)
        assert isinstance(note, Note)
        assert (note.event, note.time) == ("scanner_trigger", 4.0)
        assert isinstance(session.scene, Fixation)


@pytest.mark.parametrize("key", ["1", "space", "left"])
def test_a_trigger_key_with_another_meaning_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="another meaning"):
        rules(FLASH, scanner={"start": "session", "key": key})


def test_given_masks_are_drawn_by_seed_and_trial() -> None:
    masks = GivenMasks({name: Path(name) for name in "uvwxyz"}, seed=3)
    timing = {**FLASH, "mask": "images", "mask_ms": 20, "mask_folder": "masks"}
    _, cells = shown(rules(timing), 4, masks=masks)
    drawn = [tuple(row[f"mask_{item}"] for item in (1, 2, 3)) for row in cells]
    assert drawn == [masks.of(TRIAL.stimuli, k) for k in (1, 2, 3, 4)]
    assert all(len(set(three)) == 3 for three in drawn)
    assert len(set(drawn)) > 1
