"""The people: each session in a line, and how noisy each participant is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.choice import OPTIONS, ChoiceKind
from twoalike.design import excluded
from twoalike.embedding import Posterior
from twoalike.figures import observer_parameters
from twoalike.record import RunName, describe_groups, find_runs, read_manifest, read_run
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
from twoalike.study import ExclusionConfig, Floats, counted
from twoalike.tables import (
    ANCHORED_CHOICE,
    JUDGED,
    MULTI_ARRANGEMENT,
    ODD_ONE_OUT,
    POSITIONS,
    choice_columns,
)

if TYPE_CHECKING:
    from twoalike.report._inputs import Inputs

NO_SESSIONS = Missing(
    "There are no sessions in data/raw yet.",
    "twoalike run STUDY --task odd-one-out --participant ID",
)
_KINDS: Mapping[str, ChoiceKind] = {ODD_ONE_OUT: "odd_one_out", ANCHORED_CHOICE: "anchored"}
"""Kind of the choices that a task collects, by the task's label."""
NO_POSTERIOR = Missing("The embedding has not been fitted yet.", "twoalike fit STUDY")


@dataclass(frozen=True)
class Session:
    """One run of the odd-one-out or the anchored-choice task."""

    participant: str
    session: int
    run: int
    trials: int  # shown
    planned: int
    times: Floats  # s, of answered main and repeat trials
    caught: int  # attention checks answered right
    catches: int
    timed_out: int
    fast: int  # flagged as too fast
    places: tuple[float, float, float]  # shares of answers left, middle, right
    answered: int
    same: int  # repeated trials answered the same way both times
    repeats: int
    end: str  # why the run ended: completed, aborted, ...
    simulated: bool
    excluded: str | None = None  # why the study's rule leaves it out
    kind: ChoiceKind = "odd_one_out"

    @property
    def median_time(self) -> float | None:
        """Median response time, s; None without an answer."""
        return float(np.median(self.times)) if len(self.times) else None

    @property
    def favourite(self) -> tuple[str, float]:
        """Place chosen most often, and its share."""
        share = max(self.places)
        return POSITIONS[self.places.index(share)], share

    @property
    def one_sided(self) -> bool:
        """Whether one place is chosen far more often than by chance (3.5 sd)."""
        if not self.answered:
            return False
        chance = 1 / OPTIONS[self.kind]
        spread = float(np.sqrt(chance * (1 - chance) / self.answered))
        return self.favourite[1] > chance + 3.5 * spread


def _repeats(rows: pd.DataFrame) -> tuple[int, int]:
    """Repeats answered alike, and repeats with both answers."""
    chosen = choice_columns(rows.columns)[0]
    answers = dict(zip(rows["trial_index"], rows[chosen], strict=True))
    again = rows[rows["repeat_of"].notna() & rows[chosen].notna()]
    firsts = [answers.get(index) for index in again["repeat_of"]]
    pairs = [
        (first, second)
        for first, second in zip(firsts, again[chosen], strict=True)
        if isinstance(first, str)
    ]
    return sum(first == second for first, second in pairs), len(pairs)


def _summarise(
    name: RunName,
    rows: pd.DataFrame,
    manifest: dict[str, Any],
    rule: ExclusionConfig,
    careless: str | None,
) -> Session:
    real = rows[rows["trial_type"] != "practice"]
    judged = real[real["trial_type"].isin(JUDGED)]
    answered = real[real["response"].notna()]
    catches = real[real["trial_type"] == "catch"]
    times = judged["response_time"].dropna().to_numpy(dtype=np.float64)
    places = [float((answered["response_position"] == place).mean()) for place in POSITIONS]
    left, middle, right = places if len(answered) else (0.0, 0.0, 0.0)
    same, repeats = _repeats(real)
    return Session(
        participant=name.participant,
        session=name.session,
        run=name.run,
        trials=len(rows),
        planned=int(manifest["n_trials"]),
        times=times,
        caught=int(catches["correct"].fillna(False).sum()),
        catches=len(catches),
        timed_out=int(real["timed_out"].sum()),
        fast=int((judged["rt_flag"] == "fast").fillna(False).sum()),
        places=(left, middle, right),
        answered=len(answered),
        same=same,
        repeats=repeats,
        end=ending(manifest),
        simulated=bool(manifest["simulated"]),
        excluded=excluded(rows, rule) or careless,
        kind=_KINDS[name.task],
    )


def read_sessions(
    raw: Path, rule: ExclusionConfig | None = None, careless: Mapping[str, str] | None = None
) -> list[Session]:
    """Summarise every run of choices in a data set, with what a rule of exclusion says of it.

    Those of the odd-one-out task come first, then those of anchored choices.

    ``careless`` are participants whom the fit left out by the rule, with reasons.

    Raises
    ------
    TwoalikeError
        If a raw table or a manifest is damaged.
    """
    sessions = []
    for path in (path for task in _KINDS for path in find_runs(raw, task)):
        run = read_run(path)
        manifest = read_manifest(run.name.manifest(raw))
        reason = (careless or {}).get(run.name.participant)
        summary = _summarise(run.name, run.rows, manifest, rule or ExclusionConfig(), reason)
        sessions.append(summary)
    return sessions


def share_of(part: int, whole: int) -> str:
    """Say how many of how many; a dash of none."""
    return f"{part} of {whole}" if whole else DASH


