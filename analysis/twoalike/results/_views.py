"""Tables of the main figures: what terminal, notebook and report show of a frame of results.

A cell is a figure and, in a second line, its interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import pandas as pd

from twoalike.evaluation import CHOICE_MEASURES
from twoalike.results._frame import Row
from twoalike.results._model import Judged, Saved, TableView
from twoalike.study import counted

FEW_CLASSES = 6
"""Below these tables show the interval over images: so few classes say little of others."""
STAR = "*"
"""Marks such an interval."""
LOSS = 0.01
"""A network that scores lower than the first by more than this has lost ability."""
AGREEMENT = {
    "two people": "pair_agreement",
    "the same person again": "repeats.agreement",
    "attention checks": "catches.agreement",
    "leave-one-out, as published": "published.leave_one_out",
    "vanilla, as published": "published.vanilla",
    "majority of the others": "leave_one_out",
}
"""How people agree -> its measure, below those of ceilings."""
BOUNDS = {
    "best possible, against one answer": "oracle",
    "best possible, against majorities": "majority.accepted",
}
"""No predictor can do better, on average -> its measure, below those of ceilings."""
ABILITIES = ("few_shot", "linear_probe", "shift_new")
"""Measures of transfer that a summary shows."""
_TASKS = {
    "few_shot": "Few-shot classification, accuracy",
    "linear_probe": "Linear probe, balanced accuracy",
    "shift_seen": "New subclasses, balanced accuracy",
    "shift_new": "New subclasses, balanced accuracy",
    "shift_drop": "New subclasses, balanced accuracy",
    "other_set": "Another set of images, balanced accuracy",
}
"""Measure of transfer -> title of its table."""

type Column = str | tuple[str, str]
"""Measure, and the format of its figures."""


def cell(row: Row | None, form: str = ".3f", star: str = "") -> str:
    """Write a figure and, below it, its interval; nothing where there is no figure."""
    if row is None:
        return ""
    if row.low is None or row.high is None:
        return f"{row.value:{form}}"
    return f"{row.value:{form}}\n{row.low:{form}} to {row.high:{form}}{star}"


def table(
    results: Saved,
    title: str,
    columns: Mapping[str, Column],
    *,
    more: Mapping[str, Mapping[str, str]] | None = None,
    names: Sequence[str] | None = None,
    part: str = "",
    note: str = "",
) -> TableView:
    """Make a table with a row per network, then rows of other cells, by column.

    Columns without any figure are left out, and so are further rows without any.
    """
    forms = {head: of if isinstance(of, tuple) else (of, ".3f") for head, of in columns.items()}
    rows = {
        name: [cell(results.at(measure, name), form) for measure, form in forms.values()]
        for name in (results.names if names is None else names)
    }
    for label, cells in (more or {}).items():
        if any(cells.values()):
            rows[label] = [cells.get(head, "") for head in forms]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(forms), dtype=object)
    frame = frame.rename_axis("network")
    return TableView(title, frame.loc[:, (frame != "").any()], part, note)


def _chance(results: Saved, question: str) -> dict[str, str]:
    keys = {"accuracy": "accuracy", "log-loss": "log_loss"}
    return {head: cell(results.at(f"{question}.chance.{of}")) for head, of in keys.items()}


def _of_whom(results: Saved, part: str, judged: Judged) -> str:
    """Title of a table of judgments: how many of what by whom, and what was left out."""
    of = many(judged)
    if part == "rdm":
        of = "Arrangements" if judged.kind == "arrangement" else "Dissimilarities"
    if part == "ratings":
        of += f" of {counted(judged.items or 0, 'pair')}"
    who = counted(judged.participants, "participant")
    if judged.objects is not None:
        on = f"{'of' if part in ('rdm', 'ratings', 'sortings') else 'on'} "
        on += counted(judged.objects, "object")
    else:
        on = f"on {counted(judged.items or 0, 'set')}"
    out = [f"{n:,} {reason.replace('_', ' ')}" for reason, n in judged.left_out.items() if n]
    title = f"{of} by {who} {on}" + (f" (left out: {', '.join(out)})" if out else "")
    kind = {"rdm": "arrangements", "ratings": "ratings", "sortings": "sortings"}
    return results.titled(kind.get(part, "choices"), title)


def many(judged: Judged) -> str:
    """How many judgments of what kind."""
    of = counted(judged.judgments or 0, judged.kind)
    return f"{of} ({judged.question})" if judged.question else of


def results_tables(results: "Results") -> list[TableView]:
    """Every kind of judgments, ceilings, calibration and structure, as far as there are any."""
    asked = results.questions
    tables = [choices_table(results, question) for question in asked]
    tables += [rated_table(results, part) for part in _RATED if part in results.judged]
    for question in asked:
        kind = f", {question.replace('_', '-')}" if len(asked) > 1 else ""
        tables += _ceilings(results, question, kind)
        if results.has(f"{question}.uncertainty"):
            tables.append(calibration_table(results, question, kind))
    if len(results.names) > 1:
        tables += [*structure_tables(results), *_abilities(results)]
    if results.levels("ability.few_shot"):
        tables.append(both_sides(results, likeness(results)))
    return tables


def choices_table(results: "Results", question: str) -> TableView:
    """Scores on the choices that answer one question."""
    columns: dict[str, Column] = {
        "accuracy": f"{question}.accuracy",
        "difference": (f"{question}.difference.accuracy", "+.3f"),
        "log-loss": f"{question}.log_loss",
        "temperature": (f"{question}.temperature", ".3g"),
        "gap closed": (f"{question}.gap_closed", ".0%"),
        "calibration error": f"{question}.calibration.error.debiased",
    }
    others = (name for name in CHOICE_MEASURES if name not in ("accuracy", "log_loss"))
    columns |= {name.replace("_", " "): f"{question}.{name}" for name in others}
    first = results.names[0]
    note = (
        f"Differences are to {first}, paired on the same judgments. Gap closed: share of the way "
        f"from {first} to the ceiling. Temperature: fitted to all judgments; the log-loss takes "
        "that fitted to the other half."
    )
    title = _of_whom(results, question, results.judged[question])
    more = {"chance": _chance(results, question)}
    return table(results, title, columns, more=more, part=question, note=note)


def majority_table(results: "Results", question: str) -> TableView | None:
    """Score against majorities of four answers; None where no triplet has enough of them."""
    measure = f"{question}.majority.accuracy"
    rows = [row for name in results.names if (row := results.at(measure, name))]
    if not rows:
        return None
    title = f"Against majorities, {counted(rows[0].n or 0, 'triplet')}"
    note = (
        "Any of tied answers counts as right. For comparison with published figures only; every "
        "model scores higher so."
    )
    return table(results, title, {"share of majorities named": measure}, note=note)


def _span(results: "Results", part: str) -> str:
    """Return the ends of a noise ceiling."""
    ends = [results.at(f"{part}.ceiling.{end}") for end in ("lower", "upper")]
    return " to ".join(f"{end.value:.3f}" for end in ends if end)


_OVER = "Spearman, mean over people"
_AREA, _RAND = "area, mean over people", "adjusted Rand index"
_RATED: Mapping[str, tuple[dict[str, Column], dict[str, tuple[str, str]], str]] = {
    "rdm": (
        {
            "Spearman, mean person": "rdm.spearman",
            "rho-a": "rdm.rho_a",
            _OVER: "rdm.per_person.mean",
            "weighted by evidence": "structure.weighted_spearman",
        },
        {},
        "",
    ),
    "ratings": (
        {
            "Spearman, mean rater": "ratings.spearman",
            "rho-a": "ratings.rho_a",
            _OVER: "ratings.per_person.mean",
            "log-loss": "ratings.log_loss",
        },
        {"the same person again": (_OVER, "ratings.repeats.spearman")},
        "With the mean rater: ranks of each rater's answers, averaged. Rho-a: ties broken at "
        "random. Log-loss: of a rating under the embedding, in nats.",
    ),
    "sortings": (
        {
            _AREA: "sortings.area.mean",
            "Spearman, share together": "sortings.spearman",
            _RAND: "",
            "log-loss": "sortings.log_loss",
        },
        {
            "two people": (_RAND, "sortings.agreement"),
            "the same person again": (_RAND, "sortings.repeats"),
        },
        "Area: under the curve, 0.5 by chance. Together: Spearman's correlation with the share of "
        "people who put a pair into one pile. Adjusted Rand index: agreement of two sortings, 0 by "
        "chance. Log-loss: of the choice of a pile under the embedding, in nats.",
    ),
}
"""Kind of judgments -> columns; how people agree, by column; note."""


def rated_table(results: "Results", part: str) -> TableView:
    """Scores on dissimilarities, ratings or sortings, and the noise ceiling."""
    columns, agreement, note = _RATED[part]
    main = _OVER if _OVER in columns else _AREA
    guessing = results.at(f"{part}.guessing", "posterior")
    names = [*results.names, *(["posterior"] if guessing else [])]
    more = {"noise ceiling": {main: _span(results, part)}}
    if part == "sortings":
        more = {"chance": {head: "0.500" if head == main else "0.000" for head in columns}} | more
        more["chance"].pop("log-loss")
    more |= {label: {head: cell(results.at(of))} for label, (head, of) in agreement.items()}
    more["guessing"] = {"log-loss": cell(guessing)}
    title = _of_whom(results, part, results.judged[part])
    return table(results, title, columns, more=more, names=names, part=part, note=note)


def _ceilings(results: "Results", question: str, kind: str) -> Iterator[TableView]:
    keys = {**BOUNDS, **AGREEMENT}
    found = {name: cell(results.at(f"{question}.ceilings.{key}")) for name, key in keys.items()}
    frame = pd.DataFrame({"accuracy": {name: text for name, text in found.items() if text}})
    if len(frame):
        yield TableView(f"How well people agree, and a model could{kind}", frame, "ceilings")


def calibration_table(results: "Results", question: str, kind: str = "") -> TableView:
    """Calibration, and uncertainty beside people's."""
    columns: dict[str, Column] = {
        "error, likeliest answer": f"{question}.uncertainty.calibration.error.top.debiased",
        "Brier score": f"{question}.uncertainty.calibration.brier",
        "mean entropy (nats)": f"{question}.uncertainty.entropy.mean",
        "with people's": f"{question}.uncertainty.entropy.people.posterior",
        "with time": f"{question}.uncertainty.response_time.trials",
    }
    names = list(results.names)
    known = results.at(f"{question}.uncertainty.entropy.mean", "posterior")
    view = table(
        results,
        f"Calibration{kind}",
        columns,
        names=[*names, *(["posterior"] if known else [])],
        part="uncertainty",
        note=(
            "Error: calibration error of the likeliest answer in ten bins, less what chance alone "
            "gives. With people's: rank correlation of entropies over triplets with three votes or "
            "more. With time: rank correlation of entropy and response time over trials, within "
            "participants."
        ),
    )
    judged = results.judged[question].judgments
    if known and known.n != judged and known.n is not None:
        label = f"posterior, on {counted(known.n, 'choice')} that it knows"
        view = TableView(view.title, view.frame.rename({"posterior": label}), view.part, view.note)
    return view


