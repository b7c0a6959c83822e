"""Timed presentation: what is shown for how many frames, and how long it really lasted.

A screen shows whole frames, so durations in milliseconds become whole frames of the measured
refresh rate. Frames are counted from the first one of a picture by the times that the display
reports, so that lost ones count as well, and the picture is swapped at exactly the frame where its
time is over. Durations are differences between the times of flips; one that is off by more than
half a frame is flagged.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import NonNegativeFloat, model_validator

from twoalike.record import OFF
from twoalike.stimuli import find_images
from twoalike.study import ScreenProfile, Study, TwoalikeError, sha256_file
from twoalike.tasks._activity import Shown
from twoalike.tasks._protocol import Protocol, TrialTiming

type Kind = Literal["fixation", "image", "interval", "mask"]

_TOLERANCE = 0.05
"""Share of a frame that a duration may fall short of one: 16 ms is a frame of 60 Hz."""


class PresentationTiming(TrialTiming):
    """When images appear, for how long, and what follows them."""

    presentation_ms: NonNegativeFloat = 0.0
    """how long images are shown, in milliseconds, rounded to whole frames of the measured refresh
    rate; 0: until the answer"""
    presentation: Literal["simultaneous", "sequential"] = "simultaneous"
    """timed images all at once, or one after the other, each for presentation_ms: from left to
    right or as places are numbered, a reference first"""
    place: Literal["own", "centre"] = "own"
    """where sequential images are shown: at the place that answers them, or in the centre of the
    window"""
    interstimulus_ms: NonNegativeFloat = 0.0
    """nothing between two sequential images (after the mask of the first), in milliseconds"""
    mask: Literal["none", "scrambled", "images"] = "none"
    """what follows timed images at once, at their place: nothing, each image with scrambled phases,
    or pictures from mask_folder"""
    mask_ms: NonNegativeFloat = 0.0
    """how long masks are shown, milliseconds"""
    mask_folder: str = ""
    """folder of masks in the study; where a picture has the id of an object, every object has its
    own; otherwise they are drawn at random from the study's seed"""
    answers_from: Literal["onset", "offset"] = "onset"
    """whether answers to timed images count from the first image on, or only after the last one is
    gone; earlier presses are ignored and counted"""

    @property
    def timed(self) -> bool:
        """Whether images are shown for a fixed time."""
        return self.presentation_ms > 0

    @property
    def least_hz(self) -> float:
        """Lowest refresh rate that can show all durations; 0 without a fixed time."""
        asked = self.durations_ms.values()
        return 1000 * (1 - _TOLERANCE) / min(asked) if asked else 0.0

    @property
    def in_turn(self) -> bool:
        """Whether images are shown one after the other."""
        return self.presentation == "sequential"

    @property
    def durations_ms(self) -> dict[str, float]:
        """Durations that are converted to frames, by the setting; none without a fixed time."""
        if not self.timed:
            return {}
        found = {"fixation_s": 1000 * self.fixation_s, "presentation_ms": self.presentation_ms}
        if self.interstimulus_ms:
            found["interstimulus_ms"] = self.interstimulus_ms
        return found | ({} if self.mask == "none" else {"mask_ms": self.mask_ms})

    def presentation_s(self, n_items: int) -> float:
        """Time from the first image to the end of the last image or mask, in seconds."""
        if not self.timed:
            return 0.0
        turns = n_items if self.in_turn else 1
        gaps = self.interstimulus_ms * (turns - 1)
        return (turns * (self.presentation_ms + self.mask_ms) + gaps) / 1000

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        wrong = {
            "presentation = 'sequential' needs presentation_ms": self.in_turn and not self.timed,
            "place = 'centre' needs presentation = 'sequential'": self.place == "centre"
            and not self.in_turn,
            "interstimulus_ms needs presentation = 'sequential'": self.interstimulus_ms > 0
            and not self.in_turn,
            "mask needs presentation_ms": self.mask != "none" and not self.timed,
            "mask and mask_ms need each other": (self.mask == "none") != (self.mask_ms == 0),
            "mask = 'images' and mask_folder need each other": (self.mask == "images")
            != bool(self.mask_folder),
            "answers_from = 'offset' needs presentation_ms": self.answers_from == "offset"
            and not self.timed,
            "presentation_ms needs fixation_s: pictures are made ready before the cross": self.timed
            and not self.fixation_s,
        }
        for message, is_wrong in wrong.items():
            if is_wrong:
                raise ValueError(message)
        return self


