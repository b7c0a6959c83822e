"""What networks answer to each choice, and how that agrees with people.

Similarities come from features in one of three ways: the cosine after centring, for networks whose
features have an arbitrary origin and length; the cosine without, as in many published comparisons;
and the plain dot product, for embeddings made to be read so. Accuracy needs only the order of the
three similarities of a triplet. Log-loss needs their scale as well, which features do not have: one
temperature is fitted, on choices other than those it scores. An answer that is not offered (that
the reference of an anchored choice is the odd one) has a similarity of -inf. Every candidate is
scored once, for all measures that need its answers.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from twoalike.choice import PAIRS, expected_accuracy, log_choice, pair_similarities
from twoalike.evaluation._judgments import Judgments
from twoalike.features import FeatureTable
from twoalike.study import Booleans, Floats, Integers, TwoalikeError

type Similarity = Literal["cosine", "raw-cosine", "dot"]

_LARGEST_MATRIX = 6000
"""Objects up to which all pairs are computed at once (6000 squared in float64: 0.3 GB)."""


def prepare(values: npt.ArrayLike, kind: Similarity) -> Floats:
    """Rows whose dot products are the similarities, shape (m, p).

    In float64, so that objects with equal features stay tied: a tie that rounding breaks would
    count as right or wrong at random.
    """
    rows = np.asarray(values, dtype=np.float64)
    if kind == "dot":
        return rows
    if kind == "cosine":
        rows = rows - rows.mean(axis=0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    # An object at the mean has no direction; what is left of it after centring is rounding.
    negligible = length <= 1e-9 * max(float(np.abs(np.asarray(values)).max(initial=0.0)), 1e-300)
    return np.asarray(np.where(negligible, 0.0, rows / np.where(negligible, 1.0, length)))


def similarity_matrix(values: npt.ArrayLike, kind: Similarity = "cosine") -> Floats:
    """Similarity of every pair of objects.

    Parameters
    ----------
    values
        Features, shape (m, p).
    kind
        ``cosine``: of the rows minus their mean over these m objects. ``raw-cosine``: of the
        rows. ``dot``: the dot product of the rows.

    Returns
    -------
    Symmetric matrix, shape (m, m).

    Examples
    --------
    >>> similarity_matrix([[3.0, 1.0], [1.0, 1.0], [2.0, 1.0]]).round(2) + 0.0
    array([[ 1., -1.,  0.],
           [-1.,  1.,  0.],
           [ 0.,  0.,  0.]])
    """
    rows = prepare(values, kind)
    product = rows @ rows.T
    return np.asarray((product + product.T) / 2)


def triplet_similarities(
    values: npt.ArrayLike, triplets: Integers, kind: Similarity = "cosine"
) -> Floats:
    """Pair similarities of each triplet in PAIRS order, shape (n, 3).

    Parameters
    ----------
    values
        Features, shape (m, p).
    triplets
        Rows of ``values``, shape (n, 3).
    kind
        As in :func:`similarity_matrix`.
    """
    if len(np.asarray(values)) <= _LARGEST_MATRIX:
        return np.stack(pair_similarities(similarity_matrix(values, kind), triplets), axis=1)
    rows = prepare(values, kind)
    out = np.empty((len(triplets), 3))
    for start in range(0, len(triplets), 8192):
        part = triplets[start : start + 8192]
        for column, (a, b) in enumerate(PAIRS):
            out[start : start + 8192, column] = np.einsum(
                "np,np->n", rows[part[:, a]], rows[part[:, b]]
            )
    return out


def candidate_pairs(candidate: "Candidate", ids: Sequence[str], pairs: Integers) -> Floats:
    """Similarity of each pair of objects, (n, 2), indices into ``ids``: shape (n,)."""
    rows = prepare(candidate.features.select(list(ids), candidate.name), candidate.similarity)
    out = np.empty(len(pairs))
    for start in range(0, len(pairs), 8192):
        part = slice(start, start + 8192)
        out[part] = np.einsum("np,np->n", rows[pairs[part, 0]], rows[pairs[part, 1]])
    return out


_WIDEST = 10.0
"""Fitted temperatures lie within exp(-10) to exp(10) times the spread of the similarities."""
_ENOUGH, _NEAR, _MOST_STEPS = 20_000, 1.5, 10
"""Choices whose best temperature is within this factor of that of all, found in so many steps."""


type Temperatures = float | Floats


def _offered(similarities: Floats) -> Floats:
    """Similarities of the pairs that answers keep: the first columns, shape (n, 2) or (n, 3)."""
    return similarities[:, : int(np.isfinite(similarities[:1]).all(axis=0).sum())]


def choice_losses(similarities: Floats, chosen: Integers, temperature: Temperatures) -> Floats:
    """Negative log-probability of each choice in nats, shape (n,).

    Taken from the log-probabilities, so that it stays finite where the probability underflows.

    Parameters
    ----------
    similarities
        Pair similarities in PAIRS order, shape (n, 3).
    chosen
        The item called odd, 0..2, shape (n,).
    temperature
        One for all, or that of each choice, shape (n,).
    """
    logs = log_choice(tuple(similarities.T), temperature)
    return np.asarray(-np.choose(chosen, logs))


def accuracy_scores(similarities: Floats, chosen: Integers) -> Floats:
    """Score of each choice: 1 if the odd one is named, 1/k if it is among k tied, else 0.

    Parameters
    ----------
    similarities
        Pair similarities in PAIRS order, shape (n, 3).
    chosen
        The item called odd, 0..2, shape (n,).

    Examples
    --------
    >>> accuracy_scores(np.array([[0.9, 0.1, 0.1], [0.4, 0.4, 0.1]]), np.array([2, 2]))
    array([1. , 0.5])
    """
    # Scaled to the largest, so that what counts as tied does not depend on the features' unit.
    scale = np.abs(_offered(similarities)).max(initial=0.0) or 1.0
    kept = similarities[:, ::-1] / scale  # item k is odd when pair ODD[k] is the most alike
    return expected_accuracy(kept, chosen)


def fit_temperature(similarities: Floats, chosen: Integers) -> float:
    """Find the temperature with the smallest log-loss on these choices.

    The log-loss is convex in the inverse temperature, so there is one minimum; it lies at the
    border of a wide range where choices are perfectly predicted (smallest temperature) or
    contrary to the similarities (largest).
    """
    offered = _offered(similarities)
    spread = float(offered.std(axis=1).mean())
    if spread <= 1e-12 * np.abs(offered).max(initial=1e-300):
        return 1.0  # every triplet is tied: the temperature changes nothing

    every = max(len(chosen) // _ENOUGH, 1)
    found = _searched(similarities[::every], chosen[::every], spread)
    if every > 1:  # some thousands say about where; Newton's steps over all go the rest
        near = _newton(similarities, chosen, found)
        found = near if near is not None else _searched(similarities, chosen, spread)
    return found


def _searched(similarities: Floats, chosen: Integers, spread: float) -> float:
    """Best temperature within the whole range."""

    def loss(log_temperature: float) -> float:
        return float(choice_losses(similarities, chosen, spread * np.exp(log_temperature)).mean())

    bounds = (-_WIDEST, _WIDEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(spread * np.exp(found.x))


def _newton(similarities: Floats, chosen: Integers, temperature: float) -> float | None:
    """Best temperature near one given; None where there is none near.

    With b = 1 / temperature and p the choice probabilities, the slope of the loss in b is the
    mean of sum(p s) - s(chosen), and its curvature the mean variance of s under p.
    """
    inverse = start = 1 / temperature
    sides = tuple(similarities.T)
    kept = np.choose(chosen, sides[::-1]).mean()  # item k is odd when pair ODD[k] is alike
    offered = tuple(_offered(similarities).T)
    for _ in range(_MOST_STEPS):
        p = [np.exp(log) for log in log_choice(sides, 1 / inverse)][::-1]
        mean = sum(weight * side for weight, side in zip(p, offered, strict=False))
        square = sum(weight * side * side for weight, side in zip(p, offered, strict=False))
        curvature = float((square - mean * mean).mean())
        step = float(mean.mean() - kept) / curvature if curvature > 0 else np.inf
        inverse -= step
        if not start / _NEAR < inverse < start * _NEAR:
            return None
        if abs(step) <= 1e-4 * inverse:
            return 1 / inverse
    return None


def halves_by_triplet(triplet: Integers, rng: np.random.Generator) -> Booleans:
    """Random half of the choices; all those on one triplet fall on one side, shape (n,)."""
    m = int(triplet.max(initial=-1)) + 1
    if m < 2:
        raise ValueError("fitting and scoring need at least two different triplets")
    side = np.zeros(m, dtype=bool)
    side[rng.permutation(m)[: m // 2]] = True
    return np.asarray(side[triplet])


def cross_fitted_temperatures(similarities: Floats, chosen: Integers, first: Booleans) -> Floats:
    """Temperature for each choice, fitted to the other half, shape (n,)."""
    temperatures = np.empty(len(chosen))
    for scored in (first, ~first):
        temperatures[scored] = fit_temperature(similarities[~scored], chosen[~scored])
    return temperatures


@dataclass(frozen=True)
class Candidate:
    """A model to score."""

    name: str
    """How the results call it."""
    features: FeatureTable
    """One row an object: of a student its vectors, or one part of them."""
    similarity: Similarity = "cosine"
    """How similarities come from the features."""
    role: Literal["model", "ceiling"] = "model"
    """``ceiling`` for the true observer's embedding, where answers were simulated."""
    temperature: float | None = None
    """The choice temperature, where it is known; None to fit it."""

    @classmethod
    def of(
        cls, name: str, table: FeatureTable, similarity: Similarity | None = None
    ) -> "Candidate":
        """Take a network's table of features; without ``similarity`` by its own.

        A student's vectors are compared as they are (``raw-cosine``), since their origin was
        learnt; features of any other network by ``cosine``.
        """
        own: Similarity = "raw-cosine" if table.meta.get("similarity") == "raw-cosine" else "cosine"
        return cls(name, table, similarity or own)

    def with_parts(self) -> "list[Candidate]":
        """Itself and, of a student, each part of its vector as ``NAME:PART``."""
        parts = [
            replace(self, name=f"{self.name}:{part}", features=self.features.part(part))
            for part in self.features.parts
        ]
        return [self, *parts]


