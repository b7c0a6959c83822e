"""Learning from listed triplets, and what else a recipe can ask for."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from tests.distill.conftest import SLOWLY, Squares, run

from twoalike.backbones import Backbone, extract_features, load_backbone
from twoalike.distill import batch_triplets
from twoalike.distill._checkpoint import find_checkpoints
from twoalike.distill._labels import PLAN, write_shard
from twoalike.rsa import debiased_cka
from twoalike.study import TwoalikeError, provenance, write_json
from twoalike.teacher import PosteriorTeacher, load_teacher, save_teacher


def write_folder(
    folder: Path, ids: tuple[str, ...], triplets: Any, chances: npt.NDArray[np.floating]
) -> Path:
    """Labels in one shard."""
    folder.mkdir()
    plan = provenance("labels", seed=0) | {"triplets": len(triplets), "shards": 1}
    write_shard(folder, 0, ids, triplets, chances.astype(np.float32), plan)
    write_json(folder / PLAN, plan)
    return folder


@pytest.fixture
def labels(squares: Squares, tmp_path: Path, rng: np.random.Generator) -> Path:
    """All triplets of the squares, each with its images in an order of its own."""
    triplets = rng.permuted(batch_triplets(len(squares.features.ids), 10**6, rng), axis=1)
    chances = load_teacher(squares.teacher).choice_probabilities(triplets, squares.features)
    return write_folder(tmp_path / "labels", squares.features.ids, triplets, chances)


def test_listed_triplets_teach_as_a_teacher_does(
    squares: Squares, labels: Path, tmp_path: Path
) -> None:
    own = {"teacher": None, "features": None, "labels": labels}
    said = run(squares, tmp_path / "student", **own, **SLOWLY, batch=40, held_out=0.3)
    assert said["held_out"]["images"] == 12
    assert said["held_out"]["triplets"] == 220
    assert said["data"]["learnt"] == 28
    # Of 9,880 triplets, 3,276 have no held-out image and 220 have no other.
    assert said["data"]["mixed_triplets_dropped"] == 9880 - 3276 - 220
    base, aligned = said["held_out"]["base"], said["held_out"]["student"]
    assert aligned["kl"] < 0.7 * base["kl"]
    assert said["teacher"]["method"] == "labelled triplets"
    assert "labelled triplets" in (tmp_path / "student" / "README.md").read_text()


def test_validation_labels_are_of_images_that_were_not_learnt_from(
    squares: Squares, labels: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    aside = batch_triplets(10, 120, rng)
    chances = load_teacher(squares.teacher).choice_probabilities(aside, squares.features)
    tested = write_folder(tmp_path / "tested", squares.features.ids, aside, chances)
    options = {"teacher": None, "features": None, "labels": labels, "validation": tested}
    said = run(squares, tmp_path / "student", **options)
    assert said["held_out"]["triplets"] == 120
    assert said["data"]["learnt"] == 30
    assert said["data"]["mixed_triplets_dropped"] == 9880 - 4060


def test_labels_that_cannot_be_learnt_from(squares: Squares, labels: Path, tmp_path: Path) -> None:
    own = {"teacher": None, "features": None, "labels": labels}
    some = tmp_path / "some.txt"
    some.write_text("\n".join(squares.features.ids[:20]))
    wrong: list[tuple[dict[str, Any], str]] = [
        (own | {"only": some}, "20 of 40 labelled images are not among the images"),
        (own | {"held_out": 0.1}, "4 labelled triplets to score on"),
        (own | {"batch": 9_999, "held_out": 0.3}, "Set `batch="),
        (own | {"sampling": "scales"}, "lists the triplets"),
        (own | {"validation": labels}, "none is left for training"),
        (own | {"teacher": squares.teacher}, "found both"),
        ({"teacher": None}, "found neither"),
        (own | {"train": "probe"}, "has no teacher. Give `teacher=...`"),
        ({"validation": labels}, "`validation=...`"),
    ]
    for options, message in wrong:
        with pytest.raises(TwoalikeError, match=message) as error:
            run(squares, tmp_path / "student", **options)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "student").exists()


@pytest.mark.parametrize("objective", [pytest.param("jsd", marks=pytest.mark.slow), "hard"])
def test_other_objectives_bring_the_student_nearer(
    squares: Squares, tmp_path: Path, objective: str
) -> None:
    settings = {**SLOWLY, "objective": objective, "batch": 16, "select": "last"}
    said = run(squares, tmp_path / "student", **settings)
    base, aligned = said["held_out"]["base"], said["held_out"]["student"]
    assert aligned["accuracy"] > base["accuracy"] + 0.05
    # Hard labels teach no temperature: the one kept fits held-out images best.
    assert aligned["kl"] < base["kl"]


def test_neighbours_at_all_scales_are_learnt_and_scored(squares: Squares, tmp_path: Path) -> None:
    settings = {**SLOWLY, "triplets": 500, "select": "last", "held_out": 0.4}
    said = run(squares, tmp_path / "student", **settings, sampling="scales")
    base, aligned = said["held_out"]["base"], said["held_out"]["student"]
    assert aligned["accuracy"] > base["accuracy"] + 0.05
    uniform = run(squares, tmp_path / "other", **settings | {"steps": 1})
    assert uniform["held_out"]["base"]["accuracy"] != base["accuracy"]


def test_preservation_keeps_the_features_closer_to_what_they_were(
    squares: Squares, tmp_path: Path
) -> None:
    base = extract_features("test_resnet", squares.images, untrained=True, size=32)
    kept = []
    for weight in (0.0, 20.0):
        out = tmp_path / f"student{weight:.0f}"
        run(squares, out, **SLOWLY, preserve=weight, select="last")
        aligned = extract_features(out, squares.images)
        kept.append(debiased_cka(aligned.part("features").values, base.values))
    assert kept[1] > kept[0] + 0.02


def test_a_loss_that_is_no_number_stops_the_run(squares: Squares, tmp_path: Path) -> None:
    """The last good checkpoint stays, and the step is named."""
    for every, said in ((1, "step 1: its features are not finite"), (5, "step 2: the loss is")):
        out = tmp_path / f"student{every}"
        expected = said + ".*step-0000000.pt was written before"
        with pytest.raises(TwoalikeError, match=expected) as error:
            run(squares, out, rate=1e30, warmup=0.0, evaluate_every=every)
        assert "lower `rate=...` (it was 1e+30)" in str(error.value)
        assert [path.name for path in find_checkpoints(Path(f"{out}.checkpoints"))] == [
            "step-0000000.pt"
        ]


class Greedy(torch.nn.Module):
    """Asks for more memory than there is, once it is trained."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.module(images)
        return features + torch.empty(10**15)[0] if torch.is_grad_enabled() else features


