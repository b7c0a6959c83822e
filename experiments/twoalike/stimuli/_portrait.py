"""One creature as an SVG drawing: traits fix its shape, the rng what differs within a species.

A body is a radius for every direction, so that appendages of any kind fit any body: each is drawn
from the origin along the x axis, moved to the outline and turned outwards. Directions are in
radians, 0 to the right, a quarter turn down (the y axis of images points down); lengths are in
units of a 200 x 200 drawing. Nothing that the rng decides (colour, size, pose, gaze, background)
depends on the traits: colour must mislead.
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twoalike.study import Floats


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


def _tent(size: float) -> Callable[[Floats], Floats]:
    def radius(angle: Floats) -> Floats:
        return np.asarray(size * (1 + 0.2 * np.cos(3 * (angle + np.pi / 2))))

    return radius


def _gourd(head: float, belly: float) -> Callable[[Floats], Floats]:
    def circle(angle: Floats, centre: float, size: float) -> Floats:
        reach = centre * np.sin(angle)
        return np.asarray(reach + np.sqrt(np.maximum(size**2 - centre**2 + reach**2, 0)))

    def radius(angle: Floats) -> Floats:
        return np.maximum(circle(angle, -23, head), circle(angle, 15, belly))

    return radius


BODIES: dict[str, Callable[[Floats], Floats]] = {
    "column": _superellipse(29, 58, 3.0),
    "cloud": _lobed(52, 0.28, 7),
    "loaf": _superellipse(56, 31, 2.6),
    "tent": _tent(43),
    "gourd": _gourd(28, 37),
    "orb": _superellipse(44, 44, 2.0),
}
"""Radius as a function of direction, by kind of body; the first kinds are told apart best."""


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


def _horn(length: float, paint: Palette, bend: float) -> str:
    end, half = length + 4, 7.5
    shape = (
        f"M-6,{-half} Q{end * 0.5:.1f},{-half * 0.7 + bend * 4:.1f} {end:.1f},{bend * 5:.1f} "
        f"Q{end * 0.5:.1f},{half * 0.7 + bend * 4:.1f} -6,{half} Z"
    )
    return (
        f'<path d="{shape}" fill="{paint.limb}" stroke="{paint.line}" stroke-width="2.4" '
        f'stroke-linejoin="round"/>'
    )


def _paw(length: float, paint: Palette, bend: float) -> str:
    end = length - 4
    common = 'fill="none" stroke-linecap="round"'
    toes = "".join(
        f'<circle cx="{end + 3:.1f}" cy="{side * 6.5}" r="4.6" fill="{paint.limb}" '
        f'stroke="{paint.line}" stroke-width="2.2"/>'
        for side in (-1, 0, 1)
    )
    return (
        f'<path d="M-6,0 L{end:.1f},0" {common} stroke="{paint.line}" stroke-width="13"/>'
        f"{toes}"
        f'<path d="M-6,0 L{end - 1:.1f},0" {common} stroke="{paint.limb}" stroke-width="8.6"/>'
    )


def _ring(length: float, paint: Palette, bend: float) -> str:
    radius = max(length / 2 - 1, 6)
    return "".join(
        f'<ellipse cx="{radius - 1:.1f}" cy="0" rx="{radius:.1f}" ry="{min(radius, 10):.1f}" '
        f'fill="none" stroke="{colour}" stroke-width="{width}"/>'
        for colour, width in ((paint.line, 8), (paint.limb, 4))
    )


APPENDAGES: dict[str, Callable[[float, Palette, float], str]] = {
    "tentacle": _tentacle,
    "knob": _knob,
    "leaf": _leaf,
    "horn": _horn,
    "paw": _paw,
    "ring": _ring,
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
