"""What networks answer to each choice, and how that agrees with people.

Similarities come from features in one of three ways: the cosine after centring, for networks whose
features have an arbitrary origin and length; the cosine without, as in many published comparisons;
and the plain dot product, for embeddings made to be read so. Accuracy needs only the order of the
three similarities of a triplet. Log-loss needs their scale as well, which features do not have: one
temperature is fitted, on choices other than those it scores. A triplet is a set of three; chance is
that of the question.

A measure of :data:`CHOICE_MEASURES` is a number for each choice. Every candidate is scored once; it
has one temperature for all parts (levels, categories, participants), so that the means of the parts
average to that of the whole. Tables, report and leaderboard go over the measures there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import stdtrit

from twoalike.choice import PAIRS, TRIPLET, Question, expected_accuracy, log_set_choice
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
    return np.stack([row_products(rows, a, b) for a, b in ends], axis=1)


def row_products(rows: Floats, first: Integers, second: Integers) -> Floats:
    """Dot products of rows, (n,), some at a time."""
    parts = [slice(start, start + 8192) for start in range(0, len(first), 8192)]
    found = [np.einsum("np,np->n", rows[first[part]], rows[second[part]]) for part in parts]
    return np.concatenate(found) if found else np.empty(0)


_WIDEST = 10.0
"""Fitted temperatures lie within exp(-10) to exp(10) times the spread of the similarities."""


def choice_losses(
    similarities: Floats,
    answer: Integers,
    temperature: float | Floats,
    question: Question = TRIPLET,
) -> Floats:
    """Negative log-probability of each answer (n,) in nats, shape (n,).

    From the similarities of the question's pairs, shape (n, P), and one temperature, or that of
    each choice. Finite also where the probability underflows.
    """
    logs = log_set_choice(similarities, question, temperature)
    return np.asarray(-logs[np.arange(len(answer)), answer])


def fit_temperature(similarities: Floats, answer: Integers, question: Question = TRIPLET) -> float:
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


def common_objects(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Objects that every network has features of, in the order of the first."""
    first, *others = (candidate.features.ids for candidate in candidates)
    shared = set(first).intersection(*others)
    return tuple(name for name in first if name in shared)


class ChoiceMeasure(NamedTuple):
    """A number for each choice, whose mean is reported over all choices and in every part."""

    of: Callable[[Floats, Floats, Integers], Floats]
    """From log-probabilities of the answers, (n, A), at the temperature fitted to other sets and at
    one for all (that of the largest similarity: what is tied does not depend on the features'
    unit), and the answers given, (n,), to the numbers, (n,)."""
    unit: str
    about: str
    """What it is, in a sentence."""
    least: float = 0.0
    most: float = np.inf
    """``least``, ``most``: Range."""
    high_is_good: bool = True
    scaled: bool = True
    """Whether it depends on the temperature, and so needs more than one set."""

    def mean(self, scores: Floats, boot: TwoWayBootstrap) -> Interval:
        """Mean of the numbers, (n,), with its interval."""
        return boot.interval(scores).within(self.least, self.most)


CHOICE_MEASURES: dict[str, ChoiceMeasure] = {
    "accuracy": ChoiceMeasure(
        lambda logs, order, answer: expected_accuracy(order, answer),
        "share",
        "Answers that are named; a tie of k counts 1/k.",
        most=1.0,
        scaled=False,
    ),
    "log_loss": ChoiceMeasure(
        lambda logs, order, answer: -logs[np.arange(len(answer)), answer],
        "nats",
        "Of a network at the temperature fitted to the other half of the sets; of a posterior by "
        "its own observers.",
        high_is_good=False,
    ),
}
"""Every measure that is a mean over choices, by the key that names it in results."""


