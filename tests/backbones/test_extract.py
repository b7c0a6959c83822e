"""Features of folders of images, and the verb that writes them."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.conftest import call, succeed

from twoalike.backbones import (
    Backbone,
    Preprocessing,
    extract_features,
    load_backbone,
    usual_workers,
)
from twoalike.collections import as_collection
from twoalike.features import read_features


def mean_colour() -> Backbone:
    """A network whose features are known: the mean of each channel."""
    module = torch.nn.Conv2d(3, 3, 1, bias=False)
    torch.nn.init.eye_(module.weight.data.view(3, 3))
    pooled = torch.nn.Sequential(module, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return Backbone("mean colour", pooled, Preprocessing(16, mean=(0, 0, 0), std=(1, 1, 1)))


def test_features_are_those_of_each_image(photos: Path) -> None:
    table = extract_features(mean_colour(), photos, batch=2)
    assert table.ids == ("a", "b", "c", "d", "more/e")
    from PIL import Image

    expected = np.asarray(Image.open(photos / "a.png")).mean((0, 1)) / 255
    np.testing.assert_allclose(table.values[0], expected, atol=0.01)
    grey = table.values[3]
    np.testing.assert_allclose(grey, grey[0], atol=1e-6)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_images_come_with_channels_last_and_nothing_else_changes(photos: Path, name: str) -> None:
    """Convolutions are faster so; the weights are laid out as before when features are there."""
    from timm.data.transforms_factory import create_transform

    backbone = load_backbone(name, untrained=True, size=160)
    seen: list[bool] = []
    backbone.module.register_forward_pre_hook(
        lambda module, inputs: seen.append(
            all(
                one.is_contiguous(memory_format=torch.channels_last)
                for one in (inputs[0], *module.parameters())
                if one.dim() == 4
            )
        )
    )
    table = extract_features(backbone, photos, batch=2, device="cpu")
    assert seen == [True, True, True]
    assert all(one.is_contiguous() for one in backbone.module.parameters())
    transform = create_transform(**backbone.preprocessing.as_timm(), is_training=False)
    images = as_collection(photos)
    inputs = torch.stack([transform(images.picture(index)) for index in range(5)])
    with torch.inference_mode():
        plain = backbone.module(inputs).numpy()
    apart = np.linalg.norm(table.values - plain) / np.linalg.norm(plain)
    assert apart < 1e-5
    again = extract_features(backbone, photos, batch=2, device="cpu")
    np.testing.assert_array_equal(again.values, table.values)


def test_processes_help_a_gpu_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    gpu, main_module = torch.device("cuda"), SimpleNamespace()
    monkeypatch.setitem(sys.modules, "__main__", main_module)  # a notebook's has no file
    assert usual_workers(torch.device("cpu"), 10**6) == 0
    assert usual_workers(gpu, 64) == 0
    assert usual_workers(gpu, 5000) == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert usual_workers(gpu, 5000) == 3
    for text, expected in (("features()", 0), ('if __name__ == "__main__":\n    features()', 3)):
        script = tmp_path / f"script-{expected}.py"
        script.write_text(text)
        main_module.__file__ = str(script)
        assert usual_workers(gpu, 5000) == expected


def test_meta_tells_network_and_images_apart(photos: Path) -> None:
    first = extract_features("test_resnet", photos, untrained=True, size=32).meta
    other = extract_features("test_resnet", photos, untrained=True, size=32, seed=1).meta
    assert first["weights_sha256"] != other["weights_sha256"]
    assert first["listing_sha256"] == other["listing_sha256"]
    assert first["preprocessing"]["input_size"] == [3, 32, 32]
    (photos / "a.png").write_bytes((photos / "d.png").read_bytes())
    changed = extract_features("test_resnet", photos, untrained=True, size=32).meta
    assert changed["listing_sha256"] != first["listing_sha256"]


def test_the_verb_writes_a_table_or_nothing(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "f.npz"
    options = ("--backbone", "test_resnet", "--untrained", "--size", 32, "--images", photos)
    succeed("features", *options, "--out", out)
    assert "5 images" in capsys.readouterr().out
    table = read_features(out)
    assert table.values.shape == (5, 96)
    assert table.meta["kind"] == "features"
    (photos / "b.jpg").write_bytes(b"damaged")
    for name, message in (("g.npz", "b.jpg"), ("g.csv", ".npz")):
        assert call("features", *options, "--out", tmp_path / name) == 1
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.npz", "photos"]
