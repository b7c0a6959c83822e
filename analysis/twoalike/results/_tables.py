"""Tables of the main figures: what the terminal and a notebook show of results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from twoalike.choice import OPTIONS, Question
from twoalike.study import counted

if TYPE_CHECKING:
    from twoalike.calibration import Uncertainty
    from twoalike.ceilings import Ceilings
    from twoalike.evaluation import (
        Interval,
        JudgedBy,
        OpenInterval,
        PersonCeiling,
        PredictedJudgments,
        RatingResults,
        SortingResults,
    )
    from twoalike.results._model import JudgmentCounts, Results, SetKindResults
    from twoalike.results._score import ScoredPart, ScoredPerson, Scores
    from twoalike.rsa import Structure
    from twoalike.transfer import Transfer, TransferDifference, TransferMeasure, TransferScore

FEW_CLASSES = 6
"""Below these tables show the interval over images: so few classes say little of others."""
CEILINGS = (
    ("oracle", "best possible, against one answer"),
    ("majority.accepted", "best possible, against majorities"),
    ("pair_agreement", "two people"),
    ("repeats.agreement", "the same person again"),
    ("catches.agreement", "attention checks"),
    ("published.leave_one_out", "leave-one-out, as published"),
    ("published.vanilla", "vanilla, as published"),
)
"""Where a figure is in ``ceilings``, and what its row is called."""
SET_CEILINGS = (
    ("ceilings.oracle", "best possible"),
    ("ceilings.leave_one_out", "majority of the others"),
    ("pair_agreement", "two people"),
    ("repeats", "the same person again"),
)
"""The same of results on larger sets."""
TRANSFER = {
    "few_shot": ("Few-shot classification, accuracy", "{level}, {shots} of a class"),
    "linear_probe": ("Linear probe, balanced accuracy", "{level}"),
    "shift_seen": ("New subclasses, balanced accuracy", "{level}, {subclasses} learnt from"),
    "shift_new": ("New subclasses, balanced accuracy", "{level}, new {subclasses}"),
    "shift_drop": ("New subclasses, balanced accuracy", "{level}, drop"),
    "other_set": ("Another set of images, balanced accuracy", "{level}, {images} images"),
}
"""Measure -> title of its table, and what its row is called."""
ABILITIES = {
    "few_shot": "{level}, {shots} a class",
    "linear_probe": "{level}, linear probe",
    "shift_new": "{level} of new {subclasses}",
}
"""Measures of transfer that a summary shows, and what their rows are called."""
LOSS = 0.01
"""A network that scores lower than the first by more than this has lost ability."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its figure, the interval in faint print, a mark for a note."""

    text: str
    faint: str = ""
    mark: str = ""


@dataclass
class SummaryTable:
    """A table to show."""

    title: str
    columns: tuple[str, ...]
    """``title``, ``columns``: Its heads."""
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    """Cells, from the left; a row may be shorter than the columns."""

    @property
    def width(self) -> int:
        """Characters of its widest line, with the spaces between columns."""
        rows = [[f"{cell.text} {cell.faint}".strip() for cell in row] for row in self.rows]
        columns = zip_longest(self.columns, *rows, fillvalue="")
        return sum(max(map(len, column)) + 3 for column in columns) + 1

    def add(self, *cells: "Cell | str") -> None:
        """Add a row."""
        self.rows.append(tuple(Cell(cell) if isinstance(cell, str) else cell for cell in cells))


def estimate_at(part: object, keys: str) -> "Interval | None":
    """Estimate at a path of attributes; None where it, or what holds it, was not measured.

    Examples
    --------
    >>> estimate_at(None, "repeats.agreement") is None
    True
    """
    found: Any = part
    for key in keys.split("."):
        found = None if found is None else getattr(found, key)
    return found  # type: ignore[no-any-return]


