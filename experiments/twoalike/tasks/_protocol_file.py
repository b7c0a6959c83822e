"""Protocols of a study: their files, the commented template, and whether people can read them."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from twoalike.registry import Task, find_task, task_names
from twoalike.study import Study, StudyConfig, TwoalikeError, in_language, load_toml, render_toml
from twoalike.tasks._protocol import Protocol, Screen, languages, preset_texts
from twoalike.tasks.screens import View, frame, page_faults


def protocols() -> dict[str, type[Protocol]]:
    """Model of the protocol of every task, by the task's name."""
    return {name: find_task(name).protocol for name in task_names()}


def load_protocol[P: Protocol](study: Study, model: type[P]) -> P:
    """Read the protocol of a task, with the keys that differ in the study's group and condition.

    The instruction of a condition comes behind the task's.

    A task whose protocol has no key in study.toml needs no file: its defaults hold without one.
    """
    task = _task(model)
    path, files = study.protocol_of(task.label), [*study.protocols_over(task.label).values()]
    if path.exists():
        files.insert(0, path)
    elif task.protocol_key:
        raise _no_protocol(path, task)
    if not files:
        return _at_start(study, model)
    worded = partial(_worded, study, model)
    return _instructed(study, load_toml(files[0], model, files[1:], worded))