def named_parts(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each network with the parts of its vector beside it, if it has any."""
    return [one for candidate in candidates for one in candidate.with_parts()]


def check_names(candidates: Sequence[Candidate]) -> None:
    """Refuse two networks of one name."""
    names = [candidate.name for candidate in candidates]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TwoalikeError(
            f"two networks are called {twice!r}", remedy="Give each a name of its own."
        )


@dataclass(frozen=True)
class Scored:
    """A model's answers to n choices, each at the temperature fitted to other triplets."""

    candidate: Candidate
    """The model."""
    hits: Floats
    """Accuracy of each choice (ties 1/k), shape (n,)."""
    probabilities: Floats
    """Of the three items of each choice, shape (n, 3)."""
    losses: Floats
    """Log-loss of each choice in nats, shape (n,)."""
    temperature: float
    """The one fitted to all choices, or that of the model where it is known."""


def candidate_similarities(candidate: Candidate, judged: Judgments) -> Floats:
    """Pair similarities of the triplets judged, in PAIRS order, shape (n, 3); -inf: not offered.

    Raises
    ------
    TwoalikeError
        If the candidate has no features for a judged object.
    """
    used = np.zeros(len(judged.ids), dtype=bool)
    used[judged.triplets] = True
    values = candidate.features.select(
        [judged.ids[row] for row in np.flatnonzero(used)], candidate.name
    )
    triplets = (np.cumsum(used) - 1)[judged.triplets]
    return judged.only_options(triplet_similarities(values, triplets, candidate.similarity))


def score_choices(
    candidates: Sequence[Candidate], judged: Judgments, rng: np.random.Generator
) -> list[Scored]:
    """Score each choice by every candidate.

    Parameters
    ----------
    candidates
        The models; their own temperature is used where it is known.

    Raises
    ------
    TwoalikeError
        If a candidate has no features for a judged object.
    ValueError
        If there are fewer than two different triplets.
    """
    first = halves_by_triplet(judged.numbers[1], rng)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda candidate: _scored(candidate, judged, first), candidates))


def _scored(candidate: Candidate, judged: Judgments, first: Booleans) -> Scored:
    similarities = candidate_similarities(candidate, judged)
    temperature = candidate.temperature
    of_choices: Temperatures
    if temperature is None:
        of_choices = cross_fitted_temperatures(similarities, judged.chosen, first)
        temperature = fit_temperature(similarities, judged.chosen)
    else:
        of_choices = temperature
    # Losses from the log-probabilities: finite also where the probability underflows.
    logs = log_choice(tuple(similarities.T), of_choices)
    return Scored(
        candidate,
        hits=accuracy_scores(similarities, judged.chosen),
        probabilities=np.exp(np.stack(logs, axis=1)),
        losses=np.asarray(-np.choose(judged.chosen, logs)),
        temperature=temperature,
    )
