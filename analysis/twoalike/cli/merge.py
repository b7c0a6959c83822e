"""``twoalike merge``."""

from pathlib import Path

from twoalike.cli._show import show_notes


def merge(studies: list[Path], /, *, out: Path) -> None:
    """Merge copies of one study, run on several computers, into a new study.

    Participants, answers, sessions, logs, pilot data and trial lists are collected from all copies.
    Settings, protocols and stimuli must be the same in all. A participant may have had session 1 on
    one computer and session 2 on another. Data that are the same in two copies are taken once.
    Computed files (derived, figures) are left out: compute them again from the merged data.

    Nothing is written if the copies differ in settings, protocols or images, if two of them contain
    different data of the same session, or if codes of participants differ in leading zeros only;
    the message lists every conflict. The merged data pass the checks of twoalike validate. The
    copies are not changed.

    Parameters
    ----------
    studies
        Folders of the studies, two or more.
    out
        Folder of the new study, new or empty.

    Examples
    --------
        twoalike merge lab-1/my-study lab-2/my-study --out my-study
    """
    from twoalike.exchange import merge_studies
    from twoalike.study import Study, counted
    from twoalike.tasks import check_lists

    merged = merge_studies(studies, out)
    runs, trials = counted(merged.n_runs, "run"), counted(merged.n_trials, "trial")
    show_notes([f"{out}: {runs} of {counted(merged.n_participants, 'participant')}, {trials}"])
    show_notes(merged.groups)
    show_notes(f"left out: {path}" for path in merged.left_out)
    show_notes(f"note: {fault}" for fault in check_lists(Study.load(out)))
