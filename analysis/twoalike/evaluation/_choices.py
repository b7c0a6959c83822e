"""What networks answer to each choice, and how that agrees with people.

Similarities come from features in one of three ways: the cosine after centring, for networks whose
features have an arbitrary origin and length; the cosine without, as in many published comparisons;
and the plain dot product, for embeddings made to be read so. Accuracy needs only the order of the
three similarities of a triplet. Log-loss needs their scale as well, which features do not have: one
temperature is fitted, on choices other than those it scores. A triplet is a set of three; chance is
that of the question. Every candidate is scored once, for all measures that need its answers. It has
one temperature for all parts (levels, categories, participants), so that the log-losses of the
parts average to that of the whole.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import stdtrit

from twoalike.choice import PAIRS, Question, expected_accuracy, log_set_choice
from twoalike.evaluation._estimates import Figures, Interval, TwoWayBootstrap, wilson_interval
from twoalike.evaluation._judgments import KINDS, Judgments
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
    """Similarity of every pair of m objects with features (m, p), symmetric, shape (m, m).

    ``cosine``: of the rows minus their mean over these m objects. ``raw-cosine``: of the rows.
    ``dot``: the dot product of the rows.

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


def set_similarities(
    values: npt.ArrayLike,
    items: Integers,
    kind: Similarity = "cosine",
    pairs: npt.ArrayLike = PAIRS,
) -> Floats:
    """Similarities within sets of k of the objects with features (m, p), shape (n, P).

    ``items`` are rows of the features, shape (n, k); ``pairs`` the places of both items of each
    pair whose similarity is wanted, shape (P, 2).
    """
    ends = [(items[:, a], items[:, b]) for a, b in np.asarray(pairs)]
    if len(np.asarray(values)) <= _LARGEST_MATRIX:
        similarity = similarity_matrix(values, kind)
        return np.stack([similarity[a, b] for a, b in ends], axis=1)
    rows = prepare(values, kind)
    return np.stack([_products(rows, a, b) for a, b in ends], axis=1)


def _products(rows: Floats, first: Integers, second: Integers) -> Floats:
    """Dot products of rows, (n,), some at a time."""
    parts = [slice(start, start + 8192) for start in range(0, len(first), 8192)]
    found = [np.einsum("np,np->n", rows[first[part]], rows[second[part]]) for part in parts]
    return np.concatenate(found) if found else np.empty(0)


def candidate_pairs(candidate: "Candidate", ids: Sequence[str], pairs: Integers) -> Floats:
    """Similarity of each pair of objects, (n, 2), indices into ``ids``: shape (n,)."""
    rows = prepare(candidate.features.select(list(ids), candidate.name), candidate.similarity)
    return _products(rows, *pairs.T)


_WIDEST = 10.0
"""Fitted temperatures lie within exp(-10) to exp(10) times the spread of the similarities."""
_TRIPLETS = Question("odd_one_out", 3)


def choice_losses(
    similarities: Floats,
    answer: Integers,
    temperature: float | Floats,
    question: Question = _TRIPLETS,
) -> Floats:
    """Negative log-probability of each answer (n,) in nats, shape (n,).

    From the similarities of the question's pairs, shape (n, P), and one temperature, or that of
    each choice. Finite also where the probability underflows.
    """
    logs = log_set_choice(similarities, question, temperature)
    return np.asarray(-logs[np.arange(len(answer)), answer])


def accuracy_scores(
    similarities: Floats, answer: Integers, question: Question = _TRIPLETS
) -> Floats:
    """Score of each choice: 1 if its answer is the likeliest, 1/k if it is among k tied, else 0.

    Examples
    --------
    >>> accuracy_scores(np.array([[0.9, 0.1, 0.1], [0.4, 0.4, 0.1]]), np.array([2, 2]))
    array([1. , 0.5])
    """
    # Scaled to the largest, so that what counts as tied does not depend on the features' unit.
    scale = np.abs(similarities).max(initial=0.0) or 1.0
    return expected_accuracy(log_set_choice(similarities / scale, question), answer)


