"""Weights without a gradient, blocks that are computed twice, compiled code."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.distill.conftest import Squares
from tests.distill.test_distill import QUICK, run
from torch import nn

from twoalike.backbones import Backbone, load_backbone
from twoalike.distill import DistillConfig
from twoalike.distill._student import StudentNetwork
from twoalike.distill._trainable import (
    compile_training,
    compute_twice,
    computed_once,
    find_idle,
    prepare_training,
)
from twoalike.distill._update import Update
from twoalike.features import write_features
from twoalike.study import TwoalikeError, sha256_file

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


def test_weights_without_a_gradient_are_found() -> None:
    images = torch.randn(2, 3, 32, 32)
    idle = ["backbone.pooler.weight", "backbone.pooler.bias"]
    plain = StudentNetwork(load_backbone("test_resnet", untrained=True).module)
    assert find_idle(plain, images) == ([], False, False)
    student = StudentNetwork(Blocks(drop=0.5))
    assert find_idle(student, images, 8) == (idle, True, True)
    assert student.training
    assert all(p.grad is None for p in student.parameters())


def test_they_stay_and_the_student_says_so(
    squares: Squares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student = blocks()
    before = copy.deepcopy(student.module.state_dict())
    trained = QUICK.model_copy(update={"select": "last"})
    said = run(squares, tmp_path / "student", trained, student=student, untrained=False)
    assert said["idle"] == ["pooler.weight", "pooler.bias"]
    assert "2 of its weight tensors (backbone.pooler.weight" in capsys.readouterr().err
    assert (
        "`pooler.weight`, `pooler.bias`: the features do not"
        in (tmp_path / "student" / "README.md").read_text()
    )
    changed = {
        name for name, value in student.module.state_dict().items()
        if not torch.equal(value, before[name])
    }  # fmt: skip
    assert changed == before.keys() - {"pooler.weight", "pooler.bias"}
    assert said["learnt"] == sum(before[name].numel() for name in changed)


def gradients(student: StudentNetwork, images: torch.Tensor) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    student.train()(images).features.square().sum().backward()
    return {name: p.grad for name, p in student.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["blocks", "test_vit", "test_resnet", "test_efficientnet"])
def test_blocks_computed_twice_have_the_same_gradient(name: str) -> None:
    """To the last bit, also with dropout, and in a copy, whose blocks are its own."""

    def fresh() -> Backbone:
        return blocks() if name == "blocks" else load_backbone(name, untrained=True, seed=0)

    backbone = fresh()
    images = torch.randn(4, 3, backbone.preprocessing.size, backbone.preprocessing.size)
    expected = gradients(StudentNetwork(fresh().module), images)
    config = DistillConfig(train="full", checkpointing=True)
    module = prepare_training(backbone, config)
    twin = copy.deepcopy(module)
    student, names = StudentNetwork(module), list(module.state_dict())
    assert names == list(fresh().module.state_dict())
    found = gradients(student, images)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        assert not torch.equal(module.eval()(images), twin.eval()(images))
    computed_once(module)
    assert not any("forward" in part.__dict__ for part in module.modules())


def test_a_network_without_blocks_is_refused() -> None:
    plain = nn.Conv2d(3, 4, 3)
    with pytest.raises(TwoalikeError, match="checkpointing = true: expected a network with a list"):
        compute_twice(plain, plain)


def test_no_compiler_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/c++")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nowhere/c++",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    with pytest.raises(TwoalikeError, match=r"compile = true: torch cannot compile") as at:
        compile_training(StudentNetwork(Blocks()), torch.device("cpu"))
    assert "\n" not in str(at.value)


ALL = {"ema": 0.5, "mix": 0.5, "keep": 1, "flip": True, "select": "last"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "also",
    [
        {"checkpointing": True},
        {"checkpointing": True, "preserve": 1.0},
        {"compile": True},
        {"compile": True, "checkpointing": True},
    ],
)
def test_a_resumed_run_equals_one_that_never_stopped(
    squares: Squares, tmp_path: Path, also: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, with a moving average of the weights beside."""
    config = QUICK.model_copy(update=ALL | also)
    run(squares, tmp_path / "whole", config, student=blocks(), untrained=False)
    real = Update.take

    def killed(self: Update, step: int, data: Any) -> Any:
        if step == 5:
            raise KeyboardInterrupt
        return real(self, step, data)

    monkeypatch.setattr(Update, "take", killed)
    with pytest.raises(KeyboardInterrupt):
        run(squares, tmp_path / "stopped", config, student=blocks(), untrained=False)
    monkeypatch.setattr(Update, "take", real)
    torch.compiler.reset()
    run(squares, tmp_path / "stopped", config, student=blocks(), untrained=False, resume=True)
    for name in ("model.safetensors", "training.jsonl", "config.json"):
        assert sha256_file(tmp_path / "whole" / name) == sha256_file(tmp_path / "stopped" / name)


