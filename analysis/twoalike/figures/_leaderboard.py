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
    if board.best is not None:
        axes.axvspan(board.best.low, board.best.high, color=FAINT, lw=0, zorder=0)
        axes.axvline(board.best.value, color=MUTED, lw=0.9, zorder=0)
    if board.leave_one_out is not None:
        reference_line(axes, board.leave_one_out.value)
    if board.chance is not None:
        axes.axvline(board.chance, color=MUTED, lw=0.9, ls=":", zorder=0)
    may_be_best = board.among_best()
    for row, of in enumerate(board.networks):
        best = of.name in may_be_best
        colour = BLUE if best else MUTED
        ends = [of.score.low, of.score.high]
        axes.plot(ends, [row, row], color=colour, lw=2.2, alpha=0.5, solid_capstyle="round")
        axes.plot(of.score.value, row, "o", color=colour, ms=4.5, mfc=BLUE if best else "white")
    axes.set_yticks(range(len(board.networks)), [_name(of.name) for of in board.networks])
    axes.set_ylim(len(board.networks) - 0.4, -0.6)
    axes.margins(x=0.06)
    axes.set_xlabel(_AXES[board.measure])
    title = board.subset or _TITLES[board.measure]
    axes.set_title(title if board.question != "anchored" else f"{title}, anchored")
    light_grid(axes, "x")
    axes.grid(axis="y", lw=0.4)


def _name(name: str) -> str:
    return shortened(name, _LONGEST)


def leaderboard_panels(leaderboard: "Leaderboard") -> list["Board"]:
    """Measures that the figure shows: the first, the same by level, and those of structure."""
    first, *others = leaderboard.boards
    groups = [one.group for one in others if one.group is not None]
    panels = [first]
    panels += [
        one
        for one in others
        if (one.measure, one.question, one.group) == (first.measure, first.question, *groups[:1])
    ]
    return panels + [one for one in others if one.measure in ("posterior", "rdm")]


@styled
def leaderboard_chart(leaderboard: "Leaderboard") -> "Figure":
    """Draw networks in rows, and the first measure, its levels and structure in panels."""
    panels = leaderboard_panels(leaderboard)
    longest = max(len(_name(of.name)) for of in leaderboard.networks)
    height = 1.15 + _ROW * len(leaderboard.networks)
    figure = new_figure(0.6 + 0.075 * longest + _PANEL * len(panels), height)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for one, board in zip(axes, panels, strict=True):
        draw_board(one, board)
    for measure in {board.measure for board in panels}:
        alike = [one for one, of in zip(axes, panels, strict=True) if of.measure == measure]
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
    if any(one.best is not None for one in panels):
        found.append(Patch(color=FAINT, label="best possible (95 % interval)"))
    if any(one.leave_one_out is not None for one in panels):
        found.append(line("people, leave-one-out", color=MUTED, lw=0.9, ls=DASHES))
    if any(one.chance is not None for one in panels):
        found.append(line("chance", color=MUTED, lw=0.9, ls=":"))
    return found


def leaderboard_description(leaderboard: "Leaderboard") -> str:
    """Say in words what the figure shows, for who cannot see it."""
    first = leaderboard.boards[0]
    scores = "; ".join(
        f"{of.name} {of.score.value:.3f} [{of.score.low:.3f}, {of.score.high:.3f}]"
        for of in first.networks
    )
    return (
        f"{counted(len(first.networks), 'network')} by {first.title}, best first, with 95 % "
        f"intervals: {scores}. May be the best: {', '.join(first.among_best())}."
    )
