"""What a study assigns to a participant: a group, orders of parts, and a set of objects.

The list of participants holds them, from the first session on, and later sessions keep them. It is
written when a first session is about to begin, so that two sessions that start together see each
other, and everybody in it counts but those who declined.

A balanced group is one of the smallest. In a balanced study an order is one of a Williams design
(E. J. Williams, Australian Journal of Scientific Research A, 2, 149-168, 1949): each part comes at
each place equally often, and after each other part equally often. A new participant has one of
those that are rarest among the people of the same group, then among those who also have the same
order of tasks. The study's seed and the participant's code draw among several, so that two
computers that fill copies of a study favour none. Sets of objects are numbered: a new participant
has the first number that nobody else has, neither in the list nor in the description of a trial
list.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.design import participant_number
from twoalike.record._dataset import BETWEEN, lock_folder, register_participant
from twoalike.record._people import declined, people_listed
from twoalike.record._placing_tables import ASSIGNED, CONDITION_ORDER, GROUP, OBJECT_SET, TASK_ORDER
from twoalike.record._rows import RawProblem
from twoalike.study import MISSING, Study, TwoalikeError, hold_lock, read_json, readable_by
from twoalike.tables import read_tsv

_WORD = 4
"""Word of the seed that sets these draws apart from others."""


def balanced_orders(n: int) -> tuple[tuple[int, ...], ...]:
    """Orders of a Williams design for ``n`` parts: n of them, or 2 n where n is odd.

    Examples
    --------
    >>> balanced_orders(4)
    ((0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1))
    """
    first = [0, *chain.from_iterable((k, n - k) for k in range(1, n // 2 + 1))][:n]
    rows = [tuple((place + step) % n for place in first) for step in range(n)]
    mirrored = [row[::-1] for row in rows] if n % 2 and n > 1 else []
    return tuple(dict.fromkeys([*rows, *mirrored]))


def rarest_order(
    names: Sequence[str], used: Sequence[Sequence[tuple[str, ...]]], seed: Sequence[int]
) -> tuple[str, ...]:
    """Choose a balanced order.

    Parameters
    ----------
    names
        What is to be ordered.
    used
        Orders of people, the people that matter most first: those of the same group, say, then
        all. A later list decides only where the earlier ones do not.
    seed
        Words of the seed that draws among several.

    Examples
    --------
    >>> rarest_order(["a", "b"], [[("a", "b")]], [7])
    ('b', 'a')
    """
    orders = [tuple(names[k] for k in row) for row in balanced_orders(len(names))]
    counts = [Counter(map(tuple, people)) for people in used]
    rank = {order: tuple(count[order] for count in counts) for order in orders}
    rarest = [order for order in orders if rank[order] == min(rank.values())]
    return rarest[int(np.random.default_rng(seed).integers(len(rarest)))]


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """What a study has assigned to a person; empty, or 0, where it has assigned nothing."""

    group: str = ""
    task_order: tuple[str, ...] = ()
    condition_order: tuple[str, ...] = ()
    object_set: int = 0

    @classmethod
    def of(cls, study: Study) -> "Assigned":
        """Take what a study as a participant does it has assigned."""
        return cls(
            group=study.group,
            task_order=study.task_order,
            condition_order=study.condition_order,
            object_set=study.object_set,
        )


def with_orders(
    study: Study, root: Path, participant: str, *, simulated: bool, several_tasks: bool
) -> Study:
    """Give a study the orders of a participant: those kept in the list, or new ones."""
    taken = set[int]()
    if study.config.objects_per_person:
        taken = taken_sets(study, root, participant, simulated=simulated)
    kept = kept_orders(study, root, participant, several_tasks=several_tasks)
    others = [
        _assigned(row) for row in others_listed(root, participant, simulated).to_dict("records")
    ]
    return draw_orders(study, participant, kept, others, taken, several_tasks=several_tasks)


def kept_orders(study: Study, root: Path, participant: str, *, several_tasks: bool) -> Assigned:
    """Return the orders and the set of objects that a participant keeps from earlier sessions."""
    tasks = study.config.sitting.tasks if several_tasks else ()
    names = tuple(condition.name for condition in study.config.conditions)
    return Assigned(
        task_order=_kept(root, participant, TASK_ORDER.name, tasks, "sitting.tasks"),
        condition_order=_kept(
            *(root, participant, CONDITION_ORDER.name),
            names if len(names) > 1 else (),
            "conditions",
        ),
        object_set=own_set(study, root, participant) if study.config.objects_per_person else 0,
    )


def draw_orders(
    study: Study,
    participant: str,
    kept: Assigned,
    others: Sequence[Assigned],
    taken: Collection[int],
    *,
    several_tasks: bool,
) -> Study:
    """Give a study the orders of a participant: those kept, else balanced ones."""
    if study.config.objects_per_person:
        study = replace(study, object_set=kept.object_set or first_free(taken))
    settings = study.config.sitting
    seed = [study.config.seed, participant_number(participant), _WORD]
    same = near = [one for one in others if one.group == study.group]
    if settings.tasks and several_tasks:
        used = [[one.task_order for one in people if one.task_order] for people in (near, others)]
        order = kept.task_order or _new(settings.tasks, settings.order, used, [*seed, 0])
        study = replace(study, task_order=order)
        near = [one for one in near if one.task_order == order]
    names = tuple(condition.name for condition in study.config.conditions)
    if len(names) > 1:
        used = [
            [one.condition_order for one in people if one.condition_order]
            for people in (same, near, others)
        ]
        order = kept.condition_order or _new(names, settings.condition_order, used, [*seed, 1])
        study = replace(study, condition_order=order)
    return study


def _assigned(row: Mapping[Hashable, object]) -> Assigned:
    """Read what a row of the list of participants assigns."""

    def order(name: str) -> tuple[str, ...]:
        cell = str(row[name])
        return () if cell == MISSING else tuple(cell.split(BETWEEN))

    group = str(row[GROUP.name])
    return Assigned(
        group="" if group == MISSING else group,
        task_order=order(TASK_ORDER.name),
        condition_order=order(CONDITION_ORDER.name),
    )


def first_free(taken: Collection[int]) -> int:
    """First number from 1 that is not taken.

    Examples
    --------
    >>> first_free({1, 2, 4})
    3
    """
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def own_set(study: Study, root: Path, participant: str) -> int:
    """Return the number of a participant's set of objects, listed or designed; 0 for none."""
    if found := listed_cell(root, participant, OBJECT_SET.name):
        return int(str(OBJECT_SET.parse(found)))
    return _designed_sets(study).get(participant, 0)