@dataclass(frozen=True)
class Scored:
    """A model's answers to n choices, each at the temperature fitted to other sets."""

    candidate: Candidate
    """The model."""
    probabilities: Floats
    """Of the answers to each choice, shape (n, A)."""
    temperature: float
    """The one fitted to all choices, or that of the model where it is known."""
    scores: Mapping[str, Floats]
    """Measure -> its number for each choice, shape (n,)."""


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
    side = np.zeros(len(judged.sets), dtype=bool)
    side[rng.permutation(len(side))[: len(side) // 2]] = True
    first = side[judged.number]
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
    scale = np.abs(similarities).max(initial=0.0) or 1.0
    logs = log_set_choice(similarities, judged.question, of_choices)
    order = log_set_choice(similarities / scale, judged.question)
    scores = {
        name: np.asarray(measure.of(logs, order, answer))
        for name, measure in CHOICE_MEASURES.items()
        if len(judged.sets) > 1 or not measure.scaled
    }
    return Scored(candidate, np.exp(logs), temperature, scores)


type Scores = Mapping[str, Floats]
"""Measure -> its number for each of n choices, shape (n,)."""


def mean_scores(scores: Scores, boot: TwoWayBootstrap) -> Figures:
    """Mean of each measure with its interval."""
    return Figures({name: CHOICE_MEASURES[name].mean(each, boot) for name, each in scores.items()})


def _parts(
    scores: Sequence[Scores], subsets: Iterable[tuple[str, Booleans]], boot: TwoWayBootstrap
) -> list[dict[str, Figures]]:
    """Mean scores of every model within each subset of the choices that is not empty."""
    results: list[dict[str, Figures]] = [{} for _ in scores]
    for name, rows in subsets:
        if not rows.any():
            continue
        part = boot.within(rows)  # once for all models: it is most of the work
        for result, own in zip(results, scores, strict=True):
            means = mean_scores({measure: each[rows] for measure, each in own.items()}, part)
            result[name] = Figures(n=int(rows.sum()), **means)
    return results


def subset_names(subset_of: npt.NDArray[np.str_]) -> list[str]:
    """Names of the subsets, levels and kinds of triplets in their usual order."""
    order = {name: place for place, name in enumerate(("coarse", "fine", *KINDS))}
    names = set(np.unique(subset_of).tolist()) - {""}
    return sorted(names, key=lambda name: (order.get(name, 9), name))


def by_category(
    scores: Sequence[Scores], shown: Integers, labels: Sequence[str], boot: TwoWayBootstrap
) -> list[dict[str, Figures]]:
    """Scores of every model on the choices in which a category occurs.

    A choice counts, once, for every category that has at least one of its objects; most choices
    count for several. Which object was chosen does not matter: choices in which a category's
    object was odd would be selected by their outcome. The objects shown are 0..m-1, (n, k), and
    ``labels`` the category of each object, "" for none, length m.
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    of_shown = codes[shown]
    subsets = (
        (str(name), (of_shown == code).any(axis=1)) for code, name in enumerate(names) if name
    )
    return _parts(scores, subsets, boot)


def by_participant(
    scores: Scores, participants: Integers, names: Sequence[str]
) -> dict[str, Figures]:
    """Scores of each participant's choices, of those who chose.

    The intervals are those of the participant's own choices (Wilson's for a share, otherwise
    Student's t; none for one choice): what more choices of this person would give.

    Examples
    --------
    >>> scores = {"accuracy": np.array([1.0, 1.0, 0.0])}
    >>> found = by_participant(scores, np.array([1, 1, 0]), ["p01", "p02"])
    >>> found["p02"]["n"], found["p02"]["accuracy"].value
    (2, 1.0)
    """
    numbers = pd.DataFrame(scores).groupby(np.asarray(participants))
    counts = numbers.size()
    people = zip(counts.index.tolist(), counts.tolist(), strict=True)
    result = {names[person]: Figures(n=n) for person, n in people}
    for measure in scores:
        each = numbers[measure]
        mean, n = each.mean().to_numpy(), counts.to_numpy()
        if CHOICE_MEASURES[measure].unit == "share":
            low, high = wilson_interval(mean * n, n)
        else:
            half = stdtrit(np.maximum(n - 1, 1), 0.975) * each.std().to_numpy() / np.sqrt(n)
            low, high = mean - half, mean + half
        for part, value, *ends in zip(result.values(), mean, low, high, strict=True):
            known = not np.isnan(ends).any()
            part[measure] = Interval(float(value), *map(float, ends)) if known else float(value)
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
    ceilings = [of.scores["accuracy"] for of in scored if of.candidate.role == "ceiling"]
    base, scores = scored[0].scores, [of.scores for of in scored]
    groups = {
        name: _parts(scores, ((subset, of == subset) for subset in subset_names(of)), boot)
        for name, of in judged.groups.items()
    }
    results = []
    for number, of in enumerate(scored):
        found = Figures(mean_scores(of.scores, boot), temperature=of.temperature)
        if number:
            gains = {name: boot.interval(own - base[name]) for name, own in of.scores.items()}
            found["difference"] = Figures(gains)
            if ceilings and of.candidate.role == "model":
                own = of.scores["accuracy"]
                found["gap_closed"] = _gap_closed(boot, own, base["accuracy"], ceilings[0])
        found["groups"] = {name: parts[number] for name, parts in groups.items()}
        results.append(found)
    return results
