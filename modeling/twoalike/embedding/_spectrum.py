"""Where a variational fit starts: the leading spectrum of what the judgments say of each pair.

Where all similarities are equal, the gradient of the log-likelihood with respect to them is, in
expectation and to first order, the similarities themselves, less a constant and times a factor:
one step of Fisher scoring. What single judgments add to it is noise without direction, so the
leading eigenvectors hold what many judgments agree on: those whose eigenvalues are larger than any
of the same judgments with their answers shuffled (parallel analysis, Horn 1965,
doi:10.1007/BF02289447). From there a fit takes fewer steps than from random coordinates, and a
mixture of fits predicts better (docs/decisions/modeling.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twoalike.choice import log_choice
from twoalike.embedding._choices import GIVEN, ChoiceGroup
from twoalike.embedding._model import Data, Form
from twoalike.embedding._priors import Start, find_kernel
from twoalike.study import Floats, Integers

FEWEST = 100
"""Choices an object, below which their spectrum is mostly noise and a fit starts at random."""
MOST = 50
"""Eigenvectors that are looked for."""
SPLIT = 2
"""Non-negative dimensions for each eigenvector: they cannot cancel, so it takes more of them."""
ITERATIONS = 1000
"""Of the factorisation; it has no need to converge."""
FACTORS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
"""By which similarities may be too small; the best on :data:`ROWS` choices is taken."""
ROWS = 20_000
GUESSES = 0.08
"""Lapses at the start of the model."""
SMALL = 0.1
"""Scale of the coordinates that the spectrum does not give."""


@dataclass(frozen=True)
class Spectrum:
    """What many choices agree on: eigenvalues less the largest of noise, (r,), and vectors (m, r).

    Of distances the rows are centred, since these know no origin.
    """

    values: Floats
    vectors: Floats
    data: Data
    similarity: str

    @classmethod
    def of(cls, data: Data, similarity: str) -> "Spectrum | None":
        """Find it, or None where choices are too few or agree on nothing."""
        m = len(data.ids)
        if not tells(len(data.choices), m):
            return None
        rng = np.random.default_rng(0)
        rows = [(group, group.items) for group in data.choices.groups]
        shuffled = [(group, rng.permuted(items, axis=1)) for group, items in rows]
        centred = similarity == "distance"
        noise, _ = _leading(score_matrix(shuffled, m), 1, centred=centred)
        values, vectors = _leading(score_matrix(rows, m), min(MOST, m - 2), centred=centred)
        there = values > noise
        if not there.any():
            return None
        return cls((values - noise)[there], vectors[:, there], data, similarity)

    @property
    def dimensions(self) -> int:
        each = 1 if self.similarity == "distance" else SPLIT
        return each * len(self.values) + 2

    def start(self, form: Form, rng: np.random.Generator) -> Start:
        """Give a start near it; further dimensions start small, at random."""
        m, d = len(self.vectors), form.dimensions
        if self.similarity == "distance":
            x = (self.vectors * np.sqrt(self.values))[:, -d:]
            x = x + SMALL * x.std(axis=0) * rng.normal(size=x.shape)
            rest = SMALL * rng.normal(size=(m, d - x.shape[1]))
        else:
            x = self._nonnegative(min(d, SPLIT * len(self.values)), rng)
            rest = SMALL * rng.gamma(1.0, 1.0, (m, d - x.shape[1]))
        return form.start_at(np.hstack([x * _root_of_factor(x, self.data, self.similarity), rest]))

    def _nonnegative(self, d: int, rng: np.random.Generator) -> Floats:
        """Factorise V diag(values) V' plus a constant into x x', x (m, d) not negative.

        By the multiplicative updates of symmetric factorisation with a damping of one half (Ding,
        He and Simon 2005, doi:10.1137/1.9781611972757.70), from random coordinates.
        """
        values, vectors = self.values, self.vectors
        first, second = np.concatenate(
            [
                group.items[:ROWS, group.question.pairs[group.question.slopes.argmax()]]
                for group in self.data.choices.groups  # the pair that each answer keeps
            ]
        ).T
        known = ((vectors[first] * values) * vectors[second]).sum(axis=1)
        floor = -float(np.quantile(known, 0.01))  # of a pair that has nothing in common
        size = np.sqrt(max(known.mean() + floor, SMALL**2) / d)
        x = size * rng.gamma(1.0, 1.0, (len(vectors), d))
        for _ in range(ITERATIONS):
            towards = vectors @ (values[:, None] * (vectors.T @ x)) + floor * x.sum(axis=0)
            x *= 0.5 + 0.5 * np.maximum(towards, 0.0) / (x @ (x.T @ x) + 1e-9)
        return np.asarray(x)


def starts_near(
    parts: Sequence[Data], form: Form, rngs: Sequence[np.random.Generator]
) -> list[Start]:
    """Give a start for each fit, near the spectrum of its part of the data or at random."""
    found: dict[int, Spectrum | None] = {}
    starts = []
    for part, rng in zip(parts, rngs, strict=True):
        if id(part) not in found:
            found[id(part)] = Spectrum.of(part, form.similarity)
        near = found[id(part)]
        starts.append(form.start(len(part.ids), rng) if near is None else near.start(form, rng))
    return starts


def tells(n: int, m: int) -> bool:
    """Whether n choices among m objects are enough for their spectrum to be more than noise."""
    return 3 * n >= FEWEST * m


def score_matrix(rows: Sequence[tuple[ChoiceGroup, Integers]], m: int) -> Any:
    """Gradient of the log-likelihood in the similarities where all are equal, sparse, (m, m).

    Of groups of choices and their items, the answer given first. It is divided by the information
    of an average pair, so that it has the scale of similarities.
    """
    from scipy.sparse import coo_array

    gains, ends, information = [], [], 0.0
    for group, items in rows:
        slopes = group.question.slopes
        gains.append(np.repeat(slopes, len(items)))
        ends.append(np.concatenate([items[:, pair] for pair in group.question.pairs]))
        information += len(items) * float((slopes**2).sum()) / (m * (m - 1) / 2)
    pairs = np.concatenate(ends).T
    half = coo_array((np.concatenate(gains) / information, pairs), shape=(m, m)).tocsr()
    return half + half.T


def _leading(scores: Any, k: int, *, centred: bool) -> tuple[Floats, Floats]:
    """Largest k eigenvalues, ascending, (k,), and eigenvectors, (m, k); of centred rows or not."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    m = scores.shape[0]

    def apply(x: Floats) -> Floats:
        there: Floats = scores @ (x - x.mean(axis=0))
        return there - there.mean(axis=0)

    operator = LinearOperator((m, m), matvec=apply, dtype=np.float64) if centred else scores
    start = np.random.default_rng(0).normal(size=m)  # a fixed one: the same result every time
    values, vectors = eigsh(operator, k=k, which="LA", v0=start)
    return values, vectors


def _root_of_factor(x: Floats, data: Data, similarity: str) -> float:
    """Square root (of distances: itself) of the factor that fits the choices best."""
    kernel = find_kernel(similarity)
    known = [
        (group.question, kernel.pairs(x, group.items[:ROWS], group.question.pairs))
        for group in data.choices.groups
    ]

    def fit(factor: float) -> float:
        logs = [
            log_choice([factor * side for side in pairs], 1.0, GUESSES, question=of, answers=GIVEN)[
                0
            ]
            for of, pairs in known
        ]
        return float(np.concatenate(logs).mean())

    best = max(FACTORS, key=fit)
    return best if similarity == "distance" else float(np.sqrt(best))
