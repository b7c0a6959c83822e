"""Judgments as a posterior sees them, and the probability of every answer under one draw.

Judgments by people, or of objects, that a posterior does not know are left out and counted; a
table with no others is refused. Probabilities are computed draw by draw, so that no array of the
size draws x judgments is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import Question, log_choice
from twoalike.embedding._parts import ROWS
from twoalike.judgments import (
    ITEMS,
    JudgmentKind,
    JudgmentTable,
    is_scored,
    judgment_codes,
    person_of,
    read_judgments,
    trial_numbers,
)
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted, sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twoalike.embedding._choices import ChoiceGroup, Choices
    from twoalike.embedding._parts import Kernel
    from twoalike.embedding._posterior import Posterior


@dataclass(frozen=True)
class Draw:
    """One draw: embedding (m, D), and temperature and lapse of every participant, (P,) each.

    ``roots`` (P, D) is what each participant multiplies coordinates by, if they weigh dimensions;
    ``matrix`` holds the similarities of all objects, where that is cheaper than those of the pairs.
    """

    embedding: Floats
    temperature: Floats
    lapse: Floats
    kernel: "Kernel"
    matrix: npt.NDArray[Any] | None = None
    roots: Floats | None = None

    def pairs(self, items: Integers, judge: Integers, question: Question) -> tuple[Any, ...]:
        """Similarities of the question's pairs in sets of items, (n, k), to judges: (n,) each."""
        if self.roots is not None:
            roots = self.roots[judge]
            return self.kernel.pairs(self.embedding, items, question.pairs, roots=roots)
        return self.kernel.pairs(self.embedding, items, question.pairs, matrix=self.matrix)


def thinned(chains: int, draws: int, most: int) -> Integers:
    """Positions of about ``most`` draws among all: of each chain equally many, evenly spaced."""
    each = min(draws, max(most // chains, 1))
    places = np.linspace(0, draws - 1, each).round().astype(np.int64)
    return np.asarray((np.arange(chains)[:, None] * draws + places).ravel())


def draws_of(posterior: "Posterior", which: Integers, n_pairs: int) -> "Iterator[Draw]":
    """Draws at some positions among all, one after the other, for so many pairs of objects each."""
    kernel, x = posterior.kernel, posterior.embedding
    temperature, lapse, weights = posterior.temperature, posterior.lapse, posterior.weights
    for place in which:
        matrix = kernel.whole(x[place], n_pairs) if weights is None else None
        roots = None if weights is None else weights.roots(place)
        yield Draw(x[place], temperature[place], lapse[place], kernel, matrix, roots)


def answer_probabilities(draw: Draw, group: "ChoiceGroup") -> Floats:
    """Probability of each answer under one draw, with the judge's own temperature and lapse.

    Shape (n, A), rows sum to one.
    """
    p = np.empty((group.size, len(group.question.answers)))
    step = max(3 * ROWS // len(group.question.pairs), 1)
    for start in range(0, group.size, step):
        rows = slice(start, start + step)
        judge = group.judge[rows]
        pairs = draw.pairs(group.shown[rows], judge, group.question)
        noise, guess = draw.temperature[judge], draw.lapse[judge]
        p[rows] = np.exp(log_choice(pairs, noise, guess, question=group.question)).T
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def given_answers(draw: Draw, choices: "Choices") -> Floats:
    """Probability of the answer that was given to each choice, shape (n,)."""
    return np.concatenate(
        [
            answer_probabilities(draw, group)[np.arange(group.size), group.answer]
            for group in choices.groups
        ]
    )


def given_tables(**tables: JudgmentTable | None) -> dict[JudgmentKind, JudgmentTable]:
    """Leave out the kinds of judgments of which there is no table."""
    return {cast("JudgmentKind", kind): one for kind, one in tables.items() if one is not None}


def labels_of(posterior: "Posterior", axis: str) -> tuple[str, ...]:
    """Labels of an axis of the draws; none where the fit had nothing of the kind."""
    group = posterior.tree["posterior"].dataset
    return tuple(map(str, group[axis].values)) if axis in group.coords else ()


def drawn(posterior: "Posterior", name: str) -> Floats:
    """All draws of a variable, shape (S, ...)."""
    values = posterior.tree["posterior"].dataset[name].values
    return np.asarray(values.reshape(-1, *values.shape[2:]), dtype=np.float64)


def none_known(posterior: "Posterior", kind: str, n: int, people: Sequence[str]) -> TwoalikeError:
    """Error for judgments of people or of objects that a posterior does not know, all of them."""
    there = f"{counted(len(people), 'participant')} who gave some, {len(posterior.ids)} objects"
    return TwoalikeError(
        f"none of the {n} {kind} is by a participant and of objects of this posterior ({there})",
        remedy=f"Give the {kind} that it was fitted on.",
    )


def seen_judgments(
    posterior: "Posterior", table: pd.DataFrame, role: str = "choices", file: Path | None = None
) -> Booleans | None:
    """Which judgments of a table a posterior was fitted to, (n,); None if it does not record any.

    The file is recognised by its hash, a judgment by its participant and items: in any other file.
    """
    inputs = posterior.attrs.get("provenance", {}).get("inputs", {})
    if file is not None and inputs.get(role, {}).get("sha256") == sha256_file(file):
        return np.ones(len(table), dtype=bool)
    if posterior.judged is None:
        return None
    return np.isin(judgment_codes(table), posterior.judged)


def fitted_on(
    posterior: "Posterior", table: pd.DataFrame, role: str = "choices", file: Path | None = None
) -> tuple[bool, str]:
    """Whether all judgments by participants of a fit were fitted to; a sentence where not."""
    seen = seen_judgments(posterior, table, role, file)
    if seen is None:
        return False, (
            f"The posterior does not record the {role} that it was fitted to: these are predicted, "
            "as new ones would be."
        )
    from twoalike.embedding._model import KINDS

    others = {
        person_of(name) for kind in KINDS.values() for name in labels_of(posterior, kind.axis)
    }
    known = table["participant"].isin({*posterior.participants, *others}).to_numpy()
    if "trial_type" in table:
        known = known & is_scored(table)
    if not seen.any():  # before what follows, which is true where nobody is known
        return False, f"The posterior was not fitted to these {role}: they are predicted."
    if (seen | ~known).all():
        return True, ""
    if role == "arrangements":  # their rows are objects
        seen = seen[np.unique(trial_numbers(table), return_index=True)[1]]
    return False, (
        f"The posterior was fitted to {seen.sum():,} of these {len(seen):,} {role}: all are "
        "predicted, as new ones would be, which is partly in-sample."
    )


def is_own(
    posterior: "Posterior",
    source: JudgmentTable,
    table: pd.DataFrame,
    role: str = "choices",
    fitted: bool | None = None,
) -> tuple[bool, str]:
    """As :func:`fitted_on`, of a table and where it was read from, unless it is known."""
    file = Path(source) if isinstance(source, str | Path) else None
    return (fitted, "") if fitted is not None else fitted_on(posterior, table, role, file)


def as_table(choices: JudgmentTable) -> pd.DataFrame:
    """Read choices from a file or a frame; a tidy table of ours is taken as it is."""
    if isinstance(choices, pd.DataFrame) and {"chosen", "trial_type"} <= set(choices):
        if isinstance(choices[ITEMS[0]].dtype, pd.CategoricalDtype):
            return choices
    return read_judgments(choices)
