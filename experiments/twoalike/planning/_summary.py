"""What trial lists will show, in a table: coverage, exposure, balance; and how long they take.

Where the sets of arrangements are chosen during the session, the list holds little of it: then a
simulated participant does them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design import (
    ArrangementSummary,
    DesignSummary,
    ListDesign,
    summarize_arrangements,
    summarize_design,
)
from twoalike.observers import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    ArrangedSession,
    SimulatedArranger,
    SimulatedObserver,
    arranged_sessions,
    hierarchical_embedding,
)
from twoalike.planning._lists import TrialList, TrialLists
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, load_profile, progress
from twoalike.tasks import Duration, frames_line, protocol_or_default, session_duration

DURATION_NOTE = (
    "Practice counts for trials, placements and duration only. The duration holds for four people "
    "out of five, with instruction, practice and breaks."
)
DURATION = "duration of the session"
MOST_COLUMNS = 4
"""Sessions shown one by one; of more, only the first ones and all together."""
MOST_SESSIONS = 4
"""Sessions of the simulated participant, at most."""
LONGEST_MIN = 120.0
"""Length of a session that nothing limits, in the estimate: evidence on large sets takes days."""
_DIMENSIONS = 5
"""Of the random dissimilarities where there are no categories."""


@dataclass(frozen=True)
class ListSummary:
    """A table for people."""

    title: str
    """Names the design."""
    table: pd.DataFrame
    """One row a figure, one column a session, and one for all together; text."""
    note: str
    """What to know of the figures."""

    def _repr_html_(self) -> str:
        html = self.table.to_html()
        return f"<p><b>{self.title}</b></p>{html}<p>{self.note}</p>"


def summarize_lists(made: TrialLists) -> ListSummary:
    """Coverage, exposure, balance and expected duration of the sessions."""
    if find_task(made.task).judgments == "choices":
        return _triplets(made)
    if made.study.config.arrangement.scheduler == "lift_weakest":
        return _estimate(made)
    return _arrangements(made)


def _triplets(made: TrialLists) -> ListSummary:
    columns = {
        _column(item): summarize_design([item.table], made.objects)
        for item in made.lists[:MOST_COLUMNS]
    }
    if len(made.lists) > 1:
        tables = [item.table for item in made.lists]
        columns[f"all {len(tables)}"] = summarize_design(tables, made.objects)
    chosen = find_task(made.task).lists.settings(made.study).sampler
    sampler = f"sampler {chosen}"
    if chosen == "list":
        sampler = f"your lists ({', '.join(list(columns.values())[-1].samplers)})"
    rows = _triplet_rows(list(columns.values()))
    return _summary(made, columns, rows, _durations(made, made.lists[:MOST_COLUMNS]), sampler)


def _triplet_rows(figures: Sequence[DesignSummary]) -> dict[str, list[str]]:
    rows = {"trials": [str(s.trials) for s in figures]}
    for kind in ("practice", "main", "catch", "repeat"):
        if any(kind in s.kinds for s in figures):
            rows[f"  {kind}"] = [str(s.kinds.get(kind, 0)) for s in figures]
    rows |= {
        "different triplets": [str(s.triplets) for s in figures],
        "  needed to show every pair": [str(s.bound) for s in figures],
        "pairs shown": [f"{s.pairs_shown:.1%}" for s in figures],
        "trials a pair, fewest / median": [f"{s.pair_min} / {s.pair_median:g}" for s in figures],
        "trials an object": [span(s.exposure_min, s.exposure_max) for s in figures],
        "places of an object, largest difference": [str(s.place_spread) for s in figures],
    }
    for name in sorted({name for s in figures for name in s.conditions}):
        rows[f"share {name}"] = [f"{s.conditions.get(name, 0):.1%}" for s in figures]
    for name in sorted({name for s in figures for name in s.samplers}):
        rows[f"chosen by {name}"] = [str(s.samplers.get(name, 0)) for s in figures]
    if any(sum(s.catch_sides) for s in figures):
        sides = [" / ".join(map(str, s.catch_sides)) for s in figures]
        rows["checks with the right answer left / middle / right"] = sides
    return rows


def _arrangements(made: TrialLists) -> ListSummary:
    listed = [item for item in made.lists if len(item.table)]
    columns = {_column(item): summarize_arrangements([item.table], made.objects) for item in listed}
    if len(made.lists) > 1 and listed:
        tables = [item.table for item in made.lists]
        columns[f"all {len(tables)}"] = summarize_arrangements(tables, made.objects)
    rows = {
        name: [cell(figures) for figures in columns.values()]
        for name, cell in _ARRANGEMENT_ROWS.items()
    }
    scheduler = made.study.config.arrangement.scheduler
    return _summary(made, columns, rows, _durations(made, listed), scheduler)


def _summary(
    made: TrialLists,
    columns: Mapping[str, object],
    rows: dict[str, list[str]],
    durations: Sequence[Duration],
    design: str,
) -> ListSummary:
    times = list(map(str, durations))
    rows[DURATION] = times + [""] * (len(columns) - len(times))
    title = f"Design: {_objects(made)}, {design}"
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))
    protocol = protocol_or_default(made.study, find_task(made.task).protocol)
    frames = frames_line(protocol, load_profile())
    note = f"{DURATION_NOTE} Timing: {frames}." if frames else DURATION_NOTE
    return ListSummary(title, table, note)


def _objects(made: TrialLists) -> str:
    m = len(made.objects)
    return f"{m} objects, {m * (m - 1) // 2} pairs"


def _column(item: TrialList) -> str:
    return f"sub-{item.participant} ses-{item.session:02d}"


def _durations(made: TrialLists, lists: Sequence[TrialList]) -> list[Duration]:
    stimuli = StimulusSet.load(made.study.stimuli, verify=False)
    return [
        session_duration(made.study, stimuli, made.task, item.table, session=item.session)
        for item in lists
    ]


def first_session_duration(study: Study, stimuli: StimulusSet, task: str) -> Duration:
    """Time for the first session of a participant whose list was not made yet.

    Sessions of designs that share their triplets out are taken to be random ones as long.

    Raises
    ------
    TwoalikeError
        If the stimuli do not allow the design.
    """
    lists: ListDesign = find_task(task).lists
    likely, design = study, lists.settings(study)
    if lists.chooser == "sampler" and not lists.alone(design):
        levels = {"sampler": "levels", "lists_per_triplet": 0}
        alone = levels if design.sampler == "levels" else {"sampler": "random"}
        updates = {lists.table: design.model_copy(update=alone)}
        likely = replace(study, config=study.config.model_copy(update=updates))
    return session_duration(study, stimuli, task, lists.one(likely, stimuli, "001", 1))


def _estimate(made: TrialLists) -> ListSummary:
    """Estimate by a simulation what one participant's sessions come to."""
    study = made.study
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    config = study.config.arrangement
    config = config.model_copy(update={"session_minutes": config.session_minutes or LONGEST_MIN})
    limited = replace(study, config=study.config.model_copy(update={"arrangement": config}))
    fixed = made.lists[0].table  # the same for all participants
    sessions = _simulated(limited, stimuli, made)
    rows = {
        "practice trials": [str(_count(fixed, "practice"))] * len(sessions),
        **{name: [cell(session) for session in sessions] for name, cell in _ESTIMATE_ROWS.items()},
    }
    if checks := _count(fixed, "catch"):
        rows["attention checks"] = [str(checks)] * len(sessions)
    rows[DURATION] = [
        str(session_duration(limited, stimuli, made.task, fixed, session=k, simulated=session))
        for k, session in enumerate(sessions, start=1)
    ]
    columns = [f"ses-{number:02d}" for number in range(1, len(sessions) + 1)]
    how = "who goes by the categories" if stimuli.levels else "to whom all images are unlike"
    note = (
        f"One simulated participant {how} and takes {SECONDS_PER_NEW_PLACEMENT:g} s for a new "
        f"image, {SECONDS_PER_PLACEMENT} s for one placed before. Shares of pairs are over all "
        f"sessions so far; enough evidence is {config.stop_evidence:g}. {DURATION_NOTE}"
    )
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return ListSummary(f"Estimate: {_objects(made)}, {config.scheduler}", table, note)


