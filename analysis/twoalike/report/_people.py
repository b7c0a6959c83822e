"""The people: each session in a line, and how noisy each participant is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.embedding import Posterior
from twoalike.figures import observer_parameters
from twoalike.record import RunName, describe_groups, find_runs, read_manifest, read_run
from twoalike.registry import find_task
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
    MOST_ALIKE_PAIR,
    MULTI_ARRANGEMENT,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    POSITIONS,
)

if TYPE_CHECKING:
    from twoalike.report._inputs import Inputs


CHOSEN: Mapping[str, tuple[str, ...]] = {
    ODD_ONE_OUT: ("odd_stimulus",),
    ANCHORED_CHOICE: ("chosen_stimulus",),
    ODD_ONE_OF_MANY: ("odd_stimulus",),
    MOST_ALIKE_PAIR: ("alike_1", "alike_2"),
}
"""Columns of the chosen objects, by the label of each task of choices."""
_ANSWERS = {ODD_ONE_OUT: 3, ANCHORED_CHOICE: 2}
"""Images that can be chosen, in tasks with three images."""


@dataclass(frozen=True)
class Given:
    """Answers in some trials of a session."""

    chosen: Mapping[int, frozenset[str]]
    """Objects chosen, by the number of the trial; trials without an answer are left out."""
    places: Mapping[str, float]
    """Share of the chosen images at each place; all 0 without an answer."""
    chance: float
    """Share expected at each place by chance."""
    picks: int
    """Chosen images in all."""

    @property
    def favourite(self) -> tuple[str, float]:
        """Place chosen most often, and its share."""
        place = max(self.places, key=self.places.__getitem__)
        return place, self.places[place]

    @property
    def one_sided(self) -> bool:
        """Whether one place is chosen far more often than by chance (3.5 sd)."""
        if not self.picks:
            return False
        spread = float(np.sqrt(self.chance * (1 - self.chance) / self.picks))
        return self.favourite[1] > self.chance + 3.5 * spread


def read_given(rows: pd.DataFrame, task: str) -> Given:
    """Read the answers from raw rows of a task (its label)."""
    columns = list(CHOSEN[task])
    answered = rows[rows[columns[0]].notna()]
    chosen = {
        int(index): frozenset(names)
        for index, *names in answered[["trial_index", *columns]].itertuples(index=False)
    }
    known: tuple[str, ...]
    if task in _ANSWERS:
        known, chance = POSITIONS, 1 / _ANSWERS[task]
        at = answered["response_position"].tolist()
    else:
        most = int(rows["n_items"].max()) if len(rows) else 0
        known = tuple(str(number) for number in range(1, most + 1))
        chance = float((1 / rows["n_items"]).mean()) if len(rows) else 0.0
        at = _numbered_places(answered, task)
    places = {place: at.count(place) / len(at) if at else 0.0 for place in known}
    return Given(chosen, places, chance, len(at))


def _numbered_places(answered: pd.DataFrame, task: str) -> list[str]:
    numbers = ("response",) if task == ODD_ONE_OF_MANY else ("response_1", "response_2")
    return [
        str(row[f"position_{row[number]}"])
        for row in answered.to_dict("records")
        for number in numbers
    ]


NO_SESSIONS = Missing(
    "There are no sessions in data/raw yet.",
    "twoalike run STUDY --task odd-one-out --participant ID",
)
NO_POSTERIOR = Missing("The embedding has not been fitted yet.", "twoalike fit STUDY")


@dataclass(frozen=True)
class Session:
    """One run of a task of choices."""

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
    given: Given  # answers in all trials but practice
    same: int  # repeated trials answered the same way both times
    repeats: int
    end: str  # why the run ended: completed, aborted, ...
    simulated: bool
    excluded: str | None = None  # why the study's rule leaves it out
    task: str = ODD_ONE_OUT  # label

    @property
    def median_time(self) -> float | None:
        """Median response time, s; None without an answer."""
        return float(np.median(self.times)) if len(self.times) else None


def _repeats(rows: pd.DataFrame, given: Given) -> tuple[int, int]:
    """Repeats answered alike, and repeats with both answers."""
    again = rows.loc[rows["repeat_of"].notna(), ["trial_index", "repeat_of"]]
    pairs = [
        (given.chosen.get(int(first)), given.chosen.get(int(second)))
        for second, first in again.itertuples(index=False)
    ]
    both = [pair for pair in pairs if None not in pair]
    return sum(first == second for first, second in both), len(both)


def _summarise(
    name: RunName,
    rows: pd.DataFrame,
    manifest: dict[str, Any],
    rule: ExclusionConfig,
    careless: str | None,
) -> Session:
    real = rows[rows["trial_type"] != "practice"]
    judged = real[real["trial_type"].isin(JUDGED)]
    catches = real[real["trial_type"] == "catch"]
    times = judged["response_time"].dropna().to_numpy(dtype=np.float64)
    given = read_given(real, name.task)
    same, repeats = _repeats(real, given)
    unusable: Any = find_task(name.task).unusable
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
        given=given,
        same=same,
        repeats=repeats,
        end=ending(manifest),
        simulated=bool(manifest["simulated"]),
        excluded=unusable(rows, rule=rule) or careless,
        task=name.task,
    )


def read_sessions(
    raw: Path, rule: ExclusionConfig | None = None, careless: Mapping[str, str] | None = None
) -> list[Session]:
    """Summarise every run of choices in a data set, with what a rule of exclusion says of it.

    Those of the odd-one-out task come first, then those of the other tasks in their order.

    ``careless`` are participants whom the fit left out by the rule, with reasons.

    Raises
    ------
    TwoalikeError
        If a raw table or a manifest is damaged.
    """
    sessions = []
    for path in (path for task in CHOSEN for path in find_runs(raw, task)):
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
    place, share = session.given.favourite
    seconds = session.median_time
    return [
        session.participant,
        session_name(session.session, session.run),
        share_of(session.trials, session.planned),
        number(seconds, 2) if seconds is not None else DASH,
        share_of(session.caught, session.catches),
        share_of(session.same, session.repeats),
        str(session.timed_out),
        f"{place} {percent(share)}" if session.given.picks else DASH,
        session.end,
        "out" if session.excluded else "kept",
    ]


def triplet_section(inputs: "Inputs") -> Section | None:
    """Every session of the odd-one-out task in a line; None with anchored choices alone."""
    lead = _LEAD.format(again="triplets", chance="one in three")
    if not inputs.sessions:
        collected = find_runs(inputs.study.raw)  # with tasks of other judgments
        return None if collected else Section("sessions", "Sessions", lead, [NO_SESSIONS])
    return _sessions_section("sessions", "Sessions", lead, ODD_ONE_OUT, inputs)


def anchored_section(inputs: "Inputs") -> Section | None:
    """Every session of the anchored-choice task in a line; None without any."""
    lead = _LEAD.format(again="trials", chance="one in two")
    title = "Sessions of anchored choices"
    return _sessions_section("anchored-sessions", title, lead, ANCHORED_CHOICE, inputs)


def odd_of_many_section(inputs: "Inputs") -> Section | None:
    """Every session of the odd-one-of-many task in a line; None without any."""
    lead = _LEAD.format(again="sets", chance="one in the number of images")
    title = "Sessions of the odd one of many"
    return _sessions_section("odd-of-many-sessions", title, lead, ODD_ONE_OF_MANY, inputs)


def alike_pair_section(inputs: "Inputs") -> Section | None:
    """Every session of the most-alike-pair task in a line; None without any."""
    lead = _LEAD.format(again="sets", chance="one in the number of pairs of images")
    title = "Sessions of the most alike pair"
    return _sessions_section("alike-pair-sessions", title, lead, MOST_ALIKE_PAIR, inputs)


_LEAD = (
    "One line for each session. A person who guesses misses attention checks, answers repeated "
    "{again} differently (agreement by chance: {chance}) or keeps to one side."
)


def _sessions_section(
    anchor: str, title: str, lead: str, task: str, inputs: "Inputs"
) -> Section | None:
    sessions = [session for session in inputs.sessions if session.task == task]
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
        trials = run.rows.drop_duplicates("trial_index")  # a row per image
        real = trials[trials["trial_type"] != "practice"]
        seconds, planned = real["response_time"].median(), manifest["n_trials"]
        rows.append(
            [
                run.name.participant,
                session_name(run.name.session, run.name.run),
                f"{len(trials)}" + (f" of {planned}" if planned else ""),
                DASH if pd.isna(seconds) else number(float(seconds), 0),
                ending(manifest),
                "out" if run.name.participant in inputs.left_out else "kept",
            ]
        )
    if not rows:
        return None
    lead = (
        "One line for each session of dragging images into a circle, so that alike ones are close."
    )
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
        if session.given.one_sided:
            place, share = session.given.favourite
            which = f"image {place}" if place.isdigit() else f"the {place} image"
            said.append(f"{name}: chose {which} in {percent(share)} of the trials.")
        if session.timed_out > 0.05 * max(session.trials, 1):
            said.append(f"{name}: {counted(session.timed_out, 'trial')} timed out.")
        if session.fast > 0.05 * max(session.trials, 1):
            said.append(f"{name}: {counted(session.fast, 'answer')} too fast to have looked.")
        if session.trials < session.planned:
            said.append(f"{name}: ended after {session.trials} of {session.planned} trials.")
    return said
