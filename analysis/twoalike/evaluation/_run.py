"""Evaluation from files to the content of ``results.json``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.evaluation._agreement import CHANCE_ACCURACY, CHANCE_LOG_LOSS
from twoalike.evaluation._compare import (
    Candidate,
    Judgments,
    compare_choices,
    compare_structure,
)
from twoalike.evaluation._numbers import triplet_numbers
from twoalike.judgments import object_index, participant_index, read_choices, read_rdms
from twoalike.study import TwoalikeError, provenance, read_ids

SCORED = ("main", "repeat")
"""Trial types that count; practice and catch trials say nothing about similarity."""


def read_judgments(path: Path) -> tuple[Judgments, dict[str, int]]:
    """Read the odd-one-out choices of a table, and count by reason what is left out.

    Raises
    ------
    TwoalikeError
        If the table cannot be read or holds no main or repeat odd-one-out trial.
    """
    return judgments_of(read_choices(path), path)


def judgments_of(table: pd.DataFrame, path: Path) -> tuple[Judgments, dict[str, int]]:
    """Take the odd-one-out choices from a table that was read before.

    Raises
    ------
    TwoalikeError
        If it holds no main or repeat odd-one-out trial, or only one triplet.
    """
    anchored = (table["kind"] != "odd_one_out").to_numpy()
    other = ~table["trial_type"].isin(SCORED).to_numpy() & ~anchored
    left_out = {"anchored": int(anchored.sum()), "practice_or_catch": int(other.sum())}
    table = table[is_scored(table)].reset_index(drop=True)
    if not len(table):
        raise TwoalikeError(
            f"{path}: expected odd-one-out judgments of type main or repeat, found none among "
            f"{sum(left_out.values())} rows."
        )
    triplets, chosen, ids = object_index(table)
    if len(triplet_numbers(triplets)[0]) < 2:
        raise TwoalikeError(
            f"{path}: expected at least two different triplets, found one; the temperature is "
            "fitted on one half of them and scored on the other."
        )
    participants, _ = participant_index(table)
    return Judgments(triplets, chosen, participants, ids, _levels(table)), left_out


def is_scored(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell which rows are main or repeat odd-one-out trials, shape (n,)."""
    of_kind = (table["kind"] == "odd_one_out").to_numpy()
    return np.asarray(of_kind & table["trial_type"].isin(SCORED).to_numpy())


def _levels(table: pd.DataFrame) -> dict[str, npt.NDArray[np.str_]]:
    if table["level"].isna().all():
        return {}
    return {"level": table["level"].astype(object).fillna("").to_numpy().astype(np.str_)}


def evaluate(
    candidates: Sequence[Candidate],
    *,
    choices: Path | None = None,
    rdm: Path | None = None,
    objects: Path | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 0,
    inputs: Mapping[str, Path] | None = None,
    resamples: int = 2000,
    alone: bool = True,
) -> dict[str, Any]:
    """Score models against people's judgments.

    Parameters
    ----------
    candidates
        The models; the first is the one the others are compared with.
    choices
        ``choices.parquet``.
    rdm, objects
        People's dissimilarities (NaN where a person did not judge a pair), and the list of
        object ids in their order.
    labels
        Level -> object id -> label: scores also by kind of triplet at each level.
    seed
        Seed of the halves and the resamples.
    inputs
        Files to name in the provenance beside ``choices`` and ``rdm``.
    resamples
        Bootstrap resamples for the scores on choices.
    alone
        Whether nothing else is scored on, so that choices or dissimilarities are needed.

    Returns
    -------
    The content of ``results.json``: provenance, then ``judgments``, ``rdm`` and ``models``.

    Raises
    ------
    TwoalikeError
        If there is nothing to score, an input cannot be read, or an object has no features.
    """
    _check(candidates, nothing=alone and not choices and not rdm)
    files = dict(inputs or {})
    files |= {k: v for k, v in (("choices", choices), ("rdm", rdm), ("objects", objects)) if v}
    on_choices, on_structure = np.random.default_rng(seed).spawn(2)
    parts: list[dict[str, Any]] = [_described(candidate) for candidate in candidates]
    judgments: dict[str, Any] | None = None
    if choices:
        judged, left_out = read_judgments(choices)
        judgments = _summary(judged, left_out)
        judged = judged.with_labels(_labels_of(judged.ids, labels or {}))
        scores = compare_choices(candidates, judged, on_choices, resamples=resamples)
        parts = [part | score for part, score in zip(parts, scores, strict=True)]
    people: dict[str, Any] | None = None
    if rdm:
        table = read_rdms(rdm, read_ids(objects) if objects else None, gaps=True)
        people, structure = compare_structure(candidates, table, on_structure)
        parts = [part | {"rdm": of} for part, of in zip(parts, structure, strict=True)]
    config = {"resamples": resamples, "interval": 0.95}
    return {
        **provenance("results", seed=seed, inputs=files, config=config),
        "judgments": judgments,
        "rdm": people,
        "models": parts,
    }


def _check(candidates: Sequence[Candidate], *, nothing: bool) -> None:
    if not candidates:
        raise TwoalikeError("evaluate: no model to score; give --features or --model.")
    if nothing:
        raise TwoalikeError("evaluate: no judgments to score on; give --choices, --rdm or both.")
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise TwoalikeError(
                f"evaluate: two models are called {name!r}; name them apart with NAME=FILE."
            )


def _described(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "role": candidate.role,
        "similarity": candidate.similarity,
        "features": dict(candidate.features.meta),
        "accuracy": None,
        "log_loss": None,
        "temperature": None,
        "difference": None,
        "gap_closed": None,
        "groups": {},
        "rdm": None,
    }


def _summary(judged: Judgments, left_out: dict[str, int]) -> dict[str, Any]:
    return {
        "choices": len(judged.chosen),
        "participants": int(judged.participants.max()) + 1,
        "objects": len(np.unique(judged.triplets)),
        "triplets": len(triplet_numbers(judged.triplets)[0]),
        "left_out": left_out,
        "chance": {"accuracy": CHANCE_ACCURACY, "log_loss": CHANCE_LOG_LOSS},
    }


def _labels_of(ids: Sequence[str], labels: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    for level, by_id in labels.items():
        unknown = [name for name in ids if name not in by_id]
        if unknown:
            raise TwoalikeError(
                f"evaluate: object {unknown[0]!r} has no label at level {level!r}; "
                "the table of labels must cover all judged objects."
            )
    return {level: [by_id[name] for name in ids] for level, by_id in labels.items()}
