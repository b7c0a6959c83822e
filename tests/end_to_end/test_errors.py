"""Damaged and empty inputs: one clear line, status 1, nothing half-written.

Files that are not there, and words that are wrong, are in ``tests/golden/test_errors.py``.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from twoalike.cli.app import main
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import write_judgments
from twoalike.study import provenance

IDS = tuple("abcdef")


@pytest.fixture
def world(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Small valid inputs, beside which each test puts a damaged one."""
    (tmp_path / "ids.txt").write_text("\n".join(IDS) + "\n")
    (tmp_path / "triplets.txt").write_text("a b c\nd e f\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "narrow.txt").write_text("a b\nc d\n")
    (tmp_path / "damaged.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1" + bytes(50))
    pd.DataFrame({"wrong": [1]}).to_parquet(tmp_path / "wrong.parquet")
    write_features(
        tmp_path / "features.npz",
        FeatureTable(IDS, rng.normal(size=(6, 3)).astype(np.float32), {"kind": "features"}),
    )
    write_features(tmp_path / "fewer.npz", FeatureTable(IDS[:2], np.eye(2, dtype=np.float32)))
    items = np.array([rng.permutation(6)[:3] for _ in range(40)])
    table = pd.DataFrame(
        {
            "participant": "01",
            "session": "01",
            "trial": np.arange(1, 41),
            "kind": "odd_one_out",
            **{f"item_{k + 1}": np.array(IDS)[items[:, k]] for k in range(3)},
            "chosen": 1,
            "response_time": 1.0,
            "trial_type": "main",
            "level": None,
        }
    )
    write_judgments(tmp_path / "choices.parquet", table, provenance("choices"))
    whole = pq.read_table(tmp_path / "choices.parquet")  # our writer refuses an empty table
    pq.write_table(whole.slice(0, 0), tmp_path / "none.parquet")
    (tmp_path / "folder").mkdir()
    return tmp_path


CASES = [
    "import choices triplets.txt --objects missing.txt --out OUT.parquet",
    "import choices empty.txt --objects ids.txt --out OUT.parquet",
    "import choices narrow.txt --objects ids.txt --out OUT.parquet",
    "import choices triplets.txt --objects ids.txt --participant-column 9 --out OUT.parquet",
    "fit --choices damaged.parquet --out OUT.nc",
    "fit --choices wrong.parquet --out OUT.nc",
    "fit --choices none.parquet --out OUT.nc",
    "fit --choices choices.parquet --features fewer.npz --out OUT.nc",
    "predict damaged.nc --triplets triplets.txt --out OUT.tsv",
    "predict folder --triplets triplets.txt --out OUT.tsv",
    "features --backbone efficientnet_lite0 --images folder --out OUT.npz",
    "features --backbone no_such_network --images folder --out OUT.npz",
    "teach damaged.nc --features features.npz --out OUT",
    "distill --teacher folder --images folder --student efficientnet_lite0 --out OUT",
    "evaluate --features fewer.npz --choices choices.parquet --out OUT.json",
    "evaluate --features features.npz --choices none.parquet --out OUT.json",
    "evaluate --features features.npz --choices damaged.parquet --out OUT.json",
    "evaluate --features features.npz --rdm missing.mat --out OUT.json",
    "init folder/../ids.txt",
    "init OUT --images folder",
    "design folder --task odd-one-out --participants 01",
]


@pytest.mark.parametrize("command", CASES)
def test_bad_input_is_one_line_and_leaves_no_trace(
    command: str,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    monkeypatch.chdir(world)
    before = snapshot(world)
    with pytest.raises(SystemExit) as caught:
        main(command.split())
    lines = capsys.readouterr().err.strip().splitlines()
    assert caught.value.code == 1, lines
    assert lines[-1].startswith("twoalike: ")
    assert len(lines) == 1, lines
    assert snapshot(world) == before
