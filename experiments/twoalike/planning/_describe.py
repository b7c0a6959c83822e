"""Description of a study for an ethics committee, made from its settings, on about one page.

What participants see and do and for how long, what they are asked, what is stored, who sees it and
how it is shared. The page states only what the settings and the program determine, and lists what
the applicants have to add.
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from twoalike.planning._page import Block, DescriptionPage, items, quote, text
from twoalike.planning._summary import first_session
from twoalike.record import Progress, find_runs
from twoalike.registry import Task, find_task, task_names
from twoalike.stimuli import StimulusSet
from twoalike.study import OnlineConfig, Study, TwoalikeError
from twoalike.tasks import (
    Duration,
    PresentationTiming,
    Protocol,
    Sitting,
    consent_remarks,
    languages,
    prepare_session,
    protocol_or_default,
    session_duration,
    tasks_to_do,
)

type Place = Literal["lab", "server", "jatos", "datapipe", "static"]
"""Where people take part: in a window, or in a browser, whose answers go to one of four places."""

_MEASURES = ("form", "blocks", "debrief")
"""Questions besides the trials."""
_NOBODY = "000"
"""Code of the participant whose session is described where a task has no trial lists."""


@dataclass(frozen=True)
class _Session:
    """The first session of a task."""

    task: Task
    protocol: Protocol
    table: pd.DataFrame | None
    """Its trial list; None for a task without lists."""
    n_trials: int | None
    """Trials in all; None where the answers decide."""
    duration: Duration
    most: tuple[int, float] = (0, 0.0)
    """Most trials, and minutes after which none begins, where the answers decide; 0: no limit."""


def describe_study(
    study: Study | str | Path,
    tasks: Sequence[str] = (),
    *,
    place: Place | None = None,
    group: str = "",
    language: Literal["en", "de"] | None = None,
) -> DescriptionPage:
    """Describe a study for an ethics committee, as ``twoalike describe`` does.

    Parameters
    ----------
    study
        The study, or its folder.
    tasks
        Names of the tasks that participants do. Empty: those of ``[sitting]``; or else those with
        trial lists, data or a built page; or else the one that ``twoalike run`` starts.
    place
        Where people take part. ``lab``: in a window; the others are in a browser: ``server``
        (twoalike online serve), ``jatos``, ``datapipe`` (a web host and DataPipe), ``static`` (a
        web host alone). If left out: server if it has run, or lab if nothing of the study is
        online.
    group
        Group whose protocols are described, in a study with groups.
    language
        Language of the page; that of the protocol, or else English, if left out. Texts that
        participants read are quoted as they are.
    """
    opened = study if isinstance(study, Study) else Study.load(study)
    opened = opened.for_group(group) if group else opened
    stimuli = StimulusSet.load(opened.stimuli, verify=False)
    where = _place(opened, place)
    sessions = [_session(opened, stimuli, name) for name in tasks or _used_tasks(opened)]
    words = _words(_language(language, sessions))
    heads = words["headings"]
    sections = {
        heads["procedure"]: [
            *_setting(opened, stimuli, where, words),
            *_procedure(sessions, words),
        ],
        heads["asked"]: _asked(sessions, words),
        heads["consent"]: _consent(opened, sessions, where, words),
        heads["stop"]: [items(_stop(opened, where, words))],
        heads["stored"]: _stored(opened, sessions, where, words),
        heads["access"]: _access(opened, sessions, where, words),
        heads["open"]: [
            items([*words["open"]["items"], *words["open"]["services"].get(where, ())])
        ],
        heads["shown"]: _shown(opened, sessions, words),
    }
    return DescriptionPage(
        title=words["heading"].format(title=opened.config.title),
        language=words["language"],
        made=words["made"].format(version=version("twoalike")),
        sections={head: tuple(blocks) for head, blocks in sections.items()},
    )


def _page_file(study: Study) -> Path:
    """Return the path of the page that ``online build`` writes."""
    return study.root / "online" / "session.json"


def _place(study: Study, place: Place | None) -> Place:
    """Where people take part, as far as the study's files show it."""
    places: tuple[Place, ...] = get_args(Place.__value__)
    if place is not None and place not in places:
        raise TwoalikeError(where=f"`place={place}`", expected=f"one of {', '.join(places)}")
    root = study.root.resolve()
    if place is not None or root.with_name(f"{root.name}-online").is_dir():
        return place or "server"
    if _page_file(study).is_file() or study.config.online != OnlineConfig():
        raise TwoalikeError(
            where="`place=...`",
            expected=f"where people take part, one of {', '.join(places)}, as the study is online",
            found="nothing",
        )
    return "lab"


