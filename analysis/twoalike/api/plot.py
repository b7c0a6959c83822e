"""The report's figures as functions: domain objects in, matplotlib axes out.

Every function draws into ``ax``, or into a new figure of pyplot where that is None, and returns the
axes. Objects may be given as the path of their file.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.api._axes import Pathlike, SomeStimuli, inches, legend, new_axes, some_stimuli
from twoalike.api._plot_people import (
    lapse,
    people,
    response_times,
    temperature,
    times_by_uncertainty,
    weights,
)
from twoalike.calibration import reliability
from twoalike.embedding import (
    Posterior,
    PosteriorSource,
    as_posterior,
    dimension_curve,
    predict_choices,
)
from twoalike.figures import (
    MARKERS,
    POWER_TITLES,
    Line,
    draw_board,
    draw_dimensions,
    draw_estimates,
    draw_map,
    draw_models,
    draw_over_persons,
    draw_power,
    draw_reliability,
    draw_similarity,
    map_layout,
    styled,
)
from twoalike.judgments import JudgmentTable, read_judgments
from twoalike.recovery import Measure, PowerResult
from twoalike.report import (
    Thumbnails,
    category_labels,
    category_levels,
    ceiling_lines,
    distance_lines,
    few_categories,
    group_lines,
    transfer_lines,
)
from twoalike.results import JudgmentCounts, Leaderboard, MeasureName, Results
from twoalike.study import Floats, TwoalikeError, read_json, require_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "accuracy",
    "ceilings",
    "dimensions",
    "distances",
    "frontier",
    "groups",
    "lapse",
    "leaderboard",
    "log_loss",
    "map",
    "people",
    "power",
    "predictions",
    "response_times",
    "similarity",
    "structure",
    "temperature",
    "times_by_uncertainty",
    "training",
    "transfer",
    "weights",
]


def __dir__() -> list[str]:
    return __all__


type SomeResults = Results | Pathlike


@styled
def map(  # noqa: A001 - as ta.plot.map
    posterior: PosteriorSource,
    stimuli: SomeStimuli | None = None,
    *,
    level: str | None = None,
    images: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Map of the embedding: what people find alike lies close together.

    Parameters
    ----------
    posterior
        The posterior, or its file.
    stimuli
        The stimulus set or the study, or a folder of either kind: for images and categories.
    level
        Level of the categories that colours show; the coarsest with few of them if None.
    images
        Draw images instead of marks, where there are any.
    ax
        Axes to draw into.
    """
    posterior = as_posterior(posterior)
    ids = posterior.ids
    known = some_stimuli(stimuli, ids)
    labels = category_labels(known, ids)
    if level is not None and level not in labels:
        raise TwoalikeError(
            where=f"`level={level!r}`",
            expected=f"one of {', '.join(list(labels.columns))}",
            found="no such level",
        )
    coloured = few_categories(labels[[level]] if level else labels)
    layout = map_layout(posterior.thinned().embedding)
    ax = new_axes(ax, 4.6)
    pictures = Thumbnails(known, ids) if known is not None and images else None
    categories = coloured[1] if coloured else None
    draw_map(ax, layout, categories=categories, images=pictures, names=ids, width=inches(ax))
    if categories is not None:
        legend(ax)
    return ax


@styled
def similarity(
    similar: "Posterior | Pathlike | pd.DataFrame | Floats",
    stimuli: SomeStimuli | None = None,
    *,
    label: str = "similarity",
    ax: "Axes | None" = None,
) -> "Axes":
    """Similarity of every pair of objects, ordered by category.

    Parameters
    ----------
    similar
        A posterior or its file (the mean over its draws), or a symmetric matrix of m objects, shape
        (m, m): a frame or a DataArray with the objects' ids along its first axis, or an array.
    stimuli
        For the categories; needs the ids.
    label
        Name of the colour scale.
    ax
        Axes to draw into.
    """
    if isinstance(similar, Posterior | str | Path):
        posterior = as_posterior(similar)
        matrix, ids = posterior.thinned().similarity(), posterior.ids
    else:
        matrix, ids = _matrix(similar)
    levels = category_levels(category_labels(some_stimuli(stimuli, ids), ids)) if ids else []
    ax = new_axes(ax, 4.2)
    draw_similarity(ax, matrix, levels=levels, label=label, size=inches(ax))
    return ax