@dataclass(frozen=True)
class FrameCount:
    """A duration in whole frames."""

    setting: str
    asked_ms: float
    frames: int
    refresh_hz: float

    @property
    def seconds(self) -> float:
        return self.frames / self.refresh_hz

    def as_dict(self) -> dict[str, float]:
        """Give the conversion for the record."""
        shown_ms = round(1000 * self.seconds, 3)
        return {"asked_ms": self.asked_ms, "frames": self.frames, "shown_ms": shown_ms}

    def __str__(self) -> str:
        return (
            f"{self.setting}: {self.asked_ms:g} ms are {self.frames} frame"
            f"{'s' if self.frames > 1 else ''} of {self.refresh_hz:g} Hz, {1e3 * self.seconds:.1f} "
            "ms"
        )


def frame_counts(
    timing: PresentationTiming, refresh_hz: float | None, *, preview: bool = False
) -> dict[str, FrameCount]:
    """Convert the durations of a presentation to whole frames, by the setting.

    ``preview``: durations below one frame are shown for one frame.
    """
    counts = {}
    for setting, asked_ms in timing.durations_ms.items():
        if not refresh_hz:
            raise TwoalikeError(
                "timing.presentation_ms: images cannot be timed, since the refresh rate of this "
                "screen is not known",
                remedy="Use a screen whose driver waits for it (vertical synchronisation), and "
                "check it with: twoalike screen",
            )
        frames = asked_ms * refresh_hz / 1000
        if frames < 1 - _TOLERANCE and not preview:
            raise TwoalikeError(
                where=f"timing.{setting}",
                expected=f"at least one frame of {refresh_hz:g} Hz, {1000 / refresh_hz:.1f} ms",
                found=f"{asked_ms:g} ms",
            )
        counts[setting] = FrameCount(setting, asked_ms, max(1, round(frames)), refresh_hz)
    return counts


def frames_line(protocol: Protocol, profile: ScreenProfile) -> str:
    """Say how a protocol's durations are converted to frames; empty where nothing is timed."""
    timing = timing_of(protocol)
    if timing is None:
        return ""
    if not profile.refresh_hz:
        return (
            "images are shown for whole frames, but the refresh rate of this computer's screen is "
            "not known; measure it with: twoalike screen"
        )
    return "; ".join(map(str, frame_counts(timing, profile.refresh_hz).values()))


def timing_of(protocol: Protocol) -> PresentationTiming | None:
    """Find the times of a protocol whose images are shown for a fixed time; None for others."""
    timing = getattr(protocol, "timing", None)
    return timing if isinstance(timing, PresentationTiming) and timing.timed else None


@dataclass(frozen=True)
class Step:
    """Something that is shown for a number of frames."""

    kind: Kind
    items: tuple[int, ...]
    """Which items of the trial, or their masks, in the order of the design, from 0."""
    frames: int
    asked_ms: float


def presentation_steps(
    timing: PresentationTiming, order: Sequence[int], counts: Mapping[str, FrameCount]
) -> tuple[Step, ...]:
    """Plan the steps of a trial, from the cross to the last image or mask, items in ``order``."""
    turns = [(item,) for item in order] if timing.in_turn else [tuple(order)]
    planned: list[tuple[Kind, tuple[int, ...], str]] = [("fixation", (), "fixation_s")]
    for turn in turns:
        planned += [("interval", (), "interstimulus_ms")] if turn is not turns[0] else []
        planned += [("image", turn, "presentation_ms"), ("mask", turn, "mask_ms")]
    known = ((kind, items, counts[name]) for kind, items, name in planned if name in counts)
    return tuple(Step(kind, items, one.frames, one.asked_ms) for kind, items, one in known)