def _used_tasks(study: Study) -> Sequence[str]:
    """Tasks that participants do: most studies also have protocols of others."""
    if study.config.sitting.tasks:
        return study.config.sitting.tasks
    page, built = _page_file(study), set[str]()
    if page.is_file():
        protocols = json.loads(page.read_text(encoding="utf-8")).get("protocols", {})
        built = {protocol["task"] for protocol in protocols.values()}
    lists = study.root / "design"
    used = [
        name
        for name in task_names()
        if name in built
        or any(lists.glob(f"sub-*_task-{find_task(name).label}_trials.tsv"))
        or find_runs(study.raw, find_task(name).label)
    ]
    return used or tasks_to_do(study)


@cache
def _words(language: str) -> dict[str, Any]:
    source = files("twoalike.planning") / "texts" / f"describe.{language}.toml"
    return {"language": language, **tomllib.loads(source.read_text(encoding="utf-8"))}


def _language(language: str | None, sessions: Sequence[_Session]) -> str:
    if language is None:
        spoken = sessions[0].protocol.language
        return spoken if spoken in languages() else "en"
    if language not in languages():
        raise TwoalikeError(
            where=f"`language={language}`",
            expected=f"one of {', '.join(languages())}",
            remedy="Texts of participants are quoted in their own language.",
        )
    return language


def _session(study: Study, stimuli: StimulusSet, name: str) -> _Session:
    """First session of a task, as the settings ask for it."""
    task = find_task(name)
    protocol: Protocol = protocol_or_default(study, task.protocol)
    if task.lists is None:
        prepared = prepare_session(name, Sitting(study=study, participant=_NOBODY, session=1))
        duration = prepared.duration(Progress())
        return _Session(task, protocol, None, prepared.plan.n_trials, duration)
    if task.lists.is_own(study):
        likely, table = study, _own_list(study, stimuli, task)
    else:
        likely, table = first_session(study, stimuli, name)
    duration = session_duration(likely, stimuli, name, table)
    settings = task.lists.settings(study)
    if getattr(settings, "scheduler", "") == "lift_weakest":
        most = settings.max_trials, settings.session_minutes
        return _Session(task, protocol, table, None, duration, most)
    return _Session(task, protocol, table, int(table["trial_index"].nunique()), duration)


def _own_list(study: Study, stimuli: StimulusSet, task: Task) -> pd.DataFrame:
    """First of the lists that the study brings."""
    folder, pattern = study.root / "design", f"sub-*_ses-*_task-{task.label}_trials.tsv"
    if not (paths := sorted(folder.glob(pattern))):
        raise TwoalikeError(where=folder, expected=f"a trial list {pattern}", found="none")
    table: pd.DataFrame = task.lists.read(paths[0], stimuli.ids)
    return table


def _setting(
    study: Study, stimuli: StimulusSet, place: Place, words: Mapping[str, Any]
) -> Iterator[Block]:
    """Stimuli, tasks of a sitting, conditions, and groups of people."""
    said, groups = words["procedure"], study.config.groups
    kinds = dict.fromkeys(said["kinds"][stimuli.kind(name)] for name in stimuli.ids)
    levels, each = ", ".join(stimuli.levels), study.config.objects_per_person
    yield text(
        said["stimuli"].format(
            n=len(stimuli.ids),
            folder=study.config.stimuli,
            kinds=", ".join(kinds),
            screen=said["screens"]["lab" if place == "lab" else "online"],
            each=said["each"].format(n=each) if each else "",
            categories=said["categories"].format(names=levels) if levels else "",
        )
    )
    if len(study.config.sitting.tasks) > 1:
        yield text(said["sitting"].format(how=said["orders"][study.config.sitting.order]))
    if conditions := [one.name for one in study.config.conditions]:
        order = said["orders"][study.config.sitting.condition_order]
        yield text(said["conditions"].format(names=_and(conditions, words), how=order))
    if groups.names:
        how = said[groups.assignment]
        names = _and(groups.names, words)
        key = "group" if study.group else "groups"
        yield text(said[key].format(group=study.group, n=len(groups.names), names=names, how=how))


def _procedure(sessions: Sequence[_Session], words: Mapping[str, Any]) -> Iterator[Block]:
    """Describe the session of each task, and how long it takes."""
    said = words["procedure"]
    for one in sessions:
        name, protocol = one.task.name, one.protocol
        what = words["tasks"].get(name, one.task.description)
        yield text(said["task"].format(task=name, what=what))
        lines = [_trials(one, words), *_timing(protocol, words), _breaks(one, words)]
        practice = getattr(protocol, "practice", None)
        checks = _kinds(one).get("practice", 0) and getattr(practice, "feedback", False)
        if checks and _has_answers(one):
            lines.append(said["feedback"])
        lines.append(said["duration"].format(duration=_duration(one.duration, words)))
        yield items(lines)


