"""The report's figures as functions: domain objects in, matplotlib axes out.

Every function draws into ``ax``, or into a new figure of pyplot where that is None, and returns the
axes. Posteriors, judgments and results may be given as the path of their file, ``stimuli`` as a
set, a study, or the folder of either; ``fitted`` says whether the posterior was fitted to these
judgments: then each is left out of its prediction. ``seed`` is of what is drawn at random.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from twoalike import figures, report
from twoalike.calibration import reliability
from twoalike.calibration import times_by_uncertainty as ranked_times
from twoalike.embedding import (
    Posterior,
    PosteriorSource,
    as_posterior,
    dimension_curve,
    predict_choices,
    read_groups,
    shared_objects,
    view_groups,
)
from twoalike.figures import Chart, Panel, styled
from twoalike.judgments import JudgmentKind, JudgmentTable, read_judgments
from twoalike.recovery import Measure, PowerResult
from twoalike.results import Leaderboard, Replay, Results
from twoalike.rsa import direction_draws
from twoalike.rsa import observed as seen_by
from twoalike.rsa import reliability as measure_reliability
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, Study, TwoalikeError, one_of, read_json, require_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

type Pathlike = str | Path
type SomeStimuli = StimulusSet | Study | Pathlike
type SomeResults = Results | Pathlike
type Groups = Mapping[str, str] | Pathlike | None


def __dir__() -> list[str]:
    own = (name for name, of in globals().items() if getattr(of, "__module__", "") == __name__)
    return sorted(name for name in own if not name.startswith("_") and name[0].islower())


def _axes(ax: "Axes | None", height: float, width: float = 5.0) -> "Axes":
    """Axes given, or those of a new figure, so many inches high."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), layout="constrained").add_subplot()


@styled
def _drawn(ax: "Axes | None", chart: Chart, *given: Any, **options: Any) -> "Axes":
    """Draw a chart into axes, with its legend above."""
    width = min(5.0, chart.most)
    ax = _axes(ax, chart.height(width, *given, **options), width)
    chart.into(ax, *given, width=ax.get_window_extent().width / ax.figure.dpi, **options)
    if chart.legend and ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    return ax


def _stimuli(stimuli: SomeStimuli | None, ids: tuple[str, ...]) -> StimulusSet | None:
    """Stimulus set with all objects of the embedding."""
    if stimuli is None:
        return None
    if isinstance(stimuli, str | Path) and Path(stimuli, "study.toml").is_file():
        stimuli = Study.load(stimuli)
    if isinstance(stimuli, Study):
        stimuli = stimuli.stimuli
    if not isinstance(stimuli, StimulusSet):
        stimuli = StimulusSet.load(stimuli, verify=False)
    if missing := set(ids) - set(stimuli.ids):
        raise TwoalikeError(
            where="`stimuli=...`",
            expected="all objects of the posterior",
            found=f"{len(missing)} missing, such as {min(missing)!r}",
        )
    return stimuli