def _no_protocol(path: Path, task: Task) -> TwoalikeError:
    there = sorted(file.name for file in path.parent.glob("*.toml"))
    close = difflib.get_close_matches(path.name, there, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return TwoalikeError(
        where=path,
        expected=f"the protocol of the {task.name} task",
        found="no such file",
        remedy=f"{hint}Its place is the key {task.protocol_key!r} of study.toml.",
    )


def protocol_or_default[P: Protocol](study: Study, model: type[P]) -> P:
    """Read the protocol of a task; the default one in a study that has no protocols at all."""
    task = _task(model)
    own, folder = study.protocols_over(task.label), study.protocol_of(task.label).parent
    if not own and _at_default(study, task) and not folder.is_dir():
        return _at_start(study, model)
    return load_protocol(study, model)


def _at_start[P: Protocol](study: Study, model: type[P]) -> P:
    content = _worded(study, model, {}, study.root)
    return _instructed(study, model.model_validate(content))


_TEXTS = re.compile(r"texts\.\w+|\w+\.questions\.\w+\.(text|options|rows\.\w+\.text)")


def _worded(
    study: Study, model: type[Protocol], content: dict[str, Any], where: Path
) -> dict[str, Any]:
    """Content of a protocol in the study's language, with shipped texts in that language too."""
    own = str(content.get("language", (*study.config.languages, "en")[0]))
    names, texts = study.config.languages or (own,), content.get("texts")
    language = study.language or names[0]
    if isinstance(texts, dict):
        ours = _shipped(model, content, language)
        for theirs in (_shipped(model, content, other) for other in languages()):
            for before, after in zip(theirs, ours, strict=True):
                same = {key for key in before if texts.get(key) == before[key]}
                kept = {key: text for key, text in texts.items() if key not in same}
                texts = kept | {key: {language: after[key]} for key in same & after.keys()}
        content = content | {"texts": texts}
    return in_language(content | {"language": language}, names, language, own, _TEXTS, where)


def _shipped(
    model: type[Protocol], content: Mapping[str, Any], language: str
) -> list[dict[str, Any]]:
    """Shipped texts of a task in a language: its own, then for words and for sounds."""
    by_kind = preset_texts("stimuli", language) if language in languages() else {}
    kinds = (by_kind.get(kind, {}).get(_task(model).module, {}) for kind in ("word", "sound"))
    return [model.shipped(content, language), *kinds]


def check_protocol(study: Study, model: type[Protocol]) -> str:
    """Say in one line what is wrong with a protocol; empty if it is valid or not needed.

    A study does without one if it has those of other tasks, or has no folder of protocols.
    """
    task = _task(model)
    missing = _at_default(study, task) and does_without(study, task.name)
    if not _has_condition(study, task) or (missing and not study.protocols_over(task.label)):
        return ""
    try:
        protocol_or_default(study, model)
    except TwoalikeError as error:
        return str(error)
    return ""


def protocol_place(study: Study, label: str) -> str:
    """Files that a protocol was read from, for messages."""
    own = " and ".join(map(str, study.protocols_over(label).values()))
    return f"{study.protocol_of(label)}" + (f" with {own}" if own else "")


def _instructed[P: Protocol](study: Study, protocol: P) -> P:
    own, texts = study.own_condition, protocol.texts
    if own is None or not own.instruction:
        return protocol
    if (pages := own.instruction.get(protocol.language)) is None:
        raise TwoalikeError(
            where=f"{study.root / 'study.toml'}: conditions, {own.name}",
            expected=f"an instruction in {protocol.language!r}, the language of the protocol",
            found=", ".join(map(repr, own.instruction)),
        )
    told = texts.model_copy(update={"instruction": (*texts.instruction, *pages)})
    return protocol.model_copy(update={"texts": told})


def each_variant(study: Study) -> list[Study]:
    """Return the study itself, then as it is done in each language, group, condition of its own."""
    groups = [study, *map(study.for_group, study.config.groups.protocols)]
    others = study.config.languages[1:]
    groups += [own.in_language(name) for name in others for own in groups]
    names = ["", *(one.name for one in study.config.conditions if one.protocols or one.instruction)]
    return [replace(own, condition=name) for name in names for own in groups]


def each_protocol(study: Study) -> Iterator[tuple[str, Study, Protocol]]:
    """Give each protocol of a study once: its task, the variant of the study, and the protocol.

    Without those that :func:`check_protocol` finds fault with.
    """
    for task, model in protocols().items():
        label = find_task(task).label
        for own in each_variant(study):
            same = own.group and not own.condition and not own.protocols_over(label)
            if same or does_without(own, task) or not _has_condition(own, find_task(task)):
                continue
            if not check_protocol(own, model):
                yield task, own, protocol_or_default(own, model)


def check_parts(study: Study) -> list[str]:
    """Say what is wrong with the tasks and files of groups, conditions and sittings, a line each.

    Study.toml names them; whether there are such tasks, only their register knows.
    """
    config, faults = study.config, []
    known = {name for task in task_names() for name in (task, find_task(task).label)}
    files = {f"groups.protocols.{name}": of for name, of in config.groups.protocols.items()}
    tasks = {"sitting.tasks": config.sitting.tasks}
    for one in config.conditions:
        files[f"conditions, {one.name}, protocols"] = one.protocols
        tasks[f"conditions, {one.name}, tasks"] = one.tasks
    named = [(where, name, file) for where, of in files.items() for name, file in of.items()]
    named += [(where, name, "") for where, names in tasks.items() for name in names]
    for where, name, file in named:
        if name not in known:
            listed = ", ".join(task_names())
            faults.append(f"{where}: expected one of the tasks {listed}, found {name!r}")
        elif file and not (study.root / file).is_file():
            faults.append(f"{where}.{name}: expected a file in the study, found no {file}")
    for path in [study.known.get("features"), *study.known.get("sources", ())]:
        if path is not None and not path.is_file():
            name = path.relative_to(study.root).as_posix()
            faults.append(f"adaptive: expected a file in the study, found no {name}")
    return [f"{study.root / 'study.toml'}: {fault}" for fault in faults]


def _task(model: type[Protocol]) -> Task:
    return find_task(str(model.model_fields["task"].default))


def _has_condition(study: Study, task: Task) -> bool:
    return not study.condition or study.condition in study.conditions_of(task.name)


def _at_default(study: Study, task: Task) -> bool:
    key = task.protocol_key
    return not key or bool(getattr(study.config, key) == StudyConfig.model_fields[key].default)


def study_tasks(study: Study) -> tuple[str, ...]:
    """Names of the tasks whose protocols are in the study; of all tasks where it has none."""
    with_file = [
        name for name in task_names() if study.protocol_of(find_task(name).label).is_file()
    ]
    return tuple(with_file) or task_names()


def does_without(study: Study, task: str) -> bool:
    """Whether a study has protocols, but not that of a task which cannot be run without."""
    return bool(find_task(task).protocol_key) and task not in study_tasks(study)


def protocol_template(protocol: Protocol) -> str:
    """Render a protocol as TOML, with the meaning and unit of each key above it."""
    return render_toml(
        protocol,
        f"Protocol of the {protocol.task} task. Every key may be left out; the values below are "
        "the defaults. Times are in seconds, sizes in the unit that ends the key.",
    )


def for_stimuli[P: Protocol](protocol: P, kinds: Collection[str]) -> P:
    """Protocol with the texts for stimuli of a kind, such as words; of several: as it is."""
    values = protocol.model_dump()
    if len(kinds) == 1:
        by_task = preset_texts("stimuli", protocol.language).get(next(iter(kinds)), {})
        values["texts"] |= by_task.get(protocol.task.replace("-", "_"), {})
    return type(protocol).model_validate(values)


TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0


def _luminance(colour: str) -> float:
    channels = [part / 255 for part in bytes.fromhex(colour[1:])]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast of two colours, from 1 (the same) to 21 (black and white)."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def between(first: str, second: str, share: float) -> str:
    """Colour ``share`` of the way from the first to the second."""
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return "#" + "".join(f"{round((1 - share) * a + share * b):02x}" for a, b in pairs)


def readable_on(ground: str, wanted: str = "#ffffff") -> str:
    """Colour for text on ``ground``: the wanted one if it is readable, else black or white.

    One of the two always has a contrast of 4.58 or more.
    """
    if contrast(wanted, ground) >= TEXT_CONTRAST:
        return wanted
    return max(("#ffffff", "#000000"), key=lambda colour: contrast(colour, ground))


def box_fill(screen: Screen) -> str:
    """Fill of boxes with text: the background, shifted away from the colour of the text."""
    light = _luminance(screen.background) > _luminance(screen.foreground)
    return between(screen.background, "#ffffff" if light else "#000000", 0.6)


def check_contrast(protocol: Protocol) -> list[str]:
    """List the colours of the screen with too little contrast, one line each."""
    screen = protocol.screen
    pairs = (
        ("foreground", screen.foreground, TEXT_CONTRAST, "text (WCAG 1.4.3)"),
        ("accent", screen.accent, SHAPE_CONTRAST, "bars and rims (WCAG 1.4.11)"),
    )
    return [
        f"screen.{name} {colour} on screen.background {screen.background}: expected a contrast of "
        f"{least:g} to 1 for {what}, found {found:.2f}. Make one of them darker or lighter."
        for name, colour, least, what in pairs
        if (found := contrast(colour, screen.background)) < least
    ]


SMALLEST_SCREEN = (1024, 768)
"""Width and height in pixels of the smallest screen that texts are checked for."""
SCREENS = (
    (1280, 720),
    (1366, 768),
    (1440, 900),
    (1600, 900),
    (1920, 1080),
    (1920, 1200),
    (2560, 1440),
)
"""Width and height in pixels of common screens, on which each task of a study is tried."""


def check_texts(protocol: Protocol, view: View) -> list[str]:
    """List the texts that do not fit a window, or cannot be drawn, one line each."""
    width, height = view.size
    found = [*page_faults(protocol, frame(protocol.screen, view.size))]
    if (session := find_task(protocol.task).session) is not None:
        found += session.text_faults(protocol, view)
    return [
        f"{key}: expected a text that fits a screen of {width} x {height} px, but {why}. Make it "
        "shorter, or screen.text_fraction smaller."
        if key
        else why
        for key, why in found
    ]
