"""Sounds of a trial: what plays them, when they are heard, and that no answer comes before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stimuli.media import write_sounds

from twoalike.observers import SimulatedObserver
from twoalike.planning import create_study, write_lists
from twoalike.sitting import sit
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tasks import (
    Arena,
    Event,
    ImageRow,
    KeyPress,
    Listening,
    MultiArrangement,
    Note,
    OddOneOut,
    PointerMove,
    PointerPress,
    PointerRelease,
    Result,
    Shown,
    Tick,
    Trial,
    View,
    lay_out,
    session_duration,
    validate_study,
)
from twoalike.tasks._duration import listening_duration
from twoalike.tasks.choosing import TripletActivity
from twoalike.tasks.multi_arrangement import ArrangementTrial, Seating, lay_out_arena
from twoalike.tasks.multi_arrangement._arranging import ArrangementActivity

LENGTHS = {"a": 1.0, "b": 2.0, "c": 0.5}
RULES = OddOneOut.model_validate({"timing": {"fixation_s": 0}})
LAYOUT = lay_out(RULES, View((1280, 1024)))
TRIAL = Trial(1, 1, "main", "t1", ("a", "b", "c"), ("left", "middle", "right"))


def triplet(rules: OddOneOut = RULES) -> Listening:
    return Listening(TripletActivity(TRIAL, rules, LAYOUT), rules, LENGTHS)


def play(activity: Listening, *events: Event) -> list[dict[str, Any]]:
    """Details of the sounds that were noted."""
    items = [item for event in events for item in activity.handle(event)]
    return [
        dict(item.detail)
        for item in items
        if isinstance(item, Note) and item.event == "sound_played"
    ]


def test_keys_play_sounds_by_their_place_and_all_must_be_heard() -> None:
    activity = triplet()
    assert play(activity, Shown(0.0), KeyPress(0.5, "left")) == []
    scene = activity.scene
    assert isinstance(scene, ImageRow)
    assert scene.prompt == RULES.texts.listen
    noted = play(activity, KeyPress(1.0, "a"), Tick(1.9), KeyPress(1.95, "left"))
    assert noted == []
    assert activity.scene.marked == ("a",)
    (noted,) = play(activity, Tick(2.1))
    assert noted == {
        "trial_index": 1,
        "stimulus": "a",
        "by": "keyboard",
        "started_s": 1.0,
        "played_s": 1.0,
        "to_end": True,
    }
    play(activity, KeyPress(3.0, "d"), Tick(3.6), KeyPress(4.0, "s"), Tick(5.9))
    assert [tile.stimulus for tile in activity.to_hear] == ["b"]
    play(activity, Tick(6.0))
    assert activity.scene.prompt == RULES.texts.prompt
    items = activity.handle(KeyPress(7.0, "left"))
    (result,) = [item for item in items if isinstance(item, Result)]
    (row,) = result.rows(rt_source="pyglet", pilot=False)
    assert (row["response"], row["response_time"]) == (1, 7.0)


def test_pointing_plays_and_another_sound_cuts_it_off() -> None:
    activity = triplet()
    left, middle = (LAYOUT.centre(place) for place in ("left", "middle"))
    play(activity, Shown(0.0), PointerMove(1.0, *left))
    assert activity.playing is not None
    (cut,) = play(activity, PointerMove(1.4, *middle))
    assert (cut["stimulus"], cut["played_s"], cut["to_end"]) == ("a", 0.4, False)
    # Beside the tiles it plays on; back on the same tile it plays anew.
    assert play(activity, PointerMove(1.5, 0, 500), Tick(2.0)) == []
    (whole,) = play(activity, Tick(3.5))
    assert (whole["stimulus"], whole["to_end"]) == ("b", True)
    play(activity, PointerMove(4.0, *middle))
    assert activity.playing is not None
    assert activity.heard == {"b"}


def test_a_click_plays_until_all_were_heard_then_answers() -> None:
    activity = triplet()
    play(activity, Shown(0.0))
    for start, place in ((1.0, "left"), (3.0, "middle"), (6.0, "right")):
        play(activity, PointerPress(start, *LAYOUT.centre(place)), Tick(start + 2.5))
    assert activity.to_hear == ()
    items = activity.handle(PointerPress(9.0, *LAYOUT.centre("right")))
    assert any(isinstance(item, Result) for item in items)


def test_after_esc_a_sound_that_was_cut_off_is_not_heard() -> None:
    activity = triplet()
    play(activity, Shown(0.0), KeyPress(1.0, "a"))
    (note,) = activity.restart(9.0)
    assert (note.detail["to_end"], note.detail["played_s"]) == (False, None)
    assert activity.heard == set()


def test_an_arrangement_is_done_only_after_all_sounds_were_heard() -> None:
    rules = MultiArrangement.model_validate({"answers": {"confirm_done": False}})
    layout = lay_out_arena(rules, (1280, 1024), 3)
    trial = ArrangementTrial(
        trial_index=1, trial_type="main", items=("a", "b", "c"), seats=Seating((0, 1, 2), 0.0)
    )
    inner = ArrangementActivity(trial, rules, layout)
    activity = Listening(inner, rules, LENGTHS)
    play(activity, Shown(0.0))
    for number, (start, (x, y)) in enumerate(zip((1.0, 4.0, 7.0), inner.places, strict=True)):
        if number == 2:
            assert [tile.stimulus for tile in activity.to_hear] == ["c"]
        events = [PointerMove(start, x, y), PointerPress(start + 0.1, x, y)]
        events += [PointerMove(start + 0.2, 30.0 * number, 0.0)]
        play(activity, *events, PointerRelease(start + 0.3, 30.0 * number, 0.0))
        if number == 2:
            scene = activity.scene
            assert isinstance(scene, Arena)
            assert not next(one for one in scene.buttons if one.name == "done").enabled
            assert scene.prompt == rules.texts.listen
            early = activity.handle(PointerPress(7.4, layout.done.x, layout.done.y))
            assert not any(isinstance(item, Result) for item in early)
        play(activity, Tick(start + 2.6))
    items = activity.handle(PointerPress(11.0, layout.done.x, layout.done.y))
    assert any(isinstance(item, Result) for item in items)


PRESSES = st.one_of(
    st.builds(KeyPress, st.just(0.0), st.sampled_from(["a", "s", "d", "left", "2", "x"])),
    st.builds(PointerMove, st.just(0.0), st.floats(-600, 600), st.floats(-100, 100)),
    st.builds(PointerPress, st.just(0.0), st.floats(-600, 600), st.floats(-100, 100)),
    st.builds(Tick, st.just(0.0)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PRESSES, st.floats(0.01, 1.5)), max_size=30))
def test_whatever_happens_no_answer_comes_before_every_sound(acts: list[tuple[Any, float]]) -> None:
    activity, now = triplet(), 0.0
    heard: set[str] = set()
    activity.handle(Shown(now))
    for event, pause in acts:
        now += pause
        items = activity.handle(replace(event, time=now))
        for item in items:
            if isinstance(item, Note) and item.event == "sound_played":
                assert 0 <= item.detail["played_s"] <= LENGTHS[str(item.detail["stimulus"])] + 1e-9
                heard |= {str(item.detail["stimulus"])} if item.detail["to_end"] else set()
            if isinstance(item, Result):
                assert heard == set(LENGTHS)


@pytest.fixture
def sounds(tmp_path: Path) -> Study:
    write_sounds(tmp_path / "tones", 6, 0.1)
    study = create_study(tmp_path / "study", sounds=tmp_path / "tones", seed=1).study
    (study.root / "study.toml").write_text(
        'title = "Tones"\nseed = 1\n[design]\ntrials = 6\npractice = 0\n'
        "[arrangement]\nmax_trials = 1\nmax_items = 4\npractice_items = 0\n"
        "[pair_rating]\npairs = 4\npractice = 0\n"
        "[free_sorting]\ntrials = 1\nitems = 4\npractice_items = 0\n"
    )
    return Study.load(study.root)


def observer() -> SimulatedObserver:
    return SimulatedObserver([f"tone{k}" for k in range(6)], np.eye(6))


HEARD = {"odd-one-out": 18, "multi-arrangement": 4, "pair-rating": 8, "free-sorting": 4}
"""Sounds that the tasks' trials make people hear, by task."""


