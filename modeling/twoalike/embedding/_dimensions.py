"""What the dimensions of an embedding are about, which recur, and how many are needed.

With the dimensions ordered by importance, a predictor that keeps only the first k takes the
draws of the whole fit and leaves the other columns out, without fitting again. Each judgment is
scored under the draws of the posterior of all others, by Pareto-smoothed leave-one-out weights of
the whole fit (:mod:`._loo`). Needed are the fewest dimensions whose score is within two standard
errors of the best, of the difference judgment by judgment.

The first k dimensions of a fit of D are not a fit of k, which would make up a little for what it
lacks: the number is, if anything, too large.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from twoalike.choice import guessing
from twoalike.embedding._choices import Choices, given_answers
from twoalike.embedding._compare import shared_objects
from twoalike.embedding._draws import importance, spread, unit_columns
from twoalike.embedding._judged import as_table, draws_of, is_own, some_draws
from twoalike.embedding._loo import LEAST_DRAWS, left_out_weights, separate_fits, subset_rows
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.embedding._similarity import select_objects
from twoalike.judgments import JudgmentTable
from twoalike.study import Floats, Integers, TwoalikeError, progress

AGAIN = 0.8
"""Correlation from which on a dimension counts as found again (VICE, arXiv:2205.00756)."""


def dimension_table(
    posterior: PosteriorSource, others: Sequence[PosteriorSource] = (), *, top: int = 6
) -> pd.DataFrame:
    """Describe every dimension, most important first, by its ``top`` objects.

    Its dimensions are looked for in ``others``, fits of the same objects with other seeds or of
    other judgments (two halves, say). Without any, every chain is looked for in the other chains:
    of ``vi`` these are independent fits.

    Returns
    -------
    Columns ``dimension``, from 1; ``importance``, the share of the variation of similarity (for
    distances: of squared distances) that it carries; ``again``, the highest correlation of its
    coordinates with those of any one dimension of another fit, averaged over fits (missing if there
    is no other); ``stable``, whether that is at least 0.8 in every other fit (missing as well);
    ``objects``, those with the highest mean coordinates, and ``coordinates``, these, separated by
    semicolons: both are empty of a dimension that is not stable, since its axis is an accident of
    the fit.
    """
    if top < 1:
        raise TwoalikeError(where="`top=...`", expected="at least 1 object", found=str(top))
    posterior, fits = as_posterior(posterior), [as_posterior(other) for other in others]
    share = dimension_shares(posterior)
    mean = posterior.embedding.mean(axis=0, dtype=np.float64)
    order = np.argsort(-share)
    found = found_again(posterior, fits)
    again, stable = found.mean(axis=0), (found >= AGAIN).all(axis=0)
    rows = []
    for place, dimension in enumerate(order, start=1):
        column = mean[:, dimension]
        is_known = bool(np.isfinite(again[dimension]))
        is_read = not is_known or stable[dimension]
        best = np.argsort(-column, kind="stable")[: top if is_read else 0]
        rows.append(
            {
                "dimension": place,
                "importance": share[dimension],
                "again": again[dimension],
                "stable": bool(stable[dimension]) if is_known else None,
                "objects": "; ".join(posterior.ids[row] for row in best),
                "coordinates": "; ".join(f"{column[row]:.2f}" for row in best),
            }
        )
    return pd.DataFrame(rows).astype({"stable": "boolean"})


def dimension_shares(posterior: Posterior) -> Floats:
    """Give the importance of each dimension, by which they are ordered, shape (D,)."""
    x = posterior.tree["posterior"].dataset["embedding"].values
    return spread(x) if posterior.attrs.get("similarity") == "distance" else importance(x)


def found_again(posterior: Posterior, others: Sequence[Posterior] = ()) -> Floats:
    """Correlation of each dimension with the one nearest to it in each other fit, (fits, D).

    Without others there is a row for each ordered pair of chains, or one of NaN if there is none.
    """
    chains = posterior.tree["posterior"].dataset["embedding"].values.mean(axis=1, dtype=np.float64)
    if not others:
        pairs = [(a, b) for a in range(len(chains)) for b in range(len(chains)) if a != b]
        found = [_nearest(chains[a], chains[b]) for a, b in pairs]
        return np.stack(found or [np.full(chains.shape[2], np.nan)])
    found = []
    for other in others:
        shared = shared_objects(posterior, other)
        rows, there = (select_objects(one.ids, shared) for one in (posterior, other))
        theirs = other.embedding.mean(axis=0, dtype=np.float64)
        found.append(_nearest(chains.mean(axis=0)[rows], theirs[there]))
    return np.stack(found)


def _nearest(x: Floats, y: Floats) -> Floats:
    """Highest correlation of each column of x with a column of y; 0 for one that is constant."""
    return np.asarray((unit_columns(x).T @ unit_columns(y)).max(axis=1))


MOST_DRAWS = 500
ERRORS = 2.0  # standard errors within which a score is as good as the best


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
    remark
        Where it is uncertain whether these are the judgments of the fit.
    guessing
        Log-loss of guesses at the judgments scored, in nats.
    """

    table: pd.DataFrame
    judgments: int
    subset: int
    left_out: int
    fitted: bool
    remark: str = ""
    guessing: float = float("nan")

    @property
    def needed(self) -> int:
        """Fewest dimensions that are as good as the best number."""
        return int(self.table["dimensions"][self.table["needed"]].iloc[0])


