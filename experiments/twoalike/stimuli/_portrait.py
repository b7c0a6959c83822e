"""One creature as an SVG drawing: traits fix its shape, the rng what differs within a species.

Nothing that the rng decides (colour, size, pose, look, background) depends on the traits.
"""

from dataclasses import dataclass

import numpy as np

from twoalike.stimuli._appendages import APPENDAGES
from twoalike.stimuli._bodies import BODIES, outline
from twoalike.stimuli._palette import Palette, draw_palette
from twoalike.stimuli._scenes import draw_scene

MARKINGS = ("belly", "spots", "bands")
"""Markings on the body; the third trait of a species."""


@dataclass(frozen=True)
class Traits:
    """What all individuals of a species share.

    Attributes
    ----------
    body
        Kingdom: a key of BODIES.
    appendage
        Family: a key of APPENDAGES.
    number, length
        Species: how many appendages, and how long, in units of a 200 x 200 drawing.
    marking
        Species: one of MARKINGS.
    """

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
