"""Everything a report is made from, read once; what does not exist is None."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding import Posterior
from twoalike.judgments import is_scored, read_judgments, split_sets
from twoalike.record import RunName, find_runs, read_manifest, read_run
from twoalike.registry import find_task
from twoalike.report._blocks import percent
from twoalike.results import Results
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    Content,
    ExclusionConfig,
    Floats,
    Study,
    check_content,
    counted,
    read_json,
    read_text,
    sha256_file,
)
from twoalike.tables import (
    ANCHORED_CHOICE,
    JUDGED,
    MOST_ALIKE_PAIR,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    POSITIONS,
)

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
        known = tuple(str(place) for place in range(1, most + 1))
        chance = float((1 / rows["n_items"]).mean()) if len(rows) else 0.0
        numbers = ("response",) if task == ODD_ONE_OF_MANY else ("response_1", "response_2")
        records = answered.to_dict("records")
        at = [str(row[f"position_{row[number]}"]) for row in records for number in numbers]
    places = {place: at.count(place) / len(at) if at else 0.0 for place in known}
    return Given(chosen, places, chance, len(at))


def read_sessions(
    raw: Path, rule: ExclusionConfig | None = None, careless: Mapping[str, str] | None = None
) -> list[Session]:
    """Summarise every run of choices in a data set, with what a rule of exclusion says of it.

    Those of the odd-one-out task come first, then those of the other tasks in their order.
    ``careless`` are participants whom the fit left out by the rule, with reasons.
    """
    sessions = []
    for path in (path for task in CHOSEN for path in find_runs(raw, task)):
        run = read_run(path)
        manifest = read_manifest(run.name.manifest(raw))
        reason = (careless or {}).get(run.name.participant)
        summary = summarise(run.name, run.rows, manifest, rule or ExclusionConfig(), reason)
        sessions.append(summary)
    return sessions


def summarise(
    name: RunName,
    rows: pd.DataFrame,
    manifest: dict[str, Any],
    rule: ExclusionConfig,
    careless: str | None,
) -> Session:
    real = rows[rows["trial_type"] != "practice"]
    judged = real[real["trial_type"].isin(JUDGED)]
    catches = real[real["trial_type"] == "catch"]
    given = read_given(real, name.task)
    again = real.loc[real["repeat_of"].notna(), ["trial_index", "repeat_of"]].astype(int)
    pairs = [(given.chosen.get(first), given.chosen.get(k)) for k, first in again.to_numpy()]
    both = [pair for pair in pairs if None not in pair]
    return Session(
        participant=name.participant,
        session=name.session,
        run=name.run,
        trials=len(rows),
        planned=int(manifest["n_trials"]),
        times=judged["response_time"].dropna().to_numpy(dtype=np.float64),
        caught=int(catches["correct"].fillna(False).sum()),
        catches=len(catches),
        timed_out=int(real["timed_out"].sum()),
        fast=int((judged["rt_flag"] == "fast").fillna(False).sum()),
        given=given,
        same=sum(first == second for first, second in both),
        repeats=len(both),
        end=ending_of(manifest),
        simulated=bool(manifest["simulated"]),
        excluded=unusable(name.task, rows, rule) or careless,
        task=name.task,
    )


def ending_of(manifest: Mapping[str, Any]) -> str:
    """Why the last part of a run ended."""
    segments = manifest["segments"]
    return str(segments[-1]["end_reason"] or "not ended") if segments else "not started"


def unusable(task: str, rows: pd.DataFrame, rule: ExclusionConfig) -> str | None:
    """Why the declared rule leaves a run of a task (its label) out; None if it does not."""
    of_task: Any = find_task(task).unusable
    return of_task(rows, rule=rule) or None


def people_cautions(sessions: Sequence[Session]) -> list[str]:
    """Say what to distrust in the sessions."""
    said = []
    for session in sessions:
        name, trials = who(session), max(session.trials, 1)
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
        if session.timed_out > 0.05 * trials:
            said.append(f"{name}: {counted(session.timed_out, 'trial')} timed out.")
        if session.fast > 0.05 * trials:
            said.append(f"{name}: {counted(session.fast, 'answer')} too fast to have looked.")
        if session.trials < session.planned:
            said.append(f"{name}: ended after {session.trials} of {session.planned} trials.")
    return said


def who(session: Session) -> str:
    """Name a session."""
    return f"Participant {session.participant}, session {session.session}"


class Difference(Content):
    """One difference between two groups, second minus first."""

    difference: float
    low: float
    high: float
    effect: float
    p: float


class OfDimension(Difference):
    """Difference of the mean log weights of a dimension, counted from 1."""

    dimension: int


class OfCluster(Difference):
    """Difference of the mean similarity within a cluster."""

    level: str
    cluster: str
    objects: int


class Couple(Content):
    """Two groups."""

    first: str
    second: str
    p: float
    correlation: float
    dimensions: tuple[OfDimension, ...]
    clusters: tuple[OfCluster, ...]


class Comparison(Content):
    """What ``twoalike compare --groups`` wrote: which groups differ, and in what."""

    inputs: dict[str, dict[str, Any]]
    config: dict[str, Any]
    group_of: dict[str, str]
    clusters: dict[str, dict[str, tuple[str, ...]]]
    differences: tuple[Couple, ...]


@dataclass(frozen=True)
class Inputs:
    """A study's data."""

    study: Study
    stimuli: StimulusSet | None
    sessions: list[Session]
    choices: pd.DataFrame | None
    """Main and repeat judgments of triplets in ``choices.parquet``."""
    posterior: Posterior | None
    left_out: Mapping[str, str]
    """Participants whom the fit left out as careless, by the study's rule, with reasons."""
    results: Results | None
    comparison: Comparison | None
    """Of groups of people, in this posterior."""
    stale_comparison: bool
    """Whether there is one, but in another posterior."""
    card: str | None
    """The student's model card."""
    hashes: Mapping[str, str]
    """SHA-256 of the files read, by role, to tell results that are older than their inputs."""
    larger_sets: int = 0
    """Main and repeat judgments of more than three items."""

    @property
    def scoring_command(self) -> str:
        """Command that makes the results."""
        return (
            "twoalike evaluate --features base=... --features aligned=... --choices ... "
            f"--out {self.study.derived.name}/results.json"
        )

    def made_from(self, provenance: Mapping[str, Any], role: str) -> bool | None:
        """Whether an output was made from the present file; None if it does not say."""
        stored = provenance.get("inputs", {}).get(role, {}).get("sha256")
        if stored is None or role not in self.hashes:
            return None
        return bool(stored == self.hashes[role])


