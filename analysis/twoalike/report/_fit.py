"""The fitted embedding against the judgments in hand."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.calibration import (
    Reliability,
    TimesByEntropy,
    knows_times,
    reliability,
    times_of_choices,
)
from twoalike.choice import OPTIONS, ChoiceKind, expected_accuracy, log_loss
from twoalike.embedding import (
    LEAST_DRAWS,
    DimensionCurve,
    Posterior,
    dimension_curve,
    predict_choices,
)
from twoalike.evaluation import Interval, TwoWayBootstrap
from twoalike.judgments import ITEMS
from twoalike.report._blocks import number
from twoalike.report._inputs import Inputs
from twoalike.tables import JUDGED


@dataclass(frozen=True)
class FitCheck:
    """Predicted choices against those made."""

    kind: ChoiceKind  # of these choices
    choices: int  # predicted
    unknown: int  # by people or on objects that are not in the fit
    fitted: bool  # whether the embedding was fitted to them
    left_out: bool  # whether each was predicted from the others only
    k_high: float  # share of judgments whose leave-one-out prediction is unreliable
    accuracy: Interval
    log_loss: Interval
    curve: Reliability
    times: TimesByEntropy | None  # response times against the entropy predicted
    times_fitted: bool  # whether the embedding was fitted to these times


def named_kind(kind: ChoiceKind, noun: str, apart: bool) -> str:
    """Noun for judgments, with their kind where there are both or it is not the usual one."""
    named = apart or kind == "anchored"
    return f"{kind.replace('_', '-')} {noun}" if named else noun


def _known(choices: pd.DataFrame, posterior: Posterior) -> npt.NDArray[np.bool_]:
    """Which main and repeated trials are by people, and of objects, that the posterior contains."""
    known = choices["trial_type"].isin(JUDGED) & choices["participant"].isin(posterior.participants)
    for item in ITEMS:
        known &= choices[item].isin(posterior.ids)
    return known.to_numpy(dtype=bool)


def check_fits(inputs: Inputs, seed: int) -> list[FitCheck]:
    """Predict the study's judgments of each kind (:func:`check_fit`)."""
    return [found for kind in OPTIONS if (found := check_fit(inputs, seed, kind))]


def check_fit(inputs: Inputs, seed: int, kind: ChoiceKind = "odd_one_out") -> FitCheck | None:
    """Predict the study's judgments of a kind by the embedding, each with its participant's noise.

    If the embedding was fitted to these judgments, each is predicted from the others only. None if
    there is no posterior, no judgment, or none that the posterior knows.
    """
    posterior, choices = inputs.posterior, inputs.choices
    if posterior is None or choices is None:
        return None
    choices = choices[choices["kind"] == kind]
    if not _known(choices, posterior).any():
        return None
    fitted = _fitted(inputs, posterior)
    made = predict_choices(posterior, choices, fitted=fitted, seed=seed)
    probabilities, chosen = made.probabilities, made.chosen
    rng = np.random.default_rng(seed)
    boot = TwoWayBootstrap(made.judge, made.items, rng, resamples=1000)
    first = 3 - OPTIONS[kind]  # the reference of an anchored choice is no answer
    return FitCheck(
        kind=kind,
        choices=len(chosen),
        unknown=made.unknown,
        fitted=fitted,
        left_out=made.left_out,
        k_high=made.k_high,
        accuracy=boot.interval(expected_accuracy(probabilities, chosen)).within(0.0, 1.0),
        log_loss=boot.interval(log_loss(probabilities, chosen)),
        curve=reliability(probabilities[:, first:], chosen - first),
        times=times_of_choices(
            probabilities,
            choices["response_time"].to_numpy(dtype=np.float64)[made.rows],
            made.judge,
        ),
        times_fitted=fitted and knows_times(posterior),
    )


def _fitted(inputs: Inputs, posterior: Posterior) -> bool:
    """Whether the posterior was fitted to the judgments in hand; true if it does not say."""
    return inputs.made_from(posterior.attrs.get("provenance", {}), "choices") is not False


def check_dimensions(inputs: Inputs, seed: int) -> DimensionCurve | None:
    """Score the study's judgments by the first dimensions; None where there is nothing to tell."""
    if inputs.posterior is None or inputs.choices is None:
        return None
    if not _known(inputs.choices, inputs.posterior).any():
        return None
    posterior = inputs.posterior.thinned()
    chains, draws, _, dimensions = posterior.tree["posterior"].dataset["embedding"].shape
    if dimensions < 2 or chains * draws < LEAST_DRAWS:
        return None
    fitted = _fitted(inputs, posterior)
    return dimension_curve(posterior, inputs.choices, fitted=fitted, seed=seed)


@dataclass(frozen=True)
class Convergence:
    """What the file of a fit states about its convergence."""

    converged: bool | None  # None where the file does not say
    reason: str  # the figure it was judged by; empty where the file does not say
    divergences: int  # divergent transitions of the sampler


def convergence(posterior: Posterior) -> Convergence:
    """Read what the file of a fit states about its convergence."""
    state: dict[str, Any] = dict(posterior.attrs.get("convergence", {}))
    reason = ""
    mixed = {name: state.get(f"{name}_rhat_95") for name in ("choice", "similarity")}
    if posterior.attrs.get("engine") != "nuts" and "fits_apart" in state:
        reason = (
            f"choice probabilities of the fits differ by {number(state['fits_apart'], 1)} "
            "percentage points"
        )
    elif any(mixed.values()):
        rhats = {"choice": "choice probabilities", "similarity": "similarities"}
        reason = "R-hat " + ", ".join(
            f"{number(value)} of {rhats[name]}" for name, value in mixed.items() if value
        )
    elif "loss_change" in state:
        reason = f"last change of the loss {number(state['loss_change'], 4)} nats a judgment"
    converged = bool(state["converged"]) if "converged" in state else None
    return Convergence(converged, reason, int(state.get("divergences", 0)))
