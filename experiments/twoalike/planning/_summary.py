"""Trial lists, and what they will show, in a table: coverage, exposure, balance, duration.

Where the sets of arrangements are chosen during the session, the list holds little of it: then a
simulated participant does them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.design import (
    ListDesign,
    TrialForm,
    fewest_trials,
    for_person,
    object_sets,
    set_counts,
    shown_objects,
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
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import Integers, Study, TwoalikeError, load_profile, progress
from twoalike.tables import MANY_PLACES, MANY_STIMULI, POSITIONS, TRIAL_TYPES
from twoalike.tasks import Duration, frames_line, protocol_or_default, session_duration

type ListState = Literal["written", "unchanged", "begun", "removed", "empty", "checked"]


@dataclass(frozen=True)
class TrialList:
    """The trial list of one session."""

    participant: str
    session: int
    path: Path
    """Its file."""
    table: pd.DataFrame
    """One row a trial, or an item of a trial."""
    description: dict[str, Any]
    """What is written beside it: how it was made, of which files."""
    state: ListState = "written"
    """``written``; ``unchanged``: the same list was there; ``begun``: the list there is kept, since
    its session has begun; ``empty``: nothing of the session is fixed, so it has no file;
    ``removed``: nor has it any more; ``checked``: the study's own list is sound."""
    condition: str = ""
    """Condition within the session; empty in a study without conditions."""
    object_set: int = 0
    """Number of the participant's set of objects; 0 where everybody sees all."""
    grows: bool = False
    """Whether a list there that is the beginning of this one may be replaced."""

    def extends(self, there: pd.DataFrame) -> bool:
        """Whether this list only adds trials to the one that is there."""
        return self.grows and there.equals(self.table.iloc[: len(there)])


@dataclass(frozen=True)
class TrialLists:
    """Trial lists that were designed in one call."""

    study: Study
    """The study, with the seed and the sampler of the call."""
    task: str
    """Name of the task."""
    objects: tuple[str, ...]
    """Ids of the objects that the design may show."""
    lists: tuple[TrialList, ...]
    """One a participant and session."""

    def summary(self) -> "ListSummary":
        """Coverage, exposure, balance and expected duration of the sessions."""
        return summarize_lists(self)


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
_ANSWERS = ("expected_odd", "expected_response", "expected_1", "expected_2")
"""Columns that name an image as the right answer."""
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
    kind = find_task(made.task)
    settings = kind.lists.settings(made.study)
    scheduler = getattr(settings, "scheduler", "")
    if scheduler == "lift_weakest":
        return _estimate(made)
    columns: dict[str, dict[str, str]] = {}
    stimuli = StimulusSet.load(made.study.stimuli, verify=False)
    for item in [item for item in made.lists if len(item.table)][:MOST_COLUMNS]:
        name = f"sub-{item.participant} ses-{item.session:02d} {item.condition}".rstrip()
        part = replace(made.study, condition=item.condition)
        takes = session_duration(part, stimuli, made.task, item.table, session=item.session)
        columns[name] = {**summarize_design([item.table], made.objects), DURATION: str(takes)}
    if len(made.lists) > 1 and columns:
        tables = [item.table for item in made.lists]
        columns[f"all {len(tables)}"] = {**summarize_design(tables, made.objects), DURATION: ""}
    whole = list(columns.values())[-1]  # has every row that one of the lists has
    chosen = scheduler or f"sampler {settings.sampler}"
    if chosen == "sampler list":
        samplers = [name.removeprefix("chosen by ") for name in whole if "chosen by" in name]
        chosen = f"your lists ({', '.join(samplers)})"
    if made.study.config.objects_per_person:
        whole |= _set_rows(made)
    whole[DURATION] = whole.pop(DURATION)  # as the last row
    frames = frames_line(protocol_or_default(made.study, kind.protocol), load_profile())
    note = f"{DURATION_NOTE} Timing: {frames}." if frames else DURATION_NOTE
    return _summary(made, chosen, columns, note, "Design")


def _summary(
    made: TrialLists, chosen: str, columns: Mapping[str, dict[str, str]], note: str, what: str
) -> ListSummary:
    """Figures of sessions by name, in the order of the last column, which has all."""
    m, sets = len(made.objects), ("objects a person", "people who see")
    rows = {
        name: [own.get(name, "" if name.startswith(sets) else "0") for own in columns.values()]
        for name in list(columns.values())[-1]
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))
    title = f"{what}: {m} objects, {m * (m - 1) // 2} pairs, {chosen}"
    return ListSummary(title, table, note)


