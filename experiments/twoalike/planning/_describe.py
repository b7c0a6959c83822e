"""Description of a study for an ethics committee, made from its settings, on about one page.

What participants see and do and for how long, what they are asked, what is stored, who sees it and
how it is shared. The page states only what the settings and the program determine, and lists what
the applicants have to add. It is one template, ``texts/describe.md.jinja``, with the words of
each language in a file beside it.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from twoalike.planning._summary import first_session
from twoalike.record import Progress, find_runs
from twoalike.registry import Task, find_task, task_names
from twoalike.stimuli import StimulusSet
from twoalike.study import OnlineConfig, Study, TwoalikeError, atomic_path, one_of
from twoalike.tasks import (
    Duration,
    Protocol,
    Sitting,
    consent_remarks,
    prepare_session,
    protocol_or_default,
    session_duration,
    tasks_to_do,
)

type Place = Literal["lab", "server", "jatos", "static"]
"""Where people take part: in a window, or in a browser, whose answers go to one of four places."""

_TEXTS = files("twoalike.planning") / "texts"
_MEASURES = ("form", "blocks", "debrief")
"""Questions besides the trials."""
_PAGE = "online/session.json"
"""The page that ``online build`` writes."""
_NOBODY = "000"
"""Code of the participant whose session is described where a task has no trial lists."""


@dataclass(frozen=True)
class DescriptionPage:
    """Description of a study; printing it shows the Markdown, a notebook the HTML."""

    title: str
    language: str
    """``en`` or ``de``."""
    markdown: str
    """The page as Markdown."""

    @property
    def html(self) -> str:
        """The page as one HTML file, which word processors open and browsers print."""
        from markdown_it import MarkdownIt

        body = MarkdownIt("commonmark", {"html": False}).render(self.markdown)
        page = _template("describe.html.jinja")
        return str(page.render(language=self.language, title=self.title, body=body)) + "\n"

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, in the format that the ending of its name says."""
        path = Path(path)
        if path.suffix not in (".md", ".html"):
            raise TwoalikeError(where=path, expected="a file .md or .html", found=path.name)
        with atomic_path(path) as temporary:
            content = self.html if path.suffix == ".html" else self.markdown
            temporary.write_text(content, encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.markdown

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class _Session:
    task: Task
    protocol: Protocol
    table: pd.DataFrame | None
    """Its trial list; None for a task without lists."""
    n_trials: int | None
    """Trials in all; None where the answers decide."""
    duration: Duration
    most: tuple[int, float] = (0, 0.0)
    """Most trials, and minutes after which none begins, where the answers decide; 0: no limit."""

    @cached_property
    def kinds(self) -> dict[str, int]:
        """Trials of the list by type."""
        if self.table is None:
            return {}
        trials = self.table.drop_duplicates("trial_index")
        return {str(kind): int(n) for kind, n in trials["trial_type"].value_counts().items()}

    @property
    def n_breaks(self) -> int:
        """Breaks between blocks of the list."""
        if self.table is None or "block_index" not in self.table:
            return 0
        judged = self.table["trial_type"] != "practice"
        return int(self.table.loc[judged, "block_index"].nunique()) - 1

    @property
    def has_answers(self) -> bool:
        """Whether a practice trial of the list has a right answer."""
        if self.table is None:
            return False
        practice = self.table[self.table["trial_type"] == "practice"]
        return bool(practice.filter(like="expected_").notna().to_numpy().any())

    def lasts(self, words: Mapping[str, Any]) -> str:
        """Duration, in words."""
        low, high = round(self.duration.low_s / 60), math.ceil(self.duration.high_s / 60)
        takes = words["about" if low == high else "range" if low else "upto"]
        return str(takes.format(low=low, high=high))

    def trials(self, words: Mapping[str, Any]) -> str:
        """Trials of each kind, in words."""
        said, shown = words["procedure"], ("practice", "catch", "repeat")
        parts = [said[kind].format(n=self.kinds[kind]) for kind in shown if kind in self.kinds]
        named = "".join(parts)
        if len(parts) > 1:
            named = words["list"].format(most=", ".join(parts[:-1]), last=parts[-1])
        if self.n_trials is not None:
            among = said["among"].format(parts=named) if parts else ""
            return str(said["trials"].format(n=self.n_trials, parts=among))
        fixed = said["fixed_trials"].format(parts=named) if parts else ""
        limits = zip(("most_trials", "most_minutes"), self.most, strict=True)
        most = "".join(said[key].format(n=limit) for key, limit in limits if limit)
        return str(said["open_trials"].format(fixed=fixed, most=most))


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
        (twoalike online serve), ``jatos``, ``static`` (a web host alone). If left out: server if
        it has run, or lab if nothing of the study is online.
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
    sessions = [_session(opened, stimuli, name) for name in tasks or used_tasks(opened)]
    words = _words(language, sessions)
    title = words["heading"].format(title=opened.config.title)
    consents: dict[tuple[str, float] | None, list[str]] = {}
    asking = _asking(opened, sessions)
    for one in asking:
        consent = one.protocol.consent
        form = (consent.version, consent.minimum_s) if consent.ask else None
        consents.setdefault(form, []).append(one.task.name)
    shown = [one.protocol.texts for one in asking if one.protocol.consent.ask]
    measures = [getattr(one.protocol, name) for one in sessions for name in _MEASURES]
    markdown = _template("describe.md.jinja").render(
        title=title,
        version=version("twoalike"),
        w=words,
        config=opened.config,
        group=opened.group,
        stimuli=stimuli,
        kinds=dict.fromkeys(words["procedure"]["kinds"][stimuli.kind(n)] for n in stimuli.ids),
        place=where,
        sessions=sessions,
        asked=_asked(sessions, words),
        own_words=any(q.kind in ("text", "long_text") for one in measures for q in one.questions),
        consents=consents,
        consent_pages=dict.fromkeys((page.consent, page.agree, page.decline) for page in shown),
        is_example=any(
            not page.consent.strip() or remark in " ".join(page.consent.split())
            for page in shown
            for remark in consent_remarks()
        ),
    )
    return DescriptionPage(
        title, words["language"], re.sub(r"\n{3,}", "\n\n", markdown).strip() + "\n"
    )


@cache
def _template(name: str) -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["f"] = str.format
    environment.filters["code"] = "`{}`".format
    environment.filters["quote"] = _quoted
    return environment.from_string((_TEXTS / name).read_text(encoding="utf-8"))


def _quoted(pages: Iterable[str]) -> str:
    parts = (part for page in pages for part in re.split(r"\n\s*\n", page.strip()))
    return "\n>\n".join("> " + " ".join(part.split()) for part in parts if part.strip())


def _place(study: Study, place: Place | None) -> Place:
    places: tuple[Place, ...] = get_args(Place.__value__)
    if place is not None:
        one_of("place", place, places)
    root = study.root.resolve()
    if place is not None or root.with_name(f"{root.name}-online").is_dir():
        return place or "server"
    if (study.root / _PAGE).is_file() or study.config.online != OnlineConfig():
        raise TwoalikeError(
            where="`place=...`",
            expected=f"where people take part, one of {', '.join(places)}, as the study is online",
            found="nothing",
        )
    return "lab"


def used_tasks(study: Study) -> Sequence[str]:
    """Tasks that participants do: most studies also have protocols of others."""
    if study.config.sitting.tasks:
        return study.config.sitting.tasks
    page, built = study.root / _PAGE, set[str]()
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


def _words(language: str | None, sessions: Sequence[_Session]) -> dict[str, Any]:
    if language is None:
        spoken = sessions[0].protocol.language
        language = spoken if (_TEXTS / f"describe.{spoken}.toml").is_file() else "en"
    one_of("language", language, ("de", "en"), "Texts of participants are quoted as they are.")
    source = (_TEXTS / f"describe.{language}.toml").read_text(encoding="utf-8")
    return {"language": language, **tomllib.loads(source)}


def _session(study: Study, stimuli: StimulusSet, name: str) -> _Session:
    task = find_task(name)
    protocol: Protocol = protocol_or_default(study, task.protocol)
    if task.lists is None:
        prepared = prepare_session(name, Sitting(study=study, participant=_NOBODY, session=1))
        duration = prepared.duration(Progress())
        return _Session(task, protocol, None, prepared.plan.n_trials, duration)
    likely, table = study, None
    if task.lists.is_own(study):  # the first of the lists that the study brings
        folder, pattern = study.root / "design", f"sub-*_ses-*_task-{task.label}_trials.tsv"
        if not (paths := sorted(folder.glob(pattern))):
            raise TwoalikeError(where=folder, expected=f"a trial list {pattern}", found="none")
        table = task.lists.read(paths[0], stimuli.ids)
    else:
        likely, table = first_session(study, stimuli, name)
    duration = session_duration(likely, stimuli, name, table)
    settings = task.lists.settings(study)
    if getattr(settings, "scheduler", "") == "lift_weakest":
        most = settings.max_trials, settings.session_minutes
        return _Session(task, protocol, table, None, duration, most)
    return _Session(task, protocol, table, int(table["trial_index"].nunique()), duration)


def _asked(sessions: Sequence[_Session], words: Mapping[str, Any]) -> dict[str, list[str]]:
    said, quote = words["asked"], words["quote"].format
    asked: dict[str, list[str]] = {}
    for measure in _MEASURES:
        for question in (q for one in sessions for q in getattr(one.protocol, measure).questions):
            options = ", ".join(quote(text=option) for option in question.options)
            rows = " ".join(quote(text=row.text) for row in question.rows)
            how = said[question.kind].format(options=options, rows=rows)
            more = "" if question.required else f"; {said['optional']}"
            line = f"{quote(text=' '.join(question.text.split()))} ({how}{more})"
            if line not in asked.setdefault(measure, []):
                asked[measure].append(line)
    return asked


def _asking(study: Study, sessions: Sequence[_Session]) -> list[_Session]:
    """Sessions whose consent is shown or given: in a sitting, no part but the first asks."""
    sitting = study.config.sitting
    asking = [one for one in sessions if one.protocol.consent.ask]
    if not asking or {one.task.name for one in sessions} != set(sitting.tasks):
        return list(sessions)
    return asking[:1] if sitting.order == "fixed" else asking
