"""Creating a study folder: settings, stimuli and protocols, whole or not at all.

``study.toml`` is rendered from the settings' own definition, so that it names every key with its
default and its purpose, and cannot fall behind the code. A template of a study is a folder in
``templates``: ``study.toml``, whose first line describes it, and the protocols of its tasks, each
with a file of texts and questions in every language. They hold only what differs from the defaults,
and are joined as text, so that their comments reach the lab.
"""

import json
import re
from dataclasses import asdict, dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

from twoalike.design import allows_checks
from twoalike.registry import BUILT_IN, find_task, task_names
from twoalike.stimuli import (
    BACKGROUND,
    MANIFEST,
    StimulusSet,
    copy_files,
    draw_creatures,
    draw_familiar,
    escaped,
    familiar_source,
    fault_of_name,
    fault_of_portable_name,
    write_words,
)
from twoalike.study import (
    MISSING,
    AnchoredConfig,
    DesignConfig,
    Study,
    StudyConfig,
    TwoalikeError,
    atomic_directory,
    check_seed,
    counted,
    draw_seed,
    one_of,
    provenance,
    render_toml,
    write_json,
)

_FOLDER = files("twoalike.planning") / "templates"
_DEFAULTS = "Keys that are left out have their defaults, which the reference lists."


@dataclass(frozen=True)
class StudyTemplate:
    """A template of a study."""

    name: str
    """What ``protocol`` of :func:`create_study` takes."""
    description: str
    """One line: task, purpose, length."""
    tasks: tuple[str, ...]
    """Names of its tasks."""

    def settings(self, title: str, seed: int) -> str:
        """Text of ``study.toml``."""
        about, keys = _parts(_FOLDER / self.name / "study.toml")
        written = StudyConfig(title=title, seed=seed).model_dump(mode="json")
        cells = (json.dumps(written[key], ensure_ascii=False) for key in ("title", "seed"))
        own = "title = {}\nseed = {}\n".format(*cells)
        return f"{about}\n# {_DEFAULTS}\n\n{own}\n{keys}"

    def protocol(self, task: str, language: str) -> str:
        """Text of the protocol of one of its tasks in a language that is shipped."""
        folder, stem = _FOLDER / self.name, task.replace("-", "_")
        about, keys = _parts(folder / f"{stem}.toml")
        texts = folder / f"{stem}.{language}.toml"
        more = f"\n{texts.read_text(encoding='utf-8')}" if texts.is_file() else ""
        return f'{about}\n# {_DEFAULTS}\n\nlanguage = "{language}"\n\n{keys}{more}'


def study_templates() -> tuple[StudyTemplate, ...]:
    """Templates that :func:`create_study` can make a study of, by name.

    Examples
    --------
    >>> [template.name for template in study_templates()][:2]
    ['eeg', 'faces-2afc']
    """
    found = []
    for folder in sorted(_FOLDER.iterdir(), key=lambda folder: folder.name):
        there = {entry.name for entry in folder.iterdir()}
        tasks = tuple(task for task in task_names() if f"{find_task(task).module}.toml" in there)
        first = (folder / "study.toml").read_text(encoding="utf-8").partition("\n")[0]
        found.append(StudyTemplate(folder.name, first.removeprefix("# "), tasks))
    return tuple(found)


def _parts(file: Traversable) -> tuple[str, str]:
    about, _, keys = file.read_text(encoding="utf-8").partition("\n\n")
    return about, keys


@dataclass(frozen=True)
class CreatedStudy:
    """A new study."""

    study: Study
    """The study, opened."""
    stimuli: StimulusSet
    remarks: tuple[str, ...]
    """One line each on images that were converted or left out, that are the same file, or that have
    no category."""


