"""Trials with sounds: what plays them, and which must be heard before an answer counts.

A sound is shown as a loudspeaker. Pointing at it plays it from the beginning, to its end unless
another one is played; so does a key for each place or, in an arena, taking it by a key. The trial
itself knows nothing of this: it is wrapped, and gets no answer before every sound was heard, if the
protocol asks for that. A sound ends when its duration has passed, so that a simulated participant
needs no device.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twoalike.record import TRIAL_SHOWN
from twoalike.tasks._activity import (
    Activity,
    Arena,
    Event,
    ImageRow,
    Item,
    KeyPress,
    Note,
    Nudge,
    Piles,
    Placed,
    Playing,
    PointerMove,
    PointerPress,
    Rating,
    Result,
    Scene,
    Scroll,
)
from twoalike.tasks._protocol import Moment, Protocol
from twoalike.tasks._session import Script, each_step, moment_of
from twoalike.tasks.lettering import strings_in

SOUND_PLAYED = "sound_played"
"""Event of the log: a sound was played, to its end or not."""


def _shown_for_answers(scene: Scene, layout: Any) -> tuple[Placed, ...]:
    """Objects that a scene shows for an answer, the topmost first; none in other scenes."""
    match scene:
        case ImageRow(images=images) | Rating(images=images) if scene.prompt:
            places = zip(images, layout.centres, strict=True)
            return tuple(Placed(name, x, y, layout.image) for name, (x, y) in places if name)
        # Also while one is shown large: keys still answer.
        case Arena(images=images) | Piles(images=images):
            return tuple(reversed(images))
        case _:
            return ()


class Listening:
    """A trial with sounds, by their ``lengths`` in s.

    ``playing`` is the sound that is played, ``heard`` are those that were heard to their end.
    """

    name = "trial"

    def __init__(self, trial: Activity, protocol: Protocol, lengths: Mapping[str, float]) -> None:
        self.trial = trial
        self._protocol, self._lengths = protocol, lengths
        self._pointed: str | None = None
        self._index: object = None
        self._items: list[Item] = []
        self.playing: Playing | None = None
        self.heard: set[str] = set()

    @property
    def tiles(self) -> tuple[Placed, ...]:
        """Sounds that are shown now, the topmost first."""
        shown = _shown_for_answers(self.trial.scene, getattr(self.trial, "layout", None))
        return tuple(tile for tile in shown if tile.stimulus in self._lengths)

    @property
    def to_hear(self) -> tuple[Placed, ...]:
        """Sounds that must still be heard before an answer counts."""
        if not self._protocol.sounds.heard:
            return ()
        return tuple(tile for tile in self.tiles if tile.stimulus not in self.heard)

    @property
    def finished(self) -> bool:
        return self.trial.finished

    @property
    def moment(self) -> tuple[object, Moment | None]:
        """What the trial's scene is, and which moment it begins, for triggers."""
        return moment_of(self.trial, self.trial.scene)

    @property
    def deadline(self) -> float | None:
        ends = [self.trial.deadline, self.playing.until if self.playing else None]
        return min((end for end in ends if end is not None), default=None)

    @property
    def scene(self) -> Scene:
        scene, waits = self.trial.scene, bool(self.to_hear)
        name = self.playing.name if self.playing else ""
        match scene:
            case ImageRow() | Rating() if scene.prompt:
                prompt = self._protocol.texts.listen if waits else scene.prompt
                marked = (*scene.marked, name) if name else scene.marked
                return replace(scene, prompt=prompt, marked=marked)
            case Arena() | Piles():
                images = tuple(
                    replace(one, rim="playing") if one.stimulus == name else one
                    for one in scene.images
                )
                if not waits:
                    return replace(scene, images=images)
                buttons = tuple(
                    replace(one, enabled=False) if one.name == "done" else one
                    for one in scene.buttons
                )
                prompt = self._protocol.texts.listen
                return replace(scene, images=images, buttons=buttons, prompt=prompt)
            case _:
                return scene

    def handle(self, event: Event) -> Sequence[Item]:
        if self.playing is not None and event.time >= self.playing.until:
            self.heard.add(self.playing.name)
            self._stop(self.playing.until)
        if not self._plays(event) and not self._too_early(event):
            before = self._held
            for item in self.trial.handle(event):
                self._items.append(item)
                if isinstance(item, Note) and item.event == TRIAL_SHOWN:
                    self._index = item.detail["trial_index"]
            taken = self._held
            if isinstance(event, KeyPress) and taken is not None and taken != before:
                self._play(taken, event.time, "keyboard")
        if not self.tiles or any(isinstance(item, Result) for item in self._items):
            self._stop(event.time)
        return self._flush()

    def _flush(self) -> list[Item]:
        items, self._items = self._items, []
        return items

    def restart(self, time: float) -> Sequence[Item]:
        if self.playing is not None:  # Esc has cut it off, at a time that is not known here
            self._note(self.playing, time, None)
        self.playing = self._pointed = None
        return [*self._flush(), *self.trial.restart(time)]

    @property
    def _held(self) -> str | None:
        return next((tile.stimulus for tile in self.tiles if tile.rim == "held"), None)

    def _plays(self, event: Event) -> bool:
        """Start a sound; return whether the event meant nothing else."""
        settings, tiles = self._protocol.sounds, self.tiles
        match event:
            # In an arena, where places change, the keys that take an object play it.
            case KeyPress(time=time, key=key) if key in settings.keys and isinstance(
                self.trial.scene, ImageRow | Rating
            ):
                by_place = sorted(tiles, key=lambda tile: (-tile.y, tile.x))
                place = settings.keys.index(key)
                if place < len(by_place):
                    self._play(by_place[place].stimulus, time, "keyboard")
                return True
            case PointerMove(time=time, x=x, y=y):
                self._point(time, _at(tiles, x, y))
            case PointerPress(time=time, x=x, y=y, button="left"):
                name, by = _at(tiles, x, y), "touch" if self._protocol.screen.touch else "mouse"
                # A finger cannot point: its touch plays, and the next one there answers.
                row = isinstance(self.trial.scene, ImageRow)
                again = by == "touch" and not (row and name == self._pointed)
                if name is not None and (self.to_hear or again) and not self._runs(name):
                    self._play(name, time, by)
                    self._pointed = name
                    pair = getattr(getattr(self.trial, "trial", None), "kind", "") == "alike_pair"
                    return again and row and not pair  # of a pair, the first may be taken back
        return False

    def _point(self, time: float, name: str | None) -> None:
        """Play what the pointer has come to; while a sound is carried no other."""
        if self._held or not self._protocol.sounds.hover or self._protocol.screen.touch:
            return
        if name is not None and name != self._pointed:
            self._play(name, time, "mouse")
        self._pointed = name

    def _too_early(self, event: Event) -> bool:
        if not self.to_hear:
            return False
        scene = self.trial.scene
        if not isinstance(scene, Arena | Piles):
            return isinstance(event, KeyPress | Nudge | PointerPress | Scroll)
        done = next((one for one in scene.buttons if one.name == "done"), None)
        match event:
            case KeyPress(key=key):
                return key in getattr(getattr(self._protocol, "answers", None), "done_keys", ())
            case PointerPress(x=x, y=y) if done is not None:
                return done.holds(x, y)
            case _:
                return False

    def _runs(self, name: str) -> bool:
        return self.playing is not None and self.playing.name == name

    def _play(self, name: str, time: float, by: str) -> None:
        self._stop(time)
        self.playing = Playing(name, time, time + self._lengths[name], by)

    def _stop(self, time: float) -> None:
        playing, self.playing = self.playing, None
        if playing is not None:
            self._note(playing, time, time - playing.since)

    def _note(self, playing: Playing, time: float, played_s: float | None) -> None:
        """Note a sound that was played, and for how long; None where that is not known."""
        detail = {
            "trial_index": self._index,
            "stimulus": playing.name,
            "by": playing.by,
            "started_s": round(playing.since, 4),
            "played_s": None if played_s is None else round(played_s, 4),
            "to_end": played_s is not None and time >= playing.until,
        }
        self._items.append(Note(SOUND_PLAYED, time, detail))


