"""Blocks that are computed twice, and compiled code; weights and layers without a gradient."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.distill.conftest import Squares, assert_same, run
from torch import nn

from twoalike.backbones import Backbone, load_backbone
from twoalike.distill import DistillConfig
from twoalike.distill._run import make_fabric
from twoalike.distill._trainable import compute_twice, prepare_training
from twoalike.distill._update import StudentNetwork
from twoalike.features import write_features
from twoalike.study import TwoalikeError

ROOT = Path(__file__).parents[2]


class Blocks(nn.Module):
    """A network of one's own: a list of blocks, weights in no use, and perhaps dropped layers."""

    def __init__(self, drop: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 6, 4, 4)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Dropout(0.3), nn.Linear(12, 6))
            for _ in range(3)
        )
        self.pooler, self.drop = nn.Linear(6, 2), drop

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images).flatten(2).transpose(1, 2)
        for block in self.blocks:
            if not (self.training and torch.rand(()) < self.drop):
                x = x + block(x)
        return x.mean(dim=1)


def blocks(drop: float = 0.0) -> Backbone:
    prepared = load_backbone("test_resnet", untrained=True, size=32).preprocessing
    return Backbone("blocks", Blocks(drop), prepared)


def gradients(student: StudentNetwork, images: torch.Tensor) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    student.train()(images).features.square().sum().backward()
    return {name: p.grad for name, p in student.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_blocks_computed_twice_have_the_same_gradient(name: str) -> None:
    """To the last bit."""
    backbone, plain = (load_backbone(name, untrained=True, seed=0) for _ in range(2))
    images = torch.randn(4, 3, backbone.preprocessing.size, backbone.preprocessing.size)
    expected = gradients(StudentNetwork(plain.module), images)
    module = prepare_training(backbone, DistillConfig(train="full", checkpointing=True))
    assert list(module.state_dict()) == list(plain.module.state_dict())
    found = gradients(StudentNetwork(module), images)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    with pytest.raises(TwoalikeError, match="checkpointing = true: expected a network that can"):
        compute_twice(Blocks())


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_compiled_run_that_resumed_equals_one_that_never_stopped(
    squares: Squares, tmp_path: Path, killed_at: Callable[..., Any], checkpointing: bool
) -> None:
    """To the last bit."""
    settings = {"mix": 0.5, "keep": 1, "flip": True, "select": "last", "compile": True}
    settings["checkpointing"] = checkpointing
    run(squares, tmp_path / "whole", **settings)
    with killed_at(5):
        run(squares, tmp_path / "stopped", **settings)
    torch.compiler.reset()
    run(squares, tmp_path / "stopped", **settings, resume=True)
    assert_same(tmp_path / "whole", tmp_path / "stopped")


TOGETHER = """
import sys, twoalike.distill, twoalike.backbones
assert "torch" not in sys.modules
from twoalike.api import distill
from tests.distill.test_graph import blocks
teacher, images, features, out, drop = sys.argv[1:]
distill(teacher, images, blocks(float(drop)), out, features=features, device="cpu", steps=2,
        batch=8, size=32, evaluate_every=2, train="full", head="none", skip_unreadable=True)
assert not {"peft", "transformers", "onnx", "onnxruntime", "onnxscript"} & set(sys.modules)
"""


@pytest.mark.parametrize("drop", ["0", pytest.param("0.5", marks=pytest.mark.slow)])
def test_two_processes_do_not_wait_for_weights_without_a_gradient(
    squares: Squares, tmp_path: Path, drop: str
) -> None:
    """Neither for a pooler that nothing uses, nor for layers that one process left out."""
    write_features(tmp_path / "colours.npz", squares.features)
    for name in ("s41", "s42"):
        (squares.images / f"{name}.png").write_text("no image")
    (tmp_path / "run.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", tmp_path / "run.py", squares.teacher, squares.images]
    command += [tmp_path / "colours.npz", tmp_path / "student", drop]
    result = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-5000:]
    said = json.loads((tmp_path / "student" / "config.json").read_text())
    assert said["data"]["unreadable"] == ["s41", "s42"]


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
