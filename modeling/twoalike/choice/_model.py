r"""Choice probabilities: one likelihood for triplets and for sets of any number k of items.

Every question is a softmax over scores of its possible answers, divided by the observer's
temperature T and mixed with a guess, which hits each of the A answers alike, at the lapse rate:

    p(answer) = (1 - lapse) * softmax(score / T) + lapse / A

What else moves a choice, such as the place of an answer, adds an offset to score / T.

===============  =========================================================  =============
question         score of an answer                                         A
===============  =========================================================  =============
``odd_one_out``  mean similarity of the pairs that remain without the item  k
``most_alike``   similarity of the pair                                     k (k - 1) / 2
``anchored``     similarity of the candidate to the reference (item 1)      k - 1
``least_like``   minus that similarity                                      k - 1
===============  =========================================================  =============

A triplet is a set of three: the pair that is most alike is kept, and the third item is the odd one
(doi:10.1038/s41586-025-09631-6). An anchored choice of three keeps one of the two pairs that hold
the reference.

The functions use only arithmetic and the ``maximum``, ``exp``, ``log``, ``log1p`` and ``logaddexp``
that numpy, PyTensor, JAX and torch share, and take the module as ``xp``: so there is one definition
for fitting, teaching and scoring. Working in logs keeps gradients finite at any gap of
similarities, where the log of a softmax gives -inf.

In scores of predicted probabilities a tie counts as 1 / (number tied): sparse non-negative
embeddings have exactly equal similarities, and an argmax that counts ties as right inflates
accuracy by several points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twoalike.study import Booleans, Floats, Integers, TwoalikeError, one_of

PAIRS = ((0, 1), (0, 2), (1, 2))
"""Pair order used everywhere; the odd item of pair k is ODD[k]."""
ODD = (2, 1, 0)
"""Item left out by each pair of PAIRS."""
type ChoiceKind = Literal["odd_one_out", "anchored"]
"""Whether a choice names the odd one of three, or the more similar of two to a reference."""
OPTIONS: dict[ChoiceKind, int] = {"odd_one_out": 3, "anchored": 2}
"""Number of answers, each of which keeps one of the first so many PAIRS; chance is its inverse."""


def odd_item(chosen: Integers, anchored: Booleans | bool) -> Integers:
    """Item (0, 1, 2) outside the pair that each choice keeps, shape (n,); its own inverse.

    That is the chosen item of an odd-one-out choice, and of an anchored one the item that is not
    called the more similar to the reference.

    Examples
    --------
    >>> odd_item(np.array([0, 1, 1]), np.array([False, False, True]))
    array([0, 1, 2])
    """
    return np.where(anchored, 3 - chosen, chosen)


def random_triplets(items: int | Integers, n: int, rng: np.random.Generator) -> Integers:
    """Draw n triplets of three different items each, one independent of the other.

    Parameters
    ----------
    items
        Number of items, or their indices.
    n
        Number of triplets; the same one may come twice.
    rng
        Source of randomness.

    Returns
    -------
    Shape (n, 3), in random order within a row.

    Examples
    --------
    >>> random_triplets(3, 2, np.random.default_rng(0)).sum(axis=1)
    array([3, 3])
    """
    drawn = [rng.choice(items, size=3, replace=False) for _ in range(n)]
    return np.array(drawn, dtype=np.int64).reshape(n, 3)


def pair_similarities(matrix: Any, triplets: Any) -> tuple[Any, Any, Any]:
    """Similarities of each triplet's pairs, in PAIRS order, from a similarity matrix.

    Parameters
    ----------
    matrix
        Similarities, shape (..., m, m); numpy, JAX or torch.
    triplets
        Object indices, shape (n, 3).

    Returns
    -------
    Three arrays of shape (..., n).
    """
    if getattr(triplets, "ndim", 2) != 2 or triplets.shape[1] not in (3, None):
        raise TwoalikeError(
            where="triplets", expected="shape (n, 3)", found=f"shape {tuple(triplets.shape)}"
        )
    i, j, k = (triplets[:, column] for column in range(3))
    return matrix[..., i, j], matrix[..., i, k], matrix[..., j, k]


type SetKind = Literal["odd_one_out", "most_alike", "anchored", "least_like"]
"""What was asked about a set of items."""
SET_KINDS: dict[SetKind, str] = {
    "odd_one_out": "odd one",
    "most_alike": "most alike pair",
    "anchored": "most like a reference",
    "least_like": "least like a reference",
}
"""What was asked, in words."""


@dataclass(frozen=True)
class Question:
    """What is asked about k items, and what can be answered.

    Examples
    --------
    >>> Question("most_alike", 3).answers.tolist()
    [[0, 1], [0, 2], [1, 2]]
    >>> Question("anchored", 9).chance
    0.125
    """

    kind: SetKind
    items: int

    def __post_init__(self) -> None:
        one_of("kind", self.kind, SET_KINDS)
        fewest = 4 if self.kind == "least_like" else 3  # of two, the other is the most like
        if self.items < fewest:
            raise TwoalikeError(
                where=f"a question of the kind {self.kind}",
                expected=f"{fewest} items or more",
                found=self.items,
            )

    @property
    def anchored(self) -> bool:
        """Whether item 1 is a reference, which no answer names."""
        return self.kind in ("anchored", "least_like")

    @cached_property
    def answers(self) -> Integers:
        """Places (0 to k - 1) of the items that each answer names, shape (A, 1 or 2)."""
        candidates = range(1 if self.anchored else 0, self.items)
        named = combinations(candidates, 2 if self.kind == "most_alike" else 1)
        return np.array(list(named), dtype=np.int64)

    @property
    def label(self) -> str:
        """What was asked, in words.

        Examples
        --------
        >>> Question("anchored", 9).label
        'most like a reference of 8'
        """
        return f"{SET_KINDS[self.kind]} of {self.items - self.anchored}"

    @property
    def chance(self) -> float:
        """Accuracy of guesses, 1 / A."""
        return 1 / len(self.answers)

    @cached_property
    def pairs(self) -> Integers:
        """Places of the two items of each pair whose similarity counts, in order, shape (P, 2)."""
        with_reference = [(0, place) for place in range(1, self.items)]
        everyone = combinations(range(self.items), 2)
        return np.array(with_reference if self.anchored else list(everyone), dtype=np.int64)

    @cached_property
    def shares(self) -> Floats:
        """Share of each pair in the score of each answer, shape (P, A)."""
        if self.kind != "odd_one_out":
            return np.eye(len(self.pairs)) * (-1 if self.kind == "least_like" else 1)
        there = (self.pairs[:, :, None] != np.arange(self.items)).all(axis=1)
        return np.asarray(there / there.sum(axis=0))

    @cached_property
    def slopes(self) -> Floats:
        """Gradient of an answer's log-probability where all pairs are equally similar, (P,).

        Of the answer that :meth:`answer_first` puts first, by the similarity of each pair.
        """
        return np.asarray(self.shares[:, 0] - self.shares.mean(axis=1))

    def scores(self, similarities: Sequence[Any]) -> list[Any]:
        """Score of each answer, of similarities of the question's pairs."""
        if self.kind == "least_like":
            return [-s for s in similarities]
        if self.kind != "odd_one_out":
            return list(similarities)
        within = [
            [s for s, share in zip(similarities, column, strict=True) if share]
            for column in self.shares.T
        ]
        return [reduce(lambda one, other: one + other, own) / len(own) for own in within]

    def answer_of(self, chosen: Integers, second: Integers | None = None) -> Integers:
        """Find the answers that name the chosen places (0 to k - 1), and the others: (n,)."""
        code = np.full((self.items, self.items), -1, dtype=np.int64)
        named = self.answers
        code[named[:, 0], named[:, -1]] = np.arange(len(named))
        return np.asarray(code[chosen, chosen if second is None else second])

    def in_order(self, items: Integers, answer: Integers) -> tuple[Integers, Integers]:
        """Sort the items, (n, k), a reference staying first: them, and the answers given, (n,).

        The same question about the same objects is then the same row.

        Examples
        --------
        >>> Question("most_alike", 3).in_order(np.array([[7, 5, 2]]), np.array([1]))
        (array([[2, 5, 7]]), array([1]))
        """
        order = np.argsort(items[:, self.anchored :], axis=1) + self.anchored
        if self.anchored:
            order = np.concatenate([np.zeros((len(order), 1), dtype=np.int64), order], axis=1)
        named = np.take_along_axis(np.argsort(order, axis=1), self.answers[answer], axis=1)
        named = np.sort(named, axis=1)
        return np.take_along_axis(items, order, axis=1), self.answer_of(named[:, 0], named[:, -1])

    @cached_property
    def _first(self) -> Integers:
        """By answer, an order of the places in which that answer is the first, shape (A, k)."""
        order = np.empty((len(self.answers), self.items), dtype=np.int64)
        for row, named in zip(order, self.answers, strict=True):
            first = [0, *named] if self.anchored else list(named)
            row[:] = first + [place for place in range(self.items) if place not in first]
        return order

    def answer_first(self, items: Integers, answer: Integers) -> Integers:
        """Put the items, (n, k), in an order in which the answer given, (n,), is the first one."""
        return np.take_along_axis(items, self._first[answer], axis=1)

    def answers_first(self, answer: Integers) -> Integers:
        """Which answers about the items as shown those of :meth:`answer_first` are, (n, A).

        Examples
        --------
        >>> TRIPLET.answers_first(np.array([2]))
        array([[2, 0, 1]])
        """
        named = self._first[:, self.answers]
        if self.kind == "most_alike":
            named = np.sort(named, axis=2)
        return np.asarray(self.answer_of(named[..., 0], named[..., -1])[answer])