def _at(tiles: Sequence[Placed], x: float, y: float) -> str | None:
    hit = (one for one in tiles if max(abs(x - one.x), abs(y - one.y)) <= one.size / 2)
    return next((one.stimulus for one in hit), None)


def sound_fault(protocol: Protocol) -> str:
    """Say in one line why trials with sounds cannot be run by a protocol; empty if they can."""
    if not protocol.plays_sounds:
        return f"the task {protocol.task} shows images and words only, and plays no sounds"
    if getattr(getattr(protocol, "timing", None), "presentation_ms", 0):
        return "timing.presentation_ms: sounds are played for as long as they last; set it to 0"
    if protocol.sounds.heard and not protocol.texts.listen:
        return "texts.listen is empty: say there that every sound must be heard first"
    answers = getattr(protocol, "answers", None)
    used = set() if answers is None else set(strings_in(answers.model_dump()))
    if both := used & set(protocol.sounds.keys):
        return f"the key {min(both)!r} answers and plays a sound; change sounds.keys"
    if not (protocol.sounds.keys or protocol.sounds.hover or protocol.sounds.heard):
        return "nothing plays a sound: set sounds.keys or sounds.hover"
    return ""


def with_sounds(script: Script, protocol: Protocol, lengths: Mapping[str, float]) -> Script:
    """Let the trials of a script play their sounds; everything else passes through.

    ``lengths``: duration of each sound in s, by object id.
    """

    def listening(step: Activity | Item) -> list[Activity | Item]:
        if isinstance(step, Activity) and step.name == Listening.name:
            return [Listening(step, protocol, lengths)]
        return [step]

    return each_step(script, listening)
