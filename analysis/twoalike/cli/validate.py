"""``twoalike validate``."""

from pathlib import Path

from twoalike.cli._show import show_notes


def validate(study: Path, /) -> None:
    """Check a study's protocols and raw data, pilot data included: BIDS, and our own rules.

    Our own: trials numbered from 1 with none twice, times that can be, three places and three
    objects, a response that agrees with the object and the place it names, trials as in the
    trial list; arrangements whole, and as their events say; images as in the manifest; rows as
    the session's log saw them written; tables that are copies; people and sessions that are
    missing. Each problem names file, row (counted from 1) and column; what cannot be checked is
    listed as a note. Protocols: every key, names of keys that the window knows, texts that do not
    fit the screen of this computer (1024 x 768 if it was not measured), colours with too little
    contrast. Settings: the categories they rely on. Trial lists of sessions to come: whether they
    match the current settings. A task that has no data yet and whose first session cannot be
    designed is named. Ten problems are shown for each file.

    What looks private (e-mail and internet addresses, telephone and other long numbers, IBAN,
    paths, names of this computer and its user, birth dates) is listed too. It is not a problem of
    the data, but check it before you share them. Files that killed processes left unfinished are
    listed as well.

    Exit status: 0 all is well, 1 there are problems.

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
