"""A student of a chosen block ends with it, wherever it is loaded; a teacher names the tokens."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.conftest import call
from tests.distill.conftest import Squares, run
from tests.distill.test_export import images_of
from timm.data import create_transform, resolve_model_data_config

from twoalike.backbones import (
    choose_tokens,
    create_network,
    extract_features,
    load_backbone,
)
from twoalike.distill import export_onnx
from twoalike.distill._inputs import maps_features_of
from twoalike.features import FeatureTable, read_features
from twoalike.study import TwoalikeError, provenance
from twoalike.teacher import AffineTeacher, load_teacher, save_teacher


def by_timm(student: Path, squares: Squares) -> np.ndarray:
    """Vectors of the first images by timm alone (test_export.py: in a process of its own)."""
    model = timm.create_model(f"local-dir:{student}", pretrained=True).eval()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    images = [Image.open(path).convert("RGB") for path in images_of(squares)]
    with torch.inference_mode():
        return np.asarray(model(torch.stack([transform(image) for image in images])))


@pytest.mark.parametrize("train", [pytest.param("full", marks=pytest.mark.slow), "probe"])
def test_a_student_ends_with_the_chosen_block(squares: Squares, tmp_path: Path, train: str) -> None:
    """Plain timm, twoalike and ONNX give the features that were trained."""
    out = tmp_path / "s"
    said = run(squares, out, "test_vit", train=train, size=None, steps=4, pool="mean", block=-3)
    assert (said["pool"], said["block"]) == ("mean", 3)
    assert said["check"]["difference"] <= 1e-5
    state = load_file(out / "model.safetensors")
    assert any(name.startswith("blocks.3.") for name in state)
    assert not any(name.startswith("blocks.4.") for name in state)
    student = load_backbone(out)
    assert student.tokens == {"pool": "mean", "block": 3}
    table = extract_features(out, squares.images)
    assert (table.meta["pool"], table.meta["block"]) == ("mean", 3)
    base = extract_features("test_vit", squares.images, untrained=True, pool="mean", block=3)
    assert table.part("features").values.shape == base.values.shape
    np.testing.assert_allclose(by_timm(out, squares), table.values[:3], atol=1e-4)
    exported = export_onnx(student, tmp_path / "s.onnx")
    assert exported["check"]["random"] < 1e-5
    assert (exported["pool"], exported["block"]) == ("mean", 3)
    assert "the mean patch token of block 3" in (out / "README.md").read_text()
    if train == "probe":  # its map takes these features
        with pytest.raises(TwoalikeError, match="the layer of its vector, or its classifier"):
            choose_tokens(student, "cls", None)
    with pytest.raises(TwoalikeError, match="brings its own weights, pooling and blocks"):
        load_backbone(out, block=1)


DAMAGED: tuple[object, ...] = (
    {"depth": 10**9},
    {"depth": 0},
    {"depth": "4"},
    {"img_size": 10**7},
    {"depth": True},
    {"checkpoint_path": "elsewhere.pth"},
    {"pretrained": True},
    ["depth"],
    None,
)


def test_damaged_arguments_are_refused(squares: Squares, tmp_path: Path) -> None:
    run(squares, tmp_path / "s", "test_vit", size=None, steps=1, block=3)
    path = tmp_path / "s" / "config.json"
    config = json.loads(path.read_text())
    for args in DAMAGED:
        path.write_text(json.dumps(config | {"model_args": args}))
        with pytest.raises(TwoalikeError, match="model_args with depth"):
            load_backbone(tmp_path / "s")


def teacher_of(squares: Squares, folder: Path, table: FeatureTable) -> Path:
    """A teacher that maps these features: the redness of the squares, by least squares."""
    redness = load_teacher(squares.teacher).embed(squares.features)[:, 0]
    x = table.select(squares.features.ids)
    mean = x.mean(axis=0)
    weight, *_ = np.linalg.lstsq(x - mean, redness, rcond=1e-3)
    keys = ("backbone", "architecture", "weights_sha256", "preprocessing", "pool", "block")
    teacher = AffineTeacher(
        mean=mean,
        scale=1.0,
        weight=weight[None].astype(np.float32),
        bias=np.zeros(1, np.float32),
        identity=0.0,
        temperature=1.0,
        description={
            "method": "affine",
            "from": {"features": x.shape[1]} | {k: table.meta[k] for k in keys if k in table.meta},
            "to": {"objects": len(x)},
        },
    )
    save_teacher(folder, teacher, provenance("teacher", seed=0))
    return folder


def test_a_teacher_takes_the_tokens_that_it_maps(squares: Squares, tmp_path: Path) -> None:
    """Weights alone do not tell class tokens from patch tokens of one network."""
    of_tokens = {
        pool: extract_features("test_vit", squares.images, untrained=True, pool=pool)
        for pool in ("cls", "mean")
    }
    for mine, other in (("cls", "mean"), ("mean", "cls")):
        teacher = load_teacher(teacher_of(squares, tmp_path / mine, of_tokens[mine]))
        assert isinstance(teacher, AffineTeacher)
        teacher.check(of_tokens[mine])
        with pytest.raises(TwoalikeError, match="Compute features with the teacher's pool"):
            teacher.check(of_tokens[other])
        for pool in ("cls", "mean"):
            backbone = load_backbone("test_vit", untrained=True, pool=pool)
            assert maps_features_of(teacher, backbone) == (pool == mine)


def test_features_teacher_and_student_are_of_one_block(squares: Squares, tmp_path: Path) -> None:
    save_file(create_network("test_vit").state_dict(), tmp_path / "w.safetensors")
    common = ["--images", str(squares.images), "--weights", str(tmp_path / "w.safetensors")]
    tokens = ["--pool", "mean", "--block", "-2"]
    out = tmp_path / "f.npz"
    assert call("features", "--backbone", "test_vit", *common, *tokens, "--out", out) == 0
    teacher = teacher_of(squares, tmp_path / "teacher", read_features(out))
    words = ["distill", "--teacher", str(teacher), "--student", "test_vit", "--features", str(out)]
    settings = ["--steps", "2", "--batch", "8"]
    assert call(*words, *common, *settings, *tokens, "--out", tmp_path / "same") == 0
    said = json.loads((tmp_path / "same" / "config.json").read_text())
    assert (said["pool"], said["block"]) == ("mean", 4)
