"""Colours of one picture, drawn without a look at the species: colour must mislead."""

import colorsys
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Palette:
    """Colours of one picture as ``#rrggbb``.

    Attributes
    ----------
    light, body, shade
        Lit side, middle and shaded side of the body.
    limb
        Appendages.
    line
        Outlines: a dark tone of the body's hue, softer than black.
    cheek
        Blush.
    sky, ground, decor
        Two ends of the background and what is strewn over it.
    """

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
    """Colour as ``#rrggbb`` from hue (turns), saturation and lightness in [0, 1].

    Examples
    --------
    >>> hsl(0.0, 1.0, 0.5)
    '#ff0000'
    """
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
