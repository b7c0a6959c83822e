"""Bodies of the creatures: the shape that tells the kingdom.

A body is a radius for every direction, so that appendages of any kind fit any body: they
start on the outline and grow outwards. Directions are in radians, 0 to the right, a quarter
turn down (the y axis of images points down); lengths are in units of a 200 x 200 drawing.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def _superellipse(width: float, height: float, power: float) -> Callable[[Array], Array]:
    def radius(angle: Array) -> Array:
        across = np.abs(np.cos(angle) / width) ** power
        along = np.abs(np.sin(angle) / height) ** power
        return np.asarray((across + along) ** (-1 / power))

    return radius


def _lobed(size: float, depth: float, lobes: int) -> Callable[[Array], Array]:
    def radius(angle: Array) -> Array:
        # The absolute sine gives round lobes with sharp valleys, as a cloud has.
        return np.asarray(size * (1 - depth + depth * np.abs(np.sin(lobes * angle / 2))))

    return radius


def _tent(size: float) -> Callable[[Array], Array]:
    def radius(angle: Array) -> Array:
        return np.asarray(size * (1 + 0.2 * np.cos(3 * (angle + np.pi / 2))))

    return radius


def _gourd(head: float, belly: float) -> Callable[[Array], Array]:
    def circle(angle: Array, centre: float, size: float) -> Array:
        reach = centre * np.sin(angle)
        return np.asarray(reach + np.sqrt(np.maximum(size**2 - centre**2 + reach**2, 0)))

    def radius(angle: Array) -> Array:
        return np.maximum(circle(angle, -23, head), circle(angle, 15, belly))

    return radius


BODIES: dict[str, Callable[[Array], Array]] = {
    "column": _superellipse(29, 58, 3.0),
    "cloud": _lobed(52, 0.28, 7),
    "loaf": _superellipse(56, 31, 2.6),
    "tent": _tent(43),
    "gourd": _gourd(28, 37),
    "orb": _superellipse(44, 44, 2.0),
}
"""Radius as a function of direction, by kind of body; the first kinds are told apart best."""


def outline(body: Callable[[Array], Array], points: int = 96) -> Array:
    """Points on a body's outline, shape (points, 2), around the origin."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.asarray(body(angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
