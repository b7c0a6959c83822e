"""How regularly a screen shows its frames, from the times at which it showed them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.study import ScreenProfile

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "gdi generic", "software rasterizer")
"""Renderers that draw with the processor and wait for no screen."""
_RATES_HZ = (20.0, 500.0)
"""Refresh rates of real screens; what lies outside is a driver that does not wait."""
_LATE = 1.5
"""A frame is late once it takes this many times the usual interval: one refresh was missed."""
_TOLERABLE = 0.01


@dataclass(frozen=True)
class FrameTiming:
    """Frame intervals in figures.

    Attributes
    ----------
    median_s, sd_s, p99_s
        Median, standard deviation and 99th percentile of the intervals, seconds.
    frames, late
        Intervals measured, and how many were longer than one and a half medians.
    """

    median_s: float
    sd_s: float
    p99_s: float
    frames: int
    late: int

    @property
    def refresh_hz(self) -> float:
        """Refresh rate; 0 where the intervals are not those of a screen."""
        rate = 1 / self.median_s if self.median_s > 0 else np.inf
        return float(rate) if is_refresh_rate(rate) else 0.0


def frame_timing(times: Sequence[float]) -> FrameTiming:
    """Sum up the times at which frames were shown.

    Parameters
    ----------
    times
        Seconds, ascending, at least three.

    Examples
    --------
    >>> timing = frame_timing([0.0, 0.01, 0.02, 0.03, 0.05, 0.06])
    >>> round(timing.refresh_hz), timing.late
    (100, 1)
    """
    if len(times) < 3:
        raise ValueError(f"{len(times)} frames are too few to measure")
    intervals = np.diff(np.asarray(times, dtype=np.float64))
    median = float(np.median(intervals))
    return FrameTiming(
        median_s=median,
        sd_s=float(intervals.std()),
        p99_s=float(np.quantile(intervals, 0.99)),
        frames=len(intervals),
        late=int((intervals > _LATE * median).sum()),
    )


def is_refresh_rate(hz: float) -> bool:
    """Whether a rate may be that of a screen."""
    return _RATES_HZ[0] < hz < _RATES_HZ[1]


def is_software(renderer: str) -> bool:
    """Whether a renderer draws with the processor, so that its speed says nothing of a screen."""
    return any(name in renderer.lower() for name in SOFTWARE)


def verdict(profile: ScreenProfile) -> str:
    """Say in one line what a measurement means for response times.

    Examples
    --------
    >>> verdict(ScreenProfile(refresh_hz=59.95, frames=600))
    '60.0 Hz, 0 of 600 frames late: good'
    """
    if is_software(profile.renderer):
        return f"software renderer ({profile.renderer}): timing cannot be measured"
    if not profile.frames:
        return "refresh rate not measured"
    if not profile.refresh_hz:
        return (
            "the graphics driver does not wait for the screen: timing cannot be measured; switch "
            "vertical synchronisation (vsync) on in its settings"
        )
    found = f"{profile.refresh_hz:.1f} Hz, {profile.late_frames} of {profile.frames} frames late"
    if profile.late_frames == 0:
        return f"{found}: good"
    if profile.late_frames <= _TOLERABLE * profile.frames:
        return f"{found}: usable; each late frame is logged with its trial"
    return f"{found}: poor; close other programs, use the whole screen, leave power saving"
