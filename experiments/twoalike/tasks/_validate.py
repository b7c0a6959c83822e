"""All checks of a study: settings, protocols, texts, trial lists, images, raw data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from twoalike.design import check_categories, refused_tasks
from twoalike.exchange import check_private
from twoalike.record import (
    RawProblem,
    begun_runs,
    check_bids,
    check_dataset,
    exposed_data,
    find_runs,
    missing_files,
    missing_groups,
    unreadable_texts,
)
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet, portability_faults
from twoalike.study import (
    MISSING,
    Study,
    TwoalikeError,
    counted,
    find_leftovers,
    how_to_install,
    load_profile,
    progress,
)
from twoalike.tables import STIMULI
from twoalike.tasks._listening import sound_fault
from twoalike.tasks._prepare import Prepared, Sitting, check_lists
from twoalike.tasks._presentation import frames_line, given_masks
from twoalike.tasks._protocol import translation_note
from twoalike.tasks._protocol_file import (
    SCREENS,
    SMALLEST_SCREEN,
    check_contrast,
    check_parts,
    check_protocol,
    check_texts,
    each_protocol,
    each_variant,
    protocol_place,
    protocols,
    study_tasks,
)
from twoalike.tasks._several import check_together, prepare_parts
from twoalike.tasks.screens import View

_LETTERING = ("matplotlib", "bidi", "arabic_reshaper")
"""Packages that measuring text needs; all come with the extra for experiments."""
_MOST = 10
"""Problems of a file that are listed."""


@dataclass(frozen=True)
class DataCheck:
    """What the checks of one data set found."""

    root: Path
    """The data set."""
    problems: tuple[RawProblem, ...]
    """What is wrong with it."""
    remarks: tuple[str, ...]
    """What cannot be checked or may be intended, one line each."""
    private: tuple[RawProblem, ...]
    """What looks private; no problem of the data, but to be checked before they are shared."""
    n_runs: int
    n_trials: int
    """``n_runs``, ``n_trials``: Runs, and trials of the runs without a problem."""


@dataclass(frozen=True)
class StudyCheck:
    """What the checks of a study found; printing it lists everything."""

    study: Study
    """The study."""
    unfinished: tuple[str, ...]
    """Files that killed processes left, one line each."""
    faults: tuple[str, ...]
    """Problems of settings, protocols, texts, images and trial lists, one line each."""
    remarks: tuple[str, ...]
    """What may be intended, one line each."""
    refused: tuple[str, ...]
    """Tasks without data whose first session cannot be designed, and why."""
    data: tuple[DataCheck, ...]
    """Checks of the raw data and of the pilot data, where there are any."""

    @property
    def n_problems(self) -> int:
        """Number of problems, of settings and of data."""
        return len(self.faults) + sum(len(one.problems) for one in self.data)

    @property
    def summary(self) -> str:
        """One line: how many runs and trials there are, and how many problems."""
        if self.n_problems:
            return f"{self.study.root}: {counted(self.n_problems, 'problem')}"
        none = f"{'no other problem' if self.refused else 'no problem'} found"
        if not self.data:
            return f"{self.study.root}: {none}, no data yet; collect some with: twoalike run"
        counts = (
            f"{counted(one.n_runs, 'pilot run' if one.root == self.study.pilot else 'run')}, "
            f"{counted(one.n_trials, 'trial')}"
            for one in self.data
        )
        return f"{self.study.root}: {'; '.join(counts)}, {none}"

    def lines(self) -> Iterator[str]:
        """Everything that was found, one line each; of each file the first ten problems."""
        yield from (f"unfinished: {one}" for one in self.unfinished)
        yield from (f"note: {one}" for one in self.remarks)
        yield from self.refused
        yield from self.faults
        for one in self.data:
            yield from _first_of_each_file(one.problems)
            yield from (f"note: {remark}" for remark in one.remarks)
            yield from (f"private? {found}" for found in one.private)

    def __str__(self) -> str:
        return "\n".join([*self.lines(), self.summary])


def validate_study(study: Study | str | Path) -> StudyCheck:
    """Check a study's settings, protocols, lists, images and raw data, as ``twoalike validate``.

    Parameters
    ----------
    study
        The study, or its folder.
    """
    opened = study if isinstance(study, Study) else Study.load(study)
    stimuli = StimulusSet.load(opened.stimuli, verify=False)
    faults, remarks = _check_settings(opened, stimuli)
    roots = [root for root in (opened.raw, opened.pilot) if begun_runs(root) or missing_files(root)]
    to_come = [
        task
        for task in study_tasks(opened)
        if not any(find_runs(root, find_task(task).label) for root in roots)
    ]
    refused = [] if faults else refused_tasks(opened, stimuli, to_come)
    if not faults and _can_measure_texts():
        faults, common = _check_screens(opened)
        remarks = [*remarks, *common]
    digests = {name: stimuli.digest(name) for name in stimuli.ids}
    hashes = {name: digest for name, digest in digests.items() if digest is not None}
    return StudyCheck(
        study=opened,
        unfinished=tuple(find_leftovers(opened.root)),
        faults=tuple(faults),
        remarks=(*remarks, *exposed_data(opened)),
        refused=tuple(refused),
        data=tuple(_check_data(opened, root, hashes) for root in roots),
    )


def _check_settings(study: Study, stimuli: StimulusSet) -> tuple[list[str], list[str]]:
    wrong, remarks = _check_protocols(study, stimuli)
    faults = check_parts(study)
    if not faults:
        found = (check_protocol(s, m) for s in each_variant(study) for m in protocols().values())
        faults = [*filter(None, dict.fromkeys(found))]
    if not faults:
        faults, differing = check_together(study)
        remarks = [*remarks, *differing]
    faults += [*check_categories(study, stimuli), *check_lists(study)]
    spoken = sorted({protocol.language for _, _, protocol in each_protocol(study)})
    remarks = [*remarks, *filter(None, map(translation_note, spoken))]
    try:
        files = StimulusSet.load(study.stimuli).table["file"]
        stimuli.check_letters()
        names = portability_faults(file for file in files if file != MISSING)
        moved = [f"not every system can hold the stimuli: {name}" for name in names]
    except TwoalikeError as error:  # a stimulus that is not that of the list, or cannot be drawn
        faults, moved = [*faults, str(error)], []
    return [*faults, *wrong], [*moved, *remarks]


def _can_measure_texts() -> bool:
    """Whether this computer has what measuring texts needs; a modeller's may not."""
    return all(find_spec(name) is not None for name in _LETTERING)