def summarize_design(tables: Sequence[pd.DataFrame], ids: Sequence[str]) -> dict[str, str]:
    """Figures of trial lists taken together, by name; practice counts for trials and placements.

    Parameters
    ----------
    tables
        Trial lists of any task: one row a trial, or an item of a trial.
    ids
        Objects of the design, m of them; those never shown count as such.
    """
    from scipy.sparse import csr_array, triu

    whole = pd.concat([table.assign(list=k) for k, table in enumerate(tables)], ignore_index=True)
    long = _one_a_row(whole)
    judged = long[long["trial_type"] != "practice"]
    if judged.empty:
        raise TwoalikeError("summary: expected trials that are not practice, found none.")
    item = pd.Index(ids).get_indexer(pd.Index(judged["stimulus"]))
    trial = judged.groupby(["list", "trial_index"], sort=False).ngroup().to_numpy()
    shape, ones = (trial.max() + 1, len(ids)), np.ones(len(trial), dtype=np.int64)
    member = csr_array((ones, (trial, item)), shape=shape)
    # Of anchored choices only pairs with the reference count.
    anchored = "expected_response" in whole
    first = (judged["number"] == 1).to_numpy() & anchored
    reference = csr_array((ones[first], (trial[first], item[first])), shape=shape)
    pairs = reference.T @ (member - reference) if anchored else member.T @ member
    counts = triu(pairs + pairs.T if anchored else pairs, k=1).data
    sizes = long.groupby(["list", "trial_index"]).size()
    form, exposure = TrialForm(int(sizes.max()), anchored), member.sum(axis=0)
    sets = {
        (*row[:1], *sorted(row[1:])) if anchored else tuple(sorted(row))
        for row in judged.groupby(trial)["stimulus"].agg(list)
    }
    rows = whole.drop_duplicates(["list", "trial_index"])
    kinds = _counts(rows["trial_type"], TRIAL_TYPES)
    found = {"trials": str(len(sizes)), **{f"  {kind}": str(n) for kind, n in kinds.items()}}
    found |= {"images a trial": span(int(sizes.min()), form.items)} if form.items != 3 else {}
    if "block_index" in whole:
        found[f"different {form.noun if form.items < 4 else 'sets'}"] = str(len(sets))
        found["  needed to show every pair"] = str(fewest_trials(form, len(ids)))
    found |= _pair_rows(counts, len(ids))
    found["trials an object"] = span(int(exposure.min()), int(exposure.max()))
    main = rows[rows["trial_type"] == "main"]
    return found | _place_rows(judged, rows) | _origin_rows(main, long)


def _one_a_row(table: pd.DataFrame) -> pd.DataFrame:
    """List with a row an item of a trial: ``number`` of the object in the trial, and ``place``."""
    names = [name for name in MANY_STIMULI if name in table]
    if not names:
        return table.assign(number=0)
    keys = table[["list", "trial_index", "trial_type"]]
    parts = [
        keys.assign(number=k, stimulus=table[name], place=table[f"position_{k}"])
        for k, name in enumerate(names, start=1)
    ]
    long = pd.concat(parts).dropna(subset="stimulus")
    return long.sort_values(["list", "trial_index", "number"], ignore_index=True)


def _counts(values: "pd.Series[str]", names: Iterable[str]) -> dict[str, int]:
    return {name: count for name in names if (count := int((values == name).sum()))}


