"""Which given picture masks which object of a trial."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twoalike.stimuli import find_images
from twoalike.study import Study, TwoalikeError, sha256_file
from twoalike.tasks.odd_one_out._protocol import Choosing
from twoalike.tasks.odd_one_out._trial import Trial

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
