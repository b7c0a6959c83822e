"""Templates of studies: valid in both languages, and each can be designed and run."""

import re
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from PIL import Image
from tests.design.test_levels import PUBLISHED

from twoalike.cli.studies import init
from twoalike.planning import create_study, describe_study, study_templates, write_lists
from twoalike.registry import find_task
from twoalike.sitting import sit
from twoalike.study import Study, TwoalikeError
from twoalike.tasks import study_tasks, validate_study

TEMPLATES = {template.name: template for template in study_templates()}
SHORT = {"trials": 12, "practice": 2, "repeats": 2, "session_minutes": 3.0}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty small images in two realms of two kinds."""
    folder = tmp_path_factory.mktemp("images")
    for shade, (realm, kind, number) in enumerate(product("ab", "cd", range(10))):
        path = folder / realm / kind / f"{realm}{kind}{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), 6 * shade, dtype=np.uint8)).save(path)
    return folder


def _shorten(study: Study) -> None:
    """Make the study's sessions as short as can be."""
    path = study.root / "study.toml"
    text = re.sub(r"^plan = \[.*?^\]$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    text = text.replace("catch = 16\ncatch_sides = [7, 5, 4]", "catch = 2")
    for key, value in SHORT.items():
        text = re.sub(rf"^{key} = [\d.]+", f"{key} = {value}", text, flags=re.M)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("name", "language"), list(zip(TEMPLATES, cycle(("de", "en")))))
def test_a_study_made_of_a_template_runs(
    name: str, language: str, images: Path, tmp_path: Path
) -> None:
    root = tmp_path / "study"
    made = create_study(root, images=images, protocol=name, language=language, seed=3)
    template = TEMPLATES[name]
    assert study_tasks(made.study) == template.tasks != ()
    texts = [path.read_text(encoding="utf-8") for path in sorted((root / "protocols").iterdir())]
    assert len(texts) == len(template.tasks)
    assert all(f'language = "{language}"' in text for text in texts)
    checked = validate_study(root)
    assert not checked.faults and not checked.refused
    _shorten(made.study)
    for task in template.tasks:
        lists = write_lists(root, ["001"], task=task)
        assert "duration of the session" in lists.summary().table.index
    end = sit(root, "001", simulate=True, window=False)
    assert end.end_reason == "completed"
    assert end.path.name.split("_task-")[1].startswith(find_task(template.tasks[0]).label)
    assert validate_study(root).n_problems == 0


def test_the_command_offers_the_templates() -> None:
    chosen = get_args(get_type_hints(init)["protocol"])
    assert chosen == ("default", *TEMPLATES)
    assert all(name in (create_study.__doc__ or "") for name in TEMPLATES)
    assert all(len(template.description) <= 99 for template in TEMPLATES.values())


def test_words_of_a_list(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("".join(f"word{number}\tkind{number % 3}\n" for number in range(24)))
    made = create_study(tmp_path / "study", words=words, protocol="words", seed=1)
    checked = validate_study(made.study)
    assert not checked.faults and not checked.refused
    assert "24 items of the set “stimuli” (words)" in describe_study(made.study).markdown


def test_the_levels_template_is_the_published_study(images: Path, tmp_path: Path) -> None:
    made = create_study(tmp_path / "levels", images=images, protocol="levels")
    assert made.study.config.design == PUBLISHED.model_copy(update={"lists_per_triplet": 0})


def test_unknown_templates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="expected one of default, .*found 'face'"):
        create_study(tmp_path / "study", protocol="face")
    assert not (tmp_path / "study").exists()


def test_tasks_without_a_protocol_are_not_the_studys(make_study: Callable[..., Path]) -> None:
    root = make_study()
    (root / "protocols" / "multi_arrangement.toml").unlink(missing_ok=True)
    study = Study.load(root)
    assert "multi-arrangement" not in study_tasks(study)
