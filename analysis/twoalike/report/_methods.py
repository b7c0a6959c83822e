"""Methods and results as a paper in APA style has them, their references, and what made what.

Every sentence is of the study at hand or absent. A number leads to the section that it is from.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments import is_scored
from twoalike.registry import BUILT_IN, Task, find_task, task_names
from twoalike.report._blocks import Block, Grid, Section, Text, Verbatim, say, section
from twoalike.report._inputs import Inputs, Run
from twoalike.report._observed import sample_section
from twoalike.report._plan import PLAN, departures, read_plan
from twoalike.study import sha256_file
from twoalike.tables import JUDGED


def methods_section(inputs: Inputs, findings: Sequence[str], anchors: Mapping[str, str]) -> Section:
    """Paragraphs to paste into a paper, with the findings as the results, and their sources.

    ``anchors`` are those of the sections on sessions, by label of the task.
    """
    said = [*_collection(inputs, anchors), _model(inputs), _scoring(inputs)]
    said += [_planned(inputs), say("methods.analysis", version=version("twoalike"))]
    methods, results = (_in_apa(filter(None, of)) for of in (said, findings))
    blocks: list[Block] = [Text(methods, title="Methods")]
    if results:
        blocks.append(Text(results, title="Results"))
    cited = [work for work in _works().values() if work["cited"] in f"{methods} {results}"]
    if cited:
        blocks.append(Text("\n".join(map(_listed, cited)), title="References"))
        bibtex = "\n".join(_bibtex(*work) for work in _works().items() if work[1] in cited)
        blocks.append(Verbatim("BibTeX", bibtex))
    if rows := _sources(inputs):
        frame = pd.DataFrame(rows).set_index("file")
        blocks.append(Grid("What the numbers of this report come from.", frame))
    return section("methods", *blocks)


def _in_apa(sentences: Iterator[str]) -> str:
    """One paragraph, with percentages as the APA sets them."""
    return " ".join(sentences).replace("\N{NO-BREAK SPACE}%", "%")


def _collection(inputs: Inputs, anchors: Mapping[str, str]) -> Iterator[str]:
    """Say what was shown, who did what with which software, and who was left out."""
    if (stimuli := inputs.stimuli) is not None:
        kinds = {kind: len(stimuli.of_kind(kind)) for kind in ("image", "word", "sound")}
        levels = {level: stimuli.table[level].nunique() for level in stimuli.levels}
        yield say("methods.stimuli", kinds={k: n for k, n in kinds.items() if n}, levels=levels)
    runs = inputs.runs
    if not runs:
        given = {
            kind[:-1]: (of["participant"].nunique(), int(is_scored(of).sum()))
            for kind, of in inputs.tables.items()
            if kind in ("choices", "ratings")  # a row is one
        }
        yield say("methods.imported", given=given)
        return
    segments = [segment["apparatus"] for run in runs for segment in run.manifest["segments"]]
    group_of = {run.name.participant: run.manifest.get("group") for run in runs}
    groups = pd.Series(group_of).value_counts().sort_index().to_dict()
    sessions = len({(run.name.participant, run.name.session) for run in runs})
    yield say(
        "methods.participants",
        people=len(group_of),
        sessions=sessions,
        groups=groups,
        simulated=len({run.name.participant for run in runs if run.manifest["simulated"]}),
        software=sorted({f"{of['software']} {of['software_version']}".strip() for of in segments}),
    )
    for task in map(find_task, task_names()):
        if of_task := [run for run in runs if run.name.task == task.label]:
            yield _procedure(task, anchors.get(task.label, ""), of_task)
    rule = inputs.study.config.exclusion
    out = [run for run in runs if run.excluded(rule) or run.name.participant in inputs.left_out]
    counts = {"out": len(out), "n": len(runs), "sessions": sessions, "rule": rule}
    yield say("methods.excluded", anchor=next(iter(anchors.values()), ""), **counts)
    if (sample := sample_section(inputs)) is not None:
        table: Any = sample.blocks[0].numbers
        yield say(
            "methods.analysed", of=dict(zip(table["participants"], table["all"], strict=True))
        )


def _procedure(task: Task, anchor: str, runs: Sequence[Run]) -> str:
    """Say what people did in a task, and in how many trials of which kind."""
    trials = [run.rows.drop_duplicates("trial_index") for run in runs]
    counts = [rows["trial_type"].value_counts() for rows in trials]
    kinds = ("main", "repeat", "catch", "practice")
    median = {kind: float(np.median([of.get(kind, 0) for of in counts])) for kind in kinds}
    main = pd.concat([rows[rows["trial_type"].isin(JUDGED)] for rows in trials])
    names = {"sampler", "scale_points"} & {*main}
    used = {name: sorted(main[name].dropna().unique()) for name in names}
    known = task in BUILT_IN
    asked = say(
        f"asked.{task.name if known else 'other'}",
        points=[int(of) for of in used.get("scale_points", ())],
        description=task.description,
    )
    samplers = used.get("sampler", ())
    return say(
        "methods.procedure",
        asked=asked,
        anchor=anchor,
        runs=len(runs),
        median=median,
        samplers=samplers,
    )


def _planned(inputs: Inputs) -> str:
    if (plan := read_plan(inputs.study)) is None:
        return ""
    digest, n = sha256_file(inputs.study.root / PLAN), len(departures(inputs, plan))
    when = {"day": plan.made[:10], "runs": len(inputs.runs)}
    return say("methods.planned", digest=digest, n=n, before=plan.sessions_before, **when)


_AXES = {
    "arrangements": "arranger",
    "dissimilarities": "source",
    "ratings": "rater",
    "sortings": "sorter",
}
"""Of people in a posterior, by the judgments that they gave."""


def _model(inputs: Inputs) -> str:
    if (posterior := inputs.posterior) is None:
        return ""
    attrs, choices = posterior.attrs, inputs.choices
    made, there = attrs.get("provenance", {}), inputs.fitted_to
    others = {kind: len(posterior.labels(axis)) for kind, axis in _AXES.items() if kind in there}
    return say(
        "methods.model",
        people=len(posterior.participants),
        shape=posterior.tree["posterior"].dataset["embedding"].shape,
        engine=str(attrs.get("engine", "")),
        prior=attrs.get("prior"),
        version=made.get("twoalike_version"),
        seed=made.get("seed"),
        state=dict(attrs.get("convergence", {})),
        verdict=posterior.verdict,
        anchored=choices is not None and (choices["kind"] == "anchored").any(),
        distance=inputs.distance,
        weights=posterior.weights is not None,
        terms=list(attrs.get("terms", {})),
        fitted_to=there,
        others=[say(f"likelihoods.{kind}", people=n) for kind, n in others.items()],
    )


def _scoring(inputs: Inputs) -> str:
    if (results := inputs.results) is None:
        return ""
    kinds = sorted({network.similarity for network in results.networks})
    return say("methods.scoring", results=results, kinds=kinds)


@cache
def _works() -> dict[str, dict[str, Any]]:
    text = files("twoalike.report").joinpath("templates/references.toml").read_text("utf-8")
    return tomllib.loads(text)


_ABSENT = {"number": "", "doi": "", "journal": ""}


def _listed(work: Mapping[str, Any]) -> str:
    """One entry of a list of references, as the APA sets it."""
    names = []
    for author in work["author"].split(" and "):
        last, _, first = author.partition(", ")
        initials = " ".join(f"{name[0]}." for name in first.split())
        names.append(f"{last}, {initials}")
    return say("methods.reference", **{**_ABSENT, **work, "names": names})


def _bibtex(key: str, work: Mapping[str, Any]) -> str:
    fields = {name: of for name, of in work.items() if name not in {"cited", "kind"}}
    lines = [f"  {name} = {{{of}}}," for name, of in fields.items()]
    return "\n".join([f"@{work['kind']}{{{key},", *lines, "}", ""])


def _sources(inputs: Inputs) -> list[dict[str, str]]:
    # Not the study's seed: a report is published, and with the seed codes can be found.
    rows = []
    if (posterior := inputs.posterior) is not None:
        rows.append(_source("posterior.nc", posterior.attrs.get("provenance", {}), "twoalike fit"))
    if (results := inputs.results) is not None:
        rows.append(_source("results.json", results.provenance(), "twoalike evaluate"))
    return rows


def _source(name: str, made: Mapping[str, Any], made_by: str) -> dict[str, str]:
    seed, inputs = made.get("seed"), made.get("inputs", {}).values()
    known = ", ".join(f"{of['file']} {of['sha256'][:10]}" for of in inputs)
    return {
        "file": name,
        "made by": made_by,
        "version": str(made.get("twoalike_version", "not said")),
        "seed": "not said" if seed is None else str(seed),
        "inputs (SHA-256 begins)": known or "not said",
    }