def structure_tables(results: "Results") -> Iterator[TableView]:
    """How much of the first network's features the others kept."""
    others = results.names[1:]
    columns: dict[str, Column] = {
        "CKA": "structure.cka",
        "debiased CKA": "structure.debiased_cka",
        "neighbours kept": ("structure.neighbours", ".0%"),
        "with the embedding": "structure.posterior.spearman",
    }
    names = [name for name in others if results.at("structure.cka", name)]
    if names:
        yield table(
            results,
            f"Features beside {results.names[0]}",
            columns,
            names=names,
            part="structure",
            note=(
                "With the embedding: rank correlation with its dissimilarities, averaged over "
                "draws."
            ),
        )


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
    names = [name for name in results.names if tasks and results.at(*_first(tasks[0], name))]
    if not names:
        return
    first, *others = names
    heads = [first, *(f"{name} (minus {first})" for name in others)]
    rows = {}
    for measure, level in tasks:
        cells = [f"{row.value:.3f}" for row in [results.at(measure, first, level)] if row]
        for name in others:
            score = results.at(measure, name, level)
            change = _task_cell(results, f"{measure}.difference", name, level).partition("\n")[2]
            cells.append(f"{score.value:.3f}\n{change}".strip() if score else "")
        rows[level] = cells
    images = results.at("transfer.images")
    n = counted(int(images.value), "image") if images else "images"
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=heads, dtype=object)
    yield TableView(f"What else the features are good for ({n})", frame, "transfer")


