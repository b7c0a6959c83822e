"""Sections on agreement: the embedding's predictions, and networks before and after alignment."""

from collections.abc import Iterator, Mapping, Sequence
from math import log

from twoalike.ceilings import SubsetCeilings
from twoalike.choice import OPTIONS
from twoalike.figures import (
    BOUND,
    PEOPLE,
    Line,
    alignment_chart,
    dot,
    model_colours,
    reliability_curve,
    structure_chart,
)
from twoalike.report._blocks import (
    DASH,
    Block,
    Grid,
    Missing,
    Picture,
    Section,
    Text,
    Verbatim,
    estimates,
    lines_picture,
    number,
    percent,
    signed,
    span,
)
from twoalike.report._fit import FitCheck, named_kind
from twoalike.report._inputs import Inputs
from twoalike.report._judged import judged_blocks
from twoalike.report._people import NO_POSTERIOR
from twoalike.results import AgreementParts, JudgmentCounts, ModelScores, Results
from twoalike.study import counted

ANSWERS = {"odd_one_out": "the odd one", "anchored": "more like the reference"}
"""What the chosen object is called, by kind of choice."""
_ASKED = {"odd_one_out": "the odd one", "anchored": "the one more like the reference"}
_FEWEST_CHOICES = 20
"""Of a subset, below which its accuracy says nothing; results.json has them all."""


def what_predicts(fit: FitCheck) -> str:
    """State whether the embedding was fitted to the judgments that it predicts."""
    if not fit.fitted:
        return "The embedding was fitted to other judgments than these."
    if not fit.left_out:
        return (
            "The embedding was fitted to these very judgments, and has too few draws to leave one "
            "out: it looks less sure than it is."
        )
    doubt = ""
    if fit.k_high:
        doubt = f"; for {percent(fit.k_high)} of them that is inexact (Pareto k)"
    return (
        "Each judgment is left out of what predicts it (leave-one-out by importance sampling"
        f"{doubt})."
    )


def predictions_section(inputs: Inputs, fits: Sequence[FitCheck]) -> Section:
    """Reliability curves of the embedding's predictions, one a kind of choices."""
    title, anchor = "Predicted and observed choices", "predictions"
    answers = " or ".join(ANSWERS[fit.kind] for fit in fits) or ANSWERS["odd_one_out"]
    lead = (
        f"If the model is right, of all images it gives a 60 % chance of being {answers}, "
        "people choose 60 %: the dots lie on the dashed line."
    )
    if inputs.posterior is None:
        return Section(anchor, title, lead, [NO_POSTERIOR])
    if not fits:
        words = "There are no choices among three items that the embedding knows."
        return Section(anchor, title, lead, [Text(words)])
    blocks = [block for fit in fits for block in _prediction_blocks(fit, len(fits) > 1)]
    return Section(anchor, title, lead, blocks)


def _prediction_blocks(fit: FitCheck, apart: bool) -> list[Block]:
    """Curve and table of one kind of choices; ``apart``: beside those of the other."""
    noun = named_kind(fit.kind, "judgment", apart)
    worst = max(abs(fit.curve.predicted - fit.curve.observed), default=0.0)
    alt = (
        f"Observed share of choices against predicted probability for "
        f"{counted(fit.choices, noun)}; the largest distance from the line is "
        f"{number(worst, 2)}."
    )
    caption = (
        "Dots: predictions in bins of a tenth; lines: 95 % intervals of the observed share. "
        "Below: how the predictions spread. Participants' own lapse and temperature are used. "
        + what_predicts(fit)
    )
    picture = Picture.draw(
        lambda width: reliability_curve(fit.curve, answer=ANSWERS[fit.kind], width=width),
        alt=alt,
        caption=caption,
        numbers={
            name: getattr(fit.curve, name).tolist()
            for name in ("predicted", "observed", "low", "high")
        },
    )
    options = OPTIONS[fit.kind]
    rows = [
        ["accuracy", span(fit.accuracy, between="\n"), number(1 / options)],
        ["log-loss (nats)", span(fit.log_loss, between="\n"), number(log(options))],
    ]
    table = Grid(
        f"Mean and 95 % interval over participants and objects. {what_predicts(fit)}",
        ("measure", counted(fit.choices, noun), "chance"),
        rows,
        estimates({"accuracy": fit.accuracy, "log_loss": fit.log_loss}),
    )
    return [picture, table]