TRIPLET = Question("odd_one_out", 3)
"""Which of three items is the odd one?"""
ANCHORED = Question("anchored", 3)
"""Which of two items is more like a reference, the first?"""


def log_choice(
    similarities: Sequence[Any],
    temperature: Any = 1.0,
    lapse: Any = None,
    *,
    question: Question = TRIPLET,
    answers: Sequence[int] | None = None,
    anchored: Any = None,
    offsets: Sequence[Any] | None = None,
    xp: ModuleType = np,
) -> tuple[Any, ...]:
    """Log-probability of each answer: by default that item 1, 2, 3 is called the odd one.

    Parameters
    ----------
    similarities
        Of the question's pairs (of a triplet, in PAIRS order): a tuple of one array a pair, which
        broadcast together.
    temperature
        Observer noise, > 0. Small values make the most alike pair win always.
    lapse
        Share of guesses, in (0, 1); None for an observer who never guesses.
    question
        What is asked.
    answers
        Places among the question's answers of those that are wanted; None: all.
    anchored
        Of a mixture of triplets, where item 1 is a reference, which is never the odd one.
    offsets
        What is added to each score once it is divided by the temperature, an array a score.
    xp
        Module of the arrays: numpy, ``pytensor.tensor``, ``jax.numpy`` or torch.

    Returns
    -------
    One array an answer; the exponentials of all answers sum to one.

    Examples
    --------
    >>> np.exp(log_choice((2.0, 0.0, 0.0))).round(2)
    array([0.11, 0.11, 0.79])
    >>> np.exp(log_choice((2.0, 0.0, 0.0), anchored=True)).round(2)
    array([0.  , 0.12, 0.88])
    >>> np.exp(log_choice((2.0, 0.0), question=ANCHORED)).round(2)
    array([0.88, 0.12])
    """
    pairs, guess = _separate(similarities, question), len(question.answers)
    if anchored is not None:
        pairs = (*pairs[:2], xp.where(anchored, -np.inf, pairs[2]))
        guess = xp.where(anchored, OPTIONS["anchored"], guess)
    scores = [score / temperature for score in question.scores(pairs)]
    if offsets is not None:
        scores = [score + offset for score, offset in zip(scores, offsets, strict=True)]
    wanted = range(len(question.answers)) if answers is None else answers
    if lapse is not None and anchored is None and len(wanted) == 1:
        return (_log_given(scores, wanted[0], lapse, guess, xp),)
    total = _log_sum(scores, xp)
    found = [scores[place] - total for place in wanted]
    if lapse is not None:
        found = [xp.logaddexp(xp.log1p(-lapse) + log, xp.log(lapse / guess)) for log in found]
    if anchored is not None:
        found[0] = xp.where(anchored, -np.inf, found[0])  # nor by a guess
    return tuple(found)


