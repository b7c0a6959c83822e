"""Whole runs in a small world: learning, resuming, exporting, refusing."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from tests.distill.conftest import QUICK, Finished, Squares, assert_same, run

from twoalike.backbones import Backbone, extract_features, load_backbone
from twoalike.distill import DistillConfig, Student, distill, load_recipe
from twoalike.features import write_features
from twoalike.study import TwoalikeError
from twoalike.teacher import load_teacher, odd_logits, sample_triplets, score_soft


def test_student_learns_what_people_care_for(squares: Squares, tmp_path: Path) -> None:
    """On images it never saw it comes nearer to the teacher than the network it began as."""
    only = tmp_path / "only.txt"
    seen, unseen = squares.features.ids[:28], squares.features.ids[28:]
    only.write_text("\n".join(seen))
    settings = {"steps": 40, "batch": 16, "rate": 2e-3, "evaluate_every": 10}
    said = run(squares, tmp_path / "student", only=only, **settings)
    assert said["data"]["learnt"] == 24
    assert said["held_out"]["images"] == 4
    base = extract_features("test_resnet", squares.images, untrained=True, size=32)
    aligned = extract_features(tmp_path / "student", squares.images)
    rows = np.array([squares.features.ids.index(name) for name in unseen])
    triplets = rows[sample_triplets(len(rows), 2000, np.random.default_rng(0))]
    truth = load_teacher(squares.teacher).choice_probabilities(triplets, squares.features)
    scores = []
    for table in (base, aligned):
        x = table.values - table.values[rows].mean(0)
        logits = odd_logits(x @ x.T, triplets)
        scores.append(score_soft(logits, truth)["accuracy"])
    ceiling = score_soft(np.log(truth), truth)["accuracy"]
    assert scores[1] > scores[0] + 0.5 * (ceiling - scores[0])


@pytest.mark.parametrize(
    ("stop", "also"),
    [
        pytest.param(1, {}, marks=pytest.mark.slow),
        (4, {"head": "linear", "mix": 0.5}),
        pytest.param(5, {"accumulate": 2, "preserve": 1.0}, marks=pytest.mark.slow),
    ],
)
def test_resumed_run_equals_one_that_never_stopped(
    squares: Squares, tmp_path: Path, stop: int, also: dict[str, Any], killed_at: Callable[..., Any]
) -> None:
    """To the last bit of the weights, with dropout, mirroring and any step to stop at."""
    backbone = load_backbone("test_resnet", untrained=True, size=32)
    start = {name: value.clone() for name, value in backbone.module.state_dict().items()}

    def noisy(out: Path, **more: Any) -> None:
        backbone.module.load_state_dict(start)
        module = torch.nn.Sequential(backbone.module, torch.nn.Dropout(0.2))
        student = Backbone("noisy", module, backbone.preprocessing)
        run(squares, out, student, flip=True, select="last", **also, **more)

    noisy(tmp_path / "whole")
    with killed_at(stop):
        noisy(tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    torch.manual_seed(999)
    noisy(tmp_path / "stopped", resume=True)
    assert_same(tmp_path / "whole", tmp_path / "stopped")


def test_a_student_is_an_object_of_its_folder(squares: Squares, tmp_path: Path) -> None:
    """Settings by name, objects in place of files; it shows itself, and computes features."""
    out, teacher = str(tmp_path / "<student>"), load_teacher(squares.teacher)
    given: dict[str, Any] = {"features": squares.features, "only": squares.features.ids[:30]}
    given |= {"steps": 2, "untrained": True}
    config = DistillConfig.model_validate(QUICK)
    student = distill(teacher, str(squares.images), "test_resnet", out, config, **given)
    assert isinstance(student, Student)
    assert student["config"]["steps"] == 2
    assert student["data"]["learnt"] == 26
    assert dict(student) == dict(Student.load(out))
    assert list(student.scores.index) == ["base", "closed form", "aligned", "teacher itself"]
    assert student.scores.loc["aligned", "kl"] == student["held_out"]["student"]["kl"]
    assert repr(student).startswith("<Student: test_resnet, 26 images, in ")
    assert "&lt;student&gt;" in student._repr_html_() and "<student>" not in student._repr_html_()
    shape = len(squares.features.ids), student["num_classes"]
    assert student.features(squares.images).values.shape == shape
    with pytest.raises(TwoalikeError, match=r"`stepz=\.\.\.`"):
        run(squares, tmp_path / "other", stepz=3)
    with pytest.raises(TwoalikeError, match="saved in a folder"):
        run(squares, tmp_path / "other", teacher=replace(teacher, folder=None))


def test_folder_says_what_the_student_is(finished: Finished) -> None:
    out, said = finished.folder, finished.said
    names = {path.name for path in out.iterdir()}
    assert names == {"model.safetensors", "config.json", "README.md", "training.jsonl"}
    assert said["kind"] == "student"
    assert said["backbone"] == "test_resnet"
    assert said["weights_sha256"] == load_backbone(out).weights_sha256 != said["initial_sha256"]
    card = (out / "README.md").read_text()
    assert f"| aligned | {said['held_out']['student']['accuracy']:.3f} |" in card
    assert str(out.parent) not in card + (out / "config.json").read_text()
    log = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in log if "held_out" in row] == [0, 2, 4, 6]
    kept = sorted(path.stem for path in out.with_name("student.checkpoints").glob("step-*"))
    scores = [row["held_out"] | {"step": row["step"]} for row in log if "held_out" in row]
    best = max(scores, key=lambda it: (it["able"], it["likeness"]))["step"]
    leads = [it["leads"] and it["likeness"] > scores[0]["likeness"] for it in scores[1:]]
    pays = any(first and second for first, second in pairwise(leads))
    assert kept == sorted({f"step-{best:07d}", "step-0000004", "step-0000006"})
    assert said["selected_step"] == (best if pays else 0)


def test_training_in_vain_ends_at_half_of_its_steps(squares: Squares, tmp_path: Path) -> None:
    """Weights that hardly move cannot improve on the closed form, which is then the student."""
    vain = {"rate": 1e-30, "steps": 8, "evaluate_every": 2}
    said = run(squares, tmp_path / "vain", **vain)
    assert said["selected_step"] == 0
    run(squares, tmp_path / "on", **vain, select="last")
    for name, last in (("vain", 4), ("on", 8)):
        lines = (tmp_path / name / "training.jsonl").read_text().splitlines()
        assert max(json.loads(line)["step"] for line in lines) == last
    assert run(squares, tmp_path / "vain", **vain, resume=True) == said


def test_what_is_there_is_not_overwritten(finished: Finished, tmp_path: Path) -> None:
    squares, out = finished.squares, tmp_path / "student"
    for name in ("student", "student.checkpoints"):
        copytree(finished.folder.with_name(name), tmp_path / name)
    with pytest.raises(TwoalikeError, match="already holds a student"):
        run(squares, out)
    assert run(squares, out, resume=True) == finished.said
    (out / "model.safetensors").unlink()
    with pytest.raises(TwoalikeError, match="`resume=True`"):
        run(squares, out)
    with pytest.raises(TwoalikeError, match=r"began with config\.seed = 0, now it is 1"):
        run(squares, out, seed=1, resume=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("precious")
    with pytest.raises(TwoalikeError, match=r"thesis\.txt"):
        run(squares, tmp_path / "other")


def test_inputs_that_do_not_fit_are_told_before_training(squares: Squares, tmp_path: Path) -> None:
    moved = copytree(squares.teacher, tmp_path / "moved")
    described = json.loads((moved / "teacher.json").read_text())
    described["from"]["backbone"] = str(tmp_path / "gone")
    (moved / "teacher.json").write_text(json.dumps(described))
    only, few = tmp_path / "only.txt", tmp_path / "few.txt"
    only.write_text("s01\nnobody\n")
    few.write_text("s01\ns02\ns03\ns04\ns05\n")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"features": None}, "an unnamed network"),
        ({"features": None, "teacher": moved}, r"which cannot be loaded here: .*`features=\.\.\.`"),
        ({"only": only}, "nobody"),
        ({"batch": 99}, "`batch=34`"),
        ({"only": few}, "a triplet needs 3"),
    ]
    for number, (options, message) in enumerate(wrong):
        with pytest.raises(TwoalikeError, match=message):
            run(squares, tmp_path / f"{number}", **options)


@pytest.mark.parametrize("recipe", ["distill_default.toml", "distill_demo.toml"])
def test_recipes_load(recipe: str) -> None:
    path = Path(__file__).resolve().parents[2] / "modeling" / "recipes" / recipe
    config = load_recipe(path)
    if recipe == "distill_default.toml":
        assert config == DistillConfig()


KILLED = """
import sys
from twoalike.cli.app import main
from twoalike.distill._update import Update
real = Update.take
def step(self, number, data):
    if number == 5:
        sys.exit(3)
    return real(self, number, data)