def fit_temperature(
    similarities: Floats, answer: Integers, question: Question = _TRIPLETS
) -> float:
    """Find the temperature with the smallest log-loss on these choices.

    The log-loss is convex in the inverse temperature, so there is one minimum; it lies at the
    border of a wide range where choices are perfectly predicted (smallest temperature) or
    contrary to the similarities (largest).
    """
    spread = float(similarities.std(axis=1).mean())
    if spread <= 1e-12 * np.abs(similarities).max(initial=1e-300):
        return 1.0  # every set is tied: the temperature changes nothing

    def loss(log_temperature: float) -> float:
        temperature = spread * np.exp(log_temperature)
        return float(choice_losses(similarities, answer, temperature, question).mean())

    bounds = (-_WIDEST, _WIDEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(spread * np.exp(found.x))


def _halves(number: Integers, rng: np.random.Generator) -> Booleans:
    """Random half of the choices; all those on one set fall on one side, shape (n,)."""
    m = int(number.max(initial=-1)) + 1
    side = np.zeros(m, dtype=bool)
    side[rng.permutation(m)[: m // 2]] = True
    return np.asarray(side[number])


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
    """A model's answers to n choices, each at the temperature fitted to other sets."""

    candidate: Candidate
    """The model."""
    hits: Floats
    """Accuracy of each choice (ties 1/k), shape (n,)."""
    probabilities: Floats
    """Of the answers to each choice, shape (n, A)."""
    losses: Floats
    """Log-loss of each choice in nats, shape (n,)."""
    temperature: float
    """The one fitted to all choices, or that of the model where it is known."""


def candidate_similarities(
    candidate: Candidate, judged: Judgments, items: Integers | None = None
) -> Floats:
    """Similarities of the question's pairs within the sets judged, or within ``items``, (n, P)."""
    items = judged.items if items is None else items
    used, place = np.unique(items, return_inverse=True)
    values = candidate.features.select([judged.ids[row] for row in used], candidate.name)
    place = place.reshape(items.shape)
    return set_similarities(values, place, candidate.similarity, judged.question.pairs)


def score_choices(
    candidates: Sequence[Candidate], judged: Judgments, rng: np.random.Generator
) -> list[Scored]:
    """Score each choice by every candidate.

    A model's own temperature is used where it is known; otherwise that fitted to the other half of
    the sets, or to all choices where they are about a single set.
    """
    first = _halves(judged.number, rng)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda candidate: _scored(candidate, judged, first), candidates))


def _scored(candidate: Candidate, judged: Judgments, first: Booleans) -> Scored:
    similarities, answer = candidate_similarities(candidate, judged), judged.answer
    temperature = candidate.temperature or fit_temperature(similarities, answer, judged.question)
    of_choices = np.full(len(answer), temperature)
    if candidate.temperature is None and first.any():
        for scored in (first, ~first):
            others = similarities[~scored], answer[~scored]
            of_choices[scored] = fit_temperature(*others, judged.question)
    # Losses from the log-probabilities: finite also where the probability underflows.
    logs = log_set_choice(similarities, judged.question, of_choices)
    return Scored(
        candidate,
        hits=accuracy_scores(similarities, answer, judged.question),
        probabilities=np.exp(logs),
        losses=np.asarray(-logs[np.arange(len(answer)), answer]),
        temperature=temperature,
    )


def _parts(
    scores: Sequence[tuple[Floats, Floats]],
    subsets: Iterable[tuple[str, Booleans]],
    boot: TwoWayBootstrap,
) -> list[dict[str, Figures]]:
    """Mean scores of every model within each subset of the choices that is not empty."""
    results: list[dict[str, Figures]] = [{} for _ in scores]
    for name, rows in subsets:
        if not rows.any():
            continue
        part = boot.within(rows)  # once for all models: it is most of the work
        for result, (hits, losses) in zip(results, scores, strict=True):
            result[name] = Figures(
                n=int(rows.sum()),
                accuracy=part.interval(hits[rows]).within(0.0, 1.0),
                log_loss=part.interval(losses[rows]),
            )
    return results


def subset_names(subset_of: npt.NDArray[np.str_]) -> list[str]:
    """Names of the subsets, levels and kinds of triplets in their usual order."""
    order = {name: place for place, name in enumerate(("coarse", "fine", *KINDS))}
    names = set(np.unique(subset_of).tolist()) - {""}
    return sorted(names, key=lambda name: (order.get(name, 9), name))


def by_category(
    scores: Sequence[tuple[Floats, Floats]],
    shown: Integers,
    labels: Sequence[str],
    boot: TwoWayBootstrap,
) -> list[dict[str, Figures]]:
    """Accuracy and log-loss of the choices in which a category occurs.

    A choice counts, once, for every category that has at least one of its objects; most choices
    count for several. Which object was chosen does not matter: choices in which a category's
    object was odd would be selected by their outcome.

    Of each model (``scores``) the accuracy and log-loss of each choice, (n,) each; the objects
    shown are 0..m-1, (n, k), and ``labels`` the category of each object, "" for none, length m.
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    of_shown = codes[shown]
    subsets = (
        (str(name), (of_shown == code).any(axis=1)) for code, name in enumerate(names) if name
    )
    return _parts(scores, subsets, boot)


def by_participant(
    hits: Floats, losses: Floats, participants: Integers, names: Sequence[str]
) -> dict[str, Figures]:
    """Accuracy and log-loss of each participant's choices, of those who chose.

    The intervals are those of the participant's own choices (Wilson's for the accuracy, Student's
    t for the log-loss; none for one choice): what more choices of this person would give.

    Examples
    --------
    >>> scores = np.array([1.0, 1.0, 0.0])
    >>> found = by_participant(scores, scores, np.array([1, 1, 0]), ["p01", "p02"])
    >>> found["p02"]["n"], found["p02"]["accuracy"].value
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
    result: dict[str, Figures] = {}
    for person in np.flatnonzero(n).tolist():
        share = float(correct[person] / n[person])
        value, reach = float(mean[person]), float(half[person])
        several = n[person] > 1
        result[names[person]] = Figures(
            n=int(n[person]),
            accuracy=Interval(share, float(low[person]), float(high[person])),
            log_loss=Interval(value, value - reach, value + reach) if several else value,
        )
    return result