def taken_sets(study: Study, root: Path, participant: str, *, simulated: bool) -> set[int]:
    """Numbers of the sets that others of the same kind have, or a trial list is made for."""
    cells = others_listed(root, participant, simulated)[OBJECT_SET.name]
    listed = {int(str(OBJECT_SET.parse(cell))) for cell in cells if cell != MISSING}
    designed = _designed_sets(study)
    return listed | {number for code, number in designed.items() if code != participant}


def _designed_sets(study: Study) -> dict[str, int]:
    """Numbers of the sets that trial lists in the study's ``design`` folder were made for."""
    found = {}
    for path in sorted((study.root / "design").glob("sub-*_trials.json")):
        about = read_json(path, "trial_list")["config"]
        if isinstance(about, dict) and isinstance(number := about.get("object_set"), int):
            found[str(about.get("participant"))] = number
    return found


def _new(
    names: Sequence[str], how: str, used: Sequence[Sequence[tuple[str, ...]]], seed: Sequence[int]
) -> tuple[str, ...]:
    if how == "fixed":
        return tuple(names)
    if how == "random":
        return tuple(np.random.default_rng(seed).permutation(list(names)).tolist())
    return rarest_order(names, used, seed)


def _kept(
    root: Path, participant: str, column: str, names: Sequence[str], key: str
) -> tuple[str, ...]:
    """Order of a participant in the list; empty if there is none, or nothing to be ordered."""
    if not names:
        return ()
    if not (found := listed_cell(root, participant, column)):
        return ()
    order = tuple(found.split(BETWEEN))
    if sorted(order) != sorted(names):
        raise TwoalikeError(
            where=f"{root / 'participants.tsv'}, {column} of sub-{participant}",
            expected=f"an order of {BETWEEN.join(names)} ({key} of study.toml)",
            found=found,
            remedy="A participant keeps the parts of the first session: restore study.toml, or "
            "run tasks one at a time with `task=...`.",
        )
    return order


def listed_cell(root: Path, participant: str, column: str) -> str:
    """Cell of a participant in the list; empty if there is none."""
    table = people_assigned(root)
    found = [str(cell) for cell in table[column][table["participant_id"] == f"sub-{participant}"]]
    return found[0] if found and found[0] != MISSING else ""


def others_listed(root: Path, participant: str, simulated: bool) -> pd.DataFrame:
    """Others who count: of the same kind, and not those who declined."""
    table = people_assigned(root)
    kind = (table["simulated"] == str(simulated).lower()) & (
        table["participant_id"] != f"sub-{participant}"
    )
    found = table[kind]
    there = [not declined(root, code) for code in found["participant_id"]]
    return found[np.array(there, dtype=bool)]


def people_assigned(root: Path) -> pd.DataFrame:
    """List of participants with all columns that are assigned, as text; it has to be sound."""
    path = root / "participants.tsv"
    columns = ["participant_id", "simulated", *(column.name for column in ASSIGNED)]
    table = (
        read_tsv(path, "the list of participants", ["participant_id"])
        if path.exists()
        else pd.DataFrame({"participant_id": []}, dtype=object)
    )
    table = table.reindex(columns=columns).astype(object)
    return table.where(table.notna(), MISSING)


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
