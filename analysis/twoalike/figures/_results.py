"""Results drawn: estimates with their intervals from top to bottom, and a leaderboard."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from twoalike.evaluation import Interval, Span
from twoalike.figures._style import (
    BLUE,
    DASHES,
    FAINT,
    INK,
    MUTED,
    PALETTE,
    WIDE,
    Chart,
    light_grid,
    new_figure,
    reference_line,
    styled,
)
from twoalike.results import AGREEMENT, BOUNDS, Network, Results, Saved, ability_rows
from twoalike.study import counted, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twoalike.results import Board, Leaderboard

PEOPLE, BOUND = PALETTE[6], INK
"""Colours of people, and of what no model can exceed."""


class Line(NamedTuple):
    """One estimate of a chart, in the row of its name; ``series`` is for the legend."""

    name: str
    measure: Interval
    colour: str = PALETTE[0]
    marker: str = "o"
    series: str = ""


@dataclass(frozen=True)
class Panel:
    """Estimates that share an axis; those of one name share a row."""

    lines: tuple[Line, ...]
    label: str
    title: str = ""
    reference: float | None = None
    """Dashed line: chance, no change."""
    reference_name: str = ""
    digits: int = 3
    band: Span | None = None
    """Range that a band marks, such as that of the noise ceiling."""

    @property
    def rows(self) -> dict[str, list[Line]]:
        """Lines by the name of their row."""
        rows: dict[str, list[Line]] = {}
        for line in self.lines:
            rows.setdefault(line.name, []).append(line)
        return rows

    @property
    def height(self) -> float:
        """Height in inches."""
        most = max(map(len, self.rows.values()), default=1)
        each = 0.42 if most == 1 else 0.2 + 0.17 * most
        return 0.75 + bool(self.title) * 0.2 + len(self.rows) * each

    def words(self) -> str:
        """Describe the chart for who cannot see it."""
        each = []
        for line in self.lines:
            of = line.measure
            value, low, high = (self.written(x) for x in (of.value, of.low, of.high))
            ends = "" if of.low == of.high else f" [{low}, {high}]"
            each.append(f"{line.series} {line.name} {value}{ends}".lstrip())
        return f"{self.title or self.label}: {'; '.join(each)}."

    def written(self, value: float) -> str:
        """Write a number with the digits of the panel."""
        return f"{value:.{self.digits}f}".replace("-", "\N{MINUS SIGN}")


def draw_panel(axes: "Axes", panel: Panel) -> None:
    """Draw estimates into axes, from top to bottom: a mark, a line for the interval, the value."""
    rows = panel.rows
    most = max(map(len, rows.values()))
    labelled = {""}
    for row, members in enumerate(rows.values()):
        for place, line in enumerate(members):
            y = row + (place - (len(members) - 1) / 2) * 0.7 / most
            label = None if line.series in labelled else line.series
            labelled.add(line.series)
            value, ends = line.measure.value, [line.measure.low, line.measure.high]
            axes.plot(ends, [y, y], color=line.colour, lw=3.0, alpha=0.45, solid_capstyle="round")
            axes.plot(value, y, line.marker, color=line.colour, ms=6.5, label=label)
            if most == 1:
                look: dict[str, Any] = {"ha": "center", "va": "bottom", "fontweight": "bold"}
                look |= {"xytext": (0, 6), "textcoords": "offset points"}
                axes.annotate(panel.written(value), (value, y), **look)
        if row and most > 1:
            axes.axhline(row - 0.5, color=FAINT, lw=0.8, zorder=0)
    if panel.band is not None:
        axes.axvspan(panel.band.low, panel.band.high, color=FAINT, zorder=0, lw=0)
        _annotate(axes, "noise ceiling", (panel.band.low + panel.band.high) / 2, 0)
    if panel.reference is not None:
        reference_line(axes, panel.reference)
        late = panel.reference > sum(axes.get_xlim()) / 2
        _annotate(axes, panel.reference_name, panel.reference, -1 if late else 1)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.75)
    axes.margins(x=0.14 if most == 1 else 0.08)
    axes.set_xlabel(panel.label)
    axes.set_title(panel.title)
    light_grid(axes, "x")


def _annotate(axes: "Axes", text: str, x: float, side: int) -> None:
    """Name a line or band above the axis, on its left, in the middle or on its right."""
    axes.annotate(
        text,
        (x, 0),
        xycoords=("data", "axes fraction"),
        xytext=(3 * side, 3),
        textcoords="offset points",
        ha=("center", "left", "right")[side],
        va="bottom",
        color=MUTED,
        fontsize=8,
    )


panel_chart = Chart(draw_panel, lambda width, panel: float(panel.height) + 0.3, legend=1.7)
"""One :class:`Panel`."""


@styled
def panels_chart(panels: Sequence[Panel], *, width: float = WIDE) -> "Figure":
    """Draw panels side by side, or one above the other where the width (inches) is small."""
    stacked = width < 5
    heights = [panel.height for panel in panels]
    figure = new_figure(width, sum(heights) if stacked else max(heights))
    n = len(panels)
    axes = figure.subplots(*((n, 1) if stacked else (1, n)), squeeze=False).ravel()
    for one, panel in zip(axes, panels, strict=True):
        draw_panel(one, panel)
    for one in axes[1:] if not stacked else ():
        one.set_yticklabels([])
    if any(line.series for line in panels[0].lines):
        figure.legend(loc="outside upper left", ncols=2 if stacked else 4)
    return figure


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


def _by_level(results: Saved, measure: str, start: str = "") -> Iterator[Line]:
    """Give a row per level, with a line per network, of levels that start so."""
    for level in results.levels(measure):
        if level.startswith(start):
            yield from _network_lines(results, measure, level, row=level.removeprefix(start))


def _agreement(
    results: Results, question: str, lines: Iterable[Line], label: str = "", title: str = ""
) -> Panel:
    """Panel of accuracy, with chance, which is named where there is a title."""
    row = results.at(f"{question}.chance.accuracy")
    label = label or f"{question.replace('_', '-')} accuracy (dashed: chance)"
    chance = row.value if row else None
    return Panel(tuple(lines), label, title, chance, "chance" if title else "")


def accuracy_panel(results: Results, question: str) -> Panel:
    """Accuracy of every network on the choices, and chance."""
    title = f"{question.replace('_', '-')} accuracy".capitalize()
    lines = _network_lines(results, f"{question}.accuracy")
    return _agreement(results, question, lines, "more is better", title)


def log_loss_panel(results: Results, question: str) -> Panel:
    """Log-loss of every network, and chance."""
    lines = tuple(_network_lines(results, f"{question}.log_loss"))
    row = results.at(f"{question}.chance.log_loss")
    chance = row.value if row else None
    return Panel(lines, "less is better", "Log-loss (nats)", chance, "chance")


def structure_panels(results: Results) -> tuple[Panel, ...]:
    """Rank correlation of dissimilarities with people's.

    Two panels, since a mean over people has less noise than a person: against the mean person
    (with intervals), and the mean over persons, where the noise ceiling applies.
    """
    label = "Spearman correlation"
    mean = Panel(tuple(_network_lines(results, "rdm.spearman")), label, "Against the mean person")
    lower, upper = (results.at(f"rdm.ceiling.{end}") for end in ("lower", "upper"))
    if lower is None or upper is None:
        return (mean,)
    lines, band = _network_lines(results, "rdm.per_person.mean"), Span(lower.value, upper.value)
    return mean, Panel(tuple(lines), label, "Mean over persons", band=band)


def group_panel(results: Results, question: str, group: str) -> Panel:
    """Accuracy of networks, of people and of the best model in subsets of enough choices."""
    lines: list[Line] = []
    measure, ceilings = f"{question}.accuracy", f"{question}.ceilings"
    for level in results.levels(measure):
        counts = [row.n or 0 for name in results.names if (row := results.at(measure, name, level))]
        if not level.startswith(f"{group}: ") or min(counts) < FEWEST_CHOICES:
            continue
        subset = level.removeprefix(f"{group}: ")
        lines += _network_lines(results, measure, level, row=subset)
        if two := results.estimate(f"{ceilings}.pair_agreement", level=level):
            lines.append(Line(subset, two, PEOPLE, "s", "two people"))
        if bound := results.estimate(f"{ceilings}.oracle", level=level):
            lines.append(Line(subset, bound, BOUND, "D", "best possible"))
    return _agreement(results, question, lines)


def category_panel(results: Results, question: str) -> tuple[str, Panel]:
    """Accuracy in the trials that show an object of a category, at the coarsest level; its name."""
    measure = f"{question}.categories.accuracy"
    first = "".join(results.levels(measure)[:1]).partition(": ")[0]
    return first, _agreement(results, question, _by_level(results, measure, f"{first}: "))


def ceilings_panel(results: Results, question: str) -> Panel:
    """Accuracy of every network, then how people agree, and the bounds."""
    start = f"{question}.ceilings"
    people = {name: f"{start}.{key}" for name, key in AGREEMENT.items()}
    people.pop("attention checks")
    bounds = {name: f"{start}.{key}" for name, key in BOUNDS.items()}
    lines = [
        *_network_lines(results, f"{question}.accuracy"),
        *_people_lines(results, people, PEOPLE, "s"),
        *_people_lines(results, bounds, BOUND, "D"),
    ]
    return _agreement(results, question, lines, "share right")


def distances_panel(results: Results) -> Panel:
    """How each network changed the distances of each kind of pair, kind by kind."""
    lines = tuple(_by_level(results, "structure.distances.percent"))
    return Panel(lines, "change of distance (%)", reference=0.0, digits=1)


def transfer_panel(results: Saved) -> Panel:
    """Tasks that a summary shows, network by network, with intervals over other images."""
    lines = list[Line]()
    for measure, level in ability_rows(results):
        same = results.levels(f"{measure}.same_classes")
        of = f"{measure}.same_classes" if level in same else measure
        lines += _network_lines(results, of, level, row=level)
    return Panel(tuple(lines), "share right")


def rated_panel(results: Results, kind: str) -> Panel:
    """Agreement with ratings or sortings, the ends of the ceiling, and people with themselves."""
    measure = {"ratings": "ratings.per_person.mean", "sortings": "sortings.area.mean"}[kind]
    ceiling = {"the other people": f"{kind}.ceiling.lower", "all people": f"{kind}.ceiling.upper"}
    again = {"the same person again": "ratings.repeats.spearman"} if kind == "ratings" else {}
    lines = (
        *_network_lines(results, measure),
        *_people_lines(results, ceiling, PEOPLE, "s"),
        *_people_lines(results, again, BOUND, "D"),
    )
    if kind == "ratings":
        return Panel(lines, "rank correlation with a rater", reference=0.0)
    return Panel(lines, "area under the curve (dashed: chance)", reference=0.5)


_PANEL, _ROW = 1.75, 0.19
"""Width of a panel, and height of a row, in inches."""
_LONGEST = 34
"""Letters of a network's name; the rest is cut."""
_TITLES = {
    "accuracy": ("Accuracy", "share right"),
    "log_loss": ("Log-loss (nats)", "less is better"),
    "majority": ("Against majorities", "share right"),
    "posterior": ("Posterior", "Spearman"),
    "rdm": ("Mean person", "Spearman"),
}
"""Measure of a leaderboard -> title of its panel, and label of its axis."""


