"""The end of a network alone, on activations that are computed once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.distill.conftest import Squares, run

from twoalike.backbones import Preprocessing, load_backbone
from twoalike.collections import open_collection
from twoalike.distill import DistillConfig
from twoalike.distill._trainable import frozen_part, prepare_training, restore


@pytest.mark.parametrize(
    ("name", "size"),
    [("test_resnet", 32), ("test_vit", 160), ("test_efficientnet", 32), ("convnext_atto", 32)],
)
def test_the_end_alone_gives_the_features_of_the_whole(
    squares: Squares, tmp_path: Path, name: str, size: int
) -> None:
    backbone = load_backbone(name, untrained=True, size=size)
    config = DistillConfig(train="last", last_blocks=1)
    prepare_training(backbone, config)
    images = open_collection(squares.images)
    inputs = torch.stack([backbone.preprocessing.read(images, row) for row in range(8)])
    with torch.no_grad():
        expected = backbone.module(inputs)
    found = frozen_part(backbone, config, (images, images), tmp_path, "cpu")
    assert found is not None
    late, activations, crops = found
    assert crops is not None
    stored = torch.stack([activations.read(images, row) for row in range(8)])
    with torch.no_grad():
        torch.testing.assert_close(late(stored), expected, rtol=1e-4, atol=1e-5)
    of_crop = crops.read(images, 0)
    assert of_crop.shape == stored[0].shape
    assert not torch.equal(of_crop, stored[0])
    with torch.no_grad():
        torch.testing.assert_close(restore(late)(inputs), expected, rtol=0, atol=0)


@pytest.mark.parametrize("change", [{"flip": True}, {"checkpointing": True}, {"train": "full"}])
def test_images_that_change_are_read_at_every_step(
    squares: Squares, tmp_path: Path, change: dict[str, Any]
) -> None:
    backbone = load_backbone("test_vit", untrained=True)
    config = DistillConfig.model_validate({"train": "last", **change})
    prepare_training(backbone, config)
    images = open_collection(squares.images)
    assert frozen_part(backbone, config, (images, None), tmp_path, "cpu") is None


def test_activations_are_complete_before_the_table_says_whose_they_are(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = load_backbone("test_resnet", untrained=True, size=32)
    config = DistillConfig(train="last", last_blocks=1)
    prepare_training(backbone, config)
    found, stored = list[bool](), tmp_path / "student_activations.npy"
    written = "twoalike.distill._trainable.write_features"
    monkeypatch.setattr(written, lambda *_: found.append(stored.is_file()))
    frozen_part(backbone, config, (open_collection(squares.images), None), tmp_path, "cpu")
    assert found == [True]


def test_each_image_is_read_once_for_all_steps(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a crop of those that show ability, and the few that try and check the network."""
    opened: list[Image.Image] = []
    real = Preprocessing.pixels

    def counted(self: Preprocessing, image: Image.Image) -> torch.Tensor:
        opened.append(image)
        return real(self, image)

    monkeypatch.setattr(Preprocessing, "pixels", counted)
    settings = {"steps": 20, "evaluate_every": 3, "last_blocks": 1, "select": "last"}
    run(squares, tmp_path / "student", train="last", **settings)
    n, tried, checked = len(squares.features.ids), 3, 8
    assert len(opened) == 2 * n + tried + checked