Update.take = step
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("student", "train"), [("test_resnet", "full"), ("test_resnet", "probe"), ("resnet18", "lora")]
)
def test_two_processes_make_one_student_and_resume_exactly(
    squares: Squares, tmp_path: Path, student: str, train: str
) -> None:
    """Under torchrun, stopped in the sixth of six steps and resumed: the same weights."""
    write_features(tmp_path / "colours.npz", squares.features)
    killed = tmp_path / "killed.py"
    killed.write_text(KILLED)
    settings = "steps = 6\nbatch = 8\nsize = 32\nevaluate_every = 2\nselect = 'last'\n"
    (tmp_path / "recipe.toml").write_text(f"{settings}train = '{train}'\n")
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = ["distill", "--teacher", squares.teacher, "--images", squares.images, "--untrained"]
    words += ["--student", student, "--features", tmp_path / "colours.npz", "--device", "cpu"]

    def launch(name: str, *program: str | Path, more: str = "") -> int:
        command = [*together, "--nproc-per-node", "2", *program, *words]
        command += ["--config", tmp_path / "recipe.toml", "--out", tmp_path / name]
        return subprocess.run(
            [*map(str, command), *more.split()], capture_output=True, text=True, check=False
        ).returncode

    verb = ("-m", "twoalike.cli.app")
    assert launch("whole", *verb) == 0
    assert launch("stopped", killed) != 0
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    assert launch("stopped", *verb, more="--resume") == 0
    assert_same(tmp_path / "whole", tmp_path / "stopped")
    said = json.loads((tmp_path / "whole" / "config.json").read_text())
    assert said["data"]["learnt"] == 32
