"""The background fit: from the records stored so far to the next snapshot.

It runs in a process of its own and reads the store of the server, so that the server never imports
PyMC. Answers are read from the records and from the blocks as they were chosen, not from raw data.
Sessions whose records so far fail the rule of ``[exclusion]`` are left out.
"""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design import excluded, shown_objects
from twoalike.online._blocks import Block, block_table
from twoalike.online._snapshots import (
    CutOff,
    Snapshot,
    latest_snapshot,
    publish_snapshot,
    snapshot_folder,
)
from twoalike.planning import adaptive_designs, scale_points
from twoalike.study import Study, TwoalikeError, counted, hold_lock, parse_json
from twoalike.tables import JUDGED
from twoalike.tasks import Trial, trials_from_table
from twoalike.tasks.choosing import Answer, TrialResult
from twoalike.tasks.pair_rating import RatingResult

LEAST_PER_OBJECT = 4
"""Answers per object before the first fit; with fewer, its uncertainty guides the choice badly."""
QUICK_FIT: Any = {"quick": True, "engine": "vi", "draws": 100, "chains": 2}
"""Settings of the fit, which takes seconds for thousands of choices."""


def read_answers(
    lines: Iterable[str | bytes], study: Study
) -> tuple[dict[str, pd.DataFrame], CutOff, dict[str, str]]:
    """Read the answers of adaptive sessions from the lines of an archive.

    Gives main and repeated trials, for each task a table of its judgments; the records that they
    are from; and participants whom the rule of exclusion leaves out, with the reason.
    """
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    people: dict[str, str | None] = {}
    blocks: dict[tuple[str, int], list[Block]] = defaultdict(list)
    answers: dict[tuple[str, int, int], dict[str, Any]] = {}
    n_records = 0
    for number, line in enumerate(lines, start=1):
        one = parse_json(line, f"stored records, line {number}")
        name = one["session"]
        match one.get("kind"):
            case "session":
                people[name] = one["participant"]
            case "block":
                if one["rows"]:
                    blocks[name, one["part"]].append(Block.model_validate_json(line))
            case _:
                n_records += 1
                for item in (item for item in one["items"] if item["kind"] in ("choice", "rating")):
                    answers[name, one["part"], item["trial_index"]] = item
    points = cache(lambda: scale_points(study))
    parts, left_out, sessions = defaultdict[str, list[pd.DataFrame]](list), dict[str, str](), set()
    for (name, part), own in blocks.items():
        trials = trials_from_table(block_table(sorted(own, key=lambda one: one.block)))
        found = [
            _answered(trial, item, points)
            for trial in trials
            if (item := answers.get((name, part, trial.trial_index))) is not None
        ]
        if (who := people[name]) is None or not found:
            continue
        rows = pd.DataFrame([row for row, _ in found])
        if (reason := excluded(rows, study.config.exclusion)) is not None:
            left_out[who] = reason
            continue
        judged = [one for row, one in found if one and row["trial_type"] in JUDGED]
        if judged:
            sessions.add(who)
            parts[own[0].task].append(pd.DataFrame(judged).assign(participant=who))
    tables = {task: pd.concat(own, ignore_index=True) for task, own in parts.items()}
    n_trials = sum(map(len, tables.values()))
    cut_off = CutOff(records=n_records, sessions=len(sessions), trials=n_trials, time=moment)
    return tables, cut_off, left_out


