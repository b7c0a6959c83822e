"""Estimates with their intervals: models between chance and ceiling, people, bounds, changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twoalike.evaluation import Interval
from twoalike.figures._style import (
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twoalike.evaluation import NoiseCeiling
    from twoalike.results import Chance, ModelScores

PEOPLE, BOUND = PALETTE[6], INK
"""Colours of people, and of what no model can exceed."""
_KNOWN = {"base": "#7a8590", "control": PALETTE[1], "aligned": PALETTE[0]}


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
    series: str = ""  # what the colour means, for the legend; empty where the row says it
    """What the colour means, for the legend; empty where the row's name says it."""


def estimate_dot(
    axes: "Axes",
    measure: Interval,
    y: float,
    *,
    colour: str,
    marker: str = "o",
    digits: int | None = 3,
    label: str | None = None,
) -> None:
    """Draw an estimate at height ``y``: a mark, a line for its interval, and its value above."""
    value, ends = measure.value, [measure.low, measure.high]
    axes.plot(ends, [y, y], color=colour, lw=3.0, alpha=0.45, solid_capstyle="round")
    axes.plot(value, y, marker, color=colour, ms=6.5, label=label)
    if digits is not None:
        axes.annotate(
            f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}"),
            (value, y),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontweight="bold",
        )


def draw_estimates(
    axes: "Axes",
    lines: Sequence[Line],
    label: str,
    *,
    reference: float | None = None,
    digits: int = 3,
) -> None:
    """Draw estimates into axes, from top to bottom, with a dashed line at the reference."""
    by_name = _rows(lines)
    most = max(map(len, by_name.values()))
    labelled: set[str] = set()
    for row, members in enumerate(by_name.values()):
        for place, line in enumerate(members):
            estimate_dot(
                axes,
                line.measure,
                row + (place - (len(members) - 1) / 2) * 0.7 / most,
                colour=line.colour,
                marker=line.marker,
                digits=digits if most == 1 else None,
                label=line.series if line.series and line.series not in labelled else None,
            )
            labelled.add(line.series)
        if row:
            axes.axhline(row - 0.5, color=FAINT, lw=0.8, zorder=0)
    if reference is not None:
        reference_line(axes, reference)
    axes.set_yticks(range(len(by_name)), list(by_name))
    axes.set_ylim(len(by_name) - 0.5, -0.62)
    axes.margins(x=0.08)
    axes.set_xlabel(label)
    light_grid(axes, "x")


def _rows(lines: Sequence[Line]) -> dict[str, list[Line]]:
    rows: dict[str, list[Line]] = {}
    for line in lines:
        rows.setdefault(line.name, []).append(line)
    return rows


@styled
def estimates_chart(
    lines: Sequence[Line],
    label: str,
    *,
    reference: float | None = None,
    digits: int = 3,
    width: float = WIDE,
) -> "Figure":
    """Dots with 95 % intervals; estimates of one name share a row."""
    by_name = _rows(lines)
    most = max(map(len, by_name.values()))
    figure = new_figure(width, 0.75 + len(by_name) * (0.2 + 0.17 * most))
    draw_estimates(figure.add_subplot(), lines, label, reference=reference, digits=digits)
    if any(line.series for line in lines):
        figure.legend(loc="outside upper left", ncols=4 if width > 5 else 2)
    return figure


def model_colours(models: Sequence["ModelScores"]) -> dict[str, str]:
    """Colour of each model: the same in every figure, ink for a ceiling."""
    free = iter([c for c in PALETTE if c not in _KNOWN.values()] * len(models))
    colours = {}
    for model in models:
        name = model.name
        known = INK if model.role == "ceiling" else _KNOWN.get(name)
        colours[name] = known or next(free)
    return colours


def dot(model: "ModelScores") -> str:
    """Marker of a model: a diamond for a ceiling."""
    return "D" if model.role == "ceiling" else "o"


def draw_models(
    axes: "Axes",
    models: Sequence["ModelScores"],
    measures: Sequence[Interval],
    reference: float | None = None,
    *,
    low_is_chance: bool = True,
) -> None:
    """Draw models into axes, one row each: dot, interval, value; a dashed line at the reference."""
    colours = model_colours(models)
    for row, (model, of) in enumerate(zip(models, measures, strict=True)):
        estimate_dot(axes, of, row, colour=colours[model.name], marker=dot(model))
    if reference is not None:
        reference_line(axes, reference)
        axes.annotate(
            "chance",
            (reference, 0),
            xycoords=("data", "axes fraction"),
            xytext=(3 if low_is_chance else -3, 3),
            textcoords="offset points",
            ha="left" if low_is_chance else "right",
            va="bottom",
            color=MUTED,
            fontsize=8,
        )
    axes.set_yticks(range(len(models)), [model.name for model in models])
    axes.set_ylim(len(models) - 0.5, -0.75)
    axes.margins(x=0.14)
    light_grid(axes, "x")


@styled
def alignment_chart(
    models: Sequence["ModelScores"],
    chance: "Chance",
    *,
    kind: str = "odd-one-out",
    width: float = WIDE,
) -> "Figure":
    """Accuracy and log-loss of every model, with 95 % intervals and the chance level."""
    stacked = width < 5
    height = 0.95 + 0.42 * len(models)
    figure = new_figure(width, 2 * height if stacked else height)
    left, right = figure.subplots(*((2, 1) if stacked else (1, 2)))
    accuracies = [model.accuracy for model in models if model.accuracy]
    draw_models(left, models, accuracies, chance.accuracy)
    left.set_title(f"{kind.capitalize()} accuracy")
    left.set_xlabel("more is better")
    losses = [model.log_loss for model in models if model.log_loss]
    draw_models(right, models, losses, chance.log_loss, low_is_chance=False)
    right.set_title("Log-loss (nats)")
    right.set_xlabel("less is better")
    if not stacked:
        right.set_yticklabels([])
    return figure


@styled
def structure_chart(
    models: Sequence["ModelScores"], ceiling: "NoiseCeiling | None", *, width: float = WIDE
) -> "Figure":
    """Rank correlation of every model's dissimilarities with people's.

    Two panels, since a mean over people has less noise than a person: against the mean person
    (with intervals), and the mean over persons, where the noise ceiling applies.
    """
    stacked = width < 5
    height = 0.95 + 0.42 * len(models)
    panels = 1 if ceiling is None else 2
    figure = new_figure(width, panels * height if stacked else height)
    axes = figure.subplots(*((panels, 1) if stacked else (1, panels)), squeeze=False).ravel()
    draw_models(axes[0], models, [model.rdm.spearman for model in models if model.rdm])
    axes[0].set_title("Against the mean person")
    for panel in axes:
        panel.set_xlabel("Spearman correlation")
    if ceiling is not None:
        draw_over_persons(axes[1], models, ceiling)
        if not stacked:
            axes[1].set_yticklabels([])
    return figure


def draw_over_persons(
    axes: "Axes", models: Sequence["ModelScores"], ceiling: "NoiseCeiling"
) -> None:
    """Mean correlation with single persons, and the noise ceiling of it."""
    means = [model.rdm.per_person.mean for model in models if model.rdm]
    draw_models(axes, models, [Interval(m, m, m) for m in means])
    axes.set_title("Mean over persons")
    axes.axvspan(ceiling.lower, ceiling.upper, color=FAINT, zorder=0, lw=0)
    axes.annotate(
        "noise ceiling",
        ((ceiling.lower + ceiling.upper) / 2, 0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=MUTED,
        fontsize=8,
    )
