"""What a student's folder gives: the trained vector by timm, by twoalike and by ONNX."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from huggingface_hub import ModelCard
from onnxruntime import InferenceSession
from safetensors.torch import load_file, save_file
from tests.conftest import call
from tests.distill.conftest import Finished, N, Squares, run
from torch import nn

from twoalike.backbones import (
    Backbone,
    Preprocessing,
    extract_features,
    load_backbone,
    weights_sha256,
    with_vector,
    without_vector,
)
from twoalike.distill import export_onnx
from twoalike.distill._export import model_card
from twoalike.features import AlignedVector, join_parts, write_features
from twoalike.stimuli import read_picture
from twoalike.study import TwoalikeError, provenance
from twoalike.teacher import load_teacher, save_teacher

LAST = {"steps": 6, "evaluate_every": 6, "rate": 1e-2, "select": "last"}
PLAIN = """
import sys, json, torch, timm
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
found = []
for folder in sys.argv[1].split(","):
    model = timm.create_model("local-dir:" + folder, pretrained=True).eval()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    images = [transform(Image.open(path).convert("RGB")) for path in sys.argv[2:]]
    with torch.inference_mode():
        found.append(model(torch.stack(images)).tolist())
print(json.dumps(found))
assert not any(name.startswith(("twoalike", "peft")) for name in sys.modules)
"""


def images_of(squares: Squares, n: int = 3) -> list[Path]:
    return [squares.images / f"{name}.png" for name in squares.features.ids[:n]]


TRAINED = [
    ("full", "test_resnet"),
    ("lora", "test_convnext"),
    ("probe", "test_resnet"),
]


def test_plain_timm_twoalike_and_onnx_give_the_same_vectors(
    squares: Squares, tmp_path: Path
) -> None:
    """Of a student of each kind; timm in a process of its own, where twoalike is not imported."""
    paths = images_of(squares)
    tables = []
    for train, name in TRAINED:
        said = run(squares, tmp_path / train, name, train=train, **LAST)
        base = load_backbone(name, untrained=True, size=32)
        assert said["num_features"] == base.n_features
        student = extract_features(tmp_path / train, squares.images)
        assert student.meta["preprocessing"]["input_size"] == [3, 32, 32]
        assert student.parts.keys() == {"features", "human"}
        tables.append(student.values[:3])
    folders = [str(tmp_path / train) for train, _ in TRAINED]
    words = [sys.executable, "-c", PLAIN, ",".join(folders), *map(str, paths)]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    for values, table in zip(json.loads(result.stdout), tables, strict=True):
        np.testing.assert_allclose(values, table, atol=1e-5)
    probe = load_backbone(tmp_path / "probe")
    exported = export_onnx(probe, tmp_path / "p.onnx", paths)
    assert exported["check"].keys() == {"random", "images"}
    inputs = torch.stack(
        [load_backbone(tmp_path / "probe").preprocessing(read_picture(p)) for p in paths]
    ).numpy()
    (values,) = InferenceSession(tmp_path / "p.onnx").run(["vector"], {"images": inputs})
    np.testing.assert_allclose(values, tables[-1], atol=1e-5)
    metadata = {entry.key: entry.value for entry in onnx.load(tmp_path / "p.onnx").metadata_props}
    assert json.loads(metadata["parts"]) == {k: list(v) for k, v in probe.parts.items()}
    assert metadata["similarity"] == "raw-cosine"


def some_vector(p: int) -> AlignedVector:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(p, p)), rng.normal(size=p)
    return join_parts(features, (rng.normal(size=(5, p)), rng.normal(size=5)))


@pytest.mark.parametrize(
    ("name", "within"),
    [
        *(("test_vit", True), ("test_resnet", True), ("mine", False)),
        ("deit_tiny_distilled_patch16_224", False),
    ],
)
def test_the_layer_is_put_on_a_network_and_taken_off(name: str, within: bool) -> None:
    """As timm's classifier, or on top where timm has no linear layer there."""
    torch.manual_seed(1)
    backbone = (
        Backbone.of(Own(), Preprocessing(size=24))
        if name == "mine"
        else load_backbone(name, untrained=True, size=64 if "resnet" in name else None)
    )
    p = backbone.n_features
    vector = some_vector(p)
    images = torch.randn(2, *backbone.preprocessing.shape)
    joined = with_vector(backbone, vector)
    assert isinstance(joined.module, type(backbone.module)) is within
    apart = without_vector(joined)
    with torch.no_grad():
        features = backbone.module.eval()(images)
        found = joined.module(images)
        np.testing.assert_allclose(found, vector(features.numpy()), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(apart.module(images), features)
    assert apart.weights_sha256 == backbone.weights_sha256 != joined.weights_sha256


class Own(nn.Module):
    """Maps of colour, at every place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.stem, self.top = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return self.top(torch.relu(self.stem(images)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("train", ["full", pytest.param("lora", marks=pytest.mark.slow), "probe"])
def test_a_module_of_ones_own(squares: Squares, tmp_path: Path, train: str) -> None:
    """Its state dict has its own names; the layer of the vector lies beside it."""
    own = Backbone.of(Own(), Preprocessing(size=24), name="mine", licence="MIT")
    said = run(squares, tmp_path / "s", own, train=train, size=None, **LAST)
    assert said["architecture"] is None
    fresh = Own()
    fresh.load_state_dict(load_file(tmp_path / "s" / "model.safetensors"))
    assert (weights_sha256(fresh) == said["initial_sha256"]) is (train == "probe")
    card = (tmp_path / "s" / "README.md").read_text()
    assert "license: mit" in card
    again = Backbone.of(fresh, Preprocessing(size=24))
    layer = load_file(tmp_path / "s" / "vector.safetensors")
    assert layer["weight"].shape == (said["num_classes"], 8)
    assert said["vector"]["file"] == "vector.safetensors"
    assert 'load_file("vector.safetensors")' in card
    if train == "full":
        exported = export_onnx(again, tmp_path / "own.onnx", images_of(squares))
        assert exported["output"] == {"name": "features", "shape": ["batch", 8]}
    with pytest.raises(TwoalikeError, match="module of somebody's own"):
        load_backbone(tmp_path / "s")


def test_a_student_that_would_not_be_the_trained_one_is_not_written(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If weights were lost on the way, there is an error and no student."""
    real = save_file

    def spoilt(tensors: dict[str, torch.Tensor], path: Path, **rest: Any) -> None:
        real({name: tensor + 0.01 for name, tensor in tensors.items()}, path, **rest)

    monkeypatch.setattr("twoalike.distill._checkpoint.save_file", spoilt)
    with pytest.raises(TwoalikeError, match="read back.*differs from the trained network"):
        run(squares, tmp_path / "student")
    assert not (tmp_path / "student" / "model.safetensors").exists()
    assert not (tmp_path / "student" / "config.json").exists()
    monkeypatch.setattr("twoalike.distill._checkpoint.save_file", real)
    assert run(squares, tmp_path / "student", resume=True)["check"]["difference"] <= 1e-5


def onnx_of(squares: Squares, out: Path) -> Any:
    return export_onnx(load_backbone("test_resnet", untrained=True, size=32), out)


class Choosy(nn.Module):
    """Goes another way where the image is dark, which no graph can hold."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = images.mean((2, 3))
        return pooled if float(pooled.sum()) > 0 else -pooled


def test_what_cannot_be_exported_is_told(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choosy = Backbone("choosy", Choosy(), Preprocessing(size=16))
    with pytest.raises(TwoalikeError, match="choosy: this network cannot be written") as caught:
        export_onnx(choosy, tmp_path / "c.onnx")
    assert "\n" not in str(caught.value)
    with pytest.raises(TwoalikeError, match=r"written as \.onnx"):
        onnx_of(squares, tmp_path / "r.pb")
    monkeypatch.setattr("twoalike.distill._export.TOLERANCE", 0.0)
    with pytest.raises(TwoalikeError, match="outputs of random inputs differ from torch's"):
        onnx_of(squares, tmp_path / "r.onnx")
    assert not list(tmp_path.glob("*.onnx"))


@pytest.fixture
def control_teacher(squares: Squares, tmp_path: Path) -> Path:
    """A teacher that likens by all colours: it knows nothing of people."""
    redness = load_teacher(squares.teacher)
    described = {"method": "untransformed", "from": {"features": 3}, "to": {"objects": N}}
    plain = replace(
        redness,
        weight=np.eye(3, dtype=np.float32),
        bias=np.zeros(3, np.float32),
        description=described,
    )
    save_teacher(tmp_path / "untransformed", plain, provenance("teacher", seed=0))
    return tmp_path / "untransformed"


def test_the_verbs_from_control_to_onnx(
    squares: Squares, control_teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A card's table tells base, control and student apart, and unreadable images are left out."""
    (squares.images / "torn.png").write_bytes(b"no image")
    write_features(tmp_path / "colours.npz", squares.features)
    (tmp_path / "recipe.toml").write_text(
        "size = 32\nsteps = 30\nbatch = 16\nrate = 1e-2\nhead = 'none'\nmix = 1\n"
    )
    common = ["distill", "--images", squares.images, "--student", "test_resnet", "--untrained"]
    common += ["--features", tmp_path / "colours.npz", "--config", tmp_path / "recipe.toml"]
    control, aligned = tmp_path / "control", tmp_path / "aligned"
    assert call(*common, "--teacher", control_teacher, "--out", control) == 1
    assert "torn" in capsys.readouterr().err
    common += ["--skip-unreadable", "--train", "probe"]
    assert call(*common, "--teacher", control_teacher, "--out", control) == 0
    assert call(*common, "--teacher", squares.teacher, "--out", aligned) == 0
    assert "1 image cannot be read and was left out: torn" in capsys.readouterr().out
    for folder, name in ((control, "control"), (aligned, "aligned")):
        card = (folder / "README.md").read_text().split("## Agreement")[1]
        assert "\n| base |" in card and f"\n| {name} |" in card
    out = tmp_path / "aligned.onnx"
    (squares.images / "torn.png").unlink()
    assert call("export", "onnx", aligned, "--out", out, "--images", squares.images) == 0
    assert "vectors of 97 numbers of images of 32 pixels" in capsys.readouterr().out
    assert call("export", "onnx", tmp_path / "nobody", "--out", out) == 1
    assert capsys.readouterr().err.count("\n") == 1


LICENCES = (
    ("Apache-2.0", "apache-2.0", None),
    ("cc-by-nc-4.0", "cc-by-nc-4.0", None),
    ("dinov3-license", "other", "dinov3-license"),
    (None, "unknown", None),
)
"""As a network gives it; and the two fields of a card."""


def test_the_card_is_one_that_hubs_read(finished: Finished) -> None:
    said = json.loads((finished.folder / "config.json").read_text())
    said["origin"] = "timm/test_resnet.r160_in1k"
    for licence, field, name in LICENCES:
        said["pretrained_cfg"]["license"] = licence
        data = ModelCard(model_card("student", said)).data.to_dict()
        assert (data["license"], data.get("license_name")) == (field, name)
        assert data["library_name"] == "timm"
        assert data["pipeline_tag"] == "image-feature-extraction"
        assert (data["base_model"], data["base_model_relation"]) == (said["origin"], "finetune")
        assert set(data["tags"]) >= {"timm", "human-alignment"}


def test_the_card_says_whose_choices_and_names_no_participant(
    squares: Squares, tmp_path: Path
) -> None:
    teacher = load_teacher(squares.teacher)
    named = {"participant": "zz-007"}
    save_teacher(squares.teacher, teacher, provenance("teacher", seed=0) | named)
    said = dict(run(squares, tmp_path / "student", held_out=0, train="probe"))
    written = {
        path.name: path.read_bytes().decode(errors="replace")
        for path in (tmp_path / "student").iterdir()
    }
    assert "fitted to similarity judgments of one participant" in written["README.md"]
    assert not [name for name, text in written.items() if "zz-007" in text]
    for likeness, whose in (
        ("the group 'experts'", "fitted to similarity judgments of the group 'experts'"),
        (None, "fitted to people's similarity judgments"),
    ):
        card = model_card("student", said | {"teacher": said["teacher"] | {"likeness": likeness}})
        assert whose in card


def test_the_card_names_the_output_and_each_of_its_parts(squares: Squares, tmp_path: Path) -> None:
    said = dict(run(squares, tmp_path / "student", steps=1, train="probe"))
    text = (tmp_path / "student" / "README.md").read_text()
    card = " ".join(text.split())
    assert f"{said['num_classes']} numbers per image: - `features`, numbers 0 to 95:" in card
    assert f"- `human`, numbers 96 to {said['num_classes'] - 1}:" in card
    assert "The network is `test_resnet` unchanged; nothing was trained" in card
    assert "odd-one-out" not in text
    assert "## Likeness" not in model_card("student", said | {"both_sides": None})
    rows = [
        {"network": "base", "part": "features", "likeness": 0.0781, "ability": 0.4154},
        {"network": "student", "part": "vector", "likeness": 0.2309, "ability": None},
    ]
    measures = {"likeness": "Spearman", "ability": "1-shot accuracy"}
    said["both_sides"] = {"measures": measures, "rows": rows}
    card = model_card("student", said)
    assert "| base | features | 0.078 | 0.415 |\n| student | vector | 0.231 |  |\n" in card
    assert "Likeness: Spearman. Ability: 1-shot accuracy." in " ".join(card.split())
