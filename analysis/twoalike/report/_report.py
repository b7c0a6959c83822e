"""The report put together: the first screen, every section in order, methods, and the file.

The first screen says what was collected, what it says, and what to distrust.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import OPTIONS
from twoalike.evaluation import triplet_kinds
from twoalike.judgments import ITEMS, is_scored, object_index
from twoalike.record import check_raw
from twoalike.registry import find_task, task_names
from twoalike.report._beside import side_by_side
from twoalike.report._blocks import (
    Caution,
    Fact,
    Page,
    Section,
    percent,
    render,
    say,
    write_files,
)
from twoalike.report._embedding import (
    dimensions_section,
    map_section,
    people_section,
    similarity_section,
)
from twoalike.report._fit import (
    FitCheck,
    check_dimensions,
    check_fits,
    convergence,
    named_kind,
    observers_section,
    predictions_section,
    times_section,
)
from twoalike.report._inputs import Inputs, read_inputs
from twoalike.report._methods import methods_section
from twoalike.report._observed import (
    clusters_section,
    observed_section,
    reliability_section,
    sample_section,
)
from twoalike.report._plan import plan_section
from twoalike.report._results import alignment_section, measured_sections, saved_section
from twoalike.report._sessions import people_cautions
from twoalike.results import WHOLE, Results, ability_rows, lost_abilities
from twoalike.study import MISSING, Study, atomic_path, check_ending, check_output, counted


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
    other: Study | str | Path | None = None,
    seed: int = 0,
    files: str | Path | None = None,
    images: bool = True,
    allow_problems: bool = False,
) -> Report:
    """Write a study's report as one HTML file, all or nothing.

    Parameters
    ----------
    study
        The study or its folder; whatever its stages have made so far is shown.
    out
        Report to write (.html); report.html in the (first) study if left out, or with two studies
        beside.html.
    other
        A second study, such as a replication: the page then holds it beside the first.
    seed
        Seed of the intervals.
    files
        Folder for every figure as .svg, .pdf and .png (173 mm wide) and every number as .csv.
    images
        Whether to show the study's images.
    allow_problems
        Report on the data as they are, even if twoalike validate finds problems in them.

    """
    studies = [of if isinstance(of, Study) else Study.load(of) for of in (study, other) if of]
    name = "report.html" if other is None else "beside.html"
    path = studies[0].root / name if out is None else Path(out)
    check_ending(path, [".html", ".htm"], "a report")
    check_output(path)
    notes = [note for of in studies for note in check_raw(of, allow_problems=allow_problems)]
    inputs = [read_inputs(of, images=images) for of in studies]
    page = side_by_side(inputs[0], inputs[1], seed) if other else build_page(inputs[0], seed)
    html = render(page)
    if files is not None:
        write_files(page, Path(files))
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Report(path, tuple(notes))


def build_page(inputs: Inputs, seed: int) -> Page:
    """Make every section; what an input is missing for says so in its place."""
    fits = check_fits(inputs, seed)
    tasks = [task for task in map(find_task, task_names()) if task.section]
    of_tasks = {task.label: shown for task in tasks if (shown := task.section(inputs))}
    found, agreed = list(findings(inputs, fits)), list(agreements(inputs))
    sections: list[Section | None] = [
        sample_section(inputs),
        *of_tasks.values(),
        times_section(inputs, fits),
        reliability_section(inputs),
        map_section(inputs),
        clusters_section(inputs),
        dimensions_section(inputs, check_dimensions(inputs, seed)),
        similarity_section(inputs),
        observed_section(inputs),
        predictions_section(inputs, fits),
        observers_section(inputs),
        people_section(inputs, seed),
        alignment_section(inputs),
        *measured_sections(inputs),
        saved_section(inputs),
        plan_section(inputs),
        methods_section(
            inputs, [*agreed, *found], {label: of.anchor for label, of in of_tasks.items()}
        ),
    ]
    return Page(
        title=inputs.study.config.title,
        subtitle=_subtitle(inputs),
        facts=list(facts(inputs, fits)),
        findings=[*found, *agreed],
        cautions=cautions(inputs, fits),
        sections=list(filter(None, sections)),
        images=inputs.images,
    )


def _subtitle(inputs: Inputs) -> str:
    kinds = set() if inputs.choices is None else {*inputs.choices["kind"]} - {"least_like"}
    tasks = sorted({find_task(run.name.task).name for run in inputs.runs})
    parts = ["Study of anchored judgments" if kinds == {"anchored"} else "Odd-one-out study"]
    if set(tasks) - {"odd-one-out"}:
        parts = [f"Study with {', '.join(tasks)}"]
    elif inputs.choices is None and inputs.tables:
        parts = [f"Study of {' and '.join(inputs.tables)}"]
    if came := {(run.name.participant, run.name.session) for run in inputs.runs}:
        parts.append(counted(len(came), "session"))
    return " · ".join([*parts, f"twoalike {version('twoalike')}"])


_FEW_PEOPLE = 5
_FEW_JUDGMENTS = 10
_FEW_WITHIN = 20
_MOST_NAMED = 6


def _coverage(choices: pd.DataFrame) -> tuple[int, int, float]:
    """Objects judged, judgments of the least judged one, share of pairs seen together."""
    codes = np.stack([choices[item].cat.codes.to_numpy(np.int64) for item in ITEMS], axis=1)
    counts = np.bincount(codes.ravel())
    m = int((counts > 0).sum())
    pairs = np.sort(np.concatenate([codes[:, [0, 1]], codes[:, [0, 2]], codes[:, [1, 2]]]), axis=1)
    seen = len(np.unique(pairs, axis=0))
    return m, int(counts[counts > 0].min()), seen / (m * (m - 1) / 2)


def _seldom_within(inputs: Inputs) -> list[str]:
    """Levels of which people judged hardly any triplet within one category."""
    stimuli, choices = inputs.stimuli, inputs.choices
    if stimuli is None or choices is None:
        return []
    triplets, _, ids = object_index(choices)
    if not set(ids) <= set(stimuli.ids):
        return []
    table = stimuli.table.set_index("id").loc[list(ids)]
    named = table[list(stimuli.levels)].where(lambda labels: labels != MISSING)
    levels = [name for name in stimuli.levels if named[name].value_counts().max() >= len(ITEMS)]
    return [
        level
        for level in levels
        if (triplet_kinds(table[level].tolist(), triplets) == "within").sum() < _FEW_WITHIN
    ]


def facts(inputs: Inputs, fits: Sequence[FitCheck]) -> Iterator[Fact]:
    if inputs.choices is not None:
        m, _, pairs = _coverage(inputs.choices)
        people = inputs.choices["participant"].nunique()
        yield Fact(f"{people}", "participant" if people == 1 else "participants")
        yield Fact(f"{len(inputs.choices):,}", "judgments")
        yield Fact(f"{m}", f"objects, {percent(pairs)} of their pairs seen together")
    if inputs.larger_sets:
        yield Fact(f"{inputs.larger_sets:,}", "judgments of more than three items")
    if inputs.choices is None and inputs.sessions:
        yield Fact(f"{len({of.participant for of in inputs.sessions})}", "participants")
        yield Fact(f"{sum(of.trials for of in inputs.sessions):,}", "trials")
    for kind in {*inputs.tables} - {"choices"}:
        if "participant" in (table := inputs.tables[kind]):
            yield Fact(f"{table['participant'].nunique()}", f"participants with {kind}")
        if kind == "ratings":
            yield Fact(f"{is_scored(table).sum():,}", kind)
    for fit in fits:
        which = named_kind(fit.kind, "choices", len(fits) > 1)
        chance = percent(1 / OPTIONS[fit.kind])
        label = f"{which} predicted by the embedding (chance {chance})"
        yield Fact(percent(fit.accuracy.value), label)
    results = inputs.results
    best = _best_network(results, results.questions[0]) if results and results.questions else None
    if results and best and (closed := results.at(f"{results.questions[0]}.gap_closed", best)):
        yield Fact(percent(closed.value), f"of the gap to the ceiling closed by {best}")


def _best_network(results: Results, question: str) -> str | None:
    """Return the most accurate network other than the first, by its whole vector."""
    scores = {
        network.name: row.value
        for network in results.networks[1:]
        if (network.role, network.representation) == ("model", WHOLE)
        and (row := results.at(f"{question}.accuracy", network.name))
    }
    return max(scores, key=scores.__getitem__, default=None)


def agreements(inputs: Inputs) -> Iterator[str]:
    """Say how far people agree, by kind of judgments."""
    for kind, found in inputs.reliable.items():
        rows = {name: of for (_, name), of in found.rows.items()}
        if agreement := say("findings.reliability", kind=kind, rows=rows):
            yield agreement


def findings(inputs: Inputs, fits: Sequence[FitCheck]) -> Iterator[str]:
    for fit in fits:
        chance = 1 / OPTIONS[fit.kind]
        yield say("findings.fit", fit=fit, chance=chance, guessing=-log(chance))
    if inputs.comparison is not None:
        for couple in inputs.comparison.differences[:_MOST_NAMED]:
            yield say("findings.groups", couple=couple)
    if (results := inputs.results) is None:
        return
    for question in results.questions:
        noun = named_kind(question, "judgments", len(results.questions) > 1)
        yield from _changes(results, question, noun)
    of = {name: results.estimate("rdm.spearman", name) for name in results.names}
    ends = [results.at(f"rdm.ceiling.{end}") for end in ("lower", "upper")]
    if structure := say("findings.structure", of=of, ends=ends if all(ends) else None):
        yield structure
    tasks = ability_rows(results)
    if tasks and len(results.names) > 1 and not lost_abilities(results):
        yield say("findings.abilities", n=len(tasks), first=results.names[0])


def _changes(results: Results, question: str, noun: str) -> Iterator[str]:
    """Compare the best network with the first one, on one kind of choices."""
    best, base = _best_network(results, question), results.names[0]
    difference = results.estimate(f"{question}.difference.accuracy", best) if best else None
    if best is None or difference is None:
        return
    shares = [results.at(f"{question}.accuracy", name) for name in (best, base)]
    named: dict[str, Any] = {"best": best, "base": base, "noun": noun}
    yield say("findings.change", **named, shares=shares, difference=difference)
    if scored := results.judged[question].sentence():
        yield scored
    if closed := results.estimate(f"{question}.gap_closed", best):
        yield say("findings.closed", **named, closed=closed)


def cautions(inputs: Inputs, fits: Sequence[FitCheck]) -> list[Caution]:
    """List what to distrust, the gravest first."""
    listed = [*_fit_cautions(inputs, fits), *_data_cautions(inputs), *_result_cautions(inputs)]
    return sorted(listed, key=lambda caution: not caution.grave)


def _caution(name: str, **values: Any) -> Caution:
    return Caution(say(f"cautions.{name}", **values), grave=name == "not_converged")


def _fit_cautions(inputs: Inputs, fits: Sequence[FitCheck]) -> Iterator[Caution]:
    if (posterior := inputs.posterior) is None:
        return
    (reason, divergences), verdict = convergence(posterior), posterior.verdict
    unknown = sum(fit.unknown for fit in fits)
    fitted_to = inputs.made_from(posterior.attrs.get("provenance", {}), "choices")
    found = {
        "not_converged": verdict.predictions is False,
        "convergence_unknown": verdict.predictions is None,
        "rough_intervals": bool(verdict.predictions) and not verdict.intervals,
        "divergences": divergences > 0,
        "other_judgments": fitted_to is False,
        "stale_comparison": inputs.stale_comparison,
        "unknown": unknown > 0,
    }
    values = {"reason": reason, "divergences": divergences, "unknown": unknown}
    yield from (_caution(name, **values) for name, there in found.items() if there)


def _data_cautions(inputs: Inputs) -> Iterator[Caution]:
    simulated = {session.participant for session in inputs.sessions if session.simulated}
    if simulated:
        everyone = len(simulated) == len({session.participant for session in inputs.sessions})
        yield _caution("simulated", n=len(simulated), everyone=everyone)
    if (choices := inputs.choices) is not None:
        people = choices["participant"].nunique()
        if people < _FEW_PEOPLE:
            yield _caution("few_people", people=people)
        m, least, _ = _coverage(choices)
        if least < _FEW_JUDGMENTS:
            yield _caution("few_judgments", m=m, least=least)
    if inputs.larger_sets:
        yield _caution("larger_sets", n=inputs.larger_sets)
    if seldom := _seldom_within(inputs):
        yield _caution("seldom_within", few=_FEW_WITHIN, levels=seldom)
    said = list(people_cautions(inputs))
    yield from map(Caution, said[:_MOST_NAMED])
    if len(said) > _MOST_NAMED:
        yield _caution("more", n=len(said) - _MOST_NAMED)


def _result_cautions(inputs: Inputs) -> Iterator[Caution]:
    if (results := inputs.results) is None:
        return
    yield from (Caution(f"{lost}.") for lost in lost_abilities(results))
    said = [of.sentence(kind) for kind, of in results.seen.items()]
    yield from map(Caution, filter(None, said))
    if not results.questions:
        return
    if "choices" not in results.seen and inputs.made_from(results.provenance(), "choices"):
        yield _caution("own_judgments")
    if results.judged[results.questions[0]].participants == 1:
        yield _caution("one_participant")