def test_checkpointing_changes_no_weight(squares: Squares, tmp_path: Path) -> None:
    for on in (False, True):
        config = QUICK.model_copy(update={"checkpointing": on, "preserve": 1.0})
        run(squares, tmp_path / str(on), config, student=blocks(), untrained=False)
    for name in ("model.safetensors", "training.jsonl"):
        assert sha256_file(tmp_path / "True" / name) == sha256_file(tmp_path / "False" / name)


TOGETHER = """
import sys
from pathlib import Path
from twoalike.api import distill
from tests.distill.test_graph import blocks
teacher, images, features, out, drop, *more = sys.argv[1:]
steps = 20 if "rare" in more else 4
settings = dict(steps=steps, batch=8, size=32, evaluate_every=2, train="full", head="none")
distill(teacher, images, blocks(float(drop)), out, features=features, device="cpu", **settings,
        compile="compile" in more, checkpointing="checkpointing" in more, skip_unreadable=True,
        parallel="fsdp" if "fsdp" in more else "ddp")
"""


@pytest.mark.parametrize(
    "more",
    [
        ("0",),
        pytest.param(("0.5",), marks=pytest.mark.slow),
        pytest.param(("0.004", "rare"), marks=pytest.mark.slow),  # by process 1 in step 14
        pytest.param(("0", "checkpointing"), marks=pytest.mark.slow),
        pytest.param(("0", "compile", "checkpointing"), marks=pytest.mark.slow),
    ],
)
def test_two_processes_do_not_wait_for_them(
    squares: Squares, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """Neither for a pooler that nothing uses, nor for layers that one process left out."""
    said, reported = together(squares, tmp_path, *more)
    assert said is not None, reported
    assert said["idle"] == ["pooler.weight", "pooler.bias"]
    assert said["data"]["unreadable"] == ["s41", "s42"]
    assert reported.count("do not affect its features") == 1


@pytest.mark.slow
def test_shards_of_layers_that_one_process_leaves_out_are_refused(
    squares: Squares, tmp_path: Path
) -> None:
    """Gathering a shard would wait for the other process for ever."""
    said, reported = together(squares, tmp_path, "0.5", "fsdp")
    assert said is None
    assert "parallel = 'fsdp': expected a network that uses the same layers" in reported


def together(squares: Squares, folder: Path, *words: str) -> tuple[dict[str, Any] | None, str]:
    """Student of two processes, if they end well, and what they report; two images are damaged."""
    write_features(folder / "colours.npz", squares.features)
    for name in ("s41", "s42"):
        (squares.images / f"{name}.png").write_text("no image")
    (folder / "run.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", folder / "run.py", squares.teacher, squares.images]
    command += [folder / "colours.npz", folder / "student", *words]
    result = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
    )  # fmt: skip
    if result.returncode:
        return None, result.stderr[-5000:]
    return json.loads((folder / "student" / "config.json").read_text()), result.stderr
