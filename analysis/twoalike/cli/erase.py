"""``twoalike erase``."""

from pathlib import Path
from typing import Any

from twoalike import online
from twoalike.cli._derived import takes
from twoalike.cli._show import show_notes


@takes(online.erase)
def erase(study: Path, participant: str, /, **given: Any) -> None:
    """List or remove everything that a study holds of a person.

    This covers raw and pilot data, answers, rows in tables of participants, trial lists, and
    sessions in the store of twoalike online serve, with ids and links. Afterwards, neither twoalike
    online fetch nor twoalike merge brings the data back. Computed files are listed and kept:
    compute them again. If the command is interrupted, repeat it. Other copies of the study,
    backups, and files that were shared or downloaded are yours to clean.

    Parameters
    ----------
    store
        As for twoalike online serve.

    Examples
    --------
        twoalike erase my-study 007
        twoalike erase my-study 007 --yes
    """
    found, yes = online.erase(study, participant, **given), given["yes"]
    nothing = [f"nothing of participant {participant} is left"]
    show_notes([f"{'removed' if yes else 'holds'}: {one}" for one in found.removed] or nothing)
    show_notes(f"computed from their data, compute again: {path}" for path in found.derived)
    show_notes(found.notes if yes else ["Nothing was changed. Remove it with `yes=True`."])
