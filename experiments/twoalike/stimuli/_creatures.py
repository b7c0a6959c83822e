"""The demo set: novel creatures in a hierarchy of kingdoms, families and species.

Novel objects have a long use in the study of perceptual learning (Gauthier & Tarr 1997,
doi:10.1016/S0042-6989(96)00286-6): no one brings knowledge of them, and the experimenter
decides what they share. Here the body tells the kingdom, the kind of appendages the family,
their number and length and a marking the species. Colour, size, pose and background differ
from individual to individual and carry no information: a network that judges by them goes wrong,
and people's judgments can set it right.

A body is a radius for every direction, so that appendages of any kind fit any body: each is drawn
from the origin along the x axis, moved to the outline and turned outwards. Directions are in
radians, 0 to the right, a quarter turn down (the y axis of images points down). What is random is
drawn here; ``creature.svg.jinja`` says how it looks.
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.stimuli._set import StimulusSet
from twoalike.study import Floats, TwoalikeError, atomic_directory, progress, sha256_file


def _hsl(hue: float, saturation: float, lightness: float) -> str:
    """Colour as ``#rrggbb`` from hue (turns), saturation and lightness in [0, 1]."""
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _palette(rng: np.random.Generator) -> dict[str, str]:
    body, scene = rng.uniform(size=2)
    limb = body + float(rng.choice([-0.12, -0.06, 0.06, 0.12, 0.5]))
    tone = rng.uniform(0.6, 0.74)
    return {
        "light": _hsl(body + 0.02, 0.8, min(tone + 0.18, 0.93)),
        "body": _hsl(body, 0.62, tone),
        "shade": _hsl(body - 0.03, 0.5, tone - 0.17),
        "limb": _hsl(limb, 0.6, tone + 0.02),
        "line": _hsl(body - 0.02, 0.42, 0.27),
        "cheek": _hsl(0.97, 0.85, 0.68),
        "sky": _hsl(scene, rng.uniform(0.3, 0.6), rng.uniform(0.82, 0.93)),
        "ground": _hsl(scene + rng.uniform(-0.12, 0.12), rng.uniform(0.3, 0.55), 0.74),
        "decor": _hsl(scene + rng.uniform(-0.08, 0.08), 0.5, float(rng.choice([0.66, 0.95]))),
    }


def _superellipse(width: float, height: float, power: float) -> Callable[[Floats], Floats]:
    def radius(angle: Floats) -> Floats:
        across = np.abs(np.cos(angle) / width) ** power
        along = np.abs(np.sin(angle) / height) ** power
        return np.asarray((across + along) ** (-1 / power))

    return radius


def _cloud(angle: Floats) -> Floats:
    # The absolute sine gives round lobes with sharp valleys, as a cloud has.
    return np.asarray(52 * (0.72 + 0.28 * np.abs(np.sin(7 * angle / 2))))


BODIES: dict[str, Callable[[Floats], Floats]] = {
    "column": _superellipse(29, 58, 3.0),
    "cloud": _cloud,
    "loaf": _superellipse(56, 31, 2.6),
}
"""Radius as a function of direction, by kind of body."""
APPENDAGES = ("tentacle", "knob", "leaf")
MARKINGS = ("belly", "spots", "bands")
SCENES = ("bubbles", "hills", "stripes", "rays", "confetti", "plain")
NUMBERS = (4, 6, 9)
LENGTHS = (16.0, 28.0)


@dataclass(frozen=True)
class Traits:
    """What all individuals of a species share: kingdom (body), family (appendage) and species."""

    body: str
    appendage: str
    number: int
    length: float
    marking: str

    @classmethod
    def of(cls, kingdom: int, family: int, species: int) -> "Traits":
        """Traits of a species by its place in the hierarchy; all 18 of a family differ.

        The first six differ in number and length already, with the marking as a further sign.
        """
        turn, number = divmod(species, len(NUMBERS))
        return cls(
            list(BODIES)[kingdom],
            APPENDAGES[family],
            NUMBERS[number],
            LENGTHS[turn % len(LENGTHS)],
            MARKINGS[(species + turn) % len(MARKINGS)],
        )


