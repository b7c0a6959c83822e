"""Judgments as a posterior sees them: known or not, fitted or not, under one draw after the other.

Judgments by people, or of objects, that a posterior does not know are left out and counted; a
table with no others is refused. What is computed is computed draw by draw, so that no array of the
size draws x judgments is needed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.embedding._observers import Draw
from twoalike.embedding._posterior import Posterior
from twoalike.embedding._posterior_file import OTHER_AXES
from twoalike.judgments import (
    ITEMS,
    JudgmentTable,
    is_scored,
    judgment_codes,
    person_of,
    read_judgments,
    trial_numbers,
)
from twoalike.study import Booleans, Integers, TwoalikeError, counted, sha256_file


def some_draws(posterior: Posterior, most: int) -> Integers:
    """Positions of about ``most`` draws among all: of each chain equally many, evenly spaced."""
    sizes = posterior.tree["posterior"].sizes
    chains, draws = sizes["chain"], sizes["draw"]
    each = min(draws, max(most // chains, 1))
    places = np.linspace(0, draws - 1, each).round().astype(np.int64)
    return np.asarray((np.arange(chains)[:, None] * draws + places).ravel())


def draws_of(posterior: Posterior, which: Integers) -> Iterator[Draw]:
    """Draws at some positions among all, one after the other, in double precision."""
    return (posterior.draw(int(place), np.float64) for place in which)


def none_known(posterior: Posterior, kind: str, n: int, people: Sequence[str]) -> TwoalikeError:
    """Error for judgments of people or of objects that a posterior does not know, all of them."""
    there = f"{counted(len(people), 'participant')} who gave some, {len(posterior.ids)} objects"
    return TwoalikeError(
        f"none of the {n} {kind} is by a participant and of objects of this posterior ({there})",
        remedy=f"Give the {kind} that it was fitted on.",
    )


def seen_judgments(
    posterior: Posterior, table: pd.DataFrame, role: str = "choices", file: Path | None = None
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


def is_own(
    posterior: Posterior,
    source: JudgmentTable,
    table: pd.DataFrame,
    role: str = "choices",
    fitted: bool | None = None,
) -> tuple[bool, str]:
    """Whether all judgments by participants of a fit were fitted to; a sentence where not.

    ``source`` is where the table was read from; ``fitted`` says what is known already.
    """
    if fitted is not None:
        return fitted, ""
    file = Path(source) if isinstance(source, str | Path) else None
    seen = seen_judgments(posterior, table, role, file)
    if seen is None:
        return False, (
            f"The posterior does not record the {role} that it was fitted to: these are predicted, "
            "as new ones would be."
        )
    others = {person_of(name) for axis in OTHER_AXES for name in posterior.labels(axis)}
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


def as_table(choices: JudgmentTable) -> pd.DataFrame:
    """Read choices from a file or a frame; a tidy table of ours is taken as it is."""
    if isinstance(choices, pd.DataFrame) and {"chosen", "trial_type"} <= set(choices):
        if isinstance(choices[ITEMS[0]].dtype, pd.CategoricalDtype):
            return choices
    return read_judgments(choices)
