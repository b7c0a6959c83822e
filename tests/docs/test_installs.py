"""What a page tells to install is enough for its commands."""

import re
import subprocess
import sys
from pathlib import Path

from twoalike.cli.app import EXTRAS

ALIGN = Path(__file__).parents[2] / "docs" / "tutorials" / "align.md"

CHAIN = """
import sys
sys.modules.update(dict.fromkeys({blocked}))  # importing one of them is an error
from functools import partial
from twoalike.cli.app import main
from twoalike.planning import _study
_study.draw_creatures = partial(_study.draw_creatures, species=2)  # a third of them, alike
for words in {commands}:
    try:
        main(words.split())
    except SystemExit as ended:
        if ended.code:
            raise
"""


def test_a_study_is_made_and_simulated_without_the_labs_packages(tmp_path: Path) -> None:
    """Who aligns networks installs a part of the lab's packages, above all no PsychoPy."""
    page = ALIGN.read_text(encoding="utf-8")
    (line,) = re.findall(r"^uv pip install .*$", page, re.MULTILINE)
    assert "experiments" not in line
    assert "twoalike init creatures --seed 1\n" in page
    labs = [module for module, extra in EXTRAS.items() if extra == "experiments"]
    blocked = [module for module in labs if module.replace("_", "-") not in line.split()]
    assert "psychopy" in blocked
    commands = ["init creatures --seed 1", "run creatures --participant 1 --simulate --no-window"]
    code = CHAIN.format(blocked=blocked, commands=commands)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "304 of 304 trials" in done.stdout