def _session_row(session: Session) -> list[str]:
    place, share = session.favourite
    seconds = session.median_time
    return [
        session.participant,
        session_name(session.session, session.run),
        share_of(session.trials, session.planned),
        number(seconds, 2) if seconds is not None else DASH,
        share_of(session.caught, session.catches),
        share_of(session.same, session.repeats),
        str(session.timed_out),
        f"{place} {percent(share)}" if session.answered else DASH,
        session.end,
        "out" if session.excluded else "kept",
    ]


def triplet_section(inputs: "Inputs") -> Section | None:
    """Every session of the odd-one-out task in a line; None with anchored choices alone."""
    sessions = [session for session in inputs.sessions if session.kind == "odd_one_out"]
    lead = _LEAD.format(again="triplets", chance="three")
    if not inputs.sessions:
        collected = find_runs(inputs.study.raw)  # with tasks of other judgments
        return None if collected else Section("sessions", "Sessions", lead, [NO_SESSIONS])
    return _sessions_section("sessions", "Sessions", lead, sessions, inputs)


def anchored_section(inputs: "Inputs") -> Section | None:
    """Every session of the anchored-choice task in a line; None without any."""
    sessions = [session for session in inputs.sessions if session.kind == "anchored"]
    lead = _LEAD.format(again="trials", chance="two")
    title = "Sessions of anchored choices"
    return _sessions_section("anchored-sessions", title, lead, sessions, inputs)


_LEAD = (
    "One line a session. A person who guesses misses attention checks, answers repeated {again} "
    "differently (agreement by chance: one in {chance}) or keeps to one side."
)


def _sessions_section(
    anchor: str, title: str, lead: str, sessions: Sequence[Session], inputs: "Inputs"
) -> Section | None:
    if not sessions:
        return None
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
    rows = [_session_row(session) for session in sessions]
    caption = (
        "Response times are of main and repeat trials; practice is counted in trials only. Rule: "
        "whether the one declared in study.toml ([exclusion]) keeps the session."
    )
    out = [session for session in sessions if session.excluded]
    said = "; ".join(f"{who(session)}: {session.excluded}" for session in out)
    verdict = f"The declared rule leaves out {len(out)} of {counted(len(rows), 'session')}"
    text = Text(f"{verdict}: {said}." if out else f"{verdict}.")
    blocks: list[Block] = [Grid(caption, columns, rows), text, *groups_texts(inputs)]
    return Section(anchor, title, lead, blocks)


def groups_texts(inputs: "Inputs") -> list[Text]:
    """Say how many people each group has; nothing in a study without groups."""
    lines = describe_groups(inputs.study, inputs.study.raw)
    return [Text(f"{line[0].upper()}{line[1:]}.") for line in lines]


def arrangement_section(inputs: "Inputs") -> Section | None:
    """Every session of the multi-arrangement task in a line; None without any."""
    raw, rows = inputs.study.raw, []
    for path in find_runs(raw, MULTI_ARRANGEMENT):
        run = read_run(path)
        manifest = read_manifest(run.name.manifest(raw))
        real = run.rows[run.rows["trial_type"] != "practice"]
        seconds, planned = real["response_time"].median(), manifest["n_trials"]
        rows.append(
            [
                run.name.participant,
                session_name(run.name.session, run.name.run),
                f"{len(run.rows)}" + (f" of {planned}" if planned else ""),
                DASH if pd.isna(seconds) else number(float(seconds), 0),
                ending(manifest),
                "out" if run.name.participant in inputs.left_out else "kept",
            ]
        )
    if not rows:
        return None
    lead = "One line a session of dragging images into a circle, so that alike ones are close."
    columns = ("participant", "session", "arrangements", "median time (s)", "ended", "rule")
    caption = (
        "Median time of an arrangement; practice is counted in arrangements only. Rule: whether "
        "the fit left the participant out by [exclusion] careless of study.toml."
    )
    blocks: list[Block] = [Grid(caption, columns, rows), *groups_texts(inputs)]
    return Section("arrangements", "Arrangements", lead, blocks)


def session_name(session: object, run: int) -> str:
    """Name a session by its number, and a further run of it."""
    return f"{session}" + (f", run {run}" if run > 1 else "")


def ending(manifest: Mapping[str, Any]) -> str:
    """Why the last part of a run ended."""
    segments = manifest["segments"]
    return str(segments[-1]["end_reason"] or "not ended") if segments else "not started"


def who(session: Session) -> str:
    """Name a session."""
    return f"Participant {session.participant}, session {session.session}"


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
    alt = (
        f"Temperature and lapse rate of {counted(len(names), 'participant')}: median lapse rates "
        f"from {percent(float(middle.min()))} to {percent(float(middle.max()))}."
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
    names: Sequence[str], temperature: Floats, lapse: Floats
) -> dict[str, Sequence[object]]:
    """Median and 95 % interval of each participant's noise; draws have shape (S, n)."""
    columns: dict[str, Sequence[object]] = {"participant": list(names)}
    for what, draws in (("temperature", temperature), ("lapse", lapse)):
        low, median, high = np.percentile(draws, (2.5, 50, 97.5), axis=0).tolist()
        columns |= {what: median, f"{what}_low": low, f"{what}_high": high}
    return columns


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
