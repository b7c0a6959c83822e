"""Exit status and text of commands that are refused, each in an untouched folder.

Words are wrong, files are not there, empty, damaged or of something else.
"""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.conftest import call, write_study
from tests.golden.golden import HERE, check, masked, set_width

from twoalike.features import FeatureTable, write_features

_LIBRARY = re.compile(
    r"(?<=\()(?:the magic|could not|Parquet|Unable|Invalid|Expecting).*(?=\))|(?<=timm's )\d+"
    r"|(?<=Did you mean )'\w+' or.*(?=\?)"
)
"""Words of a library in a message, and its names of networks."""
COMMANDS = json.loads((HERE / "errors" / "errors.json").read_text(encoding="utf-8"))
"""Those that the golden file has; of a new one write ``null`` there."""


def prepare() -> None:
    """Make a study, and files with something wrong in them."""
    write_study(Path("study"))
    write_study(Path("many"), "trials = 500\n")
    write_study(Path("wrong"), "trials = many\n")
    write_study(Path("unknown-key"), "trails = 12\n")
    Path("photos").mkdir()
    for name, content in {
        "text.txt": "This is no table.\n",
        "ids.txt": "ant\nbee\ncat\ndog\n",
        "good.txt": "ant bee cat\ndog bee ant\n",
        "emu.txt": "ant bee cat\ndog emu ant\n",
        "twice.txt": "ant bee cat\ndog dog ant\n",
        "ratings.csv": "participant,item_a,item_b,rating\np,ant,bee,2\n",
        "empty.txt": "",
        "narrow.txt": "ant bee\ncat dog\n",
        "damaged.nc": "\x7fHDF\r\n\x1a\n" + "\0" * 200,
        "damaged.parquet": "PAR1" + "\0" * 50,
    }.items():
        Path(name).write_text(content)
    Path("none").mkdir()
    for name, ids in (("features", ("ant", "bee", "cat", "dog")), ("fewer", ("ant", "bee"))):
        values = np.eye(len(ids), dtype=np.float32)
        write_features(Path(f"{name}.npz"), FeatureTable(ids, values, {"kind": "features"}))
    for name in ("good", "there"):
        words = ("choices", "good.txt", "--objects", "ids.txt", "--out", f"{name}.parquet")
        assert call("import", *words) == 0
    whole = pq.read_table("good.parquet")
    pq.write_table(whole.slice(0, 0), "none.parquet")
    pq.write_table(whole.select(["chosen"]), "wrong.parquet")


def test_status_and_text_of_refused_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_width(monkeypatch, 500)
    monkeypatch.delenv("DISPLAY", raising=False)
    prepare()
    before = {path for path in Path().rglob("*") if ".locks" not in path.parts}
    found = {}
    for words in COMMANDS:
        capsys.readouterr()
        status = call(*shlex.split(words))
        said = capsys.readouterr().err
        assert status in (1, 2), words
        assert "Traceback" not in said
        lines = [line.strip("│ ") for line in said.splitlines() if line[:1] not in "╭╰"]
        found[words] = [status, *(_LIBRARY.sub("...", masked(line, tmp_path)) for line in lines)]
        after = {path for path in Path().rglob("*") if ".locks" not in path.parts}
        assert after == before, f"{words}: left something behind"
    check("errors/errors", json.loads(json.dumps(found)))
