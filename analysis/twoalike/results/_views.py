"""Tables of the main figures: what terminal, notebook and report show of a frame of results.

A cell is a figure and, in a second line, its interval. :data:`VIEWS` declares the tables of
networks; the others have a row per level.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import pandas as pd

from twoalike.evaluation import CHOICE_MEASURES
from twoalike.results._frame import Judged, Row
from twoalike.results._model import Saved, TableView
from twoalike.study import counted, declared

FEW_CLASSES = 6
"""Below these tables show the interval over images: so few classes say little of others."""
STAR = "*"
"""Marks such an interval."""
LOSS = 0.01
"""A network that scores lower than the first by more than this may have lost ability."""
ABILITIES = ("few_shot", "linear_probe", "shift_new")
"""Measures of transfer that a summary shows."""

VIEWS: Mapping[str, Any] = declared("twoalike.results", "views.toml")
"""Tables with a row per network: columns, what these are held against, and a note."""
AGREEMENT: Mapping[str, str] = VIEWS["agreement"]
"""How people agree -> its measure, below those of ceilings."""
BOUNDS: Mapping[str, str] = VIEWS["bounds"]
"""No predictor can do better, on average -> its measure, below those of ceilings."""


def cell(row: Row | None, form: str = ".3f", star: str = "") -> str:
    """Write a figure and, below it, its interval; nothing where there is no figure."""
    if row is None:
        return ""
    if row.low is None or row.high is None:
        return f"{row.value:{form}}"
    return f"{row.value:{form}}\n{row.low:{form}} to {row.high:{form}}{star}"


def shown(results: Saved, source: Any, name: str = "", question: str = "") -> str:
    """Write the cell of a network, of a source in :data:`VIEWS`; of a noise ceiling, its ends."""
    if isinstance(source, float):
        return f"{source:.3f}"
    measure, form = (source, ".3f") if isinstance(source, str) else source
    if measure.endswith(".ceiling"):
        ends = [results.at(f"{measure}.{end}") for end in ("lower", "upper")]
        return " to ".join(cell(end) for end in ends if end)
    if measure.endswith(".guessing"):  # of the answers that the posterior predicts
        name = "posterior"
    return cell(results.at(measure.format(question), name), form)


def table(
    results: Saved, kind: str, title: str, *, part: str, names: Sequence[str], question: str = ""
) -> TableView:
    """Make a table of :data:`VIEWS`; columns without any figure are left out, and such rows."""
    view = VIEWS[kind]
    columns, note = dict(view["columns"]), view.get("note", "").strip()
    if kind == "choices":  # measures that are in no view
        others = (name for name in CHOICE_MEASURES if name not in ("accuracy", "log_loss"))
        columns |= {name.replace("_", " "): f"{{}}.{name}" for name in others}
    rows = {name: [shown(results, of, name, question) for of in columns.values()] for name in names}
    for label, cells in view.get("against", {}).items():
        found = {head: shown(results, of, question=question) for head, of in cells.items()}
        if any(found.values()):
            rows[label] = [found.get(head, "") for head in columns]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns), dtype=object)
    frame = frame.rename_axis("network").loc[:, (frame != "").any()]
    return TableView(title, frame, part, note.format(first=(*results.names, "")[0]))


def _of_whom(results: Saved, part: str, judged: Judged) -> str:
    """Title of a table of judgments: how many of what by whom, and what was left out."""
    rated = part in ("rdm", "ratings", "sortings")
    of = many(judged)
    if part == "rdm":
        of = "Arrangements" if judged.kind == "arrangement" else "Dissimilarities"
    if part == "ratings":
        of += f" of {counted(judged.items or 0, 'pair')}"
    on = f"on {counted(judged.items or 0, 'set')}"
    if judged.objects is not None:
        on = f"{'of' if rated else 'on'} {counted(judged.objects, 'object')}"
    out = [f"{n:,} {reason.replace('_', ' ')}" for reason, n in judged.left_out.items() if n]
    title = f"{of} by {counted(judged.participants, 'participant')} {on}"
    title += f" (left out: {', '.join(out)})" if out else ""
    kind = "arrangements" if part == "rdm" else part if rated else "choices"
    return results.titled(kind, title)


def many(judged: Judged) -> str:
    """How many judgments of what kind."""
    of = counted(judged.judgments or 0, judged.kind)
    return f"{of} ({judged.question})" if judged.question else of


def results_tables(results: "Results") -> Iterator[TableView]:
    """Every kind of judgments, ceilings, calibration and structure, as far as there are any."""
    asked = results.questions
    for part in (*asked, *(part for part in results.judged if part not in asked)):
        title = _of_whom(results, part, results.judged[part])
        kind = "choices" if part in asked else part
        names = _with_posterior(results, f"{part}.guessing")
        yield table(results, kind, title, part=part, names=names, question=part)
    for question in asked:
        kind = f", {question.replace('_', '-')}" if len(asked) > 1 else ""
        yield from _ceilings(results, question, kind)
        if results.has(f"{question}.uncertainty"):
            yield calibration_table(results, question, kind)
    if len(results.names) > 1:
        first, *others = results.names
        if names := [name for name in others if results.at("structure.debiased_cka", name)]:
            title = f"Features beside {first}"
            yield table(results, "structure", title, part="structure", names=names)
        yield from _abilities(results)
    if results.levels("ability.few_shot"):
        yield both_sides(results, likeness(results))


def _with_posterior(results: Saved, measure: str) -> list[str]:
    """Networks, and the posterior where it has a figure."""
    return [*results.names, *(["posterior"] if results.at(measure, "posterior") else [])]


def majority_table(results: "Results", question: str) -> TableView | None:
    """Score against majorities of four answers; None where no triplet has enough of them."""
    measure = f"{question}.majority.accuracy"
    rows = [row for name in results.names if (row := results.at(measure, name))]
    if not rows:
        return None
    title = f"Against majorities, {counted(rows[0].n or 0, 'triplet')}"
    return table(results, "majority", title, part="", names=results.names, question=question)


def _ceilings(results: "Results", question: str, kind: str) -> Iterator[TableView]:
    keys = {**BOUNDS, **AGREEMENT}
    found = {name: cell(results.at(f"{question}.ceilings.{key}")) for name, key in keys.items()}
    frame = pd.DataFrame({"accuracy": {name: text for name, text in found.items() if text}})
    if len(frame):
        yield TableView(f"How well people agree, and a model could{kind}", frame, "ceilings")


def calibration_table(results: "Results", question: str, kind: str = "") -> TableView:
    """Calibration, and uncertainty beside people's."""
    measure, part = f"{question}.uncertainty.entropy.mean", "uncertainty"
    names = _with_posterior(results, measure)
    view = table(results, part, f"Calibration{kind}", part=part, names=names, question=question)
    known = results.at(measure, "posterior")
    if known and known.n not in (None, results.judged[question].judgments):
        label = f"posterior, on {counted(known.n or 0, 'choice')} that it knows"
        view = replace(view, frame=view.frame.rename({"posterior": label}))
    return view


