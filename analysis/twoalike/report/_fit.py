"""The fitted embedding against the judgments in hand, and the people in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.calibration import (
    PUBLISHED_SPEARMAN,
    Reliability,
    TimesByEntropy,
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
from twoalike.figures import (
    observer_parameters,
    reliability_curve,
    response_times,
    times_by_entropy_chart,
)
from twoalike.judgments import ITEMS
from twoalike.record import find_runs
from twoalike.report._blocks import (
    NO_POSTERIOR,
    NO_SESSIONS,
    Block,
    Grid,
    Picture,
    Section,
    Text,
    number,
    percent,
    span,
)
from twoalike.report._inputs import Inputs
from twoalike.study import Floats, counted
from twoalike.tables import JUDGED

ANSWERS = {"odd_one_out": "the odd one", "anchored": "more like the reference"}
"""What the chosen object is called, by kind of choice."""


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

    def how(self) -> str:
        """State whether the embedding was fitted to the judgments that it predicts."""
        if not self.fitted:
            return "The embedding was fitted to other judgments than these."
        if not self.left_out:
            return (
                "The embedding was fitted to these very judgments, and has too few draws to leave "
                "one out: it looks less sure than it is."
            )
        doubt = f"; for {percent(self.k_high)} of them that is inexact (Pareto k)"
        return (
            "Each judgment is left out of what predicts it (leave-one-out by importance sampling"
            f"{doubt if self.k_high else ''})."
        )


def named_kind(kind: str, noun: str, apart: bool) -> str:
    """Noun for judgments, with their kind where there are both or it is not the usual one."""
    return f"{kind.replace('_', '-')} {noun}" if apart or kind == "anchored" else noun


def _known(choices: pd.DataFrame, posterior: Posterior) -> npt.NDArray[np.bool_]:
    """Which main and repeated trials are by people, and of objects, that the posterior contains."""
    known = choices["trial_type"].isin(JUDGED) & choices["participant"].isin(posterior.participants)
    for item in ITEMS:
        known &= choices[item].isin(posterior.ids)
    return known.to_numpy(dtype=bool)


def check_fits(inputs: Inputs, seed: int) -> list[FitCheck]:
    """Predict the study's judgments of each kind, each with its participant's noise.

    If the embedding was fitted to these judgments, each is predicted from the others only.
    """
    return [found for kind in OPTIONS if (found := _check_fit(inputs, seed, kind))]


def _check_fit(inputs: Inputs, seed: int, kind: ChoiceKind) -> FitCheck | None:
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


def predictions_section(inputs: Inputs, fits: Sequence[FitCheck]) -> Section:
    """Reliability curves of the embedding's predictions, one per kind of choices."""
    answers = " or ".join(ANSWERS[fit.kind] for fit in fits) or ANSWERS["odd_one_out"]
    lead = (
        f"If the model is right, of all images it gives a 60 % chance of being {answers}, "
        "people choose 60 %: the dots lie on the dashed line."
    )
    blocks: list[Block] = []
    if inputs.posterior is None:
        blocks.append(NO_POSTERIOR)
    elif not fits:
        blocks.append(Text("There are no choices among three items that the embedding knows."))
    for fit in fits:
        blocks += _prediction_blocks(fit, named_kind(fit.kind, "judgment", len(fits) > 1))
    return Section("predictions", "Predicted and observed choices", lead, blocks)


def _prediction_blocks(fit: FitCheck, noun: str) -> Iterator[Block]:
    """Curve and table of one kind of choices."""
    curve, options = fit.curve, OPTIONS[fit.kind]
    worst = max(abs(curve.predicted - curve.observed), default=0.0)
    yield Picture.draw(
        lambda width: reliability_curve(curve, answer=ANSWERS[fit.kind], width=width),
        alt=(
            f"Observed share of choices against predicted probability for "
            f"{counted(fit.choices, noun)}; the largest distance from the line is "
            f"{number(worst, 2)}."
        ),
        caption=(
            "Dots: predictions in bins of a tenth; lines: 95 % intervals of the observed share. "
            "Below: how the predictions spread. Participants' own lapse and temperature are used. "
            + fit.how()
        ),
        numbers=pd.DataFrame(
            {name: getattr(curve, name) for name in ("predicted", "observed", "low", "high")}
        ),
    )
    cells = {
        name: [f"{of.value:.3f}\n{of.low:.3f} to {of.high:.3f}", f"{chance:.3f}"]
        for name, of, chance in (
            ("accuracy", fit.accuracy, 1 / options),
            ("log-loss (nats)", fit.log_loss, log(options)),
        )
    }
    columns = [counted(fit.choices, noun), "chance"]
    frame = pd.DataFrame.from_dict(cells, orient="index", columns=columns).rename_axis("measure")
    yield Grid(f"Mean and 95 % interval over participants and objects. {fit.how()}", frame)


