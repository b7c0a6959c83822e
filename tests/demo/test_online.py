"""The map of one's own likeness from a browser, with a simulated person before the screen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.online.engines import opened

from twoalike.demo import YourselfConfig

PERSON = """
import sys, tempfile
from pathlib import Path
from tests.online.crowd import observer_of, person_of, plans
from tests.online.engines import opened
from tests.online.player import Player
from twoalike.study import Study
address = sys.argv[1]
if address.startswith("http") and not Path("opened").exists():
    Path("opened").touch()
    study, size = Study.load(sys.argv[2]), (1280, 800)
    folder = Path(tempfile.mkdtemp())
    with opened("chromium", folder, size) as engine:
        player = Player(engine, least_s=0.21)
        code = player.enter(address)
        player.person = person_of(study, code)
        player.plans = plans(study, player.person, size, "hands")
        player.play(limit_s=300)
        player.expect("All of your answers have been stored")
else:
    Path("shown").write_text(address)
"""
"""A program that webbrowser takes for a browser: a person who answers, or looks at the map."""


@pytest.mark.slow
def test_thirty_trials_in_the_browser_and_the_map(tmp_path: Path) -> None:
    opened("chromium", tmp_path, (0, 0))  # skipped without one
    (tmp_path / "person.py").write_text(PERSON, encoding="utf-8")
    person = f"{sys.executable} {tmp_path / 'person.py'} %s {tmp_path / 'me'} &"
    environment = os.environ | {"BROWSER": person, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-m", "twoalike.cli.app", "demo", "me", "--online"]
    done = subprocess.run(
        [*command, "--trials", "20"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Answer in your browser:" in done.stdout
    found = json.loads((tmp_path / "me" / "you.json").read_text(encoding="utf-8"))
    assert found["trials"] == 20
    rows = next((tmp_path / "me" / "data" / "raw").rglob("*_beh.tsv")).read_text("utf-8")
    assert rows.count("\tbrowser\t") == 22, "two practice trials come first"
    assert (tmp_path / "shown").read_text() == (tmp_path / "me" / "you.html").as_uri()
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr[-2000:]


def test_a_missing_package_is_named_before_the_first_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twoalike.demo._yourself.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError) as caught:
        YourselfConfig(seed=0, online=True).check()
    assert caught.value.name == "starlette"
