"""Pictures of every screen that participants see, at the size shown; into docs/images/screens/.

    python docs/make_screens.py [FOLDER]

Sessions of all tasks run in real windows on a virtual screen, answered by a simulated observer,
in English and German; each new kind of screen is kept.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twoalike.display import open_window, virtual_display
from twoalike.display._window import WindowScreen
from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.record import Progress
from twoalike.stimuli import StimulusSet, draw_familiar
from twoalike.study import ScreenProfile, Study
from twoalike.tables import STIMULI
from twoalike.tasks import (
    Arena,
    Ask,
    Event,
    ImageRow,
    Page,
    Piles,
    PointerMove,
    PointerPress,
    PointerRelease,
    QuestionActivity,
    Rating,
    Scene,
    Session,
    Shown,
    SimulatedParticipant,
    Sitting,
    VirtualClock,
    getting_ready,
    prepare_session,
    run_session,
)

SIZE = (1280, 800)
TASKS = (
    "odd-one-out",
    "anchored-choice",
    "odd-one-of-many",
    "most-alike-pair",
    "multi-arrangement",
    "pair-rating",
    "free-sorting",
)
FORM = {
    "en": """
[[form.questions]]
id = "age"
kind = "age"
text = "How old are you, in years?"
[[form.questions]]
id = "hand"
kind = "choice"
text = "Which hand do you write with?"
options = ["left", "right", "both"]
[[debrief.questions]]
id = "strategy"
kind = "text"
text = "What did you look at when you decided?"
""",
    "de": """
[[form.questions]]
id = "age"
kind = "age"
text = "Wie alt sind Sie, in Jahren?"
[[form.questions]]
id = "hand"
kind = "choice"
text = "Mit welcher Hand schreiben Sie?"
options = ["links", "rechts", "beide"]
[[debrief.questions]]
id = "strategy"
kind = "text"
text = "Worauf haben Sie bei Ihren Entscheidungen geachtet?"
""",
}
TIMED = """
[timing]
presentation_ms = 100
mask = "scrambled"
mask_ms = 200
answers_from = "offset"
[scanner]
start = "session"
[breaks]
ready_s = 0
"""
TIMED_KINDS = ("images", "prompt", "scanner")
"""Screens that only a timed session has; masks are noise, which makes large files."""
TRIPLETS = {
    "row": '[timing]\nresponse_limit_s = 15\n[pages]\nimages = [["dog", "rabbit", "car"]]\n',
    "triangle": '[images]\nlayout = "triangle"\n',
}


NAMED = "[rules]\nname_piles = true\n"
SLIDER = '[scale]\nkind = "slider"\n'


class Camera:
    """A window that keeps a picture of every new kind of scene."""

    def __init__(
        self, screen: WindowScreen, folder: Path, stem: str, kinds: Sequence[str] = ()
    ) -> None:
        self._screen, self._folder, self._stem, self._kinds = screen, folder, stem, kinds
        self._seen: set[str] = set()
        self.session: Session | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._screen, name)

    def show(self, scene: Scene) -> Shown:
        """Show a scene, and keep it if it is new."""
        shown = self._screen.show(scene)
        kind = self._kind(scene)
        if kind not in self._seen and (not self._kinds or kind in self._kinds):
            self._seen.add(kind)
            path = self._folder / f"{self._stem}_{kind}.png"
            self._screen.picture(scene).save(path, optimize=True)
        return shown

    def events(self) -> Sequence[Event]:
        """Give the window's events."""
        return self._screen.events()

    def _kind(self, scene: Scene) -> str:
        activity = self.session.activity if self.session is not None else None
        name = "stop" if activity is None else activity.name
        match scene:
            case ImageRow():
                return row_kind(scene)
            case Rating(prompt=prompt, value=value):
                return "rated" if not prompt else ("pair" if value in (None, 0.5) else "moved")
            case Arena() | Piles():
                return _kind_of_placed(scene)
            case Ask() if isinstance(activity, QuestionActivity):
                return activity.question.id
            case Page(images=images):
                return f"{name}_example" if images else name
        return name


def _kind_of_placed(scene: Arena | Piles) -> str:
    """Say how far images are placed."""
    if scene.magnified is not None:
        return "magnified"
    if isinstance(scene, Piles) and scene.entry is not None:
        return "name" if scene.entry else "unnamed"
    if any(image.rim == "held" for image in scene.images):
        return "held"
    left = sum(image.rim == "outside" for image in scene.images)
    if isinstance(scene, Piles):
        return "piles" if left == len(scene.images) else ("sorted" if left < 4 else "sorting")
    return "arena" if left else "arranged"