def _first(task: tuple[str, str], name: str) -> tuple[str, str, str]:
    return task[0], name, task[1]


def lost_abilities(results: Saved) -> list[str]:
    """Say of every network in how many abilities it scores lower than the first one.

    Lower means by more than :data:`LOSS`, in the tasks of :data:`ABILITIES`.
    """
    tasks, said = ability_rows(results), []
    for name in results.names:
        losses = [
            (row.value, level, _task_cell(results, f"{measure}.difference", name, level))
            for measure, level in tasks
            if (row := results.at(f"{measure}.difference", name, level)) and row.value < -LOSS
        ]
        if losses:
            change, level, shown = min(losses)
            interval = shown.partition("\n")[2].removesuffix(STAR) or "not known"
            said.append(
                f"{name} has lost ability: it scores more than a percentage point below "
                f"{results.names[0]} in {len(losses)} of {len(tasks)} measures, most in {level} "
                f"({change:+.3f}; 95 % interval {interval})"
            )
    return said


def likeness(results: "Results") -> dict[str, str]:
    """Find the main measure of each kind of judgments, by its name."""
    found = {f"accuracy, {of.replace('_', '-')}": f"{of}.accuracy" for of in results.questions}
    others = {
        "Spearman, mean person": "rdm.spearman",
        "Spearman, ratings": "ratings.spearman",
        "area, sortings": "sortings.area.mean",
    }
    return found | {
        name: measure
        for name, measure in others.items()
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
    for task, title in _TASKS.items():
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
        return results_tables(self)

    def __repr__(self) -> str:
        """Networks and judgments in one line."""
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
        """Networks and measures in one line."""
        kinds = dict.fromkeys(row.measure.split(".")[1] for row in self.rows if row.level)
        return f"<TransferResults: {', '.join(self.names)}; {', '.join(kinds)}>"
