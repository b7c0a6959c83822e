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

from twoalike.exchange._anonymous import table_cells
from twoalike.exchange._dataset import check_new_folder, dump_json, load_json
from twoalike.record import (
    RawProblem,
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
    be the same in all studies that have it.
    """
    collisions = [*_run_collisions(files)]
    joined = {}
    for path, holders in files.items():
        contents = list(holders.values())
        join = next((join for pattern, join in _JOINS if re.fullmatch(pattern, path)), None)
        if join is not None and any(content != contents[0] for content in contents):
            joined[path] = join(path, holders)
            continue
        if not _RUN.fullmatch(path) and any(content != contents[0] for content in contents):
            collisions.append(f"{path} ({_names(holders)})")
        joined[path] = contents[0]
    if collisions:
        raise TwoalikeError(
            f"different content of the same name: {'; '.join(collisions)}. Keep one of each: take "
            "the other out of a copy of its study, then merge again."
        )
    return joined


def _run_collisions(files: Mapping[str, Holders]) -> list[str]:
    """List the runs for which studies hold different files."""
    runs: dict[str, dict[str, dict[str, bytes]]] = defaultdict(lambda: defaultdict(dict))
    for path, holders in files.items():
        if match := _RUN.fullmatch(path):
            what = f"participant {match['participant']}, session {int(match['session'])}, task "
            what += f"{match['task']}, run {int(match['run'])} in {match['root']}"
            for study, content in holders.items():
                runs[what][study][path] = content
    return [
        f"{what} ({_names(held)})"
        for what, held in runs.items()
        if any(content != next(iter(held.values())) for content in held.values())
    ]


def _names(holders: Mapping[str, object]) -> str:
    return " and ".join(holders)


def _join_tables(path: str, holders: Holders) -> bytes:
    """Join tables with one row per participant: all participants and all columns.

    A participant may be in several; values missing from one (``n/a``) are taken from another.
    """
    # Each cell, and the study it is from.
    rows: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    columns: dict[str, None] = {}
    for study, content in holders.items():
        header, cells = table_cells(_text(path, study, content), f"{study}/{path}")
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
    lines = [list(columns)]
    lines += [[row.get(name, (MISSING,))[0] for name in columns] for row in rows.values()]
    return "".join("\t".join(line) + "\n" for line in lines).encode()


def _join_entries(path: str, holders: Holders) -> bytes:
    """Join sidecars: all keys; shared keys must have the same description."""
    entries: dict[str, Any] = {}
    for study, content in holders.items():
        for key, entry in load_json(content, f"{study}/{path}").items():
            if entries.setdefault(key, entry) != entry:
                raise TwoalikeError(
                    f"{path}: {key!r} is described differently in {_names(holders)}. If it is the "
                    "same column, describe it alike; else rename one of them."
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


def _first(_: str, holders: Holders) -> bytes:
    return next(iter(holders.values()))


_JOINS: Sequence[tuple[str, Callable[[str, Holders], bytes]]] = (
    (r"data/\w+/(participants|phenotype/\w+)\.tsv", _join_tables),
    (r"data/\w+/(participants|phenotype/\w+)\.json", _join_entries),
    (r"data/\w+/dataset_description\.json", _join_descriptions),
    (r"data/\w+/README(\.\w+)?", _first),
)


def _text(path: str, study: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"{study}/{path}"
        raise TwoalikeError(f"{place}: not UTF-8 text (byte {error.start}). Save it so.") from error
    return text.rstrip("\r\n") + "\n"  # a table written by hand may end without a line end


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
    studies = [Study.load(root) for root in roots]
    check_new_folder(out, *roots)
    for other in studies[1:]:
        _check_same_protocol(studies[0], other)
    check_codes_apart(studies)
    files = join_files(_contents(studies))
    with atomic_directory(out) as temporary:
        _copy_settings(studies[0], temporary)
        with readable_by(studies[0].config.data.access):
            _write(files, studies, temporary)
        remember_erased(Study.load(temporary), (), erased_marks(*studies))
        merged = _checked(Study.load(temporary), studies)
    return merged


def _check_same_protocol(first: Study, other: Study) -> None:
    """Check that two studies agree in everything that determines what is shown, and how."""
    differ = [*_settings(first, other), *_protocols(first, other), *_stimuli(first, other)]
    if differ:
        raise TwoalikeError(
            f"{first.root} and {other.root} are not studies of the same protocol: "
            f"{'; '.join(differ)}. Make them alike, in a copy of one of them, then merge again."
        )


def _settings(first: Study, other: Study) -> Iterator[str]:
    one, two = (
        study.config.model_dump(mode="json", exclude=_MAY_DIFFER) for study in (first, other)
    )
    yield from _differences("study.toml", one, two)
    if first.config.seed != other.config.seed:
        yield "study.toml: the seeds differ"


def _protocols(first: Study, other: Study) -> Iterator[str]:
    for one, two in zip(_protocol_files(first), _protocol_files(other), strict=False):
        yield from _differences(one.name, _toml(one), _toml(two))


def _protocol_files(study: Study) -> list[Path]:
    """Protocols of all tasks, then those of groups and conditions."""
    names = [study.protocol_of(find_task(name).label) for name in task_names()]
    of_parts = [one.protocols for one in study.config.conditions]
    own = [*study.config.groups.protocols.values(), *of_parts]
    return names + [study.root / file for files in own for file in files.values()]


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise TwoalikeError(f"{path}: not valid TOML ({error}). Correct it first.") from error


def _differences(file: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[str]:
    """Name each key that differs, with both values."""
    before, after = flattened(one), flattened(two)
    for key in dict.fromkeys([*before, *after]):
        values = [repr(each[key]) if key in each else "not set" for each in (before, after)]
        if values[0] != values[1]:
            yield f"{file}: {key} is {' and '.join(shortened(value, 40) for value in values)}"


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


def _contents(studies: Sequence[Study]) -> dict[str, dict[str, bytes]]:
    """Read the collected files: by path in the study, content by the study's folder."""
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    for study in studies:
        for path in _files(study):
            found[path.relative_to(study.root).as_posix()][str(study.root)] = path.read_bytes()
    return dict(sorted(found.items()))


def _files(study: Study) -> Iterator[Path]:
    for name in _COLLECTED:
        for path in sorted((study.root / name).rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                yield path


def _copy_settings(study: Study, into: Path) -> None:
    shutil.copyfile(study.root / "study.toml", into / "study.toml")
    for file in _protocol_files(study):
        if file.is_file():
            path = _inside(into, file, study)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, path)
    shutil.copytree(study.stimuli, _inside(into, study.stimuli, study))


def _inside(into: Path, path: Path, study: Study) -> Path:
    """Path of a part of a study in the merged study."""
    place = (into / path.relative_to(study.root)).resolve()
    if not place.is_relative_to(into.resolve()):
        raise TwoalikeError(
            f"{path}: lies outside the study {study.root}. Move it into the study, and name its "
            "new place in study.toml."
        )
    return place


def _write(files: Mapping[str, bytes], studies: Sequence[Study], into: Path) -> None:
    """Write the collected files, and empty folders, such as those of people who declined."""
    for name, content in files.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for study in studies:
        for root in (study.raw, study.pilot):
            for folder in root.glob("sub-*"):
                if folder.is_dir():
                    (into / folder.relative_to(study.root)).mkdir(parents=True, exist_ok=True)


def _checked(merged: Study, sources: Sequence[Study]) -> Merged:
    """Check the merged data as ``twoalike validate`` does, and count them."""
    stimuli = StimulusSet.load(merged.stimuli)
    hashes = {one: digest for one in stimuli.ids if (digest := stimuli.digest(one)) is not None}
    roots = [root for root in (merged.raw, merged.pilot) if root.is_dir()]
    if not roots:
        raise TwoalikeError("merge: none of the studies has data yet. Copy one of them instead.")
    found = {root: check_dataset(root, hashes, study=merged) for root in roots}
    for root, checked in found.items():
        problems = [*checked.problems, *missing_groups(merged, root), *check_bids(root)]
        if problems:
            raise TwoalikeError(_refusal(problems, merged.root))
    raw = found.get(merged.raw)
    people = [path for path in merged.raw.glob("sub-*") if path.is_dir()]
    n_runs, n_trials = (len(raw.runs), raw.n_trials) if raw else (0, 0)
    groups = tuple(describe_groups(merged, merged.raw))
    return Merged(len(people), n_runs, n_trials, tuple(_left_out(sources)), groups)


def _refusal(problems: Sequence[RawProblem], temporary: Path) -> str:
    first = str(problems[0]).replace(f"{temporary}/", "").replace(str(temporary), "the study")
    return (
        f"{first}. The merged data have {counted(len(problems), 'problem')}, and nothing was "
        "written: correct them in the studies, as twoalike validate lists them there."
    )


def _left_out(studies: Sequence[Study]) -> Iterator[Path]:
    """List the files that were not merged, folders as a whole."""
    for study in studies:
        parts = [study.root / "study.toml", study.stimuli, *_protocol_files(study)]
        parts += [study.root / name for name in _COLLECTED]
        kept = {path.relative_to(study.root).parts[0] for path in parts}
        for path in sorted(study.root.iterdir()):
            if path.name not in kept and path.name != ".locks":
                yield path
        taken = set(_files(study))
        for name in _COLLECTED:
            inside = sorted((study.root / name).rglob("*"))
            yield from (path for path in inside if not path.is_dir() and path not in taken)