def _read_comparison(path: Path) -> Comparison | None:
    if not path.exists():
        return None
    content = read_json(path, "comparison of groups")
    return check_content(content, Comparison, path, "Make it again with: twoalike compare")


def _read_choices(path: Path) -> tuple[pd.DataFrame | None, int]:
    """Read judgments of triplets, and count those of larger sets."""
    if not path.exists():
        return None, 0
    table, larger = split_sets(read_judgments(path))
    kept = table[is_scored(table)].reset_index(drop=True)
    kept.attrs.clear()
    return kept if len(kept) else None, int(is_scored(larger).sum())


def read_inputs(study: Study) -> Inputs:
    """Read what a study has; what it does not have yet is no error."""
    results = study.derived / "results.json"
    has_stimuli = (study.stimuli / MANIFEST).is_file()
    posterior = Posterior.load(study.posterior) if study.posterior.exists() else None
    careless = {} if posterior is None else posterior.attrs.get("excluded", {}).get("people", {})
    files = {"choices": study.choices, "posterior": study.posterior, "results": results}
    hashes = {role: sha256_file(path) for role, path in files.items() if path.is_file()}
    comparison = _read_comparison(study.derived / "groups.json")
    compared = comparison.inputs.get("posterior", {}).get("sha256") if comparison else None
    stale = comparison is not None and compared != hashes.get("posterior")
    card = study.derived / "student" / "README.md"
    choices, larger_sets = _read_choices(study.choices)
    return Inputs(
        study=study,
        stimuli=StimulusSet.load(study.stimuli, verify=False) if has_stimuli else None,
        sessions=read_sessions(study.raw, study.config.exclusion, careless),
        choices=choices,
        larger_sets=larger_sets,
        posterior=posterior,
        left_out=careless,
        results=Results.load(results) if results.exists() else None,
        comparison=None if stale else comparison,
        stale_comparison=stale,
        card=read_text(card) if card.is_file() else None,
        hashes=hashes,
    )
