"""``twoalike validate``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twoalike.record import Checked, RawProblem
    from twoalike.stimuli import StimulusSet
    from twoalike.study import Study

_MOST = 10
"""Problems of a file that are listed."""


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
    from twoalike.cli._checks import show_notes
    from twoalike.design import refused_tasks
    from twoalike.record import exposed_data, find_runs, missing_files
    from twoalike.registry import find_task, task_names
    from twoalike.stimuli import StimulusSet
    from twoalike.study import Study, TwoalikeError, counted, find_leftovers, sha256_file

    opened = Study.load(study)
    for leftover in find_leftovers(opened.root):
        print(f"unfinished: {leftover}")  # noqa: T201
    stimuli = StimulusSet.load(opened.stimuli, verify=False)
    faults, remarks = _settings_faults(opened, stimuli)
    for remark in [*remarks, *exposed_data(opened)]:
        print(f"note: {remark}")  # noqa: T201
    roots = [root for root in (opened.raw, opened.pilot) if find_runs(root) or missing_files(root)]
    to_come = [
        task
        for task in task_names()
        if not any(find_runs(root, find_task(task).label) for root in roots)
    ]
    refused = [] if faults else refused_tasks(opened, stimuli, to_come)
    show_notes(refused)
    none = "no other problem" if refused else "no problem"
    if not roots and not faults:
        print(f"{opened.root}: {none} found, no data yet; collect some with: twoalike run")  # noqa: T201
        return
    if not roots and len(faults) == 1:
        raise TwoalikeError(faults[0])
    show_notes(faults)
    images = {name: stimuli.path(name) for name in stimuli.ids}
    hashes = {name: sha256_file(path) for name, path in images.items() if path.is_file()}
    n_problems, counts = len(faults), []
    for root in roots:
        checked = _check_data(root, hashes, pilot=root == opened.pilot)
        n_problems += len(checked.problems)
        kind = "pilot run" if root == opened.pilot else "run"
        counts.append(f"{counted(len(checked.runs), kind)}, {counted(checked.n_trials, 'trial')}")
    if n_problems:
        raise TwoalikeError(f"{opened.root}: {counted(n_problems, 'problem')}, see above.")
    print(f"{opened.root}: {'; '.join(counts)}, {none} found")  # noqa: T201


def _settings_faults(study: "Study", stimuli: "StimulusSet") -> tuple[list[str], list[str]]:
    """Problems of protocols, settings, trial lists and images, and remarks on them."""
    from twoalike.design import check_categories
    from twoalike.tasks import check_lists, check_protocol, protocols, reading_faults

    checked = [_image_faults(study.stimuli), reading_faults(study)]
    faults = [fault for model in protocols().values() if (fault := check_protocol(study, model))]
    faults += [*check_categories(study, stimuli), *check_lists(study)]
    faults += [fault for found, _ in checked for fault in found]
    return faults, [remark for _, found in checked for remark in found]


def _image_faults(folder: Path) -> tuple[list[str], list[str]]:
    """Images that are not those of the manifest, and names that some system cannot hold."""
    from twoalike.stimuli import StimulusSet, portability_faults
    from twoalike.study import TwoalikeError

    try:
        stimuli = StimulusSet.load(folder)
    except TwoalikeError as error:
        return [str(error)], []
    names = portability_faults(stimuli.table["file"])
    return [], [f"not every system can hold the stimuli: {fault}" for fault in names]


def _check_data(root: Path, hashes: Mapping[str, str], *, pilot: bool) -> "Checked":
    """Check one data set, print what was found, and return it with the BIDS problems added."""
    from twoalike.cli._checks import show_notes
    from twoalike.exchange import check_private
    from twoalike.record import check_bids, check_dataset, unreadable_texts

    checked = check_dataset(root, hashes, pilot=pilot)
    # The BIDS validator stops at such a file, and the search for private data cannot read it.
    unreadable = unreadable_texts(root)
    others = unreadable or check_bids(root)
    checked = replace(checked, problems=tuple(dict.fromkeys([*checked.problems, *others])))
    show_notes(_first_of_each_file(checked.problems))
    show_notes(f"note: {remark}" for remark in checked.remarks)
    for private in [] if unreadable else check_private(root):
        print(f"private? {private}")  # noqa: T201
    return checked


def _first_of_each_file(problems: Sequence["RawProblem"]) -> Iterator[str]:
    """List problems, of each file the first ones only: the rest mostly follows from them."""
    by_file: dict[Path, list[RawProblem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    for file, found in by_file.items():
        yield from (str(problem) for problem in found[:_MOST])
        if len(found) > _MOST:
            yield f"{file}: and {len(found) - _MOST} more"
