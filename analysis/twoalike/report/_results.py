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
    replay_chart,
    structure_panels,
    transfer_panel,
)
from twoalike.report._blocks import (
    Block,
    Grid,
    Missing,
    Picture,
    Section,
    Text,
    Verbatim,
    picture,
    say,
    section,
)
from twoalike.report._inputs import Inputs
from twoalike.results import Replay, Results, TableView, calibration_table, majority_table


def alignment_section(inputs: Inputs) -> Section:
    results, blocks = inputs.results, list[Block]()
    if results is None:
        blocks.append(Missing(say("none.results"), inputs.scoring_command))
    else:
        views = results.tables()
        for question in results.questions:
            blocks += _choice_blocks(results, question, views)
        if "rdm" in results.judged and results.names:
            caption = say("alignment.rdm", people=results.judged["rdm"])
            blocks.append(Picture.of(structure_panels(results), caption))
        for kind in ("ratings", "sortings"):
            for view in (view for view in views if view.part == kind):
                caption = f"{view.title}. {say(f'alignment.{kind}')}"
                blocks.append(Picture.of([rated_panel(results, kind)], caption))
                blocks.append(Grid.of(view))
        blocks += [Grid.of(view) for view in views if view.part == "ability"]
    if inputs.card is not None:
        blocks.append(Verbatim("Model card of the aligned network", inputs.card))
    elif results is not None:
        blocks.append(Text(say("alignment.no_card")))
    return section("alignment", *blocks, choices=results is None or bool(results.questions))


def _choice_blocks(results: Results, question: str, views: list[TableView]) -> Iterator[Block]:
    (table,) = (view for view in views if view.part == question)
    in_sample = results.seen["choices"].sentence("choices") if "choices" in results.seen else ""
    said = [say("alignment.choices", title=table.title), results.judged[question].sentence()]
    panels = [accuracy_panel(results, question), log_loss_panel(results, question)]
    yield Picture.of(panels, " ".join(filter(None, [*said, in_sample])))
    yield Grid.of(table)
    levels = results.levels(f"{question}.accuracy")
    for group in dict.fromkeys(level.partition(": ")[0] for level in levels):
        panel = group_panel(results, question, group)
        what = "level of the trial" if group == "level" else f"kind of triplet by {group}"
        people = {line.series for line in panel.lines} - set(results.names)
        if panel.lines:
            caption = say("alignment.group", what=what, people=people)
            yield Picture.of([panel], caption, f"Accuracy by {what}.")
    level, panel = category_panel(results, question)
    if panel.lines:
        caption = say("alignment.category", level=level)
        yield Picture.of([panel], caption, f"Accuracy by {level}.")
    if (majority := majority_table(results, question)) is not None:
        yield Grid.of(majority)


def measured_sections(inputs: Inputs) -> Iterator[Section]:
    if (results := inputs.results) is None:
        return
    for part in ("ceilings", "uncertainty"):
        for question in results.questions or ("odd_one_out",):
            start, kind = f"{question}.{part}", question.replace("_", "-")
            if part == "uncertainty" and results.questions and not results.has(start):
                continue
            of = _measured(inputs, part, results.has(start), list(_of_question(results, start)))
            if question != "odd_one_out":
                title, anchor = f"{of.title}, {kind} judgments", f"{of.anchor}-{kind}"
                of = of._replace(title=title, anchor=anchor)
            yield of
    structure, transfer = list[Block](), list[Block]()
    if (panel := distances_panel(results)).lines:
        caption = say("structure.distances", first=results.names[0])
        structure.append(Picture.of([panel], caption))
    structure += [Grid.of(view) for view in results.tables() if view.part == "structure"]
    yield _measured(inputs, "structure", results.has("structure"), structure)
    if (panel := transfer_panel(results)).lines:
        images = results.at("transfer.images")
        caption = say("transfer.tasks", images=int(images.value) if images else None)
        transfer.append(Picture.of([panel], caption))
    transfer += _not_made(results, "transfer")
    yield _measured(inputs, "transfer", results.has("transfer"), transfer)


def _measured(inputs: Inputs, part: str, there: bool, blocks: list[Block]) -> Section:
    """Section of a part of the results, or why it is not there and how to get it."""
    if there:
        return section(part, *blocks)
    reason = inputs.results.missing.get(part, "") if inputs.results else ""
    more = " --labels stimuli/stimuli.tsv" if part == "transfer" else ""
    return section(part, Missing(f"Not measured: {reason}.", inputs.scoring_command + more))


def saved_section(inputs: Inputs) -> Section | None:
    """Say how many of the study's answers each design would have needed, after `replay`."""
    path = inputs.study.derived / "replay.json"
    if not path.is_file():
        return None
    found = Replay.load(path)
    shown = picture("saved", lambda width: replay_chart(found, width=width), found.frame, of=found)
    return section("saved", shown, *map(Grid.of, found.tables()))


def _of_question(results: Results, start: str) -> Iterator[Block]:
    question, _, part = start.partition(".")
    if not results.has(start):
        return
    if part == "ceilings":
        bounds = results.at(f"{start}.oracle") is not None
        caption = say("ceilings.caption", judged=results.judged[question], bounds=bounds)
        yield Picture.of([ceilings_panel(results, question)], caption)
    else:
        yield Grid.of(calibration_table(results, question))
    yield from _not_made(results, start)


def _not_made(results: Results, start: str) -> list[Block]:
    """Say which figures of a part could not be made, and why."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in results.missing.items():
        if name.startswith(f"{start}."):
            figure = name.removeprefix(f"{start}.").replace("_", " ").replace(".", ": ")
            by_reason.setdefault(reason, []).append(figure)
    said = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())
    return [Text(f"Not made: {said}.", quiet=True)] if said else []
