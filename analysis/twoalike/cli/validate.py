"""``twoalike validate``."""

from pathlib import Path

from twoalike.cli._show import show_notes


def validate(study: Path, /) -> None:
    """Check a study's settings, protocols and raw data, including pilot data.

    Settings: whether the images have the categories that they rely on, and whether the first
    session of each task can be designed. Protocols: every key, names of keys of the keyboard, texts
    that do not fit the screen of this computer (1024 x 768 if it was not measured), colours with
    too little contrast. Trial lists of future sessions: whether they match the current settings.

    Raw data: valid BIDS; trials numbered from 1 without duplicates; possible times; three places
    and three objects; responses that agree with the object and the place they name; trials as in
    the trial list; arrangements complete and in agreement with their events; images as in the
    manifest; rows as the session's log recorded them; no copied tables; no missing people or
    sessions. Each problem names file, row (counted from 1) and column; ten problems are shown for
    each file. What cannot be checked is listed as a note.

    Values that look private (e-mail and internet addresses, telephone and other long numbers, IBAN,
    paths, names of this computer and its user, birth dates) are listed too. They are not errors,
    but check them before you share the data. Unfinished files of killed processes are listed too.

    Exit status: 0 if there are no problems, 1 if there are.

    Parameters
    ----------
    study
        Folder of the study.

    Examples
    --------
        twoalike validate my-study
    """
    from twoalike.study import TwoalikeError
    from twoalike.tasks import validate_study

    checked = validate_study(study)
    if checked.faults and not checked.data and checked.n_problems == 1:
        *before, fault = checked.lines()
        show_notes(before)
        raise TwoalikeError(fault)
    show_notes(checked.lines())
    if checked.n_problems:
        raise TwoalikeError(f"{checked.summary}, see above.")
    show_notes([checked.summary])
