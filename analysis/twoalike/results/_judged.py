"""What is measured on larger sets, ratings and sortings: evaluation, ceilings and calibration."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from twoalike.calibration import set_calibration
from twoalike.ceilings import set_ceilings
from twoalike.evaluation import (
    Z95,
    Candidate,
    Interval,
    PredictedJudgments,
    RatingResults,
    SortingResults,
    judged_sets,
    score_question,
)
from twoalike.judgments import JudgmentTable, read_judgments
from twoalike.results._model import SetKindResults
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

_AXES = {"ratings": "rater", "sortings": "sorter"}
"""Axis of a posterior's draws that people who gave such judgments have."""


def on_sets(
    candidates: Sequence[Candidate], choices: pd.DataFrame, rng: np.random.Generator
) -> dict[str, SetKindResults]:
    """Score choices among more than three items, by question."""
    found = {}
    for judged in judged_sets(candidates, choices):
        scores, answers = score_question(candidates, judged, rng)
        calibrated = "log_loss" not in scores.missing
        found[judged.name] = SetKindResults(
            **dict(scores),
            ceilings=set_ceilings(judged),
            calibration=tuple(set_calibration(p, judged) for p in answers) if calibrated else None,
        )
    return found


type _Kind = Literal["ratings", "sortings"]


def on_rated[R: (RatingResults, SortingResults)](
    kind: _Kind,
    score: Callable[[Sequence[Candidate], pd.DataFrame, np.random.Generator], R],
    candidates: Sequence[Candidate],
    source: JudgmentTable,
    posterior: "Posterior | None",
    rng: np.random.Generator,
    files: dict[str, Path],
) -> R:
    """Score ratings of pairs, or sortings; with a posterior, also how well it predicts them."""
    if isinstance(source, str | Path):
        files[kind] = Path(source)
    found = score(candidates, read_judgments(source, kind), rng)
    predicted, missing = _predicted(kind, source, posterior, rng)
    return found.model_copy(update={"posterior": predicted, "missing": found.missing | missing})


def _predicted(
    kind: _Kind, source: JudgmentTable, posterior: "Posterior | None", rng: np.random.Generator
) -> tuple[PredictedJudgments | None, dict[str, str]]:
    """Log-loss of the posterior's model of these judgments, or why there is none."""
    if posterior is None:
        return None, {"posterior": "there is no posterior"}
    if _AXES[kind] not in posterior.tree["posterior"].dataset.coords:
        return None, {"posterior": f"it was fitted without {kind}"}
    from twoalike.embedding import check

    seed = int(rng.integers(2**31))
    try:
        checked = (
            check(posterior, ratings=source, seed=seed)
            if kind == "ratings"
            else check(posterior, sortings=source, seed=seed)
        )
    except TwoalikeError as reason:  # of other people or objects than the fit
        return None, {"posterior": str(reason)}
    checks = checked.ratings if kind == "ratings" else checked.sortings
    assert checks is not None  # it was asked for
    score = checks.score
    half = Z95 * score.log_loss_se
    return PredictedJudgments(
        judgments=score.judgments,
        log_loss=Interval(score.log_loss, score.log_loss - half, score.log_loss + half),
        guessing=score.guessing,
        left_out=score.left_out,
    ), {}