def _model_row(model: ModelScores) -> list[str]:
    difference, gap = model.difference, model.gap_closed
    change = DASH
    if difference is not None and difference.accuracy is not None:
        change = span(difference.accuracy, signed, "\n")
    temperature = model.temperature
    assert model.accuracy and model.log_loss and temperature  # the model was scored on choices
    fixed = "" if temperature.fitted else " (known)"
    return [
        model.name,
        span(model.accuracy, between="\n"),
        change,
        span(gap, percent, "\n") if gap else DASH,
        span(model.log_loss, between="\n"),
        number(temperature.value, 0 if temperature.value >= 100 else 2) + fixed,
    ]


def _choice_blocks(results: Results, apart: bool) -> list[Block]:
    """Scores on one kind of choices; ``apart``: beside those on the other."""
    models, judgments = results.models, results.judgments
    assert judgments is not None
    first = models[0].name
    alt = f"{judgments.name.capitalize()} accuracy: " + "; ".join(
        f"{model.name} {span(model.accuracy)}" for model in models if model.accuracy
    )
    caption = (
        f"{counted(judgments.choices, named_kind(judgments.kind, 'judgment', apart))} by "
        f"{counted(judgments.participants, 'participant')} on "
        f"{counted(judgments.objects, 'object')}. "
        "Dot: mean. Line: 95 % interval over participants and objects. Dashed: chance."
    )
    in_sample = results.seen["choices"].sentence("choices") if "choices" in results.seen else ""
    for words in filter(None, (judgments.sentence(), in_sample)):
        caption += f" {words}"
    blocks: list[Block] = [
        Picture.draw(
            lambda width: alignment_chart(
                models, judgments.chance, kind=judgments.name, width=width
            ),
            alt=alt + ".",
            caption=caption,
            numbers=estimates(
                {
                    f"{model.name} {measure}": getattr(model, measure)
                    for model in models
                    for measure in ("accuracy", "log_loss")
                }
            ),
        ),
        Grid(
            f"Differences are to {first}, paired on the same judgments. Gap closed: share of the "
            f"way from {first} to the ceiling. Temperature: fitted to all judgments; the log-loss "
            "takes that fitted to the other half.",
            ("network", "accuracy", "difference", "gap closed", "log-loss", "temperature"),
            [_model_row(model) for model in models],
        ),
    ]
    pictures = [_group_picture(results, group) for group in models[0].groups]
    blocks += [picture for picture in pictures if picture is not None]
    if results.agreement:
        blocks += _part_blocks(models, results.agreement, judgments)
    return blocks


def _accuracy_label(judgments: JudgmentCounts) -> str:
    return f"{judgments.name} accuracy (dashed: chance)"


def _part_blocks(
    models: Sequence[ModelScores], parts: Sequence[AgreementParts], judgments: JudgmentCounts
) -> list[Block]:
    """Accuracy by category of the coarsest level, and against majorities."""
    blocks: list[Block] = []
    colours = model_colours(models)
    level = next(iter(parts[0].categories), None)
    if level is not None:
        lines = [
            Line(category, of.accuracy, colours[model.name], dot(model), model.name)
            for category in parts[0].categories[level]
            for model, part in zip(models, parts, strict=True)
            for of in [part.categories[level][category]]
        ]
        alt = "; ".join(
            f"{line.name}: {line.series} {number(line.measure.value)}" for line in lines
        )
        blocks.append(
            lines_picture(
                lines,
                _accuracy_label(judgments),
                reference=judgments.chance.accuracy,
                alt=f"Accuracy of the trials in which a category of {level} occurs. {alt}.",
                caption=(
                    f"Accuracy by {level}: of all trials that show one of its objects. Lines: 95 % "
                    "intervals."
                ),
            )
        )
    majority = {m.name: part.majority for m, part in zip(models, parts, strict=True)}
    if all(of.accuracy for of in majority.values()):
        rows = [[name, span(of.accuracy)] for name, of in majority.items() if of.accuracy]
        first = next(iter(majority.values()))
        caption = (
            f"Scored {first.scoring}: {counted(first.triplets, 'triplet')}. For comparison "
            "with published figures only; every model scores higher so."
        )
        blocks.append(Grid(caption, ("network", "share of majorities named"), rows))
    return blocks


