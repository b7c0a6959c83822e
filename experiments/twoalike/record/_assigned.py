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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.design import participant_number
from twoalike.record._dataset import BETWEEN, assigned_cells, lock_folder, register_participants
from twoalike.record._people import declined, people_listed
from twoalike.record._rows import RawProblem
from twoalike.record._tables import (
    ASSIGNED,
    CONDITION_ORDER,
    GROUP,
    LANGUAGE,
    OBJECT_SET,
    TASK_ORDER,
)
from twoalike.study import MISSING, Study, TwoalikeError, hold_lock, read_json, readable_by
from twoalike.tables import read_tsv

_PATIENCE_S = 60.0
_NOTHING = dict.fromkeys((column.name for column in ASSIGNED), "")
type _Row = Mapping[str, str]
"""What a person has been assigned, as the cells of the list; empty where that is nothing."""


def balanced_orders(n: int) -> tuple[tuple[int, ...], ...]:
    """Orders of a Williams design for ``n`` parts: n of them, or 2 n where n is odd."""
    first = [0, *chain.from_iterable((k, n - k) for k in range(1, n // 2 + 1))][:n]
    rows = [tuple((place + step) % n for place in first) for step in range(n)]
    mirrored = [row[::-1] for row in rows] if n % 2 and n > 1 else []
    return tuple(dict.fromkeys([*rows, *mirrored]))


def rarest_order(
    names: Sequence[str], used: Sequence[Sequence[tuple[str, ...]]], seed: Sequence[int]
) -> tuple[str, ...]:
    """Choose a balanced order; the seed draws among several.

    ``used`` are the orders of people, the people that matter most first: those of the same group,
    say, then all. A later list decides only where the earlier ones do not.
    """
    orders = [tuple(names[k] for k in row) for row in balanced_orders(len(names))]
    counts = [Counter(map(tuple, people)) for people in used]
    rank = {order: tuple(count[order] for count in counts) for order in orders}
    rarest = [order for order in orders if rank[order] == min(rank.values())]
    return rarest[int(np.random.default_rng(seed).integers(len(rarest)))]


def balanced_group(
    names: Sequence[str], counts: Mapping[str, int], seed: int, participant: str
) -> str:
    """Choose one of the smallest groups, whose sizes are ``counts``."""
    fewest = min(counts.get(name, 0) for name in names)
    smallest = [name for name in names if counts.get(name, 0) == fewest]
    rng = np.random.default_rng([seed, participant_number(participant), 3])
    return smallest[int(rng.integers(len(smallest)))]


def _listed(root: Path) -> dict[str, _Row]:
    path = root / "participants.tsv"
    if not path.exists():
        return {}
    table = read_tsv(path, "the list of participants", ["participant_id"])
    table = table.reindex(columns=["participant_id", "simulated", *_NOTHING]).astype(object)
    rows = table.where(table.notna() & (table != MISSING), "").to_dict("records")
    return {row["participant_id"].removeprefix("sub-"): row for row in reversed(rows)}


def _others(root: Path, participant: str, simulated: bool) -> list[_Row]:
    text = str(simulated).lower()
    return [
        row
        for code, row in _listed(root).items()
        if code != participant and row["simulated"] == text and not declined(root, f"sub-{code}")
    ]


def group_of(root: Path, participant: str) -> str:
    """Group of a participant in the list; empty if there is none."""
    return _listed(root).get(participant, _NOTHING)[GROUP.name]


def group_sizes(root: Path, names: Iterable[str], *, simulated: bool = False) -> dict[str, int]:
    """Count the people, or simulated observers, of each group who did not decline."""
    found = Counter(row[GROUP.name] for row in _others(root, "", simulated))
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


def first_free(taken: Collection[int]) -> int:
    """First number from 1 that is not taken."""
    return next(number for number in count(1) if number not in taken)


def own_set(study: Study, root: Path, participant: str) -> int:
    """Return the number of a participant's set of objects, listed or designed; 0 for none."""
    if found := _listed(root).get(participant, _NOTHING)[OBJECT_SET.name]:
        return int(OBJECT_SET.parse(found))
    return _designed_sets(study).get(participant, 0)


def taken_sets(study: Study, root: Path, participant: str, *, simulated: bool) -> set[int]:
    """Numbers of the sets that others of the same kind have, or a trial list is made for."""
    cells = (row[OBJECT_SET.name] for row in _others(root, participant, simulated))
    listed = {int(OBJECT_SET.parse(cell)) for cell in cells if cell}
    designed = _designed_sets(study)
    return listed | {number for code, number in designed.items() if code != participant}


def _designed_sets(study: Study) -> dict[str, int]:
    found = {}
    for path in sorted((study.root / "design").glob("sub-*_trials.json")):
        about = read_json(path, "trial_list")["config"]
        if isinstance(about, dict) and isinstance(number := about.get("object_set"), int):
            found[str(about.get("participant"))] = number
    return found


def _with_orders(
    study: Study,
    root: Path,
    participant: str,
    row: _Row,
    others: Sequence[_Row],
    several_tasks: bool,
) -> Study:
    settings = study.config.sitting
    conditions = tuple(condition.name for condition in study.config.conditions)
    same = near = [one for one in others if one[GROUP.name] == study.group]
    for word, column, names, how, key in (
        (0, TASK_ORDER, settings.tasks if several_tasks else (), settings.order, "sitting.tasks"),
        (1, CONDITION_ORDER, conditions[1:] and conditions, settings.condition_order, "conditions"),
    ):
        if not names:
            continue
        seed = [study.config.seed, participant_number(participant), 4, word]
        used = [
            [tuple(one[column.name].split(BETWEEN)) for one in people if one[column.name]]
            for people in (same, near, others)
        ]
        if row[column.name]:
            order = tuple(row[column.name].split(BETWEEN))
        elif how == "random":
            order = tuple(np.random.default_rng(seed).permutation(list(names)).tolist())
        else:
            order = tuple(names) if how == "fixed" else rarest_order(names, used, seed)
        if sorted(order) != sorted(names):
            raise TwoalikeError(
                where=f"{root / 'participants.tsv'}, {column.name} of sub-{participant}",
                expected=f"an order of {BETWEEN.join(names)} ({key} of study.toml)",
                found=row[column.name],
                remedy="A participant keeps the parts of the first session: restore study.toml, or "
                "run tasks one at a time with `task=...`.",
            )
        assigned: Any = {column.name: order}
        study = replace(study, **assigned)
        near = [one for one in near if one[column.name] == BETWEEN.join(order)]
    return study


@contextmanager
def in_group(
    study: Study,
    root: Path,
    participant: str,
    *,
    simulated: bool,
    group: str | None = None,
    language: str | None = None,
    is_first: bool = True,
    several_tasks: bool = False,
) -> Iterator[Study]:
    """Give the study as a participant of a data set does it, with what it assigns.

    That is a group, the orders of tasks and conditions, and a set of objects. It is listed when the
    block ends without an error.

    Parameters
    ----------
    group
        Group named by the operator; None if none was named.
    language
        Language that the participant chose; None if none was named.
    is_first
        Whether all of the participant's sessions are here, so that a balanced group may be drawn.
    several_tasks
        Whether the tasks of a sitting are run one after the other.
    """
    config = study.config
    grouped, several = bool(config.groups.names), several_tasks and bool(config.sitting.tasks)
    if not grouped and group is not None:
        study.for_group(group)  # refuses it
    if not config.languages and language is not None:
        study.in_language(language)
    assigns = grouped or several or config.objects_per_person or config.languages
    if not (assigns or len(config.conditions) > 1):
        yield study
        return
    lock = lock_folder(study) / f"{root.name}_groups.lock"
    busy = f"{lock}: another session has been starting for a minute. Try again."
    with readable_by(study.config.data.access), hold_lock(lock, busy, _PATIENCE_S):
        own = study
        if grouped:
            own = study.for_group(_group(study, root, participant, simulated, group, is_first))
        if config.objects_per_person:
            number = own_set(study, root, participant)
            taken = taken_sets(study, root, participant, simulated=simulated)
            own = replace(own, object_set=number or first_free(taken))
        row = _listed(root).get(participant, _NOTHING)
        if config.languages:
            asked = language or (
                config.languages[0] if simulated and not row[LANGUAGE.name] else None
            )
            kept = row[LANGUAGE.name]
            own = own.in_language(_named("language", config.languages, participant, kept, asked))
        others = _others(root, participant, simulated)
        own = _with_orders(own, root, participant, row, others, several)
        yield own
        register_participants(root, own, {participant: own}, simulated=simulated)


def balanced_cohort(
    study: Study, participants: Iterable[str], *, several_tasks: bool
) -> dict[str, Study]:
    """Return the study as each new participant of a cohort does it, by code.

    Groups, orders and sets of objects are shared out over the cohort, in its order, whoever else
    is in the study: a longer cohort begins as a shorter one. A participant who is in the list
    keeps what it assigns.
    """
    settings, listed = study.config.groups, _listed(study.raw)
    found: dict[str, Study] = {}
    others: list[_Row] = []
    for code in participants:
        own, row = study, listed.get(code, _NOTHING)
        if settings.names:
            group = row[GROUP.name]
            if not group and settings.assignment == "operator":
                raise TwoalikeError(
                    where=f"{study.root / 'study.toml'}: groups.assignment",
                    expected="balanced, where no operator is present who names the group",
                    found="operator",
                )
            counts = Counter(one[GROUP.name] for one in others)
            seed = study.config.seed
            own = study.for_group(group or balanced_group(settings.names, counts, seed, code))
        if study.config.objects_per_person:
            number = own_set(study, study.raw, code) if code in listed else 0
            taken = {one.object_set for one in found.values()}
            own = replace(own, object_set=number or first_free(taken))
        found[code] = _with_orders(own, study.raw, code, row, others, several_tasks)
        others.append(_NOTHING | assigned_cells(found[code]))
    return found


def _group(
    study: Study, root: Path, participant: str, simulated: bool, group: str | None, is_first: bool
) -> str:
    settings, kept = study.config.groups, group_of(root, participant)
    drawn = settings.assignment == "balanced" and is_first
    if kept or not drawn:
        why = " (study.toml leaves groups to you)"
        if settings.assignment == "balanced":
            why = " (one is drawn at the first session of all only)"
        return _named("group", settings.names, participant, kept, group, why)
    if group is not None:
        raise TwoalikeError(
            f"`group={group}`: the groups of this study are balanced (study.toml, groups.assignment"
            "). Leave `group=...` out, or set assignment to operator."
        )
    counts = group_sizes(root, settings.names, simulated=simulated)
    return balanced_group(settings.names, counts, study.config.seed, participant)


def _named(
    what: str, names: Sequence[str], participant: str, kept: str, given: str | None, why: str = ""
) -> str:
    """Return what the operator names for a new participant, who keeps it."""
    if kept and given not in (None, kept):
        raise TwoalikeError(
            f"`{what}={given}`: participant {participant} has the {what} {kept} "
            f"(participants.tsv), and keeps it. Leave `{what}=...` out."
        )
    if not (kept or given):
        raise TwoalikeError(
            where=f"`{what}=...`",
            expected=f"the {what} of participant {participant}{why}: one of {', '.join(names)}",
            found="none",
        )
    return kept or str(given)
