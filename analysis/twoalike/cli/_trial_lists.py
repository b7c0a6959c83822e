"""Making and writing the trial lists of several odd-one-out sessions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.design import (
    read_trial_list,
    session_trial_lists,
    shown_objects,
    stands_alone,
    write_trial_list,
)
from twoalike.record import RunName, participant_label
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    DesignConfig,
    Study,
    TwoalikeError,
    provenance,
    read_json,
    written_seed,
)

TASK = "oddoneout"


@dataclass(frozen=True)
class SessionList:
    """A trial list, whose it is, where it goes and what is said of it.

    Attributes
    ----------
    extends
        Whether the list there may be replaced by this one if it is its beginning.
    begun
        Whether ``table`` is the list on the disk, with which the session has begun.
    read, write
        Of lists of this kind.
    """

    participant: str
    session: int
    path: Path
    table: pd.DataFrame
    about: dict[str, Any]
    extends: bool = False
    begun: bool = False
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
    together = {} if stands_alone(design) else {"participants": labels, "sessions": sessions}
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


def with_options(lists: Sequence[SessionList], **options: object) -> list[SessionList]:
    """Note in the lists what the command line said instead of study.toml; None says nothing.

    So that it does not pass for a change of study.toml later.
    """
    said = {key: value for key, value in options.items() if value is not None}
    if isinstance(seed := said.get("seed"), int):
        said["seed"] = written_seed(seed)
    if not said:
        return list(lists)
    return [
        replace(item, about={**item.about, "config": {**item.about["config"], "options": said}})
        for item in lists
    ]


def keep_begun(study: Study, lists: Sequence[SessionList], task: str) -> list[SessionList]:
    """Put the list that is there in the place of a new one whose session has begun with it."""
    return [_kept(study, item, task) for item in lists]


def _kept(study: Study, item: SessionList, task: str) -> SessionList:
    begun = RunName(item.participant, item.session, task).rows(study.raw).exists()
    there = _read_there(item) if begun else None
    if there is None or there.equals(item.table) or _grows(item, there):
        return item
    return replace(item, table=there, begun=True)


def write_session_lists(lists: Sequence[SessionList], overwrite: bool) -> list[str]:
    """Write the lists that are not there yet, and remove those that have become empty.

    A description is written also beside a list that stays the same, where it has changed.

    Returns
    -------
    For each list what to say of it; nothing where it was written.

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
        grows = found is not None and _grows(item, found)
        if is_new and item.path.exists() and not (overwrite or grows):
            raise TwoalikeError(
                f"{item.path}: a different trial list is there already, perhaps in use. Nothing "
                "was written; move it away, or replace it with --overwrite."
            )
    for item, is_new in zip(lists, new, strict=True):
        if is_new and not len(item.table):
            item.path.unlink()
            item.path.with_suffix(".json").unlink(missing_ok=True)
        elif is_new or not (item.begun or _is_described(item)):
            item.write(item.path, item.table, item.about)
    return [_state(item, is_new) for item, is_new in zip(lists, new, strict=True)]


def _state(item: SessionList, is_new: bool) -> str:
    if item.begun:
        return ", kept: its session has begun"
    if not len(item.table):
        return ", removed"
    return "" if is_new else ", there already"


def _grows(item: SessionList, there: pd.DataFrame) -> bool:
    return item.extends and there.equals(item.table.iloc[: len(there)])


def _is_described(item: SessionList) -> bool:
    """Whether the description beside a list says already what made it."""
    beside = item.path.with_suffix(".json")
    if not beside.is_file():
        return False
    said = read_json(beside, "trial_list")
    return all(said[key] == item.about[key] for key in ("seed", "inputs", "config"))


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
