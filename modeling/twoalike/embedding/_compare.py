"""Two posteriors side by side: predictions on the same judgments, similarities and dimensions.

Similarities are compared over the objects that both know; their correlation does not depend on
the scale of either space.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import expected_accuracy, guessing, log_loss
from twoalike.embedding._choices import Choices, Observers, predicted_answers
from twoalike.embedding._draws import unit_columns
from twoalike.embedding._judged import as_table, is_own, some_draws
from twoalike.embedding._posterior import TIED, Posterior, PosteriorSource, as_posterior
from twoalike.embedding._similarity import central_interval, pair_draws, select_objects
from twoalike.judgments import ITEMS, MORE_ITEMS, JudgmentTable, participant_index
from twoalike.study import (
    Floats,
    Integers,
    TwoalikeError,
    check_ending,
    provenance,
    write_json,
)
from twoalike.tables import JUDGED


def judgment_scores(
    posterior: Posterior, table: pd.DataFrame, observers: Observers = "own"
) -> tuple[Floats, Floats]:
    """Log-loss in nats and accuracy (ties broken at random) of each choice, shape (n,) each."""
    losses, hits = np.empty((2, len(table)))
    for group, p in predicted_answers(posterior, table, observers):
        losses[group.rows] = log_loss(p, group.answer)
        hits[group.rows] = expected_accuracy(p, group.answer, TIED)
    return losses, hits


def mean_and_error(
    values: Floats, groups: Integers
) -> dict[Literal["value", "standard_error"], float]:
    """Mean of one number a judgment, shape (n,), with its standard error.

    Judgments of one participant may err together: the standard error is the larger of the one for
    independent judgments and the one for independent participants, given by ``groups`` (the sum of
    a participant's errors counts as one; doi:10.1198/jbes.2010.07136).
    """
    n = len(values)
    errors = values - values.mean()
    variances = [float((errors**2).sum()) / max(n - 1, 1) / n]
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], weights=errors)
    if len(sums) > 1:
        variances.append(len(sums) / (len(sums) - 1) * float((sums**2).sum()) / n**2)
    return {"value": float(values.mean()), "standard_error": float(np.sqrt(max(variances)))}


def compare(
    first: PosteriorSource,
    second: PosteriorSource,
    choices: JudgmentTable | None = None,
    *,
    observers: Observers = "own",
    interval: float = 0.9,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Compare two posteriors: what they predict, and how alike their similarities are.

    Parameters
    ----------
    first, second
        Posteriors or their files; differences are second minus first.
    choices
        Judgments (.parquet) that neither was fitted to.
    observers
        ``own``: participants known to a posterior are predicted with their own lapse rate and
        temperature, others as new people. ``new``: all are predicted as new people.
    interval
        Share of the draws inside the intervals.
    out
        File to write (.json).

    Returns
    -------
    Provenance; ``similarity`` as :func:`compare_similarity` gives it; with choices also
    ``predictions`` as :func:`compare_predictions` does, and in it ``fitted_to_them``, which of
    ``first`` and ``second`` was fitted to these choices.
    """
    if out is not None:
        check_ending(Path(out), [".json"], "a comparison")
    models = {"first": as_posterior(first), "second": as_posterior(second)}
    table = None if choices is None else as_table(choices)
    inputs = {name: model.path for name, model in models.items() if model.path is not None}
    if isinstance(choices, str | Path):
        inputs["choices"] = Path(choices)
    result = provenance(
        "comparison", inputs=inputs, config={"interval": interval, "observers": observers}
    )
    if choices is not None and table is not None:
        result["predictions"] = compare_predictions(
            models["first"], models["second"], table, observers=observers
        )
        result["predictions"]["fitted_to_them"] = [
            name for name, model in models.items() if is_own(model, choices, table)[0]
        ]
    result["similarity"] = compare_similarity(models["first"], models["second"], interval)
    if out is not None:
        write_json(Path(out), result)
    return result


def compare_predictions(
    first: Posterior,
    second: Posterior,
    choices: pd.DataFrame,
    *,
    observers: Observers = "own",
) -> dict[str, Any]:
    """Score both posteriors on the same judgments.

    Practice and catch trials, and judgments with an object that one of the two does not know, are
    left out and counted. Returns ``judgments``, ``participants`` and ``left_out`` as numbers;
    ``log_loss`` (nats) and ``accuracy`` (ties split), each with ``first``, ``second`` and the
    paired ``difference`` second minus first, as ``value`` and ``standard_error``; and in
    ``guessing`` both scores of guesses at these judgments.
    """
    shared = shared_objects(first, second)
    kept = choices["trial_type"].isin(JUDGED)
    for item in (*ITEMS, *(item for item in MORE_ITEMS if item in choices)):
        kept &= choices[item].isin(list(shared)) | choices[item].isna()
    if not kept.any():
        raise TwoalikeError(
            f"expected main or repeat trials on the {len(shared)} objects that both posteriors "
            f"know, found none among {len(choices)} judgments."
        )
    table = choices[kept]
    groups, names = participant_index(table)
    one, two = (judgment_scores(model, table, observers) for model in (first, second))
    result: dict[str, Any] = {
        "judgments": len(table),
        "participants": len(names),
        "left_out": len(choices) - len(table),
        "observers": observers,
        "guessing": guessing(Choices.from_table(table).chance),
    }
    for name, a, b in zip(("log_loss", "accuracy"), one, two, strict=True):
        result[name] = {
            "first": mean_and_error(a, groups),
            "second": mean_and_error(b, groups),
            "difference": mean_and_error(b - a, groups),
        }
    return result


DRAWS = 100
"""Draws of each posterior that are compared: enough for the ends of an interval."""


def shared_objects(first: Posterior, second: Posterior) -> tuple[str, ...]:
    """Objects that both posteriors know, in the order of the first; refuse fewer than three."""
    known = set(second.ids)
    shared = tuple(name for name in first.ids if name in known)
    if len(shared) < 3:
        raise TwoalikeError(
            f"expected posteriors with at least 3 objects in common, found {len(shared)} of "
            f"{len(first.ids)} and {len(second.ids)}. Were ids given differently?"
        )
    return shared


def compare_similarity(first: Posterior, second: Posterior, level: float = 0.9) -> dict[str, Any]:
    """Correlate the similarities of the shared objects, and their dimensions.

    The correlation of a draw of one with a draw of the other is below that of the mean matrices,
    since draws scatter; it is reported beside that of two draws of the same posterior: where these
    intervals overlap, the posteriors do not differ by more than their uncertainty.

    Returns
    -------
    ``objects``: number shared; ``pearson`` and ``spearman`` of the posterior means, over pairs;
    ``draws``, ``first_draws`` and ``second_draws``: Pearson's correlation of draws between the two
    and within each (``value``: median, ``low``, ``high``); ``dimensions``: see
    :func:`match_dimensions`.
    """
    from scipy.stats import rankdata

    shared = shared_objects(first, second)
    models = [(model, select_objects(model.ids, shared)) for model in (first, second)]
    upper = np.triu_indices(len(shared), 1)
    means = [model.similarity()[np.ix_(own, own)][upper] for model, own in models]
    chosen = [model.embedding[some_draws(model, DRAWS)][:, own] for model, own in models]
    drawn = [pair_draws(model, x) for (model, _), x in zip(models, chosen, strict=True)]
    one, other = (unit_columns(pairs.T) for pairs in drawn)
    # Half a run on, in another chain if there are two: neighbours are alike, and two variational
    # fits with one seed share the noise of draws with the same number.
    later = [np.roll(of, -max(of.shape[1] // 2, 1), axis=1) for of in (one, other)]
    n = min(one.shape[1], other.shape[1])
    couples = (one, later[1]), (one, later[0]), (other, later[1])
    between, *within = ((of[:, :n] * then[:, :n]).sum(axis=0) for of, then in couples)
    return {
        "objects": len(shared),
        "pearson": _pearson(*means),
        "spearman": _pearson(rankdata(means[0]), rankdata(means[1])),
        "level": level,
        "draws": _summary(between, level),
        "first_draws": _summary(within[0], level),
        "second_draws": _summary(within[1], level),
        "dimensions": match_dimensions(*chosen, level=level),
    }


def _pearson(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    a, b = (values.astype(np.float64) - values.mean(dtype=np.float64) for values in (left, right))
    size = float(np.sqrt((a @ a) * (b @ b)))
    if size == 0:
        raise TwoalikeError(
            "all similarities of one posterior are the same, so nothing correlates with them. "
            "Fit it again, with more judgments."
        )
    return float(a @ b) / size


def _summary(values: Floats, level: float) -> dict[str, float]:
    low, high = central_interval(values, level)
    return {"value": float(np.median(values)), "low": float(low), "high": float(high)}


def match_dimensions(first: Floats, second: Floats, *, level: float = 0.9) -> list[dict[str, Any]]:
    """Match dimensions of draws (S, m, D) and (S', m, D') one to one, for the best correlations.

    Each match has ``first`` and ``second`` (dimensions, from 1), ``correlation`` of the posterior
    means over objects, ``low`` and ``high`` of the correlation between draws; in the order of the
    first. Surplus dimensions have no match; a constant one correlates 0 with every other.
    """
    from scipy.optimize import linear_sum_assignment

    one, two = (unit_columns(draws.mean(axis=0, dtype=np.float64)) for draws in (first, second))
    correlations = one.T @ two
    n = min(len(first), len(second))
    later = (np.arange(n) + max(len(second) // 2, 1)) % len(second)
    result = []
    for i, j in zip(*linear_sum_assignment(correlations, maximize=True), strict=True):
        own, other = unit_columns(first[:n, :, i].T), unit_columns(second[later, :, j].T)
        low, high = central_interval((own * other).sum(axis=0), level)
        match = {"first": int(i) + 1, "second": int(j) + 1}
        ends = {"low": float(low), "high": float(high)}
        result.append(match | {"correlation": float(correlations[i, j])} | ends)
    return result
