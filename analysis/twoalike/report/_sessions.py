"""Runs of every task: what each says of its participant, and a section with every one in a line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from twoalike.record import RunName, describe_groups, find_runs, read_manifest, read_run
from twoalike.registry import find_task
from twoalike.report._blocks import (
    DASH,
    Block,
    Grid,
    Section,
    Text,
    no_sessions,
    number,
    percent,
    say,
)
from twoalike.study import ExclusionConfig, Floats
from twoalike.tables import (
    ANCHORED_CHOICE,
    FREE_SORTING,
    JUDGED,
    MOST_ALIKE_PAIR,
    MULTI_ARRANGEMENT,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    PAIR_RATING,
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


class Run(NamedTuple):
    """One run of a task."""

    name: RunName
    rows: pd.DataFrame
    manifest: dict[str, Any]

    @property
    def end(self) -> str:
        """Why its last part ended."""
        segments = self.manifest["segments"]
        return str(segments[-1]["end_reason"] or "not ended") if segments else "not started"

    def excluded(self, rule: ExclusionConfig) -> str | None:
        """Why the declared rule leaves it out; None if it does not."""
        unusable = find_task(self.name.task).unusable
        return (unusable(self.rows, rule=rule) or None) if unusable else None


@dataclass(frozen=True)
class Session:
    """One run of a task of choices."""

    participant: str
    session: int
    task: str  # label
    trials: int  # shown
    planned: int
    times: Floats  # s, of answered main and repeat trials
    caught: int  # attention checks answered right
    catches: int
    timed_out: int
    fast: int  # flagged as too fast
    place: str  # chosen most often, in all trials but practice; empty without an answer
    share: float  # of the answers
    one_sided: bool  # whether that is far more than by chance (3.5 sd)
    same: int  # repeated trials answered the same way both times
    repeats: int
    simulated: bool
    excluded: str | None = None  # why the study's rule leaves it out


def read_runs(raw: Path) -> list[Run]:
    """Read every run of a data set."""
    runs = map(read_run, find_runs(raw))
    return [Run(run.name, run.rows, read_manifest(run.name.manifest(raw))) for run in runs]


def read_sessions(
    runs: Sequence[Run], rule: ExclusionConfig, careless: Mapping[str, str]
) -> list[Session]:
    """Summarise every run of choices, by task, with what a rule of exclusion says of it.

    ``careless`` are participants whom the fit left out by the rule, with reasons.
    """
    return [
        summarise(run, run.excluded(rule) or careless.get(run.name.participant))
        for task in CHOSEN
        for run in runs
        if run.name.task == task
    ]


def summarise(run: Run, excluded: str | None = None) -> Session:
    """Count what happened in a run of choices."""
    (name, rows, manifest), columns = run, list(CHOSEN[run.name.task])
    real = rows[rows["trial_type"] != "practice"]
    judged = real[real["trial_type"].isin(JUDGED)]
    catches = real[real["trial_type"] == "catch"]
    answered = real[real[columns[0]].notna()]
    chosen = {
        int(index): frozenset(names)
        for index, *names in answered[["trial_index", *columns]].itertuples(index=False)
    }
    again = real.loc[real["repeat_of"].notna(), ["trial_index", "repeat_of"]].astype(int)
    pairs = [(chosen.get(first), chosen.get(k)) for k, first in again.to_numpy()]
    both = [pair for pair in pairs if None not in pair]
    at, known, chance = _places(name.task, real, answered)
    place = max(known, key=at.count) if at else ""
    share, spread = at.count(place) / max(len(at), 1), np.sqrt(chance * (1 - chance))
    return Session(
        participant=name.participant,
        session=name.session,
        task=name.task,
        trials=len(rows),
        planned=int(manifest["n_trials"]),
        times=judged["response_time"].dropna().to_numpy(dtype=np.float64),
        caught=int(catches["correct"].fillna(False).sum()),
        catches=len(catches),
        timed_out=int(real["timed_out"].sum()),
        fast=int((judged["rt_flag"] == "fast").fillna(False).sum()),
        place=place,
        share=share,
        one_sided=bool(at) and share > chance + 3.5 * spread / np.sqrt(len(at)),
        same=sum(first == second for first, second in both),
        repeats=len(both),
        simulated=bool(manifest["simulated"]),
        excluded=excluded,
    )


def _places(
    task: str, real: pd.DataFrame, answered: pd.DataFrame
) -> tuple[list[str], Sequence[str], float]:
    """Places of the chosen images, those that there are, and the share of each by chance."""
    if task in _ANSWERS:
        return answered["response_position"].tolist(), POSITIONS, 1 / _ANSWERS[task]
    most = int(real["n_items"].max()) if len(real) else 0
    chance = float((1 / real["n_items"]).mean()) if len(real) else 0.0
    numbers = ("response",) if task == ODD_ONE_OF_MANY else ("response_1", "response_2")
    records = answered.to_dict("records")
    at = [str(row[f"position_{row[number]}"]) for row in records for number in numbers]
    return at, [str(place) for place in range(1, most + 1)], chance


def people_cautions(sessions: Sequence[Session]) -> Iterator[str]:
    """Say what to distrust in the sessions."""
    for of in sessions:
        trials = max(of.trials, 1)
        which = f"image {of.place}" if of.place.isdigit() else f"the {of.place} image"
        found = {
            "excluded": bool(of.excluded),
            "checks": bool(of.catches) and of.caught < 0.9 * of.catches,
            "one_sided": of.one_sided,
            "timed_out": of.timed_out > 0.05 * trials,
            "fast": of.fast > 0.05 * trials,
            "short": of.trials < of.planned,
        }
        who = f"Participant {of.participant}, session {of.session}"
        for name, there in found.items():
            if there:
                yield say(f"people-cautions.{name}", who=who, of=of, which=which)


def _section(
    inputs: "Inputs", task: str, anchor: str, cells: Callable[[Run], dict[str, str]]
) -> Section | None:
    """Section of a task, with the cells of a run between session and end; None if it was not run.

    Tasks of choices share their words, but for what comes again and the agreement by chance.
    """
    runs = [run for run in inputs.runs if run.name.task == task]
    if not runs and (inputs.runs or task != ODD_ONE_OUT):
        return None
    title, of, values = say(f"{anchor}.title"), anchor, dict[str, str]()
    if task in CHOSEN:
        of, values = "choices", {key: say(f"{anchor}.{key}") for key in ("again", "chance")}
    lead = say(f"{of}.lead", **values)
    if not runs:
        return Section(anchor, title, lead, [no_sessions()])
    lines, reasons = [], []
    for run in runs:
        name = run.name
        why = run.excluded(inputs.study.config.exclusion) or inputs.left_out.get(name.participant)
        if why:
            reasons.append(f"Participant {name.participant}, session {name.session}: {why}")
        lines.append(
            {
                "participant": name.participant,
                "session": f"{name.session}" + (f", run {name.run}" if name.run > 1 else ""),
                **cells(run),
                "ended": run.end,
                "rule": "out" if why else "kept",
            }
        )
    declared = find_task(task).unusable is not None
    caption = say(f"{of}.caption")
    rule = say("rule.declared" if declared else "rule.of_fit")
    blocks: list[Block] = [Grid(f"{caption} {rule}", pd.DataFrame(lines).set_index("participant"))]
    if declared:
        blocks.append(Text(say("rule.verdict", reasons=reasons, n=len(lines))))
    groups = describe_groups(inputs.study, inputs.study.raw)
    blocks += [Text(f"{line[0].upper()}{line[1:]}.") for line in groups]
    return Section(anchor, title, lead, blocks)


def _share(part: int, whole: int | None) -> str:
    """Say how many of how many; a dash of none."""
    return f"{part} of {whole}" if whole else DASH


def _median(seconds: "pd.Series[float] | Floats", digits: int) -> str:
    known = pd.Series(seconds).dropna()
    return number(float(known.median()), digits) if len(known) else DASH


def _mean(found: Sequence[float]) -> str:
    return f"{number(float(np.mean(found)), 2)} (of {len(found)})" if found else DASH


def _choice_cells(run: Run) -> dict[str, str]:
    of = summarise(run)
    return {
        "trials": _share(of.trials, of.planned),
        "median RT (s)": _median(of.times, 2),
        "checks passed": _share(of.caught, of.catches),
        "repeats alike": _share(of.same, of.repeats),
        "timed out": str(of.timed_out),
        "most chosen place": f"{of.place} {percent(of.share)}" if of.place else DASH,
    }


def _arrangement_cells(run: Run) -> dict[str, str]:
    trials = run.rows.drop_duplicates("trial_index")  # a row per image
    real, planned = trials[trials["trial_type"] != "practice"], run.manifest["n_trials"]
    return {
        "arrangements": f"{len(trials)}" + (f" of {planned}" if planned else ""),
        "median time (s)": _median(real["response_time"], 0),
    }


def _rating_cells(run: Run) -> dict[str, str]:
    rows = run.rows
    judged, catch = rows[rows["trial_type"].isin(JUDGED)], rows[rows["trial_type"] == "catch"]
    answers, points = judged["response"].dropna().astype(float), rows["scale_points"]
    used = commonest = DASH
    if len(answers):
        used = f"{answers.nunique()} of {points.max()} points"
        if points.isna().all():
            used = f"{number(answers.min(), 2)} to {number(answers.max(), 2)}"
        counts = answers.round(1).value_counts(normalize=True)
        commonest = f"{counts.index[0]:g} in {percent(float(counts.iloc[0]))}"
    return {
        "trials": _share(len(rows), int(run.manifest["n_trials"])),
        "median time (s)": _median(judged["response_time"], 2),
        "scale used": used,
        "commonest answer": commonest,
        "checks passed": _share(int(catch["correct"].fillna(False).sum()), len(catch)),
        "repeats: mean difference": _mean(repeat_differences(rows)),
        "timed out": str(int(rows["timed_out"].sum())),
    }


def _sorting_cells(run: Run) -> dict[str, str]:
    rows = run.rows
    real = rows[rows["trial_type"].isin(JUDGED)]
    trials = real.groupby("trial_index")
    sizes = real[real["pile"].notna()].groupby(["trial_index", "pile"]).size()
    return {
        "trials": _share(rows["trial_index"].nunique(), int(run.manifest["n_trials"])),
        "median time (s)": _median(trials["response_time"].first(), 0),
        "piles a trial": _spread(sizes.groupby("trial_index").size()),
        "images a pile": _spread(sizes),
        "images alone": percent(float((sizes == 1).sum() / sizes.sum())) if len(sizes) else DASH,
        "repeats: agreement": _mean(repeat_agreement(rows)),
        "timed out": str(int((trials["end_reason"].first() == "timeout").sum())),
    }


triplet_section = partial(_section, task=ODD_ONE_OUT, anchor="sessions", cells=_choice_cells)
anchored_section = partial(
    _section, task=ANCHORED_CHOICE, anchor="anchored-sessions", cells=_choice_cells
)
odd_of_many_section = partial(
    _section, task=ODD_ONE_OF_MANY, anchor="odd-of-many-sessions", cells=_choice_cells
)
alike_pair_section = partial(
    _section, task=MOST_ALIKE_PAIR, anchor="alike-pair-sessions", cells=_choice_cells
)
arrangement_section = partial(
    _section, task=MULTI_ARRANGEMENT, anchor="arrangements", cells=_arrangement_cells
)
rating_section = partial(_section, task=PAIR_RATING, anchor="rating-sessions", cells=_rating_cells)
sorting_section = partial(
    _section, task=FREE_SORTING, anchor="sorting-sessions", cells=_sorting_cells
)


def repeat_differences(rows: pd.DataFrame) -> list[float]:
    """How far apart the two ratings of each repeated pair are, as shares of the scale's length.

    Examples
    --------
    >>> repeat_differences(pd.DataFrame({
    ...     "trial_index": [1, 2], "repeat_of": [None, 1], "response": [7.0, 4.0],
    ...     "scale_points": [7, 7],
    ... }))
    [0.5]
    """
    again = rows[rows["repeat_of"].notna()]
    first = again["repeat_of"].map(rows.set_index("trial_index")["response"])
    length = again["scale_points"].astype(float).sub(1).fillna(1.0)
    apart = (again["response"].astype(float) - first.astype(float)).abs() / length
    return [float(value) for value in apart.dropna()]


def _spread(values: "pd.Series[int]") -> str:
    """Median and range of counts."""
    if not len(values):
        return DASH
    low, high = int(values.min()), int(values.max())
    return f"{values.median():g}" + ("" if low == high else f" ({low} to {high})")


def repeat_agreement(rows: pd.DataFrame) -> list[float]:
    """Return the adjusted Rand index of each repeated trial with its first showing."""
    from sklearn.metrics import adjusted_rand_score

    sorted_rows = rows[rows["pile"].notna()]
    again = sorted_rows[sorted_rows["repeat_of"].notna()]
    both = again.merge(
        sorted_rows, left_on=["repeat_of", "stimulus"], right_on=["trial_index", "stimulus"]
    )
    return [
        float(adjusted_rand_score(of["pile_y"].to_numpy(int), of["pile_x"].to_numpy(int)))
        for _, of in both.groupby("trial_index_x")
        if len(of) > 1
    ]
