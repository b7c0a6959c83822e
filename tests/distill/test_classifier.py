"""The classification head kept: its term, what it holds, and the classifier in the folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from onnxruntime import InferenceSession
from safetensors.torch import load_file, save_file
from scipy.special import softmax
from scipy.stats import entropy
from tests.distill.conftest import Squares
from tests.distill.test_export import Own, images_of, verb
from timm.data import create_transform, resolve_model_data_config
from torch import nn

from twoalike.backbones import (
    Backbone,
    Preprocessing,
    extract_features,
    load_backbone,
    without_vector,
)
from twoalike.distill import DistillConfig, class_divergence, distill, export_onnx
from twoalike.distill._student import Base, StudentNetwork, identity_head
from twoalike.distill._trainable import TOLERANCE, difference, prepare_training
from twoalike.distill._update import Update
from twoalike.features import write_features
from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError, sha256_file

COLOURS = 3
QUICK = {
    **{"steps": 8, "batch": 8, "size": 32, "held_out": 0.15, "evaluate_every": 4, "rate": 3e-3},
    **{"head": "none", "mix": 1, "train": "full", "select": "best"},
}


@pytest.fixture
def weights(squares: Squares, tmp_path: Path) -> Path:
    """test_resnet with a head that was fitted to name the strongest colour of each square."""
    torch.manual_seed(11)
    network = timm.create_model("test_resnet", num_classes=COLOURS).eval()
    backbone = load_backbone("test_resnet", untrained=True, size=32)
    inputs = torch.stack([backbone.preprocessing(read_picture(p)) for p in images_of(squares, 40)])
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


def run(
    squares: Squares, out: Path, student: Any = "test_resnet", resume: bool = False, **options: Any
) -> Any:
    weights = options.pop("weights", None)
    config = DistillConfig.model_validate(
        QUICK | {"select": "last", "keep_classifier": 1.0} | options
    )
    return distill(
        squares.teacher,
        squares.images,
        student,
        out,
        config,
        features=squares.features,
        weights=weights,
        resume=resume,
    )


def test_divergence_is_that_of_the_softened_probabilities(rng: np.random.Generator) -> None:
    now, before = 5 * rng.normal(size=(2, 6, 9))
    expected = np.mean(
        [entropy(softmax(b / 2), softmax(a / 2)) for a, b in zip(now, before, strict=True)]
    )
    ours, theirs = (torch.from_numpy(x).float() for x in (now, before))
    assert float(class_divergence(ours, theirs)) == pytest.approx(expected, rel=1e-5)
    assert float(class_divergence(ours, ours)) == 0
    # A softmax does not see what all classes gain alike.
    assert float(class_divergence(ours + 7, theirs)) == pytest.approx(expected, rel=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert float(class_divergence(ours, theirs)) == pytest.approx(expected, rel=1e-5)
    sure = torch.tensor([[900.0, 0.0, -900.0]])
    assert torch.isfinite(class_divergence(sure.flip(1), sure))


@pytest.mark.parametrize("train", ["full", "last", "lora"])
@pytest.mark.parametrize("head", ["none", "linear"])
def test_the_term_is_zero_at_the_start_and_leads_back_to_it(
    weights: Path, train: str, head: str
) -> None:
    """Of the backbone's features, whatever a head makes of them."""
    config = DistillConfig.model_validate(
        {"keep_classifier": 2.0, "train": train, "head": head, "preserve": 0.0, "last_blocks": 4}
    )
    backbone = load_backbone("test_resnet", weights=weights, classifier=True).resized(32)
    module = prepare_training(backbone, config)
    layer = identity_head(backbone.n_features, bias=False) if head == "linear" else None
    student = StudentNetwork(module, layer)
    base = Base(student, backbone.classifier, config)
    images = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    student.train()
    assert float(base.terms(images, student(images)).detach()) == 0
    learnt = [p for p in student.backbone.parameters() if p.requires_grad]
    with torch.no_grad():
        for number, parameter in enumerate(learnt):
            noise = torch.Generator().manual_seed(number)
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=noise))
    optimizer = torch.optim.Adam(learnt, 1e-3)
    losses = []
    for _ in range(30):
        loss = base.terms(images, student(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.01
    assert losses[-1] < 0.3 * losses[0]
    if student.head is not None:
        assert student.head.weight.grad is None
    assert backbone.classifier is not None
    assert all(p.grad is None for p in backbone.classifier.parameters())


def same_class(squares: Squares, out: Path, base: Backbone) -> float:
    """Share of all squares whose class is the base's, with the base's classifier."""
    classes = []
    for source in (base, without_vector(load_backbone(out))):
        assert base.classifier is not None
        features = torch.from_numpy(extract_features(source, squares.images).values)
        classes.append(base.classifier(features).argmax(1))
    return float((classes[0] == classes[1]).float().mean())


def test_classes_stay_with_it_and_go_without(
    squares: Squares, weights: Path, tmp_path: Path
) -> None:
    base = load_backbone("test_resnet", weights=weights, classifier=True).resized(32)
    settings = {"steps": 30, "batch": 16, "decay_to_init": 0.0, "weights": weights}
    free = run(squares, tmp_path / "free", keep_classifier=0.0, **settings)
    held = run(squares, tmp_path / "held", keep_classifier=3.0, **settings)
    shares = [same_class(squares, tmp_path / name, base) for name in ("free", "held")]
    assert shares[1] > shares[0] + 0.2
    assert shares[1] > 0.85
    # It learns beside: the choices come nearer to the teacher's all the same.
    assert held["held_out"]["student"]["kl"] < held["held_out"]["base"]["kl"]
    assert free["classifier"] is None
    assert "same_class" not in free["held_out"]["start"]


@pytest.mark.parametrize("train", ["full", "last", "lora"])
def test_classes_are_those_of_the_vector_that_plain_timm_gives(
    squares: Squares, weights: Path, tmp_path: Path, train: str
) -> None:
    out = tmp_path / "student"
    said = run(squares, out, train=train, weights=weights)
    assert said["check"]["difference"] <= 1e-5
    assert said["classifier"]["classes"] == COLOURS
    plain = timm.create_model("test_resnet", num_classes=said["num_classes"])
    plain.load_state_dict(load_file(out / "model.safetensors"))
    named = timm.create_model(f"local-dir:{out}", pretrained=True)
    bare = timm.create_model(f"local-dir:{out}", pretrained=True, num_classes=0)
    transform = create_transform(**resolve_model_data_config(named), is_training=False)
    from PIL import Image

    paths = images_of(squares, 5)
    inputs = torch.stack([transform(Image.open(path).convert("RGB")) for path in paths])
    vectors = extract_features(out, squares.images).values[:5]
    student, old = load_backbone(out), load_file(weights)
    layer = load_file(out / "classifier.safetensors")
    assert student.classifier is not None
    with torch.inference_mode():
        for model in (plain, named):
            found = model.eval()(inputs)
            assert difference(found.numpy(), vectors) <= TOLERANCE
        scores = found @ layer["weight"].T + layer["bias"]
        expected = bare.eval()(inputs) @ old["fc.weight"].T + old["fc.bias"]
        assert difference(scores.numpy(), expected.numpy()) <= TOLERANCE
        assert torch.equal(student.classifier.weight, layer["weight"])
    log = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    shares = [row["held_out"]["same_class"] for row in log if "held_out" in row]
    assert shares[0] == 1.0 == said["held_out"]["start"]["same_class"]
    assert shares[-1] == said["held_out"]["student"]["same_class"]
    assert len(shares) == 3
    card = (out / "README.md").read_text()
    assert f"for {shares[-1]:.1%} of the held-out images (100% before the first step)" in card
    assert 'load_file("classifier.safetensors")' in card


def test_students_go_on_with_their_classes_or_without(
    squares: Squares, weights: Path, tmp_path: Path
) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    run(squares, first, weights=weights)
    said = run(squares, second, first, size=None)
    assert said["classifier"]["classes"] == COLOURS
    run(squares, third, second, size=None, keep_classifier=0.0)
    assert not (third / "classifier.safetensors").exists()
    with pytest.raises(TwoalikeError, match="third: .*own classifier.*found none"):
        run(squares, tmp_path / "fourth", third, size=None)
    path = first / "classifier.safetensors"
    state = load_file(path)
    save_file(state | {"bias": state["bias"] + 1}, path)
    with pytest.raises(TwoalikeError, match="classifier.safetensors holds other weights"):
        load_backbone(first)
    save_file({"bias": state["bias"]}, path)
    with pytest.raises(TwoalikeError, match="expected weight of shape .*Copy the whole folder"):
        load_backbone(first)


def test_the_verbs_tell_of_the_classes(
    squares: Squares, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "student", tmp_path / "student.onnx"
    write_features(tmp_path / "colours.npz", squares.features)
    (tmp_path / "recipe.toml").write_text("size = 32\nsteps = 4\nbatch = 8\nkeep_classifier = 1\n")
    words = ["distill", "--images", squares.images, "--student", "test_resnet", "--out", out]
    words += ["--teacher", squares.teacher, "--features", tmp_path / "colours.npz"]
    words += ["--config", tmp_path / "recipe.toml"]
    assert verb(*words, "--untrained") == 1
    said = capsys.readouterr().err
    assert "found none" in said
    assert said.count("\n") == 1
    assert verb(*words, "--weights", weights) == 0
    assert "same class" in capsys.readouterr().out
    assert verb("export", "onnx", out, "--out", file, "--images", squares.images) == 0
    student = load_backbone(out)
    expected_words = f"vectors of {student.n_features} numbers and scores of 3 classes of images"
    assert expected_words in capsys.readouterr().out
    inputs = torch.stack([student.preprocessing(read_picture(path)) for path in images_of(squares)])
    values, scores = InferenceSession(file).run(["vector", "classes"], {"images": inputs.numpy()})
    with torch.no_grad():
        features = student.module(inputs)
        assert student.classifier is not None
        expected = student.classifier(features).numpy()
    assert difference(values, features.numpy()) <= TOLERANCE
    assert difference(scores, expected) <= TOLERANCE
    described = json.loads(file.with_suffix(".json").read_text())
    assert described["classes"] == {"name": "classes", "shape": ["batch", 3]}


def test_a_module_of_ones_own_may_bring_a_classifier(squares: Squares, tmp_path: Path) -> None:
    torch.manual_seed(2)
    layer, out = nn.Linear(8, 4), tmp_path / "s"
    own = Backbone.of(Own(), Preprocessing(size=24), name="mine", classifier=layer)
    said = run(squares, out, own, size=None)
    found = load_file(out / "classifier.safetensors")
    assert found["weight"].shape == (4, said["num_classes"])
    assert all(p.requires_grad for p in layer.parameters()), "the layer itself is left alone"
    assert "classifier.safetensors" in (out / "README.md").read_text()
    exported = export_onnx(replace(own, classifier=layer), tmp_path / "own.onnx")
    assert exported["classes"]["shape"] == ["batch", 4]
    without = Backbone.of(Own(), Preprocessing(size=24), name="mine")
    with pytest.raises(TwoalikeError, match="mine: .*own classifier.*found none"):
        run(squares, tmp_path / "t", without, size=None)
    wrong = Backbone.of(Own(), Preprocessing(size=24), name="mine", classifier=nn.Linear(9, 4))
    with pytest.raises(TwoalikeError, match="classifier of its 8 features, found one of 9"):
        run(squares, tmp_path / "u", wrong, size=None)


@pytest.mark.parametrize(
    "also", [{"train": "lora"}, {"ema": 0.5, "preserve": 1.0, "precision": "bf16"}]
)
def test_a_stopped_run_goes_on_to_the_same_student(
    squares: Squares,
    weights: Path,
    tmp_path: Path,
    also: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(squares, tmp_path / "whole", weights=weights, **also)
    real = Update.take

    def killed(self: Update, step: int, data: Any) -> Any:
        if step == 6:
            raise KeyboardInterrupt
        return real(self, step, data)

    monkeypatch.setattr(Update, "take", killed)
    with pytest.raises(KeyboardInterrupt):
        run(squares, tmp_path / "stopped", weights=weights, **also)
    monkeypatch.setattr(Update, "take", real)
    other = load_file(weights)
    save_file(other | {"fc.bias": other["fc.bias"] + 1}, tmp_path / "other.safetensors")
    with pytest.raises(TwoalikeError, match="this run began with classifier = "):
        run(
            squares,
            tmp_path / "stopped",
            weights=tmp_path / "other.safetensors",
            resume=True,
            **also,
        )
    run(squares, tmp_path / "stopped", weights=weights, resume=True, **also)
    for name in ("model.safetensors", "training.jsonl", "config.json"):
        assert sha256_file(tmp_path / "whole" / name) == sha256_file(tmp_path / "stopped" / name)