def _matrix(similar: Any) -> tuple[Floats, tuple[str, ...]]:
    """Numbers of a square matrix, and its ids where it has any."""
    matrix = np.asarray(similar, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise TwoalikeError(
            where="similarities", expected="a matrix of shape (m, m)", found=f"shape {matrix.shape}"
        )
    index = getattr(similar, "index", None)
    if hasattr(similar, "dims"):  # xarray
        index = similar.get_index(similar.dims[0]) if similar.dims[0] in similar.coords else None
    return matrix, tuple(str(name) for name in index) if index is not None else ()


@styled
def dimensions(
    posterior: PosteriorSource, choices: JudgmentTable, *, seed: int = 0, ax: "Axes | None" = None
) -> "Axes":
    """Log-loss of the choices by number of dimensions kept; filled: the fewest that do.

    Parameters
    ----------
    posterior, choices
        The posterior and odd-one-out judgments, or their files.
    seed
        Of the choices taken, where there are very many.
    ax
        Axes to draw into.
    """
    curve = dimension_curve(as_posterior(posterior).thinned(), read_judgments(choices), seed=seed)
    ax = new_axes(ax, 2.6, 4.6)
    draw_dimensions(ax, curve.table)
    return ax


@styled
def predictions(
    posterior: PosteriorSource,
    choices: JudgmentTable,
    *,
    fitted: bool = True,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Observed share of choices against the probability that the embedding gave them.

    Parameters
    ----------
    posterior, choices
        The posterior and odd-one-out judgments, or their files.
    fitted
        Whether the posterior was fitted to these choices: then each is left out of its prediction.
    seed
        Of the draws taken.
    ax
        Axes to draw into.
    """
    made = predict_choices(
        as_posterior(posterior), read_judgments(choices), fitted=fitted, seed=seed
    )
    ax = new_axes(ax, 4.4, 4.6)
    draw_reliability(ax, reliability(made.probabilities, made.chosen))
    ax.set_xlabel("predicted probability of being the odd one")
    return ax


@styled
def power(result: PowerResult, measure: Measure = "regret", *, ax: "Axes | None" = None) -> "Axes":
    """Learning curve of simulated studies: how far more judgments help.

    Parameters
    ----------
    result
        Of :func:`twoalike.recovery.power`.
    measure
        ``"regret"``, the log-loss above the truth's, or ``"width"`` of 95 % intervals.
    ax
        Axes to draw into.
    """
    ax = new_axes(ax, 3.3, 4.0)
    draw_power(ax, result, measure)
    ax.set_title(POWER_TITLES[measure])
    return ax


def _measured(results: SomeResults, part: str) -> Results:
    results = results if isinstance(results, Results) else Results.load(results)
    if getattr(results, part) is None:
        reason = (results.missing or {}).get(part, "")
        raise TwoalikeError(reason or "not measured", where=f"results, {part}")
    return results


def _model_rows(results: Results, ax: "Axes | None") -> "Axes":
    return new_axes(ax, 0.95 + 0.42 * len(results.models), 4.0)


def _on_choices(results: SomeResults, part: str = "judgments") -> tuple[Results, JudgmentCounts]:
    """Results that have a part, and the choices it is about."""
    results = _measured(results, part)
    judgments = _measured(results, "judgments").judgments
    assert judgments is not None  # or it would have been refused
    return results, judgments


def _draw_scores(
    results: Results, measure: str, label: str, ax: "Axes | None", chance: float
) -> "Axes":
    """Draw a measure of agreement with the choices, a row a network."""
    ax, found = _model_rows(results, ax), [getattr(of, measure) for of in results.models]
    scores = [score for score in found if score]
    draw_models(ax, results.models, scores, chance, low_is_chance=measure == "accuracy")
    ax.set_xlabel(label)
    return ax


def _draw_lines(
    lines: list[Line],
    label: str,
    ax: "Axes | None",
    reference: float | None = None,
    digits: int = 3,
) -> "Axes":
    """Draw estimates that share rows by name, with a legend where colours need one."""
    if not lines:
        raise TwoalikeError("these results have nothing to draw here")
    rows = len({line.name for line in lines})
    ax = new_axes(ax, 1.2 + rows * (0.2 + 0.17 * -(-len(lines) // rows)), 6.0)
    draw_estimates(ax, lines, label, reference=reference, digits=digits)
    if any(line.series for line in lines):
        legend(ax)
    return ax


@styled
def accuracy(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy of every network on the choices with its 95 % interval, and chance."""
    results, judgments = _on_choices(results)
    label = f"{judgments.name} accuracy"
    return _draw_scores(results, "accuracy", label, ax, judgments.chance.accuracy)


@styled
def log_loss(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Log-loss of every network with its 95 % interval, and chance; less is better."""
    results, judgments = _on_choices(results)
    return _draw_scores(results, "log_loss", "log-loss (nats)", ax, judgments.chance.log_loss)


@styled
def structure(results: SomeResults, *, persons: bool = False, ax: "Axes | None" = None) -> "Axes":
    """Rank correlation of every network's dissimilarities with people's.

    Parameters
    ----------
    results
        Results with ``rdm``, or their file.
    persons
        The mean correlation with single persons, beside the noise ceiling, instead of the
        correlation with the mean person.
    ax
        Axes to draw into.
    """
    results = _measured(results, "rdm")
    models, ceiling = results.models, results.rdm.ceiling if results.rdm else None
    ax = _model_rows(results, ax)
    if not persons:
        draw_models(ax, models, [model.rdm.spearman for model in models if model.rdm])
    elif ceiling is None:
        raise TwoalikeError("a single person has no noise ceiling", where="`persons=True`")
    else:
        draw_over_persons(ax, models, ceiling)
    ax.set_xlabel("Spearman correlation")
    return ax


@styled
def leaderboard(
    ranked: Leaderboard | Pathlike,
    measure: MeasureName | None = None,
    subset: str | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Score of every network with its interval, the best first; filled: it may be the best.

    Parameters
    ----------
    ranked
        A leaderboard, or its file.
    measure
        Such as ``"accuracy"`` or ``"posterior"``; the one that decides the order if None.
    subset
        Part of the judgments, such as ``"coarse"``; None: all of them.
    ax
        Axes to draw into.
    """
    found = ranked if isinstance(ranked, Leaderboard) else Leaderboard.load(ranked)
    ax = new_axes(ax, 0.8 + 0.2 * len(found.networks), 4.0)
    draw_board(ax, found.board(measure or found.boards[0].measure, subset))
    return ax


@styled
def groups(results: SomeResults, group: str, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy in subsets of the choices, beside people's agreement and the best possible model.

    Parameters
    ----------
    results
        Results, or their file.
    group
        ``"level"``, the level of the trial, or a level of the labels: the kind of triplet by it.
    ax
        Axes to draw into.
    """
    results, judgments = _on_choices(results)
    known = results.models[0].groups
    if group not in known:
        raise TwoalikeError(
            where=f"`group={group!r}`", expected=f"one of {', '.join(known)}", found="no such group"
        )
    return _draw_lines(group_lines(results, group), "accuracy", ax, judgments.chance.accuracy)


@styled
def ceilings(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy of networks (dots), how people agree (squares), and bounds (diamonds)."""
    results, judgments = _on_choices(results, "ceilings")
    return _draw_lines(ceiling_lines(results), "share right", ax, judgments.chance.accuracy)


@styled
def distances(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Change of distances within and between categories, beside the first network's."""
    lines = distance_lines(_measured(results, "structure"))
    return _draw_lines(lines, "change of distance (%)", ax, reference=0.0, digits=1)


@styled
def transfer(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Share right in other tasks: classes from few images, linear probes, shifted classes."""
    return _draw_lines(transfer_lines(_measured(results, "transfer")), "share right", ax)


@styled
def training(student: Pathlike, *, ax: "Axes | None" = None) -> "Axes":
    """Divergence from the teacher while a student learns: batches, and images held out.

    Parameters
    ----------
    student
        The student or its folder.
    ax
        Axes to draw into.
    """
    import pandas as pd

    folder = Path(getattr(student, "folder", student))
    log = pd.read_json(require_file(folder / "training.jsonl", "a student"), lines=True)
    if "loss" not in log:
        raise TwoalikeError(
            where=folder, expected="a student that was trained", found="one of the closed form"
        )
    steps, scores = log[log["loss"].notna()], log[log["held_out"].notna()]
    ax = new_axes(ax, 3.0, 4.6)
    ax.plot(steps["step"], steps["loss"], label="batches")
    held_out = [score["kl"] for score in scores["held_out"]]
    ax.plot(scores["step"], held_out, "o", label="held-out images")
    ax.set(xlabel="step", ylabel="KL to the teacher (nats)", ylim=(0, None))
    ax.legend()
    return ax


@styled
def frontier(student: Pathlike, *, ax: "Axes | None" = None) -> "Axes":
    """Likeness and ability of all vectors that were tried for a student, and the one chosen.

    A line joins vectors of one form of the features, from no human part to the longest one.

    Parameters
    ----------
    student
        The student or its folder.
    ax
        Axes to draw into.
    """
    import pandas as pd

    folder = Path(getattr(student, "folder", student))
    said = read_json(folder / "config.json", "student")
    tried = said["frontier"]
    if tried is None or tried["base"]["ability"] is None:
        raise TwoalikeError(
            where=folder,
            expected="a student whose vector was chosen by likeness and ability",
            found="one without " + ("a teacher" if tried is None else "a measure of ability"),
        )
    points = pd.DataFrame(tried["points"]).fillna({"whitening": 0.0}).sort_values("balance")
    chosen, axes = said["vector"], ["likeness", "ability"]
    ax = new_axes(ax, 3.4, 4.6)
    forms = points.groupby(["centred", "whitening"])
    for mark, (form, line) in zip(MARKERS, forms, strict=False):
        centred, shrunk = form
        name = f"whitened, {shrunk}" if shrunk else "centred" if centred else "as they are"
        ax.plot(*line[axes].T.to_numpy(), marker=mark, ms=4, lw=0.9, label=f"features {name}")
        if form == (chosen["centred"], chosen["whitening"] or 0.0):
            taken = line[line["balance"] == chosen["balance"]]
            ax.plot(*taken[axes].T.to_numpy(), "o", ms=11, mfc="none", mec="black", label="chosen")
    ax.axhline(tried["base"]["ability"], color="grey", lw=0.9, ls="--", label="network's ability")
    ax.set(xlabel="likeness (Spearman with the teacher)", ylabel="ability (few-shot accuracy)")
    ax.legend(loc="best")
    return ax
