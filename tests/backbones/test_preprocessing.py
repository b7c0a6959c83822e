"""Preprocessing travels with the weights and is timm's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.stimuli.odd_images import write_odd_images

from twoalike.backbones import Preprocessing, read_image
from twoalike.collections import as_collection
from twoalike.report._blocks import thumbnail
from twoalike.stimuli import read_picture, scaled
from twoalike.study import TwoalikeError


def test_known_answer_of_a_flat_image() -> None:
    image = Image.new("RGB", (33, 57), (255, 0, 51))
    values = Preprocessing(size=32)(image)
    assert values.shape == (3, 32, 32)
    expected = (torch.tensor([1.0, 0.0, 0.2]) - torch.tensor([0.485, 0.456, 0.406])) / (
        torch.tensor([0.229, 0.224, 0.225])
    )
    torch.testing.assert_close(values.mean((1, 2)), expected, atol=1e-5, rtol=0)


def test_whole_image_reaches_the_network() -> None:
    """A mark in the outermost corner is seen; timm's own centre crop would cut it off."""
    pixels = np.zeros((224, 224, 3), dtype=np.uint8)
    pixels[:8, :8] = 255
    whole = Preprocessing()(Image.fromarray(pixels))
    cut = Preprocessing(crop_mode="center", crop_pct=0.875)(Image.fromarray(pixels))
    assert whole[:, 0, 0].min() > whole[:, 100, 100].max() + 1
    torch.testing.assert_close(cut[:, 0, 0], cut[:, 100, 100])


def test_settings_survive_the_trip_through_timm_keys() -> None:
    settings = Preprocessing(128, "bilinear", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "border", 0.9)
    assert Preprocessing.from_timm(settings.as_timm(), whole=False) == settings
    assert Preprocessing.from_timm(settings.as_timm()).crop_mode == "squash"


def test_damaged_and_deep_images_are_refused_by_name(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((64, 64, 3), dtype=np.uint8)).save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("no image")
    Image.fromarray(np.zeros((8, 8), dtype=np.float32)).save(tmp_path / "deep.tif")
    for name in ("cut.png", "text.png", "deep.tif", "absent.png"):
        with pytest.raises(TwoalikeError, match=name) as caught:
            read_image(as_collection([tmp_path / name]), 0)
        assert "\n" not in str(caught.value)


def test_networks_see_the_picture_that_people_see(tmp_path: Path) -> None:
    """Input of the network, image of the window, thumbnail of the report: of one set of odd files.

    That the window's pixels are those of its image is tested in tests/display.
    """
    settings = Preprocessing(size=96, mean=(0, 0, 0), std=(1, 1, 1))
    for name, (expected, _) in write_odd_images(tmp_path).items():
        quarters = expected.reshape(*expected.shape[:2], -1)[8::16, 12::24].astype(int)
        network = (
            255
            * settings.read(as_collection([tmp_path / name]), 0)
            .numpy()
            .transpose(1, 2, 0)[24::48, 24::48]
        )
        window = np.asarray(scaled(read_picture(tmp_path / name), 48))[8::16, 12::24].astype(int)
        small = np.asarray(thumbnail(read_picture(tmp_path / name), 48))[16::16, 12::24].astype(int)
        assert np.abs(window - quarters).max() <= 4, name
        assert np.abs(network - window).max() <= 1, name
        assert np.abs(small[:2] - window).max() <= 1, name
