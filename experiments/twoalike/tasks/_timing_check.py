"""What timed presentation comes to on this computer's screen, and what is wrong with its masks."""

from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import ScreenProfile, Study, TwoalikeError, load_profile
from twoalike.tables import STIMULI
from twoalike.tasks._presentation import frame_counts
from twoalike.tasks._protocol import Protocol
from twoalike.tasks._protocol_file import each_protocol, protocol_place
from twoalike.tasks.odd_one_out import Choosing, given_masks


def frames_line(protocol: Protocol, profile: ScreenProfile) -> str:
    """Say how a protocol's durations are converted to frames; empty where nothing is timed.

    Examples
    --------
    >>> from twoalike.tasks import OddOneOut
    >>> timed = OddOneOut.model_validate({"timing": {"presentation_ms": 50}})
    >>> frames_line(timed, ScreenProfile(refresh_hz=60.0))
    'fixation_s: 500 ms are 30 frames of 60 Hz, 500.0 ms; presentation_ms: 50 ms are 3 frames of \
60 Hz, 50.0 ms'
    """
    if not isinstance(protocol, Choosing) or not protocol.timing.timed:
        return ""
    if not profile.refresh_hz:
        return (
            "images are shown for whole frames, but the refresh rate of this computer's screen is "
            "not known; measure it with: twoalike screen"
        )
    counts = frame_counts(protocol.timing, profile.refresh_hz)
    return "; ".join(map(str, counts.values()))


def _n_images(study: Study, task: str) -> int:
    """Images of a trial of a task of choices, by the settings of its lists."""
    settings = find_task(task).lists.settings(study)
    return getattr(settings, "n_items", len(STIMULI))


def timing_faults(study: Study, stimuli: StimulusSet) -> tuple[list[str], list[str]]:
    """List what is wrong with timed presentation, and what it comes to, one line each.

    Returns
    -------
    Problems (durations below a frame of this computer's screen, masks that are missing), and the
    conversion to frames of each protocol.
    """
    profile = load_profile()
    problems: list[str] = []
    remarks: list[str] = []
    for task, own, protocol in each_protocol(study):
        where = protocol_place(own, find_task(task).label)
        try:
            line = frames_line(protocol, profile)
            if isinstance(protocol, Choosing):
                given_masks(own, protocol, frozenset(stimuli.ids), _n_images(own, task))
        except TwoalikeError as error:
            problems.append(f"{where}: {error}")
            continue
        remarks += [f"{where}: {line}"] if line else []
    return problems, remarks
