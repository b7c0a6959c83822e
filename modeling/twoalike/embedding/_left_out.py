"""Leave-one-out predictions of judgments: what a fit predicts for answers that it has not seen.

A fit assigns higher probabilities to the answers that it was fitted to than to new ones, the more
so the fewer there are. On its own judgments it therefore looks under-confident: answers that it
calls likely occur more often still. Leave-one-out weights (:mod:`._loo`) remove each judgment's
influence on its own prediction.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._fit import used_choices
from twoalike.embedding._judged import (
    Judged,
    answer_probabilities,
    draws_of,
    known_judgments,
    thinned,
)
from twoalike.embedding._loo import LEAST_DRAWS, predict_left_out, subset_rows, trusted_k
from twoalike.embedding._similarity import ROWS

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

MOST_DRAWS = 400
"""About as many as a fit has by default."""
MOST_JUDGMENTS = 10_000
"""Weights take half a millisecond per judgment; this many give the accuracy to 1 %."""


@dataclass(frozen=True)
class PredictedChoices:
    """Judgments and the probabilities that a posterior gives to their answers.

    Attributes
    ----------
    judged
        The n judgments: all, or a random subset.
    unknown
        Number of judgments by people, or of objects, that the posterior does not contain.
    probabilities
        Of each item being chosen, shape (n, 3).
    left_out
        Whether each judgment was predicted from the others only.
    k_high
        Share of judgments whose leave-one-out prediction is unreliable (Pareto's k); 0 without
        leave-one-out.
    """

    judged: Judged
    unknown: int
    probabilities: npt.NDArray[np.float64]
    left_out: bool
    k_high: float


def predict_choices(
    posterior: "Posterior", choices: pd.DataFrame, *, fitted: bool = True, seed: int = 0
) -> PredictedChoices:
    """Predict judgments, each with its participant's own noise and from the other judgments.

    Parameters
    ----------
    posterior
        The fit. With fewer than ``LEAST_DRAWS`` draws, leave-one-out is not possible.
    choices
        Judgments; practice and catch trials are left out, as they are in a fit.
    fitted
        False if it was fitted to other judgments: then there is nothing to leave out.
    seed
        Of the subset that is predicted if there are many judgments.

    Raises
    ------
    TwoalikeError
        If the posterior knows none of the judgments.
    """
    judged = known_judgments(posterior, used_choices(choices))
    sizes = posterior.tree["posterior"].sizes
    which = thinned(sizes["chain"], sizes["draw"], MOST_DRAWS)
    some = judged.take(subset_rows(len(judged), len(which), seed, MOST_JUDGMENTS))
    answers = _answers(posterior, some, which)
    if not fitted or len(which) < LEAST_DRAWS:
        mean = answers.mean(axis=0, dtype=np.float64)
        return PredictedChoices(some, judged.left_out, mean, left_out=False, k_high=0.0)
    predicted, k = predict_left_out(answers, some.chosen, sizes["chain"])
    high = float((k > trusted_k(len(which))).mean())
    return PredictedChoices(some, judged.left_out, predicted, left_out=True, k_high=high)


def _answers(
    posterior: "Posterior", judged: Judged, which: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Probability of each answer under each draw, shape (S, n, 3)."""
    n = len(judged)
    answers = np.empty((len(which), n, 3), dtype=np.float32)
    for place, draw in enumerate(draws_of(posterior, which, n)):
        for start in range(0, n, ROWS):
            rows = slice(start, start + ROWS)
            answers[place, rows] = answer_probabilities(draw, judged.take(rows))
    return answers