def curve_table(scores: Floats) -> pd.DataFrame:
    """Compare numbers of dimensions by the log-probability of each answer with the first k, (n, D).

    Columns ``dimensions``; ``log_loss`` in nats and ``se``; ``difference`` to the lowest and
    ``difference_se``, judgment by judgment; ``needed``, true of the fewest that will do.
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
    posterior: PosteriorSource,
    choices: JudgmentTable,
    *,
    fitted: bool | None = True,
    seed: int = 0,
) -> DimensionCurve:
    """Score judgments with the first 1, 2, ... D dimensions of a posterior.

    Parameters
    ----------
    posterior
        The fit; offer it more dimensions than are needed.
    choices
        A file or a frame; practice and catch trials are left out.
    fitted
        Whether it was fitted to them. If not, nothing is left out: their score is that of the plain
        mean of the draws. None: as the posterior's record says; a remark tells where it is
        uncertain.
    seed
        Of the subset that is scored where there are many judgments.
    """
    posterior = as_posterior(posterior)
    table = as_table(choices)
    fitted, remark = is_own(posterior, choices, table, fitted=fitted)
    judged = Choices.known_to(posterior, table)
    which, chains = some_draws(posterior, MOST_DRAWS), posterior.tree["posterior"].sizes["chain"]
    if fitted and len(which) < LEAST_DRAWS:
        raise TwoalikeError(
            f"leave-one-out needs {LEAST_DRAWS} draws or more, found {len(which)}. Fit with more "
            "`draws=...`."
        )
    some = judged.take(subset_rows(len(judged), len(which), seed))
    weights = np.broadcast_to(1 / len(which), (len(some), len(which)))
    if fitted:
        given = np.stack([given_answers(draw, some) for draw in draws_of(posterior, which)])
        weights, _ = left_out_weights(given, chains, separate_fits(posterior, len(which)))
    return DimensionCurve(
        table=curve_table(first_dimensions_scores(posterior, some, which, weights)),
        judgments=len(judged),
        subset=len(some),
        left_out=judged.left_out,
        fitted=fitted,
        remark=remark,
        guessing=guessing(some.chance)["log_loss"],
    )


def first_dimensions_scores(
    posterior: Posterior, judged: Choices, which: Integers, weights: Floats
) -> Floats:
    """Log of the mean probability of each answer with the 1, 2, ... D first dimensions, (n, D).

    ``which`` are positions of S draws, ``weights`` theirs for each judgment, (n, S).
    """
    order = np.argsort(-dimension_shares(posterior))
    mean = np.zeros((len(judged), len(order)))
    with progress() as bar:
        task = bar.add_task("scoring the first dimensions", total=len(which), status="")
        for place, draw in enumerate(draws_of(posterior, which)):
            for k in range(len(order)):
                some = order[: k + 1]
                roots = None if draw.roots is None else draw.roots[:, some]
                first = replace(draw, embedding=draw.embedding[:, some], roots=roots)
                mean[:, k] += weights[:, place] * given_answers(first, judged)
            bar.update(task, advance=1)
    return np.asarray(np.log(np.maximum(mean, 1e-30)))
