"""Participants left out of a study's fit by p_careless, where its study.toml declares that.

With ``[exclusion] careless`` a study is fitted to everybody, those whose probability of careless
answers (:func:`twoalike.embedding.careless_table`) is at least the declared one are left out of the
tables, and the rest is fitted anew. There is one such round: whoever looks careless beside the rest
only then stays.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twoalike.embedding._careless import careless_table
from twoalike.embedding._config import remove_checkpoint
from twoalike.embedding._posterior import Posterior
from twoalike.embedding._posterior_file import flat_attrs
from twoalike.judgments import JudgmentTable, in_sets, read_judgments
from twoalike.study import TwoalikeError


def without_careless(
    fitted: Callable[..., Posterior],
    tables: Mapping[Any, JudgmentTable | None],
    limit: float,
    checkpoint: Path | None,
    collect: Callable[..., object],
) -> Posterior:
    """Fit to everybody, and where the rule leaves somebody out to the rest; record whom, and why.

    ``fitted`` reads the tables and fits them, with a ``checkpoint``; ``collect`` writes the tables
    anew without the participants ``left_out``.
    """
    choices, arrangements = _telling(tables)
    first = None if checkpoint is None else checkpoint.with_name(f"everybody.{checkpoint.name}")
    posterior = fitted(checkpoint=first)
    if reasons := careless_reasons(posterior, choices, arrangements, limit):
        collect(left_out=reasons)
        posterior = fitted(checkpoint=checkpoint)
    if first is not None:
        remove_checkpoint(first)
    posterior.tree.attrs |= flat_attrs({"excluded": {"careless": limit, "people": reasons}})
    return posterior


def _telling(
    tables: Mapping[Any, JudgmentTable | None],
) -> tuple[JudgmentTable | None, JudgmentTable | None]:
    """Choices and arrangements; None for choices that are all among more than three items.

    Those tell nothing of carelessness, nor do other kinds of judgments.
    """
    choices, arrangements = tables.get("choices"), tables.get("arrangements")
    if choices is not None and in_sets(read_judgments(choices)).all():
        choices = None
    if choices is None and arrangements is None:
        raise TwoalikeError(
            where="study.toml: exclusion.careless",
            expected="choices among three items or arrangements, which tell of carelessness",
            found="neither",
            remedy="Remove the key, or run such a task as well.",
        )
    return choices, arrangements


def careless_reasons(
    posterior: Posterior,
    choices: JudgmentTable | None,
    arrangements: JudgmentTable | None,
    limit: float,
) -> dict[str, str]:
    """Whom the rule leaves out, with reasons, by the choices and arrangements of the fit."""
    found = careless_table(posterior, choices, arrangements=arrangements)
    judged = found[found.filter(like="evidence_").notna().any(axis=1)]
    out = judged[judged["p_careless"] >= limit]
    if 2 * len(out) >= len(judged):
        raise TwoalikeError(
            where="study.toml: exclusion.careless",
            expected="a rule that leaves out fewer than half of the participants",
            found=f"{len(out)} of {len(judged)} with p_careless {limit:g} or more",
            remedy="Look at `twoalike participants`: the embedding is fitted to everybody.",
        )
    return {
        row["participant"]: f"p_careless {row['p_careless']:.3f} ({row['likeliest']}), {limit:g} "
        "leaves out"
        for row in out.to_dict("records")
    }
