"""The background fit: from the records stored so far to the next snapshot.

It runs in a process of its own and reads the store of the server, so that the server never imports
PyMC. Choices are read from the records and from the blocks as they were chosen, not from raw data.
Sessions whose records so far fail the rule of ``[exclusion]`` are left out.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
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
from twoalike.study import Study, TwoalikeError, counted, hold_lock
from twoalike.tables import JUDGED, POSITIONS
from twoalike.tasks import trials_from_table

LEAST_PER_OBJECT = 4
"""Choices per object before the first fit; with fewer, its uncertainty guides the choice badly."""
QUICK_FIT: Any = {"quick": True, "engine": "vi", "draws": 100, "chains": 2}
"""Settings of the fit, which takes seconds for thousands of choices."""


@dataclass
class _Stored:
    """One online session: participant, blocks by part, answers by part and trial."""

    participant: str | None = None
    blocks: dict[int, list[Block]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[int, dict[int, str | None]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(frozen=True)
class StoredChoices:
    """Choices of all sessions, and the records that they were read from."""

    table: pd.DataFrame
    """Columns ``participant``, ``item_1`` to ``item_3`` (ids from left to right), ``chosen``,
    ``trial_type``; main and repeated trials."""
    cut_off: CutOff
    left_out: dict[str, str]
    """Participants whom the rule of exclusion leaves out, with the reason."""


def read_choices(lines: Iterable[str | bytes], study: Study) -> StoredChoices:
    """Read the choices of adaptive sessions from the lines of an archive."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    sessions: dict[str, _Stored] = defaultdict(_Stored)
    n_records = 0
    for number, line in enumerate(lines, start=1):
        try:
            one = json.loads(line)
        except ValueError as error:
            raise TwoalikeError(
                where=f"stored records, line {number}", expected="JSON", found=str(error)
            ) from error
        session = sessions[one["session"]]
        match one.get("kind"):
            case "session":
                session.participant = one["participant"] or session.participant
            case "block":
                if one["rows"]:
                    session.blocks[one["part"]].append(Block.model_validate_json(line))
            case _:
                n_records += 1
                for item in one["items"]:
                    if item["kind"] == "choice":
                        answer = item["answer"]
                        place = None if answer is None else answer["position"]
                        session.answers[one["part"]][item["trial_index"]] = place
    parts, left_out = [], {}
    for stored in sessions.values():
        for part, blocks in stored.blocks.items():
            rows = _rows(blocks, stored.answers[part])
            if stored.participant is None or not len(rows):
                continue
            if (reason := excluded(rows, study.config.exclusion)) is not None:
                left_out[stored.participant] = reason
                continue
            kept = rows[rows["trial_type"].isin(JUDGED) & rows["response"].notna()]
            parts.append(kept.assign(participant=stored.participant))
    names = ("participant", "item_1", "item_2", "item_3", "chosen", "trial_type")
    table = pd.concat(parts) if parts else pd.DataFrame(columns=list(names))
    cut_off = CutOff(
        records=n_records,
        sessions=int(table["participant"].nunique()),
        trials=len(table),
        time=moment,
    )
    return StoredChoices(table[list(names)].reset_index(drop=True), cut_off, left_out)


def _rows(blocks: list[Block], answers: dict[int, str | None]) -> pd.DataFrame:
    """Answered trials of one part, with the columns that exclusion and fit need."""
    trials = trials_from_table(block_table(sorted(blocks, key=lambda one: one.block)))
    rows = [
        {
            "trial_type": trial.trial_type,
            "expected_odd": trial.expected,
            "response": None if place is None else trial.positions.index(place) + 1,
            **{f"item_{number}": name for number, name in enumerate(trial.row, start=1)},
            "chosen": None if place is None else POSITIONS.index(place) + 1,
        }
        for trial in trials
        if trial.trial_index in answers
        for place in [answers[trial.trial_index]]
    ]
    return pd.DataFrame(rows)


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
    from twoalike.embedding import fit

    tell = announce or (lambda line: None)
    opened = study if isinstance(study, Study) else Study.load(study)
    check_adaptive(opened)
    busy = f"{opened.root}: another background fit of this study runs. One is enough."
    with hold_lock(snapshot_folder(opened) / ".lock", busy):
        ids = shown_objects(StimulusSet.load(opened.stimuli, verify=False), opened.config.design)
        stored = read_choices(lines(), opened)
        last = latest_snapshot(snapshot_folder(opened))
        if (reason := _too_few(stored, ids, last)) is not None:
            tell(reason)
            return None
        seed = int(np.random.SeedSequence(opened.config.seed).generate_state(1)[0])
        posterior = fit(stored.table, seed=seed, **QUICK_FIT)
        made = publish_snapshot(snapshot_folder(opened), posterior, ids, stored.cut_off, seed)
    tell(
        f"snapshot {made.number}: {counted(made.cut_off.trials, 'choice')} of "
        f"{counted(made.cut_off.sessions, 'session')}, read at {made.cut_off.time}"
        + (f"; left out: {len(stored.left_out)}" if stored.left_out else "")
    )
    return made


def _too_few(stored: StoredChoices, ids: tuple[str, ...], last: Snapshot | None) -> str | None:
    """Reason not to fit now; None if there is none."""
    trials, least = stored.cut_off.trials, LEAST_PER_OBJECT * len(ids)
    if trials < least:
        return f"{counted(trials, 'choice')} so far; the first fit takes {least}"
    seen = set(stored.table[["item_1", "item_2", "item_3"]].to_numpy().ravel())
    if missing := [name for name in ids if name not in seen]:
        return f"{len(missing)} of {len(ids)} objects are not judged yet, such as {missing[0]}"
    if last is not None and last.cut_off.records == stored.cut_off.records:
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
    again = partial(refit, study, lines, announce=announce)
    while True:
        began = time.monotonic()
        made = again()
        if made is not None:
            yield made
        time.sleep(max(0.0, every_s - (time.monotonic() - began)))
