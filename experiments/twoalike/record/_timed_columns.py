"""Columns of timed presentation, and of a session that a scanner's trigger starts.

Sessions that do not ask for them do not have them.
"""

from twoalike.tables import Column

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