def _gap_closed(
    boot: TwoWayBootstrap, own: Floats, base: Floats, ceiling: Floats
) -> Interval | None:
    """Share of the way from the base to the ceiling, by linearising the ratio of the means."""
    gap = float((ceiling - base).mean())
    if gap <= 0:
        return None
    share = float((own - base).mean()) / gap
    return boot.interval(((own - base) - share * (ceiling - base)) / gap, share)


def compare_choices(
    scored: Sequence[Scored], judged: Judgments, boot: TwoWayBootstrap
) -> list[Figures]:
    """Scores of every model on the same choices, in their order, and of each group of them."""
    ceilings = [of.hits for of in scored if of.candidate.role == "ceiling"]
    base, several = scored[0], len(judged.sets) > 1
    scores = [(of.hits, of.losses) for of in scored]
    groups = {
        name: _parts(scores, ((subset, of == subset) for subset in subset_names(of)), boot)
        for name, of in judged.groups.items()
    }
    results = []
    for number, of in enumerate(scored):
        is_model = number > 0 and of.candidate.role == "model"
        gap = _gap_closed(boot, of.hits, base.hits, ceilings[0]) if is_model and ceilings else None
        difference = Figures(
            accuracy=boot.interval(of.hits - base.hits),
            log_loss=boot.interval(of.losses - base.losses) if several else None,
        )
        results.append(
            Figures(
                accuracy=boot.interval(of.hits).within(0.0, 1.0),
                log_loss=boot.interval(of.losses) if several else None,
                temperature=of.temperature,
                difference=difference if number else None,
                gap_closed=gap,
                groups={name: found[number] for name, found in groups.items()},
            )
        )
    return results
