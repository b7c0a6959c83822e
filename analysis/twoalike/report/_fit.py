"""The fitted embedding against the judgments in hand, and the people in it."""

from collections.abc import Sequence
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
    source_advice,
    source_table,
)
from twoalike.evaluation import Interval, TwoWayBootstrap
from twoalike.figures import (
    observer_parameters,
    reliability_curve,
    response_times,
    times_by_entropy_chart,
)
from twoalike.judgments import ITEMS, chosen_at_random
from twoalike.report._blocks import (
    Block,
    Grid,
    Picture,
    Section,
    Text,
    no_posterior,
    no_sessions,
    number,
    picture,
    say,
    section,
)
from twoalike.report._inputs import Inputs
from twoalike.study import Floats, counted
from twoalike.tables import JUDGED

ANSWERS = {"odd_one_out": "the odd one", "anchored": "more like the reference"}
"""What the chosen object is called, by kind of choice."""


@dataclass(frozen=True)
class FitCheck:
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


def named_kind(kind: str, noun: str, apart: bool) -> str:
    """Noun for judgments, with their kind where there are both or it is not the usual one."""
    return f"{kind.replace('_', '-')} {noun}" if apart or kind == "anchored" else noun


def _known(choices: pd.DataFrame, posterior: Posterior) -> npt.NDArray[np.bool_]:
    """Which main and repeated trials are by people, and of objects, that the posterior contains."""
    known = choices["trial_type"].isin(JUDGED) & choices["participant"].isin(posterior.participants)
    for item in ITEMS:
        known &= choices[item].isin(posterior.ids)
    return known.to_numpy(dtype=bool)


def _fitted(inputs: Inputs, posterior: Posterior) -> bool:
    """Whether the posterior was fitted to the judgments in hand; true if it does not say."""
    return inputs.made_from(posterior.attrs.get("provenance", {}), "choices") is not False


def check_fits(inputs: Inputs, seed: int) -> list[FitCheck]:
    """Predict the study's judgments of each kind, each with its participant's noise.

    If the embedding was fitted to these judgments, each is predicted from the others only. Trials
    that it chose itself are left out.
    """
    if (posterior := inputs.posterior) is None or (table := inputs.choices) is None:
        return []
    table = table[chosen_at_random(table)]
    by_kind = [(kind, table[table["kind"] == kind]) for kind in OPTIONS]
    return [
        _check_fit(posterior, choices, kind, _fitted(inputs, posterior), seed)
        for kind, choices in by_kind
        if _known(choices, posterior).any()
    ]


def _check_fit(
    posterior: Posterior, choices: pd.DataFrame, kind: ChoiceKind, fitted: bool, seed: int
) -> FitCheck:
    made = predict_choices(posterior, choices, fitted=fitted, seed=seed)
    probabilities, chosen = made.probabilities, made.chosen
    rng = np.random.default_rng(seed)
    boot = TwoWayBootstrap(made.judge, made.items, rng, resamples=1000)
    first = 3 - OPTIONS[kind]  # the reference of an anchored choice is no answer
    seconds = choices["response_time"].to_numpy(dtype=np.float64)[made.rows]
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
        times=times_of_choices(probabilities, seconds, made.judge),
    )


def check_dimensions(inputs: Inputs, seed: int) -> DimensionCurve | None:
    """Score the study's judgments by the first dimensions; None where there is nothing to tell."""
    if (posterior := inputs.posterior) is None or (choices := inputs.choices) is None:
        return None
    posterior = posterior.thinned()
    chains, draws, _, dimensions = posterior.tree["posterior"].dataset["embedding"].shape
    if dimensions < 2 or chains * draws < LEAST_DRAWS or not _known(choices, posterior).any():
        return None
    return dimension_curve(posterior, choices, fitted=_fitted(inputs, posterior), seed=seed)


def convergence(posterior: Posterior) -> tuple[str, int]:
    """Read by what figure it was judged whether a fit converged, and how many transitions diverged.

    No figure where the file does not say.
    """
    state: dict[str, Any] = dict(posterior.attrs.get("convergence", {}))
    names = {"choice": "choice probabilities", "similarity": "similarities"}
    rhats = {of: mixed for name, of in names.items() if (mixed := state.get(f"{name}_rhat_95"))}
    said, unstable = [], posterior.verdict.predictions is False
    if unstable and "fits_apart" in state:
        apart = number(state["fits_apart"], 1)
        said.append(f"choice probabilities of the chains differ by {apart} percentage points")
    elif rhats:
        said.append("R-hat " + ", ".join(f"{number(mixed)} of {of}" for of, mixed in rhats.items()))
    if "loss_change" in state and (unstable or not said):  # chains alike may all be under way
        said.append(f"last change of the loss {number(state['loss_change'], 4)} nats a judgment")
    return ", ".join(said), int(state.get("divergences", 0))


def predictions_section(inputs: Inputs, fits: Sequence[FitCheck]) -> Section | None:
    if inputs.posterior is not None and not fits:
        return None
    blocks: list[Block] = [] if fits else [no_posterior()]
    for fit in fits:
        noun = counted(fit.choices, named_kind(fit.kind, "judgment", len(fits) > 1))
        blocks += [_reliability(fit, noun), _accuracy(fit, noun)]
    answers = " or ".join(ANSWERS[fit.kind] for fit in fits) or ANSWERS["odd_one_out"]
    return section("predictions", *blocks, answers=answers)