def create_study(
    folder: str | Path,
    *,
    stimuli: Literal["creatures", "familiar"] | None = None,
    images: str | Path | None = None,
    words: str | Path | None = None,
    sounds: str | Path | None = None,
    background: str | None = None,
    protocol: str = "default",
    language: str = "en",
    title: str | None = None,
    seed: int | None = None,
) -> CreatedStudy:
    """Make a study folder: settings, stimuli and protocols, ready to run; or nothing, on an error.

    Parameters
    ----------
    folder
        Folder to make; may exist if it is empty.
    stimuli
        ``creatures`` (the default): 216 novel animals in kingdoms, families and species;
        ``familiar``: 64 well-known things in realms, domains and groups, drawn by OpenMoji (CC
        BY-SA 4.0).
    images
        Folder of your own images to study; its stimuli.tsv is used if there is one.
    words
        Text file with one word or phrase per line, in any script; its categories follow after
        tabs, from coarse to fine. All words are shown in one font size.
    sounds
        Folder of sounds (WAV, FLAC, OGG; at most two minutes each), played by the participants.
    background
        Colour such as #e6e6e6 behind transparent parts of images, for people and networks; white
        if left out.
    protocol
        Template of the study. default: settings and protocols of all tasks, with every key. The
        files of the other templates contain only what differs from the defaults. eeg: odd one out
        with timed images and triggers; faces-2afc: anchored choice among your pictures of faces;
        levels: AligNet's study of levels of abstraction (images in folders by category);
        similarity-arrangement: multi-arrangement of a set; things: odd one out, self-paced, in
        blocks of 20; words: odd one out among words.
    language
        Language of the texts: en, de. For another one, translate them in the protocols.
    title
        Title of the study; the name of the folder if left out.
    seed
        Everything random in the study derives from it, including the creatures. By default the
        operating system draws one of 128 bits: a small seed could be guessed, and would reveal the
        participants' codes behind published trial lists (twoalike share says how). Set it only for
        studies that must be reproducible, such as tests.
    """
    from twoalike.tasks import languages

    folder = Path(folder)
    sources = {"images": images, "words": words, "sounds": sounds}
    own = [(kind, Path(path)) for kind, path in sources.items() if path is not None]
    given = [f"`{kind}={path}`" for kind, path in own]
    given += [f"`stimuli={stimuli}`"] if stimuli is not None else []
    if len(given) > 1:
        raise TwoalikeError(f"{' and '.join(given)}: give one of them, a study has one set.")
    source: tuple[str, Path | None] = own[0] if own else (stimuli or "creatures", None)
    check_seed(seed)
    template = None
    if protocol != "default":
        known = {template.name: template for template in study_templates()}
        template = known[one_of("protocol", protocol, ("default", *known))]
    one_of(
        "language", language, languages(), "For another one, translate the protocols of a study."
    )
    paper = _check_background(background, source[0])
    _check_folder(folder)
    seed = draw_seed() if seed is None else seed
    name = (title if title is not None else folder.resolve().name).strip()
    if not name:
        raise TwoalikeError(where="`title=...`", expected="some text", found="none")
    with atomic_directory(folder) as temporary:
        target = temporary / StudyConfig.model_fields["stimuli"].default
        about_source, remarks = _fill(target, source[0], source[1], seed, paper)
        filled = StimulusSet.load(target, verify=False)
        # Where the categories allow it, practice begins with easy trials.
        easy = allows_checks(filled.table[list(filled.levels)])
        design = DesignConfig(practice=2, practice_checks=2) if easy else DesignConfig()
        settings = (
            template.settings(name, seed)
            if template
            else study_template(title=name, seed=seed, design=design)
        )
        (temporary / "study.toml").write_text(settings, encoding="utf-8")
        draft = Study.load(temporary)
        _write_protocols(draft, filled, template, language)
        manifest = {"manifest": draft.stimuli / MANIFEST}
        # Without the seed, which study.toml has: stimuli are published, the seed is not.
        about = provenance("stimuli", inputs=manifest, config=about_source)
        write_json(draft.stimuli / "stimuli.json", about)
    study = Study.load(folder)
    created = StimulusSet.load(study.stimuli, verify=False)
    return CreatedStudy(study, created, (*remarks, *_stimuli_remarks(created)))


