"""The drawn creatures: reproducible, in a hierarchy, and misleading only where they should be."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from twoalike.stimuli import StimulusSet, draw_creatures

SMALL = {"kingdoms": 2, "families": 2, "species": 2, "individuals": 2, "size": 48}


def test_same_seed_same_bytes(tmp_path: Path, snapshot: Callable[[Path], object]) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_creatures(tmp_path / name, seed=seed, **SMALL)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert snapshot(tmp_path / "a") != snapshot(tmp_path / "c")


def test_hierarchy_is_nested_and_balanced(tmp_path: Path) -> None:
    stimuli = draw_creatures(tmp_path / "s", seed=4, **SMALL)
    assert stimuli.levels == ("kingdom", "family", "species")
    table = stimuli.table
    assert len(table) == 16
    assert table["species"].value_counts().unique().tolist() == [2]
    assert (table.groupby("species")["family"].nunique() == 1).all()
    assert (table.groupby("family")["kingdom"].nunique() == 1).all()
    assert (table.groupby("kingdom")["family"].nunique() == 2).all()
    assert stimuli.ids[0] == f"{table['species'][0]}-1"
    StimulusSet.load(tmp_path / "s")
    with Image.open(stimuli.path(stimuli.ids[0])) as image:
        assert image.size == (48, 48)


def test_a_creature_stays_when_others_are_added(tmp_path: Path) -> None:
    few = draw_creatures(tmp_path / "few", seed=1, **SMALL)
    more = draw_creatures(tmp_path / "more", seed=1, **SMALL | {"individuals": 3})
    assert few.path(few.ids[0]).read_bytes() == more.path(few.ids[0]).read_bytes()