@dataclass(frozen=True)
class Change:
    """What else moves n choices; None where nothing does.

    ``offsets`` (n, A) of the answers, in log-odds; shifts of ``log_temperature`` and
    ``logit_lapse`` (n,); ``again``: the rate at which the answer of before is repeated, and which
    that is, (n, A), 1 or 0.
    """

    offsets: Any = None
    log_temperature: Any = None
    logit_lapse: Any = None
    again: tuple[Any, Any] | None = None

    def __add__(self, other: "Change") -> "Change":
        both = ((mine, getattr(other, name)) for name, mine in vars(self).items())
        return Change(*(a if b is None else b if a is None else a + b for a, b in both))

    def noise(self, temperature: Any, lapse: Any, xp: ModuleType = np) -> tuple[Any, Any]:
        """Change temperature and lapse of those who choose, which may be None."""
        if self.log_temperature is not None:
            temperature = temperature * xp.exp(self.log_temperature)
        if self.logit_lapse is not None and lapse is not None:
            odds = lapse / (1 - lapse) * xp.exp(self.logit_lapse)
            lapse = odds / (1 + odds)
        return temperature, lapse

    def log_choice(
        self,
        pairs: Sequence[Any],
        temperature: Any,
        lapse: Any,
        question: Question,
        answers: Sequence[int] | None = None,
        xp: ModuleType = np,
    ) -> tuple[Any, ...]:
        """:func:`log_choice` of choices that are changed."""
        wanted = range(len(question.answers)) if answers is None else answers
        more: dict[str, Any] = {"question": question, "answers": wanted, "xp": xp}
        if self.offsets is not None:
            more["offsets"] = [self.offsets[:, k] for k in range(len(question.answers))]
        logs = log_choice(pairs, *self.noise(temperature, lapse, xp), **more)
        if self.again is None:
            return logs
        rate, before = self.again
        anew = 1 - rate * before.sum(axis=1)
        both = zip(logs, wanted, strict=True)
        return tuple(xp.log(anew * xp.exp(log) + rate * before[:, k]) for log, k in both)


