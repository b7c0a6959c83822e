"""What a study assigns to a participant besides a group: orders of parts, and a set of objects.

The list of participants holds them, from the first session on, and later sessions keep them.

In a balanced study an order is one of a Williams design (E. J. Williams, Australian Journal of
Scientific Research A, 2, 149-168, 1949): each part comes at each place equally often, and after
each other part equally often. A new participant has one of those that are rarest among the people
of the same group, then among those who also have the same order of tasks; the study's seed and the
participant's code draw among several.

Sets of objects are numbered: a new participant has the first number that nobody else has, neither
in the list nor in the description of a trial list.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.design import participant_number
from twoalike.record._dataset import BETWEEN
from twoalike.record._people import declined
from twoalike.record._tables import ASSIGNED, CONDITION_ORDER, GROUP, OBJECT_SET, TASK_ORDER
from twoalike.study import MISSING, Study, TwoalikeError, read_json
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
