"""The report put together: every section in order, the methods, and the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record import RunName, check_raw, find_runs, read_manifest
from twoalike.registry import find_task, task_names
from twoalike.report._blocks import Block, Grid, Page, Section, Text, render, write_files
from twoalike.report._embedding import dimensions_section, map_section, similarity_section
from twoalike.report._fit import (
    check_dimensions,
    check_fits,
    convergence,
    observers_section,
    predictions_section,
    times_section,
)
from twoalike.report._groups import people_section
from twoalike.report._inputs import Inputs, read_inputs
from twoalike.report._results import alignment_section, measured_sections
from twoalike.report._summary import cautions, facts, findings
from twoalike.study import Study, TwoalikeError, atomic_path, check_output, counted
from twoalike.tables import ANCHORED_CHOICE, MOST_ALIKE_PAIR, ODD_ONE_OF_MANY, ODD_ONE_OUT


@dataclass(frozen=True)
class Report:
    """A report that was written: its file, and what was noticed in the raw data."""

    path: Path
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        return f'<a href="{escape(str(self.path))}" target="_blank">{escape(str(self.path))}</a>'


def write_report(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    files: str | Path | None = None,
    allow_problems: bool = False,
) -> Report:
    """Write a study's report as one HTML file, all or nothing.

    Parameters
    ----------
    study
        The study or its folder; whatever its stages have made so far is shown.
    out
        Report to write (.html); report.html in the study if left out.
    seed
        Seed of the intervals.
    files
        Folder for every figure as .svg and every number as .csv.
    allow_problems
        Report on the data as they are, even if twoalike validate finds problems in them.

    """
    study = study if isinstance(study, Study) else Study.load(study)
    path = study.root / "report.html" if out is None else Path(out)
    if path.suffix.lower() not in {".html", ".htm"}:
        raise TwoalikeError(f"{path}: a report is written as .html; choose that ending.")
    check_output(path)
    notes = check_raw(study, allow_problems=allow_problems)
    page = build_page(read_inputs(study), seed)
    html = render(page)
    if files is not None:
        write_files(page, Path(files))
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Report(path, tuple(notes))


def _subtitle(inputs: Inputs) -> str:
    kinds = set() if inputs.choices is None else set(inputs.choices["kind"])
    labels = {RunName.parse(path).task for path in find_runs(inputs.study.raw)}
    alone = {"anchored": "Study of anchored judgments", "most_alike": "Study of most alike pairs"}
    only = kinds.pop() if len(kinds) == 1 else ""
    parts = [alone.get(only, "Odd-one-out study")]
    if inputs.choices is None and labels and not inputs.sessions:
        parts = [f"Study with {', '.join(sorted(find_task(label).name for label in labels))}"]
    if inputs.sessions:
        parts.append(counted(len(inputs.sessions), "session"))
    return " · ".join([*parts, f"twoalike {version('twoalike')}"])


def build_page(inputs: Inputs, seed: int) -> Page:
    """Make every section; what an input is missing for says so in its place."""
    fits = check_fits(inputs, seed)
    tasks = [task for task in map(find_task, task_names()) if task.section]
    of_tasks = [task.section(inputs) for task in tasks if task.section]
    sections = [
        *[section for section in of_tasks if section is not None],
        times_section(inputs, fits),
        map_section(inputs),
        dimensions_section(inputs, check_dimensions(inputs, seed)),
        similarity_section(inputs),
        predictions_section(inputs, fits),
        observers_section(inputs.posterior),
        *[section for section in [people_section(inputs, seed)] if section is not None],
        alignment_section(inputs),
        *measured_sections(inputs),
        methods_section(inputs),
    ]
    return Page(
        title=inputs.study.config.title,
        subtitle=_subtitle(inputs),
        facts=facts(inputs, fits),
        findings=findings(inputs, fits),
        cautions=cautions(inputs, fits),
        sections=sections,
    )


_NOUNS = {
    ODD_ONE_OUT: "odd-one-out trial",
    ANCHORED_CHOICE: "trial of anchored choice",
    ODD_ONE_OF_MANY: "odd-one-of-many trial",
    MOST_ALIKE_PAIR: "most-alike-pair trial",
}
"""A trial of each task of choices, by the task's label."""


def _collection(inputs: Inputs) -> str:
    sessions, others = inputs.sessions, _other_tasks(inputs)
    if not sessions and not others:
        return "Judgments were not collected with this study's task."
    if not sessions:
        return f"{others}{_software(inputs)}."
    people = len({session.participant for session in sessions})
    trials = dict.fromkeys(_NOUNS, 0)
    for session in sessions:
        trials[session.task] += session.trials
    answered = [_trials(number, _NOUNS[task]) for task, number in trials.items() if number]
    return (
        f"{counted(people, 'participant')} answered {' and '.join(answered)} in "
        f"{counted(len(sessions), 'session')}{_software(inputs)}."
        + (f" {others}." if others else "")
    )