def _has_answers(one: _Session) -> bool:
    """Whether a practice trial of the list has a right answer."""
    assert one.table is not None
    practice = one.table[one.table["trial_type"] == "practice"]
    right = [name for name in practice if str(name).startswith("expected_")]
    return bool(right) and bool(practice[right].notna().to_numpy().any())


def _kinds(one: _Session) -> dict[str, int]:
    if one.table is None:
        return {}
    trials = one.table.drop_duplicates("trial_index")
    return {str(kind): int(n) for kind, n in trials["trial_type"].value_counts().items()}


def _trials(one: _Session, words: Mapping[str, Any]) -> str:
    said, kinds = words["procedure"], _kinds(one)
    parts = [
        said[kind].format(n=kinds[kind])
        for kind in ("practice", "catch", "repeat")
        if kind in kinds
    ]
    named = _and(parts, words) if parts else ""
    if one.n_trials is not None:
        among = said["among"].format(parts=named) if parts else ""
        return str(said["trials"].format(n=one.n_trials, parts=among))
    fixed = said["fixed_trials"].format(parts=named) if parts else ""
    limits = zip(("most_trials", "most_minutes"), one.most, strict=True)
    most = "".join(said[key].format(n=limit) for key, limit in limits if limit)
    return str(said["open_trials"].format(fixed=fixed, most=most))


def _timing(protocol: Protocol, words: Mapping[str, Any]) -> Iterator[str]:
    """Limits of a trial that the protocol sets."""
    said, timing = words["procedure"], getattr(protocol, "timing", None)
    if isinstance(timing, PresentationTiming) and timing.timed:
        how = said["in_turn"] if timing.in_turn else ""
        how += said["masked"] if timing.mask != "none" else ""
        yield said["presentation"].format(ms=timing.presentation_ms, how=how)
    keys = ("response_limit_s", "trial_limit_s")
    for limit in (getattr(timing, key) for key in keys if hasattr(timing, key)):
        most = words["fixed"].format(limit=limit)
        yield said["answer_limit"].format(limit=most) if limit else said["no_limit"]


def _breaks(one: _Session, words: Mapping[str, Any]) -> str:
    said, breaks = words["procedure"], one.protocol.breaks
    most = words["fixed"].format(limit=breaks.break_limit_s)
    limit = said["break_limit"].format(limit=most) if breaks.break_limit_s else ""
    if breaks.break_every:
        return str(said["breaks_every"].format(n=breaks.break_every, limit=limit))
    n = 0
    if one.table is not None and "block_index" in one.table:
        judged = one.table["trial_type"] != "practice"
        n = one.table.loc[judged, "block_index"].nunique() - 1
    return str(said["breaks_blocks"].format(n=n, limit=limit) if n > 0 else said["no_breaks"])


def _duration(duration: Duration, words: Mapping[str, Any]) -> str:
    """Duration in whole minutes, in the language of the page."""
    low, high = round(duration.low_s / 60), math.ceil(duration.high_s / 60)
    key = "about" if low == high else "range" if low else "upto"
    return str(words[key].format(low=low, high=high))


def _asked(sessions: Sequence[_Session], words: Mapping[str, Any]) -> Iterator[Block]:
    """Questions besides the trials, each once."""
    said, any_asked = words["asked"], False
    for measure in _MEASURES:
        asked = [
            question for one in sessions for question in getattr(one.protocol, measure).questions
        ]
        if asked:
            any_asked = True
            yield text(said[measure])
            yield items(dict.fromkeys(_question(question, words) for question in asked))
    if not any_asked:
        yield text(said["none"])


def _question(question: Any, words: Mapping[str, Any]) -> str:
    said = words["asked"]
    options = ", ".join(words["quote"].format(text=option) for option in question.options)
    how = said[question.kind].format(options=options)
    more = "" if question.required else f"; {said['optional']}"
    asked = words["quote"].format(text=" ".join(question.text.split()))
    return f"{asked} ({how}{more})"


def _asking(study: Study, sessions: Sequence[_Session]) -> list[_Session]:
    """Sessions whose consent is shown or given: in a sitting, no part but the first asks."""
    sitting = study.config.sitting
    asking = [one for one in sessions if one.protocol.consent.ask]
    if not asking or {one.task.name for one in sessions} != set(sitting.tasks):
        return list(sessions)
    return asking[:1] if sitting.order == "fixed" else asking


def _consent(
    study: Study, sessions: Sequence[_Session], place: Place, words: Mapping[str, Any]
) -> Iterator[Block]:
    said = words["consent"]
    kept = [said["group"]] if study.config.groups.names else []
    kept += [said["ids"]] if place == "server" else []
    tasks: dict[str, list[str]] = {}
    for one in _asking(study, sessions):
        consent = one.protocol.consent
        form = {"version": consent.version, "minimum": consent.minimum_s, "kept": "".join(kept)}
        line = said["asked"].format(**form) if consent.ask else said["not_asked"]
        tasks.setdefault(line, []).append(one.task.name)
    for line, names in tasks.items():
        yield text(line if len(tasks) == 1 else f"**{_and(names, words)}:** {line}")
    shown = [one.protocol.texts.consent for one in sessions if one.protocol.consent.ask]
    if any(not page.strip() or _is_example(page) for page in shown):
        yield text(said["placeholder"])


