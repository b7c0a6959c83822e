"""What the dimensions of an embedding are about, and which of them come again in another fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from twoalike.embedding._align import importance, spread
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding._posterior import Posterior

AGAIN = 0.8
"""Correlation from which on a dimension counts as found again (VICE, arXiv:2205.00756)."""
FEWEST = 3  # common objects that a correlation needs


def dimension_table(
    posterior: "Posterior", others: Sequence["Posterior"] = (), *, top: int = 6
) -> "pd.DataFrame":
    """Describe every dimension, most important first.

    Parameters
    ----------
    posterior
        The fit.
    others
        Fits with other seeds or of other judgments (two halves, say) of the same objects, in
        which its dimensions are looked for. Without any, every chain of ``posterior`` is looked
        for in its other chains: of ``vi`` these are independent fits.
    top
        Objects to name.

    Returns
    -------
    Columns ``dimension``, from 1; ``importance``, the share of the variation of similarity (for
    distances: of squared distances) that it carries; ``again``, the highest correlation of its
    coordinates with those of any one dimension of another fit, averaged over fits (missing if
    there is no other); ``objects``, those with the highest mean coordinates, and
    ``coordinates``, these, a semicolon and a blank between two in both.

    Raises
    ------
    TwoalikeError
        If ``top`` is below 1, or another fit has fewer than three of the objects.
    """
    import pandas as pd

    if top < 1:
        raise TwoalikeError(f"--top: expected at least 1 object, found {top}.")
    share = dimension_shares(posterior)
    mean = posterior.embedding.mean(axis=0, dtype=np.float64)
    order = np.argsort(-share)
    again = found_again(posterior, others)
    rows = []
    for place, dimension in enumerate(order, start=1):
        column = mean[:, dimension]
        best = np.argsort(-column, kind="stable")[:top]
        rows.append(
            {
                "dimension": place,
                "importance": share[dimension],
                "again": again[dimension],
                "objects": "; ".join(posterior.ids[row] for row in best),
                "coordinates": "; ".join(f"{column[row]:.2f}" for row in best),
            }
        )
    return pd.DataFrame(rows)


def dimension_shares(posterior: "Posterior") -> npt.NDArray[np.float64]:
    """Give the importance of each dimension, by which they are ordered, shape (D,)."""
    x = posterior.tree["posterior"].dataset["embedding"].values
    return spread(x) if posterior.attrs.get("similarity") == "distance" else importance(x)


def found_again(
    posterior: "Posterior", others: Sequence["Posterior"] = ()
) -> npt.NDArray[np.float64]:
    """Correlation of each dimension with the one nearest to it in other fits, shape (D,).

    Averaged over the other fits or, without any, over all ordered pairs of chains.

    Raises
    ------
    TwoalikeError
        If another fit has fewer than three of the objects.
    """
    chains = posterior.tree["posterior"].dataset["embedding"].values.mean(axis=1, dtype=np.float64)
    if not others:
        pairs = [(a, b) for a in range(len(chains)) for b in range(len(chains)) if a != b]
        found = [_nearest(chains[a], chains[b]) for a, b in pairs]
        return np.mean(found, axis=0) if found else np.full(chains.shape[2], np.nan)
    found = []
    for other in others:
        place = {name: row for row, name in enumerate(other.ids)}
        rows = [row for row, name in enumerate(posterior.ids) if name in place]
        if len(rows) < FEWEST:
            raise TwoalikeError(
                f"expected another fit of the same objects, found {len(rows)} of "
                f"{len(posterior.ids)} in it."
            )
        there = [place[posterior.ids[row]] for row in rows]
        theirs = other.embedding.mean(axis=0, dtype=np.float64)
        found.append(_nearest(chains.mean(axis=0)[rows], theirs[there]))
    return np.mean(found, axis=0)


def _nearest(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Highest correlation of each column of x with a column of y; 0 for one that is constant."""
    left, right = (_standardised(values) for values in (x, y))
    return np.asarray((left.T @ right / len(x)).max(axis=1))


def _standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    centred = values - values.mean(axis=0)
    spread_of = centred.std(axis=0)
    return np.divide(centred, spread_of, out=np.zeros_like(centred), where=spread_of > 0)
