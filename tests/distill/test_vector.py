"""The aligned vector: where its human part starts, where it ends up, what the features keep."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from tests.distill.conftest import Squares, run

from twoalike.backbones import extract_features, load_backbone
from twoalike.distill import load_recipe
from twoalike.evaluation import Candidate
from twoalike.features import read_features
from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError

LAST = {"select": "last", "evaluate_every": 3}


def standard(features: Any) -> np.ndarray:
    """Features from their mean, in units of their spread."""
    centred = np.asarray(features) - np.asarray(features).mean(0)
    return np.asarray(centred / centred.std())


def test_a_student_gives_one_vector_of_named_parts(squares: Squares, tmp_path: Path) -> None:
    """Plain timm, features and what is scored are the same numbers."""
    student = run(squares, tmp_path / "s", mix=0.5, balance=0.5, **LAST)
    p, q = student["num_features"], student["num_classes"]
    assert student["parts"] == {"features": [0, p], "human": [p, q]}
    assert (p, student["similarity"]) == (96, "raw-cosine")
    assert not (tmp_path / "s" / "vector.safetensors").exists()
    table = extract_features(tmp_path / "s", squares.images, out=tmp_path / "s.npz")
    model = timm.create_model(f"local-dir:{tmp_path / 's'}", pretrained=True).eval()
    backbone = load_backbone(tmp_path / "s")
    shown = [read_picture(squares.images / f"{name}.png") for name in table.ids]
    inputs = torch.stack([backbone.preprocessing(picture) for picture in shown])
    with torch.inference_mode():
        np.testing.assert_allclose(table.values, model(inputs), atol=1e-5)
        features = model.forward_head(model.forward_features(inputs), pre_logits=True)
    np.testing.assert_allclose(
        standard(table.part("features").values), standard(features), atol=1e-4
    )
    again = read_features(tmp_path / "s.npz")
    assert again.parts == table.parts
    whole, *parts = Candidate.of("s", again).with_parts()
    assert [one.name for one in parts] == ["s:features", "s:human"]
    assert {one.similarity for one in (whole, *parts)} == {"raw-cosine"}
    np.testing.assert_array_equal(whole.features.values, table.values)
    np.testing.assert_array_equal(parts[1].features.values, table.values[:, p:])
    lengths = [np.square(one.features.values).sum(1).mean() ** 0.5 for one in parts]
    assert lengths == pytest.approx([1, 0.5], rel=0.2)


@pytest.mark.parametrize(("classes", "out"), [(2, 6), (20, 6), (10, 8)])
def test_few_classes_stay_in_training_and_many_are_held_out_whole(
    squares: Squares, tmp_path: Path, classes: int, out: int
) -> None:
    """Of 40 images 6 are to be held out: twenty or ten classes whole, of two none."""
    kinds = {name: f"k{row % classes}" for row, name in enumerate(squares.features.ids)}
    student = run(squares, tmp_path / "s", train="probe", classes={"kind": kinds})
    assert student["held_out"]["images"] == out


@pytest.mark.parametrize("train", ["full", "lora"])
def test_weights_are_taken_that_share_of_the_way(
    squares: Squares, tmp_path: Path, train: str
) -> None:
    """Mixing changes nothing in training: the weights are those between start and end."""
    if train == "full":
        whole = run(squares, tmp_path / "whole", **LAST)
        half = run(squares, tmp_path / "half", mix=0.25, **LAST)
        end, part = (load_file(s.folder / "model.safetensors") for s in (whole, half))
        start = load_backbone("test_resnet", untrained=True).network.state_dict()
        assert any(not torch.equal(end[name], start[name]) for name in start)
        for name, weights in part.items():
            if weights.is_floating_point() and name in start:
                expected = torch.lerp(start[name], end[name], 0.25)
                torch.testing.assert_close(weights, expected, rtol=1e-5, atol=1e-6)
    else:
        student = run(squares, tmp_path / "half", mix=0.5, train=train, **LAST)
        assert student["check"]["difference"] <= 1e-5
    with pytest.raises(TwoalikeError, match="mix"):
        load_recipe(None, {"mix": 0.0})
