"""Features of a collection in shards: parts, a run that goes on, what is missing or foreign."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import call

from twoalike.backbones import extract_features
from twoalike.features import feature_shard, read_features
from twoalike.study import TwoalikeError, provenance

N = 11


@pytest.fixture
def images(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(N):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"i{number:02d}.png")
    return folder


def run(images: Path, out: Path, *more: str | int) -> int:
    words = ["features", "--backbone", "test_resnet", "--untrained", "--size", 32, "--batch", 3]
    return call(*words, "--images", images, "--out", out, *more)


def test_parts_together_are_the_features_of_all_images(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "features"
    assert run(images, out, "--shard", 4, "--part", "2/2") == 0
    assert "1 of 3 shards by test_resnet" in capsys.readouterr().out
    with pytest.raises(TwoalikeError, match=r"found 1, first missing shard-00000.npz.*goes on"):
        read_features(out)
    before = feature_shard(out, 1).stat().st_mtime_ns
    assert run(images, out, "--shard", 4) == 0
    assert feature_shard(out, 1).stat().st_mtime_ns == before
    table = read_features(out)
    whole = extract_features("test_resnet", images, untrained=True, size=32)
    assert table.ids == whole.ids
    np.testing.assert_allclose(table.values, whole.values, atol=1e-5)
    for key in ("backbone", "weights_sha256", "preprocessing"):
        assert table.meta[key] == whole.meta[key]
    one, two = (provenance("teacher", inputs={"features": out})["inputs"] for _ in range(2))
    assert one == two
    feature_shard(out, 2).write_bytes(feature_shard(out, 1).read_bytes())
    assert provenance("teacher", inputs={"features": out})["inputs"] != one
    with pytest.raises(TwoalikeError, match="'i04' is listed twice"):
        read_features(out)


def test_another_run_is_not_mixed_in(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "features"
    assert run(images, out, "--shard", 4) == 0
    Image.new("RGB", (32, 32)).save(images / "more.png")
    wrong = [
        ((out, "--shard", 4), "images was 11, is 12"),
        ((out, "--shard", 5), "shard was 4, is 5"),
        ((images, "--shard", 4), "expected a new folder"),
        ((images / "i00.png", "--shard", 4), "found a file"),
        ((tmp_path / "new", "--shard", 0), "--shard: expected at least 1"),
        ((tmp_path / "new.npz", "--part", "1/2"), "--part: parts are of shards"),
        ((tmp_path / "new", "--shard", 4, "--part", "3/2"), "--part: expected a part"),
        ((tmp_path / "new",), "choose that ending"),
    ]
    capsys.readouterr()
    for words, message in wrong:
        assert run(images, *words) == 1
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()
