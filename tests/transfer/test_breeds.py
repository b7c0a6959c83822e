"""BREEDS: the published splits, drawn again from the published hierarchy's form."""

import json
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import call

from twoalike.features import FeatureTable, write_features
from twoalike.study import TwoalikeError
from twoalike.transfer import BreedsHierarchy, BreedsSplit, breeds_shift
from twoalike.transfer._breeds import breeds_classes

ROOT, LIVING = "n00001740", "n00004258"
SUPERCLASSES = {  # ImageNet's classes below each, by number: first and last
    "salamander": (25, 29),
    "turtle": (33, 37),
    "lizard": (38, 48),
    "snake": (52, 68),
    "spider": (72, 77),
    "grouse": (80, 83),
    "parrot": (87, 90),
    "crab": (118, 121),
    "dog": (151, 268),
    "wolf": (269, 272),
    "fox": (277, 280),
    "domestic cat": (281, 285),
    "bear": (294, 297),
    "beetle": (300, 307),
    "butterfly": (321, 326),
    "ape": (365, 369),
    "monkey": (370, 382),
}
PUBLISHED = {  # LIVING-17: numbers of the classes to learn from | to be asked for
    "salamander": "27 29 | 26 28",
    "turtle": "37 34 | 33 35",
    "lizard": "41 44 | 47 38",
    "snake": "60 57 | 65 61",
    "spider": "76 72 | 74 77",
    "grouse": "81 83 | 82 80",
    "parrot": "88 90 | 87 89",
    "crab": "118 120 | 119 121",
    "dog": "163 154 | 257 157",
    "wolf": "272 271 | 270 269",
    "fox": "280 279 | 277 278",
    "domestic cat": "282 285 | 283 284",
    "bear": "297 295 | 296 294",
    "beetle": "305 306 | 302 303",
    "butterfly": "325 321 | 324 322",
    "ape": "368 365 | 366 367",
    "monkey": "377 380 | 381 379",
}
BEGINNINGS = {  # of the other splits: classes of the first superclasses, and the split of each
    "entity13": {
        "399 400 411 445 459 474 501 529 568 578 601 608 610 614 617 638 652 655 689 697 735 775 "
        "834 841 842 869 887": "869 399 578 735 652 610 501 445 655 842 | "
        "617 459 601 474 697 400 411 529 841 775"
    },
    "entity30": {
        "52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68": "64 56 57 52 | 61 55 53 62",
        "10 11 12 13 14 15 16 17 18 19 20": "11 10 20 19 | 18 12 14 16",
        "38 39 40 41 42 43 44 45 46 47 48": "44 45 40 46 | 48 47 42 38",
        "70 71 72 73 74 75 76 77 78": "70 73 71 75 | 77 72 78 76",
    },
    "nonliving26": {
        "414 636 728 748": "728 748 | 636 414",
        "429 430 522 574 722 747 768 805 852 890": "890 747 | 722 805",
        "472 484 554 576 625 814 871 914": "576 871 | 484 472",
    },
}


def wordnet(number: int) -> str:
    """Id of a class; those of ImageNet are in the order of their numbers too."""
    return f"n{number:08d}"


def write_hierarchy(
    folder: Path, edges: list[tuple[str, str]], names: dict[str, str], classes: list[int]
) -> Path:
    folder.mkdir()
    info = [[number, wordnet(number), f"class {number}"] for number in classes]
    (folder / "dataset_class_info.json").write_text(json.dumps(info))
    (folder / "class_hierarchy.txt").write_text("".join(f"{a} {b}\n" for a, b in edges))
    named = {ROOT: "entity", **names}
    (folder / "node_names.txt").write_text("".join(f"{a}\t{b}\n" for a, b in named.items()))
    return folder


def chain(*nodes: str) -> list[tuple[str, str]]:
    return list(pairwise(nodes))


