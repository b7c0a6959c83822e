"""One picture, however it is stored: what people, networks and reports see is the same."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.stimuli.odd_images import png, write_odd_images

from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError


def test_one_picture_however_it_is_stored(tmp_path: Path) -> None:
    for name, (expected, _) in write_odd_images(tmp_path).items():
        picture = read_picture(tmp_path / name)
        assert picture.mode == "RGB"
        pixels = np.asarray(picture).astype(int)
        rgb = expected if expected.ndim == 3 else np.stack([expected] * 3, axis=-1)
        assert pixels.shape == rgb.shape, name
        assert np.abs(pixels - rgb).max() <= 4, (name, pixels[::31, ::47], rgb[::31, ::47])


@pytest.mark.parametrize("side", [9_460, 13_000, 20_000])
def test_images_too_large_are_refused_by_their_headers(tmp_path: Path, side: int) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(side))
    with pytest.raises(TwoalikeError) as caught:
        read_picture(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: expected at most 89,478,485 pixels, found {side**2:,}")
    assert "Make the image smaller" in said
    assert "\n" not in said


@pytest.mark.parametrize("values", [np.float32, np.int32])
def test_values_without_a_white_are_refused(tmp_path: Path, values: type) -> None:
    Image.fromarray(np.zeros((8, 8), dtype=values)).save(tmp_path / "raw.tif")
    with pytest.raises(TwoalikeError, match=r"raw\.tif: expected .* found image mode [FI],"):
        read_picture(tmp_path / "raw.tif")


def test_other_formats_are_not_read_whatever_they_are_called(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.ppm")
    path = (tmp_path / "a.ppm").rename(tmp_path / "a.png")
    with pytest.raises(TwoalikeError, match=r"a\.png: cannot be read .*formats: BMP, GIF"):
        read_picture(path)


def test_of_several_frames_the_first_is_seen(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_picture(tmp_path / "a.gif").getpixel((4, 4)) == (255, 0, 0)
