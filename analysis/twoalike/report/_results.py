"""Sections of results.json: networks before and after alignment, ceilings, structure, transfer."""

from collections.abc import Iterator

from twoalike.figures import (
    accuracy_panel,
    category_panel,
    ceilings_panel,
    distances_panel,
    group_panel,
    log_loss_panel,
    rated_panel,
    structure_panels,
    transfer_panel,
)
from twoalike.report._blocks import Block, Grid, Missing, Picture, Section, Text, Verbatim
from twoalike.report._inputs import Inputs
from twoalike.results import Results, calibration_table, majority_table
from twoalike.study import counted

_RATED = {
    "ratings": "Mean over raters of Spearman's correlation of similarities and ratings. Squares: "
    "how well the mean of the other raters, and of all, predicts a rater. Lines: 95 % intervals "
    "over raters and objects.",
    "sortings": "How often two images of one pile are more alike to a network than two of "
    "different piles, averaged over people. Squares: the same by the share of the other people, "
    "and of all, who put two images together. Lines: 95 % intervals over people and objects.",
}


def alignment_section(inputs: Inputs) -> Section:
    """Networks side by side."""
    results = inputs.results
    lead = "How far networks' similarities agree with people's judgments. "
    if results is None or results.questions:
        lead = "How often a network, shown the same images, gives the answer that people gave. "
    lead += "The ceiling, where there is one, is the simulated people's own space."
    blocks: list[Block] = []
    if results is None:
        blocks.append(Missing("No network has been scored yet.", inputs.scoring_command))
    else:
        views = results.tables()
        for question in results.questions:
            blocks += _choice_blocks(results, question)
        if "rdm" in results.judged and results.names:
            blocks.append(_structure_picture(results))
        for kind in ("ratings", "sortings"):
            if kind in results.judged:
                view = next(view for view in views if view.part == kind)
                blocks.append(
                    Picture.of([rated_panel(results, kind)], f"{view.title}. {_RATED[kind]}")
                )
                blocks.append(Grid.of(view))
        blocks += [Grid.of(view) for view in views if view.part == "ability"]
    if inputs.card is not None:
        blocks.append(Verbatim("Model card of the aligned network", inputs.card))
    elif results is not None:
        blocks.append(Text("derived/student holds no model card of an aligned network."))
    return Section("alignment", "Before and after alignment", lead, blocks)


def _choice_blocks(results: Results, question: str) -> Iterator[Block]:
    """Scores on one kind of choices: all of them, in parts, and against majorities."""
    table = next(view for view in results.tables() if view.part == question)
    panels = [accuracy_panel(results, question), log_loss_panel(results, question)]
    in_sample = results.seen["choices"].sentence("choices") if "choices" in results.seen else ""
    said = [results.judged[question].sentence(), in_sample]
    caption = f"{table.title}. Dot: mean. Line: 95 % interval over participants and objects."
    yield Picture.of(panels, " ".join(filter(None, [caption, *said])))
    yield Grid.of(table)
    levels = results.levels(f"{question}.accuracy")
    for group in dict.fromkeys(level.partition(": ")[0] for level in levels):
        panel = group_panel(results, question, group)
        what = "level of the trial" if group == "level" else f"kind of triplet by {group}"
        people = {line.series for line in panel.lines} - set(results.names)
        beside = ", beside that of people and of the best possible model" if people else ""
        if panel.lines:
            caption = f"Accuracy by {what}, where there are 20 choices or more{beside}."
            yield Picture.of([panel], f"{caption} Lines: 95 % intervals.", f"Accuracy by {what}.")
    level, panel = category_panel(results, question)
    if panel.lines:
        caption = f"Accuracy by {level}: of all trials that show one of its objects."
        yield Picture.of([panel], f"{caption} Lines: 95 % intervals.", f"Accuracy by {level}.")
    if (majority := majority_table(results, question)) is not None:
        yield Grid.of(majority)


def _structure_picture(results: Results) -> Picture:
    people = results.judged["rdm"]
    whose = "person" if people.participants == 1 else "people"
    caption = (
        f"Rank correlation with dissimilarities by {people.participants} {whose} of "
        f"{counted(people.objects or 0, 'object')}."
    )
    if lacking := people.left_out.get("objects", 0):
        caption += (
            f" {people.objects} of {counted((people.objects or 0) + lacking, 'object')} were "
            "compared: those that all networks have features of."
        )
    return Picture.of(structure_panels(results), caption)


