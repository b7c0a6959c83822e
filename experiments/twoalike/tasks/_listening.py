"""Trials with sounds: what plays them, and which must be heard before an answer counts.

A sound is shown as a loudspeaker. Pointing at it plays it from the beginning, to its end unless
another one is played; so does a key for each place or, in an arena, taking it by a key. The trial
itself knows nothing of this: it is wrapped, and gets no answer before every sound was heard, if the
protocol asks for that. A sound ends when its duration has passed, so that a simulated participant
needs no device.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from twoalike.record import TRIAL_SHOWN
from twoalike.tables import POSITIONS
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
    Playing,
    PointerMove,
    PointerPress,
    Rating,
    Result,
    Scene,
    Scroll,
    Sounding,
)
from twoalike.tasks._protocol import Moment, Protocol
from twoalike.tasks._session import Script, moment_of
from twoalike.tasks.pair_rating import PairRating, lay_out_rating
from twoalike.tasks.screens import GridLayout, ImagesProtocol, View, lay_out

SOUND_PLAYED = "sound_played"
"""Event of the log: a sound was played, to its end or not."""


@dataclass(frozen=True)
class Tile:
    """Where an object is on the screen: centre and side of its square, pixels, y up."""

    name: str
    x: float
    y: float
    side: float
    held: bool = False
    """Whether a participant holds it."""

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is on it."""
        return max(abs(x - self.x), abs(y - self.y)) <= self.side / 2


type Places = tuple[tuple[float, float, float], ...]
"""Centre and side of each image of a scene, in pixels; empty where the scene itself says."""


def places_of(protocol: Protocol, view: View) -> Places:
    """Places of images side by side, in the order of a scene's ``images``."""
    match protocol:
        case ImagesProtocol():
            row = lay_out(protocol, view)
            return tuple((*row.centre(place), row.image) for place in POSITIONS)
        case PairRating():
            pair = lay_out_rating(protocol, view)
            return tuple((*centre, pair.image) for centre in (pair.left, pair.right))
        case _:
            return ()


def _grid_places(trial: Activity) -> Places:
    """Places of images on a grid or in a ring, whose number differs between trials; or none."""
    layout = getattr(trial, "layout", None)
    if not isinstance(layout, GridLayout):
        return ()
    return tuple((*centre, layout.image) for centre in layout.centres)


def tiles_of(scene: Scene, places: Places) -> tuple[Tile, ...]:
    """Objects that a scene shows for an answer, the topmost first; none in other scenes."""
    match scene:
        case ImageRow(images=images) | Rating(images=images) if scene.prompt:
            shown = zip(images, places, strict=True)
            return tuple(Tile(name, *place) for name, place in shown if name is not None)
        # Also while one is shown large: keys still answer.
        case Arena(images=images) | Piles(images=images):
            return tuple(
                Tile(one.stimulus, one.x, one.y, one.size, held=one.rim == "held")
                for one in reversed(images)
            )
        case _:
            return ()


