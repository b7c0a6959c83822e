"""Stimulus sets: images, the manifest that names and checks them, and the sets that we draw."""

from twoalike.stimuli._copy import Converted, CopiedImages, copy_images
from twoalike.stimuli._creatures import draw_creatures
from twoalike.stimuli._familiar import ATTRIBUTION, draw_familiar, familiar_source
from twoalike.stimuli._file_names import (
    escaped,
    fault_of_name,
    fault_of_portable_name,
    portability_faults,
)
from twoalike.stimuli._images import MANIFEST, find_images
from twoalike.stimuli._picture import BACKGROUND, read_picture
from twoalike.stimuli._set import StimulusSet, image_table

__all__ = [
    "ATTRIBUTION",
    "BACKGROUND",
    "MANIFEST",
    "Converted",
    "CopiedImages",
    "StimulusSet",
    "copy_images",
    "draw_creatures",
    "draw_familiar",
    "escaped",
    "familiar_source",
    "fault_of_name",
    "fault_of_portable_name",
    "find_images",
    "image_table",
    "portability_faults",
    "read_picture",
]
