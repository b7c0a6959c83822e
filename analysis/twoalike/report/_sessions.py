"""Sections on sessions: every one in a line, by task.

A task is a :class:`_Sheet`: how its section reads, and the cells of one run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design import excluded
from twoalike.record import RunName, describe_groups, find_runs, read_manifest, read_run
from twoalike.report._blocks import DASH, NO_SESSIONS, Block, Grid, Section, Text, number, percent
from twoalike.report._inputs import Inputs, ending_of, summarise, unusable
from twoalike.study import ExclusionConfig, Floats, counted
from twoalike.tables import (
    ANCHORED_CHOICE,
    FREE_SORTING,
    JUDGED,
    MOST_ALIKE_PAIR,
    MULTI_ARRANGEMENT,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    PAIR_RATING,
)

_DECLARED = "Rule: whether the one declared in study.toml ([exclusion]) keeps the session."
_LEFT_OUT = "Rule: whether the fit left the participant out by [exclusion] careless of study.toml."


def _share(part: int, whole: int | None) -> str:
    """Say how many of how many; a dash of none."""
    return f"{part} of {whole}" if whole else DASH


def _median(seconds: "pd.Series[float] | Floats", digits: int) -> str:
    known = pd.Series(seconds).dropna()
    return number(float(known.median()), digits) if len(known) else DASH


def _mean(found: Sequence[float]) -> str:
    return f"{number(float(np.mean(found)), 2)} (of {len(found)})" if found else DASH


type _Run = tuple[RunName, pd.DataFrame, dict[str, Any]]
"""Name, rows and manifest."""


@dataclass(frozen=True)
class _Sheet:
    """A task's section: every session in a line."""

    task: str
    anchor: str
    title: str
    lead: str
    caption: str
    cells: Callable[[_Run], dict[str, str]]
    """Cells of a run, between the session and how it ended."""
    excluded: Callable[[_Run, ExclusionConfig], str | None] | None = None
    """Why the declared rule leaves a run out; None: only the fit applies it."""


def _section(inputs: Inputs, sheet: _Sheet) -> Section | None:
    """Section of a task; None where it was not run."""
    raw, lines, reasons = inputs.study.raw, [], []
    for run in map(read_run, find_runs(raw, sheet.task)):
        name, manifest = run.name, read_manifest(run.name.manifest(raw))
        of = (name, run.rows, manifest)
        why = inputs.left_out.get(name.participant)
        if sheet.excluded is not None:
            why = sheet.excluded(of, inputs.study.config.exclusion) or why
        if why:
            reasons.append(f"Participant {name.participant}, session {name.session}: {why}")
        lines.append(
            {
                "participant": name.participant,
                "session": f"{name.session}" + (f", run {name.run}" if name.run > 1 else ""),
                **sheet.cells(of),
                "ended": ending_of(manifest),
                "rule": "out" if why else "kept",
            }
        )
    if not lines:
        return None
    rule = _LEFT_OUT if sheet.excluded is None else _DECLARED
    frame = pd.DataFrame(lines).set_index("participant")
    blocks: list[Block] = [Grid(f"{sheet.caption} {rule}", frame)]
    if sheet.excluded is not None:
        verdict = f"The declared rule leaves out {len(reasons)} of {counted(len(lines), 'session')}"
        blocks.append(Text(f"{verdict}: {'; '.join(reasons)}." if reasons else f"{verdict}."))
    groups = describe_groups(inputs.study, raw)
    blocks += [Text(f"{line[0].upper()}{line[1:]}.") for line in groups]
    return Section(sheet.anchor, sheet.title, sheet.lead, blocks)


def _choice_cells(run: _Run) -> dict[str, str]:
    of = summarise(*run, ExclusionConfig(), None)
    favourite, share = of.given.favourite
    return {
        "trials": _share(of.trials, of.planned),
        "median RT (s)": _median(of.times, 2),
        "checks passed": _share(of.caught, of.catches),
        "repeats alike": _share(of.same, of.repeats),
        "timed out": str(of.timed_out),
        "most chosen place": f"{favourite} {percent(share)}" if of.given.picks else DASH,
    }


def _by_rule(run: _Run, rule: ExclusionConfig) -> str | None:
    return unusable(run[0].task, run[1], rule)


def _choices(task: str, anchor: str, title: str, again: str, chance: str) -> _Sheet:
    """Sheet of a task of choices."""
    lead = (
        "One line for each session. A person who guesses misses attention checks, answers repeated "
        f"{again} differently (agreement by chance: {chance}) or keeps to one side."
    )
    caption = "Response times are of main and repeat trials; practice is counted in trials only."
    return _Sheet(task, anchor, title, lead, caption, _choice_cells, _by_rule)


def _arrangement_cells(run: _Run) -> dict[str, str]:
    trials = run[1].drop_duplicates("trial_index")  # a row per image
    real, planned = trials[trials["trial_type"] != "practice"], run[2]["n_trials"]
    return {
        "arrangements": f"{len(trials)}" + (f" of {planned}" if planned else ""),
        "median time (s)": _median(real["response_time"], 0),
    }