def test_out_of_memory_names_the_settings_to_lower(squares: Squares, tmp_path: Path) -> None:
    backbone = load_backbone("test_resnet", untrained=True, size=32)
    greedy = Backbone("greedy", Greedy(backbone.module), backbone.preprocessing)
    with pytest.raises(TwoalikeError, match=r"step 1: not enough memory .* Lower `batch=...`"):
        run(squares, tmp_path / "student", greedy)


@pytest.mark.parametrize("average", ["teacher", "draw"])
def test_a_posterior_teaches_about_the_images_people_judged(
    squares: Squares, tmp_path: Path, rng: np.random.Generator, average: str
) -> None:
    """Without features: its draws are the opinion, averaged or one a step."""
    redness = load_teacher(squares.teacher).embed(squares.features)
    draws = redness + 0.3 * rng.normal(size=(6, *redness.shape))
    teacher = PosteriorTeacher(
        squares.features.ids,
        draws.astype(np.float32),
        "predictive",
        {"method": "posterior", "from": {}, "to": {"objects": 40}, "labels": "predictive"},
    )
    save_teacher(tmp_path / "draws", teacher, provenance("teacher", seed=0))
    given = {"teacher": tmp_path / "draws", "features": None}
    said = run(squares, tmp_path / "student", **given, **SLOWLY, average=average)
    assert said["held_out"]["student"]["kl"] < 0.8 * said["held_out"]["base"]["kl"]
    assert said["teacher"]["method"] == "posterior"
    Image.new("RGB", (32, 32)).save(squares.images / "stranger.png")
    with pytest.raises(TwoalikeError, match="stranger"):
        run(squares, tmp_path / "other", **given)
