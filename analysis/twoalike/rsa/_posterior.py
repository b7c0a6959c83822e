"""Agreement with a posterior of the dissimilarities, when these are uncertain themselves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import (
    Z95,
    Interval,
    centred_ranks,
    object_variance,
    spearman_influence,
    upper,
)
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

type Floats = npt.NDArray[np.float64]

MOST_DRAWS = 50
"""Draws of a posterior that are used: their spread is then known to a tenth."""
_EVERY = 10
"""Of so many draws one also gives the variance over objects, which differs little among them."""


@dataclass(frozen=True)
class PosteriorAgreement:
    """Correlation with dissimilarities of which only a posterior is known.

    Attributes
    ----------
    spearman
        Mean over the draws. Every draw holds the posterior's noise, so that it lies below the
        correlation with the posterior mean; the 95 % interval adds the variance over the draws
        to the mean variance over objects within a draw (law of total variance).
    difference
        The same for the difference to the first model, on the same draws and objects.
    posterior_sd, object_sd
        The two parts of the interval.
    """

    spearman: Interval
    difference: Interval
    posterior_sd: float
    object_sd: float


def dissimilarity_draws(
    posterior: "Posterior", ids: Sequence[str] | None = None, most: int = MOST_DRAWS
) -> Iterator[Floats]:
    """Dissimilarities under evenly spaced draws, one at a time, each of shape (m, m).

    Parameters
    ----------
    posterior
        The fitted embedding.
    ids
        Objects, in the order wanted; all of the posterior's by default.
    most
        Number of draws.

    Raises
    ------
    TwoalikeError
        If the posterior lacks an object.
    """
    place = {name: row for row, name in enumerate(posterior.ids)}
    unknown = [name for name in ids or () if name not in place]
    if unknown:
        raise TwoalikeError(f"the posterior has no object {unknown[0]!r}; fit with all objects.")
    rows = [place[name] for name in (posterior.ids if ids is None else ids)]
    draws = posterior.embedding
    for number in np.unique(np.linspace(0, len(draws) - 1, most).astype(np.int64)):
        draw = draws[number][rows].astype(np.float64)
        yield -np.asarray(posterior.pair_similarity(draw, draw), dtype=np.float64)


def posterior_rdm(draws: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each pair over draws, both of shape (m(m-1)/2,).

    Parameters
    ----------
    draws
        Dissimilarities, each of shape (m, m).

    Raises
    ------
    ValueError
        Without two draws: one has no spread.
    """
    n, mean, squares = 0, np.empty(0), np.empty(0)
    for draw in draws:
        own = upper(draw)
        if n == 0:
            mean, squares = np.zeros_like(own), np.zeros_like(own)
        n += 1
        step = own - mean
        mean = mean + step / n
        squares = squares + step * (own - mean)  # Welford: no difference of large sums
    if n < 2:
        raise ValueError(f"expected two draws or more, found {n}")
    return mean, np.sqrt(squares / (n - 1))


def posterior_agreement(
    models: Sequence[Floats], draws: Iterable[Floats]
) -> list[PosteriorAgreement]:
    """Spearman's correlation of each model with the draws, and its gain over the first.

    Parameters
    ----------
    models
        Dissimilarities of each model, shape (m, m).
    draws
        Draws of the dissimilarities, shape (m, m) each.

    Raises
    ------
    ValueError
        Without two draws.
    """
    pairs = [upper(model) for model in models]
    ranks = [_unit(centred_ranks(own)) for own in pairs]  # once, not for every draw
    rows, columns = (side.astype(np.int64) for side in np.triu_indices(len(models[0]), 1))
    found, variances, gains = [], [], []
    for number, draw in enumerate(draws):
        own = upper(draw)
        own_ranks = _unit(centred_ranks(own))
        found.append([float(one @ own_ranks) for one in ranks])
        if number % _EVERY == 0:
            influences = np.stack([spearman_influence(model, own) for model in pairs])
            variances.append(object_variance(influences, rows, columns))
            gains.append(object_variance(influences - influences[:1], rows, columns))
    if len(found) < 2:
        raise ValueError(f"expected two draws or more, found {len(found)}")
    values = np.array(found)
    of_objects = np.mean(variances, axis=0)
    intervals = _intervals(values, of_objects)
    differences = _intervals(values - values[:, :1], np.mean(gains, axis=0))
    spread = values.std(axis=0, ddof=1)
    return [
        PosteriorAgreement(own, gain, float(sd), float(np.sqrt(variance)))
        for own, gain, sd, variance in zip(intervals, differences, spread, of_objects, strict=True)
    ]


def _unit(values: Floats) -> Floats:
    """Vector of length one; zero where nothing varies, and Spearman's correlation is 0."""
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values


def _intervals(values: Floats, of_objects: Floats) -> list[Interval]:
    """Intervals from values by draw, (draws, k), and variances over objects, (k,)."""
    mean = values.mean(axis=0)
    half = Z95 * np.sqrt(values.var(axis=0, ddof=1) + of_objects)
    return [Interval(*map(float, row)) for row in zip(mean, mean - half, mean + half, strict=True)]