def log_set_choice(
    similarities: Any,
    question: Question,
    temperature: Any = 1.0,
    lapse: Any = None,
    *,
    xp: ModuleType = np,
) -> Any:
    """Log-probability of each answer, of similarities in one array, as :func:`log_choice`.

    From shape (n, P) or (P,), of the question's ``pairs``, to (n, A) or (A,).

    Examples
    --------
    >>> four = Question("odd_one_out", 4)
    >>> np.exp(log_set_choice(np.array([3.0, 3.0, 0.0, 3.0, 0.0, 0.0]), four)).round(2)
    array([0.1 , 0.1 , 0.1 , 0.71])
    """
    pairs = [similarities[..., place] for place in range(len(question.pairs))]
    return xp.stack(log_choice(pairs, temperature, lapse, question=question, xp=xp), axis=-1)


def _separate(similarities: Any, question: Question) -> tuple[Any, ...]:
    """Check that there is one array a pair: rows of a (3, 3) array would pass as pairs."""
    if isinstance(similarities, tuple | list) and len(similarities) == len(question.pairs):
        return tuple(similarities)
    shape = getattr(similarities, "shape", None)
    named = ", ".join(f"{one + 1}, {other + 1}" for one, other in question.pairs[:3].tolist())
    raise TwoalikeError(
        where="similarities",
        expected=f"a tuple of one array a pair of items ({named}"
        + (", ...)" if len(question.pairs) > 3 else ")"),
        found=f"{len(similarities)} of them" if shape is None else f"an array of shape {shape}",
        remedy="" if shape is None else "Of an array with one column a pair, give tuple(array.T).",
    )


