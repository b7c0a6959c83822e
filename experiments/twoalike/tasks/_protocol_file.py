"""The protocol of a task in a study: where it is, and what is said where it is not."""

import difflib

from twoalike.study import Study, StudyConfig, TwoalikeError, load_toml
from twoalike.tasks._settings import Protocol

_KEYS = {"oddoneout": "protocol", "multiarrangement": "arrangement_protocol"}
"""Key of study.toml that names the protocol of a task (its BIDS label)."""


def load_protocol[P: Protocol](study: Study, model: type[P]) -> P:
    """Read the protocol of a task.

    Raises
    ------
    TwoalikeError
        If it is missing, or says something that cannot be.
    """
    path = study.protocol_of(task_label(model))
    if not path.exists():
        there = sorted(file.name for file in path.parent.glob("*.toml"))
        close = difflib.get_close_matches(path.name, there, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise TwoalikeError(
            f"{path}: expected the protocol of the {_task(model)} task, found no such file.{hint} "
            f"Its place is the key {_KEYS[task_label(model)]!r} of study.toml."
        )
    return load_toml(path, model)


def protocol_or_default[P: Protocol](study: Study, model: type[P]) -> P:
    """Read the protocol of a task; the default one in a study that has no protocols at all.

    Raises
    ------
    TwoalikeError
        As :func:`load_protocol`.
    """
    if _at_default(study, model) and not study.protocol_of(task_label(model)).parent.is_dir():
        return model.model_validate({})
    return load_protocol(study, model)


def check_protocol(study: Study, model: type[Protocol]) -> str:
    """Say what is wrong with a protocol; nothing if all is well, or the study has none.

    Returns
    -------
    One line, or an empty text.
    """
    if _at_default(study, model) and not study.protocol_of(task_label(model)).exists():
        return ""
    try:
        load_protocol(study, model)
    except TwoalikeError as error:
        return str(error)
    return ""


def _task(model: type[Protocol]) -> str:
    return str(model.model_fields["task"].default)


def task_label(model: type[Protocol]) -> str:
    """Label of a protocol's task in the names of files."""
    return _task(model).replace("-", "")


def _at_default(study: Study, model: type[Protocol]) -> bool:
    key = _KEYS[task_label(model)]
    return bool(getattr(study.config, key) == StudyConfig.model_fields[key].default)
