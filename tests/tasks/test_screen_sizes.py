"""Every task fits every common screen, and a study learns beforehand where its own does not."""

from collections.abc import Callable

import pytest
from tests.conftest import succeed

from twoalike.record import Progress
from twoalike.registry import task_names
from twoalike.study import Study
from twoalike.tasks import (
    SMALLEST_SCREEN,
    Prepared,
    Shown,
    Sitting,
    View,
    check_readable,
    prepare_session,
    with_block_questions,
)
from twoalike.tasks._protocol_file import SCREENS

SIZES = (SMALLEST_SCREEN, *SCREENS[::3], (3840, 2160))
LANGUAGES = ("en", "de")


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Prepared]:
    """A function that prepares a first session by default settings."""
    root = tmp_path_factory.mktemp("sizes") / "study"
    succeed("init", root, "--stimuli", "familiar")
    made: dict[tuple[str, str], Prepared] = {}

    def prepared(task: str, language: str) -> Prepared:
        if (task, language) not in made:
            for name in task_names():
                file = root / "protocols" / f"{name.replace('-', '_')}.toml"
                file.write_text(f'language = "{language}"\n')
            sitting = Sitting(study=Study.load(root), participant="001", session=1)
            made[task, language] = prepare_session(task, sitting)
        return made[task, language]

    return prepared


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("task", task_names())
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_task_is_drawn_on_every_screen(
    prepare: Callable[[str, str], Prepared], task: str, size: tuple[int, int], language: str
) -> None:
    prepared, view = prepare(task, language), View(size)
    assert prepared.image_size(view) >= 48
    assert check_readable(prepared, view, begun=False) == []
    script = with_block_questions(prepared, view, Progress())
    trial = next(step for step in script if getattr(step, "name", "") == "trial")
    assert trial.handle(Shown(0.0)) is not None  # type: ignore[union-attr]
    script.close()
