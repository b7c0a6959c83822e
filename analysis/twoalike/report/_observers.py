"""Sections on response times, and on how noisy each participant is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from twoalike.calibration import PUBLISHED_SPEARMAN, TimesByEntropy
from twoalike.embedding import Posterior
from twoalike.figures import observer_parameters, response_times, times_by_entropy_chart
from twoalike.record import find_runs
from twoalike.report._blocks import (
    NO_POSTERIOR,
    NO_SESSIONS,
    Block,
    Picture,
    Section,
    Text,
    number,
    percent,
    span,
)
from twoalike.report._fit import FitCheck, named_kind
from twoalike.report._inputs import Inputs
from twoalike.study import Floats, counted


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
