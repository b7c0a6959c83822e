"""A head into the human space: where it starts, where it ends up, and what the features keep."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.distill.conftest import Squares
from twoalike.distill._head import as_layer

from twoalike.backbones import extract_features, load_backbone
from twoalike.distill import DistillConfig, Student, distill
from twoalike.evaluation import Candidate, similarity_matrix
from twoalike.features import FeatureTable, read_features, write_features
from twoalike.study import TwoalikeError
from twoalike.teacher import AffineTeacher, load_teacher

SHORT = DistillConfig(
    steps=6, batch=8, size=32, held_out=0.15, evaluate_every=3, rate=1e-3, select="last"
)


def run(squares: Squares, out: Path, **settings: Any) -> Student:
    return distill(
        squares.teacher,
        squares.images,
        "test_resnet",
        out,
        SHORT,
        features=squares.features,
        untrained=True,
        **settings,
    )


def test_a_layer_gives_the_similarities_of_a_map(rng: np.random.Generator) -> None:
    x = rng.normal(2.0, 3.0, size=(9, 7)).astype(np.float32)
    for identity in (0.0, 0.4):
        teacher = AffineTeacher(
            mean=rng.normal(size=7).astype(np.float32),
            scale=3.0,
            weight=rng.normal(size=(4, 7)).astype(np.float32),
            bias=rng.normal(size=4).astype(np.float32),
            identity=identity,
            temperature=2.5,
        )
        layer = as_layer(teacher)
        assert layer.out_features == (4 if identity == 0 else 11)
        names = tuple("abcdefghi")
        expected = teacher.positions(names, FeatureTable(names, x))[0]
        found = layer(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(found @ found.T, expected @ expected.T, rtol=1e-4, atol=1e-4)


def test_similarities_are_of_positions_and_features_are_for_other_uses(
    squares: Squares, tmp_path: Path
) -> None:
    """The map starts nearer to the teacher than the network; its positions travel in one file."""
    student = run(squares, tmp_path / "s", head="human", mix=0.5)
    held_out, head = student["held_out"], student["head"]
    assert held_out["start"]["kl"] < held_out["base"]["kl"]
    assert head["start"] == "fitted"
    assert (head["kind"], head["applied"]) == ("human", False)
    table = extract_features(tmp_path / "s", squares.images, out=tmp_path / "s.npz")
    assert table.positions is not None
    state = load_file(tmp_path / "s" / "head.safetensors")
    by_hand = table.values @ state["weight"].numpy().T + state["bias"].numpy()
    np.testing.assert_allclose(table.positions, by_hand, rtol=1e-4, atol=1e-4)
    again = read_features(tmp_path / "s.npz")
    assert again.positions is not None
    np.testing.assert_array_equal(again.positions, table.positions)
    own, asked = Candidate.of("s", again), Candidate.of("s", again, "cosine")
    np.testing.assert_array_equal(own.features.values, table.positions)
    assert own.similarity == "cosine"
    np.testing.assert_array_equal(own.other_uses.values, table.values)
    np.testing.assert_array_equal(asked.features.values, table.values)
    assert similarity_matrix(own.features.values, "dot").shape == (len(table.ids),) * 2


def test_a_plain_network_has_no_positions(squares: Squares, tmp_path: Path) -> None:
    table = extract_features(load_backbone("test_resnet", untrained=True, size=32), squares.images)
    write_features(tmp_path / "plain.npz", table)
    again = read_features(tmp_path / "plain.npz")
    assert table.positions is None
    assert again.positions is None
    assert Candidate.of("plain", again).similarity == "cosine"


@pytest.mark.parametrize("train", ["full", "lora"])
def test_weights_are_taken_that_share_of_the_way(
    squares: Squares, tmp_path: Path, train: str
) -> None:
    """Mixing changes nothing in training: the weights are those between start and end."""
    if train == "full":
        whole = run(squares, tmp_path / "whole", head="none", mix=1.0, train=train)
        half = run(squares, tmp_path / "half", head="none", mix=0.25, train=train)
        end, part = (load_file(s.folder / "model.safetensors") for s in (whole, half))
        start = load_backbone("test_resnet", untrained=True).network.state_dict()
        assert any(not torch.equal(end[name], start[name]) for name in end)
        for name, weights in part.items():
            if weights.is_floating_point():
                expected = torch.lerp(start[name], end[name], 0.25)
                torch.testing.assert_close(weights, expected, rtol=1e-5, atol=1e-6)
    else:
        student = run(squares, tmp_path / "half", mix=0.5, train=train)
        assert student["check"]["difference"] <= 1e-5
    with pytest.raises(TwoalikeError, match="mix"):
        run(squares, tmp_path / "none", mix=0.0)


def test_a_probe_leaves_the_network_as_it_is(squares: Squares, tmp_path: Path) -> None:
    student = run(squares, tmp_path / "s", train="probe")
    assert student["weights_sha256"] == student["initial_sha256"]
    base = extract_features(load_backbone("test_resnet", untrained=True, size=32), squares.images)
    found = extract_features(tmp_path / "s", squares.images)
    np.testing.assert_allclose(found.values, base.values, rtol=1e-4, atol=1e-5)
    assert found.positions is not None


def test_without_a_map_to_start_from_it_starts_as_the_identity(
    squares: Squares, tmp_path: Path
) -> None:
    few = squares.features.ids[:20]
    student = run(squares, tmp_path / "s", only=few)
    assert student["head"]["start"] == "identity"
    assert student["held_out"]["start"]["accuracy"] == student["held_out"]["base"]["accuracy"]
    assert "identity" in (tmp_path / "s" / "README.md").read_text()


def test_a_map_of_this_very_network_is_taken_as_it_is(squares: Squares, tmp_path: Path) -> None:
    teacher = load_teacher(squares.teacher)
    assert isinstance(teacher, AffineTeacher)
    student = run(squares, tmp_path / "s")
    assert student["head"]["start"] != "teacher"  # it maps colours


def test_a_damaged_head_is_refused(squares: Squares, tmp_path: Path) -> None:
    run(squares, tmp_path / "s")
    path = tmp_path / "s" / "head.safetensors"
    state = load_file(path)
    save_file({name: tensor + 1 for name, tensor in state.items()}, path)
    with pytest.raises(TwoalikeError, match="other weights"):
        load_backbone(tmp_path / "s")
    save_file({"weight": state["weight"][:, :2].contiguous(), "bias": state["bias"]}, path)
    with pytest.raises(TwoalikeError, match="shape"):
        load_backbone(tmp_path / "s")
    path.unlink()
    with pytest.raises(TwoalikeError, match="head.safetensors"):
        load_backbone(tmp_path / "s")