def draw_board(axes: "Axes", board: "Board") -> None:
    """Draw all networks by one measure into axes, from top to bottom in the leaderboard's order.

    Filled dots: no other network is better, after correction. Lines: 95 % intervals. Band: interval
    of the best score that is possible; dashed: people's leave-one-out agreement; dotted: chance.
    """
    names, may_be_best = board.results.names, board.among_best()
    if (best := board.of("best")) is not None:
        axes.axvspan(best.low or best.value, best.high or best.value, color=FAINT, lw=0, zorder=0)
        axes.axvline(best.value, color=MUTED, lw=0.9, zorder=0)
    if (people := board.of("leave_one_out")) is not None:
        reference_line(axes, people.value)
    if (chance := board.of("chance")) is not None:
        axes.axvline(chance.value, color=MUTED, lw=0.9, ls=":", zorder=0)
    for row, name in enumerate(names):
        score, filled = board.score(name), name in may_be_best
        colour = BLUE if filled else MUTED
        ends = [score.value if end is None else end for end in (score.low, score.high)]
        axes.plot(ends, [row, row], color=colour, lw=2.2, alpha=0.5, solid_capstyle="round")
        axes.plot(score.value, row, "o", color=colour, ms=4.5, mfc=BLUE if filled else "white")
    axes.set_yticks(range(len(names)), [shortened(name, _LONGEST) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.06)
    named = board.kind.replace("_", " ").capitalize()
    title, label = _TITLES.get(board.kind, (named, ""))
    axes.set_xlabel(label)
    axes.set_title(", ".join(filter(None, [board.subset or title, board.question])))
    light_grid(axes, "x")
    axes.grid(axis="y", lw=0.4)


@styled
def leaderboard_chart(leaderboard: "Leaderboard") -> "Figure":
    """Draw networks in rows, and the first measure, its levels and structure in panels."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    first, *others = leaderboard.boards
    levels = [one for one in others if one.measure == first.measure and one.level]
    group = "".join(one.level for one in levels[:1]).partition(": ")[0]
    panels = [first, *(one for one in levels if one.level.startswith(f"{group}: "))]
    panels += [one for one in others if one.kind in ("posterior", "rdm")]
    longest = max(len(shortened(name, _LONGEST)) for name in leaderboard.names)
    height = 1.15 + _ROW * len(leaderboard.names)
    figure = new_figure(0.6 + 0.075 * longest + _PANEL * len(panels), height)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for one, board in zip(axes, panels, strict=True):
        draw_board(one, board)
    for measure in {board.kind for board in panels}:
        alike = [one for one, of in zip(axes, panels, strict=True) if of.kind == measure]
        ends = [one.get_xlim() for one in alike]
        for one in alike:
            one.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    for one in axes[1:]:
        one.tick_params(labelleft=False)
    looks: dict[str, dict[str, Any]] = {
        "may be the best": {"color": BLUE, "marker": "o", "ms": 4.5, "lw": 2.2},
        "another is better": {"color": MUTED, "marker": "o", "ms": 4.5, "lw": 2.2, "mfc": "white"},
        "people, leave-one-out": {"color": MUTED, "lw": 0.9, "ls": DASHES},
        "chance": {"color": MUTED, "lw": 0.9, "ls": ":"},
    }
    signs: dict[str, Any] = {
        name: Line2D([], [], label=name, **look) for name, look in looks.items()
    }
    signs["best possible"] = Patch(color=FAINT, label="best possible (95 % interval)")
    limits = {"best": "best possible", "leave_one_out": "people, leave-one-out", "chance": "chance"}
    shown = ["may be the best", "another is better"]
    shown += [name for key, name in limits.items() if any(one.of(key) for one in panels)]
    handles = [signs[name] for name in shown]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, fontsize=8)
    return figure


def leaderboard_description(leaderboard: "Leaderboard") -> str:
    """Say in words what the figure shows, for who cannot see it."""
    first = leaderboard.boards[0]
    rows = [first.score(name) for name in leaderboard.names]
    scores = "; ".join(f"{of.name} {of.value:.3f} [{of.low:.3f}, {of.high:.3f}]" for of in rows)
    return (
        f"{counted(len(rows), 'network')} by {first.title}, best first, with 95 % intervals: "
        f"{scores}. May be the best: {', '.join(first.among_best())}."
    )
