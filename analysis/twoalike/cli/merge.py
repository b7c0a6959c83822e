"""``twoalike merge``."""

from typing import Any

from twoalike import exchange
from twoalike.cli._derived import takes
from twoalike.cli._show import show_notes
from twoalike.study import Study, counted


@takes(exchange.merge_studies)
def merge(**given: Any) -> None:
    """Merge copies of one study, run on several computers, into a new study.

    Participants, answers, sessions, logs, pilot data and trial lists are collected from all copies.
    Settings, protocols and stimuli must be the same in all. A participant may have had session 1 on
    one computer and session 2 on another. Data that are the same in two copies are taken once.
    Computed files (derived, figures) are left out: compute them again from the merged data.

    Nothing is written if the copies differ in settings, protocols or images, if two of them contain
    different data of the same session, or if codes of participants differ in leading zeros only;
    the message lists every conflict. The merged data pass the checks of twoalike validate. The
    copies are not changed.

    Examples
    --------
        twoalike merge lab-1/my-study lab-2/my-study --out my-study
    """
    from twoalike.tasks import check_lists

    merged, out = exchange.merge_studies(**given), given["out"]
    runs, trials = counted(merged.n_runs, "run"), counted(merged.n_trials, "trial")
    show_notes([f"{out}: {runs} of {counted(merged.n_participants, 'participant')}, {trials}"])
    show_notes(merged.groups)
    show_notes(f"left out: {path}" for path in merged.left_out)
    show_notes(f"note: {fault}" for fault in check_lists(Study.load(out)))