def _other_tasks(inputs: Inputs) -> str:
    """Say how many people did tasks whose judgments are no choices; empty if nobody did."""
    said = []
    for name in task_names():
        runs = find_runs(inputs.study.raw, find_task(name).label)
        if runs and find_task(name).judgments != "choices":
            people = len({RunName.parse(path).participant for path in runs})
            sessions = counted(len(runs), "session")
            said.append(f"{counted(people, 'participant')} did {sessions} of the {name} task")
    return "; ".join(said)


def _trials(number: int, noun: str) -> str:
    """Count trials whose noun begins the phrase or ends it."""
    first, of, kind = noun.partition(" of ")
    return f"{counted(number, first)}{of}{kind}"


def _software(inputs: Inputs) -> str:
    """Software that showed the trials, as the manifests name it."""
    names = []
    for path in find_runs(inputs.study.raw):
        manifest = read_manifest(RunName.parse(path).manifest(inputs.study.raw))
        for segment in manifest["segments"]:
            apparatus = segment["apparatus"]
            names.append(f"{apparatus['software']} {apparatus['software_version']}".strip())
    different = sorted(set(names))
    return f" ({', '.join(different)})" if different else ""


def _model(inputs: Inputs) -> str:
    posterior = inputs.posterior
    if posterior is None:
        return ""
    people = counted(len(posterior.participants), "participant")
    chains, draws, objects, dimensions = posterior.tree["posterior"].dataset["embedding"].shape
    attrs = posterior.attrs
    engine = {"nuts": "the No-U-Turn sampler", "vi": "variational inference"}.get(
        str(attrs.get("engine")), str(attrs.get("engine", "an engine not named in the file"))
    )
    reason = convergence(posterior).reason
    judged = f"; {reason}" if reason else ""
    prior = f", prior {attrs['prior']}" if "prior" in attrs else ""
    anchored = inputs.choices is not None and (inputs.choices["kind"] == "anchored").any()
    two = " Of an anchored judgment only the pairs with the reference remain." if anchored else ""
    return (
        f"A non-negative embedding of {objects} objects in {dimensions} dimensions, with a lapse "
        f"rate and a temperature for each of {people}, "
        f"was fitted by {engine} ({counted(chains, 'chain')} of {counted(draws, 'draw')}{prior}"
        f"{judged}). "
        "The probability that an item is called the odd one is a softmax over the dot products of "
        f"the pairs that remain, mixed with guessing.{two} "
        "Probabilities and similarities are averaged over draws, coordinates never are."
    )


def _scoring(inputs: Inputs) -> str:
    if inputs.results is None:
        return ""
    kinds = ", ".join(sorted({network.similarity for network in inputs.results.networks}))
    said = f"Networks were scored by the similarities of their features ({kinds})."
    if inputs.results.questions:
        said += (
            " Ties count 1/k. Log-loss uses one temperature, fitted to one half of the triplets "
            "and scored on the other, in turn. Intervals are 95 % percentile intervals from "
            f"{inputs.results.config['resamples']:,} bootstrap resamples of participants and "
            "objects, scaled so that each two choices that share a participant or an object count "
            "once."
        )
    if "rdm" in inputs.results.judged:
        said += " Intervals of rank correlations are from a jackknife over people and objects."
    return said


def _source(name: str, made: Mapping[str, Any], made_by: str) -> dict[str, str]:
    seed = made.get("seed")
    files = ", ".join(f"{of['file']} {of['sha256'][:10]}" for of in made.get("inputs", {}).values())
    return {
        "file": name,
        "made by": made_by,
        "version": str(made.get("twoalike_version", "not said")),
        "seed": "not said" if seed is None else str(seed),
        "inputs (SHA-256 begins)": files or "not said",
    }


def methods_section(inputs: Inputs) -> Section:
    """Methods, versions, seeds, hashes of inputs."""
    lead = "To paste into a paper, and to find out later what was made from what."
    paragraph = " ".join(
        part for part in (_collection(inputs), _model(inputs), _scoring(inputs)) if part
    )
    # Not the study's seed: a report is published, and with the seed codes can be found.
    software = f" Analysed with twoalike {version('twoalike')}."
    rows = []
    if inputs.posterior is not None:
        provenance = inputs.posterior.attrs.get("provenance", {})
        rows.append(_source("posterior.nc", provenance, "twoalike fit"))
    if inputs.results is not None:
        rows.append(_source("results.json", inputs.results.provenance(), "twoalike evaluate"))
    blocks: list[Block] = [Text(paragraph + software)]
    if rows:
        frame = pd.DataFrame(rows).set_index("file")
        blocks.append(Grid("What the numbers of this report come from.", frame))
    return Section("methods", "Methods", lead, blocks)