def ability_rows(results: Saved) -> list[tuple[str, str]]:
    """Measure and level of every task of :data:`ABILITIES` that was scored."""
    tasks = (f"transfer.{task}" for task in ABILITIES)
    return [(task, level) for task in tasks for level in results.levels(task)]


def task_estimate(results: Saved, measure: str, name: str, level: str) -> tuple[Row | None, str]:
    """Score of a task, with the interval over classes or, where these are few, over images."""
    row, same = (results.at(f"{measure}{end}", name, level) for end in ("", ".same_classes"))
    if row is None or same is None or (row.n or 0) >= FEW_CLASSES:
        return row, ""
    return same, STAR


def _task_cell(results: Saved, measure: str, name: str, level: str) -> str:
    row, star = task_estimate(results, measure, name, level)
    return cell(row, star=star)


def _abilities(results: "Results") -> Iterator[TableView]:
    """Compare networks in a row per task; intervals are of differences from the first one."""
    tasks = ability_rows(results)
    names = [name for name in results.names if tasks and results.at(tasks[0][0], name, tasks[0][1])]
    if not names:
        return
    first, *others = names
    rows = {}
    for measure, level in tasks:
        scores = {name: results.at(measure, name, level) for name in names}
        cells = [f"{row.value:.3f}" if row else "" for row in scores.values()]
        for place, name in enumerate(others, start=1):
            change = _task_cell(results, f"{measure}.difference", name, level).partition("\n")[2]
            cells[place] = f"{cells[place]}\n{change}".strip() if scores[name] else ""
        rows[level] = cells
    images = results.at("transfer.images")
    n = counted(int(images.value), "image") if images else "images"
    heads = [first, *(f"{name} (minus {first})" for name in others)]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=heads, dtype=object)
    yield TableView(f"What else the features are good for ({n})", frame, "transfer")


