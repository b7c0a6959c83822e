"""The demo set: novel creatures in a hierarchy of kingdoms, families and species.

Novel objects have a long use in the study of perceptual learning (Gauthier & Tarr 1997,
doi:10.1016/S0042-6989(96)00286-6): no one brings knowledge of them, and the experimenter
decides what they share. Here the body tells the kingdom, the kind of appendages the family,
their number and length and a marking the species. Colour, size, pose and background differ
from individual to individual and carry no information: a network that judges by them goes wrong,
and people's judgments can set it right.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.stimuli._portrait import APPENDAGES, BODIES, MARKINGS, Traits, draw_portrait
from twoalike.stimuli._set import StimulusSet
from twoalike.study import TwoalikeError, atomic_directory, progress, sha256_file

FIRST = ("ko", "mi", "ta", "lu", "ne", "ri", "so", "va", "zu", "be", "do", "fa")
MIDDLE = ("la", "ni", "ro", "mu", "ve", "ti", "da", "so")
LAST = ("ra", "lo", "mi", "na", "vu", "zo", "li", "ru", "ta", "no")
"""Syllables; first and last lists are chosen so that no pair of them makes a rude word."""
NUMBERS = (4, 6, 9)
LENGTHS = (16.0, 28.0)
MOST_SPECIES = len(NUMBERS) * len(LENGTHS) * len(MARKINGS)


def species_traits(body: str, appendage: str, index: int) -> Traits:
    """Traits of species ``index`` of a family; all MOST_SPECIES of them differ.

    The first six differ in number and length already, with the marking as a further sign.
    """
    return Traits(
        body=body,
        appendage=appendage,
        number=NUMBERS[index % len(NUMBERS)],
        length=LENGTHS[index // len(NUMBERS) % len(LENGTHS)],
        marking=MARKINGS[(index + index // len(NUMBERS)) % len(MARKINGS)],
    )


def draw_creatures(
    folder: str | Path,
    *,
    seed: int,
    kingdoms: int = 3,
    families: int = 3,
    species: int = 6,
    individuals: int = 4,
    size: int = 224,
) -> StimulusSet:
    """Draw the creatures as PNG files into ``folder``, with their manifest.

    Parameters
    ----------
    folder
        Made by this function; may exist if it is empty.
    seed
        Fixes names and individuals; the same seed gives the same bytes.
    kingdoms, families, species, individuals
        Numbers of kingdoms (up to 6), families a kingdom (up to 6), species a family (up to 18)
        and individuals a species.
        A creature does not change when others are added.
    size
        Width and height of the pictures in pixels.

    Returns
    -------
    The set, with levels ``kingdom``, ``family`` and ``species``.
    """
    folder = Path(folder)
    check_empty(folder)
    names = _Names(seed, kingdoms, families, species)
    rows = []
    with atomic_directory(folder) as temporary, progress() as bar:
        task = bar.add_task("drawing", total=kingdoms * families * species, status="")
        for k, f, s in product(range(kingdoms), range(families), range(species)):
            traits = species_traits(list(BODIES)[k], list(APPENDAGES)[f], s)
            levels = (names.kingdom[k], names.family[k, f], names.species[k, f, s])
            for i in range(individuals):
                name = f"{levels[-1]}-{i + 1}"
                picture = temporary / f"{name}.png"
                rng = np.random.default_rng([seed, k, f, s, i])
                picture.write_bytes(render(draw_portrait(traits, rng), size))
                rows.append((name, picture.name, sha256_file(picture), *levels))
            bar.update(task, advance=1)
        columns = ["id", "file", "sha256", "kingdom", "family", "species"]
        StimulusSet.write(temporary, pd.DataFrame(rows, columns=columns, dtype=str))
    return StimulusSet.load(folder, verify=False)


def check_empty(folder: Path) -> None:
    """Check that there is no such folder yet, or nothing in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TwoalikeError(f"{folder}: expected a new or empty folder, found files in it.")


def render(svg: str, size: int, background: str | None = None) -> bytes:
    """PNG of an SVG drawing, ``size`` pixels wide and high; transparent without a background."""
    import resvg_py

    return resvg_py.svg_to_bytes(
        svg_string=svg, background=background, width=size, height=size, skip_system_fonts=True
    )


class _Names:
    """Names of all categories, by the place in the hierarchy."""

    def __init__(self, seed: int, kingdoms: int, families: int, species: int) -> None:
        places = list(product(range(kingdoms), range(families)))
        total = kingdoms + len(places) + len(places) * species
        words = iter(invent_names(total, np.random.default_rng(seed)))
        self.species = {(*place, s): next(words) for place in places for s in range(species)}
        self.family = {place: f"{next(words)}ids" for place in places}
        self.kingdom = {k: f"{next(words)}ria" for k in range(kingdoms)}


def invent_names(n: int, rng: np.random.Generator) -> list[str]:
    """Draw ``n`` distinct invented words that are easy to say, the short ones first."""
    short = ["".join(parts) for parts in product(FIRST, LAST)]
    long = ["".join(parts) for parts in product(FIRST, MIDDLE, LAST)]
    names = [*rng.permutation(short), *rng.permutation(long)][:n]
    return [str(name) for name in names]
