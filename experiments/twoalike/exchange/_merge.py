"""Merging studies of one protocol that were run on several computers.

Each computer collects into its own copy of the study. The collected data are written to a new
study; the copies are not changed. A participant may have sessions on several computers.
"""

import re
import shutil
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoalike.exchange._dataset import (
    check_new_folder,
    dump_json,
    join_table,
    load_json,
    split_table,
    utf8,
    write_files,
)
from twoalike.record import (
    check_bids,
    check_codes_apart,
    check_dataset,
    describe_groups,
    erased_marks,
    missing_groups,
    remember_erased,
)
from twoalike.registry import find_task, task_names
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    MISSING,
    Study,
    TwoalikeError,
    atomic_directory,
    counted,
    flattened,
    read_text,
    readable_by,
    sha256_file,
    shortened,
)

type Holders = Mapping[str, bytes]
"""Content of one file by the name of the study that holds it."""

_RUN = re.compile(
    r"(?P<root>data/\w+)/.*sub-(?P<participant>[^_/]+)_ses-(?P<session>\d+)_task-(?P<task>[^_/]+)"
    r"_run-(?P<run>\d+)_[^/]+"
)


def join_files(files: Mapping[str, Holders]) -> dict[str, bytes]:
    """Join files of several studies: content by study, by path in the study.

    Tables of participants are joined row by row, their sidecars key by key. Every other file must
    be the same in all studies that have it, and so must all files of a run.
    """
    joined = {}
    runs: dict[str, dict[str, dict[str, bytes]]] = defaultdict(lambda: defaultdict(dict))
    for path, holders in files.items():
        first = next(iter(holders.values()))
        differ = any(content != first for content in holders.values())
        join = next((join for pattern, join in _JOINS if re.fullmatch(pattern, path)), None)
        joined[path] = join(path, holders) if join and differ else first
        what = path
        if match := _RUN.fullmatch(path):
            what = f"participant {match['participant']}, session {int(match['session'])}, task "
            what += f"{match['task']}, run {int(match['run'])} in {match['root']}"
        for study, content in holders.items() if join is None else ():
            runs[what][study][path] = content
    if collisions := [
        f"{what} ({' and '.join(held)})"
        for what, held in runs.items()
        if any(content != next(iter(held.values())) for content in held.values())
    ]:
        raise TwoalikeError(
            f"different content of the same name: {'; '.join(collisions)}. Keep one of each: take "
            "the other out of a copy of its study, then merge again."
        )
    return joined


def _join_tables(path: str, holders: Holders) -> bytes:
    """Join tables with one row per participant: all participants and all columns.

    A participant may be in several; values missing from one (``n/a``) are taken from another.
    """
    # Each cell, and the study it is from.
    rows: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    columns: dict[str, None] = {}
    for study, content in holders.items():
        where = f"{study}/{path}"
        # A table written by hand may end without a line end.
        text = utf8(content, where, "utf-8-sig").rstrip("\r\n") + "\n"
        header, cells = split_table(text, where, ["participant_id"])
        columns |= dict.fromkeys(header)
        for row in cells:
            who = row[header.index("participant_id")]
            for column, cell in zip(header, row, strict=True):
                before, whose = rows[who].get(column, (MISSING, study))
                if MISSING not in (before, cell) and before != cell:
                    raise TwoalikeError(
                        f"{path}: {column} of {who} is {before} in {whose} and {cell} in {study}. "
                        "Correct one of them, or give one person another code."
                    )
                rows[who][column] = (before, whose) if cell == MISSING else (cell, study)
    lines = [[row.get(name, (MISSING,))[0] for name in columns] for row in rows.values()]
    return join_table([list(columns), *lines]).encode()


def _join_entries(path: str, holders: Holders) -> bytes:
    entries: dict[str, Any] = {}
    for study, content in holders.items():
        for key, entry in load_json(content, f"{study}/{path}").items():
            if entries.setdefault(key, entry) != entry:
                raise TwoalikeError(
                    f"{path}: {key!r} is described differently in {' and '.join(holders)}. If it "
                    "is the same column, describe it alike; else rename one of them."
                )
    return dump_json(entries).encode()