def as_html(table: SummaryTable) -> str:
    """Return the table for a notebook."""

    def cells(row: Iterable[Cell], kind: str) -> str:
        shown = (
            f"{escape(cell.text)} <small>{escape(cell.faint)}</small>{escape(cell.mark)}"
            for cell in row
        )
        return "".join(f"<{kind}>{cell}</{kind}>" for cell in shown)

    head = cells(map(Cell, table.columns), "th")
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    return (
        f"<table><caption>{escape(table.title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def results_tables(results: "Results") -> list[SummaryTable]:
    """Choices, dissimilarities, ceilings, calibration and structure, as far as there are any."""
    tables = []
    kinds = results.by_kind()
    tables += [_choices(of, of.judgments, len(kinds) > 1) for of in kinds if of.judgments]
    names = [model.name for model in results.models]
    tables += [_sets(results, of, names) for of in results.sets.values()]
    if results.rdm:
        tables.append(_dissimilarities(results))
    if results.ratings:
        tables.append(_ratings(results, results.ratings, names))
    if results.sortings:
        tables.append(_sortings(results, results.sortings, names))
    for of in kinds:
        kind = f", {of.judgments.name}" if of.judgments and len(kinds) > 1 else ""
        if of.ceilings:
            tables += _ceilings(of.ceilings, kind)
        if of.uncertainty:
            tables.append(_calibration(of.uncertainty, names, kind))
    if results.structure and len(results.structure.models) > 1:
        tables.append(_structure(results.structure))
    if results.transfer and len(names) > 1:
        tables.append(_abilities(results.transfer))
    if results.ability:
        tables.append(results.both_sides())
    return tables


def likeness(results: "Results") -> dict[str, dict[str, Any]]:
    """Find the main measure of each kind of judgments, by its name and then by network."""
    found: dict[str, dict[str, Any]] = {}
    for of in results.by_kind():
        if of.judgments:
            found[f"accuracy, {of.judgments.name}"] = {m.name: m.accuracy for m in of.models}
    if results.rdm:
        found["Spearman, mean person"] = {m.name: m.rdm and m.rdm.spearman for m in results.models}
    names = [model.name for model in results.models]
    if results.ratings:
        rated = (of.spearman for of in results.ratings.models)
        found["Spearman, ratings"] = dict(zip(names, rated, strict=True))
    if results.sortings:
        piled = (of.area.mean for of in results.sortings.models)
        found["area, sortings"] = dict(zip(names, piled, strict=True))
    return found


def both_sides(
    likeness: Mapping[str, Mapping[str, Any]], ability: "Sequence[TransferMeasure]"
) -> SummaryTable:
    """Likeness to people and few-shot ability of the same vectors, a row each."""
    heads = [f"{of.shots}-shot, {of.level}" for of in ability]
    first = ability[0]
    title = f"Likeness and ability ({first.classes} classes, nearest class mean)"
    table = SummaryTable(title, ("model", *likeness, *heads))
    for place, network in enumerate(first.models):
        scores = (_interval(of.get(network.name)) for of in likeness.values())
        able = (_transferred(of.models[place], of.classes) for of in ability)
        table.add(network.name, *scores, *able)
    blank = [""] * len(likeness)
    table.add(Cell("", "chance"), *blank, *(f"{of.chance:.3f}" for of in ability))
    return table


def _interval(
    found: "Interval | OpenInterval | TransferScore | TransferDifference | None",
) -> Cell:
    """Estimate and interval; empty where there is none."""
    if found is None:
        return Cell("")
    if found.low is None or found.high is None:
        return Cell(f"{found.value:.3f}")
    return Cell(f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}")


def _figure(found: float | None, form: str = ".3f") -> str:
    return "" if found is None else format(found, form)


def _choices(results: "Results", judgments: "JudgmentCounts", apart: bool) -> SummaryTable:
    """Scores on choices of one kind; ``apart``: there is a table of those of the other."""
    named = apart or judgments.kind == "anchored"
    title = (
        f"{counted(judgments.choices, f'{judgments.name} choice' if named else 'choice')} by "
        f"{counted(judgments.participants, 'participant')} on "
        f"{counted(judgments.objects, 'object')}"
    )
    out = [
        f"{n:,} {reason.replace('_', ' ')}"
        for reason, n in judgments.left_out.items()
        if n and not (apart and reason in OPTIONS)
    ]
    title = results.titled("choices", title + (f" (left out: {', '.join(out)})" if out else ""))
    table = SummaryTable(title, ("model", "accuracy", "log-loss", "temperature", "gap closed"))
    for model in results.models:
        temperature = _figure(model.temperature.value, ".3g") if model.temperature else ""
        closed = _figure(model.gap_closed.value, ".0%") if model.gap_closed else ""
        scores = (_interval(model.accuracy), _interval(model.log_loss))
        table.add(model.name, *scores, temperature, closed)
    chance = judgments.chance
    table.add(Cell("", "chance"), f"{chance.accuracy:.3f}", f"{chance.log_loss:.3f}")
    return table


def _sets(results: "Results", found: "SetKindResults", names: Sequence[str]) -> SummaryTable:
    """Scores on one question about larger sets, how people agree, and how well a model could."""
    asked = Question(found.question, found.items)
    title = (
        f"{counted(found.choices, 'choice')} ({asked.label}) by "
        f"{counted(found.participants, 'participant')} on {counted(found.sets, 'set')}"
    )
    title += f" (left out: {found.left_out:,} without features)" if found.left_out else ""
    columns = ("model", "accuracy", "log-loss", "temperature", "calibration error")
    table = SummaryTable(results.titled("choices", title), columns)
    for number, (name, model) in enumerate(zip(names, found.models, strict=True)):
        scores = (_interval(model.accuracy), _interval(model.log_loss))
        error = found.calibration[number].error.debiased if found.calibration else None
        temperature = model.temperature.value if model.temperature else None
        table.add(name, *scores, _figure(temperature, ".3g"), _interval(error))
    chance = f"{found.chance_accuracy:.3f}", f"{found.chance_log_loss:.3f}"
    table.add(Cell("", "chance"), *chance)
    for keys, words in SET_CEILINGS:
        value = estimate_at(found, keys)
        if value is not None:
            table.add(Cell("", words), _interval(value))
    return table


def _of_whom(found: "JudgedBy", judgments: str) -> str:
    """Title of a table of judgments of one kind."""
    title = (
        f"{judgments} by {counted(found.participants, 'participant')} of "
        f"{counted(found.objects, 'object')}"
    )
    return title + (f" (left out: {found.left_out:,} without features)" if found.left_out else "")


def _span(found: "PersonCeiling | None") -> Cell:
    return Cell(f"{found.lower:.3f} to {found.upper:.3f}" if found else "")


def _ratings(results: "Results", found: "RatingResults", names: Sequence[str]) -> SummaryTable:
    """Rank correlations with ratings, and how people agree."""
    judgments = f"{counted(found.ratings, 'rating')} of {counted(found.pairs, 'pair')}"
    columns = ("model", "Spearman, mean rater", "rho-a", "mean over people")
    table = SummaryTable(
        results.titled("ratings", _of_whom(found, judgments)),
        (*columns, *(("log-loss",) if found.posterior else ())),
    )
    for name, of in zip(names, found.models, strict=True):
        each = _interval(of.per_person.mean)
        table.add(name, _interval(of.spearman), f"{of.rho_a:.3f}", each)
    if found.ceiling:
        table.add(Cell("", "noise ceiling"), "", "", _span(found.ceiling))
    if found.repeats:
        table.add(Cell("", "the same person again"), "", "", _interval(found.repeats.spearman))
    _add_posterior(table, found.posterior)
    return table


def _sortings(results: "Results", found: "SortingResults", names: Sequence[str]) -> SummaryTable:
    """Areas under the curve for being in one pile, and how people agree."""
    columns = ("model", "area, mean over people", "Spearman, share together", "adjusted Rand index")
    title = results.titled("sortings", _of_whom(found, counted(found.sortings, "sorting")))
    table = SummaryTable(title, (*columns, *(("log-loss",) if found.posterior else ())))
    for name, of in zip(names, found.models, strict=True):
        table.add(name, _interval(of.area.mean), _interval(of.spearman))
    table.add(Cell("", "chance"), "0.500", "0.000", "0.000")
    if found.ceiling:
        table.add(Cell("", "noise ceiling"), _span(found.ceiling))
    for words, value in (("two people", found.agreement), ("the same person again", found.repeats)):
        if value is not None:
            table.add(Cell("", words), "", "", _interval(value))
    _add_posterior(table, found.posterior)
    return table


def _add_posterior(table: SummaryTable, found: "PredictedJudgments | None") -> None:
    """Log-loss of the posterior and of guesses, in the last of five columns."""
    if found is not None:
        table.add("posterior", "", "", "", _interval(found.log_loss))
        table.add(Cell("", "guessing"), "", "", "", f"{found.guessing:.3f}")


def _dissimilarities(results: "Results") -> SummaryTable:
    people = results.rdm
    assert people is not None
    arranged = people.source == "arrangements"
    objects = counted(people.objects, "object")
    whose = counted(people.participants, "participant")
    title = f"{'Arrangements' if arranged else 'Dissimilarities'} by {whose} of {objects}"
    out = [counted(n, kind.removesuffix("s")) for kind, n in people.left_out.items() if n]
    title += f" (left out: {', '.join(out)})" if out else ""
    title = results.titled("arrangements", title)
    columns: tuple[str, ...] = ("model", "Spearman, mean person", "rho-a", "mean over people")
    columns += ("weighted by evidence",) if arranged else ()
    if not results.models:
        columns = ("", "Spearman, mean over people")
    table = SummaryTable(title, columns)
    structure = results.structure.models if results.structure else ()
    weighted = {of.name: of.weighted_spearman for of in structure}
    for model in results.models:
        if model.rdm is not None:
            mean = f"{model.rdm.per_person.mean:.3f}"
            more = [_interval(weighted.get(model.name))] if arranged else []
            rho_a = _figure(model.rdm.rho_a)
            table.add(model.name, _interval(model.rdm.spearman), rho_a, mean, *more)
    if people.ceiling:
        span = f"{people.ceiling.lower:.3f} to {people.ceiling.upper:.3f}"
        table.add(Cell("", "noise ceiling"), *["", ""][: len(columns) - 2], span)
    return table


def _ceilings(found: "Ceilings", kind: str) -> Iterator[SummaryTable]:
    table = SummaryTable(f"How well people agree, and a model could{kind}", ("", "accuracy"))
    for keys, name in CEILINGS:
        measure = estimate_at(found, keys)
        if measure is not None:
            table.add(name, _interval(measure))
    if table.rows:
        yield table


def _calibration(found: "Uncertainty", names: Sequence[str], kind: str) -> SummaryTable:
    columns = ("model", "error, likeliest answer", "Brier score", "mean entropy (nats)")
    table = SummaryTable(f"Calibration{kind}", columns)
    rows = list(zip(names, found.models, strict=True))
    if found.posterior:
        known = found.posterior.choices
        on = "" if known is None else f", on {counted(known, 'choice')} that it knows"
        rows.append((f"posterior{on}", found.posterior))
    for name, of in rows:
        calibration = of.calibration
        table.add(
            name,
            _interval(calibration.error.top.debiased),
            _interval(calibration.brier),
            _interval(of.entropy.mean),
        )
    return table


def _structure(found: "Structure") -> SummaryTable:
    columns = ("model", "CKA", "debiased CKA", "neighbours kept")
    table = SummaryTable(f"Features beside {found.reference}", columns)
    for of in found.models[1:]:
        neighbours = _figure(of.neighbours.value, ".0%") if of.neighbours else ""
        table.add(of.name, _figure(of.cka), _figure(of.debiased_cka), neighbours)
    return table


def _abilities(found: "Transfer") -> SummaryTable:
    """Compare networks in a row a measure; differences to the first one have intervals."""
    title = f"What else the features are good for ({counted(found.images, 'image')})"
    first, *others = [of.name for of in found.measures[0].models] if found.measures else [""]
    table = SummaryTable(title, ("", first, *(f"{name} (minus {first})" for name in others)))
    for measure, row in ability_rows(found):
        base, *rest = measure.models
        cells = []
        for of in rest:
            change = _transferred(of.difference, measure.classes)
            cells.append(Cell(f"{of.value:.3f}", change.faint, change.mark))
        table.add(row, f"{base.value:.3f}", *cells)
    return table


def ability_rows(found: "Transfer") -> "Iterator[tuple[TransferMeasure, str]]":
    """Measures of :data:`ABILITIES`, and what their rows are called."""
    for measure in found.measures:
        if measure.measure in ABILITIES:
            yield measure, ABILITIES[measure.measure].format(**vars(measure))


def lost_abilities(found: "Transfer") -> list[str]:
    """Say of every network in how many abilities it scores lower than the first one.

    Lower means by more than :data:`LOSS`, in the measures of :data:`ABILITIES`.
    """
    rows = list(ability_rows(found))
    losses: dict[str, list[tuple[float, str, str]]] = {}
    for measure, row in rows:
        for of in measure.models:
            if of.difference and of.difference.value < -LOSS:
                interval = _transferred(of.difference, measure.classes).faint
                losses.setdefault(of.name, []).append((of.difference.value, row, interval))
    return [
        f"{name} has lost ability: it scores more than a percentage point below "
        f"{found.measures[0].models[0].name} in {len(changes)} of {len(rows)} measures, most in "
        f"{row} ({change:+.3f}; 95 % interval {interval or 'not known'})"
        for name, changes in losses.items()
        for change, row, interval in [min(changes)]
    ]


def scores_tables(found: "Scores") -> list[SummaryTable]:
    """One table a question, its participants, and one of ratings and sortings."""
    tables = []
    for of in found.choices:
        people = [
            counted(n, f"{kind} participant")
            for kind, n in (("known", of.known_people), ("new", of.new_people))
            if n
        ]
        title = f"{counted(of.scores.choices, 'choice')} ({of.label}) by {' and '.join(people)} "
        title = _titled(found, "choices", f"{title}of {counted(of.objects, 'object')}")
        table = SummaryTable(title, ("", "choices", "accuracy", "log-loss", "calibration error"))
        table.add("all", *_part(of.scores))
        for group, subsets in of.groups.items():
            for name, part in subsets.items():
                table.add(f"{group}: {name}", *_part(part))
        chance = f"{of.chance.accuracy:.3f}", f"{of.chance.log_loss:.3f}"
        table.add(Cell("", "chance"), "", *chance)
        tables.append(table)
        if of.participants and len(of.participants) > 1:
            tables.append(_scored_people(of.participants))
    rated = [(kind, getattr(found, kind)) for kind in ("ratings", "sortings")]
    for kind, score in rated:
        if score is not None:
            title = _titled(found, kind, f"{counted(score.judgments, 'judgment')} ({kind})")
            table = SummaryTable(title, ("", "log-loss"))
            table.add("posterior", _interval(score.log_loss))
            table.add(Cell("", "chance"), f"{score.guessing:.3f}")
            tables.append(table)
    return tables


def _titled(found: "Scores", kind: str, title: str) -> str:
    """Title with what was left out, and with how many judgments were fitted to."""
    reasons = found.left_out[kind].items()
    out = [f"{n:,} {reason.replace('_', ' ')}" for reason, n in reasons if n]
    title += f" (left out: {', '.join(out)})" if out else ""
    return found.seen[kind].titled(title)


def _part(part: "ScoredPart | ScoredPerson") -> tuple[Cell | str, ...]:
    error = part.calibration.debiased
    return f"{part.choices:,}", *map(_interval, (part.accuracy, part.log_loss, error))


MOST_PEOPLE = 20
"""Participants that a table lists."""


def _scored_people(people: "Mapping[str, ScoredPerson]") -> SummaryTable:
    """Scores by participant, the least predictable first."""
    title = f"The {min(len(people), MOST_PEOPLE)} least predictable of {len(people)} participants"
    if len(people) <= MOST_PEOPLE:
        title = "By participant, the least predictable first"
    columns = ("participant", "choices", "accuracy", "log-loss", "calibration error")
    table = SummaryTable(title, columns)
    worst = sorted(people.items(), key=lambda of: -of[1].log_loss.value)
    for name, part in worst[:MOST_PEOPLE]:
        table.add(name if part.known else f"{name} (new)", *_part(part))
    return table


def transfer_tables(found: "Transfer") -> list[SummaryTable]:
    """One table a kind of measure; a row a network."""
    tables: dict[str, SummaryTable] = {}
    for measure in found.measures:
        title, row = (text.format(**vars(measure)) for text in TRANSFER[measure.measure])
        first = measure.models[0].name
        if title not in tables:
            columns = ("", "network", "score", f"minus {first}", "chance")
            tables[title] = SummaryTable(title, columns)
        for place, of in enumerate(measure.models):
            tables[title].add(
                "" if place else row,
                of.name,
                _transferred(of, measure.classes),
                _transferred(of.difference, measure.classes),
                "" if place else f"{measure.chance:.3f}",
            )
    return list(tables.values())


def _transferred(of: "TransferScore | TransferDifference | None", classes: int) -> Cell:
    """Estimate with the interval over classes, or over images where classes are few."""
    if of is None or of.same_classes is None or classes >= FEW_CLASSES:
        return _interval(of)
    same = of.same_classes
    return Cell(f"{of.value:.3f}", f"{same.low:.3f} to {same.high:.3f}", "*")
