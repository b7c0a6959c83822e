"""Networks side by side: in Python, and through files and the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.conftest import call

from twoalike.evaluation import Candidate
from twoalike.features import FeatureTable, write_features
from twoalike.stimuli import find_images, image_table
from twoalike.study import TwoalikeError
from twoalike.transfer import Transfer, TransferSettings, compare_transfer, folder_levels

QUICK = TransferSettings(shots=(1, 5), episodes=5, halvings=2)


def candidate(name: str, world: Any, values: np.ndarray) -> Candidate:
    return Candidate(name, FeatureTable(world.ids, values.astype(np.float32)))


def as_dict(found: Transfer) -> dict[str, Any]:
    return found.model_dump(mode="json", exclude_unset=True)


def by_id(world: Any) -> dict[str, dict[str, str]]:
    return {
        level: dict(zip(world.ids, labels, strict=True)) for level, labels in world.levels.items()
    }


@pytest.fixture(scope="module")
def found(make_world: Any) -> dict[str, Any]:
    """A network that tells species, itself again, and one that tells families."""
    world, rng = make_world(), np.random.default_rng(1)
    base = world.features(rng, family=0.6, species=1.0)
    networks = [
        candidate("base", world, base),
        candidate("again", world, base),
        candidate("aligned", world, world.features(rng, family=2.0, species=0.5)),
    ]
    return as_dict(compare_transfer(networks, by_id(world), settings=QUICK))


def test_every_measure_of_every_network(found: dict[str, Any]) -> None:
    json.dumps(found, allow_nan=False)
    made = [(of["measure"], of["level"], of.get("shots")) for of in found["measures"]]
    assert made == [
        *(("few_shot", level, shots) for level in ("family", "species") for shots in (1, 5)),
        *(("linear_probe", level, None) for level in ("family", "species")),
        *((f"shift_{part}", "family", None) for part in ("seen", "new", "drop")),
    ]
    assert found["missing"] == {}
    assert found["images"] == 192


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"kind": ["a"] * 12}, {"kind": "all images are of one class, 'a'"}),
        ({"kind": list(map(str, range(12)))}, {"kind": "each image is a class of its own"}),
        ({"kind": ["n/a"] + ["a", "b"] * 5 + ["b"]}, {"kind": "1 of 12 images have no label"}),
        (
            {"kind": ["a", "b"] * 6},
            {
                "few_shot of kind, 10 shots": "needs two classes with 11 images, has 0",
                "subclass_shift": "needs two levels of labels, has 1",
            },
        ),
        (
            {"kind": ["a", "b"] * 6, "colour": ["r"] * 6 + ["g"] * 6},
            {"subclass_shift of kind by colour": "'r' lies in 'a' and in 'b'"},
        ),
    ],
)
def test_thin_labels_are_said_not_failed(
    rng: np.random.Generator, labels: dict[str, list[str]], said: dict[str, str]
) -> None:
    settings = TransferSettings(shots=(1, 10), episodes=2, halvings=1)
    ids = tuple(f"i{number}" for number in range(12))
    table = FeatureTable(ids, rng.normal(size=(12, 3)).astype(np.float32))
    named = {level: dict(zip(ids, of, strict=True)) for level, of in labels.items()}
    found = as_dict(compare_transfer([Candidate("base", table)], named, settings=settings))
    json.dumps(found, allow_nan=False)
    for name, reason in said.items():
        assert reason in found["missing"][name]
    assert all(of["classes"] > 1 for of in found["measures"])


def test_wrong_input_is_refused(make_world: Any, rng: np.random.Generator) -> None:
    world = make_world(2, 2, 4)
    base = candidate("base", world, world.features(rng))
    flat = candidate("flat", world, np.ones((16, 3)))
    fewer = {"family": {name: "a" for name in world.ids[:-1]}}
    for candidates, labels, ids, said in (
        ([], None, None, "no network"),
        ([base, base], None, None, "two networks are called 'base'"),
        ([base, flat], None, None, "flat: all 16 images have the same features"),
        ([base], fewer, None, f"1 image of 16 without a label .* first '{world.ids[-1]}'"),
        ([base], None, ["elsewhere/1"], "base: no features for 1 of 1 objects"),
        ([base], None, [world.ids[0]] * 2, "each once"),
        ([base], None, [], "each once"),
    ):
        with pytest.raises(TwoalikeError, match=said):
            compare_transfer(candidates, labels, ids=ids, settings=QUICK)


def test_levels_of_folders_are_those_of_a_manifest(tmp_path: Path) -> None:
    for number, name in enumerate(("a/x/1", "a/x/2", "a/y/1", "b/1")):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4 + number, 4)).save(path)
    ids, _ = find_images(tmp_path)
    assert ids == ("a/x/1", "a/x/2", "a/y/1", "b/1")
    table = image_table(tmp_path)
    expected = {level: table[level].tolist() for level in ("level_1", "level_2")}
    assert folder_levels(ids) == expected
    with pytest.raises(TwoalikeError, match="found none among 2, first 'p'"):
        folder_levels(["p", "q"])


@pytest.fixture
def files(make_world: Any, tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two networks' features and a table of labels, as files."""
    world = make_world(3, 3, 8)
    for name, family in (("base", 0.3), ("aligned", 2.0)):
        values = world.features(rng, family=family, species=0.5)
        write_features(tmp_path / f"{name}.npz", FeatureTable(world.ids, values))
    rows = zip(world.ids, world.superclass, world.subclass, strict=True)
    body = "".join("\t".join(row) + "\n" for row in rows)
    (tmp_path / "labels.tsv").write_text("id\tfamily\tspecies\n" + body)
    (tmp_path / "only.txt").write_text("\n".join(world.ids[:48]) + "\n")
    return tmp_path


