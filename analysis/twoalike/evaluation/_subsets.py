"""Agreement in parts of the judgments: by level, by category, by participant.

Scores come from :func:`~twoalike.evaluation.score_choices`: a model has one temperature for all,
so that the log-losses of the parts average to that of the whole.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from twoalike.evaluation._calibration import wilson_interval
from twoalike.evaluation._interval import Interval, TwoWayBootstrap
from twoalike.evaluation._kinds import KINDS

type Floats = npt.NDArray[np.float64]


def _parts(
    scores: Sequence[tuple[Floats, Floats]],
    subsets: Iterable[tuple[str, npt.NDArray[np.bool_]]],
    boot: TwoWayBootstrap,
) -> list[dict[str, dict[str, Any]]]:
    """Mean scores of every model within each subset of the choices that is not empty."""
    results: list[dict[str, dict[str, Any]]] = [{} for _ in scores]
    for name, rows in subsets:
        if not rows.any():
            continue
        part = boot.within(rows)  # once for all models: it is most of the work
        for result, (hits, losses) in zip(results, scores, strict=True):
            result[name] = {
                "choices": int(rows.sum()),
                "accuracy": part.interval(hits[rows]).within(0.0, 1.0).as_dict(),
                "log_loss": part.interval(losses[rows]).as_dict(),
            }
    return results


def by_subset(
    scores: Sequence[tuple[Floats, Floats]],
    subset_of: npt.NDArray[np.str_],
    boot: TwoWayBootstrap,
) -> list[dict[str, dict[str, Any]]]:
    """Accuracy and log-loss within each subset, such as each level of abstraction.

    Parameters
    ----------
    scores
        Of each model the accuracy and the log-loss of each choice, shape (n,) each.
    subset_of
        Subset of each choice, "" for none, shape (n,).
    boot
        Resamples of the choices: those of participants and objects.

    Returns
    -------
    Of each model: subset -> ``choices``, ``accuracy`` and ``log_loss``, the latter with 95 %
    intervals; levels and kinds of triplets in their usual order.
    """
    order = {name: place for place, name in enumerate(("coarse", "fine", *KINDS))}
    names = sorted(set(np.unique(subset_of).tolist()) - {""}, key=lambda n: (order.get(n, 9), n))
    return _parts(scores, ((name, subset_of == name) for name in names), boot)


def by_category(
    scores: Sequence[tuple[Floats, Floats]],
    triplets: npt.NDArray[np.integer],
    labels: Sequence[str],
    boot: TwoWayBootstrap,
) -> list[dict[str, dict[str, Any]]]:
    """Accuracy and log-loss of the choices in which a category occurs.

    A choice counts, once, for every category that has at least one of its three objects; most
    choices count for several. Which object was called odd has no say in it: choices in which a
    category's object was odd would be selected by their outcome.

    Parameters
    ----------
    scores
        Of each model the accuracy and the log-loss of each choice, shape (n,) each.
    triplets
        Objects shown, 0..m-1, shape (n, 3).
    labels
        Category of each object, "" for none, length m.
    boot
        Resamples of the choices.

    Returns
    -------
    Of each model: category -> ``choices``, ``accuracy`` and ``log_loss``.

    Examples
    --------
    >>> triplets = np.array([[0, 1, 2], [1, 2, 3], [0, 1, 3]])
    >>> boot = TwoWayBootstrap(np.array([0, 1, 1]), triplets, np.random.default_rng(0))
    >>> hits = np.array([1.0, 0.0, 1.0])
    >>> found = by_category([(hits, hits)], triplets, ["cat", "cat", "fox", "owl"], boot)[0]
    >>> {name: (of["choices"], round(of["accuracy"]["value"], 2)) for name, of in found.items()}
    {'cat': (3, 0.67), 'fox': (2, 0.5), 'owl': (2, 0.5)}
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    shown = codes[triplets]
    subsets = ((str(name), (shown == code).any(axis=1)) for code, name in enumerate(names) if name)
    return _parts(scores, subsets, boot)


def by_participant(
    hits: Floats, losses: Floats, participants: npt.NDArray[np.integer], names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Accuracy and log-loss of each participant's choices.

    The intervals are those of the participant's own choices (Wilson's for the accuracy, Student's
    t for the log-loss; None for one choice): what more choices of this person would give.

    Parameters
    ----------
    hits, losses
        Scores of each choice, shape (n,) each.
    participants
        Participant of each choice, 0..P-1, shape (n,).
    names
        Participants' names, length P.

    Returns
    -------
    Participant -> ``choices``, ``accuracy`` and ``log_loss``, for those who chose.

    Examples
    --------
    >>> scores = np.array([1.0, 1.0, 0.0])
    >>> found = by_participant(scores, scores, np.array([1, 1, 0]), ["p01", "p02"])
    >>> found["p02"]["choices"], found["p02"]["accuracy"]["value"]
    (2, 1.0)
    """
    n = np.bincount(participants, minlength=len(names))
    count = np.maximum(n, 1)
    correct, total, squares = (
        np.bincount(participants, weights=values, minlength=len(names))
        for values in (hits, losses, losses**2)
    )
    low, high = wilson_interval(correct, count)
    mean = total / count
    free = np.maximum(n - 1, 1)
    variance = np.maximum(squares - count * mean**2, 0) / free
    half = stdtrit(free, 0.975) * np.sqrt(variance / count)
    result: dict[str, dict[str, Any]] = {}
    for person in np.flatnonzero(n).tolist():
        share = float(correct[person] / n[person])
        ends = float(mean[person] - half[person]), float(mean[person] + half[person])
        several = n[person] > 1
        loss: dict[str, float | None] = {"value": float(mean[person]), "low": None, "high": None}
        result[names[person]] = {
            "choices": int(n[person]),
            "accuracy": Interval(share, float(low[person]), float(high[person])).as_dict(),
            "log_loss": loss | ({"low": ends[0], "high": ends[1]} if several else {}),
        }
    return result
