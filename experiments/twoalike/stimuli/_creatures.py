"""The demo set: novel creatures in a hierarchy of kingdoms, families and species.

Novel objects have a long use in the study of perceptual learning (Gauthier & Tarr 1997,
doi:10.1016/S0042-6989(96)00286-6): no one brings knowledge of them, and the experimenter
decides what they share. Here the body tells the kingdom, the kind of appendages the family,
their number and length and a marking the species. Colour, size, pose and background differ
from individual to individual and carry no information: a network that judges by them goes wrong,
and people's judgments can set it right.

A body is a radius for every direction, so that appendages of any kind fit any body: each is drawn
from the origin along the x axis, moved to the outline and turned outwards. Directions are in
radians, 0 to the right, a quarter turn down (the y axis of images points down); lengths are in
units of a 200 x 200 drawing.
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.stimuli._set import StimulusSet
from twoalike.study import Floats, TwoalikeError, atomic_directory, progress, sha256_file


@dataclass(frozen=True)
class Palette:
    """Colours of one picture as ``#rrggbb``; sky and ground are the ends of the background."""

    light: str
    body: str
    shade: str
    limb: str
    line: str
    cheek: str
    sky: str
    ground: str
    decor: str


def hsl(hue: float, saturation: float, lightness: float) -> str:
    """Colour as ``#rrggbb`` from hue (turns), saturation and lightness in [0, 1]."""
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def draw_palette(rng: np.random.Generator) -> Palette:
    """Colours with a random hue for the body, the appendages and the background."""
    body, scene = rng.uniform(size=2)
    limb = body + float(rng.choice([-0.12, -0.06, 0.06, 0.12, 0.5]))
    tone = rng.uniform(0.6, 0.74)
    return Palette(
        light=hsl(body + 0.02, 0.8, min(tone + 0.18, 0.93)),
        body=hsl(body, 0.62, tone),
        shade=hsl(body - 0.03, 0.5, tone - 0.17),
        limb=hsl(limb, 0.6, tone + 0.02),
        line=hsl(body - 0.02, 0.42, 0.27),
        cheek=hsl(0.97, 0.85, 0.68),
        sky=hsl(scene, rng.uniform(0.3, 0.6), rng.uniform(0.82, 0.93)),
        ground=hsl(scene + rng.uniform(-0.12, 0.12), rng.uniform(0.3, 0.55), 0.74),
        decor=hsl(scene + rng.uniform(-0.08, 0.08), 0.5, float(rng.choice([0.66, 0.95]))),
    )


def _superellipse(width: float, height: float, power: float) -> Callable[[Floats], Floats]:
    def radius(angle: Floats) -> Floats:
        across = np.abs(np.cos(angle) / width) ** power
        along = np.abs(np.sin(angle) / height) ** power
        return np.asarray((across + along) ** (-1 / power))

    return radius


def _lobed(size: float, depth: float, lobes: int) -> Callable[[Floats], Floats]:
    def radius(angle: Floats) -> Floats:
        # The absolute sine gives round lobes with sharp valleys, as a cloud has.
        return np.asarray(size * (1 - depth + depth * np.abs(np.sin(lobes * angle / 2))))

    return radius


BODIES: dict[str, Callable[[Floats], Floats]] = {
    "column": _superellipse(29, 58, 3.0),
    "cloud": _lobed(52, 0.28, 7),
    "loaf": _superellipse(56, 31, 2.6),
}
"""Radius as a function of direction, by kind of body."""


