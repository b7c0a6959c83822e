"""Whether lists can be made as the settings ask, and whether one still fits the settings.

A list outlives a change of study.toml, and would then show the participant what was wanted
before. Lists without a description of ours beside them are somebody's own and left alone.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, get_args

import numpy as np

from twoalike.design._design import ListDesign, check_set_size, for_person, in_condition
from twoalike.design._levels import study_classes
from twoalike.design._sets import arrangement_checks
from twoalike.registry import find_task, task_names
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    Study,
    TwoalikeError,
    check_seed,
    describe_changes,
    one_of,
    read_json,
    read_seed,
    sha256_file,
)

_FEW = 5
"""Participants that a message names one by one."""


def refused_tasks(study: Study, stimuli: StimulusSet, tasks: Iterable[str]) -> list[str]:
    """Report which of the tasks no participant could do, one line each, by a first session.

    That is no fault of a study, which may use the other task only. Lists that are made
    beforehand are not judged: own ones, those of an adaptive design, and those of sessions that
    share their triplets out.
    """
    reasons = {task: _refusal(study, stimuli, task) for task in tasks}
    return [f"{task} cannot be run as it is: {why}" for task, why in reasons.items() if why]


def _refusal(study: Study, stimuli: StimulusSet, task: str) -> str:
    lists: ListDesign | None = find_task(task).lists
    if lists is None or not lists.alone(lists.settings(study)):
        return ""

    def design() -> None:
        for name in study.conditions_of(task) or ("",):
            person = for_person(replace(study, object_set=1), stimuli)
            own = in_condition(person, stimuli, name) if name else person
            lists.one(own, stimuli, "001", 1)

    return _fault(design)


def study_with(
    study: Study, *, seed: int | None = None, sampler: str | None = None, table: str = "design"
) -> Study:
    """Give a study another seed, or another sampler in a ``table`` of study.toml, if not None."""
    check_seed(seed)
    updates: dict[str, Any] = {} if seed is None else {"seed": seed}
    if sampler is not None:
        settings = getattr(study.config, table)
        named = type(settings).model_fields["sampler"].annotation
        known = get_args(getattr(named, "__value__", named))
        updates[table] = settings.model_copy(update={"sampler": one_of("sampler", sampler, known)})
    return replace(study, config=study.config.model_copy(update=updates))


def check_list_is_current(
    study: Study, stimuli: StimulusSet, task: str, participant: str, session: int
) -> None:
    """Check that a session's trial list, if there is one, was made with the present settings.

    Settings that do not change the list may change, where the list can be made again to see it.
    ``task`` is its name, or its BIDS label.
    """
    lists: ListDesign | None = find_task(task).lists
    path = study.trial_list(find_task(task).label, participant, session)
    beside = path.with_suffix(".json")
    if lists is None or not path.exists() or not beside.exists() or lists.is_own(study):
        return
    about = read_json(beside, "trial_list")
    if "design" not in about["config"]:  # made by another tool
        return
    options = about["config"].get("options", {})
    seed = read_seed(options.get("seed", study.config.seed))
    meant = study_with(study, seed=seed, sampler=options.get("sampler"), table=lists.table)
    changes = describe_changes(_before(about, meant, lists), _now(about, meant, lists))
    if not changes:
        return
    if lists.alone(lists.settings(meant)):
        again = lists.one(meant, stimuli, participant, session)
        if lists.read(path, stimuli.ids).equals(again):
            return
    # The blocks of an adaptive session are made by the session itself.
    remedy = (
        "move the list away, the session makes its own"
        if "blocks" in about["config"]
        else f"make the list again: {_command(meant, find_task(task).name, about)}"
    )
    raise TwoalikeError(
        f"{path}: made with other settings than the study has now ({changes}). Restore them, or "
        f"{remedy}"
    )


def _own_inputs(about: Mapping[str, Any]) -> dict[str, Any]:
    """Keep inputs that are the study's own; a posterior may be gone since it chose the triplets."""
    return {role: it for role, it in about["inputs"].items() if role in ("stimuli", "features")}


