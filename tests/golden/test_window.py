"""What a simulated session of each task leaves in data/raw."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import write_study
from tests.golden.golden import check, files, pages, succeed, text_table

TASKS = (
    *("odd-one-out", "anchored-choice", "odd-one-of-many", "most-alike-pair"),
    *("multi-arrangement", "pair-rating", "free-sorting"),
)
DESIGN = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
ASKED = Path(__file__).with_name("asked.toml").read_text(encoding="utf-8")
SAME_HOLDS = ("README.md", ".locks")
"""Files of which nothing is frozen."""
MANIFEST = (
    *("kind", "seed", "participant", "session", "task", "run", "pilot", "simulated", "observer"),
    *("group", "condition", "object_set", "orders", "n_trials", "design", "end_reason", "config"),
)
"""Keys of a manifest that are frozen with their values."""


def write(root: Path) -> Path:
    """A study of all tasks; consent and questions belong to the first."""
    return write_study(root, DESIGN, f"schema_version = 1\n{ASKED}")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def sidecar(content: dict[str, Any]) -> dict[str, str]:
    """The description of the table and of each of its columns."""
    return {
        key: " ".join(each) if isinstance(each, dict) else type(each).__name__
        for key, each in content.items()
    }


@pytest.mark.parametrize("task", TASKS)
def test_a_simulated_session(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "study")
    succeed("run", root, "--participant", "901", "--task", task, "--simulate", "--no-window")
    said = capsys.readouterr().out.replace(str(root / "data" / "raw"), "RAW").splitlines()
    raw = root / "data" / "raw"
    tables = {path.relative_to(raw).as_posix(): text_table(path) for path in raw.rglob("*.tsv")}
    (manifest,) = (read(path) for path in raw.rglob("*_manifest.json"))
    (journal,) = raw.rglob("*_journal.jsonl")
    check(
        f"window/{task}",
        {
            "said": said,
            "files": files(raw, but=SAME_HOLDS),
            "tables": dict(sorted(tables.items())),
            "sidecars": {
                path.relative_to(raw).as_posix(): sidecar(read(path))
                for path in sorted(raw.rglob("*.json"))
                if "_manifest" not in path.name
            },
            "manifest": {key: manifest[key] for key in MANIFEST},
            "pages": pages(journal),
        },
        absolute=1e-3,
    )
    succeed("validate", root)
    assert "no problem found" in capsys.readouterr().out
