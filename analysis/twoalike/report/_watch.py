"""How a study that is being collected is getting on: a page that a browser loads again.

Nothing is fitted, and what is recorded is only read.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import pandas as pd

from twoalike.embedding import Posterior, similarity_width
from twoalike.judgments import is_scored
from twoalike.registry import find_task, task_names
from twoalike.report._blocks import Caution, Fact, Grid, Page, percent, render, say, section
from twoalike.report._inputs import Inputs, read_runs, read_stimuli, read_tables
from twoalike.report._observed import reliability_section, sample_section
from twoalike.report._plan import PLAN, read_plan
from twoalike.report._report import Report
from twoalike.report._sessions import people_cautions
from twoalike.rsa import observed
from twoalike.study import Study, TwoalikeError, atomic_path, check_output


def write_progress(
    study: Study | str | Path, out: str | Path | None = None, *, every: float = 30.0
) -> Report:
    """Write who came, what they judged and how reliably; the notes say the same in short.

    Parameters
    ----------
    study
        The study, or its folder; its raw data, and the store of its page, are read, never written.
    out
        Page to write (.html); ``derived/watch.html`` in the study if left out.
    every
        Seconds after which a browser loads the page again; 0: never.

    """
    study = study if isinstance(study, Study) else Study.load(study)
    path = study.derived / "watch.html" if out is None else Path(out)
    if path.suffix.lower() not in {".html", ".htm"} or study.raw in path.absolute().parents:
        raise TwoalikeError(f"{path}: a page is written as .html, outside of {study.raw}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    check_output(path)
    unread: list[str] = []
    runs = read_runs(study.raw, unread)
    tables = read_tables(study, runs, derived=False)
    inputs = Inputs(study, read_stimuli(study), runs, tables=tables)
    table, people = _came(inputs), {run.name.participant for run in inputs.runs}
    tasks = [task for task in map(find_task, task_names()) if task.section and inputs.runs]
    sections = [
        section("watch", *([Grid(say("watch.came"), table)] if inputs.runs else ())),
        sample_section(inputs),
        section("coverage", Grid(say("coverage.caption"), _coverage(inputs))),
        reliability_section(inputs),
        *(task.section(inputs) for task in tasks),
    ]
    total = {"participants": len(people)} | table.astype(int).sum().to_dict()
    findings = [*_findings(inputs), *_online(study)]
    cautions = [*(say("watch.unread", what=what) for what in unread)]
    page = Page(
        title=study.config.title,
        subtitle=say("watch.subtitle", now=_time(datetime.now().timestamp())),
        facts=[Fact(str(n), str(what)) for what, n in total.items()],
        findings=findings,
        cautions=[*map(Caution, (*cautions, *people_cautions(inputs)))],
        sections=[*filter(None, sections)],
        images=False,
        refresh=int(every),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(render(page), encoding="utf-8")
    return Report(path, (*(f"{n} {what}" for what, n in total.items()), *findings, *cautions))


def watched(study: Path) -> dict[Path, tuple[int, int]]:
    """Size and last change (ns) of the files that the page is made from."""
    of, files = Study.load(study), dict[Path, tuple[int, int]]()
    store = of.root.resolve().with_name(f"{of.root.resolve().name}-online")
    fixed = (of.root / "study.toml", of.root / PLAN, of.posterior)
    for path in (*fixed, *of.raw.rglob("*"), *store.glob("records.sqlite"), *store.glob("*-wal")):
        with suppress(OSError):
            files[path] = path.stat().st_size, path.stat().st_mtime_ns
    return files


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _came(inputs: Inputs) -> pd.DataFrame:
    """Count runs by task, session and group: how they ended, and how many are left out."""
    rows, rule = [], inputs.study.config.exclusion
    for run in inputs.runs:
        part = f"{find_task(run.name.task).name}, session {run.name.session}"
        part += f", {group}" if (group := run.manifest.get("group")) else ""
        rows.append((part, run.end, bool(run.excluded(rule))))
    frame = pd.DataFrame(rows, columns=["task", "end", "out"])
    table = pd.crosstab(frame["task"], frame["end"])
    table.insert(0, "started", table.sum(axis=1))
    table["left out"] = frame.groupby("task")["out"].sum()
    return table.astype(int).astype(str)


def _coverage(inputs: Inputs) -> pd.DataFrame:
    rows = {}
    for kind, table in inputs.tables.items():
        if not is_scored(table).any():
            continue  # practice, so far
        seen = observed(table, kind)
        ids = seen.ids if inputs.stimuli is None else inputs.stimuli.ids
        pairs, every = len(seen.pairs), len(ids) * (len(ids) - 1) // 2
        share = f"{pairs:,} of {every:,} ({percent(pairs / every)})"
        rows[kind] = (f"{is_scored(table).sum():,}", f"{len(seen.ids)} of {len(ids)}", share)
    names = ["answers", "objects judged", "pairs judged"]
    return pd.DataFrame.from_dict(rows, "index", columns=names).rename_axis("judgments")


def _findings(inputs: Inputs) -> Iterator[str]:
    """Say how far the plan is reached, and how precise the newest posterior is."""
    rule = inputs.study.config.exclusion
    kept = [run for run in inputs.runs if not run.excluded(rule)]
    if (plan := read_plan(inputs.study)) is not None:
        yield say("watch.planned", n=len({run.name.participant for run in kept}), plan=plan)
        done = {run.name.participant for run in kept if run.end == "completed"}
        for kind, table in inputs.tables.items():
            given = table[is_scored(table)].groupby("participant", observed=True).size()
            if len(own := given[given.index.isin(done)]):
                wanted = int(own.median() * plan.participants)
                yield say("watch.answers", kind=kind, given=int(given.sum()), wanted=wanted)
    if (path := inputs.study.posterior).is_file():
        width, at = similarity_width(Posterior.load(path)), _time(path.stat().st_mtime)
        yield say("watch.precision", width=width, at=at)


def _online(study: Study) -> Iterator[str]:
    """Say how many sessions the store of the study's page has, if it is an SQLite file here."""
    root = study.root.resolve()
    path = root.with_name(f"{root.name}-online") / "records.sqlite"
    if not path.is_file():
        return
    # Without a journal nobody writes, and a reader that expects one would make its files.
    journal = path.with_name(f"{path.name}-wal").is_file()
    address = f"{path.as_uri()}?mode=ro" + ("" if journal else "&immutable=1")
    query = "SELECT coalesce(ended, 'under way'), count(*) FROM sessions GROUP BY 1 ORDER BY 1"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as store:
            ends = dict(store.execute(query).fetchall())
    except sqlite3.Error as error:
        yield say("watch.no_store", reason=error)
        return
    fetched = [of.stat().st_mtime for of in study.raw.glob("sub-*/ses-*/beh/*_beh.tsv")]
    yield say("watch.online", ends=ends, at=_time(max(fetched)) if fetched else "")