class Listening:
    """A trial with sounds.

    Parameters
    ----------
    trial
        The trial itself.
    protocol
        Its settings of sounds and texts.
    lengths
        Duration of each sound in s, by object id.
    places
        Those of images side by side; empty in tasks that have none.

    Attributes
    ----------
    playing
        The sound that is played; None for silence.
    heard
        Sounds that were heard to their end.
    """

    name = "trial"

    def __init__(
        self, trial: Activity, protocol: Protocol, lengths: Mapping[str, float], places: Places
    ) -> None:
        self.trial = trial
        self._protocol, self._lengths, self._places = protocol, lengths, places
        self._pointed: str | None = None
        self._index: object = None
        self.playing: Playing | None = None
        self.heard: set[str] = set()

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Sounds that are shown now, the topmost first."""
        shown = tiles_of(self.trial.scene, self._places)
        return tuple(tile for tile in shown if tile.name in self._lengths)

    @property
    def to_hear(self) -> tuple[Tile, ...]:
        """Sounds that must still be heard before an answer counts."""
        if not self._protocol.sounds.heard:
            return ()
        return tuple(tile for tile in self.tiles if tile.name not in self.heard)

    @property
    def finished(self) -> bool:
        """Whether the trial is over."""
        return self.trial.finished

    @property
    def moment(self) -> tuple[object, Moment | None]:
        """What the trial's scene is, and which moment it begins, for triggers."""
        return moment_of(self.trial, self.trial.scene)

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""
        ends = [self.trial.deadline, self.playing.until if self.playing else None]
        return min((end for end in ends if end is not None), default=None)

    @property
    def scene(self) -> Scene:
        """The trial's scene; a frame is around the sound that is played."""
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
        """Play what the event asks for; give it to the trial unless it answers too early."""
        items = self._end(event.time)
        if not self._plays(event, items) and not self._too_early(event):
            before = self._held
            for item in self.trial.handle(event):
                items.append(item)
                if isinstance(item, Note) and item.event == TRIAL_SHOWN:
                    self._index = item.detail["trial_index"]
            taken = self._held
            if isinstance(event, KeyPress) and taken is not None and taken != before:
                self._play(taken, event.time, "keyboard", items)
        if not self.tiles or any(isinstance(item, Result) for item in items):
            self._stop(event.time, items)
        return items

    @property
    def sounding(self) -> Playing | None:
        """The sound that is heard: of an object, or a tone after an answer in practice."""
        if self.playing is None and isinstance(self.trial, Sounding):
            return self.trial.sounding
        return self.playing

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc, in silence."""
        items: list[Item] = []
        if self.playing is not None:  # Esc has cut it off, at a time that is not known here
            self._note(self.playing, time, None, items)
        self.playing = self._pointed = None
        return [*items, *self.trial.restart(time)]

    @property
    def _side_by_side(self) -> bool:
        return isinstance(self.trial.scene, ImageRow | Rating)

    @property
    def _held(self) -> str | None:
        return next((tile.name for tile in self.tiles if tile.held), None)

    def _plays(self, event: Event, items: list[Item]) -> bool:
        """Start a sound; return whether the event meant nothing else."""
        settings, tiles = self._protocol.sounds, self.tiles
        match event:
            # In an arena, where places change, the keys that take an object play it.
            case KeyPress(time=time, key=key) if key in settings.keys and self._side_by_side:
                by_place = sorted(tiles, key=lambda tile: (-tile.y, tile.x))
                place = settings.keys.index(key)
                if place < len(by_place):
                    self._play(by_place[place].name, time, "keyboard", items)
                return True
            case PointerMove(time=time, x=x, y=y):
                self._point(time, _at(tiles, x, y), items)
            case PointerPress(time=time, x=x, y=y, button="left"):
                name = _at(tiles, x, y)
                if name is not None and self.to_hear and not self._runs(name):
                    by = "touch" if self._protocol.screen.touch else "mouse"
                    self._play(name, time, by, items)
                    self._pointed = name
        return False

    def _point(self, time: float, name: str | None, items: list[Item]) -> None:
        """Play what the pointer has come to; while a sound is carried no other."""
        if self._held or not self._protocol.sounds.hover or self._protocol.screen.touch:
            return
        if name is not None and name != self._pointed:
            self._play(name, time, "mouse", items)
        self._pointed = name

    def _too_early(self, event: Event) -> bool:
        """Whether an event would answer before all sounds were heard."""
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
                wide, high = done.width / 2, done.height / 2
                return abs(x - done.x) <= wide and abs(y - done.y) <= high
            case _:
                return False

    def _runs(self, name: str) -> bool:
        return self.playing is not None and self.playing.name == name

    def _play(self, name: str, time: float, by: str, items: list[Item]) -> None:
        self._stop(time, items)
        self.playing = Playing(name, time, time + self._lengths[name], by)

    def _end(self, time: float) -> list[Item]:
        """Take that a sound has come to its end."""
        items: list[Item] = []
        if self.playing is not None and time >= self.playing.until:
            self.heard.add(self.playing.name)
            self._stop(self.playing.until, items)
        return items

    def _stop(self, time: float, items: list[Item]) -> None:
        playing, self.playing = self.playing, None
        if playing is not None:
            self._note(playing, time, time - playing.since, items)

    def _note(
        self, playing: Playing, time: float, played_s: float | None, items: list[Item]
    ) -> None:
        """Note a sound that was played, and for how long; None where that is not known."""
        detail = {
            "trial_index": self._index,
            "stimulus": playing.name,
            "by": playing.by,
            "started_s": round(playing.since, 4),
            "played_s": None if played_s is None else round(played_s, 4),
            "to_end": played_s is not None and time >= playing.until,
        }
        items.append(Note(SOUND_PLAYED, time, detail))


def _at(tiles: Sequence[Tile], x: float, y: float) -> str | None:
    return next((tile.name for tile in tiles if tile.holds(x, y)), None)


def _names_in(keys: object) -> Iterator[str]:
    """Names of keys in settings, which list them for one answer or for each of several."""
    if isinstance(keys, str):
        yield keys
    elif isinstance(keys, tuple | list):
        for each in keys:
            yield from _names_in(each)


def sound_fault(protocol: Protocol) -> str:
    """Say in one line why trials with sounds cannot be run by a protocol; empty if they can."""
    if not protocol.plays_sounds:
        return f"the task {protocol.task} shows images, words and films only, and plays no sounds"
    if getattr(getattr(protocol, "timing", None), "presentation_ms", 0):
        return "timing.presentation_ms: sounds are played for as long as they last; set it to 0"
    if protocol.sounds.heard and not protocol.texts.listen:
        return "texts.listen is empty: say there that every sound must be heard first"
    answers = getattr(protocol, "answers", None)
    taken = answers.model_dump().values() if answers is not None else ()
    used = set(_names_in(list(taken)))
    if both := used & set(protocol.sounds.keys):
        return f"the key {min(both)!r} answers and plays a sound; change sounds.keys"
    if not (protocol.sounds.keys or protocol.sounds.hover or protocol.sounds.heard):
        return "nothing plays a sound: set sounds.keys or sounds.hover"
    return ""


def with_sounds(
    script: Script, protocol: Protocol, lengths: Mapping[str, float], view: View
) -> Script:
    """Let the trials of a script play their sounds; everything else passes through.

    Parameters
    ----------
    lengths
        Duration of each sound in s, by object id.
    view
        The window.
    """
    places = places_of(protocol, view)
    try:
        while True:
            step = next(script)
            if isinstance(step, Activity) and step.name == Listening.name:
                step = Listening(step, protocol, lengths, _grid_places(step) or places)
            yield step
    except StopIteration as end:
        return str(end.value)
    finally:
        script.close()
