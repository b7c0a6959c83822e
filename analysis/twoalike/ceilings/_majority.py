"""Models scored against the majority of a few votes, as published for the Levels data.

A number to compare with published ones and with :func:`~twoalike.ceilings.majority_bound`, kept
apart from the accuracy on single responses: it accepts either answer where the votes tie, and so
is higher for every model, however little it knows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.ceilings._published import DRAWN, FEWEST, MOST, draw_votes
from twoalike.ceilings._votes import Votes
from twoalike.evaluation import Interval, TwoWayBootstrap

type Floats = npt.NDArray[np.float64]


def majority_scores(
    probabilities: npt.ArrayLike,
    votes: Votes,
    rng: np.random.Generator,
    *,
    fewest: int = FEWEST,
    most: int | None = MOST,
    drawn: int | None = DRAWN,
) -> Floats:
    """Whether a model names the majority's answer to each triplet; of tied votes, any.

    Of triplets with more than ``most`` votes so many are drawn, and ``drawn`` of these make the
    majority. Where the model's own answers tie, it scores the share of them that are right.

    Parameters
    ----------
    probabilities
        Of the objects of each triplet in the order of ``votes.triplets``, or any increasing
        function of them, shape (m, 3).
    votes
        Votes on m triplets.
    rng
        Source of the draws.
    fewest
        Triplets with fewer votes are dropped.
    most, drawn
        None for all votes.

    Returns
    -------
    Scores in [0, 1], NaN where a triplet is dropped, shape (m,).

    Examples
    --------
    >>> from twoalike.ceilings import votes
    >>> table = votes(np.tile([0, 1, 2], (4, 1)), np.array([0, 0, 1, 1]))
    >>> rng = np.random.default_rng(0)
    >>> majority_scores([[0.5, 0.3, 0.2]], table, rng), majority_scores([[0.2, 0.2, 0.6]], table, rng)
    (array([1.]), array([0.]))
    """  # noqa: E501
    kept = votes if most is None else draw_votes(votes, most, rng)
    shown = kept if drawn is None else draw_votes(kept, drawn, rng)
    majority = shown.counts == shown.counts.max(axis=1, keepdims=True)
    values = np.asarray(probabilities, dtype=np.float64)
    named = values >= values.max(axis=1, keepdims=True) - 1e-9
    scores = (named & majority).sum(axis=1) / named.sum(axis=1)
    return np.where(votes.n_votes < fewest, np.nan, scores)


@dataclass(frozen=True)
class MajorityAgreement:
    """Agreement with majorities as published.

    Attributes
    ----------
    triplets
        Triplets with enough votes.
    interval
        Mean score, and 95 % interval over triplets and objects; None without triplets.
    """

    triplets: int
    interval: Interval | None

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON, with what they are."""
        found = self.interval.as_dict() if self.interval else None
        rule = f"as published: majority of {DRAWN} votes, of tied ones any counts as right"
        return {"triplets": self.triplets, "accuracy": found, "scoring": rule}


def majority_agreement(
    scores: Floats, votes: Votes, rng: np.random.Generator, *, resamples: int = 1000
) -> MajorityAgreement:
    """Mean of :func:`majority_scores` with an interval.

    Parameters
    ----------
    scores
        NaN where a triplet was dropped, shape (m,).
    votes
        Votes on the m triplets.
    rng
        Source of the resamples.
    resamples
        Their number.
    """
    kept = ~np.isnan(scores)
    if not kept.any():
        return MajorityAgreement(0, None)
    rows = votes.triplets[kept]
    boot = TwoWayBootstrap(np.zeros(len(rows), dtype=np.int64), rows, rng, resamples=resamples)
    return MajorityAgreement(int(kept.sum()), boot.interval(scores[kept]).within(0.0, 1.0))
