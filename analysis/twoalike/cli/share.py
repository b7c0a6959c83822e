"""``twoalike share``."""

from typing import Annotated, Any

from cyclopts import Parameter

from twoalike import exchange
from twoalike.cli._derived import takes
from twoalike.cli._show import show_notes
from twoalike.study import counted


@takes(exchange.share)
def share(
    *, allow: Annotated[list[str] | None, Parameter(negative=())] = None, **given: Any
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

    Examples
    --------
        twoalike share my-study --out my-study-public
        twoalike share my-study --out public --times drop --allow lab@example.org
    """
    shared = exchange.share(allow=allow or (), **given)
    runs, people = counted(shared.n_runs, "run"), counted(shared.n_people, "participant")
    show_notes(shared.notes)
    show_notes([f"{given['out']}: {runs} of {people}"])
    show_notes(f"left out: {what}" for what in shared.left_out)
    show_notes(f"warning: {what}" for what in shared.warnings)