def outline(body: Callable[[Floats], Floats], points: int = 96) -> Floats:
    """Points on a body's outline, shape (points, 2), around the origin."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.asarray(body(angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _tentacle(length: float, paint: Palette, bend: float) -> str:
    x = np.linspace(-6, length, 24)
    y = bend * 6.0 * np.sin(np.clip(x, 0, None) / 5.0)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    common = 'fill="none" stroke-linecap="round" stroke-linejoin="round"'
    return (
        f'<polyline points="{points}" {common} stroke="{paint.line}" stroke-width="9"/>'
        f'<polyline points="{points}" {common} stroke="{paint.limb}" stroke-width="4.6"/>'
    )


def _knob(length: float, paint: Palette, bend: float) -> str:
    end, radius = length - 2, 9.5
    stalk = f"M-6,0 Q{end / 2:.1f},{bend * 5:.1f} {end:.1f},0"
    return (
        f'<path d="{stalk}" fill="none" stroke="{paint.line}" stroke-width="4.5"/>'
        f'<circle cx="{end:.1f}" cy="0" r="{radius}" fill="{paint.limb}" '
        f'stroke="{paint.line}" stroke-width="2.4"/>'
        f'<circle cx="{end + 1.5:.1f}" cy="-2.5" r="2.4" fill="#fff" opacity=".55"/>'
    )


def _leaf(length: float, paint: Palette, bend: float) -> str:
    end, width = length + 5, 13.0
    shape = (
        f"M-6,0 C{end * 0.2:.1f},{-width} {end * 0.75:.1f},{-width * 1.25:.1f} {end:.1f},0 "
        f"C{end * 0.75:.1f},{width * 1.25:.1f} {end * 0.2:.1f},{width} -6,0 Z"
    )
    return (
        f'<path d="{shape}" fill="{paint.limb}" stroke="{paint.line}" stroke-width="2.4" '
        f'stroke-linejoin="round"/>'
        f'<path d="M2,0 Q{end / 2:.1f},{bend * 3:.1f} {end * 0.78:.1f},0" fill="none" '
        f'stroke="{paint.line}" stroke-width="1.4" opacity=".6" stroke-linecap="round"/>'
    )


APPENDAGES: dict[str, Callable[[float, Palette, float], str]] = {
    "tentacle": _tentacle,
    "knob": _knob,
    "leaf": _leaf,
}
"""Drawing of one appendage (length, colours, bend -1 or 1), by kind."""


def _bubbles(paint: Palette, rng: np.random.Generator) -> str:
    return "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{r:.1f}" fill="{paint.decor}" opacity=".7"/>'
        for x, y, r in zip(
            rng.uniform(0, 200, 14), rng.uniform(0, 200, 14), rng.uniform(4, 15, 14), strict=True
        )
    )


def _hills(paint: Palette, rng: np.random.Generator) -> str:
    far, near = rng.uniform(105, 140), rng.uniform(145, 170)
    return (
        f'<circle cx="{rng.uniform(20, 180):.0f}" cy="{rng.uniform(18, 50):.0f}" r="15" '
        f'fill="#fff" opacity=".7"/>'
        f'<path d="M0,{far:.0f} Q50,{far - 45:.0f} 105,{far:.0f} T200,{far - 10:.0f} V200 H0 Z" '
        f'fill="{paint.decor}" opacity=".55"/>'
        f'<path d="M0,{near:.0f} Q70,{near - 35:.0f} 130,{near:.0f} T200,{near:.0f} V200 H0 Z" '
        f'fill="{paint.decor}" opacity=".9"/>'
    )


def _stripes(paint: Palette, rng: np.random.Generator) -> str:
    turn, width = rng.uniform(-90, 90), rng.uniform(8, 18)
    bars = "".join(
        f'<rect x="{x:.0f}" y="-100" width="{width:.1f}" height="400"/>'
        for x in np.arange(-100, 300, 2.2 * width)
    )
    return (
        f'<g transform="rotate({turn:.0f} 100 100)" fill="{paint.decor}" opacity=".38">{bars}</g>'
    )


def _rays(paint: Palette, rng: np.random.Generator) -> str:
    start, rays = rng.uniform(0, 2 * np.pi), int(rng.integers(7, 12))
    wedges = ""
    for ray in range(rays):
        a, b = (start + 2 * np.pi * (ray + part) / rays for part in (0.0, 0.5))
        wedges += (
            f'<path d="M100,100 L{100 + 160 * np.cos(a):.0f},{100 + 160 * np.sin(a):.0f} '
            f'L{100 + 160 * np.cos(b):.0f},{100 + 160 * np.sin(b):.0f} Z"/>'
        )
    return f'<g fill="{paint.decor}" opacity=".32">{wedges}</g>'


def _confetti(paint: Palette, rng: np.random.Generator) -> str:
    return "".join(
        f'<rect x="{x:.0f}" y="{y:.0f}" width="11" height="5" rx="2.5" fill="{paint.decor}" '
        f'transform="rotate({turn:.0f} {x:.0f} {y:.0f})" opacity=".8"/>'
        for x, y, turn in zip(
            rng.uniform(0, 195, 26), rng.uniform(0, 195, 26), rng.uniform(0, 180, 26), strict=True
        )
    )


def _plain(paint: Palette, rng: np.random.Generator) -> str:
    return ""


SCENES: tuple[Callable[[Palette, np.random.Generator], str], ...] = (
    _bubbles,
    _hills,
    _stripes,
    _rays,
    _confetti,
    _plain,
)


def draw_scene(paint: Palette, rng: np.random.Generator) -> str:
    """SVG of a random background that fills the 200 x 200 drawing."""
    scene = SCENES[rng.integers(len(SCENES))]
    return f'<rect width="200" height="200" fill="url(#sky)"/>{scene(paint, rng)}'


MARKINGS = ("belly", "spots", "bands")
"""Markings on the body; the third trait of a species."""


@dataclass(frozen=True)
class Traits:
    """What all individuals of a species share: kingdom (body), family (appendage) and species."""

    body: str
    appendage: str
    number: int
    length: float
    marking: str


def draw_portrait(traits: Traits, rng: np.random.Generator) -> str:
    """SVG of one individual on a 200 x 200 drawing."""
    paint = draw_palette(rng)
    scene = draw_scene(paint, rng)
    size = rng.uniform(0.82, 1.0)
    x, y = 100 + rng.uniform(-6, 6, size=2)
    lean, mirror = rng.uniform(-15, 15), rng.choice([-1, 1])
    creature = _appendages(traits, paint, rng) + _body(traits, paint) + _face(traits, paint, rng)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200">'
        f"{_gradients(paint)}{scene}"
        f'<ellipse cx="{x:.1f}" cy="{y + 78 * size:.1f}" rx="{46 * size:.1f}" '
        f'ry="{7 * size:.1f}" fill="{paint.line}" opacity=".16"/>'
        f'<g transform="translate({x:.1f} {y:.1f}) rotate({lean:.1f}) '
        f'scale({mirror * size:.3f} {size:.3f})">{creature}</g></svg>'
    )


def _gradients(paint: Palette) -> str:
    return (
        '<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" stop-color="{paint.sky}"/>'
        f'<stop offset="1" stop-color="{paint.ground}"/></linearGradient>'
        '<radialGradient id="skin" cx=".38" cy=".3" r=".85">'
        f'<stop offset="0" stop-color="{paint.light}"/>'
        f'<stop offset=".5" stop-color="{paint.body}"/>'
        f'<stop offset="1" stop-color="{paint.shade}"/></radialGradient></defs>'
    )


def _appendages(traits: Traits, paint: Palette, rng: np.random.Generator) -> str:
    """Appendages spread evenly around the body, drawn before it so that it covers their roots."""
    step = 2 * np.pi / traits.number
    angles = -np.pi / 2 + step * (np.arange(traits.number) + 0.5)
    angles = angles + rng.uniform(-0.1, 0.1, size=traits.number)
    drawing = ""
    for angle in angles:
        reach = BODIES[traits.body](np.array([angle]))[0]
        limb = APPENDAGES[traits.appendage](traits.length, paint, float(rng.choice([-1, 1])))
        drawing += (
            f'<g transform="rotate({np.degrees(angle):.1f}) translate({reach:.1f} 0)">{limb}</g>'
        )
    return drawing


def _body(traits: Traits, paint: Palette) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in outline(BODIES[traits.body]))
    return (
        f'<clipPath id="inside"><polygon points="{points}"/></clipPath>'
        f'<polygon points="{points}" fill="url(#skin)"/>'
        f'<g clip-path="url(#inside)">{_marking(traits.marking, paint)}</g>'
        f'<polygon points="{points}" fill="none" stroke="{paint.line}" stroke-width="3" '
        f'stroke-linejoin="round"/>'
    )


def _marking(kind: str, paint: Palette) -> str:
    if kind == "spots":
        places = ((-22, 16), (-6, 27), (12, 18), (26, 30), (-30, 34), (2, 42), (22, 6), (-14, 46))
        return "".join(
            f'<circle cx="{x}" cy="{y}" r="4.6" fill="{paint.shade}" opacity=".75"/>'
            for x, y in places
        )
    if kind == "bands":
        return "".join(
            f'<path d="M-70,{y} Q0,{y + 12} 70,{y}" fill="none" stroke="{paint.shade}" '
            f'stroke-width="6" opacity=".7"/>'
            for y in (12, 25, 38)
        )
    return f'<ellipse cx="0" cy="34" rx="21" ry="24" fill="{paint.light}" opacity=".75"/>'


def _face(traits: Traits, paint: Palette, rng: np.random.Generator) -> str:
    gaze_x, gaze_y = rng.uniform(-2.2, 2.2), rng.uniform(-1.5, 1.8)
    smile = rng.uniform(2.0, 6.5)
    eye = "".join(
        f'<circle cx="{side * 11}" cy="-11" r="8" fill="#fff" stroke="{paint.line}" '
        f'stroke-width="2"/>'
        f'<circle cx="{side * 11 + gaze_x:.1f}" cy="{-11 + gaze_y:.1f}" r="4.4" fill="#2b2433"/>'
        f'<circle cx="{side * 11 + gaze_x + 1.6:.1f}" cy="{-12.8 + gaze_y:.1f}" r="1.6" '
        f'fill="#fff"/>'
        f'<ellipse cx="{side * 18}" cy="1" rx="4.4" ry="2.8" fill="{paint.cheek}" opacity=".6"/>'
        for side in (-1, 1)
    )
    mouth = (
        f'<path d="M-5,2 Q0,{2 + smile:.1f} 5,2" fill="none" stroke="{paint.line}" '
        f'stroke-width="2.4" stroke-linecap="round"/>'
    )
    return eye + mouth


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
