"""Students from transformers and OpenCLIP by name, and timm's networks at other sizes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.distill.conftest import Squares

from twoalike.backbones import load_backbone
from twoalike.cli.app import main
from twoalike.features import write_features
from twoalike.study import TwoalikeError

SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
PROCESSOR = {
    "size": {"height": 32, "width": 32},
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
    "resample": 2,
}


def _network(kind: str) -> Any:
    import transformers as library

    torch.manual_seed(0)
    vision = {**SIZE, "image_size": 32, "patch_size": 8, "intermediate_size": 64}
    if kind == "dinov2":
        return library.Dinov2Model(library.Dinov2Config(**SIZE, image_size=32, patch_size=8))
    if kind == "vit":
        config = library.ViTConfig(**vision)
        return library.ViTForImageClassification(config)
    if kind == "resnet":
        settings = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
        return library.ResNetModel(library.ResNetConfig(**settings))
    text = {**SIZE, "intermediate_size": 64, "vocab_size": 50}
    if kind == "siglip":
        return library.SiglipModel(library.SiglipConfig(vision_config=vision, text_config=text))
    return library.CLIPModel(library.CLIPConfig(vision_config=vision, text_config=text))


@pytest.fixture
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Any]:
    """A folder as the hub has it, and the network in it."""
    network = _network(request.param)
    network.save_pretrained(tmp_path / "repository")
    (tmp_path / "repository" / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return f"transformers:{tmp_path / 'repository'}", network.eval()


def _expected(network: Any, images: torch.Tensor) -> torch.Tensor:
    """Pooled features by the library alone."""
    seen = getattr(network, "vision_model", getattr(network, "vit", network))
    output = seen(pixel_values=images)
    pooled = getattr(output, "pooler_output", None)
    return output.last_hidden_state[:, 0] if pooled is None else pooled.flatten(1)


KINDS = ("dinov2", "vit", "resnet", "clip", "siglip")


@pytest.mark.parametrize("repository", KINDS, indirect=True)
def test_features_are_those_of_transformers(repository: tuple[str, Any]) -> None:
    name, network = repository
    backbone = load_backbone(name)
    assert backbone.preprocessing.mean == (0.5, 0.4, 0.3)
    assert backbone.preprocessing.interpolation == "bilinear"
    assert backbone.preprocessing.size == 32
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(backbone.module(images), _expected(network, images))
    assert load_backbone(name, size=48).n_features == backbone.n_features


def _distil(squares: Squares, name: str, out: Path, *words: str) -> None:
    features = out.with_suffix(".npz")
    write_features(features, squares.features)
    settings = ["--steps", "4", "--batch", "12", "--out", str(out), "--device", "cpu"]
    source = ["--teacher", str(squares.teacher), "--features", str(features)]
    images = ["--images", str(squares.images), "--student", name]
    with pytest.raises(SystemExit) as end:
        main(["distill", *source, *images, *settings, *words])
    assert end.value.code == 0


@pytest.mark.parametrize("repository", ["dinov2", "clip"], indirect=True)
def test_a_student_loads_with_transformers_alone(
    repository: tuple[str, Any], squares: Squares, tmp_path: Path
) -> None:
    from transformers import AutoModel

    name, network = repository
    _distil(squares, name, tmp_path / "s")
    student = load_backbone(tmp_path / "s")
    assert student.head is not None
    plain = AutoModel.from_pretrained(tmp_path / "s").eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features = student.module(images)
        torch.testing.assert_close(plain(images).pooler_output, features)
        assert (features - _expected(network, images)).abs().max() > 1e-4
    assert str(tmp_path) not in (tmp_path / "s" / "README.md").read_text()


@pytest.mark.parametrize("repository", ["dinov2"], indirect=True)
@pytest.mark.parametrize("train", ["lora", "probe", "full"])
def test_every_way_of_training(
    repository: tuple[str, Any], train: str, squares: Squares, tmp_path: Path
) -> None:
    _distil(squares, repository[0], tmp_path / "s", "--train", train)
    assert load_backbone(tmp_path / "s").n_features == 32


@pytest.mark.parametrize("repository", ["dinov2"], indirect=True)
def test_the_last_blocks_are_trained(
    repository: tuple[str, Any], squares: Squares, tmp_path: Path
) -> None:
    (tmp_path / "recipe.toml").write_text("last_blocks = 1")
    _distil(squares, repository[0], tmp_path / "s", "--config", str(tmp_path / "recipe.toml"))
    after, before = load_backbone(tmp_path / "s").network, repository[1]
    pairs = zip(after.named_parameters(), before.parameters(), strict=True)
    changed = {name for (name, new), old in pairs if not torch.equal(new, old)}
    assert any(".layer.1." in name for name in changed)
    assert not any(".layer.0." in name or "embeddings" in name for name in changed)


def test_a_description_from_elsewhere_fetches_nothing(tmp_path: Path, squares: Squares) -> None:
    network = _network("dinov2")
    network.save_pretrained(tmp_path / "r")
    _distil(squares, f"transformers:{tmp_path / 'r'}", tmp_path / "s", "--untrained")
    path = tmp_path / "s" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil--model.Evil"}}))
    with pytest.raises(TwoalikeError, match="auto_map.*fetch or run"):
        load_backbone(tmp_path / "s")
    path.write_text(json.dumps({**config, "model_type": "no such"}))
    with pytest.raises(TwoalikeError, match="does not say how to build"):
        load_backbone(tmp_path / "s")


TOWER = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1}


@pytest.fixture
def clip(tmp_path: Path) -> tuple[str, Any]:
    """A folder of OpenCLIP's, and the network in it."""
    import open_clip
    from safetensors.torch import save_file

    torch.manual_seed(0)
    settings = {"embed_dim": 24, "vision_cfg": TOWER, "text_cfg": TEXT, "quick_gelu": True}
    network = open_clip.CLIP(24, dict(TOWER), dict(TEXT), quick_gelu=True).eval()
    folder = tmp_path / "clip"
    folder.mkdir()
    content = {"model_cfg": settings, "preprocess_cfg": {"mean": [0.5, 0.4, 0.3]}}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    return f"open_clip:local-dir:{folder}", network


