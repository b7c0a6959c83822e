"""Images that cannot be read are named, and left out when asked."""

from pathlib import Path

import pytest
from tests.conftest import call, succeed
from tests.stimuli.odd_images import png

from twoalike.backbones import read_image
from twoalike.cli.networks import left_out
from twoalike.collections import as_collection
from twoalike.features import read_features
from twoalike.study import TwoalikeError


@pytest.fixture
def spoilt(photos: Path) -> Path:
    """Two of five photos spoilt: one cut off, one without pixels; and an empty file more."""
    content = (photos / "a.png").read_bytes()
    (photos / "a.png").write_bytes(content[: len(content) // 2])
    (photos / "d.png").write_bytes(png(0))
    (photos / "void.png").touch()
    return photos


@pytest.mark.parametrize(
    ("name", "said"), [("a.png", "truncated"), ("d.png", "no image"), ("void.png", "is empty")]
)
def test_unreadable_images_are_named(spoilt: Path, name: str, said: str) -> None:
    with pytest.raises(TwoalikeError, match=f"{name}: .*{said}.*skip_unreadable=True") as caught:
        read_image(as_collection([spoilt / name]), 0)
    assert "\n" not in str(caught.value)


def test_the_verb_ends_there_or_leaves_them_out(
    spoilt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "f.npz"
    words = ["features", "--backbone", "test_resnet", "--untrained", "--size", "32"]
    words += ["--images", str(spoilt), "--out", str(out)]
    assert call(*words) == 1
    succeed(*words, "--skip-unreadable")
    said = capsys.readouterr()
    assert "a.png" in said.err
    assert said.err.count("\n") == 1
    assert "3 images cannot be read and were left out: a, d, void" in said.out
    assert read_features(out).ids == ("b", "c", "more/e")


def test_many_are_counted_and_some_named() -> None:
    assert left_out(["x"]) == "1 image cannot be read and was left out: x"
    assert left_out(list("abcdefg")).endswith(
        "7 images cannot be read and were left out: a, b, c, d, e, ..."
    )


def test_an_image_too_large_is_refused_by_all_in_the_same_words(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "large.png").write_bytes(png(13_000))
    features = ["features", "--backbone", "test_resnet", "--untrained", "--size", "32"]
    features += ["--images", str(photos), "--out", str(tmp_path / "f.npz")]
    for words in (features, ["init", str(tmp_path / "study"), "--images", str(photos)]):
        assert call(*words) == 1
        said = capsys.readouterr().err
        assert "large.png: expected at most 89,478,485 pixels, found 169,000,000 (13,000" in said
        assert said.count("\n") == 1
