"""The drawn creatures: reproducible, in a hierarchy, and misleading only where they should be."""

from collections.abc import Callable
from io import BytesIO
from itertools import combinations, product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from twoalike.stimuli import StimulusSet, draw_creatures
from twoalike.stimuli._creatures import (
    FIRST,
    LAST,
    LENGTHS,
    MIDDLE,
    MOST_SPECIES,
    NUMBERS,
    invent_names,
    render,
    species_traits,
)
from twoalike.stimuli._portrait import APPENDAGES, BODIES, MARKINGS, Traits, draw_portrait, outline
from twoalike.study import TwoalikeError

SMALL = {"kingdoms": 2, "families": 2, "species": 2, "individuals": 2, "size": 48}


def test_same_seed_same_bytes(tmp_path: Path, snapshot: Callable[[Path], object]) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_creatures(tmp_path / name, seed=seed, **SMALL)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert snapshot(tmp_path / "a") != snapshot(tmp_path / "c")


def test_the_seed_changes_the_pictures_and_not_just_the_names(tmp_path: Path) -> None:
    first, second = (draw_creatures(tmp_path / f"{s}", seed=s, **SMALL) for s in (1, 2))
    for one, other in zip(first.ids, second.ids, strict=True):
        assert first.path(one).read_bytes() != second.path(other).read_bytes()


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


def test_what_differs_within_a_species_does_not_depend_on_it() -> None:
    """Colours, background, size and pose come out alike for whatever species is drawn."""

    def varying(traits: Traits) -> tuple[str, str]:
        svg = draw_portrait(traits, np.random.default_rng(8))
        before, after = svg.split('<g transform="translate')
        return before, after.split('">')[0]

    kinds = [species_traits(b, a, i) for b, a, i in product(BODIES, APPENDAGES, (0, 4))]
    assert len({varying(traits) for traits in kinds}) == 1


def test_all_species_differ() -> None:
    kinds = [species_traits("orb", "leaf", index) for index in range(MOST_SPECIES)]
    assert len(set(kinds)) == MOST_SPECIES == len(NUMBERS) * len(LENGTHS) * len(MARKINGS)
    first = {(traits.number, traits.length) for traits in kinds[:6]}
    assert len(first) == 6


@pytest.mark.parametrize(("body", "appendage"), list(product(BODIES, APPENDAGES)))
def test_every_kind_draws_inside_the_frame(body: str, appendage: str) -> None:
    """With a plain frame of one colour, no part of the creature touches the border."""
    traits = species_traits(body, appendage, 5)
    for seed in range(2):
        svg = draw_portrait(traits, np.random.default_rng(seed))
        ElementTree.fromstring(svg)
        start, end = svg.index("</defs>") + 7, svg.index('<g transform="translate')
        bare = svg[:start] + svg[end:]
        with Image.open(BytesIO(render(bare, 100))) as image:
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
        assert alpha[50, 50] > 0
        assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) == 0


def test_bodies_are_closed_shapes_around_the_face() -> None:
    for body in BODIES.values():
        radius = np.linalg.norm(outline(body), axis=1)
        assert radius.min() > 25
        assert radius.max() < 62


def test_bodies_differ() -> None:
    for first, second in combinations(BODIES, 2):
        gap = np.abs(outline(BODIES[first]) - outline(BODIES[second])).max()
        assert gap > 5, (first, second)


def test_names_are_unique_words(rng: np.random.Generator) -> None:
    most = len(FIRST) * len(LAST) * (1 + len(MIDDLE))
    names = invent_names(most, rng)
    assert len(set(names)) == most
    assert all(name.isalpha() and name.islower() for name in names)


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TwoalikeError, match="new or empty folder"):
        draw_creatures(tmp_path, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
