"""Features of folders of images, and the verb that writes them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from twoalike.backbones import Backbone, Preprocessing, extract_features, load_backbone
from twoalike.cli.app import main
from twoalike.features import read_features
from twoalike.study import TwoalikeError


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


def test_batch_size_does_not_matter(photos: Path) -> None:
    backbone = load_backbone("test_resnet", untrained=True, size=64)
    one = extract_features(backbone, photos, batch=1)
    all_at_once = extract_features(backbone, photos, batch=99)
    np.testing.assert_allclose(one.values, all_at_once.values, atol=1e-5)
    assert one.meta == all_at_once.meta


def test_meta_tells_network_and_images_apart(photos: Path) -> None:
    first = extract_features("test_resnet", photos, untrained=True, size=32).meta
    other = extract_features("test_resnet", photos, untrained=True, size=32, seed=1).meta
    assert first["weights_sha256"] != other["weights_sha256"]
    assert first["listing_sha256"] == other["listing_sha256"]
    assert first["preprocessing"]["input_size"] == [3, 32, 32]
    (photos / "a.png").write_bytes((photos / "d.png").read_bytes())
    changed = extract_features("test_resnet", photos, untrained=True, size=32).meta
    assert changed["listing_sha256"] != first["listing_sha256"]


def test_no_such_device(photos: Path) -> None:
    with pytest.raises(TwoalikeError, match="`device=cpu`"):
        extract_features(mean_colour(), photos, device="cuda:99")


def run(*arguments: object) -> object:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_the_verb_writes_a_table_or_nothing(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "f.npz"
    options = ("--backbone", "test_resnet", "--untrained", "--size", 32, "--images", photos)
    assert not run("features", *options, "--out", out)
    assert "5 images" in capsys.readouterr().out
    table = read_features(out)
    assert table.values.shape == (5, 96)
    assert table.meta["kind"] == "features"
    (photos / "b.jpg").write_bytes(b"damaged")
    for name, message in (("g.npz", "b.jpg"), ("g.csv", ".npz")):
        assert run("features", *options, "--out", tmp_path / name) == 1
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.npz", "photos"]
