"""The state of a fit, saved to a file, so that an interrupted fit can continue.

The previous file is kept beside it, since a disk can lose or change data.
"""

import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twoalike.study import DAMAGED, TwoalikeError, atomic_path, load_arrays, shortened

EVERY_S = 20.0
"""Shortest time between two saves, in seconds: what an interruption costs at most."""
_WHOSE = "fingerprint"
type Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass
class Checkpoint:
    """Arrays of a fit in progress, in ``path`` (.npz).

    The fingerprint is of judgments, features and settings: a file of another fit is not continued.
    """

    path: Path
    fingerprint: str
    _saved: float = field(default_factory=time.monotonic, init=False)
    _is_sound: bool = field(default=False, init=False)

    @property
    def before(self) -> Path:
        """Path of the previous file."""
        return self.path.with_name(f"{self.path.stem}.before{self.path.suffix}")

    def load(self) -> Arrays:
        """Read the last intact arrays; empty if there is no file, or it is of another fit.

        A damaged file is reported on standard error, together with the fallback.
        """
        found: Arrays = {}
        faults = []
        for path in (self.path, self.before):
            try:
                found = self._read(path)
            except TwoalikeError as error:
                faults.append(str(error).removesuffix("."))
                continue
            if found:
                break
        self._is_sound = bool(found) and not faults
        if faults:
            last = f"on from {self.before.name}, the one before" if found else "back to its start"
            print(f"{'; '.join(faults)}. The fit goes {last}.", file=sys.stderr)  # noqa: T201
        return found

    def _read(self, path: Path) -> Arrays:
        """Read a file; empty if there is none or it is of another fit."""
        if not path.exists():
            if path == self.path and self.before.exists():
                raise TwoalikeError(f"{path}: the checkpoint is missing.")
            return {}
        try:
            with zipfile.ZipFile(path) as archive:
                torn = archive.testzip()  # compares the whole content with its checksums
        except DAMAGED as error:
            raise TwoalikeError(f"{path}: damaged checkpoint ({shortened(error)}).") from error
        if torn is not None:
            raise TwoalikeError(f"{path}: damaged checkpoint ({torn} has changed).")
        arrays = load_arrays(path, "a checkpoint")
        if not isinstance(arrays, dict) or _WHOSE not in arrays:  # the last entry of the archive
            raise TwoalikeError(f"{path}: damaged checkpoint (it is not whole).")
        return arrays if str(arrays.pop(_WHOSE)) == self.fingerprint else {}

    def due(self) -> bool:
        """Whether enough time has passed since the last save."""
        return time.monotonic() - self._saved >= EVERY_S

    def save(self, arrays: Arrays) -> None:
        """Write the arrays, all or nothing, and keep the previous file."""
        with atomic_path(self.path) as temporary:
            with temporary.open("wb") as file:
                np.savez(file, **arrays, **{_WHOSE: np.array(self.fingerprint)})  # type: ignore[arg-type]
            if self._is_sound:  # a damaged file must not replace the previous one
                self.path.replace(self.before)
        self._is_sound = True
        self._saved = time.monotonic()


def remove_checkpoint(path: Path) -> None:
    """Remove the files of ``fit_embedding(checkpoint=path)``, once the posterior is saved."""
    for part in (path, Checkpoint(path, "").before):
        part.unlink(missing_ok=True)
