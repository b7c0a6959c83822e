"""The background fit: from the records stored so far to the next snapshot.

It runs in a process of its own and reads the store of the server, so that the server never imports
PyMC. Choices are read from the records and from the blocks as they were chosen, not from raw data.
Sessions whose records so far fail the rule of ``[exclusion]`` are left out.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design import excluded, shown_objects
from twoalike.online._blocks import Block, block_table, check_adaptive
from twoalike.online._snapshots import (
    CutOff,
    Snapshot,
    latest_snapshot,
    publish_snapshot,
    snapshot_folder,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, counted, hold_lock, parse_json
from twoalike.tables import JUDGED, POSITIONS
from twoalike.tasks import trials_from_table

LEAST_PER_OBJECT = 4
"""Choices per object before the first fit; with fewer, its uncertainty guides the choice badly."""
QUICK_FIT: Any = {"quick": True, "engine": "vi", "draws": 100, "chains": 2}
"""Settings of the fit, which takes seconds for thousands of choices."""


def read_choices(
    lines: Iterable[str | bytes], study: Study
) -> tuple[pd.DataFrame, CutOff, dict[str, str]]:
    """Read the choices of adaptive sessions from the lines of an archive.

    Returns
    -------
    Main and repeated trials (``participant``, ``item_1`` to ``item_3`` from left to right,
    ``chosen``, ``trial_type``), the records that they are from, and participants whom the rule of
    exclusion leaves out, with the reason.
    """
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    people: dict[str, str | None] = {}
    blocks: dict[tuple[str, int], list[Block]] = defaultdict(list)
    answers: dict[tuple[str, int, int], str | None] = {}
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
                for item in (item for item in one["items"] if item["kind"] == "choice"):
                    place = item["answer"] and item["answer"]["position"]
                    answers[name, one["part"], item["trial_index"]] = place
    parts, left_out = [], {}
    for (name, part), own in blocks.items():
        trials = trials_from_table(block_table(sorted(own, key=lambda one: one.block)))
        rows = pd.DataFrame(
            {
                "participant": people[name],
                "trial_type": trial.trial_type,
                "expected_odd": trial.expected,
                "response": place and trial.positions.index(place) + 1,
                **{f"item_{number}": name for number, name in enumerate(trial.row, start=1)},
                "chosen": place and POSITIONS.index(place) + 1,
            }
            for trial in trials
            if (name, part, trial.trial_index) in answers
            for place in [answers[name, part, trial.trial_index]]
        )
        if (who := people[name]) is None or not len(rows):
            continue
        if (reason := excluded(rows, study.config.exclusion)) is not None:
            left_out[who] = reason
            continue
        parts.append(rows[rows["trial_type"].isin(JUDGED) & rows["response"].notna()])
    names = ["participant", "item_1", "item_2", "item_3", "chosen", "trial_type"]
    table = pd.concat(parts)[names] if parts else pd.DataFrame(columns=names)
    n_sessions, n_trials = int(table["participant"].nunique()), len(table)
    cut_off = CutOff(records=n_records, sessions=n_sessions, trials=n_trials, time=moment)
    return table.reset_index(drop=True), cut_off, left_out


def refit(
    study: Study | str | Path,
    lines: Callable[[], Iterable[str | bytes]],
    *,
    announce: Callable[[str], object] | None = None,
) -> Snapshot | None:
    """Fit the choices stored so far and publish the next snapshot.

    Parameters
    ----------
    lines
        Reads the archive of stored records: sessions, blocks and records, one a line.
    announce
        Called with one line: the new snapshot, or the reason why there is none.

    Returns
    -------
    The snapshot; None if there are too few choices, or no new ones.
    """
    from twoalike.embedding import enough, fit

    tell = announce or (lambda line: None)
    opened = study if isinstance(study, Study) else Study.load(study)
    check_adaptive(opened)
    busy = f"{opened.root}: another background fit of this study runs. One is enough."
    with hold_lock(snapshot_folder(opened) / ".lock", busy):
        ids = shown_objects(StimulusSet.load(opened.stimuli, verify=False), opened.config.design)
        table, cut_off, left_out = read_choices(lines(), opened)
        last = latest_snapshot(snapshot_folder(opened))
        if (reason := _too_few(table, cut_off, ids, last)) is not None:
            tell(reason)
            return None
        seed = int(np.random.SeedSequence(opened.config.seed).generate_state(1)[0])
        posterior = fit(table, seed=seed, **QUICK_FIT)
        if said := enough(opened, posterior):
            tell(f"{said}. Invite nobody else; sessions that have begun go on.")
        made = publish_snapshot(snapshot_folder(opened), posterior, ids, cut_off, seed)
    tell(
        f"snapshot {made.number}: {counted(made.cut_off.trials, 'choice')} of "
        f"{counted(made.cut_off.sessions, 'session')}, read at {made.cut_off.time}"
        + (f"; left out: {len(left_out)}" if left_out else "")
    )
    return made


def _too_few(
    table: pd.DataFrame, cut_off: CutOff, ids: tuple[str, ...], last: Snapshot | None
) -> str | None:
    least = LEAST_PER_OBJECT * len(ids)
    if cut_off.trials < least:
        return f"{counted(cut_off.trials, 'choice')} so far; the first fit takes {least}"
    seen = set(table[["item_1", "item_2", "item_3"]].to_numpy().ravel())
    if missing := [name for name in ids if name not in seen]:
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
    """Fit repeatedly, at most once in ``every_s`` seconds, and yield each new snapshot.

    Parameters
    ----------
    lines, announce
        As for :func:`refit`.
    """
    while True:
        began = time.monotonic()
        if (made := refit(study, lines, announce=announce)) is not None:
            yield made
        time.sleep(max(0.0, every_s - (time.monotonic() - began)))
