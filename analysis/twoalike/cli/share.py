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

    The copy has the columns that twoalike itself writes. Each further one (age, answers to a
    form, columns of your own) is published only if columns below [share] in study.toml names it,
    such as "participants.age" or "form.hand"; columns that are left out are listed.

    Participants get new, random codes. Their dates are moved back by a whole number of days, to
    before 1925, each person's by another; the time of day and the days between visits stay.
    Ages above 89 become 89. Seeds, hashes of files that hold codes, torn rows and words in logs
    are left out, and so is every file that is not part of the raw data. E-mail addresses,
    telephone numbers, IBAN, addresses on the internet, long numbers, paths, names of this computer
    and its user, and full dates are searched for in every column and text; if one is found,
    nothing is written. Values shared by fewer than 5 people are named in a warning. The copy passes
    the BIDS validator.

    There is no --seed, on purpose: which new code belongs to which old one is random and is
    kept nowhere, so that nobody can find it out by trying. The copy cannot be made a second time;
    publish the one you checked. Whoever has the study's seed (study.toml) can still compute for
    which old code a trial list was made: do not publish it beside the copy. Small seeds can be
    found by trying; a warning names them. Read the copy before you publish it: a name in a text
    passes every search.

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
        A text that looks private and is harmless, such as the lab's address in a consent text,
        exactly as the message shows it.
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
