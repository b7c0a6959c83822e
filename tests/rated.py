"""People who sort by the model, and a posterior around a known truth, for several tests."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from tests.posteriors import posterior_of

from twoalike.embedding import Posterior
from twoalike.judgments import sortings_table


def standard(x: np.ndarray) -> np.ndarray:
    """Dot products of all objects, in standard deviations over their pairs, (m, m)."""
    s = x @ x.T
    upper = s[np.triu_indices(len(x), 1)]
    return np.asarray((s - upper.mean()) / upper.std())


def join(gain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pile of each of k objects, from 0, which join piles one after the other, (k,).

    ``gain`` (k, k) are similarities less the sorter's threshold, in units of their noise.
    """
    pile = np.zeros(len(gain), dtype=int)
    for place in range(len(gain)):
        before = pile[:place]
        utility = [gain[place, :place][before == one].mean() for one in range(len(set(before)))]
        pile[place] = (np.array([*utility, 0.0]) + rng.gumbel(size=len(utility) + 1)).argmax()
    return pile


def sort(
    s: np.ndarray,
    ids: Sequence[str],
    rng: np.random.Generator,
    *,
    people: int,
    trials: int,
    size: int,
    threshold: float = 0.4,
) -> pd.DataFrame:
    """Table of sortings of ``size`` random objects each, with a noise of .3."""
    parts = []
    for person, trial in product(range(people), range(trials)):
        items = rng.permutation(len(s))[:size]
        pile = 1 + join((s[np.ix_(items, items)] - threshold) / 0.3, rng)
        columns = {"trial": trial + 1, "item": items, "pile": pile}
        parts.append(pd.DataFrame(columns).assign(participant=f"p{person}"))
    table = pd.concat(parts)
    return sortings_table({name: table[name].to_numpy() for name in table}, ids)


def posterior_around(
    x: np.ndarray, ids: Sequence[str], people: Sequence[str], *axes_of_people: str
) -> Posterior:
    """Draws around the truth, as of a fit to these people's ratings (``rater``) or sortings."""
    shape, n = (1, 60), len(people)
    jitter = 0.02 * np.random.default_rng(5).random((*shape, *x.shape))
    draws: dict[str, Any] = {"embedding": x + jitter}
    for axis in axes_of_people:
        symbol = {"rater": "rating", "sorter": "sorting"}[axis]
        for name in ("noise", "origin", "unit", "threshold"):
            draws[f"{symbol}_{name}"] = np.full((*shape, n), 0.5)
    if "rater" in axes_of_people:
        draws["rating_threshold"] = np.broadcast_to(np.linspace(-1.5, 1.5, 6), (*shape, n, 6))
    labels = {"object": ids} | dict.fromkeys(("participant", *axes_of_people), people)
    return posterior_of(draws, labels, convergence={})
