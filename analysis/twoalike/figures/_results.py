"""Panels of a frame of results: which figures stand side by side, and in which colours."""

from collections.abc import Iterator, Sequence

from twoalike.evaluation import Span
from twoalike.figures._estimates import BOUND, PEOPLE, Line, Panel
from twoalike.figures._style import INK, PALETTE
from twoalike.results import (
    AGREEMENT,
    BOUNDS,
    Network,
    Results,
    Saved,
    ability_rows,
)

_KNOWN = {"base": "#7a8590", "control": PALETTE[1], "aligned": PALETTE[0]}
FEWEST_CHOICES = 20
"""Of a subset, below which its accuracy says nothing; results.json has them all."""


def model_colours(networks: Sequence[Network]) -> dict[str, str]:
    """Colour of each network: the same in every figure, ink for a ceiling."""
    free = iter([c for c in PALETTE if c not in _KNOWN.values()] * len(networks))
    return {
        network.name: INK if network.role == "ceiling" else _KNOWN.get(network.name) or next(free)
        for network in networks
    }


def _network_lines(
    results: Saved, measure: str, level: str = "", *, row: str = ""
) -> Iterator[Line]:
    """Give a line per network; they share a row if it has a name."""
    colours = model_colours(results.networks)
    for network in results.networks:
        found = results.estimate(measure, network.name, level)
        if found is not None:
            marker = "D" if network.role == "ceiling" else "o"
            name = network.name
            yield Line(row or name, found, colours[name], marker, name if row else "")


def _people_lines(results: Saved, keys: dict[str, str], colour: str, marker: str) -> Iterator[Line]:
    for name, measure in keys.items():
        if found := results.estimate(measure):
            yield Line(name, found, colour, marker)


def _chance(results: Saved, question: str, measure: str) -> float | None:
    row = results.at(f"{question}.chance.{measure}")
    return row.value if row else None


def accuracy_panel(results: Results, question: str) -> Panel:
    """Accuracy of every network on the choices, and chance."""
    lines = tuple(_network_lines(results, f"{question}.accuracy"))
    name = f"{question.replace('_', '-')} accuracy"
    chance = _chance(results, question, "accuracy")
    return Panel(lines, "more is better", name.capitalize(), chance, "chance")


def log_loss_panel(results: Results, question: str) -> Panel:
    """Log-loss of every network, and chance."""
    lines = tuple(_network_lines(results, f"{question}.log_loss"))
    chance = _chance(results, question, "log_loss")
    return Panel(lines, "less is better", "Log-loss (nats)", chance, "chance")


def structure_panels(results: Results) -> tuple[Panel, ...]:
    """Rank correlation of dissimilarities with people's.

    Two panels, since a mean over people has less noise than a person: against the mean person
    (with intervals), and the mean over persons, where the noise ceiling applies.
    """
    label = "Spearman correlation"
    mean = Panel(tuple(_network_lines(results, "rdm.spearman")), label, "Against the mean person")
    ends = [results.at(f"rdm.ceiling.{end}") for end in ("lower", "upper")]
    if None in ends:
        return (mean,)
    lines = tuple(_network_lines(results, "rdm.per_person.mean"))
    band = Span(*(end.value for end in ends if end))
    return mean, Panel(lines, label, "Mean over persons", band=band)


def group_panel(results: Results, question: str, group: str) -> Panel:
    """Accuracy of networks, of people and of the best model in subsets of enough choices."""
    lines: list[Line] = []
    measure = f"{question}.accuracy"
    for level in results.levels(measure):
        rows = [results.at(measure, name, level) for name in results.names]
        if (
            not level.startswith(f"{group}: ")
            or min(row.n or 0 for row in rows if row) < FEWEST_CHOICES
        ):
            continue
        subset = level.removeprefix(f"{group}: ")
        lines += _network_lines(results, measure, level, row=subset)
        for series, key, colour, marker in (
            ("two people", "pair_agreement", PEOPLE, "s"),
            ("best possible", "oracle", BOUND, "D"),
        ):
            if bound := results.estimate(f"{question}.ceilings.{key}", level=level):
                lines.append(Line(subset, bound, colour, marker, series))
    label = f"{question.replace('_', '-')} accuracy (dashed: chance)"
    return Panel(tuple(lines), label, reference=_chance(results, question, "accuracy"))


def category_panel(results: Results, question: str) -> tuple[str, Panel]:
    """Accuracy in the trials that show an object of a category, at the coarsest level; its name."""
    measure = f"{question}.categories.accuracy"
    levels = results.levels(measure)
    first = levels[0].partition(": ")[0] if levels else ""
    lines = [
        line
        for level in levels
        if level.startswith(f"{first}: ")
        for line in _network_lines(results, measure, level, row=level.partition(": ")[2])
    ]
    label = f"{question.replace('_', '-')} accuracy (dashed: chance)"
    return first, Panel(tuple(lines), label, reference=_chance(results, question, "accuracy"))


def ceilings_panel(results: Results, question: str) -> Panel:
    """Accuracy of every network, then how people agree, and the bounds."""
    start = f"{question}.ceilings"
    people, bounds = (
        {name: f"{start}.{key}" for name, key in keys.items() if name != "attention checks"}
        for keys in (AGREEMENT, BOUNDS)
    )
    lines = (
        *_network_lines(results, f"{question}.accuracy"),
        *_people_lines(results, people, PEOPLE, "s"),
        *_people_lines(results, bounds, BOUND, "D"),
    )
    return Panel(lines, "share right", reference=_chance(results, question, "accuracy"))


def distances_panel(results: Results) -> Panel:
    """How each network changed the distances of each kind of pair, kind by kind."""
    measure = "structure.distances.percent"
    lines = [
        line
        for level in results.levels(measure)
        for line in _network_lines(results, measure, level, row=level)
    ]
    return Panel(tuple(lines), "change of distance (%)", reference=0.0, digits=1)


def transfer_panel(results: Saved) -> Panel:
    """Tasks that a summary shows, network by network, with intervals over other images."""
    colours = model_colours(results.networks)
    lines = []
    for measure, level in ability_rows(results):
        for name in results.names:
            same = results.estimate(f"{measure}.same_classes", name, level)
            found = same or results.estimate(measure, name, level)
            if found is not None:
                lines.append(Line(level, found, colours[name], series=name))
    return Panel(tuple(lines), "share right")


def rated_panel(results: Results, kind: str) -> Panel:
    """Agreement with ratings or sortings, the ends of the ceiling, and people with themselves."""
    measure = {"ratings": "ratings.per_person.mean", "sortings": "sortings.area.mean"}[kind]
    lines = [*_network_lines(results, measure)]
    keys = {"the other people": "lower", "all people": "upper"}
    ceiling = {name: f"{kind}.ceiling.{end}" for name, end in keys.items()}
    lines += _people_lines(results, ceiling, PEOPLE, "s")
    again = {"the same person again": "ratings.repeats.spearman"} if kind == "ratings" else {}
    lines += _people_lines(results, again, BOUND, "D")
    if kind == "ratings":
        return Panel(tuple(lines), "rank correlation with a rater", reference=0.0)
    return Panel(tuple(lines), "area under the curve (dashed: chance)", reference=0.5)
