"""What a study plans to do, written before it is done, and where it departed from that.

The plan is a file beside study.toml whose SHA-256 a preregistration can quote; the page beside it
says the same in words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.planning import used_tasks
from twoalike.record import find_runs
from twoalike.registry import find_task
from twoalike.report._blocks import (
    Block,
    Caution,
    Grid,
    Page,
    Section,
    Text,
    Verbatim,
    render,
    say,
    section,
)
from twoalike.report._inputs import Inputs
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    Content,
    Study,
    TwoalikeError,
    atomic_path,
    check_content,
    parse_json_table,
    provenance,
    read_json,
    read_text,
    sha256_file,
    write_json,
)

PLAN = "plan.json"


class Plan(Content):
    """What plan.json holds besides its provenance."""

    made: str
    """UTC, ISO 8601."""
    sessions_before: int
    participants: int
    power: dict[str, Any] | None = None
    """What ``twoalike power`` answered, and for which target."""
    hypotheses: str = ""
    tasks: tuple[str, ...]
    settings: dict[str, dict[str, Any]]
    """Of the tables of study.toml that say what is asked, and who is left out."""
    objects: int
    stimuli: str
    """SHA-256 of the manifest."""
    fit: dict[str, Any]


@dataclass(frozen=True)
class WrittenPlan:
    """A plan that was written: file, page, the hash to quote, and sessions that were before it."""

    path: Path
    page: Path
    sha256: str
    sessions_before: int


def write_plan(
    study: Study | str | Path,
    *,
    participants: int | None = None,
    power: str | Path | None = None,
    hypotheses: str | Path | None = None,
    fit: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> WrittenPlan:
    """Write what a study plans to do: plan.json beside study.toml, and plan.html.

    Parameters
    ----------
    study
        The study, or its folder; design, exclusion and groups are those of its study.toml.
    participants
        Number of participants to be analysed; that of the power analysis if left out.
    power
        Power analysis behind that number (.json, see ``twoalike power``).
    hypotheses
        Text file with hypotheses and tests in your words; it becomes a part of the plan.
    fit
        Settings of the fit that are decided on, by their names; the defaults if left out.
    overwrite
        Replace the plan that there is.

    """
    study = study if isinstance(study, Study) else Study.load(study)
    path = study.root / PLAN
    if path.exists() and not overwrite:
        raise TwoalikeError(
            where=path,
            expected="no plan yet",
            found="one, whose hash may have been registered",
            remedy="To replace it, say so by `overwrite=True`.",
        )
    answer = None if power is None else _read_power(Path(power))
    if participants is None and answer is not None:
        participants = int(answer["recommended"]["participants"])
    if participants is None or participants < 1:
        raise TwoalikeError(
            where="plan",
            expected="the number of participants, `participants=...` or `power=...`",
            found="none" if participants is None else str(participants),
        )
    stimuli, tasks = StimulusSet.load(study.stimuli, verify=False), tuple(used_tasks(study))
    kept = ("target", "recommended", "needed", "assumptions", "stop")
    plan = Plan(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        sessions_before=len(find_runs(study.raw)),
        participants=participants,
        power=None if answer is None else {key: answer[key] for key in kept if key in answer},
        hypotheses="" if hypotheses is None else read_text(Path(hypotheses)),
        tasks=tasks,
        settings=_settings(study, tasks),
        objects=len(stimuli.ids),
        stimuli=sha256_file(study.stimuli / MANIFEST),
        fit={name: value for name, value in (fit or {}).items() if value is not None},
    )
    write_json(path, provenance("plan") | plan.model_dump(mode="json"))
    page = path.with_suffix(".html")
    digest = sha256_file(path)
    with atomic_path(page) as temporary:
        temporary.write_text(render(_page(study, plan, digest)), encoding="utf-8")
    return WrittenPlan(path, page, digest, plan.sessions_before)


def _read_power(path: Path) -> dict[str, Any]:
    found = parse_json_table(read_text(path).encode(), path).get("kind")
    return read_json(path, "group_power" if found == "group_power" else "power")


def read_plan(study: Study) -> Plan | None:
    path = study.root / PLAN
    if not path.exists():
        return None
    remedy = "Make it again with: twoalike plan"
    return check_content(read_json(path, "plan"), Plan, path, remedy)


def _settings(study: Study, tasks: Sequence[str]) -> dict[str, dict[str, Any]]:
    lists = [find_task(name).lists for name in tasks]
    tables = [one.table for one in lists if one is not None]
    config = study.config.model_dump(mode="json")
    return {name: config[name] for name in (*tables, "exclusion", "groups", "stop", "adaptive")}


def _rows(settings: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for table, values in settings.items():
        for key, value in values.items():
            yield f"{table}.{key}", _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(of)}" for key, of in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "none"
    return "none" if value in (None, "") else f"{value}"


def _page(study: Study, plan: Plan, digest: str) -> Page:
    values = {**plan.model_dump(), "tasks": plan.tasks}
    frame = pd.DataFrame(_rows(plan.settings), columns=["setting", "planned"])
    blocks: list[Block] = [Grid(say("plan.settings"), frame.set_index("setting"))]
    if plan.hypotheses:
        blocks.append(Verbatim(say("plan.hypotheses"), plan.hypotheses))
    groups = plan.settings["groups"]["names"]
    parts = ("plan-people", "plan-exclusion", "plan-model", "plan-tests")
    rules = {"rule": plan.settings["exclusion"], "stop": plan.settings["stop"]}
    sections = [
        section(
            part,
            Text(say(f"{part}.text", **values, groups=groups, **rules)),
        )
        for part in parts
    ]
    return Page(
        title=say("plan.title", title=study.config.title),
        subtitle=say("plan.subtitle", made=plan.made, digest=digest),
        facts=[],
        findings=[say("plan.summary", **values)],
        cautions=[Caution(say("plan.before", n=n))] if (n := plan.sessions_before) else [],
        sections=[*sections, section("plan-design", *blocks)],
        private=False,
    )


def departures(inputs: Inputs, plan: Plan) -> pd.DataFrame:
    """Tabulate in what a study is not as it was planned: index what, columns planned and done."""
    study, posterior = inputs.study, inputs.posterior
    now = _settings(study, plan.tasks)
    rows = [
        (name, before, after)
        for (name, before), (_, after) in zip(_rows(plan.settings), _rows(now), strict=False)
        if before != after
    ]
    ran = {find_task(run.name.task).name for run in inputs.runs}
    if ran and ran != {*plan.tasks}:
        rows.append(("tasks", _shown(plan.tasks), _shown(sorted(ran))))
    rule = study.config.exclusion
    people = {run.name.participant for run in inputs.runs if not run.excluded(rule)}
    if inputs.runs and (n := len(people - {*inputs.left_out})) != plan.participants:
        rows.append(("participants analysed", f"{plan.participants}", f"{n}"))
    manifest = study.stimuli / MANIFEST
    if not manifest.is_file() or sha256_file(manifest) != plan.stimuli:
        rows.append(("stimuli (SHA-256 begins)", plan.stimuli[:10], "another manifest"))
    if posterior is not None:
        used = posterior.attrs.get("provenance", {}).get("config", {})
        wanted = {name: _shown(value) for name, value in plan.fit.items()}
        done = {name: _shown(used.get(name)) for name in wanted}
        rows += [(f"fit: {name}", wanted[name], done[name]) for name in wanted]
        rows = [row for row in rows if row[1] != row[2]]
    if plan.sessions_before:
        rows.append(("sessions before the plan", "0", f"{plan.sessions_before}"))
    return pd.DataFrame(rows, columns=["what", "planned", "done"]).set_index("what")


def plan_section(inputs: Inputs) -> Section | None:
    """Say when the study was planned, by which file, and in what it departed from that."""
    if (plan := read_plan(inputs.study)) is None:
        return None
    frame, digest = departures(inputs, plan), sha256_file(inputs.study.root / PLAN)
    said = Text(say("plan-kept.text", made=plan.made, digest=digest, n=len(frame)))
    return section(
        "plan-kept", said, *([Grid(say("plan-kept.table"), frame)] if len(frame) else ())
    )