def _answered(
    trial: Trial, item: Mapping[str, Any], points: Callable[[], int | None]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Raw row of a trial, and its judgment; None without an answer."""
    about: Any = {"trial": trial, "onset": 0.0, "early": 0, "dropped": None, "flag": None}
    judged: dict[str, Any] = {"trial_type": trial.trial_type}
    row: Any
    if item["kind"] == "rating":
        given = {name: item[name] for name in ("value", "response_time", "method")}
        scale: Any = {"scale_points": points(), "start_value": None}
        rating = RatingResult(**about, **given, **scale, n_adjustments=0)
        row = rating.rows(rt_source="browser", pilot=False)[0]
        judged |= dict(zip(("item_a", "item_b"), trial.stimuli, strict=True))
        judged |= {"rating": row["response"], "scale_points": row["scale_points"]}
        return row, None if rating.timed_out else judged
    given = {name: one for name, one in (item["answer"] or {}).items() if one is not None}
    choice = TrialResult(**about, answer=Answer(**given) if given else None)
    row = choice.rows(rt_source="browser", pilot=False)[0]
    order = sorted(trial.order, key=lambda at: trial.anchored and at > 0)
    names = ("response", "response_1", "response_2")
    places = sorted(1 + order.index(row[name] - 1) for name in names if row.get(name))
    judged |= {f"item_{n}": trial.stimuli[at] for n, at in enumerate(order, start=1)}
    judged |= dict(zip(("chosen", "second"), places, strict=False)) | {
        "kind": _ASKED.get(trial.kind, "odd_one_out")
    }
    return row, judged if places else None


_ASKED = {"anchored": "anchored", "alike_pair": "most_alike"}
"""Question of choices other than the odd one, by the kind of trial."""


def refit(
    study: Study | str | Path,
    lines: Callable[[], Iterable[str | bytes]],
    *,
    announce: Callable[[str], object] | None = None,
) -> Snapshot | None:
    """Fit the answers stored so far and publish the next snapshot.

    ``lines`` reads the archive of stored records: sessions, blocks and records, one a line.
    ``announce`` is called with one line: the new snapshot, or the reason why there is none, which
    is that there are too few answers, or no new ones.
    """
    from twoalike.embedding import enough, fit

    tell = announce or (lambda line: None)
    opened = study if isinstance(study, Study) else Study.load(study)
    if not (designs := adaptive_designs(opened)):
        raise TwoalikeError(
            "no task has trials that are chosen by the answers so far",
            where=opened.root / "study.toml",
            remedy='Set sampler = "adaptive" in its table, such as [design].',
        )
    busy = f"{opened.root}: another background fit of this study runs. One is enough."
    with hold_lock(snapshot_folder(opened) / ".lock", busy):
        tables, cut_off, left_out = read_answers(lines(), opened)
        last = latest_snapshot(snapshot_folder(opened))
        tables = {name: one for name, one in tables.items() if name in designs}
        done = [designs[name] for name in tables] or [*designs.values()]
        items = [table.filter(like="item_").to_numpy().ravel() for table in tables.values()]
        judged = Counter(name for part in items for name in part if isinstance(name, str))
        ids = {name for one in done for name in shown_objects(one.stimuli, one.settings)}
        if (reason := _too_few(judged, cut_off, sorted(ids), last)) is not None:
            tell(reason)
            return None
        seed = int(np.random.SeedSequence(opened.config.seed).generate_state(1)[0])
        kinds = defaultdict[str, list[pd.DataFrame]](list)
        for one in done:
            kinds[one.task.judgments].append(tables[one.task.name])
        judgments: Any = {kind: pd.concat(own, ignore_index=True) for kind, own in kinds.items()}
        posterior = fit(**judgments, **opened.known, seed=seed, **QUICK_FIT)
        if (said := enough(opened, posterior)).met:
            tell(f"{said}. Invite nobody else; sessions that have begun go on.")
        made = publish_snapshot(done, posterior, cut_off, judged)
    tell(
        f"snapshot {made.number}: {counted(made.cut_off.trials, 'answer')} of "
        f"{counted(made.cut_off.sessions, 'session')}, read at {made.cut_off.time}"
        + (f"; left out: {len(left_out)}" if left_out else "")
    )
    return made


def give_way() -> None:
    """Take the lowest priority and one processor, where the system has them: no answer waits."""
    if hasattr(os, "nice"):
        os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        for thread in map(int, os.listdir("/proc/self/task")):  # Linux has priorities by thread
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
            os.sched_setaffinity(thread, {max(os.sched_getaffinity(0))})


def _too_few(
    judged: Mapping[str, int], cut_off: CutOff, ids: Collection[str], last: Snapshot | None
) -> str | None:
    least = LEAST_PER_OBJECT * len(ids)
    if cut_off.trials < least:
        return f"{counted(cut_off.trials, 'answer')} so far; the first fit takes {least}"
    if missing := [name for name in ids if name not in judged]:
        return f"{len(missing)} of {len(ids)} objects are not judged yet, such as {missing[0]}"
    if last is not None and last.cut_off.records == cut_off.records:
        return f"no record since snapshot {last.number}"
    return None


def refit_repeatedly(
    study: Study | str | Path,
    lines: Callable[[], Iterable[str | bytes]],
    *,
    every_s: float,
    announce: Callable[[str], object] | None = None,
) -> Iterator[Snapshot]:
    """Fit repeatedly, at most once in ``every_s`` seconds, and yield each new snapshot."""
    while True:
        began = time.monotonic()
        if (made := refit(study, lines, announce=announce)) is not None:
            yield made
        time.sleep(max(0.0, every_s - (time.monotonic() - began)))
