"""Sections on what was measured beside agreement: ceilings, calibration, structure, transfer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twoalike.calibration import ModelUncertainty
from twoalike.evaluation import Interval
from twoalike.figures import BOUND, PEOPLE, Line, dot, model_colours
from twoalike.report._blocks import (
    DASH,
    Block,
    Grid,
    Missing,
    Section,
    Text,
    lines_picture,
    number,
    percent,
    span,
)
from twoalike.report._inputs import Inputs
from twoalike.results import Results, ability_rows, estimate_at
from twoalike.rsa import Structure
from twoalike.study import counted

BOUNDS = {"best possible, one answer": "oracle", "best possible, majorities": "majority.accepted"}
"""No predictor can do better, on average: the first where answers are scored one by one."""
AGREEMENT = {
    "two people": "pair_agreement",
    "the same person again": "repeats.agreement",
    "leave-one-out, as published": "published.leave_one_out",
    "vanilla, as published": "published.vanilla",
}
"""How people agree; none of these is a bound for a model."""


def measured_sections(inputs: Inputs) -> list[Section]:
    """All of these, once networks were scored; the section on alignment says how."""
    if inputs.results is None:
        return []
    views = [(of, replace(inputs, results=of)) for of in inputs.results.by_kind()]
    of_choices = [
        _of_kind(section(view), of)
        for section in (ceilings_section, uncertainty_section)
        for of, view in views
    ]
    return [*of_choices, structure_section(inputs), transfer_section(inputs)]


def _of_kind(section: Section, results: Results) -> Section:
    """Name the kind of choices that a section is about, unless they are odd-one-out choices."""
    judgments = results.judgments
    if judgments is None or judgments.kind == "odd_one_out":
        return section
    title = f"{section.title}, {judgments.name} judgments"
    return replace(section, title=title, anchor=f"{section.anchor}-{judgments.name}")


def _part(inputs: Inputs, name: str) -> tuple[Any, list[Block]]:
    """Read a part of results.json, or the block that says how to get it."""
    found = getattr(inputs.results, name)
    if found is None:
        missing = inputs.results.missing if inputs.results else {}
        reason = missing.get(name, "this results.json is of an older version")
        more = " --labels stimuli/stimuli.tsv" if name == "transfer" else ""
        return None, [Missing(f"Not measured: {reason}.", inputs.scoring_command + more)]
    return found, []


def _why(missing: Mapping[str, str]) -> list[Block]:
    """Say what could not be made, and why."""
    if not missing:
        return []
    by_reason: dict[str, list[str]] = {}
    for name, reason in missing.items():
        by_reason.setdefault(reason, []).append(name.replace("_", " "))
    said = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())
    return [Text(f"Not made: {said}.", quiet=True)]


def ceilings_section(inputs: Inputs) -> Section:
    """How well people agree, and how well any model could agree with them."""
    title, anchor = "Ceilings", "ceilings"
    lead = (
        "How often the best possible predictor would be right about answers like these, and how "
        "often people are. Leave-one-out agreement is no upper bound: people answer with noise; "
        "a model that knows their probabilities can be right more often than a person."
    )
    found, blocks = _part(inputs, "ceilings")
    if found is None or inputs.results is None:
        return Section(anchor, title, lead, blocks)
    lines, judgments = ceiling_lines(inputs.results), inputs.results.judgments
    assert judgments is not None  # which ceilings are about
    alt = "; ".join(f"{line.name} {span(line.measure)}" for line in lines)
    caption = (
        "Dots: networks, scored on single answers. Squares: people "
        f"({counted(found.choices, 'answer')} to {counted(found.triplets, 'triplet')})."
    )
    if any(estimate_at(found, keys) for keys in BOUNDS.values()):
        caption += (
            " Diamonds: bounds, through the distribution of choice probabilities that explains "
            "the votes best; their lines hold what few votes leave open. Majority scores compare "
            "with the last bound only."
        )
    blocks = [
        lines_picture(
            lines,
            "share right",
            reference=judgments.chance.accuracy,
            alt=f"Accuracy of networks, people and bounds: {alt}.",
            caption=caption,
        ),
        *_why(found.missing),
    ]
    return Section(anchor, title, lead, blocks)


def ceiling_lines(results: Results) -> list[Line]:
    """Accuracy of every network, then how people agree, and the bounds."""
    colours = model_colours(results.models)
    lines = [
        Line(model.name, model.accuracy, colours[model.name], dot(model))
        for model in results.models
        if model.accuracy
    ]
    for rows, colour, marker in ((AGREEMENT, PEOPLE, "s"), (BOUNDS, BOUND, "D")):
        measures = {name: estimate_at(results.ceilings, keys) for name, keys in rows.items()}
        lines += [Line(name, of, colour, marker) for name, of in measures.items() if of]
    return lines


def uncertainty_section(inputs: Inputs) -> Section:
    """Calibration, and models' uncertainty against people's."""
    title, anchor = "Uncertainty", "uncertainty"
    lead = (
        "A calibrated model is right in 60 % of the trials in which it gives its likeliest answer "
        "60 %. Its uncertainty is human-like if it is unsure where people disagree or take long."
    )
    found, blocks = _part(inputs, "uncertainty")
    if found is None or inputs.results is None:
        return Section(anchor, title, lead, blocks)
    names = [model.name for model in inputs.results.models]
    rows = list(zip(names, found.models, strict=True))
    if found.posterior:
        known = found.posterior.choices
        on = "" if known is None else f" ({counted(known, 'judgment')} that it knows)"
        rows.append((f"embedding{on}", found.posterior))
    cells = [_uncertainty_row(name, of) for name, of in rows]
    columns = (
        "",
        "calibration error",
        "Brier score",
        "entropy (nats)",
        "with people's",
        "with time",
    )
    caption = (
        "Calibration error: of the likeliest answer, in ten bins, less what chance alone gives. "
        "With people's: rank correlation of entropies over triplets with three votes or more. With "
        "time: rank correlation of entropy and response time over trials, within participants."
    )
    reasons: dict[str, str] = {}
    for _, of in rows:
        reasons |= of.missing
    return Section(anchor, title, lead, [Grid(caption, columns, cells), *_why(reasons)])


def _uncertainty_row(name: str, of: ModelUncertainty) -> list[str]:
    human = estimate_at(of, "entropy.people.posterior.all")
    slow = estimate_at(of, "response_time.trials.all")
    return [
        name,
        span(of.calibration.error.top.debiased, between="\n"),
        span(of.calibration.brier, between="\n"),
        span(of.entropy.mean, between="\n"),
        span(human, between="\n") if human else DASH,
        span(slow, between="\n") if slow else DASH,
    ]


def structure_section(inputs: Inputs) -> Section:
    """Show what alignment did to the features."""
    title, anchor = "Similarity structure", "structure"
    found, blocks = _part(inputs, "structure")
    lead = (
        "What became of the distances between images: those within a category should shrink, those "
        "between categories grow. CKA and kept neighbours say how much of the old features is left."
    )
    if found is None or inputs.results is None:
        return Section(anchor, title, lead, blocks)
    lines = distance_lines(inputs.results)
    if lines:
        alt = "; ".join(f"{line.series} {line.name} {span(line.measure, _tenth)}" for line in lines)
        blocks.append(
            lines_picture(
                lines,
                "change of distance (%)",
                reference=0.0,
                digits=1,
                alt=f"Change of distances in percent: {alt}.",
                caption=(
                    f"Distances in units of the mean over all pairs, beside {found.reference}. "
                    "Lines: 95 % intervals over classes. Dashed: no change."
                ),
            )
        )
    if len(found.models) > 1:
        blocks.append(_kept_features(found))
    return Section(anchor, title, lead, blocks)


def distance_lines(results: Results) -> list[Line]:
    """How each network changed the distances of each kind of pair, kind by kind."""
    colours = model_colours(results.models)
    lines = []
    for of in results.structure.models if results.structure else ():
        for kind, change in (of.distances.kinds if of.distances else {}).items():
            if change.percent:
                name = of.name
                lines.append(Line(kind, change.percent, colours[name], series=name))
    order = list(dict.fromkeys(line.name for line in lines))
    return sorted(lines, key=lambda line: order.index(line.name))


def _kept_features(found: Structure) -> Grid:
    """How much of the reference's features each other network kept."""
    rows = [
        [
            of.name,
            number(of.cka) if of.cka is not None else DASH,
            number(of.debiased_cka) if of.debiased_cka is not None else DASH,
            percent(of.neighbours.value) if of.neighbours else DASH,
            span(of.posterior.spearman, between="\n") if of.posterior else DASH,
        ]
        for of in found.models[1:]
    ]
    columns = ("network", "CKA", "debiased CKA", "neighbours kept", "with the embedding")
    caption = (
        f"Beside {found.reference}, over {counted(found.objects, 'object')}. With the "
        "embedding: rank correlation with its dissimilarities, averaged over draws."
    )
    return Grid(caption, columns, rows)


