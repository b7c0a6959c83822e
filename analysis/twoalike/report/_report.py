"""The report put together: every section in order, the methods, and the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record import check_raw
from twoalike.registry import find_task, task_names
from twoalike.report._blocks import (
    Block,
    Grid,
    Page,
    Section,
    Text,
    render,
    say,
    section,
    write_files,
)
from twoalike.report._embedding import dimensions_section, map_section, similarity_section
from twoalike.report._fit import (
    check_dimensions,
    check_fits,
    convergence,
    observers_section,
    predictions_section,
    times_section,
)
from twoalike.report._inputs import Inputs, read_inputs
from twoalike.report._people import people_section
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


def build_page(inputs: Inputs, seed: int) -> Page:
    """Make every section; what an input is missing for says so in its place."""
    fits = check_fits(inputs, seed)
    of_tasks = (task.section for task in map(find_task, task_names()))
    sections: list[Section | None] = [
        *(of_task(inputs) for of_task in of_tasks if of_task),
        times_section(inputs, fits),
        map_section(inputs),
        dimensions_section(inputs, check_dimensions(inputs, seed)),
        similarity_section(inputs),
        predictions_section(inputs, fits),
        observers_section(inputs),
        people_section(inputs, seed),
        alignment_section(inputs),
        *measured_sections(inputs),
        methods_section(inputs),
    ]
    return Page(
        title=inputs.study.config.title,
        subtitle=_subtitle(inputs),
        facts=list(facts(inputs, fits)),
        findings=list(findings(inputs, fits)),
        cautions=cautions(inputs, fits),
        sections=list(filter(None, sections)),
    )


def _subtitle(inputs: Inputs) -> str:
    kinds = set() if inputs.choices is None else set(inputs.choices["kind"])
    tasks = sorted({find_task(run.name.task).name for run in inputs.runs})
    alone = {"anchored": "Study of anchored judgments", "most_alike": "Study of most alike pairs"}
    parts = [alone.get(kinds.pop() if len(kinds) == 1 else "", "Odd-one-out study")]
    if inputs.sessions:
        parts.append(counted(len(inputs.sessions), "session"))
    elif inputs.choices is None and tasks:
        parts = [f"Study with {', '.join(tasks)}"]
    return " · ".join([*parts, f"twoalike {version('twoalike')}"])


_NOUNS = {
    ODD_ONE_OUT: ("odd-one-out trial", ""),
    ANCHORED_CHOICE: ("trial", " of anchored choice"),
    ODD_ONE_OF_MANY: ("odd-one-of-many trial", ""),
    MOST_ALIKE_PAIR: ("most-alike-pair trial", ""),
}
"""A trial of each task of choices, by the task's label: what is counted, and the rest."""


def _collection(inputs: Inputs) -> str:
    """Say how many people did what, and by which software, as the manifests name it."""
    trials, others = dict.fromkeys(_NOUNS, 0), []
    for of in inputs.sessions:
        trials[of.task] += of.trials
    for task in map(find_task, task_names()):
        people = [run.name.participant for run in inputs.runs if run.name.task == task.label]
        if people and task.judgments != "choices":
            sessions = counted(len(people), "session")
            who = counted(len(set(people)), "participant")
            others.append(f"{who} did {sessions} of the {task.name} task")
    segments = [segment for run in inputs.runs for segment in run.manifest["segments"]]
    made = [segment["apparatus"] for segment in segments]
    return say(
        "methods.collection",
        people=len({session.participant for session in inputs.sessions}),
        sessions=len(inputs.sessions),
        trials=[counted(n, _NOUNS[task][0]) + _NOUNS[task][1] for task, n in trials.items() if n],
        others=others,
        software=sorted({f"{of['software']} {of['software_version']}".strip() for of in made}),
    )


def _model(inputs: Inputs) -> str:
    if (posterior := inputs.posterior) is None:
        return ""
    engine = str(posterior.attrs.get("engine", "an engine not named in the file"))
    names = {"nuts": "the No-U-Turn sampler", "vi": "variational inference"}
    return say(
        "methods.model",
        people=len(posterior.participants),
        shape=posterior.tree["posterior"].dataset["embedding"].shape,
        engine=names.get(engine, engine),
        prior=posterior.attrs.get("prior"),
        reason=convergence(posterior)[0],
        anchored=inputs.choices is not None and (inputs.choices["kind"] == "anchored").any(),
    )


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
    rows, paragraph = [], [_collection(inputs), _model(inputs)]
    # Not the study's seed: a report is published, and with the seed codes can be found.
    if (posterior := inputs.posterior) is not None:
        rows.append(_source("posterior.nc", posterior.attrs.get("provenance", {}), "twoalike fit"))
    if (results := inputs.results) is not None:
        kinds = sorted({network.similarity for network in results.networks})
        paragraph.append(say("methods.scoring", results=results, kinds=kinds))
        rows.append(_source("results.json", results.provenance(), "twoalike evaluate"))
    paragraph.append(f"Analysed with twoalike {version('twoalike')}.")
    blocks: list[Block] = [Text(" ".join(filter(None, paragraph)))]
    if rows:
        frame = pd.DataFrame(rows).set_index("file")
        blocks.append(Grid("What the numbers of this report come from.", frame))
    return section("methods", *blocks)
