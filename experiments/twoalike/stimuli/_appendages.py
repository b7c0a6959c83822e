"""Appendages of the creatures: their kind tells the family, number and length the species.

Each function draws one appendage that starts at the origin and grows along the x axis; the
caller moves it to the body's outline and turns it outwards.
"""

from collections.abc import Callable

import numpy as np

from twoalike.stimuli._palette import Palette


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
