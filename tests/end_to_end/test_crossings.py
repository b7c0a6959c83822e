"""Every kind of judgment through every stage, by commands, as the table of the docs page has it.

One small study per kind: drawn images, simulated people, a short fit, three steps of distillation.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from tests.conftest import ROOT, succeed

from twoalike.features import FeatureTable, write_features
from twoalike.observers import SimulatedObserver
from twoalike.stimuli import StimulusSet
from twoalike.study import sha256_file

PAGE = ROOT / "docs" / "reference" / "kinds.md"
KINDS = {
    "triplets": ("odd-one-out", "choices"),
    "anchored choices": ("anchored-choice", "choices"),
    "odd one of many": ("odd-one-of-many", "choices"),
    "most alike pairs": ("most-alike-pair", "choices"),
    "best and worst": ("", "choices"),
    "ratings": ("pair-rating", "ratings"),
    "sortings": ("free-sorting", "sortings"),
    "arrangements": ("multi-arrangement", "arrangements"),
    "RDMs": ("", "dissimilarities"),
}
"""Task, and table of judgments."""
SETTINGS = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
QUICK = "--quick --engine vi --chains 2 --steps 300 --draws 20 --dimensions 4 --similarity dot"
TRAIN = "--student efficientnet_lite0 --steps 3 --batch 8 --size 64"
SAID = {
    "check": "Would the model give such",
    "score": "log-loss",
    "teach": "fitted to 12 objects",
    "distill": "12 images",
    "evaluate": "by 3 participants",
}
"""What the command of a stage prints where it works."""
IDS = [f"shape{number:02}" for number in range(12)]
COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b9770e")


def cells() -> Iterator[Any]:
    """Kind, stage, and the words of the refusal ("" where it works), as the page has them."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("| judgments |"))
    refusals = dict(re.findall(r"(?ms)^(\d)\. .*: `(.+?)`\.$", "\n".join(lines)))
    table = lines[start : lines.index("", start)]
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table)
    for kind, *row in rows:
        for stage, cell in zip(head[1:], row, strict=True):
            yield kind, stage, "" if cell == "yes" else refusals[cell]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn images, their features, and three people who go by colour and size."""
    root = tmp_path_factory.mktemp("world")
    (root / "stimuli").mkdir()
    rows = []
    for number, name in enumerate(IDS):
        file, size = root / "stimuli" / f"{name}.png", 8 + 5 * (number // 4)
        image = Image.new("RGB", (64, 64), "white")
        corners = (32 - size, 32 - size, 32 + size, 32 + size)
        ImageDraw.Draw(image).ellipse(corners, fill=COLOURS[number % 4])
        image.save(file)
        rows.append((name, file.name, sha256_file(file), f"colour{number % 4}"))
    columns = ["id", "file", "sha256", "colour"]
    StimulusSet.write(root / "stimuli", pd.DataFrame(rows, columns=columns))
    x = np.column_stack([3 * np.tile(np.eye(4), (3, 1)), np.repeat([0.0, 1.0, 2.0], 4)])
    SimulatedObserver(tuple(IDS), x, placement_noise=0.03).save(root / "observer.npz")
    noise = np.random.default_rng(1).random((3, 12, 12))
    rdms = (20 - x @ x.T + noise + noise.transpose(0, 2, 1)) * (1 - np.eye(12))
    np.save(root / "rdms.npy", rdms)
    (root / "ids.txt").write_text("\n".join(IDS))
    (root / "threes.txt").write_text(" ".join(IDS[:3]) + "\n" + " ".join(IDS[2:5]))
    (root / "fours.txt").write_text(" ".join(IDS[:4]) + "\n" + " ".join(IDS[2:6]))
    near, rows = x @ x.T, []
    for row in range(120):
        query, *shown = np.random.default_rng(row).permutation(12)[:5].tolist()
        best, *_, worst = sorted(shown, key=lambda one: -near[query, one])
        rows.append(" ".join([*(IDS[k] for k in (query, *shown, best, worst)), f"p{row % 3}"]))
    (root / "ranked.txt").write_text("\n".join(rows))
    (root / "recipe.toml").write_text("held_out = 0\n")
    words = ("--backbone", "efficientnet_lite0", "--size", 64, "--out", root / "features.npz")
    succeed("features", "--images", root / "stimuli", *words)
    return root


@pytest.fixture(scope="session")
def done(
    tmp_path_factory: pytest.TempPathFactory, world: Path
) -> dict[str, tuple[Path, dict[str, tuple[int, str]]]]:
    """Study of each kind, and status and words of its stages so far."""
    studies = {}
    for kind, (_, table) in KINDS.items():
        root = tmp_path_factory.mktemp(table) / "study"
        (root / "protocols").mkdir(parents=True)
        for task in ("odd_one_out", "multi_arrangement"):
            (root / "protocols" / f"{task}.toml").write_text("schema_version = 1\n")
        (root / "study.toml").write_text(SETTINGS)
        (root / "stimuli").symlink_to(world / "stimuli")
        (root / "derived").mkdir()
        studies[kind] = (root, {})
    return studies


def commands(task: str, name: str, stage: str, root: Path, world: Path) -> list[list[object]]:
    """Words of the commands of a stage; without a task, judgments are in a table."""
    derived, images = root / "derived", root / "stimuli"
    posterior, teacher, student = derived / "posterior.nc", derived / "teacher", derived / "student"
    judged = derived / f"{name}.parquet"
    own = [f"--{name}", judged]
    if stage == "collect" and name == "choices" and not task:
        columns = ["--item-columns", "1,2,3,4,5", "--chosen-columns", "6,7"]
        named = [world / "ranked.txt", "--kind", "best-worst", *columns, "--participant-column", 8]
        return [["import", "choices", *named, "--objects", world / "ids.txt", "--out", judged]]
    if stage == "collect" and not task:
        rdms = [world / "rdms.npy", "--objects", world / "ids.txt"]
        return [["import", "rdm", *rdms, "--out", judged]]
    if stage == "collect":
        simulated = ["--simulate", world / "observer.npz", "--no-window"]
        run = ["run", root, "--task", task, *simulated, "--participant"]
        return [[*run, who] for who in ("901", "902", "903")]
    if stage == "predict":
        sets = {"odd-one-of-many": "--items 4", "most-alike-pair": "--items 4 --kind most-alike"}
        if name == "choices" and (world / "ranked.txt").exists():
            sets[""] = "--items 4 --kind least-like"
        file = world / ("fours.txt" if task in sets else "threes.txt")
        words = ["--triplets", file, *sets.get(task, "").split(), "--out", derived / "p.tsv"]
        return [["predict", posterior, *words]]
    features = ["--features", world / "features.npz"] if images.exists() else []
    networks = ["--model", student, "--images", images] if features else []
    networks = networks or ["--features", f"noise={world / 'noise.npz'}"]
    recipe = [*features, "--images", images, "--config", world / "recipe.toml", *TRAIN.split()]
    on_people = ["--rdm", judged] if name == "dissimilarities" else own
    words = {
        "fit": [*([root] if task else [*own, "--out", posterior]), *QUICK.split()],
        "check": [posterior, *own],
        "score": [posterior, *(own if name in {"ratings", "sortings"} else ["--choices", judged])],
        "teach": [posterior, *features, "--out", teacher],
        "distill": ["--teacher", teacher, *recipe, "--out", student],
        "evaluate": [*networks, *on_people, "--out", derived / "results.json"]
        + ["--posterior", posterior],
        "report": [root, "--out", root / "report.html"],
    }
    return [[stage, *words[stage]]]


COSTLY = ("teach", "distill", "evaluate", "report")
SELDOM = set(product(("anchored choices", "odd one of many", "best and worst"), COSTLY))
"""Stages that go through other choices alike every day."""


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("kind", "stage", "refusal"),
    [pytest.param(*cell, marks=[pytest.mark.slow] * (cell[:2] in SELDOM)) for cell in cells()],
)
def test_every_kind_goes_through_every_stage(
    kind: str,
    stage: str,
    refusal: str,
    done: dict[str, tuple[Path, dict[str, tuple[int, str]]]],
    world: Path,
    run: Callable[..., tuple[int, str]],
) -> None:
    root, said = done[kind]
    stages = [each for of, each, _ in cells() if of == kind]
    for each in stages[: stages.index(stage) + 1]:
        if each not in said:
            ended = [run(*words) for words in commands(*KINDS[kind], each, root, world)]
            said[each] = max(ended)
    status, text = said[stage]
    if refusal:
        assert (status, text.count("\n")) == (1, 1) and refusal in text
        return
    assert status == 0, text
    assert SAID.get(stage, "") in text
    if stage == "predict":
        p = pd.read_csv(root / "derived" / "p.tsv", sep="\t")
        assert len(p) == 2 and np.allclose(p.sum(axis=1), 1, atol=1e-4)
    if stage == "evaluate":
        results = json.loads((root / "derived" / "results.json").read_text())
        names = [(of["model"], of["representation"]) for of in results["networks"]]
        parts = [("aligned", part) for part in ("vector", "features", "human")]
        assert names == [("base", "vector"), *parts]
    if stage == "report":
        html = (root / "report.html").read_text(encoding="utf-8")
        assert "aligned" in html and "There are no sessions" not in html


def of_people(kind: str, data: Path, root: Path) -> tuple[list[object], list[Path]]:
    """Words after ``import`` for real judgments, and the photographs of their objects, if any."""
    file, ids = root / "judgments.csv", root / "ids.txt"
    if kind == "RDMs":
        ids.write_text("\n".join(f"{number:02}" for number in range(92)))
        photos = sorted((data / "mur92" / "images").glob("*.png"))
        return ["rdm", data / "mur92" / "behavior_rdms.mat", "--objects", ids], photos
    if kind == "arrangements":
        return ["meadows", *(data / "meadows").glob("*_tree.json")], []
    if kind == "sortings":
        table = pd.read_csv(data / "sortings" / "sortings.tsv", sep="\t")
        table.rename(columns={"object": "item"}).to_csv(file, index=False)
        return ["sortings", file], []
    if kind == "ratings":
        photos = sorted((data / "rocks" / "images").glob("*.jpg"))[::12]
        table = pd.read_csv(data / "rocks" / "ratings.tsv", sep="\t", dtype=str)
        rocks = [photo.stem for photo in photos]
        table[table["item_a"].isin(rocks) & table["item_b"].isin(rocks)].to_csv(file, index=False)
        return ["ratings", file, "--scale-points", 9], photos
    photos = sorted((data / "photos" / "concepts").glob("*.jpg"))
    names = np.array((data / "things" / "object_ids.txt").read_text().split())
    judged = np.loadtxt(data / "things" / "triplets_by_participant.txt", dtype=int)
    with_photo = np.isin(names, [photo.stem for photo in photos])[judged[:, :3]].all(axis=1)
    rows = [(*names[row[:3]], f"p{row[3]}") for row in judged[with_photo]]
    file.write_text("a,b,odd,worker\n" + "\n".join(map(",".join, rows)))
    ids.write_text("\n".join(photo.stem for photo in photos))
    columns = "--item-columns a,b,odd --chosen-columns odd --participant-column worker"
    return ["choices", file, "--objects", ids, *columns.split()], photos


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", ["triplets", "ratings", "sortings", "arrangements", "RDMs"])
def test_judgments_of_real_people_go_through_every_stage(
    kind: str, shared_data: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    root, name = tmp_path / "study", KINDS[kind][1]
    imported, photos = of_people(kind, shared_data, tmp_path)
    if photos:
        (tmp_path / "photos").mkdir()
        for photo in photos:
            shutil.copy(photo, tmp_path / "photos")
        succeed("init", root, "--images", tmp_path / "photos")
        words = ("--images", root / "stimuli", "--size", 64, "--out", tmp_path / "features.npz")
        succeed("features", "--backbone", "efficientnet_lite0", *words)
    (root / "derived").mkdir(parents=True, exist_ok=True)
    succeed("import", *imported, "--out", root / "derived" / f"{name}.parquet")
    table = pd.read_parquet(root / "derived" / f"{name}.parquet")
    items = table["item" if "item" in table else "item_1" if "item_1" in table else "item_a"]
    ids = list(map(str, items.unique()))
    (tmp_path / "threes.txt").write_text("\n".join([",".join(ids[:3]), ",".join(ids[1:4])]))
    (tmp_path / "recipe.toml").write_text("held_out = 0\n")
    noise = np.random.default_rng(1).normal(size=(len(ids), 5)).astype(np.float32)
    write_features(tmp_path / "noise.npz", FeatureTable(tuple(ids), noise))
    for of, stage, refusal in cells():
        if of != kind or stage == "collect" or (not photos and stage in {"distill", "report"}):
            continue
        ((status, text),) = [run(*words) for words in commands("", name, stage, root, tmp_path)]
        assert status == bool(refusal) and refusal in text, (stage, text)


def test_the_table_names_every_kind() -> None:
    assert set(KINDS) == {kind for kind, _, _ in cells()}
