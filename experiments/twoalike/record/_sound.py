"""Raw data are checked before anything is computed from them: it stops at problems, or is told.

``twoalike validate`` lists what the same checks find.
"""

from collections.abc import Mapping
from pathlib import Path

from twoalike.record._check_dataset import Checked, check_dataset
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Study, TwoalikeError, counted


def require_sound(checked: Checked, *, allow_problems: bool = False) -> list[str]:
    """Stop at problems of a data set, unless they are allowed.

    Returns
    -------
    What the user should see, one line each: remarks, and the problems that were allowed.

    Raises
    ------
    TwoalikeError
        Naming the first problem, and how to list the others.
    """
    lines = [f"note: {remark}" for remark in checked.remarks]
    if not checked.problems:
        return lines
    first, others = checked.problems[0], len(checked.problems) - 1
    more = f" (and {counted(others, 'more problem')})" if others else ""
    if not allow_problems:
        raise TwoalikeError(
            f"{str(first).removesuffix('.')}{more}",
            remedy="List all with twoalike validate and correct them, or use the data as they are "
            "with `allow_problems=True`.",
        )
    return [*lines, f"`allow_problems=True`: the data are used as they are. {first}{more}"]


def check_raw(study: Study, *, allow_problems: bool = False, pilot: bool = False) -> list[str]:
    """Check the raw data of a study, or its pilot data, and its images against the study's list.

    Returns
    -------
    As :func:`require_sound`.

    Raises
    ------
    TwoalikeError
        As :func:`require_sound`.
    """
    root = study.pilot if pilot else study.raw
    checked = check_dataset(root, _listed_images(study), pilot=pilot)
    return require_sound(checked, allow_problems=allow_problems)


def _listed_images(study: Study) -> Mapping[str, str] | None:
    """SHA-256 by object id, from the study's list of images; None if it has no list."""
    if not (study.stimuli / MANIFEST).is_file():
        return None
    table = StimulusSet.load(study.stimuli, verify=False).table
    return dict(zip(table["id"], table["sha256"], strict=True))


def check_folder(root: Path, *, allow_problems: bool = False) -> list[str]:
    """Check a data set without its images, where the study is not at hand.

    Returns
    -------
    As :func:`require_sound`.

    Raises
    ------
    TwoalikeError
        As :func:`require_sound`.
    """
    return require_sound(check_dataset(root), allow_problems=allow_problems)