def _reliability(fit: FitCheck, judgments: str) -> Picture:
    curve, columns = fit.curve, ("predicted", "observed", "low", "high")
    return picture(
        "predictions",
        lambda width: reliability_curve(curve, answer=ANSWERS[fit.kind], width=width),
        pd.DataFrame({name: getattr(curve, name) for name in columns}),
        fit=fit,
        how=say("fit.how", fit=fit),
        judgments=judgments,
        worst=max(abs(curve.predicted - curve.observed), default=0.0),
    )


def _accuracy(fit: FitCheck, judgments: str) -> Grid:
    options = OPTIONS[fit.kind]
    cells = {
        name: [f"{of.value:.3f}\n{of.low:.3f} to {of.high:.3f}", f"{chance:.3f}"]
        for name, of, chance in (
            ("accuracy", fit.accuracy, 1 / options),
            ("log-loss (nats)", fit.log_loss, log(options)),
        )
    }
    frame = pd.DataFrame.from_dict(cells, orient="index", columns=[judgments, "chance"])
    how = say("fit.how", fit=fit)
    return Grid(say("predictions.table", how=how), frame.rename_axis("measure"))


def times_by_participant(inputs: Inputs) -> dict[str, Floats]:
    """All response times of each participant who answered, of sessions or else of the choices."""
    parts: dict[str, list[Floats]] = {}
    for of in inputs.sessions:
        parts.setdefault(of.participant, []).append(of.times)
    times = {name: np.concatenate(of) for name, of in parts.items()}
    times = {name: of[of > 0] for name, of in times.items() if (of > 0).any()}
    return times if times or inputs.choices is None else times_of(inputs.choices)


def times_of(choices: pd.DataFrame) -> dict[str, Floats]:
    """Response times (s) of each participant in a table of choices."""
    known = choices[choices["response_time"] > 0]
    groups = known.groupby("participant", observed=True)["response_time"]
    return {str(name): values.to_numpy(np.float64) for name, values in groups}


def times_section(inputs: Inputs, fits: Sequence[FitCheck]) -> Section | None:
    anchor, times = "response-times", times_by_participant(inputs)
    if not times and not inputs.tables and not inputs.runs:
        return section(anchor, no_sessions())
    if not times:
        return None
    rows = [(name, float(seconds)) for name, values in times.items() for seconds in values]
    shown = picture(
        anchor,
        lambda width: response_times(times, width=width),
        pd.DataFrame(rows, columns=["participant", "response_time"]),
        medians=[float(np.median(values)) for values in times.values()],
    )
    nouns = [named_kind(fit.kind, "judgment", len(fits) > 1) for fit in fits]
    unsure = [
        _unsure(fit, fit.times, noun) for fit, noun in zip(fits, nouns, strict=True) if fit.times
    ]
    return section(anchor, shown, *unsure)


def _unsure(fit: FitCheck, found: TimesByEntropy, noun: str) -> Picture:
    numbers = pd.DataFrame([vars(time) for time in found.time], columns=["value", "low", "high"])
    numbers[["q25", "median", "q75"]] = found.quartiles
    numbers = numbers.add_prefix("log_time_")
    numbers.insert(0, "entropy", found.entropy)
    return picture(
        "unsure",
        lambda width: times_by_entropy_chart(found, width=width),
        numbers,
        found=found,
        slower=float(np.exp(found.time[-1].value - found.time[0].value)),
        trials=counted(found.trials, noun),
        how=say("fit.how", fit=fit),
        published=[number(of, 2) for of in PUBLISHED_SPEARMAN.values()],
    )


def observers_section(inputs: Inputs) -> Section | None:
    if (posterior := inputs.posterior) is None:
        return section("participants", no_posterior())
    if inputs.fitted_to and "choices" not in inputs.fitted_to:
        return None
    names, temperature, lapse = posterior.participants, posterior.temperature, posterior.lapse
    columns: dict[str, object] = {"participant": list(names)}
    for what, draws in (("temperature", temperature), ("lapse", lapse)):
        low, median, high = np.percentile(draws, (2.5, 50, 97.5), axis=0)
        columns |= {what: median, f"{what}_low": low, f"{what}_high": high}
    shown = picture(
        "participants",
        lambda width: observer_parameters(names, temperature, lapse, width=width),
        pd.DataFrame(columns),
        lapses=np.median(lapse, axis=0).tolist(),
    )
    alone = [Text(say("participants.alone"))] if len(names) == 1 else []
    return section("participants", shown, *alone, *_sources(posterior))


def _sources(posterior: Posterior) -> list[Block]:
    """Tell what models and the like, which answered beside people, were worth."""
    found = source_table(posterior)
    said = [Text(f"{line.capitalize()}.") for line in source_advice(posterior.attrs)]
    if found.empty:
        return [*said]
    shown = found.set_index("source").map(lambda one: f"{one:,.2f}".removesuffix(".00"))
    shown["worth"] += "\n" + shown["low"] + " to " + shown["high"]
    return [Grid(say("participants.sources"), shown[["answers", "worth", "lapse"]], found), *said]