def _rating_cells(run: _Run) -> dict[str, str]:
    _, rows, manifest = run
    judged, catch = rows[rows["trial_type"].isin(JUDGED)], rows[rows["trial_type"] == "catch"]
    answers = judged["response"].dropna().astype(float)
    return {
        "trials": _share(len(rows), int(manifest["n_trials"])),
        "median time (s)": _median(judged["response_time"], 2),
        "scale used": _use_of_scale(answers, rows["scale_points"]),
        "commonest answer": _commonest(answers),
        "checks passed": _share(int(catch["correct"].fillna(False).sum()), len(catch)),
        "repeats: mean difference": _mean(repeat_differences(rows)),
        "timed out": str(int(rows["timed_out"].sum())),
    }


def _sorting_cells(run: _Run) -> dict[str, str]:
    _, rows, manifest = run
    real = rows[rows["trial_type"].isin(JUDGED)]
    trials = real.groupby("trial_index")
    sizes = real[real["pile"].notna()].groupby(["trial_index", "pile"]).size()
    return {
        "trials": _share(rows["trial_index"].nunique(), int(manifest["n_trials"])),
        "median time (s)": _median(trials["response_time"].first(), 0),
        "piles a trial": _spread(sizes.groupby("trial_index").size()),
        "images a pile": _spread(sizes),
        "images alone": percent(float((sizes == 1).sum() / sizes.sum())) if len(sizes) else DASH,
        "repeats: agreement": _mean(repeat_agreement(rows)),
        "timed out": str(int((trials["end_reason"].first() == "timeout").sum())),
    }


_TRIPLETS = _choices(ODD_ONE_OUT, "sessions", "Sessions", "triplets", "one in three")
_ANCHORED = _choices(
    ANCHORED_CHOICE, "anchored-sessions", "Sessions of anchored choices", "trials", "one in two"
)
_OF_MANY = _choices(
    ODD_ONE_OF_MANY,
    "odd-of-many-sessions",
    "Sessions of the odd one of many",
    "sets",
    "one in the number of images",
)
_ALIKE = _choices(
    MOST_ALIKE_PAIR,
    "alike-pair-sessions",
    "Sessions of the most alike pair",
    "sets",
    "one in the number of pairs of images",
)
_ARRANGEMENTS = _Sheet(
    MULTI_ARRANGEMENT,
    "arrangements",
    "Arrangements",
    "One line for each session of dragging images into a circle, so that alike ones are close.",
    "Median time of an arrangement; practice is counted in arrangements only.",
    _arrangement_cells,
)
_RATINGS = _Sheet(
    PAIR_RATING,
    "rating-sessions",
    "Sessions of ratings",
    "One line for each session of rating how alike two images are. A person who pays no attention "
    "rates identical images low, gives most pairs the same rating, or rates a pair differently "
    "when it comes again.",
    "Times and the use of the scale are of main and repeated pairs. Scale used: points of a Likert "
    "scale that were given at all, or lowest and highest place on a slider. Differences of repeats "
    "are shares of the scale's length.",
    _rating_cells,
    lambda run, rule: excluded(run[1], rule),
)
_SORTINGS = _Sheet(
    FREE_SORTING,
    "sorting-sessions",
    "Sessions of sorting",
    "One line for each session of sorting images into piles. Repeats: the adjusted Rand index of "
    "two sortings of the same images, 1 for the same piles, 0 for piles that agree as by chance.",
    "Practice is counted in trials only. Piles and images: median, and range in brackets. Images "
    "alone: share of the images that are a pile by themselves.",
    _sorting_cells,
)


def triplet_section(inputs: Inputs) -> Section | None:
    """Every session of the odd-one-out task in a line; None if only other tasks were run."""
    if not inputs.sessions and not find_runs(inputs.study.raw):
        return Section(_TRIPLETS.anchor, _TRIPLETS.title, _TRIPLETS.lead, [NO_SESSIONS])
    return _section(inputs, _TRIPLETS)


type TaskSection = Callable[[Inputs], Section | None]
anchored_section: TaskSection = partial(_section, sheet=_ANCHORED)
odd_of_many_section: TaskSection = partial(_section, sheet=_OF_MANY)
alike_pair_section: TaskSection = partial(_section, sheet=_ALIKE)
arrangement_section: TaskSection = partial(_section, sheet=_ARRANGEMENTS)
rating_section: TaskSection = partial(_section, sheet=_RATINGS)
sorting_section: TaskSection = partial(_section, sheet=_SORTINGS)


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
    again = rows[rows["repeat_of"].notna()]
    first = again["repeat_of"].map(rows.set_index("trial_index")["response"])
    length = again["scale_points"].astype(float).sub(1).fillna(1.0)
    apart = (again["response"].astype(float) - first.astype(float)).abs() / length
    return [float(value) for value in apart.dropna()]


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
    again = sorted_rows[sorted_rows["repeat_of"].notna()]
    both = again.merge(
        sorted_rows, left_on=["repeat_of", "stimulus"], right_on=["trial_index", "stimulus"]
    )
    return [
        float(adjusted_rand_score(of["pile_y"].to_numpy(int), of["pile_x"].to_numpy(int)))
        for _, of in both.groupby("trial_index_x")
        if len(of) > 1
    ]
