"""Choices as a fit has them, and their likelihood, for several tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from twoalike.choice import TRIPLET, Question
from twoalike.embedding._choices import ChoiceGroup, Choices, choice_log_likelihood
from twoalike.embedding._model import Data
from twoalike.embedding._parts import find_kernel


def data_of(
    shown: np.ndarray,
    answer: Any,
    judge: np.ndarray,
    ids: Sequence[str],
    people: Sequence[str],
    question: Question = TRIPLET,
) -> Data:
    """Choices that answer one question: objects shown (n, k), places of answers, judges (n,)."""
    n = len(shown)
    answer = np.broadcast_to(answer, n)
    group = ChoiceGroup(question, shown, answer, judge.astype(np.int32), np.arange(n))
    choices = Choices(groups=(group,), people=tuple(people), ids=tuple(ids))
    return Data(tuple(ids), tuple(people), (choices,))


def log_likelihoods(
    data: Data,
    x: Any,
    temperature: Any,
    lapse: Any,
    similarity: str = "dot",
    *,
    xp: Any = np,
    constant: Any = np.asarray,
    evaluate: Any = np.asarray,
    **form: Any,
) -> np.ndarray:
    """Log-probability of each choice, in the order of the table.

    ``constant`` makes an array of ``xp`` of an array, ``evaluate`` the reverse.
    """
    found = np.empty(len(data.choices))
    for group in data.choices.groups:
        batch = constant(group.items), constant(group.judge)
        people = constant(temperature), constant(lapse)
        kernel = find_kernel(similarity)
        logs = choice_log_likelihood(
            constant(x), *people, batch, group.question, kernel, xp, **form
        )
        found[group.rows] = evaluate(logs)
    return found