def test_features_are_those_of_open_clip(clip: tuple[str, Any]) -> None:
    name, network = clip
    backbone = load_backbone(name)
    assert backbone.preprocessing.mean == (0.5, 0.4, 0.3)
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(backbone.module(images), network.encode_image(images))
    assert load_backbone(name, size=48).preprocessing.size == 48
    with pytest.raises(TwoalikeError, match="takes images of 32 pixels only, not 48"):
        backbone.resized(48)


def test_a_student_of_open_clip(clip: tuple[str, Any], squares: Squares, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    name, network = clip
    _distil(squares, name, tmp_path / "s", "--size", "48")
    student = load_backbone(tmp_path / "s")
    assert (student.preprocessing.size, student.n_features) == (48, 24)
    _distil(squares, name, tmp_path / "t")
    network.visual.load_state_dict(load_file(tmp_path / "t" / "model.safetensors"))
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features = load_backbone(tmp_path / "t").module(images)
        torch.testing.assert_close(network.encode_image(images), features)


def test_names_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("transformers:nobody/nothing", "open_clip:ViT-X/none", "open_clip:ViT-B-32"):
        with pytest.raises(TwoalikeError, match=f"{name}: cannot be had") as caught:
            load_backbone(name)
        assert "\n" not in str(caught.value)


def test_timm_at_another_size(squares: Squares, tmp_path: Path) -> None:
    """A vision transformer of one size: its positions are interpolated, and its student loads."""
    import timm

    own = load_backbone("vit_tiny_patch16_224", untrained=True)
    assert own.is_fixed
    small = load_backbone("vit_tiny_patch16_224", untrained=True, size=64)
    assert small.options == {"img_size": 64}
    reference = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    reference.load_state_dict(own.network.state_dict())
    reference.set_input_size(64)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        np.testing.assert_allclose(small.module(images), reference.eval()(images), atol=1e-6)
    _distil(squares, "vit_tiny_patch16_224", tmp_path / "s", "--untrained", "--size", "64")
    plain = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=64)
    student = load_backbone(tmp_path / "s")
    plain.load_state_dict(student.network.state_dict())
    with torch.no_grad():
        np.testing.assert_allclose(student.module(images), plain.eval()(images), atol=1e-6)
