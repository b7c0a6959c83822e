"""Everything a report is made from, read once; what does not exist is None."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.embedding import Posterior
from twoalike.judgments import is_scored, read_judgments, split_sets
from twoalike.report._sessions import Run, Session, read_runs, read_sessions
from twoalike.results import Results
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Content, Study, check_content, read_json, read_text, sha256_file


class Difference(Content):
    """A difference between two groups, second minus first."""

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
    runs: Sequence[Run]
    choices: pd.DataFrame | None
    """Main and repeat judgments of triplets in ``choices.parquet``."""
    larger_sets: int
    """Main and repeat judgments of more than three items."""
    posterior: Posterior | None
    results: Results | None
    comparison: Comparison | None
    """Of groups of people, in this posterior."""
    stale_comparison: bool
    """Whether there is one, but in another posterior."""
    card: str | None
    """The student's model card."""
    hashes: Mapping[str, str]
    """SHA-256 of the files read, by role, to tell results that are older than their inputs."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """Participants whom the fit left out as careless, by the study's rule, with reasons."""
        attrs = {} if self.posterior is None else self.posterior.attrs
        people: Mapping[str, str] = attrs.get("excluded", {}).get("people", {})
        return people

    @cached_property
    def sessions(self) -> list[Session]:
        """Runs of choices."""
        return read_sessions(self.runs, self.study.config.exclusion, self.left_out)

    @property
    def pictured(self) -> StimulusSet | None:
        """The stimulus set, if it holds all objects of the embedding."""
        ids = set() if self.posterior is None else set(self.posterior.ids)
        return self.stimuli if self.stimuli is not None and ids <= set(self.stimuli.ids) else None

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
    """Read judgments of triplets, and count those of larger sets."""
    if not path.exists():
        return None, 0
    table, larger = split_sets(read_judgments(path))
    kept = table[is_scored(table)].reset_index(drop=True)
    kept.attrs.clear()
    return kept if len(kept) else None, int(is_scored(larger).sum())


def read_inputs(study: Study) -> Inputs:
    """Read what a study has; what it does not have yet is no error."""
    results, groups = study.derived / "results.json", study.derived / "groups.json"
    files = {"choices": study.choices, "posterior": study.posterior, "results": results}
    hashes = {role: sha256_file(path) for role, path in files.items() if path.is_file()}
    comparison, stale = None, False
    if groups.exists():
        content = read_json(groups, "comparison of groups")
        remedy = "Make it again with: twoalike compare"
        comparison = check_content(content, Comparison, groups, remedy)
        stale = comparison.inputs.get("posterior", {}).get("sha256") != hashes.get("posterior")
    card = study.derived / "student" / "README.md"
    has_stimuli = (study.stimuli / MANIFEST).is_file()
    choices, larger_sets = _read_choices(study.choices)
    return Inputs(
        study=study,
        stimuli=StimulusSet.load(study.stimuli, verify=False) if has_stimuli else None,
        runs=read_runs(study.raw),
        choices=choices,
        larger_sets=larger_sets,
        posterior=Posterior.load(study.posterior) if study.posterior.exists() else None,
        results=Results.load(results) if results.exists() else None,
        comparison=None if stale else comparison,
        stale_comparison=stale,
        card=read_text(card) if card.is_file() else None,
        hashes=hashes,
    )
