"""Making and writing the trial lists of several odd-one-out sessions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.design import read_trial_list, session_trial_lists, shown_objects, write_trial_list
from twoalike.record import participant_label
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import DesignConfig, Study, TwoalikeError, provenance

TASK = "oddoneout"


@dataclass(frozen=True)
class SessionList:
    """A trial list, whose it is, where it goes and what is said of it.

    Attributes
    ----------
    extends
        Whether the list there may be replaced by this one if it is its beginning.
    read, write
        Of lists of this kind.
    """

    participant: str
    session: int
    path: Path
    table: pd.DataFrame
    about: dict[str, Any]
    extends: bool = False
    read: Callable[[Path, Collection[str]], pd.DataFrame] = read_trial_list
    write: Callable[[Path, pd.DataFrame, Mapping[str, Any]], None] = write_trial_list


def study_with(study: Study, *, seed: int | None, sampler: str | None) -> Study:
    """Give the study the seed and the sampler of the command line, if any."""
    design = study.config.design
    if sampler is not None:
        design = DesignConfig.model_validate(design.model_dump() | {"sampler": sampler})
    updates = {"design": design} | ({} if seed is None else {"seed": seed})
    return replace(study, config=study.config.model_copy(update=updates))


def unique_labels(participants: Sequence[str]) -> list[str]:
    """Labels of participants for file names.

    Raises
    ------
    TwoalikeError
        If a code is unusable or stands twice.
    """
    labels = [participant_label(label) for label in participants]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise TwoalikeError(f"--participants: {twice} stands twice. Name each one once.")
    return labels


def make_session_lists(
    study: Study, participants: Sequence[str], sessions: int
) -> tuple[tuple[str, ...], list[SessionList]]:
    """Design every session before any file is written.

    Returns
    -------
    The objects that the design may show, and one list a participant and session. With the
    sampler ``list``, they are those that are there.

    Raises
    ------
    TwoalikeError
        If a participant's code is unusable or stands twice, or the stimuli do not allow the
        design.
    """
    labels = unique_labels(participants)
    stimuli = StimulusSet.load(study.stimuli)
    tables = session_trial_lists(study, stimuli, labels, sessions)
    wanted = [(label, number) for label in labels for number in range(1, sessions + 1)]
    design = study.config.design
    # Lists that share their triplets out are made again only by the same call.
    alone = design.sampler == "random" or (
        design.sampler == "levels" and not design.lists_per_triplet
    )
    together = {} if alone else {"participants": labels, "sessions": sessions}
    inputs = {"features": study.root / design.features} if design.features else {}
    lists = []
    for (label, number), table in zip(wanted, tables, strict=True):
        about = describe_list(study, label, number, inputs, together)
        path = study.trial_list(TASK, label, number)
        lists.append(SessionList(label, number, path, table, about))
    return shown_objects(stimuli, design), lists


def describe_list(
    study: Study,
    participant: str,
    session: int,
    inputs: Mapping[str, Path],
    more: Mapping[str, Any],
    task: str = "odd-one-out",
    design: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a trial list for the file beside it; ``design`` is the triplets' if left out."""
    return provenance(
        "trial_list",
        seed=study.config.seed,
        inputs={"stimuli": study.stimuli / MANIFEST, **inputs},
        config={
            "task": task,
            "participant": participant,
            "session": session,
            **more,
            "design": design or study.config.design.model_dump(mode="json"),
        },
    )


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
    there = [_read_there(item) for item in lists]
    new = [
        found is None or not found.equals(item.table)
        for item, found in zip(lists, there, strict=True)
    ]
    for item, found, is_new in zip(lists, there, new, strict=True):
        grows = item.extends and found is not None and _is_beginning(found, item.table)
        if is_new and item.path.exists() and not (overwrite or grows):
            raise TwoalikeError(
                f"{item.path}: a different trial list is there already, perhaps in use. Nothing "
                "was written; move it away, or replace it with --overwrite."
            )
    for item, is_new in zip(lists, new, strict=True):
        if is_new:
            item.write(item.path, item.table, item.about)
    return new


def _is_beginning(first: pd.DataFrame, whole: pd.DataFrame) -> bool:
    return first.equals(whole.iloc[: len(first)])


def _read_there(item: SessionList) -> pd.DataFrame | None:
    """Return the list on disk; None where none is or it cannot be read."""
    if not item.path.is_file():
        return None
    columns = [name for name in item.table.columns if name.startswith("stimulus")]
    shown = set(item.table[columns].to_numpy().ravel())
    try:
        return item.read(item.path, shown)
    except TwoalikeError:
        return None