def _pair_rows(counts: Integers, m: int) -> dict[str, str]:
    """How often pairs are shown; ``counts`` are of those that are: there may be millions."""
    n_pairs = m * (m - 1) // 2
    counts, never = np.sort(counts), n_pairs - len(counts)
    fewest, low, high = (
        int(counts[rank - never]) if rank >= never else 0
        for rank in (0, (n_pairs - 1) // 2, n_pairs // 2)
    )
    return {
        "pairs shown": f"{len(counts) / n_pairs:.1%}",
        "trials a pair, fewest / median": f"{fewest} / {(low + high) / 2:g}",
    }


def _place_rows(judged: pd.DataFrame, rows: pd.DataFrame) -> dict[str, str]:
    if "place" not in judged:
        return {}
    table = pd.crosstab(judged["stimulus"], judged["place"]).to_numpy()
    spread = int(np.ptp(table, axis=1).max()) if table.shape[1] > 1 else 0
    found = {"places of an object, largest difference": str(spread)}
    answers = [name for name in _ANSWERS if name in rows]
    at = [
        row[MANY_PLACES[int(row[answer]) - 1]]
        for row in rows[rows["trial_type"] == "catch"].to_dict("records")
        for answer in answers
    ]
    if at:
        numbered = "n_items" in rows
        places = range(1, int(rows["n_items"].max()) + 1) if numbered else POSITIONS
        where = "at each place" if numbered else " / ".join(POSITIONS)
        counts = " / ".join(str(at.count(place)) for place in places)
        found[f"checks with the right answer {where}"] = counts
    return found


def _origin_rows(main: pd.DataFrame, long: pd.DataFrame) -> dict[str, str]:
    conditions = main.get("condition", pd.Series(dtype=str)).dropna()
    shares = conditions.value_counts(normalize=True).sort_index()
    found = {f"share {name}": f"{share:.1%}" for name, share in shares.items()}
    chosen = main["scheduler" if "scheduler" in main else "sampler"]
    counts = _counts(chosen, sorted(chosen.unique()))
    found |= {f"chosen by {name}": str(n) for name, n in counts.items()}
    if "scheduler" in main:
        groups = max(_scale_groups(own) for _, own in long.groupby("list"))
        found |= {"groups without a common scale": str(groups), "placements": str(len(long))}
    return found


def _scale_groups(long: pd.DataFrame) -> int:
    """Count the groups of main trials of a list that no common pair ties.

    Every arrangement has its own scale: 1 is ideal, 0 where there are no main trials.
    """
    from scipy.sparse.csgraph import connected_components

    main = long[long["trial_type"] == "main"]
    if main.empty:
        return 0
    member = pd.crosstab(main["trial_index"], main["stimulus"]).to_numpy()
    return int(connected_components(member @ member.T >= 2, directed=False)[0])


def _set_rows(made: TrialLists) -> dict[str, str]:
    numbers = sorted({item.object_set for item in made.lists if item.object_set})
    if not numbers:
        return {}
    ids = StimulusSet.load(made.study.stimuli, verify=False).ids
    size, seed = made.study.config.objects_per_person, made.study.config.seed
    sets = object_sets(len(ids), size, numbers[-1], seed)[[number - 1 for number in numbers]]
    objects, pairs = set_counts(sets, len(ids))
    return {
        "objects a person": str(size),
        "people who see an object": span(int(objects.min()), int(objects.max())),
        "people who see a pair, fewest / median / most": f"{pairs.min()} / "
        f"{np.median(pairs):g} / {pairs.max()}",
    }


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
    study = replace(made.study, object_set=made.lists[0].object_set)
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    study = for_person(study, stimuli)
    made = replace(made, study=study, objects=shown_objects(stimuli, study.config.arrangement))
    config = study.config.arrangement
    config = config.model_copy(update={"session_minutes": config.session_minutes or LONGEST_MIN})
    limited = replace(study, config=study.config.model_copy(update={"arrangement": config}))
    fixed = made.lists[0].table  # the same for all participants
    kinds = fixed.groupby("trial_type")["trial_index"].nunique()
    columns: dict[str, dict[str, str]] = {}
    for k, session in enumerate(_simulated(limited, stimuli, made), start=1):
        takes = session_duration(limited, stimuli, made.task, fixed, session=k, simulated=session)
        sizes = session.sizes
        found = {
            "practice trials": str(kinds.get("practice", 0)),
            "main trials": str(len(sizes)),
            "images a trial": span(min(sizes, default=0), max(sizes, default=0)),
            "images placed": str(sum(sizes)),
            "pairs placed together": f"{session.pairs_shown:.1%}",
            "pairs with enough evidence": f"{session.pairs_known:.1%}",
            "ends because": _REASONS[session.reason],
        }
        if "catch" in kinds:
            found["attention checks"] = str(kinds["catch"])
        columns[f"ses-{k:02d}"] = {**found, DURATION: str(takes)}
    if study.object_set:
        columns[f"ses-{len(columns):02d}"] |= _set_rows(made)
    how = "who goes by the categories" if stimuli.levels else "to whom all images are unlike"
    note = (
        f"One simulated participant {how} and takes {SECONDS_PER_NEW_PLACEMENT:g} s for a new "
        f"image, {SECONDS_PER_PLACEMENT} s for one placed before. Shares of pairs are over all "
        f"sessions so far; enough evidence is {config.stop_evidence:g}. {DURATION_NOTE}"
    )
    return _summary(made, config.scheduler, columns, note, "Estimate")


def _simulated(study: Study, stimuli: StimulusSet, made: TrialLists) -> list[ArrangedSession]:
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


def span(low: int, high: int) -> str:
    """Range of whole numbers, one number where it is one."""
    return str(low) if low == high else f"{low} to {high}"


_REASONS = {"evidence": "all pairs have it", "time": "time is up", "max_trials": "max_trials"}
