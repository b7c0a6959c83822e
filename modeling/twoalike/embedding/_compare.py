"""Two posteriors side by side: what they predict, on the same judgments, pair by pair."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from twoalike.choice import expected_accuracy, log_loss
from twoalike.embedding._compare_similarity import shared_objects
from twoalike.embedding._posterior import TIED
from twoalike.judgments import ITEMS, JUDGED, object_index, participant_index
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding._posterior import Kind, Posterior

type Floats = npt.NDArray[np.float64]
type Observers = Literal["own", "typical"]


def judgment_scores(
    posterior: "Posterior", choices: "pd.DataFrame", observers: Observers = "own"
) -> tuple[Floats, Floats]:
    """Log-loss and accuracy of every judgment.

    Parameters
    ----------
    posterior
        The model.
    choices
        Table of n judgments on its objects.
    observers
        ``own``: participants the posterior knows answer with their own lapse and temperature,
        others as typical ones; ``typical``: all as typical ones.

    Returns
    -------
    Negative log-probability of each answer in nats, and chance of a hit with ties broken at
    random, shape (n,) each.

    Raises
    ------
    TwoalikeError
        If a judged object is not in the posterior.
    """
    triplets, chosen, _ = object_index(choices, posterior.ids)
    who = None
    if observers == "own":
        codes, names = participant_index(choices)
        place = {name: row for row, name in enumerate(posterior.participants)}
        who = np.array([place.get(name, -1) for name in names], dtype=np.int64)[codes]
    losses, hits = np.empty(len(chosen)), np.empty(len(chosen))
    kinds: tuple[Kind, ...] = ("odd_one_out", "anchored")
    for kind in kinds:
        rows = (choices["kind"] == kind).to_numpy()
        if rows.any():
            judges = None if who is None else who[rows]
            p = posterior.choice_probabilities(
                triplets[rows], lapse=True, participants=judges, kind=kind
            )
            losses[rows] = log_loss(p, chosen[rows])
            hits[rows] = expected_accuracy(p, chosen[rows], TIED)
    return losses, hits


def mean_and_error(
    values: Floats, groups: npt.NDArray[np.integer]
) -> dict[Literal["value", "standard_error"], float]:
    """Mean over judgments with its standard error.

    Judgments of one participant may err together: the standard error is the larger of the one
    for independent judgments and the one for independent participants (the sum of a
    participant's errors counts as one; doi:10.1198/jbes.2010.07136).

    Parameters
    ----------
    values
        One number a judgment, shape (n,).
    groups
        Participant of each, shape (n,).

    Examples
    --------
    >>> mean_and_error(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0, 0, 1, 1]))
    {'value': 0.5, 'standard_error': 0.28867513459481287}
    """
    n = len(values)
    errors = values - values.mean()
    variances = [float((errors**2).sum()) / max(n - 1, 1) / n]
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], weights=errors)
    if len(sums) > 1:
        variances.append(len(sums) / (len(sums) - 1) * float((sums**2).sum()) / n**2)
    return {"value": float(values.mean()), "standard_error": float(np.sqrt(max(variances)))}


def compare_predictions(
    first: "Posterior",
    second: "Posterior",
    choices: "pd.DataFrame",
    *,
    observers: Observers = "own",
) -> dict[str, Any]:
    """Score both posteriors on the same judgments, at best ones that neither was fitted to.

    Parameters
    ----------
    first, second
        The models.
    choices
        Table of judgments. Practice and catch trials, and judgments with an object that one of
        the two does not know, are left out and counted.
    observers
        As in :func:`judgment_scores`.

    Returns
    -------
    ``judgments``, ``participants`` and ``left_out`` as numbers; ``log_loss`` (nats) and
    ``accuracy`` (ties split), each with ``first``, ``second`` and the paired ``difference``
    second minus first, as ``value`` and ``standard_error``.

    Raises
    ------
    TwoalikeError
        If no judgment is left.
    """
    shared = shared_objects(first, second)
    kept = choices["trial_type"].isin(JUDGED)
    for item in ITEMS:
        kept &= choices[item].isin(list(shared))
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
    }
    for name, a, b in zip(("log_loss", "accuracy"), one, two, strict=True):
        result[name] = {
            "first": mean_and_error(a, groups),
            "second": mean_and_error(b, groups),
            "difference": mean_and_error(b - a, groups),
        }
    return result