def _is_example(page: str) -> bool:
    return any(remark in " ".join(page.split()) for remark in consent_remarks())


def _stop(study: Study, place: Place, words: Mapping[str, Any]) -> Iterator[str]:
    """How people stop, and what becomes of their data if they want that."""
    said = words["stop"]
    yield said["leave"]["lab" if place == "lab" else "online"]
    hours = study.config.online.return_hours
    yield said["kept"].get(place, said["kept"]["host"]).format(hours=hours)
    if place != "lab":
        yield said["code" if place == "server" else "no_code"]
    yield said["erased"]
    yield said["published"]


def _stored(
    study: Study, sessions: Sequence[_Session], place: Place, words: Mapping[str, Any]
) -> Iterator[Block]:
    said, lines = words["stored"], []
    online = study.config.online
    yield text(f"{said['place'][place]} {said['files']}")
    yield text(said["code" if place == "lab" else "online_code"])
    if place != "lab":
        named = {"parameter": online.id_parameter, "hours": online.return_hours}
        ids = said["ids"][online.entry if place == "server" else place].format(**named)
        yield text(f"**{said['ids_head']}** {ids}" + (said["payment"] if place == "server" else ""))
        yield text(said["browser"][place])
        if online.completion_url:
            host = online.completion_url.split("/")[2]
            yield text(said["completion"].format(host=host))
    yield text(said["retention"] + (said["key"] if place == "server" else ""))
    for one in sessions:
        events = said["events"] if one.task.events is not None else ""
        lines.append(said["rows"].format(task=one.task.name) + events)
    lines.append(said["session"].format(screen=said["lab_screen" if place == "lab" else "device"]))
    measures = [getattr(one.protocol, name) for one in sessions for name in _MEASURES]
    asked = [question for measure in measures for question in measure.questions]
    if asked or any(one.protocol.consent.ask for one in sessions):
        own = any(question.kind in ("text", "long_text") for question in asked)
        lines.append(said["answers"] + (f" {said['own_words']}" if own else ""))
    for kind in dict.fromkeys(one.protocol.triggers.kind for one in sessions):
        if kind != "none":
            lines.append(said["marks_lsl" if kind == "lsl" else "marks"].format(kind=kind))
    yield items(lines)
    yield text(said["not_stored"] + (said["limits"] if place == "server" else ""))


def _access(
    study: Study, sessions: Sequence[_Session], place: Place, words: Mapping[str, Any]
) -> Iterator[Block]:
    said, config = words["access"], study.config
    who = "members" if config.data.access == "group" else config.data.access
    encryption = said["encryption"].get(place, said["encryption"]["other"])
    yield text(f"{said[who]} {encryption}")
    named = _and([f"`{name}`" for name in config.share.columns], words)
    more = said["columns"].format(columns=named) if named else said["no_columns"]
    yield text(f"{said['share'].format(license=config.license)} {more}")
    if any(one.task.unusable is not None for one in sessions):
        rule = config.exclusion
        any_checks = any("catch" in _kinds(one) for one in sessions)
        checks = said["checks"].format(share=100 * rule.catch_accuracy) if any_checks else ""
        yield text(said["exclusion"].format(checks=checks, missed=rule.missed))


def _shown(study: Study, sessions: Sequence[_Session], words: Mapping[str, Any]) -> Iterator[Block]:
    """Consent and instruction as participants read them, and the columns of raw tables."""
    said = words["shown"]
    consents = dict.fromkeys(
        (one.protocol.texts.consent, one.protocol.texts.agree, one.protocol.texts.decline)
        for one in _asking(study, sessions)
        if one.protocol.consent.ask
    )
    for consent, agree, decline in consents:
        yield text(f"**{said['consent']}**")
        yield quote([consent, said["answers"].format(agree=agree, decline=decline)])
    for one in sessions:
        yield text(f"**{said['instruction'].format(task=one.task.name)}**")
        yield quote(one.protocol.texts.instruction)
    for one in sessions:
        yield text(f"**{said['columns'].format(task=one.task.name)}**")
        tables = [one.task.trials, *([one.task.events] if one.task.events is not None else [])]
        yield items(", ".join(f"`{name}`" for name in table.names) for table in tables)


def _and(parts: Sequence[str], words: Mapping[str, Any]) -> str:
    """Join parts by commas and an "and"; empty without any."""
    if len(parts) < 2:
        return "".join(parts)
    return str(words["list"].format(most=", ".join(parts[:-1]), last=parts[-1]))