def _scene(rng: np.random.Generator) -> tuple[str, Any]:
    scene = SCENES[rng.integers(len(SCENES))]
    if scene == "bubbles":
        return scene, np.stack([rng.uniform(*of, 14) for of in ((0, 200), (0, 200), (4, 15))], 1)
    if scene == "hills":
        return scene, [rng.uniform(*of) for of in ((105, 140), (145, 170), (20, 180), (18, 50))]
    if scene == "stripes":
        turn, width = rng.uniform(-90, 90), rng.uniform(8, 18)
        return scene, (turn, width, np.arange(-100, 300, 2.2 * width))
    if scene == "rays":
        start, rays = rng.uniform(0, 2 * np.pi), int(rng.integers(7, 12))
        angles = start + 2 * np.pi * np.add.outer(np.arange(rays), (0.0, 0.5)) / rays
        ends = 100 + 160 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        return scene, ends.reshape(rays, 4)
    if scene == "confetti":
        return scene, np.stack([rng.uniform(0, end, 26) for end in (195, 195, 180)], 1)
    return scene, None


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    source = files("twoalike.stimuli") / "creature.svg.jinja"
    return environment.from_string(source.read_text(encoding="utf-8"))


def _portrait(traits: Traits, rng: np.random.Generator) -> str:
    """SVG of one individual; appendages come before the body, so that it covers their roots."""
    colours = _palette(rng)
    scene, at = _scene(rng)
    size = rng.uniform(0.82, 1.0)
    x, y = 100 + rng.uniform(-6, 6, size=2)
    lean, mirror = rng.uniform(-15, 15), rng.choice([-1, 1])
    body, step = BODIES[traits.body], 2 * np.pi / traits.number
    angles = -np.pi / 2 + step * (np.arange(traits.number) + 0.5)
    angles = angles + rng.uniform(-0.1, 0.1, size=traits.number)
    bends = [float(rng.choice([-1, 1])) for _ in angles]
    along = np.linspace(-6, traits.length, 24)
    wave = 6.0 * np.sin(np.clip(along, 0, None) / 5.0)
    waves = [np.stack([along, bend * wave], axis=1) for bend in bends]
    round_about = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    directions = np.stack([np.cos(round_about), np.sin(round_about)], axis=1)
    return str(
        _template().render(
            c=colours,
            traits=traits,
            scene=scene,
            at=at,
            **{"x": x, "y": y, "size": size, "lean": lean, "mirror": mirror},
            limbs=list(zip(np.degrees(angles), body(angles), bends, waves, strict=True)),
            outline=body(round_about)[:, None] * directions,
            gaze=(rng.uniform(-2.2, 2.2), rng.uniform(-1.5, 1.8)),
            smile=rng.uniform(2.0, 6.5),
        )
    )


FIRST = ("ko", "mi", "ta", "lu", "ne", "ri", "so", "va", "zu", "be", "do", "fa")
MIDDLE = ("la", "ni", "ro", "mu", "ve", "ti", "da", "so")
LAST = ("ra", "lo", "mi", "na", "vu", "zo", "li", "ru", "ta", "no")
"""Syllables; first and last lists are chosen so that no pair of them makes a rude word."""


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
        Numbers of kingdoms (up to 3), families a kingdom (up to 3), species a family (up to 18)
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
    places = list(product(range(kingdoms), range(families)))
    total = kingdoms + len(places) + len(places) * species
    words = iter(_invented_names(total, np.random.default_rng(seed)))
    names = {(*place, s): next(words) for place in places for s in range(species)}
    in_family = {place: f"{next(words)}ids" for place in places}
    in_kingdom = [f"{next(words)}ria" for _ in range(kingdoms)]
    rows = []
    with atomic_directory(folder) as temporary, progress() as bar:
        task = bar.add_task("drawing", total=len(names), status="")
        for (k, f, s), word in names.items():
            for i in range(individuals):
                name = f"{word}-{i + 1}"
                picture = temporary / f"{name}.png"
                portrait = _portrait(Traits.of(k, f, s), np.random.default_rng([seed, k, f, s, i]))
                picture.write_bytes(render(portrait, size))
                levels = (in_kingdom[k], in_family[k, f], word)
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


def _invented_names(n: int, rng: np.random.Generator) -> list[str]:
    short = ["".join(parts) for parts in product(FIRST, LAST)]
    long = ["".join(parts) for parts in product(FIRST, MIDDLE, LAST)]
    return [str(name) for name in (*rng.permutation(short), *rng.permutation(long))][:n]
