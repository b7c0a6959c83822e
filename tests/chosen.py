"""Choices as a fit has them, and their likelihood, for several tests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import TRIPLET, Question, log_choice
from twoalike.embedding import Prior
from twoalike.embedding._choices import ChoiceGroup, Choices
from twoalike.embedding._kind import Kind, Unknown
from twoalike.embedding._model import Data
from twoalike.embedding._priors import find_kernel
from twoalike.judgments import choices_table


def answered(
    x: np.ndarray,
    shown: np.ndarray,
    rng: np.random.Generator,
    temperature: Any = 1.0,
    lapse: Any = None,
    *,
    question: Question = TRIPLET,
    similarity: str = "dot",
    roots: Any = None,
) -> np.ndarray:
    """Answers of people who choose by the model, (n,): which of the question's answers."""
    pairs = find_kernel(similarity).pairs(x, shown, question.pairs, roots=roots)
    logs = np.stack(log_choice(pairs, temperature, lapse, question=question), axis=1)
    return np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)


def chosen_table(
    shown: np.ndarray,
    answer: np.ndarray,
    ids: Sequence[str],
    question: Question = TRIPLET,
    **more: Any,
) -> pd.DataFrame:
    """Table of choices among items shown, (n, k), and of their answers."""
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(shown.shape[1])}
    named = question.answers[answer] + 1
    columns |= {"chosen": named[:, 0], "kind": [question.kind] * len(shown)}
    columns |= {"second": named[:, 1]} if named.shape[1] == 2 else {}
    return choices_table(columns | more, ids)


def sets_of(m: int, k: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n sets of k of m objects, (n, k)."""
    return np.stack([rng.choice(m, k, replace=False) for _ in range(n)])


def together(tables: Iterable[pd.DataFrame], ids: Sequence[str]) -> pd.DataFrame:
    """One table of the choices of several, numbered anew."""
    whole = pd.concat([table.astype(object) for table in tables], ignore_index=True)
    return choices_table({name: whole[name] for name in whole if name != "trial"}, ids)


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
    whole: bool = False,
    **form: Any,
) -> np.ndarray:
    """Log-probability of each choice, in the order of the table.

    ``whole``: by the similarities of all objects. ``constant`` makes an array of ``xp`` of an
    array, ``evaluate`` the reverse.
    """
    found = np.empty(len(data.choices))
    people = constant(temperature), constant(lapse)
    shape: Any = (data.participants, xp, x.shape[1])
    unknown = Unknown(constant(x), find_kernel(similarity), *shape, *people, **form)
    for group in data.choices.groups:
        batch = constant(group.items), constant(group.judge)
        logs = data.choices.log_likelihood(unknown, None, group, batch, 10**9 * whole)
        found[group.rows] = evaluate(logs)
    return found


def judged_logs(
    data: Kind[Any], x: Any, *own: Any, similarity: str = "dot", log_weight: Any = None
) -> list[np.ndarray]:
    """Log-probability of what each group of other judgments holds, given the embedding (m, d).

    ``own`` is of those who judged, and ``log_weight`` (people, d) how they weigh dimensions.
    """
    import pytensor.tensor as pt
    from pymc.sampling.jax import get_jaxified_graph

    form: Any = (find_kernel(similarity), tuple(data.people), pt, x.shape[1])
    weights = None if log_weight is None else pt.as_tensor(log_weight)
    unknown = Unknown(pt.as_tensor(x), *form, log_weight=weights)
    known = [pt.as_tensor(one) for one in own]
    if hasattr(data, "reference"):
        each = np.zeros(len(data.people), dtype=np.float32)
        known += [one + each for one in unknown.units(data.reference, data.people)]
    given: Any = known if len(known) > 1 else known[0]
    logs = [data.log_likelihood(unknown, given, of, of.arrays, of.size) for of in data.groups]
    return [np.asarray(one) for one in get_jaxified_graph([], logs)()]


@dataclass(frozen=True)
class Exponential(Prior):
    """A prior of somebody else."""

    scale: float = 1.5
    stored = {"own_scale": "dimension"}

    def add(self, m: int, d: int, features: Any) -> Any:
        import pymc as pm

        scale = pm.Uniform("own_scale", 0.0, 3 * self.scale, dims="dimension")
        unit = pm.Exponential("unit", 1.0, shape=(m, d))
        return pm.Deterministic("embedding", scale * unit, dims=("object", "dimension"))

    def start_at(self, x: np.ndarray, features: Any) -> dict[str, np.ndarray]:
        scale = x.mean(axis=0) + 0.02
        return {"own_scale": scale, "unit": np.maximum(x, 0.02 * scale) / scale}


EXPONENTIAL = Exponential()
