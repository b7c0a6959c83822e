"""Results drawn: estimates with their intervals from top to bottom, and a leaderboard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twoalike.evaluation import Interval, Span
from twoalike.figures._style import (
    BLUE,
    DASHES,
    FAINT,
    INK,
    MUTED,
    PALETTE,
    WIDE,
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
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Line:
    """One estimate of a chart."""

    name: str
    """Of its row."""
    measure: Interval
    """With its interval."""
    colour: str = PALETTE[0]
    marker: str = "o"
    """``colour``, ``marker``: Of dot and line."""
    series: str = ""
    """What the colour means, for the legend; empty where the row's name says it."""


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
        each = (
            f"{line.series} {line.name} {_written(line.measure, self.digits)}".lstrip()
            for line in self.lines
        )
        return f"{self.title or self.label}: {'; '.join(each)}."


def _written(measure: Interval, digits: int) -> str:
    value, low, high = (
        f"{x:.{digits}f}".replace("-", MINUS) for x in (measure.value, measure.low, measure.high)
    )
    return value if measure.low == measure.high else f"{value} [{low}, {high}]"


def draw_panel(axes: "Axes", panel: Panel) -> None:
    """Draw estimates into axes, from top to bottom: a mark, a line for the interval, the value."""
    most = max(map(len, panel.rows.values()))
    labelled: set[str] = set()
    for row, members in enumerate(panel.rows.values()):
        for place, line in enumerate(members):
            y = row + (place - (len(members) - 1) / 2) * 0.7 / most
            label = line.series if line.series and line.series not in labelled else None
            _draw_estimate(axes, line, y, label, panel.digits if most == 1 else None)
            labelled.add(line.series)
        if row and most > 1:
            axes.axhline(row - 0.5, color=FAINT, lw=0.8, zorder=0)
    if panel.band is not None:
        axes.axvspan(panel.band.low, panel.band.high, color=FAINT, zorder=0, lw=0)
        _annotate(axes, "noise ceiling", (panel.band.low + panel.band.high) / 2, "center")
    if panel.reference is not None:
        reference_line(axes, panel.reference)
        low, high = axes.get_xlim()
        late = panel.reference > (low + high) / 2
        _annotate(axes, panel.reference_name, panel.reference, "right" if late else "left")
    axes.set_yticks(range(len(panel.rows)), list(panel.rows))
    axes.set_ylim(len(panel.rows) - 0.5, -0.75)
    axes.margins(x=0.14 if most == 1 else 0.08)
    axes.set_xlabel(panel.label)
    axes.set_title(panel.title)
    light_grid(axes, "x")


def _draw_estimate(
    axes: "Axes", line: Line, y: float, label: str | None, digits: int | None
) -> None:
    value, ends = line.measure.value, [line.measure.low, line.measure.high]
    axes.plot(ends, [y, y], color=line.colour, lw=3.0, alpha=0.45, solid_capstyle="round")
    axes.plot(value, y, line.marker, color=line.colour, ms=6.5, label=label)
    if digits is not None:
        axes.annotate(
            f"{value:.{digits}f}".replace("-", MINUS),
            (value, y),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontweight="bold",
        )


def _annotate(axes: "Axes", text: str, x: float, ha: str) -> None:
    """Name a line or band above the axis."""
    axes.annotate(
        text,
        (x, 0),
        xycoords=("data", "axes fraction"),
        xytext=({"left": 3, "right": -3}.get(ha, 0), 3),
        textcoords="offset points",
        ha=ha,
        va="bottom",
        color=MUTED,
        fontsize=8,
    )


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


_PANEL, _ROW = 1.75, 0.19
"""Width of a panel, and height of a row, in inches."""
_LONGEST = 34
"""Letters of a network's name; the rest is cut."""
_TITLES = {
    "accuracy": "Accuracy",
    "log_loss": "Log-loss (nats)",
    "majority": "Against majorities",
    "posterior": "Posterior",
    "rdm": "Mean person",
}
_AXES = {
    "accuracy": "share right",
    "log_loss": "less is better",
    "majority": "share right",
    "posterior": "Spearman",
    "rdm": "Spearman",
}


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
    axes.set_xlabel(_AXES[board.kind])
    title = board.subset or _TITLES[board.kind]
    axes.set_title(", ".join(filter(None, [title, board.question])))
    light_grid(axes, "x")
    axes.grid(axis="y", lw=0.4)


def _panels(leaderboard: "Leaderboard") -> list["Board"]:
    """Measures that the figure shows: the first, the same by level, and those of structure."""
    first, *others = leaderboard.boards
    levels = [one for one in others if one.measure == first.measure and one.level]
    group = levels[0].level.partition(": ")[0] if levels else ""
    by_level = [one for one in levels if one.level.startswith(f"{group}: ")]
    return [first, *by_level, *(one for one in others if one.kind in ("posterior", "rdm"))]


@styled
def leaderboard_chart(leaderboard: "Leaderboard") -> "Figure":
    """Draw networks in rows, and the first measure, its levels and structure in panels."""
    panels = _panels(leaderboard)
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
    figure.legend(handles=_signs(panels), loc="outside lower left", ncols=3, fontsize=8)
    return figure


def _signs(panels: "Sequence[Board]") -> list[object]:
    """Legend of what the panels show."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def line(label: str, **look: object) -> Line2D:
        return Line2D([], [], label=label, **look)  # type: ignore[arg-type]

    found: list[object] = [
        line("may be the best", color=BLUE, marker="o", ms=4.5, lw=2.2),
        line("another is better", color=MUTED, marker="o", ms=4.5, lw=2.2, mfc="white"),
    ]
    if any(one.of("best") for one in panels):
        found.append(Patch(color=FAINT, label="best possible (95 % interval)"))
    if any(one.of("leave_one_out") for one in panels):
        found.append(line("people, leave-one-out", color=MUTED, lw=0.9, ls=DASHES))
    if any(one.of("chance") for one in panels):
        found.append(line("chance", color=MUTED, lw=0.9, ls=":"))
    return found


def leaderboard_description(leaderboard: "Leaderboard") -> str:
    """Say in words what the figure shows, for who cannot see it."""
    first = leaderboard.boards[0]
    rows = [first.score(name) for name in leaderboard.names]
    scores = "; ".join(f"{of.name} {of.value:.3f} [{of.low:.3f}, {of.high:.3f}]" for of in rows)
    return (
        f"{counted(len(rows), 'network')} by {first.title}, best first, with 95 % intervals: "
        f"{scores}. May be the best: {', '.join(first.among_best())}."
    )
