"""Invented names: easy to say, unique, and meaning nothing."""

from itertools import product

import numpy as np

FIRST = ("ko", "mi", "ta", "lu", "ne", "ri", "so", "va", "zu", "be", "do", "fa")
MIDDLE = ("la", "ni", "ro", "mu", "ve", "ti", "da", "so")
LAST = ("ra", "lo", "mi", "na", "vu", "zo", "li", "ru", "ta", "no")
"""Syllables; first and last lists are chosen so that no pair of them makes a rude word."""


def invent_names(n: int, rng: np.random.Generator) -> list[str]:
    """Draw ``n`` distinct invented words, the short ones first.

    Raises
    ------
    ValueError
        If there are not so many words.

    Examples
    --------
    >>> invent_names(3, np.random.default_rng(1))
    ['zuli', 'dolo', 'neta']
    """
    short = ["".join(parts) for parts in product(FIRST, LAST)]
    long = ["".join(parts) for parts in product(FIRST, MIDDLE, LAST)]
    if n > len(short) + len(long):
        raise ValueError(f"asked for {n} names, there are {len(short) + len(long)}.")
    names = [*rng.permutation(short), *rng.permutation(long)][:n]
    return [str(name) for name in names]
