"""Multi-arrangement sessions from Meadows (meadows-research.com).

A file, a JSON tree, holds one task of one person, all tasks of one person, or either for many
persons by alias. Tasks are a list or, in some files, a mapping by name.

The platform has kept positions in two ways, and its files do not say which. Early ones (2017)
are places on a page 2.5 wide and 1.25 high with the arena, of diameter 1, in its middle; a trial
has ``start`` and ``end``. Later (from 2021 at the latest) the arena's centre is the origin and
its *radius* is 1; a trial has a ``log``. So the positions decide: those of the first kind lie
around (1.25, .625), those of the second around (0, 0). In both, y points down: the platform's own
plots turn the later ones over, and the early ones count from the top of a page.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._sheet import short_names
from twoalike.judgments._tables import arrangements_table, check_new_table, write_imported
from twoalike.study import Booleans, Floats, TwoalikeError, parse_json, require_file

_MILLISECONDS = 1e11
"""Epoch times above this count milliseconds: in seconds it would be the year 5138."""
_RIM = 0.55
"""Distance from the arena's centre, in its diameters, up to which an item counts as placed: the
arena and a little more, since people put items on its rim."""
_ARRANGEMENT = "multiarrange"
_MATLAB = b"MATLAB 5.0 MAT-file"
_NAME = re.compile(r"Meadows_.+_v_v[^_]*_(?P<participant>[^_]+?)(_\d+)?_tree", re.IGNORECASE)


@dataclass(frozen=True)
class _Task:
    """One task of one person, who has an alias on the platform; ``kind`` in its words.

    ``name`` is that of the task in the experiment; empty where the file does not say.
    """

    participant: str
    name: str
    kind: str
    trials: list[Any]
    stimuli: Any
    path: Path

    def __str__(self) -> str:
        task = f", task {self.name}" if self.name else ""
        return f"{self.path}: participant {self.participant}{task}"


def _read_tree(path: Path) -> list[_Task]:
    require_file(path, "a Meadows tree (JSON)")
    with path.open("rb") as file:
        if file.read(len(_MATLAB)) == _MATLAB:
            raise TwoalikeError(
                f"{path}: expected a Meadows tree (JSON), found a MATLAB file: Meadows' export of "
                "dissimilarities (RDM), which no longer has the arrangements. Download the task "
                "in the tree structure (JSON); twoalike evaluate reads the RDM itself (`rdm=...`)."
            )
    text = path.read_bytes().removeprefix(BOM_UTF8)
    content = parse_json(text, path, "Download the tree structure from Meadows again.")
    tasks = list(_tasks(content, path))
    if not tasks:
        raise TwoalikeError(
            f"{path}: expected a Meadows tree (tasks with trials), found other JSON. Download "
            "the data from Meadows in the tree structure."
        )
    for who in (task.participant for task in tasks if "@" in task.participant):
        raise TwoalikeError(
            f"{path}: participant {who} looks like an e-mail address. Replace it by a code, and "
            "keep the list of who is who outside the study."
        )
    return tasks


def _tasks(content: Any, path: Path, alias: str = "") -> Iterator[_Task]:
    """Tasks in a tree: of one person, or by the alias of each; listed, or by name."""
    named = content if isinstance(content, Mapping) else {}
    if isinstance(named.get("trials"), list):
        about = named["task"] if isinstance(named.get("task"), Mapping) else {}
        name, kind = str(about.get("name") or ""), str(about.get("task_type") or "of unknown type")
        yield _Task(alias or _alias(path), name, kind, named["trials"], named.get("stimuli"), path)
    elif isinstance(tasks := named.get("tasks", content), list) or tasks is not content:
        for task in tasks.values() if isinstance(tasks, Mapping) else tasks:
            yield from _tasks(task, path, alias or _alias(path))
    elif not alias:
        for who, part in named.items():
            yield from _tasks(part, path, str(who))


def _alias(path: Path) -> str:
    """Alias in a file name such as ``Meadows_myExp_v_v1_cuddly-bunny_3_tree.json``."""
    match = _NAME.fullmatch(path.stem)
    return match["participant"] if match else path.stem


@dataclass(frozen=True)
class _Page:
    """A way to keep positions: where the arena's centre is, and its diameter."""

    centre: tuple[float, float]
    diameter: float

    def places(self, kept: Floats) -> Floats:
        """Positions in arena diameters, centre 0, y up, shape (n, 2)."""
        return np.asarray((kept - self.centre) / self.diameter * [1.0, -1.0])

    def inside(self, kept: Floats) -> Booleans:
        return np.asarray(np.hypot(*self.places(kept).T) <= _RIM, dtype=np.bool_)


_EARLY, _LATE = _Page((1.25, 0.625), 1.0), _Page((0.0, 0.0), 2.0)


