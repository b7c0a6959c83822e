"""Folders of parts: files that several machines make, each whole or absent, by one plan.

The plan is a JSON file that says what is to be there (``shards``) and where it comes from. Whoever
makes parts compares plans first; whoever reads them wants all of them.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from twoalike.study._errors import TwoalikeError
from twoalike.study._provenance import read_json
from twoalike.study._words import describe_changes, shortened

_MANY = 10_000_000
"""More parts than any folder has: their names alone would fill the memory."""


def claim_parts(
    folder: Path, plan: Mapping[str, Any], name: str, *, beside: Collection[str] = ()
) -> None:
    """Make sure that a folder is new, or holds parts of this very plan.

    Parameters
    ----------
    folder
        To make, or to go on with.
    plan
        Of :func:`twoalike.study.provenance`, with its ``kind``.
    name
        File of the plan.
    beside
        Files that may be there before the plan is.

    Raises
    ------
    TwoalikeError
        If it holds anything else.
    """
    kind = plan["kind"]
    if folder.exists() and not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a folder for the {kind}, found a file.")
    if (folder / name).is_file():
        changes = describe_changes(read_json(folder / name, kind), plan)
        if changes:
            raise TwoalikeError(
                f"{folder}: holds {kind} of another run ({changes}). Give the same, or choose "
                "another output."
            )
        return
    found = [path.name for path in folder.glob("*") if not path.name.startswith(".")]
    foreign = [other for other in found if other not in beside]
    if foreign:
        raise TwoalikeError(
            f"{folder}: expected a new folder for the {kind}, found {foreign[0]} in it."
        )


def whole_parts(
    folder: Path, name: str, kind: str, part: Callable[[Path, int], Path]
) -> tuple[list[Path], dict[str, Any]]:
    """Files of a folder that has all its parts, in order, and its plan.

    Parameters
    ----------
    folder, name, kind
        As for :func:`claim_parts`.
    part
        File of a part by its number, from 0.

    Raises
    ------
    TwoalikeError
        If the plan or a part is missing.
    """
    if not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a folder of {kind}, found none. Check the path.")
    plan = read_json(folder / name, kind)
    shards = plan.get("shards")
    if type(shards) is not int or not 0 < shards < _MANY:
        raise TwoalikeError(
            f"{folder / name}: expected shards as a whole number from 1, found "
            f"{shortened(repr(shards), 40)}. The file is damaged."
        )
    paths = [part(folder, number) for number in range(shards)]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise TwoalikeError(
            f"{folder}: expected {len(paths)} shards, found {len(paths) - len(missing)}, first "
            f"missing {missing[0]}. Give the command that made them again: it goes on."
        )
    return paths, plan
