"""Which kind of teacher: the posterior, the map, or the map beside what is known of judged objects.

A teacher hands its mistakes on, so before a student learns from it the kinds are compared by the
log-loss of choices that none of them was fitted to.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twoalike.choice import log_loss
from twoalike.teacher._labels import Floats

Kind = Literal["posterior", "surrogate", "mixed"]


def compare_kinds(
    said: Mapping[Kind, Floats], chosen: npt.NDArray[np.integer], lapse: float
) -> dict[str, Any]:
    """Log-loss of each kind of teacher on choices, and by how much the best is ahead.

    Parameters
    ----------
    said
        Probability that item 1, 2, 3 is the odd one by kind, without lapses, shape (n, 3) each.
    chosen
        Item called the odd one, 0 to 2, shape (n,).
    lapse
        Share of guesses: people lapse, and without that the most cautious teacher would win.

    Returns
    -------
    ``n``, ``log_loss`` by kind, ``best``, and ``behind``: how far the others are behind the best,
    with the standard error of that.

    Examples
    --------
    >>> sure, unsure = np.array([[0.8, 0.1, 0.1]] * 3), np.full((3, 3), 1 / 3)
    >>> found = compare_kinds({"posterior": sure, "surrogate": unsure}, np.zeros(3, int), 0.0)
    >>> found["best"], round(found["behind"]["surrogate"]["log_loss"], 2)
    ('posterior', 0.88)
    """
    losses = {
        kind: log_loss((1 - lapse) * probabilities + lapse / 3, chosen)
        for kind, probabilities in said.items()
    }
    best = min(losses, key=lambda kind: float(losses[kind].mean()))
    behind = {}
    for kind, values in losses.items():
        if kind != best:
            gap = values - losses[best]
            error = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else None
            behind[kind] = {"log_loss": float(gap.mean()), "se": error}
    return {
        "n": len(chosen),
        "log_loss": {kind: float(values.mean()) for kind, values in losses.items()},
        "best": best,
        "behind": behind,
    }
