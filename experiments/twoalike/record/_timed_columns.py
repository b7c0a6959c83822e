"""Columns of timed presentation, and of a session that a scanner's trigger starts.

Sessions that do not ask for them do not have them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from twoalike.study import MISSING
from twoalike.tables import Column

OFF = 0.5
"""Frames that a duration may differ from its plan before it is flagged."""
_ROUNDING_S = 3e-4
"""Onsets and durations are rounded to .1 ms each."""

_TIMED, _MASKED = "timing.presentation_ms", "timing.mask"
_UNTIMED, _UNMASKED = "this object was not shown", "no mask was shown for it"


def _seconds(name: str, description: str, missing: str, when: str) -> Column:
    return Column(name, "number", description, units="s", minimum=0, missing=missing, when=when)


def timed_columns(n_items: int = 3) -> tuple[Column, ...]:
    """Columns of a task that shows ``n_items`` images at most.

    Examples
    --------
    >>> [column.name for column in timed_columns(1)][:3]
    ['presentation_planned', 'image_onset_1', 'image_duration_1']
    """
    items = range(1, n_items + 1)
    images = [
        column
        for k in items
        for column in (
            _seconds(
                f"image_onset_{k}",
                f"First frame that showed stimulus_{k}, since the start of the run.",
                _UNTIMED,
                _TIMED,
            ),
            _seconds(
                f"image_duration_{k}",
                f"From the first frame that showed stimulus_{k} to the first one without it.",
                _UNTIMED,
                _TIMED,
            ),
        )
    ]
    masks = [
        column
        for k in items
        for column in (
            Column(
                f"mask_{k}",
                "string",
                f"Mask of stimulus_{k}: a picture of mask_folder, or scrambled.",
                missing=_UNMASKED,
                when=_MASKED,
            ),
            _seconds(
                f"mask_onset_{k}",
                f"First frame that showed the mask of stimulus_{k}, since the start of the run.",
                _UNMASKED,
                _MASKED,
            ),
            _seconds(
                f"mask_duration_{k}",
                f"From the first frame that showed the mask of stimulus_{k} to the first one "
                "without it.",
                _UNMASKED,
                _MASKED,
            ),
        )
    ]
    planned = _seconds(
        "presentation_planned",
        "How long each image was to be shown: whole frames at the refresh rate in the manifest.",
        "never",
        _TIMED,
    )
    planned_mask = _seconds(
        "mask_planned", "How long each mask was to be shown, likewise.", "never", _MASKED
    )
    return planned, *images, planned_mask, *masks, _FLAG


_FLAG = Column(
    "timing_flag",
    "string",
    "What lasted more than half a frame longer or shorter than planned; no trial is ever deleted.",
    levels={
        "image": "an image",
        "mask": "a mask",
        "interval": "the time between two images",
        "several": "more than one kind of these",
    },
    missing="nothing",
    when=_TIMED,
)
SCANNER_COLUMNS = (
    _seconds(
        "trigger_time",
        "The scanner's trigger that the session, or the block, waited for, since the start of the "
        "run.",
        "never",
        "scanner.start",
    ),
    _seconds(
        "onset_from_trigger",
        "First frame that showed the triplet, since that trigger: t = 0 is the trigger.",
        "never",
        "scanner.start",
    ),
)


def check_timing(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Compare the flag of a trial with the durations measured; yields a problem, if there is one.

    What is off by half a frame, but for rounding, may be flagged or not.
    """
    begun = [one for one in manifest["segments"] if one["first_trial"] <= row["trial_index"]]
    frames = begun[-1]["apparatus"].get("frames", {}) if begun else {}
    if row.get("presentation_planned") is None or "presentation_ms" not in frames:
        return
    shown = frames["presentation_ms"]
    half = OFF * shown["shown_ms"] / shown["frames"] / 1000
    gaps = list(_gaps(row, frames))
    surely = {kind for kind, gap in gaps if gap > half + _ROUNDING_S}
    perhaps = {kind for kind, gap in gaps if gap > half - _ROUNDING_S}
    flag = row["timing_flag"]
    agrees = len(perhaps) > 1 if flag == "several" else surely <= {flag} <= perhaps | {None}
    if not agrees:
        found = "several" if len(surely) > 1 else next(iter(surely), MISSING)
        yield (
            "timing_flag",
            f"is {flag or MISSING}, but by the durations of the row it is {found}",
        )


def _gaps(row: Mapping[str, Any], frames: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """How much each image, mask and interval of a trial is off its plan, s, by its kind."""
    steps: set[tuple[float, float]] = set()
    for kind, planned in (("image", "presentation_planned"), ("mask", "mask_planned")):
        for name in [name for name in row if name.startswith(f"{kind}_duration_")]:
            start, duration = row[name.replace("duration", "onset")], row[name]
            if start is None or duration is None:
                continue
            steps.add((start, start + duration))
            yield kind, abs(duration - row[planned])
    if "interstimulus_ms" not in frames:
        return
    ordered = sorted(steps)
    planned_s = frames["interstimulus_ms"]["shown_ms"] / 1000
    for (_, end), (start, _) in zip(ordered, ordered[1:], strict=False):
        if start - end > _ROUNDING_S:  # a mask follows its image at once
            yield "interval", abs(start - end - planned_s)
