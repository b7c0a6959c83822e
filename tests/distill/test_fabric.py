"""Processes and devices."""

import os
import warnings
from pathlib import Path

import pytest

from twoalike.distill._fabric import make_fabric


@pytest.mark.skipif(os.name == "nt", reason="SLURM runs on Linux")
def test_a_login_node_with_srun_needs_no_srun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process started by hand is no mistake where SLURM is installed."""
    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in ("SLURM_NTASKS", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fabric = make_fabric("cpu", "32")
    assert fabric.world_size == 1
    assert [str(warning.message) for warning in caught] == []
