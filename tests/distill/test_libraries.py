"""Students from transformers and OpenCLIP by name, and timm's networks at other sizes."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import succeed
from tests.distill.conftest import Squares
from tests.hardening.mutations import Trap

from twoalike.backbones import load_backbone
from twoalike.features import write_features
from twoalike.stimuli import read_picture
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


KINDS = ("dinov2", "vit", "resnet", "siglip")


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


def _distil(squares: Squares, name: str, out: Path, *words: str, recipe: str = "") -> None:
    features, settled = out.with_suffix(".npz"), out.with_suffix(".toml")
    settled.write_text(f"select = 'last'\n{recipe}")
    write_features(features, squares.features)
    settings = ["--steps", "4", "--batch", "12", "--out", str(out), "--device", "cpu"]
    settings += ["--config", str(settled)]
    source = ["--teacher", str(squares.teacher), "--features", str(features)]
    images = ["--images", str(squares.images), "--student", name]
    succeed("distill", *source, *images, *settings, *words)


@pytest.mark.parametrize("repository", ["dinov2", "clip"], indirect=True)
def test_a_student_loads_with_transformers_and_its_layer(
    repository: tuple[str, Any], squares: Squares, tmp_path: Path
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoImageProcessor, AutoModel

    name, network = repository
    _distil(squares, name, tmp_path / "s")
    student = load_backbone(tmp_path / "s")
    plain = AutoModel.from_pretrained(tmp_path / "s").eval()
    layer = load_file(tmp_path / "s" / "vector.safetensors")
    processor = AutoImageProcessor.from_pretrained(tmp_path / "s")
    picture = read_picture(squares.images / "s00.png")
    images = processor(picture, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(images[0], student.preprocessing(picture))
    with torch.no_grad():
        features = plain(images).pooler_output
        vector = features @ layer["weight"].T + layer["bias"]
        torch.testing.assert_close(student.module(images), vector)
        assert (features - _expected(network, images)).abs().max() > 1e-5
    assert student.parts["features"] == (0, 32)
    assert max(end for _, end in student.parts.values()) == len(layer["bias"])
    assert str(tmp_path) not in (tmp_path / "s" / "README.md").read_text()


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
    assert (student.preprocessing.size, student.parts["features"]) == (48, (0, 24))
    _distil(squares, name, tmp_path / "t")
    network.visual.load_state_dict(load_file(tmp_path / "t" / "model.safetensors"))
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        layer = load_file(tmp_path / "t" / "vector.safetensors")
        vector = network.encode_image(images) @ layer["weight"].T + layer["bias"]
        torch.testing.assert_close(load_backbone(tmp_path / "t").module(images), vector)


def test_names_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("nobody/nothing", ""):
        assert "go online" in refusal(f"transformers:{name}")
    for name in ("ViT-X/none", "ViT-B-32", "local-dir:nowhere"):
        assert "cannot be loaded" in refusal(f"open_clip:{name}")


def refusal(name: str, **options: Any) -> str:
    """Say in one line why a network is refused."""
    with pytest.raises(TwoalikeError) as caught:
        load_backbone(name, **options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{name}: ")
    return str(caught.value)


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if anybody asks the hub."""

    def urlopen(*_: object, **__: object) -> None:
        raise AssertionError("a folder was asked for")

    monkeypatch.setattr("twoalike.backbones._weights.urlopen", urlopen)


@pytest.mark.parametrize("repository", ["dinov2"], indirect=True)
def test_code_of_a_repository_is_never_run(
    repository: tuple[str, Any],
    no_hub: None,
    squares: Squares,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even on request: transformers would ask on the terminal."""
    name, mark = repository[0], tmp_path / "mark"
    path = tmp_path / "repository" / "config.json"
    config = json.loads(path.read_text())
    code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n"
    (path.parent / "evil.py").write_text(f"{code}class Evil: pass\n")
    code_of = {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}
    monkeypatch.setattr("builtins.input", lambda _: "y")
    path.write_text(json.dumps({**config, "model_type": "evil", "auto_map": code_of}))
    assert "custom code" in refusal(name)
    assert "custom code" in refusal(name, untrained=True)
    # A network that the library has itself is built by the library, and so is its student.
    path.write_text(json.dumps({**config, "auto_map": code_of}))
    _distil(squares, name, tmp_path / "s")
    assert load_backbone(tmp_path / "s").parts["features"] == (0, 32)
    assert not mark.exists()


@pytest.mark.parametrize("repository", ["dinov2"], indirect=True)
def test_damaged_repositories_and_pickles(
    repository: tuple[str, Any], clip: tuple[str, Any], no_hub: None, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    for name, folder, weights in (
        (repository[0], tmp_path / "repository", "model.safetensors"),
        (clip[0], tmp_path / "clip", "open_clip_model.safetensors"),
    ):
        path = folder / weights
        path.write_bytes(path.read_bytes()[:1000])
        assert "cannot be loaded" in refusal(name)
        path.unlink()
        torn = {"model.safetensors": "pytorch_model.bin"}.get(
            weights, "open_clip_pytorch_model.bin"
        )
        (folder / torn).write_bytes(pickle.dumps({"weight": Trap(mark)}))
        assert "cannot be loaded" in refusal(name)
        torch.save({"weight": Trap(mark)}, folder / torn)
        assert "its weights hold more than tensors" in refusal(name)
        (folder / torn).unlink()
        assert "Copy the repository again" in refusal(name)
        next(folder.glob("*config.json")).write_text("{")
        assert "cannot be loaded" in refusal(name)
    assert not mark.exists()


def test_networks_of_something_else(no_hub: None, tmp_path: Path) -> None:
    import timm
    import transformers as library
    from safetensors.torch import save_file

    bert = library.BertModel(library.BertConfig(**SIZE, intermediate_size=64, vocab_size=50))
    bert.save_pretrained(tmp_path / "bert")
    assert "cannot be loaded" in refusal(f"transformers:{tmp_path / 'bert'}")
    (tmp_path / "timm").mkdir()
    network = timm.create_model("test_resnet")
    save_file(network.state_dict(), tmp_path / "timm" / "model.safetensors")
    config = {"architecture": "test_resnet", "num_classes": 1000, "pretrained_cfg": {}}
    (tmp_path / "timm" / "config.json").write_text(json.dumps(config))
    said = refusal(f"transformers:{tmp_path / 'timm'}")
    assert f"Name it local-dir:{tmp_path / 'timm'}" in said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}, ""),
        ({"do_flip_channel_order": True}, "do_flip_channel_order = True"),
        ({"image_mean": None}, "cannot be loaded"),
    ],
)
def test_preprocessing_of_a_convnext(
    change: dict[str, Any], expected: str, no_hub: None, tmp_path: Path
) -> None:
    import transformers as library

    settings = {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "image_size": 32}
    network = library.ConvNextModel(library.ConvNextConfig(**settings))
    network.save_pretrained(tmp_path / "r")
    stated = json.dumps({**PROCESSOR, **change})
    (tmp_path / "r" / "preprocessor_config.json").write_text(stated)
    name = f"transformers:{tmp_path / 'r'}"
    if expected:
        assert expected in refusal(name)
        return
    backbone = load_backbone(name)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(backbone.module(images), _expected(network.eval(), images))
    assert (backbone.n_features, backbone.preprocessing.size) == (16, 32)