def lost_abilities(results: Saved) -> list[str]:
    """Say of every network in how many abilities it scores lower than the first one.

    Lower means by more than :data:`LOSS`, in the tasks of :data:`ABILITIES`. It is a loss where
    the interval of the difference lies below zero; elsewhere no loss is shown.
    """
    tasks, said = ability_rows(results), []
    for name in results.names:
        lower, losses = list[tuple[float, str, str]](), list[tuple[float, str, str]]()
        for task, level in tasks:
            row, _ = task_estimate(results, f"{task}.difference", name, level)
            if row is None or row.value >= -LOSS:
                continue
            known = row.low is not None and row.high is not None
            interval = f"{row.low:.3f} to {row.high:.3f}" if known else "not known"
            lower.append((row.value, level, interval))
            if row.high is not None and row.high < 0:
                losses.append(lower[-1])
        if lower:
            change, level, interval = min(losses or lower)
            where = f"in {len(losses or lower)} of {len(tasks)} measures, most in {level}"
            below = f"scores more than a percentage point below {results.names[0]} {where}"
            said.append(
                f"{name} has lost ability: it {below} ({change:+.3f}; 95 % interval {interval})"
                if losses
                else f"{name} {below} ({change:+.3f}), but no loss is shown: 95 % interval "
                f"{interval if interval == 'not known' else f'from {interval}'}"
            )
    return said


def likeness(results: "Results") -> dict[str, str]:
    """Find the main measure of each kind of judgments, by its name."""
    found = {f"accuracy, {of.replace('_', '-')}": f"{of}.accuracy" for of in results.questions}
    return found | {
        name: measure
        for name, measure in VIEWS["likeness"].items()
        if measure.partition(".")[0] in results.judged and results.names
    }


def both_sides(results: Saved, measures: Mapping[str, str]) -> TableView:
    """Likeness to people and few-shot ability of the same vectors, a row each."""
    task = "ability.few_shot"
    levels, names = results.levels(task), results.names
    names = tuple(name for name in names if results.at(task, name, levels[0]))
    frame = pd.DataFrame(
        {head: [cell(results.at(of, name)) for name in names] for head, of in measures.items()}
        | {level: [_task_cell(results, task, name, level) for name in names] for level in levels},
        index=pd.Index(names, name="network"),
        dtype=object,
    )
    chance = [results.at(f"{task}.chance", level=level) for level in levels]
    frame.loc["chance"] = [*[""] * len(measures), *(cell(row) for row in chance)]
    classes = next(row.n for row in chance if row)
    title = f"Likeness and ability ({classes} classes, nearest class mean)"
    return TableView(title, frame, "ability")


def transfer_tables(results: "TransferResults") -> list[TableView]:
    """One table per kind of task; a row per network."""
    names, tables = results.names, dict[str, list[tuple[str, ...]]]()
    for task, title in VIEWS["tasks"].items():
        measure = f"transfer.{task}"
        for level in results.levels(measure):
            for place, name in enumerate(names):
                score, change = (
                    _task_cell(results, of, name, level)
                    for of in (measure, f"{measure}.difference")
                )
                chance = "" if place else cell(results.at(f"{measure}.chance", level=level))
                row = ("" if place else level, name, score, change, chance)
                tables.setdefault(title, []).append(row)
    columns = ["", "network", "score", f"minus {names[0]}", "chance"]
    return [
        TableView(
            title, pd.DataFrame(rows, columns=columns, dtype=object).set_index(""), "transfer"
        )
        for title, rows in tables.items()
    ]


class Results(Saved):
    """What ``evaluate`` measures of networks and of people.

    Examples
    --------
    >>> results = Results.load("derived/results.json")  # doctest: +SKIP
    >>> results.at("odd_one_out.accuracy", "aligned").value  # doctest: +SKIP
    0.512
    """

    command: ClassVar[str] = "evaluate"

    kind: Literal["results"] = "results"
    """What the file is."""

    @property
    def questions(self) -> tuple[str, ...]:
        """Questions that the choices scored answer."""
        return tuple(name for name in self.judged if name not in ("rdm", "ratings", "sortings"))

    def tables(self) -> list[TableView]:
        """Tables of the main figures, as ``twoalike evaluate`` shows them."""
        return list(results_tables(self))

    def __repr__(self) -> str:
        parts = [*self.judged, *(part for part in ("structure", "transfer") if self.has(part))]
        of = "; ".join(", ".join(each) for each in (self.names, parts) if each)
        return f"<Results: {of}>"


class TransferResults(Saved):
    """What ``transfer`` measures of networks."""

    command: ClassVar[str] = "transfer"

    kind: Literal["transfer"] = "transfer"
    """What the file is."""

    def tables(self) -> list[TableView]:
        """Tables of all measures, as ``twoalike transfer`` shows them."""
        return transfer_tables(self)

    def __repr__(self) -> str:
        kinds = dict.fromkeys(row.measure.split(".")[1] for row in self.rows if row.level)
        return f"<TransferResults: {', '.join(self.names)}; {', '.join(kinds)}>"
