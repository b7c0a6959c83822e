"""Exit status and text of commands that are refused, each in an untouched folder."""

import json
import re
import shlex
from pathlib import Path

import pytest
from tests.conftest import call, write_study
from tests.golden.golden import check, masked, set_width

_LIBRARY = re.compile(
    r"(?<=\()(?:the magic|could not|Parquet|Unable|Invalid|Expecting).*(?=\))|(?<=timm's )\d+"
    r"|(?<=Did you mean )'\w+' or.*(?=\?)"
)
"""Words of a library in a message, and its names of networks."""
NO_SCREEN = "--simulate --no-window"
COMMANDS = f"""
frobnicate
fit --speed 3
fit study --engine magic
distill --images photos
run study --participant anna {NO_SCREEN}
run study --participant a1@b.org {NO_SCREEN}
run study --participant 901 --no-window
run study --participant 901 --speed 2
run study --participant 901 {NO_SCREEN} --speed 0
run study --participant 901 {NO_SCREEN} --windowed
run study --participant 901 {NO_SCREEN} --session 0
run study --participant 901 {NO_SCREEN} --task juggling
run study --participant 901 {NO_SCREEN} --group experts
run study --participant 901 --no-window --simulate no.npz
run study --participant 901 --no-window --simulate text.txt
run nowhere --participant 901 {NO_SCREEN}
run wrong --participant 901 {NO_SCREEN}
run unknown-key --participant 901 {NO_SCREEN}
design study --task odd-one-out --participants 901 901
design many --task odd-one-out --participants 901
validate nowhere
validate wrong
init study
init new --images nowhere
init new --words text.txt --images photos
describe nowhere
merge study study --out both
erase study 777
share study --out copy
import choices nowhere.txt --objects ids.txt --out out.parquet
import choices emu.txt --objects ids.txt --out out.parquet
import choices twice.txt --objects ids.txt --out out.parquet
import choices good.txt --objects ids.txt --out out.txt
import choices good.txt --objects ids.txt --out there.parquet
import choices good.txt --objects ids.txt --chosen-columns odd --out out.parquet
import rdm text.txt --out out.parquet
import ratings ratings.csv --out out.parquet
import choices good.txt --item-columns 1,2 --out out.parquet
import choices good.txt --kind anchored --out out.parquet
import meadows text.txt --out out.parquet
fit study
fit nowhere
fit --choices text.txt --out out.nc
fit --choices good.parquet --out out.txt
fit --choices good.parquet --out out.nc --dimensions 0
check nowhere.nc
check text.txt
score text.txt --choices good.parquet
predict text.txt --out out.tsv
predict text.txt --sample uniform --out labels
predict text.txt --triplets good.txt --number 5 --out out.tsv
similarity text.txt --out out.pdf
compare text.txt --groups text.txt --choices text.txt
participants nowhere.nc
dimensions nowhere.nc
teach nowhere.nc
teach text.txt --out teacher
features --backbone efficientnet_lite0 --images nowhere --out features.npz
distill --images photos --student efficientnet_lite0 --out student
evaluate --features text.txt --choices good.parquet --out results.json
evaluate --features nowhere.npz --choices good.parquet --out results.json
leaderboard text.txt --choices good.parquet --out board.json
leaderboard text.txt ratings.csv --choices good.parquet --out board.json --table board.xlsx
transfer --features text.txt --shots few --out transfer.json
report nowhere
export psychds study --out psychds
export onnx nowhere --out student.onnx
online build study --participants 0
online serve study
online fetch study
power study --task multi-arrangement
power study --figure power.pdf
"""


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
    }.items():
        Path(name).write_text(content)
    for name in ("good", "there"):
        words = ("choices", "good.txt", "--objects", "ids.txt", "--out", f"{name}.parquet")
        assert call("import", *words) == 0


def test_status_and_text_of_refused_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_width(monkeypatch, 500)
    monkeypatch.delenv("DISPLAY", raising=False)
    prepare()
    before = {path for path in Path().rglob("*") if ".locks" not in path.parts}
    found = {}
    for words in COMMANDS.strip().splitlines():
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