@pytest.fixture
def command(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[int, dict[str, Any]]]:
    """A function that runs the command and reads what it wrote."""
    monkeypatch.chdir(files)

    def run(words: str) -> tuple[int, dict[str, Any]]:
        status, out = (
            call("transfer", *words.split(), "--out", "transfer.json"),
            Path("transfer.json"),
        )
        return status, json.loads(out.read_text()) if out.exists() else {}

    return run


def test_the_command(
    command: Callable[[str], tuple[int, dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--features base=base.npz --features aligned.npz --shots 1,10"
    status, found = command(f"{words} --labels labels.tsv")
    printed = capsys.readouterr().out
    assert status == 0
    assert found["kind"] == "transfer"
    assert set(found["inputs"]) == {"features base", "features aligned", "labels"}
    assert found["config"]["shots"] == [1, 10]
    assert list(found["missing"]) == ["transfer.few_shot of species, 10 shots"]
    assert "not measured: few_shot of species, 10 shots: needs two classes" in printed
    assert "* over other images of the same classes" in printed
    assert "minus base" in printed
    assert "family of new species" in printed
    rows = {(of["measure"], of["model"], of["level"]): of for of in found["rows"]}
    for measure, model, level in rows:
        if not model or "difference" in measure or measure.endswith("same_classes"):
            continue
        row, same = (rows[f"{measure}{end}", model, level] for end in ("", ".same_classes"))
        shown = same if row["n"] < 6 else row
        assert f"{row['value']:.3f} {shown['low']:.3f} to {shown['high']:.3f}" in printed
        assert same["low"] <= row["value"] <= same["high"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--features base.npz --shots 1,few", "--shots: expected numbers of images such as 1,5,10"),
        ("--features base.npz --shots 0", "shots: expected at least 1, found 0"),
        ("--features nowhere.npz", "nowhere.npz"),
    ],
)
def test_mistakes_are_one_line(
    command: Callable[[str], tuple[int, dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    words: str,
    said: str,
) -> None:
    status, found = command(words)
    error = capsys.readouterr().err
    assert (status, found) == (1, {})
    assert said in error
    assert error.count("\n") == 1
