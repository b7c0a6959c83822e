"""``twoalike share``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from twoalike.cli._options import Flag
from twoalike.cli._show import show_notes


def share(
    study: Path,
    /,
    *,
    out: Path,
    with_free_text: Flag = False,
    times: Literal["shift", "drop"] = "shift",
    pilot: Flag = False,
    allow: Annotated[list[str] | None, Parameter(negative=())] = None,
    allow_problems: Flag = False,
) -> None:
    """Write a copy of a study's raw data that is fit for publication.

    The copy contains the columns that twoalike itself writes. Other columns (age, answers to a
    form, columns of your own) are published only if columns under [share] in study.toml lists them,
    such as "participants.age" or "form.hand"; the command lists the columns that it leaves out.

    Participants get new, random codes. Dates are moved back by a whole number of days to before
    1925, by a different number for each person; the time of day and the days between visits stay
    the same. Ages above 89 become 89. Seeds, hashes of files that contain codes, torn rows, words
    in logs, and all files that are not part of the raw data are left out. Every column and text is
    searched for e-mail addresses, profiles, ids of crowd workers, telephone numbers, IBAN, IP and
    MAC addresses, long numbers, paths, names of this computer and its user, and full dates; if one
    is found, nothing is written. Contact addresses in texts of the protocols are only listed. A
    warning names values shared by fewer than 5 people. The copy passes the BIDS validator.

    There is no --seed, on purpose: which new code belongs to which old one is random and is not
    stored, so that it cannot be reconstructed. The copy cannot be made a second time; publish the
    one you checked. With the study's seed (study.toml), one can still compute for which old code a
    trial list was made: do not publish it with the copy. Small seeds can be guessed; a warning
    names them. Read the copy before you publish it: no search finds a name in a text.

    Parameters
    ----------
    study
        Folder of the study.
    out
        Folder to write, new or empty.
    with_free_text
        Also publish answers in participants' own words (debriefing, comments) from columns that
        [share] names.
    times
        shift: move dates; drop: leave dates and times out.
    pilot
        Publish the pilot data instead.
    allow
        A text that looks private and is harmless, exactly as the message shows it.
    allow_problems
        Publish the data even if twoalike validate finds problems in them.

    Examples
    --------
        twoalike share my-study --out my-study-public
        twoalike share my-study --out public --times drop --allow lab@example.org
    """
    from twoalike.exchange import share as write_copy
    from twoalike.study import counted

    shared = write_copy(
        study,
        out,
        with_free_text=with_free_text,
        times=times,
        pilot=pilot,
        allow=allow or (),
        allow_problems=allow_problems,
    )
    runs, people = counted(shared.n_runs, "run"), counted(shared.n_people, "participant")
    show_notes(shared.notes)
    show_notes([f"{out}: {runs} of {people}"])
    show_notes(f"left out: {what}" for what in shared.left_out)
    show_notes(f"warning: {what}" for what in shared.warnings)
