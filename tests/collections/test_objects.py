"""Images that Python holds: PIL images, lists of files, datasets of other libraries."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import twoalike.api as ta
from twoalike.collections import as_collection
from twoalike.study import TwoalikeError

N = 5
NETWORK = {"untrained": True, "size": 32, "device": "cpu"}


def _image(number: int) -> Image.Image:
    """An image with a pattern of its own."""
    rng = np.random.default_rng(number)
    return Image.fromarray(rng.integers(0, 256, (20 + number, 24, 3), dtype=np.uint8))


class Vision:
    """A dataset as torchvision's: an image and its class by number."""

    def __init__(self, transform: Callable[[Image.Image], Any] | None = None) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = _image(range(N)[index])
        return (self.transform(image) if self.transform else image), 3


class Alone(Vision):
    """A dataset of images without classes."""

    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(index)[0]


class HubImage:
    """Type of a column, as ``datasets.Image``."""


HubImage.__name__ = "Image"


class Hub:
    """A dataset as Hugging Face's: rows with names, columns by name."""

    def __init__(self, names: list[str] | None = None, *, second: bool = False) -> None:
        self.columns = {"image": [_image(number) for number in range(N)], "label": [0] * N}
        self.features: dict[str, Any] = {"image": HubImage(), "label": object()}
        if names:
            self.columns["id"], self.features["id"] = names, object()
        if second:
            self.columns["mask"], self.features["mask"] = self.columns["image"], HubImage()
        self._fingerprint = "73d1"

    @property
    def column_names(self) -> list[str]:
        return list(self.columns)

    def __len__(self) -> int:
        return N

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return self.columns[key]
        return {name: column[key] for name, column in self.columns.items()}


class Folder(Vision):
    """A dataset as torchvision's ImageFolder."""

    def __init__(self, root: Path, transform: Any = None) -> None:
        super().__init__(transform)
        self.root = str(root)
        self.samples = [(str(path), 0) for path in sorted(root.rglob("*.png"))]


NAMES = [f"c{number}" for number in range(N)]
PLACES = [f"{number:07d}" for number in range(N)]


def _written(folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, number in zip(NAMES, range(N), strict=True):
        _image(number).save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in NAMES]


SOURCES: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "images": (lambda folder: [_image(number) for number in range(N)], PLACES),
    "images by id": (lambda folder: dict(zip(NAMES, map(_image, range(N)), strict=True)), NAMES),
    "files": (_written, NAMES),
    "names of files": (lambda folder: tuple(map(str, _written(folder))), NAMES),
    "both": (lambda folder: [*_written(folder)[:2], *map(_image, range(2, N))], PLACES),
    "files by id": (lambda folder: dict(zip(NAMES, _written(folder), strict=True)), NAMES),
    "torchvision": (lambda folder: Vision(), PLACES),
    "torchvision, no classes": (lambda folder: Alone(), PLACES),
    "torchvision's folder": (lambda folder: (_written(folder), Folder(folder))[1], NAMES),
    "datasets": (lambda folder: Hub(), PLACES),
    "datasets with ids": (lambda folder: Hub(NAMES), NAMES),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_images_of_whatever_holds_them(kind: str, tmp_path: Path) -> None:
    make, ids = SOURCES[kind]
    source = make(tmp_path / "held")
    images = as_collection(source)
    assert list(images.ids) == ids
    assert images.digest == as_collection(source).digest != images.only([1, 0]).digest
    again = pickle.loads(pickle.dumps(images))
    assert again.digest == images.digest
    for number in range(N):
        np.testing.assert_array_equal(images.picture(number), _image(number))
    np.testing.assert_array_equal(again.picture(3), _image(3))
    assert list(as_collection(source, ids=list("vwxyz")).ids) == list("vwxyz")


def test_features_are_those_of_a_folder_here_and_in_other_processes(tmp_path: Path) -> None:
    _written(tmp_path / "photos")
    expected = ta.features("test_resnet", tmp_path / "photos", **NETWORK)
    here = ta.features("test_resnet", Vision(), **NETWORK)
    there = ta.features("test_resnet", Vision(), workers=1, **NETWORK)
    assert here.meta["listing_sha256"] == as_collection(Vision()).digest
    np.testing.assert_array_equal(here.values, expected.values)
    np.testing.assert_array_equal(here.values, there.values)
    with pytest.raises(
        TwoalikeError, match="they cannot be sent to other processes .* `workers=0`"
    ):
        ta.features("test_resnet", Vision(lambda image: image), workers=1, **NETWORK)


def test_images_are_seen_as_those_of_files_and_stay_as_they_are(tmp_path: Path) -> None:
    clear = _image(1).convert("RGBA")
    clear.putalpha(100)
    grey = _image(2).convert("L")
    turned = _image(3)
    turned.getexif()[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=turned.getexif())
    clear.save(tmp_path / "clear.png")
    grey.save(tmp_path / "grey.png")
    with Image.open(tmp_path / "turned.png") as opened:
        held = as_collection([clear, grey, opened])
        for row, name in enumerate(("clear", "grey", "turned")):
            of_file = as_collection([tmp_path / f"{name}.png"]).picture(0)
            np.testing.assert_array_equal(held.picture(row), of_file)
        assert (clear.mode, grey.mode, opened.size) == ("RGBA", "L", (24, 23))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([_image(0), _image(1), np.zeros((4, 4, 3))], r"images\[2\]: .* found ndarray"),
        ({"a": _image(0), "b": 3}, r"images\['b'\]: expected a PIL image or a file, found int"),
        (Vision(np.asarray), r"images\[0\]: expected a PIL image or a file, found ndarray"),
        ([_image(0).convert("F"), _image(1)], r"images\[0\]: expected grey, RGB or CMYK .* mode F"),
        ([], "`images=...`: expected a path, images, .* found none"),
        (iter([_image(0)]), "`images=...`: expected a path, images, .* found list_iterator"),
        (
            Hub(second=True),
            "one column of images, found 2 among image, label, mask. Choose it with `select_col",
        ),
        (["no/such.png", _image(0)], r"no/such.png: expected an image, found no file"),
        ({"a/\n": _image(0)}, "names of images that tables can hold"),
    ],
)
def test_what_is_no_image_is_named_by_its_place(source: Any, message: str) -> None:
    with pytest.raises(TwoalikeError, match=message) as caught:
        as_collection(source).picture(0)
    assert "\n" not in str(caught.value)


def test_ids_fit_the_images() -> None:
    with pytest.raises(TwoalikeError, match=r"`ids=...`: expected 5 ids, found 2"):
        as_collection(Vision(), ids=["a", "b"])
    with pytest.raises(TwoalikeError, match=r"`ids=...`: two images share the id 'a'"):
        as_collection(Vision(), ids=["a", "b", "c", "d", "a"])