class Presentation:
    """Steps under way: takes each frame shown, and says what the next one shows.

    ``late``: frames that came late since the first image; ``masks``: of the items, in their order.
    """

    def __init__(self, steps: Sequence[Step], frame_s: float, masks: Sequence[str] = ()) -> None:
        self.masks = masks
        self.steps, self._frame_s = tuple(steps), frame_s
        self._starts: list[float] = []
        self._at = 0
        self.late = 0

    @property
    def number(self) -> int:
        """Number of the step that the next frame shows, from 0."""
        return self._at

    @property
    def step(self) -> Step | None:
        """What the next frame shows; None once all steps were shown."""
        return self.steps[self._at] if self._at < len(self.steps) else None

    @property
    def over(self) -> bool:
        """Whether the frame after the last step was shown, so that all durations are known."""
        return len(self._starts) > len(self.steps)

    @property
    def onset(self) -> float | None:
        """First frame of the first image, s; None before it."""
        begun = zip(self._starts, self.steps, strict=False)
        return next((start for start, step in begun if step.kind == "image"), None)

    @property
    def images_gone(self) -> bool:
        """Whether the last image is no longer shown."""
        last = max(k for k, step in enumerate(self.steps) if step.kind == "image")
        return len(self._starts) > last + 1

    @property
    def items(self) -> tuple[int, ...]:
        """All items, in order of appearance."""
        return tuple(k for step in self.steps if step.kind == "image" for k in step.items)

    def take(self, event: Shown) -> None:
        """Count a frame: it showed :attr:`step`, or what follows the last one."""
        if self.over:
            return
        if self.onset is not None:
            self.late += event.dropped or 0
        if len(self._starts) == self._at:
            self._starts.append(event.time)
        # Not by adding up the frames lost: one that is only reported late would count twice.
        shown = 1 + round((event.time - self._starts[-1]) / self._frame_s)
        if self.step is not None and shown >= self.step.frames:
            self._at += 1

    def put(self, starts: Sequence[float]) -> None:
        """Take the first frames of all steps, and of what followed, from another player."""
        if len(starts) != len(self.steps) + 1 or sorted(set(starts)) != list(starts):
            raise ValueError(f"{len(starts)} times in order, of {len(self.steps)} steps")
        self._starts, self._at = list(starts), len(self.steps)

    @property
    def _spans(self) -> list[tuple[Step, float, float]]:
        """Steps whose duration is known: first frame, and that of what followed, s of the run."""
        return list(zip(self.steps, self._starts, self._starts[1:], strict=False))

    def planned(self, kind: Kind) -> float | None:
        """Planned duration of the steps of a kind, s; None where there are none."""
        frames = next((step.frames for step in self.steps if step.kind == kind), None)
        return None if frames is None else frames * self._frame_s

    @property
    def flag(self) -> str | None:
        """Kind of the steps that lasted too long or too short, ``several``, or None."""
        off = {
            step.kind
            for step, start, end in self._spans
            if step.kind != "fixation"
            and abs(end - start - step.frames * self._frame_s) > OFF * self._frame_s
        }
        return "several" if len(off) > 1 else next(iter(off), None)

    def columns(self) -> dict[str, object]:
        """Cells of the raw row (:func:`twoalike.record.timed_columns`)."""
        n, masks = len(self.items), self.masks
        row: dict[str, object] = {"presentation_planned": self.planned("image")}
        kinds = {"image": ("image_onset", "image_duration")}
        if masks:
            kinds["mask"] = ("mask_onset", "mask_duration")
            row["mask_planned"] = self.planned("mask")
            row |= {f"mask_{k}": name for k, name in zip(range(1, n + 1), masks, strict=True)}
        for step, start, end in self._spans:
            for item in step.items:
                onset, duration = kinds[step.kind]
                row[f"{onset}_{item + 1}"] = start
                row[f"{duration}_{item + 1}"] = end - start
        return row | {"timing_flag": self.flag}


_STREAM = 7
"""Keeps these draws apart from others of the study's seed."""


@dataclass(frozen=True)
class GivenMasks:
    """Masks from a folder: those named as the objects, or else different ones at random."""

    paths: Mapping[str, Path] = field(default_factory=dict)
    """Pictures by name; none where masks are not given."""
    own: bool = False
    """Whether each object has the mask of its name."""
    seed: int = 0
    """Of the study; a trial has the same masks in a session that is resumed."""

    def of(self, stimuli: tuple[str, ...], trial_index: int) -> tuple[str, ...]:
        """Names of the masks of a trial's stimuli; none where masks are not given."""
        if not self.paths or self.own:
            return stimuli if self.own else ()
        rng = np.random.default_rng([self.seed, _STREAM, trial_index])
        names = sorted(self.paths)
        drawn = rng.choice(len(names), len(stimuli), replace=False)
        return tuple(names[number] for number in drawn)

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """What a run keeps of its masks, to find them unchanged when it is resumed."""
        hashes = {name: sha256_file(path) for name, path in sorted(self.paths.items())}
        return {"masks": hashes} if hashes else {}


def given_masks(study: Study, protocol: Protocol, shown: AbstractSet[str], most: int) -> GivenMasks:
    """Read the masks of the objects that may be ``shown``, if the protocol names a folder."""
    timing = timing_of(protocol)
    if timing is None or timing.mask != "images":
        return GivenMasks(seed=study.config.seed)
    folder = study.root / timing.mask_folder
    paths = dict(zip(*find_images(folder), strict=True))
    own, missing = shown & paths.keys(), shown - paths.keys()
    if own and missing:
        raise TwoalikeError(
            where=folder,
            expected=f"a mask of every object, since {min(own)!r} has one",
            found=f"none of {min(missing)!r}",
        )
    if len(paths) < most:
        raise TwoalikeError(where=folder, expected=f"at least {most} masks", found=len(paths))
    return GivenMasks(paths, bool(own), study.config.seed)
