"""Choice probabilities for triplets.

The pair that is most alike is kept and the third item is the odd one; the possible answers are
a softmax over the three pair similarities (doi:10.1038/s41586-025-09631-6), divided by the
observer's temperature and mixed with a guess at the observer's lapse rate:

    p = (1 - lapse) * softmax(similarity / temperature) + lapse / 3

An anchored choice (which of two items is more like the reference, item 1) keeps one of the two
pairs that hold the reference: it is the same softmax without the third pair, and a guess is right
half of the time. Whatever takes odd-one-out choices takes anchored ones as well if the item outside
the pair that was kept counts as the odd one (:func:`odd_item`) and the similarity of the third pair
is -inf.

The functions use only arithmetic and the ``logaddexp``, ``log`` and ``log1p`` that numpy,
PyTensor, JAX and torch share, and take the module as ``xp``: so there is one definition for
fitting, teaching and scoring. Working in logs keeps gradients finite at any gap of
similarities, where the log of a softmax gives -inf.
"""

from types import ModuleType
from typing import Any, Literal

import numpy as np

from twoalike.study import Booleans, Integers, TwoalikeError

PAIRS = ((0, 1), (0, 2), (1, 2))
"""Pair order used everywhere; the odd item of pair k is ODD[k]."""
ODD = (2, 1, 0)
"""Item left out by each pair of PAIRS."""
type ChoiceKind = Literal["odd_one_out", "anchored"]
"""Whether a choice names the odd one of three, or the more similar of two to a reference."""
OPTIONS: dict[ChoiceKind, int] = {"odd_one_out": 3, "anchored": 2}
"""Number of answers, each of which keeps one of the first so many PAIRS; chance is its inverse."""


def odd_from_pair(pair: Integers) -> Integers:
    """Item index (0, 1, 2) left out by each pair index; it is its own inverse.

    Examples
    --------
    >>> odd_from_pair(np.array([0, 1, 2]))
    array([2, 1, 0])
    """
    return 2 - pair


def odd_item(chosen: Integers, anchored: Booleans | bool) -> Integers:
    """Item (0, 1, 2) outside the pair that each choice keeps, shape (n,); its own inverse.

    That is the chosen item of an odd-one-out choice, and of an anchored one the item that is not
    called the more similar to the reference.

    Examples
    --------
    >>> odd_item(np.array([0, 1, 1]), np.array([False, False, True]))
    array([0, 1, 2])
    """
    return np.where(anchored, 3 - chosen, chosen)


def random_triplets(items: int | Integers, n: int, rng: np.random.Generator) -> Integers:
    """Draw n triplets of three different items each, one independent of the other.

    Parameters
    ----------
    items
        Number of items, or their indices.
    n
        Number of triplets; the same one may come twice.
    rng
        Source of randomness.

    Returns
    -------
    Shape (n, 3), in random order within a row.

    Examples
    --------
    >>> random_triplets(3, 2, np.random.default_rng(0)).sum(axis=1)
    array([3, 3])
    """
    drawn = [rng.choice(items, size=3, replace=False) for _ in range(n)]
    return np.array(drawn, dtype=np.int64).reshape(n, 3)


def pair_similarities(matrix: Any, triplets: Any) -> tuple[Any, Any, Any]:
    """Similarities of each triplet's pairs, in PAIRS order, from a similarity matrix.

    Parameters
    ----------
    matrix
        Similarities, shape (..., m, m); numpy, JAX or torch.
    triplets
        Object indices, shape (n, 3).

    Returns
    -------
    Three arrays of shape (..., n).
    """
    if getattr(triplets, "ndim", 2) != 2 or triplets.shape[1] not in (3, None):
        raise TwoalikeError(
            where="triplets", expected="shape (n, 3)", found=f"shape {tuple(triplets.shape)}"
        )
    i, j, k = (triplets[:, column] for column in range(3))
    return matrix[..., i, j], matrix[..., i, k], matrix[..., j, k]


def _separate(similarities: Any, pairs: tuple[str, ...]) -> Any:
    """Check that there is one array a pair: rows of a (3, 3) array would pass as pairs."""
    if isinstance(similarities, tuple | list) and len(similarities) == len(pairs):
        return similarities
    shape = getattr(similarities, "shape", None)
    raise TwoalikeError(
        where="similarities",
        expected=f"a tuple of one array a pair of items ({', '.join(pairs)})",
        found=f"{len(similarities)} of them" if shape is None else f"an array of shape {shape}",
        remedy="" if shape is None else "Of an array with one column a pair, give tuple(array.T).",
    )


def _with_lapse(log_p: Any, lapse: Any, guess: Any, xp: ModuleType) -> Any:
    if lapse is None:
        return log_p
    return xp.logaddexp(xp.log1p(-lapse) + log_p, xp.log(lapse / guess))


def log_choice(
    similarities: tuple[Any, Any, Any],
    temperature: Any = 1.0,
    lapse: Any = None,
    *,
    anchored: Any = None,
    xp: ModuleType = np,
) -> tuple[Any, Any, Any]:
    """Log-probability that item 1, 2, 3 is called the odd one.

    Parameters
    ----------
    similarities
        Pair similarities in PAIRS order: a tuple of three arrays that broadcast together.
    temperature
        Observer noise, > 0. Small values make the most alike pair win always.
    lapse
        Share of guesses, in (0, 1); None for an observer who never guesses.
    anchored
        Where item 1 is a reference, which is never the odd one; None: nowhere.
    xp
        Module of the arrays: numpy, ``pytensor.tensor``, ``jax.numpy`` or torch.

    Returns
    -------
    Three arrays in item order; their exponentials sum to one.

    Examples
    --------
    >>> np.exp(log_choice((2.0, 0.0, 0.0))).round(2)
    array([0.11, 0.11, 0.79])
    >>> np.exp(log_choice((2.0, 0.0, 0.0), anchored=True)).round(2)
    array([0.  , 0.12, 0.88])
    """
    sides = _separate(similarities, ("1, 2", "1, 3", "2, 3"))
    scaled = [side / temperature for side in sides]
    options = OPTIONS["odd_one_out"]
    if anchored is not None:
        scaled[2] = xp.where(anchored, -np.inf, scaled[2])
        options = xp.where(anchored, OPTIONS["anchored"], options)
    total = xp.logaddexp(xp.logaddexp(scaled[0], scaled[1]), scaled[2])
    first, second, third = (
        _with_lapse(scaled[ODD[item]] - total, lapse, options, xp) for item in range(3)
    )
    if anchored is not None:
        first = xp.where(anchored, -np.inf, first)  # nor by a guess
    return first, second, third


def anchored_log_choice(
    similarities: tuple[Any, Any],
    temperature: Any = 1.0,
    lapse: Any = None,
    *,
    xp: ModuleType = np,
) -> tuple[Any, Any]:
    """Log-probability that item 2, 3 is called the more similar to item 1, the reference.

    Parameters
    ----------
    similarities
        Similarities of (1, 2) and (1, 3): a tuple of two arrays.
    temperature, lapse, xp
        As in :func:`log_choice`; a guess hits either item with probability 1/2.

    Examples
    --------
    >>> np.exp(anchored_log_choice((1.0, 1.0))).round(2)
    array([0.5, 0.5])
    """
    near, far = (side / temperature for side in _separate(similarities, ("1, 2", "1, 3")))
    total = xp.logaddexp(near, far)
    return _with_lapse(near - total, lapse, 2, xp), _with_lapse(far - total, lapse, 2, xp)