def _check_protocols(study: Study, stimuli: StimulusSet) -> tuple[list[str], list[str]]:
    """Check what people read and hear, and timed presentation; problems and remarks, one line each.

    Texts have to fit this computer's screen if it was measured, otherwise the smallest one, which
    is a remark if this computer's is larger.
    """
    problems: list[str] = []
    remarks: list[str] = []
    profile, measurable = load_profile(), _can_measure_texts()
    if not measurable:
        remarks.append(f"{study.root}: texts were not measured. {how_to_install('experiments')}")
    seen: set[tuple[str, str]] = set()
    for name, own, protocol in each_protocol(study):
        task = find_task(name)
        wrong, noted = check_contrast(protocol), list[str]()
        if measurable:
            small = here = check_texts(protocol, View(SMALLEST_SCREEN))
            if profile.measured:
                here = check_texts(protocol, View(profile.size_px, profile))
            keys = {line.partition(":")[0] for line in here}
            wrong += here
            noted += [line for line in small if line.partition(":")[0] not in keys]
        if stimuli.of_kind("sound") and study.protocol_of(task.label).exists():
            wrong.append(sound_fault(protocol))
        try:
            noted += [frames_line(protocol, profile), protocol.marks_line]
            n = getattr(task.lists.settings(own), "n_items", 0) if task.lists else 0
            given_masks(own, protocol, frozenset(stimuli.ids), n or len(STIMULI))
        except TwoalikeError as error:
            wrong.append(str(error))
        where = protocol_place(own, task.label)
        for lines, new in ((problems, wrong), (remarks, noted)):
            lines += [f"{where}: {line}" for line in new if line and (name, line) not in seen]
        seen.update((name, line) for line in (*wrong, *noted))
    return problems, remarks


def _check_screens(study: Study) -> tuple[list[str], list[str]]:
    """Try the first session of each task on this computer's screen, if known, and on common ones.

    Gives problems here, and remarks on common screens. A session that cannot be prepared is passed
    over: its lists are made later, or it is refused.
    """
    profile, problems, remarks = load_profile(), dict[str, str](), dict[str, str]()
    for own in (one for one in each_variant(study) if not one.condition):
        first = Sitting(study=replace(own, object_set=1), participant="001", session=1, pilot=True)
        for task in study_tasks(own):
            try:
                parts = prepare_parts(first, task)
            except TwoalikeError:
                continue
            for one in parts:
                where = protocol_place(one.sitting.study, one.plan.name.task)
                if any(profile.size_px) and (why := _misfit(one, View(profile.size_px, profile))):
                    problems[where] = f"{where}: {why}"
                found = {s: why for s in SCREENS if (why := _misfit(one, View(s, profile)))}
                if found:
                    sizes = ", ".join(f"{width} x {height}" for width, height in found)
                    why = next(iter(found.values()))
                    remarks[where] = f"{where}: does not fit screens of {sizes} px: {why}"
    return [*problems.values()], [*remarks.values()]


def _misfit(prepared: Prepared, view: View) -> str:
    try:
        prepared.image_size(view)
    except TwoalikeError as error:
        return str(error)
    return next(iter(check_texts(prepared.protocol, view)), "")


def _check_data(study: Study, root: Path, hashes: Mapping[str, str]) -> DataCheck:
    checked = check_dataset(root, hashes, pilot=root == study.pilot, study=study)
    # The BIDS validator stops at such a file, and the search for private data cannot read it.
    unreadable = unreadable_texts(root)
    with progress() as bar:
        bar.add_task("check BIDS, look for private data", total=None, status="")
        by_bids = unreadable or check_bids(root)
        private = () if unreadable else tuple(check_private(root))
    return DataCheck(
        root=root,
        problems=tuple(dict.fromkeys([*checked.problems, *missing_groups(study, root), *by_bids])),
        remarks=checked.remarks,
        private=private,
        n_runs=len(checked.runs),
        n_trials=checked.n_trials,
    )


def _first_of_each_file(problems: Sequence[RawProblem]) -> Iterator[str]:
    """List problems, of each file the first ones only: the rest mostly follows from them."""
    by_file: dict[Path, list[RawProblem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    for file, found in by_file.items():
        yield from (str(problem) for problem in found[:_MOST])
        if len(found) > _MOST:
            yield f"{file}: and {len(found) - _MOST} more"
