"""Checks of raw data before a command uses them: it stops at problems, or continues with a warning.

``twoalike validate`` lists what the same checks find.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from twoalike.record import Checked
    from twoalike.study import Study

type AllowProblems = Annotated[bool, Parameter(negative=())]
"""The option ``--allow-problems`` of every command that reads raw data."""


def require_sound(checked: "Checked", allow: bool) -> None:
    """Stop at problems of a data set; with ``allow``, print one line about them and continue.

    Remarks are printed.

    Raises
    ------
    TwoalikeError
        Naming the first problem, and how to list the others.
    """
    from twoalike.study import TwoalikeError, counted

    for remark in checked.remarks:
        print(f"note: {remark}")  # noqa: T201
    if not checked.problems:
        return
    first, others = checked.problems[0], len(checked.problems) - 1
    more = f" (and {counted(others, 'more problem')})" if others else ""
    if not allow:
        raise TwoalikeError(
            f"{str(first).removesuffix('.')}{more}. List all with twoalike validate and correct "
            "them, or use the data as they are with --allow-problems."
        )
    print(f"--allow-problems: the data are used as they are. {first}{more}")  # noqa: T201


def check_raw(study: "Study", allow: bool, *, pilot: bool = False) -> None:
    """Check ``data/raw`` of a study, or its pilot data, and its images against the study's list.

    Raises
    ------
    TwoalikeError
        As :func:`require_sound`.
    """
    from twoalike.record import check_dataset

    root = study.pilot if pilot else study.raw
    require_sound(check_dataset(root, _listed_images(study), pilot=pilot), allow)


def _listed_images(study: "Study") -> Mapping[str, str] | None:
    """SHA-256 by object id, from the study's list of images; None if it has no list."""
    from twoalike.stimuli import MANIFEST, StimulusSet

    if not (study.stimuli / MANIFEST).is_file():
        return None
    table = StimulusSet.load(study.stimuli, verify=False).table
    return dict(zip(table["id"], table["sha256"], strict=True))


def check_folder(root: Path, allow: bool) -> None:
    """Check a data set without its images, for commands that are not given the study.

    Raises
    ------
    TwoalikeError
        As :func:`require_sound`.
    """
    from twoalike.record import check_dataset

    require_sound(check_dataset(root), allow)
