"""``twoalike validate``."""

from pathlib import Path


def validate(study: Path, /) -> None:
    """Check a study's protocols and raw data, pilot data included: BIDS, and our own rules.

    Our own: trials numbered from 1 with none twice, times that can be, three places and three
    objects, a response that agrees with the object and the place it names, trials as in the
    trial list; arrangements whole, and as their events say; images as in the manifest. Each
    problem names file, row (counted from 1) and column. Protocols: every key, and names of keys
    that the window knows.

    What looks private (addresses, paths, names of this computer and its user, birth dates) is
    shown as well, and is no problem of the data: mind it when you share them.

    Exit status: 0 all is well, 1 there are problems.

    Parameters
    ----------
    study
        Folder of the study.

    Examples
    --------
        twoalike validate my-study
    """
    from twoalike.exchange import check_private
    from twoalike.record import RunName, check_bids, check_run_files, find_runs, run_progress
    from twoalike.stimuli import StimulusSet
    from twoalike.study import Study, TwoalikeError, sha256_file
    from twoalike.tasks import PROTOCOLS, check_protocol

    opened = Study.load(study)
    faults = [fault for model in PROTOCOLS.values() if (fault := check_protocol(opened, model))]
    roots = [root for root in (opened.raw, opened.pilot) if find_runs(root)]
    if not roots:
        none = f"{opened.raw}: expected raw data, found none. Run a session with: twoalike run"
        raise TwoalikeError(faults[0] if faults else none)
    for fault in faults:
        print(fault)  # noqa: T201
    stimuli = StimulusSet.load(opened.stimuli, verify=False)
    images = {name: stimuli.path(name) for name in stimuli.ids}
    hashes = {name: sha256_file(path) for name, path in images.items() if path.is_file()}
    n_problems, n_runs, n_trials = len(faults), 0, 0
    for root in roots:
        runs = [(path, check_run_files(root, path, hashes)) for path in find_runs(root)]
        problems = [*check_bids(root), *(problem for _, found in runs for problem in found)]
        for problem in problems:
            print(problem)  # noqa: T201
        for remark in check_private(root):
            print(f"private? {remark}")  # noqa: T201
        n_problems += len(problems)
        n_runs += len(runs)
        names = [RunName.parse(path) for path, found in runs if not found]
        n_trials += sum(run_progress(root, name).n_done for name in names)
    if n_problems:
        raise TwoalikeError(f"{opened.root}: {n_problems} problem(s), see above.")
    print(f"{opened.root}: {n_runs} runs, {n_trials} trials, no problem found")  # noqa: T201
