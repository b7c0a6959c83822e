"""What both demos ask of a study that ``twoalike init`` made: its design, and whether it is run."""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from twoalike.record import RunName, read_manifest
from twoalike.study import Study, TwoalikeError, atomic_path


def set_design(
    root: Path, settings: Mapping[str, int | str], exclude: Mapping[str, Sequence[str]]
) -> None:
    """Set keys of ``[design]`` in ``study.toml``, and the objects that are never shown.

    Parameters
    ----------
    root
        Folder of a study as ``init`` makes it: every key of ``[design]`` has a line.
    settings
        New values.
    exclude
        By column of the manifest, what is left out.

    Raises
    ------
    TwoalikeError
        If a key has no line, or more than one.
    """
    path = root / "study.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in settings.items():
        text, n = re.subn(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", text)
        if n != 1:
            raise TwoalikeError(f"{path}: expected one line '{key} = ...', found {n}.")
    lines = [f"{column} = {_array(values)}" for column, values in exclude.items()]
    text = "\n".join([text.rstrip(), "", "[design.exclude]", *lines, ""])
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _array(values: Sequence[str]) -> str:
    names = ", ".join(json.dumps(name) for name in values)
    wrapped = textwrap.fill(names, 94, initial_indent="    ", subsequent_indent="    ")
    return f"[\n{wrapped},\n]" if len(names) > 80 else f"[{names}]"


def session_done(study: Study, participant: str) -> bool:
    """Whether the manifest of the participant's session says that every trial was shown.

    Raises
    ------
    TwoalikeError
        If the manifest is damaged.
    """
    manifest = RunName(participant, 1).manifest(study.raw)
    return manifest.is_file() and read_manifest(manifest)["end_reason"] == "completed"
