"""A session of choices: from its files, in its order, how long, and hands that answer.

Odd-one-out, anchored choices and choices among many images differ in their protocol, their list
and what can be chosen.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from twoalike.choice import ChoiceKind
from twoalike.observers import SimulatedObserver
from twoalike.record import Progress
from twoalike.stimuli import find_images
from twoalike.study import Study, TwoalikeError, sha256_file
from twoalike.tables import STIMULI
from twoalike.tasks._activity import Activity, Item
from twoalike.tasks._duration import Duration, Times, paced
from twoalike.tasks._listed import (
    MoreTrials,
    PreparedTrials,
    listed_script,
    listed_times,
    pages_duration,
)
from twoalike.tasks._presentation import FrameCount, frame_counts
from twoalike.tasks._session import Script
from twoalike.tasks._simulated import SeededHands, read_on
from twoalike.tasks.odd_one_out._choosing import TripletActivity
from twoalike.tasks.odd_one_out._protocol import Choosing
from twoalike.tasks.odd_one_out._trial import Trial, trials_from_table
from twoalike.tasks.screens import (
    Frame,
    GridLayout,
    GridProtocol,
    ImagesProtocol,
    Layout,
    Opening,
    Scanner,
    View,
    lay_out_images,
)

_STREAM = 7
"""Keeps these draws apart from others of the study's seed."""


@dataclass(frozen=True)
class GivenMasks:
    """Masks from a folder: those named as the objects, or else different ones at random.

    Examples
    --------
    >>> masks = GivenMasks({name: Path(f"{name}.png") for name in "wxyz"}, seed=1)
    >>> trial = Trial(1, 1, "main", "t1", ("a", "b", "c"), ("left", "middle", "right"))
    >>> len(set(masks.of(trial)))
    3
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    """Pictures by name; none where masks are not given."""
    own: bool = False
    """Whether each object has the mask of its name."""
    seed: int = 0
    """Of the study; a trial has the same masks in a session that is resumed."""

    def of(self, trial: Trial) -> tuple[str, ...]:
        """Names of the masks of a trial's stimuli; none where masks are not given."""
        if not self.paths or self.own:
            return trial.stimuli if self.own else ()
        rng = np.random.default_rng([self.seed, _STREAM, trial.trial_index])
        names = sorted(self.paths)
        drawn = rng.choice(len(names), len(trial.stimuli), replace=False)
        return tuple(names[number] for number in drawn)

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """What a run keeps of its masks, to find them unchanged when it is resumed."""
        hashes = {name: sha256_file(path) for name, path in sorted(self.paths.items())}
        return {"masks": hashes} if hashes else {}


NO_MASKS = GivenMasks()


def given_masks(study: Study, protocol: Choosing, shown: AbstractSet[str], most: int) -> GivenMasks:
    """Read the masks of the objects that may be ``shown``, if the protocol names a folder."""
    if protocol.timing.mask != "images":
        return GivenMasks(seed=study.config.seed)
    folder = study.root / protocol.timing.mask_folder
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


MEDIAN_S = {"coarse": 3.31, "fine": 3.07, "boundary": 2.04}
"""Published medians by condition; triplets without a condition count as coarse, those with a right
answer as boundary. Of more images than three, in proportion to their number (an assumption)."""
MEAN_TO_MEDIAN = 1.12
"""Mean of a person's times relative to their median. 2.6 % of all times were above 10 s, so their
logarithms spread by .6, of which .48 are within a person: the mean is exp(.48²/2) medians."""
_BETWEEN = Duration(0.0, 0.3)
"""To keep an answer and fetch the next images."""


