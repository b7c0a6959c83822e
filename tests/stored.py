"""A manifest, written without a command."""

from pathlib import Path

from twoalike.stimuli import StimulusSet, image_table


def list_images(folder: Path) -> StimulusSet:
    """Write the manifest of a folder of images."""
    return StimulusSet.write(folder, image_table(folder))
