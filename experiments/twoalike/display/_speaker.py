"""Sounds through the computer's sound device, by PsychoPy; or silently, where nobody listens."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twoalike.display._open import psychopy_environment
from twoalike.study import TwoalikeError, how_to_install, shortened
from twoalike.tasks import Playing


class Speaker(ABC):
    """Plays the sound that a session wants to be heard, one at a time.

    Parameters
    ----------
    files
        Sound file by object.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._playing: Playing | None = None

    def follow(self, playing: Playing | None, time: float) -> None:
        """Start or stop what differs from ``playing``; a sound at its end is not cut off."""
        if playing == self._playing:
            return
        if self._playing is not None and time < self._playing.until:
            self._stop()
        self._playing = playing
        if playing is not None:
            self._start(self._files[playing.name])

    @abstractmethod
    def _start(self, file: Path) -> None:
        """Play a file from its beginning."""

    @abstractmethod
    def _stop(self) -> None:
        """Be silent."""


class SilentSpeaker(Speaker):
    """Decodes every sound that would be played, and plays nothing.

    Attributes
    ----------
    played
        Files and their numbers of samples, in order.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__(files)
        self.played: list[tuple[Path, int]] = []

    def _start(self, file: Path) -> None:
        import soundfile

        samples, _ = soundfile.read(str(file), dtype="float32", always_2d=True)
        self.played.append((file, len(samples)))

    def _stop(self) -> None:
        pass


class DeviceSpeaker(Speaker):
    """Plays through PsychoPy's default sound device.

    Parameters
    ----------
    files
        Sound file by object; the first is loaded at once, to find out whether any can be played.
    volume
        From 0 to 1.
    """

    def __init__(self, files: Mapping[str, Path], volume: float) -> None:
        super().__init__(files)
        self._volume = volume
        self._loaded: dict[Path, Any] = {}
        self._now: Any = None
        try:
            with psychopy_environment():
                for file in files.values():
                    self._load(file)
                    break
        except ImportError as error:
            raise TwoalikeError(
                f"PsychoPy cannot play sounds ({shortened(error)}). {how_to_install('experiments')}"
            ) from error
        # Its backends raise bare exceptions where there is no device.
        except Exception as error:
            raise TwoalikeError(
                f"this computer has no sound device that works ({shortened(error)}). Connect or "
                "switch on a loudspeaker or headphones, and check that other programs play sounds."
            ) from error

    def _load(self, file: Path) -> Any:
        if file not in self._loaded:
            from psychopy import sound

            self._loaded[file] = sound.Sound(str(file), volume=self._volume)
        return self._loaded[file]

    def _start(self, file: Path) -> None:
        self._now = self._load(file)
        self._now.play()

    def _stop(self) -> None:
        if self._now is not None:
            self._now.stop()
