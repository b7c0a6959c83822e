"""The trial lists of a study's sessions: designed together, written all or none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from twoalike.design import (
    ListDesign,
    for_person,
    in_condition,
    shown_objects,
    study_with,
    write_list,
)
from twoalike.planning._adaptive import AdaptiveDesign
from twoalike.planning._summary import TrialList, TrialLists
from twoalike.record import RunName, check_codes, first_free, own_set, participant_label, taken_sets
from twoalike.registry import Task, find_task
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Study, TwoalikeError, progress, provenance, read_json, written_seed
from twoalike.tasks import protocol_or_default


def write_lists(
    study: Study | str | Path,
    participants: str | Sequence[str],
    *,
    task: str = "odd-one-out",
    sessions: int = 1,
    sampler: Literal["random", "coverage", "levels", "adaptive", "list"] | None = None,
    posterior: str | Path | None = None,
    block: int | None = None,
    seed: int | None = None,
    overwrite: bool = False,
) -> TrialLists:
    """Design the trial lists of sessions and write them into the study's ``design`` folder.

    Every session is designed before any file is written; if one cannot be, or a different list is
    there, none is written. Writing a list again gives the same
    file. Sessions of the coverage design, and of the levels design with ``lists_per_triplet``,
    share their triplets out: name all participants in one call. No two adaptive lists of one call
    share a judged trial, nor do the sessions of a participant; pairs that are rated come again
    where too few others are left.

    Parameters
    ----------
    study
        The study, or its folder.
    participants
        Code of a participant, or codes such as ``["001", "002"]``.
    sessions
        Number of sessions for each participant; with ``block``, the number of the block's session.
    sampler
        Use this sampler instead of the study's. ``list``: only check existing lists.
    posterior
        Fitted embedding that the adaptive sampler uses.
    block
        Adaptive: append this block of trials to the existing list. Practice is block 1.
    seed
        Use this seed instead of the study's.
    overwrite
        Replace lists that differ. The list of a session that has begun is kept.
    """
    kind = find_task(task)
    if kind.lists is None:
        raise TwoalikeError(
            where=f"`task={kind.name}`",
            expected="a task with trial lists",
            found="one whose sessions choose their trials themselves",
        )
    design: ListDesign = kind.lists
    _check_arguments(design, sessions, sampler, posterior, block)
    opened = study if isinstance(study, Study) else Study.load(study)
    opened = study_with(opened, seed=seed, sampler=sampler, table=design.table)
    protocol_or_default(opened, kind.protocol)  # a fault should not wait for the participant
    labels = [participants] if isinstance(participants, str) else list(participants)
    check_codes(opened, labels)
    labels = [participant_label(label) for label in labels]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise TwoalikeError(f"`participants=...`: {twice} is listed twice. Name each one once.")
    stimuli = StimulusSet.load(opened.stimuli)
    given = {"seed": None if seed is None else written_seed(seed), "sampler": sampler}
    options = {name: value for name, value in given.items() if value is not None}
    with progress() as bar:
        bar.add_task("design", total=None, status="")
        if design.is_adaptive(opened):
            adaptive = AdaptiveDesign(opened, stimuli, kind, posterior)
            lists = adaptive_lists(adaptive, labels, sessions, block, options)
        else:
            for name, value in (("posterior", posterior), ("block", block)):
                if value is not None:
                    raise TwoalikeError(
                        f"`{name}=...`: only the adaptive sampler uses it, the sampler here is "
                        f"{design.settings(opened).sampler}. Add `sampler=adaptive`, or leave it "
                        "out."
                    )
            lists = list(_designed(opened, stimuli, kind, labels, sessions, options))
    lists = [_unless_begun(opened, item, kind) for item in lists]
    if design.is_own(opened):
        lists = [replace(item, state="checked") for item in lists]
    else:
        lists = write_all(lists, design, overwrite)
    shown = shown_objects(stimuli, design.settings(opened))
    return TrialLists(opened, kind.name, shown, tuple(lists))


def _check_arguments(
    design: ListDesign,
    sessions: int,
    sampler: str | None,
    posterior: str | Path | None,
    block: int | None,
) -> None:
    for name, value in (("sessions", sessions), ("block", block)):
        if value is not None and value < 1:
            raise TwoalikeError(where=f"`{name}={value}`", expected="a whole number from 1")
    wanted = {"sampler": sampler == "adaptive", "posterior": posterior, "block": block}
    for name, given in wanted.items():
        if given and design.fixed:
            raise TwoalikeError(f"`{name}=...`: {design.fixed}.")
    if sampler is not None and design.chooser != "sampler":
        raise TwoalikeError(
            f"`sampler=...`: {design.table}.{design.chooser} of study.toml chooses the trials of "
            "this task."
        )


def _people(
    study: Study, stimuli: StimulusSet, design: ListDesign, labels: Sequence[str]
) -> Iterator[tuple[Study, Sequence[str]]]:
    """Yield the study as each participant does it; all of them where they see the same objects.

    Participants have sets of objects in the order in which they are named.
    """
    if not study.config.objects_per_person:
        yield study, labels
        return
    if not (design.alone(design.settings(study)) or design.is_own(study)):
        raise TwoalikeError(
            f"{design.table}: sessions of this design share their trials out, but with "
            "objects_per_person each participant sees other objects. Choose another "
            f"{design.table}.{design.chooser}, or set objects_per_person = 0."
        )
    known = {label: own_set(study, study.raw, label) for label in labels}
    taken = {*known.values(), *taken_sets(study, study.raw, "", simulated=False)}
    for label in labels:
        number = known[label] or first_free(taken)
        taken.add(number)
        yield for_person(replace(study, object_set=number), stimuli), [label]


def _designed(
    study: Study,
    stimuli: StimulusSet,
    kind: Task,
    labels: Sequence[str],
    sessions: int,
    options: Mapping[str, Any],
) -> Iterator[TrialList]:
    design: ListDesign = kind.lists
    names = study.conditions_of(kind.name)
    for person, codes in _people(study, stimuli, design, labels):
        for part in [in_condition(person, stimuli, name) for name in names] or [person]:
            settings = design.settings(part)
            tables = iter(design.together(part, stimuli, codes, sessions))
            # Lists that share their triplets out are made again only by the same call.
            together = {"participants": list(codes), "sessions": sessions}
            features = design.table == "design" and settings.features
            described = partial(
                _described,
                inputs={"features": part.root / features} if features else {},
                more={} if design.alone(settings) else together,
                options=options,
            )
            for code in codes:
                for number in range(1, sessions + 1):
                    yield described(part, kind, code, number, next(tables))


def adaptive_lists(
    adaptive: AdaptiveDesign,
    labels: Sequence[str],
    sessions: int,
    block: int | None,
    options: Mapping[str, Any] | None = None,
) -> list[TrialList]:
    """Design adaptive sessions, or the next block of each."""
    adaptive.check()
    lists: list[TrialList] = []
    for label in labels:
        for number in range(1, sessions + 1) if block is None else [sessions]:
            table = adaptive.session(label, number, block, [item.table for item in lists])
            item = _described(
                *(adaptive.study, adaptive.task, label, number, table),
                **adaptive.described(label, number, block),
                options=options or {},
            )
            lists.append(replace(item, grows=block is not None))
    return lists


def _described(
    study: Study,
    kind: Task,
    participant: str,
    session: int,
    table: pd.DataFrame,
    *,
    inputs: Mapping[str, Path],
    more: Mapping[str, Any],
    options: Mapping[str, Any],
) -> TrialList:
    """Put a list together with what is written beside it.

    ``options`` were given instead of study.toml, and must not pass for a change of it later.
    """
    parts: dict[str, Any] = {"condition": study.condition, "object_set": study.object_set}
    about = provenance(
        "trial_list",
        seed=study.config.seed,
        inputs={"stimuli": study.stimuli / MANIFEST, **inputs},
        config={
            "task": kind.name,
            "participant": participant,
            "session": session,
            **more,
            **{name: value for name, value in parts.items() if value},
            "design": kind.lists.settings(study).model_dump(mode="json"),
            **({"options": options} if options else {}),
        },
    )
    path = study.trial_list(kind.label, participant, session)
    return TrialList(*(participant, session, path, table, about), **parts)


def _unless_begun(study: Study, item: TrialList, kind: Task) -> TrialList:
    """Put the list that is there in the place of a new one if its session has begun with it."""
    run = replace(study, condition=item.condition).run
    begun = RunName(item.participant, item.session, kind.label, run).rows(study.raw).exists()
    there = _read_there(item, kind.lists) if begun else None
    if there is None or there.equals(item.table) or item.extends(there):
        return item
    return replace(item, table=there, state="begun")


def write_all(
    lists: Sequence[TrialList], design: ListDesign, overwrite: bool = False
) -> list[TrialList]:
    """Write the lists that are not there yet, and remove those that have become empty.

    A description is written also beside a list that stays the same, where it has changed.
    """
    is_new = []
    for item in lists:
        found = _read_there(item, design)
        is_new.append(found is None or not found.equals(item.table))
        grows = found is not None and item.extends(found)
        if is_new[-1] and item.path.exists() and not (overwrite or grows):
            raise TwoalikeError(
                f"{item.path}: a different trial list is there already, perhaps in use. Nothing "
                "was written; move it away, or replace it with `overwrite=True`."
            )
    return [_written(item, new) for item, new in zip(lists, is_new, strict=True)]


def _written(item: TrialList, new: bool) -> TrialList:
    beside = item.path.with_suffix(".json")
    if not len(item.table):
        there = item.path.exists()
        item.path.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
        return replace(item, state="removed" if there else "empty")
    before = read_json(beside, "trial_list") if beside.is_file() else {}
    keys = ("seed", "inputs", "config")
    described = all(before.get(key, ...) == item.description[key] for key in keys)
    if new or not (item.state == "begun" or described):
        write_list(item.path, item.table, item.description)
    if item.state == "begun":
        return item
    return replace(item, state="written" if new else "unchanged")


def _read_there(item: TrialList, design: ListDesign) -> pd.DataFrame | None:
    if not item.path.is_file():
        return None
    columns = [name for name in item.table.columns if name.startswith("stimulus")]
    shown = set(item.table[columns].to_numpy().ravel())
    try:
        return design.read(item.path, shown)
    except TwoalikeError:
        return None
