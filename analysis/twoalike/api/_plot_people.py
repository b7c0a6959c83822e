"""Figures of the people: their times, their noise, and how they weigh the dimensions."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twoalike.api._axes import SomeStimuli, inches, legend, new_axes, some_stimuli
from twoalike.calibration import times_by_uncertainty as ranked_times
from twoalike.embedding import Posterior, PosteriorSource, as_posterior, read_groups, view_groups
from twoalike.figures import (
    draw_lapse,
    draw_people,
    draw_response_times,
    draw_temperature,
    draw_times_by_entropy,
    draw_weights,
    participants_height,
    people_layout,
    styled,
    weights_height,
)
from twoalike.judgments import JudgmentTable, read_judgments
from twoalike.report import describe_dimensions, dimension_weights, shown_dimensions, top_images
from twoalike.study import Floats, TwoalikeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def response_times(choices: JudgmentTable, *, ax: "Axes | None" = None) -> "Axes":
    """Response times of each participant: median, middle half and middle nine tenths.

    Parameters
    ----------
    choices
        Judgments with ``participant`` and ``response_time`` (s); times of 0 or less are left out.
    ax
        Axes to draw into.
    """
    table = read_judgments(choices)
    known = table[table["response_time"] > 0]
    groups = known.groupby("participant", observed=True)["response_time"]
    times = {str(name): values.to_numpy(np.float64) for name, values in groups}
    if not times:
        raise TwoalikeError("the choices have no response times")
    ax = new_axes(ax, participants_height(len(times)))
    draw_response_times(ax, times)
    return ax


@styled
def temperature(posterior: PosteriorSource, *, ax: "Axes | None" = None) -> "Axes":
    """Temperature of each participant, median and 95 % interval: how noisy their choices are."""
    posterior = as_posterior(posterior)
    return _by_median(draw_temperature, posterior.participants, posterior.temperature, ax)


@styled
def lapse(posterior: PosteriorSource, *, ax: "Axes | None" = None) -> "Axes":
    """Lapse rate of each participant, median and 95 % interval: the share of guesses."""
    posterior = as_posterior(posterior)
    return _by_median(draw_lapse, posterior.participants, posterior.lapse, ax)


def _by_median(
    draw: Callable[..., None], names: tuple[str, ...], draws: Floats, ax: "Axes | None"
) -> "Axes":
    ax = new_axes(ax, participants_height(len(names)))
    order = np.argsort(np.median(draws, axis=0), kind="stable")
    draw(ax, [names[row] for row in order], draws[:, order])
    return ax


@styled
def times_by_uncertainty(
    posterior: PosteriorSource,
    choices: JudgmentTable,
    *,
    fitted: bool = True,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Response times against the predicted entropy of the answer, within people.

    Parameters
    ----------
    posterior, choices
        The posterior and judgments with response times, or their files.
    fitted
        Whether the posterior was fitted to these judgments: then each is left out of its
        prediction.
    seed
        Of the judgments taken, where there are very many.
    ax
        Axes to draw into.
    """
    found = ranked_times(posterior, choices, fitted=fitted, seed=seed)
    ax = new_axes(ax, 3.2, 4.6)
    draw_times_by_entropy(ax, found)
    return ax


@styled
def people(
    posterior: PosteriorSource,
    groups: Mapping[str, str] | str | Path | None = None,
    *,
    names: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Map of the people by how they weigh the dimensions.

    Parameters
    ----------
    posterior
        A posterior with weights of the dimensions (``people="weights"``), or its file.
    groups
        Group of each participant, or a tab-separated file with the columns ``participant`` and
        ``group``; those of the posterior if None.
    names
        Write the participants' names, where there is room.
    ax
        Axes to draw into.
    """
    posterior = _weighted(posterior)
    assert posterior.weights is not None
    group_of = _group_of(posterior, groups)
    layout = people_layout(posterior.weights.log)
    if layout is None:
        raise TwoalikeError(
            where="the posterior",
            expected="people who differ in two directions",
            found=f"{len(posterior.participants)} people who differ in one at most",
        )
    shown = posterior.participants if names else None
    of = [group_of[name] for name in posterior.participants] if group_of else None
    ax = new_axes(ax, 4.2)
    draw_people(ax, layout, groups=of, names=shown, width=inches(ax))
    if of is not None:
        legend(ax)
    return ax


@styled
def weights(
    posterior: PosteriorSource,
    groups: Mapping[str, str] | str | Path | None = None,
    stimuli: SomeStimuli | None = None,
    *,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Weights of the dimensions: of groups, with their intervals, or of all people.

    Parameters
    ----------
    posterior, groups
        As of :func:`people`.
    stimuli
        The stimulus set or the study, or a folder of either kind: for images of the dimensions.
    seed
        Of the people resampled.
    ax
        Axes to draw into.
    """
    posterior = _weighted(posterior).thinned()
    group_of = _group_of(posterior, groups)
    views = view_groups(posterior, group_of, seed=seed) if group_of else None
    shown = shown_dimensions(describe_dimensions(posterior.embedding))
    found = dimension_weights(posterior, views, shown)
    known = some_stimuli(stimuli, posterior.ids)
    images = None if known is None else top_images(known, posterior.ids, shown)
    ax = new_axes(ax, weights_height(len(shown), len(found.names)))
    titles = [f"dimension {place}" for place in range(1, len(shown) + 1)]
    draw_weights(ax, found, titles, images, width=inches(ax))
    if views is not None:
        legend(ax)
    return ax


def _weighted(source: PosteriorSource) -> Posterior:
    posterior = as_posterior(source)
    if posterior.weights is None:
        raise TwoalikeError(
            where=posterior.path or "the posterior",
            expected="weights of the dimensions by person",
            found="none",
            remedy="Fit it with `people=weights`.",
        )
    return posterior


def _group_of(
    posterior: Posterior, groups: Mapping[str, str] | str | Path | None
) -> Mapping[str, str]:
    """Group of each participant; none where there are none."""
    if groups is None:
        return posterior.group_of
    return groups if isinstance(groups, Mapping) else read_groups(groups)
