"""How many dimensions judgments need: the score of the first k of them, without fitting again.

With the dimensions ordered by importance, a predictor that keeps only the first k takes the
draws of the whole fit and leaves the other columns out. Each judgment is scored under the draws
of the posterior of all others, which Pareto-smoothed leave-one-out weights of the whole fit make
of those at hand (:mod:`._loo`). Needed are the fewest dimensions whose score is within two
standard errors of the best, of the difference judgment by judgment.

The first k dimensions of a fit of D are not a fit of k, which would make up a little for what it
lacks: the number is, if anything, too large.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._dimensions import dimension_shares
from twoalike.embedding._fit import used_choices
from twoalike.embedding._judged import (
    Draw,
    Judged,
    answer_probabilities,
    draws_of,
    known_judgments,
    thinned,
)
from twoalike.embedding._loo import LEAST_DRAWS, left_out_weights, subset_rows
from twoalike.embedding._similarity import ROWS
from twoalike.study import TwoalikeError, progress

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

MOST_DRAWS = 500
ERRORS = 2.0  # standard errors within which a score is as good as the best

type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DimensionCurve:
    """Score by number of dimensions.

    Attributes
    ----------
    table
        See :func:`curve_table`.
    judgments, subset
        Judgments in all, and those scored.
    left_out
        Judgments of people or objects that the posterior does not know.
    fitted
        Whether each judgment was left out of what predicts it; else it was not in the fit.
    """

    table: pd.DataFrame
    judgments: int
    subset: int
    left_out: int
    fitted: bool

    @property
    def needed(self) -> int:
        """Fewest dimensions that are as good as the best number."""
        return int(self.table["dimensions"][self.table["needed"]].iloc[0])


def curve_table(scores: Floats) -> pd.DataFrame:
    """Compare numbers of dimensions.

    Parameters
    ----------
    scores
        Log-probability of the answer of each of n judgments with the first 1, 2, ... D
        dimensions, shape (n, D).

    Returns
    -------
    Columns ``dimensions``, from 1; ``log_loss`` in nats a judgment and ``se``; ``difference`` of
    that to the lowest log-loss and ``difference_se``, of the differences judgment by judgment;
    ``needed``, true in one row: the fewest dimensions with a difference of at most two standard
    errors.

    Examples
    --------
    >>> curve_table(np.log([[0.3, 0.6, 0.6], [0.4, 0.7, 0.6], [0.3, 0.5, 0.6]]))["needed"].tolist()
    [False, True, False]
    """
    n = len(scores)
    loss = -scores.mean(axis=0)
    apart = scores[:, [int(loss.argmin())]] - scores
    error = apart.std(axis=0) / np.sqrt(n)
    enough = int(np.argmax(apart.mean(axis=0) <= ERRORS * error))
    count = np.arange(1, scores.shape[1] + 1)
    return pd.DataFrame(
        {
            "dimensions": count,
            "log_loss": loss,
            "se": scores.std(axis=0) / np.sqrt(n),
            "difference": apart.mean(axis=0),
            "difference_se": error,
            "needed": count == enough + 1,
        }
    )


def dimension_curve(
    posterior: "Posterior", choices: pd.DataFrame, *, fitted: bool = True, seed: int = 0
) -> DimensionCurve:
    """Score judgments with the first 1, 2, ... D dimensions of a posterior.

    Parameters
    ----------
    posterior
        The fit; offer it more dimensions than are needed.
    choices
        The judgments that it was fitted on; practice and catch trials are left out.
    fitted
        False if ``choices`` are other judgments: their score is that of the plain mean of the
        draws, and nothing is left out.
    seed
        Of the subset that is scored where there are many judgments.

    Raises
    ------
    TwoalikeError
        If the posterior knows none of the judgments, or has too few draws to leave one out.
    """
    judged = known_judgments(posterior, used_choices(choices))
    sizes = posterior.tree["posterior"].sizes
    which = thinned(sizes["chain"], sizes["draw"], MOST_DRAWS)
    if fitted and len(which) < LEAST_DRAWS:
        raise TwoalikeError(
            f"leave-one-out needs {LEAST_DRAWS} draws or more, found {len(which)}. Fit with more "
            "--draws."
        )
    some = judged.take(subset_rows(len(judged), len(which), seed))
    weights = (
        _left_out_weights(posterior, some, which, sizes["chain"])
        if fitted
        else np.broadcast_to(1 / len(which), (len(some), len(which)))
    )
    return DimensionCurve(
        table=curve_table(first_dimensions_scores(posterior, some, which, weights)),
        judgments=len(judged),
        subset=len(some),
        left_out=judged.left_out,
        fitted=fitted,
    )


def _left_out_weights(
    posterior: "Posterior", judged: Judged, which: npt.NDArray[np.int64], chains: int
) -> Floats:
    """Weights of the draws with each judgment left out, shape (n, S)."""
    n = len(judged)
    likelihood = np.empty((len(which), n))
    for place, draw in enumerate(draws_of(posterior, which, n)):
        likelihood[place] = _answered(draw, judged)
    weights = np.empty((n, len(which)))
    for rows, found, _ in left_out_weights(likelihood, chains):
        weights[rows] = found
    return weights


def first_dimensions_scores(
    posterior: "Posterior", judged: Judged, which: npt.NDArray[np.int64], weights: Floats
) -> Floats:
    """Log of the weighted mean probability of each answer, by number of dimensions.

    Parameters
    ----------
    judged
        Judgments, n.
    which
        Positions of S draws, among all draws of all chains.
    weights
        Of each draw for each judgment, rows sum to one, shape (n, S).

    Returns
    -------
    With the 1, 2, ... D most important dimensions, shape (n, D).
    """
    order = np.argsort(-dimension_shares(posterior))
    mean = np.zeros((len(judged), len(order)))
    with progress() as bar:
        task = bar.add_task("scoring the first dimensions", total=len(which), status="")
        for place, draw in enumerate(draws_of(posterior, which, len(judged))):
            for k in range(len(order)):
                first = _with_columns(draw, order[: k + 1])
                mean[:, k] += weights[:, place] * _answered(first, judged)
            bar.update(task, advance=1)
    return np.asarray(np.log(np.maximum(mean, 1e-30)))


def _with_columns(draw: Draw, columns: npt.NDArray[Any]) -> Draw:
    x = draw.embedding[:, columns]
    return replace(
        draw, embedding=x, matrix=None if draw.matrix is None else draw.kernel.matrix(x, x)
    )


def _answered(draw: Draw, judged: Judged) -> Floats:
    """Probability of the answer that was given to each judgment, shape (n,)."""
    p = np.empty(len(judged))
    for start in range(0, len(judged), ROWS):
        rows = slice(start, start + ROWS)
        part = judged.take(rows)
        p[rows] = answer_probabilities(draw, part)[np.arange(len(part)), part.chosen]
    return p
