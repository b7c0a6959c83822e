"""Everything a report is made from, read once; what does not exist is None."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pandas as pd

from twoalike.embedding import FEWEST, Posterior, compare_groups, read_groups
from twoalike.figures import ClusterTree, MapLayout, cluster_tree, map_layout
from twoalike.judgments import JudgmentKind, is_scored, read_judgments, split_sets
from twoalike.record import (
    RunName,
    attention_items,
    find_runs,
    read_manifest,
    read_run,
    wrong_items,
)
from twoalike.registry import find_task
from twoalike.results import Results
from twoalike.rsa import Reliability, direction_draws, reliability
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    MISSING,
    Content,
    ExclusionConfig,
    Floats,
    Study,
    TwoalikeError,
    check_content,
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


class Run(NamedTuple):
    name: RunName
    rows: pd.DataFrame
    manifest: dict[str, Any]
    items: Sequence[bool] = ()  # attention items among the questions: whether answered rightly
    wrong: int = 0  # of all runs of the session, those that were not

    @property
    def end(self) -> str:
        segments = self.manifest["segments"]
        return str(segments[-1]["end_reason"] or "not ended") if segments else "not started"

    def excluded(self, rule: ExclusionConfig) -> str | None:
        unusable = find_task(self.name.task).unusable
        return (unusable and unusable(self.rows, rule=rule)) or rule.of_items(self.wrong) or None


@dataclass(frozen=True)
class Session:
    participant: str
    session: int
    task: str  # label
    trials: int  # shown
    planned: int
    times: Floats  # s, of answered main and repeat trials
    caught: int  # attention checks, and items among the questions, answered right
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


def read_runs(raw: Path, unread: list[str] | None = None) -> list[Run]:
    """Read all runs; one that cannot be read is an error, or else named in ``unread``."""
    runs, wrong = [], wrong_items(raw)
    for path in find_runs(raw):
        try:
            one = read_run(path)
            read = read_manifest(one.name.manifest(raw)), attention_items(raw, one.name)
        except (TwoalikeError, OSError):
            if unread is None:
                raise
            unread.append(path.name)
            continue
        of_session = wrong[one.name.participant, f"{one.name.session:02d}"]
        runs.append(Run(one.name, one.rows, *read, of_session))
    return runs


def summarise(run: Run, excluded: str | None = None) -> Session:
    (name, rows, manifest, *_), columns = run, list(CHOSEN[run.name.task])
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
        caught=int(catches["correct"].fillna(False).sum()) + sum(run.items),
        catches=len(catches) + len(run.items),
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


class Found(Content):
    """A difference between two groups, second minus first."""

    difference: float
    effect: float
    low: float
    high: float
    p: float


class OfDimension(Found):
    """Of the log weights of a dimension, counted from 1."""

    dimension: int


class OfCluster(Found):
    """Of the mean similarity within a cluster."""

    level: str
    cluster: str
    objects: int


class OfPair(Found):
    """Of the similarity of two objects."""

    items: tuple[str, str]


class Couple(Content):
    """Two groups."""

    first: str
    second: str
    p: float
    correlation: float
    dimensions: tuple[OfDimension, ...]
    clusters: tuple[OfCluster, ...]
    pairs: tuple[OfPair, ...]


class Comparison(Content):
    """What ``twoalike compare --groups`` found: which groups differ, and in what."""

    inputs: dict[str, dict[str, Any]]
    config: dict[str, Any]
    group_of: dict[str, str]
    left_out: int
    differences: tuple[Couple, ...]


@dataclass(frozen=True)
class Inputs:
    """A study's data."""

    study: Study
    stimuli: StimulusSet | None
    runs: Sequence[Run]
    choices: pd.DataFrame | None = None
    """Main and repeat judgments of triplets in ``choices.parquet``."""
    larger_sets: int = 0
    """Main and repeat judgments of more than three items."""
    tables: Mapping[JudgmentKind, pd.DataFrame] = field(default_factory=dict)
    """Judgments of each kind, of ``derived/`` or else of the raw data."""
    posterior: Posterior | None = None
    results: Results | None = None
    comparison: Comparison | None = None
    """Of groups of people, in this posterior."""
    stale_comparison: bool = False
    """Whether there is one, but in another posterior."""
    card: str | None = None
    """The student's model card."""
    images: bool = False
    """Whether the report may show the study's images."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the files read, by role, to tell results that are older than their inputs."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """Participants whom the fit left out as careless, by the study's rule, with reasons."""
        attrs = {} if self.posterior is None else self.posterior.attrs
        people: Mapping[str, str] = attrs.get("excluded", {}).get("people", {})
        return people

    @property
    def fitted_to(self) -> list[str]:
        """Kinds of judgments that the posterior was fitted to, as far as its file says so."""
        attrs = {} if self.posterior is None else self.posterior.attrs
        roles = attrs.get("provenance", {}).get("inputs", {})
        return [kind for kind in get_args(JudgmentKind.__value__) if kind in roles]

    @property
    def distance(self) -> bool:
        """Whether the closer, the more alike; otherwise similarity is a dot product."""
        return self.posterior is not None and self.posterior.attrs.get("similarity") == "distance"

    @cached_property
    def layout(self) -> MapLayout | None:
        """Map of the embedding."""
        draws = None if self.posterior is None else self.posterior.thinned().embedding
        return None if draws is None else map_layout(draws)

    @cached_property
    def tree(self) -> ClusterTree | None:
        """Clusters of the embedding's objects."""
        draws = None if self.posterior is None else direction_draws(self.posterior)
        return None if draws is None else cluster_tree(draws)

    @cached_property
    def reliable(self) -> dict[JudgmentKind, Reliability]:
        """How far people agree, of each kind of judgments that has any."""
        found = dict[JudgmentKind, Reliability]()
        for kind, table in self.tables.items():
            with suppress(TwoalikeError):  # too few
                found[kind] = reliability(table, kind)
        return found

    @cached_property
    def sessions(self) -> list[Session]:
        """Runs of choices."""
        rule, out = self.study.config.exclusion, self.left_out
        return [
            summarise(run, run.excluded(rule) or out.get(run.name.participant))
            for task in CHOSEN
            for run in self.runs
            if run.name.task == task
        ]

    @property
    def known(self) -> StimulusSet | None:
        """The stimulus set, if it holds all objects of the embedding."""
        ids = set() if self.posterior is None else set(self.posterior.ids)
        return self.stimuli if self.stimuli is not None and ids <= set(self.stimuli.ids) else None

    @property
    def pictured(self) -> StimulusSet | None:
        """The same, if its images may be shown."""
        return self.known if self.images else None

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


