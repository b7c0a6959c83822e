r"""Choice probabilities for sets of any number k of items.

Every question is a softmax over scores of its possible answers, divided by the observer's
temperature T and mixed with a guess, which hits each of the A answers alike, at the lapse rate:

    p(answer) = (1 - lapse) * softmax(score / T) + lapse / A

=================  ============================================================  ================
question           score of an answer                                            A
=================  ============================================================  ================
``odd_one_out``    mean similarity of the pairs that remain without the item     k
``most_alike``     similarity of the pair                                        k (k - 1) / 2
``anchored``       similarity of the candidate to the reference (item 1)         k - 1
``ranked``         the same for the first choice; for the second the same        (k - 1) (k - 2)
                   softmax without the first (Plackett-Luce)
``anchored_pair``  the sum of the probabilities of both orders of ``ranked``     (k - 1)(k - 2)/2
=================  ============================================================  ================

For k = 3 ``odd_one_out`` and ``most_alike`` are the model of triplets (:mod:`._model`), which has
its own, faster, code, and ``anchored`` is the anchored choice there. As there, the functions take
the module of their arrays as ``xp``: numpy, PyTensor or JAX.

References
----------
Luce (1959), Individual Choice Behavior; Plackett (1975), doi:10.2307/2346567: ranked choices.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from types import ModuleType
from typing import Any, Literal

import numpy as np

from twoalike.study import Floats, Integers, TwoalikeError

type SetKind = Literal["odd_one_out", "most_alike", "anchored", "ranked", "anchored_pair"]
"""What was asked about a set of items."""
FEWEST_ITEMS: dict[SetKind, int] = {
    "odd_one_out": 3,
    "most_alike": 3,
    "anchored": 3,
    "ranked": 4,
    "anchored_pair": 4,
}
"""By kind, the fewest items that leave a choice; a second of two candidates is none."""
_WORDS: dict[SetKind, str] = {
    "odd_one_out": "odd one",
    "most_alike": "most alike pair",
    "anchored": "most like a reference",
    "ranked": "two most like a reference, in order,",
    "anchored_pair": "two most like a reference",
}


@dataclass(frozen=True)
class Question:
    """What is asked about k items, and what can be answered.

    Examples
    --------
    >>> Question("most_alike", 3).answers.tolist()
    [[0, 1], [0, 2], [1, 2]]
    >>> Question("anchored_pair", 8).chance
    0.047619047619047616
    """

    kind: SetKind
    items: int

    def __post_init__(self) -> None:
        if self.kind not in FEWEST_ITEMS:
            raise TwoalikeError(
                where="kind", expected=f"one of {', '.join(FEWEST_ITEMS)}", found=repr(self.kind)
            )
        if self.items < (fewest := FEWEST_ITEMS[self.kind]):
            raise TwoalikeError(
                where=f"a question of the kind {self.kind}",
                expected=f"{fewest} items or more",
                found=self.items,
            )

    @property
    def anchored(self) -> bool:
        """Whether item 1 is a reference, which no answer names."""
        return self.kind in ("anchored", "ranked", "anchored_pair")

    @cached_property
    def answers(self) -> Integers:
        """Places (0 to k - 1) of the items that each answer names, shape (A, 1 or 2)."""
        candidates = range(1 if self.anchored else 0, self.items)
        named: Any
        if self.kind in ("most_alike", "anchored_pair"):
            named = combinations(candidates, 2)
        elif self.kind == "ranked":
            named = permutations(candidates, 2)
        else:
            named = ((place,) for place in candidates)
        return np.array(list(named), dtype=np.int64)

    @property
    def label(self) -> str:
        """What was asked, in words.

        Examples
        --------
        >>> Question("ranked", 9).label
        'two most like a reference, in order, of 8'
        """
        return f"{_WORDS[self.kind]} of {self.items - self.anchored}"

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
    def remaining(self) -> Floats:
        """Share of each pair in the score of each item called odd, shape (P, k)."""
        there = (self.pairs[:, :, None] != np.arange(self.items)).all(axis=1)
        return np.asarray(there / there.sum(axis=0))

    def answer_of(self, chosen: Integers, second: Integers | None = None) -> Integers:
        """Find the answers that name the chosen places (0 to k - 1), and the second ones: (n,)."""
        code = np.full((self.items, self.items), -1, dtype=np.int64)
        named = self.answers
        code[named[:, 0], named[:, -1]] = np.arange(len(named))
        if self.kind == "anchored_pair":  # in no order
            code[named[:, 1], named[:, 0]] = np.arange(len(named))
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
        if self.kind == "most_alike":
            named = np.sort(named, axis=1)
        second = named[:, 1] if named.shape[1] == 2 else None
        return np.take_along_axis(items, order, axis=1), self.answer_of(named[:, 0], second)

    def answer_first(self, items: Integers, answer: Integers) -> Integers:
        """Put the items, (n, k), in an order in which the answer given, (n,), is the first one."""
        order = np.empty((len(self.answers), self.items), dtype=np.int64)
        for row, named in zip(order, self.answers, strict=True):
            first = [0, *named] if self.anchored else list(named)
            row[:] = first + [place for place in range(self.items) if place not in first]
        return np.take_along_axis(items, order[answer], axis=1)


def log_set_choice(
    similarities: Any,
    question: Question,
    temperature: Any = 1.0,
    lapse: Any = None,
    *,
    answers: Integers | None = None,
    xp: ModuleType = np,
) -> Any:
    """Log-probability of each answer to a question about n sets of items.

    Parameters
    ----------
    similarities
        Of the question's ``pairs``, shape (n, P) or (P,).
    temperature
        Observer noise, > 0, a number or shape (n,).
    lapse
        Share of guesses, in (0, 1), likewise; None for an observer who never guesses.
    answers
        Places among the question's answers of those that are wanted; None: all.
    xp
        Module of the arrays: numpy, ``pytensor.tensor`` or ``jax.numpy``.

    Returns
    -------
    Shape (n, A), or (A,); the exponentials of all answers sum to one.

    Examples
    --------
    >>> four = Question("odd_one_out", 4)
    >>> np.exp(log_set_choice(np.array([3.0, 3.0, 0.0, 3.0, 0.0, 0.0]), four)).round(2)
    array([0.1 , 0.1 , 0.1 , 0.71])
    """
    places = np.arange(len(question.answers)) if answers is None else np.asarray(answers)
    named = question.answers[places]
    scores = similarities / _beside(temperature)
    if question.kind == "odd_one_out":
        scores = scores @ question.remaining.astype(scores.dtype)
    first = scores - _log_sum(scores, xp)
    if question.kind in ("odd_one_out", "most_alike"):
        log_p = first[..., places]
    elif question.kind == "anchored":
        log_p = first[..., named[:, 0] - 1]
    else:
        (one, other), n = named.T - 1, question.items - 1
        log_p = _in_order(scores, first, one, other, n, xp)
        if question.kind == "anchored_pair":
            log_p = xp.logaddexp(log_p, _in_order(scores, first, other, one, n, xp))
    if lapse is None:
        return log_p
    guess = _beside(lapse)
    return xp.logaddexp(xp.log1p(-guess) + log_p, xp.log(guess / len(question.answers)))


def _in_order(
    scores: Any, first: Any, one: Integers, other: Integers, n: int, xp: ModuleType
) -> Any:
    """Log-probability that ``one`` of n candidates is chosen and then ``other``, (..., A)."""
    left = np.array([[place for place in range(n) if place != chosen] for chosen in one])
    return first[..., one] + scores[..., other] - _log_sum(scores[..., left], xp)[..., 0]


def _log_sum(scores: Any, xp: ModuleType) -> Any:
    """Log of the sum of exponentials over the last axis, which is kept with length 1."""
    highest = scores.max(axis=-1, keepdims=True)
    return highest + xp.log(xp.exp(scores - highest).sum(axis=-1, keepdims=True))


def _beside(value: Any) -> Any:
    """Give an array of one number a judgment an axis of answers."""
    return value[..., None] if getattr(value, "ndim", 0) else value