def _tenth(value: float) -> str:
    return number(value, 1)


def transfer_section(inputs: Inputs) -> Section:
    """Show what else the features are good for."""
    title, anchor = "Transfer", "transfer"
    lead = (
        "Whether aligned features still serve other tasks: telling classes from few images, from "
        "many, and classes whose test images are of subclasses that were never learnt from."
    )
    found, blocks = _part(inputs, "transfer")
    if found is None or inputs.results is None:
        return Section(anchor, title, lead, blocks)
    lines = transfer_lines(inputs.results)
    if lines:
        alt = "; ".join(f"{line.series} {line.name} {number(line.measure.value)}" for line in lines)
        blocks.append(
            lines_picture(
                lines,
                "share right",
                alt=f"Transfer: {alt}.",
                caption=(
                    f"{counted(found.images, 'image')}. Accuracy, balanced over classes, and "
                    "how near the nearest images are in the tree of labels. Lines: 95 % over "
                    "other images of the same classes."
                ),
            )
        )
    return Section(anchor, title, lead, [*blocks, *_why(found.missing)])


def transfer_lines(results: Results) -> list[Line]:
    """Measures of transfer that have a row in the chart, network by network."""
    colours = model_colours(results.models)
    lines = []
    for measure, row in ability_rows(results.transfer) if results.transfer else ():
        for model in measure.models:
            ends = model.same_classes or model
            low, high = (model.value if end is None else end for end in (ends.low, ends.high))
            estimate = Interval(model.value, low, high)
            lines.append(Line(row, estimate, colours[model.name], series=model.name))
    return lines