def import_meadows(
    files: Sequence[str | Path], *, out: str | Path | None = None, overwrite: bool = False
) -> pd.DataFrame:
    """Read multi-arrangement sessions from Meadows' JSON trees.

    Reads old and new trees, with one or several participants and tasks. The participant is the
    person's alias on the platform (cuddly-bunny), the session is the name of the task. Objects are
    the stimuli's names without the ending of a media file, in the order of the first person's list,
    which is that of the platform's dissimilarities. Positions are converted to arena diameters,
    with the centre at 0 and y upward.

    Parameters
    ----------
    files
        Data in the tree structure, as downloaded.
    out
        Table of arrangements to write (.parquet).
    overwrite
        Replace the table if there is one.

    Returns
    -------
    Table of arrangements. ``attrs["left_out"]`` counts items outside the arena, and items then
    alone in their trial; ``attrs["n_other_tasks"]`` tasks of other types.

    References
    ----------
    https://docs.meadows-research.com/downloads/structures/tree
    """
    target = check_new_table(out, overwrite)
    parts: list[pd.DataFrame] = []
    objects: dict[str, None] = {}
    seen: dict[tuple[str, str], _Task] = {}
    n_other = 0
    paths = [Path(file) for file in files]
    for path in paths:
        tasks = _read_tree(path)
        arrangements = [task for task in tasks if task.kind == _ARRANGEMENT]
        n_other += len(tasks) - len(arrangements)
        if not arrangements:
            _refuse_other_tasks(path, tasks)
        for task in arrangements:
            if other := seen.get((task.participant, task.name)):
                raise TwoalikeError(f"{task} is already in {other.path}. Give it once.")
            seen[task.participant, task.name] = task
            names = _stimulus_names(task)
            objects |= dict.fromkeys(names.values())
            parts.append(_placements(task, names))
    rows = pd.concat(parts, ignore_index=True)
    inside = rows["inside"].to_numpy(np.bool_)
    group = rows.groupby(["participant", "session", "trial"], sort=False)["inside"]
    alone = inside & (group.transform("sum").to_numpy() < 2)
    kept = rows[inside & ~alone]
    columns: dict[str, Any] = {str(name): kept[name].to_numpy() for name in kept.columns}
    columns["session"] = [name or None for name in kept["session"]]
    where = ", ".join(map(str, paths[:3])) + (", ..." if len(paths) > 3 else "")
    table = arrangements_table(columns, list(objects), where)
    counts = {"outside the arena": int((~inside).sum()), "alone in its trial": int(alone.sum())}
    left_out = {reason: n for reason, n in counts.items() if n}
    table.attrs["n_other_tasks"] = n_other
    inputs = {f"tree_{number}": path for number, path in enumerate(paths, start=1)}
    write_imported(target, table, "arrangements", inputs, None, {"left_out": left_out})
    return table


def _refuse_other_tasks(path: Path, tasks: Sequence[_Task]) -> None:
    kinds = sorted({task.kind for task in tasks})
    advice = "Download the data of the multiple-arrangement task."
    if any("triplet" in kind for kind in kinds):
        advice = (
            "How it stores the choice of a triplet is not documented: download the annotations "
            "(CSV), and where their label names the chosen stimulus, take off the header and use "
            "twoalike import choices."
        )
    raise TwoalikeError(
        f"{path}: expected a task of type {_ARRANGEMENT}, found {', '.join(kinds)}. {advice}"
    )


def _stimulus_names(task: _Task) -> dict[str, str]:
    try:
        names = {str(entry["id"]): str(entry["name"]) for entry in task.stimuli or []}
    except (TypeError, KeyError) as error:
        raise TwoalikeError(f"{task}: expected stimuli with id and name ({error!r}).") from error
    if len(names) < 2:
        raise TwoalikeError(f"{task}: expected a list of stimuli, found {len(names)}.")
    short = short_names(list(names.values()))
    found = {key: short[name] for key, name in names.items()}
    if len(set(found.values())) == len(found):
        return found
    twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
    raise TwoalikeError(f"{task}: two stimuli are named {twice!r}. Rename one in the file.")


def _placements(task: _Task, names: Mapping[str, str]) -> pd.DataFrame:
    rows: list[tuple[int, str, float, float, float]] = []
    for number, trial in enumerate(task.trials, start=1):
        if trial in task.trials[: number - 1]:
            raise TwoalikeError(f"{task}: trial {number} is in the file twice. Take it out.")
        try:
            seconds = _duration(trial)
            for entry in trial["positions"]:
                item = names[str(entry["id"])]
                rows.append((number, item, float(entry["x"]), float(entry["y"]), seconds))
        except (TypeError, LookupError, ValueError, AttributeError, OverflowError) as error:
            reason = " ".join(str(error).split())
            raise TwoalikeError(
                f"{task}, trial {number}: expected positions with the id of a stimulus, x and y, "
                f"and times ({type(error).__name__}: {reason})."
            ) from error
    if not rows:
        raise TwoalikeError(f"{task}: expected trials with positions, found none.")
    table = pd.DataFrame(rows, columns=["trial", "item", "x", "y", "response_time"])
    kept = table[["x", "y"]].to_numpy(np.float64)
    page = _page(task, kept)
    places = page.places(kept) + 0.0  # no negative zeros
    return table.assign(
        participant=task.participant,
        session=task.name,
        x=places[:, 0],
        y=places[:, 1],
        inside=page.inside(kept),
    )


def _page(task: _Task, kept: Floats) -> _Page:
    early, late = (float(page.inside(kept).mean()) for page in (_EARLY, _LATE))
    if max(early, late) < 0.5:
        raise TwoalikeError(
            f"{task}: most positions lie outside the arena, in both ways Meadows is known to "
            "keep them (arena around 1.25, .625 with diameter 1; around 0, 0 with radius 1)."
        )
    if early == late:
        has_log = any("log" in trial for trial in task.trials)
        return _LATE if has_log else _EARLY
    return _EARLY if early > late else _LATE


def _duration(trial: Mapping[str, Any]) -> float:
    start, end = trial.get("start"), trial.get("end")
    log = trial.get("log")
    if start is None and log:
        start, end = log[0][0], log[-1][0]
    if start is None or end is None:
        return float("nan")
    seconds = _epoch_s(end) - _epoch_s(start)
    if seconds < 0:
        raise ValueError(f"ends {-seconds:g} s before it starts")
    return seconds


def _epoch_s(time: Any) -> float:
    if isinstance(time, str):
        return datetime.fromisoformat(time).timestamp()
    return float(time) / 1000 if float(time) > _MILLISECONDS else float(time)