def trial_duration(trial: Trial | None, protocol: Choosing) -> Duration:
    """Time from a trial's cross to the next one's; ``trial`` is None if it is not chosen yet."""
    timing, practice = protocol.timing, protocol.practice
    easy = trial is not None and trial.expected is not None
    condition = None if trial is None else trial.condition
    median = MEDIAN_S["boundary"] if easy else MEDIAN_S.get(condition or "", MEDIAN_S["coarse"])
    n_images = len(STIMULI) if trial is None else len(trial.stimuli)
    choice = paced(MEAN_TO_MEDIAN * median * n_images / len(STIMULI))
    if timing.response_limit_s:
        choice = choice.capped(timing.response_limit_s, timing.response_limit_s)
    judged = easy and trial is not None and trial.trial_type == "practice" and practice.feedback
    shown = timing.presentation_s(n_images)
    fixed = timing.fixation_s + shown + (practice.feedback_s if judged else timing.feedback_s)
    return choice + Duration(fixed, fixed) + _BETWEEN


def triplet_times(
    protocol: Choosing,
    trials: Sequence[Trial],
    *,
    n_done: int = 0,
    further: int = 0,
    per_block: int = 1,
) -> Times:
    """Time for the trials of a session, and for all pages after the instruction.

    Parameters
    ----------
    n_done
        Trials that are over.
    further
        Trials to be chosen during the session, in blocks of ``per_block``.
    """
    times = [trial_duration(trial, protocol) for trial in trials[n_done:]]
    times.append(trial_duration(None, protocol).times(further))
    pages = pages_duration(protocol, trials, n_done=n_done, n_fits=-(-further // per_block))
    return Times(sum(times, Duration()), pages)


_AGAIN_S = 0.3
_MOUSE_SHARE = 0.2


@dataclass(frozen=True)
class Planned:
    """What simulated hands do in a trial that began at ``start``, s."""

    trial: Trial
    start: float
    presses: tuple[tuple[str, float], ...]
    """Places still to press, with times since the start, s."""
    by_mouse: bool


class TripletHands(SeededHands[SimulatedObserver]):
    """Chooses as an observer would: the odd one out, or the candidate more like the reference."""

    _plan: Planned | None = None

    def act(self, activity: Activity) -> None:
        """Choose, or wait for what comes by itself."""
        assert isinstance(activity, TripletActivity)
        if activity.choosing and activity.onset is not None:
            self._choose(activity, activity.trial, activity.onset)
        elif activity.showing:
            return  # the next frame comes by itself
        elif activity.deadline is not None:
            self._clock.wait_until(activity.deadline)
        else:
            read_on(self._screen, self._clock, activity.protocol.pages.page_s)

    def _choose(self, activity: TripletActivity, trial: Trial, onset: float) -> None:
        if self._plan is None or self._plan.trial is not trial or self._plan.start < onset:
            rng = self._rng(trial.trial_index)
            presses = self.presses(trial, rng)
            by_mouse = activity.protocol.answers.mouse and rng.random() < _MOUSE_SHARE
            self._plan = Planned(trial, onset, presses, by_mouse)
        plan, (place, taken) = self._plan, self._plan.presses[0]
        moment = max(plan.start + taken, self._clock.now())
        if activity.showing and moment > self._clock.now():
            return
        if activity.deadline is not None and moment >= activity.deadline:
            self._clock.wait_until(activity.deadline)
            return
        self._clock.wait_until(moment)
        keys = activity.protocol.answers.keys(place)
        if plan.by_mouse or not keys:
            self._screen.click(*activity.layout.centre(place))
        else:
            self._screen.press_key(keys[0])
        # If the press came too early to count, press again a little later.
        again = (place, moment + _AGAIN_S - plan.start)
        self._plan = replace(plan, presses=plan.presses[1:] or (again,))

    def presses(self, trial: Trial, rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
        """Places to press in a trial, each with its time since the onset, s."""
        kind: ChoiceKind = "anchored" if trial.anchored else "odd_one_out"
        item, taken = self.observer.respond(trial.stimuli, rng, kind=kind)
        return ((trial.positions[item], taken),)


def triplet_script(
    protocol: Choosing,
    layout: Layout | GridLayout,
    trials: Sequence[Trial],
    opening: Opening,
    *,
    n_done: int = 0,
    more: MoreTrials[Trial] | None = None,
    make: Callable[[Trial, float | None], Activity] | None = None,
    refresh_hz: float | None = None,
    masks: GivenMasks = NO_MASKS,
) -> Generator[Activity | Item, None, str]:
    """Activities of a session that has ``n_done`` trials behind it.

    Parameters
    ----------
    trials
        Those known at the start.
    more
        Where later blocks come from; None where ``trials`` are all.
    make
        Makes what a trial shows, with the time of the scanner's trigger before it, if there was
        one; None: three images in ``layout``.
    refresh_hz
        Refresh rate of the screen, which timed presentation needs; for ``make=None``.
    masks
        Given masks, if any.

    Returns
    -------
    How it ended: ``completed`` or ``declined`` (the generator's value).
    """

    def show(trial: Trial, trigger: float | None) -> Activity:
        masked = replace(trial, masks=masks.of(trial))
        if make is not None:
            return make(masked, trigger)
        return TripletActivity(masked, protocol, layout, refresh_hz=refresh_hz, trigger=trigger)

    return listed_script(
        protocol,
        Frame(layout.size, layout.text),
        trials,
        opening,
        show,
        keys=answer_keys(protocol),
        n_done=n_done,
        more=more,
        scanner=protocol.scanner,
    )


def answer_keys(protocol: Choosing) -> frozenset[str]:
    """Keys that answer; they turn pages as well."""
    answers = protocol.answers
    return frozenset(key for place in answers.places for key in answers.keys(place))


@dataclass(frozen=True, kw_only=True)
class PreparedTriplets(PreparedTrials[Trial]):
    """A session of choices that can start."""

    protocol: Choosing
    read = staticmethod(trials_from_table)
    hands_of = TripletHands
    times_of = staticmethod(triplet_times)
    find_given = staticmethod(given_masks)
    given: GivenMasks = NO_MASKS
    """Masks, where they are given."""

    @property
    def scanner(self) -> Scanner | None:
        """Whose trigger the session waits for; None for none."""
        return None if self.protocol.scanner.start == "none" else self.protocol.scanner

    @property
    def masks(self) -> Mapping[str, Path]:
        """Pictures that mask objects, by name."""
        return self.given.paths

    @property
    def mask_seed(self) -> int:
        """Seed of masks that are made from images."""
        return self.given.seed

    def frame_counts(self, refresh_hz: float | None) -> Mapping[str, FrameCount]:
        """Durations of the presentation in whole frames; none where it is not timed."""
        return frame_counts(self.protocol.timing, refresh_hz, preview=self.sitting.pilot)

    @property
    def is_timed(self) -> bool:
        """Whether images are shown for a fixed number of frames."""
        return self.protocol.timing.timed

    def script(self, view: View, progress: Progress) -> Script:
        """Pages, trials, breaks."""
        find_layout = cache(partial(self.layout, view))
        return triplet_script(
            self.protocol,
            find_layout(max((len(trial.stimuli) for trial in self.trials), default=len(STIMULI))),
            self.trials,
            self.opening(progress),
            n_done=progress.n_done,
            more=self.more,
            make=lambda trial, trigger: self.activity(
                trial, find_layout(len(trial.stimuli)), view.refresh_hz, trigger
            ),
            masks=self.given,
        )

    def layout(self, view: View, n: int) -> Layout | GridLayout:
        """Geometry of a window with ``n`` images."""
        assert isinstance(self.protocol, ImagesProtocol | GridProtocol)
        return lay_out_images(self.protocol, view, n)

    def activity(
        self,
        trial: Trial,
        layout: Layout | GridLayout,
        refresh_hz: float | None,
        trigger: float | None,
    ) -> TripletActivity:
        """Make what a trial shows.

        Parameters
        ----------
        refresh_hz, trigger
            As for :class:`TripletActivity`.
        """
        made = self.kind_of(trial)
        return made(trial, self.protocol, layout, refresh_hz=refresh_hz, trigger=trigger)

    def kind_of(self, trial: Trial) -> type[TripletActivity]:
        """Choose what shows a trial."""
        return TripletActivity


triplet_list_times = partial(listed_times, made=PreparedTriplets)
"""Time for the trials of a list of odd-one-out or anchored choices."""