def members(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    source, target = (tuple(map(wordnet, map(int, part.split()))) for part in text.split("|"))
    return source, target


@pytest.fixture
def living(tmp_path: Path) -> Path:
    """The living things that LIVING-17 is of, with nodes between as in WordNet."""
    edges, names, classes = [(ROOT, LIVING), (ROOT, "n00021939")], {}, []
    for number, (name, (first, last)) in enumerate(SUPERCLASSES.items()):
        node = f"x{number:02d}"
        edges += chain(LIVING, f"a{number}", f"b{number}", f"c{number}", node)
        names[node] = name
        # Below some, one node alone, or a class that lies below another class.
        below = f"only{number}" if number % 3 == 0 else node
        edges += [(node, below)] if below != node else []
        own = list(range(first, last + 1))
        inner = f"inner{number}"
        edges += [
            (below, inner),
            *((inner if k % 2 else below, wordnet(c)) for k, c in enumerate(own)),
        ]
        classes += own
    edges += [*chain(LIVING, "a", "b", "c", "y"), ("y", wordnet(999))]  # too few classes
    edges += chain("elsewhere", "nowhere")  # above no class
    return write_hierarchy(tmp_path / "modified", edges, names, [*classes, 999])


def test_living17_is_the_published_split(living: Path) -> None:
    split = BreedsHierarchy.read(living).split("living17")
    assert list(split.source) == list(PUBLISHED)
    for name, text in PUBLISHED.items():
        assert (split.source[name], split.target[name]) == members(text)


@pytest.mark.parametrize(("name", "way"), [("entity13", 2), ("entity30", 3), ("nonliving26", 3)])
def test_other_splits_begin_as_published(tmp_path: Path, name: str, way: int) -> None:
    edges, classes = [(ROOT, "n00021939"), (ROOT, LIVING)], []
    start = "n00021939" if name == "nonliving26" else ROOT
    superclasses = [*BEGINNINGS[name], " ".join(map(str, range(900, 1000)))]
    for number, part in enumerate(superclasses):
        own = [int(each) for each in part.split() if int(each) not in classes]
        between = [f"{place}{number}" for place in range(way)]
        edges += [*chain(start, *between, f"x{number}")]
        edges += [(f"x{number}", wordnet(each)) for each in own]
        classes += own
    hierarchy = BreedsHierarchy.read(write_hierarchy(tmp_path / "m", edges, {}, classes))
    split = hierarchy.split(name)
    assert list(split.source) == [f"x{number}" for number in range(len(superclasses))]
    for number, text in enumerate(BEGINNINGS[name].values()):
        assert (split.source[f"x{number}"], split.target[f"x{number}"]) == members(text)
    with pytest.raises(TwoalikeError, match="needs two nodes at level 5 with 4 classes, has 0"):
        hierarchy.split("living17")


def test_levels_are_the_longest_ways(tmp_path: Path) -> None:
    edges = [*chain(ROOT, "a", "b", wordnet(1)), (ROOT, "b"), (ROOT, wordnet(1)), ("a", wordnet(2))]
    hierarchy = BreedsHierarchy.read(write_hierarchy(tmp_path / "m", edges, {}, [1, 2]))
    assert hierarchy.levels == {ROOT: 0, "a": 1, "b": 2, wordnet(1): 3, wordnet(2): 2}
    assert hierarchy.classes_of("a") == [wordnet(1), wordnet(2)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "class_hierarchy.txt",
            f"{ROOT} a\na b\nb a\nb {wordnet(1)}\n",
            r"class_hierarchy\.txt: has a cycle, [ab] to [ab] to [ab]\. Get",
        ),
        ("class_hierarchy.txt", f"{ROOT}\n", "line 1: expected parent and child"),
        ("class_hierarchy.txt", f"a {wordnet(1)}\n", f"expected the root {ROOT} above the classes"),
        ("dataset_class_info.json", "{}", r"expected a list of \[number, id, name\]"),
        ("dataset_class_info.json", "[1", "not valid JSON"),
        ("node_names.txt", "a\n", "line 1: expected id and name"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    folder = write_hierarchy(tmp_path / "m", [(ROOT, wordnet(1))], {}, [1])
    (folder / name).write_text(content)
    with pytest.raises(TwoalikeError, match=message):
        BreedsHierarchy.read(folder)
    (folder / name).unlink()
    with pytest.raises(TwoalikeError, match="no such file"):
        BreedsHierarchy.read(folder)


def test_a_superclass_that_is_a_class_itself(tmp_path: Path) -> None:
    """With it there are enough classes, but too few to draw from below it."""
    edges, classes = [(ROOT, LIVING)], [1]
    for number in range(3):
        node = wordnet(1) if number == 0 else f"x{number}"
        edges += chain(LIVING, *(f"{place}{number}" for place in "abc"), node)
        own = range(10 * number + 10, 10 * number + (13 if number == 0 else 14))
        edges += [(node, wordnet(each)) for each in own]
        classes += own
    hierarchy = BreedsHierarchy.read(write_hierarchy(tmp_path / "m", edges, {}, classes))
    assert len(hierarchy.classes_of(wordnet(1))) == 4
    assert list(hierarchy.split("living17").source) == ["x1", "x2"]


def test_the_class_of_an_image_is_found_where_it_is_named() -> None:
    classes = frozenset({wordnet(1), wordnet(2)})
    ids = [f"{wordnet(1)}_17", f"val/{wordnet(2)}/x", "x", "y"]
    assert breeds_classes(ids, {}, classes) == [wordnet(1), wordnet(2), None, None]
    labels = {"kind": ["cat"] * 4, "class": [*"ab", wordnet(2), f"n/{wordnet(1)}"]}
    assert breeds_classes(ids, labels, classes) == [wordnet(k) for k in (1, 2, 2, 1)]


def test_knowing_superclasses_carries_over_and_knowing_classes_does_not(
    rng: np.random.Generator,
) -> None:
    split = BreedsSplit({"a": ("1", "2"), "b": ("3", "4")}, {"a": ("5", "6"), "b": ("7", "8")})
    classes = np.repeat([*"12345678", None], 20).tolist()
    above = np.repeat([0, 0, 1, 1, 0, 0, 1, 1, 0], 20)
    below = np.repeat(np.arange(9), 20)
    noise = rng.normal(size=(180, 12))
    known = breeds_shift(noise + 8 * np.eye(12)[above], classes, split)
    assert (known.source.interval().value, known.target.interval().value) == (1, 1)
    assert known.source.values.shape == (1, 2)
    assert len(known.source.images) == 20  # a quarter of the source classes' 80
    assert len(known.target.images) == 80
    single = breeds_shift(noise + 8 * np.eye(12)[below], classes, split)
    assert single.source.interval().value == 1
    assert single.target.interval().value < 0.8
    with pytest.raises(TwoalikeError, match="two superclasses, has those of 1 of 2"):
        breeds_shift(noise, ["3", "3", "8", "1", "5", *[None] * 175], split)


def test_from_the_command_line(
    living: Path, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Images named as ImageNet's, flat; some superclasses have none."""
    classes = [c for a, b in list(SUPERCLASSES.values())[:4] for c in range(a, b + 1)]
    above = np.repeat(
        [k for k, (a, b) in enumerate(list(SUPERCLASSES.values())[:4]) for _ in range(a, b + 1)], 6
    )
    ids = tuple(f"{wordnet(c)}_{k}" for c in classes for k in range(6))
    noise = rng.normal(size=(len(ids), 8))
    for name, weight in (("base", 0.3), ("aligned", 3.0)):
        values = (noise + weight * np.eye(8)[above]).astype(np.float32)
        write_features(tmp_path / f"{name}.npz", FeatureTable(ids, values, {}))
    out = tmp_path / "transfer.json"
    words: list[object] = ["transfer", "--breeds", living, "--shots", 1, "--out", out]
    for name in ("base", "aligned"):
        words += ["--features", f"{name}={tmp_path / name}.npz"]
    assert call(*words) == 0
    found = json.loads(out.read_text())
    parts = {of["measure"]: of for of in found["measures"] if of["measure"].startswith("breeds")}
    assert {of["level"] for of in parts.values()} == {"living17"}
    assert parts["breeds_target"]["classes"] == 4
    assert set(parts["breeds_target"]["left_out"]) == set(list(SUPERCLASSES)[4:])
    base, aligned = parts["breeds_target"]["models"]
    assert aligned["value"] > base["value"] + 0.2
    assert aligned["difference"]["low"] > 0
    assert found["missing"]["breeds entity13"].startswith("needs two nodes at level 3")
    assert "breeds class_hierarchy.txt" in found["inputs"]
    said = capsys.readouterr().out
    assert "living17, new classes" in said
    assert "BREEDS, balanced accuracy" in said


def test_draws_are_without_replacement(living: Path) -> None:
    split = BreedsHierarchy.read(living).split("living17")
    for part in (split.source, split.target):
        for one, other in combinations(part.values(), 2):
            assert not set(one) & set(other)
