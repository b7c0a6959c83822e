"""Sections on sessions: every one in a line, by task, and what to distrust in them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from twoalike.record import describe_groups
from twoalike.registry import find_task
from twoalike.report._blocks import (
    DASH,
    Block,
    Grid,
    Section,
    Text,
    Verbatim,
    no_sessions,
    number,
    percent,
    say,
)
from twoalike.report._inputs import CHOSEN, Inputs, Run, summarise
from twoalike.study import Floats
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


def people_cautions(inputs: Inputs) -> Iterator[str]:
    rule, runs = inputs.study.config.exclusion, inputs.runs
    if n := sum(
        bool(run.excluded(rule) or run.name.participant in inputs.left_out) for run in runs
    ):
        tasks = len({run.name.task for run in runs}) > 1
        yield say("people-cautions.excluded", n=n, of=len(runs), tasks=tasks)
    for of in (of for of in inputs.sessions if not of.excluded):
        trials = max(of.trials, 1)
        which = f"image {of.place}" if of.place.isdigit() else f"the {of.place} image"
        found = {
            "checks": bool(of.catches) and of.caught < 0.9 * of.catches,
            "one_sided": of.one_sided,
            "timed_out": of.timed_out > 0.05 * trials,
            "fast": of.fast > 0.05 * trials,
            "short": of.trials < of.planned,
        }
        who = f"Participant {of.participant}, session {of.session}"
        for name, there in found.items():
            if there:
                yield say(f"people-cautions.{name}", who=who, of=of, which=which)


def session_section(inputs: Inputs, task: str) -> Section | None:
    """Section of a task (its label), a line for each run; None if it was not run.

    Tasks of choices share their words, but for what comes again and the agreement by chance.
    """
    anchor, cells = _SECTIONS[task]
    runs = [run for run in inputs.runs if run.name.task == task]
    if not runs and (inputs.runs or inputs.tables or task != ODD_ONE_OUT):
        return None
    title, of, values = say(f"{anchor}.title"), anchor, dict[str, str]()
    if task in CHOSEN:
        of, values = "choices", {key: say(f"{anchor}.{key}") for key in ("again", "chance")}
    lead = say(f"{of}.lead", **values)
    if not runs:
        return Section(anchor, title, lead, [no_sessions()])
    lines, reasons = [], []
    for run in runs:
        name = run.name
        why = run.excluded(inputs.study.config.exclusion) or inputs.left_out.get(name.participant)
        if why:
            reasons.append(f"Participant {name.participant}, session {name.session}: {why}")
        lines.append(
            {
                "participant": name.participant,
                "session": f"{name.session}" + (f", run {name.run}" if name.run > 1 else ""),
                **cells(run),
                "ended": run.end,
                "rule": "out" if why else "kept",
            }
        )
    of_items = inputs.study.config.exclusion.wrong_items is not None
    declared = of_items or find_task(task).unusable is not None
    caption = say(f"{of}.caption")
    rule = say("rule.declared" if declared else "rule.of_fit")
    blocks: list[Block] = [Grid(f"{caption} {rule}", pd.DataFrame(lines).set_index("participant"))]
    if declared:
        blocks.append(Text(say("rule.verdict", reasons=reasons, n=len(lines))))
        if reasons:
            blocks.append(Verbatim("Sessions left out, and why", "\n".join(reasons)))
    groups = describe_groups(inputs.study, inputs.study.raw)
    blocks += [Text(f"{line[0].upper()}{line[1:]}.") for line in groups]
    return Section(anchor, title, lead, blocks)


def _share(part: int, whole: int | None) -> str:
    """Say how many of how many; a dash of none."""
    return f"{part} of {whole}" if whole else DASH


def _median(seconds: "pd.Series[float] | Floats", digits: int) -> str:
    known = pd.Series(seconds).dropna()
    return number(float(known.median()), digits) if len(known) else DASH


def _mean(found: Sequence[float]) -> str:
    return f"{number(float(np.mean(found)), 2)} (of {len(found)})" if found else DASH


def _choice_cells(run: Run) -> dict[str, str]:
    of = summarise(run)
    return {
        "trials": _share(of.trials, of.planned),
        "median RT (s)": _median(of.times, 2),
        "checks passed": _share(of.caught, of.catches),
        "repeats alike": _share(of.same, of.repeats),
        "timed out": str(of.timed_out),
        "most chosen place": f"{of.place} {percent(of.share)}" if of.place else DASH,
    }


def _arrangement_cells(run: Run) -> dict[str, str]:
    trials = run.rows.drop_duplicates("trial_index")  # a row per image
    real, planned = trials[trials["trial_type"] != "practice"], run.manifest["n_trials"]
    return {
        "arrangements": f"{len(trials)}" + (f" of {planned}" if planned else ""),
        "median time (s)": _median(real["response_time"], 0),
    }


def _rating_cells(run: Run) -> dict[str, str]:
    rows = run.rows
    judged, catch = rows[rows["trial_type"].isin(JUDGED)], rows[rows["trial_type"] == "catch"]
    answers, points = judged["response"].dropna().astype(float), rows["scale_points"]
    used = commonest = DASH
    if len(answers):
        used = f"{answers.nunique()} of {points.max()} points"
        if points.isna().all():
            used = f"{number(answers.min(), 2)} to {number(answers.max(), 2)}"
        counts = answers.round(1).value_counts(normalize=True)
        commonest = f"{counts.index[0]:g} in {percent(float(counts.iloc[0]))}"
    return {
        "trials": _share(len(rows), int(run.manifest["n_trials"])),
        "median time (s)": _median(judged["response_time"], 2),
        "scale used": used,
        "commonest answer": commonest,
        "checks passed": _share(int(catch["correct"].fillna(False).sum()), len(catch)),
        "repeats: mean difference": _mean(repeat_differences(rows)),
        "timed out": str(int(rows["timed_out"].sum())),
    }


def _sorting_cells(run: Run) -> dict[str, str]:
    rows = run.rows
    real = rows[rows["trial_type"].isin(JUDGED)]
    trials = real.groupby("trial_index")
    sizes = real[real["pile"].notna()].groupby(["trial_index", "pile"]).size()
    return {
        "trials": _share(rows["trial_index"].nunique(), int(run.manifest["n_trials"])),
        "median time (s)": _median(trials["response_time"].first(), 0),
        "piles a trial": _spread(sizes.groupby("trial_index").size()),
        "images a pile": _spread(sizes),
        "images alone": percent(float((sizes == 1).sum() / sizes.sum())) if len(sizes) else DASH,
        "repeats: agreement": _mean(repeat_agreement(rows)),
        "timed out": str(int((trials["end_reason"].first() == "timeout").sum())),
    }


_SECTIONS: Mapping[str, tuple[str, Callable[[Run], dict[str, str]]]] = {
    ODD_ONE_OUT: ("sessions", _choice_cells),
    ANCHORED_CHOICE: ("anchored-sessions", _choice_cells),
    ODD_ONE_OF_MANY: ("odd-of-many-sessions", _choice_cells),
    MOST_ALIKE_PAIR: ("alike-pair-sessions", _choice_cells),
    MULTI_ARRANGEMENT: ("arrangements", _arrangement_cells),
    PAIR_RATING: ("rating-sessions", _rating_cells),
    FREE_SORTING: ("sorting-sessions", _sorting_cells),
}
"""Anchor of each task's section, and its cells of a run between session and end."""


def repeat_differences(rows: pd.DataFrame) -> list[float]:
    """How far apart the two ratings of each repeated pair are, as shares of the scale's length."""
    again = rows[rows["repeat_of"].notna()]
    first = again["repeat_of"].map(rows.set_index("trial_index")["response"])
    length = again["scale_points"].astype(float).sub(1).fillna(1.0)
    apart = (again["response"].astype(float) - first.astype(float)).abs() / length
    return [float(value) for value in apart.dropna()]


def _spread(values: "pd.Series[int]") -> str:
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
