"""Raw data are checked before a command works with them: it stops at problems, or says it goes on.

``twoalike validate`` lists what these same checks find.
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
    """Stop at the problems of a data set; with ``allow``, say in one line that there are some.

    Raises
    ------
    TwoalikeError
        Naming the first problem, and how to list the others.
    """
    from twoalike.study import TwoalikeError, counted

    if not checked.problems:
        return
    first, others = checked.problems[0], len(checked.problems) - 1
    more = f" (and {counted(others, 'more problem')})" if others else ""
    if not allow:
        raise TwoalikeError(
            f"{str(first).removesuffix('.')}{more}. List all with twoalike validate and mend them, "
            "or use the data as they are with --allow-problems."
        )
    print(f"--allow-problems: the data are used as they are. {first}{more}")  # noqa: T201


def check_raw(study: "Study", allow: bool) -> None:
    """Check ``data/raw`` of a study, its images by the study's list of them.

    Raises
    ------
    TwoalikeError
        As :func:`require_sound`.
    """
    from twoalike.record import check_dataset

    require_sound(check_dataset(study.raw, listed_images(study), pilot=False), allow)


def listed_images(study: "Study") -> Mapping[str, str] | None:
    """SHA-256 by object id, as the study lists its images; None where it has no list."""
    from twoalike.stimuli import MANIFEST, StimulusSet

    if not (study.stimuli / MANIFEST).is_file():
        return None
    table = StimulusSet.load(study.stimuli, verify=False).table
    return dict(zip(table["id"], table["sha256"], strict=True))


def check_folder(root: Path, allow: bool) -> None:
    """Check a data set whose study is not at hand, without its images.

    Raises
    ------
    TwoalikeError
        As :func:`require_sound`.
    """
    from twoalike.record import check_dataset

    require_sound(check_dataset(root), allow)
