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
    DesignSummary,
    ListDesign,
    for_person,
    object_sets,
    set_counts,
    shown_objects,
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
    settings = find_task(made.task).lists.settings(made.study)
    scheduler = getattr(settings, "scheduler", "")
    if scheduler == "lift_weakest":
        return _estimate(made)
    listed = [item for item in made.lists if len(item.table)][:MOST_COLUMNS]
    columns = {_column(item): summarize_design([item.table], made.objects) for item in listed}
    if len(made.lists) > 1 and listed:
        tables = [item.table for item in made.lists]
        columns[f"all {len(tables)}"] = summarize_design(tables, made.objects)
    kind = find_task(made.task).judgments
    figures = list(columns.values())
    rows = (
        _choice_rows(figures, many="n_items" in made.lists[0].table)
        if kind == "choices"
        else _set_figures(figures, arena=kind == "arrangements")
    )
    chosen = scheduler or f"sampler {settings.sampler}"
    if kind == "choices" and settings.sampler == "list":
        chosen = f"your lists ({', '.join(figures[-1].samplers)})"
    return _summary(made, columns, rows, _durations(made, listed), chosen)


def _set_figures(figures: Sequence[DesignSummary], *, arena: bool) -> dict[str, list[str]]:
    """Rows of lists of sets, or of pairs to rate; some say something of arrangements only."""
    rows = {
        "trials": [str(s.trials) for s in figures],
        "images a trial": [span(s.items_min, s.items_max) for s in figures],
        "pairs shown together": [f"{s.pairs_shown:.1%}" for s in figures],
        "trials a pair, fewest / median": [f"{s.pair_min} / {s.pair_median:g}" for s in figures],
        "trials an object": [span(s.exposure_min, s.exposure_max) for s in figures],
    }
    if arena:
        rows["groups without a common scale"] = [str(s.scale_groups) for s in figures]
        rows["placements"] = [str(s.placements) for s in figures]
    return rows


def _choice_rows(figures: Sequence[DesignSummary], *, many: bool) -> dict[str, list[str]]:
    sets, sides = ("sets", "at each place") if many else ("triplets", "left / middle / right")
    rows = {"trials": [str(s.trials) for s in figures]}
    for kind in ("practice", "main", "catch", "repeat"):
        if any(kind in s.kinds for s in figures):
            rows[f"  {kind}"] = [str(s.kinds.get(kind, 0)) for s in figures]
    rows |= {
        f"different {sets}": [str(s.triplets) for s in figures],
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
        counts = [" / ".join(map(str, s.catch_sides)) for s in figures]
        rows[f"checks with the right answer {sides}"] = counts
    return rows


def _summary(
    made: TrialLists,
    columns: Mapping[str, object],
    rows: dict[str, list[str]],
    durations: Sequence[Duration],
    design: str,
) -> ListSummary:
    if made.study.config.objects_per_person:
        rows |= _set_rows(made, len(columns))
    times = list(map(str, durations))
    rows[DURATION] = times + [""] * (len(columns) - len(times))
    title = f"Design: {_objects(made)}, {design}"
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))
    protocol = protocol_or_default(made.study, find_task(made.task).protocol)
    frames = frames_line(protocol, load_profile())
    note = f"{DURATION_NOTE} Timing: {frames}." if frames else DURATION_NOTE
    return ListSummary(title, table, note)


def _set_rows(made: TrialLists, n_columns: int) -> dict[str, list[str]]:
    """How the sets of objects share objects and pairs out over the people of the lists."""
    numbers = sorted({item.object_set for item in made.lists if item.object_set})
    if not numbers:
        return {}
    ids = StimulusSet.load(made.study.stimuli, verify=False).ids
    size, seed = made.study.config.objects_per_person, made.study.config.seed
    sets = object_sets(len(ids), size, numbers[-1], seed)[[number - 1 for number in numbers]]
    objects, pairs = set_counts(sets, len(ids))
    figures = {
        "objects a person": str(size),
        "people who see an object": span(int(objects.min()), int(objects.max())),
        "people who see a pair, fewest / median / most": f"{pairs.min()} / "
        f"{np.median(pairs):g} / {pairs.max()}",
    }
    return {name: [""] * (n_columns - 1) + [cell] for name, cell in figures.items()}


def _objects(made: TrialLists) -> str:
    m = len(made.objects)
    return f"{m} objects, {m * (m - 1) // 2} pairs"


def _column(item: TrialList) -> str:
    name = f"sub-{item.participant} ses-{item.session:02d}"
    return f"{name} {item.condition}".rstrip()


def _durations(made: TrialLists, lists: Sequence[TrialList]) -> list[Duration]:
    stimuli = StimulusSet.load(made.study.stimuli, verify=False)
    return [
        session_duration(
            replace(made.study, condition=item.condition),
            stimuli,
            made.task,
            item.table,
            session=item.session,
        )
        for item in lists
    ]


def first_session(study: Study, stimuli: StimulusSet, task: str) -> tuple[Study, pd.DataFrame]:
    """Trial list of the first session of a participant whose list was not made yet.

    Sessions of designs that share their triplets out are taken to be random ones as long.
    """
    lists: ListDesign = find_task(task).lists
    likely, design = study, lists.settings(study)
    if lists.chooser == "sampler" and not lists.alone(design):
        levels = {"sampler": "levels", "lists_per_triplet": 0}
        alone = levels if design.sampler == "levels" else {"sampler": "random"}
        updates = {lists.table: design.model_copy(update=alone)}
        likely = replace(study, config=study.config.model_copy(update=updates))
    return likely, lists.one(likely, stimuli, "001", 1)


def first_session_duration(study: Study, stimuli: StimulusSet, task: str) -> Duration:
    """Time for a first session as in :func:`first_session`."""
    likely, table = first_session(study, stimuli, task)
    return session_duration(likely, stimuli, task, table)


def _estimate(made: TrialLists) -> ListSummary:
    """Estimate by a simulation what one participant's sessions come to."""
    study = replace(made.study, object_set=made.lists[0].object_set)
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    study = for_person(study, stimuli)
    made = replace(made, study=study, objects=shown_objects(stimuli, study.config.arrangement))
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
    if study.object_set:
        rows |= _set_rows(made, len(sessions))
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
    """Range of whole numbers, one number where it is one."""
    return str(low) if low == high else f"{low} to {high}"


_REASONS = {"evidence": "all pairs have it", "time": "time is up", "max_trials": "max_trials"}
_ESTIMATE_ROWS: Mapping[str, Callable[[ArrangedSession], str]] = {
    "main trials": lambda s: str(len(s.sizes)),
    "images a trial": lambda s: span(min(s.sizes, default=0), max(s.sizes, default=0)),
    "images placed": lambda s: str(sum(s.sizes)),
    "pairs placed together": lambda s: f"{s.pairs_shown:.1%}",
    "pairs with enough evidence": lambda s: f"{s.pairs_known:.1%}",
    "ends because": lambda s: _REASONS[s.reason],
}
