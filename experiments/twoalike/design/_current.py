"""Whether a trial list is still the one that the study's settings ask for.

A list outlives a change of study.toml, and would then show the participant what was wanted
before. Lists that no description of ours lies beside are somebody's own, and are left alone.
"""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from twoalike.design._arrangement_list import read_arrangement_list
from twoalike.design._arrangement_trials import session_arrangement_list
from twoalike.design._list import read_trial_list
from twoalike.design._session import session_trial_list, stands_alone
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    ArrangementConfig,
    DesignConfig,
    Study,
    TwoalikeError,
    describe_changes,
    read_json,
    read_seed,
    sha256_file,
)

_FEW = 5
"""Participants that a message names one by one."""


def check_list_is_current(
    study: Study, stimuli: StimulusSet, task: str, participant: str, session: int
) -> None:
    """Check that a session's trial list, if there is one, was made with the settings of now.

    Settings that do not change the list may change, where the list can be made again to see it.

    Parameters
    ----------
    task
        BIDS label, ``oddoneout`` or ``multiarrangement``.

    Raises
    ------
    TwoalikeError
        Naming what changed since, with the command that makes the list again.
    """
    path = study.trial_list(task, participant, session)
    beside = path.with_suffix(".json")
    if not path.exists() or not beside.exists() or _is_own(study, task):
        return
    about = read_json(beside, "trial_list")
    if "design" not in about["config"]:  # made by another tool
        return
    meant = _with_options(study, about["config"].get("options", {}))
    changes = describe_changes(_before(about, meant, task), _now(about, meant, task))
    if not changes or _is_same_again(meant, stimuli, task, participant, session, path):
        return
    # The blocks of an adaptive session are made by the session itself.
    again = (
        "move the list away, the session makes its own"
        if "blocks" in about["config"]
        else f"make the list again: {_command(meant, task, about)}"
    )
    raise TwoalikeError(
        f"{path}: made with other settings than the study has now ({changes}). Restore them, or "
        f"{again}"
    )


def _settings(study: Study, task: str) -> DesignConfig | ArrangementConfig:
    return study.config.design if task == "oddoneout" else study.config.arrangement


def _is_own(study: Study, task: str) -> bool:
    settings = _settings(study, task)
    how = settings.sampler if isinstance(settings, DesignConfig) else settings.scheduler
    return how == "list"


def _with_options(study: Study, options: Mapping[str, Any]) -> Study:
    """Give the study what the list's command line said instead of study.toml."""
    config = study.config
    sampler = options.get("sampler", config.design.sampler)
    updates = {
        "design": config.design.model_copy(update={"sampler": sampler}),
        "seed": read_seed(options.get("seed", config.seed)),
    }
    return replace(study, config=config.model_copy(update=updates))


def _table(task: str) -> str:
    return "design" if task == "oddoneout" else "arrangement"


def _before(about: Mapping[str, Any], study: Study, task: str) -> dict[str, Any]:
    # A key that a later version brought had its default.
    defaults = type(_settings(study, task))().model_dump(mode="json")
    settings = {**defaults, **about["config"]["design"]}
    digests = {_named(entry): entry["sha256"][:8] for entry in _kept(about["inputs"]).values()}
    return {"seed": read_seed(about["seed"]), _table(task): settings, **digests}


def _now(about: Mapping[str, Any], study: Study, task: str) -> dict[str, Any]:
    features = study.root / study.config.design.features
    files = {"stimuli": study.stimuli / MANIFEST, "features": features}
    digests = {
        _named(entry): sha256_file(files[role])[:8] if files[role].is_file() else None
        for role, entry in _kept(about["inputs"]).items()
    }
    settings = _settings(study, task).model_dump(mode="json")
    return {"seed": study.config.seed, _table(task): settings, **digests}


def _kept(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the study's own inputs; a posterior may be gone since it chose the triplets."""
    return {role: value for role, value in inputs.items() if role in ("stimuli", "features")}


def _named(entry: Mapping[str, Any]) -> str:
    return f"checksum of {entry['file']}"


def _is_same_again(
    study: Study, stimuli: StimulusSet, task: str, participant: str, session: int, path: Path
) -> bool:
    """Whether the settings of now give this very list, where it can be made by itself."""
    if task == "multiarrangement":
        again = session_arrangement_list(study, stimuli, participant, session)
        return read_arrangement_list(path, stimuli.ids).equals(again)
    if not stands_alone(study.config.design):
        return False
    again = session_trial_list(study, stimuli, participant, session)
    return read_trial_list(path, stimuli.ids).equals(again)


def _command(meant: Study, task: str, about: Mapping[str, Any]) -> str:
    """Command that makes the list again, with those it shares its triplets out with."""
    made_with = about["config"]
    options = made_with.get("options", {})
    who = made_with.get("participants", [made_with["participant"]])
    named = " ".join(who) if len(who) <= _FEW else f"{who[0]} ... {who[-1]} (all {len(who)} again)"
    words = [f"twoalike design {shlex.quote(str(meant.root))}"]
    words.append(f"--task {'odd-one-out' if task == 'oddoneout' else 'multi-arrangement'}")
    words.append(f"--participants {named}")
    if (sessions := made_with.get("sessions", made_with["session"])) > 1:
        words.append(f"--sessions {sessions}")
    if "sampler" in options:
        words.append(f"--sampler {options['sampler']}")
    if meant.config.design.sampler == "adaptive" and task == "oddoneout":
        words.append("--posterior P.nc")
    if "seed" in options or read_seed(about["seed"]) != meant.config.seed:
        words.append(f"--seed {meant.config.seed}")
    return " ".join([*words, "--overwrite"])
