"""What each ``twoalike import`` writes of a small input."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.conftest import call
from tests.golden.golden import HERE, check, files, frame, masked, shape

OBJECTS = ("ant", "bee", "cat", "dog", "axe")
INPUTS = tomllib.loads((HERE / "imports" / "inputs.toml").read_text(encoding="utf-8"))
"""Name of a golden file -> input and its content, words of the command."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder with the list of objects."""
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("\n".join(OBJECTS))
    Path("checks.txt").write_text("bee ant\n")


@pytest.mark.parametrize("name", INPUTS)
def test_a_table_of_judgments(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = INPUTS[name]
    Path(given["file"]).write_text(given["content"], encoding="utf-8")
    status = call("import", *given["words"].split(), "--out", "out.parquet")
    said = capsys.readouterr()
    assert status == 0, said.err
    made = json.loads(pq.read_schema("out.parquet").metadata[b"twoalike"])
    provenance = {key: made[key] for key in ("kind", "config")} | {"inputs": sorted(made["inputs"])}
    table = frame(pd.read_parquet("out.parquet"))
    check(f"imports/{name}", {"said": said.out.splitlines(), "made": provenance, **table})


def test_labels_of_alignet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = np.array([[0, 1, 2], [3, 2, 1], [4, 0, 3], [1, 4, 2]])
    similarities = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.3], [0.2, 0.3, 0.7], [0.5, 0.5, 0.1]])
    names = np.array([f"c{n % 2}/{name}.JPEG" for n, name in enumerate(OBJECTS)])
    np.savez("a.npz", filenames=names[shown], similarities=similarities.astype("f4"), indices=shown)
    assert call("import", "alignet", "a.npz", "--out", "labels") == 0
    meta: dict[str, Any] = json.loads(Path("labels/labels.json").read_text())
    shards = [pd.read_parquet(path) for path in sorted(Path("labels").glob("*.parquet"))]
    found = {
        "said": masked(capsys.readouterr().out, tmp_path).splitlines(),
        "files": files(Path("labels")),
        "labels": shape(meta),
        **frame(pd.concat(shards)),
    }
    check("imports/alignet", found, absolute=1e-4)
