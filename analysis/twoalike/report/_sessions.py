"""Each session in a line, to see whether the person attended and whether anything is odd."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.design import POSITIONS, excluded
from twoalike.judgments import JUDGED
from twoalike.record import RunName, find_runs, read_manifest, read_run
from twoalike.study import ExclusionConfig

ODD_ONE_OUT = "oddoneout"
"""Label of the task whose runs are summarised; a data set may hold others."""


@dataclass(frozen=True)
class Session:
    """One run of the odd-one-out task.

    Attributes
    ----------
    trials, planned
        Trials shown, and how many the run was to have.
    times
        Response times of answered main and repeat trials, s.
    caught, catches
        Attention checks answered right, and how many there were.
    timed_out, fast
        Trials without an answer in time, and those flagged as too fast.
    places
        Share of answers on the left, in the middle, on the right; of ``answered`` trials.
    same, repeats
        Repeated trials answered the same way both times, and how many there were.
    end
        Why the run ended (``completed``, ``aborted``, ...).
    excluded
        Why the study's rule leaves the run out; None where it keeps it.
    """

    participant: str
    session: int
    run: int
    trials: int
    planned: int
    times: npt.NDArray[np.float64]
    caught: int
    catches: int
    timed_out: int
    fast: int
    places: tuple[float, float, float]
    answered: int
    same: int
    repeats: int
    end: str
    simulated: bool
    excluded: str | None = None

    @property
    def median_time(self) -> float | None:
        """Median response time, s; None without an answer."""
        return float(np.median(self.times)) if len(self.times) else None

    @property
    def favourite(self) -> tuple[str, float]:
        """Place chosen most often, and its share."""
        share = max(self.places)
        return POSITIONS[self.places.index(share)], share

    @property
    def one_sided(self) -> bool:
        """Whether one place is chosen far more often than a third of the time (3.5 sd)."""
        if not self.answered:
            return False
        return self.favourite[1] > 1 / 3 + 3.5 * float(np.sqrt(2 / 9 / self.answered))


def _repeats(rows: pd.DataFrame) -> tuple[int, int]:
    """Repeats answered alike, and repeats with both answers."""
    answers = dict(zip(rows["trial_index"], rows["odd_stimulus"], strict=True))
    again = rows[rows["repeat_of"].notna() & rows["odd_stimulus"].notna()]
    firsts = [answers.get(index) for index in again["repeat_of"]]
    pairs = [
        (first, second)
        for first, second in zip(firsts, again["odd_stimulus"], strict=True)
        if isinstance(first, str)
    ]
    return sum(first == second for first, second in pairs), len(pairs)


def _summarise(
    name: RunName, rows: pd.DataFrame, manifest: dict[str, Any], rule: ExclusionConfig
) -> Session:
    real = rows[rows["trial_type"] != "practice"]
    judged = real[real["trial_type"].isin(JUDGED)]
    answered = real[real["response"].notna()]
    catches = real[real["trial_type"] == "catch"]
    times = judged["response_time"].dropna().to_numpy(dtype=np.float64)
    places = [float((answered["response_position"] == place).mean()) for place in POSITIONS]
    left, middle, right = places if len(answered) else (0.0, 0.0, 0.0)
    same, repeats = _repeats(real)
    segments = manifest["segments"]
    return Session(
        participant=name.participant,
        session=name.session,
        run=name.run,
        trials=len(rows),
        planned=int(manifest["n_trials"]),
        times=times,
        caught=int(catches["correct"].fillna(False).sum()),
        catches=len(catches),
        timed_out=int(real["timed_out"].sum()),
        fast=int((judged["rt_flag"] == "fast").fillna(False).sum()),
        places=(left, middle, right),
        answered=len(answered),
        same=same,
        repeats=repeats,
        end=str(segments[-1]["end_reason"] or "not ended") if segments else "not started",
        simulated=bool(manifest["simulated"]),
        excluded=excluded(rows, rule),
    )


def read_sessions(raw: Path, rule: ExclusionConfig | None = None) -> list[Session]:
    """Summarise every odd-one-out run of a data set, with what a rule of exclusion says of it.

    Raises
    ------
    TwoalikeError
        If a raw table or a manifest is damaged.
    """
    sessions = []
    for path in find_runs(raw, ODD_ONE_OUT):
        run = read_run(path)
        manifest = read_manifest(run.name.manifest(raw))
        summary = _summarise(run.name, run.rows, manifest, rule or ExclusionConfig())
        sessions.append(summary)
    return sessions


def times_by_participant(sessions: Sequence[Session]) -> dict[str, npt.NDArray[np.float64]]:
    """All response times of each participant who answered."""
    parts: dict[str, list[npt.NDArray[np.float64]]] = {}
    for session in sessions:
        parts.setdefault(session.participant, []).append(session.times)
    joined = {name: np.concatenate(times) for name, times in parts.items()}
    return {name: times[times > 0] for name, times in joined.items() if (times > 0).any()}