def _read_choices(path: Path) -> tuple[pd.DataFrame | None, int]:
    if not path.exists():
        return None, 0
    table, larger = split_sets(read_judgments(path))
    kept = table[is_scored(table)].reset_index(drop=True)
    kept.attrs.clear()
    return kept if len(kept) else None, int(is_scored(larger).sum())


def read_tables(
    study: Study, runs: Sequence[Run], derived: bool = True
) -> dict[JudgmentKind, pd.DataFrame]:
    kinds = get_args(JudgmentKind.__value__) if derived else ()
    files = {kind: study.derived / f"{kind}.parquet" for kind in kinds}
    found = {kind: read_judgments(path, kind) for kind, path in files.items() if path.is_file()}
    for task in map(find_task, dict.fromkeys(run.name.task for run in runs)):
        if task.judgments not in found:  # before a fit
            rule = task.unusable and partial(task.unusable, rule=study.config.exclusion)
            with suppress(TwoalikeError):  # no session is left: the section on sessions says why
                table = task.read_raw(study.raw, None, *([rule] if rule else []))
                found |= {task.judgments: table} if len(table) else {}
    return found


_MOST_OBJECTS = 500
"""Objects up to which a report compares the study's groups by itself: it takes seconds."""


def _comparable(study: Study, posterior: Posterior) -> dict[str, str]:
    """Take the groups that the study declares, where a fit of weights knew nothing of people."""
    table, weights = study.raw / "participants.tsv", posterior.weights
    open_ = weights is not None and not (posterior.group_of or weights.z.shape[1])
    if not (study.config.groups.names and table.is_file() and open_):
        return {}
    known = read_groups("group", study)
    of = {
        name: known[name] for name in posterior.participants if known.get(name, MISSING) != MISSING
    }
    counts = Counter(of.values())
    few = len(counts) < 2 or min(counts.values()) < FEWEST
    return {} if few or len(posterior.ids) > _MOST_OBJECTS else of


def read_stimuli(study: Study) -> StimulusSet | None:
    there = (study.stimuli / MANIFEST).is_file()
    return StimulusSet.load(study.stimuli, verify=False) if there else None


def read_inputs(study: Study, *, images: bool = True) -> Inputs:
    """Read what a study has; what it does not have yet is no error."""
    results, groups = study.derived / "results.json", study.derived / "groups.json"
    files = {"choices": study.choices, "posterior": study.posterior, "results": results}
    hashes = {role: sha256_file(path) for role, path in files.items() if path.is_file()}
    comparison, stale = None, False
    posterior = Posterior.load(study.posterior) if study.posterior.exists() else None
    remedy = "Make it again with: twoalike compare"
    if groups.exists():
        content = read_json(groups, "comparison of groups")
        comparison = check_content(content, Comparison, groups, remedy)
        stale = comparison.inputs.get("posterior", {}).get("sha256") != hashes.get("posterior")
    elif posterior is not None and (own := _comparable(study, posterior)):
        content = compare_groups(posterior, own)
        comparison = check_content(content, Comparison, study.raw, remedy)
    card, runs = study.derived / "student" / "README.md", read_runs(study.raw)
    choices, larger_sets = _read_choices(study.choices)
    return Inputs(
        study=study,
        stimuli=read_stimuli(study),
        runs=runs,
        choices=choices,
        larger_sets=larger_sets,
        tables=read_tables(study, runs),
        posterior=posterior,
        results=Results.load(results) if results.exists() else None,
        comparison=None if stale else comparison,
        stale_comparison=stale,
        card=read_text(card) if card.is_file() else None,
        images=images,
        hashes=hashes,
    )
