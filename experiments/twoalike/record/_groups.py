"""Which group of people a participant is in: kept, named by the operator, or balanced.

The list of participants holds the group. It is written when a first session is about to begin, so
that two sessions that start together see each other, and everybody in it counts but those who
declined. A balanced group is one of the smallest, of several the one that the study's seed and the
participant's code draw: at one place groups differ by at most one person as they fill, and two
computers that fill copies of a study do not favour the same group.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from twoalike.design import participant_number
from twoalike.record._dataset import RunName, lock_folder, register_participant
from twoalike.record._manifest import read_manifest
from twoalike.record._orders import (
    Assigned,
    draw_orders,
    kept_orders,
    listed_cell,
    others_listed,
    people_assigned,
    with_orders,
)
from twoalike.record._people import declined, people_listed
from twoalike.record._read import RawProblem
from twoalike.record._tables import GROUP
from twoalike.study import MISSING, Study, TwoalikeError, hold_lock, readable_by

_PATIENCE_S = 60.0


def balanced_group(
    names: Sequence[str], counts: Mapping[str, int], seed: int, participant: str
) -> str:
    """Choose one of the smallest groups.

    Parameters
    ----------
    names, counts
        Groups, and how many people each of them has.
    seed
        Of the study.
    participant
        Code of the participant who is to be in it.

    Examples
    --------
    >>> balanced_group(["a", "b", "c"], {"a": 2, "b": 1, "c": 2}, 7, "001")
    'b'
    """
    fewest = min(counts.get(name, 0) for name in names)
    smallest = [name for name in names if counts.get(name, 0) == fewest]
    rng = np.random.default_rng([seed, participant_number(participant), 3])
    return smallest[int(rng.integers(len(smallest)))]


def group_sizes(root: Path, names: Iterable[str], *, simulated: bool = False) -> dict[str, int]:
    """Count the people, or simulated observers, of each group who did not decline."""
    found = Counter(others_listed(root, "", simulated)[GROUP.name])
    return {name: found[name] for name in names}


def describe_groups(study: Study, root: Path) -> list[str]:
    """Say how many people, and simulated observers, each group has; nothing without groups."""
    lines = []
    for words, simulated in (("people", False), ("simulated observers", True)):
        sizes = group_sizes(root, study.config.groups.names, simulated=simulated)
        if any(sizes.values()):
            found = ", ".join(f"{name} {n}" for name, n in sizes.items())
            uneven = max(sizes.values()) - min(sizes.values()) > 1
            lines.append(f"{words} in each group: {found}{' (uneven)' if uneven else ''}")
    return lines


def group_of(root: Path, participant: str) -> str:
    """Group of a participant in the list; empty if there is none."""
    return listed_cell(root, participant, GROUP.name)


@contextmanager
def in_group(
    study: Study,
    root: Path,
    participant: str,
    *,
    simulated: bool,
    group: str | None = None,
    is_first: bool = True,
    several_tasks: bool = False,
) -> Iterator[Study]:
    """Find what a study assigns to a participant; list it when the block ends without an error.

    That is a group, the orders of tasks and conditions, and a set of objects.

    Parameters
    ----------
    root
        Data set of the study that the session is recorded in.
    group
        Group named by the operator; None if none was named.
    is_first
        Whether all of the participant's sessions are here, so that a balanced group may be drawn.
    several_tasks
        Whether the tasks of a sitting are run one after the other.

    Yields
    ------
    The study as that participant does it; the study itself if it assigns nothing.
    """
    config = study.config
    grouped, several = bool(config.groups.names), several_tasks and bool(config.sitting.tasks)
    if not grouped and group is not None:
        study.for_group(group)  # refuses it
    in_parts = several or len(config.conditions) > 1
    if not (grouped or in_parts or config.objects_per_person):
        yield study
        return
    lock = lock_folder(study) / f"{root.name}_groups.lock"
    busy = f"{lock}: another session has been starting for a minute. Try again."
    with readable_by(study.config.data.access), hold_lock(lock, busy, _PATIENCE_S):
        own = study
        if grouped:
            own = study.for_group(_decided(study, root, participant, simulated, group, is_first))
        own = with_orders(own, root, participant, simulated=simulated, several_tasks=several)
        yield own
        register_participant(root, own, participant, simulated)


def balanced_cohort(
    study: Study, participants: Iterable[str], *, several_tasks: bool
) -> dict[str, Study]:
    """Return the study as each new participant of a cohort does it, by code.

    Groups, orders and sets of objects are shared out over the cohort, in its order, whoever else
    is in the study: a longer cohort begins as a shorter one. A participant who is in the list
    keeps what it assigns.
    """
    settings, root = study.config.groups, study.raw
    counts = dict.fromkeys(settings.names, 0)
    found: dict[str, Study] = {}
    others: list[Assigned] = []
    listed = set(people_assigned(root)["participant_id"])
    for code in participants:
        known, own, kept = f"sub-{code}" in listed, study, Assigned()
        if known:
            kept = kept_orders(study, root, code, several_tasks=several_tasks)
        if settings.names:
            group = group_of(root, code) if known else ""
            if not group and settings.assignment == "operator":
                raise TwoalikeError(
                    where=f"{study.root / 'study.toml'}: groups.assignment",
                    expected="balanced, where no operator is present who names the group",
                    found="operator",
                )
            group = group or balanced_group(settings.names, counts, study.config.seed, code)
            counts[group] = counts.get(group, 0) + 1
            own = study.for_group(group)
        taken = {one.object_set for one in others}
        own = draw_orders(own, code, kept, others, taken, several_tasks=several_tasks)
        others.append(Assigned.of(own))
        found[code] = own
    return found


def _decided(
    study: Study, root: Path, participant: str, simulated: bool, group: str | None, is_first: bool
) -> str:
    """Group that a participant is in, or will be."""
    settings = study.config.groups
    if kept := group_of(root, participant):
        if group not in (None, kept):
            raise TwoalikeError(
                f"`group={group}`: participant {participant} is in the group {kept} "
                f"({root / 'participants.tsv'}), and stays in it. Leave `group=...` out."
            )
        return kept
    drawn = settings.assignment == "balanced" and is_first
    if group is None and not drawn:
        why = "study.toml leaves groups to you"
        if settings.assignment == "balanced":
            why = "one is drawn at the first session of all only"
        raise TwoalikeError(
            where="`group=...`",
            expected=f"the group of participant {participant} ({why}): one of "
            f"{', '.join(settings.names)}",
            found="none",
        )
    if group is not None and drawn:
        raise TwoalikeError(
            f"`group={group}`: the groups of this study are balanced (study.toml, groups.assignment"
            "). Leave `group=...` out, or set assignment to operator."
        )
    if group is None:
        counts = group_sizes(root, settings.names, simulated=simulated)
        return balanced_group(settings.names, counts, study.config.seed, participant)
    return group


def check_group_cells(root: Path, runs: Iterable[Path]) -> Iterator[RawProblem]:
    """Find participants whom the list and a manifest put into different groups."""
    path, table = root / "participants.tsv", people_listed(root)
    if table is None:
        return
    codes = list(table["participant_id"])
    groups = list(table[GROUP.name]) if GROUP.name in table else [MISSING] * len(codes)
    for run in runs:
        name = RunName.parse(run)
        try:
            group = read_manifest(name.manifest(root)).get("group")
        except TwoalikeError:  # reported by the check of the run
            continue
        code = f"sub-{name.participant}"
        if group is not None and code in codes and groups[codes.index(code)] != group:
            row = codes.index(code)
            message = f"{code} is {groups[row]}, the manifest of {run.name} says {group}"
            yield RawProblem(path, message, row + 1, GROUP.name)


def missing_groups(study: Study, root: Path) -> Iterator[RawProblem]:
    """Find participants of a study with groups who are in none of them."""
    names, table = study.config.groups.names, people_listed(root)
    if not names or table is None:
        return
    cells = table[GROUP.name] if GROUP.name in table else [MISSING] * len(table)
    people = zip(table["participant_id"], cells, strict=True)
    for row, (code, group) in enumerate(people, start=1):
        if group not in names and not declined(root, code):
            message = f"expected the group of {code}, one of {', '.join(names)}, found {group}"
            yield RawProblem(root / "participants.tsv", message, row, GROUP.name)