def measured_sections(inputs: Inputs) -> Iterator[Section]:
    """Sections on what was measured beside agreement, once networks were scored."""
    results = inputs.results
    if results is None:
        return
    for make in (_ceilings, _uncertainty):
        for question in results.questions or ("odd_one_out",):
            part = f"{question}.uncertainty"
            if make is _uncertainty and results.questions and not results.has(part):
                continue
            section = make(inputs, results, question)
            kind = question.replace("_", "-")
            if question == "odd_one_out":
                yield section
            else:
                title, anchor = f"{section.title}, {kind} judgments", f"{section.anchor}-{kind}"
                yield Section(anchor, title, section.lead, section.blocks)
    yield _structure(inputs, results)
    yield _transfer(inputs, results)


def _not_measured(inputs: Inputs, part: str) -> Missing:
    """Say that a part of the results is not there, and how to get it."""
    reason = inputs.results.missing.get(part, "") if inputs.results else ""
    more = " --labels stimuli/stimuli.tsv" if part == "transfer" else ""
    return Missing(f"Not measured: {reason}.", inputs.scoring_command + more)


def _not_made(results: Results, start: str) -> list[Block]:
    """Say which figures of a part could not be made, and why."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in results.missing.items():
        if name.startswith(f"{start}."):
            by_reason.setdefault(reason, []).append(
                name.removeprefix(f"{start}.").replace("_", " ").replace(".", ": ")
            )
    said = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())
    return [Text(f"Not made: {said}.", quiet=True)] if said else []


def _ceilings(inputs: Inputs, results: Results, question: str) -> Section:
    """How well people agree, and how well any model could agree with them."""
    lead = (
        "How often the best possible predictor would be right about answers like these, and how "
        "often people are. Leave-one-out agreement is no upper bound: people answer with noise; "
        "a model that knows their probabilities can be right more often than a person."
    )
    start = f"{question}.ceilings"
    if not results.has(start):
        return Section("ceilings", "Ceilings", lead, [_not_measured(inputs, "ceilings")])
    judged = results.judged[question]
    about = counted(judged.items or 0, "set" if judged.question else "triplet")
    caption = (
        "Dots: networks, scored on single answers. Squares: people "
        f"({counted(judged.judgments or 0, 'answer')} to {about})."
    )
    if results.at(f"{start}.oracle"):
        caption += (
            " Diamonds: bounds, through the distribution of choice probabilities that explains "
            "the votes best; their lines hold what few votes leave open. Majority scores compare "
            "with the last bound only."
        )
    picture = Picture.of([ceilings_panel(results, question)], caption)
    return Section("ceilings", "Ceilings", lead, [picture, *_not_made(results, start)])


def _uncertainty(inputs: Inputs, results: Results, question: str) -> Section:
    """Calibration, and models' uncertainty against people's."""
    title, anchor = "Uncertainty", "uncertainty"
    lead = (
        "A calibrated model is right in 60 % of the trials in which it gives its likeliest answer "
        "60 %. Its uncertainty is human-like if it is unsure where people disagree or take long."
    )
    if not results.has(f"{question}.uncertainty"):
        return Section(anchor, title, lead, [_not_measured(inputs, "uncertainty")])
    blocks = [
        Grid.of(calibration_table(results, question)),
        *_not_made(results, f"{question}.uncertainty"),
    ]
    return Section(anchor, title, lead, blocks)


def _structure(inputs: Inputs, results: Results) -> Section:
    """Show what alignment did to the features."""
    title, anchor = "Similarity structure", "structure"
    lead = (
        "What became of the distances between images: those within a category should shrink, those "
        "between categories grow. CKA and kept neighbours say how much of the old features is left."
    )
    if not results.has("structure"):
        return Section(anchor, title, lead, [_not_measured(inputs, "structure")])
    blocks: list[Block] = []
    if (panel := distances_panel(results)).lines:
        caption = (
            "Distances in units of the mean over all pairs, beside "
            f"{results.names[0]}. Lines: 95 % intervals over classes. Dashed: no change."
        )
        blocks.append(Picture.of([panel], caption))
    blocks += [Grid.of(view) for view in results.tables() if view.part == "structure"]
    return Section(anchor, title, lead, blocks)


def _transfer(inputs: Inputs, results: Results) -> Section:
    """Show what else the features are good for."""
    title, anchor = "Transfer", "transfer"
    lead = (
        "Whether aligned features still serve other tasks: telling classes from few images, from "
        "many, and classes whose test images are of subclasses that were never learnt from."
    )
    if not results.has("transfer"):
        return Section(anchor, title, lead, [_not_measured(inputs, "transfer")])
    blocks: list[Block] = []
    if (panel := transfer_panel(results)).lines:
        images = results.at("transfer.images")
        n = counted(int(images.value), "image") if images else "Images"
        caption = (
            f"{n}. Accuracy, balanced over classes. Lines: 95 % over other images of the same "
            "classes."
        )
        blocks.append(Picture.of([panel], caption))
    return Section(anchor, title, lead, [*blocks, *_not_made(results, "transfer")])