def _before(about: Mapping[str, Any], study: Study, lists: ListDesign) -> dict[str, Any]:
    # A key that a later version brought had its default.
    defaults = type(lists.settings(study))().model_dump(mode="json")
    digests = {
        f"checksum of {entry['file']}": entry["sha256"][:8] for entry in _own_inputs(about).values()
    }
    settings = {**defaults, **about["config"]["design"]}
    return {"seed": read_seed(about["seed"]), lists.table: settings, **digests}


def _now(about: Mapping[str, Any], study: Study, lists: ListDesign) -> dict[str, Any]:
    features = study.root / study.config.design.features
    files = {"stimuli": study.stimuli / MANIFEST, "features": features}
    digests = {
        f"checksum of {entry['file']}": sha256_file(file)[:8] if file.is_file() else None
        for role, entry in _own_inputs(about).items()
        if (file := files[role])
    }
    settings = lists.settings(study).model_dump(mode="json")
    return {"seed": study.config.seed, lists.table: settings, **digests}


def _command(meant: Study, task: str, about: Mapping[str, Any]) -> str:
    """Command that makes the list again, with those it shares its triplets out with."""
    made_with = about["config"]
    options = made_with.get("options", {})
    who = made_with.get("participants", [made_with["participant"]])
    named = " ".join(who) if len(who) <= _FEW else f"{who[0]} ... {who[-1]} (all {len(who)} again)"
    sessions = made_with.get("sessions", made_with["session"])
    seeded = "seed" in options or read_seed(about["seed"]) != meant.config.seed
    words = {
        "task": task,
        "participants": named,
        "sessions": sessions if sessions > 1 else None,
        "sampler": options.get("sampler"),
        "posterior": "P.nc" if find_task(task).lists.is_adaptive(meant) else None,
        "seed": meant.config.seed if seeded else None,
        "overwrite": True,
    }
    given = [f"`{name}={word}`" for name, word in words.items() if word is not None]
    return " ".join([f"twoalike design {shlex.quote(str(meant.root))}", *given])


def check_categories(study: Study, stimuli: StimulusSet) -> list[str]:
    """Report where settings ask for categories that the stimuli do not have, one line each.

    Otherwise a study of images in one folder, with attention checks or the levels design, would
    pass every check and be refused when its first participant sits down.
    """
    designs = [find_task(name).lists for name in task_names()]
    checks: list[Callable[[], object]] = [
        *(partial(_check_kinds, lists, study, stimuli) for lists in designs if lists),
        *(partial(in_condition, study, stimuli, one.name) for one in study.config.conditions),
        partial(check_set_size, study, stimuli),
    ]
    # What is excluded and not there is found by two checks.
    return list(dict.fromkeys(fault for check in checks if (fault := _fault(check))))


def _check_kinds(lists: ListDesign, study: Study, stimuli: StimulusSet) -> None:
    """Check that the images have what the lists of a task need: classes, attention checks."""
    config, rng = lists.settings(study), np.random.default_rng(0)
    shown = lists.shown(stimuli, config)
    kinds = shown[list(stimuli.levels)]
    if getattr(config, lists.chooser) == "levels":
        study_classes(study, shown, stimuli.levels)
    if lists.is_own(study):  # an own list brings its checks along
        return
    if lists.table == "arrangement":
        arrangement_checks(kinds, config, rng)
    for key in ("practice_checks", "catch") if lists.checks else ():
        if n := getattr(config, key, 0):
            assert lists.checks is not None
            try:
                lists.checks(kinds, n, set(), rng, lists.trial_form(config).items)
            except ValueError as error:
                raise TwoalikeError(
                    f"{lists.table}.{key}: {error} Set it to 0, or sort the images into folders "
                    "and make the study anew."
                ) from error


def _fault(check: Callable[[], object]) -> str:
    try:
        check()
    except TwoalikeError as error:
        return str(error)
    return ""
