"""``twoalike erase``."""

from pathlib import Path

from twoalike.cli._options import Flag
from twoalike.cli._show import show_notes


def erase(study: Path, participant: str, /, *, yes: Flag = False, store: str | None = None) -> None:
    """List or remove everything that a study holds of a person.

    This covers raw and pilot data, answers, rows in tables of participants, trial lists, and
    sessions in the store of twoalike online serve, with ids and links. Afterwards, neither twoalike
    online fetch nor twoalike merge brings the data back. Computed files are listed and kept:
    compute them again. If the command is interrupted, repeat it. Other copies of the study,
    backups, and files that were shared or downloaded are yours to clean.

    Parameters
    ----------
    study
        Folder of the study.
    participant
        Code of the person.
    yes
        Remove it. Without this option, it is only listed.
    store
        As for twoalike online serve.

    Examples
    --------
        twoalike erase my-study 007
        twoalike erase my-study 007 --yes
    """
    from twoalike.online import erase as run

    found = run(study, participant, yes=yes, store=store)
    nothing = [f"nothing of participant {participant} is left"]
    show_notes([f"{'removed' if yes else 'holds'}: {one}" for one in found.removed] or nothing)
    show_notes(f"computed from their data, compute again: {path}" for path in found.derived)
    show_notes(found.notes if yes else ["Nothing was changed. Remove it with `yes=True`."])
