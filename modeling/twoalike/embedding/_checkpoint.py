"""A fit on its way, kept in a file, so that an interrupted one goes on where it was."""

import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twoalike.study import atomic_path

EVERY_S = 20.0
"""Shortest time between two saves, in seconds: what an interruption costs at most."""
_WHOSE = "fingerprint"


@dataclass
class Checkpoint:
    """Arrays of a fit on its way.

    Attributes
    ----------
    path
        The file (.npz).
    fingerprint
        Of judgments, features and settings: a file of another fit is not gone on with.
    """

    path: Path
    fingerprint: str
    _saved: float = field(default_factory=time.monotonic, init=False)

    def load(self) -> dict[str, npt.NDArray[np.generic]]:
        """Read the arrays; none if there is no file, or it is of another fit or torn."""
        try:
            # numpy leaves a file open that it cannot read, so it is opened here.
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        # A file that cannot be read is as good as none: the fit starts from its beginning.
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return {}
        if str(arrays.pop(_WHOSE, "")) != self.fingerprint:
            return {}
        return arrays

    def due(self) -> bool:
        """Whether enough time has passed since the last save."""
        return time.monotonic() - self._saved >= EVERY_S

    def save(self, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
        """Write the arrays, all or nothing.

        Raises
        ------
        TwoalikeError
            If the file cannot be written.
        """
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays, **{_WHOSE: np.array(self.fingerprint)})  # type: ignore[arg-type]
        self._saved = time.monotonic()
