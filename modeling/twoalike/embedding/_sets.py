"""Choices among more than three items in the model, beside the triplets.

Each question (what was asked about how many items) is a group, with the likelihood of
:func:`twoalike.choice.log_set_choice`. Temperature, lapse rate and weights of a person are those
of their triplets: only what is asked differs. The start of a variational fit, the pilot and
held-out judgments are of triplets; larger sets inform the fits throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import Question, log_set_choice
from twoalike.embedding._parts import Kernel, find_kernel
from twoalike.judgments import set_choices
from twoalike.study import Floats, Integers

POTENTIAL = "sets_"
SETS = 4_000
"""Choices among larger sets that a variational step sees."""
GIVEN = np.zeros(1, dtype=np.int64)
"""The answer that was given, among those of a question, once it is put first."""


@dataclass(frozen=True, eq=False)
class SetGroup:
    """All n choices that answer one question.

    ``shown`` (n, k) are object indices in the order shown, ``answer`` (n,) is an answer of the
    question, ``judge`` (n,) the participant.
    """

    question: Question
    shown: Integers
    answer: Integers
    judge: Integers

    @property
    def size(self) -> int:
        """Choices."""
        return len(self.judge)

    @cached_property
    def items(self) -> Integers:
        """Object indices, (n, k), in an order in which the answer given is the first."""
        return self.question.answer_first(self.shown, self.answer).astype(np.int32)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Items and judges, as the group's likelihood takes them."""
        return self.items, self.judge

    def whole(self, m: int) -> bool:
        """Whether similarities of all m objects cost less than those of the pairs in a step."""
        return m**2 < 10 * min(self.size, SETS) * len(self.question.pairs)


@dataclass(frozen=True, eq=False)
class Sets:
    """All choices among more than three items."""

    groups: tuple[SetGroup, ...]

    @classmethod
    def from_table(cls, choices: pd.DataFrame, judge: Integers, ids: Sequence[str]) -> "Sets":
        """Take a table of such choices; ``judge`` (n,) are indices of its participants."""
        return cls(
            tuple(
                SetGroup(of.question, of.items, of.answer, judge[of.rows].astype(np.int32))
                for of in set_choices(choices, ids)[0]
            )
        )

    @property
    def size(self) -> int:
        """Choices in all groups."""
        return sum(group.size for group in self.groups)

    def judged(self, people: int) -> Integers:
        """Count the choices of each of so many participants, (P,)."""
        judges = np.concatenate([group.judge for group in self.groups])
        return np.bincount(judges, minlength=people)

    def seen(self, m: int) -> Integers:
        """Count how often each of m objects was shown, (m,)."""
        shown = np.concatenate([group.shown.ravel() for group in self.groups])
        return np.bincount(shown, minlength=m)


def set_similarities(
    x: Any,
    items: Any,
    question: Question,
    kernel: Kernel,
    xp: ModuleType,
    *,
    matrix: Any = None,
    roots: Any = None,
) -> Any:
    """Similarities of the question's pairs within each set, shape (n, P).

    By the embedding ``x`` (m, d) of ``items`` (n, k), arrays of ``xp`` (numpy, ``pytensor.tensor``
    or ``jax.numpy``), or by the ``matrix`` (m, m) of all similarities, where it is known. Without
    it the judge of each set may multiply the coordinates by ``roots`` (n, d).
    """
    first, second = question.pairs.T
    if matrix is not None:
        return matrix.ravel()[items[:, first] * x.shape[0] + items[:, second]]
    z = x[items]
    if roots is not None:
        z = z * roots[:, None, :]
    if question.anchored:
        return kernel.symbolic(z[:, 0][:, None], z[:, 1:], xp)
    squares, dots = (z**2).sum(axis=-1)[..., None], xp.matmul(z, z.swapaxes(1, 2))
    return kernel.gram(squares, dots, xp)[:, first, second]


def add_sets(
    x: Any,
    sets: Sets,
    similarity: str,
    temperature: Any,
    lapse: Any,
    batch: Sequence[Sequence[Any]] | None = None,
    *,
    observed: bool = False,
    log_weight: Any = None,
) -> None:
    """Add the choices to the open PyMC model, one potential a question.

    ``temperature`` and ``lapse`` are those of all participants, (P,) each, and ``log_weight``,
    (P, d), where people weigh the dimensions. ``batch`` has symbolic stand-ins for the two arrays
    of each group; None: all choices. With ``observed`` a group is an observed variable, the place
    of the answer among the question's, instead of a potential.
    """
    import pymc as pm
    import pytensor.tensor as pt

    kernel = find_kernel(similarity)
    for number, group in enumerate(sets.groups):
        items, judge = group.arrays if batch is None else batch[number]
        items = group.shown if observed else items
        matrix, roots = None, None
        if log_weight is not None:
            roots = pt.exp(log_weight / 2)[judge]
        elif group.whole(len(pm.modelcontext(None).coords["object"])):
            matrix = kernel.gram((x**2).sum(axis=1)[:, None], pt.dot(x, x.T), pt)
        pairs = set_similarities(
            x, pt.as_tensor(items), group.question, kernel, pt, matrix=matrix, roots=roots
        )
        logs = log_set_choice(
            pairs,
            group.question,
            temperature[judge],
            lapse[judge],
            answers=None if observed else GIVEN,
            xp=pt,
        )
        name = f"{POTENTIAL}{number}"
        if observed:
            pm.Categorical(name, p=pt.exp(logs), observed=group.answer)
        else:
            pm.Potential(name, logs.sum())


def set_links(group: SetGroup) -> list[tuple[Integers, Integers]]:
    """Pairs of objects that were in one set, enough of them to link all of its objects."""
    return [(group.shown[:, 0], group.shown[:, k]) for k in range(1, group.shown.shape[1])]


def whole_matrix(x: Floats, kernel: Kernel, group: SetGroup) -> Floats | None:
    """Similarities of all objects under one draw, (m, m), where that costs less; else None."""
    return kernel.matrix(x, x) if len(x) ** 2 < 30 * group.shown.size else None