def _times_by_participant(inputs: Inputs) -> dict[str, Floats]:
    """All response times of each participant who answered, of sessions or else of the choices."""
    parts: dict[str, list[Floats]] = {}
    for session in inputs.sessions:
        parts.setdefault(session.participant, []).append(session.times)
    times = {name: np.concatenate(of) for name, of in parts.items()}
    times = {name: of[of > 0] for name, of in times.items() if (of > 0).any()}
    if not times and inputs.choices is not None:
        known = inputs.choices[inputs.choices["response_time"] > 0]
        groups = known.groupby("participant", observed=True)["response_time"]
        times = {str(name): values.to_numpy(np.float64) for name, values in groups}
    return times


def times_section(inputs: Inputs, fits: Sequence[FitCheck]) -> Section:
    """Response times by participant, and against the uncertainty that the embedding predicts."""
    title, anchor = "Response times", "response-times"
    lead = (
        "Times differ by person far more than by triplet, so they are shown by person. Very "
        "short ones are answers given without looking."
    )
    times = _times_by_participant(inputs)
    if not times:
        none: Block = Text("The judgments came without response times.")
        if inputs.choices is None:
            none = Text(
                "No task of choices was run: times of other tasks are beside their sessions."
            )
            none = none if find_runs(inputs.study.raw) else NO_SESSIONS
        return Section(anchor, title, lead, [none])
    medians = np.array([np.median(values) for values in times.values()])
    rows = [(name, float(seconds)) for name, values in times.items() for seconds in values]
    picture = Picture.draw(
        lambda width: response_times(times, width=width),
        alt=(
            f"Response times of {counted(len(times), 'participant')}: medians from "
            f"{number(medians.min(), 2)} to {number(medians.max(), 2)} seconds."
        ),
        caption="Dot: median. Thick line: middle half. Thin line: middle 90 %. Logarithmic scale.",
        numbers=pd.DataFrame(rows, columns=["participant", "response_time"]),
    )
    unsure = [
        _unsure_picture(fit, fit.times, named_kind(fit.kind, "judgment", len(fits) > 1))
        for fit in fits
        if fit.times is not None
    ]
    return Section(anchor, title, lead, [picture, *unsure])


def _unsure_picture(fit: FitCheck, found: TimesByEntropy, noun: str) -> Picture:
    """Draw response times against predicted uncertainty."""
    correlation = span(found.spearman, _two)
    last = float(np.exp(found.time[-1].value - found.time[0].value))
    *levels, last_level = map(_two, PUBLISHED_SPEARMAN.values())
    numbers = pd.DataFrame([vars(time) for time in found.time], columns=["value", "low", "high"])
    numbers[["q25", "median", "q75"]] = found.quartiles
    numbers = numbers.add_prefix("log_time_")
    numbers.insert(0, "entropy", found.entropy)
    return Picture.draw(
        lambda width: times_by_entropy_chart(found, width=width),
        alt=(
            "Response times by the predicted entropy of the answer: in the most uncertain fifth of "
            f"each person's trials {number(last, 2)} times those in the surest. Rank correlation "
            f"within people {correlation}."
        ),
        caption=(
            f"Do people take longer where the embedding expects them to be unsure? "
            f"{counted(found.trials, noun)} of "
            f"{len(found.people)} people, each compared with themselves: mean rank correlation "
            f"{correlation} (95 % interval over people). Above: fifths of each person's trials; "
            "dots are means over people with 95 % intervals, the band is the middle half of the "
            "trials. Below: each person, and the mean (diamond). "
            f"{fit.how()} Single times are noisy: over triplets, with times averaged over "
            f"people, {', '.join(levels)} and {last_level} were published for the Levels data."
        ),
        numbers=numbers,
    )


def _two(value: float) -> str:
    return number(value, 2)


def observers_section(posterior: Posterior | None) -> Section:
    """Temperature and lapse rate of each participant."""
    title, anchor = "Participants in the model", "participants"
    lead = (
        "Temperature is how noisy a person's choices are among the same similarities (1 is "
        "typical, more is noisier); lapse is the share of trials answered by guessing."
    )
    if posterior is None:
        return Section(anchor, title, lead, [NO_POSTERIOR])
    names, temperature, lapse = posterior.participants, posterior.temperature, posterior.lapse
    middle = np.median(lapse, axis=0)
    columns: dict[str, object] = {"participant": list(names)}
    for what, draws in (("temperature", temperature), ("lapse", lapse)):
        low, median, high = np.percentile(draws, (2.5, 50, 97.5), axis=0)
        columns |= {what: median, f"{what}_low": low, f"{what}_high": high}
    picture = Picture.draw(
        lambda width: observer_parameters(names, temperature, lapse, width=width),
        alt=(
            f"Temperature and lapse rate of {counted(len(names), 'participant')}: median lapse "
            f"rates from {percent(float(middle.min()))} to {percent(float(middle.max()))}."
        ),
        caption="Dot: posterior median. Line: 95 % interval. Dashed: the typical participant.",
        numbers=pd.DataFrame(columns),
    )
    alone = [Text("With one participant, the temperature is 1 by definition.")]
    return Section(anchor, title, lead, [picture, *(alone if len(names) == 1 else [])])