def _join_descriptions(path: str, holders: Holders) -> bytes:
    """Take the first data set's description, with every program that made one of them."""
    descriptions = [load_json(content, f"{study}/{path}") for study, content in holders.items()]
    made: list[Any] = []
    for description in descriptions:
        tools = description.get("GeneratedBy")
        made += [tool for tool in (tools if isinstance(tools, list) else []) if tool not in made]
    return dump_json({**descriptions[0], "GeneratedBy": made}).encode()


_JOINS: Sequence[tuple[str, Callable[[str, Holders], bytes]]] = (
    (r"data/\w+/(participants|phenotype/\w+)\.tsv", _join_tables),
    (r"data/\w+/(participants|phenotype/\w+)\.json", _join_entries),
    (r"data/\w+/dataset_description\.json", _join_descriptions),
    (r"data/\w+/README(\.\w+)?", lambda _, holders: next(iter(holders.values()))),
)
_MAY_DIFFER = {"title", "authors", "license", "seed", "data", "share"}
"""Settings in which studies of one protocol may differ; seeds are compared without naming them."""
_COLLECTED = ("design", "data/raw", "data/pilot")


@dataclass(frozen=True)
class Merged:
    """What a merged study holds."""

    n_participants: int
    n_runs: int
    n_trials: int
    """``n_participants``, ``n_runs``, ``n_trials``: In the raw data; pilot data are not counted."""
    left_out: tuple[Path, ...]
    """Files and folders that were not merged, such as computed ones."""
    groups: tuple[str, ...]
    """How many people each group of the study has, in words."""


def merge_studies(folders: Sequence[str | Path], out: str | Path) -> Merged:
    """Merge studies of one protocol into a new study.

    Participants, answers, sessions, logs, pilot data and trial lists come from all studies;
    settings, protocols and stimuli, which must be the same, from the first. Files that two studies
    share are taken once. The merged data are checked as ``twoalike validate`` does; if the studies
    differ, or a check fails, nothing is written.

    Parameters
    ----------
    folders
        Folders of the studies, two or more; they are not changed.
    out
        Folder of the new study, new or empty.
    """
    roots, out = [Path(folder) for folder in folders], Path(out)
    if len({root.resolve() for root in roots}) < max(2, len(roots)):
        raise TwoalikeError("merge: expected two studies or more, each named once.")
    first, *rest = studies = [Study.load(root) for root in roots]
    check_new_folder(out, *roots)
    for other in rest:
        if differ := [*_settings(first, other), *_stimuli(first, other)]:
            raise TwoalikeError(
                f"{first.root} and {other.root} are not studies of the same protocol: "
                f"{'; '.join(differ)}. Make them alike, in a copy of one of them, then merge again."
            )
    check_codes_apart(studies)
    files: dict[str, dict[str, bytes]] = defaultdict(dict)
    for study in studies:
        for path in _collected(study):
            files[path.relative_to(study.root).as_posix()][str(study.root)] = path.read_bytes()
    joined = join_files(dict(sorted(files.items())))
    # Empty folders as well, such as those of people who declined.
    people = [(one, root.glob("sub-*")) for one in studies for root in (one.raw, one.pilot)]
    of_people = [
        folder.relative_to(one.root).as_posix()
        for one, found in people
        for folder in found
        if folder.is_dir()
    ]
    with atomic_directory(out) as temporary:
        shutil.copyfile(first.root / "study.toml", temporary / "study.toml")
        for file in filter(Path.is_file, [*_protocol_files(first), *_known_files(first)]):
            path = _inside(temporary, file, first)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, path)
        shutil.copytree(first.stimuli, _inside(temporary, first.stimuli, first))
        with readable_by(first.config.data.access):
            write_files(temporary, joined, of_people)
        remember_erased(Study.load(temporary), (), erased_marks(*studies))
        merged = _checked(Study.load(temporary), studies)
    return merged


def _settings(first: Study, other: Study) -> Iterator[str]:
    whole = [one.config.model_dump(mode="json", exclude=_MAY_DIFFER) for one in (first, other)]
    pairs = [("study.toml", whole[0], whole[1])]
    for one, two in zip(_protocol_files(first), _protocol_files(other), strict=False):
        pairs.append((one.name, _toml(one), _toml(two)))
    for file, *both in pairs:
        before, after = (flattened(settings) for settings in both)
        for key in dict.fromkeys([*before, *after]):
            values = [repr(each[key]) if key in each else "not set" for each in (before, after)]
            if values[0] != values[1]:
                yield f"{file}: {key} is {' and '.join(shortened(value, 40) for value in values)}"
    for one, two in zip(_known_files(first), _known_files(other), strict=False):
        if len({file.is_file() and sha256_file(file) for file in (one, two)}) > 1:
            yield f"{one.name}: not the same file"
    if first.config.seed != other.config.seed:
        yield "study.toml: the seeds differ"