@pytest.mark.parametrize("task", HEARD)
def test_simulated_people_listen_without_a_device(sounds: Study, task: str) -> None:
    outcome = sit(sounds, "001", task=task, simulate=observer(), window=False, panel=False)
    assert outcome.end_reason == "completed"
    log = next(sounds.raw.glob("sourcedata/sub-001/ses-01/*_journal.jsonl")).read_text()
    plays = [line for line in log.splitlines() if '"sound_played"' in line]
    assert sum('"to_end": true' in line for line in plays) >= HEARD[task]
    checked = validate_study(sounds)
    assert checked.n_problems == 0


def test_sounds_that_cannot_be_heard_are_refused_before_the_session(sounds: Study) -> None:
    path = sounds.protocol_of("oddoneout")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('keys = ["a", "s"', 'keys = ["1", "s"'), encoding="utf-8")
    expected = "the key '1' answers and plays a sound; change sounds.keys"
    with pytest.raises(TwoalikeError, match=expected):
        sit(sounds, "001", simulate=observer(), window=False, panel=False)
    assert any(expected in fault for fault in validate_study(sounds).faults)


def test_without_a_device_a_person_is_refused_and_nothing_is_written(
    sounds: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twoalike.display import _devices as _speaker

    def none(*_: object) -> None:
        raise TwoalikeError("this computer has no sound device that works")

    monkeypatch.setattr(_speaker.DeviceSpeaker, "__init__", none)
    with pytest.raises(TwoalikeError, match="no sound device"):
        sit(sounds, "001", panel=False)
    assert not sounds.raw.exists() or not [*sounds.raw.glob("sub-*/**/*.tsv")]


def test_estimates_count_the_time_to_listen(sounds: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    stimuli = StimulusSet.load(sounds.stimuli)
    (first, *_), lengths = stimuli.ids, stimuli.sound_lengths()
    table = pd.DataFrame(
        {"trial_index": [1, 2], "stimulus_1": first, "stimulus_2": stimuli.ids[1], "x": first}
    )
    heard = 2 * (lengths[first] + lengths[stimuli.ids[1]])
    must = listening_duration(OddOneOut(), stimuli, table)
    assert must.low_s == pytest.approx(heard) and must.high_s > heard
    free = OddOneOut.model_validate({"sounds": {"heard": False}})
    assert listening_duration(free, stimuli, table).low_s == 0
    listed = write_lists(sounds, "001").lists[0].table
    whole = session_duration(sounds, stimuli, "odd-one-out", listed)
    monkeypatch.setattr(StimulusSet, "sound_lengths", lambda _: {})
    silent = session_duration(sounds, stimuli, "odd-one-out", listed)
    assert whole.low_s - silent.low_s > 0
