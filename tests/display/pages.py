"""Pictures of every page of a long consent text, as a participant turns them.

    python -m tests.display.pages FOLDER [SIZE ...] [LANGUAGE ...]

Four languages on screens of three sizes; a simulated participant reads on to the end.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.display.consent import LANGUAGES, TEXTS, consent_text

from twoalike.display import WindowScreen, open_window, virtual_display
from twoalike.observers import SimulatedObserver
from twoalike.record import Progress
from twoalike.stimuli import StimulusSet, draw_familiar
from twoalike.study import ScreenProfile, Study
from twoalike.tasks import (
    Ask,
    Event,
    Page,
    Scene,
    Session,
    Shown,
    SimulatedParticipant,
    Sitting,
    VirtualClock,
    prepare_session,
    run_session,
)

SIZES = ((1024, 768), (1920, 1080), (3840, 2160))


def toml(text: str) -> str:
    """Quote a text for TOML."""
    return "'''\n" + text + "'''"


def protocol_with(language: str, more: str = "") -> str:
    """Protocol that asks for consent to the long text; its other texts are the shipped ones."""
    texts = {name: TEXTS[language][name] for name in ("agree", "decline", "choose", "go_on")}
    texts["consent"] = consent_text(language)
    lines = [f"{name} = {toml(text)}" for name, text in texts.items()]
    spoken = 'language = "de"\n' if language == "de" else ""
    return f"{spoken}[consent]\nask = true\n{more}\n[texts]\n" + "\n".join(lines)


class Reader:
    """A window that keeps a picture of every new page."""

    def __init__(self, screen: WindowScreen) -> None:
        self._screen = screen
        self.pictures: list[tuple[Scene, Image.Image]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screen, name)

    def show(self, scene: Scene) -> Shown:
        """Show a scene, and keep it if it is a new page."""
        shown = self._screen.show(scene)
        if isinstance(scene, Page | Ask) and scene not in [seen for seen, _ in self.pictures]:
            self.pictures.append((scene, self._screen.picture(scene)))
        return shown

    def events(self) -> Sequence[Event]:
        """Give the window's events."""
        return self._screen.events()


def read_pages(root: Path, protocol: str) -> list[tuple[Scene, Image.Image]]:
    """Let a simulated participant read all pages of a session in a window; their pictures."""
    (root / "protocols").mkdir(parents=True)
    (root / "study.toml").write_text(
        'title = "Pages"\nseed = 3\n[design]\ntrials = 1\npractice = 0\n'
    )
    draw_familiar(root / "stimuli")
    (root / "protocols" / "odd_one_out.toml").write_text(protocol, encoding="utf-8")
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli)
    observer = SimulatedObserver(stimuli.ids, np.eye(len(stimuli.ids)))
    sitting = Sitting(study=study, participant="901", session=1, observer=observer)
    prepared = prepare_session("odd-one-out", sitting)
    clock = VirtualClock()
    with open_window(prepared, Progress(), ScreenProfile(), clock=clock) as (screen, view, _):
        reader = Reader(screen)
        session = Session(prepared.script(view, Progress()), prepared.protocol.texts.stop)
        player = SimulatedParticipant(prepared.hands(reader, clock), reader, clock)
        assert run_session(session, reader, lambda item: None, player.act) == "completed"
    return reader.pictures


def main(folder: Path, languages: Sequence[str], sizes: Sequence[tuple[int, int]]) -> None:
    """Make all pictures; each screen in a process of its own, since a closed one ends it."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        for language in languages:
            name = f"{size[0]}x{size[1]}"
            if len(sizes) * len(languages) > 1:
                command = [sys.executable, "-m", "tests.display.pages", str(folder), name, language]
                subprocess.run(command, check=True)
                continue
            with virtual_display(size), tempfile.TemporaryDirectory() as temporary:
                pictures = read_pages(Path(temporary) / "study", protocol_with(language))
                for number, (_, picture) in enumerate(pictures, start=1):
                    picture.save(folder / f"{name}_{language}_{number:02}.png")


if __name__ == "__main__":
    words = sys.argv[2:]
    wanted = [size for size in SIZES if f"{size[0]}x{size[1]}" in words] or list(SIZES)
    spoken = [word for word in words if word in LANGUAGES] or list(LANGUAGES)
    main(Path(sys.argv[1]), spoken, wanted)
