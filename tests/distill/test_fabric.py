"""Processes and devices."""

import os
import warnings
from pathlib import Path

import pytest

from twoalike.distill._run import make_fabric
from twoalike.study import TwoalikeError


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


def test_tasks_without_their_number_on_a_node_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "SLURM_NTASKS_PER_NODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_NTASKS", "8")
    with pytest.raises(TwoalikeError, match="--ntasks-per-node, .* found --ntasks=8 alone"):
        make_fabric("cpu", "32")
