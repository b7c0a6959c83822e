"""Making and writing the trial lists of several sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.design import (
    random_trial_list,
    read_trial_list,
    session_rng,
    shown_objects,
    write_trial_list,
)
from twoalike.record import participant_label
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Study, TwoalikeError, progress, provenance

TASK = "oddoneout"


@dataclass(frozen=True)
class SessionList:
    """A trial list, whose it is, where it goes and what is said of it."""

    participant: str
    session: int
    path: Path
    table: pd.DataFrame
    about: dict[str, Any]


def make_session_lists(
    study: Study, participants: Sequence[str], sessions: int, seed: int | None
) -> tuple[tuple[str, ...], list[SessionList]]:
    """Design every session before any file is written.

    Returns
    -------
    The objects that the design may show, and one list a participant and session.

    Raises
    ------
    TwoalikeError
        If a participant's code is unusable or stands twice, or the stimuli do not allow the
        design.
    """
    labels = [participant_label(label) for label in participants]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise TwoalikeError(f"--participants: {twice} stands twice. Name each one once.")
    stimuli = StimulusSet.load(study.stimuli)
    seed = study.config.seed if seed is None else seed
    config = study.config.design
    wanted = [(label, session) for label in labels for session in range(1, sessions + 1)]
    lists = []
    with progress() as bar:
        for label, session in bar.track(wanted, description="design"):
            about = provenance(
                "trial_list",
                seed=seed,
                inputs={"stimuli": study.stimuli / MANIFEST},
                config={
                    "task": "odd-one-out",
                    "participant": label,
                    "session": session,
                    "design": config.model_dump(mode="json"),
                },
            )
            table = random_trial_list(stimuli, config, session_rng(seed, label, session))
            path = study.trial_list(TASK, label, session)
            lists.append(SessionList(label, session, path, table, about))
    return shown_objects(stimuli, config), lists


def write_session_lists(lists: Sequence[SessionList], overwrite: bool) -> list[bool]:
    """Write the lists that are not there yet.

    Returns
    -------
    For each list whether it was written; False where the same list was there.

    Raises
    ------
    TwoalikeError
        If a list that differs is there and ``overwrite`` is off; then none is written.
    """
    new = [not _same(item) for item in lists]
    for item, is_new in zip(lists, new, strict=True):
        if is_new and item.path.exists() and not overwrite:
            raise TwoalikeError(
                f"{item.path}: a different trial list is there already, perhaps in use. Nothing "
                "was written; move it away, or replace it with --overwrite."
            )
    for item, is_new in zip(lists, new, strict=True):
        if is_new:
            write_trial_list(item.path, item.table, item.about)
    return new


def _same(item: SessionList) -> bool:
    """Whether the list on disk is this one; one that cannot be read is another."""
    if not item.path.is_file():
        return False
    shown = set(item.table[["stimulus_1", "stimulus_2", "stimulus_3"]].to_numpy().ravel())
    try:
        return read_trial_list(item.path, shown).equals(item.table)
    except TwoalikeError:
        return False