def row_kind(row: ImageRow) -> str:
    """Name of a screen with images, or with what was there."""
    shown = [name is not None for name in row.images]
    if row.source != "objects":
        return "mask"
    if row.verdict:
        return "verdict"
    if not row.prompt:
        return "images" if all(shown) else "choice"
    if not any(shown):
        return "prompt"
    asked = "triplet" if len(shown) == len(STIMULI) else "images"
    return "picked" if row.marked else asked


def write_study(root: Path, language: str) -> Study:
    """Make a study of familiar things with every kind of page."""
    (root / "protocols").mkdir(parents=True)
    few = "trials = 6\npractice = 1\npractice_checks = 1\ncatch = 1\n"
    (root / "study.toml").write_text(
        'title = "Screens"\nseed = 3\n'
        f"[design]\n{few}[anchored]\n{few}"
        f"[odd_one_of_many]\nn_items = 5\n{few}[most_alike_pair]\nn_items = 4\n{few}"
        "[arrangement]\nmax_items = 16\nmax_trials = 2\npractice_items = 4\n"
        "[pair_rating]\npairs = 6\npractice = 1\ncatch = 1\n"
        "[free_sorting]\nitems = 24\ntrials = 2\npractice_items = 0\n"
    )
    draw_familiar(root / "stimuli")
    head = f'language = "{language}"\n'
    tail = f"[consent]\nask = true\n[breaks]\nbreak_every = 2\n{FORM[language]}"
    pages = TRIPLETS["row"] if language == "en" else TRIPLETS["triangle"]
    (root / "protocols" / "odd_one_out.toml").write_text(head + pages + tail)
    for name in ("anchored_choice", "odd_one_of_many", "most_alike_pair"):
        (root / "protocols" / f"{name}.toml").write_text(f"{head}{tail}")
    (root / "protocols" / "multi_arrangement.toml").write_text(
        head + tail.replace("break_every = 2", "break_every = 1")
    )
    (root / "protocols" / "pair_rating.toml").write_text(f"{head}{tail}")
    (root / "protocols" / "free_sorting.toml").write_text(
        head + NAMED + tail.replace("break_every = 2", "break_every = 1")
    )
    return Study.load(root)


def record_screens(
    study: Study, task: str, folder: Path, stem: str, kinds: Sequence[str] = ()
) -> None:
    """Run a session and keep its screens, all of them or those of some kinds."""
    stimuli = StimulusSet.load(study.stimuli)
    embedding = hierarchical_embedding(stimuli, np.random.default_rng(1))
    sitting = Sitting(
        study=study,
        participant="901",
        session=1,
        observer=SimulatedObserver(stimuli.ids, embedding),
    )
    prepared = prepare_session(task, sitting)
    clock = VirtualClock(refresh_hz=60.0 if prepared.is_timed else None)
    with open_window(prepared, Progress(), ScreenProfile(), clock=clock) as (screen, view, _):
        camera = Camera(screen, folder, stem, kinds)
        ready = getting_ready(prepared.protocol)
        session = Session(prepared.script(view, Progress()), prepared.protocol.texts.stop, ready)
        camera.session = session
        player = SimulatedParticipant(prepared.hands(camera, clock), camera, clock)
        shown = False

        def act(state: Session) -> None:
            nonlocal shown
            if isinstance(state.scene, Arena | Piles) and not shown:
                shown = True
                handle_one(state, camera, clock.now())
            else:
                player.act(state)

        run_session(session, camera, lambda item: None, act)
        camera.session = None
        if not kinds:
            camera.show(Page(prepared.protocol.texts.stop))


def handle_one(session: Session, camera: Camera, time: float) -> None:
    """Take the topmost image and bring it in, and look at another one large."""
    first, second = (
        (image.x, image.y) for image in (session.scene.images[-1], session.scene.images[0])
    )
    for event in (PointerPress(time, *first), PointerMove(time, -60.0, 40.0)):
        session.handle(event)
    camera.show(session.scene)
    session.handle(PointerRelease(time, -60.0, 40.0))
    session.handle(PointerPress(time, *second, "right"))
    camera.show(session.scene)
    session.handle(PointerRelease(time, *second, "right"))


def main() -> None:
    """Make all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images/screens")
    folder.mkdir(parents=True, exist_ok=True)
    with virtual_display(SIZE), tempfile.TemporaryDirectory() as temporary:
        for language in ("en", "de"):
            study = write_study(Path(temporary) / language, language)
            for task in TASKS:
                record_screens(study, task, folder, f"{task.replace('-', '_')}_{language}")
            head = f'language = "{language}"\n'
            (study.root / "protocols" / "pair_rating.toml").write_text(f"{head}{SLIDER}")
            record_screens(study, "pair-rating", folder, f"pair_rating_slider_{language}")
            (study.root / "protocols" / "odd_one_out.toml").write_text(f"{head}{TIMED}")
            record_screens(study, "odd-one-out", folder, f"timed_{language}", TIMED_KINDS)


if __name__ == "__main__":
    main()
