"""Sessions of ratings and of sorting: how long, how the scale or the piles were used, repeats."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.design import excluded
from twoalike.record import RunName, find_runs, read_manifest, read_run
from twoalike.report._blocks import DASH, Block, Grid, Section, Text, number, percent
from twoalike.report._people import ending, groups_texts, session_name, share_of
from twoalike.study import counted
from twoalike.tables import FREE_SORTING, JUDGED, PAIR_RATING

if TYPE_CHECKING:
    from twoalike.report._inputs import Inputs

type _Run = tuple[RunName, pd.DataFrame, dict[str, Any]]


def _runs(inputs: "Inputs", task: str) -> list[_Run]:
    """Name, rows and manifest of each run of a task."""
    raw = inputs.study.raw
    runs = [read_run(path) for path in find_runs(raw, task)]
    return [(run.name, run.rows, read_manifest(run.name.manifest(raw))) for run in runs]


def rating_section(inputs: "Inputs") -> Section | None:
    """Every session of the pair-rating task in a line; None without any."""
    runs = _runs(inputs, PAIR_RATING)
    if not runs:
        return None
    rule = inputs.study.config.exclusion
    lead = (
        "One line for each session of rating how alike two images are. A person who pays no "
        "attention rates identical images low, gives most pairs the same rating, or rates a pair "
        "differently when it comes again."
    )
    columns = (
        "participant",
        "session",
        "trials",
        "median time (s)",
        "scale used",
        "commonest answer",
        "checks passed",
        "repeats: mean difference",
        "timed out",
        "ended",
        "rule",
    )
    caption = (
        "Times and the use of the scale are of main and repeated pairs. Scale used: points of a "
        "Likert scale that were given at all, or lowest and highest place on a slider. Differences "
        "of repeats are shares of the scale's length. Rule: whether the one declared in study.toml "
        "([exclusion]) keeps the session."
    )
    out = [
        excluded(table, rule) or inputs.left_out.get(name.participant) for name, table, _ in runs
    ]
    rows = [
        [*_rating_row(*run), "out" if why else "kept"] for run, why in zip(runs, out, strict=True)
    ]
    reasons = [
        f"Participant {name.participant}, session {name.session}: {why}"
        for (name, _, _), why in zip(runs, out, strict=True)
        if why
    ]
    verdict = f"The declared rule leaves out {len(reasons)} of {counted(len(runs), 'session')}"
    text = Text(f"{verdict}: {'; '.join(reasons)}." if reasons else f"{verdict}.")
    blocks: list[Block] = [Grid(caption, columns, rows), text, *groups_texts(inputs)]
    return Section("rating-sessions", "Sessions of ratings", lead, blocks)


def _rating_row(name: RunName, rows: pd.DataFrame, manifest: Mapping[str, Any]) -> list[str]:
    judged = rows[rows["trial_type"].isin(JUDGED)]
    answers = judged["response"].dropna().astype(float)
    catch = rows[rows["trial_type"] == "catch"]
    seconds = judged["response_time"].median()
    caught = int(catch["correct"].fillna(False).astype(bool).sum())
    apart = repeat_differences(rows)
    return [
        name.participant,
        session_name(name.session, name.run),
        share_of(len(rows), int(manifest["n_trials"])),
        DASH if pd.isna(seconds) else number(float(seconds), 2),
        _use_of_scale(answers, rows["scale_points"]),
        _commonest(answers),
        share_of(caught, len(catch)),
        f"{number(float(np.mean(apart)), 2)} (of {len(apart)})" if apart else DASH,
        str(int(rows["timed_out"].sum())),
        ending(manifest),
    ]


def _use_of_scale(answers: "pd.Series[float]", points: "pd.Series[int]") -> str:
    if not len(answers):
        return DASH
    if points.isna().all():
        return f"{number(answers.min(), 2)} to {number(answers.max(), 2)}"
    return f"{answers.nunique()} of {int(points.max())} points"


def _commonest(answers: "pd.Series[float]") -> str:
    """Answer given most often, on a slider to a tenth, and its share."""
    if not len(answers):
        return DASH
    counts = answers.round(1).value_counts(normalize=True)
    return f"{counts.index[0]:g} in {percent(float(counts.iloc[0]))}"


def repeat_differences(rows: pd.DataFrame) -> list[float]:
    """How far apart the two ratings of each repeated pair are, as shares of the scale's length.

    Examples
    --------
    >>> repeat_differences(pd.DataFrame({
    ...     "trial_index": [1, 2], "repeat_of": [None, 1], "response": [7.0, 4.0],
    ...     "scale_points": [7, 7],
    ... }))
    [0.5]
    """
    first = dict(zip(rows["trial_index"], rows["response"], strict=True))
    again = rows[rows["repeat_of"].notna()]
    apart = []
    for of, response, points in zip(
        again["repeat_of"], again["response"], again["scale_points"], strict=True
    ):
        if pd.notna(response) and pd.notna(first.get(of)):
            length = 1.0 if pd.isna(points) else float(points) - 1
            apart.append(abs(float(response) - float(first[of])) / length)
    return apart


def sorting_section(inputs: "Inputs") -> Section | None:
    """Every session of the free-sorting task in a line; None without any."""
    runs = _runs(inputs, FREE_SORTING)
    if not runs:
        return None
    lead = (
        "One line for each session of sorting images into piles. Repeats: the adjusted Rand index "
        "of two sortings of the same images, 1 for the same piles, 0 for piles that agree as by "
        "chance."
    )
    columns = (
        "participant",
        "session",
        "trials",
        "median time (s)",
        "piles a trial",
        "images a pile",
        "images alone",
        "repeats: agreement",
        "timed out",
        "ended",
        "rule",
    )
    caption = (
        "Practice is counted in trials only. Piles and images: median, and range in brackets. "
        "Images alone: share of the images that are a pile by themselves. Rule: whether the fit "
        "left the participant out by [exclusion] careless of study.toml."
    )
    rows = [
        [*_sorting_row(*run), "out" if run[0].participant in inputs.left_out else "kept"]
        for run in runs
    ]
    blocks: list[Block] = [Grid(caption, columns, rows), *groups_texts(inputs)]
    return Section("sorting-sessions", "Sessions of sorting", lead, blocks)


def _sorting_row(name: RunName, rows: pd.DataFrame, manifest: Mapping[str, Any]) -> list[str]:
    real = rows[rows["trial_type"].isin(JUDGED)]
    trials = real.groupby("trial_index")
    seconds = trials["response_time"].first().median()
    sizes = real[real["pile"].notna()].groupby(["trial_index", "pile"]).size()
    piles = sizes.groupby("trial_index").size()
    agreement = repeat_agreement(rows)
    return [
        name.participant,
        session_name(name.session, name.run),
        share_of(rows["trial_index"].nunique(), int(manifest["n_trials"])),
        DASH if pd.isna(seconds) else number(float(seconds), 0),
        _spread(piles),
        _spread(sizes),
        percent(float((sizes == 1).sum() / sizes.sum())) if len(sizes) else DASH,
        f"{number(float(np.mean(agreement)), 2)} (of {len(agreement)})" if agreement else DASH,
        str(int((trials["end_reason"].first() == "timeout").sum())),
        ending(manifest),
    ]


def _spread(values: "pd.Series[int]") -> str:
    """Median and range of counts."""
    if not len(values):
        return DASH
    low, high = int(values.min()), int(values.max())
    return f"{values.median():g}" + ("" if low == high else f" ({low} to {high})")


def repeat_agreement(rows: pd.DataFrame) -> list[float]:
    """Return the adjusted Rand index of each repeated trial with its first showing."""
    from sklearn.metrics import adjusted_rand_score

    sorted_rows = rows[rows["pile"].notna()]
    piles: dict[object, dict[str, int]] = {
        index: dict(zip(trial["stimulus"], trial["pile"].astype(int), strict=True))
        for index, trial in sorted_rows.groupby("trial_index")
    }
    again = rows[rows["repeat_of"].notna()].groupby("trial_index")["repeat_of"].first()
    found = []
    for index, of in again.items():
        first, second = piles.get(of, {}), piles.get(index, {})
        both = [name for name in first if name in second]
        if len(both) > 1:
            labels = [np.array([one[name] for name in both]) for one in (first, second)]
            found.append(float(adjusted_rand_score(*labels)))
    return found