def _check_background(background: str | None, source: str) -> str:
    if background is None:
        return BACKGROUND
    if not re.fullmatch("#[0-9a-fA-F]{6}", background):
        raise TwoalikeError(
            where="`background=...`",
            expected=f"a colour such as {BACKGROUND}",
            found=repr(background),
        )
    if source not in ("images", "familiar"):
        of = "the creatures" if source == "creatures" else source
        raise TwoalikeError(
            f"`background=...`: {of} have no transparent parts; give it "
            "with `images=...` or `stimuli=familiar`."
        )
    return background.lower()


def _check_folder(folder: Path) -> None:
    name = folder.resolve().name
    if fault := fault_of_name(name) or fault_of_portable_name(name):
        raise TwoalikeError(
            expected="a name of a study that every system can hold",
            found=f"'{escaped(name)}' with {fault}",
            remedy="Choose another name.",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TwoalikeError(
            where=folder,
            expected="a new or empty folder",
            found="files in it" if folder.is_dir() else "a file",
            remedy="Nothing was changed; choose another name.",
        )


def _write_protocols(
    study: Study, stimuli: StimulusSet, template: StudyTemplate | None, language: str
) -> None:
    """Write the protocols of a template's tasks, or of all built-in tasks with every key.

    The latter have texts for the kind of stimuli.
    """
    from twoalike.tasks import for_stimuli, protocol_template

    kinds = {stimuli.kind(name) for name in stimuli.ids}
    study.protocol.parent.mkdir(parents=True)
    for task in map(find_task, template.tasks) if template else BUILT_IN:
        if template:
            text = template.protocol(task.name, language)
        else:
            whole = task.protocol.model_validate({"language": language})
            text = protocol_template(for_stimuli(whole, kinds))
        study.protocol_of(task.label).write_text(text, encoding="utf-8")


def _fill(
    target: Path, source: str, path: Path | None, seed: int, background: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    about: dict[str, Any] = {"source": source}
    if source == "words" and path is not None:
        write_words(path, target)
    elif path is not None:
        copied = copy_files(path, target, source.removesuffix("s"), background=background)
        if source == "images":
            converted = [asdict(one) for one in copied.converted]
            about |= {"background": background, "converted": converted}
        return about, tuple(copied.remarks())
    elif source == "familiar":
        draw_familiar(target, background=background)
        about |= {"drawings": familiar_source(), "background": background}
    else:
        draw_creatures(target, seed=seed)
    return about, ()


def _stimuli_remarks(stimuli: StimulusSet) -> list[str]:
    remarks = [
        f"the same {stimuli.kind(group[0])} under {len(group)} names: {', '.join(group[:4])}"
        for group in stimuli.identical
    ]
    try:
        stimuli.check_letters()
    except TwoalikeError as error:  # the lab computer may have the font
        remarks.append(str(error))
    bare = stimuli.table.iloc[:0]
    if stimuli.levels:
        bare = stimuli.table[stimuli.table[stimuli.levels[0]] == MISSING]
    if len(bare):
        first = bare.iloc[0]
        place = f"{first['file']} (a category is a sub-folder)"
        if first["file"] == MISSING:
            place = f"{first['id']} (a category follows the word, after a tab)"
        kind = counted(len(bare), stimuli.kind(first["id"]))
        remarks.append(f"without a category: {kind}, such as {place}")
    return remarks


def study_template(*, title: str, seed: int, design: DesignConfig | None = None) -> str:
    """Commented TOML of a study, with the default design of odd-one-out trials or another.

    Examples
    --------
    >>> print(study_template(title="Birds", seed=7).splitlines()[6])
    title = "Birds"
    """
    design = design or DesignConfig()
    anchored = AnchoredConfig()
    if design.practice_checks:
        practice = {"practice": design.practice, "practice_checks": design.practice_checks}
        anchored = anchored.model_copy(update=practice)
    return render_toml(
        StudyConfig(title=title, seed=seed, design=design, anchored=anchored),
        "A study: what is shown to whom. Keys may be left out, all but title and seed, and have "
        "their default then.",
    )
