"""Backgrounds of the pictures, drawn without a look at the species."""

from collections.abc import Callable

import numpy as np

from twoalike.stimuli._palette import Palette


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
