"""Masks of images: given pictures, and images with scrambled phases, the same in every session."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from twoalike.stimuli import phase_scrambled


@dataclass(frozen=True)
class Masks:
    """Where masks come from."""

    given: Mapping[str, Path] = field(default_factory=dict)
    """Pictures by name."""
    seed: int = 0
    """Of the study: an object's scrambled image is the same for everybody."""

    def scrambled(self, name: str, image: Image.Image) -> Image.Image:
        """Scramble the phases of an object's image."""
        digest = hashlib.sha256(name.encode()).digest()
        rng = np.random.default_rng([self.seed, int.from_bytes(digest[:8])])
        return Image.fromarray(phase_scrambled(np.asarray(image.convert("RGB")), rng))