def _simulated(study: Study, stimuli: StimulusSet, made: TrialLists) -> list[ArrangedSession]:
    """Sessions of a participant who goes by the categories, or by random dissimilarities."""
    rng = np.random.default_rng([study.config.seed, 1])
    embedding: Any = (
        hierarchical_embedding(stimuli, rng)
        if stimuli.levels
        else rng.normal(size=(len(stimuli.ids), _DIMENSIONS))
    )
    arranger = SimulatedArranger(SimulatedObserver(stimuli.ids, embedding))
    n = min(max(item.session for item in made.lists), MOST_SESSIONS)
    sessions = arranged_sessions(
        study.config.arrangement, made.objects, arranger, study.config.seed
    )
    found = []
    with progress() as bar:
        task = bar.add_task("simulate a participant", total=n, status="")
        for session in islice(sessions, n):
            found.append(session)
            bar.update(task, advance=1)
    return found


def _count(table: pd.DataFrame, kind: str) -> int:
    return int(table.loc[table["trial_type"] == kind, "trial_index"].nunique())


def span(low: int, high: int) -> str:
    """Range of whole numbers, one number where it is one.

    Examples
    --------
    >>> span(3, 20), span(5, 5)
    ('3 to 20', '5')
    """
    return str(low) if low == high else f"{low} to {high}"


_ARRANGEMENT_ROWS: Mapping[str, Callable[[ArrangementSummary], str]] = {
    "trials": lambda s: str(s.trials),
    "images a trial": lambda s: span(s.items_min, s.items_max),
    "pairs shown together": lambda s: f"{s.pairs_shown:.1%}",
    "trials a pair, fewest / median": lambda s: f"{s.pair_min} / {s.pair_median:g}",
    "trials an object": lambda s: span(s.exposure_min, s.exposure_max),
    "groups without a common scale": lambda s: str(s.scale_groups),
    "placements": lambda s: str(s.placements),
}
_REASONS = {"evidence": "all pairs have it", "time": "time is up", "max_trials": "max_trials"}
_ESTIMATE_ROWS: Mapping[str, Callable[[ArrangedSession], str]] = {
    "main trials": lambda s: str(len(s.sizes)),
    "images a trial": lambda s: span(min(s.sizes, default=0), max(s.sizes, default=0)),
    "images placed": lambda s: str(sum(s.sizes)),
    "pairs placed together": lambda s: f"{s.pairs_shown:.1%}",
    "pairs with enough evidence": lambda s: f"{s.pairs_known:.1%}",
    "ends because": lambda s: _REASONS[s.reason],
}