def map(  # noqa: A001 - as ta.plot.map
    posterior: PosteriorSource,
    stimuli: SomeStimuli | None = None,
    *,
    level: str | None = None,
    images: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Map of the embedding: what people find alike lies close together.

    Colours show the categories of a ``level``, the coarsest with few of them if None.
    """
    posterior = as_posterior(posterior)
    ids = posterior.ids
    known = _stimuli(stimuli, ids)
    labels = report.category_labels(known, ids)
    if level is not None:
        one_of("level", level, [str(name) for name in labels])
    coloured = report.few_categories(labels[[level]] if level else labels)
    layout = figures.map_layout(posterior.thinned().embedding)
    pictures = report.thumbnails(known if images else None, ids)
    look = {"categories": coloured[1] if coloured else None, "images": pictures, "names": ids}
    return _drawn(ax, figures.embedding_map, layout, **look)


def similarity(
    similar: "Posterior | Pathlike | pd.DataFrame | Floats",
    stimuli: SomeStimuli | None = None,
    *,
    label: str = "similarity",
    ax: "Axes | None" = None,
) -> "Axes":
    """Similarity of every pair of objects, ordered by category.

    Of a posterior the mean over its draws; or a symmetric matrix of m objects, shape (m, m): a
    frame or a DataArray with the objects' ids along its first axis, or an array.
    """
    if isinstance(similar, Posterior | str | Path):
        posterior = as_posterior(similar)
        matrix, ids = posterior.thinned().similarity(), posterior.ids
    else:
        matrix, ids = _matrix(similar)
    levels = (
        report.category_levels(report.category_labels(_stimuli(stimuli, ids), ids)) if ids else []
    )
    return _drawn(ax, figures.similarity_heatmap, matrix, levels=levels, label=label)


def clusters(
    posterior: PosteriorSource, stimuli: SomeStimuli | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Tree of the objects, and in how many of 100 draws each cluster is there."""
    posterior = as_posterior(posterior)
    known, tree = _stimuli(stimuli, posterior.ids), figures.cluster_tree(direction_draws(posterior))
    pictures = report.thumbnails(known, posterior.ids)
    return _drawn(ax, figures.tree_chart, tree, posterior.ids, images=pictures)


def observed(
    judgments: JudgmentTable,
    kind: JudgmentKind = "choices",
    participant: str | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Dissimilarity of every pair of objects to people, or to one: similar objects side by side."""
    seen = seen_by(read_judgments(judgments, kind), kind)
    order = report.leaf_order(seen.matrix(seen.mean))
    frame = seen.frame()
    if participant is not None and participant not in frame.index:
        expected = f"one of {', '.join(seen.people)}"
        raise TwoalikeError(where="`participant=...`", expected=expected, found=participant)
    values = seen.mean if participant is None else frame.loc[participant].to_numpy()
    names, matrix = [seen.ids[row] for row in order], seen.matrix(values)[np.ix_(order, order)]
    return _drawn(ax, figures.similarity_heatmap, matrix, label="dissimilarity", names=names)


def observed_map(
    judgments: JudgmentTable,
    kind: JudgmentKind = "choices",
    stimuli: SomeStimuli | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Map of the objects by the order of the observed dissimilarities alone."""
    seen = seen_by(read_judgments(judgments, kind), kind)
    known = _stimuli(stimuli, seen.ids)
    pictures = report.thumbnails(known, seen.ids)
    layout, _ = figures.observed_layout(seen.matrix(seen.mean))
    return _drawn(ax, figures.embedding_map, layout, images=pictures, names=seen.ids)


def shepard(
    posterior: PosteriorSource,
    judgments: JudgmentTable,
    kind: JudgmentKind = "choices",
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Dissimilarities by the embedding against those observed, and the line that never falls."""
    seen = seen_by(read_judgments(judgments, kind), kind)
    found = report.compare_observed(as_posterior(posterior), seen)
    return _drawn(ax, figures.shepard_chart, found)


def agreement(
    judgments: JudgmentTable,
    kind: JudgmentKind = "choices",
    unit: str | None = None,
    *,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """How far people agree with others and with themselves, in the first or another unit."""
    found = measure_reliability(read_judgments(judgments, kind), kind, seed)
    panels = report.reliability_panels(found)
    return _drawn(ax, figures.panel_chart, panels[unit or next(iter(panels))])


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


def dimensions(
    posterior: PosteriorSource, choices: JudgmentTable, *, seed: int = 0, ax: "Axes | None" = None
) -> "Axes":
    """Log-loss of the choices by number of dimensions kept; filled: the fewest that do."""
    curve = dimension_curve(as_posterior(posterior).thinned(), read_judgments(choices), seed=seed)
    return _drawn(ax, figures.dimension_chart, curve.table)


@styled
def predictions(
    posterior: PosteriorSource,
    choices: JudgmentTable,
    *,
    fitted: bool = True,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Observed share of odd-one-out choices against their probability by the embedding."""
    source, table = as_posterior(posterior), read_judgments(choices)
    made = predict_choices(source, table, fitted=fitted, seed=seed)
    ax = _axes(ax, 4.4, 4.6)
    figures.draw_reliability(ax, reliability(made.probabilities, made.chosen))
    ax.set_xlabel("predicted probability of being the odd one")
    return ax


def response_times(choices: JudgmentTable, *, ax: "Axes | None" = None) -> "Axes":
    """Response times of each participant: median, middle half and middle nine tenths."""
    return _drawn(ax, figures.response_times, _times(choices))


def _times(choices: JudgmentTable) -> dict[str, Floats]:
    if not (times := report.times_of(read_judgments(choices))):
        raise TwoalikeError("the choices have no response times")
    return times


@styled
def times_by_uncertainty(
    posterior: PosteriorSource,
    choices: JudgmentTable,
    *,
    fitted: bool = True,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Response times against the predicted entropy of the answer, within people."""
    found = ranked_times(posterior, choices, fitted=fitted, seed=seed)
    ax = _axes(ax, 3.2, 4.6)
    figures.draw_times_by_entropy(ax, found)
    return ax


def temperature(posterior: PosteriorSource, *, ax: "Axes | None" = None) -> "Axes":
    """Temperature of each participant, median and 95 % interval: how noisy their choices are."""
    posterior = as_posterior(posterior)
    return _by_median(figures.temperature_chart, posterior, posterior.temperature, ax)


def lapse(posterior: PosteriorSource, *, ax: "Axes | None" = None) -> "Axes":
    """Lapse rate of each participant, median and 95 % interval: the share of guesses."""
    posterior = as_posterior(posterior)
    return _by_median(figures.lapse_chart, posterior, posterior.lapse, ax)


def _by_median(chart: Chart, posterior: Posterior, draws: Floats, ax: "Axes | None") -> "Axes":
    order = np.argsort(np.median(draws, axis=0), kind="stable")
    names = [posterior.participants[row] for row in order]
    return _drawn(ax, chart, names, draws[:, order])


def weights(
    posterior: PosteriorSource,
    groups: Groups = None,
    stimuli: SomeStimuli | None = None,
    *,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Weights of the dimensions: of groups, or of all people.

    ``groups`` are those of the participants, or a tab-separated file with the columns
    ``participant`` and ``group``; None: those of the posterior.
    """
    posterior, group_of = _weighted(posterior, groups)
    posterior = posterior.thinned()
    views = view_groups(posterior, group_of, seed=seed) if group_of else None
    shown = report.shown_dimensions(report.describe_dimensions(posterior.embedding))
    found = report.dimension_weights(posterior, views, shown)
    known = _stimuli(stimuli, posterior.ids)
    images = report.top_images(known, posterior.ids, shown)
    titles = [f"dimension {place}" for place in range(1, len(shown) + 1)]
    return _drawn(ax, figures.weights_chart, found, titles, images)


def _weighted(source: PosteriorSource, groups: Groups) -> tuple[Posterior, Mapping[str, str]]:
    """Posterior with weights by person, and the group of each participant if there are any."""
    posterior = as_posterior(source)
    if posterior.weights is None:
        raise TwoalikeError(
            where=posterior.path or "the posterior",
            expected="weights of the dimensions by person",
            found="none",
            remedy="Fit it with `people=weights`.",
        )
    if groups is None:
        return posterior, posterior.group_of
    return posterior, groups if isinstance(groups, Mapping) else read_groups(groups)


def beside(
    first: PosteriorSource,
    second: PosteriorSource,
    names: tuple[str, str] = ("the first study", "the second study"),
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Similarities of pairs of objects in two studies, standardised over the pairs they share."""
    models = as_posterior(first).thinned(), as_posterior(second).thinned()
    ids = shared_objects(*models)
    one, other = (report.standardised(model, ids).mean(axis=0) for model in models)
    return _drawn(ax, figures.agreement_chart, one, other, names)


def people_beside(
    first: PosteriorSource | JudgmentTable,
    second: PosteriorSource | JudgmentTable,
    measure: Literal["temperature", "lapse", "response_time"] = "temperature",
    names: tuple[str, str] = ("the first study", "the second study"),
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """One number per person of two studies, with median and middle half.

    Studies are posteriors, or for ``"response_time"`` (median, s) tables of choices.
    """
    label = report.OF_PEOPLE[one_of("measure", measure, report.OF_PEOPLE)]

    def measured(of: Any) -> Floats:
        if measure == "response_time":
            return np.array([np.median(times) for times in _times(of).values()])
        return np.asarray(np.median(getattr(as_posterior(of), measure), axis=0))

    values = {names[0]: measured(first), names[1]: measured(second)}
    return _drawn(ax, figures.people_beside, values, label)


@styled
def power(result: PowerResult, measure: Measure = "regret", *, ax: "Axes | None" = None) -> "Axes":
    """Learning curve of simulated studies: how far more judgments help.

    The measure is ``"regret"``, the log-loss above the truth's, or ``"width"`` of 95 % intervals.
    """
    ax = _axes(ax, 3.3, 4.0)
    figures.draw_power(ax, result, measure)
    ax.set_title(figures.POWER_TITLES[measure])
    return ax


def _draw(
    results: SomeResults,
    part: str,
    make: Callable[[Results, str], Panel],
    ax: "Axes | None",
) -> "Axes":
    """Draw a panel of results, of the first question that was scored."""
    results = results if isinstance(results, Results) else Results.load(results)
    question = next(iter(results.questions), "")
    panel = make(results, question) if question or part not in ("judgments", "groups") else None
    if panel is None or not panel.lines:
        reason = results.missing.get(part, "not measured")
        raise TwoalikeError(reason, where=f"results, {part}")
    return _drawn(ax, figures.panel_chart, panel)


def accuracy(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy of every network on the choices with its 95 % interval, and chance."""
    return _draw(results, "judgments", figures.accuracy_panel, ax)


def log_loss(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Log-loss of every network with its 95 % interval, and chance; less is better."""
    return _draw(results, "judgments", figures.log_loss_panel, ax)


def structure(
    results: SomeResults,
    *,
    persons: bool = False,
    kind: Literal["rdm", "ratings", "sortings"] = "rdm",
    ax: "Axes | None" = None,
) -> "Axes":
    """Rank correlation of every network's dissimilarities with those of the mean person.

    With ``persons``, the mean correlation with single persons, beside the noise ceiling. Of
    ``"ratings"`` and ``"sortings"`` always with persons.
    """

    def panel(found: Results, _: str) -> Panel:
        if kind != "rdm":
            return figures.rated_panel(found, kind)
        panels = figures.structure_panels(found)
        if persons and len(panels) < 2:
            raise TwoalikeError("a single person has no noise ceiling", where="`persons=True`")
        return panels[int(persons)]

    return _draw(results, kind, panel, ax)


def groups(results: SomeResults, group: str, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy in subsets of the choices, beside people's agreement and the best possible model.

    The group is ``"level"``, the level of the trial, or a level of the labels; ``"category"``: of
    all trials that show an object of a category.
    """

    def panel(found: Results, question: str) -> Panel:
        levels = found.levels(f"{question}.accuracy")
        if group == "category":
            return figures.category_panel(found, question)[1]
        known = dict.fromkeys(["category", *(level.partition(": ")[0] for level in levels)])
        return figures.group_panel(found, question, one_of("group", group, known))

    return _draw(results, "groups", panel, ax)


def ceilings(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy of networks (dots), how people agree (squares), and bounds (diamonds)."""
    return _draw(results, "ceilings", figures.ceilings_panel, ax)


def distances(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Change of distances within and between categories, beside the first network's."""
    return _draw(results, "structure", lambda found, _: figures.distances_panel(found), ax)


def transfer(results: SomeResults, *, ax: "Axes | None" = None) -> "Axes":
    """Share right in other tasks: classes from few images, linear probes, shifted classes."""
    return _draw(results, "transfer", lambda found, _: figures.transfer_panel(found), ax)


@styled
def leaderboard(
    ranked: Leaderboard | Pathlike,
    measure: str | None = None,
    subset: str | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Score of every network with its interval, the best first; filled: it may be the best.

    The measure is such as ``"accuracy"``, None: the one that decides the order; the subset is a
    part of the judgments such as ``"coarse"``.
    """
    found = ranked if isinstance(ranked, Leaderboard) else Leaderboard.load(ranked)
    ax = _axes(ax, 0.8 + 0.2 * len(found.networks), 4.0)
    figures.draw_board(ax, found.board(measure or found.boards[0].kind, subset))
    return ax


def replay(results: Replay | Pathlike, *, ax: "Axes | None" = None) -> "Axes":
    """Held-out log-loss of designs by number of recorded answers; dashed: the full random one."""
    found = results if isinstance(results, Replay) else Replay.load(results)
    return _drawn(ax, figures.replay_chart, found)


@styled
def training(student: Pathlike, *, ax: "Axes | None" = None) -> "Axes":
    """Divergence from the teacher while a student learns, on batches and on held-out images."""
    import pandas as pd

    folder = Path(getattr(student, "folder", student))
    log = pd.read_json(require_file(folder / "training.jsonl", "a student"), lines=True)
    if "loss" not in log:
        raise TwoalikeError(
            where=folder, expected="a student that was trained", found="one of the closed form"
        )
    steps, scores = log[log["loss"].notna()], log[log["held_out"].notna()]
    ax = _axes(ax, 3.0, 4.6)
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
    ax = _axes(ax, 3.4, 4.6)
    forms = points.groupby(["centred", "whitening"])
    for mark, (form, line) in zip(figures.MARKERS, forms, strict=False):
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