def _protocol_files(study: Study) -> list[Path]:
    names = [study.protocol_of(find_task(name).label) for name in task_names()]
    of_parts = [one.protocols for one in study.config.conditions]
    own = [*study.config.groups.protocols.values(), *of_parts]
    return names + [study.root / file for files in own for file in files.values()]


def _known_files(study: Study) -> list[Path]:
    known = study.known
    return [*filter(None, [known.get("features")]), *known.get("sources", [])]


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise TwoalikeError(f"{path}: not valid TOML ({error}). Correct it first.") from error


def _stimuli(first: Study, other: Study) -> Iterator[str]:
    sets = [StimulusSet.load(study.stimuli, verify=False) for study in (first, other)]
    one, two = (stimuli.table.set_index("id") for stimuli in sets)
    for found, lacking, study in ((one, two, other), (two, one, first)):
        if missing := [name for name in found.index if name not in lacking.index]:
            yield f"stimuli: {_some(missing)} not in {study.root}"
    both = [name for name in one.index if name in two.index]
    before, after = (dict(zip(table.index, table["sha256"], strict=True)) for table in (one, two))
    if changed := [name for name in both if before[name] != after[name]]:
        yield f"stimuli: other images of {_some(changed)}"
    levels = [list(stimuli.levels) for stimuli in sets]
    if levels[0] != levels[1] or not one.loc[both, levels[0]].equals(two.loc[both, levels[0]]):
        yield "stimuli: other categories"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]!r}{more}"


def _collected(study: Study) -> list[Path]:
    paths = (path for name in _COLLECTED for path in sorted((study.root / name).rglob("*")))
    return [
        path
        for path in paths
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]


def _inside(into: Path, path: Path, study: Study) -> Path:
    place = (into / path.relative_to(study.root)).resolve()
    if not place.is_relative_to(into.resolve()):
        raise TwoalikeError(
            f"{path}: lies outside the study {study.root}. Move it into the study, and name its "
            "new place in study.toml."
        )
    return place


def _checked(merged: Study, sources: Sequence[Study]) -> Merged:
    stimuli = StimulusSet.load(merged.stimuli)
    hashes = {one: digest for one in stimuli.ids if (digest := stimuli.digest(one)) is not None}
    roots = [root for root in (merged.raw, merged.pilot) if root.is_dir()]
    if not roots:
        raise TwoalikeError("merge: none of the studies has data yet. Copy one of them instead.")
    found = {root: check_dataset(root, hashes, study=merged) for root in roots}
    for root, checked in found.items():
        problems = [*checked.problems, *missing_groups(merged, root), *check_bids(root)]
        if problems:
            first = str(problems[0]).replace(f"{merged.root}/", "")
            raise TwoalikeError(
                f"{first.replace(str(merged.root), 'the study')}. The merged data have "
                f"{counted(len(problems), 'problem')}, and nothing was written: correct them in "
                "the studies, as twoalike validate lists them there."
            )
    raw = found.get(merged.raw)
    people = [path for path in merged.raw.glob("sub-*") if path.is_dir()]
    n_runs, n_trials = (len(raw.runs), raw.n_trials) if raw else (0, 0)
    groups = tuple(describe_groups(merged, merged.raw))
    return Merged(len(people), n_runs, n_trials, tuple(_left_out(sources)), groups)


def _left_out(studies: Sequence[Study]) -> Iterator[Path]:
    for study in studies:
        parts = [study.root / "study.toml", study.stimuli, *_protocol_files(study)]
        parts += _known_files(study)
        parts += [study.root / name for name in _COLLECTED]
        kept = {path.relative_to(study.root).parts[0] for path in parts}
        for path in sorted(study.root.iterdir()):
            if path.name not in kept and path.name != ".locks":
                yield path
        taken = set(_collected(study))
        for name in _COLLECTED:
            inside = sorted((study.root / name).rglob("*"))
            yield from (path for path in inside if not path.is_dir() and path not in taken)
