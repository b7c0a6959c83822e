"""Sections on the people: sessions, response times, and how noisy each one is."""

from collections.abc import Sequence

import numpy as np

from twoalike.figures import observer_parameters, response_times
from twoalike.report._blocks import (
    DASH,
    Block,
    Grid,
    Missing,
    Picture,
    Section,
    Text,
    number,
    percent,
)
from twoalike.report._load import Inputs
from twoalike.report._sessions import Session, times_by_participant
from twoalike.study import counted

NO_SESSIONS = Missing(
    "There are no sessions in data/raw yet.",
    "twoalike run STUDY --task odd-one-out --participant ID",
)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else DASH


def _session_row(session: Session) -> list[str]:
    place, share = session.favourite
    seconds = session.median_time
    return [
        session.participant,
        f"{session.session}" + (f", run {session.run}" if session.run > 1 else ""),
        _share(session.trials, session.planned),
        number(seconds, 2) if seconds is not None else DASH,
        _share(session.caught, session.catches),
        _share(session.same, session.repeats),
        str(session.timed_out),
        f"{place} {percent(share)}" if session.answered else DASH,
        session.end,
        "out" if session.excluded else "kept",
    ]


def sessions_section(inputs: Inputs) -> Section:
    """Every session in a line."""
    lead = (
        "One line a session. A person who guesses misses attention checks, answers repeated "
        "triplets differently (agreement by chance: one in three) or keeps to one side."
    )
    if not inputs.sessions:
        return Section("sessions", "Sessions", lead, [NO_SESSIONS])
    columns = (
        "participant",
        "session",
        "trials",
        "median RT (s)",
        "checks passed",
        "repeats alike",
        "timed out",
        "most chosen place",
        "ended",
        "rule",
    )
    rows = [_session_row(session) for session in inputs.sessions]
    caption = (
        "Response times are of main and repeat trials; practice is counted in trials only. Rule: "
        "whether the one declared in study.toml ([exclusion]) keeps the session."
    )
    out = [session for session in inputs.sessions if session.excluded]
    said = "; ".join(f"{who(session)}: {session.excluded}" for session in out)
    verdict = f"The declared rule leaves out {len(out)} of {counted(len(rows), 'session')}"
    text = Text(f"{verdict}: {said}." if out else f"{verdict}.")
    return Section("sessions", "Sessions", lead, [Grid(caption, columns, rows), text])


def who(session: Session) -> str:
    """Name a session."""
    return f"Participant {session.participant}, session {session.session}"


def times_section(inputs: Inputs) -> Section:
    """Response times by participant."""
    title, anchor = "Response times", "response-times"
    lead = (
        "Times differ by person far more than by triplet, so they are shown by person. Very "
        "short ones are answers given without looking."
    )
    times = times_by_participant(inputs.sessions)
    if not times and inputs.choices is not None:
        known = inputs.choices[inputs.choices["response_time"] > 0]
        groups = known.groupby("participant", observed=True)["response_time"]
        times = {str(name): values.to_numpy(np.float64) for name, values in groups}
    if not times:
        none = Text("The judgments came without response times.")
        return Section(anchor, title, lead, [NO_SESSIONS if inputs.choices is None else none])
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
    return Section(anchor, title, lead, [picture])


def observers_section(inputs: Inputs) -> Section:
    """Temperature and lapse rate of each participant."""
    title, anchor = "Participants in the model", "participants"
    lead = (
        "Temperature is how noisy a person's choices are among the same similarities (1 is "
        "typical, more is noisier); lapse is the share of trials answered by guessing."
    )
    posterior = inputs.posterior
    if posterior is None:
        return Section(anchor, title, lead, [no_posterior()])
    names, temperature, lapse = posterior.participants, posterior.temperature, posterior.lapse
    middle = np.median(lapse, axis=0)
    alt = (
        f"Temperature and lapse rate of {counted(len(names), 'participant')}: median lapse rates "
        f"from {percent(middle.min())} to {percent(middle.max())}."
    )
    picture = Picture.draw(
        lambda width: observer_parameters(names, temperature, lapse, width=width),
        alt=alt,
        caption="Dot: posterior median. Line: 95 % interval. Dashed: the typical participant.",
        numbers=_observer_numbers(names, temperature, lapse),
    )
    blocks: list[Block] = [picture]
    if len(names) == 1:
        blocks.append(Text("With one participant, the temperature is 1 by definition."))
    return Section(anchor, title, lead, blocks)


def _observer_numbers(
    names: Sequence[str], temperature: np.ndarray, lapse: np.ndarray
) -> dict[str, Sequence[object]]:
    """Median and 95 % interval of each participant's noise; draws have shape (S, n)."""
    columns: dict[str, Sequence[object]] = {"participant": list(names)}
    for what, draws in (("temperature", temperature), ("lapse", lapse)):
        low, median, high = np.percentile(draws, (2.5, 50, 97.5), axis=0).tolist()
        columns |= {what: median, f"{what}_low": low, f"{what}_high": high}
    return columns


def no_posterior() -> Missing:
    """Say that nothing has been fitted."""
    return Missing("The embedding has not been fitted yet.", "twoalike fit STUDY")


def people_cautions(sessions: Sequence[Session]) -> list[str]:
    """Say what to distrust in the sessions."""
    said = []
    for session in sessions:
        name = who(session)
        if session.excluded:
            said.append(f"{name}: left out by the declared rule ({session.excluded}).")
        if session.catches and session.caught < 0.9 * session.catches:
            said.append(
                f"{name}: passed {session.caught} of {session.catches} attention checks (a common "
                "rule asks for 90 %)."
            )
        if session.one_sided:
            place, share = session.favourite
            said.append(f"{name}: chose the {place} image in {percent(share)} of the trials.")
        if session.timed_out > 0.05 * max(session.trials, 1):
            said.append(f"{name}: {counted(session.timed_out, 'trial')} timed out.")
        if session.fast > 0.05 * max(session.trials, 1):
            said.append(f"{name}: {counted(session.fast, 'answer')} too fast to have looked.")
        if session.trials < session.planned:
            said.append(f"{name}: ended after {session.trials} of {session.planned} trials.")
    return said