def _group_picture(results: Results, group: str) -> Picture | None:
    """Draw the accuracy in subsets of enough choices; None where there are none."""
    lines, judgments = group_lines(results, group), results.judgments
    if not lines or judgments is None:
        return None
    people = {line.series for line in lines} - {model.name for model in results.models}
    parts = [
        f"{subset}: "
        + ", ".join(f"{of.series} {number(of.measure.value)}" for of in lines if of.name == subset)
        for subset in dict.fromkeys(line.name for line in lines)
    ]
    what = "level of the trial" if group == "level" else f"kind of triplet by {group}"
    return lines_picture(
        lines,
        _accuracy_label(judgments),
        reference=judgments.chance.accuracy,
        alt=f"Accuracy by {what}. " + "; ".join(parts) + ".",
        caption=(
            f"Accuracy by {what}, where there are {_FEWEST_CHOICES} choices or more"
            + (", beside that of people and of the best possible model" if people else "")
            + ". Lines: 95 % intervals. Dashed: chance."
        ),
    )


def group_lines(results: Results, group: str) -> list[Line]:
    """Accuracy of networks, of people and of the best possible model in subsets of the choices."""
    models = results.models
    by_group = results.ceilings.groups if results.ceilings else None
    bounds = (by_group or {}).get(group, {})
    enough = [s for s, of in models[0].groups[group].items() if of.choices >= _FEWEST_CHOICES]
    return [line for subset in enough for line in _subset_lines(models, group, subset, bounds)]


def _subset_lines(
    models: Sequence[ModelScores], group: str, subset: str, bounds: Mapping[str, SubsetCeilings]
) -> Iterator[Line]:
    """Every network on one subset of the choices, then how people agree, and the bound."""
    colours = model_colours(models)
    for model in models:
        name, measure = model.name, model.groups[group][subset].accuracy
        yield Line(subset, measure, colours[name], dot(model), name)
    found = bounds.get(subset)
    for series, key, colour, marker in (
        ("two people", "pair_agreement", PEOPLE, "s"),
        ("best possible", "oracle", BOUND, "D"),
    ):
        if bound := getattr(found, key, None):
            yield Line(subset, bound, colour, marker, series=series)


def _structure_blocks(results: Results) -> list[Block]:
    models, people = results.models, results.rdm
    measures = {model.name: model.rdm for model in models if model.rdm is not None}
    assert people is not None
    alt = "Spearman correlation with the mean person: " + "; ".join(
        f"{name} {span(of.spearman)}" for name, of in measures.items()
    )
    caption = (
        f"Rank correlation with dissimilarities by {counted(people.participants, 'person')} "
        f"of {counted(people.objects, 'object')}."
    ).replace("persons", "people")
    if lacking := people.left_out.get("objects", 0):
        caption += (
            f" {people.objects} of {counted(people.objects + lacking, 'object')} were compared: "
            "those that all networks have features of."
        )
    picture = Picture.draw(
        lambda width: structure_chart(models, people.ceiling, width=width),
        alt=alt + ".",
        caption=caption,
        numbers=estimates({name: of.spearman for name, of in measures.items()})
        | {"mean_over_persons": [of.per_person.mean for of in measures.values()]},
    )
    return [picture]


def alignment_section(inputs: Inputs) -> Section:
    """Networks side by side."""
    title, anchor = "Before and after alignment", "alignment"
    results = inputs.results
    views = results.by_kind() if results else ()
    asked = " or ".join(_ASKED[of.judgments.kind] for of in views if of.judgments)
    lead = "How far networks' similarities agree with people's judgments. "
    if asked or results is None:
        lead = (
            "How often a network, shown the same three images, names "
            f"{asked or _ASKED['odd_one_out']} that people chose. "
        )
    lead += "The ceiling, where there is one, is the simulated people's own space."
    blocks: list[Block] = []
    if results is None:
        blocks.append(Missing("No network has been scored yet.", inputs.scoring_command))
    else:
        for of in views:
            if of.judgments:
                blocks += _choice_blocks(of, len(views) > 1)
        if results.rdm and results.models:
            blocks += _structure_blocks(results)
        blocks += judged_blocks(results)
        if results.ability:
            both = results.both_sides()
            rows = [[f"{cell.text}\n{cell.faint}".strip() for cell in row] for row in both.rows]
            blocks.append(Grid(f"{both.title}, of each vector.", both.columns, rows))
    if inputs.card is not None:
        blocks.append(Verbatim("Model card of the aligned network", inputs.card))
    elif results is not None:
        blocks.append(Text("No model card of an aligned network stands in derived/student."))
    return Section(anchor, title, lead, blocks)
