"""Section on response times: of each participant, and where the embedding expects doubt."""

from collections.abc import Sequence

import numpy as np

from twoalike.calibration import PUBLISHED_SPEARMAN, TimesByEntropy
from twoalike.figures import response_times, times_by_entropy_chart
from twoalike.record import find_runs
from twoalike.report._agreement import what_predicts
from twoalike.report._blocks import Block, Numbers, Picture, Section, Text, number, span
from twoalike.report._fit import FitCheck, named_kind
from twoalike.report._inputs import Inputs
from twoalike.report._people import NO_SESSIONS, Session
from twoalike.study import Floats, counted


def times_by_participant(sessions: Sequence[Session]) -> dict[str, Floats]:
    """All response times of each participant who answered."""
    parts: dict[str, list[Floats]] = {}
    for session in sessions:
        parts.setdefault(session.participant, []).append(session.times)
    joined = {name: np.concatenate(times) for name, times in parts.items()}
    return {name: times[times > 0] for name, times in joined.items() if (times > 0).any()}


def times_section(inputs: Inputs, fits: Sequence[FitCheck]) -> Section:
    """Response times by participant, and against the uncertainty that the embedding predicts."""
    title, anchor = "Response times", "response-times"
    lead = (
        "Times differ by person far more than by triplet, so they are shown by person. Very "
        "short ones are answers given without looking."
    )
    sessions, choices = inputs.sessions, inputs.choices
    times = times_by_participant(sessions)
    if not times and choices is not None:
        known = choices[choices["response_time"] > 0]
        groups = known.groupby("participant", observed=True)["response_time"]
        times = {str(name): values.to_numpy(np.float64) for name, values in groups}
    if not times:
        if choices is None and not find_runs(inputs.study.raw):
            return Section(anchor, title, lead, [NO_SESSIONS])
        none = "The judgments came without response times."
        if choices is None:
            none = "No task of choices was run: times of other tasks are beside their sessions."
        return Section(anchor, title, lead, [Text(none)])
    medians = np.array([np.median(values) for values in times.values()])
    alt = (
        f"Response times of {counted(len(times), 'participant')}: medians from "
        f"{number(medians.min(), 2)} to {number(medians.max(), 2)} seconds."
    )
    caption = "Dot: median. Thick line: middle half. Thin line: middle 90 %. Logarithmic scale."
    picture = Picture.draw(
        lambda width: response_times(times, width=width),
        alt=alt,
        caption=caption,
        numbers={
            "participant": [name for name, values in times.items() for _ in values],
            "response_time": [float(s) for values in times.values() for s in values],
        },
    )
    blocks: list[Block] = [picture]
    for fit in fits:
        if fit.times is not None:
            blocks.append(_unsure_picture(fit, fit.times, len(fits) > 1))
    return Section(anchor, title, lead, blocks)


def _unsure_picture(fit: FitCheck, found: TimesByEntropy, apart: bool) -> Picture:
    """Draw response times against predicted uncertainty; ``apart``: of one of two kinds."""
    of, last = found.spearman, float(np.exp(found.time[-1].value - found.time[0].value))
    alt = (
        "Response times by the predicted entropy of the answer: in the most uncertain fifth of "
        f"each person's trials {number(last, 2)} times those in the surest. Rank correlation "
        f"within people {span(of, _two)}."
    )
    how = what_predicts(fit)
    if fit.times_fitted:
        how = "The embedding was fitted to these very times: of new trials this says little."
    *levels, last_level = map(_two, PUBLISHED_SPEARMAN.values())
    caption = (
        f"Do people take longer where the embedding expects them to be unsure? "
        f"{counted(found.trials, named_kind(fit.kind, 'judgment', apart))} of "
        f"{len(found.people)} people, each compared with themselves: mean rank correlation "
        f"{span(of, _two)} (95 % interval over people). Above: fifths of each person's trials; "
        "dots are means over people with 95 % intervals, the band is the middle half of the "
        "trials. Below: each person, and the mean (diamond). "
        f"{how} Single times are noisy: over triplets, with times averaged over "
        f"people, {', '.join(levels)} and {last_level} were published for the Levels data."
    )
    return Picture.draw(
        lambda width: times_by_entropy_chart(found, width=width),
        alt=alt,
        caption=caption,
        numbers=_unsure_numbers(found),
    )


def _unsure_numbers(found: TimesByEntropy) -> Numbers:
    """Log times of each fifth, relative to the person's mean."""
    columns: dict[str, Sequence[object]] = {"entropy": found.entropy.tolist()}
    for end in ("value", "low", "high"):
        columns[f"log_time_{end}"] = [getattr(time, end) for time in found.time]
    for place, name in enumerate(("q25", "median", "q75")):
        columns[f"log_time_{name}"] = found.quartiles[:, place].tolist()
    return columns


def _two(value: float) -> str:
    return number(value, 2)