def _log_sum(scores: Sequence[Any], xp: ModuleType) -> Any:
    highest = reduce(xp.maximum, scores)
    return highest + xp.log(
        reduce(lambda one, other: one + other, (xp.exp(score - highest) for score in scores))
    )


def _log_given(scores: Sequence[Any], place: int, lapse: Any, guess: Any, xp: ModuleType) -> Any:
    """Log-probability of one answer of somebody who may guess, in half the time of all answers.

    Nothing is subtracted from anything large, so no digits are lost, and beyond a ratio of exp(80)
    the guess alone counts.
    """
    gaps = [score - scores[place] for other, score in enumerate(scores) if other != place]
    odds = reduce(lambda a, b: a + b, [xp.exp(xp.minimum(gap, 80.0)) for gap in gaps])
    return xp.log((1 - lapse) / (1 + odds) + lapse / guess)


def _rows(probabilities: npt.ArrayLike, chosen: Integers | None = None) -> Floats:
    """Probabilities as an array of shape (n, k), for n chosen items."""
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2:
        raise TwoalikeError(
            where="probabilities", expected="shape (n, k)", found=f"shape {values.shape}"
        )
    if chosen is not None and np.shape(chosen) != (len(values),):
        raise TwoalikeError(
            where="chosen",
            expected=f"one item a row, shape ({len(values)},)",
            found=f"shape {np.shape(chosen)}",
        )
    return values


def expected_accuracy(
    probabilities: npt.ArrayLike, chosen: Integers, tolerance: float = 1e-9
) -> Floats:
    """Chance of a hit when the most probable item is named and ties are broken at random.

    Parameters
    ----------
    probabilities
        Shape (n, k); each row any increasing function of the choice probabilities.
    chosen
        Item chosen, shape (n,), in 0..k-1.
    tolerance
        Values closer than this to the row's maximum are tied with it.

    Returns
    -------
    Scores in [0, 1], shape (n,).

    Examples
    --------
    >>> expected_accuracy([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]], np.array([0, 2])).round(2)
    array([0.5 , 0.33])
    """
    values = _rows(probabilities, chosen)
    best = values >= values.max(axis=1, keepdims=True) - tolerance
    return np.asarray(best[np.arange(len(values)), chosen] / best.sum(axis=1))


def guessing(chance: Floats) -> dict[str, float]:
    """Mean log-loss in nats and mean accuracy of guesses, by the chance of each judgment, (n,).

    Examples
    --------
    >>> guessing(np.array([0.5, 0.5]))
    {'log_loss': 0.6931471805599453, 'accuracy': 0.5}
    """
    return {"log_loss": float(-np.log(chance).mean()), "accuracy": float(np.mean(chance))}


def log_loss(probabilities: npt.ArrayLike, chosen: Integers) -> Floats:
    """Negative log-probability of each chosen item in nats, shape (n,).

    A chosen item of probability 0 costs infinity: clipping would hide an over-confident model.

    Examples
    --------
    >>> log_loss([[1 / 3, 1 / 3, 1 / 3]], np.array([1])).round(4)
    array([1.0986])
    """
    values = _rows(probabilities, chosen)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(values[np.arange(len(values)), chosen]))


def entropy(probabilities: npt.ArrayLike) -> Floats:
    """Entropy of each row in nats, shape (n,).

    Examples
    --------
    >>> entropy([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]).round(4)
    array([0.    , 1.0986])
    """
    values = _rows(probabilities)
    logs = np.log(values, out=np.zeros_like(values), where=values > 0)
    return np.asarray(np.abs((values * logs).sum(axis=1)))
