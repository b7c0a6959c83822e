"""A leaderboard: a row a network, a panel a measure or level, between chance and ceiling."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twoalike.figures._style import (
    BLUE,
    DASHES,
    FAINT,
    MUTED,
    light_grid,
    new_figure,
    reference_line,
    styled,
)
from twoalike.study import counted, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twoalike.results import Board, Leaderboard

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
    axes.set_title(f"{title}, anchored" if board.anchored else title)
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
